/* The kernel bridge. Source: G. Gottwald, F. Li, Y. Marzouk, S. Reich, "Stable generative modeling
 * using Schrödinger bridges", 2024 (arXiv 2401.04372); keys, defaults and what was derived here:
 * the README.
 *
 * Nothing is trained. The Gaussian kernel of the data, scaled to a bistochastic matrix, is the
 * transition of Langevin's dynamics over a time epsilon from a training point to another; its rows
 * are extended to any point by their softmax. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine.h"
#include "sb/mem.h"
#include "sb/noise.h"

/* clang-format off */
static const sb_key kernel_keys[] = {
  SB_REAL(kernel_options, step, "0", 0, 1e12, "x^2",
    "epsilon: half the variance of the kernel, and the time step; 0: from distances to nearest neighbours"),
  SB_REALS(kernel_options, steps, "[]", 0, 0, "x^2", "epsilon of each coordinate, instead of step"),
  SB_REAL(kernel_options, reach, "4", 1e-6, 1e6, "",
    "automatic step: this times the squared median distance to the nearest neighbour, over the dimension"),
  SB_CHOICE(kernel_options, bandwidth, "fixed", "fixed|sum|product",
    "width of the kernel: epsilon; epsilon (rho(x) + rho(y)) / 2; epsilon rho(x) rho(y)"),
  SB_REAL(kernel_options, power, "-0.5", -4, 0, "", "rho: kernel density to this power, mean 1 over the data"),
  SB_CHOICE(kernel_options, weights, "bridge", "bridge|density",
    "of averages: the scaling of the bridge, or none: a kernel density, whose averages move twice as far"),
  SB_CHOICE(kernel_options, storage, "fly", "fly|rows|cyclic",
    "the matrix of the scaling: computed anew in each product, or kept, 8 n^2 bytes over all ranks; the same bits; "
    "cyclic: kept by blocks of ScaLAPACK, reproducible to 1e-10 on any number of ranks, not to the bit"),
  SB_CHOICE(kernel_options, precision, "mixed", "mixed|double|float",
    "of the scaling: float first and double to the end; double; float alone, for tolerances of 1e-7 and more"),
  SB_REAL(kernel_options, tolerance, "1e-10", 1e-14, 1, "", "residual at which the scaling has converged"),
  SB_INT(kernel_options, iterations, "200", 1, 1e6, "", "products with the matrix at most"),
  SB_INT(kernel_options, eigenpairs, "0", 0, 1e5, "",
    "leading eigenpairs of the scaled matrix: diffusion map in diffusion.h5, relaxation time, advice on burn_in"),
  SB_CHOICE(kernel_options, eigensolver, "lanczos", "lanczos|dense",
    "by products with the matrix, the same bits; all of the matrix by ScaLAPACK, 1e-10 on any number of ranks"),
  SB_INT(kernel_options, eigen_products, "60", 2, 1e4, "",
    "of lanczos: products with eight vectors at most; eight vectors each are kept"),
  {0}};

static const sb_key sample_keys[] = {
  SB_CHOICE(sample_options, sampler, "split", "langevin|split|aware|resample",
    "step: average and noise; noise and average; average and noise of the local covariance; a training row"),
  SB_REAL(sample_options, fraction, "1", 1e-6, 1, "", "of langevin: time step over the time that averages move"),
  SB_CHOICE(sample_options, output, "full", "full|half", "split: draws after the average, or after the noise"),
  SB_INT(sample_options, burn_in, "100", 1, 1e9, "", "steps before the first draw"),
  SB_INT(sample_options, thin, "10", 1, 1e9, "", "steps between draws of a chain"),
  SB_INT(sample_options, per_chain, "1", 1, 1e9, "", "draws of a chain; sample.n is a multiple of it"),
  SB_CHOICE(sample_options, start, "data", "data|file", "chains begin at training rows, or at record.start_file"),
  {0}};
