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

/* SiLU, the activation of almost all layers: e = exp(-z) = 2^n p(f), 7.5e-8; with s = 1 / (1 + e)
 * the slope is s + z s (1 - s) = s (1 + z s e). */
enum { MANY = SB_BYTES == 64 ? 4 : 2 };
SB_INLINE void silu(const int U, const float *bias, float *z, float *slope) {
  vf x[MANY], y[MANY], n[MANY], f[MANY], p[MANY], e[MANY], s[MANY];
  EACH(x[u] = vf_load(z + u * NF) + vf_load(bias + u * NF));
  EACH(y[u] = vf_clamp(x[u], 86.0f));
  EACH(n[u] = vf_fma(y[u], vf_all((float)-SB_LOG2E), vf_all(SB_ROUND)));
  EACH(f[u] = vf_fma(y[u], vf_all((float)-SB_LOG2E), SB_ROUND - n[u]));
  EACH(p[u] = vf_fma(f[u], vf_all(0.00132763525f), vf_all(0.00967565551f)));
  EACH(p[u] = vf_fma(f[u], p[u], vf_all(0.0555071458f)));
  EACH(p[u] = vf_fma(f[u], p[u], vf_all(0.240221173f)));
  EACH(p[u] = vf_fma(f[u], p[u], vf_all(0.693146944f)));
  EACH(p[u] = vf_fma(f[u], p[u], vf_all(1.00000012f)));
  EACH(e[u] = (vf)((vi)p[u] + ((vi)n[u] << 23)));
  EACH(s[u] = 1.0f / (1.0f + e[u]));
  EACH(y[u] = x[u] * s[u]);
  EACH(vf_store(z + u * NF, y[u]));
  if (!slope) return;
  EACH(p[u] = vf_fma(y[u], e[u], vf_all(1.0f)));
  EACH(vf_store(slope + u * NF, p[u] * s[u]));
}

static void silu_pass(int rows, int cols, const float *restrict bias, float *restrict z,
                      float *restrict slope) {
  for (int i = 0; i < rows; i++, z += cols) {
    int j = 0;
    for (; j + MANY * NF <= cols; j += MANY * NF)
      silu(MANY, bias + j, z + j, slope ? slope + j : NULL);
    for (; j < cols; j += NF) silu(1, bias + j, z + j, slope ? slope + j : NULL);
    if (slope) slope += cols;
  }
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

/* U vectors of columns. */
SB_INLINE void column_sums(const int U, int rows, ptrdiff_t cols, const float *slope, float *z,
                           float *out) {
  vf sum[8], x[8];
  EACH(sum[u] = (vf){0});
  for (int i = 0; i < rows; i++, z += cols) {
    EACH(x[u] = vf_load(z + u * NF));
    if (slope) {
      EACH(x[u] *= vf_load(slope + u * NF));
      EACH(vf_store(z + u * NF, x[u]));
      slope += cols;
    }
    EACH(sum[u] += x[u]);
  }
  EACH(vf_store(out + u * NF, sum[u]));
}

void KERNEL(column_sum)(int rows, int cols, const float *slope, float *z, float *out) {
  enum { MOST = SB_BYTES == 64 ? 8 : 4 };
  int j = 0;
  for (; j + MOST * NF <= cols; j += MOST * NF)
    column_sums(MOST, rows, cols, slope ? slope + j : NULL, z + j, out + j);
  for (; j < cols; j += NF) column_sums(1, rows, cols, slope ? slope + j : NULL, z + j, out + j);
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

/* The operations of sb_log, in its order. */
SB_INLINE void log_of(const int U, const vd *x, vd *y) {
  const uint64_t half_up = 0x00095f619980c433u; /* carries into the exponent from sqrt 2 on */
  vq bits[4];
  vd n[4], f[4], s[4], z[4], w[4], half[4], even[4], odd[4];
  EACH(bits[u] = (vq)x[u] + half_up);
  /* The exponent as the low bits of 2^52. */
  EACH(n[u] = (vd)(bits[u] >> 52 | 0x4330000000000000u) - (0x1p52 + 1023));
  EACH(f[u] = (vd)((bits[u] & 0x000fffffffffffffu) + (0x3ff0000000000000u - half_up)) - 1.0);
  EACH(s[u] = f[u] / (2.0 + f[u]));
  EACH(z[u] = s[u] * s[u]);
  EACH(half[u] = 0.5 * f[u] * f[u]);
  EACH(w[u] = z[u] * z[u]);
  EACH(even[u] = w[u] *
                 (0.39999999999413965 + w[u] * (0.22222198553807207 + w[u] * 0.15314021147044496)));
  EACH(odd[u] = z[u] * (0.6666666666666734 +
                        w[u] * (0.28571428742561944 +
                                w[u] * (0.18183565406124441 + w[u] * 0.14796260888379414))));
  EACH(y[u] = n[u] * 6.93147180369123816490e-01 -
              ((half[u] -
                (s[u] * (half[u] + (even[u] + odd[u])) + n[u] * 1.90821492927058770002e-10)) -
               f[u]));
}

void KERNEL(log64)(int64_t n, const double *x, double *y) {
  enum { U = 2 };
  int64_t i = 0;
  for (; i + U * ND <= n; i += U * ND) {
    vd in[U], out[U];
    EACH(in[u] = vd_load(x + i + u * ND));
    log_of(U, in, out);
    EACH(vd_store(y + i + u * ND, out[u]));
  }
  for (; i < n; i += ND) {
    size_t bytes = (size_t)(n - i < ND ? n - i : ND) * sizeof *x;
    vd in = vd_all(1), out;
    memcpy(&in, x + i, bytes);
    log_of(1, &in, &out);
    memcpy(y + i, &out, bytes);
  }
}

void KERNEL(exp64)(int64_t n, const double *x, double *y) {
  enum { U = 4 };
  int64_t i = 0;
  for (; i + U * ND <= n; i += U * ND) {
    vd in[U], out[U];
    EACH(in[u] = vd_load(x + i + u * ND));
    vd_exp(U, in, out);
    EACH(vd_store(y + i + u * ND, out[u]));
  }
  for (; i < n; i += ND) {
    size_t bytes = (size_t)(n - i < ND ? n - i : ND) * sizeof *x;
    vd in = {0}, out;
    memcpy(&in, x + i, bytes);
    vd_exp(1, &in, &out);
    memcpy(y + i, &out, bytes);
  }
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

void KERNEL(waves)(int rows, int n, const float *u, const float *v, const float *x, const float *y,
                   float *out, ptrdiff_t ld) {
  for (int i = 0; i < rows; i++, out += ld)
    for (int k = 0; k < n; k += NF) {
      size_t bytes = (size_t)(n - k < NF ? n - k : NF) * sizeof *out;
      vf sine, cosine;
      sincos_of(vf_load(u + k) * x[i] + vf_load(v + k) * y[i], &sine, &cosine);
      if (bytes == sizeof sine) {
        vf_store(out + k, sine), vf_store(out + n + k, cosine);
      } else {
        memcpy(out + k, &sine, bytes), memcpy(out + n + k, &cosine, bytes);
      }
    }
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
