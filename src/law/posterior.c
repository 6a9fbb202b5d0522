/* A Gaussian mixture that was observed: Bayes' rule, component by component. */
#include <string.h>

#include "sb/law.h"
#include "sb/mathfn.h"
#include "sb/mem.h"
#include "sb/spd.h"

/* What one component needs: q observations of d coordinates. */
typedef struct update {
  int q, d;
  const double *g, *r;
  double *sg, *s, *gap; /* [d, q] S G^T, [q, q] inverse of G S G^T + R, [q] o - G mu */
} update;

static sb_status innovate(update *u, const double *mu, const double *cov, const double *o,
                          double *logdet) {
  const int q = u->q, d = u->d;
  for (int i = 0; i < d; i++)
    for (int a = 0; a < q; a++) {
      double sum = 0;
      for (int j = 0; j < d; j++) sum += cov[i * d + j] * u->g[a * d + j];
      u->sg[i * q + a] = sum;
    }
  for (int a = 0; a < q; a++) {
    u->gap[a] = o[a];
    for (int j = 0; j < d; j++) u->gap[a] -= u->g[a * d + j] * mu[j];
    for (int b = 0; b < q; b++) {
      double sum = a == b ? u->r[a] : 0;
      for (int i = 0; i < d; i++) sum += u->g[a * d + i] * u->sg[i * q + b];
      u->s[a * q + b] = sum;
    }
  }
  return sb_spd_inverse(q, u->s, u->s, logdet);
}

/* mu += S G^T s gap, cov -= S G^T s G S; returns gap' s gap. */
static double correct(const update *u, double *mu, double *cov) {
  const int q = u->q, d = u->d;
  double far = 0;
  for (int a = 0; a < q; a++)
    for (int b = 0; b < q; b++) far += u->gap[a] * u->s[a * q + b] * u->gap[b];
  for (int i = 0; i < d; i++) {
    for (int a = 0; a < q; a++) {
      double gain = 0;
      for (int b = 0; b < q; b++) gain += u->sg[i * q + b] * u->s[b * q + a];
      mu[i] += gain * u->gap[a];
      for (int j = 0; j < d; j++) cov[i * d + j] -= gain * u->sg[j * q + a];
    }
  }
  return far;
}

static sb_status observe(update *u, const double *o, sb_mixture *y, double *log_w) {
  const int d = y->d;
  for (int k = 0; k < y->k; k++) {
    double logdet;
    SB_TRY(innovate(u, y->mu + k * d, y->cov + k * d * d, o, &logdet));
    const double far = correct(u, y->mu + k * d, y->cov + k * d * d);
    log_w[k] = sb_log(y->w[k]) - .5 * (logdet + far);
  }
  const double total = sb_lse(y->k, log_w);
  for (int k = 0; k < y->k; k++) y->w[k] = sb_exp(log_w[k] - total);
  return SB_OK;
}

sb_status sb_mixture_observe(const sb_mixture *m, int q, const double *g, const double *o,
                             const double *r, sb_mixture **out) {
  update u = {.q = q, .d = m->d, .g = g, .r = r};
  double *log_w = NULL;
  SB_TRY(sb_mixture_smooth(m, 0, out));
  sb_status s = SB_NEW(&u.sg, (int64_t)m->d * q, "posterior");
  if (!s) s = SB_NEW(&u.s, (int64_t)q * q, "posterior");
  if (!s) s = SB_NEW(&u.gap, q, "posterior");
  if (!s) s = SB_NEW(&log_w, m->k, "posterior");
  if (!s) s = observe(&u, o, *out, log_w);
  sb_mem_free(u.sg);
  sb_mem_free(u.s);
  sb_mem_free(u.gap);
  sb_mem_free(log_w);
  if (s) sb_mixture_free(*out), *out = NULL;
  return s;
}
