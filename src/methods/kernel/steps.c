/* The samplers (Gottwald, Li, Marzouk, Reich 2024, arXiv 2401.04372; ALGORITHMS 3.4), tile by tile.
 *
 * m(x) is the average by the weights at x, tau the time by which it moves: m(x) = x + tau grad log
 * p + ..., tau = epsilon with the scaling and 2 epsilon without (then m is the denoiser of noise 2
 * epsilon). langevin   x' = x + f (m(x) - x) + (2 f tau)^(1/2) xi        f the fraction split y = x
 * + (2 tau)^(1/2) xi, x' = m(y); seen after the half step: x' = m(x) + (2 tau)^(1/2) xi aware x' =
 * m(x) + cov(x)^(1/2) xi resample   x' = a training row, by the weights at x */
#include <float.h>
#include <math.h>
#include <string.h>

#include "engine.h"
#include "sb/kernel.h"
#include "sb/mathfn.h"
#include "sb/noise.h"

double engine_move(const engine *e) { return e->options.weights == WEIGHTS_DENSITY ? 2 : 1; }

sb_status engine_at(void *self, double t, int64_t step) {
  engine *e = self;
  (void)t;
  e->at = step;
  return SB_OK;
}

/* Relative widths of a head at a tile; NULL where they are all one. */
static const double *widths(engine *e, const head *h, int rows, const double *x) {
  if (!h->rho) return NULL;
  sb_soft_mean(h->density, rows, x, NULL, NULL, NULL, e->rho);
  for (int i = 0; i < rows; i++)
    e->rho[i] = fmin(h->high, fmax(h->low, h->factor * sb_exp(e->options.power * e->rho[i])));
  return e->rho;
}

/* mean [rows, d] of all heads; coordinates that none moves stay. */
static void means(engine *e, int rows, const double *x, double *mean) {
  memcpy(mean, x, (size_t)(rows * e->d) * sizeof *x);
  for (int k = 0; k < e->heads; k++) {
    const head *h = &e->head[k];
    if (!h->moved) continue;
    const double *rho = widths(e, h, rows, x);
    sb_soft_mean(h->soft, rows, x, rho, e->own, NULL, NULL);
    for (int i = 0; i < rows; i++)
      for (int c = 0; c < h->moved; c++) mean[i * e->d + h->move[c]] = e->own[i * h->moved + c];
  }
}

/* x += -fraction tau K grad V(from) + noisy (2 fraction tau K)^(1/2) xi, V the negative
 * log-likelihood, K the local diffusion at `from` of the head that moves a coordinate; plain: K
 * = 1. */
static void push(engine *e, int64_t first, int rows, const double *from, int plain, int noisy,
                 double fraction, double *x) {
  const int d = e->d, drawn = engine_has_likelihood(e);
  if (noisy) sb_noise_normals(e->path_key, first, rows, (uint32_t)e->at, d, e->noise);
  if (drawn) engine_gradient(e, rows, from, e->pushed);
  for (int k = 0; k < e->heads; k++) {
    const head *h = &e->head[k];
    const double *rho = plain || !h->moved ? NULL : widths(e, h, rows, from);
    for (int i = 0; i < rows; i++) {
      const double wide = !rho                                   ? 1
                          : e->options.bandwidth == SB_WIDTH_SUM ? rho[i]
                                                                 : rho[i] * rho[i];
      for (int c = 0; c < h->moved; c++) {
        const int a = h->move[c];
        const double time = fraction * engine_move(e) * e->step[a] * wide;
        if (drawn) x[i * d + a] -= time * e->pushed[i * d + a];
        if (noisy) x[i * d + a] += sqrt(2 * time) * (double)e->noise[i * d + a];
      }
    }
  }
}

static sb_status langevin(engine *e, int64_t first, int rows, double *x) {
  const double f = e->sample.fraction;
  memcpy(e->half, x, (size_t)(rows * e->d) * sizeof *x);
  means(e, rows, x, e->mean);
  for (int i = 0; i < rows * e->d; i++) x[i] += f * (e->mean[i] - x[i]);
  push(e, first, rows, e->half, 0, 1, f, x);
  return SB_OK;
}

static sb_status split(engine *e, int64_t first, int rows, double *x) {
  const size_t size = (size_t)(rows * e->d) * sizeof *x;
  memcpy(e->half, x, size);
  if (e->sample.output == OUTPUT_HALF) {
    means(e, rows, e->half, x);
    memcpy(e->half, x, size);
    push(e, first, rows, e->half, 0, 1, 1, x);
  } else {
    push(e, first, rows, x, 0, 1, 1, e->half);
    means(e, rows, e->half, x);
  }
  return SB_OK;
}

/* Lower factor of a covariance [n, n] in place. That of weights on few rows is singular, and pivots
 * that are round-off have either sign: their directions get no noise. */
static void factor(int n, double *a) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j <= i; j++) {
      double s = a[i * n + j];
      for (int k = 0; k < j; k++) s -= a[i * n + k] * a[j * n + k];
      if (j < i)
        a[i * n + j] = a[j * n + j] > 0 ? s / a[j * n + j] : 0;
      else
        a[i * n + i] = s > n * DBL_EPSILON * a[i * n + i] ? sqrt(s) : 0;
    }
}

