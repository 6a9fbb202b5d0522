/* Batches: a walk through keyed permutations of the training rows, one for each epoch. */
#include <string.h>

#include "sb/data.h"
#include "sb/noise.h"

const float *sb_data_row(const sb_data *data, int64_t i) {
  return data->x + (data->row ? data->row[i] : i) * data->d;
}

const float *sb_data_held(const sb_data *data, int64_t i) { return sb_data_row(data, data->n + i); }

int64_t sb_data_order(const sb_data *data, uint64_t key, int64_t position) {
  const uint64_t epoch = (uint64_t)(position / data->n), beyond = epoch >> 32;
  /* A stream serves the epochs that 32 bits can count; later ones have streams of their own. */
  if (beyond) key = sb_noise_key(key, SB_FOR_ORDER, (uint32_t)beyond, 0);
  return sb_noise_permute(key, data->n, (uint32_t)epoch, position % data->n);
}

void sb_data_batch(const sb_data *data, uint64_t key, int64_t step, int64_t batch, int64_t b0,
                   int rows, float *x) {
  for (int r = 0; r < rows; r++) {
    const int64_t i = sb_data_order(data, key, step * batch + b0 + r);
    memcpy(x + (int64_t)r * data->d, sb_data_row(data, i), (size_t)data->d * sizeof *x);
  }
}
