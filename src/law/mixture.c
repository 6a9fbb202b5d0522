/* Gaussian mixtures: memory, affine image, smoothing, moments. See sb/law.h. */
#include <stddef.h>
#include <string.h>

#include "sb/law.h"
#include "sb/mem.h"

sb_status sb_mixture_new(int k, int d, sb_mixture **out) {
  *out = NULL;
  if (k < 1 || d < 1 || d > 32768)
    return sb_fail(SB_USE, "a mixture of %d components in %d dimensions", k, d);
  int64_t head = (int64_t)(sizeof(sb_mixture) / sizeof(double)), n = k,
          all = head + n + n * d + n * d * d;
  double *block;
  SB_TRY(SB_NEW(&block, all, "mixture"));
  sb_mixture *m = (sb_mixture *)block;
  m->k = k;
  m->d = d;
  m->w = block + head;
  m->mu = m->w + n;
  m->cov = m->mu + n * d;
  for (int i = 0; i < k; i++) m->w[i] = 1.0 / k;
  *out = m;
  return SB_OK;
}

void sb_mixture_free(sb_mixture *m) { sb_mem_free(m); }

/* c = A S A^T, [e, e]; A [e, d]; lower triangle computed, so that c is exactly symmetric. */
static void congruence(int e, int d, const double *a, const double *s, double *c) {
  for (int i = 0; i < e; i++)
    for (int j = 0; j <= i; j++) {
      double sum = 0.0;
      for (int p = 0; p < d; p++) {
        double row = 0.0;
        for (int q = 0; q < d; q++) row += s[(size_t)p * d + q] * a[(size_t)j * d + q];
        sum += a[(size_t)i * d + p] * row;
      }
      c[(size_t)i * e + j] = c[(size_t)j * e + i] = sum;
    }
}

sb_status sb_mixture_map(const sb_mixture *m, int e, const double *a, const double *shift,
                         sb_mixture **out) {
  SB_TRY(sb_mixture_new(m->k, e, out));
  sb_mixture *y = *out;
  size_t d = (size_t)m->d, n = (size_t)e;
  for (int k = 0; k < m->k; k++) {
    y->w[k] = m->w[k];
    const double *mu = m->mu + k * d;
    for (size_t i = 0; i < n; i++) {
      double sum = 0.0;
      for (size_t j = 0; j < d; j++) sum += a[i * d + j] * (shift ? mu[j] - shift[j] : mu[j]);
      y->mu[k * n + i] = sum;
    }
    congruence(e, m->d, a, m->cov + k * d * d, y->cov + k * n * n);
  }
  return SB_OK;
}

sb_status sb_mixture_smooth(const sb_mixture *m, double variance, sb_mixture **out) {
  SB_TRY(sb_mixture_new(m->k, m->d, out));
  sb_mixture *y = *out;
  size_t k = (size_t)m->k, d = (size_t)m->d;
  memcpy(y->w, m->w, (k + k * d + k * d * d) * sizeof *y->w); /* w, mu, cov follow each other */
  for (size_t i = 0; i < k; i++)
    for (size_t j = 0; j < d; j++) y->cov[(i * d + j) * d + j] += variance;
  return SB_OK;
}

void sb_mixture_moments(const sb_mixture *m, double *mean, double *cov) {
  size_t d = (size_t)m->d;
  memset(mean, 0, d * sizeof *mean);
  memset(cov, 0, d * d * sizeof *cov);
  for (int k = 0; k < m->k; k++)
    for (size_t i = 0; i < d; i++) mean[i] += m->w[k] * m->mu[k * d + i];
  for (int k = 0; k < m->k; k++) {
    const double *mu = m->mu + k * d, *s = m->cov + k * d * d;
    for (size_t i = 0; i < d; i++)
      for (size_t j = 0; j < d; j++)
        cov[i * d + j] += m->w[k] * (s[i * d + j] + (mu[i] - mean[i]) * (mu[j] - mean[j]));
  }
}
