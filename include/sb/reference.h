/* layer: sde */
/** Reference chains: Brownian motion or an Ornstein-Uhlenbeck process in steps of given variances, begun at the data
 *  (t = 1) and run to t = 0 (De Bortoli et al. 2021, section 3; their k counts from the data, ours from t = 0).
 *
 *   x_j = x_{j+1} - gamma_j (x_{j+1} - mean) / v + (2 gamma_j)^(1/2) z,   j = steps - 1 … 0
 *
 * Step j lies between t_j and t_{j+1}; t is the share of the variance 2 sum(gamma) that lies before. 1 / v = 0 is
 * Brownian motion. */
#ifndef SB_REFERENCE_H
#define SB_REFERENCE_H
#include "sb/keys.h"

typedef enum sb_process { SB_PROCESS_OU, SB_PROCESS_BROWNIAN } sb_process;

/** Section `reference`. */
typedef struct sb_reference_options {
  int process, space;
  int64_t steps;
  double gamma_min, gamma_max, variance, stationary;
  sb_reals gammas, mean;
} sb_reference_options;
extern const sb_key sb_reference_keys[];

typedef struct sb_reference {
  int steps, d;
  double total; /**< 2 sum(gamma): variance of the noise from end to end       */
  double rate;  /**< 1 / v                                                      */
  double *gamma; /**< [steps]                                                   */
  double *time;  /**< [steps + 1] from 0 to 1                                   */
  double *mean;  /**< [d]                                                       */
  /** The exact law of the chain: x_j given x_steps = y is N(mean + kept_j (y - mean), spread_j I). [steps + 1] */
  double *kept, *spread;
} sb_reference;

/** Steps that the options ask for. */
int64_t sb_reference_steps(const sb_reference_options *o);
/** mean [d] and v hold where the options name none. SB_USE: an odd number of steps for a schedule that rises and falls,
 *  gammas that are not positive, an Ornstein-Uhlenbeck step that jumps beyond the mean. */
sb_status sb_reference_open(const sb_reference_options *o, int d, const double *mean, double v, sb_reference *out);
void sb_reference_close(sb_reference *r);
/** Factor of x - mean in step j, 1 - gamma_j / v. */
static inline double sb_reference_slope(const sb_reference *r, int j) { return 1 - r->rate * r->gamma[j]; }
/** The step whose interval holds t, t_j <= t < t_{j+1}. */
int sb_reference_at(const sb_reference *r, double t);

#endif
