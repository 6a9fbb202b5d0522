/* What the files of the kernel methods know of each other. One engine serves both: `kernel` has one
 * head that sees and moves all coordinates, `local` a head for each coordinate or block, which sees
 * its neighbourhood alone. */
#ifndef SB_KERNEL_ENGINE_H
#define SB_KERNEL_ENGINE_H
#include "sb/method.h"
#include "sb/spectrum.h"

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
  int64_t eigenpairs, eigen_products;
  int eigensolver;
} kernel_options;

typedef struct sample_options {
  int sampler, output, start;
  int64_t burn_in, thin, per_chain;
  double fraction;
} sample_options;

typedef struct condition_options {
  sb_reals coordinates, values;
  char *file, *plugin;
  int64_t advance;
} condition_options;

typedef struct likelihood_options {
  int form;
  sb_reals map, observed, variance;
  char *plugin;
} likelihood_options;

typedef struct local_options {
  int64_t radius, block;
  int periodic;
  sb_reals grid, blocks, starts, members;
} local_options;

/* Function `sb_likelihood` of a plug-in: gradient [rows, d] of the negative log-likelihood at x
 * [rows, d], raw coordinates. It must give the same bits for a row wherever it stands. */
typedef void (*likelihood_function)(int64_t rows, int d, const double *x, double *gradient);

/* Function `sb_advance` of a plug-in: rows x [rows, d], raw coordinates, of which it changes those
 * that are given, by those that were drawn. The same bits for a row wherever it stands. */
typedef void (*advance_function)(int64_t rows, int d, double *x);

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
  condition_options condition;
  likelihood_options likelihood;
  local_options local;

  sb_run *run;
  int d, heads, most; /* most: coordinates that a head moves */
  head *head;
  double *step;       /* [d] epsilon of each coordinate      */
  double chosen, gap; /* step in use; squared median distance to the nearest neighbour */
  int seen;         /* among so many coordinates: those of the head where it is largest for each */
  double *log_v;    /* [heads, n]                          */
  int64_t found[3]; /* of the scaling: done, products at most, sb_scale_end of the worst head */
  double residual, reproducible; /* the latter of what ScaLAPACK finds */
  double *eigen_value;           /* [eigenpairs]                                            */
  double *eigen_vector;          /* [count, eigenpairs] of this rank's training rows, or NULL */
  int64_t eigen_found[3];        /* done, products, converged                               */

  /* what is given: condition.c */
  int *given; /* [d] 1 where a coordinate is given                                */
  int *axis;  /* [given] those coordinates, in the order of condition.coordinates */
  int givens;
  int *moves;               /* [d] 1 where it is not                                            */
  int64_t cases;            /* rows of `value`                                                  */
  double *value;            /* [cases, d] network coordinates                                   */
  double *mean_of, *cov_of; /* [d], [d, d] of the law that draws follow; NULL: unknown */
  double *chain;            /* [d (d + 1)] moments of chains; NULL: not asked for      */
  int chain_known;
  void *advance_library;
  advance_function advance_by; /* NULL: drawn coordinates become the given ones */
  double *rows;                /* [64, raw] that it sees                        */

  /* the likelihood: likelihood.c */
  int observed; /* numbers that are observed                                     */
  double *map, *seen_at,
      *weight; /* [observed, d], [observed], [observed]: map x - seen_at has variance 1 / weight */
  void *library;
  likelihood_function plugin;
  double *raw, *pull, *pushed; /* [64, raw] twice; [64, d] the gradient */
  double *back;                /* [raw, d] from network vectors to raw ones */

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

/* local.c */
extern const sb_key engine_local_keys[];
sb_status engine_local_heads(engine *e);

/* prepare.c */
sb_status engine_steps(engine *e);     /* collective: epsilon of each coordinate, with warnings */
sb_status engine_prepare(sb_run *run); /* collective: widths and scalings                       */
sb_status engine_foretell(sb_run *run, double *seconds); /* collective: what that will take */
int engine_prepared(sb_run *run, sb_block *out, int most);
sb_status engine_soft_open(engine *e); /* averages of all heads; local */
void engine_soft_close(engine *e);

/* diffusion.c: the spectrum of the scaled matrix */
sb_status engine_check(sb_run *run); /* collective */
double engine_diffusion_bytes(const sb_run *run);
sb_status engine_diffusion(engine *e); /* collective: finds it, unless it is there */
int engine_diffusion_blocks(engine *e, sb_block *out);
sb_status engine_leave(sb_run *run, const char *directory, const sb_projection *projection,
                       const char *parent);
sb_status engine_metrics(sb_run *run, sb_metric *out, int most, int *n);

/* limit.c: closed forms of Gaussian laws; collective */
sb_status engine_limit(engine *e, double *mean, double *cov, int *yes);
sb_status engine_slopes(engine *e,
                        double **out); /* eigenvalues [d] of A, descending; NULL: unknown */

/* condition.c */
sb_status engine_condition_open(engine *e); /* collective */
void engine_condition_close(engine *e);
void engine_hold(const engine *e, int64_t first, int rows,
                 double *x); /* given coordinates take their values */
void engine_advance(const engine *e, int rows,
                    double *x); /* or those of the coordinates that were drawn, or a plug-in's */
sb_status engine_target(sb_run *run, sb_target *out);

/* plugin.c: function `name` of a shared object, for the value of a key; closing, NULL is fine. */
sb_status engine_plug(const char *key, const char *path, const char *name, void **library,
                      void *function);
void engine_unplug(void *library);

/* likelihood.c */
sb_status engine_likelihood_open(engine *e); /* collective */
void engine_likelihood_close(engine *e);
int engine_has_likelihood(const engine *e);
void engine_gradient(engine *e, int rows, const double *x,
                     double *gradient); /* of -log likelihood, [rows, d] */

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
