/* The diffusion Schrödinger bridge. Source: V. De Bortoli, J. Thornton, J. Heng, A. Doucet,
 * "Diffusion Schrödinger bridge with applications to score-based generative modeling", NeurIPS 2021
 * (arXiv 2106.01357), and the authors' code.
 *
 * A bridge between two data sets by iterative proportional fitting: chains that run from one set by
 * the last network's steps, whose reversal the other network learns. Their data are ours at t = 1,
 * their prior our source at t = 0. */
#include "dsb.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sb/limits.h"
#include "sb/log.h"
#include "sb/mem.h"

/* clang-format off */
static const sb_key dsb_keys[] = {
  SB_INT(dsb_options, iterations, "20", 1, 1e5, "",
    "iterations of proportional fitting: one half-step forward, one backward, train.steps each"),
  SB_CHOICE(dsb_options, regressor, "network", "network|linear|gaussian",
    "what learns a half-step: networks; least squares of an affine map for each step; the same from moments of "
    "Gaussian chains, without sampling"),
  SB_CHOICE(dsb_options, noise, "step", "step|exact",
    "of a learned step: the reference's, or (gaussian, cond_mean) of the variance that is left: IPF without error"),
  SB_CHOICE(dsb_options, loss, "mean_match", "mean_match|cond_mean",
    "target: increments of the other direction's mean (eq. 12, 13), or where chains came from"),
  SB_CHOICE(dsb_options, predict, "drift", "increment|mean|drift",
    "the network gives a step's increment, the mean it leads to, or the drift per unit t"),
  SB_CHOICE(dsb_options, weight, "noise", "equal|noise",
    "squared errors of a step count alike, or in units of its noise, 1 / (2 gamma)"),
  SB_CHOICE(dsb_options, reduce, "mean", "mean|sum", "squared errors over coordinates"),
  SB_CHOICE(dsb_options, first, "matching", "chain|matching",
    "first half-step: on chains of the reference, or by denoising score matching, without simulation"),
  SB_BOOL(dsb_options, warm_start, "false", "networks begin a half-step where they ended the one before, not anew"),
  SB_INT(dsb_options, cache_npar, "10000", 1, 1e12, "paths", "paths of one batch of the trajectory cache"),
  SB_INT(dsb_options, num_cache_batches, "1", 1, 1e9, "", "batches of the trajectory cache"),
  SB_INT(dsb_options, cache_refresh, "100", 0, 1e12, "steps", "training steps with one cache; 0: all of a half-step"),
  SB_REAL(dsb_options, cache_memory, "0", 0, 1e18, "bytes", "fewer paths where the cache would be larger; 0: no limit"),
  SB_BOOL(dsb_options, compat_time_labels, "false",
    "chains label a step by its end, as the released code does, while networks learn its beginning"),
  {0}};
static const sb_key sample_keys[] = {
  SB_BOOL(dsb_sample, noise_last_step, "false", "the last step of a draw has noise, too"),
  SB_BOOL(dsb_sample, ode, "false", "draw by the probability flow, without noise"),
  SB_INT(dsb_sample, substeps, "1", 1, 1e6, "", "midpoint steps of the flow in each step of the chain"),
  SB_INT(dsb_sample, corrector, "0", 0, 1e6, "", "Langevin steps after each step but the last"),
  SB_REAL(dsb_sample, corrector_step, "0.1", 1e-9, 10, "", "their length delta, in units of the step's gamma"),
  {0}};

/* defaults of the authors' two-dimensional experiments; gammas and steps are those of `reference` anyway */
static const char *const paper[] = {
  "dsb.predict=increment", "dsb.weight=equal", "dsb.first=chain", "train.steps=10000", "train.batch=512",
  "train.rate=1e-4", "train.schedule=constant", "train.average=0", "train.clip=0", NULL};
static const char *const paper_images[] = {
  "dsb.predict=mean", "dsb.weight=equal", "dsb.first=chain", "dsb.cache_npar=1000", "reference.steps=30",
  "reference.gamma_min=1e-5", "reference.gamma_max=0.1", "train.steps=5000", "train.batch=128", "train.rate=1e-4",
  "train.schedule=constant", "train.average=0.999", "train.clip=1", NULL};
