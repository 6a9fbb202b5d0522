/* From how many rows on are several ranks quicker than LAPACK on one of them? All eigenvectors of a
 * kernel matrix, the least of three times: `mpirun -n 2 build/bench/b_dist [N...]`. Prints a line
 * for each N; SB_DIST_FROM comes from these. */
#include <math.h>

#include "bench.h"
#include "sb/clock.h"
#include "sb/dense.h"
#include "sb/dist.h"

static double entry(int64_t i, int64_t j) {
  const double far = (double)(i - j) / 30;
  return 1 / (1 + far * far);
}

static sb_status tile(void *self, int64_t row, int64_t col, int rows, int cols, double *out,
                      int64_t stride) {
  (void)self;
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < cols; j++) out[i * stride + j] = entry(row + i, col + j);
  return SB_OK;
}

static double lapack(const sb_comm *c, int n) {
  double *a = NULL, *w = NULL, *v = NULL;
  must(SB_NEW(&a, (int64_t)n * n, "matrix"));
  must(SB_NEW(&w, n, "values"));
  must(SB_NEW(&v, (int64_t)n * n, "vectors"));
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++) a[i * n + j] = entry(i, j);
  must(sb_wait(c));
  const double began = sb_clock();
  must(sb_eigen(c, n, a, w, v));
  const double seconds = sb_clock() - began;
  sb_mem_free(v), sb_mem_free(w), sb_mem_free(a);
  return seconds;
}

static double scalapack(const sb_comm *c, int n) {
  sb_process_grid *g = NULL;
  sb_dist a = {0}, v = {0};
  double *w = NULL;
  must(SB_NEW(&w, n, "values"));
  must(sb_process_grid_open(c, n, &g));
  must(sb_dist_open(g, n, n, "matrix", &a));
  must(sb_dist_open(g, n, n, "vectors", &v));
  must(sb_dist_fill(&a, tile, NULL));
  must(sb_wait(c));
  const double began = sb_clock();
  must(sb_dist_eigen(&a, n, w, &v));
  must(sb_wait(c));
  const double seconds = sb_clock() - began;
  sb_dist_close(&v), sb_dist_close(&a), sb_process_grid_close(g), sb_mem_free(w);
  return seconds;
}

int main(int argc, char **argv) {
  static const char *const usual[] = {"128", "256", "512", "1024", "2048"};
  sb_comm *c;
  sb_blas_settle(argv);
  if (sb_comm_start(&argc, &argv, &c)) return 3;
  const int count = argc > 1 ? argc - 1 : 5;
  for (int k = 0; k < count; k++) {
    const int n = atoi(argc > 1 ? argv[k + 1] : usual[k]);
    double one = HUGE_VAL, many = HUGE_VAL;
    for (int r = 0; r < 3; r++) one = fmin(one, lapack(c, n)), many = fmin(many, scalapack(c, n));
    if (c->rank == 0)
      printf("n %5d: LAPACK on one rank %.3f s, ScaLAPACK on %d %.3f s, ratio %.2f\n", n, one,
             c->size, many, one / many);
  }
  sb_comm_finish(c);
  return 0;
}
