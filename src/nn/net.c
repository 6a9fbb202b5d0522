/* Layout and first parameters of a multilayer perceptron: see sb/net.h. */
#include "sb/net.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sb/noise.h"

static int within(int x, int low, int high) { return low <= x && x <= high; }

static sb_status check(const sb_net_shape *s) {
  if (!within(s->in, 1, SB_NET_MAX_WIDTH) || !within(s->out, 1, SB_NET_MAX_WIDTH))
    return sb_fail(SB_USE, "a network of %d inputs and %d outputs: both must lie in 1 .. %d", s->in,
                   s->out, SB_NET_MAX_WIDTH);
  if (!within(s->depth, 0, SB_NET_MAX_DEPTH))
    return sb_fail(SB_USE, "a network of %d hidden layers: at most %d", s->depth, SB_NET_MAX_DEPTH);
  for (int l = 0; l < s->depth; l++)
    if (!within(s->width[l], 1, SB_NET_MAX_WIDTH))
      return sb_fail(SB_USE, "hidden layer %d of a network has width %d: it must lie in 1 .. %d",
                     l + 1, s->width[l], SB_NET_MAX_WIDTH);
  if (!within(s->time, 0, SB_NET_MAX_TIME) || s->time % 4 != 0)
    return sb_fail(SB_USE, "a network with %d features of time: a multiple of 4, at most %d",
                   s->time, SB_NET_MAX_TIME);
  if (!within((int)s->act, 0, SB_ACT_COUNT - 1))
    return sb_fail(SB_USE, "activation number %d of a network is not known", (int)s->act);
  return SB_OK;
}

static void add_slot(sb_net *net, const char *what, int rows, int cols) {
  sb_slot *s = &net->slot[net->slots];
  snprintf(s->name, sizeof s->name, "%d.%s", net->slots / 2, what);
  s->rows = rows;
  s->cols = cols;
  s->ld = SB_PAD(cols);
  s->offset = net->size;
  net->slots++;
  net->size += (int64_t)rows * s->ld;
  net->parameters += (int64_t)rows * cols;
}

sb_status sb_net_open(sb_net *net, const sb_net_shape *shape) {
  SB_TRY(check(shape));
  memset(net, 0, sizeof *net);
  net->shape = *shape;
  int in = shape->in + shape->time;
  for (int l = 0; l <= shape->depth; l++) {
    int out = l < shape->depth ? shape->width[l] : shape->out;
    add_slot(net, "weight", in, out);
    add_slot(net, "bias", 1, out);
    in = out;
  }
  return SB_OK;
}

/* Uniform in (-1, 1): e-th number of a slot. */
static double uniform(uint64_t key, uint32_t slot, int64_t e) {
  uint32_t word[4];
  sb_noise_words(key, e / 4, 0, slot, 0, word);
  return (word[e % 4] + 0.5) * 0x1p-31 - 1.0;
}

void sb_net_init(const sb_net *net, uint64_t key, float last, float *p) {
  memset(p, 0, (size_t)net->size * sizeof *p);
  for (int k = 0; k < net->slots; k++) {
    const sb_slot *s = &net->slot[k], *weight = &net->slot[k / 2 * 2];
    double scale = 1.0 / sqrt(weight->rows);
    if (k / 2 == net->shape.depth) scale *= last;
    for (int i = 0; i < s->rows; i++)
      for (int j = 0; j < s->cols; j++)
        p[s->offset + (int64_t)i * s->ld + j] =
            (float)(scale * uniform(key, (uint32_t)k, (int64_t)i * s->cols + j));
  }
}

int sb_net_layout(const sb_net *net, char *out, int size) {
  int length = 0;
  for (int k = 0; k < net->slots; k++) {
    const sb_slot *s = &net->slot[k];
    int left = length < size ? size - length : 0;
    length += snprintf(left ? out + length : NULL, (size_t)left, "%s %d %d %d %lld\n", s->name,
                       s->rows, s->cols, s->ld, (long long)s->offset);
  }
  return length;
}

double sb_net_flops(const sb_net *net) {
  double flops = 0;
  for (int k = 0; k < net->slots; k += 2) flops += 2.0 * net->slot[k].rows * net->slot[k].cols;
  return flops;
}
