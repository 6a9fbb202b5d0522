/* Each vector kernel against a plain reference, for every instruction set that this processor runs;
 * the same bits wherever an element stands; exact integer sums; the speed of the product. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "peak.h"
#include "sb/clock.h"
#include "sb/kernel.h"
#include "sb/mathfn.h"
#include "tap.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
enum { BIG = 1 << 18 };
#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined __SANITIZE_ADDRESS__ || __has_feature(address_sanitizer)
enum { SLOWED = 1 };
#else
enum { SLOWED = 0 };
#endif

static const sb_kernels *k;
static uint64_t state = 1;
static float a[BIG] __attribute__((aligned(64))), b[BIG] __attribute__((aligned(64)));
static float c[BIG] __attribute__((aligned(64))), e[BIG] __attribute__((aligned(64)));

static uint32_t word(void) {
  return (uint32_t)((state = state * 6364136223846793005u + 1442695040888963407u) >> 33);
}
static int below(int n) { return (int)(word() % (uint32_t)n); }
static double between(double low, double high) { return low + (high - low) * word() / 0x1p31; }

static void fill(float *x, int64_t n, double low, double high) {
  for (int64_t i = 0; i < n; i++) x[i] = (float)between(low, high);
}

static bool same(const void *x, const void *y, int64_t floats) {
  return memcmp(x, y, (size_t)floats * 4) == 0;
}

/* One chain in order of the sum, fused where the variant is. */
static float chain(int depth, const float *x, ptrdiff_t dx, const float *y, ptrdiff_t dy,
                   float sum) {
  for (int i = 0; i < depth; i++)
    sum = k == sb_isa_kernels(0) ? sum + x[i * dx] * y[i * dy] : fmaf(x[i * dx], y[i * dy], sum);
  return sum;
}

/* Elements whose bits are not those of the chain, and bytes written beside C. */
static int wrong_product(int rows, int cols, int depth, bool turned, int add) {
  ptrdiff_t lda = turned ? SB_PAD(rows) + below(3) : depth + below(9),
            ldb = cols + SB_LANES * below(3);
  ptrdiff_t ldc = cols + SB_LANES * below(3), a_row = turned ? 1 : lda, a_col = turned ? lda : 1;
  fill(a, lda * (turned ? depth : rows), -1, 1), fill(b, ldb * depth, -1, 1),
      fill(c, ldc * (rows + 1), -1, 1);
  memcpy(e, c, sizeof(float) * (size_t)(ldc * (rows + 1)));
  k->gemm(rows, cols, depth, a, a_row, a_col, b, ldb, c, ldc, add);
  int wrong = 0;
  for (int i = 0; i <= rows; i++)
    for (ptrdiff_t j = 0; j < ldc; j++) {
      float *want = e + i * ldc + j;
      if (i < rows && j < cols)
        *want = chain(depth, a + i * a_row, a_col, b + j, ldb, add ? *want : 0);
      wrong += !same(want, c + i * ldc + j, 1);
    }
  return wrong;
}

static void test_gemm(void) {
  int wrong = 0;
  for (int i = 0; i < 400; i++)
    wrong += wrong_product(1 + below(70), SB_LANES * (1 + below(10)), below(71), i & 1, i >> 1 & 1);
  tap_ok(wrong == 0, "%s: 400 random products have the bits of one chain in order", k->name);
  wrong = wrong_product(64, 512, 128, false, 0) + wrong_product(128, 256, 64, true, 1) +
          wrong_product(0, 16, 5, false, 1) + wrong_product(3, 16, 0, false, 0);
  tap_ok(wrong == 0, "%s: wide, deep and empty products too", k->name);
}

/* Sixteen partial sums and their tree, by one number after the other. */
static float dot_of(int depth, const float *x, const float *y) {
  float part[16] = {0};
  for (int i = 0; i < depth; i++) part[i % 16] = chain(1, x + i, 1, y + i, 1, part[i % 16]);
  for (int apart = 8; apart > 0; apart /= 2)
    for (int i = 0; i < apart; i++) part[i] += part[i + apart];
  return part[0];
}

