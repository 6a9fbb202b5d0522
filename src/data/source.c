/* Where points for metrics come from: fresh draws of the law, rows of the table, draws of the
 * Gaussian fit. Local: each rank makes the rows that it asks for, keyed by the replicate. */
#include <string.h>

#include "sb/kernel.h"
#include "sb/mem.h"
#include "sb/noise.h"
#include "sb/spd.h"
#include "work.h"

/* The two sources of one law or table never share a stream or, where rows are held out, a row. */
enum { TRUTH = 0, FRESH = 1 };

static uint64_t stream(const sb_data *data, int which, int64_t replicate) {
  return sb_noise_key(data->seed, SB_FOR_TRUTH, (uint32_t)replicate,
                      (uint32_t)(replicate >> 32) << 1 | (uint32_t)which);
}

static sb_status draw_law(const sb_data *data, uint64_t key, int64_t first, int64_t n, double *x) {
  double *raw;
  sb_status s = SB_OK;
  SB_TRY(SB_NEW(&raw, (int64_t)SB_BLOCK * data->raw, "true draws"));
  for (int64_t i = 0; i < n && !s; i += SB_BLOCK) {
    const int64_t rows = n - i < SB_BLOCK ? n - i : SB_BLOCK;
    s = sb_law_draw(data->law, key, first + i, rows, raw, NULL);
    if (!s) sb_affine_forward(&data->map, rows, raw, x + i * data->d);
  }
  sb_mem_free(raw);
  return s;
}

sb_status sb_data_begin(const sb_data *data, uint64_t key, int64_t first, int64_t n, double *x) {
  if (data->law) return draw_law(data, key, first, n, x);
  for (int64_t i = 0; i < n; i++) {
    const int64_t at = first + i, total = data->total,
                  row = sb_noise_permute(key, total, (uint32_t)(at / total), at % total);
    for (int j = 0; j < data->d; j++) x[i * data->d + j] = (double)data->x[row * data->d + j];
  }
  return SB_OK;
}

/* --- Rows of a table
 * ------------------------------------------------------------------------------ */

typedef struct range {
  int64_t first, count;
} range;

/* Which rows a source has: held-out ones are truth; without any, training rows are cut in two by a
 * keyed permutation. */
static range rows_of(const sb_data *data, int which) {
  const int64_t half = data->n / 2;
  if (data->n_held) return which == TRUTH ? (range){data->n, data->n_held} : (range){0, data->n};
  return which == TRUTH ? (range){0, half} : (range){half, data->n - half};
}

static void draw_rows(const sb_data *data, int which, uint64_t key, int64_t first, int64_t n,
                      double *x) {
  const uint64_t cut = sb_noise_key(data->seed, SB_FOR_VALIDATION, 0, 1);
  const range rows = rows_of(data, which);
  for (int64_t i = 0; i < n; i++) {
    const int64_t place = first + i, lap = place / rows.count;
    int64_t at = rows.first + sb_noise_permute(key, rows.count, (uint32_t)lap, place % rows.count);
    if (!data->n_held) at = sb_noise_permute(cut, data->n, 0, at);
    const float *row = sb_data_row(data, at);
    for (int j = 0; j < data->d; j++) x[i * data->d + j] = (double)row[j];
  }
}

static sb_status draw(const sb_data *data, int which, int64_t replicate, int64_t first, int64_t n,
                      double *x) {
  const uint64_t key = stream(data, which, replicate);
  if (data->law) return draw_law(data, key, first, n, x);
  draw_rows(data, which, key, first, n, x);
  return SB_OK;
}

static sb_status draw_truth(void *self, int64_t replicate, int64_t first, int64_t n, double *x) {
  return draw(self, TRUTH, replicate, first, n, x);
}

static sb_status draw_fresh(void *self, int64_t replicate, int64_t first, int64_t n, double *x) {
  return draw(self, FRESH, replicate, first, n, x);
}

sb_source sb_data_truth(sb_data *data) {
  return (sb_source){
      .self = data, .draw = draw_truth, .most = data->law ? 0 : rows_of(data, TRUTH).count};
}

sb_source sb_data_fresh(sb_data *data) {
  return (sb_source){
      .self = data, .draw = draw_fresh, .most = data->law ? 0 : rows_of(data, FRESH).count};
}

/* --- The Gaussian fit
 * ------------------------------------------------------------------------------ */

/* A singular covariance is lifted by as little as lets its factor exist. */
static sb_status factorise(sb_data *data) {
  const int64_t d = data->d;
  double trace = 0;
  SB_TRY(SB_NEW(&data->factor, d * d, "factor of the covariance"));
  for (int64_t i = 0; i < d; i++) trace += data->cov[i * d + i];
  for (double lift = 0; trace > 0; lift = lift > 0 ? lift * 100 : 1e-13) {
    memcpy(data->factor, data->cov, (size_t)(d * d) * sizeof *data->cov);
    for (int64_t i = 0; i < d; i++) data->factor[i * d + i] += lift * trace / (double)d;
    if (sb_cholesky((int)d, data->factor) == SB_OK) return SB_OK;
    sb_forget();
  }
  return SB_OK; /* all rows are equal: the factor is zero */
}

static sb_status draw_baseline(void *self, int64_t replicate, int64_t first, int64_t n, double *x) {
  sb_data *data = self;
  const int64_t d = data->d;
  const uint64_t key =
      sb_noise_key(data->seed, SB_FOR_BASELINE, (uint32_t)replicate, (uint32_t)(replicate >> 32));
  if (!data->factor) SB_TRY(factorise(data));
  for (int64_t i = 0; i < n; i++) {
    double *row = x + i * d;
    sb_noise_normals64(key, first + i, 1, 0, (int)d, row);
    for (int64_t j = d - 1; j >= 0; j--) { /* from below, since row j needs the normals 0 .. j */
      double sum = data->mean[j];
      for (int64_t k = 0; k <= j; k++) sum += data->factor[j * d + k] * row[k];
      row[j] = sum;
    }
  }
  return SB_OK;
}

sb_source sb_data_baseline(sb_data *data) {
  return (sb_source){.self = data, .draw = draw_baseline};
}

/* --- Rows in order
 * --------------------------------------------------------------------------------- */

static sb_status copy_rows(const sb_data *data, int held, int64_t first, int64_t n, double *x) {
  for (int64_t i = 0; i < n; i++) {
    const float *row = held ? sb_data_held(data, first + i) : sb_data_row(data, first + i);
    for (int j = 0; j < data->d; j++) x[i * data->d + j] = (double)row[j];
  }
  return SB_OK;
}

static sb_status copy_training(void *self, int64_t replicate, int64_t first, int64_t n, double *x) {
  (void)replicate;
  return copy_rows(self, 0, first, n, x);
}

static sb_status copy_held(void *self, int64_t replicate, int64_t first, int64_t n, double *x) {
  (void)replicate;
  return copy_rows(self, 1, first, n, x);
}

sb_source sb_data_rows(sb_data *data, int held) {
  return held ? (sb_source){.self = data, .draw = copy_held, .most = data->n_held}
              : (sb_source){.self = data, .draw = copy_training, .most = data->n};
}
