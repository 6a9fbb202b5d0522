/* Roots of symmetric positive definite matrices: see sb/spd.h. Cyclic Jacobi rotations, which find
 * small eigenvalues to high relative accuracy, and diagonal matrices at once. */
#include <float.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "sb/mem.h"
#include "sb/spd.h"

#define SWEEPS 60

/* Rotates rows and columns p and q of a so that a[p][q] becomes 0; the rows p and q of v follow. */
static void rotate(size_t d, double *a, double *v, size_t p, size_t q) {
  const double apq = a[p * d + q], half = (a[q * d + q] - a[p * d + p]) / (2 * apq);
  const double t = (half < 0 ? -1.0 : 1.0) / (fabs(half) + sqrt(1 + half * half)),
               c = 1 / sqrt(1 + t * t), s = t * c;
  for (size_t i = 0; i < d; i++) {
    const double x = a[i * d + p], y = a[i * d + q];
    a[i * d + p] = c * x - s * y;
    a[i * d + q] = s * x + c * y;
  }
  for (size_t i = 0; i < d; i++) {
    const double x = a[p * d + i], y = a[q * d + i], vx = v[p * d + i], vy = v[q * d + i];
    a[p * d + i] = c * x - s * y;
    a[q * d + i] = s * x + c * y;
    v[p * d + i] = c * vx - s * vy;
    v[q * d + i] = s * vx + c * vy;
  }
  a[p * d + q] = a[q * d + p] = 0;
}

/* a becomes diagonal, the rows of v its eigenvectors. */
static void diagonalise(size_t d, double *a, double *v) {
  for (int sweep = 0, turned = 1; turned && sweep < SWEEPS; sweep++) {
    turned = 0;
    for (size_t p = 0; p < d; p++)
      for (size_t q = p + 1; q < d; q++) {
        const double least = 1e-17 * sqrt(fabs(a[p * d + p] * a[q * d + q]));
        if (!(fabs(a[p * d + q]) > least)) continue;
        rotate(d, a, v, p, q);
        turned = 1;
      }
  }
}

/* out = sum over eigenvectors of f v v'. */
static void compose(size_t d, const double *f, const double *v, double *out) {
  memset(out, 0, d * d * sizeof *out);
  for (size_t k = 0; k < d; k++)
    for (size_t i = 0; i < d; i++)
      for (size_t j = 0; j <= i; j++) out[i * d + j] += f[k] * v[k * d + i] * v[k * d + j];
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < i; j++) out[j * d + i] = out[i * d + j];
}

static sb_status roots(size_t d, double *work, double *root, double *inverse) {
  double *a = work, *v = a + d * d, *f = v + d * d, most = 0;
  for (size_t i = 0; i < d; i++) v[i * d + i] = 1;
  diagonalise(d, a, v);
  for (size_t i = 0; i < d; i++) most = fmax(most, a[i * d + i]);
  for (size_t i = 0; i < d; i++)
    if (!(a[i * d + i] > (double)d * DBL_EPSILON * most))
      return sb_fail(SB_BAD, "a matrix is not positive definite: eigenvalue %g, largest %g",
                     a[i * d + i], most);
  for (size_t i = 0; i < d; i++) f[i] = sqrt(a[i * d + i]);
  if (root) compose(d, f, v, root);
  for (size_t i = 0; i < d; i++) f[i] = 1 / f[i];
  if (inverse) compose(d, f, v, inverse);
  return SB_OK;
}

sb_status sb_spd_root(int d, const double *a, double *root, double *inverse) {
  const size_t n = (size_t)d;
  double *work;
  SB_TRY(SB_NEW(&work, 2 * (int64_t)(n * n) + d, "root of a matrix"));
  memcpy(work, a, n * n * sizeof *a);
  const sb_status s = roots(n, work, root, inverse);
  sb_mem_free(work);
  return s;
}
