/* Means over pairs of points, and the two statistics made of them: the energy distance (Székely and
 * Rizzo 2013) and the maximum mean discrepancy (Gretton, Borgwardt, Rasch, Schölkopf, Smola 2012,
 * eq. 3), both unbiased.
 *
 * A sum over the pairs within one set meets each pair of blocks once: block I with the blocks I+1
 * .. I+(B-1)/2 modulo their number B, an even number B leaves the opposite block to the lower of
 * the two. So all ranks work equally long. */
#include "sb/kernel.h"
#include "sb/mem.h"
#include "sb/metric.h"

#define CHUNK \
  4096 /* coordinates of the points that are gone through at a time: stay in the cache */

/* out[i] += weight * sum over rows j0 .. j1-1 of b, for `rows` rows x. */
static void add_pairs(const sb_points *b, double h, int rows, const double *x, int64_t j0,
                      int64_t j1, double weight, double *out) {
  const sb_kernels *kernel = sb_kernel();
  const int64_t step = CHUNK / b->d > SB_BLOCK ? CHUNK / b->d / SB_BLOCK * SB_BLOCK : SB_BLOCK;
  double part[SB_BLOCK];
  for (int64_t j = j0; j < j1; j += step) {
    const int64_t m = j1 - j < step ? j1 - j : step;
    if (h > 0)
      kernel->gauss_sum(rows, m, b->d, h, x, b->x + j * b->d, part);
    else
      kernel->distance_sum(rows, m, b->d, x, b->x + j * b->d, part);
    for (int i = 0; i < rows; i++) out[i] += weight * part[i];
  }
}

/* Block I of a with itself, and twice with the blocks that it meets. */
static void add_own_pairs(const sb_points *a, double h, int64_t block, int rows, const double *x,
                          double *out) {
  const int64_t blocks = (a->n + SB_BLOCK - 1) / SB_BLOCK;
  const int64_t meets = (blocks - 1) / 2 + (blocks % 2 == 0 && block < blocks / 2);
  const int64_t first = (block + 1) * SB_BLOCK, end = first + meets * SB_BLOCK,
                wrapped = end - blocks * SB_BLOCK;
  add_pairs(a, h, rows, x, block * SB_BLOCK, block * SB_BLOCK + rows, 1, out);
  add_pairs(a, h, rows, x, first, end < a->n ? end : a->n, 2, out);
  add_pairs(a, h, rows, x, 0, wrapped, 2, out);
}

sb_status sb_pair_mean(const sb_comm *c, sb_points a, sb_points b, double h, double *mean) {
  const int own = !b.x;
  if (a.d < 1 || a.n < 1 + own || (!own && (b.d != a.d || b.n < 1)))
    return sb_fail(
        SB_USE,
        "pairs of %lld points (dimension %d) and %lld (%d): too few, or not of one dimension",
        (long long)a.n, a.d, (long long)b.n, b.d);
  const sb_share share = sb_share_of(c, a.n);
  double *sum = NULL, total = 0;
  sb_status s = sb_agree(c, SB_NEW(&sum, share.count, "sums over pairs"));
  for (int64_t i = 0; i < share.count && !s; i += SB_BLOCK) {
    const int rows = share.count - i < SB_BLOCK ? (int)(share.count - i) : SB_BLOCK;
    const double *x = a.x + (share.first + i) * a.d;
    if (own)
      add_own_pairs(&a, h, (share.first + i) / SB_BLOCK, rows, x, sum + i);
    else
      add_pairs(&b, h, rows, x, 0, b.n, 1, sum + i);
  }
  if (!s)
    s = sb_sum_rows(c, a.n, 1, sum, &total,
                    h > 0 ? "kernel between points" : "distance between points");
  sb_mem_free(sum);
  if (s) return s;
  /* A point and itself: distance 0, kernel 1. */
  *mean = own ? (total - (h > 0 ? (double)a.n : 0)) / ((double)a.n * (double)(a.n - 1))
              : total / ((double)a.n * (double)b.n);
  return SB_OK;
}

sb_status sb_energy_distance(const sb_comm *c, sb_points a, sb_points b, double *value) {
  double ab, aa, bb;
  SB_TRY(sb_pair_mean(c, a, b, 0, &ab));
  SB_TRY(sb_pair_mean(c, a, (sb_points){0}, 0, &aa));
  SB_TRY(sb_pair_mean(c, b, (sb_points){0}, 0, &bb));
  *value = ab - aa / 2 - bb / 2;
  return SB_OK;
}

sb_status sb_mmd(const sb_comm *c, sb_points a, sb_points b, double h, double *value) {
  if (!(h > 0)) return sb_fail(SB_USE, "maximum mean discrepancy: bandwidth %g is not positive", h);
  double ab, aa, bb;
  SB_TRY(sb_pair_mean(c, a, b, h, &ab));
  SB_TRY(sb_pair_mean(c, a, (sb_points){0}, h, &aa));
  SB_TRY(sb_pair_mean(c, b, (sb_points){0}, h, &bb));
  *value = aa + bb - 2 * ab;
  return SB_OK;
}
