/* What the files of method dsb know of each other.
 *
 * Directions are named by where chains run: to the data (t = 0 … 1, network `forward`, the paper's
 * B) or to the source (t = 1 … 0, network `backward`, the paper's F). Half-step h = 0, 1, … of IPF
 * simulates chains in direction_of_chains(h), by the reference (h = 0) or by the network of
 * half-step h - 1, and trains the other direction on them. Step j of a chain of either direction
 * lies between t_j and t_{j+1}. */
#ifndef SB_DSB_H
#define SB_DSB_H
#include "sb/method.h"
#include "sb/pair.h"
#include "sb/reference.h"

enum { TO_DATA, TO_SOURCE, DIRECTIONS };
enum { LOSS_MEAN_MATCH, LOSS_COND_MEAN };
enum { PREDICT_INCREMENT, PREDICT_MEAN, PREDICT_DRIFT };
enum { FIRST_CHAIN, FIRST_MATCHING };
enum { REGRESSOR_NETWORK, REGRESSOR_LINEAR, REGRESSOR_GAUSSIAN };
enum { WEIGHT_EQUAL, WEIGHT_NOISE };
enum { REDUCE_MEAN, REDUCE_SUM };
enum { NOISE_STEP, NOISE_EXACT };

typedef struct dsb_options {
  int64_t iterations, cache_npar, num_cache_batches, cache_refresh;
  double cache_memory;
  int loss, predict, weight, reduce, first, regressor, noise, warm_start, compat_time_labels;
} dsb_options;

typedef struct dsb_sample {
  int noise_last_step, ode;
  int64_t corrector, substeps;
  double corrector_step;
} dsb_sample;

/* What a half-step left: the chains that its successor learns from. One line per half-step, means
 * over coordinates; line 0 is the reference. */
typedef struct dsb_line {
  double half_step, direction; /* of these chains: TO_DATA, TO_SOURCE */
  double mean_start, variance_start, mean_end, variance_end;
  double target_mean, target_variance; /* of the set at the end        */
  double coupling;                     /* covariance of start and end  */
  double distance; /* root mean square of (mean_end - target) / target deviation, by coordinate */
} dsb_line;
#define DSB_COLUMNS ((int)(sizeof(dsb_line) / sizeof(double)))

/* Affine maps x -> slope_j x + shift_j of one direction. */
typedef struct dsb_affine {
  double *slope, *shift; /* [steps, d, d], [steps, d]                                  */
  double *noise;         /* [steps, d, d] covariance of the noise; NULL: 2 gamma_j I */
} dsb_affine;

/* Rows (x, y) of [paths, steps]: where a chain arrived, and the increment to be learned there. */
typedef struct dsb_cache {
  int64_t paths, rows;          /* rows = paths * steps                                   */
  int64_t half, number;         /* what it holds; half = -1: nothing                      */
  uint64_t order;               /* key of the walk through its rows                       */
  sb_shared shared;             /* float [paths, steps, 2, d] of this node                */
  sb_sum *sums;                 /* [5, d] of the first cache of a half-step               */
  double *start, *x, *m, *next; /* [64, d] of a tile of chains                          */
  float *noise;                 /* the same                                             */
} dsb_cache;

typedef struct dsb {
  sb_pair pair; /* its variance: that of the reference */
  /* sections of the deck */
  sb_reference_options reference_options;
  dsb_options options;
  dsb_sample sample;
  sb_net_options net, net_part[DIRECTIONS];
  sb_train_options train, train_part[DIRECTIONS];

  sb_run *run;
  int d, steps;
  double variance; /* of the source, mean over coordinates */
  double constants[8];
  sb_reference reference;
  sb_task task[DIRECTIONS];
  dsb_affine affine[DIRECTIONS]; /* without networks */
  dsb_cache cache;
  dsb_line *history; /* [2 iterations + 1] */
  int64_t lines[1];

  /* evaluation of steps */
  sb_tape *tape[DIRECTIONS]; /* forward only; NULL without networks   */
  float *x32, *y32;          /* [64, d]                               */
  struct dsb_view *view;     /* the legs alive now; fields.c          */

  /* scratch of the losses: SB_NET_ROWS rows */
  float *point, *increment, *output, *gradient, *time;
  float *scale, *weight; /* of each row */
} dsb;

