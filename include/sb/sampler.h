/* layer: sde */
/** The one sampler. A leg is {field, time grid, noise variance}; the sampler moves a cloud along legs and knows no
 *  method.
 *
 *   x_{k+1} = x_k + h_k b(t_k, x_k) + (variance h_k)^(1/2) xi_k,   h_k = t_{k+1} - t_k,   t in [0, 1]
 *   (Euler-Maruyama)
 * xi of particle i at step k is keyed by (leg's stream, i, k). Particles are cut into tiles of SB_BLOCK by global
 * index and a rank owns whole tiles, so that sampling needs no communication and gives the same bits on any number
 * of ranks. */
#ifndef SB_SAMPLER_H
#define SB_SAMPLER_H
#include "sb/comm.h"

/** A vector field b(t, x), forward time, drift per unit t. Local (not collective). */
typedef struct sb_field {
  const char *name;
  int d;
  void *self;
  /** Fixes time t, which is that of step `step` of the leg (noise inside a field is keyed by it). NULL: nothing to
   *  prepare. */
  sb_status (*at)(void *self, double t, int64_t step);
  /** b [rows, d] at x [rows, d], rows <= SB_BLOCK; first: global index of the first particle. */
  sb_status (*eval)(void *self, int64_t first, int rows, const double *x, double *b);
  /** One whole step in place of Euler-Maruyama's, its noise included: x [rows, d] to x. NULL: Euler-Maruyama. Those who
   *  watch are still shown b of eval. */
  sb_status (*step)(void *self, int64_t first, int rows, double *x);
  /** Called with x [rows, d] after every move, denoising included, at the time t that it led to: for coordinates that
   *  are not free. NULL: all are. */
  void (*after)(void *self, int64_t first, int rows, double t, double *x);
  /** Where particles begin (SB_START_OWN): x [rows, d]. */
  sb_status (*begin)(void *self, int64_t first, int rows, double *x);
  const char *likely; /**< cause of numbers that are not finite, for the message; NULL: time step or a poor field */
  int still;          /**< the field does not depend on t */
} sb_field;

typedef enum sb_start { SB_START_KEEP, SB_START_ZERO, SB_START_GAUSS, SB_START_OWN } sb_start;

typedef struct sb_leg {
  char name[16];         /**< "stage1"                                                               */
  sb_field field;
  int64_t steps;         /**< so many steps                                                          */
  const double *times;   /**< [steps + 1] where they begin and the last one ends, ascending from 0 to 1, borrowed; a
                              backward leg takes them from behind; NULL: a uniform grid              */
  double variance;       /**< of the noise, per unit t                                               */
  sb_start start;        /**< where particles begin: where the leg before left them, 0, N(0, v I), field.begin */
  double start_variance; /**< v                                                                      */
  uint64_t start_key, path_key; /**< streams                                                         */
  int quiet_end;         /**< the last step has no noise                                             */
  int denoise;           /**< after the last step move once more by h b, without noise (Tweedie)     */
  int backward;          /**< time runs from 1 to 0: step k begins at t = 1 - k / steps; b is the drift of the reversed
                              process per unit of its own time, x moves by h b                                 */
  int64_t draws, thin;   /**< of the last leg: each particle gives so many draws (0: 1), where it is after the last
                              step and every `thin` steps before it                                                */
} sb_leg;

/** Particles: x [count, d] are this rank's, global indices first .. of n. */
typedef struct sb_particles {
  int64_t n, first, count;
  int d;
  double *x, *b; /**< positions, and drifts of the last step taken */
} sb_particles;
sb_status sb_particles_new(const sb_comm *c, int64_t n, int d, sb_particles *out);
void sb_particles_free(sb_particles *cloud);

/** What watches a run. Where it wants a step, see is called on every rank before that step is taken (b belongs to
 *  x), and at the end of a leg with step == steps and t == 1, of a backward leg 0 (b then is that of the last step).
 *  See may communicate. Wants answers alike on every rank. */
typedef struct sb_observer {
  void *self;
  int (*wants)(void *self, int leg, const sb_leg *l, int64_t step);
  sb_status (*see)(void *self, int leg, const sb_leg *l, int64_t step, double t, const sb_particles *cloud);
} sb_observer;

/** Who may hold up a run, and where it begins. */
typedef struct sb_hold {
  void *self;
  /** Collective. Called before a step is taken; the cloud is that of before. *next: steps until the next call, at least
   *  1, the same on every rank. Any status but SB_OK ends the run. */
  sb_status (*at)(void *self, int leg, int64_t step, const sb_particles *cloud, int64_t *next);
  int leg;
  int64_t step; /**< where the run begins; anywhere but at leg 0, step 0 the cloud is to be as it was there */
} sb_hold;

/** Time where step `step` of a leg begins, 0 .. steps; and the step that a time belongs to. */
static inline double sb_leg_time(const sb_leg *l, int64_t step) {
  const double s = (double)step / (double)l->steps;
  if (l->times) return l->times[l->backward ? l->steps - step : step];
  return l->backward ? 1 - s : s;
}
static inline int64_t sb_leg_step(const sb_leg *l, double t) {
  int64_t step = 0;
  if (!l->times) return (int64_t)((l->backward ? 1 - t : t) * (double)l->steps);
  while (step + 1 < l->steps &&
         (l->backward ? sb_leg_time(l, step + 1) >= t : sb_leg_time(l, step + 1) <= t))
    step++;
  return step;
}
/** How long a step takes. */
static inline double sb_leg_length(const sb_leg *l, int64_t step) {
  const double h = sb_leg_time(l, step + 1) - sb_leg_time(l, step);
  return l->times ? (h < 0 ? -h : h) : 1.0 / (double)l->steps;
}
/** The time nearest to t where a step of the leg begins at or after. */
static inline double sb_leg_inside(const sb_leg *l, double t) {
  const double last = sb_leg_time(l, l->steps - 1);
  return l->backward ? (t > last ? t : last) : (t < last ? t : last);
}

/** Draws that each particle gives, at least 1. */
static inline int64_t sb_leg_draws(const sb_leg *l) { return l->draws > 0 ? l->draws : 1; }

/** Collective. Moves the cloud along the legs. A number that is not finite or beyond 1e12 ends it: SB_BAD with leg,
 *  step, particle, rank and likely cause. */
sb_status sb_sample(const sb_comm *c, const sb_leg *legs, int n, sb_particles *cloud, const sb_observer *observers,
                    int observer_count);
/** The same, with a hold (NULL: none). From where a hold ended a run, another one goes on to the same bits. */
sb_status sb_sample_on(const sb_comm *c, const sb_leg *legs, int n, sb_particles *cloud, const sb_observer *observers,
                       int observer_count, const sb_hold *hold);

/** Local. Drift at n points in tiles; first: global index of x[0], a multiple of SB_BLOCK. */
sb_status sb_field_eval(const sb_field *f, double t, int64_t step, int64_t first, int64_t n, const double *x,
                        double *b);

#endif
