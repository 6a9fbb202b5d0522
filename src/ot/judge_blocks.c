/* The statistics of blocks (energy distance, mmd, sliced_w2, exact w2) and what is said about them.
 *
 * Floor: R values of true against true blocks. The value judged is a mean of B blocks, so its
 * quantile is that of means of B values drawn from those R with replacement, spread by (R / (R -
 * 1))^(1/2) since they lie around their own mean; or that of a normal law, if larger (few values
 * have no tail). Its distance to the floor is then widened to that of a prediction, which a perfect
 * sampler exceeds once in twenty times: by (1 + B / R)^(1/2) for the error of the floor, and by the
 * ratio of Student's to the normal quantile. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "judge.h"
#include "sb/mem.h"
#include "sb/noise.h"
#include "sb/watchdog.h"

#define RESAMPLES     2000
#define MEDIAN_POINTS 1000

enum { ENERGY, MMD, SLICED, COVERAGE, STATISTICS };
enum {
  W2_KEY = 3,
  COVERAGE_KEY,
  SINKHORN_KEY
}; /* of resampling, behind those of the first statistics */

#define LEVEL 0.9 /* of the interval whose coverage is checked */

double judge_mean(int64_t n, const double *values) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += values[i];
  return n ? sum / (double)n : NAN;
}

static double deviation(int64_t n, const double *values) {
  const double mean = judge_mean(n, values);
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += (values[i] - mean) * (values[i] - mean);
  return n > 1 ? sqrt(sum / (double)(n - 1)) : NAN;
}

