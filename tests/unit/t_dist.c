/* Block-cyclic matrices by ScaLAPACK against plain loops and LAPACK: moving in and out, products,
 * eigenvectors; n smaller than a block, more ranks than blocks, teams of ranks; every refusal.
 * RUN np=1
 * RUN np=2
 * RUN np=3
 * RUN np=4 teams
 * RUN np=7 */
#include <stdlib.h>
#include <string.h>

#include "sb/dense.h"
#include "sb/dist.h"
#include "sb/mem.h"
#include "sb/noise.h"
#include "sb/teams.h"
#include "tap.h"

enum { MOST = 330 };

/* Whole matrices, the same on every rank. */
typedef struct whole {
  int64_t rows, cols;
  double x[MOST * MOST];
} whole;

static whole a, b, want;
static double got[MOST * MOST], values[MOST], vectors[MOST * MOST];

static void set_noise(whole *w, int64_t rows, int64_t cols, uint64_t key) {
  w->rows = rows;
  w->cols = cols;
  for (int64_t i = 0; i < rows; i++) sb_noise_normals64(key, i, 1, 0, (int)cols, w->x + i * cols);
}

static double at(const whole *w, int transpose, int64_t i, int64_t j) {
  return transpose ? w->x[j * w->cols + i] : w->x[i * w->cols + j];
}

static sb_status tile(void *self, int64_t row, int64_t col, int rows, int cols, double *out,
                      int64_t stride) {
  const whole *w = self;
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < cols; j++) out[i * stride + j] = at(w, 0, row + i, col + j);
  return SB_OK;
}

static sb_status spread(const sb_process_grid *g, whole *w, sb_dist *m) {
  SB_TRY(sb_dist_open(g, w->rows, w->cols, "test", m));
  return sb_dist_fill(m, tile, w);
}

/* Largest |entry of m - entry of w| over all ranks. */
static double apart(const sb_dist *m, const whole *w) {
  double most = 0;
  for (int64_t i = 0; i < m->my_rows; i++)
    for (int64_t j = 0; j < m->my_cols; j++)
      most = fmax(most,
                  fabs(m->x[i * m->stride + j] - at(w, 0, sb_dist_row(m, i), sb_dist_col(m, j))));
  return sb_max_real(sb_process_grid_comm(m->grid), &most, 1) ? NAN : most;
}

static bool all(const sb_comm *c, bool good) {
  int64_t bad = !good;
  return sb_sum_int(c, &bad, 1) == SB_OK && bad == 0;
}

static void test_moves(const sb_comm *c, int64_t rows, int64_t cols) {
  sb_process_grid *g = NULL;
  sb_dist m = {0}, back = {0};
  set_noise(&a, rows, cols, 1);
  sb_status s = sb_process_grid_open(c, rows, &g);
  if (!s) s = spread(g, &a, &m);
  if (!tap_ok(!s, "%lld x %lld: spread %s", (long long)rows, (long long)cols, sb_message())) return;
  sb_share own = sb_share_of(c, rows);
  s = sb_dist_rows(&m, got);
  tap_ok(
      all(c, !s && !memcmp(got, a.x + own.first * cols, (size_t)(own.count * cols) * sizeof *got)),
      "%lld x %lld: rows", (long long)rows, (long long)cols);
  s = sb_dist_open(g, rows, cols, "back", &back);
  if (!s) s = sb_dist_from_rows(&back, got);
  tap_ok(!s && apart(&back, &a) == 0, "%lld x %lld: and back", (long long)rows, (long long)cols);
  own = sb_share_of(c, cols);
  s = sb_dist_columns(&m, got);
  bool good = !s;
  for (int64_t k = 0; k < own.count && good; k++)
    for (int64_t i = 0; i < rows; i++)
      good = good && got[k * rows + i] == at(&a, 1, own.first + k, i);
  tap_ok(all(c, good), "%lld x %lld: columns", (long long)rows, (long long)cols);
  tap_ok(8.0 * (double)(m.my_rows * m.my_cols) <= sb_dist_bytes(c->size, rows, cols) || rows < cols,
         "no more bytes than predicted");
  sb_dist_close(&back);
  sb_dist_close(&m);
  sb_process_grid_close(g);
}

