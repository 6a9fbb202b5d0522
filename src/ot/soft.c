/* Averages of a table by softmax weights of a Gaussian kernel (sb/scaling.h). */
#include <math.h>
#include <string.h>

#include "centres.h"
#include "sb/mathfn.h"
#include "sb/mem.h"

struct sb_soft {
  const sb_centres *k;
  int values, second, width; /* width: columns averaged, products included */
  const int *value;
  const double *bias;       /* [n] */
  double *none;             /* [n] zeros, or NULL */
  double *x, *a, *y, *v;    /* [d, 64], [64], [chunk, d], [chunk, width] */
  double *top, *sum, *mean; /* [chunks of a pick, 64] …, [width, 64]     */
};

static int64_t chunks(int64_t n) { return (n + CENTRES_CHUNK - 1) / CENTRES_CHUNK; }

static int columns(int values, int second) {
  return second ? values + values * (values + 1) / 2 : values;
}

double sb_soft_bytes(int64_t n, int d, int values, int second) {
  const double width = columns(values, second);
  return 8 * ((SB_BLOCK + CENTRES_CHUNK) * (d + width + 1) + (double)n +
              2.0 * SB_BLOCK * (double)chunks(n));
}

sb_status sb_soft_open(const sb_centres *k, const double *bias, int values, const int *value,
                       int second, sb_soft **out) {
  sb_soft *s;
  *out = NULL;
  SB_TRY(SB_NEW(&s, 1, "averages by a kernel"));
  *out = s;
  s->k = k, s->values = values, s->value = value, s->second = second;
  s->width = columns(values, second);
  s->bias = bias;
  if (!bias) {
    SB_TRY(SB_NEW(&s->none, k->n, "weights of a kernel"));
    s->bias = s->none;
  }
  SB_TRY(SB_NEW(&s->x, (int64_t)k->d * SB_BLOCK, "a tile"));
  SB_TRY(SB_NEW(&s->a, SB_BLOCK, "widths of a tile"));
  SB_TRY(SB_NEW(&s->y, (int64_t)CENTRES_CHUNK * k->d, "columns of a kernel"));
  SB_TRY(SB_NEW(&s->v, (int64_t)CENTRES_CHUNK * s->width, "columns that are averaged"));
  SB_TRY(SB_NEW(&s->top, chunks(k->n) * SB_BLOCK, "sums of a tile"));
  SB_TRY(SB_NEW(&s->sum, chunks(k->n) * SB_BLOCK, "sums of a tile"));
  SB_TRY(SB_NEW(&s->mean, (int64_t)s->width * SB_BLOCK, "averages of a tile"));
  return SB_OK;
}

void sb_soft_close(sb_soft *s) {
  if (!s) return;
  void *const blocks[] = {s->none, s->x, s->a, s->y, s->v, s->top, s->sum, s->mean};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) sb_mem_free(blocks[i]);
  sb_mem_free(s);
}

/* Lanes beyond the last row repeat it. */
static void lay_tile(sb_soft *s, int rows, const double *x, const double *rho) {
  const sb_centres *k = s->k;
  for (int lane = 0; lane < SB_BLOCK; lane++) {
    const int i = lane < rows ? lane : rows - 1;
    for (int c = 0; c < k->d; c++)
      s->x[c * SB_BLOCK + lane] = k->scale[c] * x[(int64_t)i * k->width + k->coordinate[c]];
    s->a[lane] = rho ? rho[i] : 1;
  }
}

static void pack_values(sb_soft *s, int64_t first, int count) {
  double *v = s->v;
  for (int j = 0; j < count; j++) {
    const float *x = centre(s->k, first + j);
    for (int a = 0; a < s->values; a++) *v++ = (double)x[s->value[a]];
    for (int a = 0; s->second && a < s->values; a++)
      for (int b = 0; b <= a; b++) *v++ = (double)x[s->value[a]] * (double)x[s->value[b]];
  }
}

/* Adds the columns of one chunk to a state. */
static void meet(sb_soft *s, int rows, int64_t first, int width, double *top, double *sum) {
  const sb_centres *k = s->k;
  const int count = k->n - first < CENTRES_CHUNK ? (int)(k->n - first) : CENTRES_CHUNK;
  const sb_gauss g = {
      k->form, k->d, count, s->x, s->a, s->y, k->form == SB_WIDTH_ONE ? NULL : k->rho + first};
  centres_pack(k, first, count, s->y);
  if (width) pack_values(s, first, count);
  sb_kernel()->gauss_softmax(&g, rows, s->bias + first, width, s->v, top, sum, s->mean);
}

