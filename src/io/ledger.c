/* Tables whose rows are filled in any order: see sb/ledger.h. HDF5 makes and describes the file;
 * rows then go straight to their places in it. */
#include "sb/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "h5.h"
#include "sb/about.h"
#include "sb/mem.h"

#define MOST  64
#define CHECK MOST /* place of /check among the offsets */

struct sb_ledger {
  const char *path;
  int fd, n;
  int64_t rows;
  const sb_ledger_column *columns;
  int64_t place[MOST + 1]; /* of each dataset in the file */
};

static int64_t row_bytes(const sb_ledger_column *k) {
  return k->width * (k->cell == SB_CELL_TEXT ? k->letters : 8);
}

static hid_t cell_type(const sb_ledger_column *k) {
  const hid_t type = H5Tcopy(k->cell == SB_CELL_INT    ? H5T_STD_I64LE
                             : k->cell == SB_CELL_REAL ? H5T_IEEE_F64LE
                                                       : H5T_C_S1);
  if (k->cell == SB_CELL_TEXT) {
    H5Tset_size(type, (size_t)k->letters);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
  }
  return type;
}

static const sb_ledger_column check_column = {"/check",    "1", "checksum of the row, 0: not there",
                                              SB_CELL_INT, 1,   0};

/* --- Making and opening
 * --------------------------------------------------------------------------------- */

typedef struct making {
  sb_ledger *l;
  const char *title;
} making;

static sb_status make_dataset(sb_file *f, const sb_ledger *l, const sb_ledger_column *k) {
  const hsize_t shape[2] = {(hsize_t)l->rows, (hsize_t)k->width};
  SB_TRY(sb_h5_groups(f, k->path, 0));
  const hid_t type = cell_type(k), space = H5Screate_simple(k->width > 1 ? 2 : 1, shape, NULL),
              how = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_obj_track_times(how, 0);
  H5Pset_layout(how, H5D_CONTIGUOUS);
  H5Pset_alloc_time(how, H5D_ALLOC_TIME_EARLY);
  H5Pset_fill_time(how, H5D_FILL_TIME_ALLOC);
  const hid_t set = H5Dcreate2(f->meta, k->path, type, space, H5P_DEFAULT, how, H5P_DEFAULT);
  sb_status s = SB_OK;
  if (set < 0)
    s = sb_fail(SB_SYS, "%s: cannot make %s: %s", f->path, k->path, sb_h5_why());
  else
    H5Dclose(set);
  H5Pclose(how);
  H5Sclose(space);
  H5Tclose(type);
  if (!s) s = sb_h5_text(f, k->path, "unit", k->unit);
  return s ? s : sb_h5_text(f, k->path, "meaning", k->meaning);
}

/* Part of the checksum of a row? */
static int is_checked(const sb_ledger_column *k) {
  return strncmp(k->path, "/timing/", 8) && strncmp(k->path, "/about/", 7);
}

/* So that the file can be verified by who does not know its columns. */
static sb_status name_checked(sb_file *f, const sb_ledger *l) {
  sb_text names = {.data = NULL};
  for (int i = 0; i < l->n; i++)
    if (is_checked(&l->columns[i])) sb_text_add(&names, "%s\n", l->columns[i].path);
  sb_text_add(&names, "%s", "");
  sb_status s = names.status;
  if (!s) s = sb_h5_text(f, check_column.path, SB_CHECKED, names.data);
  sb_text_free(&names);
  return s;
}

static sb_status make(sb_file *f, void *context) {
  const making *m = context;
  SB_TRY(sb_h5_text(f, "/", "title", m->title));
  for (int i = 0; i < m->l->n; i++) SB_TRY(make_dataset(f, m->l, &m->l->columns[i]));
  SB_TRY(make_dataset(f, m->l, &check_column));
  return name_checked(f, m->l);
}

static sb_status find(sb_file *f, sb_ledger *l, const sb_ledger_column *k, int64_t *place) {
  const hid_t set =
      sb_h5_has(f->meta, k->path) ? H5Dopen2(f->meta, k->path, H5P_DEFAULT) : H5I_INVALID_HID;
  int good = 0;
  if (set >= 0) {
    const hid_t space = H5Dget_space(set), mine = cell_type(k), type = H5Dget_type(set);
    const int rank = k->width > 1 ? 2 : 1;
    hsize_t shape[2] = {0, 1};
    good = H5Tequal(mine, type) > 0 && H5Sget_simple_extent_ndims(space) == rank &&
           H5Sget_simple_extent_dims(space, shape, NULL) == rank && shape[0] == (hsize_t)l->rows &&
           shape[1] == (hsize_t)k->width;
    const haddr_t at = H5Dget_offset(set);
    good = good && at != HADDR_UNDEF;
    *place = (int64_t)at;
    H5Tclose(type);
    H5Tclose(mine);
    H5Sclose(space);
    H5Dclose(set);
  }
  return good ? SB_OK
              : sb_fail(SB_USE, "%s: %s is not a table of %lld rows as this run makes it", f->path,
                        k->path, (long long)l->rows);
}