static const sb_preset presets[] = {
  {"paper", "defaults of the authors' code in two dimensions", paper},
  {"paper_images", "defaults of the authors' code for MNIST", paper_images},
  {0}};
/* clang-format on */

static const char *const parts[] = {"forward", "backward", "log_density", NULL};

static int sections(void *state, sb_section *out, int most) {
  dsb *s = state;
  const sb_section all[] = {
      {"reference", NULL, sb_reference_keys, &s->reference_options, "reference chain"},
      {"net", NULL, sb_net_keys, &s->net, "networks"},
      {"net.forward", "net", sb_net_keys, &s->net_part[TO_DATA], "network from source to data"},
      {"net.backward", "net", sb_net_keys, &s->net_part[TO_SOURCE], "network from data to source"},
      {"train", NULL, sb_train_keys, &s->train, "training, of each half-step"},
      {"train.forward", "train", sb_train_keys, &s->train_part[TO_DATA],
       "training of the forward network"},
      {"train.backward", "train", sb_train_keys, &s->train_part[TO_SOURCE],
       "training of the backward network"},
      {"sample", NULL, sample_keys, &s->sample, "sampling by chains"},
      {"field", NULL, sb_pair_field, &s->pair, "where the drift comes from"},
      {"dsb", NULL, dsb_keys, &s->options, "method dsb"},
  };
  const int n = (int)(sizeof all / sizeof *all);
  memcpy(out, all, (size_t)(n < most ? n : most) * sizeof *out);
  return n;
}

/* --- Memory
 * -----------------------------------------------------------------------------------------------
 */

static sb_status net_of(const dsb *s, int d, int part, sb_net *net) {
  sb_net_shape shape;
  SB_TRY(sb_net_options_shape(&s->net_part[part], d, d, 1, &shape));
  return sb_net_open(net, &shape);
}

/* Of the cache a rank's part: the ranks of a node hold one together. */
static int64_t bytes(sb_run *run) {
  const dsb *s = run->state;
  const double d = run->data->d, steps = (double)sb_reference_steps(&s->reference_options);
  double sum = dsb_cache_bytes(s, run->data->d) / run->comm->node_size + SB_BLOCK * d * 100 +
               steps * 40 + 2 * (double)s->options.iterations * (double)sizeof(dsb_line);
  sb_net net;
  for (int p = 0; p < DIRECTIONS; p++) {
    if (s->options.regressor != REGRESSOR_NETWORK)
      sum += 8 * steps * d * (2 * d + 1);
    else if (!dsb_exact(s) && !net_of(s, run->data->d, p, &net))
      sum += (double)sb_task_bytes(run->comm, &net, &s->train_part[p], s->options.iterations) +
             2 * (double)sb_tape_bytes(&net, 1);
  }
  if (s->options.regressor != REGRESSOR_NETWORK) sum += 8 * d * (d + 1) * (2 * SB_SUM_LIMBS + 8);
  return sum < 9e18 ? (int64_t)sum : INT64_MAX;
}

static sb_status check_cache(const dsb *s) {
  const sb_comm *c = s->run->comm;
  const int d = s->run->data->d;
  const int64_t paths = dsb_cache_paths(s, d);
  const double need = dsb_cache_bytes(s, d), room = (double)sb_memory_available();
  if (paths < SB_BLOCK && s->options.cache_memory > 0)
    return sb_fail(SB_USE,
                   "dsb.cache_memory: %.0f bytes hold %lld paths, but %d are needed at least",
                   s->options.cache_memory, (long long)paths, SB_BLOCK);
  if (need > 0)
    sb_say("cache       %lld paths of %d steps, %.1f MB on each node, renewed every %lld steps\n",
           (long long)paths, s->steps, need / 1e6, (long long)s->options.cache_refresh);
  sb_status status = SB_OK;
  if (need > room)
    status = sb_fail(SB_SYS,
                     "dsb: a cache of %lld paths of %d steps takes %.0f bytes, more than the %.0f "
                     "that this node has left; fewer dsb.cache_npar, or dsb.cache_memory",
                     (long long)paths, s->steps, need, room);
  return sb_agree(c, status);
}

