/* Fréchet distance of samples (Heusel et al. 2017), which is that of the Gaussians with their
 * moments; in many dimensions with covariances that lie spread over the ranks. */
#include <math.h>

#include "sb/kernel.h"
#include "sb/mem.h"
#include "sb/metric.h"
#include "sb/watchdog.h"

/* --- Moments -------------------------------------------------------------------------------- */

typedef struct products {
  const double *mean;
  double weight, *gap, *work; /* gap [SB_BLOCK, d] */
  sb_dist *cov;
} products;

static sb_status visit(void *self, int64_t first, int64_t count, const void *rows) {
  const products *p = self;
  const int64_t d = p->cov->cols;
  const double *x = rows;
  (void)first;
  for (int64_t i = 0; i < count; i += SB_BLOCK) {
    const int n = count - i < SB_BLOCK ? (int)(count - i) : SB_BLOCK;
    for (int64_t k = 0; k < n * d; k++) p->gap[k] = x[i * d + k] - p->mean[k % d];
    sb_dist_add_rows(p->weight, n, p->gap, p->cov, p->work);
    sb_tick();
  }
  return SB_OK;
}

sb_status sb_moments_spread(const sb_comm *c, sb_points a, double weight, double *mean,
                            sb_dist *cov) {
  double *centre = NULL;
  products p = {.weight = weight / (double)(a.n - 1), .cov = cov};
  if (a.n < 2 || a.d < 1 || cov->rows != a.d || cov->cols != a.d)
    return sb_fail(SB_USE, "moments of %lld points: needs at least 2, and a matrix of %d x %d",
                   (long long)a.n, a.d, a.d);
  sb_status s = SB_NEW(&centre, a.d, "mean");
  if (!s) s = SB_NEW(&p.gap, SB_BLOCK * (int64_t)a.d, "covariance: points");
  if (!s) s = SB_NEW(&p.work, sb_dist_add_room(cov, SB_BLOCK), "covariance: points");
  s = sb_agree(c, s);
  if (!s) s = sb_sum_rows(c, a.n, a.d, a.x, centre, "mean");
  for (int k = 0; k < a.d && !s; k++) {
    centre[k] /= (double)a.n;
    if (mean) mean[k] = centre[k];
  }
  p.mean = centre;
  if (!s) s = sb_in_order(c, a.n, a.d, sizeof *a.x, a.x, visit, &p);
  sb_mem_free(p.work);
  sb_mem_free(p.gap);
  sb_mem_free(centre);
  return s;
}

/* --- Gaussians ------------------------------------------------------------------------------ */

/* Collective. */
static sb_status trace_of(const sb_dist *m, double *trace) {
  sb_sum sum = {{0}};
  for (int64_t i = 0; i < m->my_rows; i++)
    for (int64_t j = 0; j < m->my_cols; j++)
      if (sb_dist_row(m, i) == sb_dist_col(m, j)) sb_sum_add(&sum, m->x[i * m->stride + j]);
  return sb_sum_total(sb_process_grid_comm(m->grid), 1, &sum, trace, "trace of a covariance");
}

static double root(double x) { return x > 0 ? sqrt(x) : 0; } /* what rounding made negative is 0 */

/* Collective. tr (a^1/2 b a^1/2)^1/2, from the eigenvalues of s b s^T, s = w^1/2 v, a = v^T w v. s
 * and t: scratch, as a; w [d]. */
static sb_status cross(sb_dist *a, const sb_dist *b, sb_dist *s, sb_dist *t, double *w,
                       double *trace) {
  SB_TRY(sb_dist_eigen(a, a->rows, w, s));
  for (int64_t k = 0; k < a->rows; k++) w[k] = root(w[k]);
  sb_dist_scale_rows(s, w);
  SB_TRY(sb_dist_multiply(1, 0, s, 0, b, 0, a));
  SB_TRY(sb_dist_multiply(1, 0, a, 1, s, 0, t));
  SB_TRY(sb_dist_eigen(t, t->rows, w, NULL));
  *trace = 0;
  for (int64_t k = 0; k < a->rows; k++) *trace += root(w[k]);
  return SB_OK;
}

