/* Vectors of the widest kind that the target of this compilation has, for the kernels of
 * src/base/kernel/ only.
 *
 * Arithmetic is written with the vector extensions of gcc and clang. The few operations that these
 * lack (fused multiply-add, square root, minimum, 32 x 32 -> 64 bit product, interleaving) are
 * below, once per instruction set. Nothing here depends on -ffp-contract: where a multiply-add is
 * to be fused it says so, hence both compilers give the same bits. Reciprocal estimates are not
 * used: they differ between makers of processors. */
#ifndef SB_BASE_KERNEL_VECTOR_H
#define SB_BASE_KERNEL_VECTOR_H
#include <stddef.h>
#include <stdint.h>

#include "sb/kernel.h"

/* SB_ISA is generic, avx2 or avx512: KERNEL(gemm) is sb_kernel_gemm_avx512. */
#define SB_JOIN_(a, b) sb_kernel_##a##_##b
#define SB_JOIN(a, b)  SB_JOIN_(a, b)
#define KERNEL(name)   SB_JOIN(name, SB_ISA)
#define SB_DECLARE(name) \
  __typeof__(*((const sb_kernels *)0)->name) KERNEL(name) /* the type is the table's */

SB_DECLARE(gemm);
SB_DECLARE(dot);
SB_DECLARE(activate);
SB_DECLARE(add_bias);
SB_DECLARE(column_sum);
SB_DECLARE(exp);
SB_DECLARE(exp64);
SB_DECLARE(log64);
SB_DECLARE(sincos);
SB_DECLARE(waves);
SB_DECLARE(normals);
SB_DECLARE(uniforms);
SB_DECLARE(permute);
SB_DECLARE(quantise);
SB_DECLARE(restore);
SB_DECLARE(adam);
SB_DECLARE(distance_sum);
SB_DECLARE(gauss_sum);
SB_DECLARE(gauss_product);
SB_DECLARE(kept_product);
SB_DECLARE(gauss_product32);
SB_DECLARE(gauss_softmax);

#if defined __AVX512F__ && defined __AVX512DQ__
#define SB_BYTES 64
#elif defined __AVX2__ && defined __FMA__
#define SB_BYTES 32
#else
#define SB_BYTES 16
#endif
#if SB_BYTES > 16
#include <immintrin.h>
#elif defined __SSE2__
#include <emmintrin.h>
#endif

enum { NF = SB_BYTES / 4, ND = SB_BYTES / 8 }; /* lanes of float and of double */

#define SB_VECTOR __attribute__((vector_size(SB_BYTES)))
typedef float vf SB_VECTOR;
typedef int32_t vi SB_VECTOR;
typedef uint32_t vu SB_VECTOR;
typedef double vd SB_VECTOR;
typedef int64_t vl SB_VECTOR;
typedef uint64_t vq SB_VECTOR;
typedef float vh __attribute__((vector_size(SB_BYTES / 2))); /* as many floats as vd has doubles */

/* Rows of the caller may begin anywhere. */
#define SB_ANYWHERE(type, element)                                                    \
  typedef type type##_any __attribute__((aligned(sizeof(element)), may_alias));       \
  static inline type type##_load(const element *p) { return *(const type##_any *)p; } \
  static inline void type##_store(element *p, type x) { *(type##_any *)p = x; }       \
  struct type##_ends_here
SB_ANYWHERE(vf, float);
SB_ANYWHERE(vd, double);
SB_ANYWHERE(vl, int64_t);
SB_ANYWHERE(vh, float);

static inline vf vf_all(float x) { return x - (vf){0}; } /* x - 0 is x, also for -0 and NaN */
static inline vd vd_all(double x) { return x - (vd){0}; }
static inline vi vi_all(int32_t x) { return x + (vi){0}; }
static inline vu vu_all(uint32_t x) { return x + (vu){0}; }
static inline vl vl_all(int64_t x) { return x + (vl){0}; }
static inline vq vq_all(uint64_t x) { return x + (vq){0}; }

/* Lane by lane: where (all bits or none) ? a : b. */
static inline vf vf_select(vi where, vf a, vf b) {
  return (vf)((where & (vi)a) | (~where & (vi)b));
}
static inline vd vd_select(vl where, vd a, vd b) {
  return (vd)((where & (vl)a) | (~where & (vl)b));
}

