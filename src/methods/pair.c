/* What methods that bridge two data sets share: see sb/pair.h. */
#include "sb/pair.h"

#include <string.h>

/* clang-format off */
const sb_key sb_pair_reference[] = {
  SB_REAL(sb_pair, variance, "1", 1e-12, 1e12, "x^2",
    "variance of the reference over its horizon: the regularisation of entropic transport with cost |x - y|^2 / 2"),
  {0}};
const sb_key sb_pair_field[] = {
  SB_CHOICE(sb_pair, source, "learned", "auto|learned|exact",
    "where the drift comes from: the method (auto, learned), or the closed form of a known bridge"),
  {0}};
/* clang-format on */

sb_status sb_pair_open(sb_run *run, sb_pair *p) {
  p->run = run;
  SB_TRY_ALL(run->comm, sb_data_bridge(run->source, run->data, p->variance, &run->bridge));
  if (p->source != SB_SOURCE_EXACT) return SB_OK;
  if (!run->bridge)
    return sb_fail(
        SB_USE,
        "field.source: exact needs a known bridge: two laws gaussian, or data.law bridge "
        "with bridge_variance = reference.variance and source.law gaussian");
  if (!run->backward || sb_bridge_both(run->bridge)) return SB_OK;
  return sb_fail(SB_USE, "field.source: exact is not known backward from data.law bridge");
}

void sb_pair_close(sb_run *run) {
  sb_bridge_close(run->bridge);
  run->bridge = NULL;
}

int sb_pair_is_exact(const sb_pair *p, sb_view view) {
  return view.exact == ~0u ? p->source == SB_SOURCE_EXACT : view.exact != 0;
}

static sb_status begin(void *self, int64_t first, int rows, double *x) {
  return sb_run_begin(((const sb_pair *)self)->run, first, rows, x);
}

void sb_pair_leg(sb_pair *p, int64_t steps, sb_leg *out) {
  const sb_run *run = p->run;
  *out = (sb_leg){
      .name = "bridge",
      .field = {.d = run->data->d, .self = p, .begin = begin},
      .steps = steps,
      .variance = p->variance,
      .start = sb_run_begins(run),
      .path_key = sb_noise_key(run->seed, SB_FOR_PATH, (uint32_t)run->backward, 0),
      .backward = run->backward,
  };
}

static sb_status at(void *self, double t, int64_t step) {
  (void)step;
  return sb_bridge_at(((const sb_pair *)self)->run->bridge, t);
}

static sb_status drift(void *self, int64_t first, int rows, const double *x, double *b) {
  const sb_run *run = ((const sb_pair *)self)->run;
  (void)first;
  sb_bridge_drift(run->bridge, run->backward, rows, x, b);
  return SB_OK;
}

sb_status sb_pair_closed(sb_pair *p, int64_t steps, sb_leg *out) {
  const sb_bridge *bridge = p->run->bridge;
  if (!bridge || (p->run->backward && !sb_bridge_both(bridge)))
    return sb_fail(SB_USE, "the exact drift of this bridge is not known");
  sb_pair_leg(p, steps, out);
  out->field.name = "closed form";
  out->field.at = at;
  out->field.eval = drift;
  return SB_OK;
}

sb_status sb_pair_marginal(sb_run *run, int leg, double t, uint64_t key, int64_t first, int64_t n,
                           double *x) {
  (void)leg;
  if (!run->bridge) return sb_fail(SB_USE, "the law of this bridge is not known");
  return sb_bridge_marginal(run->bridge, t, key, first, n, x, NULL);
}

sb_status sb_pair_density(sb_run *run, int leg, double t, int64_t n, const double *x,
                          double *logp) {
  (void)leg;
  if (!run->bridge) return sb_fail(SB_USE, "the density of this bridge is not known");
  SB_TRY(sb_bridge_at(run->bridge, t));
  sb_bridge_density(run->bridge, n, x, logp);
  return SB_OK;
}
