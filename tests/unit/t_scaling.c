/* RUN np=1
 * RUN np=3
 * The symmetric Sinkhorn scaling and its softmax averages against the closed values of
 * ALGORITHMS 3.2-3.6: tiny example, Gaussian laws on quantile points, storage and precision, any
 * number of ranks, each set of kernels. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sb/mem.h"
#include "sb/noise.h"
#include "sb/scaling.h"
#include "tap.h"

#define MOST 3000

static const sb_comm *world;
static const int axes[] = {0, 1, 2, 3, 4, 5, 6, 7};

static void need(sb_status s) {
  if (!s) return;
  printf("Bail out! %s\n", sb_message());
  exit(3);
}

static sb_centres line(int64_t n, const float *x, const double *scale) {
  return (sb_centres){.n = n, .d = 1, .coordinate = axes, .scale = scale, .x = x, .width = 1};
}

static sb_scaling_result scale(const sb_comm *c, const sb_centres *k, int storage, int precision,
                               double tolerance, int64_t most, double *log_v) {
  const sb_scaling_options o = {storage, precision, tolerance, most};
  sb_scaling_result r;
  need(sb_scale(c, k, &o, log_v, &r));
  return r;
}

/* --- The example of three points, step 1/2 */

static void averages(const sb_centres *k, const double *log_v) {
  static const double at[] = {.4, 2, -100},
                      m[] = {.5159676309496424, 1.9203856366261118, 2.0968778891747803e-44},
                      var[] = {.3893710552711854, 1.279528183575155};
  double mean[3], cov[3], u[1] = {.5305743758868008 - 1e-9};
  int64_t pick[2];
  sb_soft *s;
  need(sb_soft_open(k, log_v, 1, axes, 1, &s));
  sb_soft_mean(s, 3, at, NULL, mean, cov, NULL);
  for (int i = 0; i < 2; i++) {
    tap_close(mean[i], m[i], 1e-12, "mean at %g", at[i]);
    tap_close(cov[i], var[i], 1e-12, "variance at %g", at[i]);
  }
  tap_close(mean[2] / m[2], 1, 1e-10, "mean far outside");
  tap_ok(cov[2] >= 0 && cov[2] < 1e-40, "variance far outside is 0 and no NaN");
  sb_soft_pick(s, 1, at, NULL, u, pick);
  u[0] += 2e-9;
  sb_soft_pick(s, 1, at, NULL, u, pick + 1);
  tap_ok(pick[0] == 0 && pick[1] == 1, "draws change where the sum of the weights says");
  sb_soft_close(s);
}

static void test_tiny(void) {
  static const float x[] = {0, 1, 3};
  static const double step = .5, v[] = {.7963450159752513, .7400649527844175, .946982371897077},
                      path[][3] = {{.7862471920959251, .7576918852460376, .9339497800092511},
                                   {.7911386730096377, .7461426050978457, .945271417770122},
                                   {.7942244371376649, .7423594660229311, .9465507059089995}};
  const double s = 1 / (2 * sqrt(step));
  const sb_centres k = line(3, x, &s);
  double l[3];
  for (int it = 1; it <= 3; it++) {
    const sb_scaling_result r = scale(world, &k, SB_STORE_FLY, SB_DOUBLE, 1e-14, it, l);
    double worst = 0;
    for (int i = 0; i < 3; i++) worst = fmax(worst, fabs(exp(l[i]) - path[it - 1][i]));
    tap_ok(worst < 1e-12 && !r.converged, "tiny example after %d iterations: %.1e", it, worst);
  }
  for (int precision = SB_MIXED; precision <= SB_DOUBLE; precision++) {
    const sb_scaling_result r = scale(world, &k, SB_STORE_FLY, precision, 1e-14, 100, l);
    double worst = 0;
    for (int i = 0; i < 3; i++) worst = fmax(worst, fabs(exp(l[i]) - v[i]));
    tap_ok(worst < 1e-12 && r.converged, "tiny example, precision %d: %.1e after %d", precision,
           worst, (int)r.iterations);
  }
  averages(&k, l);
}

