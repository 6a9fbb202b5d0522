/* A network on one tile of rows, forward: see sb/net.h. */
#include <string.h>

#include "sb/noise.h"
#include "tape.h"

/* The first bias, with the share of the features where all rows have one time. */
static const float *first_bias(sb_tape *t) {
  const layer *l = &t->layers[0];
  const float *bias = t->p + l->bias, *weight = t->p + l->weight + (int64_t)t->in * l->ld;
  if (t->time == 0 || t->timed) return bias;
  if (!t->bias_ready) {
    memcpy(t->first_bias, bias, (size_t)l->ld * sizeof *bias);
    sb_kernel()->gemm(1, l->ld, t->time, t->features, t->time, 1, weight, l->ld, t->first_bias,
                      l->ld, 1);
    t->bias_ready = 1;
  }
  return t->first_bias;
}

/* y += x; n padded */
static void add(int64_t n, const float *x, float *y) {
  for (int64_t i = 0; i < n; i += SB_LANES)
    for (int64_t j = i; j < i + SB_LANES; j++) y[j] += x[j];
}

/* z = a W, without the bias */
static void product(const sb_tape *t, const layer *l, const float *a, ptrdiff_t a_ld, float *z,
                    ptrdiff_t z_ld) {
  int depth = l == t->layers && !t->timed ? t->in : l->in;
  if (l->packed)
    sb_panel_product(t->rows, l->ld, depth, a, a_ld, l->packed, l->in, z, z_ld, 0);
  else
    sb_kernel()->gemm(t->rows, l->ld, depth, a, a_ld, 1, t->p + l->weight, l->ld, z, z_ld, 0);
}

/* z = f(z + bias), slope = f'(z + bias) */
static void activate(const sb_tape *t, const layer *l, const float *bias, float *z) {
  int whole = l->tile == l->ld, times = whole ? 1 : t->rows;
  for (int i = 0; i < times; i++)
    sb_kernel()->activate(t->act, whole ? t->rows : 1, l->ld, bias, z + i * l->tile,
                          l->slope ? l->slope + i * l->tile : NULL);
}

void sb_tape_dropout(sb_tape *tape, double rate, uint64_t key, int64_t row0, int64_t step) {
  tape->drop.below = (uint32_t)(rate * 65536 + 0.5);
  tape->drop.call = 0;
  tape->drop.key = key;
  tape->drop.row = row0;
  tape->drop.step = step;
}

/* Values and slopes of a hidden layer times 0 or 1 / (1 - rate); one random word serves two values.
 */
static void drop(const sb_tape *t, const layer *l, float *z) {
  enum { EACH = 8 };
  const float kept = 65536.0f / (float)(65536 - t->drop.below);
  const uint32_t first =
      (t->drop.call * SB_NET_MAX_DEPTH + (uint32_t)(l - t->layers)) * (SB_NET_MAX_WIDTH / EACH);
  for (int i = 0; i < t->rows; i++)
    for (int j = 0; j < l->ld; j += EACH) {
      uint32_t word[EACH / 2];
      sb_noise_words(t->drop.key, t->drop.row + i, 0, (uint32_t)t->drop.step,
                     first + (uint32_t)(j / EACH), word);
      for (int k = 0; k < EACH; k++) {
        const uint32_t bits = word[k / 2] >> 16 * (k % 2) & 0xffff;
        const float factor = bits < t->drop.below ? 0 : kept;
        z[i * l->tile + j + k] *= factor;
        if (l->slope) l->slope[i * l->tile + j + k] *= factor;
      }
    }
}

void sb_tape_forward(sb_tape *tape, int rows, const float *x, const float *t, float *y) {
  layer *first = &tape->layers[0], *last = &tape->layers[tape->depth];
  const float *a = x;
  ptrdiff_t a_ld = tape->in;
  tape->rows = rows;
  tape->timed = t && tape->time;
  const float *bias = first_bias(tape);
  if (tape->backward || tape->timed) {
    sb_tape_copy(rows, tape->in, x, tape->in, first->input, first->input_tile);
    if (tape->timed)
      sb_net_features(tape->time, rows, t, first->input + tape->in, first->input_tile);
    a = first->input;
    a_ld = first->input_tile;
  }
  for (layer *l = first; l < last; l++) {
    float *z = l[1].input;
    product(tape, l, a, a_ld, z, l->tile);
    activate(tape, l, bias, z);
    if (tape->drop.below) drop(tape, l, z);
    if (l->skip) add((int64_t)rows * l->tile, a, z);
    a = z;
    a_ld = l->tile;
    bias = tape->p + l[1].bias;
  }
  if (tape->rows_of_last) {
    sb_kernel()->dot(rows, tape->out, SB_PAD(last->in), a, a_ld, tape->rows_of_last,
                     SB_PAD(last->in), y, tape->out);
    for (int i = 0; i < rows; i++)
      for (int j = 0; j < tape->out; j++) y[i * tape->out + j] += bias[j];
  } else {
    product(tape, last, a, a_ld, tape->output, last->ld);
    sb_kernel()->add_bias(rows, last->ld, bias, tape->output);
    sb_tape_copy(rows, tape->out, tape->output, last->ld, y, tape->out);
  }
  tape->drop.call++;
}
