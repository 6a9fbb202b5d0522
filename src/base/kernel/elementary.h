/* Elementary functions of vectors, for the kernels only: no libm, explicit fused multiply-add.
 *
 * Polynomials are minimax fits by the Remez exchange to the relative error named beside them,
 * rounding not included. Rounding to the nearest integer adds 1.5 * 2^23 (or 2^52): the integer is
 * then in the low bits, too. */
#ifndef SB_BASE_KERNEL_ELEMENTARY_H
#define SB_BASE_KERNEL_ELEMENTARY_H
#include "vector.h"

/* One line for all of U vectors (a constant of the compiler), so that what the processor meets one
 * after the other does not depend on each other: chains of forty operations, one behind the other,
 * would leave half of it idle. */
#define EACH(statement) \
  for (int u = 0; u < U; u++) statement
#define SB_INLINE static inline __attribute__((always_inline))

#define SB_ROUND   12582912.0f        /* 1.5 * 2^23 */
#define SB_ROUND64 6755399441055744.0 /* 1.5 * 2^52 */
#define SB_LOG2E   1.44269504088896341
#define SB_LN2_HIGH \
  0.693145751953125 /* 15 bits: products with integers below 2^9 are exact, fused or not */
#define SB_LN2_LOW 1.42860682030941723e-6

/* exp(x) = 2^n (1 + r + r^2 q): n in the low bits of *round, |r| <= ln 2 / 2; 3.1e-9. |x| <= 89. */
static inline vf vf_exp_parts(vf x, vf *round, vf *r) {
  *round = vf_fma(x, vf_all((float)SB_LOG2E), vf_all(SB_ROUND));
  vf n = *round - SB_ROUND;
  *r = vf_fma(n, vf_all((float)-SB_LN2_HIGH), x);
  *r = vf_fma(n, vf_all((float)-SB_LN2_LOW), *r);
  vf q = vf_fma(*r, vf_all(0.00138144661f), vf_all(0.00836878084f));
  q = vf_fma(q, *r, vf_all(0.0416683927f));
  q = vf_fma(q, *r, vf_all(0.166665196f));
  return vf_fma(q, *r, vf_all(0.49999994f));
}

/* exp(x); 0 below -87.3, inf above 88.72, NaN stays. */
static inline vf vf_exp(vf x) {
  vf round, r, inside = vf_min(vf_all(89.0f), vf_max(vf_all(-89.0f), x));
  vf q = vf_exp_parts(inside, &round, &r);
  vf p = vf_fma(vf_fma(q, r, vf_all(1.0f)), r, vf_all(1.0f));
  vf y = (vf)((vi)p + ((vi)round << 23));
  y = vf_select(x > 88.72f, vf_all(__builtin_inff()), y);
  y = (vf)((vi)y & ~(x < -87.3f));
  return vf_select(x == x, y, x);
}

/* exp(x) - 1 with a small relative error near 0, too; -87 <= x <= 87, NaN stays NaN. */
static inline vf vf_expm1(vf x) {
  vf round, r, q = vf_exp_parts(x, &round, &r);
  vf scale = (vf)(((vi)round << 23) + 0x3f800000);
  vf m = vf_fma(q * r, r, r);
  return vf_fma(scale, m, scale - 1.0f);
}

/* sin x and cos x for |x| <= pi / 4; 4e-9. */
static inline void vf_sincos_eighth(vf x, vf *s, vf *c) {
  vf u = x * x;
  vf p = vf_fma(u, vf_all(-0.0001951343f), vf_all(0.00833215006f));
  p = vf_fma(p, u, vf_all(-0.166666552f));
  *s = vf_fma(p * u, x, x);
  vf q = vf_fma(u, vf_all(2.44341118e-05f), vf_all(-0.00138873304f));
  q = vf_fma(q, u, vf_all(0.0416666456f));
  q = vf_fma(q, u, vf_all(-0.5f));
  *c = vf_fma(q, u, vf_all(1.0f));
}

/* From sin and cos of the remainder to those of the angle in this quarter (any integer). */
static inline void vf_quarter(vi quarter, vf *s, vf *c) {
  vi odd = -(quarter & 1);
  vf sine = vf_select(odd, *c, *s), cosine = vf_select(odd, *s, *c);
  *s = (vf)((vi)sine ^ (quarter & 2) << 30);
  *c = (vf)((vi)cosine ^ ((quarter + 1) & 2) << 30);
}

/* exp(x) of doubles in [-708, 710); 3.7e-18 before rounding. */
SB_INLINE void vd_exp_inside(const int U, const vd *x, vd *y) {
  vd round[4], r[4], q[4];
  EACH(round[u] = vd_fma(x[u], vd_all(SB_LOG2E), vd_all(SB_ROUND64)));
  EACH(q[u] = round[u] - SB_ROUND64);
  EACH(r[u] = vd_fma(q[u], vd_all(-6.93147180369123816490e-01), x[u])); /* 32 bits of ln 2: exact */
  EACH(r[u] = vd_fma(q[u], vd_all(-1.90821492927058770002e-10), r[u]));
  EACH(q[u] = vd_fma(r[u], vd_all(2.4999960690948247e-08), vd_all(2.7630378629526253e-07)));
  EACH(q[u] = vd_fma(q[u], r[u], vd_all(2.7557587356479724e-06)));
  EACH(q[u] = vd_fma(q[u], r[u], vd_all(2.4801492762781014e-05)));
  EACH(q[u] = vd_fma(q[u], r[u], vd_all(0.00019841269504750178)));
  EACH(q[u] = vd_fma(q[u], r[u], vd_all(0.001388888894392264)));
  EACH(q[u] = vd_fma(q[u], r[u], vd_all(0.0083333333334956305)));
  EACH(q[u] = vd_fma(q[u], r[u], vd_all(0.041666666666529191)));
  EACH(q[u] = vd_fma(q[u], r[u], vd_all(0.1666666666666641)));
  EACH(q[u] = vd_fma(q[u], r[u], vd_all(0.50000000000000111)));
  EACH(q[u] = vd_fma(q[u], r[u], vd_all(1.0)));
  EACH(q[u] = vd_fma(q[u], r[u], vd_all(1.0)));
  EACH(y[u] = (vd)((vl)q[u] + ((vl)round[u] << 52)));
}

/* exp(x) of any doubles: 0 below -708, inf above 709.78, NaN stays. */
SB_INLINE void vd_exp(const int U, const vd *x, vd *y) {
  vd inside[4];
  EACH(inside[u] = vd_min(vd_all(710.0), vd_max(vd_all(-708.0), x[u])));
  vd_exp_inside(U, inside, y);
  EACH(y[u] = vd_select(x[u] > 709.78, vd_all(__builtin_inf()), y[u]));
  EACH(y[u] = (vd)((vl)y[u] & ~(x[u] < -708.0)));
  EACH(y[u] = vd_select(x[u] == x[u], y[u], x[u]));
}

#endif
