/* Do the draws lie where the true points lie, coordinate by coordinate? */
#include <math.h>

#include "order.h"
#include "sb/mem.h"
#include "sb/metric.h"

enum { BATCH = 16, ENDS = 4 }; /* coordinates at a time; keys that an interval is made of */

typedef struct coverage {
  sb_points a, b;
  int64_t own_a, own_b; /* rows of this rank */
  double level;
  uint64_t *key, *spare; /* [BATCH, own_b], [own_b] */
} coverage;

/* How many of this rank's rows of a lie inside the central interval of b, for n coordinates. */
static sb_status count_inside(const sb_comm *c, coverage *w, int first, int n, int64_t *inside) {
  order_list list[BATCH];
  int64_t position[BATCH * ENDS], below[BATCH * ENDS];
  uint64_t end[BATCH * ENDS];
  /* Of n sorted draws the i-th has rank i / (n + 1), in the mean. */
  const double tail = (1 - w->level) / 2 * (double)(w->b.n + 1) - 1;
  const int64_t at = tail > 0 ? (int64_t)tail : 0, top = w->b.n - 1 - at;
  const double part = tail > 0 ? tail - (double)at : 0;
  for (int k = 0; k < n; k++) {
    uint64_t *key = w->key + k * w->own_b;
    for (int64_t i = 0; i < w->own_b; i++) key[i] = order_key(w->b.x[i * w->b.d + first + k]);
    order_sort(w->own_b, key, w->spare);
    list[k] = (order_list){w->own_b, key};
    const int64_t ends[] = {at, at + (at + 1 < w->b.n), top - (top > 0), top};
    for (int i = 0; i < ENDS; i++) position[k * ENDS + i] = ends[i];
  }
  SB_TRY(order_select(c, n, list, ENDS, position, end, below));
  for (int k = 0; k < n; k++) {
    double v[ENDS];
    for (int i = 0; i < ENDS; i++) v[i] = order_value(end[k * ENDS + i]);
    const double low = v[0] + part * (v[1] - v[0]), high = v[3] - part * (v[3] - v[2]);
    inside[k] = 0;
    for (int64_t i = 0; i < w->own_a; i++) {
      const double x = w->a.x[i * w->a.d + first + k];
      inside[k] += x >= low && x <= high;
    }
  }
  return sb_sum_int(c, inside, n);
}

sb_status sb_coverage_error(const sb_comm *c, sb_points a, sb_points b, double level,
                            double *value) {
  int64_t inside[BATCH];
  if (a.d != b.d || a.d < 1 || a.n < 1 || b.n < 2 || !(level > 0 && level < 1))
    return sb_fail(SB_USE, "coverage of %lld points (dimension %d) and %lld (%d) at level %g",
                   (long long)a.n, a.d, (long long)b.n, b.d, level);
  coverage w = {a, b, sb_share_of(c, a.n).count, sb_share_of(c, b.n).count, level, NULL, NULL};
  sb_status s = SB_NEW(&w.key, BATCH * w.own_b, "coverage");
  if (!s) s = SB_NEW(&w.spare, w.own_b, "coverage");
  s = sb_agree(c, s);
  *value = 0;
  for (int first = 0; !s && first < a.d; first += BATCH) {
    const int n = a.d - first < BATCH ? a.d - first : BATCH;
    s = count_inside(c, &w, first, n, inside);
    for (int k = 0; !s && k < n; k++)
      *value = fmax(*value, fabs((double)inside[k] / (double)a.n - level));
  }
  sb_mem_free(w.spare);
  sb_mem_free(w.key);
  return s;
}
