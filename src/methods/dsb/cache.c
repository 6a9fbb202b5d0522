/* Trajectories to learn from.
 *
 * A row is a step of a chain: where it arrived, and the increment that leads back on average,
 *   mean_match  F_j(x) - F_j(x')   (De Bortoli et al. 2021, eq. 12, 13)      x -> x' by step j with
 *   cond_mean   x - x'                                                       mean F_j(x)
 * Rows live once per node, like those of the data: every rank reads any of them in every step of
 * training, which must not communicate, while a new cache comes once in many steps; so the chains
 * are shared out over all ranks, and between nodes the finished rows travel. Noise is keyed by
 * half-step, number of the cache, path and step: a cache can be made again, bit for bit, by a run
 * that goes on from a checkpoint, on any number of ranks. */
#include <math.h>
#include <string.h>

#include "dsb.h"
#include "sb/clock.h"
#include "sb/mem.h"
#include "sb/watchdog.h"

#define BEYOND 1e12
enum { START, START2, END, END2, BOTH, SUMS };

int64_t dsb_cache_paths(const dsb *s, int d) {
  const double path = (double)sb_reference_steps(&s->reference_options) * 2 * d * sizeof(float);
  const double asked = (double)s->options.cache_npar * (double)s->options.num_cache_batches;
  const double most = floor(s->options.cache_memory / path);
  const double paths = s->options.cache_memory > 0 && most < asked ? most : asked;
  return paths < 1e15 ? (int64_t)paths : (int64_t)1e15;
}

double dsb_cache_bytes(const dsb *s, int d) {
  return s->options.regressor == REGRESSOR_GAUSSIAN || dsb_exact(s)
             ? 0
             : (double)dsb_cache_paths(s, d) * (double)sb_reference_steps(&s->reference_options) *
                   2 * d * sizeof(float);
}

static sb_status scratch(dsb *s) {
  dsb_cache *k = &s->cache;
  const int64_t tile = (int64_t)SB_BLOCK * s->d;
  SB_TRY(SB_NEW(&k->sums, (int64_t)SUMS * s->d, "sums over chains"));
  SB_TRY(SB_NEW(&k->start, tile, "tile of chains"));
  SB_TRY(SB_NEW(&k->x, tile, "tile of chains"));
  SB_TRY(SB_NEW(&k->m, tile, "tile of chains"));
  SB_TRY(SB_NEW(&k->next, tile, "tile of chains"));
  return SB_NEW(&k->noise, tile, "tile of chains");
}

sb_status dsb_cache_open(dsb *s) {
  dsb_cache *k = &s->cache;
  k->paths = dsb_cache_paths(s, s->d);
  k->rows = k->paths * s->steps;
  k->half = -1;
  SB_TRY_ALL(s->run->comm, scratch(s));
  return sb_shared_new(s->run->comm, (int64_t)dsb_cache_bytes(s, s->d), "trajectories", &k->shared);
}

void dsb_cache_close(dsb *s) {
  dsb_cache *k = &s->cache;
  void *const blocks[] = {k->sums, k->start, k->x, k->m, k->next, k->noise};
  for (int i = 0; i < 6; i++) sb_mem_free(blocks[i]);
  sb_shared_free(s->run->comm, &k->shared);
  *k = (dsb_cache){0};
}

/* --- Chains
 * --------------------------------------------------------------------------------------------- */

/* What all chains of a cache share. */
typedef struct bundle {
  int direction, by;   /* where they run, and whose steps they take */
  int64_t first_row;   /* of the walk through the set they begin at */
  uint64_t rows, path; /* keys of that walk, of the noise           */
  int keep, sum;
} bundle;

static bundle bundle_of(const dsb *s, int64_t half, int64_t number, int keep) {
  const uint32_t h = (uint32_t)half, n = (uint32_t)number;
  bundle b = {.direction = dsb_chains_of(half), .keep = keep, .sum = number == 0};
  b.by = half == 0 ? DIRECTIONS : b.direction;
  b.first_row = number * s->cache.paths;
  b.rows = sb_noise_key(s->run->seed, SB_FOR_ORDER, h, 0);
  b.path = sb_noise_key(s->run->seed, SB_FOR_TRAIN, h, n);
  return b;
}

