/* layer: ot */
/** A Gaussian kernel on data, its symmetric Sinkhorn scaling, and averages by its softmax weights.
 *
 *   k(x, y) = exp(-|z(x) - z(y)|^2 f),   z_c = scale_c x_(coordinate_c),   scale = 1 / (2 sqrt(step)),   f by sb_width
 * The scaling finds v > 0 with v_i sum_j k(x_i, x_j) v_j = 1: the static Schroedinger bridge of the empirical measure
 * with itself (Gottwald, Li, Marzouk, Reich 2024, arXiv 2401.04372). All sums of a row run over the columns in order,
 * and a rank owns whole rows: the same bits on any number of ranks.
 *
 * The iteration is that of log v, and its log-sum-exp needs no maximum taken out: since k(x, x) = 1 and k <= 1, the
 * largest term of a row is between v_i and 1, and 1/n <= v <= 1 holds in every plain iteration, so its sum lies in
 * [1/n, n]. What underflows, a k below 1e-307, is below n^2 1e-307 of the sum, however small the step and however far
 * the points. Averages at other points, where nothing is 1, take the maximum out.
 * */
#ifndef SB_SCALING_H
#define SB_SCALING_H
#include "sb/comm.h"
#include "sb/dist.h"
#include "sb/kernel.h"

/** The points that a kernel stands on: row i is x[row[i]] (row NULL: x[i]) of a table [.., width]. Borrowed. */
typedef struct sb_centres {
  int64_t n;
  int d;                 /**< coordinates that count                           */
  const int *coordinate; /**< [d] columns of the table                         */
  const double *scale;   /**< [d]                                              */
  const float *x;
  int width;
  const int64_t *row;
  int form;              /**< sb_width                                         */
  const double *rho;     /**< [n] relative widths; NULL for SB_WIDTH_ONE       */
} sb_centres;

/** The matrix: never there; own rows kept; kept by blocks of ScaLAPACK (sb/dist.h), whose products are reproducible to
 *  1e-10 on any number of ranks, not to the bit. Products in float are always on the fly. */
typedef enum sb_storage { SB_STORE_FLY, SB_STORE_ROWS, SB_STORE_CYCLIC } sb_storage;
typedef enum sb_precision { SB_MIXED, SB_DOUBLE, SB_FLOAT } sb_precision;

/** k as an operator. */
typedef struct sb_gram sb_gram;
/** Collective. k is borrowed. Memory: SB_SYS; accepts halves in sb_gram_close. */
sb_status sb_gram_open(const sb_comm *c, const sb_centres *k, int storage, sb_gram **out);
/** Accepts NULL. */
void sb_gram_close(sb_gram *g);
/** Collective with SB_STORE_CYCLIC, else local. own [count] = rows of k v of this rank's share of n; v [n], in float to
 *  about 1e-6. The sums of a row run over the columns in order. */
sb_status sb_gram_times(sb_gram *g, const double *v, int in_float, double *own);
/** Local. The same for `width` vectors at once, v [n, width], own [count, width]: always on the fly, in double, in the
 *  time of few single ones. */
sb_status sb_gram_times_many(sb_gram *g, int width, const double *v, double *own);
/** Collective. Entries v_i k(x_i, x_j) v_j of a matrix by blocks; v [n], NULL: 1. */
sb_status sb_gram_fill(const sb_centres *k, const double *v, sb_dist *matrix);
/** Bytes of the fullest of so many ranks, and seconds of a product of it on the fly, by one tile of rows. Not
 *  collective. */
double sb_gram_bytes(int ranks, int64_t n, int d, int storage);
double sb_gram_seconds(int ranks, const sb_centres *k, int in_float);

/** The least residual that float tiles can be asked for: they stall near it. */
#define SB_FLOAT_FLOOR 1e-7

