/* Two-sample test by the energy distance (Székely and Rizzo 2004): how often is the distance of a
 * random split of all points as large as that of the two samples?
 *
 * With the distances d_ij of all points and the labels l_i of a split (1: first sample),
 * S_AA = sum l_i q_i, q_i = sum_j d_ij l_j, and S_A = sum l_i r_i, r_i = sum_j d_ij, give all three
 * means. Rows of the matrix are made by their rank and used for all splits at once. */
#include <string.h>

#include "sb/kernel.h"
#include "sb/mem.h"
#include "sb/metric.h"
#include "sb/noise.h"

typedef struct test {
  int64_t n, all; /* points of the first sample, and of both */
  int d, splits;  /* the first split is the true one         */
  uint64_t key;
  double *x;     /* [all, d]                                */
  double *label; /* [all, splits] 0 or 1                    */
  double *row;   /* [all] distances of one point            */
  double *q;     /* [splits]                                */
  double *sum;   /* [this rank's share of all, 2 splits]    */
} test;

static void set_labels(test *t) {
  for (int64_t i = 0; i < t->n; i++) t->label[i * t->splits] = 1;
  for (int b = 1; b < t->splits; b++)
    for (int64_t i = 0; i < t->n; i++)
      t->label[sb_noise_permute(t->key, t->all, (uint32_t)b, i) * t->splits + b] = 1;
}

static void do_row(test *t, int64_t i, double *out) {
  const sb_kernels *kernel = sb_kernel();
  const double *mine = t->label + i * t->splits;
  double r = 0;
  for (int64_t j = 0; j < t->all; j++)
    kernel->distance_sum(1, 1, t->d, t->x + i * t->d, t->x + j * t->d, &t->row[j]);
  memset(t->q, 0, (size_t)t->splits * sizeof *t->q);
  for (int64_t j = 0; j < t->all; j++) {
    const double *label = t->label + j * t->splits, far = t->row[j];
    r += far;
    for (int b = 0; b < t->splits; b++) t->q[b] += far * label[b];
  }
  for (int b = 0; b < t->splits; b++) {
    out[2 * b] = mine[b] * t->q[b];
    out[2 * b + 1] = mine[b] * r;
  }
  out[2 * t->splits] = r;
}

static double energy(const test *t, const double *total, int b) {
  const double n = (double)t->n, m = (double)(t->all - t->n), aa = total[2 * b],
               a = total[2 * b + 1], all = total[2 * t->splits], ab = a - aa, bb = all - 2 * a + aa;
  return ab / (n * m) - aa / (n * (n - 1)) / 2 - bb / (m * (m - 1)) / 2;
}

static sb_status make_room(test *t, const sb_comm *c, double **total) {
  const int64_t width = 2 * t->splits + 1;
  SB_TRY(SB_NEW(&t->x, t->all * t->d, "energy test: points"));
  SB_TRY(SB_NEW(&t->label, t->all * t->splits, "energy test: splits"));
  SB_TRY(SB_NEW(&t->row, t->all, "energy test: distances"));
  SB_TRY(SB_NEW(&t->q, t->splits, "energy test: sums"));
  SB_TRY(SB_NEW(&t->sum, sb_share_of(c, t->all).count * width, "energy test: sums"));
  return SB_NEW(total, width, "energy test: sums");
}

sb_status sb_energy_test(const sb_comm *c, sb_points a, sb_points b, int permutations, uint64_t key,
                         double *value, double *p) {
  if (a.d != b.d || a.d < 1 || a.n < 2 || b.n < 2 || permutations < 1)
    return sb_fail(SB_USE,
                   "energy test of %lld points (dimension %d) and %lld (%d), %d permutations",
                   (long long)a.n, a.d, (long long)b.n, b.d, permutations);
  test t = {.n = a.n, .all = a.n + b.n, .d = a.d, .splits = permutations + 1, .key = key};
  const sb_share share = sb_share_of(c, t.all);
  const int64_t width = 2 * t.splits + 1;
  double *total = NULL;
  sb_status s = sb_agree(c, make_room(&t, c, &total));
  if (!s) {
    memcpy(t.x, a.x, (size_t)(a.n * a.d) * sizeof *t.x);
    memcpy(t.x + a.n * a.d, b.x, (size_t)(b.n * b.d) * sizeof *t.x);
    set_labels(&t);
    for (int64_t i = 0; i < share.count; i++) do_row(&t, share.first + i, t.sum + i * width);
    s = sb_sum_rows(c, t.all, width, t.sum, total, "energy test");
  }
  int64_t above = 1;
  if (!s) *value = energy(&t, total, 0);
  for (int k = 1; !s && k < t.splits; k++) above += energy(&t, total, k) >= *value;
  *p = (double)above / (double)t.splits;
  void *const blocks[] = {t.x, t.label, t.row, t.q, t.sum, total};
  for (int i = 0; i < 6; i++) sb_mem_free(blocks[i]);
  return s;
}
