/* What the files of the two-stage method know of each other. */
#ifndef SB_TWO_STAGE_H
#define SB_TWO_STAGE_H
#include "sb/method.h"

enum { PART_SCORE, PART_RATIO, PARTS };
enum { LEG_ONE, LEG_TWO };
enum { MC_SHARED, MC_INDEPENDENT };
enum { FORM_SCORE, FORM_ENDPOINT };
enum { START_STAGE1, START_GAUSS, START_FILE, START_NOISED, START_INPAINT };
enum { PREDICT_NOISE, PREDICT_CLEAN };
enum { SOURCE_AUTO, SOURCE_LEARNED, SOURCE_EXACT };

typedef struct reference_options {
  double variance1, variance2;
} reference_options;

typedef struct sample_options {
  int64_t steps1, steps2, draws;
  int mode, drift_form, final_denoise, tweedie, start;
  double start_variance, begin;
} sample_options;

typedef struct field_options {
  int source, score, ratio;
} field_options;

typedef struct method_options {
  int64_t levels;
  int predict;
  double weight_power, score_floor, logit_clip;
} method_options;

/* What the Monte-Carlo drift of stage 1 works on: one tile of particles. */
typedef struct monte_carlo {
  int64_t draws;
  int independent, endpoint;
  double c; /* (tau (1 - t))^(1/2)                                             */
  int64_t step;
  uint64_t key[2];        /* streams of the draws of numerator and denominator               */
  float *z, *logit32;     /* [64, d] draws; [64] output of the ratio network                 */
  double *y, *score;      /* [64, d] points x + c z, scores there                            */
  double *logit, *weight; /* [64] log ratios there, exp(logit - top)                         */
  double *sum;            /* [64, d + 3] of each particle: top, sum, square, mean [d]        */
} monte_carlo;

#define ESS_BINS 5

typedef struct two_stage {
  /* sections of the deck */
  reference_options reference;
  sample_options sample;
  field_options field;
  method_options options;
  sb_net_options net, net_part[PARTS];
  sb_train_options train, train_part[PARTS];

  sb_run *run;
  int d;
  sb_task task[PARTS];
  sb_exact *exact;     /* NULL where the law is not known */
  double constants[4]; /* variance1, variance2, score_floor, predict, for checkpoints */
  sb_density *density; /* the marginal asked for last     */
  int density_leg;
  double density_t;

  /* the view alive now */
  unsigned exact_parts;
  double t;
  sb_tape *tape[PARTS]; /* forward only */
  float *x32, *y32;     /* [64, d] */
  monte_carlo mc;
  int64_t ess[ESS_BINS],
      ess_count[ESS_BINS]; /* sums of 2^32 ess / m, of particles, by fifth of stage 1 */

  /* starts from a file */
  double *known, *eta; /* [rows of this rank, d], NaN where not known; a tile */
  int64_t known_first; /* its first particle                               */

  /* scratch of the losses: one tile */
  float *data, *noise, *point, *output, *gradient, *time;
} two_stage;

/* losses.c */
sb_status two_stage_score_loss(void *self, sb_task *task, int64_t step, int64_t row0, int rows,
                               double *loss);
sb_status two_stage_score_validate(void *self, sb_task *task, int64_t row0, int rows, double *loss);
sb_status two_stage_ratio_loss(void *self, sb_task *task, int64_t step, int64_t row0, int rows,
                               double *loss);
sb_status two_stage_ratio_validate(void *self, sb_task *task, int64_t row0, int rows, double *loss);
/* The score from the score network's output, score(x, t) = a x + b net(x, t), with
 * v = sigma2 (1 - t) + floor: predict noise a = 0, b = -v^(-1/2); clean a = -1 / v, b = 1 / v. */
void two_stage_score_form(const two_stage *s, double t, double *a, double *b);

/* fields.c */
sb_status two_stage_fields_open(two_stage *s);
void two_stage_fields_close(two_stage *s);
/* Preparation of a time of stage 1, of stage 2. */
sb_status two_stage_at1(void *self, double t, int64_t step);
sb_status two_stage_at2(void *self, double t, int64_t step);
/* Learned or exact by the view: score of q_sigma [rows, d], log ratio [rows]. */
void two_stage_score(two_stage *s, int rows, const double *x, double *score);
void two_stage_logit(two_stage *s, int rows, const double *x, double *logit);
sb_status two_stage_drift1_closed(void *self, int64_t first, int rows, const double *x, double *b);
sb_status two_stage_drift2(void *self, int64_t first, int rows, const double *x, double *b);

/* known.c */
/* The method's `started`. */
sb_status two_stage_started(sb_run *run, int64_t group, sb_particles *cloud);
/* Stage 2 over [begin, 1] as a leg of unit time: preparation, drift per unit of it. */
sb_status two_stage_at_begun(void *self, double t, int64_t step);
sb_status two_stage_drift_begun(void *self, int64_t first, int rows, const double *x, double *b);
/* Puts back what is known, with its noise of time t: the field's `after`. */
void two_stage_put_back(void *self, int64_t first, int rows, double t, double *x);

/* monte_carlo.c */
sb_status two_stage_mc_open(two_stage *s);
void two_stage_mc_close(two_stage *s);
void two_stage_mc_at(two_stage *s, double t, int64_t step);
sb_status two_stage_drift1(void *self, int64_t first, int rows, const double *x, double *b);

#endif
