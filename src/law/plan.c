/* Conditional laws of known bridges: see plan.h. */
#include "plan.h"

#include <string.h>

#include "density.h"
#include "sb/mem.h"
#include "sb/noise.h"
#include "sb/spd.h"

enum { ROWS = SB_LAW_ROWS, NORMAL = 3, UNIFORM = 4 };

sb_status sb_plan_new(int k, int d, sb_plan **out) {
  const int64_t n = k, vectors = n * d, squares = vectors * d,
                head = (int64_t)((sizeof(sb_plan) + sizeof(double) - 1) / sizeof(double));
  double *block;
  *out = NULL;
  SB_TRY(SB_NEW(&block, head + 3 * vectors + 3 * squares + ROWS * n + d, "plan of a bridge"));
  sb_plan *p = (sb_plan *)block;
  *p = (sb_plan){.k = k, .d = d, .base = block + head};
  p->centre = p->base + vectors;
  p->mean = p->centre + vectors;
  p->gain = p->mean + vectors;
  p->cov = p->gain + squares;
  p->factor = p->cov + squares;
  p->resp = p->factor + squares;
  p->z = p->resp + ROWS * n;
  *out = p;
  return SB_OK;
}

void sb_plan_free(sb_plan *p) {
  if (!p) return;
  sb_density_close(p->weigh);
  sb_mem_free(p);
}

void sb_plan_factorise(sb_plan *p) {
  const size_t square = (size_t)p->d * (size_t)p->d;
  p->diagonal = sb_is_diagonal(p->k, p->d, p->gain) && sb_is_diagonal(p->k, p->d, p->cov);
  memcpy(p->factor, p->cov, (size_t)p->k * square * sizeof *p->cov);
  for (int k = 0; k < p->k; k++)
    if (sb_cholesky(p->d, p->factor + (size_t)k * square)) {
      sb_forget();
      memset(p->factor + (size_t)k * square, 0, square * sizeof *p->factor);
    }
}

/* Mean of component k at x [d]. */
static void mean_of(const sb_plan *p, int k, const double *x, double *mean) {
  const size_t d = (size_t)p->d, at = (size_t)k * d;
  const double *gain = p->gain + at * d;
  for (size_t i = 0; i < d; i++) {
    double sum = p->base[at + i];
    const size_t end = p->diagonal ? i + 1 : d;
    for (size_t j = p->diagonal ? i : 0; j < end; j++)
      sum += gain[i * d + j] * (x[j] - p->centre[at + j]);
    mean[i] = sum;
  }
}

/* Weights of up to ROWS rows [rows, k]. */
static void weights(const sb_plan *p, int64_t rows, const double *x) {
  if (p->weigh)
    sb_density_eval(p->weigh, rows, x, NULL, NULL, p->resp);
  else
    for (int64_t r = 0; r < rows; r++) p->resp[r] = 1;
}

static void moments_of(const sb_plan *p, const double *w, const double *x, double *mean,
                       double *cov) {
  const size_t d = (size_t)p->d;
  memset(mean, 0, d * sizeof *mean);
  for (int k = 0; k < p->k; k++) {
    double *m = p->mean + (size_t)k * d;
    mean_of(p, k, x, m);
    for (size_t i = 0; i < d; i++) mean[i] += w[k] * m[i];
  }
  if (!cov) return;
  memset(cov, 0, d * d * sizeof *cov);
  for (int k = 0; k < p->k; k++) {
    const double *m = p->mean + (size_t)k * d, *c = p->cov + (size_t)k * d * d;
    for (size_t i = 0; i < d; i++)
      for (size_t j = 0; j < d; j++)
        cov[i * d + j] += w[k] * (c[i * d + j] + (m[i] - mean[i]) * (m[j] - mean[j]));
  }
}

void sb_plan_moments(const sb_plan *p, int64_t rows, const double *x, double *mean, double *cov) {
  const int64_t d = p->d;
  for (int64_t first = 0; first < rows; first += ROWS) {
    const int64_t n = rows - first < ROWS ? rows - first : ROWS;
    weights(p, n, x + first * d);
    for (int64_t r = 0; r < n; r++)
      moments_of(p, p->resp + r * p->k, x + (first + r) * d, mean + (first + r) * d,
                 cov ? cov + (first + r) * d * d : NULL);
  }
}

static int choose(int k, const double *w, double u) {
  double sum = 0;
  for (int i = 0; i < k - 1; i++) {
    sum += w[i];
    if (sum > u) return i;
  }
  return k - 1;
}

/* y = mean of k at x + factor * z: z [d] stands in y. */
static void place(const sb_plan *p, int k, const double *x, double *y) {
  const size_t d = (size_t)p->d;
  const double *factor = p->factor + (size_t)k * d * d;
  double *mean = p->mean;
  mean_of(p, k, x, mean);
  for (size_t i = d; i-- > 0;) { /* from below, since row i needs the normals 0 .. i */
    double sum = mean[i];
    for (size_t j = p->diagonal ? i : 0; j <= i; j++) sum += factor[i * d + j] * y[j];
    y[i] = sum;
  }
}

void sb_plan_draw(const sb_plan *p, uint64_t key, int64_t first, int64_t rows, const double *x,
                  double *y) {
  const int64_t d = p->d;
  for (int64_t at = 0; at < rows; at += ROWS) {
    const int64_t n = rows - at < ROWS ? rows - at : ROWS;
    weights(p, n, x + at * d);
    for (int64_t r = 0; r < n; r++) {
      const int64_t i = first + at + r;
      const int k = choose(p->k, p->resp + r * p->k, sb_noise_uniform(key, i, UNIFORM, 0));
      double *z = p->z;
      sb_noise_normals64(key, i, 1, NORMAL, p->d, z);
      place(p, k, x + (at + r) * d, z);
      memcpy(y + (at + r) * d, z, (size_t)d * sizeof *y);
    }
  }
}
