/* Private to src/ot: centres laid out for the kernels. */
#ifndef SB_OT_CENTRES_H
#define SB_OT_CENTRES_H
#include "sb/scaling.h"

/* Columns of one call of a kernel: part of the result, since each call adds a sum of its own. */
#define CENTRES_CHUNK 512

/* Row i of the centres, as it stands in the table. */
static inline const float *centre(const sb_centres *k, int64_t i) {
  return k->x + (k->row ? k->row[i] : i) * k->width;
}

/* y [count, d] = z of centres first .. first+count-1, times factor. */
static inline void centres_pack(const sb_centres *k, int64_t first, int count, double *y) {
  for (int j = 0; j < count; j++) {
    const float *x = centre(k, first + j);
    for (int c = 0; c < k->d; c++) y[j * k->d + c] = k->scale[c] * (double)x[k->coordinate[c]];
  }
}

#endif
