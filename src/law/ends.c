/* Where a known bridge ends that begins at N(0, I): the benchmark of entropic transport. */
#include <math.h>
#include <stddef.h>

#include "kinds.h"
#include "sb/bridge.h"
#include "sb/mem.h"
#include "sb/noise.h"

/* Directions that are drawn once and for all, at a distance: the same for each seed of a run. */
static void directions(const sb_law_options *o, double *mu) {
  const size_t d = (size_t)o->dimension;
  const uint64_t key = sb_noise_key(0, SB_FOR_LAW, 0, 0);
  for (int64_t k = 0; k < o->modes; k++, mu += d) {
    double norm = 0;
    sb_noise_normals64(key, k, 1, 0, (int)d, mu);
    for (size_t i = 0; i < d; i++) norm += mu[i] * mu[i];
    for (size_t i = 0; i < d; i++) mu[i] *= o->radius / sqrt(norm);
  }
}

static sb_status potential_of(const sb_law_options *o, sb_mixture **out) {
  sb_law_options with = *o;
  double *mu;
  if (o->means.n) return sb_law_mixture.build(o, out);
  if (o->modes < 1) return sb_fail(SB_USE, "data.modes is %lld", (long long)o->modes);
  SB_TRY(SB_NEW(&mu, o->modes * o->dimension, "potential of a bridge"));
  directions(o, mu);
  with.means = (sb_reals){(int)(o->modes * o->dimension), mu};
  const sb_status s = sb_law_mixture.build(&with, out);
  sb_mem_free(mu);
  return s;
}

static sb_status bridge(const sb_law_options *o, sb_bridge **out) {
  sb_mixture *potential = NULL, *p0 = NULL;
  const size_t d = (size_t)o->dimension;
  sb_status s = potential_of(o, &potential);
  if (!s) s = sb_mixture_new(1, (int)d, &p0);
  for (size_t i = 0; !s && i < d; i++) p0->cov[i * d + i] = 1;
  if (!s) s = sb_bridge_potential(p0, potential, o->bridge_variance, out);
  sb_mixture_free(p0);
  sb_mixture_free(potential);
  return s;
}

const struct sb_law_kind sb_law_bridge = {
    .name = "bridge",
    .summary =
        "end of the bridge from N(0, I) under bridge_variance by a mixture as potential: "
        "means, or modes at radius in drawn directions; variance, weights, dimension",
    .source =
        "Gushchin, Kolesov, Mokrov, Karpikova, Spiridonov, Burnaev, Korotin 2023, benchmark "
        "of entropic transport",
    .end = bridge};
