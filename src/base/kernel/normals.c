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

/* Vectors of blocks in the works at once: pairs to be joined, interleaved where registers suffice.
 */
enum { PAIRS = SB_BYTES == 64 ? 2 : 1, SETS = 2 * PAIRS, BLOCKS = PAIRS * NF };

/* Where the blocks of a vector stand: particle, and number among the blocks of that particle. */
typedef struct place {
  vq index, block;
} place;

/* What is the same for all blocks of a call. */
typedef struct call {
  vq keys[10][2];      /* of the ten rounds, high and low half of the key */
  uint64_t high, base; /* epoch << 24; first draw in blocks */
  uint32_t step;
  uint64_t per, skip, rest; /* blocks of a particle; BLOCKS / per; BLOCKS % per */
} call;

SB_INLINE void call_open(uint64_t key, uint32_t epoch, uint32_t step, uint64_t base, uint64_t per,
                         call *k) {
  k->high = (uint64_t)epoch << 24;
  k->base = base;
  k->step = step;
  k->per = per;
  k->skip = BLOCKS / per;
  k->rest = BLOCKS % per;
  for (uint32_t i = 0; i < 10; i++) {
    k->keys[i][0] = vq_all((uint32_t)key + i * 0x9E3779B9u);
    k->keys[i][1] = vq_all((uint32_t)(key >> 32) + i * 0xBB67AE85u);
  }
}

/* Places of the first BLOCKS blocks. */
SB_INLINE void places(const call *k, int64_t first, place *at) {
  uint64_t index[BLOCKS], block[BLOCKS];
  vq lane;
  if (k->per == 1) {
    for (int i = 0; i < ND; i++) lane[i] = (uint64_t)i;
    for (int i = 0; i < SETS; i++)
      at[i] = (place){lane + ((uint64_t)first + (uint64_t)i * ND), (vq){0}};
    return;
  }
  index[0] = (uint64_t)first, block[0] = 0;
  for (int i = 1; i < BLOCKS; i++) {
    uint64_t over = block[i - 1] + 1 == k->per;
    index[i] = index[i - 1] + over, block[i] = over ? 0 : block[i - 1] + 1;
  }
  for (int i = 0; i < SETS; i++) {
    memcpy(&at[i].index, index + i * ND, sizeof(vq));
    memcpy(&at[i].block, block + i * ND, sizeof(vq));
  }
}

/* Ten rounds on all sets; when only two words are wanted the last of the products is left out. */
SB_INLINE void philox(const call *k, const place *at, const int want, vq w[4][SETS]) {
  enum { U = SETS };
  vq first[SETS], second[SETS];
  EACH(w[0][u] = at[u].index);
  EACH(w[1][u] = at[u].index >> 32 | k->high);
  EACH(w[2][u] = vq_all(k->step));
  EACH(w[3][u] = at[u].block + k->base);
  for (int round = 0; round < 10; round++) {
    EACH(first[u] = vq_even(w[0][u], vq_all(0xD2511F53u)));
    EACH(second[u] = vq_even(w[2][u], vq_all(0xCD9E8D57u)));
    EACH(w[0][u] = second[u] >> 32 ^ w[1][u] ^ k->keys[round][0]);
    EACH(w[1][u] = second[u]);
    if (round == 9 && want == 2) break;
    EACH(w[2][u] = first[u] >> 32 ^ w[3][u] ^ k->keys[round][1]);
    EACH(w[3][u] = first[u]);
  }
}

/* r = sqrt(-2 log u), u = (w + 1/2) 2^-32. Above 1/2 the distance to 1 counts: u = 1 - t, t from
 * the complement of w. Below, u is a mantissa in [1/2, 1) and an exponent <= 0: either way a
 * logarithm of 1 + f, f in [-1/2, 0], with no cancellation; -2 log(1 + f) = f p(f), 2.3e-8. */
