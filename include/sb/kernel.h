/* layer: base */
/** The vector kernels of the hot loops, once per instruction set, chosen by CPU features at run time.
 *
 * src/base/kernel/ is compiled once for each instruction set; src/base/isa.c chooses. Each kernel has a plain reference
 * in tests/unit/t_kernel.c. Bits: the value of one element depends only on its own inputs and on the kernel variant,
 * never on its place in a tile, on the number of rows, or on alignment; avx2 and avx512 give the same bits, generic
 * (without fused multiply-add) others. All floats; matrices are row-major; a leading dimension ("ld") is in floats.
 * Widths that say "padded" are multiples of SB_LANES; rows at multiples of 64 bytes are faster, but nothing depends on
 * it. No libm inside. */
#ifndef SB_KERNEL_H
#define SB_KERNEL_H
#include <stddef.h>
#include <stdint.h>

#include "sb/status.h"

#define SB_LANES 16 /**< padding of every matrix width */
#define SB_PAD(n) (((n) + SB_LANES - 1) / SB_LANES * SB_LANES)
#define SB_BLOCK 64 /**< rows of a tile: data, particles, sums */

/** Activations; sb_act_name gives the deck's words. */
typedef enum sb_act { SB_ACT_SILU, SB_ACT_RELU, SB_ACT_LEAKY_RELU, SB_ACT_SELU, SB_ACT_TANH, SB_ACT_COUNT } sb_act;
extern const char *const sb_act_name[SB_ACT_COUNT]; /* "silu" "relu" "leaky_relu" (slope .01) "selu" "tanh" */

/** Constants of one optimiser step, computed once per step by sb/adam.h. */
typedef struct sb_adam_step {
  float beta1, beta2;      /**< decay of the first and second moment                                   */
  float rate;              /**< learning rate / (1 - beta1^k)                                          */
  float scale2;            /**< 1 / (1 - beta2^k)                                                      */
  float epsilon;           /**< added to the root                                                      */
  float coupled, decay;    /**< L2 term added to the gradient; decoupled: p *= 1 - decay               */
  float clip;              /**< factor on the gradient (1 = not clipped)                               */
  float average;           /**< e = average e + (1 - average) p: weight of the old parameter average   */
} sb_adam_step;

/** Width of a Gaussian kernel k = exp(-|x - y|^2 f): f = 1, 2 / (a + b), 1 / (a b); a, b > 0 belong to x and y. */
typedef enum sb_width { SB_WIDTH_ONE, SB_WIDTH_SUM, SB_WIDTH_PRODUCT } sb_width;

/** A tile of SB_BLOCK points x against m points y of dimension d. Unused lanes hold any finite numbers. */
typedef struct sb_gauss {
  int form, d, m;      /**< sb_width                                                      */
  const double *x, *a; /**< [d, SB_BLOCK]: coordinate by coordinate; [SB_BLOCK] or NULL   */
  const double *y, *b; /**< [m, d]; [m] or NULL                                           */
} sb_gauss;
typedef struct sb_gauss32 {
  int form, d, m;
  const float *x, *a, *y, *b;
} sb_gauss32;