static const sb_key condition_keys[] = {
  SB_REALS(condition_options, coordinates, "[]", 0, 0, "", "coordinates that are given, counted from 0"),
  SB_REALS(condition_options, values, "[]", 0, 0, "x", "their values"),
  SB_TEXT(condition_options, file, "",
    "or a table /x of cases, all coordinates: chain i has row i mod rows; draws are held against the rest of it"),
  SB_INT(condition_options, advance, "0", 0, 1e9, "",
    "rows are pairs of states: after so many steps what was drawn becomes what is given, a trajectory"),
  SB_TEXT(condition_options, plugin, "",
    "or what sb_advance of this shared object makes of the rows: a model that takes what was drawn, step by step"),
  {0}};

static const sb_key likelihood_keys[] = {
  SB_CHOICE(likelihood_options, form, "none", "none|gaussian|plugin", "the law of the data times a likelihood"),
  SB_REALS(likelihood_options, map, "[]", 0, 0, "",
    "gaussian: what is observed, a matrix [observations, coordinates]"),
  SB_REALS(likelihood_options, observed, "[]", 0, 0, "", "gaussian: observations"),
  SB_REALS(likelihood_options, variance, "[1]", 1e-300, 1e300, "", "gaussian: their variances, or one for all"),
  SB_TEXT(likelihood_options, plugin, "", "shared object with sb_likelihood, the gradient of -log likelihood"),
  {0}};
/* clang-format on */

static int sections(void *state, sb_section *out, int most) {
  engine *e = state;
  const sb_section all[] = {
      {"kernel", NULL, kernel_keys, &e->options, "the kernel and its scaling"},
      {"sample", NULL, sample_keys, &e->sample, "sampling by chains"},
      {"condition", NULL, condition_keys, &e->condition, "conditional draws"},
      {"likelihood", NULL, likelihood_keys, &e->likelihood, "posterior draws"},
  };
  const int n = (int)(sizeof all / sizeof *all);
  memcpy(out, all, (size_t)(n < most ? n : most) * sizeof *out);
  return n;
}

static int local_sections(void *state, sb_section *out, int most) {
  engine *e = state;
  const int n = sections(state, out, most);
  if (n < most)
    out[n] =
        (sb_section){"local", NULL, engine_local_keys, &e->local, "neighbourhoods of method local"};
  return n + 1;
}

/* --- Memory
 * --------------------------------------------------------------------------------------------- */

/* Of so many heads that see and move so many coordinates. */
static int64_t bytes_of(sb_run *run, double heads, double seen, double moved) {
  const engine *e = run->state;
  const int64_t n = run->data->n;
  const int second = e->sample.sampler == SAMPLER_AWARE,
            wide = e->options.bandwidth != SB_WIDTH_ONE;
  double sum = heads * 8 * (double)n * (1 + 2 * wide) + 8.0 * SB_BLOCK * (double)run->data->d * 6;
  double soft =
      heads * (sb_soft_bytes(n, (int)seen, (int)moved, second) - 8 * (double)n) * (1 + wide);
  if (second) soft += 8.0 * SB_BLOCK * moved * moved;
  /* one after the other */
  sum += fmax(fmax(soft, engine_diffusion_bytes(run)),
              sb_scale_bytes(run->comm->size, n, (int)seen, e->options.storage));
  return sum < 9e18 ? (int64_t)sum : INT64_MAX;
}

static int64_t bytes(sb_run *run) { return bytes_of(run, 1, run->data->d, run->data->d); }

static int64_t local_bytes(sb_run *run) {
  const local_options *o = &((const engine *)run->state)->local;
  const double d = run->data->d;
  double block = fmin(d, (double)o->block), heads = ceil(d / block);
  for (int i = 0; i < o->blocks.n; i++)
    block = fmin(d, i ? fmax(block, o->blocks.v[i]) : o->blocks.v[i]);
  if (o->blocks.n) heads = o->blocks.n;
  return bytes_of(run, heads,
                  fmin(d, o->members.n || o->grid.n ? d : block + 2.0 * (double)o->radius), block);
}

