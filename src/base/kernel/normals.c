/* Normals by counter: Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011) and the transform of Box and
 * Muller (1958), fused.
 *
 * A block is one counter, i.e. up to four normals; the blocks of a call are numbered particle by
 * particle, draw by draw. Words live in the low halves of 64-bit lanes, where the 32 x 32 -> 64 bit
 * product needs no shuffles; what is in the high halves does not matter. Two such vectors, of
 * blocks 0 .. ND-1 and ND .. NF-1, are then joined lane by lane, which makes pairs of normals leave
 * in the right order without shuffles again. */
#include <string.h>

#include "elementary.h"

typedef struct words {
  vq w[4];
} words;

/* Ten rounds; when only two words are wanted the last product is left out. */
static inline __attribute__((always_inline)) words philox(words c, uint64_t key, const int want) {
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
    vq first = vq_even(c.w[0], vq_all(0xD2511F53u)), second = vq_even(c.w[2], vq_all(0xCD9E8D57u));
    c = (words){{second >> 32 ^ c.w[1] ^ k0, second, first >> 32 ^ c.w[3] ^ k1, first}};
    if (round == 9 && want == 2) c.w[2] = c.w[3] = (vq){0};
  }
  return c;
}

/* Root of -2 log u, u = (w + 1/2) 2^-32. Above 1/2 the distance to 1 counts: u = 1 - t, t from the
 * complement of w. Below, u is a mantissa in [1/2, 1) and an exponent <= 0: either way a logarithm
 * of 1 + f, f in [-1/2, 0], with no cancellation. */
static inline vf radius(vi w) {
  vi above = w >> 31;
  vf t = (__builtin_convertvector(w ^ above, vf) + 0.5f) * 0x1p-32f;
  vi bits = (vi)t;
  vf mantissa = (vf)((bits & 0x007fffff) | 0x3f000000);
  vf f = vf_select(above, -t, mantissa - 1.0f);
  vf exponent = __builtin_convertvector(((bits >> 23) - 126) & ~above, vf);
  vf p = vf_fma(f, vf_all(1.4411068f), vf_all(1.69580984f));
  p = vf_fma(p, f, vf_all(1.25766814f));
  p = vf_fma(p, f, vf_all(0.203538284f));
  p = vf_fma(p, f, vf_all(0.26961261f));
  p = vf_fma(p, f, vf_all(-0.242805094f));
  p = vf_fma(p, f, vf_all(0.333700627f));
  p = vf_fma(p, f, vf_all(-0.499992847f));
  vf log1p = vf_fma(p * f, f, f);
  vf log = vf_fma(exponent, vf_all(0.693147181f), log1p);
  return vf_sqrt(-2.0f * log);
}

/* Two independent normals; the angle is taken from the nearest quarter. */
static inline void box_muller(vi w0, vi w1, vf *x, vf *y) {
  vf r = radius(w0), s, c;
  vi quarter = (vi)((vu)w1 + 0x20000000u) >> 30;
  vi rest = (vi)((vu)w1 << 2) >> 2;
  vf angle = (__builtin_convertvector(rest, vf) + 0.5f) * 1.46291807926715968e-9f; /* 2 pi / 2^32 */
  vf_sincos_eighth(angle, &s, &c);
  vf_quarter(quarter, &s, &c);
  *x = r * c;
  *y = r * s;
}

/* Blocks a and b side by side: low halves of both. */
static inline vi joined(vq a, vq b) { return (vi)((a & 0xffffffffu) | b << 32); }

/* Pairs (x, y) of the blocks of a, of b. */
static inline vq pairs_a(vf x, vf y) { return ((vq)x & 0xffffffffu) | (vq)y << 32; }
static inline vq pairs_b(vf x, vf y) { return (vq)x >> 32 | ((vq)y & ~(uint64_t)0xffffffffu); }

/* Where the blocks stand: particle of each and its number among the blocks of that particle. */
typedef struct place {
  vq index, block;
} place;

/* What is the same for all blocks of a call. */
typedef struct call {
  uint64_t key, high; /* high: epoch << 24 */
  uint32_t step;
  uint64_t per, skip, rest; /* blocks of a particle; NF / per; NF % per */
} call;

