/* Likelihoods: V(x) = 1/2 sum_i (o_i - (H x)_i)^2 / r_i of an observed linear map, or a plug-in's;
 * x raw coordinates. */
#include <math.h>
#include <string.h>

#include "engine.h"
#include "sb/mem.h"

int engine_has_likelihood(const engine *e) { return e->observed > 0 || e->plugin; }

static sb_status check(const engine *e) {
  const likelihood_options *o = &e->likelihood;
  const int q = o->observed.n, raw = e->run->data->raw;
  if (q < 1) return sb_fail(SB_USE, "likelihood.observed: at least one number is needed");
  if (o->map.n != q * raw)
    return sb_fail(SB_USE, "likelihood.map: %d numbers; %d observations of %d coordinates need %d",
                   o->map.n, q, raw, q * raw);
  if (o->variance.n != q && o->variance.n != 1)
    return sb_fail(SB_USE, "likelihood.variance: %d numbers for %d observations", o->variance.n, q);
  return SB_OK;
}

/* H x = H (x0 + back y) in network coordinates y. */
static sb_status gaussian(engine *e) {
  const likelihood_options *o = &e->likelihood;
  const sb_data *data = e->run->data;
  const int q = o->observed.n, d = e->d, raw = data->raw;
  SB_TRY(SB_NEW(&e->map, (int64_t)q * d, "observed map"));
  SB_TRY(SB_NEW(&e->seen_at, q, "observations"));
  SB_TRY(SB_NEW(&e->weight, q, "observations"));
  memset(e->half, 0, (size_t)d * sizeof *e->half);
  sb_affine_back(&data->map, 1, e->half, e->raw); /* x0 */
  for (int i = 0; i < q; i++) {
    e->weight[i] = 1 / o->variance.v[o->variance.n == 1 ? 0 : i];
    e->seen_at[i] = o->observed.v[i];
    for (int k = 0; k < raw; k++) e->seen_at[i] -= o->map.v[i * raw + k] * e->raw[k];
    for (int c = 0; c < d; c++)
      for (int k = 0; k < raw; k++) e->map[i * d + c] += o->map.v[i * raw + k] * e->back[k * d + c];
  }
  e->observed = q;
  return SB_OK;
}

static sb_status plug_in(engine *e) {
  return engine_plug("likelihood.plugin", e->likelihood.plugin, "sb_likelihood", &e->library,
                     &e->plugin);
}

static sb_status allocate(engine *e) {
  const int raw = e->run->data->raw;
  SB_TRY(SB_NEW(&e->raw, SB_BLOCK * (int64_t)raw, "points of a likelihood"));
  SB_TRY(SB_NEW(&e->pull, SB_BLOCK * (int64_t)raw, "gradients of a likelihood"));
  SB_TRY(SB_NEW(&e->pushed, SB_BLOCK * (int64_t)e->d, "gradients of a likelihood"));
  SB_TRY(SB_NEW(&e->back, (int64_t)raw * e->d, "map of a likelihood"));
  for (int c = 0; c < e->d; c++) {
    memset(e->half, 0, (size_t)e->d * sizeof *e->half);
    e->half[c] = 1;
    sb_affine_back_vector(&e->run->data->map, 1, e->half, e->raw);
    for (int k = 0; k < raw; k++) e->back[k * e->d + c] = e->raw[k];
  }
  return SB_OK;
}

sb_status engine_likelihood_open(engine *e) {
  const int form = e->likelihood.form;
  if (form == FORM_NONE) return SB_OK;
  if (e->sample.sampler == SAMPLER_RESAMPLE)
    return sb_fail(
        SB_USE,
        "likelihood: draws of sample.sampler resample stay training rows; use another sampler");
  if (form == FORM_GAUSSIAN) SB_TRY(check(e));
  SB_TRY_ALL(e->run->comm, allocate(e));
  return sb_agree(e->run->comm, form == FORM_GAUSSIAN ? gaussian(e) : plug_in(e));
}

void engine_likelihood_close(engine *e) {
  void *const blocks[] = {e->map, e->seen_at, e->weight, e->raw, e->pull, e->pushed, e->back};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) sb_mem_free(blocks[i]);
  engine_unplug(e->library);
}

static void linear(const engine *e, const double *x, double *gradient) {
  for (int i = 0; i < e->observed; i++) {
    const double *h = e->map + i * e->d;
    double gap = -e->seen_at[i];
    for (int c = 0; c < e->d; c++) gap += h[c] * x[c];
    for (int c = 0; c < e->d; c++) gradient[c] += h[c] * gap * e->weight[i];
  }
}

void engine_gradient(engine *e, int rows, const double *x, double *gradient) {
  const int d = e->d, raw = e->run->data->raw;
  memset(gradient, 0, (size_t)(rows * d) * sizeof *gradient);
  for (int i = 0; e->observed && i < rows; i++) linear(e, x + i * d, gradient + i * d);
  if (!e->plugin) return;
  sb_affine_back(&e->run->data->map, rows, x, e->raw);
  e->plugin(rows, raw, e->raw, e->pull);
  for (int i = 0; i < rows; i++)
    for (int k = 0; k < raw; k++)
      for (int c = 0; c < d; c++) gradient[i * d + c] += e->back[k * d + c] * e->pull[i * raw + k];
}
