/* Errors of mean and covariance, with standard errors to first order (the delta method: the
 * derivative of the error in the direction of one row) and floors.
 *
 * A true block of n' rows has an error whose square is proportional to 1/n' + 1/m'; the floor of n
 * rows judged by m is that of blocks times ((1/n + 1/m) / (1/n' + 1/m'))^(1/2), with 1/m = 0 for
 * exact moments. */
#include <math.h>
#include <string.h>

#include "judge.h"
#include "sb/mem.h"

enum { MEAN, COV, GAUSS, ERRORS };

/* Moments of one set. The covariance is whole on every rank (cov), or spread where it is large, or
 * neither where it is too large. */
typedef struct moments {
  double *mean, *cov; /* [d], [d, d] */
  sb_dist spread;
} moments;

typedef struct work {
  sb_process_grid *grid;
  moments truth, set, other;
  sb_dist scratch;
  int exact[ERRORS];     /* the true moment is known, not estimated     */
  int64_t truth_n;       /* points of the estimate                      */
  double unit[ERRORS];   /* errors are divided by this                  */
  double *floor[ERRORS]; /* [floors]                                    */
  double *rows;          /* [this rank's share of the sample, 2] terms  */
} work;

static double norm(int64_t n, const double *a, const double *b) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) {
    const double z = a[i] - (b ? b[i] : 0);
    sum += z * z;
  }
  return sqrt(sum);
}

/* Collective. Frobenius norm of a - b, or of a; and the trace of a. */
static sb_status norm_of(const judge *j, const moments *a, const moments *b, double *size,
                         double *trace) {
  const int64_t d = j->d;
  const sb_dist *m = &a->spread;
  sb_sum sum[2] = {{{0}}, {{0}}};
  double total[2] = {0, 0};
  if (a->cov) {
    for (int64_t k = 0; k < d; k++) total[1] += a->cov[k * d + k];
    *size = norm(d * d, a->cov, b ? b->cov : NULL);
    if (trace) *trace = total[1];
    return SB_OK;
  }
  for (int64_t i = 0; i < m->my_rows; i++) {
    double row = 0;
    for (int64_t k = 0; k < m->my_cols; k++) {
      const int64_t at = i * m->stride + k;
      const double z = m->x[at] - (b ? b->spread.x[at] : 0);
      row += z * z;
      if (sb_dist_row(m, i) == sb_dist_col(m, k)) sb_sum_add(&sum[1], m->x[at]);
    }
    sb_sum_add(&sum[0], row);
  }
  SB_TRY(sb_sum_total(j->c, 2, sum, total, "covariances"));
  *size = sqrt(total[0]);
  if (trace) *trace = total[1];
  return SB_OK;
}

/* Collective. */
static sb_status gauss_error(const judge *j, work *w, const moments *a, const moments *b,
                             double *out) {
  if (a->cov) return sb_gauss_w2(j->c, j->d, b->mean, b->cov, a->mean, a->cov, out);
  const size_t entries = (size_t)(b->spread.my_rows * b->spread.stride);
  memcpy(w->scratch.x, b->spread.x, entries * sizeof *b->spread.x);
  return sb_gauss_w2_spread(b->mean, &w->scratch, a->mean, &a->spread, out);
}

/* Collective. */
static sb_status error_of(const judge *j, work *w, int which, const moments *a, const moments *b,
                          double *out) {
  if (which == GAUSS) SB_TRY(gauss_error(j, w, a, b, out));
  if (which == COV) SB_TRY(norm_of(j, a, b, out, NULL));
  if (which == MEAN) *out = norm(j->d, a->mean, b->mean);
  *out /= w->unit[which];
  return SB_OK;
}

/* Errors that are measured: all, without Gaussians, without covariances. */
static int kinds(const judge *j) { return j->d > SB_JUDGE_COV ? COV : j->o->more ? ERRORS : GAUSS; }

/* Collective. Moments of one set. */
static sb_status moments_of(const judge *j, sb_points p, moments *out) {
  if (!out->spread.grid) return sb_moments(j->c, p, out->mean, out->cov);
  const size_t entries = (size_t)(out->spread.my_rows * out->spread.stride);
  memset(out->spread.x, 0, entries * sizeof *out->spread.x);
  return sb_moments_spread(j->c, p, 1, out->mean, &out->spread);
}

