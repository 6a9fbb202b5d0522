/* layer: ot */
/** A Gaussian kernel on data, its symmetric Sinkhorn scaling, and averages by its softmax weights.
 *
 *   k(x, y) = exp(-|z(x) - z(y)|^2 f),   z_c = scale_c x_(coordinate_c),   scale = 1 / (2 sqrt(step)),   f by sb_width
 * The scaling finds v > 0 with v_i sum_j k(x_i, x_j) v_j = 1: the static Schroedinger bridge of the empirical measure
 * with itself (Gottwald, Li, Marzouk, Reich 2024, arXiv 2401.04372). All sums of a row run over the columns in order,
 * and a rank owns whole rows: the same bits on any number of ranks.
 *
 * Since k(x, x) = 1, 1/n <= v <= 1 holds in every iteration; so v and not its logarithm stands in the sums of the
 * scaling, and nothing can overflow or vanish, however small the step. Averages at other points take the maximum out.
 * */
#ifndef SB_SCALING_H
#define SB_SCALING_H
#include "sb/comm.h"
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

typedef enum sb_storage { SB_STORE_FLY, SB_STORE_ROWS } sb_storage;
typedef enum sb_precision { SB_MIXED, SB_DOUBLE, SB_FLOAT } sb_precision;

/** The least residual that float tiles are sure to reach: float coordinates and terms stall at a few 1e-7. */
#define SB_FLOAT_FLOOR 1e-6

typedef struct sb_scaling_options {
  int storage, precision; /**< sb_storage, sb_precision (mixed: float until it is near, then double) */
  double tolerance;       /**< of max |v_i (k v)_i - 1|                                              */
  int64_t iterations;     /**< at most                                                               */
} sb_scaling_options;

typedef struct sb_scaling_result {
  int64_t iterations, in_float; /**< products with the matrix; of them in float                        */
  double residual;              /**< max |v_i (k v)_i - 1| of the v returned, in the last precision    */
  int converged;
  double seconds;
} sb_scaling_result;

/** Collective. Scales: log_v [n], on every rank, the same bits. The first three iterations are v <- sqrt(v / (k v));
 *  then log v <- log v - a log(v k v) + b (log v - log v before), a = 4 (sqrt 2 - 1)^2, b = (sqrt 2 - 1)^4, which
 *  shrinks errors sixfold each where k is positive definite; it goes back to the former where the residual grows.
 *  Without convergence the status is SB_OK, converged 0. SB_USE: float asked for less than SB_FLOAT_FLOOR; no memory:
 *  SB_SYS. */
sb_status sb_scale(const sb_comm *c, const sb_centres *k, const sb_scaling_options *o, double *log_v,
                   sb_scaling_result *result);
/** Bytes of one rank that sb_scale takes. */
double sb_scale_bytes(const sb_comm *c, int64_t n, int d, int storage);

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
