/* Known bridges: golden numbers, identities, plans against quadrature and Monte Carlo, failures. */
#include <string.h>

#include "sb/bridge.h"
#include "sb/mathfn.h"
#include "sb/mem.h"
#include "tap.h"

enum { D = 3 };

static sb_mixture *gauss_of(int d, const double *mean, const double *cov) {
  sb_mixture *m;
  if (sb_mixture_new(1, d, &m)) return NULL;
  memcpy(m->mu, mean, (size_t)d * sizeof *mean);
  memcpy(m->cov, cov, (size_t)(d * d) * sizeof *cov);
  return m;
}

static const double MEAN[2][D] = {{0.3, -1, 2}, {-0.5, 0.7, 0.1}};
static const double COV[2][D * D] = {{1.2, 0.3, -0.2, 0.3, 0.8, 0.1, -0.2, 0.1, 0.6},
                                     {0.5, -0.2, 0, -0.2, 1.9, 0.4, 0, 0.4, 1.1}};

static double worse(double most, double gap) { return fabs(gap) <= most ? most : fabs(gap); }

/* --- Gaussian ends
 * ------------------------------------------------------------------------------------------------------
 */

/* Unit variances, reference of variance 1: the table of the closed form. */
static void golden(void) {
  static const double table[6][2] = {{1, -.381966},        {1.037771, -.413559},
                                     {1.056656, -.450850}, {1.056656, -.495532},
                                     {1.037771, -.550045}, {1, -.618034}};
  const double one = 1, low = -0.1, high = 0.1;
  sb_mixture *p0 = gauss_of(1, &low, &one), *p1 = gauss_of(1, &high, &one);
  sb_bridge *b;
  double c = 0, gap = 0;
  if (!tap_ok(!sb_bridge_gauss(p0, p1, 1, &b), "N(-.1, 1) to N(.1, 1) opens")) return;
  tap_ok(sb_bridge_coupling(b, &c) && sb_bridge_both(b) && sb_bridge_dimension(b) == 1,
         "its coupling is known");
  tap_close(c, 0.6180339887498949, 1e-15, "Cov(X0, X1) = (5^(1/2) - 1) / 2");
  for (int i = 0; i < 6; i++) {
    const double t = i / 5., m = 0.2 * t - 0.1, x[2] = {m, m + 1};
    double u[2], logp[2];
    if (sb_bridge_at(b, t)) break;
    sb_bridge_drift(b, 0, 2, x, u);
    sb_bridge_density(b, 2, x, logp);
    gap = worse(gap, u[1] - u[0] - table[i][1]);
    gap = worse(gap, u[0] - 0.2);
    gap = worse(gap, .5 / (logp[0] - logp[1]) - table[i][0]);
  }
  tap_ok(gap < 1e-6, "variances and slopes of the table: %g", gap);
  sb_bridge_close(b);
  sb_mixture_free(p0), sb_mixture_free(p1);
}

/* Slope [D, D] of a drift, which is affine. */
static void slope(const sb_bridge *b, int backward, double *k, double *at0) {
  double x[(D + 1) * D] = {0}, u[(D + 1) * D];
  for (int j = 0; j < D; j++) x[(j + 1) * D + j] = 1;
  sb_bridge_drift(b, backward, D + 1, x, u);
  for (int i = 0; i < D; i++)
    for (int j = 0; j < D; j++) k[i * D + j] = u[(j + 1) * D + i] - u[i];
  memcpy(at0, u, D * sizeof *u);
}

/* S_t, and its derivative. */
static void spread(double t, double v, const double *c, double *s, double *ds) {
  for (int i = 0; i < D; i++)
    for (int j = 0; j < D; j++) {
      const int ij = i * D + j;
      const double both = c[ij] + c[j * D + i] + v * (i == j);
      s[ij] = (1 - t) * (1 - t) * COV[0][ij] + t * t * COV[1][ij] + t * (1 - t) * both;
      ds[ij] = -2 * (1 - t) * COV[0][ij] + 2 * t * COV[1][ij] + (1 - 2 * t) * both;
    }
}

