/* Memorisation ratio: how near samples are to training rows, in units of how near fresh true points
 * are.
 *
 * The logarithm of a ratio of two means of n and m distances with coefficients of variation v and w
 * has to first order the standard deviation (v^2/n + w^2/m)^(1/2) around 0; the quantile of the
 * floor takes v = w from fresh points. */
#include <math.h>
#include <string.h>

#include "judge.h"
#include "sb/kernel.h"
#include "sb/mathfn.h"
#include "sb/mem.h"
#include "sb/noise.h"

#define WORK 4e10 /* coordinates compared in one search */

/* Distances to the nearest training row. */
typedef struct nearness {
  int64_t n;
  double mean, variation; /* square of standard deviation over mean */
} nearness;

/* Collective. */
static sb_status measure(const judge *j, sb_points a, nearness *out) {
  const int64_t count = sb_share_of(j->c, a.n).count;
  double *distance = NULL, *terms = NULL, sum[2];
  sb_status s = SB_NEW(&distance, count, "memorisation: distances");
  if (!s) s = SB_NEW(&terms, 2 * count, "memorisation: distances");
  s = sb_agree(j->c, s);
  if (!s) s = sb_nearest_distance(j->c, a, j->in->training, distance);
  for (int64_t i = 0; i < count && !s; i++) {
    terms[2 * i] = distance[i];
    terms[2 * i + 1] = distance[i] * distance[i];
  }
  if (!s) s = sb_sum_rows(j->c, a.n, 2, terms, sum, "memorisation ratio");
  sb_mem_free(terms);
  sb_mem_free(distance);
  if (s) return s;
  const double n = (double)a.n, mean = sum[0] / n;
  *out = (nearness){a.n, mean, mean > 0 ? fmax(sum[1] / n / (mean * mean) - 1, 0) : 0};
  return SB_OK;
}

/* Rows that are looked at, so that a search through pictures ends. */
static int64_t affordable(const judge *j, int64_t n) {
  const double rows = WORK / ((double)j->in->training.n * j->d);
  const int64_t most = rows < SB_BLOCK ? SB_BLOCK : rows > 1e15 ? INT64_MAX : (int64_t)rows;
  return n < most ? n : most;
}

/* Not collective. n held-out rows in a keyed order (their own may have a meaning): sb_mem_new. */
static sb_status choose_held(const judge *j, int64_t n, double **out) {
  const sb_points held = j->in->held;
  const uint64_t key = judge_key(j, KEY_SPLIT, -1);
  const size_t row = (size_t)j->d * sizeof **out;
  SB_TRY(SB_NEW(out, n * j->d, "memorisation: held-out rows"));
  for (int64_t i = 0; i < n; i++)
    memcpy(*out + i * j->d, held.x + sb_noise_permute(key, held.n, 0, i) * j->d, row);
  return SB_OK;
}

/* Collective. The floor: a second fresh set against the first, or one half of the held-out rows
 * against the other. */
static sb_status measure_floor(const judge *j, sb_points held, nearness fresh, double per_n,
                               sb_metric *m) {
  const sb_source second = j->in->fresh;
  const int64_t half = held.n / 2, n = affordable(j, j->size);
  nearness a, b = fresh;
  if (!j->finite && second.draw) {
    SB_TRY_ALL(j->c, second.draw(second.self, 0, n, j->x));
    SB_TRY(measure(j, (sb_points){n, j->d, j->x}, &a));
  } else if (half) {
    SB_TRY(measure(j, (sb_points){half, j->d, held.x}, &a));
    SB_TRY(measure(j, (sb_points){held.n - half, j->d, held.x + half * j->d}, &b));
  } else {
    return SB_OK;
  }
  if (!(b.mean > 0)) return SB_OK;
  m->floor = a.mean / b.mean;
  m->floor_q95 =
      sb_exp(1.645 * sqrt((a.variation + b.variation) / 2 * (per_n + 1 / (double)fresh.n)));
  return SB_OK;
}

/* Collective. held: points that training did not see. */
static sb_status compare(judge *j, sb_points held) {
  const sb_judge_input *in = j->in;
  const int64_t size = affordable(j, j->size);
  nearness sample, fresh, baseline;
  SB_TRY(measure(j, held, &fresh));
  if (!(fresh.mean > 0)) return SB_OK;
  const int64_t n = affordable(j, in->sample.n < j->o->size ? in->sample.n : j->o->size);
  const double per_n = 1 / (double)n;
  SB_TRY(measure(j, (sb_points){n, j->d, in->sample.x}, &sample));
  sb_metric *m = judge_metric(j, "memorisation_ratio", n, in->training.n);
  m->value = sample.mean / fresh.mean;
  m->stderr_ = m->value * sqrt(sample.variation * per_n + fresh.variation / (double)fresh.n);
  m->floor_train = 0;
  m->better = SB_TARGET;
  m->target = 1;
  SB_TRY(measure_floor(j, held, fresh, per_n, m));
  if (!in->baseline.draw) return SB_OK;
  SB_TRY_ALL(j->c, in->baseline.draw(in->baseline.self, 0, size, j->x));
  SB_TRY(measure(j, (sb_points){size, j->d, j->x}, &baseline));
  m->baseline = baseline.mean / fresh.mean;
  return SB_OK;
}

sb_status judge_memory(judge *j) {
  const sb_judge_input *in = j->in;
  const int64_t n = affordable(j, in->held.n ? in->held.n : j->size);
  double *own = NULL;
  /* Without held-out rows the true points of a table are training rows themselves. */
  if (!in->training.n || (!in->held.n && j->finite)) return SB_OK;
  sb_status s = sb_agree(j->c, in->held.n ? choose_held(j, n, &own) : judge_truth(j, 0, n, j->y));
  if (!s) s = compare(j, (sb_points){n, j->d, own ? own : j->y});
  sb_mem_free(own);
  return s;
}
