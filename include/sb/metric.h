/* layer: ot */
/** Distances between samples, each with the value that a perfect sampler would get.
 *
 * All in double, the same bits on any number of ranks: terms depend on the data alone, sums over ranks are exact.
 * Points lie spread over the ranks (sb/points.h), and so do the sets that a function makes of them: memory
 * O((n + m) d / ranks) where nothing else is said. A coordinate that is not finite is SB_BAD, sets that do not fit each
 * other are SB_USE. */
#ifndef SB_METRIC_H
#define SB_METRIC_H
#include "sb/comm.h"
#include "sb/dist.h"
#include "sb/keys.h"
#include "sb/points.h"
#include "sb/report.h"

/** Collective. Mean [d], covariance [d, d] (divided by n - 1; then n > 1), on every rank; either may be NULL. */
sb_status sb_moments(const sb_comm *c, sb_points a, double *mean, double *cov);
/** Collective. Mean over the pairs of a row of a and a row of b of |x-y| (h = 0) or of exp(-|x-y|^2 / (2 h^2)) (h > 0);
 *  b NULL: over the pairs of different rows of a (then a.n > 1). By tiles, never as a matrix. */
sb_status sb_pair_mean(const sb_comm *c, sb_points a, const sb_points *b, double h, double *mean);
/** Collective. E|X-Y| - E|X-X'|/2 - E|Y-Y'|/2, unbiased (no diagonal terms); may be slightly negative. a.n, b.n > 1. */
sb_status sb_energy_distance(const sb_comm *c, sb_points a, sb_points b, double *value);
/** Collective. Unbiased squared maximum mean discrepancy, kernel exp(-|x-y|^2 / (2 h^2)). a.n, b.n > 1. */
sb_status sb_mmd(const sb_comm *c, sb_points a, sb_points b, double h, double *value);
/** Collective. Median of the distances between the pairs of at most `most` points (keyed), the lower one of an even
 *  number: exact selection. Memory 8 most d bytes on every rank, and 4 most^2 bytes over all ranks. */
sb_status sb_median_distance(const sb_comm *c, sb_points a, int64_t most, uint64_t key, double *value);
/** Collective. (mean over keyed directions of W2^2 of the projections)^(1/2); a.n != b.n allowed: quantile coupling. By
 *  a sort that is spread over the ranks. */
sb_status sb_sliced_w2(const sb_comm *c, sb_points a, sb_points b, int slices, uint64_t key, double *value);
/** Not collective. (min over permutations s of the mean of |x_i - y_s(i)|^2)^(1/2): exact assignment, a.n == b.n.
 *  n = 2000 takes 0.3 s, time grows about as n^2.3. Memory 16 n d bytes, and from d = 9 on 8 n^2 bytes up to 256 MiB
 *  (beyond that costs are computed when needed). */
sb_status sb_w2_exact(sb_points a, sb_points b, double *value);
/** What is known of a Sinkhorn divergence. */
typedef struct sb_sinkhorn {
  double value;       /**< OT(a, b) - OT(a, a) / 2 - OT(b, b) / 2 >= 0, of the cost |x - y|^2 / 2 */
  double residual;    /**< largest change of a potential in the last iteration, over the variance */
  int64_t iterations; /**< of the worst of the three problems                                     */
} sb_sinkhorn;
/** Collective. Entropic transport between uniform weights, without its bias (Genevay, Peyré, Cuturi 2018; Feydy et al.
 *  2019): OT = min over plans of E|x - y|^2 / 2 + variance KL(plan, product), so that 2 value is W2^2 as the variance
 *  goes to 0. Potentials by log-sum-exp of tiles on the fly, averaged iterations with the variance coming down from the
 *  width of the data, until the residual is at most `tolerance`, or for `most` iterations: no error. */
sb_status sb_sinkhorn_divergence(const sb_comm *c, sb_points a, sb_points b, double variance, double tolerance,
                                 int64_t most, sb_sinkhorn *out);
/** Collective. Squared distance W2 of N(mean_a, cov_a) and N(mean_b, cov_b): means [d], covariances [d, d], the same on
 *  every rank. By LAPACK on one rank (work d^3 on every rank, memory 24 d^2 bytes), from SB_DIST_FROM dimensions on by
 *  ScaLAPACK. */
sb_status sb_gauss_w2(const sb_comm *c, int d, const double *mean_a, const double *cov_a, const double *mean_b,
                      const double *cov_b, double *value);
/** Collective. Mean [d] on every rank (may be NULL), and covariance times weight, added to a spread matrix [d, d]. Sums
 *  of products run over blocks of rows in order, by BLAS: reproducible to 1e-10. a.n > 1. */
sb_status sb_moments_spread(const sb_comm *c, sb_points a, double weight, double *mean, sb_dist *cov);
/** Collective. As sb_gauss_w2, of spread covariances on one grid, by ScaLAPACK: reproducible to 1e-10 of the traces, to
 *  1e-7 where a covariance is singular. cov_a is destroyed. Memory of 4 more matrices. */
sb_status sb_gauss_w2_spread(const double *mean_a, sb_dist *cov_a, const double *mean_b, const sb_dist *cov_b,
                             double *value);
/** Collective. Squared Fréchet distance of two samples: sb_gauss_w2 of their moments. From SB_DIST_FROM dimensions on
 *  nothing of d^2 numbers is whole on a rank: memory 7 d^2 / ranks numbers. trace: of the covariance of b (may be
 *  NULL). a.n, b.n > 1. */
sb_status sb_frechet(const sb_comm *c, sb_points a, sb_points b, double *value, double *trace);
/** Collective. The largest |fraction of a inside the central interval of b that holds `level` of b - level| over the
 *  coordinates. */
