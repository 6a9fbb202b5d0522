/* Density, score and responsibilities of a smoothed Gaussian mixture, and the evaluation that the
 * exact bridge shares. Source: the closed forms of a Gaussian mixture, log q_k = log w_k - (d log 2
 * pi + log det C_k + u^T C_k^-1 u) / 2 with C_k = S_k + variance I, u = x - mu_k; log q = log sum
 * exp log q_k; score = - sum r_k C_k^-1 u. */
#include "density.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "sb/mathfn.h"
#include "sb/mem.h"
#include "sb/spd.h"

enum { ROWS = SB_LAW_ROWS };

static const double log_2pi = 1.8378770664093454836;

sb_status sb_density_new(int k, int d, sb_density **out) {
  *out = NULL;
  int64_t n = k, head = (int64_t)((sizeof(sb_density) + sizeof(double) - 1) / sizeof(double));
  int64_t all = head + n + 2 * n * d + n * d * d + (2 * (int64_t)d + 1) * ROWS + (n * d + n) * ROWS;
  double *block;
  SB_TRY(SB_NEW(&block, all, "density of a mixture"));
  sb_density *q = (sb_density *)block;
  *q = (sb_density){.k = k, .d = d, .c = block + head};
  q->m = q->c + n;
  q->a = q->m + n * d;
  q->b = q->a + n * d;
  q->x = q->b + n * d * d;
  q->u = q->x + d * ROWS;
  q->sum = q->u + d * ROWS;
  q->g = q->sum + ROWS;
  q->l = q->g + n * d * ROWS;
  *out = q;
  return SB_OK;
}

int sb_is_diagonal(int k, int d, const double *a) {
  const size_t n = (size_t)d;
  for (size_t i = 0; i < (size_t)k * n * n; i++)
    if (a[i] != 0 && i % n != i / n % n) return 0;
  return 1;
}

sb_status sb_density_fill(sb_density *q, const sb_mixture *m, double variance) {
  size_t d = (size_t)m->d;
  memcpy(q->m, m->mu, (size_t)m->k * d * sizeof *q->m);
  memset(q->a, 0, (size_t)m->k * d * sizeof *q->a);
  memcpy(q->b, m->cov, (size_t)m->k * d * d * sizeof *q->b);
  q->diagonal = sb_is_diagonal(m->k, m->d, m->cov);
  for (int k = 0; k < m->k; k++) {
    double *b = q->b + k * d * d, logdet;
    for (size_t i = 0; i < d; i++) b[i * d + i] += variance;
    if (sb_spd_inverse(m->d, b, b, &logdet)) {
      sb_forget();
      return sb_fail(SB_BAD,
                     "component %d of %d: covariance plus %g times the identity is singular, so "
                     "there is no density; "
                     "smooth by a positive variance",
                     k, m->k, variance);
    }
    q->c[k] = sb_log(m->w[k]) - 0.5 * ((double)m->d * log_2pi + logdet);
  }
  return SB_OK;
}

sb_status sb_density_open(const sb_mixture *m, double variance, sb_density **out) {
  *out = NULL;
  if (!(variance >= 0.0) || !isfinite(variance))
    return sb_fail(SB_BAD, "density of a mixture smoothed by %g", variance);
  sb_density *q;
  SB_TRY(sb_density_new(m->k, m->d, &q));
  sb_status s = sb_density_fill(q, m, variance);
  if (s) {
    sb_density_close(q);
    return s;
  }
  *out = q;
  return SB_OK;
}

void sb_density_close(sb_density *q) { sb_mem_free(q); }

/* g_k and L_k of the rows in q->x, for one component. Every loop over r runs over ROWS rows,
 * whatever they hold. */
static void component(const sb_density *q, int k) {
  int d = q->d;
  const double *m = q->m + (size_t)k * d, *a = q->a + (size_t)k * d, *b = q->b + (size_t)k * d * d;
  double *l = q->l + (size_t)k * ROWS, *g = q->g + (size_t)k * d * ROWS;
  for (int i = 0; i < d; i++)
    for (int r = 0; r < ROWS; r++) q->u[i * ROWS + r] = q->x[i * ROWS + r] - m[i];
  for (int r = 0; r < ROWS; r++) l[r] = 0.0;
  for (int i = 0; i < d; i++, g += ROWS) {
    for (int r = 0; r < ROWS; r++) g[r] = a[i];
    const int end = q->diagonal ? i + 1 : d;
    for (int j = q->diagonal ? i : 0; j < end; j++) {
      double bij = b[(size_t)i * d + j];
      const double *u = q->u + j * ROWS;
      for (int r = 0; r < ROWS; r++) g[r] -= bij * u[r];
    }
    const double *u = q->u + i * ROWS;
    for (int r = 0; r < ROWS; r++) l[r] += u[r] * (a[i] + g[r]);
  }
  for (int r = 0; r < ROWS; r++) l[r] = q->c[k] + 0.5 * l[r];
}

/* L_k -> exp(L_k - max) and their sum over k, for n rows; value (may be NULL) receives the log of
 * the sum of exp L_k. */
static void exponentials(const sb_density *q, int n, double *value) {
  for (int r = 0; r < n; r++) {
    double most = q->l[r], sum = 0.0;
    for (int k = 1; k < q->k; k++)
      if (q->l[(size_t)k * ROWS + r] > most) most = q->l[(size_t)k * ROWS + r];
    for (int k = 0; k < q->k; k++) {
      double *l = q->l + (size_t)k * ROWS + r;
      *l = sb_exp(*l - most);
      sum += *l;
    }
    q->sum[r] = sum;
    if (value) value[r] = most + sb_log(sum);
  }
}

static void weigh(const sb_density *q, int n, double scale, double *gradient) {
  for (int i = 0; i < q->d; i++)
    for (int r = 0; r < n; r++) {
      double s = 0.0;
      for (int k = 0; k < q->k; k++)
        s += q->l[(size_t)k * ROWS + r] * q->g[((size_t)k * q->d + i) * ROWS + r];
      gradient[(size_t)r * q->d + i] = scale * (s / q->sum[r]);
    }
}

void sb_density_scaled(const sb_density *q, int64_t rows, const double *x, double scale,
                       double *value, double *gradient, double *resp) {
  size_t d = (size_t)q->d;
  for (int64_t first = 0; first < rows; first += ROWS) {
    int n = rows - first < ROWS ? (int)(rows - first) : ROWS;
    const double *xs = x + (size_t)first * d;
    for (size_t i = 0; i < d; i++)
      for (int r = 0; r < ROWS; r++) q->x[i * ROWS + r] = r < n ? xs[r * d + i] : 0.0;
    for (int k = 0; k < q->k; k++) component(q, k);
    exponentials(q, n, value ? value + first : NULL);
    if (gradient) weigh(q, n, scale, gradient + (size_t)first * d);
    for (int r = 0; resp && r < n; r++)
      for (int k = 0; k < q->k; k++)
        resp[(size_t)(first + r) * q->k + k] = q->l[(size_t)k * ROWS + r] / q->sum[r];
  }
}

void sb_density_eval(const sb_density *q, int64_t rows, const double *x, double *logq,
                     double *score, double *resp) {
  sb_density_scaled(q, rows, x, 1.0, logq, score, resp);
}
