/* The drift of stage 1 by Monte-Carlo draws (Wang et al. 2021, Algorithm 1; ALGORITHMS 1.4), in the
 * log domain.
 *
 * With c = (tau (1 - t))^(1/2), y_j = x + c z_j, weights w_j = exp D(y_j):
 *   score form      b1 = tau sum_j w_j (score(y_j) + c z_j / tau) / sum_j w'_j + x
 *   endpoint form   b1 = (tau / c) sum_j w_j z_j / sum_j w'_j
 * mode shared: w' = w (self-normalised, a convex combination); independent: w' from draws of their
 * own, as in the paper. Sums run over draws in order with the largest logit so far taken out; they
 * are rescaled when it grows. Draws are taken in chunks of at most 64 rows, which depend only on m
 * and on the particle's place in its tile. */
#include <math.h>
#include <string.h>

#include "sb/kernel.h"
#include "sb/mathfn.h"
#include "sb/mem.h"
#include "sb/noise.h"
#include "two_stage.h"

enum { TOP, SUM, SQUARE, MEAN };

sb_status two_stage_mc_open(two_stage *s) {
  monte_carlo *mc = &s->mc;
  const int64_t rows = SB_BLOCK, d = s->d;
  SB_TRY(SB_NEW(&mc->z, rows * d, "draws"));
  SB_TRY(SB_NEW(&mc->logit32, rows, "logits"));
  SB_TRY(SB_NEW(&mc->y, rows * d, "points of draws"));
  SB_TRY(SB_NEW(&mc->score, rows * d, "scores of draws"));
  SB_TRY(SB_NEW(&mc->logit, rows, "logits"));
  SB_TRY(SB_NEW(&mc->weight, rows, "weights"));
  return SB_NEW(&mc->sum, 2 * rows * (d + MEAN), "sums over draws");
}

void two_stage_mc_close(two_stage *s) {
  monte_carlo *mc = &s->mc;
  void *const blocks[] = {mc->z, mc->logit32, mc->y, mc->score, mc->logit, mc->weight, mc->sum};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) sb_mem_free(blocks[i]);
  *mc = (monte_carlo){0};
}

void two_stage_mc_at(two_stage *s, double t, int64_t step) {
  s->mc.c = sqrt(s->reference.variance1 * (1 - t));
  s->mc.step = step;
}

/* Adds n draws of one particle to its sums; integrand [n, d] or NULL (denominator only). */
static void add_draws(int n, int d, const double *logit, double *weight, const double *integrand,
                      double *sum) {
  double top = sum[TOP];
  for (int j = 0; j < n; j++) top = logit[j] > top ? logit[j] : top;
  const double shrink = sb_exp(sum[TOP] - top);
  for (int k = SUM; k < MEAN + d; k++) sum[k] *= k == SQUARE ? shrink * shrink : shrink;
  sum[TOP] = top;
  for (int j = 0; j < n; j++) weight[j] = logit[j] - top;
  sb_kernel()->exp64(n, weight, weight);
  for (int j = 0; j < n; j++) {
    sum[SUM] += weight[j];
    sum[SQUARE] += weight[j] * weight[j];
    for (int k = 0; integrand && k < d; k++) sum[MEAN + k] += weight[j] * integrand[j * d + k];
  }
}

/* The integrand at the chunk's points: score + c z / tau, or z. Left in mc->score. */
static void take_integrand(two_stage *s, int n) {
  monte_carlo *mc = &s->mc;
  const int size = n * s->d;
  if (mc->endpoint) {
    for (int i = 0; i < size; i++) mc->score[i] = (double)mc->z[i];
    return;
  }
  two_stage_score(s, n, mc->y, mc->score);
  const double factor = mc->c / s->reference.variance1;
  for (int i = 0; i < size; i++) mc->score[i] += factor * (double)mc->z[i];
}

/* Sums over all draws of one stream for `rows` particles; numerator: with the integrand. */
static void gather(two_stage *s, uint64_t key, int numerator, int64_t first, int rows,
                   const double *x, double *sum) {
  monte_carlo *mc = &s->mc;
  const int d = s->d, stride = d + MEAN;
  const int group = mc->draws < SB_BLOCK ? (int)(SB_BLOCK / mc->draws) : 1;
  memset(sum, 0, (size_t)(rows * stride) * sizeof *sum);
  for (int i = 0; i < rows; i++) sum[i * stride + TOP] = -INFINITY;
  for (int i0 = 0; i0 < rows; i0 += group) {
    const int particles = rows - i0 < group ? rows - i0 : group;
    for (int64_t j0 = 0; j0 < mc->draws; j0 += SB_BLOCK) {
      const int draws = (int)(mc->draws - j0 < SB_BLOCK ? mc->draws - j0 : SB_BLOCK),
                n = particles * draws;
      sb_kernel()->normals(key, first + i0, particles, 0, (uint32_t)mc->step, j0, draws, d, mc->z);
      for (int i = 0; i < n; i++)
        for (int k = 0; k < d; k++)
          mc->y[i * d + k] = x[(i0 + i / draws) * d + k] + mc->c * (double)mc->z[i * d + k];
      two_stage_logit(s, n, mc->y, mc->logit);
      if (numerator) take_integrand(s, n);
      for (int i = 0; i < particles; i++)
        add_draws(draws, d, mc->logit + i * draws, mc->weight,
                  numerator ? mc->score + i * draws * d : NULL, sum + (i0 + i) * stride);
    }
  }
}

static void count_ess(two_stage *s, int rows, const double *sum) {
  const int bin = s->t < 1 ? (int)(s->t * ESS_BINS) : ESS_BINS - 1;
  for (int i = 0; i < rows; i++) {
    const double *of = sum + i * (s->d + MEAN);
    s->ess[bin] += (int64_t)(of[SUM] * of[SUM] / of[SQUARE] / (double)s->mc.draws * 0x1p32);
    s->ess_count[bin]++;
  }
}

sb_status two_stage_drift1(void *self, int64_t first, int rows, const double *x, double *b) {
  two_stage *s = self;
  monte_carlo *mc = &s->mc;
  const int d = s->d, stride = d + MEAN;
  const double tau = s->reference.variance1;
  double *above = mc->sum, *below = mc->sum;
  gather(s, mc->key[0], 1, first, rows, x, above);
  if (mc->independent) {
    below = mc->sum + SB_BLOCK * stride;
    gather(s, mc->key[1], 0, first, rows, x, below);
  }
  for (int i = 0; i < rows; i++, above += stride, below += stride) {
    const double ratio = sb_exp(above[TOP] - below[TOP]) / below[SUM];
    for (int k = 0; k < d; k++) {
      const double mean = above[MEAN + k] * ratio;
      b[i * d + k] = mc->endpoint ? tau / mc->c * mean : tau * mean + x[i * d + k];
    }
  }
  count_ess(s, rows, mc->independent ? mc->sum + SB_BLOCK * stride : mc->sum);
  return SB_OK;
}