static void multiply(double alpha, int ta, int tb) {
  want.rows = ta ? a.cols : a.rows;
  want.cols = tb ? b.rows : b.cols;
  const int64_t inner = ta ? a.rows : a.cols;
  for (int64_t i = 0; i < want.rows; i++)
    for (int64_t j = 0; j < want.cols; j++) {
      double sum = 0;
      for (int64_t k = 0; k < inner; k++) sum += at(&a, ta, i, k) * at(&b, tb, k, j);
      want.x[i * want.cols + j] = alpha * sum;
    }
}

static void test_products(const sb_comm *c, int64_t m, int64_t n, int64_t k) {
  sb_process_grid *g = NULL;
  sb_dist x = {0}, y = {0}, z = {0};
  tap_ok(!sb_process_grid_open(c, m > n ? m : n, &g), "grid");
  for (int flags = 0; flags < 4; flags++) {
    const int ta = flags & 1, tb = flags >> 1;
    set_noise(&a, ta ? k : m, ta ? m : k, 2);
    set_noise(&b, tb ? n : k, tb ? k : n, 3);
    multiply(1.5, ta, tb);
    sb_status s = spread(g, &a, &x);
    if (!s) s = spread(g, &b, &y);
    if (!s) s = sb_dist_open(g, m, n, "product", &z);
    if (!s) s = sb_dist_multiply(0.5, ta, &x, tb, &y, 0, &z);
    if (!s) s = sb_dist_multiply(0.5, ta, &x, tb, &y, 2, &z);
    tap_ok(!s && apart(&z, &want) < 1e-11, "%lld x %lld x %lld, %d%d: product %s", (long long)m,
           (long long)k, (long long)n, ta, tb, sb_message());
    sb_dist_close(&z);
    sb_dist_close(&y);

    b = a;
    multiply(2, tb, !tb);
    s = sb_dist_open(g, want.rows, want.rows, "gram", &z);
    if (!s) s = sb_dist_gram(2, tb, &x, &z);
    tap_ok(!s && apart(&z, &want) < 1e-11, "%d: gram %s", tb, sb_message());
    sb_dist_close(&z);

    set_noise(&b, tb ? a.rows : a.cols, 1, 4);
    multiply(3, tb, 0);
    s = sb_dist_apply(3, tb, &x, b.x, got);
    double most = 0;
    for (int64_t i = 0; i < want.rows; i++) most = fmax(most, fabs(got[i] - want.x[i]));
    tap_ok(all(c, !s && most < 1e-11), "%d: with a vector", tb);
    sb_dist_close(&x);
  }
  sb_process_grid_close(g);
}

/* What a symmetric matrix may look like. */
enum { NOISE, UNIT, RANK_THREE, GAUSS, KINDS };
static const char *const kind_name[] = {"noise", "unit", "rank 3", "kernel"};

static void set_symmetric(int64_t n, int kind) {
  set_noise(&b, n, n, 5);
  a.rows = a.cols = n;
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++) {
      double x = b.x[i * n + j] + b.x[j * n + i];
      if (kind == UNIT) x = i == j;
      if (kind == RANK_THREE) {
        x = 0;
        for (int64_t k = 0; k < 3 && k < n; k++)
          x += (double)(4 - k) * b.x[k * n + i] * b.x[k * n + j];
      }
      if (kind == GAUSS) {
        const double far = b.x[i] - b.x[j];
        x = exp(-far * far);
      }
      a.x[i * n + j] = x;
    }
}

/* Worst |A v - w v| and |V V^T - 1| over the k vectors; every rank has all. */
static void residuals(int64_t n, int64_t k, const double *v, double *off, double *turned) {
  *off = *turned = 0;
  for (int64_t r = 0; r < k; r++) {
    for (int64_t i = 0; i < n; i++) {
      double sum = -values[r] * v[r * n + i];
      for (int64_t j = 0; j < n; j++) sum += a.x[i * n + j] * v[r * n + j];
      *off = fmax(*off, fabs(sum));
    }
    for (int64_t s = 0; s <= r; s++) {
      double dot = s == r ? -1 : 0;
      for (int64_t i = 0; i < n; i++) dot += v[r * n + i] * v[s * n + i];
      *turned = fmax(*turned, fabs(dot));
    }
  }
}

