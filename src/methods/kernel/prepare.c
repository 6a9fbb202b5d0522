/* What the kernel methods find before they sample: steps, widths, scalings. */
#include <math.h>
#include <stdio.h>

#include "engine.h"
#include "sb/log.h"
#include "sb/mem.h"

#define FROZEN \
  0.05 /* step over squared distance of neighbours, below which a chain hardly leaves its point */
#define COLLAPSE 1.0 /* step over variance, above which averages are near the mean */

/* --- Steps
 * ---------------------------------------------------------------------------------------------- */

static void bind(engine *e, head *h) {
  const sb_data *data = e->run->data;
  h->fixed = (sb_centres){.n = data->n,
                          .d = h->seen,
                          .coordinate = h->see,
                          .scale = h->scale,
                          .x = data->x,
                          .width = e->d,
                          .row = data->row,
                          .form = SB_WIDTH_ONE};
  h->centres = h->fixed;
}

/* The largest over heads of the squared median distance to the nearest neighbour. */
static sb_status neighbours(engine *e, int64_t *same) {
  e->gap = 0, e->seen = 1;
  *same = 0;
  for (int i = 0; i < e->heads; i++) {
    head *h = &e->head[i];
    double gap;
    int64_t twins;
    for (int k = 0; k < h->seen; k++) h->scale[k] = 1;
    SB_TRY(sb_nearest_median(e->run->comm, &h->fixed, &gap, &twins));
    if (gap / h->seen > e->gap / e->seen) e->gap = gap, e->seen = h->seen;
    if (i == 0 || twins < *same) *same = twins;
  }
  return SB_OK;
}

static sb_status given_steps(engine *e) {
  const sb_reals *list = &e->options.steps;
  const double step = e->chosen;
  if (list->n && list->n != e->d)
    return sb_fail(SB_USE, "kernel.steps: %d numbers, but the data have %d coordinates", list->n,
                   e->d);
  for (int k = 0; k < e->d; k++) {
    e->step[k] = list->n ? list->v[k] : step;
    if (!(e->step[k] > 0))
      return sb_fail(SB_USE, "kernel.steps: element %d is %g, a step must be positive", k + 1,
                     e->step[k]);
  }
  return SB_OK;
}

static void warn(const engine *e, int64_t same) {
  const sb_data *data = e->run->data;
  double most = 0, ratio = 0;
  for (int k = 0; k < e->d; k++) {
    const double variance = data->cov[k * e->d + k];
    if (!(variance > 0))
      sb_warn("coordinate %d has no spread: every draw will have its one value", k);
    else
      most = fmax(most, e->step[k] / variance);
    ratio = fmax(ratio, e->gap > 0 ? e->step[k] / e->gap : 0);
  }
  if (same)
    sb_warn("%lld of %lld training rows looked at stand at the same place as another one",
            (long long)same, (long long)(data->n < 2048 ? data->n : 2048));
  if (e->gap > 0 && ratio < FROZEN)
    sb_warn(
        "kernel.step is %.2g times the squared median distance of nearest neighbours: chains "
        "freeze at "
        "training points; %.3g or more lets them move",
        ratio, .25 * e->gap / e->seen);
  if (most > COLLAPSE)
    sb_warn(
        "kernel.step is %.2g times the variance of a coordinate: averages are near the mean, and "
        "draws of the "
        "split sampler collapse to it (squared median distance of nearest neighbours: %.3g)",
        most, e->gap);
}

sb_status engine_steps(engine *e) {
  int64_t same;
  for (int i = 0; i < e->heads; i++) bind(e, &e->head[i]);
  SB_TRY(neighbours(e, &same));
  e->chosen = e->options.step;
  if (e->options.step == 0 && e->options.steps.n == 0) {
    if (!(e->gap > 0))
      return sb_fail(
          SB_USE,
          "kernel.step: an automatic one needs two training rows at different places; give one");
    e->chosen = e->options.reach * e->gap / e->seen;
  }
  SB_TRY(given_steps(e));
  for (int i = 0; i < e->heads; i++) {
    head *h = &e->head[i];
    for (int k = 0; k < h->seen; k++) h->scale[k] = 1 / (2 * sqrt(e->step[h->see[k]]));
  }
  warn(e, same);
  return SB_OK;
}

