/* layer: ot */
/** Distances between samples, each with the value that a perfect sampler would get. TARGETS "Definitions"; all in double, same bits on any
 * number of ranks: work is split by rows (sb_share_of), sums go through sb_sum_rows. Samples are held by every rank. */
#ifndef SB_METRIC_H
#define SB_METRIC_H
#include "sb/comm.h"
#include "sb/keys.h"
#include "sb/points.h"
#include "sb/report.h"

/** Collective. Mean [d], covariance [d, d] (divided by n - 1); either may be NULL. */
sb_status sb_moments(const sb_comm *c, sb_points a, double *mean, double *cov);
/** Collective. E|X-Y| - E|X-X'|/2 - E|Y-Y'|/2, unbiased (no diagonal terms); may be slightly negative. */
sb_status sb_energy_distance(const sb_comm *c, sb_points a, sb_points b, double *value);
/** Collective. Unbiased squared maximum mean discrepancy, kernel exp(-|x-y|^2 / (2 h^2)). */
sb_status sb_mmd(const sb_comm *c, sb_points a, sb_points b, double h, double *value);
/** Collective. Median of the distances between pairs of (at most `most` keyed) points: exact selection. */
sb_status sb_median_distance(const sb_comm *c, sb_points a, int64_t most, uint64_t key, double *value);
/** Collective. (mean over keyed directions of W2^2 of the projections)^(1/2); a.n != b.n allowed (quantile coupling). */
sb_status sb_sliced_w2(const sb_comm *c, sb_points a, sb_points b, int slices, uint64_t key, double *value);
/** Not collective. (min over permutations of the mean |x_i - y_s(i)|^2)^(1/2): exact assignment, a.n == b.n; memory ~ 4 n^2 or 8 n^2 bytes. */
sb_status sb_w2_exact(sb_points a, sb_points b, double *value);
/** Collective. Distance from each row of a to its nearest row of b: out [this rank's share of a]. */
sb_status sb_nearest_distance(const sb_comm *c, sb_points a, sb_points b, double *out);

/** Section `evaluate`. */
typedef struct sb_judge_options {
  int64_t draws;     /**< samples made for evaluation when none are at hand           */
  int64_t size;      /**< points on each side of a block                              */
  int64_t blocks;    /**< blocks whose mean is the value                              */
  int64_t floors;    /**< replicates of each floor                                    */
  int64_t slices;
  int64_t w2_points; /**< points on each side of the exact assignment; 0: left out    */
  int64_t w2_floors;
  int errors;        /**< split the error into its parts (oracle needed)              */
  int64_t drift_points, drift_draws; /**< points and Monte-Carlo draws of the drift check */
} sb_judge_options;
extern const sb_key sb_judge_keys[];

/** What is judged against what. All in the same coordinates. */
typedef struct sb_judge_input {
  sb_points sample;   /**< the sampler's draws                                                            */
  sb_points training; /**< what it learned from; n = 0: none (no training floor, no memorisation ratio)   */
  sb_points held;     /**< held-out rows for the memorisation ratio; n = 0: fresh truth is used           */
  sb_source truth;    /**< fresh true points, replicate by replicate (a law, or held-out data)            */
  sb_source fresh;    /**< a second, independent source of true points for the floors                     */
  sb_source baseline; /**< draws of a model that learns nothing but mean and covariance                   */
  const double *mean, *cov; /**< exact moments, NULL: of the truth points                                 */
  uint64_t seed;
  const char *stage;
} sb_judge_input;

/** Collective. Metrics with floor, 95 % quantile of the floor, training floor and baseline: mean_error, covariance_error (Frobenius, relative),
 *  energy_distance, mmd, sliced_w2, w2, memorisation_ratio. Appends to out (at most `most`), *n counts. */
sb_status sb_judge(const sb_comm *c, const sb_judge_options *o, const sb_judge_input *in, sb_metric *out, int most, int *n);
/** Bytes per rank and seconds (rough) that sb_judge will take. */
void sb_judge_cost(const sb_judge_options *o, int d, int ranks, double *bytes, double *seconds);

#endif
