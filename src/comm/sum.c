/* Sums of doubles that do not depend on order: each term becomes a fixed-point integer, integers
 * are added (Kulisch's long accumulator, cut to the range that statistics need). */
#include <math.h>

#include "sb/comm.h"
#include "sb/kernel.h"
#include "sb/mem.h"

#define BAD     (SB_SUM_LIMBS - 1) /* this entry counts terms that have no place */
#define LARGEST 0x1p94

/* Weight of bit 0 of each limb, and its inverse. */
static const double weight[BAD] = {0x1p-128, 0x1p-96, 0x1p-64, 0x1p-32, 1, 0x1p32, 0x1p64};
static const double inverse[BAD] = {0x1p128, 0x1p96, 0x1p64, 0x1p32, 1, 0x1p-32, 0x1p-64};

void sb_sum_add(sb_sum *s, double x) {
  if (!(fabs(x) < LARGEST)) {
    s->limb[BAD]++;
    return;
  }
  /* From the top limb down: each takes the integer part at its weight, which is exact, and leaves
   * the rest, also exact. */
  for (int i = BAD - 1; i >= 0 && x != 0; i--) {
    const int64_t part = (int64_t)(x * inverse[i]);
    s->limb[i] += part;
    x -= (double)part * weight[i];
  }
}

double sb_sum_value(const sb_sum *s) {
  int64_t limb[BAD], carry = 0;
  double value = 0;
  /* Carry into the range [-2^31, 2^31), so that the conversion rounds the same number however it
   * was gathered. */
  for (int i = 0; i < BAD; i++) {
    const int64_t v = s->limb[i] + carry;
    carry = (v + (INT64_C(1) << 31)) >> 32;
    limb[i] = i < BAD - 1 ? v - carry * (INT64_C(1) << 32) : v;
  }
  for (int i = 0; i < BAD; i++) value += (double)limb[i] * weight[i];
  return value;
}

sb_status sb_sum_total(const sb_comm *c, int64_t n, sb_sum *s, double *out, const char *what) {
  SB_TRY(sb_sum_int(c, s->limb, n * SB_SUM_LIMBS));
  for (int64_t i = 0; i < n; i++) {
    if (s[i].limb[BAD])
      return sb_fail(SB_BAD, "%s: %lld of the terms of sum %lld are not finite or larger than 2^94",
                     what, (long long)s[i].limb[BAD], (long long)i);
    out[i] = sb_sum_value(&s[i]);
  }
  return SB_OK;
}

sb_status sb_sum_rows(const sb_comm *c, int64_t n, int64_t width, const double *x, double *out,
                      const char *what) {
  const int64_t count = sb_share_of(c, n).count;
  sb_sum *sum = NULL;
  double *block = NULL;
  sb_status s = SB_NEW(&sum, width, what);
  if (!s) s = SB_NEW(&block, width, what);
  s = sb_agree(c, s);
  for (int64_t i = 0; !s && i < count; i++) {
    for (int64_t j = 0; j < width; j++) block[j] += x[i * width + j];
    if (i % SB_BLOCK == SB_BLOCK - 1 || i == count - 1) {
      for (int64_t j = 0; j < width; j++) sb_sum_add(&sum[j], block[j]), block[j] = 0;
    }
  }
  if (!s) s = sb_sum_total(c, width, sum, out, what);
  sb_mem_free(block);
  sb_mem_free(sum);
  return s;
}