/* dS/dt = K S + S K' + v I forward, - dS/dt the same backward; K + L = - v S^-1. */
static double lyapunov(const double *k, const double *s, const double *ds, double v, double sign) {
  double gap = 0;
  for (int i = 0; i < D; i++)
    for (int j = 0; j < D; j++) {
      double sum = v * (i == j) - sign * ds[i * D + j];
      for (int l = 0; l < D; l++) sum += k[i * D + l] * s[l * D + j] + s[i * D + l] * k[j * D + l];
      gap = worse(gap, sum);
    }
  return gap;
}

static void identities(const sb_bridge *b, double t, double v, const double *c) {
  double k[D * D], l[D * D], s[D * D], ds[D * D], u[D], w[D], gap = 0, score = 0;
  slope(b, 0, k, u), slope(b, 1, l, w);
  spread(t, v, c, s, ds);
  for (int i = 0; i < D; i++)
    for (int j = 0; j < D; j++) {
      double sum = v * (i == j);
      for (int m = 0; m < D; m++) sum += (k[i * D + m] + l[i * D + m]) * s[m * D + j];
      gap = worse(gap, sum);
      score = worse(score, k[i * D + j] - k[j * D + i]);
    }
  tap_ok(gap < 1e-9, "t = %g: K + L = - v S^-1: %g", t, gap);
  tap_ok(score < 1e-15, "t = %g: K is symmetric: %g", t, score);
  gap = worse(lyapunov(k, s, ds, v, 1), lyapunov(l, s, ds, v, -1));
  tap_ok(gap < 1e-9, "t = %g: the spread follows both drifts: %g", t, gap);
  score = 0;
  for (int j = 0; j < D; j++) { /* u + b = v grad log p, by central differences */
    double x[2 * D] = {0.4, 0.2, -1, 0.4, 0.2, -1}, p[2], f[2 * D], g[2 * D];
    x[j] += 1e-4, x[D + j] -= 1e-4;
    sb_bridge_density(b, 2, x, p);
    x[j] -= 1e-4;
    sb_bridge_drift(b, 0, 1, x, f), sb_bridge_drift(b, 1, 1, x, g);
    score = worse(score, f[j] + g[j] - v * (p[0] - p[1]) / 2e-4);
  }
  tap_ok(score < 1e-7, "t = %g: drifts add to v score: %g", t, score);
}

/* The plan's joint precision has - I / v off the diagonal, and this with the ends is what makes it
 * the bridge. */
static void is_optimal(const sb_bridge *b, double v) {
  double zero[(D + 1) * D] = {0}, mean[(D + 1) * D], cov[(D + 1) * D * D], gap = 0;
  for (int j = 0; j < D; j++) zero[(j + 1) * D + j] = 1;
  for (int way = 0; way < 2; way++) {
    sb_bridge_plan(b, way, D + 1, zero, mean, cov);
    for (int i = 0; i < D; i++) /* cov^-1 gain = I / v */
      for (int j = 0; j < D; j++)
        gap = worse(gap, v * (mean[(j + 1) * D + i] - mean[i]) - cov[i * D + j]);
  }
  tap_ok(gap < 1e-12, "v gain = covariance of the plan, both ways: %g", gap);
}

