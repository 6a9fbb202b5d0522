/* Elementary functions in double, by additions, multiplications and divisions only: every IEEE
 * machine gives the same bits.
 *
 * Reductions as in Cody and Waite (1980); the polynomials are minimax fits by the Remez exchange,
 * their relative error (rounding not included) beside them. */
#include "sb/mathfn.h"

#include <stdint.h>
#include <string.h>

#define ROUND    6755399441055744.0 /* 1.5 * 2^52: adding it rounds to an integer, in the low bits */
#define LN2_HIGH 6.93147180369123816490e-01 /* 32 bits */
#define LN2_LOW  1.90821492927058770002e-10
#define LOG2E    1.44269504088896340736
#define INF      __builtin_inf()

static uint64_t bits_of(double x) {
  uint64_t b;
  memcpy(&b, &x, sizeof b);
  return b;
}

static double of_bits(uint64_t b) {
  double x;
  memcpy(&x, &b, sizeof x);
  return x;
}

/* 2^n, normal numbers only. */
static double power2(int64_t n) { return of_bits((uint64_t)(n + 1023) << 52); }

/* exp(x) = 2^n (1 + r + r^2 q(r)), 3.7e-18; pairs of terms shorten the chain. */
double sb_exp(double x) {
  if (!(x <= 709.79)) return x != x ? x : INF;
  if (x < -745.2) return 0;
  double shifted = x * LOG2E + ROUND, n = shifted - ROUND;
  double top = x - n * LN2_HIGH, r = top - n * LN2_LOW, lost = (top - r) - n * LN2_LOW;
  double r2 = r * r, r4 = r2 * r2;
  double a = (0.50000000000000111 + r * 0.1666666666666641) +
             r2 * (0.041666666666529191 + r * 0.0083333333334956305);
  double b = (0.001388888894392264 + r * 0.00019841269504750178) +
             r2 * (2.4801492762781014e-05 + r * 2.7557587356479724e-06);
  double c = 2.7630378629526253e-07 + r * 2.4999960690948247e-08;
  double p = 1 + (r + (r2 * (a + r4 * (b + r4 * c)) + lost));
  int64_t k = (int64_t)n;
  if (k >= -1021 && k <= 1023) return p * power2(k);
  return k > 0 ? p * power2(k - 1) * 2 : p * power2(k + 64) * 0x1p-64;
}

/* log(1 + f) of a number in [1/sqrt 2, sqrt 2], plus n log 2: f - f^2/2 + s (f^2/2 + R(s^2)), s = f
 * / (2 + f), 1.3e-18. */
static double log_parts(double f, double n, double lost) {
  double s = f / (2 + f), z = s * s, half = 0.5 * f * f, w = z * z;
  double even = w * (0.39999999999413965 + w * (0.22222198553807207 + w * 0.15314021147044496));
  double odd = z * (0.6666666666666734 + w * (0.28571428742561944 +
                                              w * (0.18183565406124441 + w * 0.14796260888379414)));
  return n * LN2_HIGH - ((half - (s * (half + (even + odd)) + (n * LN2_LOW + lost))) - f);
}

double sb_log(double x) {
  if (!(x > 0)) return x == 0 ? -INF : of_bits(UINT64_C(0x7ff8000000000000));
  if (x == INF) return x;
  int64_t n = 0;
  if (x < 0x1p-1022) x *= 0x1p54, n = -54;
  uint64_t bits =
      bits_of(x) + UINT64_C(0x00095f619980c433); /* carries into the exponent from sqrt 2 on */
  n += (int64_t)(bits >> 52) - 1023;
  double mantissa = of_bits((bits & UINT64_C(0x000fffffffffffff)) + UINT64_C(0x3ff0000000000000) -
                            UINT64_C(0x00095f619980c433));
  return log_parts(mantissa - 1, (double)n, 0);
}

/* log(1 + e) for 0 <= e <= 1: the log of the rounded sum, and what the sum lost. */
static double log1p_of(double e) {
  double u = 1 + e, lost = (e - (u - 1)) / u;
  return u > 1.41421356237309505 ? log_parts(0.5 * u - 1, 1, lost) : log_parts(u - 1, 0, lost);
}

/* Quarters of up to 17 bits; pi / 2 in parts of 33 bits, so that the first two products are exact.
 */
void sb_sincos(double x, double *s, double *c) {
  if (!(x <= 1e9 && x >= -1e9)) {
    *s = *c = of_bits(UINT64_C(0x7ff8000000000000));
    return;
  }
  double shifted = x * 0.63661977236758134308 + ROUND, n = shifted - ROUND;
  double a = x - n * 1.57079632673412561417e+00, b = n * 6.07710050630396597660e-11;
  double top = a - b, more = n * 2.02226624879595063154e-21 - ((a - top) - b);
  double r = top - more, tail = (top - r) - more;
  double z = r * r, w = z * z;
  double ps =
      (0.0083333333333224131 + z * -0.00019841269829807808) +
      w * ((2.7557313691917059e-06 + z * -2.505075811501103e-08) + w * 1.5896795634174895e-10);
  double pc = (0.041666666666666602 + z * -0.0013888888888874125) +
              w * ((2.4801587289482167e-05 + z * -2.7557314352327344e-07) +
                   w * (2.0875723272450294e-09 + z * -1.1359647761626405e-11));
  double sine = r + (z * r * (-0.16666666666666632 + z * ps) + tail * (1 - 0.5 * z));
  double half = 0.5 * z, near = 1 - half;
  double cosine = near + (((1 - near) - half) + (w * pc - r * tail));
  int64_t quarter = (int64_t)n & 3;
  *s = quarter & 1 ? cosine : sine;
  *c = quarter & 1 ? sine : cosine;
  if (quarter & 2) *s = -*s;
  if ((quarter + 1) & 2) *c = -*c;
}

double sb_softplus(double x) {
  if (x != x) return x;
  return x > 0 ? x + log1p_of(sb_exp(-x)) : log1p_of(sb_exp(x));
}

double sb_sigmoid(double x) {
  double e = sb_exp(x > 0 ? -x : x);
  return (x > 0 ? 1 : e) / (1 + e);
}

double sb_lse(int n, const double *a) {
  double most = a[0], sum = 0;
  for (int i = 1; i < n; i++)
    if (a[i] > most || a[i] != a[i]) most = a[i];
  if (most == -INF || most == INF || most != most) return most;
  for (int i = 0; i < n; i++) sum += sb_exp(a[i] - most);
  return most + sb_log(sum);
}
