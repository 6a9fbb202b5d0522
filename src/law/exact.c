/* Exact fields of the two-stage Schrödinger bridge onto a Gaussian mixture, the oracle of the whole
 * program: see sb/law.h.
 *
 * Source: Wang, Jiao, Xu, Wang, Yang 2021 (arXiv 2106.10410), theorems of stage 1 and 2; for the
 * mixture sum_k w_k N(mu_k, S_k) with Sig_k = S_k + sigma^2 I the expectations are Gaussian
 * integrals:
 *
 *   stage 1   A_k(t)   = tau (1-t) I + t Sig_k                                  positive definite
 * for all t in [0, 1] L_k(t,x) = log w_k - log det(A_k / tau) / 2
 *                        - [x^T A_k^-1 (tau I - Sig_k) x / tau - 2 x^T A_k^-1 mu_k + t mu_k^T
 * A_k^-1 mu_k] / 2 log h1   = log sum exp L_k,   b1 = tau grad log h1 = sum rho_k A_k^-1 [tau mu_k
 * - (tau I - Sig_k) x] stage 2   b2 = - sigma^2 sum r_k C_k^-1 (x - mu_k),   C_k(t) = S_k + (1-t)
 * sigma^2 I,   r_k from w_k N(x; mu_k, C_k) ratio     log f = log q_sigma(x) + (d log(2 pi tau) +
 * |x|^2 / tau) / 2
 *
 * In the form of density.h, stage 1 is m = 0, a = A^-1 mu, B = A^-1 (I - Sig / tau): no division by
 * t or 1 - t anywhere. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "density.h"
#include "sb/mathfn.h"
#include "sb/mem.h"
#include "sb/spd.h"

struct sb_exact {
  double tau, sigma2;
  double t;                   /* the prepared time; -1: none      */
  double *work;               /* [2, d, d]                        */
  sb_mixture *law, *smooth;   /* the mixture, and q_sigma         */
  sb_density *ratio;          /* of q_sigma                       */
  sb_density *first, *second; /* of the stages at time t          */
};

static sb_status prepare(const sb_mixture *m, sb_exact *e) {
  SB_TRY(SB_NEW(&e->work, 2 * (int64_t)m->d * m->d, "exact bridge"));
  SB_TRY(sb_mixture_smooth(m, 0.0, &e->law));
  SB_TRY(sb_mixture_smooth(m, e->sigma2, &e->smooth));
  SB_TRY(sb_density_open(e->smooth, 0.0, &e->ratio));
  SB_TRY(sb_density_new(m->k, m->d, &e->first));
  return sb_density_new(m->k, m->d, &e->second);
}

sb_status sb_exact_open(const sb_mixture *m, double tau, double sigma2, sb_exact **out) {
  *out = NULL;
  if (!(tau > 0.0) || !(sigma2 >= 0.0) || !isfinite(tau) || !isfinite(sigma2))
    return sb_fail(SB_USE,
                   "exact bridge: variances %g of stage 1 and %g of stage 2 (must be positive)",
                   tau, sigma2);
  sb_exact *e;
  SB_TRY(SB_NEW(&e, 1, "exact bridge"));
  e->tau = tau;
  e->sigma2 = sigma2;
  e->t = -1.0;
  sb_status s = prepare(m, e);
  if (s) {
    sb_exact_close(e);
    return s;
  }
  *out = e;
  return SB_OK;
}

void sb_exact_close(sb_exact *e) {
  if (!e) return;
  sb_density_close(e->second);
  sb_density_close(e->first);
  sb_density_close(e->ratio);
  sb_mixture_free(e->smooth);
  sb_mixture_free(e->law);
  sb_mem_free(e->work);
  sb_mem_free(e);
}

/* Component k of stage 1 at time t: a, B and c of density.h. */
static sb_status first_component(sb_exact *e, double t, int k) {
  int d = e->law->d;
  size_t n = (size_t)d;
  double tau = e->tau, *inverse = e->work, *rest = e->work + n * n; /* rest = I - Sig / tau */
  const double *mu = e->smooth->mu + k * n, *sig = e->smooth->cov + k * n * n;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      inverse[i * n + j] = t * sig[i * n + j] + (i == j ? tau * (1.0 - t) : 0.0);
      rest[i * n + j] = ((i == j ? tau : 0.0) - sig[i * n + j]) / tau;
    }
  double logdet;
  SB_TRY(sb_spd_inverse(d, inverse, inverse, &logdet));

  double *a = e->first->a + k * n, *b = e->first->b + k * n * n, mu_a = 0.0;
  for (size_t i = 0; i < n; i++) {
    a[i] = 0.0;
    for (size_t j = 0; j < n; j++) a[i] += inverse[i * n + j] * mu[j];
    mu_a += mu[i] * a[i];
    for (size_t j = 0; j <= i; j++) { /* the factors commute, so B is symmetric */
      double s = 0.0;
      for (size_t l = 0; l < n; l++) s += inverse[i * n + l] * rest[l * n + j];
      b[i * n + j] = b[j * n + i] = s;
    }
  }
  e->first->c[k] = sb_log(e->smooth->w[k]) - 0.5 * (logdet - d * sb_log(tau)) - 0.5 * t * mu_a;
  return SB_OK;
}

sb_status sb_exact_at(sb_exact *e, double t) {
  if (t == e->t) return SB_OK;
  if (!(t >= 0.0 && t <= 1.0)) return sb_fail(SB_BAD, "exact bridge at time %g, outside [0, 1]", t);
  e->t = -1.0;
  for (int k = 0; k < e->law->k; k++) SB_TRY(first_component(e, t, k));
  SB_TRY(sb_density_fill(e->second, e->law, (1.0 - t) * e->sigma2));
  e->t = t;
  return SB_OK;
}

void sb_exact_stage1(const sb_exact *e, int64_t rows, const double *x, double *b, double *logh) {
  sb_density_scaled(e->first, rows, x, e->tau, logh, b, NULL);
}

void sb_exact_stage2(const sb_exact *e, int64_t rows, const double *x, double *b) {
  sb_density_scaled(e->second, rows, x, e->sigma2, NULL, b, NULL);
}

void sb_exact_ratio(const sb_exact *e, int64_t rows, const double *x, double *logf, double *score) {
  static const double two_pi = 6.28318530717958647693;
  sb_density_eval(e->ratio, rows, x, logf, score, NULL);
  if (!logf) return;
  size_t d = (size_t)e->law->d;
  double constant = 0.5 * (double)d * sb_log(two_pi * e->tau);
  for (int64_t r = 0; r < rows; r++) {
    double square = 0.0;
    for (size_t i = 0; i < d; i++) square += x[(size_t)r * d + i] * x[(size_t)r * d + i];
    logf[r] += constant + 0.5 * square / e->tau;
  }
}
