/* The affine map between raw and network coordinates. Each sum runs over its index in order,
 * whatever the blocking. */
#include <string.h>

#include "sb/mem.h"
#include "work.h"

#define ROWS 8   /* rows that are mapped together */
#define CUT  256 /* raw coordinates of them that stay at hand */

/* Raw coordinates j0 .. j0+width-1 of up to ROWS rows, shifted, scaled and transposed. */
static void load(const sb_affine *a, int rows, const double *raw, int j0, int width,
                 double z[CUT][ROWS]) {
  for (int j = 0; j < width; j++)
    for (int r = 0; r < ROWS; r++)
      z[j][r] =
          r < rows ? (raw[(int64_t)r * a->raw + j0 + j] - a->shift[j0 + j]) * a->scale[j0 + j] : 0;
}

static void project(const sb_affine *a, int rows, const double *raw, double *y) {
  double z[CUT][ROWS], sum[ROWS];
  for (int j0 = 0; j0 < a->raw; j0 += CUT) {
    const int width = a->raw - j0 < CUT ? a->raw - j0 : CUT;
    load(a, rows, raw, j0, width, z);
    for (int k = 0; k < a->d; k++) {
      const double *axis = a->axes + (int64_t)k * a->raw + j0;
      for (int r = 0; r < ROWS; r++) sum[r] = j0 && r < rows ? y[(int64_t)r * a->d + k] : 0;
      for (int j = 0; j < width; j++)
        for (int r = 0; r < ROWS; r++) sum[r] += axis[j] * z[j][r];
      for (int r = 0; r < rows; r++) y[(int64_t)r * a->d + k] = sum[r];
    }
  }
  for (int r = 0; r < rows; r++)
    for (int k = 0; k < a->d; k++) y[(int64_t)r * a->d + k] *= a->stretch[k];
}

void sb_affine_forward(const sb_affine *a, int64_t n, const double *raw, double *y) {
  if (a->axes) {
    for (int64_t i = 0; i < n; i += ROWS)
      project(a, (int)(n - i < ROWS ? n - i : ROWS), raw + i * a->raw, y + i * a->d);
    return;
  }
  for (int64_t i = 0; i < n; i++)
    for (int j = 0; j < a->d; j++)
      y[i * a->d + j] = a->stretch[j] * ((raw[i * a->d + j] - a->shift[j]) * a->scale[j]);
}

void sb_affine_back_vector(const sb_affine *a, int64_t n, const double *y, double *raw) {
  for (int64_t i = 0; i < n; i++) {
    const double *from = y + i * a->d;
    double *to = raw + i * a->raw;
    if (a->axes) memset(to, 0, (size_t)a->raw * sizeof *to);
    for (int k = 0; a->axes && k < a->d; k++) {
      const double *axis = a->axes + (int64_t)k * a->raw, weight = from[k] / a->stretch[k];
      for (int j = 0; j < a->raw; j++) to[j] += axis[j] * weight;
    }
    for (int j = 0; j < a->raw; j++)
      to[j] = (a->axes ? to[j] : from[j] / a->stretch[j]) / a->scale[j];
  }
}

void sb_affine_back(const sb_affine *a, int64_t n, const double *y, double *raw) {
  sb_affine_back_vector(a, n, y, raw);
  for (int64_t i = 0; i < n; i++)
    for (int j = 0; j < a->raw; j++) raw[i * a->raw + j] += a->shift[j];
}

void sb_affine_matrix(const sb_affine *a, double *m) {
  for (int k = 0; k < a->d; k++)
    for (int j = 0; j < a->raw; j++)
      m[(int64_t)k * a->raw + j] =
          a->stretch[k] * (a->axes ? a->axes[(int64_t)k * a->raw + j] : j == k) * a->scale[j];
}

static sb_status copy(const double *from, int64_t n, double **to) {
  SB_TRY(SB_NEW(to, n, "map"));
  memcpy(*to, from, (size_t)n * sizeof *from);
  return SB_OK;
}

sb_status sb_affine_copy(const sb_affine *a, sb_affine *out) {
  *out = (sb_affine){.raw = a->raw, .d = a->d};
  SB_TRY(copy(a->shift, a->raw, &out->shift));
  SB_TRY(copy(a->scale, a->raw, &out->scale));
  if (a->axes) SB_TRY(copy(a->axes, (int64_t)a->d * a->raw, &out->axes));
  return copy(a->stretch, a->d, &out->stretch);
}

/* cov [d, d] = M C M', M [d, raw] the matrix of the map; m [d, raw], zeros, room for M C. */
static void carry(const double *matrix, int64_t d, int64_t raw, const double *c, double *m,
                  double *cov) {
  for (int64_t i = 0; i < d; i++)
    for (int64_t k = 0; k < raw; k++)
      for (int64_t j = 0; j < raw; j++) m[i * raw + j] += matrix[i * raw + k] * c[k * raw + j];
  for (int64_t i = 0; i < d; i++)
    for (int64_t j = 0; j <= i; j++) {
      double sum = 0;
      for (int64_t k = 0; k < raw; k++) sum += m[i * raw + k] * matrix[j * raw + k];
      cov[i * d + j] = cov[j * d + i] = sum;
    }
}

/* Without axes the matrix is diagonal. */
static void rescale(const sb_affine *a, const double *c, double *cov) {
  const int64_t d = a->d;
  for (int64_t i = 0; i < d; i++)
    for (int64_t j = 0; j < d; j++)
      cov[i * d + j] = a->stretch[i] * a->scale[i] * c[i * d + j] * a->scale[j] * a->stretch[j];
}

sb_status sb_affine_moments(const sb_affine *a, const sb_spread *s, double **mean, double **cov) {
  const int64_t d = a->d, raw = a->raw;
  double *matrix = NULL, *product = NULL;
  SB_TRY(SB_NEW(mean, d, "mean"));
  SB_TRY(SB_NEW(cov, d * d, "covariance"));
  sb_affine_forward(a, 1, s->mean, *mean);
  if (!a->axes) {
    rescale(a, s->cov, *cov);
    return SB_OK;
  }
  sb_status status = SB_NEW(&matrix, d * raw, "map");
  if (!status) status = SB_NEW(&product, d * raw, "covariance");
  if (!status) {
    sb_affine_matrix(a, matrix);
    carry(matrix, d, raw, s->cov, product, *cov);
  }
  sb_mem_free(product);
  sb_mem_free(matrix);
  return status;
}

void sb_affine_free(sb_affine *a) {
  sb_mem_free(a->shift);
  sb_mem_free(a->scale);
  sb_mem_free(a->axes);
  sb_mem_free(a->stretch);
  *a = (sb_affine){0};
}
