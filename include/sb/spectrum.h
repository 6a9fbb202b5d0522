/* layer: ot */
/** Leading eigenpairs of the bistochastic matrix P_ij = v_i k(x_i, x_j) v_j of a scaled kernel (sb/scaling.h). Their
 *  vectors are the diffusion-map coordinates of the points, the eigenvalues lambda what a step of the chain on them
 *  leaves of each: relaxation times -1 / log lambda steps. */
#ifndef SB_SPECTRUM_H
#define SB_SPECTRUM_H
#include "sb/scaling.h"

/** Vectors that are multiplied at once: an eigenvalue that comes more often is not found as often by SB_LANCZOS. */
#define SB_SPECTRUM_BLOCK 8

/** Without the matrix, the same bits on any number of ranks; or all of it by blocks of ScaLAPACK, reproducible to
 *  1e-10, which sees every eigenvalue. */
typedef enum sb_eigensolver { SB_LANCZOS, SB_DENSE } sb_eigensolver;

typedef struct sb_spectrum_options {
  int solver;       /**< sb_eigensolver                                                  */
  int count;        /**< K: eigenpairs beside that of 1 and the constant vector; < n      */
  int64_t products; /**< of SB_LANCZOS with SB_SPECTRUM_BLOCK vectors, at most            */
  double tolerance; /**< of SB_LANCZOS: of the residual |P u - lambda u| / |u|            */
  uint64_t seed;    /**< of the vectors that SB_LANCZOS begins with                       */
} sb_spectrum_options;

typedef struct sb_spectrum_result {
  int64_t products;
  double residual; /**< largest |P u - lambda u| / |u|, estimated; of SB_DENSE 0 */
  int converged;
  double seconds;
} sb_spectrum_result;

/** Collective. values [K] descending, on every rank; vectors [count, K] of this rank's share of the points, column k of
 *  pair k: mean 0, mean square 1 over the points, largest component positive (of components within 1e-8 of the largest,
 *  the first). log_v [n] from sb_scale. Block Lanczos with full orthogonalisation (Golub, Underwood 1977), from which
 *  constants are kept away; or pdsyevr's and pdsyevd's algorithms on P - 1/n, whose first eigenvalue is then 0. SB_BAD:
 *  numbers are not finite. Not converged: SB_OK, and the result says so. */
sb_status sb_spectrum(const sb_comm *c, const sb_centres *k, const double *log_v, const sb_spectrum_options *o,
                      double *values, double *vectors, sb_spectrum_result *result);
/** Bytes of the fullest of so many ranks. Not collective. */
double sb_spectrum_bytes(int ranks, int64_t n, int d, const sb_spectrum_options *o);

#endif
