/* CRC-64/XZ (ECMA-182, reflected) from tables, and sums of pieces that ranks hold.
 *
 * A step waits for the one before, so four stretches of the data are taken at once, which is three
 * times as fast, and their remainders joined: the remainder of A followed by B is that of A
 * followed by as many zeros, plus that of B. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "io.h"

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

uint64_t sb_crc_add(uint64_t crc, const void *data, int64_t bytes) {
  const unsigned char *p = data;
  if (!bytes_of[0][1]) make_tables();
  crc = ~crc;
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

sb_status sb_crc_total(const sb_comm *c, uint64_t *crc, int n) {
  int64_t bits[SB_CRC_MOST * 64]; /* an exclusive or is the parity of a sum */
  for (int i = 0; i < n * 64; i++) bits[i] = (int64_t)(crc[i / 64] >> i % 64 & 1);
  SB_TRY(sb_sum_int(c, bits, (int64_t)n * 64));
  memset(crc, 0, (size_t)n * sizeof *crc);
  for (int i = 0; i < n * 64; i++) crc[i / 64] |= (uint64_t)(bits[i] & 1) << i % 64;
  return SB_OK;
}

void sb_crc_text(uint64_t crc, char out[17]) { snprintf(out, 17, "%016" PRIx64, crc); }
