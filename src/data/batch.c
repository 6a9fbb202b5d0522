/* Rows, and batches of them: a walk through keyed permutations of the training rows, one for each
 * epoch. */
#include <string.h>

#include "sb/data.h"
#include "sb/kernel.h"
#include "sb/mem.h"
#include "sb/noise.h"

const float *sb_data_row(const sb_data *data, int64_t i) {
  return data->x + (data->row ? data->row[i] : i) * data->d;
}

const float *sb_data_held(const sb_data *data, int64_t i) { return sb_data_row(data, data->n + i); }

sb_status sb_data_raw(const sb_data *data, int64_t first, int64_t count, double *out) {
  double *row;
  SB_TRY(SB_NEW(&row, data->d, "row"));
  for (int64_t i = 0; i < count; i++) {
    for (int j = 0; j < data->d; j++) row[j] = (double)sb_data_row(data, first + i)[j];
    sb_affine_back(&data->map, 1, row, out + i * data->raw);
  }
  sb_mem_free(row);
  return SB_OK;
}

void sb_data_order(const sb_data *data, uint64_t key, int64_t position, int count, int64_t *out) {
  for (int n; count > 0; position += n, out += n, count -= n) {
    const int64_t at = position % data->n;
    const uint64_t epoch = (uint64_t)(position / data->n), beyond = epoch >> 32;
    n = data->n - at < count ? (int)(data->n - at) : count;
    /* A stream serves the epochs that 32 bits can count; later ones have streams of their own. */
    const uint64_t stream = beyond ? sb_noise_key(key, SB_FOR_ORDER, (uint32_t)beyond, 0) : key;
    sb_kernel()->permute(stream, data->n, (uint32_t)epoch, at, n, out);
  }
}

/* Fresh draws of the law, each of a position of its own. Opening has drawn from the law: nothing
 * fails. */
static void stream(const sb_data *data, uint64_t key, int64_t first, int rows, float *x) {
  const uint64_t of = sb_noise_key(key, SB_FOR_DATA, 0, 1);
  for (int r0 = 0, n; r0 < rows; r0 += n) {
    n = rows - r0 < SB_BLOCK ? rows - r0 : SB_BLOCK;
    (void)sb_law_draw(data->law, of, first + r0, n, data->drawn, NULL);
    for (int r = 0; r < n; r++, x += data->d) {
      sb_affine_forward(&data->map, 1, data->drawn + (int64_t)r * data->raw, data->mapped);
      for (int j = 0; j < data->d; j++) x[j] = (float)data->mapped[j];
    }
  }
}

void sb_data_batch(const sb_data *data, uint64_t key, int64_t step, int64_t batch, int64_t b0,
                   int rows, float *x) {
  enum { AT_ONCE = 128 };
  if (data->drawn) {
    stream(data, key, step * batch + b0, rows, x);
    return;
  }
  int64_t order[AT_ONCE];
  for (int r0 = 0, n; r0 < rows; r0 += n) {
    n = rows - r0 < AT_ONCE ? rows - r0 : AT_ONCE;
    sb_data_order(data, key, step * batch + b0 + r0, n, order);
    for (int r = 0; r < n; r++, x += data->d) {
      const float *row = sb_data_row(data, order[r]);
      for (int j = 0; j < data->d; j++) x[j] = row[j];
    }
  }
}
