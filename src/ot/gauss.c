/* Distance between Gaussians, which Fréchet's distance of samples and BW2-UVP are made of (Dowson
 * and Landau 1982): |m - n|^2 + tr(A + B - 2 (A^1/2 B A^1/2)^1/2). Eigenvalues by LAPACK. */
#include <math.h>

#include "sb/dense.h"
#include "sb/dist.h"
#include "sb/mem.h"
#include "sb/metric.h"

/* out = a b, all [d, d]. */
static void product(int d, const double *a, const double *b, double *out) {
  for (int64_t i = 0; i < (int64_t)d * d; i++) out[i] = 0;
  for (int64_t i = 0; i < d; i++)
    for (int64_t k = 0; k < d; k++) {
      const double x = a[i * d + k];
      for (int64_t j = 0; j < d; j++) out[i * d + j] += x * b[k * d + j];
    }
}

/* Collective. root [d, d]: the symmetric root of a; w, v: scratch [d], [d, d]. What rounding made
 * negative counts as zero. */
static sb_status root_of(const sb_comm *c, int d, const double *a, double *w, double *v,
                         double *root) {
  SB_TRY(sb_eigen(c, d, a, w, v));
  for (int64_t i = 0; i < (int64_t)d * d; i++) root[i] = 0;
  for (int64_t k = 0; k < d; k++) {
    const double s = w[k] > 0 ? sqrt(w[k]) : 0, *row = v + k * d;
    for (int64_t i = 0; i < d; i++)
      for (int64_t j = 0; j < d; j++) root[i * d + j] += s * row[i] * row[j];
  }
  return SB_OK;
}

static void symmetrise(int d, double *a) {
  for (int64_t i = 0; i < d; i++)
    for (int64_t j = 0; j < i; j++) a[i * d + j] = a[j * d + i] = (a[i * d + j] + a[j * d + i]) / 2;
}

static sb_status cross(const sb_comm *c, int d, const double *a, const double *b, double *work,
                       double *trace) {
  const int64_t square = (int64_t)d * d;
  double *w = work, *v = w + d, *root = v + square, *middle = root + square;
  SB_TRY(root_of(c, d, a, w, v, root));
  product(d, root, b, v);
  product(d, v, root, middle);
  symmetrise(d, middle);
  SB_TRY(sb_eigen(c, d, middle, w, NULL));
  *trace = 0;
  for (int k = 0; k < d; k++) *trace += w[k] > 0 ? sqrt(w[k]) : 0;
  return SB_OK;
}

static sb_status whole(const sb_comm *c, int d, const double *mean_a, const double *cov_a,
                       const double *mean_b, const double *cov_b, double *value) {
  double *work = NULL, trace = 0, sum = 0;
  sb_status s = sb_agree(c, SB_NEW(&work, d + 3 * (int64_t)d * d, "distance of Gaussians"));
  if (!s) s = cross(c, d, cov_a, cov_b, work, &trace);
  for (int64_t k = 0; k < d; k++) {
    const double gap = mean_a[k] - mean_b[k];
    sum += gap * gap + cov_a[k * d + k] + cov_b[k * d + k];
  }
  *value = fmax(sum - 2 * trace, 0);
  sb_mem_free(work);
  return s;
}

/* --- By ScaLAPACK --------------------------------------------------------------------------- */

typedef struct matrix {
  int64_t d;
  const double *x;
} matrix;

static sb_status copy(void *self, int64_t row, int64_t col, int rows, int cols, double *tile,
                      int64_t stride) {
  const matrix *m = self;
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < cols; j++) tile[i * stride + j] = m->x[(row + i) * m->d + col + j];
  return SB_OK;
}

static sb_status spread(const sb_comm *c, int d, const double *mean_a, const double *cov_a,
                        const double *mean_b, const double *cov_b, double *value) {
  sb_process_grid *g = NULL;
  sb_dist a = {0}, b = {0};
  matrix from[] = {{d, cov_a}, {d, cov_b}};
  sb_status s = sb_process_grid_open(c, d, &g);
  if (!s) s = sb_dist_open(g, d, d, "covariance", &a);
  if (!s) s = sb_dist_open(g, d, d, "covariance", &b);
  if (!s) s = sb_dist_fill(&a, copy, &from[0]);
  if (!s) s = sb_dist_fill(&b, copy, &from[1]);
  if (!s) s = sb_gauss_w2_spread(mean_a, &a, mean_b, &b, value);
  sb_dist_close(&b);
  sb_dist_close(&a);
  sb_process_grid_close(g);
  return s;
}

sb_status sb_gauss_w2(const sb_comm *c, int d, const double *mean_a, const double *cov_a,
                      const double *mean_b, const double *cov_b, double *value) {
  return d < SB_DIST_FROM ? whole(c, d, mean_a, cov_a, mean_b, cov_b, value)
                          : spread(c, d, mean_a, cov_a, mean_b, cov_b, value);
}
