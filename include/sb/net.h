/* layer: nn */
/** Multilayer perceptrons of any depth and width on tiles of rows: tensors only, no loss, no file.
 *
 *   input   u = [x, features(t)]            (features only when `time` is set)
 *   layer l z = a W_l + b_l, a' = f(z)      l = 0 .. depth - 1; where `residual` is set, l > 0 and the
 *                                           widths are equal: a' = f(z) + a
 *   output  y = a W_depth + b_depth         depth 0: y = u W_0 + b_0
 *
 * Weights are stored [in, out padded to SB_LANES] so that the kernels use them in place; padding is
 * zero and stays zero (its gradient is zero). All tensors of a net lie in one block of `size` floats
 * described by `slot`; gradient, Adam moments and average have the same layout. Such a block comes
 * from sb_mem_new: 64-byte aligned, zeroed. */
#ifndef SB_NET_H
#define SB_NET_H
#include <stddef.h>
#include <stdint.h>

#include "sb/kernel.h"
#include "sb/status.h"

#define SB_NET_VERSION 2 /**< of what a shape means: features of time, order of tensors; raised when a checkpoint
                              would be read wrongly */
#define SB_NET_MAX_DEPTH 32
#define SB_NET_MAX_WIDTH 65536
#define SB_NET_MAX_TIME 1024
#define SB_NET_ROWS 128 /**< most rows of a tape with backward */

typedef struct sb_net_shape {
  int in, out; /**< dimensions of x and of y, >= 1                                   */
  int depth;   /**< hidden layers, 0: linear                                         */
  int width[SB_NET_MAX_DEPTH]; /**< of each hidden layer, >= 1                       */
  sb_act act;                  /**< f                                                */
  int residual;                /**< add the layer's input where widths agree         */
  int time; /**< number of time features, a multiple of 4; 0: net without time       */
} sb_net_shape;

/** One tensor: rows x cols at offset, rows ld floats apart. Bias: rows = 1. Layer l has the slots
 *  2 l (weight) and 2 l + 1 (bias). */
typedef struct sb_slot {
  char name[24]; /**< "0.weight", "0.bias", … */
  int rows, cols, ld;
  int64_t offset;
} sb_slot;

typedef struct sb_net {
  sb_net_shape shape;
  int slots;
  sb_slot slot[2 * (SB_NET_MAX_DEPTH + 1)];
  int64_t size;       /**< floats of the block, padding included   */
  int64_t parameters; /**< without padding                         */
} sb_net;

/** Lays a network out. Anything of the shape out of range: SB_USE. */
sb_status sb_net_open(sb_net *net, const sb_net_shape *shape);
/** Initial parameters p [size]: uniform in +-1/sqrt(fan in), weights and biases alike (the default of
 *  PyTorch's linear layers); element e = row * cols + col of a tensor takes word e % 4 of the counter
 *  {index e / 4, step slot} of the stream `key` (SB_FOR_INIT; one key per network). The last layer is
 *  multiplied by `last`: 0 makes the first output zero. Padding is zero. */
void sb_net_init(const sb_net *net, uint64_t key, float last, float *p);
/** Table of slots as text, one line each: name rows cols ld offset (attribute `layout` of a
 *  checkpoint). Like snprintf: writes at most size bytes, returns the length without the final 0. */
int sb_net_layout(const sb_net *net, char *out, int size);
/** Flops of one forward of one row, for reports: multiply and add count 2, biases and activations 0.
 *  Forward and backward together count 3 times as much. */
double sb_net_flops(const sb_net *net);

/** Features of time of row i in out[i * ld + 0 .. time - 1], for t in [0, 1]. Of the P = time / 2
 *  frequencies, E = max(1, P / 4) are for the end, F = P - E for the whole:
 *    sin(w_k t)  at k      w_k = pi/2 (200/pi)^(k / (F - 1)), k < F: from a quarter wave to 100
 *    sin(v_k s)  at F + k  v_k = pi/2 4^(k / (E - 1)), k < E, s = -log(1 - t + 1/1000) / log(1000) in
 *                          [0, 1]: where fields change with the logarithm of 1 - t
 *    cosines     at P + k and P + F + k, of the same arguments.
 *  w_k, v_k, s and the products are rounded to float. (Scores of a ring of eight normals, learned with
 *  equal parts and w up to 1000 as is common for images, had errors larger by a quarter: high
 *  frequencies cost samples, and the end needs few.) */
void sb_net_features(int time, int rows, const float *t, float *out, ptrdiff_t ld);

/** Working memory for one tile: activations, slopes, transposed weights. One per network and process;
 *  allocated once. */
typedef struct sb_tape sb_tape;
/** backward = 0: runs forward only, on tiles of at most SB_BLOCK rows, and needs much less memory; else tiles have at
 *  most SB_NET_ROWS. */
sb_status sb_tape_open(const sb_net *net, int backward, sb_tape **out);
void sb_tape_close(sb_tape *tape);
/** Bytes that sb_tape_open will allocate. */
int64_t sb_tape_bytes(const sb_net *net, int backward);

/** Tells the tape which parameters to use, and that they changed (rebuilds W^T for backward): once per
 *  step. p is borrowed and must stay until the next load. */
void sb_tape_load(sb_tape *tape, const float *p);
/** Sets one time for all rows of the following forwards without t: the share of the features becomes
 *  part of the first bias. Before or after sb_tape_load; holds until the next call, 0 before the first. */
void sb_tape_time(sb_tape *tape, double t);
/** Training only: the next forwards drop hidden values, each to 0 with probability `rate` (to 2^-16, below 1) and else
 *  divided by 1 - rate (Srivastava et al. 2014), until the next call; rate 0: none. The first row of a tile is row
 *  `row0` of the batch of `step`; masks are of the stream `key` by row, step, layer and number of the forward since
 *  this call. sb_tape_backward is then the gradient of what was left. */
void sb_tape_dropout(sb_tape *tape, double rate, uint64_t key, int64_t row0, int64_t step);
/** y [rows, out] = net(x [rows, in], t), 0 <= rows <= SB_BLOCK (SB_NET_ROWS); t [rows], or NULL for the time of
 *  sb_tape_time (or a net without time). x and y are dense, row-major, of any alignment. With backward
 *  the tape keeps what sb_tape_backward needs. A row of y depends only on its own row of x and t: not
 *  on its place, not on `rows`, not on bad numbers in other rows. */
void sb_tape_forward(sb_tape *tape, int rows, const float *x, const float *t, float *y);
/** Of the last forward: g [size] = gradient of sum(dy * y) with respect to the parameters, written, not
 *  added, rows summed in order; dx [rows, in] = the gradient with respect to x. Each may be NULL. May be
 *  called again with another dy. */
void sb_tape_backward(sb_tape *tape, const float *dy, float *g, float *dx);
/** The same gradient, by the kernel `quantise` added to the exact sums [size], tensor by tensor while it
 *  is in the cache: the bits of sb_tape_backward followed by quantise, sooner. Returns -1, or the first
 *  slot that has an entry which is not finite or too large. */
int sb_tape_accumulate(sb_tape *tape, const float *dy, int64_t *sum, float *dx);

#endif
