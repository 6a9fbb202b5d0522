/* layer: base */
/** What goes wrong on purpose, for tests: SB_POISON=WHAT:RANK:STEP in the environment. WHAT is
 *    gradient, loss, particle   this number of the rank is not finite in the step
 *    training, sampling         the rank gets signal USR1 before the step
 *    checkpoint                 a parameter of the rank is not finite when the step is saved */
#ifndef SB_POISON_H
#define SB_POISON_H
#include <stdint.h>

/** 1 once, when it is to happen to this rank in this step (counted from 1). */
int sb_poison(const char *what, int rank, int64_t step);
/** The signal, when it is due. */
void sb_poison_signal(const char *what, int rank, int64_t step);

#endif