static void test_eigen(const sb_comm *c, int64_t n, int64_t k, int kind) {
  sb_process_grid *g = NULL;
  sb_dist m = {0}, v = {0};
  static double reference[MOST];
  const int64_t before = sb_mem_now();
  set_symmetric(n, kind);
  sb_status s = sb_process_grid_open(c, n, &g);
  if (!s) s = spread(g, &a, &m);
  if (!s) s = sb_dist_open(g, k, n, "vectors", &v);
  if (!s) s = sb_dist_eigen(&m, k, values, &v);
  if (!tap_ok(!s, "%s, n = %lld, k = %lld: %s", kind_name[kind], (long long)n, (long long)k,
              sb_message()))
    return;
  s = sb_dist_rows(&v, got);
  if (!s) s = sb_gather_rows(c, k, n, sizeof *got, got, vectors);
  sb_dist_close(&v);
  if (!s) s = sb_eigen(c, (int)n, a.x, reference, got);
  double far = 0, turned, off, wrong = 0;
  for (int64_t i = 0; i < k; i++) far = fmax(far, fabs(values[i] - reference[i]));
  const double scale = fmax(fabs(reference[0]), fabs(reference[n - 1]));
  residuals(n, k, vectors, &off, &turned);
  tap_ok(!s && far < 1e-12 * scale && off < 1e-12 * scale && turned < 1e-12,
         "%s, n = %lld, k = %lld: errors %.0e %.0e %.0e", kind_name[kind], (long long)n,
         (long long)k, far / scale, off / scale, turned);
  for (int64_t i = 0; i < k && kind == NOISE; i++)
    for (int64_t j = 0; j < n; j++) wrong = fmax(wrong, fabs(vectors[i * n + j] - got[i * n + j]));
  tap_ok(wrong < 1e-10, "vectors as LAPACK's, sign too (%.0e)", wrong);
  s = sb_dist_fill(&m, tile, &a);
  if (!s) s = sb_dist_eigen(&m, k, reference, NULL);
  for (int64_t i = 0; i < k; i++) far = fmax(far, fabs(values[i] - reference[i]));
  tap_ok(!s && far < 1e-12 * scale, "values alone (%.0e)", far / scale);
  sb_dist_close(&m);
  sb_process_grid_close(g);
  tap_ok(all(c, sb_mem_now() == before), "nothing left behind");
}

/* Entries whose squares are no doubles. */
static void test_scale(const sb_comm *c, double scale) {
  sb_process_grid *g = NULL;
  sb_dist m = {0}, v = {0};
  double more[3], worst = 0;
  set_symmetric(70, GAUSS);
  sb_status s = sb_process_grid_open(c, 70, &g);
  if (!s) s = spread(g, &a, &m);
  if (!s) s = sb_dist_open(g, 3, 70, "vectors", &v);
  if (!s) s = sb_dist_eigen(&m, 3, values, &v);
  for (int i = 0; i < 70 * 70; i++) a.x[i] *= scale;
  if (!s) s = sb_dist_fill(&m, tile, &a);
  if (!s) s = sb_dist_eigen(&m, 3, more, &v);
  for (int i = 0; i < 3 && !s; i++) worst = fmax(worst, fabs(more[i] / scale / values[i] - 1));
  tap_ok(!s && worst < 1e-12, "entries of %g (%.0e)", scale, worst);
  sb_dist_close(&v);
  sb_dist_close(&m);
  sb_process_grid_close(g);
}

static sb_status failing_tile(void *self, int64_t row, int64_t col, int rows, int cols, double *out,
                              int64_t stride) {
  (void)self, (void)rows, (void)cols;
  if (row == 64 && col == 0) return sb_fail(SB_BAD, "tile of row %lld", (long long)row);
  out[0] = (double)stride;
  return SB_OK;
}

