/* layer: linalg */
/** Small dense matrices, row-major, double. The first group is plain C (same bits everywhere); the second calls LAPACK. */
#ifndef SB_DENSE_H
#define SB_DENSE_H
#include "sb/comm.h"
#include "sb/status.h"

/** a [d, d] symmetric positive definite -> lower factor in place (upper part zeroed). SB_BAD when not positive definite. */
sb_status sb_cholesky(int d, double *a);
/** Inverse and log determinant of a [d, d] by its Cholesky factor; inverse symmetric. a and inverse may be the same. */
sb_status sb_spd_inverse(int d, const double *a, double *inverse, double *logdet);

/** Collective: eigenvalues (descending) and eigenvectors (rows of `vectors` [d, d], sign: largest component positive) of symmetric a [d, d]; LAPACK
 *  dsyevd on rank 0, broadcast, so that all ranks hold the same bits. Any pointer but a may be NULL. */
sb_status sb_eigen(const sb_comm *c, int d, const double *a, double *values, double *vectors);
/** Name of the BLAS core in use, e.g. "SkylakeX", and library version (static text). */
const char *sb_blas_core(void);
const char *sb_blas_library(void);
/** Compares the BLAS core with the CPU's features; before MPI starts: if they disagree sets OPENBLAS_CORETYPE and runs the
 *  program again (execv), once. Also sets OPENBLAS_NUM_THREADS=1. */
void sb_blas_settle(char **argv);

#endif
