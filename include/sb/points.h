/* layer: base */
/** A cloud of points and where clouds come from: what data offers and metrics ask for. */
#ifndef SB_POINTS_H
#define SB_POINTS_H
#include <stdint.h>

#include "sb/status.h"

/** n points of dimension d, row-major; borrowed. Where a collective function takes them, x holds this rank's share of
 *  the n rows (sb_share_of); on one rank alone, and where it is not collective, all of them. */
typedef struct sb_points {
  int64_t n;
  int d;
  const double *x;
} sb_points;

/** Where points of a kind come from: fills x [count, d] with rows first .. first+count-1 of a set, keyed by the
 *  replicate; the same whoever asks. Not collective. */
typedef struct sb_source {
  void *self;
  sb_status (*draw)(void *self, int64_t replicate, int64_t first, int64_t count, double *x);
  int64_t most; /**< different points there are; asking for more repeats them; 0: as many as you like */
} sb_source;

#endif
