/* Do the draws lie where the true points lie, coordinate by coordinate? */
#include <math.h>
#include <stdlib.h>

#include "sb/mem.h"
#include "sb/metric.h"

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Fraction of a inside the central interval of b, coordinate k. column [b.n]. */
static double inside(sb_points a, sb_points b, int k, double level, double *column) {
  int64_t count = 0;
  for (int64_t i = 0; i < b.n; i++) column[i] = b.x[i * b.d + k];
  qsort(column, (size_t)b.n, sizeof *column, ascending);
  /* Of n sorted draws the i-th has rank i / (n + 1), in the mean. */
  const double tail = (1 - level) / 2 * (double)(b.n + 1) - 1;
  const int64_t at = tail > 0 ? (int64_t)tail : 0;
  const double part = tail > 0 ? tail - (double)at : 0;
  const double low = column[at] + part * (column[at + (at + 1 < b.n)] - column[at]);
  const int64_t top = b.n - 1 - at;
  const double high = column[top] - part * (column[top] - column[top - (top > 0)]);
  for (int64_t i = 0; i < a.n; i++) {
    const double x = a.x[i * a.d + k];
    count += x >= low && x <= high;
  }
  return (double)count / (double)a.n;
}

/* Coordinates go round the ranks. */
sb_status sb_coverage_error(const sb_comm *c, sb_points a, sb_points b, double level,
                            double *value) {
  double *column = NULL;
  if (a.d != b.d || a.d < 1 || a.n < 1 || b.n < 2 || !(level > 0 && level < 1))
    return sb_fail(SB_USE, "coverage of %lld points (dimension %d) and %lld (%d) at level %g",
                   (long long)a.n, a.d, (long long)b.n, b.d, level);
  const sb_status s = sb_agree(c, SB_NEW(&column, b.n, "coverage"));
  *value = 0;
  for (int k = c->rank; !s && k < a.d; k += c->size)
    *value = fmax(*value, fabs(inside(a, b, k, level, column) - level));
  sb_mem_free(column);
  return s ? s : sb_max_real(c, value, 1);
}