SB_INLINE void radius(const int U, const vi *w, vf *r) {
  vi above[SETS], bits[SETS], e[SETS];
  vf t[SETS], f[SETS], p[SETS];
  EACH(above[u] = w[u] >> 31);
  EACH(t[u] = __builtin_convertvector(w[u] ^ above[u], vf));
  EACH(t[u] = vf_fma(t[u], vf_all(0x1p-32f), vf_all(0x1p-33f)));
  EACH(bits[u] = (vi)t[u]);
  EACH(f[u] = (vf)((bits[u] & 0x007fffff) | 0x3f000000) - 1.0f);
  EACH(f[u] = vf_select(above[u], -t[u], f[u]));
  EACH(e[u] = ((bits[u] >> 23) - 126) & ~above[u]);
  EACH(p[u] = vf_fma(f[u], vf_all(-2.88221359f), vf_all(-3.39161968f)));
  EACH(p[u] = vf_fma(p[u], f[u], vf_all(-2.51533628f)));
  EACH(p[u] = vf_fma(p[u], f[u], vf_all(-0.407076567f)));
  EACH(p[u] = vf_fma(p[u], f[u], vf_all(-0.539225221f)));
  EACH(p[u] = vf_fma(p[u], f[u], vf_all(0.485610187f)));
  EACH(p[u] = vf_fma(p[u], f[u], vf_all(-0.667401254f)));
  EACH(p[u] = vf_fma(p[u], f[u], vf_all(0.999985695f)));
  EACH(p[u] = vf_fma(p[u], f[u], vf_all(-2.0f)));
  EACH(t[u] = __builtin_convertvector(e[u], vf) * -1.38629436f);
  EACH(r[u] = vf_sqrt(vf_fma(p[u], f[u], t[u])));
}

/* x = r cos a, y = r sin a, a = 2 pi (w + 1/2) 2^-32. Half turns change the sign of r; the rest is
 * an angle v of at most a quarter turn, sin v = v + v q(v^2), 5e-9, cos v = 1 + v^2 q(v^2), 2e-10.
 */
SB_INLINE void turned(const int U, const vi *w, vf *r, vf *x, vf *y) {
  vf v[SETS], q[SETS], s[SETS], c[SETS];
  EACH(v[u] = __builtin_convertvector((vi)((vu)w[u] << 1) >> 1, vf));
  EACH(r[u] = (vf)((vi)r[u] ^ (((vi)((vu)w[u] + 0x40000000u)) & INT32_MIN)));
  EACH(v[u] = vf_fma(v[u], vf_all(1.46291807926715968e-9f), vf_all(7.3145903963357984e-10f)));
  EACH(q[u] = v[u] * v[u]);
  EACH(s[u] = vf_fma(q[u], vf_all(2.60005436e-06f), vf_all(-0.000198066147f)));
  EACH(c[u] = vf_fma(q[u], vf_all(-2.60771031e-07f), vf_all(2.47618864e-05f)));
  EACH(s[u] = vf_fma(q[u], s[u], vf_all(0.00833301712f)));
  EACH(c[u] = vf_fma(q[u], c[u], vf_all(-0.00138884038f)));
  EACH(s[u] = vf_fma(q[u], s[u], vf_all(-0.166666567f)));
  EACH(c[u] = vf_fma(q[u], c[u], vf_all(0.0416666418f)));
  EACH(s[u] = q[u] * s[u]);
  EACH(c[u] = vf_fma(q[u], c[u], vf_all(-0.5f)));
  EACH(s[u] = vf_fma(s[u], v[u], v[u]));
  EACH(c[u] = vf_fma(q[u], c[u], vf_all(1.0f)));
  EACH(x[u] = r[u] * c[u]);
  EACH(y[u] = r[u] * s[u]);
}

/* Sets a and b side by side: low halves of both. */
static inline vi joined(vq a, vq b) { return (vi)((a & 0xffffffffu) | b << 32); }

/* Pairs (x, y) of the blocks of a, of b. */
static inline vq pairs_a(vf x, vf y) { return ((vq)x & 0xffffffffu) | (vq)y << 32; }
static inline vq pairs_b(vf x, vf y) { return (vq)x >> 32 | ((vq)y & ~(uint64_t)0xffffffffu); }

static inline void put(float *out, vq x) { vf_store(out, (vf)x); }

/* BLOCKS blocks: out receives want normals of each (2 or 4), block by block. */
SB_INLINE void blocks(const call *k, const place *at, const int want, float *out) {
  const int U = PAIRS * want / 2; /* vectors of pairs of words; w0 and w1 come first */
  vq w[4][SETS];
  vi one[SETS], two[SETS];
  vf r[SETS], x[SETS], y[SETS];
  philox(k, at, want, w);
  EACH(one[u] = joined(w[u / PAIRS * 2][u % PAIRS * 2], w[u / PAIRS * 2][u % PAIRS * 2 + 1]));
  EACH(two[u] =
           joined(w[u / PAIRS * 2 + 1][u % PAIRS * 2], w[u / PAIRS * 2 + 1][u % PAIRS * 2 + 1]));
  radius(U, one, r);
  turned(U, two, r, x, y);
  for (int i = 0; i < PAIRS; i++, out += want * NF) {
    vq a = pairs_a(x[i], y[i]), b = pairs_b(x[i], y[i]);
    if (want == 2) {
      put(out, a), put(out + NF, b);
    } else {
      vq a2 = pairs_a(x[PAIRS + i], y[PAIRS + i]), b2 = pairs_b(x[PAIRS + i], y[PAIRS + i]);
      put(out, vq_low(a, a2)), put(out + NF, vq_high(a, a2));
      put(out + 2 * NF, vq_low(b, b2)), put(out + 3 * NF, vq_high(b, b2));
    }
  }
}

