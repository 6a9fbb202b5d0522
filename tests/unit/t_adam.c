/* Optimiser: rate schedule, clipping, decay, averages; steps of the kernel against a
 * double-precision Adam. RUN np=1 */
#include "sb/adam.h"

#include <stdlib.h>
#include <string.h>

#include "tap.h"

static const sb_adam usual = {
    .rate = 1e-3, .beta1 = .9, .beta2 = .999, .epsilon = 1e-8, .average = .999};

static void test_rate(void) {
  sb_adam a = usual;
  tap_close(sb_adam_rate(&a, 0), 1e-3, 1e-18, "constant rate at the start");
  tap_close(sb_adam_rate(&a, INT64_C(1) << 40), 1e-3, 1e-18, "constant rate for ever");
  a.warmup = 10;
  tap_close(sb_adam_rate(&a, 0), 1e-4, 1e-18, "warm-up begins above zero");
  tap_close(sb_adam_rate(&a, 4), 5e-4, 1e-18, "warm-up is linear");
  tap_close(sb_adam_rate(&a, 9), 1e-3, 1e-18, "warm-up ends");
  a.schedule = SB_RATE_COSINE;
  a.steps = 110;
  a.rate_end = .1;
  tap_close(sb_adam_rate(&a, 4), 5e-4, 1e-18, "no cosine while it warms up");
  tap_close(sb_adam_rate(&a, 10), 1e-3, 1e-18, "the cosine begins at the whole rate");
  tap_close(sb_adam_rate(&a, 60), 5.5e-4, 1e-17, "is half-way in the middle");
  double third = 1e-3 * (.1 + .9 * (1 + cos(3.14159265358979323846 * .3)) / 2);
  tap_close(sb_adam_rate(&a, 40), third, 1e-17, "follows the formula");
  tap_close(sb_adam_rate(&a, 110), 1e-4, 1e-17, "ends at its fraction");
  tap_close(sb_adam_rate(&a, 100000), 1e-4, 1e-17, "and stays there");
  a.steps = 5;
  tap_ok(sb_adam_rate(&a, 3) > 0 && sb_adam_rate(&a, 20) > 0, "a horizon inside the warm-up");
  tap_ok(strcmp(sb_schedule_name[SB_RATE_COSINE], "cosine") == 0, "schedules have names");
}

static void test_constants(void) {
  sb_adam a = usual;
  sb_adam_step s;
  sb_adam_at(&a, 0, 1, &s);
  tap_close(s.rate, 1e-2, 1e-8, "the first step corrects the first moment");
  tap_close(s.scale2 * (1 - (double)s.beta2), 1, 1e-7, "and the second, as the kernel rounds it");
  tap_close(s.average, .1, 1e-8, "the average starts quickly");
  tap_ok(s.clip == 1 && s.decay == 0 && s.coupled == 0, "nothing else asked for");
  sb_adam_at(&a, 999, 1, &s);
  double two = (double)s.beta2;
  tap_close(s.scale2, 1 / (1 - pow(two, 1000)), 1e-6, "correction of step 1000");
  tap_close(s.average, 1000.0 / 1009, 1e-7, "average of step 1000");
  for (int e = 20; e < 63; e += 6) {
    sb_adam_at(&a, (INT64_C(1) << e) - 1, 1, &s);
    tap_ok(fabsf(s.rate - 1e-3f) < 1e-9f && fabsf(s.scale2 - 1) < 1e-6f && s.average == .999f,
           "step 2^%d", e);
  }
  a.decay = .01;
  sb_adam_at(&a, 5, 1, &s);
  tap_ok(s.coupled == .01f && s.decay == 0, "coupled decay");
  a.decoupled = 1;
  sb_adam_at(&a, 5, 1, &s);
  tap_ok(s.coupled == 0 && s.decay == 1e-5f, "decoupled decay");
  a.clip = 2;
  sb_adam_at(&a, 5, 8, &s);
  tap_ok(s.clip == .25f, "clipped");
  sb_adam_at(&a, 5, 2, &s);
  tap_ok(s.clip == 1, "not clipped at the bound");
  double bad[] = {(double)NAN, HUGE_VAL};
  for (int i = 0; i < 2; i++) {
    sb_adam_at(&a, 5, bad[i], &s);
    tap_ok(s.clip == 1, "a norm of %g does not clip", bad[i]);
  }
  a.average = 0;
  sb_adam_at(&a, 5, 1, &s);
  tap_ok(s.average == 0, "no average: the parameters themselves");
}

enum { N = 100, STEPS = 300 };

/* Minimises sum of i (p_i - c_i)^2 with noise in the gradient; the same in double beside it. */
static double largest_error(const sb_adam *a) {
  float p[N], g[N], m[N] = {0}, v[N] = {0}, e[N] = {0};
  double pd[N], md[N] = {0}, vd[N] = {0}, ed[N] = {0}, most = 0;
  for (int i = 0; i < N; i++) pd[i] = p[i] = (float)(i % 7 - 3) / 3;
  for (int k = 0; k < STEPS; k++) {
    sb_adam_step s;
    double norm = 0, rate = sb_adam_rate(a, k);
    for (int i = 0; i < N; i++) {
      g[i] = (float)((1 + i) * .02 * (p[i] - .5) + .1 * sin(3.0 * k + i));
      norm += (double)g[i] * g[i];
    }
    norm = sqrt(norm);
    sb_adam_at(a, k, norm, &s);
    sb_kernel()->adam(&s, N, g, m, v, p, e);
    double clip = a->clip > 0 && norm > a->clip ? a->clip / norm : 1;
    double average = fmin(a->average, (1.0 + k) / (10.0 + k));
    for (int i = 0; i < N; i++) {
      double gd = g[i] * clip + (a->decoupled ? 0 : a->decay * pd[i]);
      md[i] = a->beta1 * md[i] + (1 - a->beta1) * gd;
      vd[i] = a->beta2 * vd[i] + (1 - a->beta2) * gd * gd;
      if (a->decoupled) pd[i] -= rate * a->decay * pd[i];
      pd[i] -= rate * md[i] / (1 - pow(a->beta1, k + 1)) /
               (sqrt(vd[i] / (1 - pow(a->beta2, k + 1))) + a->epsilon);
      ed[i] = average * ed[i] + (1 - average) * pd[i];
      most = fmax(most, fmax(fabs(p[i] - pd[i]), fabs(e[i] - ed[i])));
    }
  }
  return most;
}

static void test_steps(const char *kernel) {
  sb_adam a = usual;
  a.rate = 1e-2;
  tap_close(largest_error(&a), 0, 2e-5, "%s: 300 steps", kernel);
  a.decay = .1;
  tap_close(largest_error(&a), 0, 2e-5, "%s: with coupled decay", kernel);
  a.decoupled = 1;
  tap_close(largest_error(&a), 0, 2e-5, "%s: with decoupled decay", kernel);
  a.clip = 1;
  a.warmup = 20;
  a.schedule = SB_RATE_COSINE;
  a.steps = 250;
  tap_close(largest_error(&a), 0, 2e-5, "%s: clipped, warmed up, cosine", kernel);
}

int main(void) {
  int level;
  if (sb_isa_level(&level) != SB_OK) return EXIT_FAILURE;
  test_rate();
  test_constants();
  for (int v = 0; v <= level; v++) {
    sb_isa_choose(v);
    test_steps(sb_kernel()->name);
  }
  return tap_done();
}