/* --- What cannot be iterated
 * ------------------------------------------------------------------------------ */

/* Largest number among the means and deviations of a set. */
static double reach(const sb_data *set) {
  double most = 0;
  for (int k = 0; k < set->d; k++)
    most = fmax(most, fabs(set->mean[k]) + 3 * sqrt(set->cov[k * set->d + k]));
  return most;
}

/* Noise that single precision cannot see beside the numbers; chains that begin beyond the reach of
 * the reference; noise that drowns the sets. */
static sb_status check_scale(const dsb *s) {
  const sb_data *data = s->run->data, *source = s->run->source;
  const sb_reference *r = &s->reference;
  const double most = fmax(reach(data), reach(source));
  double least = r->gamma[0], variance = 0, off = 0;
  for (int j = 1; j < r->steps; j++) least = fmin(least, r->gamma[j]);
  if (sqrt(2 * least) < 1e-5 * most)
    return sb_fail(SB_USE,
                   "reference: the noise of a step, %.2g, is lost beside numbers up to %.2g in "
                   "single precision; raise reference.variance or gamma_min, or take fewer steps",
                   sqrt(2 * least), most);
  for (int k = 0; k < s->d; k++) {
    const int kk = k * s->d + k;
    const double mean = r->mean[k] + r->kept[0] * (data->mean[k] - r->mean[k]);
    const double var = r->kept[0] * r->kept[0] * data->cov[kk] + r->spread[0];
    off += (source->mean[k] - mean) * (source->mean[k] - mean) / var / s->d;
    variance += (data->cov[kk] + source->cov[kk]) / (2 * s->d);
  }
  off = sqrt(off);
  if (off > 30)
    return sb_fail(SB_USE,
                   "reference: its chains end %.3g standard deviations from the source, where the "
                   "first half-step learns nothing about it; raise reference.variance (now %.3g)",
                   off, r->total);
  if (off > 4)
    sb_warn(
        "the reference's chains end %.2g standard deviations from the source: many iterations "
        "will be needed, or a larger reference.variance (now %.3g)",
        off, r->total);
  if (r->total > 1e6 * variance && s->reference_options.process == SB_PROCESS_BROWNIAN)
    return sb_fail(SB_USE,
                   "reference: its variance %.3g drowns the sets, whose coordinates have %.3g; the "
                   "ends of the bridge would be independent: lower reference.variance",
                   r->total, variance);
  return SB_OK;
}

/* --- Opening
 * ---------------------------------------------------------------------------------------------- */

static sb_status check(sb_run *run) {
  dsb *s = run->state;
  s->run = run;
  s->d = run->data->d;
  s->steps = (int)sb_reference_steps(&s->reference_options);
  for (int p = 0; p < DIRECTIONS && dsb_by(s, REGRESSOR_NETWORK); p++) {
    const sb_train_options *o = &s->train_part[p];
    if (o->steps < 1)
      return sb_fail(SB_USE, "train.steps: a half-step of dsb needs at least one step");
    if (o->keep == SB_KEEP_BEST)
      return sb_fail(SB_USE, "train.keep: best is not for dsb, which has no validation loss");
  }
  if (s->options.regressor != REGRESSOR_NETWORK && s->d > 256)
    return sb_fail(SB_USE, "dsb.regressor: affine maps are for at most 256 dimensions, not %d",
                   s->d);
  if (s->options.noise == NOISE_EXACT &&
      (s->options.regressor != REGRESSOR_GAUSSIAN || s->options.loss != LOSS_COND_MEAN))
    return sb_fail(SB_USE,
                   "dsb.noise: exact needs dsb.regressor: gaussian and dsb.loss: cond_mean");
  if (s->options.noise == NOISE_EXACT && (s->sample.ode || s->sample.corrector))
    return sb_fail(SB_USE, "dsb.noise: exact draws by chains alone (no sample.ode, corrector)");
  if (s->sample.ode && s->sample.corrector)
    return sb_fail(SB_USE, "sample.corrector: the probability flow (sample.ode) has no corrector");
  return check_cache(s);
}