static void draws(sb_bridge *b, double v, const double *c) {
  enum { N = 40000 };
  static double x[N * D], start[N * D];
  double s[D * D], ds[D * D], off[3] = {0};
  for (int end = 0; end < 2; end++) {
    const double t = end ? 1 : 0.3;
    if (sb_bridge_marginal(b, t, 77, 5, N, x, start)) return;
    spread(t, v, c, s, ds);
    for (int i = 0; i < D; i++)
      for (int j = 0; j < D; j++) {
        double m = 0, ss = 0, cc = 0;
        for (int r = 0; r < N; r++) {
          const double mt = (1 - t) * MEAN[0][i] + t * MEAN[1][i],
                       mj = (1 - t) * MEAN[0][j] + t * MEAN[1][j];
          m += (x[r * D + i] - mt) / N;
          ss += (x[r * D + i] - mt) * (x[r * D + j] - mj) / N;
          cc += (start[r * D + i] - MEAN[0][i]) * (x[r * D + j] - MEAN[1][j]) / N;
        }
        off[0] = worse(off[0], m), off[1] = worse(off[1], ss - s[i * D + j]);
        if (end) off[2] = worse(off[2], cc - c[i * D + j]);
      }
  }
  tap_ok(off[0] < .03 && off[1] < .05 && off[2] < .05, "draws of X_t: %g %g %g", off[0], off[1],
         off[2]);
  double again[D];
  if (!sb_bridge_marginal(b, 1, 77, 5 + 1000, 1, again, NULL))
    tap_ok(!memcmp(again, x + 1000 * D, sizeof again), "a draw is the same whoever draws it");
}

static void gaussian(double v) {
  sb_mixture *p0 = gauss_of(D, MEAN[0], COV[0]), *p1 = gauss_of(D, MEAN[1], COV[1]);
  sb_bridge *b;
  double c[D * D];
  if (!tap_ok(!sb_bridge_gauss(p0, p1, v, &b), "any Gaussians, variance %g", v)) return;
  sb_bridge_coupling(b, c);
  for (int i = 1; i < 5; i++)
    if (!sb_bridge_at(b, i / 5.)) identities(b, i / 5., v, c);
  is_optimal(b, v);
  draws(b, v, c);
  sb_bridge_close(b);
  sb_mixture_free(p0), sb_mixture_free(p1);
}

/* --- Mixture potentials
 * --------------------------------------------------------------------------------------------------
 */

static sb_mixture *potential_of(int d) {
  sb_mixture *m;
  if (sb_mixture_new(3, d, &m)) return NULL;
  m->w[0] = 0.2, m->w[1] = 0.5, m->w[2] = 0.3;
  for (int k = 0; k < 3; k++)
    for (int i = 0; i < d; i++) {
      m->mu[k * d + i] = (k - 1) * 1.5 + 0.4 * i;
      m->cov[(k * d + i) * d + i] = 0.1 + 0.2 * k;
    }
  for (int k = 0; k < 3 && d > 1; k++) m->cov[k * d * d + 1] = m->cov[k * d * d + d] = 0.05;
  return m;
}

/* Moments of Y given x in one dimension, by the trapezoidal rule. */
static void quadrature(double v) {
  sb_mixture *p = potential_of(1);
  sb_bridge *b;
  sb_density *q;
  double gap = 0;
  if (!tap_ok(!sb_bridge_potential(NULL, p, v, &b) && !sb_density_open(p, 0, &q), "a potential"))
    return;
  for (double x = -2; x <= 2; x += 0.5) {
    double sum[3] = {0}, mean, cov, u;
    for (double y = -12; y <= 12; y += 1e-3) {
      double logp;
      sb_density_eval(q, 1, &y, &logp, NULL, NULL);
      const double w = sb_exp(logp - (y - x) * (y - x) / (2 * v));
      sum[0] += w, sum[1] += w * y, sum[2] += w * y * y;
    }
    sb_bridge_plan(b, 0, 1, &x, &mean, &cov);
    gap = worse(gap, mean - sum[1] / sum[0]);
    gap = worse(gap, cov - sum[2] / sum[0] + mean * mean);
    if (!sb_bridge_at(b, 0)) sb_bridge_drift(b, 0, 1, &x, &u), gap = worse(gap, mean - x - u);
  }
  tap_ok(gap < 1e-9, "variance %g: plan and drift against quadrature: %g", v, gap);
  sb_density_close(q);
  sb_bridge_close(b);
  sb_mixture_free(p);
}

/* E(X_1 | X_t = x) = x + (1 - t) u is the plan's mean under what is left of the variance; u by
 * central differences. */
