/* The watchdog's words: who waited, where, and which ranks gave no sign.
 *
 * A rank that waits in vain adds its number to a file in the output directory; who is not in it
 * stands still. Of all that wait the lowest reads it and speaks; the others have ended by then. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app.h"
#include "sb/mem.h"
#include "sb/stop.h"
#include "sb/watchdog.h"

#define HOST  40 /* letters of a host's name that are kept */
#define WORDS (HOST / 8)
#define ADD   2 /* seconds in which all that wait have added their numbers */

static struct {
  const sb_comm *comm;
  char file[1024];
  int64_t *host; /* [size][WORDS] names, so much of them as fits */
  char *here;    /* [size] 1: this rank waits, too */
} watched;

/* --- Who waits
 * ------------------------------------------------------------------------------------------- */

/* 1 where it could be. */
static int add_number(void) {
  const int fd = open(watched.file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (fd < 0) return 0;
  dprintf(fd, "%d\n", watched.comm->rank); /* one write, which O_APPEND puts behind the others */
  close(fd);
  return 1;
}

/* 0 where there is none, or another rank was first to take it away. */
static int read_numbers(void) {
  FILE *f = fopen(watched.file, "r");
  int rank;
  if (!f) return 0;
  while (fscanf(f, "%d", &rank) == 1)
    if (rank >= 0 && rank < watched.comm->size) watched.here[rank] = 1;
  fclose(f);
  return unlink(watched.file) == 0;
}

/* ", for rank 5 on n3 and 2 more", "" where all wait. */
static void name_missing(char *out, size_t size) {
  int first = -1, count = 0;
  for (int r = watched.comm->size - 1; r >= 0; r--)
    if (!watched.here[r]) first = r, count++;
  if (count == 0) return;
  int n = snprintf(out, size, ", for rank %d on %.*s", first, HOST - 1,
                   (const char *)&watched.host[(int64_t)first * WORDS]);
  if (count > 1) snprintf(out + n, size - (size_t)n, " and %d more", count - 1);
}

/* --- What is said
 * ---------------------------------------------------------------------------------------- */

static void stalled(double seconds) {
  const int rank = watched.comm->rank;
  const struct timespec turn = {ADD + (rank < 8 ? rank : 8), 0};
  const char *phase, *what;
  int64_t step;
  char text[512], at[32] = "", missing[96] = "";
  const int added = add_number();
  nanosleep(&turn, NULL);
  const int known = added && read_numbers();
  while (added && !known) pause(); /* another one speaks, and ends all; the watchdog sees to it */
  sb_beat_last(&phase, &what, &step);
  if (known) name_missing(missing, sizeof missing);
  if (step >= 0) snprintf(at, sizeof at, " at step %" PRId64, step);
  const int n = snprintf(text, sizeof text,
                         "sbridge: rank %d of %d on %s has waited %.0f seconds without progress%s, "
                         "%s%s%s%s (--stall-timeout): a rank, a host or the file system does not "
                         "answer; the run ends, the same command with --resume goes on\n",
                         rank, watched.comm->size, sb_comm_host(), seconds, missing, phase,
                         *what ? " " : "", what, at);
  if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0) _exit(SB_STALL);
  sb_comm_abort(watched.comm, SB_STALL);
}

/* --- Beginning
 * ------------------------------------------------------------------------------------------- */

/* Every rank learns the host of every other; numbers of a run before this one are in another file.
 */
static sb_status learn(app *a) {
  const sb_comm *c = a->comm;
  char name[64], host[HOST] = "";
  int64_t now = (int64_t)time(NULL), *mine;
  SB_TRY(sb_broadcast(c, 0, &now, sizeof now));
  snprintf(name, sizeof name, APP_STALLED "%" PRId64, now);
  SB_TRY(app_path(a, name, watched.file, sizeof watched.file));
  sb_status s = SB_NEW(&watched.host, (int64_t)c->size * WORDS, "names of hosts");
  if (!s) s = SB_NEW(&watched.here, c->size, "ranks that wait");
  SB_TRY_ALL(c, s);
  snprintf(host, sizeof host, "%s", sb_comm_host());
  mine = &watched.host[(int64_t)c->rank * WORDS];
  memcpy(mine, host, sizeof host);
  return sb_sum_int(c, watched.host, (int64_t)c->size * WORDS);
}

sb_status app_stall_open(app *a) {
  watched.comm = a->comm;
  SB_TRY(learn(a));
  return sb_agree(a->comm, sb_watchdog_start(a->line.stall, stalled));
}
