/* Fields of the two-stage method, learned or exact part by part (Wang et al. 2021;
 * ALGORITHMS 1.1-1.2, 1.4).
 *
 * Stage 2: b2(t, x) = sigma2 score(x, t). Stage 1 with both parts exact and no draws asked for: the
 * closed form; else monte_carlo.c. */
#include <math.h>

#include "sb/mem.h"
#include "two_stage.h"

static int is_exact(const two_stage *s, int part) { return s->exact_parts >> part & 1; }

sb_status two_stage_fields_open(two_stage *s) {
  for (int p = 0; p < PARTS; p++) {
    if (is_exact(s, p) || !s->task[p].p) continue;
    SB_TRY(sb_tape_open(&s->task[p].net, 0, &s->tape[p]));
    sb_tape_load(s->tape[p], sb_task_result(&s->task[p]));
  }
  SB_TRY(SB_NEW(&s->x32, (int64_t)SB_BLOCK * s->d, "tile of points"));
  SB_TRY(SB_NEW(&s->y32, (int64_t)SB_BLOCK * s->d, "tile of scores"));
  return two_stage_mc_open(s);
}

void two_stage_fields_close(two_stage *s) {
  for (int p = 0; p < PARTS; p++) sb_tape_close(s->tape[p]), s->tape[p] = NULL;
  sb_mem_free(s->x32), s->x32 = NULL;
  sb_mem_free(s->y32), s->y32 = NULL;
  two_stage_mc_close(s);
}

/* Stage 1 asks for the score of q_sigma, which is that of stage 2 at t = 0, whatever its own time.
 */
sb_status two_stage_at1(void *self, double t, int64_t step) {
  two_stage *s = self;
  s->t = t;
  if (s->tape[PART_SCORE]) sb_tape_time(s->tape[PART_SCORE], 0);
  if (s->exact) SB_TRY(sb_exact_at(s->exact, t));
  two_stage_mc_at(s, t, step);
  return SB_OK;
}

sb_status two_stage_at2(void *self, double t, int64_t step) {
  two_stage *s = self;
  (void)step;
  s->t = t;
  if (s->tape[PART_SCORE]) sb_tape_time(s->tape[PART_SCORE], t);
  return is_exact(s, PART_SCORE) ? sb_exact_at(s->exact, t) : SB_OK;
}

static void to_float(int n, const double *x, float *y) {
  for (int i = 0; i < n; i++) y[i] = (float)x[i];
}

/* Score of the smoothed law at the tape's time; the exact one at q_sigma or at the prepared time of
 * stage 2. */
static void learned_score(two_stage *s, double t, int rows, const double *x, double *score) {
  double skip, gain;
  two_stage_score_form(s, t, &skip, &gain);
  to_float(rows * s->d, x, s->x32);
  sb_tape_forward(s->tape[PART_SCORE], rows, s->x32, NULL, s->y32);
  for (int i = 0; i < rows * s->d; i++) score[i] = skip * x[i] + gain * (double)s->y32[i];
}

void two_stage_score(two_stage *s, int rows, const double *x, double *score) {
  if (is_exact(s, PART_SCORE))
    sb_exact_ratio(s->exact, rows, x, NULL, score);
  else
    learned_score(s, 0, rows, x, score);
}

void two_stage_logit(two_stage *s, int rows, const double *x, double *logit) {
  const double clip = s->options.logit_clip;
  if (is_exact(s, PART_RATIO)) {
    sb_exact_ratio(s->exact, rows, x, logit, NULL);
  } else {
    to_float(rows * s->d, x, s->x32);
    sb_tape_forward(s->tape[PART_RATIO], rows, s->x32, NULL, s->mc.logit32);
    for (int i = 0; i < rows; i++) logit[i] = (double)s->mc.logit32[i];
  }
  for (int i = 0; clip > 0 && i < rows; i++)
    logit[i] = logit[i] > clip ? clip : logit[i] < -clip ? -clip : logit[i];
}

sb_status two_stage_drift1_closed(void *self, int64_t first, int rows, const double *x, double *b) {
  two_stage *s = self;
  (void)first;
  sb_exact_stage1(s->exact, rows, x, b, NULL);
  return SB_OK;
}

sb_status two_stage_drift2(void *self, int64_t first, int rows, const double *x, double *b) {
  two_stage *s = self;
  (void)first;
  if (is_exact(s, PART_SCORE)) {
    sb_exact_stage2(s->exact, rows, x, b);
    return SB_OK;
  }
  learned_score(s, s->t, rows, x, b);
  for (int i = 0; i < rows * s->d; i++) b[i] *= s->reference.variance2;
  return SB_OK;
}