static void drifts(double v) {
  sb_mixture *p = potential_of(D);
  sb_bridge *b, *rest;
  const double x[D] = {0.5, -0.3, 0.8};
  double gap = 0, slip = 0;
  if (!tap_ok(!sb_bridge_potential(NULL, p, v, &b), "in %d dimensions", D)) return;
  for (double t = 0; t < 1; t += 0.2) {
    double u[D], mean[D];
    sb_density *h;
    if (sb_bridge_at(b, t) || sb_bridge_potential(NULL, p, v * (1 - t), &rest) ||
        sb_density_open(p, v * (1 - t), &h))
      return;
    sb_bridge_drift(b, 0, 1, x, u);
    sb_bridge_plan(rest, 0, 1, x, mean, NULL);
    for (int j = 0; j < D; j++) {
      double y[2 * D], logh[2];
      memcpy(y, x, sizeof x), memcpy(y + D, x, sizeof x);
      y[j] += 1e-5, y[D + j] -= 1e-5;
      sb_density_eval(h, 2, y, logh, NULL, NULL);
      gap = worse(gap, mean[j] - x[j] - (1 - t) * u[j]);
      slip = worse(slip, u[j] - v * (logh[0] - logh[1]) / 2e-5);
    }
    sb_density_close(h);
    sb_bridge_close(rest);
  }
  tap_ok(gap < 1e-12, "variance %g: the drift aims at the plan's mean: %g", v, gap);
  tap_ok(slip < 1e-7, "variance %g: it is v grad log h: %g", v, slip);
  sb_bridge_close(b);
  sb_mixture_free(p);
}

/* A potential in the other parameters: the same plan and drift. */
static void adjusted(double v) {
  sb_mixture *p = potential_of(D);
  sb_bridge *b, *same;
  sb_density *q;
  double log_a[3], r[3 * D], g[3 * D * D], gap = 0;
  const double zero[D] = {0}, x[2 * D] = {0.5, -0.3, 0.8, -1, 2, 0.1};
  double mean[2][2 * D], cov[2][2 * D * D], u[2][2 * D];
  if (sb_bridge_potential(NULL, p, v, &b)) return;
  for (int k = 0; k < 3; k++) { /* one component: its plan is r + G x, v G */
    sb_mixture *one = gauss_of(D, p->mu + k * D, p->cov + k * D * D);
    sb_bridge *alone;
    if (sb_bridge_potential(NULL, one, v, &alone) || sb_density_open(one, v, &q)) return;
    sb_bridge_plan(alone, 0, 1, zero, r + k * D, g + k * D * D);
    for (int i = 0; i < D * D; i++) g[k * D * D + i] /= v;
    sb_density_eval(q, 1, zero, &log_a[k], NULL, NULL);
    log_a[k] += log(p->w[k]);
    sb_density_close(q);
    sb_bridge_close(alone);
    sb_mixture_free(one);
  }
  if (!tap_ok(!sb_bridge_adjusted(3, D, log_a, r, g, v, &same), "adjusted, variance %g", v)) return;
  sb_bridge_plan(b, 0, 2, x, mean[0], cov[0]);
  sb_bridge_plan(same, 0, 2, x, mean[1], cov[1]);
  for (int i = 0; i < 2 * D; i++) gap = worse(gap, mean[0][i] - mean[1][i]);
  for (int i = 0; i < 2 * D * D; i++) gap = worse(gap, cov[0][i] - cov[1][i]);
  for (double t = 0; t < 1.1; t += 0.25) {
    if (sb_bridge_at(b, t) || sb_bridge_at(same, t)) return;
    sb_bridge_drift(b, 0, 2, x, u[0]), sb_bridge_drift(same, 0, 2, x, u[1]);
    for (int i = 0; i < 2 * D; i++) gap = worse(gap, (u[0][i] - u[1][i]) / fmax(1, fabs(u[0][i])));
  }
  tap_ok(gap < 1e-10, "adjusted, variance %g: plan and drift of the potential: %g", v, gap);
  sb_bridge_close(b), sb_bridge_close(same);
  sb_mixture_free(p);
}