/* --- One-dimensional Gaussian on quantiles: x(u) by Newton's steps on erfc */

static void quantiles(double variance, float *x) {
  for (int i = 0; i < MOST; i++) {
    const double u = (i + .5) / MOST;
    double z = 0;
    for (int k = 0; k < 60; k++) {
      const double step = (.5 * erfc(-z / sqrt(2)) - u) * sqrt(2 * M_PI) * exp(z * z / 2);
      z -= fmax(-.5, fmin(.5, step));
    }
    x[i] = (float)(z * sqrt(variance));
  }
}

static void gaussian(double variance, double step, float *x, double *l) {
  const double s = 1 / (2 * sqrt(step)),
               a = sqrt(1 + step * step / variance / variance) - step / variance;
  const sb_centres k = line(MOST, x, &s);
  double at[] = {-.5, .3, .8}, mean[3], cov[3], slope = 0, spread = 0, kde = 0;
  sb_soft *soft;
  quantiles(variance, x);
  const sb_scaling_result r = scale(world, &k, SB_STORE_FLY, SB_MIXED, 1e-12, 100, l);
  for (int i = 0; i < 3; i++) at[i] *= sqrt(variance);
  need(sb_soft_open(&k, l, 1, axes, 1, &soft));
  sb_soft_mean(soft, 3, at, NULL, mean, cov, NULL);
  for (int i = 0; i < 3; i++) slope = fmax(slope, fabs(mean[i] / at[i] - a));
  for (int i = 0; i < 3; i++) spread = fmax(spread, fabs(cov[i] - 2 * step * a));
  sb_soft_close(soft);
  need(sb_soft_open(&k, NULL, 1, axes, 0, &soft));
  sb_soft_mean(soft, 3, at, NULL, mean, NULL, NULL);
  for (int i = 0; i < 3; i++)
    kde = fmax(kde, fabs(mean[i] / at[i] - variance / (variance + 2 * step)));
  sb_soft_close(soft);
  tap_ok(r.converged && slope < 1e-4 && spread < 1e-4,
         "variance %g, step %g: slope %.5f to %.1e, conditional variance to %.1e", variance, step,
         a, slope, spread);
  tap_ok(kde < 1e-3, "without scaling: slope %.5f to %.1e", variance / (variance + 2 * step), kde);
}

/* --- Clouds: storage, precision, ranks */

static void cloud(int64_t n, int d, float *x) {
  for (int64_t i = 0; i < n; i += 64)
    sb_noise_normals(11, i, (int)(n - i < 64 ? n - i : 64), 0, d, x + i * d);
}

static void test_cloud(int n, int d, double step, float *x, double *l) {
  double *m = l + MOST, *w = l + 2 * MOST, s[8];
  const size_t bytes = (size_t)n * sizeof *l;
  sb_centres k = {.n = n, .d = d, .coordinate = axes, .scale = s, .x = x, .width = d};
  for (int c = 0; c < d; c++) s[c] = 1 / (2 * sqrt(step));
  cloud(n, d, x);
  memcpy(x + d, x, (size_t)d * sizeof *x); /* a duplicate */
  const sb_scaling_result one = scale(world, &k, SB_STORE_FLY, SB_DOUBLE, 1e-10, 100, l),
                          rows = scale(world, &k, SB_STORE_ROWS, SB_DOUBLE, 1e-10, 100, m),
                          own = scale(sb_comm_self(), &k, SB_STORE_FLY, SB_DOUBLE, 1e-10, 100, w);
  tap_ok(one.converged && one.iterations < 24,
         "%d points, d = %d, step %g: residual %.1e after %d products", n, d, step, one.residual,
         (int)one.iterations);
  tap_ok(!memcmp(l, m, bytes) && rows.residual == one.residual,
         "rows that are kept: the same bits");
  tap_ok(!memcmp(l, w, bytes) && own.residual == one.residual, "one rank alone: the same bits");
  const sb_scaling_result mixed = scale(world, &k, SB_STORE_FLY, SB_MIXED, 1e-10, 100, m);
  double worst = 0;
  for (int i = 0; i < n; i++) worst = fmax(worst, fabs(m[i] - l[i]));
  tap_ok(mixed.converged && worst < 1e-9 &&
             (n == 1 || (mixed.in_float > 3 && mixed.iterations - mixed.in_float < one.iterations)),
         "%d of %d products in float, the same scaling to %.1e", (int)mixed.in_float,
         (int)mixed.iterations, worst);
  const sb_scaling_result coarse = scale(world, &k, SB_STORE_FLY, SB_FLOAT, 1e-6, 100, m);
  tap_ok(coarse.converged && coarse.in_float == coarse.iterations - 1,
         "float alone reaches 1e-6, as a product in double says: %.1e", coarse.residual);
  const sb_scaling_result least = scale(world, &k, SB_STORE_FLY, SB_FLOAT, SB_FLOAT_FLOOR, 100, m);
  tap_ok(least.converged == (least.end == SB_SCALE_CONVERGED) && least.residual < 2e-6 &&
             least.iterations < 40 && (least.converged || least.end == SB_SCALE_STALLED),
         "asked for its floor it ends, at %.1e after %d products, reason %d", least.residual,
         (int)least.iterations, least.end);
  const sb_scaling_options o = {SB_STORE_FLY, SB_FLOAT, 9e-8, 100};
  sb_scaling_result r;
  tap_ok(sb_scale(world, &k, &o, m, &r) == SB_USE && strstr(sb_message(), "stalls"),
         "float refuses less than 1e-7");
  sb_forget();
}

