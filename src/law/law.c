/* Laws by name: keys of the deck, table, opening, draws. See sb/law.h; the laws themselves are in
 * known.c and plane.c. */
#include <stddef.h>

#include "kinds.h"
#include "sb/bridge.h"
#include "sb/mem.h"
#include "sb/noise.h"
#include "sb/spd.h"

#define WORD(word)  "|" #word
#define ENTRY(word) &sb_law_##word,

static const struct sb_law_kind *const kinds[] = {NULL, SB_LAWS(ENTRY) NULL}; /* 0: none */

const sb_key sb_law_keys[] = {
    SB_CHOICE(sb_law_options, law, "none", "none" SB_LAWS(WORD),
              "known law to draw from, instead of a table"),
    SB_INT(sb_law_options, dimension, "2", 1, 32768, "",
           "of gaussian, mixture, chain, ar1, two_modes, bridge; the other laws have 2"),
    SB_INT(sb_law_options, modes, "6", 1, 4096, "",
           "components of ring, bridge; components per side of grid"),
    SB_REAL(sb_law_options, radius, "5", 0, 1e100, "",
            "of ring, bridge; spacing of grid; distance of two_modes"),
    SB_REAL(sb_law_options, variance, "1", 0, 1e100, "",
            "of each component of ring, grid, gaussian, mixture, two_modes, bridge; of ar1"),
    SB_REAL(sb_law_options, correlation, "0.9", -0.999999, 0.999999, "", "of neighbours in ar1"),
    SB_REAL(sb_law_options, bridge_variance, "1", 1e-12, 1e12, "x^2",
            "of bridge: variance of its reference"),
    SB_REALS(sb_law_options, weights, "[]", 0, 0, "",
             "of mixture, bridge, normalised to sum one; empty: equal"),
    SB_REALS(sb_law_options, means, "[]", 0, 0, "",
             "of mixture, bridge [k, d]; of gaussian [d] or [1]; empty: 0"),
    SB_REALS(sb_law_options, covariances, "[]", 0, 0, "",
             "of mixture, bridge [k, d, d]; or variances [k]; empty: variance"),
    {0}};

int sb_law_describe(int law, const char **name, const char **summary, const char **source) {
  if (law < 1 || law >= (int)(sizeof kinds / sizeof *kinds) - 1) return 0;
  *name = kinds[law]->name;
  *summary = kinds[law]->summary;
  *source = kinds[law]->source;
  return 1;
}

/* Cumulative weights and Cholesky factors. */
static sb_status factorise(sb_law *law) {
  const sb_mixture *m = law->mixture;
  size_t d = (size_t)m->d, n = (size_t)m->k;
  SB_TRY(SB_NEW(&law->cumulative, (int64_t)n, "law"));
  SB_TRY(SB_NEW(&law->factor, (int64_t)(n * d * d), "law"));
  double sum = 0.0;
  for (size_t k = 0; k < n; k++) {
    sum += m->w[k];
    law->cumulative[k] = sum;
    for (size_t i = 0; i < d * d; i++) law->factor[k * d * d + i] = m->cov[k * d * d + i];
    if (sb_cholesky(m->d, law->factor + k * d * d)) {
      sb_forget();
      return sb_fail(SB_USE,
                     "data.law %s: the covariance of component %zu of %zu is not positive definite",
                     law->name, k, n);
    }
  }
  return SB_OK;
}

static sb_status build(const sb_law_options *o, sb_law *law) {
  const struct sb_law_kind *kind = kinds[o->law];
  law->kind = kind;
  law->name = kind->name;
  law->options = *o;
  law->d = 2;
  if (kind->build) {
    SB_TRY(kind->build(o, &law->mixture));
    law->d = law->mixture->d;
  }
  if (kind->end) {
    SB_TRY(kind->end(o, &law->bridge));
    law->d = sb_bridge_dimension(law->bridge);
  }
  if (o->dimension != law->d)
    return sb_fail(SB_USE, "data.dimension is %lld: law %s has dimension %d",
                   (long long)o->dimension, law->name, law->d);
  return law->mixture ? factorise(law) : SB_OK;
}

sb_status sb_law_open(const sb_law_options *options, sb_law **out) {
  *out = NULL;
  if (options->law < 1 || options->law >= (int)(sizeof kinds / sizeof *kinds) - 1)
    return sb_fail(SB_USE, "data.law: no law is chosen, so there is nothing to draw from");
  sb_law *law;
  SB_TRY(SB_NEW(&law, 1, "law"));
  sb_status s = build(options, law);
  if (s) {
    sb_law_close(law);
    return s;
  }
  *out = law;
  return SB_OK;
}

void sb_law_close(sb_law *law) {
  if (!law) return;
  sb_mem_free(law->factor);
  sb_mem_free(law->cumulative);
  sb_mixture_free(law->mixture);
  sb_bridge_close(law->bridge);
  sb_mem_free(law);
}

/* The component whose share of (0, 1) holds u: the first with cumulative weight > u. */
static int choose(const sb_law *law, double u) {
  int low = 0, high = law->mixture->k - 1;
  while (low < high) {
    int middle = low + (high - low) / 2;
    if (law->cumulative[middle] > u)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

/* x = mu_k + L_k x, in place from the last coordinate to the first. */
static void place(const sb_law *law, int k, double *x) {
  size_t d = (size_t)law->d;
  const double *mu = law->mixture->mu + (size_t)k * d, *factor = law->factor + (size_t)k * d * d;
  for (size_t i = d; i-- > 0;) {
    double sum = mu[i];
    for (size_t j = 0; j <= i; j++) sum += factor[i * d + j] * x[j];
    x[i] = sum;
  }
}

sb_status sb_law_draw(const sb_law *law, uint64_t key, int64_t first, int64_t count, double *x,
                      int32_t *label) {
  enum { SOME = 4096 }; /* rows for which normals are made at once */
  if (first < 0 || count < 0 || count > SB_NOISE_MAX_INDEX - first)
    return sb_fail(SB_USE, "draws %lld + %lld of law %s: too many", (long long)first,
                   (long long)count, law->name);
  size_t d = (size_t)law->d;
  for (int64_t row = 0; label && law->bridge && row < count; row++) label[row] = 0;
  if (law->bridge) return sb_bridge_marginal(law->bridge, 1, key, first, count, x, NULL);
  for (int64_t row = 0; row < count; row++) {
    double *here = x + (size_t)row * d;
    int32_t k;
    if (law->mixture) {
      int64_t left = count - row;
      if (row % SOME == 0)
        sb_noise_normals64(key, first + row, (int)(left < SOME ? left : SOME), SB_LAW_NORMAL,
                           law->d, here);
      k = choose(law, sb_noise_uniform(key, first + row, SB_LAW_UNIFORM, 0));
      place(law, k, here);
    } else {
      k = law->kind->draw(key, first + row, here);
    }
    if (label) label[row] = k;
  }
  return SB_OK;
}