static void test_dot(void) {
  int wrong = 0;
  for (int i = 0; i < 100; i++) {
    const int m = below(70), n = 1 + below(8), depth = SB_LANES * below(10), lda = depth + below(3);
    fill(a, 70 * lda + 1, -1, 1), fill(b, n * depth + 1, -1, 1), fill(c, m * n + 1, -1, 1);
    const float behind = c[m * n];
    k->dot(m, n, depth, a, lda, b, depth, c, n);
    for (int r = 0; r < m; r++)
      for (int j = 0; j < n; j++) {
        const float want = dot_of(depth, a + r * lda, b + j * depth);
        wrong += !same(&want, c + r * n + j, 1);
      }
    wrong += !same(&behind, c + m * n, 1);
  }
  tap_ok(wrong == 0, "%s: 100 scalar products of rows have the bits of sixteen chains", k->name);
}

static int rising(const void *one, const void *two) {
  double p = *(const double *)one, q = *(const double *)two;
  return (p > q) - (p < q);
}

/* Percent of the multiply-add loop: each time beside it, because the clock of a core changes; the
 * median, because others use the core. */
static double product_share(void) {
  enum { TRIES = 21, REPEAT = 8 };
  double shares[TRIES];
  for (int i = 0; i < TRIES; i++) {
    double before, after, most = peak_once(k->name, &before), t = sb_clock();
    for (int r = 0; r < REPEAT; r++) k->gemm(64, 128, 128, a, 128, 1, b, 128, c, 128, 0);
    t = sb_clock() - t;
    peak_once(k->name, &after);
    shares[i] = 100 * 2.0 * 64 * 128 * 128 * REPEAT / t / (2 * most / (before + after));
  }
  qsort(shares, TRIES, sizeof *shares, rising);
  return shares[TRIES / 2];
}

static void test_gemm_speed(void) {
  const char *loaded = getenv("LD_PRELOAD");
  if (SLOWED || (loaded && strstr(loaded, "vgpreload"))) {
    tap_skip("speed means nothing under sanitizers and valgrind");
    return;
  }
  fill(a, 64 * 128, -1, 1), fill(b, 128 * 128, -1, 1);
  double share = product_share();
  for (int i = 0; i < 9 && share < 50;
       i++) { /* a neighbour may have the core for some milliseconds */
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    share = fmax(share, product_share());
  }
  tap_ok(share >= 50, "%s: product of 64 x 128 x 128 at %.0f %% of the multiply-add loop (>= 50)",
         k->name, share);
}

/* Value and slope in double. */
static void activation(sb_act f, double z, double *y, double *slope) {
  const double scale = 1.0507009873554805, bottom = scale * 1.6732632423543772,
               s = 1 / (1 + exp(-z));
  switch (f) {
    case SB_ACT_SILU: *y = z * s, *slope = s + z * s * (1 - s); break;
    case SB_ACT_RELU: *y = z > 0 ? z : 0, *slope = z > 0; break;
    case SB_ACT_LEAKY_RELU: *y = z > 0 ? z : .01 * z, *slope = z > 0 ? 1 : .01; break;
    case SB_ACT_SELU:
      *y = z > 0 ? scale * z : bottom * expm1(z), *slope = z > 0 ? scale : bottom * exp(z);
      break;
    default: *y = tanh(z), *slope = 1 - *y * *y;
  }
}

static void test_activate(sb_act f) {
  enum { ROWS = 200, COLS = 48 };
  double worst = 0, worst_slope = 0;
  for (int round = 0; round < 8; round++) {
    double reach = pow(4, round - 5); /* up to 16: beyond, the activations hardly matter */
    fill(e, COLS, -reach, reach), fill(a, ROWS * COLS, -reach, reach);
    memcpy(b, a, sizeof(float) * ROWS * COLS);
    k->activate(f, ROWS, COLS, e, b, c);
    for (int i = 0; i < ROWS * COLS; i++) {
      double y, slope;
      activation(f, (double)(a[i] + e[i % COLS]), &y, &slope);
      worst = fmax(worst, fabs(b[i] - y) / fmax(fabs(y), 1e-30)),
      worst_slope = fmax(worst_slope, fabs(c[i] - slope));
    }
  }
  double bound = f == SB_ACT_SILU ? 2e-6 : 1e-6;
  tap_ok(worst < bound, "%s: %s, relative error %.1e < %.0e", k->name, sb_act_name[f], worst,
         bound);
  tap_ok(worst_slope < 3e-6, "%s: slope of %s, error %.1e < 3e-6", k->name, sb_act_name[f],
         worst_slope);

  int wrong = 0;
  memcpy(c + ROWS * COLS, b, sizeof(float) * ROWS * COLS);
  memcpy(b, a, sizeof(float) * ROWS * COLS);
  k->activate(f, ROWS, COLS, e, b, NULL);
  wrong += !same(b, c + ROWS * COLS, ROWS * COLS);
  for (int i = 0; i < 500; i++) {
    float bias[16] = {0}, z[16] = {0}, slope[16];
    int at = below(ROWS * COLS), lane = below(16);
    bias[lane] = e[at % COLS], z[lane] = a[at];
    k->activate(f, 1, 16, bias, z, slope);
    wrong += !same(z + lane, b + at, 1) || !same(slope + lane, c + at, 1);
  }
  tap_ok(wrong == 0, "%s: %s has the same bits elsewhere and without slope", k->name,
         sb_act_name[f]);
}

