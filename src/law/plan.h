/* layer: law */
/* The law of one end of a bridge given the other: a mixture of Gaussians whose weights and means
 * depend on where it began. Component k: N(base_k + gain_k (x - centre_k), cov_k). */
#ifndef SB_LAW_PLAN_H
#define SB_LAW_PLAN_H
#include "sb/law.h"

typedef struct sb_plan {
  int k, d;
  int diagonal;                /* gain and cov are; set by sb_plan_factorise                */
  double *base, *centre;       /* [k, d]                                                    */
  double *gain, *cov, *factor; /* [k, d, d]; factor: lower Cholesky factor of cov, or zero  */
  sb_density *weigh;           /* its responsibilities are the weights; NULL: one component */
  double *resp, *mean, *z;     /* scratch [SB_LAW_ROWS, k]; [k, d]; [d]                     */
} sb_plan;

sb_status sb_plan_new(int k, int d, sb_plan **out);
void sb_plan_free(sb_plan *p);
/* Factors of the covariances, once they are there; one that is not positive definite is singular by
 * rounding, and its component has no spread. */
void sb_plan_factorise(sb_plan *p);
/* See sb_bridge_plan, sb_bridge_draw. */
void sb_plan_moments(const sb_plan *p, int64_t rows, const double *x, double *mean, double *cov);
void sb_plan_draw(const sb_plan *p, uint64_t key, int64_t first, int64_t rows, const double *x,
                  double *y);

#endif