/* BLOCKS further on. */
SB_INLINE void advance(const call *k, place *at) {
  for (int i = 0; i < SETS; i++) {
    at[i].block += k->rest;
    vq over = (vq)(at[i].block >= k->per);
    at[i].block -= over & k->per;
    at[i].index += k->skip - over;
  }
}

/* Rows of one block, cut to d: 1 and 3 known to the compiler, which then finds a fast way. */
SB_INLINE void cut(int64_t count, const float *from, const int want, const int d, float *out) {
  for (int64_t i = 0; i < count; i++)
    for (int c = 0; c < d; c++) out[i * d + c] = from[i * want + c];
}

/* Copies count blocks of `want` normals to rows of d. *in_row: number of the first one in its row.
 * Returns the end. */
SB_INLINE float *copy_rows(int64_t count, const float *from, const int want, int d, int *in_row,
                           float *out) {
  if (d <= 4) {
    if (d == 1) cut(count, from, want, 1, out);
    if (d == 2) cut(count, from, want, 2, out);
    if (d == 3) cut(count, from, want, 3, out);
    if (d == 4) cut(count, from, want, 4, out);
    return out + count * d;
  }
  int left = d - 4 * *in_row;
  for (int64_t i = 0; i < count; i++, from += want) {
    if (left > 4) {
      memcpy(out, from, 4 * sizeof *out);
      out += 4, left -= 4;
    } else {
      for (int c = 0; c < left; c++) *out++ = from[c];
      left = d;
    }
  }
  *in_row = (d - left) / 4;
  return out;
}

SB_INLINE void run(const call *k, int64_t first, int64_t total, int d, const int want, float *out) {
  float buffer[4 * BLOCKS] __attribute__((aligned(64)));
  place at[SETS];
  places(k, first, at);
  int straight = d == 2 || d % 4 == 0, in_row = 0;
  for (int64_t i = 0; i < total; i += BLOCKS, advance(k, at)) {
    int64_t here = total - i < BLOCKS ? total - i : BLOCKS;
    if (straight && here == BLOCKS) {
      blocks(k, at, want, out);
      out += want * BLOCKS;
    } else {
      blocks(k, at, want, buffer);
      out = copy_rows(here, buffer, want, d, &in_row, out);
    }
  }
}

/* The words 0 and 1 of a block, one behind the other in 64 bits. */
void KERNEL(uniforms)(uint64_t key, int64_t first, int count, uint32_t step, double *out) {
  enum { U = SETS };
  call k;
  place at[SETS];
  vq w[4][SETS];
  vd x[SETS];
  call_open(key, 0, step, 0, 1, &k);
  places(&k, first, at);
  for (; count > 0; count -= BLOCKS, out += BLOCKS, advance(&k, at)) {
    philox(&k, at, 2, w);
    EACH(w[0][u] = (w[0][u] & 0xffffffffu) | w[1][u] << 32);
    EACH(x[u] = (vd)(w[0][u] >> 12 | 0x3ff0000000000000u) - 1.0 + 0x1p-53);
    memcpy(out, x, (size_t)(count < BLOCKS ? count : BLOCKS) * sizeof *out);
  }
}

void KERNEL(normals)(uint64_t key, int64_t first, int count, uint32_t epoch, uint32_t step,
                     int64_t first_draw, int draws, int d, float *out) {
  if (count <= 0 || draws <= 0 || d <= 0) return;
  const uint64_t row = ((uint64_t)d + 3) / 4, per = row * (uint64_t)draws;
  call k;
  call_open(key, epoch, step, (uint64_t)first_draw * row, per, &k);
  if (d <= 2)
    run(&k, first, count * (int64_t)per, d, 2, out);
  else
    run(&k, first, count * (int64_t)per, d, 4, out);
}
