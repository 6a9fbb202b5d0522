/* What the files of method mixture know of each other.
 *
 * Parameters of component k stand in column k of a matrix [wide, components], wide = squares + d:
 * rows 0 .. squares-1 the spread G_k (its diagonal's logarithms; or its Cholesky factor by rows,
 * the diagonal as logarithms), then r_k; and log a_k as a bias. A row x has the features (x_i^2,
 * x_i), or (x_i x_j for j <= i, x_i), so that what the objective needs of it is linear in two
 * matrices of the same shape, "natural" for log c and for log v. */
#ifndef SB_MIXTURE_H
#define SB_MIXTURE_H
#include "sb/pair.h"

enum { SPREAD_DIAGONAL, SPREAD_FULL };
enum { SAMPLER_SDE, SAMPLER_PLAN };
enum { OF_START, OF_END, SIDES };

typedef struct mixture {
  sb_pair pair;
  int64_t components, steps;
  int spread, sampler;
  sb_train_options train;

  int d, k, squares, wide,
      padded;          /* components, rows of quadratic features, of all features; columns */
  double constants[2]; /* variance, spread                                                  */
  sb_task task;
  sb_bridge *learned; /* of the parameters that sampling uses */
  uint64_t plan_key;

  /* natural parameters and what belongs to them, of the parameters asked for last */
  int64_t at_step, at_row; /* when they were made; -1: never                           */
  float *natural[SIDES], *bias[SIDES]; /* [wide, padded], [padded]                             */
  double *middle;           /* [d] mean of the end's rows: features of the end are relative to it */
  double *factor, *inverse; /* [k, d, d] of a full spread: L, and (L L')^-1                       */

  /* a block of rows */
  float *x, *features[SIDES],
      *weight[SIDES]; /* [128, d]; [128, wide]; [128, padded] logits, then posteriors */
  float *sum[SIDES], *count[SIDES], *gradient; /* [wide, padded]; [padded]; [task.net.size] */
  double *a, *b;                               /* [d, d] */
} mixture;

/* objective.c */
sb_status mixture_objective_open(mixture *s);
void mixture_objective_close(mixture *s);
double mixture_objective_bytes(int d, int components, int squares);
/* mean log c(x_0) - mean log v(x_1), less a constant: see the file. For sb_task. */
sb_status mixture_loss(void *self, sb_task *task, int64_t step, int64_t row0, int rows,
                       double *loss);
sb_status mixture_validate(void *self, sb_task *task, int64_t row0, int rows, double *loss);
/* Of parameters p [net.size]: log a [k], r [k, d], G [k, d, d]. */
void mixture_read(const mixture *s, const float *p, double *log_a, double *r, double *g);

/* begin.c: initial parameters from the data, collective (every rank does the same). */
sb_status mixture_begin(mixture *s);

#endif