typedef struct sb_scaling_options {
  int storage, precision; /**< sb_storage, sb_precision (mixed: float until it is near, then double) */
  double tolerance;       /**< of max |v_i (k v)_i - 1|                                              */
  int64_t iterations;     /**< at most                                                               */
} sb_scaling_options;

/** Why a scaling ended: > 0 good, < 0 not. Stalled: the residual no longer falls, by rounding (of float tiles, too). */
typedef enum sb_scale_end {
  SB_SCALE_BUDGET = -2,
  SB_SCALE_STALLED = -1,
  SB_SCALE_GOES_ON = 0,
  SB_SCALE_CONVERGED = 1
} sb_scale_end;

typedef struct sb_scaling_result {
  int64_t iterations, in_float; /**< products with the matrix; of them in float                */
  double residual;              /**< max |v_i (k v)_i - 1| of the v returned, in double        */
  int converged;                /**< end == SB_SCALE_CONVERGED                                 */
  sb_scale_end end;
  double seconds;
} sb_scaling_result;

/** Collective. Scales: log_v [n], on every rank, the same bits. The first three iterations are v <- sqrt(v / (k v));
 *  then log v <- log v - a log(v k v) + b (log v - log v before), a = 4 (sqrt 2 - 1)^2, b = (sqrt 2 - 1)^4, which
 *  shrinks errors sixfold each where k is positive definite; it goes back to the former where the residual grows.
 *  Without convergence the status is SB_OK, and result->end says why. SB_USE: float asked for less than SB_FLOAT_FLOOR;
 *  no memory: SB_SYS. */
sb_status sb_scale(const sb_comm *c, const sb_centres *k, const sb_scaling_options *o, double *log_v,
                   sb_scaling_result *result);
/** Bytes of the fullest of so many ranks that sb_scale takes, and products that it will need where k is positive
 *  definite. Not collective. */
double sb_scale_bytes(int ranks, int64_t n, int d, int storage);
void sb_scale_products(const sb_scaling_options *o, double *in_float, double *in_double);

/** Averages at points x with weights w_j(x) = exp(bias_j) k(x, x_j) / sum. */
typedef struct sb_soft sb_soft;

/** Local. bias [n] (NULL: 0) and centres are borrowed; values: which columns of the table are averaged, [values];
 *  second: products of these, too. */
sb_status sb_soft_open(const sb_centres *k, const double *bias, int values, const int *value, int second,
                       sb_soft **out);
void sb_soft_close(sb_soft *s);
double sb_soft_bytes(int64_t n, int d, int values, int second);
/** At rows <= SB_BLOCK points x [rows, width of the table], rho [rows] their relative widths (NULL for SB_WIDTH_ONE):
 *  mean [rows, values]; cov [rows, values, values] (NULL: not; needs `second`), never with a negative diagonal; log_sum
 *  [rows] = log sum_j exp(bias_j) k(x, x_j) (NULL: not). Finite however far x lies. */
void sb_soft_mean(sb_soft *s, int rows, const double *x, const double *rho, double *mean, double *cov,
                  double *log_sum);
/** A centre drawn with probability w_j(x): pick [rows] in 0 .. n-1, by uniform [rows] in (0, 1). */
void sb_soft_pick(sb_soft *s, int rows, const double *x, const double *rho, const double *uniform, int64_t *pick);

/** Collective. Relative widths rho = (p / mean-normalising constant)^power of the centres, p the kernel density of the
 *  fixed kernel (k->form is ignored): rho [n], mean 1, on every rank; factor: rho = factor exp(power log_sum), where
 *  log_sum is that of sb_soft_mean without bias. */
sb_status sb_widths(const sb_comm *c, const sb_centres *k, double power, double *rho, double *factor);

/** Collective. Median over at most 2048 centres (evenly by index) of the squared distance, in units of z, to the
 *  nearest other centre at another place. *same: how many of these had a twin at the same place. 0 where all are at
 *  one place. */
sb_status sb_nearest_median(const sb_comm *c, const sb_centres *k, double *median, int64_t *same);

#endif
