/* Half-steps by linear regression in place of networks: exact where both sets are Gaussian.
 *
 * linear: least squares of the increments on where chains arrived, step by step, from all rows of
 * one cache. gaussian: the same regression between the moments of Gaussian chains, which the maps
 * carry from step to step: no sampling error (ALGORITHMS: marginals m, S by recursion, regression
 * G_j = Cov(x, x') Cov(x')^-1 of where a chain came from on where it arrived). */
#include <math.h>
#include <string.h>

#include "dsb.h"
#include "sb/mem.h"
#include "sb/spd.h"
#include "sb/watchdog.h"

sb_status dsb_affine_open(dsb *s) {
  const int64_t n = s->steps, d = s->d;
  for (int i = 0; i < DIRECTIONS && s->options.regressor != REGRESSOR_NETWORK && !dsb_exact(s);
       i++) {
    SB_TRY(SB_NEW(&s->affine[i].slope, n * d * d, "slopes of steps"));
    SB_TRY(SB_NEW(&s->affine[i].shift, n * d, "shifts of steps"));
    if (s->options.noise == NOISE_EXACT)
      SB_TRY(SB_NEW(&s->affine[i].noise, n * d * d, "noise of steps"));
  }
  return SB_OK;
}

void dsb_affine_close(dsb *s) {
  for (int i = 0; i < DIRECTIONS; i++) {
    sb_mem_free(s->affine[i].slope);
    sb_mem_free(s->affine[i].shift);
    sb_mem_free(s->affine[i].noise);
  }
}

/* c = a b, or a b^T, all [d, d] */
static void multiply(int d, const double *a, const double *b, int turned, double *c) {
  for (int i = 0; i < d; i++)
    for (int j = 0; j < d; j++) {
      double sum = 0;
      for (int k = 0; k < d; k++) sum += a[i * d + k] * (turned ? b[j * d + k] : b[k * d + j]);
      c[i * d + j] = sum;
    }
}

/* Rounding must not make a covariance lopsided: step by step it would grow. */
static void symmetrise(int d, double *a) {
  for (int i = 0; i < d; i++)
    for (int j = 0; j < i; j++) a[i * d + j] = a[j * d + i] = 0.5 * (a[i * d + j] + a[j * d + i]);
}

/* Why a step cannot be fitted. */
static sb_status degenerate(const dsb *s, sb_status status, int j) {
  if (status != SB_BAD) return status;
  sb_forget();
  return sb_fail(
      SB_BAD,
      "dsb: where chains arrive in step %d of %d has no spread in some direction: the "
      "reference's variance is too small beside the numbers, or the cache has too few paths",
      j + 1, s->steps);
}

/* --- From moments of Gaussian chains
 * ---------------------------------------------------------------------- */

/* A chain's law on its way: mean [d], cov [d, d], covariance of the beginning with it [d, d]. */
typedef struct law {
  double *mean, *cov, *from;
} law;

/* The step that chains of a direction take: slope [d, d], shift [d]. */
static void step_map(const dsb *s, int by, int j, double *slope, double *shift) {
  const int d = s->d;
  if (by < DIRECTIONS) {
    memcpy(slope, s->affine[by].slope + (int64_t)j * d * d, sizeof(double) * (size_t)(d * d));
    memcpy(shift, s->affine[by].shift + (int64_t)j * d, sizeof(double) * (size_t)d);
    return;
  }
  const double a = sb_reference_slope(&s->reference, j);
  memset(slope, 0, sizeof(double) * (size_t)(d * d));
  for (int k = 0; k < d; k++) slope[k * d + k] = a, shift[k] = (1 - a) * s->reference.mean[k];
}

/* The other direction's step j: x' + F(E[x | x']) - F(x'), or E[x | x'], with E[x | x'] = mean +
 * G (x' - mean'). */
static void learn_step(dsb *s, int learner, int j, const double *slope, const double *g,
                       const double *mean, const double *mean_next, double *scratch) {
  const int d = s->d;
  double *to = s->affine[learner].slope + (int64_t)j * d * d;
  double *shift = s->affine[learner].shift + (int64_t)j * d;
  double *off = scratch + d * d;
  for (int k = 0; k < d; k++) {
    off[k] = mean[k];
    for (int l = 0; l < d; l++) off[k] -= g[k * d + l] * mean_next[l];
  }
  memcpy(to, g, sizeof(double) * (size_t)(d * d));
  memcpy(shift, off, sizeof(double) * (size_t)d);
  if (s->options.loss != LOSS_MEAN_MATCH) return;
  memcpy(scratch, g, sizeof(double) * (size_t)(d * d));
  for (int k = 0; k < d; k++) scratch[k * d + k] -= 1;
  multiply(d, slope, scratch, 0, to);
  for (int k = 0; k < d; k++) {
    to[k * d + k] += 1;
    shift[k] = 0;
    for (int l = 0; l < d; l++) shift[k] += slope[k * d + l] * off[l];
  }
}

