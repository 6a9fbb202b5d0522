/* layer: law */
/** Known laws: draws, density and score where they are known, and the exact fields of the two-stage bridge for Gaussian
 * mixtures.
 *
 * Draws are keyed by (stream, index): row i is the same whoever draws it. All in double; plain C (same bits
 * everywhere). */
#ifndef SB_LAW_H
#define SB_LAW_H
#include <stdint.h>

#include "sb/keys.h"
#include "sb/status.h"

/** Gaussian mixture sum_k w_k N(mu_k, S_k). One block: w, mu and cov follow each other. Weights sum to one. */
typedef struct sb_mixture {
  int k, d;
  double *w;   /**< [k]                          */
  double *mu;  /**< [k, d]                       */
  double *cov; /**< [k, d, d] symmetric, positive semi-definite */
} sb_mixture;

/** Parameters of a law in a deck (section `data`). A law ignores what is not its own, but for the dimension. */
typedef struct sb_law_options {
  int law;               /**< index into the words of sb_law_keys[0].choices; 0 none                              */
  int64_t dimension;     /**< of gaussian, mixture, chain, ar1, two_modes, bridge; must be 2 for all others       */
  int64_t modes;         /**< of ring; per side of grid                                                           */
  double radius;         /**< of ring; spacing of grid; distance of two_modes                                     */
  double variance;       /**< of each component of ring, grid, gaussian, mixture, two_modes; of ar1               */
  double correlation;    /**< of neighbours in ar1, in (-1, 1)                                                    */
  double bridge_variance; /**< of bridge: variance of its reference                                               */
  sb_reals weights;      /**< of mixture [k], any positive numbers; empty: equal                                  */
  sb_reals means;        /**< of mixture [k, d]; of gaussian [d], [1] (the same in every coordinate) or empty (0) */
  sb_reals covariances;  /**< of mixture [k, d, d], [k] (times the identity) or empty (variance)                  */
} sb_law_options;

/** Keys of sb_law_options: bound as a second table of section `data` (sb/keys.h). `law` is a choice, first "none". */
extern const sb_key sb_law_keys[];

typedef struct sb_law sb_law;
struct sb_law {
  const char *name;
  int d;
  sb_mixture *mixture;    /**< density known; NULL for generators (moons, spirals…); owned          */
  const struct sb_law_kind *kind; /**< how it is drawn */
  struct sb_bridge *bridge; /**< of law bridge: it begins at N(0, I), and this is where it ends; owned   */
  double *cumulative;     /**< [k] sums of the weights; owned                                       */
  double *factor;         /**< [k, d, d] Cholesky factors of the covariances; owned                 */
  sb_law_options options; /**< its lists belong to the deck; not read after sb_law_open                */
};

/** Name, summary and source of law 1, 2, …; returns 0 beyond the last (for help). */
int sb_law_describe(int law, const char **name, const char **summary, const char **source);

/** SB_USE, naming the key or component: no law chosen, wrong dimension, lists that do not fit each other, a weight
 *  that is not positive, a covariance that is not symmetric positive definite. */
sb_status sb_law_open(const sb_law_options *options, sb_law **out);
void sb_law_close(sb_law *law);
/** Rows first .. first+count-1 of the stream: x [count, d]. label (may be NULL) receives the component of a mixture,
 *  the moon, arm or circle of a generator, else 0. Noise of row i: normals step 0, uniforms steps 1 and 2. */
sb_status sb_law_draw(const sb_law *law, uint64_t key, int64_t first, int64_t count, double *x, int32_t *label);

/** Weights 1/k, the rest zero. */
sb_status sb_mixture_new(int k, int d, sb_mixture **out);
void sb_mixture_free(sb_mixture *m);
/** The image of m under y = A (x - shift), A [e, d] row-major; shift [d] may be NULL (0). */
sb_status sb_mixture_map(const sb_mixture *m, int e, const double *a, const double *shift, sb_mixture **out);
/** m * N(0, variance I). */
sb_status sb_mixture_smooth(const sb_mixture *m, double variance, sb_mixture **out);
/** The law of x ~ m given that o = G x + noise was observed: q numbers o, G [q, d], noise N(0, diag(r)), r [q] >= 0.
 *  With r = 0 the observed directions have no spread left. SB_BAD when what is observed has no density. */
sb_status sb_mixture_observe(const sb_mixture *m, int q, const double *g, const double *o, const double *r,
                             sb_mixture **out);
/** Mean [d] and covariance [d, d] of a mixture. */
void sb_mixture_moments(const sb_mixture *m, double *mean, double *cov);

/** A mixture ready for evaluation at one smoothing: inverses and log determinants of S_k + variance I. Holds its own
 *  scratch memory: not for two threads at once. */
typedef struct sb_density sb_density;
/** SB_BAD naming the component when S_k + variance I is singular (points without smoothing have no density). m is
 *  copied. */
sb_status sb_density_open(const sb_mixture *m, double variance, sb_density **out);
void sb_density_close(sb_density *q);
/** log q [rows], score [rows, d], responsibilities [rows, k]; any output may be NULL. x [rows, d]. */
void sb_density_eval(const sb_density *q, int64_t rows, const double *x, double *logq, double *score, double *resp);

/** Exact fields of the two-stage bridge (Wang et al. 2021; formulas in src/law/exact.c): stage 1 from a point mass at 0
 *  to q_sigma under variance tau, stage 2 from q_sigma to the mixture under variance sigma2. */
typedef struct sb_exact sb_exact;
/** SB_USE when tau <= 0 or sigma2 < 0, SB_BAD when q_sigma has a singular component. m is copied. */
sb_status sb_exact_open(const sb_mixture *m, double tau, double sigma2, sb_exact **out);
void sb_exact_close(sb_exact *e);
/** Prepares time t in [0, 1] of both stages (inverses of A_k(t), C_k(t)). Cheap when t is the last one. SB_BAD outside
 *  [0, 1], and at t = 1 when a covariance of the mixture is singular: stage 2 has no drift there (it grows like
 *  1 / (1 - t)). */
sb_status sb_exact_at(sb_exact *e, double t);
/** Stage 1 at the prepared time: drift b [rows, d], log h1 [rows] (either may be NULL). */
void sb_exact_stage1(const sb_exact *e, int64_t rows, const double *x, double *b, double *logh);
/** Stage 2 at the prepared time: b = sigma2 * score of the mixture smoothed by (1 - t) sigma2. */
void sb_exact_stage2(const sb_exact *e, int64_t rows, const double *x, double *b);
/** log f = log q_sigma - log N(0, tau I) [rows], and the score of q_sigma [rows, d]; either may be NULL. */
void sb_exact_ratio(const sb_exact *e, int64_t rows, const double *x, double *logf, double *score);

#endif
