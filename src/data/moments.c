/* Range, mean and covariance of the training rows in raw coordinates.
 *
 * Columns are divided by powers of two first, so that any unit fits the fixed point of sb_sum. The
 * covariance is made tile by tile (memory), in blocks of SB_BLOCK rows: plain sums inside, in the
 * order of rows, exact sums across. */
#include <math.h>
#include <string.h>

#include "sb/kernel.h"
#include "sb/mem.h"
#include "work.h"

#define TILE 128

/* The power of two that brings |x| <= most into [0, 1]. */
static double unit_of(double most) {
  int exponent = 0;
  (void)frexp(most, &exponent);
  return most > 0 ? ldexp(1, -exponent) : 1;
}

static int is_held(const sb_rows *r, int64_t i) { return r->held && r->held[i]; }

static sb_status range(const sb_comm *c, const sb_rows *r, double *low, double *high) {
  for (int j = 0; j < r->raw; j++) low[j] = HUGE_VAL, high[j] = -HUGE_VAL;
  for (int64_t i = 0; i < r->count; i++) {
    const double *x = r->x + i * r->raw;
    if (is_held(r, i)) continue;
    for (int j = 0; j < r->raw; j++) {
      if (x[j] < low[j]) low[j] = x[j];
      if (x[j] > high[j]) high[j] = x[j];
    }
  }
  SB_TRY(sb_min_real(c, low, r->raw));
  return sb_max_real(c, high, r->raw);
}

/* sum [raw], block [raw] and unit [raw] are scratch; unit leaves as that of |x - mean|. */
static sb_status mean_of(const sb_comm *c, const sb_rows *r, sb_spread *s, sb_sum *sum,
                         double *block, double *unit) {
  for (int j = 0; j < r->raw; j++) unit[j] = unit_of(fmax(fabs(s->low[j]), fabs(s->high[j])));
  for (int64_t i = 0; i < r->count; i++) {
    for (int j = 0; j < r->raw && !is_held(r, i); j++) block[j] += r->x[i * r->raw + j] * unit[j];
    if (i % SB_BLOCK < SB_BLOCK - 1 && i < r->count - 1) continue;
    for (int j = 0; j < r->raw; j++) sb_sum_add(&sum[j], block[j]), block[j] = 0;
  }
  SB_TRY(sb_sum_total(c, r->raw, sum, s->mean, "mean of the rows"));
  for (int j = 0; j < r->raw; j++) {
    const double mean = s->mean[j] / (double)r->n / unit[j];
    s->mean[j] = fmin(fmax(mean, s->low[j]),
                      s->high[j]); /* a constant column is its mean, to the last bit */
    unit[j] = unit_of(fmax(s->high[j] - s->mean[j], s->mean[j] - s->low[j]));
  }
  return SB_OK;
}

/* Scratch of one tile of the covariance. */
typedef struct tile {
  double a[SB_BLOCK * TILE],
      b[SB_BLOCK * TILE];     /* columns of the tile's rows, and of its columns */
  double product[TILE][TILE]; /* of one block                                    */
  sb_sum sum[TILE][TILE];
} tile;

/* Centred columns j0 .. j0+width-1 of the block at row i0; zeros elsewhere and for held-out rows.
 */
static void load(const sb_rows *r, const sb_spread *s, const double *unit, int64_t i0, int j0,
                 int width, double *out) {
  for (int i = 0; i < SB_BLOCK; i++) {
    const int empty = i0 + i >= r->count || is_held(r, i0 + i);
    const double *x = r->x + (i0 + i) * r->raw + j0;
    for (int j = 0; j < TILE; j++)
      out[i * TILE + j] = empty || j >= width ? 0 : (x[j] - s->mean[j0 + j]) * unit[j0 + j];
  }
}

/* Products of 4 columns of a with 4 of b, over the rows of a block, in registers; leading
 * dimensions are TILE. */
typedef double pair __attribute__((vector_size(16), may_alias));

static void multiply_4x4(const double *a, const double *b, double *out) {
  pair s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0}, t0 = {0}, t1 = {0}, t2 = {0}, t3 = {0};
  for (int i = 0; i < SB_BLOCK; i++, a += TILE, b += TILE) {
    const pair left = *(const pair *)b, right = *(const pair *)(b + 2);
    s0 += a[0] * left, t0 += a[0] * right;
    s1 += a[1] * left, t1 += a[1] * right;
    s2 += a[2] * left, t2 += a[2] * right;
    s3 += a[3] * left, t3 += a[3] * right;
  }
  pair *to = (pair *)out;
  to[0] = s0, to[1] = t0, to += TILE / 2;
  to[0] = s1, to[1] = t1, to += TILE / 2;
  to[0] = s2, to[1] = t2, to += TILE / 2;
  to[0] = s3, to[1] = t3;
}

static int width_at(int raw, int j0) { return raw - j0 < TILE ? raw - j0 : TILE; }

