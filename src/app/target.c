/* Draws that follow another law than the data's: their moments, with the closed form where it is
 * known, and, of many cases with known truth, calibration: how often central intervals hold the
 * truth, and how even its ranks are (Talagrand's rank histogram). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "evaluate.h"
#include "sb/log.h"
#include "sb/mem.h"

#define SHOWN 16 /* coordinates whose moments are listed */
#define BINS  10 /* of the rank histogram */

/* --- Moments
 * -------------------------------------------------------------------------------------------- */

/* Mean and covariance [raw], [raw, raw] in raw coordinates of those in network coordinates. */
static sb_status to_raw(const sb_data *data, const double *mean, const double *cov, double *m,
                        double *c) {
  const int d = data->d, raw = data->raw;
  double *unit = NULL, *back = NULL;
  sb_status s = SB_NEW(&unit, d, "unit vector");
  if (!s) s = SB_NEW(&back, (int64_t)d * raw, "map of moments");
  for (int k = 0; !s && k < d; k++) {
    unit[k] = 1;
    sb_affine_back_vector(&data->map, 1, unit, back + k * raw);
    unit[k] = 0;
  }
  if (!s) sb_affine_back(&data->map, 1, mean, m);
  for (int i = 0; !s && i < raw; i++) {
    c[i] = 0; /* only variances are asked for */
    for (int k = 0; k < d; k++)
      for (int l = 0; l < d; l++) c[i] += back[k * raw + i] * cov[k * d + l] * back[l * raw + i];
  }
  sb_mem_free(back);
  sb_mem_free(unit);
  return s;
}

static void list_moment(evaluation *e, const char *kind, const char *what, int k, double value,
                        double error, const double *exact) {
  char name[48];
  snprintf(name, sizeof name, "%s%s_%d", kind, what, k);
  sb_metric *m = evaluation_next(e, name, "", NAN, value);
  m->n = e->rows, m->stderr_ = error;
  if (exact) m->better = SB_TARGET, m->target = exact[k];
}

/* Moments m, v [raw] of the draws beside those of a law, mean [d] and cov [d, d]; NULL: unknown.
 * Standard errors as if all draws were independent. exact: [2 raw] scratch. */
static sb_status list_moments(evaluation *e, const sb_target *t, const char *kind, const double *m,
                              const double *v, const double *mean, const double *cov,
                              double *exact) {
  const sb_data *data = e->a->run.data;
  const int raw = data->raw;
  if (mean) SB_TRY(to_raw(data, mean, cov, exact, exact + raw));
  for (int k = 0; k < raw && k < SHOWN; k++) {
    if (data->d == raw && t->moved && !t->moved[k]) continue;
    list_moment(e, kind, "mean", k, m[k], sqrt(v[k] / (double)e->rows), mean ? exact : NULL);
    list_moment(e, kind, "variance", k, v[k], v[k] * sqrt(2 / (double)e->rows),
                mean ? exact + raw : NULL);
  }
  return SB_OK;
}

