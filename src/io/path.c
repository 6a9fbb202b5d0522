/* Directories, text files, free space, and how a finished file takes its place. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "io.h"
#include "sb/mem.h"

/* --- Names
 * ---------------------------------------------------------------------------------------- */

sb_status sb_text_of(char **out, const char *format, ...) {
  va_list list, again;
  va_start(list, format);
  va_copy(again, list);
  const int length = vsnprintf(NULL, 0, format, list);
  sb_status s = SB_NEW(out, (int64_t)length + 1, "a name");
  if (!s) vsnprintf(*out, (size_t)length + 1, format, again);
  va_end(list);
  va_end(again);
  return s;
}

const char *sb_base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

sb_status sb_numbered(char **out, const char *path, const char *before, int width, int number) {
  const char *end = strrchr(sb_base_name(path), '.');
  if (!end) end = path + strlen(path);
  return sb_text_of(out, "%.*s%s%0*d%s", (int)(end - path), path, before, width, number, end);
}

/* The directory that holds path (sb_mem_new). */
static sb_status directory_of(char **out, const char *path) {
  const int length = (int)(sb_base_name(path) - path);
  return length ? sb_text_of(out, "%.*s", length, path) : sb_text_of(out, ".");
}

/* --- One rank
 * --------------------------------------------------------------------------------------- */

int sb_exists_local(const char *path) {
  struct stat what;
  return stat(path, &what) == 0;
}

sb_status sb_file_local(const char *path, struct stat *what) {
  if (stat(path, what) != 0)
    return sb_fail(errno == ENOENT || errno == ENOTDIR ? SB_USE : SB_SYS, "%s: %s", path,
                   strerror(errno));
  return S_ISREG(what->st_mode) ? SB_OK : sb_fail(SB_USE, "%s: is not a file", path);
}

static sb_status sync_opened(const char *path, int flags) {
  const int fd = open(path, flags);
  int bad = fd < 0 || fsync(fd) != 0;
  /* Some file systems cannot sync a directory: there is nothing more to be done on them. */
  if (bad && fd >= 0 && errno == EINVAL) bad = 0;
  sb_status s = bad ? sb_fail(SB_SYS, "%s: cannot sync: %s", path, strerror(errno)) : SB_OK;
  if (fd >= 0) close(fd);
  return s;
}

sb_status sb_sync_local(const char *path) { return sync_opened(path, O_RDONLY); }

sb_status sb_sync_directory_local(const char *path) {
  char *directory;
  SB_TRY(directory_of(&directory, path));
  sb_status s = sync_opened(directory, O_RDONLY | O_DIRECTORY);
  sb_mem_free(directory);
  return s;
}