static sb_status scratch(engine *e) {
  const int64_t tile = (int64_t)SB_BLOCK * e->d;
  const int64_t square =
      e->sample.sampler == SAMPLER_AWARE ? SB_BLOCK * (int64_t)e->most * e->most : 0;
  SB_TRY(SB_NEW(&e->log_v, e->heads * e->run->data->n, "scalings"));
  SB_TRY(SB_NEW(&e->noise, tile, "noise of a tile"));
  SB_TRY(SB_NEW(&e->mean, tile, "averages of a tile"));
  SB_TRY(SB_NEW(&e->half, tile, "half steps of a tile"));
  SB_TRY(SB_NEW(&e->own, tile, "averages of a tile"));
  SB_TRY(SB_NEW(&e->rho, SB_BLOCK, "widths of a tile"));
  SB_TRY(SB_NEW(&e->uniform, SB_BLOCK, "draws of a tile"));
  SB_TRY(SB_NEW(&e->pick, SB_BLOCK, "draws of a tile"));
  SB_TRY(SB_NEW(&e->cov, square, "covariances of a tile"));
  for (int i = 0; i < e->heads; i++) e->head[i].log_v = e->log_v + i * e->run->data->n;
  return SB_OK;
}

/* --- A run
 * ---------------------------------------------------------------------------------------------- */

static sb_status fits(const engine *e) {
  if (e->options.eigenpairs && e->heads > 1)
    return sb_fail(
        SB_USE,
        "kernel.eigenpairs: local has %d matrices, of %d neighbourhoods; method kernel has one",
        e->heads, e->heads);
  const int sampler = e->sample.sampler, plain = e->options.weights == WEIGHTS_DENSITY;
  if (plain && (sampler == SAMPLER_AWARE || sampler == SAMPLER_RESAMPLE))
    return sb_fail(SB_USE,
                   "kernel.weights: density has no transition to sample from; sample.sampler aware "
                   "and resample need bridge");
  if (sampler != SAMPLER_LANGEVIN && e->sample.fraction != 1)
    return sb_fail(
        SB_USE, "sample.fraction: %g is for sample.sampler langevin; all others take whole steps",
        e->sample.fraction);
  if (sampler != SAMPLER_SPLIT && e->sample.output == OUTPUT_HALF)
    return sb_fail(
        SB_USE, "sample.output: half is for sample.sampler split; the others have no half steps");
  return SB_OK;
}

static sb_status open_with(sb_run *run, sb_status (*heads)(engine *)) {
  engine *e = run->state;
  e->run = run;
  e->d = run->data->d;
  SB_TRY_ALL(run->comm, heads(e));
  SB_TRY(fits(e));
  for (int i = 0; i < e->heads; i++)
    if (e->head[i].moved > e->most) e->most = e->head[i].moved;
  SB_TRY_ALL(run->comm, SB_NEW(&e->step, e->d, "steps"));
  SB_TRY_ALL(run->comm, scratch(e));
  SB_TRY(engine_condition_open(e));
  SB_TRY(engine_likelihood_open(e));
  SB_TRY_ALL(run->comm, SB_NEW(&e->eigen_value, e->options.eigenpairs, "eigenvalues"));
  return engine_steps(e);
}

static sb_status open(sb_run *run) { return open_with(run, engine_global_head); }
static sb_status open_local(sb_run *run) { return open_with(run, engine_local_heads); }

static void close(sb_run *run) {
  engine *e = run->state;
  void *const blocks[] = {e->step, e->log_v, e->noise,   e->mean, e->half,
                          e->own,  e->rho,   e->uniform, e->pick, e->cov};
  engine_soft_close(e);
  engine_heads_free(e);
  engine_condition_close(e);
  engine_likelihood_close(e);
  sb_density_close(e->law);
  sb_mem_free(e->eigen_value);
  sb_mem_free(e->eigen_vector);
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) sb_mem_free(blocks[i]);
}

static int tasks(sb_run *run, sb_task **out, int most) {
  (void)run, (void)out, (void)most;
  return 0;
}

/* --- Legs
 * -----------------------------------------------------------------------------------------------
 */

