/* RUN np=1
 * RUN np=2
 * RUN np=3
 * RUN np=4
 * Distances between samples: against plain loops, closed forms, and the same bits on any number of
 * ranks.
 *
 * `t_metric values FILE` prints the distances of two sets instead, for metric_peers.py; FILE holds
 * n, m, d, h and the coordinates. `t_metric scale WHAT N D` takes one of two samples of N points,
 * for tests/long. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "clouds.h"
#include "sb/kernel.h"
#include "sb/mem.h"
#include "sb/metric.h"
#include "tap.h"

static double distance(sb_points a, int64_t i, sb_points b, int64_t j) {
  double sum = 0;
  for (int k = 0; k < a.d; k++) {
    const double z = a.x[i * a.d + k] - b.x[j * b.d + k];
    sum += z * z;
  }
  return sqrt(sum);
}

static double plain_mean(sb_points a, sb_points b, double h) {
  double sum = 0, pairs = 0;
  for (int64_t i = 0; i < a.n; i++)
    for (int64_t j = 0; j < b.n; j++) {
      if (a.x == b.x && i == j) continue;
      const double r = distance(a, i, b, j);
      sum += h > 0 ? exp(-r * r / (2 * h * h)) : r;
      pairs++;
    }
  return sum / pairs;
}

static void pairs(const sb_comm *c) {
  const int64_t sizes[] = {2, 63, 64, 65, 128, 129, 192, 300};
  double worst[2] = {0, 0}, value;
  for (int k = 0; k < 8; k++)
    for (int d = 1; d < 4; d += 2)
      for (int gauss = 0; gauss < 2; gauss++) {
        const double h = gauss ? 1.5 : 0;
        sb_points a = cloud(1, sizes[k], d, 0, 1), b = cloud(2, sizes[7 - k], d, 1, 2);
        const sb_points other = on(c, b);
        sb_pair_mean(c, on(c, a), &other, h, &value);
        worst[0] = fmax(worst[0], fabs(value / plain_mean(a, b, h) - 1));
        sb_pair_mean(c, on(c, a), NULL, h, &value);
        worst[1] = fmax(worst[1], fabs(value / plain_mean(a, a, h) - 1));
        cloud_free(a), cloud_free(b);
      }
  tap_close(worst[0], 0, 1e-13, "means over pairs of two sets");
  tap_close(worst[1], 0, 1e-13, "means over pairs of one set");
}

/* 3000 points of two Gaussians on a line at distance 1: E|N(a, 2)| = 2/sqrt(pi) exp(-a^2/4) + a
 * erf(a/2). */
static void closed_forms(const sb_comm *c) {
  sb_points a = cloud(1, 3000, 1, 0, 1), b = cloud(2, 3000, 1, 1, 1);
  const double root = 2 / sqrt(acos(-1)), h = 1.2, s = h * h;
  double value = NAN;
  sb_energy_distance(c, on(c, a), on(c, b), &value);
  tap_close(value, root * exp(-.25) + erf(.5) - root, .025, "energy distance of two Gaussians");
  sb_mmd(c, on(c, a), on(c, b), h, &value);
  tap_close(value, 2 * sqrt(s / (s + 2)) * (1 - exp(-1 / (2 * (s + 2)))), .015,
            "maximum mean discrepancy of them");
  sb_sliced_w2(c, on(c, a), on(c, b), 3, 1, &value);
  tap_close(value, 1, .06, "sliced distance of them");
  cloud_free(a), cloud_free(b);
}

