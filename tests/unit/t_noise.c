/* Noise: known answers of Philox, normals against the formula in double, independence of how they
 * are asked for, moments and distribution, permutations. The vector kernel of every instruction set
 * that this processor runs. */
#include <Random123/philox.h>
#include <stdlib.h>
#include <string.h>

#include "sb/kernel.h"
#include "sb/noise.h"
#include "tap.h"

enum { MANY = 400000 };

static const sb_kernels *k;
static float many[MANY], again[MANY];

/* Vectors of Random123's kat_vectors: counter, key, words. */
static void test_known_answers(void) {
  static const uint32_t known[3][10] = {
      {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
      {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d,
       0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
      {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09,
       0x94fdcceb, 0x5001e420, 0x24126ea1},
  };
  for (int i = 0; i < 3; i++) {
    const uint32_t *v = known[i];
    uint32_t w[4];
    sb_noise_words((uint64_t)v[5] << 32 | v[4], (int64_t)((uint64_t)(v[1] & 0xffffff) << 32 | v[0]),
                   v[1] >> 24, v[2], v[3], w);
    tap_ok(memcmp(w, v + 6, sizeof w) == 0, "known answer %d of Philox4x32-10", i + 1);
  }
}

/* Component c of a particle and draw by the formulas of the header, in double. */
static double normal(uint64_t key, int64_t index, uint32_t epoch, uint32_t step, int64_t draw,
                     int d, int c) {
  uint32_t block = (uint32_t)(draw * ((d + 3) / 4) + c / 4);
  philox4x32_ctr_t counter = {
      {(uint32_t)index, (uint32_t)((uint64_t)index >> 32) | epoch << 24, step, block}};
  philox4x32_key_t both = {{(uint32_t)key, (uint32_t)(key >> 32)}};
  philox4x32_ctr_t w = philox4x32(counter, both);
  int first = c % 4 / 2 * 2;
  double r = sqrt(-2 * log((w.v[first] + .5) * 0x1p-32)),
         angle = 2 * acos(-1) * (w.v[first + 1] + .5) * 0x1p-32;
  return c % 2 ? r * sin(angle) : r * cos(angle);
}

static void test_normals(void) {
  const int64_t firsts[] = {0, 1, 4294967290, (INT64_C(1) << 56) - 40, 77};
  double worst = 0;
  int wrong = 0;
  for (int d = 1; d <= 13; d++)
    for (int trial = 0; trial < 15; trial++) {
      int count = 1 + trial * 7 % 40, draws = trial < 5 ? 1 : 1 + trial * 5 % 19;
      int64_t first = firsts[trial % 5], draw = trial % 4 ? 0 : 1000 * trial;
      uint64_t key = sb_noise_key((uint64_t)trial, SB_FOR_PATH, (uint32_t)d, 0);
      uint32_t epoch = (uint32_t)(trial % 3) * 127, step = 3000000000u + (uint32_t)trial;
      int n = count * draws * d;
      many[n] = 7;
      k->normals(key, first, count, epoch, step, draw, draws, d, many);
      wrong += many[n] != 7;
      for (int i = 0; i < n; i++) {
        double want =
            normal(key, first + i / (draws * d), epoch, step, draw + i / d % draws, d, i % d);
        worst = fmax(worst, fabs(many[i] - want));
      }
      for (int i = 0; i < count; i++)
        for (int j = 0; j < draws; j++) {
          float alone[13];
          k->normals(key, first + i, 1, epoch, step, draw + j, 1, d, alone);
          wrong += memcmp(alone, many + (i * draws + j) * d, sizeof(float) * (size_t)d) != 0;
        }
    }
  tap_ok(worst <= 1e-6, "%s: normals of 1..13 dimensions, error %.1e <= 1e-6", k->name, worst);
  tap_ok(wrong == 0,
         "%s: each particle and draw alone has the same bits, and nothing is written behind",
         k->name);
  worst = 0;
  k->normals(5, 0, MANY / 4, 0, 0, 0, 1, 4, many);
  for (int i = 0; i < MANY; i++)
    worst = fmax(worst, fabs(many[i] - normal(5, i / 4, 0, 0, 0, 4, i % 4)));
  tap_ok(worst <= 1e-6, "%s: %d normals, error %.1e <= 1e-6", k->name, MANY, worst);
  k->normals(5, 0, 0, 0, 0, 0, 1, 4, again);
}

static int rising(const void *x, const void *y) {
  float a = *(const float *)x, b = *(const float *)y;
  return (a > b) - (a < b);
}

/* Bounds are five standard errors; the numbers are always the same, so the test does not fail by
 * chance. */
static void test_distribution(void) {
  double moment[5] = {0}, cross = 0;
  k->normals(sb_noise_key(1, SB_FOR_TRUTH, 0, 0), 0, MANY / 4, 0, 0, 0, 1, 4, many);
  for (int i = 0; i < MANY; i++) {
    double x = many[i];
    moment[1] += x, moment[2] += x * x, moment[3] += x * x * x, moment[4] += x * x * x * x;
    if (i) cross += x * (double)many[i - 1];
  }
  double root = sqrt(MANY);
  tap_close(moment[1] / MANY, 0, 5 / root, "%s: mean", k->name);
  tap_close(moment[2] / MANY, 1, 5 * sqrt(2) / root, "%s: variance", k->name);
  tap_close(moment[3] / MANY, 0, 5 * sqrt(15) / root, "%s: third moment", k->name);
  tap_close(moment[4] / MANY, 3, 5 * sqrt(96) / root, "%s: fourth moment", k->name);
  tap_close(cross / MANY, 0, 5 / root, "%s: neighbours do not correlate", k->name);
  qsort(many, MANY, sizeof *many, rising);
  double gap = 0;
  for (int i = 0; i < MANY; i++)
    gap = fmax(gap, fabs(.5 * erfc(-many[i] / sqrt(2)) - (i + .5) / MANY));
  tap_ok(gap * root < 1.95, "%s: Kolmogorov-Smirnov distance %.2f < 1.95", k->name, gap * root);
}

static void test_noise_normals(void) {
  static double wide[999 * 3 + 1];
  uint64_t key = sb_noise_key(3, SB_FOR_START, 1, 2);
  int wrong = 0;
  for (int d = 1; d <= 3; d++) {
    wide[999 * d] = 7;
    sb_noise_normals(key, 11, 999, 5, d, many);
    sb_noise_normals64(key, 11, 999, 5, d, wide);
    sb_kernel()->normals(key, 11, 999, 0, 5, 0, 1, d, again);
    for (int i = 0; i < 999 * d; i++) wrong += wide[i] != (double)many[i] || many[i] != again[i];
    wrong += wide[999 * d] != 7;
  }
  tap_ok(wrong == 0, "normals in double are the float normals of the kernel");
}

/* Different uses give different keys, and a key is the same for ever. */
static void test_keys(void) {
  enum { KEYS = 16 * 8 * 8 * 4 };
  static uint64_t keys[KEYS];
  int n = 0, equal = 0;
  for (uint64_t seed = 0; seed < 4; seed++)
    for (int purpose = SB_FOR_DATA; purpose <= SB_FOR_VALIDATION; purpose++)
      for (uint32_t outer = 0; outer < 8; outer++)
        for (uint32_t outer2 = 0; outer2 < 8; outer2++)
          keys[n++] = sb_noise_key(seed, (sb_purpose)purpose, outer, outer2);
  for (int i = 0; i < n; i++)
    for (int j = 0; j < i; j++) equal += keys[i] == keys[j];
  tap_ok(n == KEYS && equal == 0, "%d streams have different keys", n);
  philox4x32_ctr_t counter = {{SB_FOR_PATH, 2, 3, SB_NOISE_LAYOUT}};
  philox4x32_key_t seed = {{0x89abcdef, 0x01234567}};
  philox4x32_ctr_t w = philox4x32(counter, seed);
  tap_ok(sb_noise_key(0x0123456789abcdef, SB_FOR_PATH, 2, 3) == ((uint64_t)w.v[1] << 32 | w.v[0]),
         "the key is Philox of its use");
}

static void test_uniform(void) {
  double sum = 0, low = 1, high = 0;
  for (int i = 0; i < 100000; i++) {
    double u = sb_noise_uniform(9, i / 2, 4, i % 2);
    sum += u, low = fmin(low, u), high = fmax(high, u);
  }
  tap_ok(low > 0 && low < 1e-4 && high < 1 && high > 1 - 1e-4, "uniforms lie in (0, 1)");
  tap_close(sum / 100000, .5, 5 * sqrt(1. / 12 / 100000), "mean of uniforms");
  tap_ok(sb_noise_uniform(9, 1, 4, 0) != sb_noise_uniform(9, 1, 4, 1) &&
             sb_noise_uniform(9, 1, 4, 0) != sb_noise_uniform(9, 1, 5, 0),
         "uniforms of other words and steps differ");
}

static void test_uniforms(void) {
  double u[101] = {0};
  int wrong = 0;
  for (int count = 0; count <= 100; count += 1 + count / 9) {
    const int64_t first = (INT64_C(1) << 33) - 50;
    u[count] = 7;
    k->uniforms(0x123456789abcdef, first, count, 4000000000u, u);
    for (int i = 0; i < count; i++)
      wrong += u[i] != sb_noise_uniform(0x123456789abcdef, first + i, 4000000000u, 0);
    wrong += u[count] != 7;
  }
  tap_ok(wrong == 0, "%s: uniforms of many particles are those of each", k->name);
}

/* As the description says it, one number after the other. */
static uint64_t mixed(uint64_t x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

static int64_t image_of(uint64_t key, int64_t n, uint32_t epoch, int64_t i) {
  int bits = 2;
  while ((uint64_t)(n - 1) >> bits) bits++;
  const int low = bits / 2, high = bits - low;
  const uint64_t inner = mixed(key ^ mixed(epoch + 0x9e3779b97f4a7c15u));
  uint64_t left = (uint64_t)i >> low, right = (uint64_t)i & ((UINT64_C(1) << low) - 1);
  do {
    for (uint64_t round = 0; round < (bits < 6 ? 20 : 6); round += 2) {
      left ^= mixed(inner + (right << 5 | round)) >> (64 - high);
      right ^= mixed(inner + (left << 5 | round | 1)) >> (64 - low);
    }
  } while ((left << low | right) >= (uint64_t)n);
  return (int64_t)(left << low | right);
}

static void test_permute(void) {
  static const int64_t sizes[] = {2, 3, 17, 1000, 5500, 65536, SB_NOISE_MAX_INDEX - 5};
  int64_t image[301];
  int wrong = 0;
  for (int s = 0; s < 7; s++)
    for (int count = 0; count <= 300; count = 2 * count + 1) {
      const int64_t n = sizes[s], most = n < count ? n : count, first = n - most;
      image[most] = -7;
      k->permute(77, n, (uint32_t)s, first, (int)most, image);
      for (int i = 0; i < most; i++) wrong += image[i] != image_of(77, n, (uint32_t)s, first + i);
      wrong += image[most] != -7;
    }
  tap_ok(wrong == 0, "%s: images of many numbers are those of each", k->name);
}

static void test_permutation(void) {
  static const int sizes[] = {1, 2, 3, 4, 5, 7, 64, 1000, 4097};
  static int seen[5000];
  int wrong = 0, epochs_agree = 0, fixed = 0;
  for (int s = 0; s < 9; s++)
    for (uint32_t epoch = 0; epoch < 20; epoch++) {
      memset(seen, 0, sizeof seen);
      for (int i = 0; i < sizes[s]; i++) {
        int64_t image = sb_noise_permute(42, sizes[s], epoch, i);
        if (image < 0 || image >= sizes[s] || seen[image]++) wrong++;
        if (sizes[s] == 1000)
          epochs_agree += image == sb_noise_permute(42, 1000, epoch + 1, i), fixed += image == i;
      }
    }
  tap_ok(wrong == 0, "permutations of 1, 2, 3, ... 4097 are one-to-one");
  tap_ok(epochs_agree < 50 && fixed < 50,
         "permutations of two epochs share %d of 20000 images, and %d stay", epochs_agree, fixed);
  int64_t n = SB_NOISE_MAX_INDEX;
  for (int64_t i = 0; i < 1000; i++) {
    int64_t image = sb_noise_permute(1, n - i, 0, n - 1000 + i % 7);
    wrong += image < 0 || image >= n - i;
  }
  tap_ok(wrong == 0, "permutations of 2^56 stay inside");
}

/* Changing them changes every training run: raise SB_NOISE_LAYOUT. */
static void test_permutation_known(void) {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < 1000; i++)
    for (uint32_t epoch = 0; epoch < 3; epoch++)
      sum = sum * 6364136223846793005u +
            (uint64_t)sb_noise_permute(42, epoch == 2 ? INT64_C(1) << 40 : 1000, epoch, (int64_t)i);
  tap_ok(sum == 0xf4abbc5834c7f7d2, "permutations are those of layout 2: %016llx",
         (unsigned long long)sum);
}

/* Each image of each number comes about equally often; chi square within five standard deviations.
 */
static void test_permutation_even(int n) {
  enum { EPOCHS = 20000 };
  int where[64][64] = {{0}};
  double square = 0, freedom = (n - 1.) * (n - 1.), each = (double)EPOCHS / n;
  for (uint32_t epoch = 0; epoch < EPOCHS; epoch++)
    for (int i = 0; i < n; i++) where[i][sb_noise_permute(6, n, epoch, i)]++;
  for (int i = 0; i < n * n; i++) square += pow(where[i / n][i % n] - each, 2) / each;
  tap_ok(fabs(square - freedom) < 5 * sqrt(2 * freedom),
         "permutations of %d: chi square %.0f of %.0f", n, square, freedom);
}

int main(void) {
  test_known_answers();
  for (int level = 0; (k = sb_isa_kernels(level)) != NULL; level++) {
    test_normals();
    test_distribution();
    test_uniforms();
    test_permute();
  }
  test_noise_normals();
  test_keys();
  test_uniform();
  test_permutation();
  test_permutation_known();
  for (int n = 2; n <= 50; n = 2 * n + 1) test_permutation_even(n);
  test_permutation_even(64);
  return tap_done();
}