static sb_status open_reference(dsb *s) {
  const sb_data *source = s->run->source;
  double v = 0;
  for (int k = 0; k < s->d; k++) v += source->cov[k * s->d + k] / s->d;
  s->variance = v;
  SB_TRY(sb_reference_open(&s->reference_options, s->d, source->mean, v, &s->reference));
  s->pair.variance = s->reference.total;
  return SB_OK;
}

/* The closed form, which is for Brownian motion. */
static sb_status open_bridge(dsb *s) {
  if (s->reference_options.process == SB_PROCESS_BROWNIAN) return sb_pair_open(s->run, &s->pair);
  s->pair.run = s->run;
  if (!dsb_exact(s)) return SB_OK;
  return sb_fail(SB_USE, "field.source: exact is known for reference.process: brownian alone");
}

static sb_status open_task(dsb *s, int part) {
  sb_task *task = &s->task[part];
  *task = (sb_task){.options = &s->train_part[part],
                    .self = s,
                    .loss = dsb_loss,
                    .ready = dsb_ready,
                    .rounds = s->options.iterations,
                    .most_rows = SB_NET_ROWS,
                    .init_key = sb_noise_key(s->run->seed, SB_FOR_INIT, (uint32_t)part, 0),
                    .drop_key = sb_noise_key(s->run->seed, SB_FOR_DROPOUT, (uint32_t)part, 0)};
  strcpy(task->name, parts[part]);
  SB_TRY(net_of(s, s->d, part, &task->net));
  return sb_task_open(s->run->comm, task);
}

static sb_status scratch(dsb *s) {
  const int64_t tile = (int64_t)SB_NET_ROWS * s->d;
  SB_TRY(SB_NEW(&s->point, tile, "rows of a block"));
  SB_TRY(SB_NEW(&s->increment, tile, "targets of a block"));
  SB_TRY(SB_NEW(&s->output, tile, "output of a block"));
  SB_TRY(SB_NEW(&s->gradient, tile, "gradient of a block"));
  SB_TRY(SB_NEW(&s->time, SB_NET_ROWS, "times of a block"));
  SB_TRY(SB_NEW(&s->scale, SB_NET_ROWS, "scales of a block"));
  SB_TRY(SB_NEW(&s->weight, SB_NET_ROWS, "weights of a block"));
  return SB_NEW(&s->history, dsb_halves(s) + 1, "history of half-steps");
}

static sb_status open(sb_run *run) {
  dsb *s = run->state;
  s->run = run; /* benches open without a check */
  s->d = run->data->d;
  s->steps = (int)sb_reference_steps(&s->reference_options);
  SB_TRY_ALL(run->comm, open_reference(s));
  SB_TRY(check_scale(s));
  SB_TRY(open_bridge(s));
  SB_TRY_ALL(run->comm, scratch(s));
  SB_TRY_ALL(run->comm, dsb_affine_open(s));
  for (int p = 0; p < DIRECTIONS && dsb_by(s, REGRESSOR_NETWORK); p++) SB_TRY(open_task(s, p));
  SB_TRY_ALL(run->comm, dsb_step_open(s));
  return dsb_cache_open(s);
}

static void close(sb_run *run) {
  dsb *s = run->state;
  if (!s->run) return;
  void *const blocks[] = {s->point, s->increment, s->output, s->gradient,
                          s->time,  s->scale,     s->weight, s->history};
  dsb_fields_close(s);
  dsb_step_close(s);
  dsb_cache_close(s);
  dsb_affine_close(s);
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) sb_mem_free(blocks[i]);
  for (int p = 0; p < DIRECTIONS; p++) sb_task_close(&s->task[p]);
  sb_reference_close(&s->reference);
  sb_pair_close(run);
}

/* --- What others see
 * -------------------------------------------------------------------------------------- */

