/* How fast a metric falls: slopes of its logarithm over that of a key of the grid, the others
 * fixed, by least squares through the means over replicates. Intervals: percentiles of bootstrap
 * samples of the replicates, the same ones at every point (replicates share their seeds), widened
 * by sqrt(r / (r - 1)), since a sample of r knows less of its spread than it seems. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sb/log.h"
#include "sb/mathfn.h"
#include "sb/mem.h"
#include "sb/noise.h"
#include "study.h"

#define SHOWN 60 /* lines on the screen */

/* One axis with the others fixed, for one metric: its points in rows of replicates. */
typedef struct line {
  const study_table *t;
  int axis, id, points;
  int64_t first, stride;       /* points of the plan                       */
  double x[STUDY_VALUES];      /* logarithms of the key                    */
  int64_t point[STUDY_VALUES]; /* those that have a mean                   */
} line;

static double value(const line *l, int i, int64_t replicate) {
  const study_plan *p = l->t->plan;
  const int64_t number = l->point[i] * p->replicates + replicate;
  return l->t->cell[(number * l->t->ids + l->id) * STUDY_NUMBERS + STUDY_VALUE];
}

/* Least squares; NAN where a mean is not positive or absent. choice: replicates, NULL all. */
static double slope(const line *l, const int64_t *choice) {
  const int64_t r = l->t->plan->replicates;
  double sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (int i = 0; i < l->points; i++) {
    double sum = 0;
    int n = 0;
    for (int64_t k = 0; k < r; k++) {
      const double v = value(l, i, choice ? choice[k] : k);
      if (!isnan(v)) sum += v, n++;
    }
    if (n == 0 || !(sum > 0)) return NAN;
    const double y = sb_log(sum / n);
    sx += l->x[i], sy += y, sxx += l->x[i] * l->x[i], sxy += l->x[i] * y;
  }
  return (l->points * sxy - sx * sy) / (l->points * sxx - sx * sx);
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Interval of 95 %; NAN where there is one replicate, or where a tenth of the samples has none. */
static sb_status interval(const line *l, double at, double out[2]) {
  const study_plan *p = l->t->plan;
  const int64_t r = p->replicates, most = p->a->study.bootstrap;
  const uint64_t key = sb_noise_key((uint64_t)p->a->options.seed, SB_FOR_BOOTSTRAP, 1000, 0);
  int64_t *choice = NULL, n = 0;
  double *found = NULL;
  out[0] = out[1] = NAN;
  if (r < 2) return SB_OK;
  sb_status s = SB_NEW(&choice, r, "bootstrap");
  if (!s) s = SB_NEW(&found, most, "bootstrap");
  for (int64_t b = 0; !s && b < most; b++) {
    for (int64_t k = 0; k < r; k++)
      choice[k] = (int64_t)(sb_noise_uniform(key, b, (uint32_t)k, 0) * (double)r);
    const double one = slope(l, choice);
    if (!isnan(one)) found[n++] = one;
  }
  if (!s && n >= most - most / 10) {
    const double wide = sqrt((double)r / (double)(r - 1));
    qsort(found, (size_t)n, sizeof *found, ascending);
    out[0] = at + wide * (found[(int64_t)(0.025 * (double)(n - 1))] - at);
    out[1] = at + wide * (found[(int64_t)(0.975 * (double)(n - 1) + 0.5)] - at);
  }
  sb_mem_free(found);
  sb_mem_free(choice);
  return s;
}

static void lay_line(line *l) {
  const study_plan *p = l->t->plan;
  l->points = 0;
  for (int k = 0; k < p->axis[l->axis].values; k++) {
    const int64_t point = l->first + k * l->stride;
    int n;
    study_mean(l->t, point, l->id, STUDY_VALUE, &n, NULL);
    if (n == 0) continue;
    l->x[l->points] = sb_log(strtod(study_value(p, l->axis, point), NULL));
    l->point[l->points++] = point;
  }
}

/* The keys that are fixed: "data.law=ring6 sample.draws=64". */
static void fixed_text(const line *l, char *out, int size) {
  const study_plan *p = l->t->plan;
  int used = 0;
  out[0] = 0;
  for (int i = 0; i < p->axes && used < size; i++)
    if (i != l->axis)
      used += snprintf(out + used, (size_t)(size - used), "%s%s=%s", used ? " " : "",
                       p->axis[i].key, study_value(p, i, l->first));
}

/* Its time, where it is the same at every point. */
static double time_of(const line *l) {
  const double t = study_mean(l->t, l->point[0], l->id, STUDY_T, NULL, NULL);
  for (int i = 1; i < l->points; i++)
    if (study_mean(l->t, l->point[i], l->id, STUDY_T, NULL, NULL) != t) return NAN;
  return t;
}

static sb_status add_slope(line *l, study_csv *out, int *shown) {
  const study_plan *p = l->t->plan;
  const study_id *id = &l->t->id[l->id];
  char fixed[1024], t[16] = "last";
  double between[2];
  lay_line(l);
  if (l->points < 2) return SB_OK;
  const double at = slope(l, NULL), time = time_of(l);
  if (isnan(at)) return SB_OK;
  SB_TRY(interval(l, at, between));
  fixed_text(l, fixed, sizeof fixed);
  if (!isnan(time)) snprintf(t, sizeof t, "%.4g", time);
  study_csv_add(out, "%s,%s,%s,%s,", id->name, id->stage, id->stage[0] ? t : "",
                p->axis[l->axis].key);
  study_csv_word(out, fixed);
  study_csv_add(out, ",%d,%lld", l->points, (long long)p->replicates);
  study_csv_number(out, at);
  study_csv_number(out, between[0]);
  study_csv_number(out, between[1]);
  study_csv_add(out, "\n");
  if ((*shown)++ == 0)
    sb_say("\n%-24s %5s %6s %8s  %-20s  %-16s %s\n", "metric", "stage", "t", "slope", "95 %",
           "over", "at");
  if (*shown <= SHOWN)
    sb_say("%-24s %5s %6s %8.3f  %8.3f .. %8.3f  %-16s %s\n", id->name,
           id->stage[0] ? id->stage : "-", id->stage[0] ? t : "-", at, between[0], between[1],
           p->axis[l->axis].key, fixed);
  return SB_OK;
}

/* Can there be slopes over this axis? */
static int is_positive(const study_plan *p, int axis) {
  if (!p->axis[axis].numbers || p->axis[axis].values < 2) return 0;
  for (int k = 0; k < p->axis[axis].values; k++)
    if (!(strtod(sb_deck_grid_value(p->a->deck, axis, k), NULL) > 0)) return 0;
  return 1;
}

sb_status study_slopes_text(const study_table *t, study_csv *out) {
  const study_plan *p = t->plan;
  line *l;
  int shown = 0;
  SB_TRY(SB_NEW(&l, 1, "slopes"));
  l->t = t;
  sb_status s = SB_OK;
  study_csv_add(out, "metric,stage,t,key,at,points,replicates,slope,low,high\n");
  l->stride = p->points;
  for (l->axis = 0; l->axis < p->axes; l->axis++) {
    l->stride /= p->axis[l->axis].values;
    for (l->first = 0; is_positive(p, l->axis) && l->first < p->points; l->first++) {
      if (l->first / l->stride % p->axis[l->axis].values) continue;
      for (l->id = 0; !s && l->id < t->ids; l->id++) s = add_slope(l, out, &shown);
    }
  }
  if (shown > SHOWN) sb_say("and %d more in slopes.csv\n", shown - SHOWN);
  sb_mem_free(l);
  return s ? s : out->status;
}