static int by_value(const void *a, const void *b) {
  const double *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

static void sliced(const sb_comm *c) {
  sb_points a = cloud(1, 600, 1, 0, 1), b = cloud(2, 400, 1, -1, 3), p = cloud(3, 500, 3, 0, 1),
            q = cloud(3, 500, 3, 2, 1);
  double value = NAN, sum = 0;
  sb_sliced_w2(c, on(c, p), on(c, q), 20000, 5, &value);
  tap_close(value, 2, .01, "a shift of length s in d dimensions is s / sqrt(d) on the average");
  sb_sliced_w2(c, on(c, a), on(c, b), 1, 5, &value);
  qsort(cloud_x(a), 600, sizeof(double), by_value);
  qsort(cloud_x(b), 400, sizeof(double), by_value);
  for (int i = 0; i < 1200; i++)
    sum += (a.x[i / 2] - b.x[i / 3]) * (a.x[i / 2] - b.x[i / 3]) / 1200;
  tap_close(value, sqrt(sum), 1e-12,
            "600 points against 400 on a line: every point twice and thrice");
  cloud_free(a), cloud_free(b), cloud_free(p), cloud_free(q);
}

static void moments(const sb_comm *c) {
  for (int d = 1; d <= 200; d += 199) { /* 200: more than one band of the covariance */
    sb_points a = cloud(4, 333, d, 1e3, 1);
    double *mean = NULL, *cov = NULL, worst = 0;
    if (SB_NEW(&mean, d, "mean") || SB_NEW(&cov, d * d, "covariance")) return;
    sb_status s = sb_moments(c, on(c, a), mean, cov);
    for (int k = 0; k < d; k++)
      for (int l = 0; l < d; l++) {
        double sum = 0, of_k = 0, of_l = 0;
        for (int i = 0; i < 333; i++) of_k += a.x[i * d + k] / 333, of_l += a.x[i * d + l] / 333;
        for (int i = 0; i < 333; i++)
          sum += (a.x[i * d + k] - of_k) * (a.x[i * d + l] - of_l) / 332;
        worst = fmax(worst, fmax(fabs(sum - cov[k * d + l]), fabs(mean[k] - of_k)));
      }
    tap_close(s ? NAN : worst, 0, 1e-10, "mean and covariance in %d dimensions", d);
    sb_mem_free(mean), sb_mem_free(cov), cloud_free(a);
  }
}

static void median(const sb_comm *c) {
  sb_points a = cloud(6, 150, 2, 0, 1);
  static double all[150 * 149 / 2];
  double value = NAN;
  int count = 0;
  for (int i = 0; i < 150; i++)
    for (int j = 0; j < i; j++) all[count++] = distance(a, i, a, j);
  qsort(all, (size_t)count, sizeof *all, by_value);
  sb_median_distance(c, on(c, a), 1000, 1, &value);
  tap_close(value, all[(count - 1) / 2], 0, "median distance of 150 points");
  for (int i = 0; i < 300; i++) cloud_x(a)[i] = 7;
  sb_median_distance(c, on(c, a), 1000, 1, &value);
  tap_close(value, 0, 0, "of equal points");
  cloud_free(a);
}

static void nearest(const sb_comm *c) {
  const int dims[] = {1, 2, 3, 17};
  for (int k = 0; k < 4; k++) {
    const int d = dims[k];
    sb_points a = cloud(7, 500, d, 0, 2), b = cloud(8, 777, d, .5, 1);
    const sb_share own = sb_share_of(c, a.n);
    double *out = NULL, worst = 0;
    if (SB_NEW(&out, own.count, "nearest")) return;
    for (int i = 0; i < 100 * d; i++) cloud_x(b)[i + 100 * d] = b.x[i]; /* doubles */
    for (int i = 0; i < d; i++) cloud_x(a)[i] = b.x[i];
    const sb_status s = sb_nearest_distance(c, on(c, a), on(c, b), out);
    for (int64_t i = 0; i < own.count; i++) {
      double least = HUGE_VAL;
      for (int64_t j = 0; j < b.n; j++) least = fmin(least, distance(a, own.first + i, b, j));
      worst = fmax(worst, fabs(least - out[i]));
    }
    sb_max_real(c, &worst, 1);
    tap_close(s ? NAN : worst, 0, 0, "nearest points in %d dimensions", d);
    sb_mem_free(out), cloud_free(a), cloud_free(b);
  }
}

enum { VALUES = 18 };

/* Everything at once, for comparisons of bits. */
/* Distance of the Gaussians with the moments of two sets. */
static sb_status gauss_of(const sb_comm *c, sb_points a, sb_points b, double *out) {
  const int64_t d = a.d;
  double *m;
  sb_status s = sb_agree(c, SB_NEW(&m, 2 * d + 2 * d * d, "moments"));
  if (!s) s = sb_moments(c, on(c, a), m, m + 2 * d);
  if (!s) s = sb_moments(c, on(c, b), m + d, m + 2 * d + d * d);
  if (!s) s = sb_gauss_w2(c, a.d, m, m + 2 * d, m + d, m + 2 * d + d * d, out);
  sb_mem_free(m);
  return s;
}

static sb_status all_values(const sb_comm *c, sb_points a, sb_points b, double h,
                            double out[VALUES]) {
  double mean[3], cov[9], *near = NULL;
  memset(out, 0, VALUES * sizeof *out);
  SB_TRY(sb_energy_distance(c, on(c, a), on(c, b), &out[0]));
  SB_TRY(sb_mmd(c, on(c, a), on(c, b), h, &out[1]));
  SB_TRY(sb_median_distance(c, on(c, a), 500, 3, &out[2]));
  SB_TRY(sb_sliced_w2(c, on(c, a), on(c, b), 50, 4, &out[3]));
  SB_TRY(sb_moments(c, on(c, a), a.d <= 3 ? mean : NULL, a.d <= 3 ? cov : NULL));
  for (int k = 0; k < 3 && a.d == 3; k++) out[4 + k] = mean[k], out[7 + k] = cov[4 * k];
  sb_status s = sb_agree(c, SB_NEW(&near, sb_share_of(c, a.n).count, "nearest"));
  if (!s) s = sb_nearest_distance(c, on(c, a), on(c, b), near);
  if (!s) s = sb_sum_rows(c, a.n, 1, near, &out[10], "nearest");
  if (!s && a.n == b.n) s = sb_agree(c, sb_w2_exact(a, b, &out[11]));
  sb_mem_free(near);
  if (!s) s = sb_energy_test(c, on(c, a), on(c, b), 19, 5, &out[12], &out[13]);
  if (!s) s = sb_coverage_error(c, on(c, a), on(c, b), 0.9, &out[14]);
  if (!s) s = gauss_of(c, a, b, &out[15]);
  sb_sinkhorn entropic = {0};
  if (!s) s = sb_sinkhorn_divergence(c, on(c, a), on(c, b), a.d * h * h, 1e-1, 3, &entropic);
  out[16] = entropic.value;
  return s ? s : sb_frechet(c, on(c, a), on(c, b), &out[17], NULL);
}

static void same_bits(const sb_comm *c) {
  sb_points a = cloud(1, 1111, 3, 0, 1), b = cloud(2, 700, 3, .1, 1.1);
  double world[VALUES], self[VALUES];
  bool good = !all_values(c, a, b, 1.7, world) && !all_values(sb_comm_self(), a, b, 1.7, self);
  tap_ok(on_all(c, good && !memcmp(world, self, sizeof world)), "%d ranks and one: the same bits",
         c->size);
  if (c->rank == 0) /* to compare runs by eye */
    for (int i = 0; i < VALUES; i++) printf("# %a\n", world[i]);
  cloud_free(a), cloud_free(b);
}

/* Splits of equal samples are as far apart as often as chance has it; others never are. */
static void tests(const sb_comm *c) {
  int low = 0;
  double value, p, sum = 0;
  for (int i = 0; i < 40; i++) {
    sb_points a = cloud(10 + i, 40, 2, 0, 1), b = cloud(60 + i, 50, 2, 0, 1);
    if (sb_energy_test(c, on(c, a), on(c, b), 39, (uint64_t)i, &value, &p)) p = NAN;
    sum += p, low += p <= 0.25;
    cloud_free(a), cloud_free(b);
  }
  /* Mean of 40 uniform numbers: 0.51 +- 0.046; of 40 trials at 1/4: 10 +- 2.7. Five of those. */
  tap_ok(fabs(sum / 40 - 0.51) < 0.23 && low <= 23, "equal laws: p is uniform (%.3f, %d)", sum / 40,
         low);
  sb_points a = cloud(1, 60, 3, 0, 1), b = cloud(2, 50, 3, 1.5, 1);
  tap_ok(!sb_energy_test(c, on(c, a), on(c, b), 199, 3, &value, &p) && p == 1.0 / 200,
         "samples far apart: the least p there is, %g", p);
  double energy;
  tap_ok(!sb_energy_distance(c, on(c, a), on(c, b), &energy), "energy distance");
  tap_close(value, energy, 1e-12, "the test's statistic is the energy distance");
  tap_ok(!sb_coverage_error(c, on(c, b), on(c, b), 0.9, &value) && value < 0.03,
         "a set covers itself, %g", value);
  tap_ok(!sb_coverage_error(c, on(c, a), on(c, b), 0.9, &value) && value > 0.2,
         "another one does not, %g", value);
  cloud_free(a), cloud_free(b);

  const double mean[4] = {1, -2, 0, 2}, cov[4] = {4, 0, 0, 9}, other[4] = {1, 0, 0, 16},
               flat[4] = {1, 1, 1, 1};
  tap_ok(!sb_gauss_w2(c, 2, mean, cov, mean + 2, other, &value), "Gaussians");
  tap_close(value, 1 + 16 + 1 + 1, 1e-12, "on axes: gaps of means and of deviations");
  tap_ok(!sb_gauss_w2(c, 2, mean, flat, mean, flat, &value), "a singular one");
  tap_close(value, 0, 1e-7, "and itself");
  int64_t good = 0;
  sb_points one = {1, 2, mean}, two = {2, 2, mean}, three = {2, 1, mean};
  good += sb_energy_test(c, on(c, one), on(c, two), 9, 1, &value, &p) == SB_USE, sb_forget();
  good += sb_energy_test(c, on(c, two), on(c, two), 0, 1, &value, &p) == SB_USE, sb_forget();
  good += sb_energy_test(c, on(c, two), on(c, three), 9, 1, &value, &p) == SB_USE, sb_forget();
  good += sb_coverage_error(c, on(c, two), on(c, three), 0.9, &value) == SB_USE, sb_forget();
  good += sb_coverage_error(c, on(c, two), on(c, one), 0.9, &value) == SB_USE, sb_forget();
  good += sb_coverage_error(c, on(c, two), on(c, two), 1, &value) == SB_USE, sb_forget();
  tap_ok(on_all(c, good == 6), "what cannot be compared is refused");
}

/* OT by plain iterations in logarithms, from the plan. */
static double plain_transport(sb_points a, sb_points b, double variance) {
  static double f[100], g[100], logit[100];
  double value = 0;
  memset(g, 0, sizeof g);
  for (int k = 0; k < 4000; k++)
    for (int side = 0; side < 2; side++) {
      const sb_points x = side ? b : a, y = side ? a : b;
      const double *from = side ? f : g;
      for (int64_t i = 0; i < x.n; i++) {
        double top = -HUGE_VAL, sum = 0;
        for (int64_t j = 0; j < y.n; j++) {
          const double far = distance(x, i, y, j);
          logit[j] = (from[j] - far * far / 2) / variance;
          top = fmax(top, logit[j]);
        }
        for (int64_t j = 0; j < y.n; j++) sum += exp(logit[j] - top) / (double)y.n;
        (side ? g : f)[i] = -variance * (top + log(sum));
      }
    }
  for (int64_t i = 0; i < a.n; i++)
    for (int64_t j = 0; j < b.n; j++) {
      const double far = distance(a, i, b, j), cost = far * far / 2;
      const double density = (f[i] + g[j] - cost) / variance;
      value += exp(density) / (double)(a.n * b.n) * (cost + variance * density);
    }
  return value;
}

static void entropic(const sb_comm *c) {
  sb_points a = cloud(21, 70, 2, 0, 1), b = cloud(22, 100, 2, .5, 1.5);
  const double variance[] = {20, .5};
  sb_sinkhorn s;
  for (int k = 0; k < (c->size == 1 ? 2 : 1); k++) { /* small ones take many iterations */
    const double v = variance[k], want = plain_transport(a, b, v) - plain_transport(a, a, v) / 2 -
                                         plain_transport(b, b, v) / 2;
    tap_ok(!sb_sinkhorn_divergence(c, on(c, a), on(c, b), v, 1e-9, 5000, &s), "divergence");
    tap_close(s.value, want, 1e-8 * v, "against plain iterations, variance %g (%d, %.0e)", v,
              (int)s.iterations, s.residual);
    tap_ok(s.residual <= 1e-9 && s.iterations < 5000, "it converges");
  }
  tap_ok(!sb_sinkhorn_divergence(c, on(c, a), on(c, a), 20, 1e-6, 100, &s), "a set and itself");
  tap_close(s.value, 0, 1e-9, "have none");
  sb_points p = cloud(23, 150, 3, 0, 1), q = cloud(23, 150, 3, 2, 1);
  tap_ok(!sb_sinkhorn_divergence(c, on(c, p), on(c, q), 50, 1e-6, 100, &s), "a shift");
  tap_close(s.value, 6, 1e-6, "costs half its square, whatever the variance");
  tap_ok(!sb_sinkhorn_divergence(c, on(c, p), on(c, q), 1e-3, 1e-3, 3, &s) && s.residual > 1e-3,
         "few iterations: the residual says so");
  int64_t good = sb_sinkhorn_divergence(c, on(c, p), on(c, q), 0, 1e-3, 3, &s) == SB_USE;
  sb_forget();
  good += sb_sinkhorn_divergence(c, on(c, p), on(c, a), 1, 1e-3, 3, &s) == SB_USE, sb_forget();
  cloud_x(q)[449] = NAN;
  good += sb_sinkhorn_divergence(c, on(c, p), on(c, q), 1, 1e-3, 3, &s) == SB_BAD, sb_forget();
  tap_ok(on_all(c, good == 3), "what has no transport is refused");
  cloud_free(a), cloud_free(b), cloud_free(p), cloud_free(q);
}

/* Covariances that lie spread, against whole ones. */
static void spread(const sb_comm *c) {
  enum { D = 90 };
  static double mean[4][D], cov[2][D * D];
  sb_points a = cloud(31, 200, D, 0, 1), b = cloud(32, 150, D, .1, 1.2);
  sb_process_grid *g = NULL;
  sb_dist m[2] = {{.grid = NULL}, {.grid = NULL}};
  double whole = NAN, value = NAN, trace, far = 0, sum = 0;
  for (int64_t i = 0; i < 200; i++) cloud_x(a)[i * D + 3] += 2 * a.x[i * D + 60];
  sb_status s = sb_moments(c, on(c, a), mean[0], cov[0]);
  if (!s) s = sb_moments(c, on(c, b), mean[1], cov[1]);
  if (!s) s = sb_gauss_w2(c, D, mean[0], cov[0], mean[1], cov[1], &whole);
  if (!s) s = sb_process_grid_open(c, D, &g);
  for (int k = 0; k < 2 && !s; k++) s = sb_dist_open(g, D, D, "test", &m[k]);
  if (!s) s = sb_moments_spread(c, on(c, a), 0.5, mean[2], &m[0]);
  if (!s) s = sb_moments_spread(c, on(c, a), 0.5, NULL, &m[0]);
  if (!s) s = sb_moments_spread(c, on(c, b), 1, mean[3], &m[1]);
  for (int k = 0; k < 2 && !s; k++)
    for (int64_t i = 0; i < m[k].my_rows; i++)
      for (int64_t j = 0; j < m[k].my_cols; j++)
        far = fmax(far, fabs(m[k].x[i * m[k].stride + j] -
                             cov[k][sb_dist_row(&m[k], i) * D + sb_dist_col(&m[k], j)]));
  if (!s) s = sb_max_real(c, &far, 1);
  tap_ok(!s && far < 1e-13 && !memcmp(mean[0], mean[2], sizeof *mean), "spread covariances (%.0e)",
         far);
  if (!s) s = sb_gauss_w2_spread(mean[2], &m[0], mean[3], &m[1], &value);
  tap_close(s ? NAN : value, whole, 1e-10 * whole, "distance of Gaussians by ScaLAPACK");
  for (int k = 0; k < D; k++) sum += cov[1][k * D + k];
  tap_ok(!sb_frechet(c, on(c, a), on(c, b), &value, &trace), "Frechet distance");
  tap_close(value, whole, 1e-10 * whole, "of the samples themselves");
  tap_close(trace, sum, 1e-12 * sum, "and the trace");
  for (int k = 0; k < 2; k++) sb_dist_close(&m[k]);
  sb_process_grid_close(g);
  cloud_free(a), cloud_free(b);
}

/* As many dimensions as take ScaLAPACK by themselves; the law is known: |shift|^2 + d (s - 1)^2. */
static void many_dimensions(const sb_comm *c) {
  const int d = SB_DIST_FROM;
  sb_points a = cloud(33, 2 * d, d, 0, 1), b = cloud(33, 2 * d, d, .1, 1.5);
  double value, trace;
  tap_ok(!sb_frechet(c, on(c, a), on(c, b), &value, &trace), "Frechet distance in %d dimensions",
         d);
  double want = 0;
  static double mean[2][SB_DIST_FROM];
  sb_moments(c, on(c, a), mean[0], NULL), sb_moments(c, on(c, b), mean[1], NULL);
  for (int k = 0; k < d; k++) want += (mean[0][k] - mean[1][k]) * (mean[0][k] - mean[1][k]);
  want += trace * (1 - 1 / 1.5) * (1 - 1 / 1.5); /* b is 1.5 a and a shift: roots of one matrix */
  tap_close(value, want, 1e-9 * want, "of a sample and its image");
  cloud_free(a), cloud_free(b);
}

static void refusals(const sb_comm *c) {
  sb_points a = cloud(1, 130, 2, 0, 1), b = cloud(2, 130, 2, 0, 1), one = {1, 2, a.x},
            none = {0, 2, a.x}, other = {40, 3, a.x};
  double value, out[130];
  int64_t good = 0;
  good += sb_energy_distance(c, on(c, a), one, &value) == SB_USE, sb_forget();
  good += sb_energy_distance(c, on(c, a), on(c, other), &value) == SB_USE, sb_forget();
  good += sb_mmd(c, on(c, a), on(c, b), 0, &value) == SB_USE, sb_forget();
  good += sb_median_distance(c, on(c, one), 10, 1, &value) == SB_USE, sb_forget();
  good += sb_sliced_w2(c, on(c, a), on(c, none), 10, 1, &value) == SB_USE, sb_forget();
  good += sb_moments(c, on(c, none), out, NULL) == SB_USE, sb_forget();
  good += sb_moments(c, on(c, one), out, out) == SB_USE, sb_forget();
  good += sb_nearest_distance(c, on(c, a), on(c, none), out) == SB_USE, sb_forget();
  tap_ok(on_all(c, good == 8), "sets that do not fit are refused");
  for (int k = 0; k < 2; k++) {
    cloud_x(a)[k ? 3 : 259] = k ? HUGE_VAL : NAN;
    good = sb_energy_distance(c, on(c, a), on(c, b), &value) == SB_BAD, sb_forget();
    good += sb_mmd(c, on(c, a), on(c, b), k ? 1e300 : 1, &value) == SB_BAD || k,
        sb_forget(); /* exp(-inf) is well */
    good += sb_median_distance(c, on(c, a), 130, 1, &value) == SB_BAD, sb_forget();
    good += sb_sliced_w2(c, on(c, a), on(c, b), 10, 1, &value) == SB_BAD, sb_forget();
    good += sb_moments(c, on(c, a), out, out + 2) == SB_BAD, sb_forget();
    good += sb_nearest_distance(c, on(c, a), on(c, b), out) == SB_BAD, sb_forget();
    good += sb_nearest_distance(c, on(c, b), on(c, a), out) == SB_BAD, sb_forget();
    tap_ok(on_all(c, good == 7), "%s in a set", k ? "infinity" : "not a number");
  }
  cloud_free(a), cloud_free(b);
}

static void memory(const sb_comm *c) {
  sb_points a = cloud(1, 100, 3, 0, 1), b = cloud(2, 100, 3, .1, 1.1);
  const int64_t before = sb_mem_now();
  double values[VALUES];
  bool good = true;
  long k = 0;
  for (sb_status s = SB_SYS; s && good && k < 500; k++) {
    if (c->rank == c->size - 1) sb_mem_fail_after(k);
    s = all_values(c, a, b, 1, values);
    sb_mem_fail_after(-1);
    good = on_all(c, sb_mem_now() == before && (s == SB_OK || s == SB_SYS));
    sb_forget();
  }
  tap_ok(good && k > 20 && k < 500,
         "one rank without memory, %ld times: all know, nothing is left behind", k - 1);
  cloud_free(a), cloud_free(b);
}

static int print_values(const sb_comm *c, const char *path) {
  const char *const names[] = {"energy_distance", "mmd", "median_distance", "sliced_w2"};
  double h, values[VALUES];
  long long n, m;
  int d;
  FILE *f = fopen(path, "r");
  if (!f || fscanf(f, "%lld %lld %d %lf", &n, &m, &d, &h) != 4) return 1;
  sb_points a = cloud(1, n, d, 0, 0), b = cloud(1, m, d, 0, 0);
  for (int64_t i = 0; i < n * d; i++)
    if (fscanf(f, "%lf", cloud_x(a) + i) != 1) return 1;
  for (int64_t i = 0; i < m * d; i++)
    if (fscanf(f, "%lf", cloud_x(b) + i) != 1) return 1;
  fclose(f);
  sb_sinkhorn entropic;
  if (all_values(c, a, b, h, values) ||
      sb_sinkhorn_divergence(c, a, b, d * h * h, 1e-8, 500, &entropic)) {
    fprintf(stderr, "%s\n", sb_message());
    return 1;
  }
  for (int i = 0; i < 4; i++) printf("%s %.17g\n", names[i], values[i]);
  printf("nearest_sum %.17g\nw2 %.17g\n", values[10], values[11]);
  printf("tested %.17g\np %.17g\ncoverage %.17g\ngauss %.17g\n", values[12], values[13], values[14],
         values[15]);
  printf("sinkhorn %.17g\nfrechet %.17g\n", entropic.value, values[17]);
  cloud_free(a), cloud_free(b);
  return 0;
}

/* Seconds of this process, and the most memory it ever held. */
static double busy(void) {
  struct rusage use;
  getrusage(RUSAGE_SELF, &use);
  return (double)use.ru_utime.tv_sec + 1e-6 * (double)use.ru_utime.tv_usec;
}

/* `t_metric scale WHAT N D`: one distance of two samples of N points, each rank with its own rows;
 * prints its value, MiB of the fullest rank that the program counted, and CPU seconds of all ranks.
 */
static int scale(const sb_comm *c, const char *what, int64_t n, int d) {
  const sb_share own = sb_share_of(c, n);
  double *x[2] = {NULL, NULL}, value = NAN;
  for (int k = 0; k < 2; k++) {
    if (SB_NEW(&x[k], own.count * d, "cloud")) return 3;
    for (int64_t i = 0; i < own.count; i++)
      sb_noise_normals64((uint64_t)k, own.first + i, 1, 0, d, x[k] + i * d);
    for (int64_t i = 0; i < own.count * d; i++) x[k][i] = k ? 0.2 + 1.1 * x[k][i] : x[k][i];
  }
  const sb_points a = {n, d, x[0]}, b = {n, d, x[1]};
  const double before = busy(), h = sqrt((double)d);
  sb_sinkhorn s;
  sb_status status = SB_USE;
  if (!strcmp(what, "energy")) status = sb_energy_distance(c, a, b, &value);
  if (!strcmp(what, "mmd")) status = sb_mmd(c, a, b, h, &value);
  if (!strcmp(what, "sliced")) status = sb_sliced_w2(c, a, b, 16, 1, &value);
  if (!strcmp(what, "frechet")) status = sb_frechet(c, a, b, &value, NULL);
  if (!strcmp(what, "sinkhorn")) {
    status = sb_sinkhorn_divergence(c, a, b, h * h, 1e-3, 100, &s);
    value = s.value;
  }
  double most[2] = {(double)sb_mem_peak() / 1048576, busy() - before};
  sb_max_real(c, most, 1);
  sb_mean_timing(c, &most[1], 1);
  if (c->rank == 0 && !status) printf("%.17g %.1f %.1f\n", value, most[0], most[1] * c->size);
  sb_mem_free(x[0]), sb_mem_free(x[1]);
  return (int)status;
}

int main(int argc, char **argv) {
  sb_comm *c;
  if (sb_comm_start(&argc, &argv, &c)) return 3;
  tap_rank = c->rank;
  int status;
  if (argc == 3 && !strcmp(argv[1], "values")) {
    status = print_values(c, argv[2]);
  } else if (argc == 5 && !strcmp(argv[1], "scale")) {
    status = scale(c, argv[2], atoll(argv[3]), atoi(argv[4]));
  } else {
    pairs(c), closed_forms(c), sliced(c), moments(c), median(c), nearest(c), entropic(c), spread(c);
    if (c->size <= 2) many_dimensions(c);
    same_bits(c), tests(c), refusals(c), memory(c);
    status = tap_done();
  }
  sb_comm_finish(c);
  return status;
}
