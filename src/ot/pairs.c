/* Means over pairs of points, and the two statistics made of them: the energy distance (Székely and
 * Rizzo 2013) and the maximum mean discrepancy (Gretton, Borgwardt, Rasch, Schölkopf, Smola 2012,
 * eq. 3), both unbiased.
 *
 * The matrix of pairs is gone through by tiles of SB_BLOCK x SB_BLOCK: a rank keeps its rows, and
 * the columns come by on the ring. The sum over a tile depends on its points alone, tiles are added
 * exactly: the same bits whatever the order. A sum over the pairs within one set meets each pair of
 * blocks once: block I with the blocks I+1 .. I+(B-1)/2 modulo their number B, an even number B
 * leaves the opposite block to the lower of the two. So all ranks work equally long. */
#include "sb/kernel.h"
#include "sb/mem.h"
#include "sb/metric.h"
#include "sb/watchdog.h"

typedef struct pairs {
  sb_points a;
  sb_share share;      /* of a */
  int64_t other, wrap; /* rows of the other set; blocks of a where it is the other one, else 0 */
  double h;
  sb_sum sum;
} pairs;

/* How often the tile counts. */
static int weight_of(const pairs *p, int64_t i, int64_t j) {
  if (!p->wrap || i == j) return 1;
  const int64_t ahead = (j - i + p->wrap) % p->wrap, half = p->wrap / 2;
  if (p->wrap % 2 == 0 && ahead == half) return i < half ? 2 : 0;
  return ahead <= (p->wrap - 1) / 2 ? 2 : 0;
}

static int rows_of(int64_t n, int64_t first) {
  return n - first < SB_BLOCK ? (int)(n - first) : SB_BLOCK;
}

static double tile(const pairs *p, int rows, const double *x, int others, const double *y) {
  const sb_kernels *kernel = sb_kernel();
  double part[SB_BLOCK], sum = 0;
  if (p->h > 0)
    kernel->gauss_sum(rows, others, p->a.d, p->h, x, y, part);
  else
    kernel->distance_sum(rows, others, p->a.d, x, y, part);
  for (int i = 0; i < rows; i++) sum += part[i];
  return sum;
}

static sb_status visit(void *self, int64_t first, int64_t count, const void *rows) {
  pairs *p = self;
  const double *y = rows;
  for (int64_t i = 0; i < p->share.count; i += SB_BLOCK) {
    const double *x = p->a.x + i * p->a.d;
    for (int64_t j = 0; j < count; j += SB_BLOCK) {
      const int w = weight_of(p, (p->share.first + i) / SB_BLOCK, (first + j) / SB_BLOCK);
      if (w)
        sb_sum_add(&p->sum, w * tile(p, rows_of(p->share.count, i), x, rows_of(p->other, first + j),
                                     y + j * p->a.d));
    }
    sb_tick();
  }
  return SB_OK;
}

sb_status sb_pair_mean(const sb_comm *c, sb_points a, const sb_points *b, double h, double *mean) {
  const sb_points other = b ? *b : a;
  if (a.d < 1 || a.n < 1 + !b || other.d != a.d || other.n < 1)
    return sb_fail(
        SB_USE,
        "pairs of %lld points (dimension %d) and %lld (%d): too few, or not of one dimension",
        (long long)a.n, a.d, (long long)other.n, other.d);
  pairs p = {.a = a, .share = sb_share_of(c, a.n), .other = other.n, .h = h};
  double total = 0;
  if (!b) p.wrap = (a.n + SB_BLOCK - 1) / SB_BLOCK;
  SB_TRY(sb_ring(c, other.n, a.d, sizeof(double), other.x, visit, &p));
  SB_TRY(sb_sum_total(c, 1, &p.sum, &total,
                      h > 0 ? "kernel between points" : "distance between points"));
  /* A point and itself: distance 0, kernel 1. */
  *mean = b ? total / ((double)a.n * (double)b->n)
            : (total - (h > 0 ? (double)a.n : 0)) / ((double)a.n * (double)(a.n - 1));
  return SB_OK;
}

sb_status sb_energy_distance(const sb_comm *c, sb_points a, sb_points b, double *value) {
  double ab = 0, aa = 0, bb = 0;
  SB_TRY(sb_pair_mean(c, a, &b, 0, &ab));
  SB_TRY(sb_pair_mean(c, a, NULL, 0, &aa));
  SB_TRY(sb_pair_mean(c, b, NULL, 0, &bb));
  *value = ab - aa / 2 - bb / 2;
  return SB_OK;
}

sb_status sb_mmd(const sb_comm *c, sb_points a, sb_points b, double h, double *value) {
  if (!(h > 0)) return sb_fail(SB_USE, "maximum mean discrepancy: bandwidth %g is not positive", h);
  double ab = 0, aa = 0, bb = 0;
  SB_TRY(sb_pair_mean(c, a, &b, h, &ab));
  SB_TRY(sb_pair_mean(c, a, NULL, h, &aa));
  SB_TRY(sb_pair_mean(c, b, NULL, h, &bb));
  *value = aa + bb - 2 * ab;
  return SB_OK;
}
