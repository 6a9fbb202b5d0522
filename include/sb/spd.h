/* layer: base */
/** Symmetric positive definite matrices, small and row-major, in double: plain C, the same bits everywhere. */
#ifndef SB_SPD_H
#define SB_SPD_H
#include "sb/status.h"

/** Lower Cholesky factor of a [d, d] in place (a = L L^T; the lower triangle is read, the upper one zeroed).
 *  SB_BAD with the row when not positive definite (a pivot <= d 2.3e-16 of its diagonal entry, or not a number). */
sb_status sb_cholesky(int d, double *a);

/** Inverse (exactly symmetric) and log determinant of a [d, d] by its Cholesky factor. inverse may be a; logdet may be
 *  NULL. SB_BAD as sb_cholesky; inverse is then unspecified. Allocates nothing. */
sb_status sb_spd_inverse(int d, const double *a, double *inverse, double *logdet);

/** Square root and inverse root (symmetric) of a [d, d], either may be NULL, from its eigenvectors by Jacobi's
 *  rotations. Neither may be a. SB_BAD when an eigenvalue is not above d 2.3e-16 of the largest; SB_SYS: no memory. */
sb_status sb_spd_root(int d, const double *a, double *root, double *inverse);

#endif