/* One step: the law moves on; g [d, d] receives the regression of where it was on where it is, left
 * (or NULL) the covariance of what that leaves open. */
static sb_status move_law(const dsb *s, int by, int j, const double *slope, const double *shift,
                          law *l, double *g, double *left, double *scratch) {
  const int d = s->d;
  double *cross = scratch, *inverse = scratch + d * d, *mean = scratch + 2 * d * d;
  multiply(d, l->cov, slope, 1, cross); /* Cov(x, x') */
  if (left) memcpy(left, l->cov, sizeof(double) * (size_t)(d * d));
  multiply(d, slope, cross, 0, l->cov);
  if (by < DIRECTIONS && s->affine[by].noise)
    for (int k = 0; k < d * d; k++) l->cov[k] += s->affine[by].noise[(int64_t)j * d * d + k];
  else
    for (int k = 0; k < d; k++) l->cov[k * d + k] += 2 * s->reference.gamma[j];
  symmetrise(d, l->cov);
  SB_TRY(degenerate(s, sb_spd_inverse(d, l->cov, inverse, NULL), j));
  multiply(d, cross, inverse, 0, g);
  if (left) {
    multiply(d, g, cross, 1, inverse);
    for (int k = 0; k < d * d; k++) left[k] -= inverse[k];
    symmetrise(d, left);
  }
  multiply(d, l->from, slope, 1, inverse);
  memcpy(l->from, inverse, sizeof(double) * (size_t)(d * d));
  for (int k = 0; k < d; k++) {
    mean[k] = shift[k];
    for (int i = 0; i < d; i++) mean[k] += slope[k * d + i] * l->mean[i];
  }
  memcpy(l->mean, mean, sizeof(double) * (size_t)d);
  return SB_OK;
}

/* Moments of a set: of its law where that is known, else of its training rows. */
static void set_moments(const sb_data *set, double *mean, double *cov) {
  if (set->mixture) {
    sb_mixture_moments(set->mixture, mean, cov);
    return;
  }
  memcpy(mean, set->mean, sizeof(double) * (size_t)set->d);
  memcpy(cov, set->cov, sizeof(double) * (size_t)(set->d * set->d));
}

static void tell(dsb *s, int64_t half, const sb_data *from, const sb_data *to, const law *l,
                 double *scratch) {
  const int d = s->d;
  const double each = 1 / (double)d;
  double *mean = scratch, *cov = scratch + d;
  dsb_line line = {.half_step = (double)half, .direction = dsb_chains_of(half)};
  set_moments(from, mean, cov);
  for (int k = 0; k < d; k++) {
    line.mean_start += each * mean[k];
    line.variance_start += each * cov[k * d + k];
  }
  set_moments(to, mean, cov);
  for (int k = 0; k < d; k++) {
    const double off = l->mean[k] - mean[k];
    line.mean_end += each * l->mean[k];
    line.variance_end += each * l->cov[k * d + k];
    line.coupling += each * l->from[k * d + k];
    line.target_mean += each * mean[k];
    line.target_variance += each * cov[k * d + k];
    if (cov[k * d + k] > 0) line.distance += each * off * off / cov[k * d + k];
  }
  line.distance = sqrt(line.distance);
  dsb_tell(s, &line);
}

