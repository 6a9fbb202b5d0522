/* sb_judge: sizes, where points come from, and the order of the metrics. The statistics are in
 * judge_*.c. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "judge.h"
#include "sb/kernel.h"
#include "sb/mem.h"
#include "sb/noise.h"

#define METRICS  7 /* and MORE, where they are asked for */
#define MORE     3
#define COUNT(a) (sizeof(a) / sizeof *(a))
/* Blocks of the training floor and of the baseline, of which only means are wanted; and of w2. */
#define SIDE_BLOCKS    5
#define W2_SIDE_BLOCKS 2
/* Coordinates of a table's rows that are kept, of each of its two sources. */
#define POOL_MOST (INT64_C(1) << 23)
/* Replicates of truth from here on stand against fresh points, not in the blocks. */
#define FLOOR_FIRST (INT64_C(1) << 20)

/* clang-format off */
const sb_key sb_judge_keys[] = {
    SB_INT(sb_judge_options, draws, "50000", 2, 1e12, "", "samples drawn for the evaluation"),
    SB_INT(sb_judge_options, size, "5000", 2, 1e6, "", "points on each side of a comparison (time: its square)"),
    SB_INT(sb_judge_options, blocks, "10", 1, 1e4, "", "comparisons whose mean is the value; fewer for few draws"),
    SB_INT(sb_judge_options, floors, "20", 0, 1e4, "", "comparisons of true with true points: the floors"),
    SB_INT(sb_judge_options, slices, "128", 1, 1e6, "", "directions of the sliced Wasserstein distance"),
    SB_INT(sb_judge_options, w2_points, "2000", 0, 20000, "", "points of the exact Wasserstein distance; 0: left out"),
    SB_INT(sb_judge_options, w2_floors, "5", 0, 1e4, "", "comparisons of its floor, at most of its value"),
    SB_BOOL(sb_judge_options, more, "false", "also coverage_error, bw2_uvp and energy_test_p"),
    SB_INT(sb_judge_options, permutations, "199", 1, 1e5, "", "permutations of the two-sample energy test"),
    SB_INT(sb_judge_options, test_points, "1000", 2, 1e5, "", "points on each side of that test"),
    SB_BOOL(sb_judge_options, errors, "true", "error by time steps, estimation, Monte Carlo (known laws)"),
    SB_INT(sb_judge_options, drift_points, "2000", 1, 1e9, "", "points where drifts are compared with exact ones"),
    SB_INT(sb_judge_options, drift_draws, "4096", 1, 1e9, "", "Monte-Carlo draws of a drift there"),
    {0}};
/* clang-format on */

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t largest(int64_t a, int64_t b) { return a > b ? a : b; }

uint64_t judge_key(const judge *j, int use, int64_t replicate) {
  return sb_noise_key(j->in->seed, SB_FOR_METRIC, (uint32_t)use, (uint32_t)replicate);
}

sb_metric *judge_metric(judge *j, const char *name, int64_t n, int64_t m) {
  sb_metric *out = &j->out[j->n++];
  *out = (sb_metric){.t = NAN,
                     .value = NAN,
                     .stderr_ = NAN,
                     .floor = NAN,
                     .floor_q95 = NAN,
                     .floor_train = NAN,
                     .baseline = NAN,
                     .n = n,
                     .m = m,
                     .better = SB_LESS,
                     .target = NAN};
  snprintf(out->name, sizeof out->name, "%s", name);
  snprintf(out->stage, sizeof out->stage, "%s", j->in->stage ? j->in->stage : "");
  return out;
}

/* --- Points ---------------------------------------------------------------------------------- */

static sb_status check(const char *what, int64_t n, int d, const double *x) {
  for (int64_t i = 0; i < n * d; i++)
    if (!isfinite(x[i]))
      return sb_fail(SB_BAD, "evaluation: %s: row %lld, column %lld is %g", what,
                     (long long)(i / d), (long long)(i % d), x[i]);
  return SB_OK;
}

static sb_status draw(const judge *j, const char *what, sb_source s, int64_t replicate,
                      int64_t rows, double *x) {
  SB_TRY(s.draw(s.self, replicate, rows, x));
  return check(what, rows, j->d, x);
}