/* Collective. Adds weight * moments of `rows` points. */
static sb_status add_moments(const judge *j, const double *x, int64_t rows, double weight,
                             moments *scratch, moments *sum) {
  const int64_t d = j->d;
  const sb_points p = {rows, j->d, x};
  if (sum->spread.grid)
    SB_TRY(sb_moments_spread(j->c, p, weight, scratch->mean, &sum->spread));
  else
    SB_TRY(sb_moments(j->c, p, scratch->mean, scratch->cov));
  for (int64_t k = 0; k < d; k++) sum->mean[k] += weight * scratch->mean[k];
  for (int64_t k = 0; k < d * d && sum->cov; k++) sum->cov[k] += weight * scratch->cov[k];
  return SB_OK;
}

/* Collective. Mean of the moments of all blocks of a kind; kind -1: of the true blocks. */
static sb_status block_moments(const judge *j, work *w, int kind, moments *out) {
  const int64_t d = j->d, count = j->count[kind < 0 ? SAMPLE : kind];
  memset(out->mean, 0, (size_t)d * sizeof *out->mean);
  if (out->cov) memset(out->cov, 0, (size_t)(d * d) * sizeof *out->cov);
  if (out->spread.grid)
    memset(out->spread.x, 0, (size_t)(out->spread.my_rows * out->spread.stride) * sizeof(double));
  for (int64_t r = 0; r < count; r++) {
    if (kind < 0)
      SB_TRY_ALL(j->c, judge_truth(j, r, j->size, sb_share_of(j->c, j->size), j->x));
    else
      SB_TRY(judge_block(j, kind, r, j->size, j->x, j->y));
    SB_TRY(add_moments(j, j->x, j->size, 1 / (double)count, &w->other, out));
  }
  return SB_OK;
}

/* The exact covariance. */
static void take_cov(const judge *j, moments *out) {
  const size_t d = (size_t)j->d;
  const sb_dist *m = &out->spread;
  if (out->cov) memcpy(out->cov, j->in->cov, d * d * sizeof *out->cov);
  for (int64_t i = 0; i < m->my_rows; i++)
    for (int64_t k = 0; k < m->my_cols; k++)
      m->x[i * m->stride + k] = j->in->cov[sb_dist_row(m, i) * j->d + sb_dist_col(m, k)];
}

static sb_status set_truth(const judge *j, work *w) {
  const int covs = kinds(j) > COV;
  double size = 0, trace = 0;
  w->exact[MEAN] = j->in->mean != NULL;
  w->exact[COV] = w->exact[GAUSS] = j->in->cov != NULL;
  w->truth_n = j->count[SAMPLE] * j->size;
  if (!j->in->mean || (covs && !j->in->cov)) SB_TRY(block_moments(j, w, -1, &w->truth));
  if (j->in->mean) memcpy(w->truth.mean, j->in->mean, (size_t)j->d * sizeof(double));
  if (covs && j->in->cov) take_cov(j, &w->truth);
  if (covs) SB_TRY(norm_of(j, &w->truth, NULL, &size, &trace));
  w->unit[MEAN] = 1;
  w->unit[COV] = size > 0 ? size : 1; /* a point mass: the error is absolute */
  w->unit[GAUSS] = trace > 0 ? trace / 100 : 1;
  return SB_OK;
}

/* What one row of the sample adds to the error, to first order, and its square. */
static void influence(const judge *j, const work *w, int which, double length, const double *x,
                      double *out) {
  double sum = 0;
  for (int64_t k = 0; k < j->d; k++) {
    const double gap = x[k] - w->set.mean[k];
    if (which == MEAN) {
      sum += gap * (w->set.mean[k] - w->truth.mean[k]);
      continue;
    }
    const int64_t row = k * j->d;
    for (int64_t l = 0; l < j->d; l++)
      sum += gap * (x[l] - w->set.mean[l]) * (w->set.cov[row + l] - w->truth.cov[row + l]);
  }
  out[0] = sum / length;
  out[1] = out[0] * out[0];
}

/* Collective. */
static sb_status standard_error(const judge *j, work *w, int which, double value, double *out) {
  const int64_t n = j->in->sample.n;
  const sb_share own = sb_share_of(j->c, n);
  double sum[2];
  *out = NAN;
  if (!(value > 0) || which == GAUSS || (which == COV && !w->set.cov)) return SB_OK;
  for (int64_t i = 0; i < own.count; i++)
    influence(j, w, which, value * w->unit[which] * w->unit[which], j->in->sample.x + i * j->d,
              w->rows + 2 * i);
  SB_TRY(sb_sum_rows(j->c, n, 2, w->rows, sum, "standard error of moments"));
  const double each = fmax(sum[1] - sum[0] * sum[0] / (double)n, 0) / (double)(n - 1);
  *out = sqrt(each * (1 / (double)n + (w->exact[which] ? 0 : 1 / (double)w->truth_n)));
  return SB_OK;
}

/* Collective. Errors of true blocks: against exact moments, else against those of a second true
 * block. */