static void test_activate_ends(void) {
  float bias[16] = {0}, z[16] = {NAN, 1e4f, -1e4f, 1e30f, -1e30f, 0}, slope[16];
  for (int f = 0; f < SB_ACT_COUNT; f++) {
    float y[16];
    memcpy(y, z, sizeof y);
    k->activate((sb_act)f, 1, 16, bias, y, slope);
    bool good = isnan(y[0]);
    for (int i = 1; i < 6; i++) {
      double want, want_slope;
      activation((sb_act)f, z[i], &want, &want_slope);
      good &= isfinite(y[i]) && isfinite(slope[i]) &&
              fabs(y[i] - want) <= 3e-6 * fmax(fabs(want), 1) && fabs(slope[i] - want_slope) < 3e-6;
    }
    tap_ok(good, "%s: %s of huge arguments is finite and right, NaN stays", k->name,
           sb_act_name[f]);
  }
}

static void test_simple(void) {
  int wrong = 0;
  for (int i = 0; i < 50; i++) {
    int rows = below(70), cols = SB_LANES * (1 + below(10)), n = rows * cols;
    fill(a, n, -1, 1), fill(b, cols, -1, 1);
    memcpy(c, a, sizeof(float) * (size_t)n);
    k->add_bias(rows, cols, b, c);
    for (int j = 0; j < n; j++) wrong += c[j] != a[j] + b[j % cols];
    for (int sloped = 0; sloped < 2; sloped++) {
      memcpy(e, a, sizeof(float) * (size_t)n);
      k->column_sum(rows, cols, sloped ? c : NULL, e, b);
      for (int j = 0; j < n; j++) wrong += e[j] != (sloped ? a[j] * c[j] : a[j]);
      for (int j = 0; j < cols; j++) {
        float sum = 0;
        for (int r = 0; r < rows; r++) sum += e[r * cols + j];
        wrong += b[j] != sum;
      }
    }
  }
  tap_ok(wrong == 0, "%s: bias, column sums and products are exact", k->name);
}

/* A kernel of arrays gives the same bits for any part of the array, in place too, and writes
 * nothing behind it. */
static bool parts_agree(void (*f)(int64_t, const float *, float *)) {
  enum { N = 300 };
  float whole[N], part[N + 1];
  fill(a, N, -80, 80);
  f(N, a, whole);
  int wrong = 0;
  for (int i = 0; i < 200; i++) {
    int first = below(N), n = below(N - first + 1);
    memcpy(part, a + first, sizeof(float) * (size_t)n);
    part[n] = 7;
    f(n, part, part);
    wrong += !same(part, whole + first, n) || part[n] != 7;
  }
  return wrong == 0;
}

static void exp_of(int64_t n, const float *x, float *y) { k->exp(n, x, y); }

static void exp64_of(int64_t n, const float *x, float *y) { /* through floats, to share the test */
  double wide[301];
  for (int64_t i = 0; i < n; i++) wide[i] = x[i];
  wide[n] = 7;
  k->exp64(n, wide, wide);
  for (int64_t i = 0; i < n; i++) y[i] = (float)wide[i];
  if (wide[n] != 7) y[0] = 7;
}

static void sine_of(int64_t n, const float *x, float *y) {
  float other[301];
  other[n] = 7;
  if (x == y) { /* sincos wants arrays of its own */
    memcpy(b, x, sizeof(float) * (size_t)n);
    x = b;
  }
  k->sincos(n, x, y, other);
  if (other[n] != 7) y[0] = 7;
}

