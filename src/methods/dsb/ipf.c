/* Iterative proportional fitting on paths: half-steps in turn, from the data to the source and
 * back (De Bortoli et al. 2021, Algorithm 1). Where a run stands is told by the steps that its
 * networks took, and by the lines of the history. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "dsb.h"
#include "sb/log.h"

void dsb_tell(dsb *s, const dsb_line *line) {
  const int64_t half = (int64_t)line->half_step;
  const int to_data = (int)line->direction == TO_DATA;
  char who[64] = "reference";
  s->history[half] = *line;
  if (*s->lines < half + 1) *s->lines = half + 1;
  if (half > 0)
    snprintf(who, sizeof who, "%s %lld/%lld", to_data ? "forward" : "backward",
             (long long)(half + 1) / 2, (long long)s->options.iterations);
  sb_say(
      "%-14s chains end at the %s: mean %.5f (set %.5f), variance %.5f (%.5f); covariance of "
      "their ends %.5f\n",
      who, to_data ? "data" : "source", line->mean_end, line->target_mean, line->variance_end,
      line->target_variance, line->coupling);
}

/* --- By networks
 * ----------------------------------------------------------------------------------------- */

/* Half-steps that are done. */
static int64_t done(const dsb *s) {
  int64_t sum = 0;
  for (int i = 0; i < DIRECTIONS; i++) sum += *s->task[i].step / s->task[i].options->steps;
  return sum;
}

sb_status dsb_ready(void *self, sb_task *task, int64_t step) {
  dsb *s = self;
  const int learner = task == &s->task[TO_DATA] ? TO_DATA : TO_SOURCE;
  const int64_t steps = task->options->steps, refresh = s->options.cache_refresh;
  const int64_t half = 2 * (step / steps) + (learner == TO_SOURCE);
  const int keep = half > 0 || s->options.first == FIRST_CHAIN;
  return dsb_cache_fill(s, half, keep && refresh ? step % steps / refresh : 0, keep);
}

/* Chains that end elsewhere than they should, after all iterations: of the last of each direction.
 */
static void look_back(const dsb *s, int aloud) {
  for (int64_t half = dsb_halves(s) - 1; half <= dsb_halves(s); half++) {
    const dsb_line *l = &s->history[half];
    const double spread = l->variance_end / l->target_variance;
    if (half < 1 || (l->distance < 0.5 && spread > 0.5 && spread < 2)) continue;
    s->run->open_end = 1;
    if (!aloud) continue;
    sb_warn(
        "%s chains end %.2g standard deviations from the %s, with %.2g times its variance: the "
        "iteration has not converged (more iterations or training, another reference.variance)",
        (int)l->direction == TO_DATA ? "forward" : "backward", l->distance,
        (int)l->direction == TO_DATA ? "data" : "source", spread);
  }
}

sb_status dsb_turn(sb_run *run, int *next) {
  dsb *s = run->state;
  const int64_t half = done(s), iteration = half / 2;
  const int learner = dsb_learner_of(half);
  *next = DIRECTIONS;
  if (half == dsb_halves(s)) {
    SB_TRY(dsb_cache_fill(s, half, 0, 0));
    look_back(s, 1);
    return SB_OK;
  }
  sb_task *task = &s->task[learner];
  const int64_t steps = task->options->steps;
  snprintf(task->title, sizeof task->title, "%s %lld/%lld",
           learner == TO_DATA ? "forward" : "backward", (long long)iteration + 1,
           (long long)s->options.iterations);
  task->until = (iteration + 1) * steps;
  if (*task->step % steps == 0)
    sb_task_renew(
        run->comm, task,
        iteration > 0 && s->options.warm_start
            ? 0
            : sb_noise_key(run->seed, SB_FOR_INIT, (uint32_t)learner, (uint32_t)iteration));
  *next = learner;
  return dsb_ready(s, task, *task->step);
}

/* --- By affine maps
 * --------------------------------------------------------------------------------------- */

sb_status dsb_prepare(sb_run *run) {
  dsb *s = run->state;
  const int gaussian = s->options.regressor == REGRESSOR_GAUSSIAN;
  if (*s->lines == dsb_halves(s) + 1) {
    look_back(s, 0);
    return SB_OK;
  }
  if (s->options.regressor == REGRESSOR_NETWORK || dsb_exact(s)) return SB_OK;
  for (int64_t half = 0; half <= dsb_halves(s); half++) {
    const int learn = half < dsb_halves(s);
    if (gaussian) {
      SB_TRY(dsb_affine_moments(s, half, learn));
    } else {
      SB_TRY(dsb_cache_fill(s, half, 0, learn));
      if (learn) SB_TRY(dsb_affine_fit(s, half));
    }
  }
  look_back(s, 1);
  return SB_OK;
}
