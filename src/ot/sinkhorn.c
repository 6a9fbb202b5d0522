/* Sinkhorn divergence of two samples (Genevay, Peyré, Cuturi 2018; Feydy, Séjourné, Vialard, Amari,
 * Trouvé, Peyré 2019, algorithm 1).
 *
 * Potentials f on a, g on b; Tf(y) = -e log mean_i exp((f(x_i) - |x_i - y|^2 / 2) / e). An
 * iteration is f <- (f + Tg) / 2, g <- (g + Tf) / 2 from the same old pair, for one set with itself
 * f <- (f + Tf) / 2; at the end f = Tg, g = Tf, and OT = mean f + mean g. The sum of a row runs
 * over the columns in order, block by block: the same bits on any number of ranks. */
#include <math.h>

#include "sb/kernel.h"
#include "sb/mathfn.h"
#include "sb/mem.h"
#include "sb/metric.h"
#include "sb/watchdog.h"

#define COOLING 4 /* from one variance to the next, while it comes down */

/* A set with its potential; rows of this rank. */
typedef struct side {
  sb_points p;
  int64_t count, tiles;
  double *tile;      /* [tiles, d, SB_BLOCK] coordinate by coordinate, times scale */
  double *packed;    /* [count, d + 1] coordinates times scale, potential / variance */
  double *potential; /* [count] */
  double *next;      /* [count] its transform from the other side */
  double *top, *sum; /* [tiles, SB_BLOCK] of the log-sum-exp     */
} side;

/* A transform from one side to the other. */
typedef struct transform {
  const side *from, *to;
  double *y, *bias; /* [SB_BLOCK, d], [SB_BLOCK] */
} transform;

static sb_status open_side(const sb_comm *c, sb_points p, side *s) {
  *s = (side){.p = p, .count = sb_share_of(c, p.n).count};
  s->tiles = (s->count + SB_BLOCK - 1) / SB_BLOCK;
  SB_TRY(SB_NEW(&s->tile, s->tiles * SB_BLOCK * p.d, "transport: points"));
  SB_TRY(SB_NEW(&s->packed, s->count * (p.d + 1), "transport: points"));
  SB_TRY(SB_NEW(&s->potential, s->count, "transport: potential"));
  SB_TRY(SB_NEW(&s->next, s->count, "transport: potential"));
  SB_TRY(SB_NEW(&s->top, s->tiles * SB_BLOCK, "transport: sums"));
  return SB_NEW(&s->sum, s->tiles * SB_BLOCK, "transport: sums");
}

static void close_side(side *s) {
  void *const blocks[] = {s->tile, s->packed, s->potential, s->next, s->top, s->sum};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) sb_mem_free(blocks[i]);
}

/* Lays the points out for a variance. Lanes beyond the last row repeat it. */
static void lay(side *s, double variance) {
  const int d = s->p.d;
  const double scale = 1 / sqrt(2 * variance);
  for (int64_t i = 0; i < s->tiles * SB_BLOCK; i++) {
    const double *x = s->p.x + (i < s->count ? i : s->count - 1) * d;
    double *to = s->tile + i / SB_BLOCK * SB_BLOCK * d + i % SB_BLOCK;
    for (int k = 0; k < d; k++) to[k * SB_BLOCK] = x[k] * scale;
  }
  for (int64_t i = 0; i < s->count; i++) {
    double *to = s->packed + i * (d + 1);
    for (int k = 0; k < d; k++) to[k] = s->p.x[i * d + k] * scale;
    to[d] = s->potential[i] / variance;
  }
}

static sb_status visit(void *self, int64_t first, int64_t count, const void *rows) {
  const transform *t = self;
  const side *to = t->to;
  const int d = to->p.d;
  const double *packed = rows;
  (void)first;
  for (int64_t j = 0; j < count; j += SB_BLOCK) {
    const int m = count - j < SB_BLOCK ? (int)(count - j) : SB_BLOCK;
    for (int i = 0; i < m; i++) {
      const double *from = packed + (j + i) * (d + 1);
      for (int k = 0; k < d; k++) t->y[i * d + k] = from[k];
      t->bias[i] = from[d];
    }
    for (int64_t i = 0; i < to->tiles; i++) {
      const sb_gauss g = {SB_WIDTH_ONE, d, m, to->tile + i * SB_BLOCK * d, NULL, t->y, NULL};
      sb_kernel()->gauss_softmax(&g, SB_BLOCK, t->bias, 0, NULL, to->top + i * SB_BLOCK,
                                 to->sum + i * SB_BLOCK, NULL);
    }
    sb_tick();
  }
  return SB_OK;
}

/* Collective. to->next = T(from->potential). */
static sb_status apply(const sb_comm *c, transform t, double variance) {
  const side *to = t.to;
  for (int64_t i = 0; i < to->tiles * SB_BLOCK; i++) to->top[i] = -HUGE_VAL, to->sum[i] = 0;
  SB_TRY(sb_in_order(c, t.from->p.n, t.from->p.d + 1, sizeof(double), t.from->packed, visit, &t));
  const double size = sb_log((double)t.from->p.n);
  for (int64_t i = 0; i < to->count; i++)
    to->next[i] = -variance * (to->top[i] + sb_log(to->sum[i]) - size);
  return SB_OK;
}

/* One of the three problems; b is a where a set meets itself. */
typedef struct problem {
  const sb_comm *c;
  side *a, *b;
  double *y, *bias;
  double residual;
  int64_t iterations;
} problem;

