/* Laws that are Gaussian mixtures: their components. Each names its source. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "kinds.h"
#include "sb/mathfn.h"

static const double two_pi = 6.28318530717958647693;

static void isotropic(sb_mixture *m, double variance) {
  size_t d = (size_t)m->d;
  for (int k = 0; k < m->k; k++)
    for (size_t i = 0; i < d; i++) m->cov[(k * d + i) * d + i] = variance;
}

static sb_status ring_of(int64_t modes, double radius, double variance, sb_mixture **out) {
  if (modes < 1 || modes > 1000000) return sb_fail(SB_USE, "data.modes is %lld", (long long)modes);
  SB_TRY(sb_mixture_new((int)modes, 2, out));
  for (int64_t k = 0; k < modes; k++) {
    double s, c;
    sb_sincos(two_pi * (double)k / (double)modes, &s, &c);
    (*out)->mu[2 * k] = radius * c;
    (*out)->mu[2 * k + 1] = radius * s;
  }
  isotropic(*out, variance);
  return SB_OK;
}

static sb_status ring(const sb_law_options *o, sb_mixture **out) {
  return ring_of(o->modes, o->radius, o->variance, out);
}

static sb_status ring6(const sb_law_options *o, sb_mixture **out) {
  (void)o;
  return ring_of(6, 5.0, 0.1, out);
}

static sb_status gmm8(const sb_law_options *o, sb_mixture **out) {
  (void)o;
  return ring_of(8, 4.0, 0.25, out);
}

static sb_status gaussians8_cfm(const sb_law_options *o, sb_mixture **out) {
  (void)o;
  return ring_of(8, 5.0, sqrt(0.1),
                 out); /* sqrt: the code passes sqrt(var) where a covariance is expected */
}

static sb_status gaussians8_dsb(const sb_law_options *o, sb_mixture **out) {
  (void)o;
  return ring_of(8, 3.0 * 4.0, (3.0 * 0.5) * (3.0 * 0.5), out);
}

static sb_status mixture_dsb(const sb_law_options *o, sb_mixture **out) {
  (void)o;
  SB_TRY(sb_mixture_new(2, 2, out));
  (*out)->mu[0] = -7.0;
  (*out)->mu[2] = 7.0;
  isotropic(*out, 1.0);
  return SB_OK;
}

static sb_status mixture_b(const sb_law_options *o, sb_mixture **out) {
  static const double w[] = {.2, .5, .3}, mu[] = {1, -2, -.5, .7, 2, 1.5},
                      cov[] = {.3, .1, .1, .2, .5, -.2, -.2, .4, .1, 0, 0, .6};
  (void)o;
  SB_TRY(sb_mixture_new(3, 2, out));
  memcpy((*out)->w, w, sizeof w);
  memcpy((*out)->mu, mu, sizeof mu);
  memcpy((*out)->cov, cov, sizeof cov);
  return SB_OK;
}

static sb_status grid(const sb_law_options *o, sb_mixture **out) {
  if (o->modes < 1 || o->modes > 1000)
    return sb_fail(SB_USE, "data.modes of law grid is %lld", (long long)o->modes);
  int side = (int)o->modes;
  SB_TRY(sb_mixture_new(side * side, 2, out));
  for (int k = 0; k < side * side; k++) {
    (*out)->mu[2 * k] = o->radius * (k % side - 0.5 * (side - 1));
    (*out)->mu[2 * k + 1] = o->radius * (k / side - 0.5 * (side - 1));
  }
  isotropic(*out, o->variance);
  return SB_OK;
}

static sb_status gaussian(const sb_law_options *o, sb_mixture **out) {
  if (o->means.n > 1 && o->means.n != o->dimension)
    return sb_fail(SB_USE, "data.means of law gaussian has %d numbers: none, 1 or %lld expected",
                   o->means.n, (long long)o->dimension);
  SB_TRY(sb_mixture_new(1, (int)o->dimension, out));
  for (int i = 0; i < (*out)->d && o->means.n; i++) {
    double mean = o->means.v[o->means.n == 1 ? 0 : i];
    if (!isfinite(mean)) return sb_fail(SB_USE, "data.means: number %d is %g", i, mean);
    (*out)->mu[i] = mean;
  }
  isotropic(*out, o->variance);
  return SB_OK;
}

/* Section data has been looked at, or there is none. */
static sb_status prior(const sb_law_options *o, sb_mixture **out) {
  if (o->means.n != o->dimension)
    return sb_fail(SB_USE, "data.law: prior follows the rows of section data: it is for source");
  return gaussian(o, out);
}

