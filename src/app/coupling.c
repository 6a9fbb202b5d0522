/* How the ends of a bridge belong together: the covariance of where draws begin and end, the cost
 * of the way, and the law of the end given the start, against the closed form where it is known.
 *
 *   coupling          mean over coordinates of Cov(X_0, X_1)
 *   coupling_error    Frobenius norm of the error of Cov(X_0, X_1) over that of the true one
 *   transport_cost    E|X_1 - X_0|^2
 *   cbw2_uvp          100 E_x W2^2(N(m_x, C_x), N(m*_x, C*_x)) / tr Cov(X_1), %, moments of X_1
 * given X_0 = x by the method's own closed form and the exact one (Gushchin et al. 2023) Baseline:
 * ends that know nothing of each other. */
#include <math.h>
#include <string.h>

#include "evaluate.h"
#include "sb/mem.h"
#include "sb/noise.h"
#include "sb/watchdog.h"

#define PLANS 256 /* dimensions in which the ends of single starts are compared */

enum { KEY_FLOOR = 200, KEY_TRUE = 300, KEY_GIVEN, KEY_DRAWS }; /* streams of metrics */
#define TRUE_ROWS 100000 /* draws that stand for the true coupling where it has no closed form */
#define FLOORS    5

typedef struct coupling {
  evaluation *e;
  sb_run *run;
  int d, known, backward;
  double *pair, *moments; /* [n, 2 d] of rows; [2 d], [2 d, 2 d] */
  double *exact;          /* [d, d] true covariance of start and end */
} coupling;

static uint64_t key_of(const coupling *k, uint32_t use, uint32_t replicate) {
  return sb_noise_key(k->run->seed, SB_FOR_METRIC, use, replicate);
}

/* --- Moments of both ends
 * -------------------------------------------------------------------------------------- */

typedef struct summary {
  double diagonal, error, cost; /* as above; error: against k->exact */
} summary;

static summary summarise(const coupling *k) {
  const int64_t d = k->d, two = 2 * d;
  const double *mean = k->moments, *cov = mean + two;
  double gap = 0, norm = 0;
  summary s = {0, 0, 0};
  for (int64_t i = 0; i < d; i++) {
    const double step = mean[d + i] - mean[i], cross = cov[i * two + d + i];
    s.diagonal += cross / (double)d;
    s.cost += step * step + cov[i * two + i] + cov[(d + i) * two + d + i] - 2 * cross;
    for (int64_t j = 0; j < d; j++) {
      const double far = cov[i * two + d + j] - k->exact[i * d + j];
      gap += far * far, norm += k->exact[i * d + j] * k->exact[i * d + j];
    }
  }
  s.error = sqrt(gap / norm);
  return s;
}

/* This rank's rows. */
static void lay(coupling *k, int64_t count, const double *start, const double *end) {
  const int64_t d = k->d;
  for (int64_t i = 0; i < count; i++) {
    memcpy(k->pair + 2 * i * d, start + i * d, (size_t)d * sizeof *start);
    memcpy(k->pair + (2 * i + 1) * d, end + i * d, (size_t)d * sizeof *end);
  }
}

static sb_status measure(coupling *k, int64_t n) {
  return sb_moments(k->run->comm, (sb_points){n, 2 * k->d, k->pair}, k->moments,
                    k->moments + 2 * k->d);
}

/* n pairs of the true plan, in the run's direction: this rank's share of them in from and to. */
static sb_status true_pairs(coupling *k, uint64_t key, int64_t n, double *from, double *to) {
  const sb_share share = sb_share_of(k->run->comm, n);
  double *start = k->backward ? to : from, *end = k->backward ? from : to;
  SB_TRY_ALL(k->run->comm,
             sb_bridge_marginal(k->run->bridge, 1, key, share.first, share.count, end, start));
  lay(k, share.count, from, to);
  return measure(k, n);
}

