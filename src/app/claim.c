/* The output directory belongs to one run at a time; what a killed one left half-written goes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app.h"
#include "sb/log.h"

/* --- The lock
 * ------------------------------------------------------------------------------------------- */

/* A lock of the open file, which other files of this process cannot take away; the kernel gives it
 * back when the process ends, however. 0 taken, 1 held by another, -1 no locks here. */
static int take_lock(int fd) {
  struct flock how = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  int bad = fcntl(fd, F_OFD_SETLK, &how);
  if (bad && errno == EINVAL) bad = fcntl(fd, F_SETLK, &how);
  return !bad ? 0 : errno == EACCES || errno == EAGAIN ? 1 : -1;
}

static sb_status refuse(const app *a, int fd) {
  char holder[128] = "";
  const ssize_t n = pread(fd, holder, sizeof holder - 1, 0);
  holder[n > 0 ? strcspn(holder, "\n") : 0] = 0;
  return sb_fail(SB_USE,
                 "%s is in use by another run (%s): wait for its end, or give another "
                 "output",
                 a->options.output, holder[0] ? holder : "unknown process");
}

/* The file may be removed by its last holder between the opening and the lock: then again. */
static int is_current(int fd, const char *path) {
  struct stat mine, there;
  return fstat(fd, &mine) == 0 && stat(path, &there) == 0 && mine.st_ino == there.st_ino &&
         mine.st_dev == there.st_dev;
}

static sb_status lock(app *a) {
  char path[1024];
  SB_TRY(app_path(a, ".lock", path, sizeof path));
  for (int tries = 0; tries < 100; tries++) {
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0) return sb_fail(SB_SYS, "%s: %s", path, strerror(errno));
    const int outcome = take_lock(fd);
    sb_status s = SB_OK;
    if (outcome == 1) s = refuse(a, fd);
    if (outcome < 0)
      sb_warn("%s: no locks on this file system (%s): see to it that no other run writes here",
              path, strerror(errno));
    if (s || (outcome == 0 && !is_current(fd, path))) {
      close(fd);
      SB_TRY(s);
      continue;
    }
    if (outcome == 0 && ftruncate(fd, 0) == 0)
      dprintf(fd, "process %ld on %s\n", (long)getpid(), sb_comm_host());
    a->claim = (app_claim_state){.held = 1, .fd = fd};
    a->stop.heed = 1;
    return SB_OK;
  }
  return sb_fail(SB_SYS, "%s: cannot be locked", path);
}

void app_release(app *a) {
  char path[1024];
  if (!a->claim.held) return;
  if (!app_path(a, ".lock", path, sizeof path)) unlink(path);
  close(a->claim.fd);
  a->claim.held = 0;
}

/* --- Left-overs
 * ----------------------------------------------------------------------------------------- */

/* Names under which this program writes, before they are whole. */
static int is_part(const char *name) {
  static const char *const ends[] = {".h5.part",  ".xmf.part", ".xdmf2.part",
                                     ".csv.part", ".yml.part", ".json.part"};
  const size_t n = strlen(name);
  if (!strncmp(name, APP_STALLED, strlen(APP_STALLED))) return 1; /* see stall.c */
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
    if (n > strlen(ends[i]) && !strcmp(name + n - strlen(ends[i]), ends[i])) return 1;
  return 0;
}

static void remove_parts(const app *a) {
  char path[1024];
  DIR *directory = opendir(a->options.output);
  if (!directory) return;
  for (const struct dirent *e; (e = readdir(directory));)
    if (is_part(e->d_name) && !app_path(a, e->d_name, path, sizeof path)) unlink(path);
  closedir(directory);
}

/* Damaged checkpoints are set aside, so that the next one does not push a whole one out. */
static sb_status set_aside(const app *a) {
  char name[64], from[1024], to[1024];
  for (int k = 0; k < a->damaged; k++) {
    app_checkpoint_name(k, "", name);
    SB_TRY(app_path(a, name, from, sizeof from));
    app_checkpoint_name(k, ".damaged", name);
    SB_TRY(app_path(a, name, to, sizeof to));
    if (rename(from, to) != 0 && errno != ENOENT)
      return sb_fail(SB_SYS, "%s: cannot rename to %s: %s", from, to, strerror(errno));
  }
  return SB_OK;
}

static sb_status claim(app *a) {
  SB_TRY(lock(a));
  remove_parts(a);
  return set_aside(a);
}

sb_status app_claim(app *a) {
  SB_TRY(sb_dir_make(a->comm, a->options.output));
  return sb_agree(a->comm, a->comm->rank == 0 ? claim(a) : SB_OK);
}

sb_status app_remove(app *a, const char *name) {
  char path[1024];
  SB_TRY(app_path(a, name, path, sizeof path));
  if (a->comm->rank == 0) unlink(path);
  return SB_OK;
}