static void plan_draws(double v) {
  enum { N = 40000 };
  static double y[N * D], x[N * D];
  sb_mixture *p = potential_of(D);
  sb_bridge *b;
  double mean[D], cov[D * D], off = 0;
  if (sb_bridge_potential(NULL, p, v, &b)) return;
  for (int i = 0; i < N * D; i++) x[i] = i % D == 1 ? -0.5 : 0.25;
  sb_bridge_plan(b, 0, 1, x, mean, cov);
  sb_bridge_draw(b, 0, 9, 0, N, x, y);
  for (int i = 0; i < D; i++)
    for (int j = 0; j < D; j++) {
      double m = 0, s = 0;
      for (int r = 0; r < N; r++) {
        m += (y[r * D + i] - mean[i]) / N;
        s += (y[r * D + i] - mean[i]) * (y[r * D + j] - mean[j]) / N;
      }
      off = worse(off, m / sqrt(cov[i * D + i]));
      off = worse(off, (s - cov[i * D + j]) / sqrt(cov[i * D + i] * cov[j * D + j]));
    }
  tap_ok(off < 0.025, "variance %g: draws of the plan have its moments: %g", v, off);
  tap_ok(!sb_bridge_both(b) && !sb_bridge_coupling(b, cov), "the way back is not known");
  sb_bridge_density(b, 1, x, mean);
  tap_ok(isnan(mean[0]), "nor is the density");
  sb_bridge_close(b);
  sb_mixture_free(p);
}

/* --- Failures
 * ------------------------------------------------------------------------------------------------------------
 */

static void failures(void) {
  double zero[D * D] = {0};
  sb_mixture *p0 = gauss_of(D, MEAN[0], COV[0]), *flat = gauss_of(D, MEAN[1], zero),
             *p = potential_of(D);
  sb_bridge *b;
  tap_ok(sb_bridge_gauss(p0, p0, 0, &b) == SB_USE && !b, "no variance: %s", sb_message());
  sb_forget();
  tap_ok(sb_bridge_gauss(flat, p0, 1, &b) == SB_BAD && !b, "a point: %s", sb_message());
  sb_forget();
  tap_ok(sb_bridge_gauss(p0, p, 1, &b) == SB_USE && !b, "a mixture: %s", sb_message());
  sb_forget();
  tap_ok(!sb_bridge_potential(p0, flat, 1, &b), "points as a potential");
  tap_ok(!sb_bridge_at(b, 0.9) && sb_bridge_at(b, 1) == SB_BAD, "at the end: %s", sb_message());
  sb_forget();
  tap_ok(sb_bridge_at(b, 1.5) == SB_BAD, "beyond: %s", sb_message());
  sb_forget();
  sb_bridge_close(b);
  const int64_t before = sb_mem_now();
  bool clean = true;
  for (int kind = 0; kind < 2; kind++)
    for (long k = 0;; k++) {
      sb_mem_fail_after(k);
      const sb_status s = kind ? sb_bridge_potential(p0, p, 1, &b) : sb_bridge_gauss(p0, p0, 1, &b);
      sb_mem_fail_after(-1);
      clean &= s == SB_OK || (s == SB_SYS && !b && sb_mem_now() == before);
      sb_forget();
      if (s != SB_OK) continue;
      sb_bridge_close(b);
      break;
    }
  tap_ok(clean && sb_mem_now() == before, "no memory: nothing is left behind");
  sb_mixture_free(p0), sb_mixture_free(flat), sb_mixture_free(p);
}

int main(void) {
  const int64_t before = sb_mem_now();
  golden();
  gaussian(0.7), gaussian(20), gaussian(1e-3);
  quadrature(0.1), quadrature(1), quadrature(10);
  drifts(0.1), drifts(10);
  adjusted(0.1), adjusted(1), adjusted(30);
  plan_draws(0.1), plan_draws(1);
  failures();
  tap_ok(sb_mem_now() == before, "nothing is left behind");
  return tap_done();
}
