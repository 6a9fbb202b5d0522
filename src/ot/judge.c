/* sb_judge: sizes, where points come from, and the order of the metrics. The statistics are in
 * judge_*.c. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "judge.h"
#include "order.h"
#include "sb/kernel.h"
#include "sb/mem.h"
#include "sb/noise.h"

#define METRICS 7 /* and MORE, where they are asked for */
#define MORE    4
/* Blocks of the training floor and of the baseline, of which only means are wanted; and of w2. */
#define SIDE_BLOCKS    5
#define W2_SIDE_BLOCKS 2
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
    SB_BOOL(sb_judge_options, more, "false", "also coverage_error, bw2_uvp, sinkhorn_w2, energy_test_p"),
    SB_REAL(sb_judge_options, sinkhorn, "0.05", 1e-6, 1e6, "",
            "variance of the entropic plan of sinkhorn_w2, over the squared median distance"),
    SB_INT(sb_judge_options, permutations, "199", 1, 1e5, "", "permutations of the two-sample energy test"),
    SB_INT(sb_judge_options, test_points, "1000", 2, 1e5, "", "points on each side of that test"),
    SB_BOOL(sb_judge_options, errors, "true", "error by time steps, estimation, Monte Carlo (known laws)"),
    SB_INT(sb_judge_options, drift_points, "2000", 1, 1e9, "", "points where drifts are compared with exact ones"),
    SB_INT(sb_judge_options, drift_draws, "4096", 1, 1e9, "", "Monte-Carlo draws of a drift there"),
    SB_INT(sb_judge_options, conditions, "200", 0, 1e6, "",
           "starts of a bridge whose ends are compared with exact ones; 0: none"),
    SB_INT(sb_judge_options, condition_draws, "1000", 2, 1e6, "", "true draws from each of them, for the floor"),
    {0}};
/* clang-format on */

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t largest(int64_t a, int64_t b) { return a > b ? a : b; }

uint64_t judge_key(const judge *j, int use, int64_t replicate) {
  return sb_noise_key(j->in->seed, SB_FOR_METRIC, (uint32_t)use, (uint32_t)replicate);
}

sb_metric *judge_metric(judge *j, const char *name, int64_t n, int64_t m) {
  sb_metric *out = &j->out[j->n++];
  *out = sb_metric_of(name, NAN);
  out->n = n, out->m = m;
  snprintf(out->stage, sizeof out->stage, "%s", j->in->stage ? j->in->stage : "");
  return out;
}

/* --- Points ---------------------------------------------------------------------------------- */

static sb_status check(const char *what, int64_t first, int64_t n, int d, const double *x) {
  for (int64_t i = 0; i < n * d; i++)
    if (!isfinite(x[i]))
      return sb_fail(SB_BAD, "evaluation: %s: row %lld, column %lld is %g", what,
                     (long long)(first + i / d), (long long)(i % d), x[i]);
  return SB_OK;
}

sb_status judge_draw(const judge *j, const char *what, sb_source s, int64_t replicate,
                     int64_t first, int64_t count, double *x) {
  SB_TRY(s.draw(s.self, replicate, first, count, x));
  return check(what, first, count, j->d, x);
}

sb_status judge_truth(const judge *j, int64_t r, int64_t rows, sb_share part, double *y) {
  const int64_t replicate = j->finite ? 0 : r, first = j->finite ? r * rows : 0;
  return judge_draw(j, "true points", j->in->truth, replicate, first + part.first, part.count, y);
}

static sb_status pool_row(const judge *j, int64_t row, double *x) {
  if (row < j->pool_true) return judge_draw(j, "true points", j->in->truth, 0, row, 1, x);
  return judge_draw(j, "fresh true points", j->in->fresh, 0, row - j->pool_true, 1, x);
}

/* True against true: fresh draws of both sources, or two disjoint sets of rows of the pool. */
static sb_status two_truths(const judge *j, int64_t r, int64_t rows, sb_share part, double *x,
                            double *y) {
  if (!j->finite) {
    SB_TRY(judge_draw(j, "fresh true points", j->in->fresh, r, part.first, part.count, x));
    return judge_draw(j, "true points", j->in->truth, FLOOR_FIRST + r, part.first, part.count, y);
  }
  const uint64_t key = judge_key(j, KEY_SPLIT, r);
  const int64_t all = j->pool_true + j->pool_fresh;
  for (int64_t i = 0; i < part.count; i++) {
    SB_TRY(pool_row(j, sb_noise_permute(key, all, 0, part.first + i), x + i * j->d));
    SB_TRY(pool_row(j, sb_noise_permute(key, all, 0, rows + part.first + i), y + i * j->d));
  }
  return SB_OK;
}

sb_status judge_rows(const judge *j, int kind, int64_t r, int64_t rows, sb_share part, double *x,
                     double *y) {
  const sb_judge_input *in = j->in;
  if (kind == FLOOR) return two_truths(j, r, rows, part, x, y);
  if (kind == BASELINE)
    SB_TRY(judge_draw(j, "baseline", in->baseline, r, part.first, part.count, x));
  if (kind == TRAINED) {
    const uint64_t key = sb_noise_key(in->seed, SB_FOR_BOOTSTRAP, (uint32_t)r, 0);
    for (int64_t i = 0; i < part.count; i++) {
      const double at = sb_noise_uniform(key, part.first + i, 0, 0) * (double)in->training.most;
      SB_TRY(judge_draw(j, "training rows", in->training, 0, (int64_t)at, 1, x + i * j->d));
    }
  }
  return judge_truth(j, r, rows, part, y);
}