static sb_status find_all(sb_file *f, void *context) {
  sb_ledger *l = context;
  for (int i = 0; i < l->n; i++) SB_TRY(find(f, l, &l->columns[i], &l->place[i]));
  return find(f, l, &check_column, &l->place[CHECK]);
}

sb_status sb_ledger_open(const sb_comm *c, const char *path, int write, int64_t rows,
                         const sb_ledger_column *columns, int n, sb_ledger **out) {
  sb_ledger *l;
  sb_file *f;
  *out = NULL;
  SB_TRY_ALL(c, SB_NEW(&l, 1, "ledger"));
  *l = (sb_ledger){.path = path, .fd = -1, .n = n, .rows = rows, .columns = columns};
  sb_status s = sb_file_open(c, path, &f);
  if (!s) {
    s = sb_h5_alone(f, find_all, l);
    sb_file_close(f);
  }
  if (!s) s = sb_broadcast(c, 0, l->place, (int64_t)sizeof l->place);
  if (!s) {
    l->fd = open(path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    s = sb_agree(c, l->fd < 0 ? sb_fail(SB_SYS, "%s: %s", path, strerror(errno)) : SB_OK);
  }
  if (s)
    sb_ledger_close(l);
  else
    *out = l;
  return s;
}

sb_status sb_ledger_create(const sb_comm *c, const char *path, const char *title, int64_t rows,
                           const sb_ledger_column *columns, int n, sb_ledger **out) {
  sb_ledger plan = {.rows = rows, .columns = columns, .n = n};
  making m = {&plan, title};
  sb_file *f;
  *out = NULL;
  if (n > MOST) return sb_fail(SB_SYS, "%s: more than %d columns", path, MOST);
  SB_TRY(sb_file_create(c, path, 1, &f));
  sb_status s = sb_about_put(f, NULL);
  if (!s) s = sb_h5_alone(f, make, &m);
  const sb_status closed = sb_file_commit(f, 0);
  if (s || closed) return s ? s : closed;
  return sb_ledger_open(c, path, 1, rows, columns, n, out);
}

sb_status sb_ledger_title(const sb_comm *c, const char *path, char *out, int size) {
  sb_file *f;
  SB_TRY(sb_file_open(c, path, &f));
  const sb_status s = sb_file_get_text(f, "/", "title", out, size);
  sb_file_close(f);
  return s;
}

void sb_ledger_close(sb_ledger *l) {
  if (l && l->fd >= 0) close(l->fd);
  sb_mem_free(l);
}

/* --- Rows
 * --------------------------------------------------------------------------------------------- */

static sb_status transfer(sb_ledger *l, int64_t at, void *data, int64_t bytes, int write) {
  for (int64_t done = 0; done < bytes;) {
    char *from = (char *)data + done;
    const size_t left = (size_t)(bytes - done);
    const ssize_t n =
        write ? pwrite(l->fd, from, left, at + done) : pread(l->fd, from, left, at + done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0)
      return sb_fail(SB_SYS, "%s: %s", l->path, n < 0 ? strerror(errno) : "is shorter than it was");
    done += n;
  }
  return SB_OK;
}

int64_t sb_ledger_check(uint64_t crc) { return crc ? (int64_t)crc : 1; }

static int64_t check_of(const sb_ledger *l, const void *const *cells) {
  uint64_t crc = 0;
  for (int i = 0; i < l->n; i++)
    if (is_checked(&l->columns[i])) crc = sb_crc_add(crc, cells[i], row_bytes(&l->columns[i]));
  return sb_ledger_check(crc);
}

/* The check last, when what it speaks for is on the disk. */
sb_status sb_ledger_put(sb_ledger *l, int64_t row, const void *const *cells) {
  int64_t check = check_of(l, cells);
  for (int i = 0; i < l->n; i++) {
    const int64_t bytes = row_bytes(&l->columns[i]);
    SB_TRY(transfer(l, l->place[i] + row * bytes, (void *)cells[i], bytes, 1));
  }
  if (fdatasync(l->fd) != 0) return sb_fail(SB_SYS, "%s: %s", l->path, strerror(errno));
  SB_TRY(transfer(l, l->place[CHECK] + row * 8, &check, 8, 1));
  if (fdatasync(l->fd) != 0) return sb_fail(SB_SYS, "%s: %s", l->path, strerror(errno));
  return SB_OK;
}

sb_status sb_ledger_get(sb_ledger *l, int64_t row, void *const *cells, int *there) {
  int64_t check = 0;
  for (int i = 0; i < l->n; i++) {
    const int64_t bytes = row_bytes(&l->columns[i]);
    SB_TRY(transfer(l, l->place[i] + row * bytes, cells[i], bytes, 0));
  }
  SB_TRY(transfer(l, l->place[CHECK] + row * 8, &check, 8, 0));
  *there = check == check_of(l, (const void *const *)cells);
  return SB_OK;
}