typedef struct sb_kernels {
  const char *name; /**< "generic", "avx2", "avx512" */

  /** C = A B, or C += A B when add: C [rows, cols], B [depth, cols], cols padded. A[i][k] = a[i * a_row + k * a_col].
   *  Each element is one chain in order of k, sum = fma(A[i][k], B[k][j], sum) from 0 or from C (generic: product, then
   *  sum), so that it does not depend on blocking. Any strides, but only a_col = 1 (A as it lies) and a_row = 1 (A
   *  transposed) are fast. C overlaps neither A nor B. rows >= 0, depth >= 0. */
  void (*gemm)(int rows, int cols, int depth, const float *a, ptrdiff_t a_row, ptrdiff_t a_col, const float *b,
               ptrdiff_t ldb, float *c, ptrdiff_t ldc, int add);

  /** C[i][j] = a_i . b_j for i < m, j < n: rows of A [m, depth padded] and of B [n, depth padded], C [m, n]. Sixteen
   *  partial sums, of k = l mod 16 in order, then (l) + (l + 8), + 4, + 2, + 1. For few columns, where gemm pads. */
  void (*dot)(int m, int n, int depth, const float *a, ptrdiff_t lda, const float *b, ptrdiff_t ldb, float *c,
              ptrdiff_t ldc);

  /** Rows of z [rows, cols padded, ld cols]: z = f(z + bias) in place; slope (may be NULL) receives f'(z + bias), same
   *  shape. bias [cols]. Relative error <= 2e-6 where |z + bias| <= 16, of the slope 3e-6 absolute. NaN stays NaN. */
  void (*activate)(sb_act f, int rows, int cols, const float *bias, float *z, float *slope);

  /** z[i][j] += bias[j], [rows, cols padded]. */
  void (*add_bias)(int rows, int cols, const float *bias, float *z);

  /** z *= slope, elementwise (slope NULL: not), then out[j] = sum over i of z[i][j], in order of i; z, slope
   *  [rows, cols padded]. */
  void (*column_sum)(int rows, int cols, const float *slope, float *z, float *out);

  /** y = exp(x), any n; x > 88.72 gives inf, x < -87.3 gives 0, NaN stays. Relative error <= 2e-7. x == y allowed. */
  void (*exp)(int64_t n, const float *x, float *y);
  /** Double: y = exp(x), relative error <= 4e-16, 0 below -708, inf above 709.78. x == y allowed. */
  void (*exp64)(int64_t n, const double *x, double *y);
  /** Double: y = log(x) of normal numbers above 0, the bits of sb_log. Any n. x == y allowed. */
  void (*log64)(int64_t n, const double *x, double *y);
  /** Rows of sines and cosines: out[i ld + k] = sin a, out[i ld + n + k] = cos a, a = u[k] x[i] + v[k] y[i], i < rows,
   *  k < n, by the formulas of sincos. u and v [n padded]. */
  void (*waves)(int rows, int n, const float *u, const float *v, const float *x, const float *y, float *out,
                ptrdiff_t ld);
  /** s = sin x, c = cos x for |x| <= 1e5, absolute error <= 2e-7. Any n; x, s, c are different arrays. */
  void (*sincos)(int64_t n, const float *x, float *s, float *c);

  /** Normals by Philox4x32-10 and Box-Muller. out[((i * draws) + j) * d + c], i < count, j < draws, c < d:
   *  block b = c / 4 of particle first + i, draw first_draw + j has counter
   *  { lo32(index), hi24(index) | epoch << 24, step, (first_draw + j) * ceil(d / 4) + b }, words w0..w3:
   *  pair (w0, w1) gives components 4b, 4b+1 (r cos, r sin), pair (w2, w3) gives 4b+2, 4b+3;
   *  u = (w0 + 0.5) 2^-32, r = sqrt(-2 log u), angle = 2 pi (w1 + 0.5) 2^-32. Error <= 1e-6 of the double formula.
   *  A call costs about 30 ns before the first normal: ask for a tile, not for a particle. */
  void (*normals)(uint64_t key, int64_t first, int count, uint32_t epoch, uint32_t step, int64_t first_draw, int draws,
                  int d, float *out);

  /** out[i] = uniform in (0, 1) of particle first + i: (k + 1/2) 2^-52 with the upper 52 bits k of the words w1 w0 of
   *  the counter {index, hi24(index), step, 0}. */
  void (*uniforms)(uint64_t key, int64_t first, int count, uint32_t step, double *out);
  /** out[i] = image of first + i (below n) under the permutation of 0 .. n-1 of key and epoch; n <= 2^56. */
  void (*permute)(uint64_t key, int64_t n, uint32_t epoch, int64_t first, int count, int64_t *out);

  /** sum[i] += round(g[i] 2^36) as integers; returns 1 when any |g[i]| >= 2^14 or is not a number, else 0 (the sums are
   *  worthless then). Any n. */
  int (*quantise)(int64_t n, const float *g, int64_t *sum);
  /** g[i] = sum[i] 2^-36 (rounded to float), then sum[i] = 0. Any n. */
  void (*restore)(int64_t n, int64_t *sum, float *g);

  /** One Adam step on n parameters, any n: g *= clip; g += coupled p; m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2;
   *  p = (1 - decay) p - rate m / (sqrt(v scale2) + epsilon); e = average e + (1-average) p  (e may be NULL). */
  void (*adam)(const sb_adam_step *s, int64_t n, const float *g, float *m, float *v, float *p, float *e);

  /** out[i] = sum over j < m, in order of j, of |x_i - y_j|_2, for i < n; x [n, d], y [m, d] row-major, double.
   *  Relative error 1e-14; distances between 1e-150 and 1e150, or 0. Eight x_i go together: n small wastes. */
  void (*distance_sum)(int64_t n, int64_t m, int d, const double *x, const double *y, double *out);
  /** out[i] = sum over j of exp(-|x_i - y_j|^2 / (2 h^2)), h > 0, the same shapes. */
  void (*gauss_sum)(int64_t n, int64_t m, int d, double h, const double *x, const double *y, double *out);

  /** sum[i] += sum over j, in order of j, of k(x_i, y_j) v[j], for all SB_BLOCK lanes; k below 1e-307 counts as 3e-308.
   *  keep (NULL: not) receives k [m, SB_BLOCK]. Relative error of k 1e-15 (1 + |log k|). */
  void (*gauss_product)(const sb_gauss *g, const double *v, double *keep, double *sum);
  /** The same sums, to the bit, from what gauss_product kept. */
  void (*kept_product)(int m, const double *keep, const double *v, double *sum);
  /** The same in float with k = 2^(-|x - y|^2 f), relative error 1e-6 (1 + |log k|), not below 2^-126; a call's sum is
   *  in float, and added in double: m of some hundreds. */
  void (*gauss_product32)(const sb_gauss32 *g, const float *v, double *sum);
  /** Softmax averages, for the first `lanes` points: logits q_ij = bias[j] - |x_i - y_j|^2 f. To (top, sum, mean),
   *  which stand for the others met before (start: -inf, 0, 0), adds these: top[i] = max q, sum[i] = sum over j of
   *  exp(q - top), mean[c, i] = sum over j of exp(q - top) value[j, c]: not yet divided by sum. top, sum [SB_BLOCK],
   *  mean [width, SB_BLOCK], value [m, width]. exp below 1e-307 counts as 3e-308. Lanes are rounded up to a vector. */
  void (*gauss_softmax)(const sb_gauss *g, int lanes, const double *bias, int width, const double *value, double *top,
                        double *sum, double *mean);
} sb_kernels;

/** The kernels in use. Valid after sb_isa_choose; before, the best of this CPU. */
const sb_kernels *sb_kernel(void);

/** Variants that this binary holds and this CPU can run, lowest first: level 0 generic, 1 avx2, 2 avx512.
 *  SB_ISA=generic|avx2|avx512 in the environment lowers the choice; an unknown or impossible name is SB_USE. */
sb_status sb_isa_level(int *level);
/** Uses this level (ranks agree on the lowest first). */
void sb_isa_choose(int level);
/** Names by level; NULL beyond the last. */
const sb_kernels *sb_isa_kernels(int level);

#endif
