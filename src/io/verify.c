/* Checksums of what is on the disk: of every dataset and row that has one, and of any file as
 * bytes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "h5.h"
#include "sb/mem.h"

#define BUFFER  (INT64_C(1) << 24) /* bytes that a rank reads at a time */
#define DENSEST 1100.0             /* bytes that a compressed one may stand for */

/* --- Datasets
 * ------------------------------------------------------------------------------------------- */

static herr_t list_checked(hid_t root, const char *name, const H5L_info_t *info, void *context) {
  const hid_t object = info->type == H5L_TYPE_HARD ? H5Oopen(root, name, H5P_DEFAULT) : -1;
  if (object < 0) return 0;
  if (H5Iget_type(object) == H5I_DATASET && H5Aexists(object, "crc") > 0)
    sb_text_add(context, "/%s\n", name);
  H5Oclose(object);
  return 0;
}

/* Adds rows first .. first+count-1 to this rank's crc. `turns` is the most turns that any rank
 * needs. */
static sb_status read_share(sb_file *f, const char *path, sb_kind kind, sb_share share, int64_t row,
                            int64_t each, int64_t turns, void *buffer, uint64_t *crc) {
  for (int64_t k = 0; k < turns; k++) {
    const int64_t at = k * each < share.count ? k * each : share.count;
    const int64_t n = share.count - at < each ? share.count - at : each;
    SB_TRY(sb_file_get(f, path, kind, share.first + at, n, buffer));
    *crc = sb_crc_add(*crc, buffer, n * row);
  }
  return SB_OK;
}

static sb_status numbers_crc(sb_file *f, const char *path, const sb_h5_shape *x, uint64_t *crc) {
  int64_t row = sb_kind_bytes(x->kind);
  char *buffer;
  for (int i = 1; i < x->rank; i++) row *= x->shape[i];
  if ((double)row * (double)x->shape[0] > DENSEST * (double)x->stored)
    return sb_fail(SB_USE, "%s: %s is damaged: most of it is not in the file", f->path, path);
  const int64_t each = row && row < BUFFER ? BUFFER / row : 1;
  const sb_share share = sb_share_of(f->comm, row ? x->shape[0] : 0);
  int64_t turns = (share.count + each - 1) / each;
  SB_TRY(sb_max_int(f->comm, &turns, 1));
  SB_TRY_ALL(f->comm, SB_NEW(&buffer, (share.count < each ? share.count : each) * row,
                             "buffer for checksums"));
  *crc = 0;
  sb_status s = read_share(f, path, x->kind, share, row, each, turns, buffer, crc);
  sb_mem_free(buffer);
  *crc = share.count ? sb_crc_shift(*crc, (x->shape[0] - share.first - share.count) * row) : 0;
  return s ? s : sb_xor_int(f->comm, crc, 1);
}

static sb_status text_crc(sb_file *f, const char *path, uint64_t *crc) {
  char *text;
  SB_TRY(sb_file_get_string(f, path, &text));
  *crc = sb_crc_add(0, text, (int64_t)strlen(text));
  sb_mem_free(text);
  return SB_OK;
}

static sb_status verify_one(sb_file *f, const char *path) {
  char stored[17], found[17];
  uint64_t crc;
  sb_h5_shape shape = {.text = 0};
  SB_TRY_ALL(f->comm, f->comm->rank == 0 ? sb_h5_shape_of(f, path, &shape) : SB_OK);
  SB_TRY(sb_broadcast(f->comm, 0, &shape, sizeof shape));
  SB_TRY(sb_file_get_text(f, path, "crc", stored, sizeof stored));
  SB_TRY(shape.text ? text_crc(f, path, &crc) : numbers_crc(f, path, &shape, &crc));
  sb_crc_text(crc, found);
  if (strcmp(stored, found) == 0) return SB_OK;
  return sb_fail(SB_USE, "%s: %s is damaged: its crc is %s, it was written with %s", f->path, path,
                 found, stored);
}

sb_status sb_file_verify(sb_file *f) {
  sb_text names = {.data = NULL};
  char *rest = NULL;
  if (f->comm->rank == 0) {
    H5Lvisit(f->meta, H5_INDEX_NAME, H5_ITER_INC, list_checked, &names);
    sb_text_add(&names, "%s", "");
  }
  int64_t bytes = names.length + 1;
  sb_status s = sb_agree(f->comm, names.status);
  if (!s) s = sb_broadcast(f->comm, 0, &bytes, sizeof bytes);
  if (!s && f->comm->rank != 0) s = SB_NEW(&names.data, bytes, "names");
  s = sb_agree(f->comm, s);
  if (!s) s = sb_broadcast(f->comm, 0, names.data, bytes);
  if (!s)
    for (char *name = strtok_r(names.data, "\n", &rest); name && !s;
         name = strtok_r(NULL, "\n", &rest))
      s = verify_one(f, name);
  sb_text_free(&names);
  return s ? s : sb_h5_alone(f, sb_ledger_verify, NULL);
}

/* --- Files
 * ---------------------------------------------------------------------------------------------- */

/* crc of bytes first .. last-1. */
static sb_status file_share(const char *path, int64_t first, int64_t last, uint64_t *crc) {
  char *buffer;
  SB_TRY(SB_NEW(&buffer, last - first < BUFFER ? last - first : BUFFER, "buffer for checksums"));
  const int fd = open(path, O_RDONLY);
  sb_status s = SB_OK;
  while (!s && first < last) {
    const int64_t n = last - first < BUFFER ? last - first : BUFFER;
    const ssize_t got = fd < 0 ? -1 : pread(fd, buffer, (size_t)n, (off_t)first);
    if (got <= 0)
      s = sb_fail(SB_SYS, "%s: cannot read: %s", path,
                  got < 0 ? strerror(errno) : "it became shorter");
    else {
      *crc = sb_crc_add(*crc, buffer, got);
      first += got;
    }
  }
  if (fd >= 0) close(fd);
  sb_mem_free(buffer);
  return s;
}

sb_status sb_path_crc(const sb_comm *c, const char *path, int64_t *bytes, char crc[17]) {
  struct stat what;
  int64_t size = 0;
  uint64_t sum = 0;
  sb_status s = SB_OK;
  if (c->rank == 0) {
    if (stat(path, &what) != 0)
      s = sb_fail(errno == ENOENT ? SB_USE : SB_SYS, "%s: %s", path, strerror(errno));
    else
      size = (int64_t)what.st_size;
  }
  SB_TRY_ALL(c, s);
  SB_TRY(sb_broadcast(c, 0, &size, sizeof size));
  const sb_share share = sb_share_of(c, size);
  SB_TRY_ALL(c, file_share(path, share.first, share.first + share.count, &sum));
  sum = share.count ? sb_crc_shift(sum, size - share.first - share.count) : 0;
  SB_TRY(sb_xor_int(c, &sum, 1));
  if (bytes) *bytes = size;
  sb_crc_text(sum, crc);
  return SB_OK;
}