static inline place next(place p, const call *k) {
  p.block += k->rest;
  vq over = (vq)(p.block >= k->per);
  p.block -= over & k->per;
  p.index += k->skip - over;
  return p;
}

/* NF blocks: out receives want normals of each (2 or 4), block by block. */
static inline __attribute__((always_inline)) void blocks(const call *k, place a, place b,
                                                         uint64_t base, const int want,
                                                         float *out) {
  words wa = philox((words){{a.index, a.index >> 32 | k->high, vq_all(k->step), a.block + base}},
                    k->key, want);
  words wb = philox((words){{b.index, b.index >> 32 | k->high, vq_all(k->step), b.block + base}},
                    k->key, want);
  vf n[4];
  box_muller(joined(wa.w[0], wb.w[0]), joined(wa.w[1], wb.w[1]), &n[0], &n[1]);
  if (want == 2) {
    vl_store((int64_t *)(void *)out, (vl)pairs_a(n[0], n[1]));
    vl_store((int64_t *)(void *)(out + NF), (vl)pairs_b(n[0], n[1]));
    return;
  }
  box_muller(joined(wa.w[2], wb.w[2]), joined(wa.w[3], wb.w[3]), &n[2], &n[3]);
  vq a01 = pairs_a(n[0], n[1]), a23 = pairs_a(n[2], n[3]), b01 = pairs_b(n[0], n[1]),
     b23 = pairs_b(n[2], n[3]);
  vf_store(out, (vf)vq_low(a01, a23));
  vf_store(out + NF, (vf)vq_high(a01, a23));
  vf_store(out + 2 * NF, (vf)vq_low(b01, b23));
  vf_store(out + 3 * NF, (vf)vq_high(b01, b23));
}

/* Copies count blocks of `want` normals to rows of d: the last block of a row is cut. *at: number
 * of the block in its row. */
static float *copy_rows(int64_t count, const float *from, int want, int d, int *at, float *out) {
  for (int64_t i = 0; i < count; i++, from += want) {
    int left = d - 4 * *at, width = left < want ? left : want;
    for (int c = 0; c < width; c++) *out++ = from[c];
    *at = left <= 4 ? 0 : *at + 1;
  }
  return out;
}

static inline __attribute__((always_inline)) void run(const call *k, int64_t first, int64_t total,
                                                      uint64_t base, int d, const int want,
                                                      float *out) {
  float buffer[4 * NF] __attribute__((aligned(64)));
  place a, b;
  for (int lane = 0; lane < ND; lane++) {
    a.index[lane] = (uint64_t)first + (uint64_t)lane / k->per,
    a.block[lane] = (uint64_t)lane % k->per;
    b.index[lane] = (uint64_t)first + (uint64_t)(lane + ND) / k->per,
    b.block[lane] = (uint64_t)(lane + ND) % k->per;
  }
  int straight = d == 2 || d % 4 == 0, at = 0;
  for (int64_t i = 0; i < total; i += NF, a = next(a, k), b = next(b, k)) {
    int64_t here = total - i < NF ? total - i : NF;
    if (straight && here == NF) {
      blocks(k, a, b, base, want, out);
      out += want * NF;
    } else {
      blocks(k, a, b, base, want, buffer);
      out = copy_rows(here, buffer, want, d, &at, out);
    }
  }
}

void KERNEL(normals)(uint64_t key, int64_t first, int count, uint32_t epoch, uint32_t step,
                     int64_t first_draw, int draws, int d, float *out) {
  if (count <= 0 || draws <= 0 || d <= 0) return;
  uint64_t row = ((uint64_t)d + 3) / 4, per = row * (uint64_t)draws;
  call k = {key, (uint64_t)epoch << 24, step, per, NF / per, NF % per};
  if (d <= 2)
    run(&k, first, count * (int64_t)per, (uint64_t)first_draw * row, d, 2, out);
  else
    run(&k, first, count * (int64_t)per, (uint64_t)first_draw * row, d, 4, out);
}