sb_status judge_block(const judge *j, int kind, int64_t r, int64_t rows, double *x, double *y) {
  const sb_points sample = j->in->sample;
  if (kind == SAMPLE)
    SB_TRY(sb_slice_rows(j->c, sample.n, sample.d, sizeof *x, sample.x, r * rows, rows, x));
  return sb_agree(j->c, judge_rows(j, kind, r, rows, sb_share_of(j->c, rows), x, y));
}

/* --- Sizes ----------------------------------------------------------------------------------- */

static void plan(judge *j) {
  const sb_judge_options *o = j->o;
  const sb_judge_input *in = j->in;
  const int64_t n_true = in->truth.most ? in->truth.most : INT64_MAX / 4;
  const int64_t n_fresh = !in->fresh.draw  ? n_true
                          : in->fresh.most ? in->fresh.most
                                           : INT64_MAX / 4;
  const int64_t limit = least(in->sample.n, n_true), half = (n_true + n_fresh) / 2;
  j->finite = in->truth.most > 0 || (in->fresh.draw && in->fresh.most > 0);
  const int64_t blocks = largest(1, least(o->blocks, limit / SB_BLOCK));
  j->size = least(least(o->size, limit / blocks), half);
  j->w2_size = least(least(o->w2_points, limit), half);
  const int64_t w2_blocks = j->w2_size ? largest(1, least(o->w2_floors, limit / j->w2_size)) : 0;
  j->count[SAMPLE] = blocks;
  j->count[FLOOR] = in->fresh.draw ? o->floors : 0;
  j->count[TRAINED] = in->training.most ? least(blocks, SIDE_BLOCKS) : 0;
  j->count[BASELINE] = in->baseline.draw ? least(blocks, SIDE_BLOCKS) : 0;
  j->w2_count[SAMPLE] = w2_blocks;
  j->w2_count[FLOOR] = in->fresh.draw && w2_blocks ? o->w2_floors : 0;
  j->w2_count[TRAINED] = in->training.most ? least(w2_blocks, W2_SIDE_BLOCKS) : 0;
  j->w2_count[BASELINE] = in->baseline.draw ? least(w2_blocks, W2_SIDE_BLOCKS) : 0;
  if (!j->finite) return;
  int64_t wanted = largest(blocks * j->size, w2_blocks * j->w2_size);
  wanted = largest(wanted, 2 * largest(j->size, j->w2_size)); /* enough for a split */
  j->pool_true = least(wanted, n_true);
  j->pool_fresh = in->fresh.draw ? least(wanted, n_fresh) : 0;
}

int64_t judge_room(const judge *j, int64_t n) { return sb_share_at(0, j->c->size, n).count; }

static sb_status fill(judge *j) {
  const sb_points sample = j->in->sample;
  const sb_share own = sb_share_of(j->c, sample.n);
  const int64_t rows = judge_room(j, j->size);
  SB_TRY(check("sample", own.first, own.count, j->d, sample.x));
  SB_TRY(SB_NEW(&j->x, rows * j->d, "evaluation: points"));
  return SB_NEW(&j->y, rows * j->d, "evaluation: true points");
}

static sb_status refuse(const sb_judge_options *o, const sb_judge_input *in, int most, int n) {
  const int wanted = n + METRICS + (o->more ? MORE : 0);
  if (!in->truth.draw) return sb_fail(SB_USE, "evaluation: no true points to compare with");
  if (in->sample.n < 2 || in->sample.d < 1 || in->truth.most == 1)
    return sb_fail(SB_USE, "evaluation: %lld samples, needs at least 2, and 2 true points",
                   (long long)in->sample.n);
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
  if (!s) s = judge_sinkhorn(&j);
  if (!s) s = judge_memory(&j);
  if (!s) s = judge_test(&j);
  sb_mem_free(j.y);
  sb_mem_free(j.x);
  if (!s) *n = j.n;
  return s;
}

/* Three covariances, and what the distance of Gaussians takes: three whole matrices, or seven
 * spread. */
static double moment_bytes(const sb_judge_options *o, int d, int ranks) {
  const double square = 8.0 * d * d, spread = sb_dist_bytes(ranks, d, d);
  const double gauss = d < SB_DIST_FROM ? 3 * square : 7 * spread;
  if (d > SB_JUDGE_COV) return 24.0 * d;
  return 3 * (d <= SB_JUDGE_WHOLE ? square : spread) + (o->more ? gauss : 0);
}

/* The most that stands beside the two sides of a comparison at a time: shares that come by and the
 * sort; exact assignments; moments; the test. */
static double working_bytes(const sb_judge_options *o, int d, int ranks, double size,
                            double points) {
  const double share = (double)sb_share_at(0, ranks, (int64_t)size).count;
  const double sorted = 2 * share * (double)o->slices;
  const double sort = 40 * fmax(2 * share, fmin(sorted, SB_SORT_AT_ONCE));
  const double table = d < 9 || points * points > 33554432 ? 0 : 8 * points * points;
  const double mine = ceil((double)o->w2_floors / ranks);
  const double assigned = points > 0 ? (32 + 8 * mine) * points * d + table : 0;
  const double moments = moment_bytes(o, d, ranks) + 2e6 + 512.0 * d;
  const double tests = o->more ? 2 * (double)least(o->test_points, (int64_t)size) : 0;
  const double test = tests * (16.0 * d + 8 * (double)o->permutations / ranks);
  return fmax(fmax(16 * share * d, sort), fmax(assigned, fmax(moments, test)));
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
  *seconds = compared * (pairs + sliced) / ranks + ceil(w2 / ranks) * assigned;
  *bytes = 16 * (double)sb_share_at(0, ranks, (int64_t)size).count * d +
           working_bytes(o, d, ranks, size, points);
}
