/* What chains on infinitely many rows of a Gaussian law N(m, C) do, step included
 * (ALGORITHMS 3.5, 3.7, 4.4).
 *
 * The average of a head that sees coordinates s is m + A (x - m), its conditional covariance 2
 * E^(1/2) A' E^(1/2), where E are the steps, C' = E^(-1/2) C_ss E^(-1/2), A' = ((C'^2 + 1)^(1/2) -
 * 1) C'^-1, A = E^(1/2) A' E^(-1/2); without the scaling A = C (C + 2 E)^-1. A step of any sampler
 * is then x' = F x + c + noise of covariance Q, and draws have the mean and covariance that this
 * keeps, found by doubling. */
#include <math.h>
#include <string.h>

#include "engine.h"
#include "sb/dense.h"
#include "sb/mem.h"

#define MOST_DIMS 128 /* work of d^3 */

typedef struct limit {
  engine *e;
  int d;
  double *m, *c;     /* [d], [d, d] the law                                       */
  double *a, *sigma; /* [d, d] averages of all heads; their conditional covariance */
  double *g, *h;     /* likelihood: gradient g x - h                              */
  double *f, *k, *q; /* the step: F, c, Q                                         */
  double *one, *two; /* [d, d] scratch                                            */
  double *val, *vec; /* [d], [d, d]                                               */
  double *block;
} limit;

/* A law of one component, a kernel of one width, one case. */
static int known(const engine *e) {
  const sb_data *data = e->run->data;
  return data->mixture && data->mixture->k == 1 && data->d <= MOST_DIMS &&
         e->options.bandwidth == SB_WIDTH_ONE;
}

static sb_status limit_open(engine *e, limit *l) {
  const int64_t d = e->d, square = d * d;
  *l = (limit){.e = e, .d = e->d};
  SB_TRY_ALL(e->run->comm, SB_NEW(&l->block, 10 * square + 5 * d, "moments of a chain"));
  double **const matrices[] = {&l->c, &l->a,   &l->sigma, &l->g,  &l->f,
                               &l->q, &l->one, &l->two,   &l->vec};
  double *at = l->block;
  for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++, at += square) *matrices[i] = at;
  l->m = at, l->h = at + d, l->k = at + 2 * d, l->val = at + 3 * d;
  sb_mixture_moments(e->run->data->mixture, l->m, l->c);
  return SB_OK;
}

static void multiply(int d, const double *a, const double *b, int transpose_b, double *out) {
  for (int i = 0; i < d; i++)
    for (int j = 0; j < d; j++) {
      double sum = 0;
      for (int k = 0; k < d; k++) sum += a[i * d + k] * (transpose_b ? b[j * d + k] : b[k * d + j]);
      out[i * d + j] = sum;
    }
}

/* --- Averages
 * ------------------------------------------------------------------------------------------------------------
 */

/* out [n, n] = V f(values) V^T, V's rows the eigenvectors. */
static void function_of(int n, const double *val, const double *vec, int density, double *out) {
  for (int i = 0; i < n * n; i++) out[i] = 0;
  for (int k = 0; k < n; k++) {
    const double c = fmax(val[k], 0), a = density ? c / (c + 2) : c / (sqrt(c * c + 1) + 1);
    for (int i = 0; i < n; i++)
      for (int j = 0; j < n; j++) out[i * n + j] += a * vec[k * n + i] * vec[k * n + j];
  }
}

/* Rows of A, and entries of Sigma, of one head. */
static sb_status head_of(limit *l, const head *h) {
  const int n = h->seen, d = l->d;
  const double *e = l->e->step;
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++)
      l->one[i * n + j] = l->c[h->see[i] * d + h->see[j]] / sqrt(e[h->see[i]] * e[h->see[j]]);
  SB_TRY(sb_eigen(l->e->run->comm, n, l->one, l->val, l->vec));
  function_of(n, l->val, l->vec, l->e->options.weights == WEIGHTS_DENSITY, l->two);
  for (int i = 0; i < n; i++) {
    int moves = 0;
    for (int k = 0; k < h->moved; k++) moves |= h->move[k] == h->see[i];
    for (int j = 0; moves && j < n; j++) {
      l->a[h->see[i] * d + h->see[j]] = l->two[i * n + j] * sqrt(e[h->see[i]] / e[h->see[j]]);
      for (int k = 0; k < h->moved; k++)
        if (h->move[k] == h->see[j])
          l->sigma[h->see[i] * d + h->see[j]] =
              2 * l->two[i * n + j] * sqrt(e[h->see[i]] * e[h->see[j]]);
    }
  }
  return SB_OK;
}

static sb_status averages(limit *l) {
  const int d = l->d;
  memset(l->a, 0, (size_t)(d * d) * sizeof *l->a);
  memset(l->sigma, 0, (size_t)(d * d) * sizeof *l->sigma);
  for (int i = 0; i < d; i++) l->a[i * d + i] = l->e->given[i];
  for (int i = 0; i < l->e->heads; i++) SB_TRY(head_of(l, &l->e->head[i]));
  return SB_OK;
}

/* --- A step
 * --------------------------------------------------------------------------------------------------------------
 */

static void likelihood(limit *l) {
  const engine *e = l->e;
  const int d = l->d;
  for (int o = 0; o < e->observed; o++)
    for (int i = 0; i < d; i++) {
      const double w = e->weight[o] * e->map[o * d + i];
      l->h[i] += w * e->seen_at[o];
      for (int j = 0; j < d; j++) l->g[i * d + j] += w * e->map[o * d + j];
    }
}

