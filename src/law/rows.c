/* Laws whose rows have as many coordinates as one likes: Gaussian chains and paths, and two modes.
 *
 *   chain      precision tridiagonal (2.1, -1): given its neighbours a coordinate sees no other one
 *   ar1        x_0 ~ N(0, v), x_t = r x_(t-1) + (v (1 - r^2))^(1/2) xi_t: C_st = v r^|s - t|
 *   two_modes  a third at -(R/2) u, two thirds at (R/2) u, u = (1, ..., 1) / d^(1/2): equally far
 *              apart in any dimension */
#include <math.h>
#include <stddef.h>

#include "kinds.h"
#include "sb/spd.h"

static sb_status chain(const sb_law_options *o, sb_mixture **out) {
  double logdet;
  SB_TRY(sb_mixture_new(1, (int)o->dimension, out));
  const size_t d = (size_t)o->dimension;
  for (size_t i = 0; i < d; i++) {
    (*out)->cov[i * d + i] = 2.1;
    if (i > 0) (*out)->cov[i * d + i - 1] = (*out)->cov[(i - 1) * d + i] = -1.0;
  }
  return sb_spd_inverse((int)d, (*out)->cov, (*out)->cov, &logdet);
}

static sb_status ar1(const sb_law_options *o, sb_mixture **out) {
  SB_TRY(sb_mixture_new(1, (int)o->dimension, out));
  const size_t d = (size_t)o->dimension;
  for (size_t s = 0; s < d; s++) {
    double c = o->variance;
    for (size_t t = s; t < d; t++, c *= o->correlation)
      (*out)->cov[s * d + t] = (*out)->cov[t * d + s] = c;
  }
  return SB_OK;
}

static sb_status two_modes(const sb_law_options *o, sb_mixture **out) {
  SB_TRY(sb_mixture_new(2, (int)o->dimension, out));
  const size_t d = (size_t)o->dimension;
  (*out)->w[0] = 1.0 / 3;
  (*out)->w[1] = 2.0 / 3;
  for (size_t i = 0; i < 2 * d; i++) {
    (*out)->mu[i] = (i < d ? -0.5 : 0.5) * o->radius / sqrt((double)d);
    (*out)->cov[i * d + i % d] = o->variance;
  }
  return SB_OK;
}

#define LAW(word, text, from)                \
  const struct sb_law_kind sb_law_##word = { \
      .name = #word, .summary = text, .source = from, .build = word}

LAW(chain, "Gaussian chain: precision tridiagonal (2.1, -1), dimension",
    "test of localization, Gottwald, Reich 2024 (numbers are ours)");
LAW(ar1, "stationary path of an autoregression: correlation of neighbours, variance, dimension",
    "temporal stochastic process, Gottwald, Reich 2024 (numbers are ours)");
LAW(two_modes, "a third and two thirds, radius apart along the diagonal: variance, dimension",
    "any dimension, equally far apart");