/* --- Steps far from any sense: two clusters of 100 points, a thousand widths apart */

/* The same iteration by log-sum-exp with the maximum taken out, to the end. */
static void by_logarithms(int n, const double *q, double *l) {
  double *next = l + n;
  memset(l, 0, (size_t)n * sizeof *l);
  for (int it = 0; it < 120; it++) {
    for (int i = 0; i < n; i++) {
      double top = -HUGE_VAL, sum = 0;
      for (int j = 0; j < n; j++) top = fmax(top, l[j] - q[i * n + j]);
      for (int j = 0; j < n; j++) sum += exp(l[j] - q[i * n + j] - top);
      next[i] = .5 * (l[i] - top - log(sum));
    }
    memcpy(l, next, (size_t)n * sizeof *l);
  }
}

static void test_step(double step, const char *what, int n, float *x, double *l) {
  const double s[2] = {1 / (2 * sqrt(step)), 1 / (2 * sqrt(step))};
  const sb_centres k = {.n = n, .d = 2, .coordinate = axes, .scale = s, .x = x, .width = 2};
  double *q = NULL, *want = NULL, worst;
  need(SB_NEW(&q, (int64_t)n * n, "exponents"));
  need(SB_NEW(&want, 2 * n, "scaling"));
  for (int i = 0; i < n * n; i++)
    for (int c = 0; c < 2; c++)
      q[i] += pow(s[c] * ((double)x[i / n * 2 + c] - (double)x[i % n * 2 + c]), 2);
  by_logarithms(n, q, want);
  for (int precision = SB_MIXED; precision <= SB_FLOAT; precision++) {
    const double tolerance = precision == SB_FLOAT ? 1e-6 : 1e-12;
    const sb_scaling_result r = scale(world, &k, SB_STORE_FLY, precision, tolerance, 60, l);
    worst = 0;
    for (int i = 0; i < n; i++) worst = isfinite(l[i]) ? fmax(worst, fabs(l[i] - want[i])) : NAN;
    /* where float coordinates are too coarse for the step, float alone has to say so */
    const int coarse = precision == SB_FLOAT && r.end == SB_SCALE_STALLED;
    tap_ok(coarse ? r.residual > tolerance && worst < 1e-3 : r.converged && worst < 10 * tolerance,
           "%s, precision %d: as by logarithms to %.1e after %d products%s", what, precision, worst,
           (int)r.iterations, coarse ? ", stalled" : "");
  }
  sb_mem_free(want);
  sb_mem_free(q);
}