/* The true covariance of start and end. */
static sb_status find_exact(coupling *k, double *from, double *to) {
  const int64_t d = k->d;
  double sum = 0;
  if (!sb_bridge_coupling(k->run->bridge, k->exact)) {
    SB_TRY(true_pairs(k, key_of(k, KEY_TRUE, 0), TRUE_ROWS, from, to));
    for (int64_t i = 0; i < d; i++)
      memcpy(k->exact + i * d, k->moments + 2 * d + i * 2 * d + d, (size_t)d * sizeof *k->exact);
  } else if (k->backward) {
    for (int64_t i = 0; i < d; i++)
      for (int64_t j = 0; j < i; j++) {
        const double swap = k->exact[i * d + j];
        k->exact[i * d + j] = k->exact[j * d + i], k->exact[j * d + i] = swap;
      }
  }
  for (int64_t i = 0; i < d * d; i++) sum += k->exact[i] * k->exact[i];
  return sum > 0 ? SB_OK : sb_fail(SB_BAD, "the true covariance of start and end is 0");
}

/* Standard error of the mean of n numbers. */
static double error_of_mean(int64_t n, double sum, double squares) {
  const double mean = sum / (double)n;
  return sqrt(fmax(squares / (double)n - mean * mean, 0) / (double)n);
}

/* Standard errors of diagonal and cost, from the rows that stand in pair. */
static sb_status errors_of(const coupling *k, double out[2]) {
  const sb_comm *c = k->run->comm;
  const int64_t d = k->d, n = k->e->rows, count = k->e->share.count;
  double *rows, sum[4];
  SB_TRY_ALL(c, SB_NEW(&rows, 4 * count, "errors of a coupling"));
  for (int64_t r = 0; r < count; r++) {
    const double *x = k->pair + 2 * r * d, *y = x + d, *m = k->moments;
    double cross = 0, cost = 0;
    for (int64_t i = 0; i < d; i++) {
      cross += (x[i] - m[i]) * (y[i] - m[d + i]) / (double)d;
      cost += (y[i] - x[i]) * (y[i] - x[i]);
    }
    rows[4 * r] = cross, rows[4 * r + 1] = cross * cross;
    rows[4 * r + 2] = cost, rows[4 * r + 3] = cost * cost;
  }
  const sb_status s = sb_sum_rows(c, n, 4, rows, sum, "errors of a coupling");
  sb_mem_free(rows);
  out[0] = error_of_mean(n, sum[0], sum[1]), out[1] = error_of_mean(n, sum[2], sum[3]);
  return s;
}

/* Cost of the true bridge, and of independent ends with the moments of the two sets. */
static void costs(const coupling *k, double *exact, double *independent) {
  const sb_data *a = k->run->source, *b = k->run->data;
  const int64_t d = k->d;
  double cross = 0;
  *independent = 0;
  for (int64_t i = 0; i < d; i++) {
    const double step = a->mean[i] - b->mean[i];
    *independent += step * step + a->cov[i * d + i] + b->cov[i * d + i];
    cross += k->exact[i * d + i];
  }
  *exact = k->known ? *independent - 2 * cross : NAN;
  if (!k->known || !a->mixture || !b->mixture) return;
  *exact = -2 * cross; /* both ends are Gaussian */
  for (int64_t i = 0; i < d; i++) {
    const double step = a->mixture->mu[i] - b->mixture->mu[i];
    *exact += step * step + a->mixture->cov[i * d + i] + b->mixture->cov[i * d + i];
  }
}

static void note(coupling *k, const char *name, double value, double error, double target,
                 double baseline) {
  sb_metric *m = evaluation_next(k->e, name, "", NAN, value);
  m->n = k->e->rows, m->stderr_ = error, m->baseline = baseline;
  if (!isnan(target)) m->better = SB_TARGET, m->target = target;
}

