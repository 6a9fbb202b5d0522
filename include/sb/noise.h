/* layer: base */
/** Counter-based noise: it belongs to the particle and the step, never to the rank (DESIGN: same bits).
 *
 * Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011; Random123). A stream is the 64-bit hash of (seed, purpose, case,
 * replicate, outer counters); inside a stream the counter is {index low, index high 24 bits | epoch 8, step,
 * draw * ceil(d/4) + block}.
 * There is no generator state. Changing anything here changes every result: raise SB_NOISE_LAYOUT. */
#ifndef SB_NOISE_H
#define SB_NOISE_H
#include <stdint.h>

#include "sb/status.h"

#define SB_NOISE_LAYOUT 2
#define SB_NOISE_MAX_INDEX (INT64_C(1) << 56)

/** What a stream is for: one number each, never reused. */
typedef enum sb_purpose {
  SB_FOR_DATA = 1,       /**< draws of a law that become training data             */
  SB_FOR_TRUTH = 2,      /**< fresh true draws for metrics                         */
  SB_FOR_INIT = 3,       /**< initial parameters; step = network                   */
  SB_FOR_ORDER = 4,      /**< permutation of the training rows                     */
  SB_FOR_TIME = 5,       /**< times of a training batch                            */
  SB_FOR_TRAIN = 6,      /**< noise added to a training batch                      */
  SB_FOR_REFERENCE = 7,  /**< reference draws of the density-ratio classifier      */
  SB_FOR_START = 8,      /**< starting cloud of a leg                              */
  SB_FOR_PATH = 9,       /**< Euler-Maruyama increments                            */
  SB_FOR_DRAWS = 10,     /**< Monte-Carlo draws inside a drift                     */
  SB_FOR_DRAWS_2 = 11,   /**< second, independent Monte-Carlo draws                */
  SB_FOR_DROPOUT = 12,   /**< masks                                                */
  SB_FOR_METRIC = 13,    /**< slices, subsets, permutations of metrics             */
  SB_FOR_BOOTSTRAP = 14, /**< training floor                                       */
  SB_FOR_BASELINE = 15,  /**< draws of a no-learning baseline                      */
  SB_FOR_LAW = 17,       /**< parameters of a law that it draws itself             */
  SB_FOR_VALIDATION = 16 /**< which rows are held out; noise of the validation loss */
} sb_purpose;

/** Key of a stream. outer = replicate, IPF half-step, leg…: up to two further counters. */
uint64_t sb_noise_key(uint64_t seed, sb_purpose purpose, uint32_t outer, uint32_t outer2);

/** Four random words of one counter {lo32(index), hi24(index) | epoch << 24, step, block}. */
void sb_noise_words(uint64_t key, int64_t index, uint32_t epoch, uint32_t step, uint32_t block, uint32_t out[4]);

/** Standard normals out [count, d] of particles first .. first+count-1 (draw 0): the vector kernel's, float. */
void sb_noise_normals(uint64_t key, int64_t first, int count, uint32_t step, int d, float *out);
/** The same in double (values are the float normals). */
void sb_noise_normals64(uint64_t key, int64_t first, int count, uint32_t step, int d, double *out);

/** Uniform in (0, 1), (k + 1/2) 2^-52, from the word pair `which` (0, 1) of block 0. */
double sb_noise_uniform(uint64_t key, int64_t index, uint32_t step, int which);

/** Those of particles first .. first+count-1, pair 0: the vector kernel's, out [count]. */
void sb_noise_uniforms(uint64_t key, int64_t first, int count, uint32_t step, double *out);

/** Image of i under a keyed permutation of 0 .. n-1 (balanced Feistel network, cycle walking), one for each epoch. Many
 *  at once: sb/kernel.h. */
int64_t sb_noise_permute(uint64_t key, int64_t n, uint32_t epoch, int64_t i);

#endif
