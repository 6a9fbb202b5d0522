/* Activations, bias, elementary functions of arrays, and the optimiser step: element by element.
 *
 * Formulas: SiLU z / (1 + exp(-z)) (Hendrycks, Gimpel 2016); SELU (Klambauer et al. 2017); Adam
 * (Kingma, Ba 2015, algorithm 1) and decoupled decay (Loshchilov, Hutter 2019). */
#include <string.h>

#include "elementary.h"

#define SELU_SCALE  1.0507009873554805f
#define SELU_BOTTOM 1.7580993408473766f /* scale times alpha */

/* Values and slopes of one vector of arguments. */
typedef struct pair {
  vf value, slope;
} pair;

/* With e = exp(-z) and s = 1 / (1 + e) the slope is s + z s (1 - s) = s (1 + z s e). */
static inline pair silu(vf z) {
  vf e = vf_exp_minus(vf_min(vf_all(86.0f), vf_max(vf_all(-86.0f), z)));
  vf s = vf_reciprocal(1.0f + e);
  vf y = z * s;
  return (pair){y, vf_fma(y, e, vf_all(1.0f)) * s};
}

static inline pair relu(vf z) {
  vi positive = z > 0.0f;
  return (pair){vf_max((vf){0}, z), (vf)(positive & (vi)vf_all(1.0f))};
}

static inline pair leaky_relu(vf z) {
  vf slope = vf_select(z > 0.0f, vf_all(1.0f), vf_all(0.01f));
  return (pair){z * slope, slope};
}

static inline pair selu(vf z) {
  vf below = SELU_BOTTOM * vf_expm1(vf_max(vf_all(-80.0f), vf_min(vf_all(0.0f), z)));
  vi positive = z > 0.0f;
  return (pair){vf_select(positive, z * SELU_SCALE, below),
                vf_select(positive, vf_all(SELU_SCALE), below + SELU_BOTTOM)};
}

/* tanh z = m / (m + 2), m = exp(2 z) - 1. */
static inline pair tanh_of(vf z) {
  vf m = vf_expm1(vf_max(vf_all(-20.0f), vf_min(vf_all(20.0f), z + z)));
  vf y = m / (m + 2.0f);
  return (pair){y, vf_fma(-y, y, vf_all(1.0f))};
}

#define PASS(f)                                                                           \
  static void f##_pass(int rows, int cols, const float *restrict bias, float *restrict z, \
                       float *restrict slope) {                                           \
    for (int i = 0; i < rows; i++, z += cols)                                             \
      for (int j = 0; j < cols; j += NF) {                                                \
        pair p = f(vf_load(z + j) + vf_load(bias + j));                                   \
        vf_store(z + j, p.value);                                                         \
        if (slope) vf_store(slope + (ptrdiff_t)i * cols + j, p.slope);                    \
      }                                                                                   \
  }
PASS(silu)
PASS(relu)
PASS(leaky_relu)
PASS(selu)
PASS(tanh_of)

void KERNEL(activate)(sb_act f, int rows, int cols, const float *bias, float *z, float *slope) {
  static void (*const passes[SB_ACT_COUNT])(int, int, const float *, float *, float *) = {
      [SB_ACT_SILU] = silu_pass,
      [SB_ACT_RELU] = relu_pass,
      [SB_ACT_LEAKY_RELU] = leaky_relu_pass,
      [SB_ACT_SELU] = selu_pass,
      [SB_ACT_TANH] = tanh_of_pass,
  };
  passes[f](rows, cols, bias, z, slope);
}

void KERNEL(add_bias)(int rows, int cols, const float *bias, float *z) {
  for (int i = 0; i < rows; i++, z += cols)
    for (int j = 0; j < cols; j += NF) vf_store(z + j, vf_load(z + j) + vf_load(bias + j));
}

void KERNEL(multiply)(int64_t n, const float *x, float *y) {
  for (int64_t i = 0; i < n; i += NF) vf_store(y + i, vf_load(y + i) * vf_load(x + i));
}

void KERNEL(column_sum)(int rows, int cols, const float *z, float *out) {
  for (int j = 0; j < cols; j += NF) {
    vf sum = {0};
    for (int i = 0; i < rows; i++) sum += vf_load(z + (ptrdiff_t)i * cols + j);
    vf_store(out + j, sum);
  }
}

void KERNEL(exp)(int64_t n, const float *x, float *y) {
  int64_t i = 0;
  for (; i + NF <= n; i += NF) vf_store(y + i, vf_exp(vf_load(x + i)));
  if (i == n) return;
  float last[NF] = {0};
  memcpy(last, x + i, (size_t)(n - i) * sizeof *x);
  vf_store(last, vf_exp(vf_load(last)));
  memcpy(y + i, last, (size_t)(n - i) * sizeof *y);
}

void KERNEL(exp64)(int64_t n, const double *x, double *y) {
  int64_t i = 0;
  for (; i + ND <= n; i += ND) vd_store(y + i, vd_exp(vd_load(x + i)));
  if (i == n) return;
  double last[ND] = {0};
  memcpy(last, x + i, (size_t)(n - i) * sizeof *x);
  vd_store(last, vd_exp(vd_load(last)));
  memcpy(y + i, last, (size_t)(n - i) * sizeof *y);
}

/* Quarters n = round(2 x / pi) have up to 16 bits for |x| <= 1e5; pi / 2 comes in parts of 8 bits,
 * so that the first three products and differences are exact, fused or not. */
static inline void sincos_of(vf x, vf *s, vf *c) {
  vf round = vf_fma(x, vf_all(0.636619772f), vf_all(SB_ROUND));
  vf n = round - SB_ROUND;
  vf r = vf_fma(n, vf_all(-1.5703125f), x);
  r = vf_fma(n, vf_all(-0.0004825592041015625f), r);
  r = vf_fma(n, vf_all(-1.26659870147705078e-06f), r);
  r = vf_fma(n, vf_all(-9.92093579680540425e-10f), r);
  vf_sincos_eighth(r, s, c);
  vf_quarter((vi)round, s, c);
}

void KERNEL(sincos)(int64_t n, const float *x, float *s, float *c) {
  for (int64_t i = 0; i < n; i += NF) {
    size_t bytes = (size_t)(n - i < NF ? n - i : NF) * sizeof *x;
    vf sine, cosine;
    if (bytes == sizeof sine) {
      sincos_of(vf_load(x + i), &sine, &cosine);
      vf_store(s + i, sine), vf_store(c + i, cosine);
    } else {
      vf last = {0};
      memcpy(&last, x + i, bytes);
      sincos_of(last, &sine, &cosine);
      memcpy(s + i, &sine, bytes), memcpy(c + i, &cosine, bytes);
    }
  }
}
