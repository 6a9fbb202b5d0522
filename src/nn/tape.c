/* Memory of a tape, its parameters and its time: see sb/net.h and tape.h. */
#include "tape.h"

#include <string.h>

#include "sb/mem.h"

/* Hands out pieces of one block; with base = NULL it only counts. */
typedef struct arena {
  float *base;
  int64_t used;
} arena;

static float *take(arena *a, int64_t n) {
  float *piece = a->base ? a->base + a->used : NULL;
  a->used += SB_PAD(n);
  return piece;
}

static int widest(const sb_net *net) {
  int most = 0;
  for (int k = 0; k < net->slots; k++) {
    if (net->slot[k].rows > most) most = net->slot[k].rows;
    if (net->slot[k].cols > most) most = net->slot[k].cols;
  }
  return SB_PAD(most);
}

static void describe(const sb_net *net, int backward, sb_tape *t) {
  const sb_net_shape *s = &net->shape;
  t->in = s->in;
  t->out = s->out;
  t->depth = s->depth;
  t->time = s->time;
  t->act = s->act;
  t->backward = backward;
  for (int l = 0; l <= s->depth; l++) {
    const sb_slot *w = &net->slot[2 * l];
    t->layers[l] = (layer){.in = w->rows,
                           .out = w->cols,
                           .ld = w->ld,
                           .tile = sb_tile(w->ld),
                           .skip = s->residual && l > 0 && l < s->depth && w->rows == w->cols,
                           .weight = w->offset,
                           .bias = w[1].offset,
                           .input_tile = sb_tile(SB_PAD(w->rows)),
                           .turned_ld = SB_PAD(l ? w->rows : s->in)};
  }
}

/* Gives every array its place. Forward alone needs two tiles in turn for all hidden layers. */
static void place(const sb_net *net, sb_tape *t, arena *a) {
  int width = widest(net);
  const int64_t rows = t->backward ? SB_NET_ROWS : SB_BLOCK;
  int64_t tile = rows * sb_tile(width);
  t->features = take(a, t->time);
  t->first_bias = take(a, t->layers[0].ld);
  for (int i = 0; i < 2; i++) t->delta[i] = take(a, tile);
  t->output = take(a, rows * t->layers[t->depth].ld);
  for (int l = 0; l <= t->depth; l++) {
    layer *y = &t->layers[l];
    y->input = l && !t->backward ? t->delta[l % 2] : take(a, rows * y->input_tile);
    if (!t->backward) {
      y->packed = take(a, (int64_t)y->in * y->ld);
      continue;
    }
    if (l < t->depth) y->slope = take(a, rows * y->tile);
    y->turned = take(a, (int64_t)y->out * y->turned_ld);
  }
  if (t->depth > 0 && t->out <= SB_NARROW)
    t->rows_of_last = take(a, (int64_t)t->out * SB_PAD(t->layers[t->depth].in));
  if (!t->backward) return;
  t->part = take(a, SB_BLOCK * width > SB_PART ? SB_BLOCK * width : SB_PART);
  t->narrow = take(a, (int64_t)SB_NARROW * width);
  t->bias = take(a, sb_tile(width));
}

#define HEADER SB_PAD((int64_t)((sizeof(sb_tape) + sizeof(float) - 1) / sizeof(float)))

static int64_t floats(const sb_net *net, int backward) {
  sb_tape t = {0};
  arena a = {NULL, HEADER};
  describe(net, backward, &t);
  place(net, &t, &a);
  return a.used;
}

int64_t sb_tape_bytes(const sb_net *net, int backward) {
  return floats(net, backward) * (int64_t)sizeof(float);
}

sb_status sb_tape_open(const sb_net *net, int backward, sb_tape **out) {
  float *block;
  *out = NULL;
  SB_TRY(sb_mem_new(&block, floats(net, backward), sizeof *block, "tape of a network"));
  sb_tape *t = (void *)block;
  arena a = {block, HEADER};
  describe(net, backward, t);
  place(net, t, &a);
  sb_tape_time(t, 0);
  *out = t;
  return SB_OK;
}

void sb_tape_close(sb_tape *tape) { sb_mem_free(tape); }

void sb_tape_turn(const sb_tape *tape, const layer *l) {
  int in = l == tape->layers ? tape->in : l->in;
  sb_panel_turn(in, l->out, tape->p + l->weight, l->ld, l->turned);
}

/* W^T of the last layer, row by row. */
static void turn_last(sb_tape *t) {
  const layer *l = &t->layers[t->depth];
  const float *w = t->p + l->weight;
  for (int j = 0; j < l->out; j++)
    for (int k = 0; k < l->in; k++) t->rows_of_last[j * SB_PAD(l->in) + k] = w[k * l->ld + j];
}

void sb_tape_load(sb_tape *tape, const float *p) {
  tape->p = p;
  tape->bias_ready = tape->turned_ready = 0;
  if (tape->rows_of_last) turn_last(tape);
  for (int i = 0; i <= tape->depth; i++) {
    const layer *l = &tape->layers[i];
    if (l->packed) sb_panel_pack(l->in, l->ld, p + l->weight, l->ld, l->packed);
    if (l->turned && i) sb_tape_turn(tape, l); /* of the first layer when somebody asks for dx */
  }
}

void sb_tape_time(sb_tape *tape, double t) {
  float single = (float)t;
  sb_net_features(tape->time, 1, &single, tape->features, tape->time);
  tape->bias_ready = 0;
}

void sb_tape_copy(int rows, int cols, const float *from, ptrdiff_t from_ld, float *to,
                  ptrdiff_t to_ld) {
  for (int i = 0; i < rows; i++, from += from_ld, to += to_ld) {
    if (cols >= SB_LANES)
      memcpy(to, from, (size_t)cols * sizeof *to);
    else
      for (int j = 0; j < cols; j++) to[j] = from[j];
  }
}
