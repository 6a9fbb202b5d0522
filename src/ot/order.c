/* Sorting and exact selection (order.h). */
#include "order.h"

#include <string.h>

#include "sb/mem.h"

#define DIGIT  11
#define DIGITS (1 << DIGIT)

uint64_t order_key(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

double order_value(uint64_t key) {
  const uint64_t bits = key >> 63 ? key & ~(UINT64_C(1) << 63) : ~key;
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* By digits of 11 bits, least significant first; one that all keys share is left out. */
void order_sort(int64_t n, uint64_t *key, uint64_t *spare) {
  uint64_t *from = key, *to = spare;
  for (int shift = 0; shift < 64 && n > 1; shift += DIGIT) {
    int64_t place[DIGITS] = {0}, next = 0;
    for (int64_t i = 0; i < n; i++) place[from[i] >> shift & (DIGITS - 1)]++;
    if (place[from[0] >> shift & (DIGITS - 1)] == n) continue;
    for (int b = 0; b < DIGITS; b++) {
      const int64_t count = place[b];
      place[b] = next;
      next += count;
    }
    for (int64_t i = 0; i < n; i++) to[place[from[i] >> shift & (DIGITS - 1)]++] = from[i];
    uint64_t *const other = from;
    from = to;
    to = other;
  }
  if (from != key) memcpy(key, from, (size_t)n * sizeof *key);
}

int64_t order_place(int64_t n, const uint64_t *key, uint64_t x, int upper) {
  int64_t low = 0;
  while (n > 0) {
    const int64_t half = n / 2;
    if (key[low + half] < x || (upper && key[low + half] == x))
      low += half + 1, n -= half + 1;
    else
      n = half;
  }
  return low;
}

/* The largest key that has no more than `position` smaller ones, bit by bit. */
sb_status order_select(const sb_comm *c, int sets, const order_list *list, int targets,
                       const int64_t *position, uint64_t *key, int64_t *below) {
  const int64_t all = (int64_t)sets * targets;
  int64_t *count = NULL;
  sb_status s = sb_agree(c, SB_NEW(&count, all, "selection"));
  for (int64_t i = 0; i < all && !s; i++) key[i] = 0, below[i] = 0;
  for (int bit = 63; bit >= 0 && !s; bit--) {
    for (int64_t i = 0; i < all; i++) {
      const order_list *l = &list[i / targets];
      count[i] = order_place(l->n, l->key, key[i] | UINT64_C(1) << bit, 0);
    }
    s = sb_sum_int(c, count, all);
    for (int64_t i = 0; i < all && !s; i++)
      if (count[i] <= position[i]) key[i] |= UINT64_C(1) << bit, below[i] = count[i];
  }
  sb_mem_free(count);
  return s;
}
