/* A sampling run that is held up: sampling.h5, from which it goes on at the same step on any number
 * of ranks. It holds where the run is, positions (network coordinates), those after stage 1 (raw),
 * and what the recorder has not written yet. */
#include "sampling.h"

#include <math.h>
#include <stdio.h>

#include "sb/about.h"
#include "sb/clock.h"
#include "sb/log.h"
#include "sb/stop.h"
#include "sb/watchdog.h"

#define GAP 0.5 /* seconds between agreements: each is an MPI_Allreduce of four numbers */

const char *const app_draw_ignores[] = {"output",    "checkpoint.", "velocity.",
                                        "evaluate.", "about.",      NULL};

static sb_column column(const char *path, const char *meaning, const sb_particles *cloud, int width,
                        const double *data) {
  return (sb_column){.path = path,
                     .unit = "x",
                     .meaning = meaning,
                     .kind = SB_KIND_F64,
                     .rank = 2,
                     .shape = {cloud->n, width},
                     .first = cloud->first,
                     .count = cloud->count,
                     .data = data};
}

/* --- Writing
 * ------------------------------------------------------------------------------------------ */

static int kept_width(const app_sampling *p, const sb_particles *cloud) {
  return (int)sb_leg_draws(&p->legs[p->n - 1]) * cloud->d;
}

/* Does the mark lie before a step? */
static int is_marked(const app_mark *mark, int leg, int64_t step) {
  return mark->x && (leg > mark->leg || (leg == mark->leg && step > mark->step));
}

static sb_status put(const app_sampling *p, int leg, int64_t step, const sb_particles *cloud,
                     sb_file *f) {
  const int64_t at = leg;
  sb_column cols[3] = {column("/x", "positions, network coordinates", cloud, cloud->d, cloud->x)};
  int n = 1;
  if (is_marked(p->mark, leg, step))
    cols[n++] = column(p->mark->path, p->mark->meaning, cloud, p->a->run.data->raw, p->mark->x);
  if (p->kept)
    cols[n++] =
        column("/kept", "draws so far, network coordinates", cloud, kept_width(p, cloud), p->kept);
  SB_TRY(sb_file_put_int(f, "/", "leg", 1, &at));
  SB_TRY(sb_file_put_int(f, "/", "step", 1, &step));
  SB_TRY(sb_about_put(f, p->a->parent));
  SB_TRY(sb_file_put_all(f, cols, n));
  return p->recorder ? sb_recorder_save(p->recorder, f) : SB_OK;
}

static sb_status save(app_sampling *p, int leg, int64_t step, const sb_particles *cloud) {
  char path[1024];
  sb_file *f;
  const double began = sb_clock();
  sb_beat("writing", SAMPLING, -1);
  SB_TRY(app_path(p->a, SAMPLING, path, sizeof path));
  SB_TRY(sb_file_create(p->a->comm, path, 1, &f));
  sb_status s = put(p, leg, step, cloud, f);
  if (s)
    sb_file_drop(f);
  else
    s = sb_file_commit(f, 0);
  p->saved = sb_timer(SB_T_OUTPUT, began);
  sb_stop_wrote(p->saved - began);
  return s;
}

/* --- Reading
 * ------------------------------------------------------------------------------------------ */

static sb_status check_shape(sb_file *f, const char *path, int64_t n, int64_t width) {
  int rank;
  int64_t shape[4];
  sb_kind kind;
  SB_TRY(sb_file_shape(f, path, &rank, shape, &kind));
  if (rank == 2 && shape[0] == n && shape[1] == width) return SB_OK;
  return sb_fail(SB_USE, SAMPLING ": %s has another shape", path);
}

