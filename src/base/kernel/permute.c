/* Images under a keyed permutation: a balanced Feistel network on the least power of two that holds
 * n numbers, its halves of `low` and `high` bits; images beyond n are sent through again, which
 * keeps it one-to-one on 0 .. n-1 (Black, Rogaway 2002). Rounds are the finaliser of splitmix64
 * (Steele, Lea, Flood 2014). Integers alone: the same on every processor. */
#include <string.h>

#include "elementary.h"

enum { SETS = 4, LANES = SETS * ND, MOST = 128 }; /* vectors, numbers in the works at once */

typedef struct network {
  uint64_t inner, n, rounds, low, high;
} network;

static uint64_t mix1(uint64_t x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

SB_INLINE void mix(vq *x) {
  enum { U = SETS };
  EACH(x[u] = (x[u] ^ x[u] >> 30) * 0xbf58476d1ce4e5b9u);
  EACH(x[u] = (x[u] ^ x[u] >> 27) * 0x94d049bb133111ebu);
  EACH(x[u] = x[u] ^ x[u] >> 31);
}

static network network_of(uint64_t key, uint64_t n, uint32_t epoch) {
  uint64_t bits = 2;
  while ((n - 1) >> bits) bits++;
  return (network){.inner = mix1(key ^ mix1(epoch + 0x9e3779b97f4a7c15u)),
                   .n = n,
                   .rounds = bits < 6 ? 20 : 6, /* few bits mix slowly */
                   .low = bits / 2,
                   .high = bits - bits / 2};
}

/* LANES numbers once through the network. */
static void once(const network *w, uint64_t *number) {
  enum { U = SETS };
  vq left[SETS], right[SETS], word[SETS];
  memcpy(word, number, sizeof word);
  EACH(left[u] = word[u] >> w->low);
  EACH(right[u] = word[u] & ((UINT64_C(1) << w->low) - 1));
  for (uint64_t round = 0; round < w->rounds; round += 2) {
    EACH(word[u] = w->inner + (right[u] << 5 | round));
    mix(word);
    EACH(left[u] ^= word[u] >> (64 - w->high));
    EACH(word[u] = w->inner + (left[u] << 5 | round | 1));
    mix(word);
    EACH(right[u] ^= word[u] >> (64 - w->low));
  }
  EACH(word[u] = left[u] << w->low | right[u]);
  memcpy(number, word, sizeof word);
}

/* Images of at most MOST numbers; those that are still beyond n move to the front and go again. */
static void images(const network *w, uint64_t first, int count, int64_t *out) {
  uint64_t number[MOST];
  int place[MOST], left = count;
  for (int i = 0; i < count; i++) number[i] = first + (uint64_t)i, place[i] = i;
  while (left > 0) {
    int stay = 0;
    for (int i = left; i % LANES; i++) number[i] = 0;
    for (int i = 0; i < left; i += LANES) once(w, number + i);
    for (int i = 0; i < left; i++) {
      out[place[i]] = (int64_t)number[i];
      number[stay] = number[i], place[stay] = place[i];
      stay += number[i] >= w->n;
    }
    left = stay;
  }
}

void KERNEL(permute)(uint64_t key, int64_t n, uint32_t epoch, int64_t first, int count,
                     int64_t *out) {
  if (n <= 1) memset(out, 0, (size_t)(count > 0 ? count : 0) * sizeof *out);
  if (n <= 1) return;
  const network w = network_of(key, (uint64_t)n, epoch);
  for (int at = 0; at < count; at += MOST)
    images(&w, (uint64_t)(first + at), count - at < MOST ? count - at : MOST, out + at);
}