static int by_value(const void *a, const void *b) {
  const double *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

double judge_q95(int64_t n, double *values) {
  if (n < 2) return NAN;
  qsort(values, (size_t)n, sizeof *values, by_value);
  const double at = 0.95 * (double)(n + 1) -
                    1; /* a new value is above the k-th of n with chance 1 - k / (n + 1) */
  const int64_t i = (int64_t)at;
  return i >= n - 1 ? values[n - 1] : values[i] + (at - (double)i) * (values[i + 1] - values[i]);
}

/* From the 95 % quantile of means of B values, as a distance to their mean that R values gave, to
 * that of a prediction. */
static double widened(double distance, double floors, double blocks) {
  const double nu = floors - 1,
               student = 1 + 0.926 / nu + 0.863 / (nu * nu); /* to 1 % from nu = 4 on */
  return distance * sqrt(1 + blocks / floors) * student;
}

sb_status judge_values_new(judge_values *v, const int64_t count[KINDS]) {
  int64_t all = 0;
  for (int k = 0; k < KINDS; k++) all += v->count[k] = count[k];
  SB_TRY(SB_NEW(&v->of[0], all, "evaluation: values"));
  for (int k = 1; k < KINDS; k++) v->of[k] = v->of[k - 1] + count[k - 1];
  return SB_OK;
}

sb_status judge_summarise(const judge *j, const judge_values *v, int use, sb_metric *m) {
  const int64_t blocks = v->count[SAMPLE], floors = v->count[FLOOR];
  m->value = judge_mean(blocks, v->of[SAMPLE]);
  m->stderr_ = deviation(blocks, v->of[SAMPLE]) / sqrt((double)blocks);
  m->floor = judge_mean(floors, v->of[FLOOR]);
  m->floor_train = judge_mean(v->count[TRAINED], v->of[TRAINED]);
  m->baseline = judge_mean(v->count[BASELINE], v->of[BASELINE]);
  if (floors < 2) return SB_OK;
  double *means = NULL;
  const uint64_t key = judge_key(j, KEY_RESAMPLE, use);
  SB_TRY(SB_NEW(&means, RESAMPLES, "evaluation: resampled floor"));
  for (int64_t i = 0; i < RESAMPLES; i++) {
    for (int64_t b = 0; b < blocks; b++)
      means[i] +=
          v->of[FLOOR][(int64_t)(sb_noise_uniform(key, i, (uint32_t)b, 0) * (double)floors)];
    means[i] /= (double)blocks;
  }
  const double resampled =
      (judge_q95(RESAMPLES, means) - m->floor) * sqrt((double)floors / (double)(floors - 1));
  const double normal = 1.645 * deviation(floors, v->of[FLOOR]) / sqrt((double)blocks);
  m->floor_q95 = m->floor + widened(fmax(resampled, normal), (double)floors, (double)blocks);
  sb_mem_free(means);
  return SB_OK;
}

/* Collective. The statistics of the first `size` rows of x and y. */
static sb_status compare(const judge *j, double out[STATISTICS]) {
  const sb_points a = {j->size, j->d, j->x}, b = {j->size, j->d, j->y};
  SB_TRY(sb_energy_distance(j->c, a, b, &out[ENERGY]));
  SB_TRY(sb_mmd(j->c, a, b, j->bandwidth, &out[MMD]));
  SB_TRY(sb_sliced_w2(j->c, a, b, (int)j->o->slices, judge_key(j, KEY_SLICES, 0), &out[SLICED]));
  return j->o->more ? sb_coverage_error(j->c, a, b, LEVEL, &out[COVERAGE]) : SB_OK;
}

static sb_status fill(judge *j, judge_values v[STATISTICS]) {
  double value[STATISTICS];
  SB_TRY_ALL(j->c, judge_truth(j, 0, j->size, sb_share_of(j->c, j->size), j->y));
  SB_TRY(sb_median_distance(j->c, (sb_points){j->size, j->d, j->y}, MEDIAN_POINTS,
                            judge_key(j, KEY_MEDIAN, 0), &j->bandwidth));
  if (!(j->bandwidth > 0)) j->bandwidth = 1; /* most true points are equal */
  for (int k = 0; k < KINDS; k++)
    for (int64_t r = 0; r < j->count[k]; r++) {
      SB_TRY(judge_block(j, k, r, j->size, j->x, j->y));
      SB_TRY(compare(j, value));
      for (int i = 0; i < STATISTICS; i++) v[i].of[k][r] = value[i];
    }
  return SB_OK;
}

sb_status judge_blocks(judge *j) {
  const char *const name[STATISTICS] = {"energy_distance", "mmd", "sliced_w2", "coverage_error"};
  judge_values v[STATISTICS] = {{{0}, {0}}};
  const int all = j->o->more ? STATISTICS : COVERAGE;
  sb_status s = SB_OK;
  for (int i = 0; i < STATISTICS && !s; i++) s = judge_values_new(&v[i], j->count);
  s = sb_agree(j->c, s);
  if (!s) s = fill(j, v);
  sb_status local = SB_OK;
  for (int i = 0; i < all && !s && !local; i++)
    local = judge_summarise(j, &v[i], i < COVERAGE ? i : COVERAGE_KEY,
                            judge_metric(j, name[i], j->size, j->size));
  if (!s) s = sb_agree(j->c, local);
  for (int i = 0; i < STATISTICS; i++) sb_mem_free(v[i].of[0]);
  return s;
}

sb_status judge_test(judge *j) {
  const int64_t rows = j->o->test_points < j->size ? j->o->test_points : j->size;
  double value, p;
  if (!j->o->more || rows < 2) return SB_OK;
  SB_TRY(judge_block(j, SAMPLE, 0, rows, j->x, j->y));
  SB_TRY(sb_energy_test(j->c, (sb_points){rows, j->d, j->x}, (sb_points){rows, j->d, j->y},
                        (int)j->o->permutations, judge_key(j, KEY_TEST, 0), &value, &p));
  sb_metric *m = judge_metric(j, "energy_test_p", rows, rows);
  m->value = p;
  m->better = SB_MORE;
  return SB_OK;
}

/* Exact assignments go round the ranks: the k-th is that of rank k mod ranks, which has all its
 * rows.
 */
typedef struct assignments {
  double *sample; /* [blocks of this rank, w2_size, d] */
  double *x, *y;  /* [w2_size, d]                      */
  int64_t *bits;  /* of the values, zero where they are not mine */
} assignments;

/* Collective. The blocks of the sample come first, from the ranks that have their rows. */
static sb_status gather_blocks(const judge *j, assignments *w) {
  const sb_points s = j->in->sample;
  const int64_t rows = j->w2_size, count = rows * j->d;
  const int ranks = j->c->size;
  for (int64_t r = 0; r < j->w2_count[SAMPLE]; r++) {
    SB_TRY(sb_slice_rows(j->c, s.n, s.d, sizeof *w->x, s.x, r * rows, rows, w->y));
    SB_TRY(sb_gather_rows(j->c, rows, s.d, sizeof *w->x, w->y, w->x));
    if (r % ranks == j->c->rank)
      memcpy(w->sample + r / ranks * count, w->x, (size_t)count * sizeof *w->x);
  }
  return SB_OK;
}

/* Not collective. */
static sb_status own_assignments(const judge *j, assignments *w) {
  const int64_t rows = j->w2_size;
  const sb_share all = {0, rows};
  int64_t task = 0;
  for (int k = 0; k < KINDS; k++)
    for (int64_t r = 0; r < j->w2_count[k]; r++, task++) {
      if (task % j->c->size != j->c->rank) continue;
      double value;
      SB_TRY(judge_rows(j, k, r, rows, all, w->x, w->y));
      const double *x = k == SAMPLE ? w->sample + r / j->c->size * rows * j->d : w->x;
      SB_TRY(sb_w2_exact((sb_points){rows, j->d, x}, (sb_points){rows, j->d, w->y}, &value));
      memcpy(&w->bits[task], &value, sizeof value);
      sb_tick();
    }
  return SB_OK;
}

static sb_status open_assignments(const judge *j, int64_t tasks, assignments *w) {
  const int64_t points = j->w2_size * j->d;
  const int64_t mine = (j->w2_count[SAMPLE] + j->c->size - 1 - j->c->rank) / j->c->size;
  SB_TRY(SB_NEW(&w->bits, tasks, "evaluation: values"));
  SB_TRY(SB_NEW(&w->sample, mine * points, "evaluation: points"));
  SB_TRY(SB_NEW(&w->x, points, "evaluation: points"));
  return SB_NEW(&w->y, points, "evaluation: points");
}

sb_status judge_w2(judge *j) {
  judge_values v = {{0}, {0}};
  assignments w = {0};
  int64_t tasks = 0;
  if (!j->w2_size) return SB_OK;
  for (int k = 0; k < KINDS; k++) tasks += j->w2_count[k];
  sb_status s = judge_values_new(&v, j->w2_count);
  if (!s) s = open_assignments(j, tasks, &w);
  s = sb_agree(j->c, s);
  if (!s) s = gather_blocks(j, &w);
  if (!s) s = sb_agree(j->c, own_assignments(j, &w));
  if (!s) s = sb_sum_int(j->c, w.bits, tasks);
  if (!s) {
    memcpy(v.of[0], w.bits, (size_t)tasks * sizeof *w.bits);
    s = sb_agree(j->c,
                 judge_summarise(j, &v, W2_KEY, judge_metric(j, "w2", j->w2_size, j->w2_size)));
  }
  sb_mem_free(w.y);
  sb_mem_free(w.x);
  sb_mem_free(w.sample);
  sb_mem_free(w.bits);
  sb_mem_free(v.of[0]);
  return s;
}

/* --- Entropic transport --------------------------------------------------------------------- */

#define TOLERANCE                                                                \
  1e-3 /* of potentials, over the variance: the value is better, to second order \
        */
#define ITERATIONS 1000

static sb_status transport(judge *j, double *x, double *y, judge_values *v) {
  const int64_t rows = j->w2_size;
  const double variance = j->o->sinkhorn * j->bandwidth * j->bandwidth;
  sb_sinkhorn found;
  for (int k = 0; k < KINDS; k++)
    for (int64_t r = 0; r < j->w2_count[k]; r++) {
      SB_TRY(judge_block(j, k, r, rows, x, y));
      SB_TRY(sb_sinkhorn_divergence(j->c, (sb_points){rows, j->d, x}, (sb_points){rows, j->d, y},
                                    variance, TOLERANCE, ITERATIONS, &found));
      v->of[k][r] = sqrt(2 * found.value);
    }
  return sb_agree(j->c,
                  judge_summarise(j, v, SINKHORN_KEY, judge_metric(j, "sinkhorn_w2", rows, rows)));
}

sb_status judge_sinkhorn(judge *j) {
  const int64_t room = judge_room(j, j->w2_size) * j->d;
  judge_values v = {{0}, {0}};
  double *x = NULL, *y = NULL;
  if (!j->o->more || !j->w2_size) return SB_OK;
  sb_status s = judge_values_new(&v, j->w2_count);
  if (!s) s = SB_NEW(&x, room, "evaluation: points");
  if (!s) s = SB_NEW(&y, room, "evaluation: points");
  s = sb_agree(j->c, s);
  if (!s) s = transport(j, x, y, &v);
  sb_mem_free(y);
  sb_mem_free(x);
  sb_mem_free(v.of[0]);
  return s;
}
