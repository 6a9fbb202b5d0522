/* What a run shows of its space: principal axes above three dimensions, and the box of the training
 * rows along the axes shown. */
#include <math.h>

#include "app.h"
#include "sb/dense.h"
#include "sb/mem.h"

#define LOOK 20000 /* rows that the box is taken from */

/* Network coordinates without axes are raw ones stretched: m [d, d] is their covariance pulled
 * back.
 */
static void stretched_back(const sb_data *data, double *m) {
  const sb_affine *map = &data->map;
  const int d = data->d;
  for (int i = 0; i < d; i++)
    for (int j = 0; j < d; j++)
      m[i * d + j] = data->cov[i * d + j] / (map->scale[i] * map->stretch[i]) /
                     (map->scale[j] * map->stretch[j]);
}

/* With axes, network coordinates are uncorrelated: the rows of f [d, raw] are their unit vectors
 * pulled back, times their spread, so that f' f is the raw covariance; m = f f' has the same
 * eigenvalues. */
static void rotated_back(const sb_data *data, double *unit, double *f, double *m) {
  const int d = data->d, raw = data->raw;
  for (int i = 0; i < d; i++) {
    for (int j = 0; j < d; j++) unit[j] = j == i ? sqrt(data->cov[i * d + i]) : 0;
    sb_affine_back_vector(&data->map, 1, unit, f + i * raw);
  }
  for (int i = 0; i < d; i++)
    for (int j = 0; j <= i; j++) {
      double sum = 0;
      for (int k = 0; k < raw; k++) sum += f[i * raw + k] * f[j * raw + k];
      m[i * d + j] = m[j * d + i] = sum;
    }
}

/* Unit vector along an eigenvector of m. */
static void lay_axis(const sb_data *data, const double *f, const double *vector, double *axis) {
  const int d = data->d, raw = data->raw;
  double norm = 0;
  for (int j = 0; j < raw; j++) {
    axis[j] = f ? 0 : vector[j];
    for (int i = 0; f && i < d; i++) axis[j] += vector[i] * f[i * raw + j];
    norm += axis[j] * axis[j];
  }
  for (int j = 0; j < raw && norm > 0; j++) axis[j] /= sqrt(norm);
}

/* Mean and principal axes of the training rows in raw coordinates. */
static sb_status principal_axes(app *a, sb_projection *p) {
  const sb_data *data = a->run.data;
  const int d = data->d, raw = data->raw, rotated = data->map.axes != NULL;
  double *m = NULL, *f = NULL, *values = NULL, *vectors = NULL, trace = 0;
  sb_status s = SB_NEW(&p->mean, raw, "mean");
  if (!s) s = SB_NEW(&p->axes, 3 * raw, "axes");
  if (!s) s = SB_NEW(&m, (int64_t)d * d, "covariance");
  if (!s && rotated) s = SB_NEW(&f, (int64_t)d * raw, "factor of the covariance");
  if (!s) s = SB_NEW(&values, d, "eigenvalues");
  if (!s) s = SB_NEW(&vectors, (int64_t)d * d, "eigenvectors");
  s = sb_agree(a->comm, s);
  if (!s && rotated) rotated_back(data, values, f, m);
  if (!s && !rotated) stretched_back(data, m);
  if (!s) s = sb_eigen(a->comm, d, m, values, vectors);
  if (!s) {
    p->d = raw;
    sb_affine_back(&data->map, 1, data->mean, p->mean);
    for (int i = 0; i < d; i++) trace += values[i];
    for (int k = 0; k < 3 && k < d; k++) {
      lay_axis(data, f, vectors + (int64_t)k * d, p->axes + k * raw);
      p->explained[k] = values[k] / trace;
    }
  }
  sb_mem_free(vectors);
  sb_mem_free(values);
  sb_mem_free(f);
  sb_mem_free(m);
  return s;
}

/* Coordinates shown of a raw point: itself, or its projection. */
static void shown(const app_view *v, int raw, const double *x, double *out) {
  for (int k = 0; k < 3; k++) {
    out[k] = raw <= 3 && k < raw ? x[k] : 0;
    for (int j = 0; raw > 3 && j < raw; j++)
      out[k] += v->projection.axes[k * raw + j] * (x[j] - v->projection.mean[j]);
  }
}

/* Widens the box by the rows of a set. */
static sb_status look_at(const sb_data *data, app_view *v) {
  const int64_t n = data->n < LOOK ? data->n : LOOK;
  double *y, *x, at[3];
  SB_TRY(SB_NEW(&y, data->d, "row"));
  sb_status s = SB_NEW(&x, data->raw, "row");
  for (int64_t i = 0; !s && i < n; i++) {
    for (int j = 0; j < data->d; j++) y[j] = (double)sb_data_row(data, i)[j];
    sb_affine_back(&data->map, 1, y, x);
    shown(v, data->raw, x, at);
    for (int k = 0; k < 3; k++)
      v->low[k] = fmin(v->low[k], at[k]), v->high[k] = fmax(v->high[k], at[k]);
  }
  sb_mem_free(x);
  sb_mem_free(y);
  return s;
}

static sb_status box(app *a, app_view *v) {
  for (int k = 0; k < 3; k++) v->low[k] = INFINITY, v->high[k] = -INFINITY;
  SB_TRY(look_at(a->run.data, v));
  if (a->run.source) SB_TRY(look_at(a->run.source, v));
  for (int k = 0; k < 3; k++) {
    const double width = v->high[k] - v->low[k], margin = width > 0 ? 0.1 * width : 0.5;
    v->low[k] -= margin, v->high[k] += margin;
  }
  return SB_OK;
}

sb_status app_view_open(app *a, app_view *out) {
  *out = (app_view){.low = {0}};
  if (a->run.data->raw > 3) SB_TRY(principal_axes(a, &out->projection));
  return sb_agree(a->comm, box(a, out));
}

void app_view_close(app_view *v) {
  sb_mem_free(v->projection.mean);
  sb_mem_free(v->projection.axes);
}
