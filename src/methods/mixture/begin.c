/* Where the training of a mixture bridge begins: clusters of the end's rows (k-means from far apart
 * points), each as if it were a Gaussian that the whole source goes to. Of at most so many rows;
 * every rank does the same. */
#include <math.h>
#include <string.h>

#include "mixture.h"
#include "sb/mathfn.h"
#include "sb/mem.h"

#define LOOK   4096 /* rows */
#define ROUNDS 10   /* of k-means */
#define STARTS \
  20 /* of which the tightest clusters are kept; fewer where they take more work than this: */
#define WORK   3e8
#define NARROW 1e-3 /* the least variance of a cluster, of that of all rows */

typedef struct clusters {
  int64_t n;
  int d, k;
  double *x, *centre, *spread; /* [n, d], [k, d], [k, d] variances */
  double *best;                /* [k, d] centres of the best start */
  double *near, *count;        /* [n] squared distance to the nearest centre; [k] */
  int *of;                     /* [n] */
  int64_t *order;              /* [n] which rows */
} clusters;

static sb_status gather(const mixture *s, clusters *c) {
  const sb_data *end = s->pair.run->data;
  const uint64_t key = sb_noise_key(s->pair.run->seed, SB_FOR_INIT, 0, 0);
  c->n = end->n < LOOK ? end->n : LOOK, c->d = s->d, c->k = s->k;
  SB_TRY(SB_NEW(&c->x, c->n * c->d, "rows of clusters"));
  SB_TRY(SB_NEW(&c->centre, (int64_t)c->k * c->d, "centres"));
  SB_TRY(SB_NEW(&c->best, (int64_t)c->k * c->d, "centres"));
  SB_TRY(SB_NEW(&c->spread, (int64_t)c->k * c->d, "centres"));
  SB_TRY(SB_NEW(&c->near, c->n, "distances"));
  SB_TRY(SB_NEW(&c->count, c->k, "centres"));
  SB_TRY(SB_NEW(&c->of, c->n, "clusters"));
  SB_TRY(SB_NEW(&c->order, c->n, "rows of clusters"));
  sb_data_order(end, key, 0, (int)c->n, c->order);
  for (int64_t i = 0; i < c->n; i++) {
    const float *row = sb_data_row(end, c->order[i]);
    for (int j = 0; j < c->d; j++) c->x[i * c->d + j] = (double)row[j];
  }
  return SB_OK;
}

static double apart(int d, const double *x, const double *y) {
  double sum = 0;
  for (int j = 0; j < d; j++) sum += (x[j] - y[j]) * (x[j] - y[j]);
  return sum;
}

/* Centre k is a row, drawn by its squared distance from those before (Arthur, Vassilvitskii 2007).
 */
static void place(const mixture *s, uint32_t start, clusters *c) {
  const uint64_t key = sb_noise_key(s->pair.run->seed, SB_FOR_INIT, 1, start);
  for (int64_t i = 0; i < c->n; i++) c->near[i] = HUGE_VAL;
  for (int k = 0; k < c->k; k++) {
    double sum = 0, at = sb_noise_uniform(key, k, 0, 0);
    int64_t pick = 0;
    for (int64_t i = 0; k && i < c->n; i++) sum += c->near[i];
    if (!k || !(sum > 0)) /* all rows are centres: they repeat */
      pick = (int64_t)(at * (double)c->n);
    else
      for (at *= sum; pick < c->n - 1 && (at -= c->near[pick]) > 0;) pick++;
    memcpy(c->centre + (int64_t)k * c->d, c->x + pick * c->d, (size_t)c->d * sizeof *c->x);
    for (int64_t i = 0; i < c->n; i++)
      c->near[i] = fmin(c->near[i], apart(c->d, c->x + i * c->d, c->centre + (int64_t)k * c->d));
  }
}

/* Each row to its nearest centre; returns the sum of squared distances. */
static double join(clusters *c) {
  double sum = 0;
  for (int64_t i = 0; i < c->n; i++) {
    double least = HUGE_VAL;
    for (int k = 0; k < c->k; k++) {
      const double far = apart(c->d, c->x + i * c->d, c->centre + (int64_t)k * c->d);
      if (far < least) least = far, c->of[i] = k;
    }
    sum += least;
  }
  return sum;
}

