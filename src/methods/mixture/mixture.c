/* The mixture bridge. Source: A. Korotin, N. Gushchin, E. Burnaev, "Light Schrödinger bridge", ICLR
 * 2024 (arXiv 2310.01174).
 *
 * The adjusted potential is a mixture of Gaussians, so that the plan and the drift of the bridge
 * have closed forms (sb/bridge.h, adjusted); its parameters minimise the divergence from the exact
 * bridge, which needs rows of both sets but no pairs, no solver and no simulation (objective.c). */
#include "mixture.h"

#include <string.h>

#include "sb/mem.h"

/* clang-format off */
static const sb_key method_keys[] = {
  SB_INT(mixture, components, "10", 1, 65536, "", "components of the potential"),
  SB_CHOICE(mixture, spread, "diagonal", "diagonal|full", "covariances of the components"),
  {0}};
static const sb_key sample_keys[] = {
  SB_CHOICE(mixture, sampler, "sde", "sde|plan",
    "paths by Euler-Maruyama; or the end drawn at once from its law given the start"),
  SB_INT(mixture, steps, "100", 1, 1e9, "", "Euler-Maruyama steps"),
  {0}};
static const sb_key train_keys[] = {
  SB_INT(sb_train_options, steps, "10000", 0, 4e9, "", "optimiser steps"),
  SB_INT(sb_train_options, batch, "512", 1, 1 << 30, "rows", "rows of each set in one step, over all ranks"),
  SB_REAL(sb_train_options, rate, "1e-2", 0, 10, "", "learning rate of Adam"),
  SB_CHOICE(sb_train_options, schedule, "cosine", "constant|cosine", "learning rate after warm-up"),
  SB_REAL(sb_train_options, rate_end, "0.001", 0, 1, "", "fraction of the rate at the end of the cosine"),
  SB_INT(sb_train_options, warmup, "0", 0, 4e9, "steps", "linear warm-up"),
  SB_REAL(sb_train_options, beta1, "0.9", 0, 0.9999999, "", "decay of Adam's first moment"),
  SB_REAL(sb_train_options, beta2, "0.99", 0, 0.9999999, "", "decay of Adam's second moment"),
  SB_REAL(sb_train_options, epsilon, "1e-8", 1e-30, 1, "", "added to the root of the second moment"),
  SB_REAL(sb_train_options, clip, "0", 0, 1e30, "", "largest global norm of the gradient, 0: none"),
  SB_REAL(sb_train_options, average, "0.999", 0, 0.9999999, "",
    "decay of the parameter average that sampling uses, 0: last parameters"),
  SB_CHOICE(sb_train_options, keep, "last", "last|best",
    "best: the average with the least validation loss (needs held-out rows of both sets)"),
  SB_CHOICE(sb_train_options, on_nan, "stop", "stop|restore",
    "a number that is not finite ends the run, or sends it back to the last checkpoint with half the learning rate"),
  SB_INT(sb_train_options, restores, "3", 0, 60, "", "times that on_nan: restore may send it back"),
  SB_INT(sb_train_options, block_rows, "0", 0, SB_NET_ROWS, "rows",
    "64 or 128 rows whose gradients are summed in float before the exact sum; 0: 128 where the batch has 512 or more"),
  SB_INT(sb_train_options, report, "0", 0, 1 << 30, "steps", "between lines of the history; 0: a hundredth of steps"),
  {0}};
/* clang-format on */

static int sections(void *state, sb_section *out, int most) {
  mixture *s = state;
  const sb_section all[] = {
      {"reference", NULL, sb_pair_reference, &s->pair, "reference process"},
      {"field", NULL, sb_pair_field, &s->pair, "where the drift comes from"},
      {"mixture", NULL, method_keys, s, "method mixture"},
      {"train", NULL, train_keys, &s->train, "training"},
      {"sample", NULL, sample_keys, s, "sampling of a bridge"},
  };
  const int n = (int)(sizeof all / sizeof *all);
  memcpy(out, all, (size_t)(n < most ? n : most) * sizeof *out);
  return n;
}

static int squares_of(const mixture *s, int d) {
  return s->spread == SPREAD_DIAGONAL ? d : d * (d + 1) / 2;
}

/* A linear map has the same tensors: weight [wide, components], bias. */
static sb_status lay_out(const mixture *s, int d, sb_net *net) {
  const double wide = (s->spread == SPREAD_DIAGONAL ? 2.0 * d : d * (d + 1.0) / 2 + d);
  if (wide > SB_NET_MAX_WIDTH)
    return sb_fail(
        SB_USE, "mixture.spread: %d dimensions are too many; %s", d,
        s->spread == SPREAD_FULL ? "take diagonal" : "project the data (data.project: pca)");
  const sb_net_shape shape = {.in = (int)wide, .out = (int)s->components};
  return sb_net_open(net, &shape);
}

static sb_status check(sb_run *run) {
  const mixture *s = run->state;
  sb_net net;
  if (run->backward)
    return sb_fail(
        SB_USE,
        "sample.direction: method mixture learns the way forward only; exchange data and source");
  if (s->components > run->data->n)
    return sb_fail(SB_USE, "mixture.components is %lld, but data has %lld training rows",
                   (long long)s->components, (long long)run->data->n);
  return lay_out(s, run->data->d, &net);
}

