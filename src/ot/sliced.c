/* Sliced Wasserstein distance (Rabin, Peyré, Delon, Bernot 2011): the mean over directions of the
 * squared distance between the projections, which sorting solves. A direction belongs to its index;
 * directions go round the ranks. */
#include <math.h>
#include <string.h>

#include "sb/mem.h"
#include "sb/metric.h"
#include "sb/noise.h"

#define DIGIT  11
#define DIGITS (1 << DIGIT)

/* Bits of a double whose order as unsigned integers is that of the values; and back. */
static uint64_t ordered(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static double value_of(uint64_t key) {
  const uint64_t bits = key >> 63 ? key & ~(UINT64_C(1) << 63) : ~key;
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* Ascending order by digits of 11 bits, least significant first; one that all keys share is left
 * out. `key` and `spare` [n]. */
static void sort_keys(int64_t n, uint64_t *key, uint64_t *spare) {
  uint64_t *from = key, *to = spare;
  for (int shift = 0; shift < 64; shift += DIGIT) {
    int64_t place[DIGITS] = {0}, next = 0;
    for (int64_t i = 0; i < n; i++) place[from[i] >> shift & (DIGITS - 1)]++;
    if (place[from[0] >> shift & (DIGITS - 1)] == n) continue;
    for (int b = 0; b < DIGITS; b++) {
      const int64_t count = place[b];
      place[b] = next;
      next += count;
    }
    for (int64_t i = 0; i < n; i++) to[place[from[i] >> shift & (DIGITS - 1)]++] = from[i];
    uint64_t *const other = from;
    from = to;
    to = other;
  }
  if (from != key) memcpy(key, from, (size_t)n * sizeof *key);
}

/* Sorted products of the points with a direction. */
static void project(sb_points p, const double *direction, uint64_t *key, uint64_t *spare) {
  for (int64_t i = 0; i < p.n; i++) {
    const double *x = p.x + i * p.d;
    double along = 0;
    for (int k = 0; k < p.d; k++) along += x[k] * direction[k];
    key[i] = ordered(along);
  }
  sort_keys(p.n, key, spare);
}

/* Integral over q in (0, 1) of the squared difference of two quantile functions: pieces of length 1
 * / (n m). */
static double quantile_distance(int64_t n, const uint64_t *a, int64_t m, const uint64_t *b) {
  double sum = 0;
  int64_t q = 0;
  for (int64_t i = 0, j = 0; i < n && j < m;) {
    const int64_t end_i = (i + 1) * m, end_j = (j + 1) * n, end = end_i < end_j ? end_i : end_j;
    const double gap = value_of(a[i]) - value_of(b[j]);
    sum += gap * gap * (double)(end - q);
    q = end;
    i += end == end_i;
    j += end == end_j;
  }
  return sum / (double)n / (double)m;
}

static void set_direction(uint64_t key, int64_t slice, int d, double *direction) {
  double square = 0;
  sb_noise_normals64(key, slice, 1, 0, d, direction);
  for (int k = 0; k < d; k++) square += direction[k] * direction[k];
  if (square > 0)
    for (int k = 0; k < d; k++) direction[k] /= sqrt(square);
  else
    direction[0] = 1;
}

sb_status sb_sliced_w2(const sb_comm *c, sb_points a, sb_points b, int slices, uint64_t key,
                       double *value) {
  if (a.d != b.d || a.d < 1 || a.n < 1 || b.n < 1 || slices < 1 || a.n > INT64_MAX / b.n)
    return sb_fail(SB_USE,
                   "sliced distance of %lld points (dimension %d) and %lld (%d) in %d directions",
                   (long long)a.n, a.d, (long long)b.n, b.d, slices);
  uint64_t *first = NULL, *second = NULL, *spare = NULL;
  double *direction = NULL;
  sb_sum sum = {{0}};
  sb_status s = SB_NEW(&first, a.n, "sliced distance: projections");
  if (!s) s = SB_NEW(&second, b.n, "sliced distance: projections");
  if (!s) s = SB_NEW(&spare, a.n > b.n ? a.n : b.n, "sliced distance: projections");
  if (!s) s = SB_NEW(&direction, a.d, "sliced distance: direction");
  s = sb_agree(c, s);
  for (int i = c->rank; i < slices && !s; i += c->size) {
    set_direction(key, i, a.d, direction);
    project(a, direction, first, spare);
    project(b, direction, second, spare);
    sb_sum_add(&sum, quantile_distance(a.n, first, b.n, second));
  }
  if (!s) s = sb_sum_total(c, 1, &sum, value, "sliced distance");
  if (!s) *value = sqrt(*value / slices);
  sb_mem_free(direction);
  sb_mem_free(spare);
  sb_mem_free(second);
  sb_mem_free(first);
  return s;
}