static void begin(dsb *s, const bundle *b, int64_t first, int rows, double *x) {
  const sb_data *set = b->direction == TO_SOURCE ? s->run->data : s->run->source;
  int64_t order[SB_BLOCK];
  sb_data_order(set, b->rows, b->first_row + first, rows, order);
  for (int i = 0; i < rows; i++) {
    const float *row = sb_data_row(set, order[i]);
    for (int k = 0; k < s->d; k++) x[i * s->d + k] = (double)row[k];
  }
}

/* Step j from x to next; m is the mean's increment. */
static sb_status advance(dsb *s, const bundle *b, int64_t first, int rows, int k, int j) {
  dsb_cache *c = &s->cache;
  const int n = rows * s->d;
  const double sigma = sqrt(2 * s->reference.gamma[j]);
  int bad = 0;
  dsb_step_at(s, b->by, dsb_label(s, b->direction, j, 1));
  dsb_step(s, b->by, j, rows, c->x, c->m);
  sb_noise_normals(b->path, first, rows, (uint32_t)k, s->d, c->noise);
  for (int i = 0; i < n; i++) {
    c->next[i] = c->x[i] + c->m[i] + sigma * (double)c->noise[i];
    bad |= !(fabs(c->next[i]) < BEYOND);
  }
  for (int i = 0; bad && i < n; i++)
    if (!(fabs(c->next[i]) < BEYOND))
      return sb_fail(SB_BAD,
                     "chain %lld is %g after step %d of %d towards the %s: its network diverged; "
                     "lower train.rate, set train.clip, or train longer",
                     (long long)(first + i / s->d), c->next[i], k + 1, s->steps,
                     b->direction == TO_DATA ? "data" : "source");
  return SB_OK;
}

/* Writes the rows of step j: positions next, increments of the mean back to x. */
static void keep_rows(dsb *s, const bundle *b, int64_t first, int rows, int j) {
  dsb_cache *c = &s->cache;
  const int d = s->d, n = rows * d;
  if (s->options.loss == LOSS_MEAN_MATCH) { /* x becomes F(x) - F(next) */
    for (int i = 0; i < n; i++) c->x[i] += c->m[i] - c->next[i];
    dsb_step(s, b->by, j, rows, c->next, c->m);
    for (int i = 0; i < n; i++) c->x[i] -= c->m[i];
  } else {
    for (int i = 0; i < n; i++) c->x[i] -= c->next[i];
  }
  for (int i = 0; i < rows; i++) {
    float *row = (float *)c->shared.data + ((first + i) * s->steps + j) * 2 * d;
    for (int k = 0; k < d; k++) row[k] = (float)c->next[i * d + k];
    for (int k = 0; k < d; k++) row[d + k] = (float)c->x[i * d + k];
  }
}

static void sum_ends(dsb *s, int rows) {
  dsb_cache *c = &s->cache;
  const int d = s->d;
  for (int k = 0; k < d; k++) {
    double part[SUMS] = {0};
    for (int i = k; i < rows * d; i += d) {
      part[START] += c->start[i];
      part[START2] += c->start[i] * c->start[i];
      part[END] += c->x[i];
      part[END2] += c->x[i] * c->x[i];
      part[BOTH] += c->start[i] * c->x[i];
    }
    for (int q = 0; q < SUMS; q++) sb_sum_add(&c->sums[q * d + k], part[q]);
  }
}

