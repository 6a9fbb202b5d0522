/* What --dry-run says of time: a few steps of everything, timed, times their number. Nothing is
 * kept. */
#include <stdio.h>
#include <string.h>

#include "app.h"
#include "sb/clock.h"
#include "sb/log.h"
#include "sb/mem.h"

#define TRIAL 3 /* steps; the first one warms up */

static sb_status take_steps(app *a, sb_task *task, int64_t n) {
  const sb_train_control control = {0, NULL, &n, NULL};
  const sb_status s = sb_train(a->comm, task, &control);
  if (s == SB_EARLY) sb_forget();
  return s == SB_EARLY ? SB_OK : s;
}

static sb_status training(app *a, double *seconds) {
  sb_task *task[SB_MAX_TASKS];
  const int n = a->method->tasks(&a->run, task, SB_MAX_TASKS);
  for (int i = 0; i < n; i++) {
    SB_TRY(take_steps(a, task[i], 1));
    const double began = sb_clock();
    SB_TRY(take_steps(a, task[i], TRIAL - 1));
    *seconds += (sb_clock() - began) / (TRIAL - 1) * (double)sb_task_steps(task[i]);
  }
  return SB_OK;
}

/* One tile of particles in the middle of each leg. */
static sb_status tile(const sb_leg *l, int d, double *seconds) {
  double *x, *b = NULL;
  SB_TRY(SB_NEW(&x, (int64_t)SB_BLOCK * d, "a tile"));
  sb_status s = SB_NEW(&b, (int64_t)SB_BLOCK * d, "a tile");
  const double began = sb_clock();
  if (!s) s = sb_field_eval(&l->field, 0.5, sb_leg_step(l, 0.5), 0, SB_BLOCK, x, b);
  *seconds = sb_clock() - began;
  sb_mem_free(b);
  sb_mem_free(x);
  return s;
}

static sb_status sampling(app *a, double *seconds) {
  sb_leg legs[SB_MAX_LEGS];
  int n = 0;
  SB_TRY(a->method->legs(&a->run, SB_VIEW_DECK, legs, SB_MAX_LEGS, &n));
  const int64_t particles = a->sample.n / sb_leg_draws(&legs[n - 1]);
  const double tiles =
      (double)((sb_share_at(0, a->comm->size, particles).count + SB_BLOCK - 1) / SB_BLOCK);
  for (int i = 0; i < n; i++) {
    double cold = 0, warm = 0;
    sb_status s = tile(&legs[i], a->run.data->d, &cold);
    if (!s) s = tile(&legs[i], a->run.data->d, &warm);
    SB_TRY_ALL(a->comm, s);
    *seconds += warm * tiles * (double)legs[i].steps;
  }
  return SB_OK;
}

static sb_status measure(app *a, double seconds[3]) {
  const char *command = a->line.command;
  const int all = !strcmp(command, "run");
  double bytes;
  if (all || !strcmp(command, "train")) SB_TRY(training(a, &seconds[0]));
  if (all || !strcmp(command, "sample")) SB_TRY(sampling(a, &seconds[1]));
  if (all || !strcmp(command, "evaluate"))
    sb_judge_cost(&a->judge, a->run.data->d, a->comm->size, &bytes, &seconds[2]);
  return sb_max_real(a->comm, seconds, 3);
}

sb_status app_rough(app *a) {
  double seconds[3] = {0}, before = 0;
  const int trains = !strcmp(a->line.command, "run") || !strcmp(a->line.command, "train");
  if (trains && a->method->foretell) SB_TRY(a->method->foretell(&a->run, &before));
  sb_log_start(a->comm->rank, 1);
  const sb_status s = measure(a, seconds);
  sb_log_start(a->comm->rank, a->line.quiet);
  seconds[0] += before;
  if (!s)
    sb_say("time        roughly %.2g s to train, %.2g s to sample, %.2g s to evaluate\n",
           seconds[0], seconds[1], seconds[2]);
  return s;
}