sb_status sb_coverage_error(const sb_comm *c, sb_points a, sb_points b, double level, double *value);
/** Collective. Energy distance as sb_energy_distance, and its p-value against keyed random splits of all points,
 *  (1 + splits that are as far apart) / (1 + permutations). Time (a.n + b.n)^2 (d + permutations), shared by the ranks;
 *  memory 8 (a.n + b.n) permutations, too, and all points on every rank for a moment. a.n, b.n > 1. */
sb_status sb_energy_test(const sb_comm *c, sb_points a, sb_points b, int permutations, uint64_t key, double *value,
                         double *p);
/** Collective. Distance from each row of a to its nearest row of b: out [this rank's share of a]. */
sb_status sb_nearest_distance(const sb_comm *c, sb_points a, sb_points b, double *out);

/** Section `evaluate`. */
typedef struct sb_judge_options {
  int64_t draws;     /**< samples made for evaluation when none are at hand           */
  int64_t size;      /**< points on each side of a block                              */
  int64_t blocks;    /**< blocks whose mean is the value                              */
  int64_t floors;    /**< replicates of each floor                                    */
  int64_t slices;    /**< directions of the sliced distance                           */
  int64_t w2_points; /**< points on each side of the exact assignment; 0: left out    */
  int64_t w2_floors; /**< replicates of its floor, and at most so many of its value   */
  int more;          /**< also coverage_error, bw2_uvp, sinkhorn_w2 and energy_test_p */
  double sinkhorn;      /**< variance of sinkhorn_w2, over the squared bandwidth      */
  int64_t permutations; /**< of the energy test                                       */
  int64_t test_points;  /**< points on each side of the energy test                   */
  int errors;        /**< split the error into its parts (oracle needed)              */
  int64_t conditions, condition_draws; /**< starts of a bridge whose ends are compared, draws of each for the floor */
  int64_t drift_points, drift_draws; /**< points and Monte-Carlo draws of the drift check */
} sb_judge_options;
extern const sb_key sb_judge_keys[];

/** What is judged against what. All in the same coordinates. */
typedef struct sb_judge_input {
  sb_points sample;   /**< the sampler's draws, in an order without meaning                                */
  sb_source training; /**< the `most` rows that it learned from, in order; 0: none (no training floor, no
                           memorisation ratio) */
  sb_source held;     /**< held-out rows for the memorisation ratio; draw NULL: fresh truth is used        */
  sb_source truth;    /**< fresh true points, replicate by replicate (a law, or held-out data)             */
  sb_source fresh;    /**< a second, independent source of true points for the floors; draw NULL: no floors */
  sb_source baseline; /**< draws of a model that learns nothing but mean and covariance; draw NULL: none   */
  const double *mean, *cov; /**< exact moments [d], [d, d]; NULL: of the truth points                      */
  uint64_t seed;
  const char *stage;  /**< of the metrics; NULL: ""                                                        */
} sb_judge_input;

/** Largest dimension in which covariances are whole on every rank, and in which they are compared at all. */
#define SB_JUDGE_WHOLE 1024
#define SB_JUDGE_COV 8192

/** Collective. Appends to out (at most `most`, *n counts) the metrics that can be had: mean_error |mean - true mean|,
 *  covariance_error (Frobenius norm of the difference over that of the true one; d <= SB_JUDGE_COV), energy_distance,
 *  mmd, sliced_w2, w2, memorisation_ratio, with options.more coverage_error, bw2_uvp (d <= SB_JUDGE_COV), sinkhorn_w2,
 *  energy_test_p. What stands in a metric, and where it comes from:
 *
 *  - Energy distance, mmd, sliced_w2: mean over disjoint blocks of n = m points, each against truth of its own;
 *    standard error from the blocks. floor: mean over pairs of true sets of that size; floor_q95: what a perfect
 *    sampler's value exceeds once in twenty times (a mean of as many such values as there are blocks, resampled).
 *    floor_train, baseline: bootstraps of the training rows, and draws of the baseline, against truth. The bandwidth
 *    of mmd is the median distance of true points.
 *  - coverage_error: the same; of the central interval that holds 90 %.
 *  - w2: the same with its own sizes.
 *  - bw2_uvp: 100 W2^2 of the Gaussians with the moments of sample and truth over the trace of the true covariance, %.
 *    Its floors come from blocks like those of the moments.
 *  - sinkhorn_w2: (2 S)^(1/2), S the Sinkhorn divergence with variance options.sinkhorn times the square of the
 *    bandwidth; the sizes and blocks of w2.
 *  - energy_test_p: p-value of the first test_points rows; uniform in (0, 1] for a perfect sampler. No floors.
 *  - Moments: of all n draws, against exact ones (m = 0) or those of m true points; standard error to first order (of
 *    the covariance up to SB_JUDGE_WHOLE dimensions). Floors are measured on blocks and brought to n and m by the root
 *    law.
 *  - memorisation_ratio: mean distance of n samples to their nearest of m training rows over that of held-out points:
 *    1 is like fresh points, 0 is copies. floor: the same for other fresh points (for halves of the held-out rows).
 *    floor_train is 0 by construction. Left out where fresh points cannot be told from training rows.
 *
 *  A source that has only `most` rows gives blocks that share no row, and its floors are random splits of the true and
 *  fresh rows together. SB_BAD names row and column of a sample that is not finite;
 *  SB_USE: fewer than 2 samples or 2 true points, no room in out. */
sb_status sb_judge(const sb_comm *c, const sb_judge_options *o, const sb_judge_input *in, sb_metric *out, int most,
                   int *n);
/** Bytes per rank and seconds (rough) that sb_judge will take. */
void sb_judge_cost(const sb_judge_options *o, int d, int ranks, double *bytes, double *seconds);

#endif