static void test_exp(void) {
  double worst = 0;
  for (int round = 0; round < 20; round++) {
    double reach = round < 10 ? 1 : 87.3;
    fill(a, 10000, -reach, reach);
    k->exp(10000, a, b);
    for (int i = 0; i < 10000; i++) worst = fmax(worst, fabs(b[i] / exp(a[i]) - 1));
  }
  tap_ok(worst <= 2e-7, "%s: exp, relative error %.1e <= 2e-7", k->name, worst);
  const float odd[] = {NAN, INFINITY, -INFINITY, 88.73f, -87.31f, 0, -0.0f, 88.7f, -87.3f};
  k->exp(COUNT(odd), odd, b);
  tap_ok(isnan(b[0]) && b[1] == INFINITY && b[2] == 0 && b[3] == INFINITY && b[4] == 0 &&
             b[5] == 1 && b[6] == 1 && fabs(b[7] / exp(88.7f) - 1) < 2e-7 &&
             fabs(b[8] / exp(-87.3f) - 1) < 2e-7,
         "%s: exp at its ends", k->name);
  tap_ok(parts_agree(exp_of), "%s: exp of parts has the same bits", k->name);
}

static void test_exp64(void) {
  static double x[10000], y[10000];
  long double worst = 0;
  for (int round = 0; round < 20; round++) {
    double reach = round < 10 ? 1 : 708;
    for (int i = 0; i < 10000; i++) x[i] = between(-reach, reach);
    k->exp64(10000, x, y);
    for (int i = 0; i < 10000; i++) worst = fmaxl(worst, fabsl(y[i] / expl(x[i]) - 1));
  }
  tap_ok(worst <= 4e-16L, "%s: exp64, relative error %.1Le <= 4e-16", k->name, worst);
  const double odd[] = {(double)NAN, HUGE_VAL, -HUGE_VAL, 709.79, -708.1, 0, 709.78};
  k->exp64(COUNT(odd), odd, y);
  tap_ok(isnan(y[0]) && y[1] == HUGE_VAL && y[2] == 0 && y[3] == HUGE_VAL && y[4] == 0 &&
             y[5] == 1 && fabsl(y[6] / expl(709.78) - 1) < 4e-16L,
         "%s: exp64 at its ends", k->name);
  tap_ok(parts_agree(exp64_of), "%s: exp64 of parts has the same bits", k->name);
}

static void test_log64(void) {
  static double x[1003], y[1004];
  int wrong = 0;
  for (int i = 0; i < 1003; i++) {
    const uint64_t bits = ((uint64_t)word() << 32 | word() << 1) & 0x7fffffffffffffffu;
    memcpy(&x[i], &bits, sizeof bits);
    if (i % 3) x[i] = 1 + ldexp((double)i - 500, -(int)(word() % 60)); /* near 1 */
    if (!(x[i] >= 0x1p-1022) || !isfinite(x[i])) x[i] = (double)(i + 1) / 1000;
  }
  for (int n = 0; n <= 1003; n += 1 + n / 5) {
    y[n] = 7;
    k->log64(n, x, y);
    for (int i = 0; i < n; i++) {
      const double want = sb_log(x[i]);
      wrong += memcmp(&y[i], &want, sizeof want) != 0;
    }
    wrong += y[n] != 7;
  }
  tap_ok(wrong == 0, "%s: logarithms of doubles have the bits of sb_log", k->name);
}

static void test_waves(void) {
  int wrong = 0;
  for (int n = 1; n <= 40; n += n < 5 ? 1 : 7) {
    const int rows = 1 + below(9), ld = 2 * n + below(3), padded = SB_PAD(n);
    float s, angle;
    fill(a, padded, -50, 50), fill(a + padded, padded, -50, 50), fill(b, 2 * rows, 0, 1);
    fill(c, rows * ld, 5, 6);
    k->waves(rows, n, a, a + padded, b, b + rows, c, ld);
    for (int i = 0; i < rows; i++)
      for (int j = 0; j < ld; j++) {
        const int q = j % n;
        angle = a[q] * b[i] + a[padded + q] * b[rows + i];
        k->sincos(1, &angle, &s, e);
        if (j < 2 * n)
          wrong += !same(j < n ? &s : e, c + i * ld + j, 1);
        else
          wrong += !(c[i * ld + j] >= 5);
      }
  }
  tap_ok(wrong == 0, "%s: rows of sines and cosines have the bits of sincos", k->name);
}

