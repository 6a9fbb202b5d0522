/* Forward and backward of a network on one tile of rows: see sb/net.h.
 *
 * Tiles are [SB_BLOCK, width padded]. Their padding is zero, or bad numbers where the row has bad
 * numbers; no product reads it into a column that counts. Rows beyond the given ones are not
 * touched: that a row does not depend on the number of rows is the promise of the kernels. */
#include <string.h>

#include "sb/mem.h"
#include "sb/net.h"

typedef struct layer {
  int in, out;          /* rows and columns of the weight                                       */
  int ld;               /* out, padded: columns of the tiles of its output                      */
  int skip;             /* its input is added to its output                                     */
  int64_t weight, bias; /* in the parameters                                                    */
  float *input;         /* tile [., input_ld]: what the layer before put out                    */
  int input_ld;
  float *slope;  /* tile [., ld] of f'(z): hidden layers, for backward                   */
  float *turned; /* W^T [out padded, turned_ld], of the first layer without the features */
  int turned_ld;
} layer;

struct sb_tape {
  int in, out, depth, time, backward;
  sb_act act;
  const float *p;    /* of the last load                                                        */
  int rows;          /* of the last forward                                                     */
  int timed;         /* the last forward had a time for each row                                */
  int bias_ready;    /* first_bias belongs to p and to features                                 */
  int turned_ready;  /* W^T of the first layer belongs to p                                     */
  float *features;   /* [time] of the one time of all rows                                      */
  float *first_bias; /* b_0 + features W_0                                                      */
  float *output;     /* tile [., out padded]                                                    */
  float *delta[2];   /* tiles as wide as any other: gradients on their way down                 */
  layer layers[SB_NET_MAX_DEPTH + 1];
};

/* --- Memory
 * --------------------------------------------------------------------------------------- */

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
  int most = net->shape.in > net->shape.out ? net->shape.in : net->shape.out;
  for (int l = 0; l < net->shape.depth; l++)
    if (net->shape.width[l] > most) most = net->shape.width[l];
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
                           .skip = s->residual && l > 0 && l < s->depth && w->rows == w->cols,
                           .weight = w->offset,
                           .bias = w[1].offset,
                           .input_ld = SB_PAD(w->rows),
                           .turned_ld = SB_PAD(l ? w->rows : s->in)};
  }
}

/* Gives every array of the tape its place; forward alone needs two tiles in turn for all hidden
 * layers. */