/* x = mean + L xi, L L^T the covariance with 1e-12 of its mean diagonal added. */
static void spread(engine *e, const head *h, int i, double *x) {
  const int n = h->moved;
  double *cov = e->cov + (int64_t)i * n * n, trace = 0;
  for (int a = 0; a < n; a++) trace += cov[a * n + a];
  for (int a = 0; a < n; a++) cov[a * n + a] += trace > 0 ? 1e-12 * trace / n : 1e-300;
  factor(n, cov);
  for (int a = 0; a < n; a++) {
    double sum = e->own[i * n + a];
    for (int b = 0; b <= a; b++) sum += cov[a * n + b] * (double)e->noise[i * e->d + h->move[b]];
    x[i * e->d + h->move[a]] = sum;
  }
}

static sb_status aware(engine *e, int64_t first, int rows, double *x) {
  memcpy(e->half, x, (size_t)(rows * e->d) * sizeof *x);
  push(e, first, rows, x, 0, 0, 1, e->half);
  sb_noise_normals(e->path_key, first, rows, (uint32_t)e->at, e->d, e->noise);
  for (int k = 0; k < e->heads; k++) {
    const head *h = &e->head[k];
    if (!h->moved) continue;
    const double *rho = widths(e, h, rows, e->half);
    sb_soft_mean(h->soft, rows, e->half, rho, e->own, e->cov, NULL);
    for (int i = 0; i < rows; i++) spread(e, h, i, x);
  }
  return SB_OK;
}

static sb_status resample(engine *e, int64_t first, int rows, double *x) {
  memcpy(e->half, x, (size_t)(rows * e->d) * sizeof *x);
  for (int k = 0; k < e->heads; k++) {
    const head *h = &e->head[k];
    if (!h->moved) continue;
    const double *rho = widths(e, h, rows, e->half);
    const uint64_t key = sb_noise_key(e->run->seed, SB_FOR_DRAWS, (uint32_t)k, 0);
    for (int i = 0; i < rows; i++)
      e->uniform[i] = sb_noise_uniform(key, first + i, (uint32_t)e->at, 0);
    sb_soft_pick(h->soft, rows, e->half, rho, e->uniform, e->pick);
    for (int i = 0; i < rows; i++)
      for (int c = 0; c < h->moved; c++)
        x[i * e->d + h->move[c]] = (double)sb_data_row(e->run->data, e->pick[i])[h->move[c]];
  }
  return SB_OK;
}

sb_status engine_step(void *self, int64_t first, int rows, double *x) {
  engine *e = self;
  if (e->condition.advance && e->at > 0)
    e->at % e->condition.advance ? (void)0 : engine_advance(e, rows, x);
  else
    engine_hold(e, first, rows, x);
  switch (e->sample.sampler) {
    case SAMPLER_LANGEVIN: return langevin(e, first, rows, x);
    case SAMPLER_SPLIT: return split(e, first, rows, x);
    case SAMPLER_AWARE: return aware(e, first, rows, x);
    default: return resample(e, first, rows, x);
  }
}

/* A training row for each chain. */
sb_status engine_begin(void *self, int64_t first, int rows, double *x) {
  engine *e = self;
  const int64_t n = e->run->data->n;
  for (int i = 0; i < rows; i++) {
    const double u = sb_noise_uniform(e->start_key, first + i, 0, 0);
    const float *row = sb_data_row(e->run->data, (int64_t)(u * (double)n));
    for (int c = 0; c < e->d; c++) x[i * e->d + c] = (double)row[c];
  }
  engine_hold(e, first, rows, x);
  return SB_OK;
}

/* Steps of the leg times the fraction: from a move of one step to a drift per unit t. */
static double per_leg(const engine *e) { return (double)e->legs_steps * e->sample.fraction; }

/* b times what a unit of t has of steps; given coordinates stay. */
static void per_unit(engine *e, int rows, const double *x, double *b) {
  const int drawn = engine_has_likelihood(e);
  if (drawn) engine_gradient(e, rows, x, e->pushed);
  for (int i = 0; i < rows; i++)
    for (int c = 0; c < e->d; c++) {
      const int at = i * e->d + c;
      if (drawn) b[at] -= engine_move(e) * e->step[c] * e->pushed[at];
      b[at] = e->given[c] ? 0 : per_leg(e) * b[at];
    }
}

sb_status engine_drift(void *self, int64_t first, int rows, const double *x, double *b) {
  engine *e = self;
  (void)first;
  means(e, rows, x, b);
  for (int i = 0; i < rows * e->d; i++) b[i] -= x[i];
  per_unit(e, rows, x, b);
  return SB_OK;
}

sb_status engine_closed(void *self, int64_t first, int rows, const double *x, double *b) {
  engine *e = self;
  (void)first;
  sb_density_eval(e->law, rows, x, NULL, b, NULL);
  for (int i = 0; i < rows; i++)
    for (int c = 0; c < e->d; c++) b[i * e->d + c] *= engine_move(e) * e->step[c];
  per_unit(e, rows, x, b);
  return SB_OK;
}

/* Euler-Maruyama with the score of the law in place of the average; its likelihood is in the drift.
 */
sb_status engine_closed_step(void *self, int64_t first, int rows, double *x) {
  engine *e = self;
  engine_hold(e, first, rows, x);
  SB_TRY(engine_closed(self, first, rows, x, e->mean));
  for (int i = 0; i < rows * e->d; i++) x[i] += e->mean[i] / (double)e->legs_steps;
  sb_noise_normals(e->path_key, first, rows, (uint32_t)e->at, e->d, e->noise);
  for (int i = 0; i < rows; i++)
    for (int c = 0; c < e->d; c++)
      if (!e->given[c])
        x[i * e->d + c] += sqrt(2 * e->sample.fraction * engine_move(e) * e->step[c]) *
                           (double)e->noise[i * e->d + c];
  return SB_OK;
}