static void test_sincos(void) {
  double worst = 0;
  for (int round = 0; round < 24; round++) {
    double reach = pow(10, round % 6);
    fill(a, 10000, -reach, reach);
    k->sincos(10000, a, b, c);
    for (int i = 0; i < 10000; i++)
      worst = fmax(worst, fmax(fabs(b[i] - sin(a[i])), fabs(c[i] - cos(a[i]))));
  }
  tap_ok(worst <= 2e-7, "%s: sincos up to 1e5, error %.1e <= 2e-7", k->name, worst);
  tap_ok(parts_agree(sine_of), "%s: sincos of parts has the same bits", k->name);
}

static void test_quantise(void) {
  enum { N = 1003 };
  static float g[3][N], back[N];
  static int64_t forth[N + 1], reverse[N + 1], plain[N + 1];
  int bad = 0, wrong = 0;
  for (int i = 0; i < 3; i++) fill(g[i], N, -2 * pow(16, i), 2 * pow(16, i));
  g[0][0] = 16383.999f, g[0][1] = -16383.999f, g[0][2] = 0x1p-37f, g[0][3] = 0x3p-37f,
  g[0][4] = -0.0f;
  memset(forth, 0, sizeof forth), memset(reverse, 0, sizeof reverse),
      memset(plain, 0, sizeof plain);
  for (int i = 0; i < 3; i++) {
    bad |= k->quantise(N, g[i], forth) | k->quantise(N, g[2 - i], reverse);
    for (int j = 0; j < N; j++) plain[j] += (int64_t)rint((double)g[i][j] * 0x1p36);
  }
  tap_ok(!bad && same(forth, plain, 2 * (N + 1)), "%s: integer sums are the rounded multiples",
         k->name);
  tap_ok(same(forth, reverse, 2 * (N + 1)), "%s: integer sums in another order are the same",
         k->name);
  plain[5] = INT64_MAX / 2, plain[6] = INT64_MIN / 2, plain[7] = (INT64_C(1) << 55) + 12345;
  memcpy(forth, plain, sizeof forth);
  forth[N] = plain[N] = 5;
  k->restore(N, forth, back);
  for (int j = 0; j < N; j++)
    wrong += back[j] != (float)((double)plain[j] * 0x1p-36) || forth[j] != 0;
  tap_ok(wrong == 0 && forth[N] == 5, "%s: sums come back as floats, and are cleared", k->name);

  const float evil[] = {16384, -16384, INFINITY, -INFINITY, NAN, -NAN, 3e38f};
  int missed = 0;
  for (int n = 1; n <= 70; n++)
    for (int at = 0; at < n; at++) {
      fill(a, n, -16383, 16383);
      missed += k->quantise(n, a, forth) != 0;
      a[at] = evil[(n + at) % (int)COUNT(evil)];
      missed += k->quantise(n, a, forth) != 1;
    }
  tap_ok(missed == 0, "%s: a number >= 2^14, Inf or NaN is seen anywhere, and nothing else",
         k->name);
}

static void test_adam(bool average) {
  enum { N = 1001 };
  static double m[N], v[N], p[N], mean[N];
  static float fm[N + 1], fv[N + 1], fp[N + 1], fe[N + 1];
  fill(fp, N + 1, -1, 1), memset(fm, 0, sizeof fm), memset(fv, 0, sizeof fv);
  memcpy(fe, fp, sizeof fe);
  float guard = fp[N];
  for (int i = 0; i < N; i++) p[i] = mean[i] = (double)fp[i], m[i] = v[i] = 0;
  for (int t = 1; t <= 50; t++) {
    double b1 = .9, b2 = .999, rate = 1e-2, l2 = .02, decay = 1e-3, clip = t % 5 ? 1 : .25,
           keep = .95;
    sb_adam_step s = {(float)b1,
                      (float)b2,
                      (float)(rate / (1 - pow(b1, t))),
                      (float)(1 / (1 - pow(b2, t))),
                      1e-8f,
                      (float)l2,
                      (float)decay,
                      (float)clip,
                      (float)keep};
    fill(a, N, -1, 1);
    a[3] = 0, a[4] *= 1e-6f, a[5] *= 1e3f;
    k->adam(&s, N, a, fm, fv, fp, average ? fe : NULL);
    for (int i = 0; i < N; i++) {
      double g = clip * a[i] + l2 * p[i];
      m[i] = b1 * m[i] + (1 - b1) * g, v[i] = b2 * v[i] + (1 - b2) * g * g;
      p[i] = (1 - decay) * p[i] -
             rate / (1 - pow(b1, t)) * m[i] / (sqrt(v[i] / (1 - pow(b2, t))) + 1e-8);
      mean[i] = average ? keep * mean[i] + (1 - keep) * p[i] : mean[i];
    }
  }
  double worst = 0;
  for (int i = 0; i < N; i++) worst = fmax(worst, fmax(fabs(fp[i] - p[i]), fabs(fe[i] - mean[i])));
  tap_ok(worst < 5e-6, "%s: 50 Adam steps%s within %.1e < 5e-6 of double", k->name,
         average ? " with average" : "", worst);
  tap_ok(fp[N] == guard && fe[N] == guard && fm[N] == 0 && fv[N] == 0, "%s: Adam stays inside",
         k->name);
}