sb_status dsb_affine_moments(dsb *s, int64_t half, int learn) {
  const int d = s->d, to_data = dsb_chains_of(half) == TO_DATA;
  const int64_t square = (int64_t)d * d;
  const sb_data *from = to_data ? s->run->source : s->run->data,
                *to = to_data ? s->run->data : s->run->source;
  double *block;
  SB_TRY_ALL(s->run->comm, SB_NEW(&block, 8 * square + 5 * d, "moments of chains"));
  double *slope = block, *g = slope + square, *scratch = g + square; /* [3 d^2 + d] */
  law l = {.cov = block + 5 * square + d};
  l.from = l.cov + square, l.mean = l.from + square;
  double *shift = l.mean + d, *mean = shift + d;
  sb_status status = SB_OK;
  set_moments(from, l.mean, l.cov);
  memcpy(l.from, l.cov, sizeof(double) * (size_t)square);
  for (int k = 0; !status && k < s->steps; k++) {
    const int j = to_data ? k : s->steps - 1 - k;
    const int by = half == 0 ? DIRECTIONS : dsb_chains_of(half);
    double *left = s->affine[dsb_learner_of(half)].noise;
    step_map(s, by, j, slope, shift);
    memcpy(mean, l.mean, sizeof(double) * (size_t)d);
    status =
        move_law(s, by, j, slope, shift, &l, g, learn && left ? left + j * square : NULL, scratch);
    if (!status && learn) learn_step(s, dsb_learner_of(half), j, slope, g, mean, l.mean, scratch);
    sb_tick();
  }
  if (!status) tell(s, half, from, to, &l, scratch);
  sb_mem_free(block);
  return sb_agree(s->run->comm, status);
}

/* --- From chains
 * ----------------------------------------------------------------------------------------- */

/* Sums over this rank's chains of one step: 1 + x, y, x x^T, y x^T, a tile at a time. */
static void add_tile(const dsb *s, int64_t first, int rows, int j, sb_sum *sums) {
  const int d = s->d;
  const int64_t apart = (int64_t)s->steps * 2 * d;
  const float *row = (const float *)s->cache.shared.data + (first * s->steps + j) * 2 * d;
  for (int a = 0; a < 2 * d; a++) {
    double sum = 0;
    for (int i = 0; i < rows; i++) sum += (double)row[i * apart + a];
    sb_sum_add(&sums[a], sum);
    for (int b = 0; b < d; b++) {
      double product = 0;
      for (int i = 0; i < rows; i++)
        product += (double)row[i * apart + a] * (double)row[i * apart + b];
      sb_sum_add(&sums[2 * d + a * d + b], product);
    }
  }
}

/* total [2 d + 2 d^2] as add_tile laid it out. */
static sb_status solve(dsb *s, int learner, int j, const double *total, double *scratch) {
  const int d = s->d;
  const double n = (double)s->cache.paths;
  double *slope = s->affine[learner].slope + (int64_t)j * d * d;
  double *shift = s->affine[learner].shift + (int64_t)j * d;
  double *cov = scratch, *cross = cov + d * d;
  const double *x = total, *y = total + d, *xx = total + 2 * d, *yx = xx + d * d;
  for (int a = 0; a < d; a++)
    for (int b = 0; b < d; b++) {
      cov[a * d + b] = (xx[a * d + b] - x[a] * x[b] / n) / n;
      cross[a * d + b] = (yx[a * d + b] - y[a] * x[b] / n) / n;
    }
  SB_TRY(degenerate(s, sb_spd_inverse(d, cov, cov, NULL), j));
  multiply(d, cross, cov, 0, slope);
  for (int a = 0; a < d; a++) {
    shift[a] = y[a] / n;
    for (int b = 0; b < d; b++) shift[a] -= slope[a * d + b] * x[b] / n;
    slope[a * d + a] += 1;
  }
  return SB_OK;
}

sb_status dsb_affine_fit(dsb *s, int64_t half) {
  const sb_comm *c = s->run->comm;
  const int d = s->d, width = 2 * d + 2 * d * d;
  const sb_share share = sb_share_of(c, s->cache.paths);
  sb_sum *sums = NULL;
  double *total = NULL;
  sb_status status = SB_NEW(&sums, width, "sums of squares");
  if (!status) status = SB_NEW(&total, width + 2 * d * d, "sums of squares");
  status = sb_agree(c, status);
  for (int j = 0; !status && j < s->steps; j++) {
    memset(sums, 0, (size_t)width * sizeof *sums);
    for (int64_t at = 0; at < share.count; at += SB_BLOCK) {
      const int64_t left = share.count - at;
      add_tile(s, share.first + at, (int)(left < SB_BLOCK ? left : SB_BLOCK), j, sums);
    }
    status = sb_sum_total(c, width, sums, total, "sums of squares of chains");
    if (!status) status = sb_agree(c, solve(s, dsb_learner_of(half), j, total, total + width));
    sb_tick();
  }
  sb_mem_free(total);
  sb_mem_free(sums);
  return status;
}
