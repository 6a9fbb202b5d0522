/* layer: base */
/** Numbers that go bad on purpose, for tests: SB_POISON=WHAT:RANK:STEP in the environment, WHAT one of gradient, loss,
 *  particle. */
#ifndef SB_POISON_H
#define SB_POISON_H
#include <stdint.h>

/** 1 once, when this number of this rank is to go bad in this step (counted from 1). */
int sb_poison(const char *what, int rank, int64_t step);

#endif
