/* Schedule and constants of Adam: see sb/adam.h. */
#include "sb/adam.h"

#include "sb/mathfn.h"

#define PI 3.14159265358979323846

const char *const sb_schedule_name[SB_RATE_COUNT] = {"constant", "cosine"};

/* Fraction of the cosine that lies behind step k. */
static double progress(const sb_adam *a, int64_t k) {
  if (k >= a->steps) return 1;
  if (k <= a->warmup) return 0;
  return (double)(k - a->warmup) / (double)(a->steps - a->warmup);
}

double sb_adam_rate(const sb_adam *a, int64_t k) {
  double rate = a->rate;
  if (k + 1 < a->warmup) rate *= (double)(k + 1) / (double)a->warmup;
  if (a->schedule == SB_RATE_COSINE) {
    double s, c;
    sb_sincos(PI * progress(a, k), &s, &c);
    rate *= a->rate_end + (1 - a->rate_end) * (1 + c) / 2;
  }
  return rate;
}

/* x^n, n >= 0, by repeated squaring: relative error about log2(n) roundings of x, and exactly 0 in
 * the end. */
static double power(double x, int64_t n) {
  double y = 1;
  for (; n > 0; n >>= 1) {
    if (n & 1) y *= x;
    x *= x;
  }
  return y;
}

void sb_adam_at(const sb_adam *a, int64_t k, double norm, sb_adam_step *out) {
  double rate = sb_adam_rate(a, k);
  double average = (1.0 + (double)k) / (10.0 + (double)k);
  out->beta1 = (float)a->beta1;
  out->beta2 = (float)a->beta2;
  /* of the rounded betas, so that the correction is that of the moments which the kernel has */
  out->rate = (float)(rate / (1 - power(out->beta1, k + 1)));
  out->scale2 = (float)(1 / (1 - power(out->beta2, k + 1)));
  out->epsilon = (float)a->epsilon;
  out->coupled = a->decoupled ? 0 : (float)a->decay;
  out->decay = a->decoupled ? (float)(rate * a->decay) : 0;
  /* false for NaN; an infinite norm would make the factor 0 and the product NaN where the gradient
   * is infinite */
  out->clip = a->clip > 0 && norm > a->clip && norm < 1e300 ? (float)(a->clip / norm) : 1;
  out->average = (float)(average < a->average ? average : a->average);
}
