/* Elementary functions in double against libm's long double, at their ends, and their bits. */
#include <stdint.h>
#include <string.h>

#include "sb/mathfn.h"
#include "tap.h"

enum { N = 200000 };

static uint64_t state = 1;

static double between(double low, double high) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return low + (high - low) * (double)(state >> 11) * 0x1p-53;
}

static void test_exp(void) {
  long double worst = 0;
  for (int i = 0; i < N; i++) {
    double reach = i % 3 == 0 ? 1e-3 : i % 3 == 1 ? 1 : 708;
    double x = between(-reach, reach);
    worst = fmaxl(worst, fabsl(sb_exp(x) / expl(x) - 1));
  }
  tap_ok(worst <= 4e-16L, "exp, relative error %.2Le <= 4e-16", worst);
  tap_ok(sb_exp(0) == 1 && sb_exp(-746) == 0 && sb_exp(709.79) == HUGE_VAL &&
             sb_exp(HUGE_VAL) == HUGE_VAL && sb_exp(-HUGE_VAL) == 0 && isnan(sb_exp((double)NAN)),
         "exp at 0, infinity, NaN and where it ends");
  double small = 0;
  for (double x = -745; x < -708; x += .01) small = fmax(small, fabs(sb_exp(x) - (double)expl(x)));
  tap_ok(small <= 0x1p-1074 && fabs(sb_exp(709.78) / (double)expl(709.78) - 1) < 4e-16,
         "exp fades out gradually");
}

static void test_log(void) {
  long double worst = 0;
  for (int i = 0; i < N; i++) {
    double x = i % 3 == 0   ? between(.5, 2)
               : i % 3 == 1 ? 1 + between(-1e-3, 1e-3)
                            : exp(between(-740, 709));
    long double want = logl(x);
    worst = fmaxl(worst, fabsl(sb_log(x) - want) / fmaxl(fabsl(want), 1e-300L));
  }
  tap_ok(worst <= 4e-16L, "log, relative error %.2Le <= 4e-16", worst);
  tap_ok(sb_log(1) == 0 && sb_log(0) == -HUGE_VAL && isnan(sb_log(-1)) &&
             isnan(sb_log((double)NAN)) && sb_log(HUGE_VAL) == HUGE_VAL,
         "log of 1, 0, -1, NaN, infinity");
  tap_close(sb_log(0x1p-1074), (double)logl(0x1p-1074L), 2e-13, "log of the smallest number");
}

static void test_sincos(void) {
  long double worst = 0;
  for (int i = 0; i < N; i++) {
    double reach = pow(10, i % 6), x = between(-reach, reach), s, c;
    if (i % 10 == 0)
      x = (double)(int)(x / acos(-1) * 2) * acos(-1) / 2; /* where one of them nearly vanishes */
    sb_sincos(x, &s, &c);
    worst = fmaxl(worst, fmaxl(fabsl(s - sinl(x)), fabsl(c - cosl(x))));
  }
  tap_ok(worst <= 4e-16L, "sincos up to 1e5, error %.2Le <= 4e-16", worst);
  double s, c, bad, bad2;
  sb_sincos(0, &s, &c), sb_sincos((double)NAN, &bad, &bad2);
  tap_ok(s == 0 && c == 1 && isnan(bad) && isnan(bad2), "sincos of 0 and NaN");
}

static void test_soft(void) {
  long double worst = 0, worst_sigmoid = 0;
  for (int i = 0; i < N; i++) {
    double reach = i % 2 ? 3 : 700, x = between(-reach, reach);
    worst =
        fmaxl(worst, fabsl(sb_softplus(x) / (x > 0 ? x + log1pl(expl(-x)) : log1pl(expl(x))) - 1));
    worst_sigmoid = fmaxl(worst_sigmoid, fabsl(sb_sigmoid(x) * (1 + expl(-x)) - 1));
  }
  tap_ok(worst <= 6e-16L, "softplus, relative error %.2Le <= 6e-16", worst);
  tap_ok(worst_sigmoid <= 6e-16L, "sigmoid, relative error %.2Le <= 6e-16", worst_sigmoid);
  tap_ok(sb_softplus(HUGE_VAL) == HUGE_VAL && sb_softplus(-HUGE_VAL) == 0 &&
             isnan(sb_softplus((double)NAN)) && sb_sigmoid(HUGE_VAL) == 1 &&
             sb_sigmoid(-HUGE_VAL) == 0 && sb_sigmoid(0) == .5 && isnan(sb_sigmoid((double)NAN)),
         "softplus and sigmoid at their ends");
}

static void test_lse(void) {
  double a[5] = {1000, 1001, -HUGE_VAL, 999, -1e9}, none[2] = {-HUGE_VAL, -HUGE_VAL};
  double bad[3] = {0, (double)NAN, 1}, one = -7.25;
  tap_close(sb_lse(5, a), 1001 + (double)log1pl(expl(-1) + expl(-2)), 2e-13,
            "log-sum-exp of large numbers");
  tap_ok(sb_lse(2, none) == -HUGE_VAL && isnan(sb_lse(3, bad)) && sb_lse(1, &one) == one,
         "log-sum-exp of nothing, of NaN, of one");
}

/* FNV-1a of the bits of many values: another compiler or machine must give the same number. */
static void test_bits(void) {
  uint64_t hash = 0xcbf29ce484222325u;
  state = 7;
  for (int i = 0; i < 20000; i++) {
    double x = between(-30, 30), y[6];
    y[0] = sb_exp(x), y[1] = sb_log(fabs(x)), y[4] = sb_softplus(x), y[5] = sb_sigmoid(x);
    sb_sincos(100 * x, y + 2, y + 3);
    unsigned char bytes[sizeof y];
    memcpy(bytes, y, sizeof y);
    for (size_t j = 0; j < sizeof y; j++) hash = (hash ^ bytes[j]) * 0x100000001b3u;
  }
  tap_ok(hash == UINT64_C(0xfd97a206cf71ce96), "bits of 120000 values: %016llx",
         (unsigned long long)hash);
}

int main(void) {
  test_exp();
  test_log();
  test_sincos();
  test_soft();
  test_lse();
  test_bits();
  return tap_done();
}