static sb_status ends(coupling *k, double *from, double *to) {
  evaluation *e = k->e;
  double error[2], exact, independent, diagonal = 0;
  if (k->known) SB_TRY(find_exact(k, from, to));
  lay(k, e->share.count, e->start, e->sample);
  SB_TRY(measure(k, e->rows));
  SB_TRY(errors_of(k, error));
  const summary s = summarise(k);
  costs(k, &exact, &independent);
  for (int i = 0; i < k->d; i++) diagonal += k->exact[i * k->d + i] / k->d;
  note(k, "coupling", s.diagonal, error[0], k->known ? diagonal : NAN, 0);
  note(k, "transport_cost", s.cost, error[1], exact, independent);
  if (!k->known) return SB_OK;
  note(k, "coupling_error", s.error, NAN, NAN, 1);
  sb_metric *m = &e->metric[e->n - 1];
  m->floor = 0;
  for (uint32_t i = 0; i < FLOORS; i++) {
    SB_TRY(true_pairs(k, key_of(k, KEY_FLOOR, i), e->rows, from, to));
    m->floor += summarise(k).error / FLOORS;
  }
  return SB_OK;
}

/* --- The end given the start
 * ----------------------------------------------------------------------------------- */

typedef struct given {
  double *x, *mean, *cov; /* [n, d], one row's moments [d], [d, d] by the method */
  double *true_mean, *true_cov, *draws,
      *all;        /* exact ones; [draws, d]; moments of the end over all rows */
  double *ignored; /* [share, d] */
  double *rows;    /* [share, 3] squared distances: method, floor, independent ends */
} given;

/* Moments of `draws` draws of the true plan at x. */
static void drawn_moments(const coupling *k, const given *g, const double *x, int64_t row,
                          int64_t draws, double *mean, double *cov) {
  const int64_t d = k->d;
  memset(mean, 0, (size_t)d * sizeof *mean);
  memset(cov, 0, (size_t)(d * d) * sizeof *cov);
  for (int64_t i = 0; i < draws; i++) memcpy(g->draws + i * d, x, (size_t)d * sizeof *x);
  sb_bridge_draw(k->run->bridge, k->backward, key_of(k, KEY_DRAWS, (uint32_t)row), 0, draws,
                 g->draws, g->draws);
  for (int64_t i = 0; i < draws * d; i++) mean[i % d] += g->draws[i] / (double)draws;
  for (int64_t r = 0; r < draws; r++)
    for (int64_t i = 0; i < d; i++) {
      const double gap = g->draws[r * d + i] - mean[i];
      for (int64_t j = 0; j <= i; j++)
        cov[i * d + j] += gap * (g->draws[r * d + j] - mean[j]) / (double)(draws - 1);
    }
  for (int64_t i = 0; i < d; i++)
    for (int64_t j = 0; j < i; j++) cov[j * d + i] = cov[i * d + j];
}

static sb_status one_row(coupling *k, given *g, const double *x, int64_t row, double *out) {
  const int64_t d = k->d;
  const sb_comm *self = sb_comm_self();
  sb_bridge_plan(k->run->bridge, k->backward, 1, x, g->true_mean, g->true_cov);
  SB_TRY(k->e->a->method->plan(k->run, 1, x, g->mean, g->cov));
  SB_TRY(sb_gauss_w2(self, k->d, g->mean, g->cov, g->true_mean, g->true_cov, &out[0]));
  drawn_moments(k, g, x, row, k->e->a->judge.condition_draws, g->mean, g->cov);
  SB_TRY(sb_gauss_w2(self, k->d, g->mean, g->cov, g->true_mean, g->true_cov, &out[1]));
  return sb_gauss_w2(self, k->d, g->all, g->all + d, g->true_mean, g->true_cov, &out[2]);
}

/* Starts, and mean and covariance of the ends over all of them, by the true plan. */
static sb_status lay_given(coupling *k, given *g, sb_share share, double *from, double *to) {
  const int64_t d = k->d;
  double *const end = k->backward ? g->x : g->ignored, *const start =
                                                           k->backward ? g->ignored : g->x;
  SB_TRY_ALL(k->run->comm, sb_bridge_marginal(k->run->bridge, 1, key_of(k, KEY_GIVEN, 0),
                                              share.first, share.count, end, start));
  SB_TRY(true_pairs(k, key_of(k, KEY_TRUE, 1), TRUE_ROWS, from, to));
  memcpy(g->all, k->moments + d, (size_t)d * sizeof *g->all);
  for (int64_t i = 0; i < d; i++)
    memcpy(g->all + d + i * d, k->moments + 2 * d + (d + i) * 2 * d + d,
           (size_t)d * sizeof *g->all);
  return SB_OK;
}