static void test_adam_small(void) {
  const float gradients[] = {0, 1e-30f, 1e-12f, 1e-8f, 1e-4f, 1e4f, 16000};
  const sb_adam_step s = {.9f, .999f, 1, 1, 1e-8f, 0, 0, 1, 0};
  double worst = 0;
  for (size_t i = 0; i < COUNT(gradients); i++) {
    float m = 0, v = 0, p = 0, g = gradients[i];
    k->adam(&s, 1, &g, &m, &v, &p, NULL);
    double want = -(1 - (double).9f) * g / (sqrt((1 - (double).999f) * g * g) + 1e-8);
    worst = fmax(worst, fabs(p - want) / (fabs(want) + 1e-12));
  }
  tap_ok(worst < 2e-6, "%s: Adam with tiny and large gradients, error %.1e < 2e-6", k->name, worst);
}

/* Both pair sums for one shape, largest relative error; counts points whose bits change when they
 * come alone. */
static double pair_errors(int64_t n, int64_t m, int d, int *wrong) {
  static double x[4096], y[40000], far[64], near[64];
  double h = 0.7 * sqrt(d);
  long double worst = 0;
  for (int i = 0; i < n * d; i++) x[i] = between(-1, 1);
  for (int i = 0; i < m * d; i++) y[i] = between(-1, 1);
  if (m) memcpy(x, y, sizeof(double) * (size_t)d); /* a distance of zero */
  far[n] = near[n] = 7;
  k->distance_sum(n, m, d, x, y, far), k->gauss_sum(n, m, d, h, x, y, near);
  for (int64_t i = 0; i < n; i++) {
    long double sum = 0, gauss = 0;
    for (int64_t j = 0; j < m; j++) {
      long double s = 0;
      for (int64_t q = 0; q < d; q++)
        s +=
            ((long double)x[i * d + q] - y[j * d + q]) * ((long double)x[i * d + q] - y[j * d + q]);
      sum += sqrtl(s), gauss += expl(-s / (2 * (long double)h * h));
    }
    worst = fmaxl(worst, fmaxl(fabsl(far[i] - sum) / (sum + 1e-300L),
                               fabsl(near[i] - gauss) / (gauss + 1e-300L)));
    double alone[2];
    k->distance_sum(1, m, d, x + i * d, y, alone),
        k->gauss_sum(1, m, d, h, x + i * d, y, alone + 1);
    *wrong += !same(alone, far + i, 2) || !same(alone + 1, near + i, 2);
  }
  *wrong += far[n] != 7 || near[n] != 7;
  return (double)worst;
}

static void test_pairs(void) {
  const int dims[] = {1, 2, 3, 4, 5, 40, 64, 65, 130};
  double worst = 0;
  int wrong = 0;
  for (size_t i = 0; i < COUNT(dims); i++) {
    worst = fmax(worst, pair_errors(1 + below(21), 300, dims[i], &wrong));
    worst = fmax(worst, pair_errors(8, 1 + below(130), dims[i], &wrong));
  }
  worst = fmax(worst, pair_errors(3, 0, 2, &wrong));
  tap_ok(worst < 1e-14, "%s: sums over pairs, relative error %.1e < 1e-14", k->name, worst);
  tap_ok(wrong == 0, "%s: a point alone has the same pair sums", k->name);
  double x = 0, y[3] = {1e-150, 1e150, -1e-5}, out;
  k->distance_sum(1, 3, 1, &x, y, &out);
  tap_close(out, 1e150, 1e136, "%s: distances near the ends of double", k->name);
}

