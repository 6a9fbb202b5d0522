/* Kernel densities on a grid, for pictures. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "sb/mathfn.h"
#include "sb/mem.h"

#define TRIED 16 /* bandwidths           */
#define REACH 4  /* standard deviations of a kernel that are added up */

typedef struct work {
  int d, cells;
  double n;                     /* points in the box       */
  double *counts, *f, *between; /* [cells] * d each */
} work;

static int64_t size_of(const work *w) {
  return w->d == 1 ? w->cells : (int64_t)w->cells * w->cells;
}

/* One pass along rows of the grid: out(row, i) = sum of k(j) in(row, i + j), its result turned, so
 * that the next pass goes along the other side. */
static void pass(const work *w, int rows, int reach, const double *k, const double *in,
                 double *out) {
  const int n = w->cells;
  for (int row = 0; row < rows; row++)
    for (int i = 0; i < n; i++) {
      const int from = i < reach ? -i : -reach, to = i + reach >= n ? n - 1 - i : reach;
      double sum = 0;
      for (int j = from; j <= to; j++) sum += k[j < 0 ? -j : j] * in[(int64_t)row * n + i + j];
      out[(int64_t)i * rows + row] = sum;
    }
}

/* The counts under a Gaussian kernel of standard deviation h cells, whose weights add up to one;
 * returns the weight of a point at itself. */
static double smooth(work *w, double h) {
  double k[DENSITY_MOST], sum = 0;
  const int reach = REACH * h < w->cells - 1 ? (int)ceil(REACH * h) : w->cells - 1;
  for (int j = 0; j <= reach; j++) {
    k[j] = sb_exp(-0.5 * j * j / (h * h));
    sum += j ? 2 * k[j] : k[j];
  }
  for (int j = 0; j <= reach; j++) k[j] /= sum;
  if (w->d == 1) {
    pass(w, 1, reach, k, w->counts, w->f);
    return k[0];
  }
  pass(w, w->cells, reach, k, w->counts, w->between);
  pass(w, w->cells, reach, k, w->between, w->f);
  return k[0] * k[0];
}

/* Least-squares cross-validation: the integral of f^2 less twice the mean of f at the points, f
 * there without the point itself. */
static double score_of(work *w, double h) {
  const double own = smooth(w, h);
  double squares = 0, at_points = 0;
  for (int64_t i = 0; i < size_of(w); i++) {
    squares += w->f[i] * w->f[i];
    at_points += w->counts[i] * w->f[i];
  }
  return squares / (w->n * w->n) - 2 * (at_points - own * w->n) / (w->n * (w->n - 1));
}

/* Standard deviation in cells, mean over the coordinates. */
static double spread_of(const work *w) {
  double variance = 0;
  for (int a = 0; a < w->d; a++) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < size_of(w); i++) {
      const double at = (double)(a ? i / w->cells : i % w->cells);
      sum += w->counts[i] * at, squares += w->counts[i] * at * at;
    }
    variance += (squares - sum * sum / w->n) / w->n / w->d;
  }
  return sqrt(variance);
}

/* The largest bandwidth that is about as good as the best. Fractions of what would be best for a
 * normal law are tried. */
static double bandwidth(work *w) {
  double tried[TRIED], score[TRIED], best = INFINITY, normal = spread_of(w);
  const double root = w->d == 1 ? 0.2 : 1.0 / 6;
  normal *= sb_exp(-root * sb_log(w->n));
  for (int i = 0; i < TRIED; i++) {
    tried[i] = fmax(0.8, normal * 0.12 * sb_exp(i * sb_log(1.1 / 0.12) / (TRIED - 1)));
    score[i] = score_of(w, tried[i]);
    best = fmin(best, score[i]);
  }
  int chosen = TRIED - 1;
  while (score[chosen] > best + 0.015 * fabs(best)) chosen--;
  return tried[chosen];
}

static void count(work *w, int64_t n, const double *x, int step, const double *low,
                  const double *high) {
  for (int64_t i = 0; i < n; i++) {
    int64_t at = 0;
    int in = 1;
    for (int a = w->d; a-- > 0;) {
      const double part = (x[i * step + a] - low[a]) / (high[a] - low[a]) * w->cells;
      in &= part >= 0 && part < w->cells;
      at = at * w->cells + (in ? (int64_t)part : 0);
    }
    if (in) w->counts[at]++, w->n++;
  }
}

sb_status density_of(int64_t n, const double *x, int step, int d, const double *low,
                     const double *high, int cells, double *f) {
  work w = {.d = d, .cells = cells};
  double volume = 1;
  sb_status s = SB_NEW(&w.counts, size_of(&w), "counts of points");
  if (!s) s = SB_NEW(&w.f, size_of(&w), "density");
  if (!s) s = SB_NEW(&w.between, size_of(&w), "density");
  if (!s) {
    for (int a = 0; a < d; a++) volume *= (high[a] - low[a]) / w.cells;
    count(&w, n, x, step, low, high);
    if (w.n > 1) smooth(&w, bandwidth(&w));
    for (int64_t i = 0; i < size_of(&w); i++) f[i] = w.f[i] / ((double)n * volume);
  }
  sb_mem_free(w.between);
  sb_mem_free(w.f);
  sb_mem_free(w.counts);
  return s;
}

/* --- Order
 * ---------------------------------------------------------------------------------------- */

static int descending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x < y) - (x > y);
}

static sb_status sorted(int64_t n, const double *x, int step, double **out) {
  SB_TRY(SB_NEW(out, n, "numbers in order"));
  for (int64_t i = 0; i < n; i++) (*out)[i] = x[i * step];
  qsort(*out, (size_t)n, sizeof **out, descending);
  return SB_OK;
}

sb_status density_levels(int64_t n, const double *f, int m, const double *mass, double *level) {
  double *order, total = 0, sum = 0;
  int64_t i = 0;
  SB_TRY(sorted(n, f, 1, &order));
  for (int64_t k = 0; k < n; k++) total += order[k];
  for (int k = 0; k < m; k++) {
    while (i < n - 1 && sum + order[i] < mass[k] * total) sum += order[i++];
    level[k] = order[i];
  }
  sb_mem_free(order);
  return SB_OK;
}

sb_status density_quantile(int64_t n, const double *x, int step, double a, double *out) {
  double *order;
  SB_TRY(sorted(n, x, step, &order));
  *out = order[(int64_t)((1 - a) * (double)(n - 1) + 0.5)];
  sb_mem_free(order);
  return SB_OK;
}
