/* layer: linalg */
/** Small dense matrices by LAPACK, and which BLAS there is. Cholesky factor and inverse, in plain C: sb/spd.h. */
#ifndef SB_DENSE_H
#define SB_DENSE_H
#include "sb/comm.h"
#include "sb/spd.h"
#include "sb/status.h"

/** Collective. Eigenvalues [d], descending, and eigenvectors (rows of `vectors` [d, d]) of symmetric a [d, d], of which
 *  rank 0's is used. LAPACK dsyevd on rank 0 and a broadcast, so that all ranks hold the same bits. Sign: the largest
 *  component is positive (of components within 1e-8 of the largest, the first). values or vectors may be NULL, the same
 *  on every rank; without vectors it is cheaper. SB_BAD when a is not finite or LAPACK does not converge. */
sb_status sb_eigen(const sb_comm *c, int d, const double *a, double *values, double *vectors);

/** Name of the BLAS core in use, e.g. "SkylakeX", and configuration of the library (static text); "unknown" when the
 *  BLAS is not OpenBLAS. */
const char *sb_blas_core(void);
const char *sb_blas_library(void);

/** One BLAS thread, and the core that fits the CPU (sb_isa_level, so SB_ISA counts here too). To be called first in
 *  main, before MPI starts: where OpenBLAS does not know the CPU and took the kernels of an older one, sets
 *  OPENBLAS_CORETYPE and runs the program again (execv). A variable that is set already is left alone, so that this
 *  happens at most once and the user's choice counts. */
void sb_blas_settle(char **argv);

#endif
