/* Speed of the vector kernels of each variant: products in percent of this core's own multiply-add
 * loop, all others in nanoseconds per element. Best of many short runs. Arguments: names of
 * variants; all that this processor runs if none. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peak.h"
#include "sb/clock.h"
#include "sb/kernel.h"
#include "sb/mem.h"

enum { N = 4096, WIDTH = 512 };

static const sb_kernels *k;
static float *a, *b, *c, *e;
static int64_t *sums;
static double *x, *y;

/* Seconds of one call of what `expr` does: best of many, each long enough for the clock. */
#define BEST(result, tries, repeat, expr)             \
  do {                                                \
    result = 1e30;                                    \
    for (int try_ = 0; try_ < (tries); try_++) {      \
      double t_ = sb_clock();                         \
      for (int r_ = 0; r_ < (repeat); r_++) { expr; } \
      t_ = (sb_clock() - t_) / (repeat);              \
      if (t_ < result) result = t_;                   \
    }                                                 \
  } while (0)

static void row(const char *name, double elements, double seconds) {
  printf("%-28s %8.3f ns/element %10.2f us\n", name, 1e9 * seconds / elements, 1e6 * seconds);
}
#define PER_ELEMENT(name, elements, expr) \
  do {                                    \
    double best_;                         \
    BEST(best_, 60, 4, expr);             \
    row(name, (double)(elements), best_); \
  } while (0)

static int rising(const void *one, const void *two) {
  double p = *(const double *)one, q = *(const double *)two;
  return (p > q) - (p < q);
}

/* Percent of the multiply-add loop, run before and after: the median of many, because the clock of
 * the core changes. */
static double share(int rows, int cols, int depth, ptrdiff_t a_row, ptrdiff_t a_col) {
  enum { TRIES = 21 };
  double shares[TRIES], work = 2.0 * rows * cols * depth;
  int repeat = 1 + (int)(8e6 / work);
  for (int i = 0; i < TRIES; i++) {
    double before, after, flops = peak_once(k->name, &before), t = sb_clock();
    for (int r = 0; r < repeat; r++)
      k->gemm(rows, cols, depth, a, a_row, a_col, b, cols, c, cols, 0);
    t = sb_clock() - t;
    peak_once(k->name, &after);
    shares[i] = 100 * work * repeat / t / (2 * flops / (before + after));
  }
  qsort(shares, TRIES, sizeof *shares, rising);
  return shares[TRIES / 2];
}

static void products(void) {
  static const int widths[] = {16, 48, 64, 128, 256, 512}, depths[] = {2, 34, 64, 128, 256, 512};
  for (int i = 0; i < 40; i++) peak(k->name);
  printf("# %s: multiply-add loop %.1f GFLOP/s\n", k->name, 1e-9 * peak(k->name));
  printf("%% of it, 64 x width x depth, forward | weight gradient (depth x width x 64)\nwidth ");
  for (int i = 0; i < 6; i++) printf("  d=%-9d", depths[i]);
  for (int w = 0; w < 6; w++) {
    printf("\n%5d ", widths[w]);
    for (int d = 0; d < 6; d++) {
      int cols = widths[w], depth = depths[d], lda = SB_PAD(depth);
      printf("  %4.0f |%4.0f ", share(64, cols, depth, lda, 1), share(depth, cols, 64, 1, lda));
    }
    fflush(stdout);
  }
  printf("\n");
}

static void others(void) {
  const sb_adam_step s = {.9f, .999f, 1e-3f, 1, 1e-8f, 0, 0, 1, .999f};
  char name[64];
  for (int f = 0; f < SB_ACT_COUNT; f++) {
    snprintf(name, sizeof name, "%s 64x128", sb_act_name[f]);
    PER_ELEMENT(name, 64 * 128, k->activate((sb_act)f, 64, 128, e, a, NULL));
    snprintf(name, sizeof name, "%s + slope", sb_act_name[f]);
    PER_ELEMENT(name, 64 * 128, k->activate((sb_act)f, 64, 128, e, a, c));
  }
  PER_ELEMENT("add_bias 64x128", 64 * 128, k->add_bias(64, 128, e, a));
  PER_ELEMENT("column_sum 64x128", 64 * 128, k->column_sum(64, 128, NULL, a, c));
  PER_ELEMENT("column_sum 64x128 of products", 64 * 128, k->column_sum(64, 128, e, a, c));
  PER_ELEMENT("exp", N, k->exp(N, a, c));
  PER_ELEMENT("exp64", N, k->exp64(N, x, y));
  PER_ELEMENT("sincos", N, k->sincos(N, a, c, e));
  static const int shapes[][3] = {{64, 1, 1},  {64, 1, 2},  {64, 1, 3},   {64, 1, 4},
                                  {64, 1, 10}, {64, 16, 2}, {4096, 1, 2}, {4096, 1, 4}};
  for (int i = 0; i < 8; i++) {
    int count = shapes[i][0], draws = shapes[i][1], d = shapes[i][2];
    snprintf(name, sizeof name, "normals %d, draws %d, d %d", count, draws, d);
    PER_ELEMENT(name, count * draws * d, k->normals(7, 0, count, 0, 1, 0, draws, d, a));
  }
  PER_ELEMENT("quantise 37762", 37762, k->quantise(37762, e, sums));
  PER_ELEMENT("restore 37762", 37762, k->restore(37762, sums, c));
  PER_ELEMENT("adam 37762", 37762, k->adam(&s, 37762, e, a, b, c, NULL));
  PER_ELEMENT("adam + average 37762", 37762, k->adam(&s, 37762, e, a, b, c, e + 40000));
  static const int dims[] = {1, 2, 3, 10, 40};
  for (int i = 0; i < 5; i++) {
    snprintf(name, sizeof name, "distance_sum 64x1024, d %d", dims[i]);
    PER_ELEMENT(name, 64 * 1024, k->distance_sum(64, 1024, dims[i], x, y, (double *)(void *)c));
    snprintf(name, sizeof name, "gauss_sum 64x1024, d %d", dims[i]);
    PER_ELEMENT(name, 64 * 1024, k->gauss_sum(64, 1024, dims[i], 1, x, y, (double *)(void *)c));
  }
}

static void fill(void) {
  for (int i = 0; i < WIDTH * WIDTH; i++) {
    a[i] = (float)(i % 1009) / 1009 - .5f;
    b[i] = (float)(i % 1013) / 1013 - .5f;
    e[i] = (float)(i % 1019) / 1019 - .5f;
    x[i] = a[i], y[i] = b[i];
  }
  for (int i = 0; i < WIDTH * WIDTH; i++) b[i] = b[i] < 0 ? -b[i] : b[i]; /* second moments */
}

int main(int argc, char **argv) {
  if (SB_NEW(&a, WIDTH * WIDTH, "a") || SB_NEW(&b, WIDTH * WIDTH, "b") ||
      SB_NEW(&c, WIDTH * WIDTH, "c") || SB_NEW(&e, WIDTH * WIDTH, "e") ||
      SB_NEW(&x, WIDTH * WIDTH, "x") || SB_NEW(&y, WIDTH * WIDTH, "y") ||
      SB_NEW(&sums, WIDTH * WIDTH, "sums")) {
    fprintf(stderr, "%s\n", sb_message());
    return 3;
  }
  for (int level = 0; (k = sb_isa_kernels(level)) != NULL; level++) {
    int wanted = argc < 2;
    for (int i = 1; i < argc; i++) wanted |= strcmp(argv[i], k->name) == 0;
    if (!wanted) continue;
    fill();
    products();
    fill();
    others();
  }
  return 0;
}