/* out = 1 - T G, T the times of the step: what the likelihood does. */
static void pulled(const limit *l, const double *time, double *out) {
  const int d = l->d;
  for (int i = 0; i < d; i++)
    for (int j = 0; j < d; j++) out[i * d + j] = (i == j) - time[i] * l->g[i * d + j];
}

/* F, c, Q of the sampler: mean m + A (x - m), push x - T (G x - h) + (2 T)^(1/2) xi. */
static void step_of(limit *l) {
  const engine *e = l->e;
  const int d = l->d, sampler = e->sample.sampler, half = e->sample.output == OUTPUT_HALF;
  const double fraction = e->sample.fraction;
  double *time = l->val, *rest = l->vec; /* rest: m - A m */
  for (int i = 0; i < d; i++) time[i] = e->given[i] ? 0 : fraction * engine_move(e) * e->step[i];
  for (int i = 0; i < d; i++) {
    rest[i] = l->m[i];
    for (int j = 0; j < d; j++) rest[i] -= l->a[i * d + j] * l->m[j];
  }
  pulled(l, time, l->one);
  for (int i = 0; i < d; i++)
    for (int j = 0; j < d; j++) l->q[i * d + j] = i == j ? 2 * time[i] : 0;
  for (int i = 0; i < d; i++) l->k[i] = time[i] * l->h[i];
  if (sampler == SAMPLER_LANGEVIN) {
    for (int i = 0; i < d * d; i++) l->f[i] = l->one[i] + fraction * l->a[i];
    for (int i = 0; i < d; i++) l->f[i * d + i] -= fraction, l->k[i] += fraction * rest[i];
  } else if (sampler == SAMPLER_SPLIT && half) {
    multiply(d, l->one, l->a, 0, l->f);
    for (int i = 0; i < d; i++)
      for (int j = 0; j < d; j++) l->k[i] += l->one[i * d + j] * rest[j];
  } else { /* the push, then the average */
    multiply(d, l->a, l->one, 0, l->f);
    for (int i = 0; i < d; i++) {
      double sum = rest[i];
      for (int j = 0; j < d; j++) sum += l->a[i * d + j] * time[j] * l->h[j];
      l->k[i] = sum;
    }
    multiply(d, l->a, l->q, 0, l->two);
    multiply(d, l->two, l->a, 1, l->q);
    if (sampler == SAMPLER_AWARE) memcpy(l->q, l->sigma, (size_t)(d * d) * sizeof *l->q);
  }
}

/* Given coordinates are constants of the others' step. */
static void substitute(limit *l) {
  const engine *e = l->e;
  const int d = l->d;
  for (int i = 0; i < d; i++) {
    for (int j = 0; j < d; j++) {
      if (e->given[j]) l->k[i] += l->f[i * d + j] * e->value[j];
      if (e->given[j] || e->given[i]) l->f[i * d + j] = 0;
    }
    if (e->given[i]) l->k[i] = e->value[i];
  }
}

/* mean = sum F^k c, cov = sum F^k Q F^kT, twice as many terms each time; 0 where they do not end.
 */
static int doubled(limit *l, double *mean, double *cov) {
  const int d = l->d;
  memcpy(mean, l->k, (size_t)d * sizeof *mean);
  memcpy(cov, l->q, (size_t)(d * d) * sizeof *cov);
  for (int pass = 0; pass < 60; pass++) {
    double most = 0;
    for (int i = 0; i < d; i++) {
      l->val[i] = mean[i];
      for (int j = 0; j < d; j++) l->val[i] += l->f[i * d + j] * mean[j];
    }
    memcpy(mean, l->val, (size_t)d * sizeof *mean);
    multiply(d, l->f, cov, 0, l->one);
    multiply(d, l->one, l->f, 1, l->two);
    for (int i = 0; i < d * d; i++) cov[i] += l->two[i];
    multiply(d, l->f, l->f, 0, l->one);
    memcpy(l->f, l->one, (size_t)(d * d) * sizeof *l->f);
    for (int i = 0; i < d * d; i++) most = fmax(most, fabs(l->f[i]));
    if (!(most < 1e100)) return 0;
    if (most < 1e-17) return 1;
  }
  return 0;
}

sb_status engine_limit(engine *e, double *mean, double *cov, int *yes) {
  limit l;
  *yes = 0;
  if (!known(e) || e->plugin || e->cases > 1 || e->condition.advance ||
      e->sample.sampler == SAMPLER_RESAMPLE)
    return SB_OK;
  SB_TRY(limit_open(e, &l));
  sb_status s = averages(&l);
  if (!s) {
    likelihood(&l);
    step_of(&l);
    substitute(&l);
    *yes = doubled(&l, mean, cov);
  }
  sb_mem_free(l.block);
  return s;
}

sb_status engine_slopes(engine *e, double **out) {
  limit l;
  *out = NULL;
  if (!known(e) || e->heads != 1 || e->givens) return SB_OK;
  SB_TRY_ALL(e->run->comm, SB_NEW(out, e->d, "slopes"));
  SB_TRY(limit_open(e, &l));
  for (int i = 0; i < e->d; i++)
    for (int j = 0; j < e->d; j++) l.c[i * e->d + j] /= sqrt(e->step[i] * e->step[j]);
  const sb_status s = sb_eigen(e->run->comm, e->d, l.c, l.val, l.vec);
  for (int i = 0; i < e->d; i++)
    (*out)[i] = fmax(l.val[i], 0) / (sqrt(l.val[i] * l.val[i] + 1) + 1);
  sb_mem_free(l.block);
  if (s) sb_mem_free(*out), *out = NULL;
  return s;
}
