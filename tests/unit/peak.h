/* The most multiply-adds per second that this core can do with the vectors of a kernel variant, so
 * that benchmarks can say what share of it they reach. Twelve independent chains hide the latency.
 */
#ifndef SB_BENCH_PEAK_H
#define SB_BENCH_PEAK_H

#include <string.h>

#include "sb/clock.h"

enum { PEAK_LOOPS = 20000, PEAK_CHAINS = 12 };

#ifdef __x86_64__
#include <immintrin.h>

#define PEAK_LOOP(name, features, type, set, fma)                                                \
  __attribute__((target(features), noinline)) static void name(float *out) {                     \
    type sum[PEAK_CHAINS], a = set(.999f), b = set(.001f);                                       \
    for (int i = 0; i < PEAK_CHAINS; i++) sum[i] = set(i);                                       \
    for (int k = 0; k < PEAK_LOOPS; k++)                                                         \
      _Pragma("GCC unroll 12") for (int i = 0; i < PEAK_CHAINS; i++) sum[i] = fma(sum[i], a, b); \
    memcpy(out, sum, sizeof sum);                                                                \
  }
#define PEAK_SSE(x, y, z) _mm_add_ps(_mm_mul_ps(x, y), z)
PEAK_LOOP(peak_avx512, "avx512f", __m512, _mm512_set1_ps, _mm512_fmadd_ps)
PEAK_LOOP(peak_avx2, "avx2,fma", __m256, _mm256_set1_ps, _mm256_fmadd_ps)
PEAK_LOOP(peak_generic, "sse2", __m128, _mm_set1_ps, PEAK_SSE)

/* Flops of one loop; seconds of it go to *seconds. variant: sb_kernel()->name. */
static inline double peak_once(const char *variant, double *seconds) {
  float out[PEAK_CHAINS * 16];
  int lanes = 4;
  double start = sb_clock();
  if (strcmp(variant, "avx512") == 0) {
    peak_avx512(out);
    lanes = 16;
  } else if (strcmp(variant, "avx2") == 0) {
    peak_avx2(out);
    lanes = 8;
  } else {
    peak_generic(out);
  }
  *seconds = sb_clock() - start;
  return 2.0 * lanes * PEAK_CHAINS * PEAK_LOOPS;
}
#else
typedef float peak_four __attribute__((vector_size(16)));

static inline double peak_once(const char *variant, double *seconds) {
  (void)variant;
  peak_four sum[PEAK_CHAINS], a = {.999f, .999f, .999f, .999f}, b = {.001f, .001f, .001f, .001f};
  volatile float keep;
  memset(sum, 0, sizeof sum);
  double start = sb_clock();
  for (int k = 0; k < PEAK_LOOPS; k++)
    _Pragma("GCC unroll 12") for (int i = 0; i < PEAK_CHAINS; i++) sum[i] = sum[i] * a + b;
  *seconds = sb_clock() - start;
  for (int i = 0; i < PEAK_CHAINS; i++) keep = sum[i][0];
  (void)keep;
  return 2.0 * 4 * PEAK_CHAINS * PEAK_LOOPS;
}
#endif

/* The best of several loops so far: call it between the things that are timed. Flops per second. */
static inline double peak(const char *variant) {
  static double most;
  for (int i = 0; i < 5; i++) {
    double seconds, flops = peak_once(variant, &seconds);
    if (flops / seconds > most) most = flops / seconds;
  }
  return most;
}

#endif