static void refused(sb_status s, sb_status expected, const char *part) {
  tap_ok(s == expected && strstr(sb_message(), part), "refused: %s", sb_message());
  sb_forget();
}

static void test_refusals(const sb_comm *c) {
  sb_process_grid *g = NULL;
  sb_dist m = {0}, v = {0}, huge = {0};
  set_noise(&a, 130, 130, 1);
  sb_status s = sb_process_grid_open(c, 130, &g);
  if (!s) s = spread(g, &a, &m);
  if (!s) s = sb_dist_open(g, 5, 130, "vectors", &v);
  tap_ok(!s, "matrices");
  const int64_t before = sb_mem_now();
  refused(sb_dist_open(g, 0, 3, "empty", &huge), SB_USE, "0 x 3");
  refused(sb_dist_open(g, INT32_MAX, INT32_MAX, "huge", &huge), SB_USE, "use more ranks");
  refused(sb_dist_fill(&m, failing_tile, NULL), SB_BAD, "tile of row 64");
  refused(sb_dist_multiply(1, 0, &m, 0, &v, 0, &m), SB_USE, "product of matrices");
  refused(sb_dist_gram(1, 0, &v, &m), SB_USE, "5 x 130 into 130 x 130");
  refused(sb_dist_eigen(&v, 5, values, NULL), SB_USE, "5 x 130");
  refused(sb_dist_eigen(&m, 131, values, NULL), SB_USE, "131 eigenvalues");
  refused(sb_dist_eigen(&m, 4, values, &v), SB_USE, "into 5 x 130");
  a.x[129 * 130 + 3] = NAN;
  tap_ok(!sb_dist_fill(&m, tile, &a), "filled again");
  refused(sb_dist_eigen(&m, 5, values, &v), SB_BAD, "entry (129, 3)");
  a.x[129 * 130 + 3] = 0;
  tap_ok(!sb_dist_fill(&m, tile, &a), "filled again");
  for (int k = 0; k < 6; k++) { /* memory runs out on one rank, at one place after the other */
    if (c->rank == 0) sb_mem_fail_after(k);
    s = sb_dist_eigen(&m, 130, values, NULL);
    sb_mem_fail_after(-1);
    tap_ok(k > 2 || s == SB_SYS, "allocation %d fails: %s", k, sb_message());
    sb_forget();
    if (c->rank == 0) sb_mem_fail_after(k);
    s = sb_dist_rows(&m, got);
    sb_mem_fail_after(-1);
    tap_ok(k > 2 || s == SB_SYS, "allocation %d of a move fails: %s", k, sb_message());
    sb_forget();
  }
  tap_ok(all(c, sb_mem_now() == before), "nothing left behind");
  sb_dist_close(&v);
  sb_dist_close(&m);
  sb_process_grid_close(g);
}

static void test_all(const sb_comm *c) {
  test_moves(c, 1, 1);
  test_moves(c, 20, 300);
  test_moves(c, 129, 64);
  test_moves(c, 330, 65);
  test_products(c, 3, 5, 2);
  test_products(c, 150, 70, 200);
  test_scale(c, 1e-250);
  test_scale(c, 1e250);
  test_scale(c, 1e-290);
  for (int kind = 0; kind < KINDS; kind++) {
    test_eigen(c, 1, 1, kind);
    test_eigen(c, 2, 2, kind);
    test_eigen(c, 9, 2, kind);
    test_eigen(c, 40, 40, kind);
    test_eigen(c, 130, 130, kind);
    test_eigen(c, 200, 7, kind);
    test_eigen(c, 330, 100, kind);
  }
}

int main(int argc, char **argv) {
  sb_comm *world, *team = NULL;
  sb_blas_settle(argv);
  if (sb_comm_start(&argc, &argv, &world)) return SB_SYS;
  tap_rank = world->rank;
  const sb_comm *c = world;
  if (argc > 1) { /* one rank, and three: two grids at a time, tests of different lengths */
    int index;
    if (sb_team_open(world, 2, &index, &team)) return SB_SYS;
    c = team;
  }
  test_all(c);
  test_refusals(c);
  sb_team_close(team);
  sb_comm_finish(world);
  return tap_done();
}