static sb_status legs(sb_run *run, sb_view view, sb_leg *out, int most, int *n) {
  engine *e = run->state;
  const int closed = view.exact != ~0u && view.draws < 0;
  *n = 1;
  if (most < 1) return sb_fail(SB_SYS, "kernel: no room for a leg");
  if (closed && !run->data->mixture)
    return sb_fail(SB_USE, "exact fields need data.law with a known density");
  if (closed && !e->law) SB_TRY_ALL(run->comm, sb_density_open(run->data->mixture, 0, &e->law));
  engine_soft_close(e);
  SB_TRY_ALL(run->comm, engine_soft_open(e));
  e->legs_steps = e->sample.burn_in + (e->sample.per_chain - 1) * e->sample.thin;
  e->start_key = sb_noise_key(run->seed, SB_FOR_START, 0, 0);
  e->path_key = sb_noise_key(run->seed, SB_FOR_PATH, 0, 0);
  *out = (sb_leg){
      .name = "chain",
      .field = {.name = closed ? "score of the law" : "kernel average",
                .d = e->d,
                .self = e,
                .at = engine_at,
                .eval = closed ? engine_closed : engine_drift,
                .step = closed ? engine_closed_step : engine_step,
                .begin = engine_begin,
                .likely = closed ? "kernel.step is too large for the score of the law"
                                 : "kernel.step is too large for the likelihood",
                .still = 1},
      .steps = e->legs_steps,
      .variance = 2 * engine_move(e) * e->step[0] * e->sample.fraction * (double)e->legs_steps,
      .start = e->sample.start == START_FILE && !closed ? SB_START_KEEP : SB_START_OWN,
      .start_key = e->start_key,
      .path_key = e->path_key,
      .draws = e->sample.per_chain,
      .thin = e->sample.thin};
  return SB_OK;
}

/* The law of the data, which every chain should keep. */
static sb_status marginal(sb_run *run, int leg, double t, uint64_t key, int64_t first, int64_t n,
                          double *x) {
  const sb_data *data = run->data;
  double *raw;
  (void)leg, (void)t;
  if (!data->law) return sb_fail(SB_USE, "this law is not known");
  SB_TRY(SB_NEW(&raw, n * data->raw, "draws of the law"));
  const sb_status s = sb_law_draw(data->law, key, first, n, raw, NULL);
  if (!s) sb_affine_forward(&data->map, n, raw, x);
  sb_mem_free(raw);
  return s;
}

static sb_status density(sb_run *run, int leg, double t, int64_t n, const double *x, double *logp) {
  engine *e = run->state;
  (void)leg, (void)t;
  if (!run->data->mixture) return sb_fail(SB_USE, "the density of this law is not known");
  if (!e->law) SB_TRY(sb_density_open(run->data->mixture, 0, &e->law));
  sb_density_eval(e->law, n, x, logp, NULL, NULL);
  return SB_OK;
}

const sb_method sb_method_kernel = {
    .name = "kernel",
    .summary =
        "Langevin sampler of a kernel bridge: no training, a Sinkhorn scaling of the data's kernel",
    .source = "Gottwald, Li, Marzouk, Reich 2024, arXiv 2401.04372",
    .needs = 1,
    .state_size = sizeof(engine),
    .sections = sections,
    .check = engine_check,
    .bytes = bytes,
    .open = open,
    .close = close,
    .tasks = tasks,
    .prepare = engine_prepare,
    .foretell = engine_foretell,
    .leave = engine_leave,
    .metrics = engine_metrics,
    .prepared = engine_prepared,
    .legs = legs,
    .marginal = marginal,
    .density = density,
    .target = engine_target,
};

const sb_method sb_method_local = {
    .name = "local",
    .summary = "kernel bridges of neighbourhoods: a scaling for each coordinate or block",
    .source = "Gottwald, Reich 2024, arXiv 2409.07968",
    .needs = 1,
    .state_size = sizeof(engine),
    .sections = local_sections,
    .check = engine_check,
    .bytes = local_bytes,
    .open = open_local,
    .close = close,
    .tasks = tasks,
    .prepare = engine_prepare,
    .foretell = engine_foretell,
    .leave = engine_leave,
    .metrics = engine_metrics,
    .prepared = engine_prepared,
    .legs = legs,
    .marginal = marginal,
    .density = density,
    .target = engine_target,
};