/* fma: a b + c. min, max: a NaN in the second argument is the result. clamp: to -most .. most, a
 * NaN to anything. even: product of the low halves of 64-bit lanes. */
#if SB_BYTES == 64
static inline vf vf_fma(vf a, vf b, vf c) {
  return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
static inline vd vd_fma(vd a, vd b, vd c) {
  return (vd)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
}
static inline vf vf_min(vf a, vf b) { return (vf)_mm512_min_ps((__m512)a, (__m512)b); }
static inline vf vf_max(vf a, vf b) { return (vf)_mm512_max_ps((__m512)a, (__m512)b); }
static inline vd vd_max(vd a, vd b) { return (vd)_mm512_max_pd((__m512d)a, (__m512d)b); }
static inline vd vd_min(vd a, vd b) { return (vd)_mm512_min_pd((__m512d)a, (__m512d)b); }
static inline vf vf_sqrt(vf a) { return (vf)_mm512_sqrt_ps((__m512)a); }
static inline vf vf_clamp(vf a, float most) {
  return (vf)_mm512_range_ps((__m512)a, (__m512)vf_all(most), 2);
}
static inline vq vq_even(vq a, vq b) { return (vq)_mm512_mul_epu32((__m512i)a, (__m512i)b); }
#define SB_LOW  0, 8, 1, 9, 2, 10, 3, 11
#define SB_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#elif SB_BYTES == 32
static inline vf vf_fma(vf a, vf b, vf c) {
  return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
static inline vd vd_fma(vd a, vd b, vd c) {
  return (vd)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
}
static inline vf vf_min(vf a, vf b) { return (vf)_mm256_min_ps((__m256)a, (__m256)b); }
static inline vf vf_max(vf a, vf b) { return (vf)_mm256_max_ps((__m256)a, (__m256)b); }
static inline vd vd_max(vd a, vd b) { return (vd)_mm256_max_pd((__m256d)a, (__m256d)b); }
static inline vd vd_min(vd a, vd b) { return (vd)_mm256_min_pd((__m256d)a, (__m256d)b); }
static inline vf vf_sqrt(vf a) { return (vf)_mm256_sqrt_ps((__m256)a); }
static inline vf vf_clamp(vf a, float most) {
  return vf_min(vf_all(most), vf_max(vf_all(-most), a));
}
static inline vq vq_even(vq a, vq b) { return (vq)_mm256_mul_epu32((__m256i)a, (__m256i)b); }
#define SB_LOW  0, 4, 1, 5
#define SB_HIGH 2, 6, 3, 7
#else
static inline vf vf_fma(vf a, vf b, vf c) { return a * b + c; }
static inline vd vd_fma(vd a, vd b, vd c) { return a * b + c; }
static inline vf vf_min(vf a, vf b) { return vf_select(a < b, a, b); }
static inline vf vf_max(vf a, vf b) { return vf_select(a > b, a, b); }
static inline vd vd_max(vd a, vd b) { return vd_select(a > b, a, b); }
static inline vd vd_min(vd a, vd b) { return vd_select(a < b, a, b); }
static inline vf vf_clamp(vf a, float most) {
  return vf_min(vf_all(most), vf_max(vf_all(-most), a));
}
#ifdef __SSE2__
static inline vf vf_sqrt(vf a) { return (vf)_mm_sqrt_ps((__m128)a); }
static inline vq vq_even(vq a, vq b) { return (vq)_mm_mul_epu32((__m128i)a, (__m128i)b); }
#else
static inline vf vf_sqrt(vf a) {
  for (int i = 0; i < NF; i++) a[i] = __builtin_sqrtf(a[i]);
  return a;
}
static inline vq vq_even(vq a, vq b) { return (a & 0xffffffffu) * (b & 0xffffffffu); }
#endif
#define SB_LOW  0, 2
#define SB_HIGH 1, 3
#endif

/* The 64-bit lanes a0 b0 a1 b1 ... of the lower and of the upper halves. */
#if defined __clang__
static inline vq vq_low(vq a, vq b) { return __builtin_shufflevector(a, b, SB_LOW); }
static inline vq vq_high(vq a, vq b) { return __builtin_shufflevector(a, b, SB_HIGH); }
#else
static inline vq vq_low(vq a, vq b) { return __builtin_shuffle(a, b, (vq){SB_LOW}); }
static inline vq vq_high(vq a, vq b) { return __builtin_shuffle(a, b, (vq){SB_HIGH}); }
#endif

#endif
