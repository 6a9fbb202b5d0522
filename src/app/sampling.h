/* What the command sample knows of a run that was held up. */
#ifndef SB_SAMPLING_H
#define SB_SAMPLING_H
#include "app.h"

#define SAMPLING "sampling.h5"

/* Positions that are kept where one step of a run begins (raw coordinates): after stage 1, or at
 * the start of a bridge. */
typedef struct app_mark {
  const char *path, *meaning; /* of the dataset beside the draws */
  int leg;
  int64_t step;
  double *x; /* [count, raw]; NULL: there is no mark */
} app_mark;

typedef struct app_sampling {
  app *a;
  const sb_leg *legs;
  int n;
  sb_recorder *recorder; /* NULL: nothing is recorded                          */
  const app_mark *mark;
  double *kept;        /* [count, draws, d] draws so far, or NULL            */
  sb_hold hold;        /* for the sampler; begins where an earlier run ended */
  double began, saved; /* clock                                              */
  int ever_saved;      /* sampling.h5 is of this run                         */
} app_sampling;

/* Collective. From sampling.h5 if --resume finds one of this deck and checkpoint (then the cloud,
 * mark and recorder are what they were and ever_saved is 1), else from the start. */
sb_status app_sampling_open(app_sampling *p, sb_particles *cloud);

#endif