static int64_t bytes(sb_run *run) {
  const mixture *s = run->state;
  const double d = run->data->d, k = (double)s->components;
  sb_net net;
  if (lay_out(s, run->data->d, &net)) return 0;
  return sb_task_bytes(run->comm, &net, &s->train, 1) +
         (int64_t)(mixture_objective_bytes(run->data->d, (int)s->components,
                                           squares_of(s, run->data->d)) +
                   8 * (k * (6 * d * d + 100 * d) + 4 * d * d) + 8.0 * 4096 * (d + 3));
}

static sb_status open_task(mixture *s) {
  const sb_run *run = s->pair.run;
  const int64_t held[] = {run->source->n_held, run->data->n_held};
  s->task = (sb_task){.options = &s->train,
                      .self = s,
                      .held = held[0] < held[1] ? held[0] : held[1],
                      .most_rows = SB_NET_ROWS,
                      .init_key = sb_noise_key(run->seed, SB_FOR_INIT, 2, 0),
                      .loss = mixture_loss,
                      .validate = mixture_validate};
  strcpy(s->task.name, "potential");
  SB_TRY(lay_out(s, s->d, &s->task.net));
  s->padded = s->task.net.slot[0].ld;
  SB_TRY(sb_task_open(run->comm, &s->task));
  SB_TRY_ALL(run->comm, mixture_objective_open(s));
  for (int i = 0; i < s->d; i++) s->middle[i] = run->data->mean[i];
  return mixture_begin(s);
}

static sb_status open(sb_run *run) {
  mixture *s = run->state;
  SB_TRY(sb_pair_open(run, &s->pair));
  s->d = run->data->d;
  s->k = (int)s->components;
  s->squares = squares_of(s, s->d);
  s->wide = s->squares + s->d;
  return s->pair.source == SB_SOURCE_EXACT ? SB_OK : open_task(s);
}

static void close(sb_run *run) {
  mixture *s = run->state;
  mixture_objective_close(s);
  sb_bridge_close(s->learned);
  sb_task_close(&s->task);
  sb_pair_close(run);
}

static int tasks(sb_run *run, sb_task **out, int most) {
  mixture *s = run->state;
  if (most < 1 || !s->task.p) return 0;
  out[0] = &s->task;
  return 1;
}

static int blocks(sb_run *run, sb_block *out, int most) {
  mixture *s = run->state;
  if (most < 1) return 0;
  s->constants[0] = s->pair.variance;
  s->constants[1] = s->spread;
  *out = (sb_block){.path = "/mixture/constants",
                    .meaning = "variance of the reference, spread (0 diagonal, 1 full)",
                    .kind = SB_KIND_F64,
                    .rank = 1,
                    .shape = {2},
                    .data = s->constants};
  return 1;
}

/* The bridge of the parameters as they are now. */
static sb_status learn(mixture *s) {
  const int64_t k = s->k, d = s->d;
  double *log_a, *r, *g;
  sb_bridge_close(s->learned);
  s->learned = NULL;
  SB_TRY(SB_NEW(&log_a, k + k * d + k * d * d, "components"));
  r = log_a + k, g = r + k * d;
  mixture_read(s, sb_task_result(&s->task), log_a, r, g);
  const sb_status status =
      sb_bridge_adjusted((int)k, (int)d, log_a, r, g, s->pair.variance, &s->learned);
  sb_mem_free(log_a);
  return status;
}

static sb_status at(void *self, double t, int64_t step) {
  (void)step;
  return sb_bridge_at(((const mixture *)self)->learned, t);
}

static sb_status drift(void *self, int64_t first, int rows, const double *x, double *b) {
  (void)first;
  sb_bridge_drift(((const mixture *)self)->learned, 0, rows, x, b);
  return SB_OK;
}

static sb_status draw(void *self, int64_t first, int rows, double *x) {
  const mixture *s = self;
  sb_bridge_draw(s->learned, 0, s->plan_key, first, rows, x, x);
  return SB_OK;
}

static sb_status legs(sb_run *run, sb_view view, sb_leg *out, int most, int *n) {
  mixture *s = run->state;
  const int whole = s->sampler == SAMPLER_PLAN;
  *n = 1;
  if (most < 1) return sb_fail(SB_SYS, "mixture: no room for a leg");
  if (sb_pair_is_exact(&s->pair, view)) return sb_pair_closed(&s->pair, s->steps, out);
  SB_TRY_ALL(run->comm, learn(s));
  sb_pair_leg(&s->pair, whole ? 1 : s->steps, out);
  s->plan_key = out->path_key;
  out->field.name = whole ? "learned plan" : "learned drift";
  out->field.at = at;
  out->field.eval = drift;
  if (whole) out->field.step = draw;
  return SB_OK;
}

static sb_status plan(sb_run *run, int64_t rows, const double *x, double *mean, double *cov) {
  const mixture *s = run->state;
  const int exact = s->pair.source == SB_SOURCE_EXACT;
  sb_bridge_plan(exact ? run->bridge : s->learned, 0, rows, x, mean, cov);
  return SB_OK;
}

const sb_method sb_method_mixture = {
    .name = "mixture",
    .summary = "bridge of two sets by a mixture of Gaussians as potential: closed plan and drift",
    .source = "Korotin, Gushchin, Burnaev 2024, arXiv 2310.01174",
    .needs = 2,
    .streams = 1,
    .state_size = sizeof(mixture),
    .sections = sections,
    .check = check,
    .bytes = bytes,
    .open = open,
    .close = close,
    .tasks = tasks,
    .blocks = blocks,
    .legs = legs,
    .marginal = sb_pair_marginal,
    .density = sb_pair_density,
    .plan = plan,
};