sb_status sb_gauss_w2_spread(const double *mean_a, sb_dist *cov_a, const double *mean_b,
                             const sb_dist *cov_b, double *value) {
  const sb_process_grid *g = cov_a->grid;
  const int64_t d = cov_a->rows;
  sb_dist s = {0}, t = {0};
  double *w = NULL, trace[3] = {0}, sum = 0;
  if (cov_a->cols != d || cov_b->rows != d || cov_b->cols != d || cov_b->grid != g)
    return sb_fail(SB_USE, "distance of Gaussians: covariances of %lld x %lld and %lld x %lld",
                   (long long)d, (long long)cov_a->cols, (long long)cov_b->rows,
                   (long long)cov_b->cols);
  SB_TRY(trace_of(cov_a, &trace[0]));
  SB_TRY(trace_of(cov_b, &trace[1]));
  sb_status status = sb_dist_open(g, d, d, "distance of Gaussians", &s);
  if (!status) status = sb_dist_open(g, d, d, "distance of Gaussians", &t);
  if (!status) status = sb_agree(sb_process_grid_comm(g), SB_NEW(&w, d, "distance of Gaussians"));
  if (!status) status = cross(cov_a, cov_b, &s, &t, w, &trace[2]);
  for (int64_t k = 0; k < d; k++) sum += (mean_a[k] - mean_b[k]) * (mean_a[k] - mean_b[k]);
  *value = fmax(sum + trace[0] + trace[1] - 2 * trace[2], 0);
  sb_mem_free(w);
  sb_dist_close(&t);
  sb_dist_close(&s);
  return status;
}

/* --- Samples -------------------------------------------------------------------------------- */

static sb_status frechet_spread(const sb_comm *c, sb_points a, sb_points b, double *mean,
                                double *value, double *trace) {
  sb_process_grid *g = NULL;
  sb_dist cov[2] = {{.grid = NULL}, {.grid = NULL}};
  sb_status s = sb_process_grid_open(c, a.d, &g);
  for (int k = 0; k < 2 && !s; k++) s = sb_dist_open(g, a.d, a.d, "covariance", &cov[k]);
  if (!s) s = sb_moments_spread(c, a, 1, mean, &cov[0]);
  if (!s) s = sb_moments_spread(c, b, 1, mean + a.d, &cov[1]);
  if (!s && trace) s = trace_of(&cov[1], trace);
  if (!s) s = sb_gauss_w2_spread(mean, &cov[0], mean + a.d, &cov[1], value);
  for (int k = 0; k < 2; k++) sb_dist_close(&cov[k]);
  sb_process_grid_close(g);
  return s;
}

static sb_status frechet_whole(const sb_comm *c, sb_points a, sb_points b, double *mean,
                               double *value, double *trace) {
  const int64_t d = a.d;
  double *cov = NULL;
  sb_status s = sb_agree(c, SB_NEW(&cov, 2 * d * d, "covariance"));
  if (!s) s = sb_moments(c, a, mean, cov);
  if (!s) s = sb_moments(c, b, mean + d, cov + d * d);
  if (!s) s = sb_gauss_w2(c, a.d, mean, cov, mean + d, cov + d * d, value);
  if (!s && trace) *trace = 0;
  for (int64_t k = 0; !s && trace && k < d; k++) *trace += cov[d * d + k * d + k];
  sb_mem_free(cov);
  return s;
}

sb_status sb_frechet(const sb_comm *c, sb_points a, sb_points b, double *value, double *trace) {
  double *mean = NULL;
  if (a.d != b.d || a.d < 1 || a.n < 2 || b.n < 2)
    return sb_fail(SB_USE, "Frechet distance of %lld points (dimension %d) and %lld (%d)",
                   (long long)a.n, a.d, (long long)b.n, b.d);
  sb_status s = sb_agree(c, SB_NEW(&mean, 2 * (int64_t)a.d, "means"));
  if (!s)
    s = a.d < SB_DIST_FROM ? frechet_whole(c, a, b, mean, value, trace)
                           : frechet_spread(c, a, b, mean, value, trace);
  sb_mem_free(mean);
  return s;
}