/* Centres and variances; a cluster without rows stays where it is. */
static void settle(clusters *c) {
  memset(c->count, 0, (size_t)c->k * sizeof *c->count);
  for (int64_t i = 0; i < c->n; i++) c->count[c->of[i]]++;
  for (int64_t k = 0; k < c->k; k++)
    for (int64_t j = 0; j < c->d && c->count[k] > 0; j++)
      c->centre[k * c->d + j] = c->spread[k * c->d + j] = 0;
  for (int64_t i = 0; i < c->n; i++)
    for (int64_t j = 0, k = c->of[i]; j < c->d; j++)
      c->centre[k * c->d + j] += c->x[i * c->d + j] / c->count[k];
  for (int64_t i = 0; i < c->n; i++)
    for (int64_t j = 0, k = c->of[i]; j < c->d; j++) {
      const double gap = c->x[i * c->d + j] - c->centre[k * c->d + j];
      c->spread[k * c->d + j] += gap * gap / c->count[k];
    }
}

/* k-means from several starts. */
static void find(const mixture *s, clusters *c) {
  const size_t bytes = (size_t)c->k * (size_t)c->d * sizeof *c->centre;
  const double each = (double)c->n * c->k * c->d * (ROUNDS + 2);
  const int starts = each * STARTS < WORK ? STARTS : each < WORK ? (int)(WORK / each) : 1;
  double least = HUGE_VAL;
  for (int start = 0; start < starts; start++) {
    place(s, (uint32_t)start, c);
    for (int i = 0; i < ROUNDS; i++) (void)join(c), settle(c);
    const double sum = join(c);
    if (sum < least) least = sum, memcpy(c->best, c->centre, bytes);
  }
  memcpy(c->centre, c->best, bytes);
  (void)join(c);
  settle(c);
}

/* Row of the diagonal entry i among the quadratic features. */
static int diagonal_row(const mixture *s, int i) {
  return s->spread == SPREAD_DIAGONAL ? i : i * (i + 1) / 2 + i;
}

/* G takes the source's variance to the cluster's (v G + G^2 var x = var y), r its mean. */
static void lay(const mixture *s, const clusters *c, float *p) {
  const sb_run *run = s->pair.run;
  const double v = s->pair.variance, *mean = run->source->mean;
  const int64_t d = s->d, ld = s->padded;
  for (int64_t k = 0; k < c->k; k++) {
    double log_a = sb_log((c->count[k] + 1) / ((double)c->n + c->k));
    for (int64_t i = 0; i < d; i++) {
      const double all = run->data->cov[i * d + i], vx = run->source->cov[i * d + i],
                   vy = fmax(c->spread[k * d + i], fmax(NARROW * all, 1e-12)),
                   g = 2 * vy / (v + sqrt(v * v + 4 * vx * vy)),
                   r = c->centre[k * d + i] - g * mean[i];
      const double e = sb_log(g);
      p[diagonal_row(s, (int)i) * ld + k] = (float)(s->spread == SPREAD_DIAGONAL ? e : e / 2);
      p[(s->squares + i) * ld + k] = (float)r;
      log_a -= (g * mean[i] + 2 * r) * mean[i] / (2 * v);
    }
    p[s->task.net.slot[1].offset + k] = (float)log_a;
  }
}

sb_status mixture_begin(mixture *s) {
  clusters c = {0};
  float *p = NULL;
  sb_status status = gather(s, &c);
  if (!status) status = SB_NEW(&p, s->task.net.size, "initial parameters");
  status = sb_agree(s->pair.run->comm, status);
  if (!status) {
    find(s, &c);
    lay(s, &c, p);
    sb_task_begin(s->pair.run->comm, &s->task, p);
  }
  void *const blocks[] = {p, c.order, c.of, c.count, c.near, c.spread, c.best, c.centre, c.x};
  for (int i = 0; i < 9; i++) sb_mem_free(blocks[i]);
  return status;
}
