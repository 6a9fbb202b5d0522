/* Mean and covariance of points.
 *
 * Two passes: the mean, then products of what is left. The upper triangle is made in bands of whole
 * rows, which bounds the memory of exact sums; within a block of SB_BLOCK points sums are plain and
 * in order, across blocks exact. */
#include "sb/kernel.h"
#include "sb/mem.h"
#include "sb/metric.h"

#define BAND 16384 /* entries of the triangle that are summed at a time, if a row has not more */

/* Rows j0 .. j1-1 of the triangle, packed. */
typedef struct band {
  int j0, j1;
  int64_t entries;
} band;

static band next_band(int d, int j0) {
  band b = {j0, j0, 0};
  do b.entries += d - b.j1++;
  while (b.j1 < d && b.entries + d - b.j1 <= BAND);
  return b;
}

/* product [entries] = sum over the rows of one block; gap [rows, d] = points - mean. */
static void block_products(band b, int d, int rows, const double *gap, double *product) {
  for (int64_t k = 0; k < b.entries; k++) product[k] = 0;
  for (int i = 0; i < rows; i++, gap += d) {
    double *p = product;
    for (int j = b.j0; j < b.j1; j++, p += d - j + 1)
      for (int k = j; k < d; k++) p[k - j] += gap[j] * gap[k];
  }
}

/* Scratch: gap [SB_BLOCK, d]; product and sum [entries of the largest band]. */
static sb_status cov_of(const sb_comm *c, sb_points a, const double *mean, double *gap,
                        double *product, sb_sum *sum, double *cov) {
  const sb_share own = sb_share_of(c, a.n);
  for (band b = next_band(a.d, 0); b.entries > 0;
       b = b.j1 < a.d ? next_band(a.d, b.j1) : (band){0}) {
    for (int64_t k = 0; k < b.entries; k++) sum[k] = (sb_sum){{0}};
    for (int64_t i0 = 0; i0 < own.count; i0 += SB_BLOCK) {
      const int rows = own.count - i0 < SB_BLOCK ? (int)(own.count - i0) : SB_BLOCK;
      const double *x = a.x + i0 * a.d;
      for (int i = 0; i < rows; i++)
        for (int k = 0; k < a.d; k++) gap[i * a.d + k] = x[i * a.d + k] - mean[k];
      block_products(b, a.d, rows, gap, product);
      for (int64_t k = 0; k < b.entries; k++) sb_sum_add(&sum[k], product[k]);
    }
    SB_TRY(sb_sum_total(c, b.entries, sum, product, "covariance"));
    const double *p = product;
    for (int j = b.j0; j < b.j1; j++)
      for (int k = j; k < a.d; k++)
        cov[(int64_t)j * a.d + k] = cov[(int64_t)k * a.d + j] = *p++ / (double)(a.n - 1);
  }
  return SB_OK;
}

sb_status sb_moments(const sb_comm *c, sb_points a, double *mean, double *cov) {
  if (a.n < (cov ? 2 : 1) || a.d < 1)
    return sb_fail(SB_USE, "moments of %lld points: needs at least %d", (long long)a.n,
                   cov ? 2 : 1);
  double *centre = NULL, *gap = NULL, *product = NULL;
  sb_sum *sum = NULL;
  const int64_t triangle = (int64_t)a.d * (a.d + 1) / 2, row = a.d > BAND ? a.d : BAND;
  const int64_t most = cov ? (triangle < row ? triangle : row) : 0;
  sb_status s = SB_NEW(&centre, a.d, "mean");
  if (!s) s = SB_NEW(&gap, cov ? (int64_t)SB_BLOCK * a.d : 0, "covariance: points");
  if (!s) s = SB_NEW(&product, most, "covariance: products");
  if (!s) s = SB_NEW(&sum, most, "covariance: sums");
  s = sb_agree(c, s);
  if (!s) s = sb_sum_rows(c, a.n, a.d, a.x, centre, "mean");
  for (int k = 0; k < a.d && !s; k++) {
    centre[k] /= (double)a.n;
    if (mean) mean[k] = centre[k];
  }
  if (!s && cov) s = cov_of(c, a, centre, gap, product, sum, cov);
  sb_mem_free(sum);
  sb_mem_free(product);
  sb_mem_free(gap);
  sb_mem_free(centre);
  return s;
}