/* Does the deck ask for exact fields? Then nothing is learned. */
static inline int dsb_exact(const dsb *s) { return s->pair.source == SB_SOURCE_EXACT; }
/* What learns, if anything. */
static inline int dsb_by(const dsb *s, int regressor) {
  return s->options.regressor == regressor && !dsb_exact(s);
}
static inline int dsb_chains_of(int64_t half) { return half % 2 ? TO_DATA : TO_SOURCE; }
static inline int dsb_learner_of(int64_t half) { return half % 2 ? TO_SOURCE : TO_DATA; }
static inline int64_t dsb_halves(const dsb *s) { return 2 * s->options.iterations; }
/* Length of step j in t. */
static inline double dsb_length(const dsb *s, int j) {
  return s->reference.time[j + 1] - s->reference.time[j];
}
/* Where step j of a direction begins; sampling by the released code's labels: where it ends. */
static inline double dsb_label(const dsb *s, int direction, int j, int sampling) {
  const int late = sampling && s->options.compat_time_labels;
  return s->reference
      .time[j + (direction == TO_SOURCE) * (1 - late) + (direction == TO_DATA) * late];
}
/* The clock that a network reads: t, or 1 - t, from the start of its own chains. */
static inline double dsb_clock(int direction, double t) { return direction == TO_DATA ? t : 1 - t; }

/* step.c: the steps of chains. */
sb_status dsb_step_open(dsb *s);
void dsb_step_close(dsb *s);
/* Networks as they are now. */
void dsb_step_load(dsb *s, int direction);
/* Step j of a direction, labelled t: m [rows, d] = where it leads to on average, minus x. by: a
 * direction, or DIRECTIONS: the reference. */
void dsb_step_at(dsb *s, int by, double t);
void dsb_step(dsb *s, int by, int j, int rows, const double *x, double *m);

/* cache.c */
int64_t dsb_cache_paths(const dsb *s, int d);
double dsb_cache_bytes(const dsb *s, int d);
sb_status dsb_cache_open(dsb *s);
void dsb_cache_close(dsb *s);
/* Collective. The chains of a half-step, cache `number` of it, unless they are there; the first of
 * each half-step leaves its line in the history. keep = 0: the line alone. */
sb_status dsb_cache_fill(dsb *s, int64_t half, int64_t number, int keep);
/* Rows at positions of the walk: indices path * steps + step. */
void dsb_cache_order(const dsb *s, int64_t position, int rows, int64_t *out);

/* losses.c */
sb_status dsb_loss(void *self, sb_task *task, int64_t step, int64_t row0, int rows, double *loss);

/* ipf.c: half-steps, by networks in turns or by affine maps at once. */
sb_status dsb_ready(void *self, sb_task *task, int64_t step);
sb_status dsb_turn(sb_run *run, int *next);
sb_status dsb_prepare(sb_run *run);
/* Appends a line to the history and says it. */
void dsb_tell(dsb *s, const dsb_line *line);

/* affine.c */
sb_status dsb_affine_open(dsb *s);
void dsb_affine_close(dsb *s);
/* Half-step by least squares on the chains in the cache; by moments of Gaussian chains. Collective.
 */
sb_status dsb_affine_fit(dsb *s, int64_t half);
sb_status dsb_affine_moments(dsb *s, int64_t half, int learn);

/* fields.c */
sb_status dsb_legs(sb_run *run, sb_view view, sb_leg *out, int most, int *n);
void dsb_fields_close(dsb *s);
sb_status dsb_part(sb_run *run, int part, double t, int64_t n, const double *x, double *out,
                   int *width);

#endif
