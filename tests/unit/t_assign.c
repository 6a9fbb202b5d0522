/* Exact assignment: against all permutations, sorting, a plain Hungarian algorithm, closed forms.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clouds.h"
#include "sb/metric.h"
#include "tap.h"

#define MOST 400

static double square(sb_points a, int64_t i, sb_points b, int64_t j) {
  double sum = 0;
  for (int k = 0; k < a.d; k++) {
    const double z = a.x[i * a.d + k] - b.x[j * b.d + k];
    sum += z * z;
  }
  return sum;
}

/* Least sum over the columns not in `used` for the rows from i on. */
static double all_permutations(sb_points a, sb_points b, int64_t i, unsigned used) {
  if (i == a.n) return 0;
  double least = HUGE_VAL;
  for (int64_t j = 0; j < b.n; j++)
    if (!(used >> j & 1))
      least = fmin(least, square(a, i, b, j) + all_permutations(a, b, i + 1, used | 1u << j));
  return least;
}

/* Hungarian algorithm, O(n^3), row by row; u and v with an entry 0 for "no row". */
static double hungarian(sb_points a, sb_points b) {
  static double u[MOST + 1], v[MOST + 1], least[MOST + 1];
  static int row[MOST + 1], way[MOST + 1];
  static bool used[MOST + 1];
  const int n = (int)a.n;
  memset(u, 0, sizeof u), memset(v, 0, sizeof v), memset(row, 0, sizeof row);
  for (int i = 1; i <= n; i++) {
    int j0 = 0;
    row[0] = i;
    for (int j = 0; j <= n; j++) least[j] = HUGE_VAL, used[j] = false;
    do {
      int i0 = row[j0], j1 = 0;
      double delta = HUGE_VAL;
      used[j0] = true;
      for (int j = 1; j <= n; j++) {
        if (used[j]) continue;
        const double cost = square(a, i0 - 1, b, j - 1) - u[i0] - v[j];
        if (cost < least[j]) least[j] = cost, way[j] = j0;
        if (least[j] < delta) delta = least[j], j1 = j;
      }
      for (int j = 0; j <= n; j++)
        if (used[j])
          u[row[j]] += delta, v[j] -= delta;
        else
          least[j] -= delta;
      j0 = j1;
    } while (row[j0]);
    for (; j0; j0 = way[j0]) row[j0] = row[way[j0]];
  }
  double sum = 0;
  for (int j = 1; j <= n; j++) sum += square(a, row[j] - 1, b, j - 1);
  return sqrt(sum / n);
}

static void round_off(sb_points p) {
  for (int64_t i = 0; i < p.n * p.d; i++) cloud_x(p)[i] = floor(p.x[i]);
}

static void small(void) {
  double worst = 0, value;
  int64_t cases = 0;
  for (int n = 1; n <= 7; n++)
    for (uint64_t seed = 0; seed < 40; seed++) {
      sb_points a = cloud(seed, n, 1 + (int)seed % 3, 0, 1),
                b = cloud(seed + 1000, n, a.d, (double)(seed % 5), 2);
      if (seed % 2) round_off(a), round_off(b); /* ties */
      sb_status s = sb_w2_exact(a, b, &value);
      const double want = sqrt(all_permutations(a, b, 0, 0) / n);
      worst = fmax(worst, s ? HUGE_VAL : fabs(value - want));
      cases++;
      cloud_free(a), cloud_free(b);
    }
  tap_close(worst, 0, 1e-12, "all permutations of 1 to 7 points, %d cases", (int)cases);
  const double x[] = {0, 0, 1, 0, 0, 2}, y[] = {.5, 0, 0, 1, 2, 2};
  sb_w2_exact((sb_points){3, 2, x}, (sb_points){3, 2, y}, &value);
  tap_close(value, 1.3228756555322954, 1e-15, "three points by hand");
}

static void hard(void) {
  const char *const what[] = {
      "alike", "wide", "far", "nested", "on a grid", "in nine dimensions", "one against many"};
  for (int k = 0; k < 7; k++) {
    const int d = k == 5 ? 9 : 2;
    const double spread[] = {1, 3, 1, .1, 2, 1, 0};
    sb_points a = cloud(7, MOST - 3, d, 0, spread[k]),
              b = cloud(8, MOST - 3, d, k == 2 ? 50 : 0, 1);
    if (k == 4) round_off(a), round_off(b);
    double value = NAN;
    sb_w2_exact(a, b, &value);
    tap_close(value / hungarian(a, b), 1, 1e-12,
              "the Hungarian algorithm agrees on clouds that are %s", what[k]);
    cloud_free(a), cloud_free(b);
  }
}

