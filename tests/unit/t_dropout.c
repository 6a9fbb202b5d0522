/* Dropout: gradients of what is left, means, and masks that belong to rows.
 * RUN np=1 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sb/mem.h"
#include "sb/net.h"
#include "sb/noise.h"
#include "tap.h"

typedef struct trial {
  sb_net net;
  sb_tape *tape;
  float *p, *g, x[SB_BLOCK * 2], t[SB_BLOCK], y[SB_BLOCK * 3], dy[SB_BLOCK * 3];
} trial;

static void must(sb_status s) {
  if (s == SB_OK) return;
  printf("Bail out! %s\n", sb_message());
  exit(1);
}

static void numbers(uint64_t key, int64_t n, float *out) {
  for (int64_t i = 0; i < n; i++) out[i] = (float)sb_noise_uniform(key, i, 0, 0);
}

static void trial_open(trial *a, const sb_net_shape *shape) {
  must(sb_net_open(&a->net, shape));
  must(sb_tape_open(&a->net, 1, &a->tape));
  must(SB_NEW(&a->p, a->net.size, "p"));
  must(SB_NEW(&a->g, a->net.size, "g"));
  sb_net_init(&a->net, 12345, 1, a->p);
  numbers(1, SB_BLOCK * 2, a->x);
  numbers(2, SB_BLOCK * 3, a->dy);
  numbers(3, SB_BLOCK, a->t);
  sb_tape_load(a->tape, a->p);
}

static void trial_close(trial *a) {
  sb_tape_close(a->tape);
  sb_mem_free(a->p);
  sb_mem_free(a->g);
}

static int same(int n, const float *a, const float *b) {
  return memcmp(a, b, (size_t)n * sizeof *a) == 0;
}

static const sb_net_shape dropped = {2, 3, 3, {40, 40, 24}, SB_ACT_SILU, 1, 8};

static void forward_dropped(trial *a, int64_t row0, int64_t step, int rows) {
  sb_tape_dropout(a->tape, .3, 77, row0, step);
  sb_tape_forward(a->tape, rows, a->x, a->t, a->y);
}

/* The objective after a step of length h from p along direction, masks as they were. */
static double moved(trial *a, const float *p, const float *direction, double h) {
  double sum = 0;
  for (int64_t i = 0; i < a->net.size; i++) a->p[i] = p[i] + (float)h * direction[i];
  sb_tape_load(a->tape, a->p);
  forward_dropped(a, 64, 5, SB_BLOCK);
  for (int i = 0; i < SB_BLOCK * dropped.out; i++) sum += (double)a->dy[i] * (double)a->y[i];
  return sum;
}

static void test_drop_gradient(trial *a) {
  float *p, *direction;
  double along = 0;
  must(SB_NEW(&p, a->net.size, "p"));
  must(SB_NEW(&direction, a->net.size, "direction"));
  memcpy(p, a->p, (size_t)a->net.size * sizeof *p);
  sb_net_init(&a->net, 99, 1, direction);
  forward_dropped(a, 64, 5, SB_BLOCK);
  sb_tape_backward(a->tape, a->dy, a->g, NULL);
  for (int64_t i = 0; i < a->net.size; i++) along += (double)a->g[i] * (double)direction[i];
  const double slope = (moved(a, p, direction, 1e-2) - moved(a, p, direction, -1e-2)) / 2e-2;
  tap_close(slope, along, 2e-3 * fabs(along), "the gradient is that of what is left");
  memcpy(a->p, p, (size_t)a->net.size * sizeof *p);
  sb_tape_load(a->tape, a->p);
  sb_mem_free(p);
  sb_mem_free(direction);
}

/* Masks are of rows, not of tiles; they differ from step to step and from forward to forward. */
static void test_drop_bits(trial *a) {
  enum { HALF = 20 };
  const int n = HALF * dropped.out;
  float y[SB_BLOCK * 3], plain_y[SB_BLOCK * 3];
  forward_dropped(a, 64, 5, SB_BLOCK);
  memcpy(y, a->y, sizeof y);
  sb_tape_forward(a->tape, SB_BLOCK, a->x, a->t, a->y);
  tap_ok(!same(n, y, a->y), "another forward has other masks");
  forward_dropped(a, 64, 6, SB_BLOCK);
  tap_ok(!same(n, y, a->y), "another step has other masks");
  sb_tape_dropout(a->tape, .3, 77, 64 + HALF, 5);
  sb_tape_forward(a->tape, SB_BLOCK - HALF, a->x + HALF * 2, a->t + HALF, a->y);
  tap_ok(same((SB_BLOCK - HALF) * 3, y + n, a->y), "masks are of rows, not of tiles");
  sb_tape_dropout(a->tape, 0, 0, 0, 0);
  sb_tape_forward(a->tape, SB_BLOCK, a->x, a->t, a->y);
  sb_tape *anew;
  must(sb_tape_open(&a->net, 1, &anew));
  sb_tape_load(anew, a->p);
  sb_tape_forward(anew, SB_BLOCK, a->x, a->t, plain_y);
  tap_ok(same(SB_BLOCK * 3, plain_y, a->y), "of rate 0 there is none");
  sb_tape_close(anew);
}

/* Of one hidden layer the output is linear in what is kept, so its mean is the output of all. */
static void test_drop_mean(void) {
  static const sb_net_shape shape = {2, 3, 1, {40}, SB_ACT_SILU, 0, 8};
  enum { STEPS = 2000 };
  double mean = 0, square = 0;
  trial a;
  trial_open(&a, &shape);
  sb_tape_forward(a.tape, 1, a.x, a.t, a.y);
  const double whole = (double)a.y[0];
  for (int k = 0; k < STEPS; k++) {
    sb_tape_dropout(a.tape, .25, 77, 0, k);
    sb_tape_forward(a.tape, 1, a.x, a.t, a.y);
    mean += (double)a.y[0] / STEPS;
    square += (double)a.y[0] * (double)a.y[0] / STEPS;
  }
  const double spread = sqrt(square - mean * mean);
  tap_ok(spread > .01 * fabs(whole), "outputs vary, by %.2g of %.2g", spread, whole);
  tap_close(mean, whole, 4 * spread / sqrt(STEPS), "the mean stays");
  trial_close(&a);
}

int main(void) {
  trial a;
  trial_open(&a, &dropped);
  test_drop_gradient(&a);
  test_drop_bits(&a);
  trial_close(&a);
  test_drop_mean();
  return tap_done();
}