static void test_steps(float *x, double *l) {
  enum { N = 200 };
  double least = HUGE_VAL;
  cloud(N, 2, x);
  for (int i = 0; i < N; i++) x[i * 2] += i % 2 ? 1000.f : -1000.f;
  for (int i = 0; i < N; i++)
    for (int j = 0; j < i; j++)
      least = fmin(least, pow((double)x[i * 2] - (double)x[j * 2], 2) +
                              pow((double)x[i * 2 + 1] - (double)x[j * 2 + 1], 2));
  test_step(1e-6 * least, "a step of 1e-6 of the least squared distance", N, x, l);
  test_step(.05, "clusters that do not feel each other", N, x, l);
  test_step(2000, "clusters that hardly do", N, x, l);
  test_step(1e12, "a step of 1e5 times the squared size of the cloud", N, x, l);
}

/* Rows of the scaled matrix sum to 1, in plain arithmetic. */
static void test_widths(int form, float *x, double *l) {
  enum { N = 200, D = 2 };
  const double s[D] = {2, 2};
  double *rho = l + MOST, factor, worst = 0, sum = 0, again = 0, log_p[1], at[D];
  sb_centres k = {
      .n = N, .d = D, .coordinate = axes, .scale = s, .x = x, .width = D, .form = form, .rho = rho};
  sb_centres fixed = k;
  sb_soft *soft;
  cloud(N, D, x);
  fixed.form = SB_WIDTH_ONE;
  need(sb_widths(world, &k, -.5, rho, &factor));
  for (int i = 0; i < N; i++) sum += rho[i];
  for (int c = 0; c < D; c++) at[c] = (double)x[7 * D + c];
  need(sb_soft_open(&fixed, NULL, 0, NULL, 0, &soft));
  sb_soft_mean(soft, 1, at, NULL, NULL, NULL, log_p);
  again = factor * exp(-.5 * log_p[0]);
  sb_soft_close(soft);
  const sb_scaling_result r = scale(world, &k, SB_STORE_FLY, SB_MIXED, 1e-11, 200, l);
  for (int i = 0; i < N; i++) {
    double row = 0;
    for (int j = 0; j < N; j++) {
      double q = 0;
      for (int c = 0; c < D; c++) q += pow(2 * ((double)x[i * D + c] - (double)x[j * D + c]), 2);
      q *= form == SB_WIDTH_SUM ? 2 / (rho[i] + rho[j]) : 1 / (rho[i] * rho[j]);
      row += exp(l[i] + l[j] - q);
    }
    worst = fmax(worst, fabs(row - 1));
  }
  tap_ok(r.converged && worst < 1e-10, "widths %d: rows of the scaled matrix sum to 1, %.1e", form,
         worst);
  tap_close(sum / N, 1, 1e-12, "relative widths have mean 1");
  tap_close(again, rho[7], 1e-12, "the width at a centre is that of the formula");
}

static void test_nearest(void) {
  static const float x[] = {0, 1, 1, 3, 3.5f, 8};
  const double s = 1;
  const sb_centres all = line(6, x, &s), one = line(1, x, &s), twins = line(2, x + 1, &s);
  double median;
  int64_t same;
  need(sb_nearest_median(world, &all, &median, &same)); /* 1, 1, 1, .25, .25, 20.25 */
  tap_ok(median == 1 && same == 2, "median of squared distances to neighbours, twins left out");
  need(sb_nearest_median(world, &one, &median, &same));
  tap_ok(median == 0 && same == 0, "one point has no neighbour");
  need(sb_nearest_median(world, &twins, &median, &same));
  tap_ok(median == 0 && same == 2, "nor have two at one place");
}