static sb_status set_floors(const judge *j, work *w) {
  const double n = (double)j->in->sample.n, m = (double)w->truth_n, size = (double)j->size;
  for (int64_t r = 0; r < j->count[FLOOR]; r++) {
    SB_TRY(judge_block(j, FLOOR, r, j->size, j->x, j->y));
    SB_TRY(moments_of(j, (sb_points){j->size, j->d, j->x}, &w->set));
    if (!w->exact[MEAN] || (kinds(j) > COV && !w->exact[COV]))
      SB_TRY(moments_of(j, (sb_points){j->size, j->d, j->y}, &w->other));
    for (int k = 0; k < kinds(j); k++) {
      const double ratio = w->exact[k] ? size / n : (1 / n + 1 / m) / (2 / size);
      double *floor = &w->floor[k][r];
      SB_TRY(error_of(j, w, k, &w->set, w->exact[k] ? &w->truth : &w->other, floor));
      *floor *= k == GAUSS ? ratio : sqrt(ratio); /* it is a square */
    }
  }
  return SB_OK;
}

/* Collective. */
static sb_status measure(judge *j, work *w) {
  sb_metric *out[ERRORS] = {NULL};
  const char *const name[ERRORS] = {"mean_error", "covariance_error", "bw2_uvp"};
  const int errors = kinds(j);
  SB_TRY(set_truth(j, w));
  SB_TRY(moments_of(j, j->in->sample, &w->set));
  for (int k = 0; k < errors; k++) {
    out[k] = judge_metric(j, name[k], j->in->sample.n, w->exact[k] ? 0 : w->truth_n);
    SB_TRY(error_of(j, w, k, &w->set, &w->truth, &out[k]->value));
    SB_TRY(standard_error(j, w, k, out[k]->value, &out[k]->stderr_));
  }
  if (j->count[TRAINED]) {
    SB_TRY(block_moments(j, w, TRAINED, &w->set));
    for (int k = 0; k < errors; k++)
      SB_TRY(error_of(j, w, k, &w->set, &w->truth, &out[k]->floor_train));
  }
  if (j->count[BASELINE]) {
    SB_TRY(block_moments(j, w, BASELINE, &w->set));
    for (int k = 0; k < errors; k++)
      SB_TRY(error_of(j, w, k, &w->set, &w->truth, &out[k]->baseline));
  }
  SB_TRY(set_floors(j, w));
  for (int k = 0; k < errors; k++) {
    out[k]->floor = judge_mean(j->count[FLOOR], w->floor[k]);
    out[k]->floor_q95 = judge_q95(j->count[FLOOR], w->floor[k]);
  }
  return SB_OK;
}

/* Collective. */
static sb_status open_work(const judge *j, work *w) {
  const int64_t d = j->d;
  moments *sets[] = {&w->truth, &w->set, &w->other};
  sb_status s = SB_OK;
  for (int k = 0; k < 3 && !s; k++) {
    s = SB_NEW(&sets[k]->mean, d, "evaluation: mean");
    if (!s && d <= SB_JUDGE_WHOLE) s = SB_NEW(&sets[k]->cov, d * d, "evaluation: covariance");
  }
  for (int k = 0; k < ERRORS && !s; k++)
    s = SB_NEW(&w->floor[k], j->count[FLOOR], "evaluation: floor");
  if (!s)
    s = SB_NEW(&w->rows, 2 * sb_share_of(j->c, j->in->sample.n).count,
               "evaluation: standard errors");
  s = sb_agree(j->c, s);
  if (s || d <= SB_JUDGE_WHOLE || d > SB_JUDGE_COV) return s;
  SB_TRY(sb_process_grid_open(j->c, d, &w->grid));
  for (int k = 0; k < 3; k++)
    SB_TRY(sb_dist_open(w->grid, d, d, "evaluation: covariance", &sets[k]->spread));
  return j->o->more ? sb_dist_open(w->grid, d, d, "evaluation: covariance", &w->scratch) : SB_OK;
}

sb_status judge_moments(judge *j) {
  work w = {.unit = {0}};
  sb_status s = open_work(j, &w);
  if (!s) s = measure(j, &w);
  moments *sets[] = {&w.truth, &w.set, &w.other};
  for (int k = 0; k < 3; k++) {
    sb_mem_free(sets[k]->mean);
    sb_mem_free(sets[k]->cov);
    sb_dist_close(&sets[k]->spread);
  }
  sb_dist_close(&w.scratch);
  sb_process_grid_close(w.grid);
  for (int k = 0; k < ERRORS; k++) sb_mem_free(w.floor[k]);
  sb_mem_free(w.rows);
  return s;
}