/* SB_ISA lowers the choice; nonsense is refused in words. */
static void test_choice(int levels) {
  int best, level, wrong = 0;
  unsetenv("SB_ISA");
  wrong += sb_isa_level(&best) != SB_OK || best != levels - 1;
  for (int i = 0; i < levels; i++) {
    setenv("SB_ISA", sb_isa_kernels(i)->name, 1);
    wrong += sb_isa_level(&level) != SB_OK || level != i;
    sb_isa_choose(level);
    wrong += sb_kernel() != sb_isa_kernels(i);
  }
  tap_ok(wrong == 0, "SB_ISA chooses each of the %d variants", levels);
  setenv("SB_ISA", "sse9", 1);
  tap_ok(sb_isa_level(&level) == SB_USE && strstr(sb_message(), "sse9"),
         "an unknown SB_ISA is refused: %s", sb_message());
  sb_forget();
  unsetenv("SB_ISA");
  tap_ok(sb_isa_kernels(levels) == NULL && sb_isa_kernels(-1) == NULL,
         "there are no variants beyond");
}

/* FNV-1a of bytes. */
static uint64_t hash_of(uint64_t hash, const void *x, size_t bytes) {
  for (size_t i = 0; i < bytes; i++) hash = (hash ^ ((const unsigned char *)x)[i]) * 0x100000001b3u;
  return hash;
}

/* The bits of everything: the same from every compiler and machine, and the same of both fused
 * variants. Where they change on purpose, checkpoints no longer go on with equal bits: say so. */
static void test_bits(void) {
  enum { N = 64 * 64 };
  static const uint64_t known[] = {0x5a150c608a45167e, 0x57c0a5e565555d95}; /* generic, fused */
  const sb_adam_step s = {.9f, .999f, 1e-3f, 1.5f, 1e-8f, .01f, 1e-4f, .5f, .999f};
  static float f[3 * N];
  static double x[N], sum[3][N];
  uint64_t hash = 0xcbf29ce484222325u;
  state = 1;
  fill(a, N, -4, 4), fill(b, N, -4, 4), fill(e, N, 0, 4), fill(f, 3 * N, -1, 1);
  for (int i = 0; i < N; i++) x[i] = (double)a[i];
  k->adam(&s, N - 3, b, f, e, f + N, f + 2 * N);
  hash = hash_of(hash_of(hash, f, sizeof f), e, sizeof *e * N);
  for (int act = 0; act < SB_ACT_COUNT; act++) {
    memcpy(f, a, sizeof *f * N);
    k->activate((sb_act)act, 64, 64, b, f, f + N);
    hash = hash_of(hash, f, sizeof *f * 2 * N);
  }
  k->gemm(64, 64, 64, a, 64, 1, b, 64, f, 64, 0);
  k->sincos(N, a, f + N, f + 2 * N);
  hash = hash_of(hash, f, sizeof f);
  k->exp(N, a, f);
  k->normals(9, 1, 100, 0, 2, 0, 3, 5, f + N);
  hash = hash_of(hash, f, sizeof f);
  k->exp64(N, x, sum[0]), k->distance_sum(100, 300, 3, x, x + 500, sum[1]);
  k->gauss_sum(100, 300, 3, .7, x, x + 500, sum[2]);
  hash = hash_of(hash, sum, sizeof sum);
  tap_ok(hash == known[k != sb_isa_kernels(0)], "%s: bits of all kernels are %016llx", k->name,
         (unsigned long long)hash);
}

int main(void) {
  int levels = 0;
  for (; (k = sb_isa_kernels(levels)) != NULL; levels++) {
    test_gemm();
    test_gemm_speed();
    test_dot();
    for (int f = 0; f < SB_ACT_COUNT; f++) test_activate((sb_act)f);
    test_activate_ends();
    test_simple();
    test_exp();
    test_exp64();
    test_sincos();
    test_log64();
    test_waves();
    test_quantise();
    test_adam(false);
    test_adam(true);
    test_adam_small();
    test_pairs();
    test_bits();
  }
  test_choice(levels);
  tap_ok(levels >= 1 && strcmp(sb_isa_kernels(0)->name, "generic") == 0, "%d variants run here",
         levels);
  return tap_done();
}
