/* Memorisation ratio: how near samples are to training rows, in units of how near fresh true points
 * are.
 *
 * The logarithm of a ratio of two means of n and m distances with coefficients of variation v and w
 * has to first order the standard deviation (v^2/n + w^2/m)^(1/2) around 0; the quantile of the
 * floor takes v = w from fresh points. */
#include <math.h>

#include "judge.h"
#include "sb/kernel.h"
#include "sb/mathfn.h"
#include "sb/mem.h"
#include "sb/noise.h"

#define WORK 4e10 /* coordinates compared in one search */

typedef struct work {
  const judge *j;
  sb_points training;
  double *rows; /* of training: this rank's share            */
  double *x;    /* a set that is looked at: this rank's share */
} work;

/* Distances of a set to the nearest training row. */
typedef struct nearness {
  int64_t n;
  double mean, variation; /* square of standard deviation over mean */
} nearness;

/* Collective. The first n rows of w->x. */
static sb_status measure(const work *w, int64_t n, nearness *out) {
  const sb_comm *c = w->j->c;
  const int64_t count = sb_share_of(c, n).count;
  double *distance = NULL, *terms = NULL, sum[2];
  sb_status s = SB_NEW(&distance, count, "memorisation: distances");
  if (!s) s = SB_NEW(&terms, 2 * count, "memorisation: distances");
  s = sb_agree(c, s);
  if (!s) s = sb_nearest_distance(c, (sb_points){n, w->j->d, w->x}, w->training, distance);
  for (int64_t i = 0; i < count && !s; i++) {
    terms[2 * i] = distance[i];
    terms[2 * i + 1] = distance[i] * distance[i];
  }
  if (!s) s = sb_sum_rows(c, n, 2, terms, sum, "memorisation ratio");
  sb_mem_free(terms);
  sb_mem_free(distance);
  if (s) return s;
  const double mean = sum[0] / (double)n;
  *out = (nearness){n, mean, mean > 0 ? fmax(sum[1] / (double)n / (mean * mean) - 1, 0) : 0};
  return SB_OK;
}

/* Rows that are looked at, so that a search through pictures ends. */
static int64_t affordable(const judge *j, int64_t n) {
  const double rows = WORK / ((double)j->in->training.most * j->d);
  const int64_t most = rows < SB_BLOCK ? SB_BLOCK : rows > 1e15 ? INT64_MAX : (int64_t)rows;
  return n < most ? n : most;
}

/* Not collective. This rank's share of the n rows of a source from `first` on. */
static sb_status set_from(const work *w, const char *what, sb_source s, int64_t first, int64_t n) {
  const sb_share own = sb_share_of(w->j->c, n);
  return judge_draw(w->j, what, s, 0, first + own.first, own.count, w->x);
}

/* The same of points that training did not see: held-out rows in a keyed order (their own may have
 * a meaning), or true points. */
static sb_status set_unseen(const work *w, int64_t first, int64_t n) {
  const judge *j = w->j;
  const sb_source held = j->in->held;
  const sb_share own = sb_share_of(j->c, n);
  const uint64_t key = judge_key(j, KEY_SPLIT, -1);
  if (!held.draw) return set_from(w, "true points", j->in->truth, first, n);
  for (int64_t i = 0; i < own.count; i++) {
    const int64_t row = sb_noise_permute(key, held.most, 0, first + own.first + i);
    SB_TRY(judge_draw(j, "held-out rows", held, 0, row, 1, w->x + i * j->d));
  }
  return SB_OK;
}

/* Collective. The floor: a second fresh set against the first, or one half of the unseen points
 * against the other. */
static sb_status measure_floor(const work *w, nearness fresh, double per_n, sb_metric *m) {
  const judge *j = w->j;
  const int64_t half = fresh.n / 2, n = affordable(j, j->size);
  nearness a, b = fresh;
  if (!j->finite && j->in->fresh.draw) {
    SB_TRY_ALL(j->c, set_from(w, "fresh true points", j->in->fresh, 0, n));
    SB_TRY(measure(w, n, &a));
  } else if (half) {
    SB_TRY_ALL(j->c, set_unseen(w, 0, half));
    SB_TRY(measure(w, half, &a));
    SB_TRY_ALL(j->c, set_unseen(w, half, fresh.n - half));
    SB_TRY(measure(w, fresh.n - half, &b));
  } else {
    return SB_OK;
  }
  if (!(b.mean > 0)) return SB_OK;
  m->floor = a.mean / b.mean;
  m->floor_q95 =
      sb_exp(1.645 * sqrt((a.variation + b.variation) / 2 * (per_n + 1 / (double)fresh.n)));
  return SB_OK;
}

/* Collective. `unseen` points that training did not see, n draws. */
static sb_status compare(judge *j, const work *w, int64_t unseen, int64_t n) {
  const sb_judge_input *in = j->in;
  const int64_t size = affordable(j, j->size);
  nearness sample, fresh, baseline;
  SB_TRY_ALL(j->c, set_unseen(w, 0, unseen));
  SB_TRY(measure(w, unseen, &fresh));
  if (!(fresh.mean > 0)) return SB_OK;
  const double per_n = 1 / (double)n;
  SB_TRY(sb_slice_rows(j->c, in->sample.n, j->d, sizeof *w->x, in->sample.x, 0, n, w->x));
  SB_TRY(measure(w, n, &sample));
  sb_metric *m = judge_metric(j, "memorisation_ratio", n, in->training.most);
  m->value = sample.mean / fresh.mean;
  m->stderr_ = m->value * sqrt(sample.variation * per_n + fresh.variation / (double)fresh.n);
  m->floor_train = 0;
  m->better = SB_TARGET;
  m->target = 1;
  SB_TRY(measure_floor(w, fresh, per_n, m));
  if (!in->baseline.draw) return SB_OK;
  SB_TRY_ALL(j->c, set_from(w, "baseline", in->baseline, 0, size));
  SB_TRY(measure(w, size, &baseline));
  m->baseline = baseline.mean / fresh.mean;
  return SB_OK;
}

static sb_status open_work(work *w, int64_t most) {
  const judge *j = w->j;
  const sb_share own = sb_share_of(j->c, w->training.n);
  SB_TRY(SB_NEW(&w->rows, own.count * j->d, "memorisation: training rows"));
  SB_TRY(SB_NEW(&w->x, judge_room(j, most) * j->d, "memorisation: points"));
  w->training.x = w->rows;
  return judge_draw(j, "training rows", j->in->training, 0, own.first, own.count, w->rows);
}

sb_status judge_memory(judge *j) {
  const sb_judge_input *in = j->in;
  /* Without held-out rows the true points of a table are training rows themselves. */
  if (!in->training.most || (!in->held.draw && j->finite)) return SB_OK;
  const int64_t unseen = affordable(j, in->held.draw ? in->held.most : j->size);
  const int64_t n = affordable(j, in->sample.n < j->o->size ? in->sample.n : j->o->size);
  int64_t most = unseen > n ? unseen : n;
  if (j->size > most) most = j->size;
  work w = {.j = j, .training = {in->training.most, j->d, NULL}};
  sb_status s = sb_agree(j->c, open_work(&w, most));
  if (!s) s = compare(j, &w, unseen, n);
  sb_mem_free(w.x);
  sb_mem_free(w.rows);
  return s;
}
