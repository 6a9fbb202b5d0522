/* Clouds of points for the tests of metrics. */
#ifndef SB_CLOUDS_H
#define SB_CLOUDS_H
#include <stdbool.h>

#include "sb/comm.h"
#include "sb/mem.h"
#include "sb/noise.h"
#include "sb/points.h"

/* n points of N(shift (1, .., 1), scale^2 I), for the caller to free; the same whoever asks. */
static inline sb_points cloud(uint64_t key, int64_t n, int d, double shift, double scale) {
  double *x = NULL;
  if (SB_NEW(&x, n * d, "cloud")) return (sb_points){0};
  for (int64_t i = 0; i < n; i++) sb_noise_normals64(key, i, 1, 0, d, x + i * d);
  for (int64_t i = 0; i < n * d; i++) x[i] = shift + scale * x[i];
  return (sb_points){n, d, x};
}

/* Points are borrowed as constants; those of cloud() are the caller's. */
static inline double *cloud_x(sb_points p) {
  union {
    const double *borrowed;
    double *own;
  } x = {p.x};
  return x.own;
}

/* What a rank holds of them, for collective functions. */
static inline sb_points on(const sb_comm *c, sb_points p) {
  return (sb_points){p.n, p.d, p.x + sb_share_of(c, p.n).first * p.d};
}

static inline void cloud_free(sb_points p) { sb_mem_free(cloud_x(p)); }

/* True on every rank if it is true on all. */
static inline bool on_all(const sb_comm *c, bool good) {
  int64_t bad = !good;
  return sb_max_int(c, &bad, 1) == SB_OK && !bad;
}

#endif