/* --- Widths and scalings
 * -------------------------------------------------------------------------------- */

static sb_status widths(engine *e, head *h) {
  if (e->options.bandwidth == SB_WIDTH_ONE) return SB_OK;
  if (!h->rho) SB_TRY_ALL(e->run->comm, SB_NEW(&h->rho, h->fixed.n, "relative widths"));
  SB_TRY(sb_widths(e->run->comm, &h->fixed, e->options.power, h->rho, &h->factor));
  h->low = HUGE_VAL, h->high = 0;
  for (int64_t i = 0; i < h->fixed.n; i++) {
    h->low = fmin(h->low, h->rho[i]);
    h->high = fmax(h->high, h->rho[i]);
  }
  h->centres.form = e->options.bandwidth;
  h->centres.rho = h->rho;
  return SB_OK;
}

static const char *reason_of(int64_t end) {
  return end == SB_SCALE_CONVERGED ? "converged"
         : end == SB_SCALE_STALLED ? "stalled"
                                   : "not converged";
}

static sb_status scale(engine *e) {
  const kernel_options *o = &e->options;
  const sb_scaling_options how = {o->storage, o->precision, o->tolerance, o->iterations};
  double seconds = 0;
  if (o->storage == SB_STORE_CYCLIC)
    sb_warn(
        "kernel.storage: cyclic: products by ScaLAPACK are the same to 1e-10 on any number of "
        "ranks, "
        "not to the bit; fly and rows are");
  e->found[1] = 0, e->found[2] = SB_SCALE_CONVERGED, e->residual = 0;
  for (int i = 0; i < e->heads; i++) {
    sb_scaling_result r;
    SB_TRY(sb_scale(e->run->comm, &e->head[i].centres, &how, e->head[i].log_v, &r));
    if (r.iterations > e->found[1]) e->found[1] = r.iterations;
    if (r.end < e->found[2]) e->found[2] = r.end;
    e->residual = fmax(e->residual, r.residual);
    seconds += r.seconds;
  }
  e->found[0] = 1;
  sb_say("scaling     %d kernel%s of %lld points: %s, residual %.1e after %lld products, %.2f s\n",
         e->heads, e->heads == 1 ? "" : "s", (long long)e->head->fixed.n, reason_of(e->found[2]),
         e->residual, (long long)e->found[1], seconds);
  if (e->found[2] == SB_SCALE_BUDGET)
    sb_warn(
        "the scaling has residual %.1e after %lld products, kernel.tolerance is %g: raise "
        "kernel.iterations",
        e->residual, (long long)e->found[1], o->tolerance);
  if (e->found[2] == SB_SCALE_STALLED)
    sb_warn(
        "the scaling stalls at residual %.1e after %lld products, kernel.tolerance is %g: that is "
        "the rounding of kernel.precision %s",
        e->residual, (long long)e->found[1], o->tolerance,
        o->precision == SB_FLOAT ? "float; mixed or double go on" : "double; raise the tolerance");
  return SB_OK;
}