static void copy_row(const judge *j, const double *from, int64_t row, double *to) {
  memcpy(to, from + row * j->d, (size_t)j->d * sizeof *to);
}

sb_status judge_truth(const judge *j, int64_t r, int64_t rows, double *y) {
  if (!j->finite) return draw(j, "true points", j->in->truth, r, rows, y);
  memcpy(y, j->pool + r * rows * j->d, (size_t)(rows * j->d) * sizeof *y);
  return SB_OK;
}

/* True against true: fresh draws of both sources, or two disjoint sets of rows of the pool. */
static sb_status two_truths(const judge *j, int64_t r, int64_t rows, double *x, double *y) {
  if (!j->finite) {
    SB_TRY(draw(j, "fresh true points", j->in->fresh, r, rows, x));
    return draw(j, "true points", j->in->truth, FLOOR_FIRST + r, rows, y);
  }
  const uint64_t key = judge_key(j, KEY_SPLIT, r);
  const int64_t all = j->pool_true + j->pool_fresh;
  for (int64_t i = 0; i < rows; i++) {
    copy_row(j, j->pool, sb_noise_permute(key, all, 0, i), x + i * j->d);
    copy_row(j, j->pool, sb_noise_permute(key, all, 0, rows + i), y + i * j->d);
  }
  return SB_OK;
}

sb_status judge_block(const judge *j, int kind, int64_t r, int64_t rows, double *x, double *y) {
  const sb_points t = j->in->training;
  if (kind == FLOOR) return two_truths(j, r, rows, x, y);
  if (kind == SAMPLE)
    memcpy(x, j->in->sample.x + r * rows * j->d, (size_t)(rows * j->d) * sizeof *x);
  if (kind == BASELINE) SB_TRY(draw(j, "baseline", j->in->baseline, r, rows, x));
  if (kind == TRAINED) {
    const uint64_t key = sb_noise_key(j->in->seed, SB_FOR_BOOTSTRAP, (uint32_t)r, 0);
    for (int64_t i = 0; i < rows; i++)
      copy_row(j, t.x, (int64_t)(sb_noise_uniform(key, i, 0, 0) * (double)t.n), x + i * j->d);
  }
  return judge_truth(j, r, rows, y);
}

/* --- Sizes ----------------------------------------------------------------------------------- */

static void plan(judge *j) {
  const sb_judge_options *o = j->o;
  const sb_judge_input *in = j->in;
  const int64_t room = largest(2 * SB_BLOCK, POOL_MOST / j->d);
  const int64_t n_true = in->truth.most ? least(in->truth.most, room) : INT64_MAX / 4;
  const int64_t n_fresh = !in->fresh.draw  ? n_true
                          : in->fresh.most ? least(in->fresh.most, room)
                                           : INT64_MAX / 4;
  const int64_t limit = least(in->sample.n, n_true), half = (n_true + n_fresh) / 2;
  j->finite = in->truth.most > 0 || (in->fresh.draw && in->fresh.most > 0);
  const int64_t blocks = largest(1, least(o->blocks, limit / SB_BLOCK));
  j->size = least(least(o->size, limit / blocks), half);
  j->w2_size = least(least(o->w2_points, limit), half);
  const int64_t w2_blocks = j->w2_size ? largest(1, least(o->w2_floors, limit / j->w2_size)) : 0;
  j->count[SAMPLE] = blocks;
  j->count[FLOOR] = in->fresh.draw ? o->floors : 0;
  j->count[TRAINED] = in->training.n ? least(blocks, SIDE_BLOCKS) : 0;
  j->count[BASELINE] = in->baseline.draw ? least(blocks, SIDE_BLOCKS) : 0;
  j->w2_count[SAMPLE] = w2_blocks;
  j->w2_count[FLOOR] = in->fresh.draw && w2_blocks ? o->w2_floors : 0;
  j->w2_count[TRAINED] = in->training.n ? least(w2_blocks, W2_SIDE_BLOCKS) : 0;
  j->w2_count[BASELINE] = in->baseline.draw ? least(w2_blocks, W2_SIDE_BLOCKS) : 0;
  if (!j->finite) return;
  int64_t wanted = largest(blocks * j->size, w2_blocks * j->w2_size);
  wanted = largest(wanted, 2 * largest(j->size, j->w2_size)); /* enough for a split */
  j->pool_true = least(wanted, n_true);
  j->pool_fresh = in->fresh.draw ? least(wanted, n_fresh) : 0;
}

