/* RUN np=1
 * RUN np=3
 * RUN np=7
 * Euler-Maruyama against closed forms of its own recursion, the exact two-stage bridge of a
 * mixture, and divergence. */
#include <stdlib.h>
#include <string.h>

#include "sb/comm.h"
#include "sb/law.h"
#include "sb/mem.h"
#include "sb/noise.h"
#include "sb/sampler.h"
#include "tap.h"

static sb_status pull(void *self, int64_t first, int rows, const double *x, double *b) {
  const double *rate = self;
  (void)first;
  for (int i = 0; i < 2 * rows; i++) b[i] = -*rate * x[i];
  return SB_OK;
}

/* Mean square of coordinate 0 over all particles. */
static double mean_square(const sb_comm *c, const sb_particles *p) {
  double *row, sum = 0;
  if (SB_NEW(&row, p->count, "squares")) exit(3);
  for (int64_t i = 0; i < p->count; i++) row[i] = p->x[i * p->d] * p->x[i * p->d];
  sb_sum_rows(c, p->n, 1, row, &sum, "squares");
  sb_mem_free(row);
  return sum / (double)p->n;
}

/* v_{k+1} = (1 - a h)^2 v_k + s h from v_0 = 2: what the scheme itself must give, without a
 * time-step error. */
static void recursion(const sb_comm *c) {
  double rate = 1.5, v = 2;
  const int64_t n = 40000, steps = 8;
  const sb_leg leg = {.name = "pull",
                      .field = {.name = "-a x", .d = 2, .self = &rate, .eval = pull},
                      .steps = steps,
                      .variance = 3,
                      .start = SB_START_GAUSS,
                      .start_variance = 2,
                      .start_key = 11,
                      .path_key = 12};
  sb_particles p, alone;
  sb_particles_new(c, n, 2, &p);
  tap_ok(sb_sample(c, &leg, 1, &p, NULL, 0) == SB_OK, "a linear drift");
  for (int k = 0; k < steps; k++) v = (1 - rate / 8) * (1 - rate / 8) * v + 3. / 8;
  tap_close(mean_square(c, &p), v, 5 * v * sqrt(2. / (double)n),
            "variance of the recursion within 5 standard errors");
  sb_particles_new(sb_comm_self(), n, 2, &alone);
  sb_sample(sb_comm_self(), &leg, 1, &alone, NULL, 0);
  int64_t differs = memcmp(alone.x + 2 * p.first, p.x, (size_t)(2 * p.count) * sizeof *p.x) != 0;
  sb_max_int(c, &differs, 1);
  tap_ok(!differs, "the bits of one rank");
  sb_particles_free(&alone);
  sb_particles_free(&p);
}

static sb_status at(void *self, double t, int64_t step) {
  (void)step;
  return sb_exact_at(self, t);
}
static sb_status stage1(void *self, int64_t first, int rows, const double *x, double *b) {
  (void)first;
  sb_exact_stage1(self, rows, x, b, NULL);
  return SB_OK;
}
static sb_status stage2(void *self, int64_t first, int rows, const double *x, double *b) {
  (void)first;
  sb_exact_stage2(self, rows, x, b);
  return SB_OK;
}

static double norm2(const sb_comm *c, const sb_particles *p) {
  sb_particles turned = *p;
  double sum = mean_square(c, p);
  turned.x = p->x + 1; /* coordinate 1 */
  return sum + mean_square(c, &turned);
}

typedef struct seen {
  int64_t steps[64], n;
  double middle;
  const sb_comm *c;
} seen;
static int every_fourth(void *self, int leg, const sb_leg *l, int64_t step) {
  (void)self, (void)leg;
  return step % 50 == 0 || step == l->steps;
}
static sb_status look(void *self, int leg, const sb_leg *l, int64_t step, double t,
                      const sb_particles *p) {
  seen *s = self;
  s->steps[s->n++] = leg * 1000 + step;
  if (leg == 0 && step == l->steps) s->middle = norm2(s->c, p);
  return t == (double)step / (double)l->steps ? SB_OK : sb_fail(SB_BAD, "time and step differ");
}

/* Index of a law among the words of data.law. */
static int law_index(const char *name) {
  const char *words = sb_law_keys[0].choices, *at = strstr(words, name);
  int index = 0;
  for (const char *w = words; at && w < at; w++) index += *w == '|';
  return index;
}

/* Eight modes on a circle of radius 4, variance .25; sigma2 = 1, tau = 5: E|X|^2 is 18.5 after
 * stage 1, 16.5 after stage 2 (ALGORITHMS 1.2, table of the Euler-Maruyama error: N = 200 within 1
 * %). */
