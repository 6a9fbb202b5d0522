/* What the files of the command evaluate know of each other. */
#ifndef SB_EVALUATE_H
#define SB_EVALUATE_H
#include "app.h"
#include "sb/report.h"

#define EVALUATION_MOST 128

enum { ERROR_TIME_STEP, ERROR_SCORE, ERROR_RATIO, ERROR_MONTE_CARLO, ERRORS };

typedef struct evaluation {
  app *a;
  sb_metric metric[EVALUATION_MOST];
  int n;
  double *sample; /* [share.count, d] network coordinates */
  int64_t rows;
  sb_share share;       /* of this rank */
  double *start;        /* [share.count, d] where a bridge's draws began; NULL: no bridge */
  double error[ERRORS]; /* relative; NAN where not measured */
  int foreign;          /* samples of another program: nothing is known of what it learned from */
} evaluation;

/* Appends a metric; floors and baseline are NAN. */
sb_metric *evaluation_next(evaluation *e, const char *name, const char *stage, double t,
                           double value);

/* The draws, for metrics. */
sb_points evaluation_points(const evaluation *e);
/* Collective. /x of a file, in network coordinates. */
sb_status evaluation_read(evaluation *e, const char *path);
void evaluation_free(evaluation *e); /* accepts NULL */
/* Collective. The table on the screen, report.json. */
sb_status evaluation_report(evaluation *e);

/* Collective. Metrics of e->sample, and the errors by cause. */
sb_status evaluate_draws(evaluation *e);

sb_status evaluate_modes(
    evaluation *e); /* modes.c: largest errors of weights and covariances of modes; mixtures only */
sb_status evaluate_target(evaluation *e,
                          const sb_target *t); /* target.c: draws of another law than the data's:
                                                  moments against closed forms, calibration */
sb_status evaluate_coupling(
    evaluation *e); /* coupling.c: how the ends of a bridge belong together */
sb_status evaluate_moments(evaluation *e,
                           const sb_target *t); /* target.c: moments, beside those that the
                                                   sampler keeps where they are known */
sb_status evaluate_drift(
    evaluation *e); /* drift.c: errors of the drift and of the time step against the oracle */

#endif