static double distance(int n, const double *a, const double *b) {
  double sum = 0;
  for (int i = 0; i < n; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sqrt(sum);
}

/* Frobenius distances over the law's norm: of the draws from what the chain keeps, with what as
 * many independent draws have; of the draws from the law, beside the chain's own. */
static void list_covariances(evaluation *e, const double *found, const double *chain,
                             const double *law) {
  const int d = e->a->run.data->d, n = d * d;
  double norm = 0, trace = 0, square = 0;
  for (int i = 0; i < n; i++) norm += law[i] * law[i], square += chain[i] * chain[i];
  for (int i = 0; i < d; i++) trace += chain[i * d + i];
  norm = sqrt(norm);
  if (!(norm > 0)) return;
  sb_metric *m =
      evaluation_next(e, "stationary_covariance", "", NAN, distance(n, found, chain) / norm);
  m->n = e->rows, m->floor = sqrt((trace * trace + square) / (double)e->rows) / norm;
  m = evaluation_next(e, "law_covariance", "", NAN, distance(n, found, law) / norm);
  m->n = e->rows, m->better = SB_TARGET, m->target = distance(n, chain, law) / norm;
}

sb_status evaluate_moments(evaluation *e, const sb_target *t) {
  const sb_data *data = e->a->run.data;
  const int d = data->d, raw = data->raw;
  double *sum = NULL;
  sb_status s = sb_agree(e->a->comm, SB_NEW(&sum, (int64_t)2 * d * (d + 1) + 4 * raw, "moments"));
  if (!s) s = sb_moments(e->a->comm, evaluation_points(e), sum, sum + d);
  if (!s) {
    double *law = sum + d * (d + 1), *m = law + d * (d + 1), *v = m + raw;
    s = to_raw(data, sum, sum + d, m, v);
    if (!s && t->other) s = list_moments(e, t, "", m, v, t->mean, t->cov, v + raw);
    if (!s && t->chain_cov)
      s = list_moments(e, t, "stationary_", m, v, t->chain_mean, t->chain_cov, v + raw);
    if (!s && t->chain_cov && !t->other) {
      sb_mixture_moments(data->mixture, law, law + d);
      list_covariances(e, sum + d, t->chain_cov, law + d);
    }
  }
  sb_mem_free(sum);
  return sb_agree(e->a->comm, s);
}

/* --- Calibration
 * ---------------------------------------------------------------------------------------- */

/* Collective. below [cases, d]: draws of each case that lie below its truth. */
static sb_status ranks_of(const evaluation *e, const sb_target *t, int64_t *below) {
  const int d = e->a->run.data->d;
  const int64_t chains = e->rows / t->per_chain;
  for (int64_t i = 0; i < e->share.count; i++) {
    const int64_t chain = (e->share.first + i) / t->per_chain, which = chain % t->cases;
    for (int k = 0; k < d && chain < chains; k++)
      below[which * d + k] += e->sample[i * d + k] < t->truth[which * d + k];
  }
  return sb_sum_int(e->a->comm, below, t->cases * d);
}

static sb_status calibration(evaluation *e, const sb_target *t) {
  const int d = e->a->run.data->d;
  const int64_t chains = e->rows / t->per_chain;
  double bin[BINS] = {0}, half = 0, most = 0, n = 0, chi = 0;
  int64_t *below = NULL;
  sb_status s = sb_agree(e->a->comm, SB_NEW(&below, t->cases * d, "ranks of the truth"));
  if (!s) s = ranks_of(e, t, below);
  for (int64_t i = 0; !s && i < t->cases && i < chains; i++)
    for (int k = 0; k < d; k++) {
      const int64_t count = (chains - i + t->cases - 1) / t->cases * t->per_chain;
      if (!t->moved[k]) continue;
      const double u = ((double)below[i * d + k] + .5) / ((double)count + 1);
      bin[(int)(u * BINS)]++;
      half += u > .25 && u < .75;
      most += u > .05 && u < .95;
      n++;
    }
  sb_mem_free(below);
  if (s) return s;
  if (!(n > 0)) return SB_OK;
  for (int b = 0; b < BINS; b++)
    chi += (bin[b] - n / BINS) * (bin[b] - n / BINS) / (n / BINS) / (BINS - 1);
  const struct {
    const char *name;
    double value, target, error;
  } all[] = {{"coverage_50", half / n, .5, sqrt(.25 / n)},
             {"coverage_90", most / n, .9, sqrt(.09 / n)},
             {"rank_chi2", chi, 1, sqrt(2. / (BINS - 1))}};
  for (int i = 0; i < 3; i++) {
    sb_metric *m = evaluation_next(e, all[i].name, "", NAN, all[i].value);
    m->better = SB_TARGET, m->target = all[i].target, m->stderr_ = all[i].error, m->n = (int64_t)n;
  }
  for (int b = 0; b < BINS; b++) {
    char name[48];
    snprintf(name, sizeof name, "rank_%02d_%02d", 10 * b, 10 * b + 10);
    sb_metric *m = evaluation_next(e, name, "", NAN, bin[b] / n);
    m->better = SB_TARGET, m->target = 1. / BINS, m->stderr_ = sqrt(.09 / n), m->n = (int64_t)n;
  }
  return SB_OK;
}

sb_status evaluate_target(evaluation *e, const sb_target *t) {
  sb_say("draws follow a law of their own: metrics are its moments%s\n",
         t->truth  ? " over all cases, and how often draws hold the truth"
         : t->mean ? ", with their closed forms"
                   : "");
  SB_TRY(evaluate_moments(e, t));
  return t->truth ? calibration(e, t) : SB_OK;
}
