/* CRC-64/XZ (ECMA-182, reflected).
 *
 * A step waits for the one before, so four stretches of the data are taken at once, which is three
 * times as fast, and their remainders joined: the remainder of A followed by B is that of A
 * followed by as many zeros, plus that of B.
 *
 * Where the processor multiplies polynomials, blocks of 128 bits are folded instead (Gopal et al.
 * 2009, for this order of bits): of a block (low, high) that D bits further on is added to another
 * one there is left low x^(64 + D) + high x^D modulo the polynomial. As bit k of a product stands
 * for x^(127 - k), one power of x less is multiplied with. */
#include "sb/crc.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#ifdef SB_HAVE_X86
#include <immintrin.h>
#endif

#define POLYNOMIAL \
  UINT64_C(0xC96C5795D7870F42) /* x^64 + x^62 + x^57 + ... + x + 1, low bit = x^63 */
#define ONE     (UINT64_C(1) << 63)
#define STRETCH 2048 /* bytes */

typedef uint64_t tables[8][256];
static tables bytes_of; /* [k][b]: byte b followed by k zeros                                 */
static tables jump_of;  /* [k][b]: b as byte k of a remainder, followed by STRETCH zeros      */

static uint64_t look_up(tables t, uint64_t w) {
  return t[0][w >> 56] ^ t[1][w >> 48 & 255] ^ t[2][w >> 40 & 255] ^ t[3][w >> 32 & 255] ^
         t[4][w >> 24 & 255] ^ t[5][w >> 16 & 255] ^ t[6][w >> 8 & 255] ^ t[7][w & 255];
}

static uint64_t load(const unsigned char *p) {
  return p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
         (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

/* a(x) b(x) modulo the polynomial. */
static uint64_t times(uint64_t a, uint64_t b) {
  uint64_t product = 0;
  for (; a; a <<= 1) {
    if (a & ONE) product ^= b;
    b = (b >> 1) ^ (b & 1 ? POLYNOMIAL : 0);
  }
  return product;
}

uint64_t sb_crc_shift(uint64_t crc, int64_t bytes) {
  uint64_t power = ONE >> 8; /* x^8: one byte of zeros */
  for (; bytes > 0; bytes >>= 1) {
    if (bytes & 1) crc = times(crc, power);
    power = times(power, power);
  }
  return crc;
}

static void make_tables(void) {
  for (unsigned b = 0; b < 256; b++) {
    uint64_t r = b;
    for (int bit = 0; bit < 8; bit++) r = (r >> 1) ^ (r & 1 ? POLYNOMIAL : 0);
    bytes_of[0][b] = r;
  }
  for (int k = 1; k < 8; k++)
    for (unsigned b = 0; b < 256; b++)
      bytes_of[k][b] = (bytes_of[k - 1][b] >> 8) ^ bytes_of[0][bytes_of[k - 1][b] & 255];
  for (int k = 0; k < 8; k++)
    for (unsigned b = 0; b < 256; b++)
      jump_of[k][b] = sb_crc_shift((uint64_t)b << (56 - 8 * k), STRETCH);
}

#ifdef SB_HAVE_X86

/* x^bits modulo the polynomial. */
static uint64_t power(int bits) { return times(ONE >> bits % 8, sb_crc_shift(ONE, bits / 8)); }

#define FOLDING __attribute__((target("pclmul,sse4.1")))

FOLDING static inline __m128i fold(__m128i x, __m128i by, __m128i next) {
  return _mm_xor_si128(
      _mm_xor_si128(_mm_clmulepi64_si128(x, by, 0x00), _mm_clmulepi64_si128(x, by, 0x11)), next);
}

/* Whole runs of 64 bytes, at least one; crc as it is between steps. */
FOLDING static uint64_t add_folding(uint64_t crc, const unsigned char *p, int64_t runs) {
  static uint64_t far[2], near[2]; /* 512 bits further on, 128 bits */
  if (!far[0]) {
    near[0] = power(64 + 128 - 1), near[1] = power(128 - 1);
    far[1] = power(512 - 1), far[0] = power(64 + 512 - 1);
  }
  const __m128i by_far = _mm_set_epi64x((long long)far[1], (long long)far[0]),
                by_near = _mm_set_epi64x((long long)near[1], (long long)near[0]);
  const __m128i *in = (const void *)p;
  __m128i x[4];
  uint64_t left[2];
  for (int i = 0; i < 4; i++) x[i] = _mm_loadu_si128(in + i);
  x[0] = _mm_xor_si128(x[0], _mm_set_epi64x(0, (long long)crc));
  for (in += 4; --runs > 0; in += 4)
    for (int i = 0; i < 4; i++) x[i] = fold(x[i], by_far, _mm_loadu_si128(in + i));
  for (int i = 1; i < 4; i++) x[0] = fold(x[0], by_near, x[i]);
  _mm_storeu_si128((void *)left, x[0]);
  return look_up(bytes_of, look_up(bytes_of, left[0]) ^ left[1]);
}

static int can_fold(void) {
  return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
}

#else
static uint64_t add_folding(uint64_t crc, const unsigned char *p, int64_t runs) {
  (void)p, (void)runs;
  return crc;
}
static int can_fold(void) { return 0; }
#endif

uint64_t sb_crc_add(uint64_t crc, const void *data, int64_t bytes) {
  const unsigned char *p = data;
  if (!bytes_of[0][1]) make_tables();
  crc = ~crc;
  if (bytes >= 64 && can_fold()) {
    crc = add_folding(crc, p, bytes / 64);
    p += bytes / 64 * 64, bytes %= 64;
  }
  for (; bytes >= 4 * STRETCH; bytes -= 4 * STRETCH, p += 4 * STRETCH) {
    uint64_t a = crc, b = 0, c = 0, d = 0;
    for (int i = 0; i < STRETCH; i += 8) {
      a = look_up(bytes_of, a ^ load(p + i));
      b = look_up(bytes_of, b ^ load(p + STRETCH + i));
      c = look_up(bytes_of, c ^ load(p + 2 * STRETCH + i));
      d = look_up(bytes_of, d ^ load(p + 3 * STRETCH + i));
    }
    crc = look_up(jump_of, look_up(jump_of, look_up(jump_of, a) ^ b) ^ c) ^ d;
  }
  for (; bytes >= 8; bytes -= 8, p += 8) crc = look_up(bytes_of, crc ^ load(p));
  for (; bytes > 0; bytes--, p++) crc = (crc >> 8) ^ bytes_of[0][(crc ^ *p) & 255];
  return ~crc;
}

void sb_crc_text(uint64_t crc, char out[17]) { snprintf(out, 17, "%016" PRIx64, crc); }