/* A tile of chains from end to end. */
static sb_status run_tile(dsb *s, const bundle *b, int64_t first, int rows) {
  dsb_cache *c = &s->cache;
  const int n = rows * s->d;
  begin(s, b, first, rows, c->x);
  memcpy(c->start, c->x, (size_t)n * sizeof *c->x);
  for (int k = 0; k < s->steps; k++) {
    const int j = b->direction == TO_DATA ? k : s->steps - 1 - k;
    SB_TRY(advance(s, b, first, rows, k, j));
    if (b->keep) keep_rows(s, b, first, rows, j);
    memcpy(c->x, c->next, (size_t)n * sizeof *c->x);
  }
  if (b->sum) sum_ends(s, rows);
  sb_tick();
  return SB_OK;
}

/* --- The line of the history
 * --------------------------------------------------------------------------- */

static sb_status leave_line(dsb *s, int64_t half, int direction) {
  dsb_cache *c = &s->cache;
  const sb_data *from = direction == TO_DATA ? s->run->source : s->run->data;
  const sb_data *to = direction == TO_DATA ? s->run->data : s->run->source;
  const int d = s->d;
  double *total;
  (void)from;
  SB_TRY_ALL(s->run->comm, SB_NEW(&total, SUMS * d, "moments of chains"));
  const sb_status status =
      sb_sum_total(s->run->comm, SUMS * d, c->sums, total, "moments of chains");
  dsb_line line = {.half_step = (double)half, .direction = direction};
  const double n = (double)c->paths, each = 1 / (double)d;
  for (int k = 0; !status && k < d; k++) {
    double mean[SUMS];
    for (int q = 0; q < SUMS; q++) mean[q] = total[q * d + k] / n;
    const double var = to->cov[k * d + k], off = mean[END] - to->mean[k];
    line.mean_start += each * mean[START];
    line.variance_start += each * (mean[START2] - mean[START] * mean[START]);
    line.mean_end += each * mean[END];
    line.variance_end += each * (mean[END2] - mean[END] * mean[END]);
    line.coupling += each * (mean[BOTH] - mean[START] * mean[END]);
    line.target_mean += each * to->mean[k];
    line.target_variance += each * var;
    if (var > 0) line.distance += each * off * off / var;
  }
  line.distance = sqrt(line.distance);
  sb_mem_free(total);
  if (!status) dsb_tell(s, &line);
  return status;
}

static sb_status run_all(dsb *s, const bundle *b) {
  const sb_share share = sb_share_of(s->run->comm, s->cache.paths);
  for (int64_t at = 0; at < share.count; at += SB_BLOCK) {
    const int64_t left = share.count - at;
    SB_TRY(run_tile(s, b, share.first + at, (int)(left < SB_BLOCK ? left : SB_BLOCK)));
  }
  return SB_OK;
}

sb_status dsb_cache_fill(dsb *s, int64_t half, int64_t number, int keep) {
  dsb_cache *c = &s->cache;
  const sb_comm *comm = s->run->comm;
  if (c->half == half && c->number == number) return SB_OK;
  const double began = sb_clock(), all = sb_timer_all();
  const bundle b = bundle_of(s, half, number, keep);
  if (b.by < DIRECTIONS) dsb_step_load(s, b.by);
  memset(c->sums, 0, (size_t)(SUMS * s->d) * sizeof *c->sums);
  SB_TRY_ALL(comm, run_all(s, &b));
  if (keep)
    SB_TRY(sb_shared_complete(comm, &c->shared, c->paths,
                              (int64_t)s->steps * 2 * s->d * (int64_t)sizeof(float)));
  c->half = half;
  c->number = number;
  c->order = sb_noise_key(s->run->seed, SB_FOR_ORDER, (uint32_t)half, (uint32_t)number + 1);
  sb_timer_rest(SB_T_SAMPLE, began, all);
  return b.sum ? leave_line(s, half, b.direction) : SB_OK;
}

void dsb_cache_order(const dsb *s, int64_t position, int rows, int64_t *out) {
  const dsb_cache *c = &s->cache;
  for (int n; rows > 0; position += n, out += n, rows -= n) {
    const int64_t at = position % c->rows;
    n = c->rows - at < rows ? (int)(c->rows - at) : rows;
    sb_kernel()->permute(c->order, c->rows, (uint32_t)(position / c->rows), at, n, out);
  }
}
