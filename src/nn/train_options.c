/* Keys of the sections `net` and `train`. */
#include "sb/train.h"

/* clang-format off */
const sb_key sb_net_keys[] = {
  SB_INT(sb_net_options, depth, "3", 0, SB_NET_MAX_DEPTH, "", "hidden layers; 0: a linear map"),
  SB_INT(sb_net_options, width, "128", 1, SB_NET_MAX_WIDTH, "", "units of each hidden layer"),
  SB_REALS(sb_net_options, widths, "[]", 1, SB_NET_MAX_WIDTH, "", "units layer by layer, instead of depth and width"),
  SB_CHOICE(sb_net_options, activation, "silu", "silu|relu|leaky_relu|selu|tanh",
    "activation; leaky_relu has slope .01"),
  SB_BOOL(sb_net_options, residual, "false", "add the input of a layer to its output where widths agree"),
  SB_INT(sb_net_options, time_features, "32", 4, SB_NET_MAX_TIME, "",
    "sinusoids of time, a multiple of 4 (score network)"),
  {0}};

const sb_key sb_train_keys[] = {
  SB_INT(sb_train_options, steps, "10000", 0, 4e9, "", "optimiser steps"),
  SB_INT(sb_train_options, batch, "512", 1, 1 << 30, "rows", "rows of one step, over all ranks"),
  SB_REAL(sb_train_options, rate, "1e-3", 0, 10, "", "learning rate of Adam"),
  SB_CHOICE(sb_train_options, schedule, "cosine", "constant|cosine", "learning rate after warm-up"),
  SB_REAL(sb_train_options, rate_end, "0.01", 0, 1, "", "fraction of the rate at the end of the cosine"),
  SB_INT(sb_train_options, warmup, "0", 0, 4e9, "steps", "linear warm-up"),
  SB_REAL(sb_train_options, beta1, "0.9", 0, 0.9999999, "", "decay of Adam's first moment"),
  SB_REAL(sb_train_options, beta2, "0.999", 0, 0.9999999, "", "decay of Adam's second moment"),
  SB_REAL(sb_train_options, epsilon, "1e-8", 1e-30, 1, "", "added to the root of the second moment"),
  SB_REAL(sb_train_options, weight_decay, "0", 0, 1e3, "", "weight decay"),
  SB_BOOL(sb_train_options, decoupled, "false", "weight decay as AdamW; false: an L2 term in the gradient"),
  SB_REAL(sb_train_options, dropout, "0", 0, 0.95, "", "fraction of the hidden values dropped in training"),
  SB_REAL(sb_train_options, clip, "1", 0, 1e30, "", "largest global norm of the gradient, 0: none"),
  SB_REAL(sb_train_options, average, "0.999", 0, 0.9999999, "",
    "decay of the parameter average that sampling uses, 0: last parameters"),
  SB_CHOICE(sb_train_options, keep, "last", "last|best",
    "best: the average with the least validation loss (needs data.validation)"),
  SB_CHOICE(sb_train_options, time_sampling, "antithetic", "antithetic|uniform",
    "times of a batch: pairs t, 1 - t, or independent"),
  SB_CHOICE(sb_train_options, on_nan, "stop", "stop|restore",
    "a number that is not finite ends the run, or sends it back to the last checkpoint with half the learning rate"),
  SB_INT(sb_train_options, restores, "3", 0, 60, "", "times that on_nan: restore may send a network back"),
  SB_INT(sb_train_options, block_rows, "0", 0, SB_NET_ROWS, "rows",
    "64 or 128 rows whose gradients are summed in float before the exact sum: more are faster, but no more than "
    "batch / block_rows ranks share a step; 0: 128 where the batch has 512 rows or more"),
  SB_INT(sb_train_options, report, "0", 0, 1 << 30, "steps", "between lines of the history; 0: a hundredth of steps"),
  {0}};
/* clang-format on */

sb_status sb_net_options_shape(const sb_net_options *o, int in, int out, int time,
                               sb_net_shape *shape) {
  const int depth = o->widths.n ? o->widths.n : (int)o->depth;
  *shape = (sb_net_shape){
      .in = in, .out = out, .depth = depth, .act = (sb_act)o->activation, .residual = o->residual};
  shape->time = time ? (int)o->time_features : 0;
  if (depth > SB_NET_MAX_DEPTH)
    return sb_fail(SB_USE, "net.widths has %d layers; at most %d", depth, SB_NET_MAX_DEPTH);
  for (int l = 0; l < o->widths.n; l++)
    if (o->widths.v[l] != (int)o->widths.v[l])
      return sb_fail(SB_USE, "net.widths: %g is not a whole number", o->widths.v[l]);
  if (shape->time % 4 != 0)
    return sb_fail(SB_USE, "net.time_features is %d, but must be a multiple of 4", shape->time);
  for (int l = 0; l < depth; l++)
    shape->width[l] = o->widths.n ? (int)o->widths.v[l] : (int)o->width;
  return SB_OK;
}