static int tasks(sb_run *run, sb_task **out, int most) {
  dsb *s = run->state;
  int n = 0;
  for (int p = 0; p < DIRECTIONS && n < most; p++)
    if (s->task[p].p) out[n++] = &s->task[p];
  return n;
}

static int blocks(sb_run *run, sb_block *out, int most) {
  dsb *s = run->state;
  if (most < 3) return 0;
  s->constants[0] = s->reference.total;
  s->constants[1] = s->options.predict;
  s->constants[2] = s->options.loss;
  s->constants[3] = s->reference.rate;
  out[0] = (sb_block){"/dsb/constants",
                      "reference variance, predict (0 increment, 1 mean, 2 drift), loss (0 "
                      "mean_match, 1 cond_mean), 1 / stationary variance",
                      SB_KIND_F64,
                      1,
                      {4},
                      s->constants,
                      NULL,
                      0};
  out[1] = (sb_block){"/dsb/gamma", "half the noise's variance of each step, in order of t",
                      SB_KIND_F64,  1,
                      {s->steps},   s->reference.gamma,
                      NULL,         0};
  out[2] = (sb_block){"/dsb/time",    "where steps begin and the last one ends",
                      SB_KIND_F64,    1,
                      {s->steps + 1}, s->reference.time,
                      NULL,           0};
  return 3;
}

static int prepared(sb_run *run, sb_block *out, int most) {
  dsb *s = run->state;
  int n = 0;
  if (most < 8) return 0;
  out[n++] = (sb_block){"/state/dsb/lines",
                        "half-steps whose chains are in the history",
                        SB_KIND_I64,
                        1,
                        {1},
                        s->lines,
                        NULL,
                        0};
  out[n++] = (sb_block){"/dsb/half_steps",
                        "chains of each half-step: half-step, direction (0 to the data), mean and "
                        "variance where they begin and end, of the set there, covariance of the "
                        "ends, distance of the means",
                        SB_KIND_F64,
                        2,
                        {dsb_halves(s) + 1, DSB_COLUMNS},
                        s->history,
                        NULL,
                        0};
  for (int p = 0; p < DIRECTIONS; p++) {
    const dsb_affine *a = &s->affine[p];
    double *const data[] = {a->slope, a->shift, a->noise};
    static const char *const names[] = {"slope", "shift", "noise"};
    for (int i = 0; i < 3; i++) {
      if (!data[i]) continue;
      out[n] = (sb_block){.meaning = "affine map of each step, covariance of its noise",
                          .kind = SB_KIND_F64,
                          .rank = i == 1 ? 2 : 3,
                          .shape = {s->steps, s->d, s->d},
                          .data = data[i]};
      snprintf(out[n++].path, sizeof out->path, "/dsb/%s/%s", parts[p], names[i]);
    }
  }
  return n;
}

static int tables(sb_run *run, sb_report_table *out, int most) {
  static const char *const columns[] = {
      "half_step",   "direction",       "mean_start", "variance_start", "mean_end", "variance_end",
      "target_mean", "target_variance", "coupling",   "distance",       NULL};
  const dsb *s = run->state;
  if (most < 1) return 0;
  *out = (sb_report_table){"half_steps", columns, *s->lines, (const double *)s->history};
  return 1;
}

const sb_method sb_method_dsb = {
    .name = "dsb",
    .summary = "diffusion bridge between two data sets: iterative proportional fitting of chains",
    .source = "De Bortoli, Thornton, Heng, Doucet 2021, arXiv 2106.01357",
    .needs = 2,
    .state_size = sizeof(dsb),
    .presets = presets,
    .parts = parts,
    .sections = sections,
    .check = check,
    .bytes = bytes,
    .open = open,
    .close = close,
    .tasks = tasks,
    .turn = dsb_turn,
    .blocks = blocks,
    .prepare = dsb_prepare,
    .prepared = prepared,
    .legs = dsb_legs,
    .marginal = sb_pair_marginal,
    .density = sb_pair_density,
    .part = dsb_part,
    .tables = tables,
};
