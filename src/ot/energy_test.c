/* Two-sample test by the energy distance (Székely and Rizzo 2004): how often is the distance of a
 * random split of all points as large as that of the two samples?
 *
 * With the distances d_ij of all points and the labels l_i of a split (1: first sample),
 * S_AA = sum l_i q_i, q_i = sum_j d_ij l_j, and S_A = sum l_i r_i, r_i = sum_j d_ij, give all three
 * means. Tiles of the matrix are made once and used for all splits; their sums are added exactly.
 */
#include <string.h>

#include "sb/kernel.h"
#include "sb/mem.h"
#include "sb/metric.h"
#include "sb/noise.h"
#include "sb/watchdog.h"

typedef struct test {
  int64_t n, all; /* points of the first sample, and of both */
  int d, splits;  /* the first split is the true one         */
  uint64_t key;
  sb_share share;        /* of all points                                         */
  double *x;             /* [share.count, d]                                      */
  double *label, *other; /* [share.count, splits], [SB_BLOCK, splits]: 0 or 1     */
  double *far;           /* [SB_BLOCK, SB_BLOCK] distances of a tile              */
  double *q, *part;      /* [splits]; [2 splits + 1] sums of a tile               */
  sb_sum *sum;           /* [2 splits + 1]: l_i q_i, l_i r_i by split, then r_i   */
} test;

/* Labels of the points first .. first+count-1. */
static void set_labels(const test *t, int64_t first, int64_t count, double *label) {
  for (int64_t i = 0; i < count; i++, label += t->splits) {
    label[0] = first + i < t->n;
    for (int b = 1; b < t->splits; b++) /* its place in the order of the split */
      label[b] = sb_noise_permute(t->key, t->all, (uint32_t)b, first + i) < t->n;
  }
}

static void add_tile(const test *t, int rows, const double *x, const double *label, int others,
                     const double *y) {
  const sb_kernels *kernel = sb_kernel();
  memset(t->part, 0, (size_t)(2 * t->splits + 1) * sizeof *t->part);
  for (int j = 0; j < others; j++)
    kernel->distance_sum(rows, 1, t->d, x, y + j * t->d, t->far + j * SB_BLOCK);
  for (int i = 0; i < rows; i++, label += t->splits) {
    double r = 0;
    memset(t->q, 0, (size_t)t->splits * sizeof *t->q);
    for (int j = 0; j < others; j++) {
      const double far = t->far[j * SB_BLOCK + i], *other = t->other + j * t->splits;
      r += far;
      for (int b = 0; b < t->splits; b++) t->q[b] += far * other[b];
    }
    for (int b = 0; b < t->splits; b++) {
      t->part[2 * b] += label[b] * t->q[b];
      t->part[2 * b + 1] += label[b] * r;
    }
    t->part[2 * t->splits] += r;
  }
  for (int k = 0; k <= 2 * t->splits; k++) sb_sum_add(&t->sum[k], t->part[k]);
}

static sb_status visit(void *self, int64_t first, int64_t count, const void *rows) {
  const test *t = self;
  const double *y = rows;
  for (int64_t j = 0; j < count; j += SB_BLOCK) {
    const int others = count - j < SB_BLOCK ? (int)(count - j) : SB_BLOCK;
    set_labels(t, first + j, others, t->other);
    for (int64_t i = 0; i < t->share.count; i += SB_BLOCK) {
      const int mine = t->share.count - i < SB_BLOCK ? (int)(t->share.count - i) : SB_BLOCK;
      add_tile(t, mine, t->x + i * t->d, t->label + i * t->splits, others, y + j * t->d);
    }
    sb_tick();
  }
  return SB_OK;
}

static double energy(const test *t, const double *total, int b) {
  const double n = (double)t->n, m = (double)(t->all - t->n), aa = total[2 * b],
               a = total[2 * b + 1], all = total[2 * t->splits], ab = a - aa, bb = all - 2 * a + aa;
  return ab / (n * m) - aa / (n * (n - 1)) / 2 - bb / (m * (m - 1)) / 2;
}

/* Collective. Rows of both sets, one behind the other, by shares of all. */
static sb_status join(const sb_comm *c, test *t, sb_points a, sb_points b) {
  const size_t row = (size_t)t->d * sizeof(double);
  double *both = NULL;
  /* Whole sets, for a moment: a test is of some thousand points. */
  sb_status s = sb_agree(c, SB_NEW(&both, t->all * t->d, "energy test: points"));
  if (!s) s = sb_gather_rows(c, a.n, t->d, sizeof *both, a.x, both);
  if (!s) s = sb_gather_rows(c, b.n, t->d, sizeof *both, b.x, both + a.n * t->d);
  if (!s) memcpy(t->x, both + t->share.first * t->d, (size_t)t->share.count * row);
  sb_mem_free(both);
  return s;
}

static sb_status make_room(test *t, double **total) {
  const int64_t width = 2 * t->splits + 1;
  SB_TRY(SB_NEW(&t->x, t->share.count * t->d, "energy test: points"));
  SB_TRY(SB_NEW(&t->label, t->share.count * t->splits, "energy test: splits"));
  SB_TRY(SB_NEW(&t->other, SB_BLOCK * (int64_t)t->splits, "energy test: splits"));
  SB_TRY(SB_NEW(&t->far, SB_BLOCK * SB_BLOCK, "energy test: distances"));
  SB_TRY(SB_NEW(&t->q, t->splits, "energy test: sums"));
  SB_TRY(SB_NEW(&t->part, width, "energy test: sums"));
  SB_TRY(SB_NEW(&t->sum, width, "energy test: sums"));
  return SB_NEW(total, width, "energy test: sums");
}

sb_status sb_energy_test(const sb_comm *c, sb_points a, sb_points b, int permutations, uint64_t key,
                         double *value, double *p) {
  if (a.d != b.d || a.d < 1 || a.n < 2 || b.n < 2 || permutations < 1)
    return sb_fail(SB_USE,
                   "energy test of %lld points (dimension %d) and %lld (%d), %d permutations",
                   (long long)a.n, a.d, (long long)b.n, b.d, permutations);
  test t = {.n = a.n, .all = a.n + b.n, .d = a.d, .splits = permutations + 1, .key = key};
  double *total = NULL;
  t.share = sb_share_of(c, t.all);
  sb_status s = sb_agree(c, make_room(&t, &total));
  if (!s) s = join(c, &t, a, b);
  if (!s) {
    set_labels(&t, t.share.first, t.share.count, t.label);
    s = sb_ring(c, t.all, t.d, sizeof *t.x, t.x, visit, &t);
  }
  if (!s) s = sb_sum_total(c, 2 * t.splits + 1, t.sum, total, "energy test");
  int64_t above = 1;
  if (!s) *value = energy(&t, total, 0);
  for (int k = 1; !s && k < t.splits; k++) above += energy(&t, total, k) >= *value;
  *p = (double)above / (double)t.splits;
  void *const blocks[] = {t.x, t.label, t.other, t.far, t.q, t.part, t.sum, total};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) sb_mem_free(blocks[i]);
  return s;
}
