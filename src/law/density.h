/* layer: law */
/* Log of a sum of exponentials of K quadratics, and its gradient: the one form that the density of
 * a mixture and both stages of the exact bridge share. With u = x - m_k:
 *
 *   g_k(x) = a_k - B_k u,   L_k(x) = c_k + u.(a_k + g_k) / 2,   value = log sum exp L_k,   gradient
 * = sum r_k g_k
 *
 * where r_k = exp(L_k - value). */
#ifndef SB_LAW_DENSITY_H
#define SB_LAW_DENSITY_H
#include "sb/law.h"

#define SB_LAW_ROWS 32 /* rows evaluated together; the value of a row does not depend on it */

struct sb_density {
  int k, d;
  int diagonal;        /* b is diagonal; then zeros are not multiplied: the same bits */
  double *c;           /* [k]                                                    */
  double *m, *a;       /* [k, d]                                                 */
  double *b;           /* [k, d, d] symmetric                                    */
  double *x, *u, *sum; /* scratch [d, SB_LAW_ROWS]                               */
  double *g;           /* scratch [k, d, SB_LAW_ROWS]                            */
  double *l;           /* scratch [k, SB_LAW_ROWS]: L_k, then its exponential    */
};

/* All zero, to be filled; one block. */
sb_status sb_density_new(int k, int d, sb_density **out);
/* Fills q for m * N(0, variance I). SB_BAD when a covariance is singular. */
sb_status sb_density_fill(sb_density *q, const sb_mixture *m, double variance);
/* Are all of a [k, d, d] diagonal? */
int sb_is_diagonal(int k, int d, const double *a);
/* As sb_density_eval, with the gradient times `scale`. */
void sb_density_scaled(const sb_density *q, int64_t rows, const double *x, double scale,
                       double *value, double *gradient, double *resp);

#endif
