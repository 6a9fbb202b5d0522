/* layer: ot */
/** Entropic potentials of two samples by Sinkhorn's iteration, in logarithms, rows and columns shared by ranks.
 *
 * Uniform measures on x_i (n) and y_j (m); kernel k(x, y) = exp(-|x - y|^2 / (2 v)), v the reference's variance. The
 * plan p_ij = exp(a_i + b_j) k(x_i, y_j) / (n m) has both uniform ends when
 *   a_i = - log mean_j exp(b_j) k(x_i, y_j),   b_j = - log mean_i exp(a_i) k(x_i, y_j)
 * (v a, v b are the Schroedinger potentials of cost |x - y|^2 / 2; Pooladian, Niles-Weed 2024). Every sum is over all
 * points in order, with the maximum taken out: nothing overflows or vanishes however small v; the same bits on any
 * number of ranks. */
#ifndef SB_PAIR_SCALING_H
#define SB_PAIR_SCALING_H
#include "sb/scaling.h"

typedef struct sb_pair_options {
  double tolerance;   /**< of max_j |n m sum_i p_ij ... - 1|: the relative error of the column sums; rows are exact */
  int64_t iterations; /**< at most                                                                                */
} sb_pair_options;

typedef struct sb_pair_result {
  int64_t iterations;
  double residual;  /**< of the potentials returned                                                    */
  double effective; /**< mean over rows of 1 / sum_j (m p_ij ...)^2: end points that a start sees, 1 .. m  */
  int converged;
  double seconds;
} sb_pair_result;

/** Collective. x and y have d, coordinates and scale = (2 v)^(-1/2) alike, and no widths. a [n], b [m] on every rank;
 *  b holds where to begin (0). Plain iterations, then relaxed by the factor 2 / (1 + (1 - r)^(1/2)), r the rate at
 *  which the residual falls; plain again where that makes it grow. Without convergence: SB_OK, converged 0. */
sb_status sb_scale_pair(const sb_comm *c, const sb_centres *x, const sb_centres *y, const sb_pair_options *o,
                        double *a, double *b, sb_pair_result *result);
/** Bytes of one rank that it takes. */
double sb_scale_pair_bytes(int64_t n, int64_t m, int d);

#endif
