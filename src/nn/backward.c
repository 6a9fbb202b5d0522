/* A network on one tile of rows, backward: see sb/net.h.
 *
 * The gradient goes to floats (g), or by parts of some rows of a weight, while they are in the
 * nearest cache, to exact sums of integers. */
#include <string.h>

#include "tape.h"

typedef struct target {
  float *g;     /* the whole gradient, or NULL             */
  int64_t *sum; /* exact sums, or NULL                     */
  int bad;      /* first slot with a bad number, or SLOTS  */
} target;

enum { SLOTS = 2 * (SB_NET_MAX_DEPTH + 1) };

/* Adds part [n] of a slot, which begins at offset, to the sums. */
static void add_part(target *to, int slot, int64_t n, const float *part, int64_t offset) {
  if (to->sum && sb_kernel()->quantise(n, part, to->sum + offset) && slot < to->bad) to->bad = slot;
}

/* out [n, ld] = rows i .. i + n - 1 of a^T dz. Of a narrow layer the transpose dz^T a is computed,
 * which has the same bits and fills the vectors. */
static void weight_rows(const sb_tape *t, const layer *l, const float *dz, int i, int n,
                        float *out) {
  const sb_kernels *k = sb_kernel();
  if (l->out > SB_NARROW || n < SB_LANES) {
    k->gemm(n, l->ld, t->rows, l->input + i, 1, l->input_tile, dz, l->tile, out, l->ld, 0);
    return;
  }
  int width = SB_PAD(n);
  k->gemm(l->out, width, t->rows, dz, 1, l->tile, l->input + i, l->input_tile, t->narrow, width, 0);
  memset(out, 0, (size_t)n * (size_t)l->ld * sizeof *out);
  for (int j = 0; j < l->out; j++)
    for (int r = 0; r < n; r++) out[r * l->ld + j] = t->narrow[j * width + r];
}

/* Gradient of weight and bias of a layer; dz: tile, gradient of its z, summed by column in t->bias.
 */
static void layer_gradient(const sb_tape *t, const layer *l, const float *dz, target *to) {
  const sb_kernels *k = sb_kernel();
  int slot = 2 * (int)(l - t->layers);
  int most = SB_PART / l->ld > SB_BLOCK ? SB_PART / l->ld / SB_BLOCK * SB_BLOCK : SB_BLOCK;
  int folded = slot == 0 && !t->timed ? t->time : 0, plain = l->in - folded;
  float *bias = to->g ? to->g + l->bias : t->bias, *weight = to->g ? to->g + l->weight : t->part;
  if (to->g) memcpy(bias, t->bias, (size_t)l->ld * sizeof *bias);
  add_part(to, slot + 1, l->ld, bias, l->bias);
  for (int i = 0, n; i < l->in; i += n) {
    int left = i < plain ? plain - i : l->in - i;
    n = to->g || left < most ? left : most;
    if (i < plain)
      weight_rows(t, l, dz, i, n, weight);
    else /* one time for all rows: features and sum of the rows */
      k->gemm(n, l->ld, 1, t->features + i - plain, 1, 1, bias, l->ld, weight, l->ld, 0);
    add_part(to, slot, (int64_t)n * l->ld, weight, l->weight + (int64_t)i * l->ld);
    if (to->g) weight += (int64_t)n * l->ld;
  }
}

static void backward(sb_tape *t, const float *dy, target *to, float *dx) {
  const sb_kernels *k = sb_kernel();
  layer *last = &t->layers[t->depth], *first = &t->layers[0];
  float *da = t->delta[0], *dz, *other = t->delta[1];
  int rows = t->rows;
  memset(da, 0, (size_t)rows * (size_t)last->tile * sizeof *da);
  sb_tape_copy(rows, t->out, dy, t->out, da, last->tile);
  for (layer *l = last;; l--) { /* da: gradient of the output of l */
    dz = da;
    if (l->skip) dz = memcpy(other, da, (size_t)rows * (size_t)l->tile * sizeof *da);
    k->column_sum(rows, l->tile, l->slope, dz, t->bias);
    if (to->g || to->sum) layer_gradient(t, l, dz, to);
    if (l == first) break;
    float *below = l->skip ? da : other;
    sb_panel_product(rows, l->turned_ld, l->out, dz, l->tile, l->turned, l->out, below,
                     l->input_tile, l->skip);
    other = below == da ? other : da;
    da = below;
  }
  if (!dx) return;
  if (!t->turned_ready) sb_tape_turn(t, first);
  t->turned_ready = 1;
  sb_panel_product(rows, first->turned_ld, first->out, dz, first->tile, first->turned, first->out,
                   other, first->turned_ld, 0);
  sb_tape_copy(rows, t->in, other, first->turned_ld, dx, t->in);
}

void sb_tape_backward(sb_tape *tape, const float *dy, float *g, float *dx) {
  target to = {g, NULL, SLOTS};
  backward(tape, dy, &to, dx);
}

int sb_tape_accumulate(sb_tape *tape, const float *dy, int64_t *sum, float *dx) {
  target to = {NULL, sum, SLOTS};
  backward(tape, dy, &to, dx);
  return to.bad < SLOTS ? to.bad : -1;
}