static sb_status fill(judge *j) {
  const sb_judge_input *in = j->in;
  const int64_t rows = largest(j->size, j->w2_size);
  SB_TRY(check("sample", in->sample.n, j->d, in->sample.x));
  SB_TRY(check("training rows", in->training.n, j->d, in->training.x));
  SB_TRY(check("held-out rows", in->held.n, j->d, in->held.x));
  SB_TRY(SB_NEW(&j->x, rows * j->d, "evaluation: points"));
  SB_TRY(SB_NEW(&j->y, rows * j->d, "evaluation: true points"));
  if (!j->finite) return SB_OK;
  SB_TRY(SB_NEW(&j->pool, (j->pool_true + j->pool_fresh) * j->d, "evaluation: true rows"));
  SB_TRY(draw(j, "true points", in->truth, 0, j->pool_true, j->pool));
  if (!j->pool_fresh) return SB_OK;
  return draw(j, "fresh true points", in->fresh, 0, j->pool_fresh, j->pool + j->pool_true * j->d);
}

static sb_status refuse(const sb_judge_options *o, const sb_judge_input *in, int most, int n) {
  const int wanted = n + METRICS + (o->more ? MORE : 0);
  const sb_points others[] = {in->training, in->held};
  if (!in->truth.draw) return sb_fail(SB_USE, "evaluation: no true points to compare with");
  if (in->sample.n < 2 || in->sample.d < 1 || in->truth.most == 1)
    return sb_fail(SB_USE, "evaluation: %lld samples, needs at least 2, and 2 true points",
                   (long long)in->sample.n);
  for (size_t k = 0; k < COUNT(others); k++)
    if (others[k].n && others[k].d != in->sample.d)
      return sb_fail(SB_USE, "evaluation: samples have %d dimensions, data %d", in->sample.d,
                     others[k].d);
  if (wanted > most)
    return sb_fail(SB_USE, "evaluation: room for %d metrics, %d wanted", most, wanted);
  return SB_OK;
}

sb_status sb_judge(const sb_comm *c, const sb_judge_options *o, const sb_judge_input *in,
                   sb_metric *out, int most, int *n) {
  SB_TRY(refuse(o, in, most, *n));
  judge j = {.c = c, .o = o, .in = in, .d = in->sample.d, .out = out, .most = most, .n = *n};
  plan(&j);
  sb_status s = sb_agree(c, fill(&j));
  if (!s) s = judge_moments(&j);
  if (!s) s = judge_blocks(&j);
  if (!s) s = judge_w2(&j);
  if (!s) s = judge_memory(&j);
  if (!s) s = judge_test(&j);
  sb_mem_free(j.pool);
  sb_mem_free(j.y);
  sb_mem_free(j.x);
  if (!s) *n = j.n;
  return s;
}

/* Measured on one core with AVX-512; pairs take twice as long with AVX2. */
void sb_judge_cost(const sb_judge_options *o, int d, int ranks, double *bytes, double *seconds) {
  const double size = (double)least(o->size, largest(2, o->draws / o->blocks));
  const double points = (double)least(o->w2_points, o->draws);
  const double sides = (double)least(o->blocks, SIDE_BLOCKS);
  const double compared = (double)(o->blocks + o->floors) + 2 * sides;
  const double pairs = 2 * size * size * (1.5 + 0.2 * d) * 1e-9;
  const double sliced = 2 * size * (double)o->slices * (15 + 0.5 * d) * 1e-9;
  const double assigned = 4e-8 * points * points * (d < 9 ? 1 : 0.5 + d / 100.0);
  const double w2 = points > 0 ? (double)(2 * o->w2_floors + 2 * W2_SIDE_BLOCKS) : 0;
  const double entries = d <= SB_JUDGE_COV ? (double)d * d : d;
  const double table = 8 * points * points;
  *seconds = compared * (pairs + sliced) / ranks + ceil(w2 / ranks) * assigned;
  *bytes = 16 * (size > points ? size : points) * d + 24 * entries + 4e6 / ranks + 16 * points * d +
           (d < 9 || table > 268435456 ? 0 : table);
}
