/* Cholesky factor, inverse and log determinant of small symmetric positive definite matrices: see
 * sb/spd.h. Source: Golub and Van Loan, Matrix Computations, 4.2 (row by row). No BLAS: these
 * numbers are results. */
#include "sb/spd.h"

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "sb/mathfn.h"

sb_status sb_cholesky(int d, double *a) {
  for (int i = 0; i < d; i++) {
    double *ai = a + (size_t)i * d;
    for (int j = 0; j <= i; j++) {
      const double *aj = a + (size_t)j * d;
      double s = ai[j];
      for (int k = 0; k < j; k++) s -= ai[k] * aj[k];
      if (j < i) {
        ai[j] = s / aj[j];
      } else if (s > d * DBL_EPSILON * fabs(ai[i]) && s < DBL_MAX) { /* false for a NaN */
        ai[i] = sqrt(s);
      } else {
        return sb_fail(SB_BAD, "matrix is not positive definite: pivot %g in row %d of %d", s, i,
                       d);
      }
    }
    for (int j = i + 1; j < d; j++) ai[j] = 0.0;
  }
  return SB_OK;
}

/* L -> its inverse, lower triangular, in place. */
static void invert_lower(int d, double *l) {
  for (int j = 0; j < d; j++) {
    l[(size_t)j * d + j] = 1.0 / l[(size_t)j * d + j];
    for (int i = j + 1; i < d; i++) {
      const double *li = l + (size_t)i * d; /* entries right of column j are still those of L */
      double s = 0.0;
      for (int k = j; k < i; k++) s += li[k] * l[(size_t)k * d + j];
      l[(size_t)i * d + j] = -s / li[i];
    }
  }
}

sb_status sb_spd_inverse(int d, const double *a, double *inverse, double *logdet) {
  if (inverse != a) memcpy(inverse, a, sizeof *a * (size_t)d * (size_t)d);
  SB_TRY(sb_cholesky(d, inverse));
  double sum = 0.0;
  for (int i = 0; i < d; i++) sum += sb_log(inverse[(size_t)i * d + i]);
  if (logdet) *logdet = 2.0 * sum;

  invert_lower(d, inverse);
  /* M^T M in place: entry (i, j <= i) needs rows >= i only, and in row i no entry left of j. */
  for (int i = 0; i < d; i++)
    for (int j = 0; j <= i; j++) {
      double s = 0.0;
      for (int k = i; k < d; k++) s += inverse[(size_t)k * d + i] * inverse[(size_t)k * d + j];
      inverse[(size_t)i * d + j] = s;
    }
  for (int i = 0; i < d; i++)
    for (int j = 0; j < i; j++) inverse[(size_t)j * d + i] = inverse[(size_t)i * d + j];
  return SB_OK;
}