static void clear(double *top, double *sum) {
  for (int i = 0; i < SB_BLOCK; i++) top[i] = -HUGE_VAL, sum[i] = 0;
}

/* Rounding must not leave a variance below 0. */
static void spread(const sb_soft *s, int i, const double *mean, double *cov) {
  const int n = s->values;
  const double *m = s->mean + n * SB_BLOCK + i;
  for (int a = 0; a < n; a++)
    for (int b = 0; b <= a; b++, m += SB_BLOCK) {
      const double c = *m / s->sum[i] - mean[a] * mean[b];
      cov[a * n + b] = cov[b * n + a] = a == b && c < 0 ? 0 : c;
    }
}

void sb_soft_mean(sb_soft *s, int rows, const double *x, const double *rho, double *mean,
                  double *cov, double *log_sum) {
  const int width = mean || cov ? s->width : 0;
  lay_tile(s, rows, x, rho);
  clear(s->top, s->sum);
  memset(s->mean, 0, (size_t)(s->width * SB_BLOCK) * sizeof *s->mean);
  for (int64_t j = 0; j < s->k->n; j += CENTRES_CHUNK) meet(s, rows, j, width, s->top, s->sum);
  for (int i = 0; i < rows; i++) {
    for (int a = 0; mean && a < s->values; a++)
      mean[i * s->values + a] = s->mean[a * SB_BLOCK + i] / s->sum[i];
    if (cov) spread(s, i, mean + i * s->values, cov + (int64_t)i * s->values * s->values);
    if (log_sum) log_sum[i] = s->top[i] + sb_log(s->sum[i]);
  }
}

/* Logit of one pair: to the last bits, not to the bit, that of the vector kernel. */
static double logit(const sb_soft *s, int lane, int64_t j) {
  const sb_centres *k = s->k;
  const float *y = centre(k, j);
  double q = 0;
  for (int c = 0; c < k->d; c++) {
    const double gap = s->x[c * SB_BLOCK + lane] - k->scale[c] * (double)y[k->coordinate[c]];
    q += gap * gap;
  }
  if (k->form == SB_WIDTH_SUM) q *= 2 / (s->a[lane] + k->rho[j]);
  if (k->form == SB_WIDTH_PRODUCT) q /= s->a[lane] * k->rho[j];
  return s->bias[j] - q;
}

/* The first centre at which the sum of the weights passes the one asked for: first by chunks, then
 * inside one. */
static int64_t pick_one(const sb_soft *s, int lane, double u) {
  const int64_t n = s->k->n, parts = chunks(n);
  double top = -HUGE_VAL, total = 0, before = 0;
  int64_t at = 0, j;
  for (int64_t p = 0; p < parts; p++) top = fmax(top, s->top[p * SB_BLOCK + lane]);
  for (int64_t p = 0; p < parts; p++)
    total += s->sum[p * SB_BLOCK + lane] * sb_exp(s->top[p * SB_BLOCK + lane] - top);
  for (; at < parts; at++) {
    const double part = s->sum[at * SB_BLOCK + lane] * sb_exp(s->top[at * SB_BLOCK + lane] - top);
    if (before + part >= u * total || at == parts - 1) break;
    before += part;
  }
  const int64_t end = (at + 1) * CENTRES_CHUNK < n ? (at + 1) * CENTRES_CHUNK : n;
  for (j = at * CENTRES_CHUNK; j < end - 1; j++) {
    before += sb_exp(logit(s, lane, j) - top);
    if (before >= u * total) break;
  }
  return j;
}

void sb_soft_pick(sb_soft *s, int rows, const double *x, const double *rho, const double *uniform,
                  int64_t *pick) {
  lay_tile(s, rows, x, rho);
  for (int64_t p = 0; p < chunks(s->k->n); p++) {
    clear(s->top + p * SB_BLOCK, s->sum + p * SB_BLOCK);
    meet(s, rows, p * CENTRES_CHUNK, 0, s->top + p * SB_BLOCK, s->sum + p * SB_BLOCK);
  }
  for (int i = 0; i < rows; i++) pick[i] = pick_one(s, i, uniform[i]);
}
