/* layer: nn */
/** Adam (Kingma, Ba 2015): the schedule, and the constants of a step for the kernel `adam`.
 *
 * Step k = 0, 1, … has the learning rate
 *   rate * min(1, (k + 1) / warmup) * (constant: 1,
 *                                      cosine:   rate_end + (1 - rate_end) (1 + cos(pi s)) / 2,
 *                                      s = (k - warmup) / (steps - warmup) within [0, 1]).
 * Weight decay is an L2 term added to the gradient (coupled), or p *= 1 - rate_k decay (decoupled,
 * AdamW: Loshchilov, Hutter 2019). The gradient is scaled by min(1, clip / norm). Nothing depends on
 * earlier steps: any k can be asked for. */
#ifndef SB_ADAM_H
#define SB_ADAM_H
#include <stdint.h>

#include "sb/kernel.h"

typedef enum sb_schedule { SB_RATE_CONSTANT, SB_RATE_COSINE, SB_RATE_COUNT } sb_schedule;
extern const char *const sb_schedule_name[SB_RATE_COUNT]; /* "constant" "cosine" */

typedef struct sb_adam {
  double rate;         /**< learning rate                                               */
  double beta1, beta2; /**< decay of the first and second moment, in [0, 1)             */
  double epsilon;      /**< added to the root                                           */
  double decay;        /**< weight decay, 0: none                                       */
  int decoupled;       /**< AdamW                                                       */
  int schedule;        /**< sb_schedule                                                 */
  int64_t warmup;      /**< steps of linear warm-up, 0: none                            */
  int64_t steps;       /**< horizon of the cosine: from there on rate * rate_end        */
  double rate_end;     /**< fraction of the rate at the end of the cosine               */
  double clip;         /**< largest global norm of the gradient, 0: none                */
  double average;      /**< decay of the parameter average; step k uses
                            min(average, (1 + k) / (10 + k)); 0: average = parameters   */
} sb_adam;

/** Learning rate of step k. */
double sb_adam_rate(const sb_adam *a, int64_t k);
/** Constants of step k for the kernel. norm = global norm of the gradient; one that is not finite does
 *  not clip (the caller knows from the sums that the step is lost). */
void sb_adam_at(const sb_adam *a, int64_t k, double norm, sb_adam_step *out);

#endif
