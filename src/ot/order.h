/* Private to src/ot: order statistics of numbers that lie spread over ranks. */
#ifndef SB_OT_ORDER_H
#define SB_OT_ORDER_H
#include "sb/comm.h"

/* Numbers of this rank that are sorted at a time, if one set has not more. */
#define SB_SORT_AT_ONCE (1 << 18)

/* Bits of a double whose order as unsigned integers is that of the values; and back. */
uint64_t order_key(double x);
double order_value(uint64_t key);

/* Ascending. key and spare [n]. */
void order_sort(int64_t n, uint64_t *key, uint64_t *spare);

/* Where x would go in a sorted list: behind all that are smaller (upper: not larger). */
int64_t order_place(int64_t n, const uint64_t *key, uint64_t x, int upper);

/* This rank's part of a set, sorted. */
typedef struct order_list {
  int64_t n;
  const uint64_t *key;
} order_list;

/* Collective. For each of `sets` sets and each of its `targets` positions in the order of the whole
 * set: the key there and how many of all are smaller; UINT64_MAX and all of them behind the end.
 * position, key, below [sets, targets]. 64 sums over ranks of as many integers. */
sb_status order_select(const sb_comm *c, int sets, const order_list *list, int targets,
                       const int64_t *position, uint64_t *key, int64_t *below);

#endif
