/* RUN np=1
 * RUN np=3
 * RUN np=5
 * Potentials of two samples: against a plain iteration, both ends of the plan, the same bits on any
 * number of ranks, small and large variances, no memory. */
#include <stdlib.h>
#include <string.h>

#include "sb/mathfn.h"
#include "sb/mem.h"
#include "sb/noise.h"
#include "sb/pair_scaling.h"
#include "tap.h"

enum { N = 150, M = 90, D = 3 };
static float x[N * D], y[M * D];
static double a[N], b[M];
static const int coordinate[D] = {0, 1, 2};
static double scale[D];

static bool all(const sb_comm *c, bool good) {
  int64_t bad = !good;
  return !sb_sum_int(c, &bad, 1) && bad == 0;
}

static void points(void) {
  sb_noise_normals(1, 0, N, 0, D, x);
  sb_noise_normals(2, 0, M, 0, D, y);
  for (int i = 0; i < M; i++) y[i * D] = 0.5f * y[i * D] + (i % 2 ? 2 : -2);
}

static sb_status solve(const sb_comm *c, double v, double tolerance, int64_t most,
                       sb_pair_result *r) {
  const sb_centres
      cx = {.n = N, .d = D, .coordinate = coordinate, .scale = scale, .x = x, .width = D},
      cy = {.n = M, .d = D, .coordinate = coordinate, .scale = scale, .x = y, .width = D};
  const sb_pair_options o = {tolerance, most};
  for (int k = 0; k < D; k++) scale[k] = 1 / sqrt(2 * v);
  memset(a, 0, sizeof a), memset(b, 0, sizeof b);
  return sb_scale_pair(c, &cx, &cy, &o, a, b, r);
}

static double kernel(int i, int j, double v) {
  double q = 0;
  for (int k = 0; k < D; k++) {
    const double gap = (double)x[i * D + k] - (double)y[j * D + k];
    q += gap * gap;
  }
  return exp(-q / (2 * v));
}

/* Largest relative errors of row and column sums, and 1 / sum of squares of a row, its mean. */
static void sums(double v, double out[3]) {
  out[0] = out[1] = out[2] = 0;
  for (int i = 0; i < N; i++) {
    double sum = 0, squares = 0;
    for (int j = 0; j < M; j++) {
      const double p = exp(a[i] + b[j]) * kernel(i, j, v) / M;
      sum += p, squares += p * p;
    }
    out[0] = fmax(out[0], fabs(sum - 1));
    out[2] += sum * sum / squares / N;
  }
  for (int j = 0; j < M; j++) {
    double sum = 0;
    for (int i = 0; i < N; i++) sum += exp(a[i] + b[j]) * kernel(i, j, v) / N;
    out[1] = fmax(out[1], fabs(sum - 1));
  }
}

/* The plain iteration in products; v large enough for these. */
static double plain(double v) {
  static double u[N], w[M];
  double far = 0;
  for (int j = 0; j < M; j++) w[j] = 1;
  for (int k = 0; k < 300; k++) {
    for (int i = 0; i < N; i++) {
      double sum = 0;
      for (int j = 0; j < M; j++) sum += w[j] * kernel(i, j, v) / M;
      u[i] = 1 / sum;
    }
    for (int j = 0; j < M; j++) {
      double sum = 0;
      for (int i = 0; i < N; i++) sum += u[i] * kernel(i, j, v) / N;
      w[j] = 1 / sum;
    }
  }
  for (int i = 0; i < N; i++)
    for (int j = 0; j < M; j++)
      far = fmax(far, fabs(exp(a[i] + b[j]) * kernel(i, j, v) - u[i] * w[j] * kernel(i, j, v)));
  return far;
}

static void potentials(const sb_comm *c, double v) {
  sb_pair_result r;
  double sum[3];
  static double one_a[N], one_b[M];
  const sb_status s = solve(c, v, 1e-10, 100000, &r);
  sums(v, sum);
  tap_ok(!s && r.converged && r.residual <= 2e-10, "variance %g: converged in %lld", v,
         (long long)r.iterations);
  tap_ok(sum[0] < 1e-12 && sum[1] < 3e-10, "variance %g: both ends of the plan: %.1e %.1e", v,
         sum[0], sum[1]);
  tap_close(r.effective, sum[2], 1e-8 * sum[2], "variance %g: effective end points", v);
  if (v == 1) tap_ok(plain(v) < 1e-8, "the plan of the plain iteration");
  memcpy(one_a, a, sizeof a), memcpy(one_b, b, sizeof b);
  const bool same = !solve(sb_comm_self(), v, 1e-10, 100000, &r) && !memcmp(one_a, a, sizeof a) &&
                    !memcmp(one_b, b, sizeof b);
  tap_ok(all(c, same), "variance %g: the same bits on one rank", v);
}

static void extremes(const sb_comm *c) {
  sb_pair_result r;
  bool finite = true;
  const sb_status tiny = solve(c, 1e-9, 1e-8, 30, &r);
  tap_ok(!tiny && !r.converged && r.residual > 1e-8, "tiny variance: not converged, residual %.1e",
         r.residual);
  for (int i = 0; i < N; i++) finite &= isfinite(a[i]);
  for (int j = 0; j < M; j++) finite &= isfinite(b[j]);
  tap_ok(finite && r.effective >= 1 && r.effective < 1.5, "but numbers, each start sees %g ends",
         r.effective);
  const sb_status huge = solve(c, 1e9, 1e-8, 30, &r);
  tap_ok(!huge && r.converged && r.effective > 0.999 * M, "huge variance: the independent plan, %g",
         r.effective);
  x[4] = NAN;
  const sb_status bad = solve(c, 1, 1e-8, 30, &r);
  tap_ok(bad == SB_BAD && strstr(sb_message(), "potentials"), "no number: %s", sb_message());
  sb_forget();
  points();
}

static void no_memory(const sb_comm *c) {
  const int64_t before = sb_mem_now();
  sb_pair_result r;
  bool good = true;
  long k = 0;
  for (sb_status s = SB_SYS; s; k++) {
    if (c->rank == c->size - 1) sb_mem_fail_after(k);
    s = solve(c, 1, 1e-3, 3, &r);
    sb_mem_fail_after(-1);
    good &= (s == SB_OK || s == SB_SYS) && sb_mem_now() == before;
    sb_forget();
  }
  tap_ok(all(c, good) && k > 5, "no memory on one rank: all learn it, nothing is left behind");
}

int main(int argc, char **argv) {
  sb_comm *c;
  if (sb_comm_start(&argc, &argv, &c)) return 3;
  tap_rank = c->rank;
  points();
  potentials(c, 1), potentials(c, 0.1), potentials(c, 30);
  extremes(c);
  no_memory(c);
  const int status = tap_done();
  sb_comm_finish(c);
  return status;
}