/* The kernels of every instruction set against libm. */
static void test_kernel(const sb_kernels *kernel, int d, int form, float *f) {
  enum { M = 300 };
  static double x[8 * SB_BLOCK], y[M * 8], a[SB_BLOCK], b[M], v[M], keep[M * SB_BLOCK],
      sum[SB_BLOCK], kept[SB_BLOCK];
  static float x32[8 * SB_BLOCK], y32[M * 8], a32[SB_BLOCK], b32[M], v32[M];
  static double sum32[SB_BLOCK], top[SB_BLOCK], total[SB_BLOCK], mean[3 * SB_BLOCK];
  double worst[3] = {0};
  cloud(MOST / 8, 8, f);
  for (int i = 0; i < d * SB_BLOCK; i++) x32[i] = f[i], x[i] = (double)f[i];
  for (int i = 0; i < M * d; i++) y32[i] = f[i + 512], y[i] = (double)f[i + 512];
  for (int i = 0; i < SB_BLOCK; i++) a32[i] = 1 + (float)i / 64, a[i] = (double)a32[i];
  for (int j = 0; j < M; j++) b32[j] = .5f + (float)j / 600, b[j] = (double)b32[j];
  for (int j = 0; j < M; j++) v32[j] = 1 / (float)(j + 1), v[j] = (double)v32[j];
  for (int i = 0; i < SB_BLOCK; i++) sum[i] = kept[i] = sum32[i] = total[i] = 0, top[i] = -HUGE_VAL;
  memset(mean, 0, sizeof mean);
  const sb_gauss g = {form, d, M, x, a, y, b};
  const sb_gauss32 h = {form, d, M, x32, a32, y32, b32};
  kernel->gauss_product(&g, v, keep, sum);
  kernel->kept_product(M, keep, v, kept);
  kernel->gauss_product32(&h, v32, sum32);
  kernel->gauss_softmax(&g, 61, v, 3, y, top, total, mean);
  for (int i = 0; i < 61; i++) {
    double one = 0, two = 0, z = 0, m = 0;
    for (int j = 0; j < M; j++) {
      double q = 0;
      for (int c = 0; c < d; c++) q += pow(x[c * SB_BLOCK + i] - y[j * d + c], 2);
      q *= form == SB_WIDTH_SUM       ? 2 / (a[i] + b[j])
           : form == SB_WIDTH_PRODUCT ? 1 / (a[i] * b[j])
                                      : 1;
      one += exp(-q) * v[j], two += exp2(-q) * v[j];
      z += exp(v[j] - q), m += exp(v[j] - q) * y[j * 3 + 2];
    }
    worst[0] = fmax(worst[0], fabs(sum[i] / one - 1));
    worst[1] = fmax(worst[1], fabs(sum32[i] / two - 1));
    worst[2] = fmax(worst[2], fabs(top[i] + log(total[i]) - log(z)) +
                                  fabs(mean[2 * SB_BLOCK + i] / total[i] - m / z));
  }
  tap_ok(worst[0] < 1e-13 && worst[1] < 1e-5 && worst[2] < 1e-13 && !memcmp(sum, kept, sizeof sum),
         "%s, d = %d, widths %d: products %.1e, in float %.1e, averages %.1e, kept to the bit",
         kernel->name, d, form, worst[0], worst[1], worst[2]);
}

int main(int argc, char **argv) {
  sb_comm *c;
  float *x = NULL;
  double *l = NULL;
  need(sb_comm_start(&argc, &argv, &c));
  world = c;
  tap_rank = c->rank;
  need(SB_NEW(&x, MOST * 8, "points"));
  need(SB_NEW(&l, MOST * 3, "scalings"));
  const sb_kernels *kernel;
  for (int level = 0; (kernel = sb_isa_kernels(level)); level++)
    for (int form = SB_WIDTH_ONE; form <= SB_WIDTH_PRODUCT; form++)
      for (int d = 1; d <= 8; d = d < 4 ? d + 1 : 2 * d) test_kernel(kernel, d, form, x);
  test_tiny();
  gaussian(1, .05, x, l);
  gaussian(1, .2, x, l);
  gaussian(.5, .05, x, l);
  test_cloud(700, 2, .003, x, l);
  test_cloud(130, 5, .2, x, l);
  test_cloud(1, 2, .1, x, l);
  test_widths(SB_WIDTH_SUM, x, l);
  test_widths(SB_WIDTH_PRODUCT, x, l);
  test_steps(x, l);
  test_nearest();
  sb_mem_free(l);
  sb_mem_free(x);
  sb_comm_finish(c);
  return tap_done();
}