/* Sums of this rank over products of columns i0 .. and j0 .. . */
static void add_tile(const sb_rows *r, const sb_spread *s, const double *unit, int i0, int j0,
                     tile *t) {
  const int rows = width_at(r->raw, i0), columns = width_at(r->raw, j0);
  memset(t->sum, 0, sizeof t->sum);
  for (int64_t at = 0; at < r->count; at += SB_BLOCK) {
    load(r, s, unit, at, i0, rows, t->a);
    if (i0 != j0) load(r, s, unit, at, j0, columns, t->b);
    const double *a = t->a, *b = i0 == j0 ? a : t->b;
    for (int i = 0; i < rows; i += 4)
      for (int j = i0 == j0 ? i : 0; j < columns; j += 4)
        multiply_4x4(a + i, b + j, &t->product[i][j]);
    for (int i = 0; i < rows; i++)
      for (int j = i0 == j0 ? i : 0; j < columns; j++) sb_sum_add(&t->sum[i][j], t->product[i][j]);
  }
}

static sb_status covariance(const sb_comm *c, const sb_rows *r, sb_spread *s, const double *unit,
                            tile *t) {
  for (int i0 = 0; i0 < r->raw; i0 += TILE) {
    for (int j0 = i0; j0 < r->raw; j0 += TILE) {
      const int rows = width_at(r->raw, i0);
      add_tile(r, s, unit, i0, j0, t);
      SB_TRY(sb_sum_total(c, (int64_t)rows * TILE, t->sum[0], t->product[0],
                          "covariance of the rows"));
      for (int i = 0; i < rows; i++)
        for (int j = i0 == j0 ? i : 0; j < width_at(r->raw, j0); j++) {
          const double value = t->product[i][j] / (double)(r->n - 1) / unit[i0 + i] / unit[j0 + j];
          s->cov[(int64_t)(i0 + i) * r->raw + j0 + j] =
              s->cov[(int64_t)(j0 + j) * r->raw + i0 + i] = value;
        }
    }
  }
  return SB_OK;
}

static sb_status allocate(const sb_rows *r, sb_spread *s, sb_sum **sum, double **scratch,
                          tile **t) {
  SB_TRY(SB_NEW(&s->low, r->raw, "moments"));
  SB_TRY(SB_NEW(&s->high, r->raw, "moments"));
  SB_TRY(SB_NEW(&s->mean, r->raw, "moments"));
  SB_TRY(SB_NEW(&s->cov, (int64_t)r->raw * r->raw, "covariance"));
  SB_TRY(SB_NEW(sum, r->raw, "moments"));
  SB_TRY(SB_NEW(scratch, 2 * (int64_t)r->raw, "moments"));
  return SB_NEW(t, 1, "covariance");
}

sb_status sb_spread_of(const sb_comm *c, const sb_rows *r, sb_spread *out) {
  sb_sum *sum = NULL;
  double *scratch = NULL;
  tile *t = NULL;
  sb_status s = sb_agree(c, allocate(r, out, &sum, &scratch, &t));
  if (!s) s = range(c, r, out->low, out->high);
  if (!s) s = mean_of(c, r, out, sum, scratch, scratch + r->raw);
  if (!s) s = covariance(c, r, out, scratch + r->raw, t);
  sb_mem_free(t);
  sb_mem_free(scratch);
  sb_mem_free(sum);
  return s;
}

sb_status sb_spread_pool(const sb_spread *s[2], const int64_t n[2], int raw, sb_spread *out) {
  const double one = (double)n[0], two = (double)n[1], all = one + two;
  SB_TRY(SB_NEW(&out->low, raw, "moments"));
  SB_TRY(SB_NEW(&out->high, raw, "moments"));
  SB_TRY(SB_NEW(&out->mean, raw, "moments"));
  SB_TRY(SB_NEW(&out->cov, (int64_t)raw * raw, "covariance"));
  for (int j = 0; j < raw; j++) {
    out->low[j] = fmin(s[0]->low[j], s[1]->low[j]);
    out->high[j] = fmax(s[0]->high[j], s[1]->high[j]);
    out->mean[j] = s[0]->mean[j] * (one / all) + s[1]->mean[j] * (two / all);
  }
  for (int64_t i = 0; i < raw; i++)
    for (int64_t j = 0; j < raw; j++) {
      const double inside = (one - 1) * s[0]->cov[i * raw + j] + (two - 1) * s[1]->cov[i * raw + j];
      const double apart = (s[0]->mean[i] - s[1]->mean[i]) * (s[0]->mean[j] - s[1]->mean[j]);
      out->cov[i * raw + j] = (inside + one * two / all * apart) / (all - 1);
    }
  return SB_OK;
}

void sb_spread_free(sb_spread *s) {
  sb_mem_free(s->low);
  sb_mem_free(s->high);
  sb_mem_free(s->mean);
  sb_mem_free(s->cov);
  *s = (sb_spread){0};
}

int sb_spread_constant(const sb_spread *s, int column) {
  const double low = s->low[column], high = s->high[column];
  return high - low <= 1e-14 * fmax(fabs(low), fabs(high));
}

double sb_spread_bytes(int raw) {
  return (double)sizeof(tile) + 8.0 * raw * raw + (double)raw * (5 * 8 + sizeof(sb_sum));
}
