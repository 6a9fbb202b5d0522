/* layer: law */
/** Bridges that are known in closed form: static plan, drifts both ways, marginals.
 *
 * A Schroedinger bridge between P0 (t = 0) and P1 (t = 1) under a Brownian reference of total variance v: the law of
 * paths with these ends that is nearest to the reference. Its plan, the law of (X_0, X_1), solves entropic transport
 * with cost |x - y|^2 / 2 and regularisation v; given both ends X_t is a Brownian bridge. Forward drift u and backward
 * drift b (of the reversed process, in its own clock), each per unit t, add to v * score of X_t.
 *
 * gauss: N(m0, S0) to N(m1, S1).
 *   C = Cov(X_0, X_1) = (R D R^-1 - v I) / 2, R = S0^(1/2), D = (4 R S1 R + v^2 I)^(1/2)
 *   S_t = (1-t)^2 S0 + t^2 S1 + t (1-t) (C + C' + v I)
 *   u = m1 - m0 + K (x - m_t), K = [(1-t)(C' - S0) + t (S1 - C - v I)] S_t^-1; slope of b: -v S_t^-1 - K
 * potential: any P0, and P1 the law of Y, where Y given x has density ~ N(y; x, v I) p(y), p a mixture of Gaussians
 * (the benchmark of Gushchin et al. 2023; LightSB, Korotin, Gushchin, Burnaev 2024).
 *   Y given x: sum_k p_k N(mu_k + G_k (x - mu_k), v G_k), G_k = S_k (S_k + v I)^-1, p_k ~ w_k N(x; mu_k, S_k + v I)
 *   u = v grad log sum_k w_k N(x; mu_k, S_k + (1-t) v I); no backward drift and no density in closed form
 * adjusted: the same family, given by what Y given x is (LightSB's parameters; G_k any positive definite matrix):
 *   Y given x: sum_k p_k N(r_k + G_k x, v G_k), p_k ~ a_k exp((x' G_k x + 2 r_k' x) / (2 v))
 *   u = sum_k q_k D_k^-1 (r_k + (G_k - I) x), D_k = (1-t) I + t G_k,
 *   q_k ~ a_k det(D_k)^(-1/2) exp(x' D_k^-1 r_k / v - x' D_k^-1 (I - G_k) x / (2 v) - t r_k' D_k^-1 r_k / (2 v))
 *
 * All in double, plain C: the same bits everywhere. Nothing here is collective. */
#ifndef SB_BRIDGE_H
#define SB_BRIDGE_H
#include "sb/law.h"

typedef struct sb_bridge sb_bridge;

/** p0, p1: one component each, S0 and S1 positive definite. SB_USE when they are not, or variance <= 0. */
sb_status sb_bridge_gauss(const sb_mixture *p0, const sb_mixture *p1, double variance, sb_bridge **out);
/** p0: one component, or NULL, then sb_bridge_marginal is not to be asked for. The potential's covariances may be
 *  singular. */
sb_status sb_bridge_potential(const sb_mixture *p0, const sb_mixture *potential, double variance, sb_bridge **out);
/** log_a [k], r [k, d], g [k, d, d]: positive definite, else SB_BAD. */
sb_status sb_bridge_adjusted(int k, int d, const double *log_a, const double *r, const double *g, double variance,
                             sb_bridge **out);
/** A bridge of its own, equal to b, which is gauss or potential. */
sb_status sb_bridge_like(const sb_bridge *b, sb_bridge **out);
void sb_bridge_close(sb_bridge *b);

int sb_bridge_dimension(const sb_bridge *b);
/** 1 when backward drift, backward plan and density are known. */
int sb_bridge_both(const sb_bridge *b);

/** Prepares time t in [0, 1]: d^3 operations. Cheap when t is the last one. SB_BAD: a potential with a singular
 *  covariance has no drift at t = 1. */
sb_status sb_bridge_at(sb_bridge *b, double t);
/** Drift at the prepared time: u [rows, d]; backward only where both are known. */
void sb_bridge_drift(const sb_bridge *b, int backward, int64_t rows, const double *x, double *u);
/** log density of X_t at the prepared time [rows]; NaN where it is not known. */
void sb_bridge_density(const sb_bridge *b, int64_t rows, const double *x, double *logp);

/** Moments of X_1 given X_0 = x (backward: of X_0 given X_1 = x): mean [rows, d]; cov [rows, d, d] or NULL. */
void sb_bridge_plan(const sb_bridge *b, int backward, int64_t rows, const double *x, double *mean, double *cov);
/** A draw of it for each row: y [rows, d]; rows first .. of stream key (normals of step 3, a uniform of step 4). x == y
 *  is allowed. */
void sb_bridge_draw(const sb_bridge *b, int backward, uint64_t key, int64_t first, int64_t rows, const double *x,
                    double *y);
/** Draws first .. first+rows-1 of stream key of X_t, with X_0 where start is not NULL: x, start [rows, d]. */
sb_status sb_bridge_marginal(const sb_bridge *b, double t, uint64_t key, int64_t first, int64_t rows, double *x,
                             double *start);
/** Cov(X_0, X_1) [d, d] of a Gaussian bridge; 0 is returned where it has no closed form. */
int sb_bridge_coupling(const sb_bridge *b, double *c);

#endif
