/* Chooses the affine map to network coordinates from the moments of the training rows: see
 * sb_affine. */
#include <math.h>
#include <string.h>

#include "sb/dense.h"
#include "sb/mem.h"
#include "work.h"

#define TINY 1e-12 /* eigenvalues below this part of the largest one are rounding */

static int mode_of(const sb_data_options *o, const sb_rows *r) {
  if (o->standardise != SB_STD_AUTO) return o->standardise;
  return r->law ? SB_STD_NONE : SB_STD_SCALE;
}

/* shift and scale; axes and stretch come later. */
static sb_status shift_and_scale(const sb_data_options *o, const sb_rows *r, const sb_spread *s,
                                 sb_affine *a) {
  const int mode = mode_of(o, r);
  a->raw = a->d = r->raw;
  SB_TRY(SB_NEW(&a->shift, a->raw, "map"));
  SB_TRY(SB_NEW(&a->scale, a->raw, "map"));
  for (int j = 0; j < a->raw; j++) {
    if (mode != SB_STD_NONE || o->project == SB_PROJECT_PCA) a->shift[j] = s->mean[j];
    a->scale[j] = 1;
    if (mode != SB_STD_SCALE) continue;
    if (!sb_spread_constant(s, j)) {
      a->scale[j] = 1 / sqrt(s->cov[(int64_t)j * a->raw + j]);
    } else if (o->project != SB_PROJECT_PCA) {
      return sb_fail(SB_USE,
                     "%s: column %d (counted from 0) is %g in all training rows and cannot be "
                     "scaled: remove it, or set "
                     "data.standardise to centre, or data.project to pca",
                     r->name, j, s->mean[j]);
    }
  }
  return SB_OK;
}

/* How many components are kept, of eigenvalues in descending order. */
static sb_status keep(const sb_data_options *o, const sb_rows *r, const double *values, int *kept) {
  int spread = 0;
  while (spread < r->raw && spread < r->n - 1 && values[spread] > TINY * values[0]) spread++;
  *kept = o->project != SB_PROJECT_PCA ? r->raw : o->components ? (int)o->components : spread;
  if (spread == 0) return sb_fail(SB_USE, "%s: all training rows are equal", r->name);
  if (*kept <= spread) return SB_OK;
  if (o->project == SB_PROJECT_PCA)
    return sb_fail(
        SB_USE,
        "%s: data.components asks for %d, but the %lld training rows spread in %d directions only",
        r->name, *kept, (long long)r->n, spread);
  return sb_fail(SB_USE,
                 "%s: the %lld training rows spread in %d of %d directions only and cannot be "
                 "whitened: set data.project to "
                 "pca and data.components to at most %d",
                 r->name, (long long)r->n, spread, r->raw, spread);
}

static sb_status keep_axes(const sb_data_options *o, const sb_rows *r, const double *values,
                           const double *vectors, sb_affine *a, double **cov) {
  SB_TRY(keep(o, r, values, &a->d));
  SB_TRY(SB_NEW(&a->axes, (int64_t)a->d * a->raw, "map"));
  SB_TRY(SB_NEW(&a->stretch, a->d, "map"));
  SB_TRY(SB_NEW(cov, (int64_t)a->d * a->d, "covariance"));
  memcpy(a->axes, vectors, (size_t)a->d * (size_t)a->raw * sizeof *vectors);
  for (int k = 0; k < a->d; k++) {
    a->stretch[k] = mode_of(o, r) == SB_STD_WHITEN ? 1 / sqrt(values[k]) : 1;
    (*cov)[(int64_t)k * a->d + k] = values[k] * a->stretch[k] * a->stretch[k];
  }
  return SB_OK;
}

static sb_status rotate(const sb_comm *c, const sb_data_options *o, const sb_rows *r,
                        const sb_spread *s, sb_affine *a, double **cov) {
  double *values = NULL, *vectors = NULL;
  sb_status status = SB_NEW(&values, a->raw, "eigenvalues");
  if (!status) status = SB_NEW(&vectors, (int64_t)a->raw * a->raw, "eigenvectors");
  status = sb_agree(c, status);
  if (!status) status = sb_eigen(c, a->raw, s->cov, values, vectors);
  if (!status) status = sb_agree(c, keep_axes(o, r, values, vectors, a, cov));
  sb_mem_free(vectors);
  sb_mem_free(values);
  return status;
}

sb_status sb_affine_choose(const sb_comm *c, const sb_data_options *o, const sb_rows *r,
                           sb_spread *s, sb_affine *a, double **mean, double **cov) {
  const int rotates = o->project == SB_PROJECT_PCA || mode_of(o, r) == SB_STD_WHITEN;
  SB_TRY_ALL(c, shift_and_scale(o, r, s, a));
  for (int i = 0; i < a->raw; i++)
    for (int j = 0; j < a->raw; j++) s->cov[(int64_t)i * a->raw + j] *= a->scale[i] * a->scale[j];
  if (rotates) {
    SB_TRY(rotate(c, o, r, s, a, cov));
  } else {
    SB_TRY_ALL(c, SB_NEW(&a->stretch, a->d, "map"));
    for (int j = 0; j < a->d; j++) a->stretch[j] = 1;
    *cov = s->cov;
    s->cov = NULL;
  }
  SB_TRY_ALL(c, SB_NEW(mean, a->d, "mean"));
  sb_affine_forward(a, 1, s->mean, *mean);
  return SB_OK;
}
