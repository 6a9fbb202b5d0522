/* One case of a study: the whole job, by one team, in memory. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "evaluate.h"
#include "sb/clock.h"
#include "sb/log.h"
#include "sb/mem.h"
#include "study.h"

typedef struct run {
  app *k;
  evaluation *e;
  sb_queue *queue;
} run;

/* --- Wishes to stop
 * --------------------------------------------------------------------------------- */

static int asked(void *self) {
  const run *r = self;
  sb_queue_tend(r->queue);
  return app_stop_asked(r->k);
}

static sb_status stop_training(void *self, double left) {
  return app_stop_training(((run *)self)->k, left);
}

static sb_status stop_sampling(void *self, int leg, int64_t step, const sb_particles *cloud,
                               int64_t *next) {
  const run *r = self;
  (void)leg, (void)step, (void)cloud;
  *next = 16;
  sb_queue_tend(r->queue);
  return app_stop_training(r->k, INFINITY);
}

/* --- The job
 * ---------------------------------------------------------------------------------------- */

static sb_status keep_nothing(void *self) {
  (void)self;
  return SB_OK;
}

static sb_status train(run *r) {
  app *k = r->k;
  sb_task *task[SB_MAX_TASKS];
  const int n = k->method->tasks(&k->run, task, SB_MAX_TASKS);
  int64_t left = -1;
  const sb_train_control control = {0, keep_nothing, &left, NULL};
  const sb_train_hold hold = {r, asked, stop_training};
  for (int i = 0; i < n; i++) SB_TRY(sb_train_on(k->comm, task[i], &control, &hold));
  return k->method->prepare ? k->method->prepare(&k->run) : SB_OK;
}

/* As through samples.h5: to raw coordinates and back; out [count, d]. */
static sb_status through_file(app *k, const sb_particles *cloud, double **out) {
  const sb_affine *map = &k->run.data->map;
  double *raw = NULL;
  sb_status s = SB_NEW(&raw, cloud->count * map->raw, "draws");
  if (!s) s = SB_NEW(out, cloud->count * cloud->d, "draws");
  s = sb_agree(k->comm, s);
  if (!s) {
    sb_affine_back(map, cloud->count, cloud->x, raw);
    sb_affine_forward(map, cloud->count, raw, *out);
  }
  sb_mem_free(raw);
  return s;
}

static sb_status keep(app *k, const sb_particles *cloud, evaluation *e) {
  e->rows = cloud->n;
  e->share = (sb_share){cloud->first, cloud->count};
  return through_file(k, cloud, &e->sample);
}

/* Where the draws of a bridge begin: watched at its first step. */
static int at_start(void *self, int leg, const sb_leg *l, int64_t step) {
  (void)self, (void)l;
  return leg == 0 && step == 0;
}

static sb_status keep_start(void *self, int leg, const sb_leg *l, int64_t step, double t,
                            const sb_particles *cloud) {
  const run *r = self;
  (void)leg, (void)l, (void)step, (void)t;
  return through_file(r->k, cloud, &r->e->start);
}

static sb_status draw(run *r, evaluation *e) {
  app *k = r->k;
  sb_leg legs[SB_MAX_LEGS];
  sb_particles cloud = {0};
  const sb_hold hold = {r, stop_sampling, 0, 0};
  int n = 0;
  SB_TRY(k->method->legs(&k->run, SB_VIEW_DECK, legs, SB_MAX_LEGS, &n));
  if (legs[0].start == SB_START_KEEP)
    return sb_fail(SB_USE, "sample.start: file: a study draws from the start");
  if (sb_leg_draws(&legs[n - 1]) > 1)
    return sb_fail(SB_USE, "sample.per_chain: a study takes one draw of each chain");
  SB_TRY(sb_particles_new(k->comm, k->sample.n, k->run.data->d, &cloud));
  const sb_observer start = {r, at_start, keep_start};
  sb_status s = sb_sample_on(k->comm, legs, n, &cloud, &start, k->run.source != NULL, &hold);
  if (!s) s = keep(k, &cloud, e);
  sb_particles_free(&cloud);
  return s;
}

static sb_status job(run *r, evaluation *e) {
  app *k = r->k;
  k->run.comm = k->comm;
  k->run.seed = (uint64_t)k->options.seed;
  k->run.method = k->method;
  SB_TRY(app_data(k));
  SB_TRY(app_check(k));
  SB_TRY(k->method->open(&k->run));
  SB_TRY(train(r));
  SB_TRY(draw(r, e));
  return evaluate_draws(e);
}

/* --- Its results
 * ------------------------------------------------------------------------------------ */

static const char *const error_names[ERRORS] = {"error_time_step", "error_score", "error_ratio",
                                                "error_monte_carlo"};

static sb_status fill(evaluation *e, study_row *row) {
  for (int i = 0; i < ERRORS; i++)
    if (!isnan(e->error[i])) evaluation_next(e, error_names[i], "", NAN, e->error[i]);
  if (e->n > STUDY_METRICS)
    return sb_fail(SB_USE, "%d metrics, a study keeps %d of a case", e->n, STUDY_METRICS);
  row->state = STUDY_DONE;
  row->metrics = e->n;
  for (int i = 0; i < e->n; i++) {
    const sb_metric *m = &e->metric[i];
    snprintf(row->name[i], sizeof row->name[i], "%s", m->name);
    snprintf(row->stage[i], sizeof row->stage[i], "%s", m->stage);
    row->t[i] = m->t, row->value[i] = m->value, row->error[i] = m->stderr_;
    row->floor[i] = m->floor, row->floor_q95[i] = m->floor_q95;
    row->floor_train[i] = m->floor_train, row->baseline[i] = m->baseline;
    row->n[i] = m->n, row->m[i] = m->m;
  }
  return SB_OK;
}

/* What stops the study, and not the case alone, goes up; the rest is the case's result. */
static sb_status settle(run *r, int64_t number, sb_status s, study_row *row) {
  char where[64];
  if (s == SB_OK || s == SB_SYS) return s;
  if (s == SB_EARLY) {
    sb_forget();
    snprintf(where, sizeof where, "in case %lld", (long long)number);
    return app_stopped(r->k, where, "finished cases stay");
  }
  row->state = STUDY_FAILED;
  snprintf(row->reason, sizeof row->reason, "%s", sb_message());
  sb_forget();
  return SB_OK;
}

sb_status study_case(const study_plan *p, int64_t number, sb_comm *team, sb_queue *queue,
                     study_row *row) {
  app k = {.steps_left = -1};
  run r = {.k = &k, .queue = queue};
  evaluation *e = NULL;
  const double began = sb_clock();
  study_row_begin(p, number, row);
  SB_TRY_ALL(team, SB_NEW(&e, 1, "metrics"));
  sb_status s = study_deck(p, number, &k);
  k.comm = team;
  k.stop = p->a->stop;
  k.stop.heed = team->rank == 0;
  e->a = &k;
  r.e = e;
  if (!s) s = job(&r, e);
  if (!s) s = fill(e, row);
  s = settle(&r, number, s, row);
  row->seconds = sb_clock() - began;
  row->ranks = team->size;
  evaluation_free(e);
  app_close(&k);
  return s;
}
