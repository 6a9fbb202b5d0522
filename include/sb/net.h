/* layer: nn */
/** Multilayer perceptrons of any depth and width on tiles of SB_BLOCK rows: tensors only, no loss, no file.
 *
 *   input   u = [x, features(t)]                       (features only when `time` is set)
 *   layer l z = a W_l + b_l, a' = f(z) (+ a when residual and the widths are equal)
 *   output  y = a W_L + b_L
 * Weights are stored [in, out padded to SB_LANES] so that the kernels use them in place; padding is zero and stays zero.
 * All tensors of a net lie in one block of `size` floats described by `slot`; gradient, Adam moments and average have the same layout. */
#ifndef SB_NET_H
#define SB_NET_H
#include <stdint.h>

#include "sb/kernel.h"
#include "sb/keys.h"
#include "sb/status.h"

#define SB_NET_MAX_DEPTH 32

/** Features of time: sinusoids of 1000 t (resolve the start and the whole), the same and sinusoids of log(1 - t + 1e-3)
 *  (resolve the steep end). */
typedef struct sb_net_shape {
  int in, out;                  /**< dimensions of x and of y                          */
  int depth;                    /**< hidden layers                                     */
  int width[SB_NET_MAX_DEPTH];
  sb_act act;
  int residual;                 /**< add the layer's input where widths agree          */
  int time;                     /**< number of time features, 0: net without time; a multiple of 4 */
} sb_net_shape;

/** One tensor: rows x cols at offset, rows ld floats apart. Bias: rows = 1. */
typedef struct sb_slot {
  char name[24];     /**< "0.weight", "0.bias", … */
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

/** Lays a network out. Width or depth out of range: SB_USE. */
sb_status sb_net_open(sb_net *net, const sb_net_shape *shape);
/** Initial parameters p [size]: uniform +-1/sqrt(fan in) for weights and biases, keyed by (key, slot, position): last layer scaled by `last`. */
void sb_net_init(const sb_net *net, uint64_t key, float last, float *p);
/** Table of slots as text, one line each: name rows cols ld offset (attribute `layout` of a checkpoint). */
void sb_net_layout(const sb_net *net, char *out, int size);

/** Working memory for one tile: activations, slopes, transposed weights. One per network and process; allocated once. */
typedef struct sb_tape sb_tape;
sb_status sb_tape_open(const sb_net *net, int backward, sb_tape **out);
void sb_tape_close(sb_tape *tape);
/** Bytes that sb_tape_open will allocate. */
int64_t sb_tape_bytes(const sb_net *net, int backward);

/** Tells the tape that parameters changed (rebuilds W^T for backward, forgets time biases). Call once per step. */
void sb_tape_load(sb_tape *tape, const float *p);
/** Sets one time for all rows of the following forwards: the share of the features becomes part of the first bias. */
void sb_tape_time(sb_tape *tape, double t);
/** y [rows, out] = net(x [rows, in], t); rows <= SB_BLOCK; t [rows] or NULL after sb_tape_time (or a net without time).
 *  x and y dense row-major. With backward the tape keeps what sb_tape_backward needs. */
void sb_tape_forward(sb_tape *tape, int rows, const float *x, const float *t, float *y);
/** Gradient of sum(dy * y) with respect to the parameters of the last forward, written (not added) to g [size]; dx [rows, in] or NULL. */
void sb_tape_backward(sb_tape *tape, const float *dy, float *g, float *dx);

/** Flops of one forward of one row (multiply and add count 2), for reports. */
double sb_net_flops(const sb_net *net);

/* --- Optimiser -------------------------------------------------------------------------------------------------------- */

typedef enum sb_schedule { SB_RATE_CONSTANT, SB_RATE_COSINE } sb_schedule;

/** Adam (Kingma, Ba 2015), with coupled (L2) or decoupled (AdamW) weight decay, warm-up, clipping of the global norm, average. */
typedef struct sb_adam {
  double rate, beta1, beta2, epsilon;
  double decay;      /**< weight decay; 0 none                                           */
  int decoupled;     /**< AdamW                                                          */
  int schedule;      /**< sb_schedule                                                    */
  int64_t warmup;    /**< steps of linear warm-up                                        */
  int64_t steps;     /**< horizon of the cosine                                          */
  double rate_end;   /**< fraction of the rate at the end of the cosine                  */
  double clip;       /**< largest global gradient norm, 0: none                          */
  double average;    /**< decay of the parameter average, 0: none; early steps use min(average, (1+k)/(10+k)) */
} sb_adam;

/** Learning rate of step k = 0, 1, … */
double sb_adam_rate(const sb_adam *a, int64_t k);
/** Constants of step k for the kernel; norm = global gradient norm. */
void sb_adam_at(const sb_adam *a, int64_t k, double norm, sb_adam_step *out);

#endif
