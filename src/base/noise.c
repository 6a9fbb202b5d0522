/* Streams, words, uniforms and permutations by counter: see sb/noise.h. Philox4x32-10 is
 * Random123's. */
#include "sb/noise.h"

#include <Random123/philox.h>
#include <string.h>

#include "sb/kernel.h"

static philox4x32_ctr_t words_of(uint64_t key, uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3) {
  philox4x32_ctr_t c = {{c0, c1, c2, c3}};
  philox4x32_key_t k = {{(uint32_t)key, (uint32_t)(key >> 32)}};
  return philox4x32(c, k);
}

/* Philox under the key of the seed is one-to-one on what a stream is for; half of the image is the
 * stream's key. */
uint64_t sb_noise_key(uint64_t seed, sb_purpose purpose, uint32_t outer, uint32_t outer2) {
  philox4x32_ctr_t r = words_of(seed, (uint32_t)purpose, outer, outer2, SB_NOISE_LAYOUT);
  return (uint64_t)r.v[1] << 32 | r.v[0];
}

void sb_noise_words(uint64_t key, int64_t index, uint32_t epoch, uint32_t step, uint32_t block,
                    uint32_t out[4]) {
  uint64_t i = (uint64_t)index;
  philox4x32_ctr_t r = words_of(key, (uint32_t)i, (uint32_t)(i >> 32) | epoch << 24, step, block);
  for (int k = 0; k < 4; k++) out[k] = r.v[k];
}

void sb_noise_normals(uint64_t key, int64_t first, int count, uint32_t step, int d, float *out) {
  sb_kernel()->normals(key, first, count, 0, step, 0, 1, d, out);
}

/* The floats begin in the upper half of the doubles' own memory: reading ahead of writing, no
 * second buffer is needed. */
void sb_noise_normals64(uint64_t key, int64_t first, int count, uint32_t step, int d, double *out) {
  int64_t n = (int64_t)count * d;
  float *narrow = (float *)(void *)out + n;
  sb_noise_normals(key, first, count, step, d, narrow);
  for (int64_t i = 0; i < n; i++) {
    float value;
    memcpy(&value, narrow + i, sizeof value);
    out[i] = (double)value;
  }
}

/* Twelve bits are dropped, so that k + 1/2 is exact and the ends are never reached. */
double sb_noise_uniform(uint64_t key, int64_t index, uint32_t step, int which) {
  uint32_t w[4];
  sb_noise_words(key, index, 0, step, 0, w);
  uint64_t bits = (uint64_t)w[2 * which + 1] << 32 | w[2 * which];
  return ((double)(bits >> 12) + 0.5) * 0x1p-52;
}

void sb_noise_uniforms(uint64_t key, int64_t first, int count, uint32_t step, double *out) {
  sb_kernel()->uniforms(key, first, count, step, out);
}

int64_t sb_noise_permute(uint64_t key, int64_t n, uint32_t epoch, int64_t i) {
  int64_t image;
  sb_kernel()->permute(key, n, epoch, i, 1, &image);
  return image;
}