/* Collective. Both transforms of the old potentials, and how far they are from them. */
static sb_status transform_both(problem *p, double variance) {
  double far = 0;
  lay(p->a, variance);
  if (p->b != p->a) lay(p->b, variance);
  SB_TRY(apply(p->c, (transform){p->b, p->a, p->y, p->bias}, variance));
  if (p->b != p->a) SB_TRY(apply(p->c, (transform){p->a, p->b, p->y, p->bias}, variance));
  for (int k = 0; k < 2; k++) {
    const side *s = k ? p->b : p->a;
    for (int64_t i = 0; i < s->count; i++) far = fmax(far, fabs(s->next[i] - s->potential[i]));
  }
  SB_TRY(sb_max_real(p->c, &far, 1));
  p->residual = far / variance;
  return SB_OK;
}

static void take(side *s, double part) {
  for (int64_t i = 0; i < s->count; i++) s->potential[i] += part * (s->next[i] - s->potential[i]);
}

static void take_both(problem *p, double part) {
  take(p->a, part);
  if (p->b != p->a) take(p->b, part);
}

/* Collective. */
static sb_status solve(problem *p, double widest, double variance, double tolerance, int64_t most,
                       double *value) {
  double now = fmax(widest, variance), sum[2] = {0, 0};
  for (int k = 0; k < 2; k++) {
    side *s = k ? p->b : p->a;
    for (int64_t i = 0; i < s->count; i++) s->potential[i] = 0;
  }
  for (p->iterations = 0;; p->iterations++) {
    SB_TRY(transform_both(p, now));
    if (now <= variance && (p->residual <= tolerance || p->iterations >= most)) break;
    take_both(p, 0.5);
    now = fmax(now / COOLING, variance);
  }
  take_both(p, 1);
  SB_TRY(sb_sum_rows(p->c, p->a->p.n, 1, p->a->potential, &sum[0], "entropic transport"));
  SB_TRY(sb_sum_rows(p->c, p->b->p.n, 1, p->b->potential, &sum[1], "entropic transport"));
  *value = sum[0] / (double)p->a->p.n + sum[1] / (double)p->b->p.n;
  return SB_OK;
}

/* Collective. Square of the diagonal of the box around both sets; SB_BAD where a number is none. */
static sb_status measure(const sb_comm *c, const side *a, const side *b, double *square) {
  const int d = a->p.d;
  double *ends = NULL; /* [2 d] largest, and largest of the negatives */
  int64_t bad = 0;
  sb_status s = sb_agree(c, SB_NEW(&ends, 2 * d, "transport: box"));
  for (int i = 0; !s && i < 2 * d; i++) ends[i] = -HUGE_VAL;
  for (int k = 0; !s && k < 2; k++) {
    const side *of = k ? b : a;
    for (int64_t i = 0; i < of->count * d; i++) {
      const double x = of->p.x[i];
      bad += !isfinite(x);
      ends[i % d] = fmax(ends[i % d], x);
      ends[d + i % d] = fmax(ends[d + i % d], -x);
    }
  }
  if (!s) s = sb_max_real(c, ends, 2 * d);
  if (!s) s = sb_sum_int(c, &bad, 1);
  *square = 0;
  for (int i = 0; !s && i < d; i++) *square += (ends[i] + ends[d + i]) * (ends[i] + ends[d + i]);
  sb_mem_free(ends);
  if (!s && bad)
    s = sb_fail(SB_BAD, "entropic transport: %lld coordinates are not finite", (long long)bad);
  return s;
}

static sb_status solve_all(const sb_comm *c, side s[2], double *y, double *bias, double variance,
                           double tolerance, int64_t most, sb_sinkhorn *out) {
  const int pair[3][2] = {{0, 1}, {0, 0}, {1, 1}};
  const double weight[3] = {1, -0.5, -0.5};
  double widest, value = 0;
  SB_TRY(measure(c, &s[0], &s[1], &widest));
  *out = (sb_sinkhorn){0, 0, 0};
  for (int k = 0; k < 3; k++) {
    problem p = {.c = c, .a = &s[pair[k][0]], .b = &s[pair[k][1]], .y = y, .bias = bias};
    SB_TRY(solve(&p, widest, variance, tolerance, most, &value));
    out->value += weight[k] * value;
    out->residual = fmax(out->residual, p.residual);
    if (p.iterations > out->iterations) out->iterations = p.iterations;
  }
  out->value = fmax(out->value, 0);
  return SB_OK;
}

sb_status sb_sinkhorn_divergence(const sb_comm *c, sb_points a, sb_points b, double variance,
                                 double tolerance, int64_t most, sb_sinkhorn *out) {
  side s[2] = {{.count = 0}, {.count = 0}};
  double *y = NULL, *bias = NULL;
  if (a.d != b.d || a.d < 1 || a.n < 1 || b.n < 1 || !(variance > 0) || !isfinite(variance))
    return sb_fail(SB_USE,
                   "entropic transport of %lld points (dimension %d) and %lld (%d), variance %g",
                   (long long)a.n, a.d, (long long)b.n, b.d, variance);
  sb_status status = open_side(c, a, &s[0]);
  if (!status) status = open_side(c, b, &s[1]);
  if (!status) status = SB_NEW(&y, SB_BLOCK * (int64_t)a.d, "transport: points");
  if (!status) status = SB_NEW(&bias, SB_BLOCK, "transport: points");
  status = sb_agree(c, status);
  if (!status) status = solve_all(c, s, y, bias, variance, tolerance, most, out);
  sb_mem_free(bias);
  sb_mem_free(y);
  close_side(&s[1]);
  close_side(&s[0]);
  return status;
}