static void place(const sb_net *net, sb_tape *t, arena *a) {
  int64_t tile = (int64_t)SB_BLOCK * widest(net);
  t->features = take(a, t->time);
  t->first_bias = take(a, t->layers[0].ld);
  for (int i = 0; i < 2; i++) t->delta[i] = take(a, tile);
  t->output = take(a, (int64_t)SB_BLOCK * t->layers[t->depth].ld);
  for (int l = 0; l <= t->depth; l++) {
    layer *y = &t->layers[l];
    y->input = l && !t->backward ? t->delta[l % 2] : take(a, (int64_t)SB_BLOCK * y->input_ld);
    if (!t->backward) continue;
    if (l < t->depth) y->slope = take(a, (int64_t)SB_BLOCK * y->ld);
    y->turned = take(a, (int64_t)y->ld * y->turned_ld);
  }
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

/* --- Parameters and time
 * -------------------------------------------------------------------------- */

typedef float four __attribute__((vector_size(16)));

/* dst [4, 4] = src [4, 4] transposed */
static inline void turn4(const float *src, ptrdiff_t src_ld, float *dst, ptrdiff_t dst_ld) {
  const four *a = (const four *)src, *b = (const four *)(src + src_ld);
  const four *c = (const four *)(src + 2 * src_ld), *d = (const four *)(src + 3 * src_ld);
  four ab = __builtin_shufflevector(*a, *b, 0, 4, 1, 5),
       AB = __builtin_shufflevector(*a, *b, 2, 6, 3, 7);
  four cd = __builtin_shufflevector(*c, *d, 0, 4, 1, 5),
       CD = __builtin_shufflevector(*c, *d, 2, 6, 3, 7);
  *(four *)dst = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
  *(four *)(dst + dst_ld) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
  *(four *)(dst + 2 * dst_ld) = __builtin_shufflevector(AB, CD, 0, 1, 4, 5);
  *(four *)(dst + 3 * dst_ld) = __builtin_shufflevector(AB, CD, 2, 3, 6, 7);
}

/* dst [cols, dst_ld] = transpose of src [rows, cols padded], by blocks of 4 x 16; what is left
 * singly. */
static void turn(int rows, int cols, const float *src, ptrdiff_t src_ld, float *dst,
                 ptrdiff_t dst_ld) {
  int whole = rows / 4 * 4;
  for (int j = 0; j < SB_PAD(cols); j += SB_LANES)
    for (int i = 0; i < whole; i += 4)
      for (int k = j; k < j + SB_LANES; k += 4)
        turn4(src + i * src_ld + k, src_ld, dst + k * dst_ld + i, dst_ld);
  for (int i = whole; i < rows; i++)
    for (int j = 0; j < cols; j++) dst[j * dst_ld + i] = src[i * src_ld + j];
}

static void turn_layer(const sb_tape *t, const layer *y) {
  turn(y == t->layers ? t->in : y->in, y->out, t->p + y->weight, y->ld, y->turned, y->turned_ld);
}

void sb_tape_load(sb_tape *tape, const float *p) {
  tape->p = p;
  tape->bias_ready = tape->turned_ready = 0;
  if (!tape->backward) return;
  for (int l = 1; l <= tape->depth; l++) turn_layer(tape, &tape->layers[l]);
}

void sb_tape_time(sb_tape *tape, double t) {
  float single = (float)t;
  sb_net_features(tape->time, 1, &single, tape->features, tape->time);
  tape->bias_ready = 0;
}

/* The first bias, with the share of the features where all rows have one time. */
static const float *first_bias(sb_tape *t) {
  const layer *y = &t->layers[0];
  const float *bias = t->p + y->bias;
  if (t->time == 0 || t->timed) return bias;
  if (!t->bias_ready) {
    memcpy(t->first_bias, bias, (size_t)y->ld * sizeof *bias);
    sb_kernel()->gemm(1, y->ld, t->time, t->features, t->time, 1,
                      t->p + y->weight + (int64_t)t->in * y->ld, y->ld, t->first_bias, y->ld, 1);
    t->bias_ready = 1;
  }
  return t->first_bias;
}

/* --- Forward
 * -------------------------------------------------------------------------------------- */

static void copy_rows(int rows, int cols, const float *from, ptrdiff_t from_ld, float *to,
                      ptrdiff_t to_ld) {
  for (int i = 0; i < rows; i++)
    memcpy(to + i * to_ld, from + i * from_ld, (size_t)cols * sizeof *from);
}

/* y += x; n padded */
static void add(int64_t n, const float *x, float *y) {
  for (int64_t i = 0; i < n; i += SB_LANES)
    for (int64_t j = i; j < i + SB_LANES; j++) y[j] += x[j];
}

/* z of layer y, without bias, from its input. */
static void product(const sb_tape *t, const layer *y, const float *a, ptrdiff_t a_ld, float *z) {
  int depth = y == t->layers && !t->timed ? t->in : y->in;
  sb_kernel()->gemm(t->rows, y->ld, depth, a, a_ld, 1, t->p + y->weight, y->ld, z, y->ld, 0);
}

void sb_tape_forward(sb_tape *tape, int rows, const float *x, const float *t, float *y) {
  const sb_kernels *k = sb_kernel();
  layer *first = &tape->layers[0], *last = &tape->layers[tape->depth];
  const float *a = x, *bias;
  ptrdiff_t a_ld = tape->in;
  tape->rows = rows;
  tape->timed = t && tape->time;
  bias = first_bias(tape);
  if (tape->backward || tape->timed) {
    copy_rows(rows, tape->in, x, tape->in, first->input, first->input_ld);
    if (tape->timed) sb_net_features(tape->time, rows, t, first->input + tape->in, first->input_ld);
    a = first->input;
    a_ld = first->input_ld;
  }
  for (layer *l = first; l < last; l++) {
    float *z = l[1].input;
    product(tape, l, a, a_ld, z);
    k->activate(tape->act, rows, l->ld, bias, z, l->slope);
    if (l->skip) add((int64_t)rows * l->ld, a, z);
    a = z;
    a_ld = l[1].input_ld;
    bias = tape->p + l[1].bias;
  }
  product(tape, last, a, a_ld, tape->output);
  k->add_bias(rows, last->ld, bias, tape->output);
  copy_rows(rows, tape->out, tape->output, last->ld, y, tape->out);
}

/* --- Backward
 * ------------------------------------------------------------------------------------- */

/* Gradient of weight and bias of layer y, dz [rows, ld] that of its z. */
static void layer_gradient(const sb_tape *t, const layer *y, const float *dz, float *g) {
  const sb_kernels *k = sb_kernel();
  float *weight = g + y->weight, *bias = g + y->bias;
  int folded = y == t->layers && !t->timed ? t->time : 0, in = y->in - folded;
  k->column_sum(t->rows, y->ld, dz, bias);
  k->gemm(in, y->ld, t->rows, y->input, 1, y->input_ld, dz, y->ld, weight, y->ld, 0);
  if (folded) /* one time for all rows: features and sum of the rows */
    k->gemm(folded, y->ld, 1, t->features, 1, 1, bias, y->ld, weight + (int64_t)in * y->ld, y->ld,
            0);
}

void sb_tape_backward(sb_tape *tape, const float *dy, float *g, float *dx) {
  const sb_kernels *k = sb_kernel();
  layer *last = &tape->layers[tape->depth], *first = &tape->layers[0];
  float *da = tape->delta[0], *dz = da, *other = tape->delta[1];
  int rows = tape->rows;
  memset(da, 0, (size_t)rows * (size_t)last->ld * sizeof *da);
  copy_rows(rows, tape->out, dy, tape->out, da, last->ld);
  for (layer *l = last;; l--) { /* da: gradient of the output of l */
    int64_t n = (int64_t)rows * l->ld;
    dz = da;
    if (l->skip) dz = memcpy(other, da, (size_t)n * sizeof *da);
    if (l->slope) k->multiply(n, l->slope, dz);
    if (g) layer_gradient(tape, l, dz, g);
    if (l == first) break;
    float *below = l->skip ? da : other;
    k->gemm(rows, l->turned_ld, l->out, dz, l->ld, 1, l->turned, l->turned_ld, below, l->turned_ld,
            l->skip);
    other = below == da ? other : da;
    da = below;
  }
  if (!dx) return;
  if (!tape->turned_ready) turn_layer(tape, first);
  tape->turned_ready = 1;
  k->gemm(rows, first->turned_ld, first->out, dz, first->ld, 1, first->turned, first->turned_ld,
          other, first->turned_ld, 0);
  copy_rows(rows, tape->in, other, first->turned_ld, dx, tape->in);
}