static int by_value(const void *a, const void *b) {
  const double *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

static void line(void) {
  sb_points a = cloud(1, 700, 1, 0, 1), b = cloud(2, 700, 1, 1, 3);
  double value = NAN, sum = 0;
  sb_w2_exact(a, b, &value);
  qsort(cloud_x(a), 700, sizeof(double), by_value);
  qsort(cloud_x(b), 700, sizeof(double), by_value);
  for (int64_t i = 0; i < 700; i++) sum += (a.x[i] - b.x[i]) * (a.x[i] - b.x[i]);
  tap_close(value, sqrt(sum / 700), 1e-12, "on a line sorting is best");
  sb_w2_exact(a, a, &value);
  tap_close(value, 0, 0, "a cloud and itself");
  cloud_free(a), cloud_free(b);
}

/* A cloud and its copy, shifted, in another order; dimension d stored or not must give the same
 * plan. */
static void copies(void) {
  sb_points a = cloud(3, 1000, 3, 0, 1), b = cloud(3, 1000, 3, 0, 1), c = cloud(4, 500, 2, 0, 1),
            e = cloud(5, 500, 2, 0, 2), c9 = cloud(4, 500, 9, 0, 0), e9 = cloud(5, 500, 9, 0, 0);
  double value = NAN, again = NAN;
  for (int64_t i = 0; i < 1000; i++)
    for (int k = 0; k < 3; k++)
      cloud_x(b)[i * 3 + k] = a.x[sb_noise_permute(9, 1000, 0, i) * 3 + k] + (k == 0 ? 4 : 3);
  sb_w2_exact(a, b, &value);
  tap_close(value, sqrt(16 + 9 + 9), 1e-12, "a shifted copy is as far as the shift");
  for (int64_t i = 0; i < 500; i++)
    for (int k = 0; k < 2; k++)
      cloud_x(c9)[i * 9 + 4 * k] = c.x[2 * i + k], cloud_x(e9)[i * 9 + 4 * k] = e.x[2 * i + k];
  sb_w2_exact(c, e, &value);
  sb_w2_exact(c9, e9, &again);
  tap_close(value, again, 0, "costs stored or not: the same bits");
  cloud_free(a), cloud_free(b), cloud_free(c), cloud_free(e), cloud_free(c9), cloud_free(e9);
}

static void large(void) {
  for (int wide = 0; wide < 2; wide++) {
    sb_points a = cloud(5, 2000, 2, 0, wide ? 3 : 1), b = cloud(6, 2000, 2, 0, 1);
    double value = NAN;
    const clock_t start = clock();
    sb_w2_exact(a, b, &value);
    const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    tap_ok(seconds < 10, "2000 points, %s", wide ? "wide" : "alike");
    printf("# W2 %.15g in %.3f s\n", value, seconds);
    cloud_free(a), cloud_free(b);
  }
}

static void failures(void) {
  sb_points a = cloud(1, 20, 9, 0, 1), b = cloud(2, 20, 9, 0, 1), fewer = {19, 9, b.x};
  const int64_t before = sb_mem_now();
  double value;
  tap_ok(sb_w2_exact(a, fewer, &value) == SB_USE, "as many on both sides: %s", sb_message());
  sb_forget();
  cloud_x(b)[9 * 3 + 5] = NAN;
  tap_ok(sb_w2_exact(a, b, &value) == SB_BAD && strstr(sb_message(), "row 3, column 5"), "%s",
         sb_message());
  sb_forget();
  cloud_x(b)[9 * 3 + 5] = 0;
  long k = 0;
  bool good = true;
  for (;; k++) {
    sb_mem_fail_after(k);
    const sb_status s = sb_w2_exact(a, b, &value);
    sb_mem_fail_after(-1);
    good &= sb_mem_now() == before && (s == SB_OK || s == SB_SYS);
    sb_forget();
    if (!s || !good) break;
  }
  tap_ok(good && k == 13, "each of %ld allocations may fail, nothing is left behind", k);
  cloud_free(a), cloud_free(b);
}

int main(void) {
  small(), hard(), line(), copies(), large(), failures();
  return tap_done();
}