sb_status sb_reserve_local(const char *path, const char *name, int64_t bytes) {
  struct stat file;
  struct statvfs disk;
  sb_status s = SB_OK;
  const int fd = open(path, O_WRONLY);
  if (fd < 0 || fstat(fd, &file) != 0)
    s = sb_fail(SB_SYS, "%s: %s", name, strerror(errno));
  else {
    const double missing = (double)bytes - 512.0 * (double)file.st_blocks;
    const int known = fstatvfs(fd, &disk) == 0 && disk.f_blocks > 0;
    const double room = known ? (double)disk.f_bavail * (double)disk.f_frsize : HUGE_VAL;
    char much[16], left[16];
    sb_size_text(missing, much);
    sb_size_text(room, left);
    if (missing > room)
      s = sb_fail(SB_SYS, "%s: %s are to be written, the file system has room for %s", name, much,
                  left);
    /* A file system that cannot reserve (EOPNOTSUPP) will tell while the data is written. */
    else if (missing > 0 && fallocate(fd, 0, 0, bytes) != 0 &&
             (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
      s = sb_fail(SB_SYS, "%s: no room for %s: %s", name, much, strerror(errno));
  }
  if (fd >= 0) close(fd);
  return s;
}

/* path.(k-1) becomes path.k, from the oldest on; path itself stays and is also path.1. */
static sb_status shift_kept(const char *path, int keep) {
  char *older = NULL, *newer = NULL;
  sb_status s = SB_OK;
  for (int k = keep; k >= 1 && !s; k--) {
    s = sb_numbered(&older, path, ".", 0, k);
    if (!s) s = k > 1 ? sb_numbered(&newer, path, ".", 0, k - 1) : sb_text_of(&newer, "%s", path);
    if (!s && sb_exists_local(newer)) {
      int bad;
      if (k > 1)
        bad = rename(newer, older);
      else if ((unlink(older) != 0 && errno != ENOENT) || link(newer, older) != 0)
        bad = rename(newer, older); /* no hard links here */
      else
        bad = 0;
      if (bad) s = sb_fail(SB_SYS, "%s: cannot rename to %s: %s", newer, older, strerror(errno));
    }
    sb_mem_free(older);
    sb_mem_free(newer);
    older = newer = NULL;
  }
  return s;
}

sb_status sb_replace_local(const char *part, const char *path, int keep) {
  SB_TRY(sb_sync_local(part));
  if (keep > 0 && sb_exists_local(path)) SB_TRY(shift_kept(path, keep));
  if (rename(part, path) != 0)
    return sb_fail(SB_SYS, "%s: cannot rename to %s: %s", part, path, strerror(errno));
  return sb_sync_directory_local(path);
}

static sb_status make_directories(const char *path) {
  char *copy;
  struct stat what;
  sb_status s = SB_OK;
  SB_TRY(sb_text_of(&copy, "%s", path));
  for (char *c = copy; !s && *c; c++) {
    const int last = c[1] == 0;
    if (!last && (c[1] != '/' || c[0] == '/')) continue;
    const char kept = c[1];
    c[1] = 0;
    if (mkdir(copy, 0777) != 0 && errno != EEXIST)
      s = sb_fail(SB_SYS, "%s: cannot make this directory: %s", copy, strerror(errno));
    c[1] = kept;
  }
  if (!s && (stat(path, &what) != 0 || !S_ISDIR(what.st_mode)))
    s = sb_fail(SB_SYS, "%s: is not a directory", path);
  if (!s && access(path, W_OK | X_OK) != 0)
    s = sb_fail(SB_SYS, "%s: cannot write in this directory: %s", path, strerror(errno));
  sb_mem_free(copy);
  return s;
}

static sb_status write_part(const char *part, const char *path, const char *text, int64_t length) {
  unlink(part); /* of a run that was killed, or a link to somewhere else */
  FILE *f = fopen(part, "w");
  int bad = !f;
  if (!bad) bad = fwrite(text, 1, (size_t)length, f) != (size_t)length;
  if (f && fclose(f) != 0) bad = 1;
  if (bad) return sb_fail(SB_SYS, "%s: cannot write: %s", path, strerror(errno));
  return sb_replace_local(part, path, 0);
}

static sb_status write_text(const char *path, const char *text, int64_t length) {
  char *part;
  SB_TRY(sb_text_of(&part, "%s.part", path));
  sb_status s = write_part(part, path, text, length);
  if (s) unlink(part);
  sb_mem_free(part);
  return s;
}

static sb_status read_text(const char *path, char **out, int64_t *length) {
  struct stat what;
  sb_status s = sb_file_local(path, &what);
  FILE *f = s ? NULL : fopen(path, "r");
  if (!s && !f) s = sb_fail(SB_SYS, "%s: %s", path, strerror(errno));
  if (!s) s = sb_mem_new(out, (int64_t)what.st_size + 1, 1, path);
  if (!s) {
    *length = (int64_t)fread(*out, 1, (size_t)what.st_size, f);
    if (*length != (int64_t)what.st_size) s = sb_fail(SB_SYS, "%s: cannot read all of it", path);
  }
  if (f) fclose(f);
  return s;
}

/* --- All ranks
 * -------------------------------------------------------------------------------------- */

sb_status sb_dir_make(const sb_comm *c, const char *path) {
  return sb_agree(c, c->rank == 0 ? make_directories(path) : SB_OK);
}

int sb_path_exists(const sb_comm *c, const char *path) {
  int exists = c->rank == 0 && sb_exists_local(path);
  return sb_broadcast(c, 0, &exists, sizeof exists) == SB_OK && exists;
}

sb_status sb_text_write(const sb_comm *c, const char *path, const char *text, int64_t length) {
  SB_TRY_ALL(c, sb_fault(c, "text"));
  return sb_agree(c, c->rank == 0 ? write_text(path, text, length) : SB_OK);
}

sb_status sb_text_read(const sb_comm *c, const char *path, char **out, int64_t *length) {
  int64_t bytes = 0;
  *out = NULL;
  sb_status s = sb_agree(c, c->rank == 0 ? read_text(path, out, &bytes) : SB_OK);
  if (!s) s = sb_broadcast(c, 0, &bytes, sizeof bytes);
  if (!s) s = sb_agree(c, c->rank == 0 ? SB_OK : sb_mem_new(out, bytes + 1, 1, path));
  if (!s) s = sb_broadcast(c, 0, *out, bytes);
  if (s) {
    sb_mem_free(*out);
    *out = NULL;
  } else if (length)
    *length = bytes;
  return s;
}

/* As if there were so much room: SB_DISK_LIMIT (bytes) in the environment, for tests. */
static int64_t pretend(int64_t bytes) {
  const char *text = getenv("SB_DISK_LIMIT");
  const long long limit = text ? atoll(text) : -1;
  return limit >= 0 ? limit : bytes;
}

int64_t sb_disk_free(const sb_comm *c, const char *path) {
  int64_t bytes = -1;
  struct statvfs disk;
  char *directory = NULL;
  if (c->rank == 0 &&
      (statvfs(path, &disk) == 0 ||
       (!directory_of(&directory, path) && statvfs(directory, &disk) == 0)) &&
      disk.f_blocks > 0)
    bytes = pretend((int64_t)disk.f_bavail * (int64_t)disk.f_frsize);
  sb_mem_free(directory);
  return sb_broadcast(c, 0, &bytes, sizeof bytes) == SB_OK ? bytes : -1;
}