static sb_status get(app_sampling *p, sb_file *f, sb_particles *cloud) {
  const int raw = p->a->run.data->raw;
  int64_t leg, step;
  SB_TRY(sb_file_verify(f));
  SB_TRY(sb_file_get_int(f, "/", "leg", 1, &leg));
  SB_TRY(sb_file_get_int(f, "/", "step", 1, &step));
  if (leg < 0 || leg >= p->n || step < 0 || step >= p->legs[leg].steps)
    return sb_fail(SB_USE, SAMPLING ": no step %lld of leg %lld in this run", (long long)step,
                   (long long)leg);
  SB_TRY(check_shape(f, "/x", cloud->n, cloud->d));
  SB_TRY(sb_file_get(f, "/x", SB_KIND_F64, cloud->first, cloud->count, cloud->x));
  if (is_marked(p->mark, (int)leg, step)) {
    SB_TRY(check_shape(f, p->mark->path, cloud->n, raw));
    SB_TRY(sb_file_get(f, p->mark->path, SB_KIND_F64, cloud->first, cloud->count, p->mark->x));
  }
  if (p->kept) {
    SB_TRY(check_shape(f, "/kept", cloud->n, kept_width(p, cloud)));
    SB_TRY(sb_file_get(f, "/kept", SB_KIND_F64, cloud->first, cloud->count, p->kept));
  }
  if (p->recorder) SB_TRY(sb_recorder_restore(p->recorder, f));
  p->hold.leg = (int)leg;
  p->hold.step = step;
  return SB_OK;
}

/* SB_USE: nothing to go on from; the message says why. */
static sb_status take_up(app_sampling *p, const char *path, sb_particles *cloud) {
  sb_file *f;
  int ours = 0;
  SB_TRY(sb_file_probe(p->a->comm, path));
  SB_TRY(sb_file_open(p->a->comm, path, &f));
  sb_status s = app_ours(p->a, f, app_draw_ignores, &ours);
  if (!s && !ours) s = sb_fail(SB_USE, "%s is of another deck or checkpoint", path);
  if (!s) s = get(p, f, cloud);
  sb_file_close(f);
  return s;
}

/* --- Under way
 * ---------------------------------------------------------------------------------------- */

/* Steps that lie before a step of a leg. */
static int64_t before(const app_sampling *p, int leg, int64_t step) {
  for (int i = 0; i < leg; i++) step += p->legs[i].steps;
  return step;
}

static sb_status stop(app_sampling *p, int leg, int64_t step, int saved) {
  char where[128], kept[1200];
  snprintf(where, sizeof where, "before step %lld of %lld of %s", (long long)step + 1,
           (long long)p->legs[leg].steps, p->legs[leg].name);
  if (saved || p->ever_saved)
    snprintf(kept, sizeof kept, "%s draws in %s/" SAMPLING, saved ? "unfinished" : "earlier",
             p->a->options.output);
  else
    snprintf(kept, sizeof kept, "draws begin anew");
  return app_stopped(p->a, where, kept);
}

static sb_status at(void *self, int leg, int64_t step, const sb_particles *cloud, int64_t *next) {
  app_sampling *p = self;
  app *a = p->a;
  const double now = sb_clock();
  const int64_t done = before(p, leg, step) - before(p, p->hold.leg, p->hold.step),
                left = before(p, p->n, 0) - before(p, leg, step);
  const double each = done ? (now - p->began) / (double)done : 0;
  const double period = a->checkpoint.sampling,
               gap = period > 0 && period / 2 < GAP ? period / 2 : GAP;
  const int due = period > 0 && now - p->saved >= period;
  app_verdict verdict;
  *next = each > 0 && gap / each < 1e9 ? (int64_t)(gap / each) + 1 : 1;
  SB_TRY(app_stop_agree(a, done ? (double)left * each : HUGE_VAL, due, next, &verdict));
  const int wanted = done > 0 && (verdict.stop ? !verdict.urgent : verdict.save);
  if (wanted) SB_TRY(save(p, leg, step, cloud));
  p->ever_saved |= wanted;
  return verdict.stop ? stop(p, leg, step, wanted) : SB_OK;
}

sb_status app_sampling_open(app_sampling *p, sb_particles *cloud) {
  char path[1024];
  sb_status s = SB_OK;
  p->hold = (sb_hold){p, at, 0, 0};
  p->began = p->saved = sb_clock();
  SB_TRY(app_path(p->a, SAMPLING, path, sizeof path));
  if (p->a->line.resume == RESUME_NEVER || !sb_path_exists(p->a->comm, path))
    return app_remove(p->a, SAMPLING);
  s = take_up(p, path, cloud);
  p->ever_saved = s == SB_OK;
  if (!s)
    sb_say("going on from %s: step %lld of %s\n", path, (long long)p->hold.step + 1,
           p->legs[p->hold.leg].name);
  if (s != SB_USE) return s;
  sb_warn("%s; draws begin anew", sb_message());
  sb_forget();
  return app_remove(p->a, SAMPLING);
}
