/* Steps of chains, by the reference, networks or affine maps (De Bortoli et al. 2021, Prop. 3). */
#include "dsb.h"
#include "sb/clock.h"
#include "sb/mem.h"

sb_status dsb_step_open(dsb *s) {
  for (int i = 0; i < DIRECTIONS; i++)
    if (dsb_by(s, REGRESSOR_NETWORK)) SB_TRY(sb_tape_open(&s->task[i].net, 0, &s->tape[i]));
  SB_TRY(SB_NEW(&s->x32, (int64_t)SB_BLOCK * s->d, "tile of points"));
  return SB_NEW(&s->y32, (int64_t)SB_BLOCK * s->d, "tile of steps");
}

void dsb_step_close(dsb *s) {
  for (int i = 0; i < DIRECTIONS; i++) sb_tape_close(s->tape[i]), s->tape[i] = NULL;
  sb_mem_free(s->x32), s->x32 = NULL;
  sb_mem_free(s->y32), s->y32 = NULL;
}

void dsb_step_load(dsb *s, int direction) {
  if (s->tape[direction]) sb_tape_load(s->tape[direction], sb_task_result(&s->task[direction]));
}

void dsb_step_at(dsb *s, int by, double t) {
  if (by < DIRECTIONS && s->tape[by]) sb_tape_time(s->tape[by], dsb_clock(by, t));
}

static void by_reference(const dsb *s, int j, int rows, const double *x, double *m) {
  const sb_reference *r = &s->reference;
  const double back = r->rate * r->gamma[j];
  for (int i = 0; i < rows; i++)
    for (int k = 0; k < s->d; k++) m[i * s->d + k] = back * (r->mean[k] - x[i * s->d + k]);
}

static void by_map(const dsb *s, const dsb_affine *map, int j, int rows, const double *x,
                   double *m) {
  const int d = s->d;
  const double *slope = map->slope + (int64_t)j * d * d, *shift = map->shift + (int64_t)j * d;
  for (int i = 0; i < rows; i++)
    for (int k = 0; k < d; k++) {
      double sum = shift[k] - x[i * d + k];
      for (int l = 0; l < d; l++) sum += slope[k * d + l] * x[i * d + l];
      m[i * d + k] = sum;
    }
}

static void by_network(dsb *s, int by, int j, int rows, const double *x, double *m) {
  const int n = rows * s->d;
  const double scale = s->options.predict == PREDICT_DRIFT ? dsb_length(s, j) : 1;
  const double clock = sb_clock();
  for (int i = 0; i < n; i++) s->x32[i] = (float)x[i];
  sb_tape_forward(s->tape[by], rows, s->x32, NULL, s->y32);
  for (int i = 0; i < n; i++) m[i] = scale * (double)s->y32[i];
  if (s->options.predict == PREDICT_MEAN)
    for (int i = 0; i < n; i++) m[i] -= x[i];
  sb_timer(SB_T_FORWARD, clock);
}

void dsb_step(dsb *s, int by, int j, int rows, const double *x, double *m) {
  if (by == DIRECTIONS)
    by_reference(s, j, rows, x, m);
  else if (s->tape[by])
    by_network(s, by, j, rows, x, m);
  else
    by_map(s, &s->affine[by], j, rows, x, m);
}
