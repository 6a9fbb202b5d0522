/* Median of the distances between points, by exact selection: the bits of positive doubles have the
 * order of their values, so eight counts of one byte each, summed over ranks as integers, find the
 * value of a given rank in order. */
#include <math.h>
#include <string.h>

#include "sb/kernel.h"
#include "sb/mem.h"
#include "sb/metric.h"
#include "sb/noise.h"

/* Squared distances between this rank's rows of p and the rows before them. */
static int64_t squared_distances(sb_share own, int d, const double *p, double *out) {
  int64_t count = 0;
  for (int64_t i = own.first; i < own.first + own.count; i++)
    for (int64_t j = 0; j < i; j++) {
      double sum = 0;
      for (int k = 0; k < d; k++) {
        const double z = p[i * d + k] - p[j * d + k];
        sum += z * z;
      }
      out[count++] = sum;
    }
  return count;
}

/* Collective. The value that has exactly `before` smaller ones, or as many that are equal. Each x
 * is at least zero. */
static sb_status select_value(const sb_comm *c, int64_t count, const double *x, int64_t before,
                              double *value) {
  uint64_t known = 0;
  for (int shift = 56; shift >= 0; shift -= 8) {
    int64_t bin[256] = {0};
    for (int64_t i = 0; i < count; i++) {
      uint64_t bits;
      memcpy(&bits, &x[i], sizeof bits);
      if (shift == 56 || (bits ^ known) >> (shift + 8) == 0) bin[bits >> shift & 255]++;
    }
    SB_TRY(sb_sum_int(c, bin, 256));
    uint64_t b = 0;
    while (bin[b] <= before) before -= bin[b++];
    known |= b << shift;
  }
  memcpy(value, &known, sizeof known);
  return SB_OK;
}

/* Collective. p [n, d], zeroed: n rows in a keyed order, on every rank: each from the rank that has
 * it, by its bits, to which the others add zeros. */
static sb_status choose_rows(const sb_comm *c, sb_points a, uint64_t key, int64_t n, double *p) {
  const sb_share own = sb_share_of(c, a.n);
  int64_t bad = 0;
  for (int64_t i = 0; i < n; i++) {
    const int64_t row = sb_noise_permute(key, a.n, 0, i) - own.first;
    if (row >= 0 && row < own.count) memcpy(p + i * a.d, a.x + row * a.d, (size_t)a.d * sizeof *p);
  }
  SB_TRY(sb_sum_int(c, (int64_t *)(void *)p, n * a.d));
  for (int64_t i = 0; i < n * a.d; i++) bad += !isfinite(p[i]);
  return bad ? sb_fail(SB_BAD, "median distance: %lld coordinates are not finite", (long long)bad)
             : SB_OK;
}

sb_status sb_median_distance(const sb_comm *c, sb_points a, int64_t most, uint64_t key,
                             double *value) {
  const int64_t n = a.n < most ? a.n : most;
  if (n < 2 || a.d < 1)
    return sb_fail(SB_USE, "median distance of %lld points: needs two", (long long)n);
  const sb_share own = sb_share_of(c, n);
  const int64_t end = own.first + own.count, pairs = n * (n - 1) / 2;
  double *p = NULL, *squares = NULL;
  sb_status s = SB_NEW(&p, n * a.d, "median distance: points");
  if (!s)
    s = SB_NEW(&squares, (end * (end - 1) - own.first * (own.first - 1)) / 2,
               "median distance: pairs");
  s = sb_agree(c, s);
  if (!s) s = choose_rows(c, a, key, n, p);
  if (!s) {
    const int64_t count = squared_distances(own, a.d, p, squares);
    s = select_value(c, count, squares, (pairs - 1) / 2, value);
    *value = sqrt(*value);
  }
  sb_mem_free(squares);
  sb_mem_free(p);
  return s;
}
