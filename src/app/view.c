/* What a run shows of its space: principal axes above three dimensions, and the box of the training
 * rows along the axes shown. */
#include <math.h>

#include "app.h"
#include "sb/dense.h"
#include "sb/mem.h"

#define LOOK 20000 /* rows that the box is taken from */

/* Mean and axes of the training rows in raw coordinates: the covariance of network coordinates
 * pulled back. */
static sb_status principal_axes(app *a, sb_projection *p) {
  const sb_data *data = a->run.data;
  const int d = data->d, raw = data->raw;
  double *values = NULL, *vectors = NULL, trace = 0;
  sb_status s = SB_NEW(&p->mean, raw, "mean");
  if (!s) s = SB_NEW(&p->axes, 3 * raw, "axes");
  if (!s) s = SB_NEW(&values, d, "eigenvalues");
  if (!s) s = SB_NEW(&vectors, d * d, "eigenvectors");
  s = sb_agree(a->comm, s);
  if (!s) s = sb_eigen(a->comm, d, data->cov, values, vectors);
  if (!s) {
    p->d = raw;
    sb_affine_back(&data->map, 1, data->mean, p->mean);
    for (int i = 0; i < d; i++) trace += values[i];
    for (int k = 0; k < 3; k++) {
      double *axis = p->axes + k * raw, norm = 0;
      if (k < d) sb_affine_back_vector(&data->map, 1, vectors + k * d, axis);
      for (int j = 0; j < raw; j++) norm += axis[j] * axis[j];
      for (int j = 0; j < raw && norm > 0; j++) axis[j] /= sqrt(norm);
      p->explained[k] = k < d ? values[k] / trace : 0;
    }
  }
  sb_mem_free(values);
  sb_mem_free(vectors);
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

static sb_status box(app *a, app_view *v) {
  const sb_data *data = a->run.data;
  const int64_t n = data->n < LOOK ? data->n : LOOK;
  double *y, *x, at[3];
  SB_TRY(SB_NEW(&y, data->d, "row"));
  sb_status s = SB_NEW(&x, data->raw, "row");
  for (int k = 0; k < 3; k++) v->low[k] = INFINITY, v->high[k] = -INFINITY;
  for (int64_t i = 0; !s && i < n; i++) {
    for (int j = 0; j < data->d; j++) y[j] = (double)sb_data_row(data, i)[j];
    sb_affine_back(&data->map, 1, y, x);
    shown(v, data->raw, x, at);
    for (int k = 0; k < 3; k++)
      v->low[k] = fmin(v->low[k], at[k]), v->high[k] = fmax(v->high[k], at[k]);
  }
  for (int k = 0; k < 3; k++) {
    const double width = v->high[k] - v->low[k], margin = width > 0 ? 0.1 * width : 0.5;
    v->low[k] -= margin, v->high[k] += margin;
  }
  sb_mem_free(x);
  sb_mem_free(y);
  return s;
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
