/* What the files of the kernel methods know of each other. One engine serves both: `kernel` has one
 * head that sees and moves all coordinates, `local` a head for each coordinate or block, which sees
 * its neighbourhood alone. */
#ifndef SB_KERNEL_ENGINE_H
#define SB_KERNEL_ENGINE_H
#include "sb/method.h"
#include "sb/scaling.h"

enum { SAMPLER_LANGEVIN, SAMPLER_SPLIT, SAMPLER_AWARE, SAMPLER_RESAMPLE };
enum { WEIGHTS_BRIDGE, WEIGHTS_DENSITY };
enum { OUTPUT_FULL, OUTPUT_HALF };
enum { START_DATA, START_FILE };
enum { FORM_NONE, FORM_GAUSSIAN, FORM_PLUGIN };

typedef struct kernel_options {
  double step, reach, power, tolerance;
  sb_reals steps;
  int bandwidth, weights, storage, precision;
  int64_t iterations;
} kernel_options;

typedef struct sample_options {
  int sampler, output, start;
  int64_t burn_in, thin, per_chain;
  double fraction;
} sample_options;

/* A scaling of its own: what a set of coordinates is moved by. */
typedef struct head {
  int seen, moved;  /* coordinates of the neighbourhood, coordinates that it moves */
  int *see, *move;  /* [seen], [moved] ascending                                   */
  double *scale;    /* [seen] 1 / (2 sqrt(step))                                   */
  double *log_v;    /* [n], in engine.log_v                                        */
  double *rho;      /* [n] or NULL                                                 */
  double factor;    /* rho = factor exp(power log_sum)                             */
  double low, high; /* range of rho                                                */
  sb_centres centres, fixed;
  sb_soft *soft, *density; /* averages; log density, for rho elsewhere              */
} head;

typedef struct engine {
  kernel_options options;
  sample_options sample;

  sb_run *run;
  int d, heads, most; /* most: coordinates that a head moves */
  head *head;
  double *step;       /* [d] epsilon of each coordinate      */
  double chosen, gap; /* step in use; squared median distance to the nearest neighbour */
  int seen;         /* among so many coordinates: those of the head where it is largest for each */
  double *log_v;    /* [heads, n]                          */
  int64_t found[3]; /* of the scaling, largest over heads: done, products, converged (least) */
  double residual;

  /* sampling */
  int64_t at, legs_steps;
  uint64_t start_key, path_key;
  float *noise;                          /* [64, d] */
  double *mean, *half, *rho, *cov, *own; /* tiles */
  sb_density *law;                       /* of the closed view */
  double *uniform;                       /* [64] */
  int64_t *pick;                         /* [64] */
} engine;

/* heads.c: who sees and moves what. */
sb_status engine_head_new(head *h, int seen, int moved);
void engine_heads_free(engine *e);
sb_status engine_global_head(engine *e);

/* prepare.c */
sb_status engine_steps(engine *e);     /* collective: epsilon of each coordinate, with warnings */
sb_status engine_prepare(sb_run *run); /* collective: widths and scalings                       */
int engine_prepared(sb_run *run, sb_block *out, int most);
sb_status engine_soft_open(engine *e); /* averages of all heads; local */
void engine_soft_close(engine *e);

/* steps.c */
sb_status engine_at(void *self, double t, int64_t step);
sb_status engine_drift(void *self, int64_t first, int rows, const double *x, double *b);
sb_status engine_closed(void *self, int64_t first, int rows, const double *x, double *b);
sb_status engine_closed_step(void *self, int64_t first, int rows, double *x);
sb_status engine_step(void *self, int64_t first, int rows, double *x);
sb_status engine_begin(void *self, int64_t first, int rows, double *x);
double engine_move(const engine *e); /* the time by which an average moves, over epsilon: 1, or 2
                                        without scaling */

#endif
