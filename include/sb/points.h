/* layer: base */
/** A cloud of points and where clouds come from: what data offers and metrics ask for. */
#ifndef SB_POINTS_H
#define SB_POINTS_H
#include <stdint.h>

#include "sb/status.h"

/** n points of dimension d, [n, d] row-major; borrowed. */
typedef struct sb_points {
  int64_t n;
  int d;
  const double *x;
} sb_points;

/** Where points of a kind come from: fills all of x [n, d], the same on any rank (keyed by replicate).
 *  Not collective: one rank alone may ask. */
typedef struct sb_source {
  void *self;
  sb_status (*draw)(void *self, int64_t replicate, int64_t n, double *x);
  int64_t most; /**< different points there are; asking for more repeats them; 0: as many as you like */
} sb_source;

#endif