static sb_status weights_of(const sb_law_options *o, sb_mixture *m) {
  if (o->weights.n == 0) return SB_OK; /* equal already */
  if (o->weights.n != m->k)
    return sb_fail(SB_USE, "data.weights has %d numbers, data.means %d components", o->weights.n,
                   m->k);
  double sum = 0.0;
  for (int k = 0; k < m->k; k++) {
    if (!(o->weights.v[k] > 0.0) || !isfinite(o->weights.v[k]))
      return sb_fail(SB_USE, "data.weights: component %d of %d has weight %g (must be positive)", k,
                     m->k, o->weights.v[k]);
    sum += o->weights.v[k];
  }
  for (int k = 0; k < m->k; k++) m->w[k] = o->weights.v[k] / sum;
  return SB_OK;
}

static sb_status covariances_of(const sb_law_options *o, sb_mixture *m) {
  size_t d = (size_t)m->d, n = (size_t)o->covariances.n, k = (size_t)m->k;
  const double *v = o->covariances.v;
  if (n == 0) {
    isotropic(m, o->variance);
  } else if (n == k) {
    for (size_t i = 0; i < k * d; i++) m->cov[i * d + i % d] = v[i / d];
  } else if (n == k * d * d) {
    memcpy(m->cov, v, n * sizeof *v);
  } else {
    return sb_fail(
        SB_USE,
        "data.covariances has %zu numbers: none, %zu (variances) or %zu (matrices) expected", n, k,
        k * d * d);
  }
  for (size_t i = 0; i < k * d * d; i++) {
    size_t at = i / (d * d) * d * d, row = i / d % d, column = i % d;
    double *one = m->cov + i, *other = m->cov + at + column * d + row;
    if (!isfinite(*one) || fabs(*one - *other) > 1e-9 * (fabs(*one) + fabs(*other)))
      return sb_fail(
          SB_USE,
          "data.covariances: entry (%zu, %zu) of component %zu of %zu is %g, its mirror image %g",
          row, column, i / (d * d), k, *one, *other);
    if (column > row) *other = *one;
  }
  return SB_OK;
}

static sb_status mixture(const sb_law_options *o, sb_mixture **out) {
  int64_t d = o->dimension;
  if (d < 1 || o->means.n < 1 || o->means.n % d)
    return sb_fail(
        SB_USE,
        "data.means of law mixture has %d numbers: a multiple of data.dimension = %lld expected",
        o->means.n, (long long)d);
  SB_TRY(sb_mixture_new((int)(o->means.n / d), (int)d, out));
  for (int i = 0; i < o->means.n; i++) {
    if (!isfinite(o->means.v[i]))
      return sb_fail(SB_USE, "data.means: number %d is %g", i, o->means.v[i]);
    (*out)->mu[i] = o->means.v[i];
  }
  SB_TRY(weights_of(o, *out));
  return covariances_of(o, *out);
}

#define LAW(word, text, from)                \
  const struct sb_law_kind sb_law_##word = { \
      .name = #word, .summary = text, .source = from, .build = word}

LAW(ring, "modes on a circle of a radius, equal weights, equal variance",
    "Wang et al. 2021, section 5 (toy data)");
LAW(ring6, "ring of 6 modes, radius 5, variance 0.1",
    "Wang et al. 2021, section 5 (toy data; numbers are ours)");
LAW(gmm8, "ring of 8 modes, radius 4, variance 0.25", "golden numbers A of the exact bridge");
LAW(mixture_b, "three unequal components, correlated coordinates",
    "golden numbers B of the exact bridge");
LAW(grid, "modes x modes components on a square grid of spacing radius, centred at 0",
    "common test set");
LAW(gaussian, "one Gaussian: means (0), variance, dimension", "closed-form bridges");
LAW(prior, "of source: one Gaussian with the mean and the average variance of data's rows",
    "De Bortoli et al. 2021, final_adaptive of the code");
LAW(mixture, "the mixture given by weights, means and covariances or variance", "the deck");
LAW(gaussians8_cfm, "ring of 8 modes, radius 5, variance sqrt(0.1)",
    "Tong et al., TorchCFM, sample_8gaussians (scale 5, var 0.1, of which the code takes the "
    "root)");
LAW(gaussians8_dsb, "ring of 8 modes, radius 12, variance 2.25",
    "De Bortoli et al. 2021, two_dim.py, 8gaussians");
LAW(mixture_dsb, "N((-7, 0), I) and N((7, 0), I)", "De Bortoli et al. 2021, two_dim.py, mixture");
