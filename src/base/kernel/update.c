/* Exact sums of gradients and the optimiser step.
 *
 * Sums: adding 1.5 * 2^52 quanta to a double leaves the rounded multiple in its low bits; integers
 * then add in any order. Adam: Kingma, Ba 2015, algorithm 1; decoupled decay: Loshchilov, Hutter
 * 2019. */
#include <string.h>

#include "elementary.h"

#define QUANTUM 0x1p-36
#define SHIFT   (6755399441055744.0 * QUANTUM) /* 1.5 * 2^52 quanta */
#define LIMIT_BITS \
  0x46800000u /* of the float 2^14; of all larger ones, Inf and NaN the bits are greater */

/* Unsigned, so that numbers that are too large overflow by the rules of C. */
static inline vq quanta(vh g) {
#if SB_BYTES == 64 /* the same integers, by one instruction */
  return (vq)_mm512_cvtps_epi64((__m256)(g * (float)(1 / QUANTUM)));
#else
  vd shifted = __builtin_convertvector(g, vd) + SHIFT;
  return (vq)shifted - (vq)vd_all(SHIFT);
#endif
}

/* The larger of the entries met so far and these, without their signs; lane by lane. */
static inline vu largest(vu so_far, vf g) {
  vu twice = (vu)g << 1, more = (vu)(twice > so_far);
  return (more & twice) | (~more & so_far);
}

int KERNEL(quantise)(int64_t n, const float *g, int64_t *sum) {
  vu most = {0};
  int64_t i = 0;
  for (; i + NF <= n; i += NF) {
    vl_store(sum + i, (vl)((vq)vl_load(sum + i) + quanta(vh_load(g + i))));
    vl_store(sum + i + ND, (vl)((vq)vl_load(sum + i + ND) + quanta(vh_load(g + i + ND))));
    most = largest(most, vf_load(g + i));
  }
  if (i < n) {
    float last[NF] = {0};
    int64_t whole[NF];
    memcpy(last, g + i, (size_t)(n - i) * sizeof *g);
    vl_store(whole, (vl)quanta(vh_load(last)));
    vl_store(whole + ND, (vl)quanta(vh_load(last + ND)));
    most = largest(most, vf_load(last));
    for (int64_t j = i; j < n; j++) sum[j] = (int64_t)((uint64_t)sum[j] + (uint64_t)whole[j - i]);
  }
  int bad = 0;
  for (int lane = 0; lane < NF; lane++) bad |= most[lane] >= LIMIT_BITS << 1;
  return bad;
}

/* Halves of 32 bits as the low bits of 2^52 and of 2^84, put together with one rounding. */
static inline vh from_quanta(vl sum) {
  vd low = (vd)(((vq)sum & 0xffffffffu) | 0x4330000000000000u);
  vd high = (vd)(((vq)sum >> 32) ^ 0x4530000080000000u);
  vd x = (high - (0x1p84 + 0x1p63 + 0x1p52)) + low;
  return __builtin_convertvector(x * QUANTUM, vh);
}

void KERNEL(restore)(int64_t n, int64_t *sum, float *g) {
  int64_t i = 0;
  for (; i + ND <= n; i += ND) {
    vh_store(g + i, from_quanta(vl_load(sum + i)));
    vl_store(sum + i, (vl){0});
  }
  if (i == n) return;
  vl last = {0};
  memcpy(&last, sum + i, (size_t)(n - i) * sizeof *sum);
  vh part = from_quanta(last);
  memcpy(g + i, &part, (size_t)(n - i) * sizeof *g);
  memset(sum + i, 0, (size_t)(n - i) * sizeof *sum);
}

/* Parameters of one vector. */
typedef struct cell {
  vf m, v, p;
} cell;

static inline cell step(const sb_adam_step *s, vf g, cell x) {
  g = vf_fma(vf_all(s->coupled), x.p, g * s->clip);
  x.m = vf_fma(vf_all(s->beta1), x.m, (1.0f - s->beta1) * g);
  x.v = vf_fma(vf_all(s->beta2), x.v, (1.0f - s->beta2) * g * g);
  vf move = s->rate * x.m / (vf_sqrt(x.v * s->scale2) + s->epsilon);
  x.p = x.p * (1.0f - s->decay) - move;
  return x;
}

static inline vf averaged(const sb_adam_step *s, vf e, vf p) {
  return vf_fma(vf_all(s->average), e, (1.0f - s->average) * p);
}

void KERNEL(adam)(const sb_adam_step *given, int64_t n, const float *g, float *m, float *v,
                  float *p, float *e) {
  const sb_adam_step own = *given, *s = &own; /* no store below can change it */
  int64_t i = 0;
  for (; i + NF <= n; i += NF) {
    cell x = step(s, vf_load(g + i), (cell){vf_load(m + i), vf_load(v + i), vf_load(p + i)});
    vf_store(m + i, x.m), vf_store(v + i, x.v), vf_store(p + i, x.p);
    if (e) vf_store(e + i, averaged(s, vf_load(e + i), x.p));
  }
  if (i == n) return;
  size_t bytes = (size_t)(n - i) * sizeof(float);
  vf gradient = {0}, mean = {0};
  cell x = {{0}, {0}, {0}};
  memcpy(&gradient, g + i, bytes);
  memcpy(&x.m, m + i, bytes), memcpy(&x.v, v + i, bytes), memcpy(&x.p, p + i, bytes);
  x = step(s, gradient, x);
  memcpy(m + i, &x.m, bytes), memcpy(v + i, &x.v, bytes), memcpy(p + i, &x.p, bytes);
  if (!e) return;
  memcpy(&mean, e + i, bytes);
  mean = averaged(s, mean, x.p);
  memcpy(e + i, &mean, bytes);
}
