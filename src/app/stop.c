/* Stopping: what a rank has learned, what all agree on, what is said. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app.h"
#include "sb/clock.h"
#include "sb/log.h"
#include "sb/stop.h"
#include "sb/watchdog.h"

#define LOOK    1.0 /* seconds between looks for the file `stop` */
#define MEASURE 5.0 /* and for the room on the disk */
#define FINISH \
  1.0 /* what ends within this time is not worth a stop; SB_FINISH in the environment (tests) */

enum { STOP_NOT, STOP_SOON, STOP_NOW };

/* --- Limits
 * --------------------------------------------------------------------------------------------- */

/* A number of seconds in the environment, NAN where there is none. */
static double variable(const char *name) {
  const char *text = getenv(name);
  char *end;
  if (!text || !*text) return NAN;
  const double x = strtod(text, &end);
  return *end ? NAN : x;
}

/* The clock is watched by rank 0 for all, in a study by the first rank of each team. */
static void read_limits(const app *a) {
  const double slurm = variable("SLURM_JOB_END_TIME") - (double)time(NULL),
               pbs = variable("PBS_WALLTIME");
  if (a->line.walltime > 0) sb_stop_limit(a->line.walltime, "--max-walltime");
  if (slurm > 0) sb_stop_limit(sb_clock_age() + slurm, "SLURM_JOB_END_TIME");
  if (pbs > 0) sb_stop_limit(pbs, "PBS_WALLTIME");
}

/* --- Wishes
 * ------------------------------------------------------------------------------------------- */

sb_status app_stop_open(app *a) {
  sb_stop_start();
  read_limits(a);
  SB_TRY(app_path(a, "stop", a->stop.file, sizeof a->stop.file));
  return a->line.stall > 0 ? app_stall_open(a) : SB_OK;
}

void app_stop_close(app *a) {
  if (a->claim.held) unlink(a->stop.file); /* a stop that came too late */
}

/* While a checkpoint can still be written. */
static int disk_is_low(app *a, double now) {
  const double before = a->stop.measure;
  if (now < before) return a->stop.room > 0;
  a->stop.measure = now + MEASURE;
  if (before == 0) return 0; /* the check before the run has just measured */
  const double room = (double)sb_disk_free(sb_comm_self(), a->options.output);
  a->stop.room = room >= 0 && room < a->stop.least_room ? room + 1 : 0;
  return a->stop.room > 0;
}

int app_stop_asked(void *self) {
  app *a = self;
  if (sb_stop_urgent()) return STOP_NOW;
  if (sb_stop_signal()) return STOP_SOON;
  if (a->comm->rank != 0) return STOP_NOT;
  const double now = sb_clock();
  if (now >= a->stop.look && a->stop.heed) {
    a->stop.by_file = access(a->stop.file, F_OK) == 0;
    a->stop.look = now + LOOK;
  }
  return a->stop.by_file || disk_is_low(a, now) || sb_stop_due() ? STOP_SOON : STOP_NOT;
}

/* The lowest rank that has a reason tells it to all. */
static sb_status agree_on_reason(app *a) {
  sb_status s = SB_OK;
  if (sb_stop_signal())
    s = sb_fail(SB_EARLY, "signal %s on rank %d", sb_stop_name(sb_stop_signal()), a->comm->rank);
  else if (sb_stop_due())
    s = sb_fail(SB_EARLY, "time limit of %s", sb_stop_due());
  else if (a->stop.by_file)
    s = sb_fail(SB_EARLY, "file %s", a->stop.file);
  else if (a->stop.room > 0)
    s = sb_fail(SB_EARLY, "room for only %.1f MB in %s: make some", a->stop.room / 1e6,
                a->options.output);
  s = sb_agree(a->comm, s);
  if (s != SB_EARLY) return s;
  snprintf(a->stop.why, sizeof a->stop.why, "%s", sb_message());
  sb_forget();
  return SB_OK;
}

sb_status app_stop_agree(app *a, double left, int save_due, int64_t *gap, app_verdict *out) {
  const double asked = variable("SB_FINISH"),
               finish = isnan(asked) ? fmax(FINISH, sb_stop_longest()) : asked;
  const int first = a->comm->rank == 0, worth = left > finish;
  int64_t v[4] = {app_stop_asked(a), first && worth, first && save_due, first && gap ? *gap : 0};
  SB_TRY(sb_max_int(a->comm, v, 4));
  out->urgent = v[0] == STOP_NOW;
  out->stop = out->urgent || (v[0] && v[1]);
  out->save = v[2] != 0;
  if (gap) *gap = v[3];
  return out->stop ? agree_on_reason(a) : SB_OK;
}

sb_status app_stop_training(void *self, double left) {
  app_verdict verdict;
  SB_TRY(app_stop_agree(self, left, 0, NULL, &verdict));
  return verdict.stop ? SB_EARLY : SB_OK;
}

sb_status app_stop_here(app *a, const char *where) {
  app_verdict verdict;
  sb_beat(where, "", -1);
  SB_TRY(app_stop_agree(a, INFINITY, 0, NULL, &verdict));
  if (!verdict.stop) return SB_OK;
  char text[128];
  snprintf(text, sizeof text, "while %s", where);
  return app_stopped(a, text, "what is finished stays");
}

sb_status app_stopped(app *a, const char *where, const char *kept) {
  if (a->claim.held && a->stop.why[0]) unlink(a->stop.file); /* obeyed */
  return sb_fail(SB_EARLY, "stopped %s (%s); %s; the same command%s goes on", where,
                 a->stop.why[0] ? a->stop.why : "--stop-after", kept,
                 a->line.resume == RESUME_AUTO ? "" : " with --resume");
}