static sb_status conditionals(coupling *k, given *g, int64_t n, double *from, double *to) {
  const sb_comm *c = k->run->comm;
  const sb_share share = sb_share_of(c, n);
  double sum[3], squares[3], trace = 0;
  sb_status s = SB_OK;
  SB_TRY(lay_given(k, g, share, from, to));
  for (int64_t i = 0; !s && i < share.count; i++) {
    s = one_row(k, g, g->x + i * k->d, share.first + i, g->rows + 3 * i);
    sb_tick();
  }
  SB_TRY_ALL(c, s);
  SB_TRY(sb_sum_rows(c, n, 3, g->rows, sum, "conditional distances"));
  for (int64_t i = 0; i < 3 * share.count; i++) g->rows[i] *= g->rows[i];
  SB_TRY(sb_sum_rows(c, n, 3, g->rows, squares, "conditional distances"));
  for (int i = 0; i < k->d; i++) trace += g->all[k->d + i * k->d + i];
  note(k, "cbw2_uvp", 100 * sum[0] / (double)n / trace,
       100 * error_of_mean(n, sum[0], squares[0]) / trace, NAN, 100 * sum[2] / (double)n / trace);
  sb_metric *m = &k->e->metric[k->e->n - 1];
  m->floor = 100 * sum[1] / (double)n / trace;
  m->n = n, m->m = k->e->a->judge.condition_draws;
  return SB_OK;
}

static sb_status given_start(coupling *k, double *from, double *to) {
  const app *a = k->e->a;
  const int64_t d = k->d, n = a->judge.conditions, count = sb_share_of(a->comm, n).count;
  given g = {0};
  if (!a->method->plan || n < 2 || d > PLANS) return SB_OK;
  sb_status s = SB_NEW(&g.x, 2 * count * d, "starts");
  if (!s) s = SB_NEW(&g.mean, 3 * (d + d * d), "moments");
  if (!s) s = SB_NEW(&g.draws, a->judge.condition_draws * d, "draws of the true plan");
  if (!s) s = SB_NEW(&g.rows, 3 * count, "conditional distances");
  s = sb_agree(a->comm, s);
  if (!s) {
    g.cov = g.mean + d, g.true_mean = g.cov + d * d, g.true_cov = g.true_mean + d;
    g.all = g.true_cov + d * d;
    g.ignored = g.x + count * d;
    s = conditionals(k, &g, n, from, to);
  }
  void *const blocks[] = {g.rows, g.draws, g.mean, g.x};
  for (int i = 0; i < 4; i++) sb_mem_free(blocks[i]);
  return s;
}

sb_status evaluate_coupling(evaluation *e) {
  app *a = e->a;
  const int64_t d = a->run.data->d, mine = sb_share_of(a->comm, TRUE_ROWS).count,
                n = mine > e->share.count ? mine : e->share.count;
  coupling k = {.e = e,
                .run = &a->run,
                .d = (int)d,
                .known = a->run.bridge && !a->run.given && d <= SB_JUDGE_WHOLE,
                .backward = a->run.backward};
  double *from = NULL;
  if (!e->start || 2 * d > SB_JUDGE_WHOLE) return SB_OK;
  sb_status s = SB_NEW(&k.pair, 2 * n * d, "pairs of start and end");
  if (!s) s = SB_NEW(&from, 2 * n * d, "pairs of start and end");
  if (!s) s = SB_NEW(&k.moments, 2 * d + 4 * d * d, "moments");
  if (!s) s = SB_NEW(&k.exact, d * d, "covariance of start and end");
  s = sb_agree(a->comm, s);
  if (!s) s = ends(&k, from, from + n * d);
  if (!s && k.known && (!k.backward || sb_bridge_both(a->run.bridge)))
    s = given_start(&k, from, from + n * d);
  void *const blocks[] = {k.exact, k.moments, from, k.pair};
  for (int i = 0; i < 4; i++) sb_mem_free(blocks[i]);
  return s;
}