static void bridge(const sb_comm *c) {
  const sb_law_options o = {
      .law = law_index("gmm8"), .dimension = 2, .modes = 8, .radius = 1, .variance = 1};
  sb_law *law;
  sb_exact *e;
  sb_particles p;
  seen s = {.c = c};
  if (sb_law_open(&o, &law) || sb_exact_open(law->mixture, 5, 1, &e)) exit(3);
  const sb_leg legs[] = {{.name = "stage1",
                          .field = {.name = "exact", .d = 2, .self = e, .at = at, .eval = stage1},
                          .steps = 200,
                          .variance = 5,
                          .start = SB_START_ZERO,
                          .path_key = 21},
                         {.name = "stage2",
                          .field = {.name = "exact", .d = 2, .self = e, .at = at, .eval = stage2},
                          .steps = 200,
                          .variance = 1,
                          .start = SB_START_KEEP,
                          .path_key = 22}};
  const sb_observer observer = {&s, every_fourth, look};
  sb_particles_new(c, 20000, 2, &p);
  tap_ok(sb_sample(c, legs, 2, &p, &observer, 1) == SB_OK, "both stages with exact drifts");
  tap_close(s.middle, 18.5, 0.03 * 18.5, "E|X|^2 after stage 1");
  tap_close(norm2(c, &p), 16.5, 0.02 * 16.5, "E|X|^2 after stage 2");
  tap_ok(s.n == 10 && s.steps[4] == 200 && s.steps[5] == 1000 && s.steps[9] == 1200,
         "observers see what they want");
  sb_particles_free(&p);
  sb_exact_close(e);
  sb_law_close(law);
}

/* A backward leg is the forward one with a clock that runs down: same noise, same bits. */
static sb_status clocked(void *self, double t, int64_t step) {
  double *clock = self;
  clock[0] = clock[1] > 0 ? 1 - t : t;
  return (int64_t)(clock[0] * 8 + .5) == step ? SB_OK : sb_fail(SB_BAD, "time %g of step", t);
}
static sb_status by_clock(void *self, int64_t first, int rows, const double *x, double *b) {
  const double *clock = self;
  (void)first;
  for (int i = 0; i < 2 * rows; i++) b[i] = clock[0] - x[i];
  return SB_OK;
}
static int always(void *self, int leg, const sb_leg *l, int64_t step) {
  (void)self, (void)leg, (void)l, (void)step;
  return 1;
}
static sb_status times(void *self, int leg, const sb_leg *l, int64_t step, double t,
                       const sb_particles *p) {
  (void)leg, (void)p;
  double *sum = self;
  *sum += t * (double)(step + 1);
  return t == sb_leg_time(l, step) ? SB_OK : sb_fail(SB_BAD, "time and step differ");
}
static void backward(const sb_comm *c) {
  sb_particles p[2];
  bool same = true;
  double sum[2] = {0, 0};
  for (int way = 0; way < 2; way++) {
    double clock[2] = {0, way};
    const sb_observer observer = {&sum[way], always, times};
    const sb_leg leg = {.name = "way",
                        .field = {.d = 2, .self = clock, .at = clocked, .eval = by_clock},
                        .steps = 8,
                        .variance = 1,
                        .path_key = 5,
                        .start = SB_START_GAUSS,
                        .start_variance = 1,
                        .backward = way};
    sb_particles_new(c, 150, 2, &p[way]);
    tap_ok(!sb_sample(c, &leg, 1, &p[way], &observer, 1), "a leg %s", way ? "backward" : "forward");
    tap_ok(sb_leg_step(&leg, sb_leg_time(&leg, 3)) == 3 && sb_leg_inside(&leg, 0.5) == 0.5 &&
               sb_leg_inside(&leg, way ? 0 : 1) == sb_leg_time(&leg, 7),
           "its times and steps");
  }
  for (int64_t i = 0; i < 2 * p[0].count; i++) same &= p[0].x[i] == p[1].x[i];
  int64_t differ = !same;
  tap_ok(!sb_sum_int(c, &differ, 1) && !differ, "the same bits both ways");
  tap_close(sum[0], 30, 0, "times run up");
  tap_close(sum[1], 15, 0, "times run down");
  for (int way = 0; way < 2; way++) sb_particles_free(&p[way]);
}

static void divergence(const sb_comm *c) {
  double rate = -1e9;
  const sb_leg leg = {.name = "push",
                      .field = {.name = "a x", .d = 2, .self = &rate, .eval = pull},
                      .steps = 50,
                      .variance = 1,
                      .start = SB_START_GAUSS,
                      .start_variance = 1,
                      .start_key = 31,
                      .path_key = 32};
  sb_particles p;
  sb_particles_new(c, 100, 2, &p);
  tap_ok(sb_sample(c, &leg, 1, &p, NULL, 0) == SB_BAD, "a drift that explodes is seen");
  tap_ok(strstr(sb_message(), "push") && strstr(sb_message(), "particle 0") &&
             strstr(sb_message(), "step 2"),
         "leg, particle and step are named: %s", sb_message());
  sb_forget();
  sb_particles_free(&p);
}

int main(int argc, char **argv) {
  sb_comm *c;
  if (sb_comm_start(&argc, &argv, &c)) return 3;
  tap_rank = c->rank;
  const int64_t before = sb_mem_now();
  recursion(c), bridge(c), backward(c), divergence(c);
  tap_ok(sb_mem_now() == before, "nothing is left behind");
  const int status = tap_done();
  sb_comm_finish(c);
  return status;
}