sb_status engine_prepare(sb_run *run) {
  engine *e = run->state;
  const int64_t n = run->data->n;
  sb_say(
      "step        epsilon = %.6g (network coordinates), %.3g times the squared median distance "
      "%.3g of nearest "
      "neighbours\n",
      e->options.steps.n ? e->step[0] : e->chosen, e->gap > 0 ? e->step[0] / e->gap : 0, e->gap);
  for (int i = 0; i < e->heads; i++) SB_TRY(widths(e, &e->head[i]));
  if (e->options.weights == WEIGHTS_DENSITY) {
    for (int64_t i = 0; i < e->heads * n; i++) e->log_v[i] = 0;
    e->found[0] = e->found[2] = SB_SCALE_CONVERGED;
  }
  if (!e->found[0]) SB_TRY(scale(e));
  SB_TRY(engine_diffusion(e));
  run->open_end = e->found[2] != SB_SCALE_CONVERGED || (e->eigen_found[0] && !e->eigen_found[2]);
  return SB_OK;
}

/* A product of each precision, and the products that a scaling takes where the kernel is positive
 * definite; of matrices that are kept as if they were not. */
sb_status engine_foretell(sb_run *run, double *seconds) {
  const engine *e = run->state;
  const kernel_options *o = &e->options;
  const sb_scaling_options how = {o->storage, o->precision, o->tolerance, o->iterations};
  double one[2] = {0}, times[2] = {0};
  if (o->weights == WEIGHTS_DENSITY) return SB_OK;
  for (int i = 0; i < e->heads; i++)
    for (int k = 0; k < 2; k++)
      one[k] += sb_gram_seconds(run->comm->size, &e->head[i].fixed, k == 0);
  SB_TRY(sb_max_real(run->comm, one, 2));
  sb_scale_products(&how, &times[0], &times[1]);
  *seconds += times[0] * one[0] + times[1] * one[1];
  sb_say("scaling     about %g products in float of %.2g s and %g in double of %.2g s\n", times[0],
         one[0], times[1], one[1]);
  return SB_OK;
}

int engine_prepared(sb_run *run, sb_block *out, int most) {
  engine *e = run->state;
  if (most < 6) return 0;
  out[0] = (sb_block){.path = "/kernel/log_v",
                      .meaning = "logarithms of the scaling, by head",
                      .kind = SB_KIND_F64,
                      .rank = 2,
                      .shape = {e->heads, run->data->n},
                      .data = e->log_v};
  out[1] =
      (sb_block){.path = "/kernel/scaling",
                 .meaning = "done, products, reason: 1 converged, -1 stalled, -2 kernel.iterations",
                 .kind = SB_KIND_I64,
                 .rank = 1,
                 .shape = {3},
                 .data = e->found};
  out[2] = (sb_block){.path = "/kernel/residual",
                      .meaning = "largest residual of the scaling",
                      .kind = SB_KIND_F64,
                      .rank = 1,
                      .shape = {1},
                      .data = &e->residual};
  int n = 3 + engine_diffusion_blocks(e, out + 3);
  e->reproducible = 1e-10;
  if (e->options.storage == SB_STORE_CYCLIC ||
      (e->options.eigenpairs && e->options.eigensolver == SB_DENSE))
    out[n++] =
        (sb_block){.path = "/numerics/reproducible",
                   .meaning = "relative, on any number of ranks: by ScaLAPACK, not to the bit",
                   .kind = SB_KIND_F64,
                   .rank = 1,
                   .shape = {1},
                   .data = &e->reproducible,
                   .optional = 1};
  return n;
}

/* --- Averages
 * ------------------------------------------------------------------------------------------- */

sb_status engine_soft_open(engine *e) {
  const int second = e->sample.sampler == SAMPLER_AWARE;
  for (int i = 0; i < e->heads; i++) {
    head *h = &e->head[i];
    SB_TRY(sb_soft_open(&h->centres, h->log_v, h->moved, h->move, second, &h->soft));
    if (h->rho) SB_TRY(sb_soft_open(&h->fixed, NULL, 0, NULL, 0, &h->density));
  }
  return SB_OK;
}

void engine_soft_close(engine *e) {
  for (int i = 0; e->head && i < e->heads; i++) {
    sb_soft_close(e->head[i].soft), e->head[i].soft = NULL;
    sb_soft_close(e->head[i].density), e->head[i].density = NULL;
  }
}
