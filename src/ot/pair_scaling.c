/* Sinkhorn's iteration for two samples (sb/pair_scaling.h). */
#include "sb/pair_scaling.h"

#include <math.h>
#include <string.h>

#include "centres.h"
#include "sb/clock.h"
#include "sb/mathfn.h"
#include "sb/mem.h"
#include "sb/watchdog.h"

#define LOOK    8     /* iterations between looks at the rate */
#define LARGE   1e300 /* an error beyond counting */
#define RELAXED 1.95  /* at most */

typedef struct pairing {
  const sb_comm *comm;
  const sb_centres *x, *y;
  double *rows; /* [64, width of the widest table] points of a tile */
  double *own;  /* [largest share] */
} pairing;

double sb_scale_pair_bytes(int64_t n, int64_t m, int d) {
  const double more = (double)(n > m ? n : m);
  return 2 * sb_soft_bytes((int64_t)more, d, 0, 0) + 8.0 * SB_BLOCK * d + 24 * more;
}

/* own = log mean_j exp(bias_j) k(x_i, y_j) of this rank's rows of x. */
static sb_status reduce(const pairing *p, const sb_centres *x, const sb_centres *y,
                        const double *bias) {
  const sb_share share = sb_share_of(p->comm, x->n);
  const double log_n = sb_log((double)y->n);
  sb_soft *soft = NULL;
  sb_status s = sb_soft_open(y, bias, 0, NULL, 0, &soft);
  for (int64_t i = 0; !s && i < share.count; i += SB_BLOCK) {
    const int rows = (int)(share.count - i < SB_BLOCK ? share.count - i : SB_BLOCK);
    for (int r = 0; r < rows; r++) {
      const float *from = centre(x, share.first + i + r);
      for (int k = 0; k < x->width; k++) p->rows[r * x->width + k] = (double)from[k];
    }
    sb_soft_mean(soft, rows, p->rows, NULL, NULL, NULL, p->own + i);
    sb_tick();
  }
  for (int64_t i = 0; !s && i < share.count; i++) p->own[i] -= log_n;
  sb_soft_close(soft);
  return sb_agree(p->comm, s);
}

/* New potentials at x from those at y, relaxed: to [n]; change: the largest |exp(old - new) - 1|.
 */
static sb_status step(const pairing *p, const sb_centres *x, const sb_centres *y,
                      const double *bias, double relax, double *to, double *change) {
  const sb_share share = sb_share_of(p->comm, x->n);
  double worst = 0;
  SB_TRY(reduce(p, x, y, bias));
  for (int64_t i = 0; i < share.count; i++) {
    const double old = to[share.first + i], gap = old + p->own[i];
    const double far = gap < 690 ? fabs(sb_exp(gap) - 1) : LARGE;
    worst = isfinite(gap) ? fmax(worst, far) : HUGE_VAL;
    p->own[i] = old - relax * gap;
  }
  *change = worst;
  SB_TRY(sb_max_real(p->comm, change, 1));
  SB_TRY(sb_gather_rows(p->comm, x->n, 1, sizeof *to, p->own, to));
  return isinf(*change)
             ? sb_fail(SB_BAD, "potentials of two samples: a sum is not finite; are all data?")
             : SB_OK;
}

/* Where relaxation by w makes the residual fall by l each time, the plain iteration's rate r is
 * that of Young's (l + w - 1)^2 = l w^2 r; the factor that suits it is 2 / (1 + (1 - r)^(1/2)). */
static double relaxation(double w, double l) {
  if (!(l < 1)) return 1;
  if (l <= w - 1) return w; /* it turns about 0: as fast as it gets */
  const double r = (l + w - 1) * (l + w - 1) / (l * w * w);
  return r < 1 ? fmin(2 / (1 + sqrt(1 - r)), RELAXED) : RELAXED;
}

static sb_status iterate(const pairing *p, const sb_pair_options *o, double *a, double *b,
                         sb_pair_result *r) {
  double relax = 1, before = HUGE_VAL, ignored;
  for (int64_t k = 0; k < o->iterations; k++) {
    sb_beat("scaling", "two samples", k);
    SB_TRY(step(p, p->x, p->y, b, k ? relax : 1, a, &ignored));
    SB_TRY(step(p, p->y, p->x, a, relax, b, &r->residual));
    r->iterations++;
    if (r->residual < o->tolerance) break;
    if (k % LOOK) continue;
    const double rate = sb_exp(sb_log(r->residual / before) / LOOK);
    if (k > LOOK) relax = relaxation(relax, rate); /* the first ones are not typical */
    before = r->residual;
  }
  /* Both ends as they belong together: exact rows, and what that leaves of the columns. */
  SB_TRY(step(p, p->x, p->y, b, 1, a, &ignored));
  SB_TRY(reduce(p, p->y, p->x, a));
  r->residual = 0;
  for (int64_t j = 0, first = sb_share_of(p->comm, p->y->n).first;
       j < sb_share_of(p->comm, p->y->n).count; j++)
    r->residual = fmax(r->residual, fabs(sb_exp(fmin(b[first + j] + p->own[j], 700)) - 1));
  SB_TRY(sb_max_real(p->comm, &r->residual, 1));
  r->converged = r->residual <= 2 * o->tolerance;
  return SB_OK;
}

/* 1 / sum of squares of the weights of a row: by the same kernel with everything doubled. */
static sb_status count_effective(const pairing *p, const double *b, double *out) {
  const sb_share share = sb_share_of(p->comm, p->x->n);
  sb_centres x = *p->x, y = *p->y;
  double *scale = NULL, *twice = NULL, *single = NULL;
  const double log_m = sb_log((double)y.n);
  sb_status s = SB_NEW(&scale, y.d, "scale of a kernel");
  if (!s) s = SB_NEW(&twice, y.n, "potentials");
  if (!s) s = SB_NEW(&single, share.count, "sums of rows");
  s = sb_agree(p->comm, s);
  for (int k = 0; !s && k < y.d; k++) scale[k] = sqrt(2.0) * p->y->scale[k];
  for (int64_t j = 0; !s && j < y.n; j++) twice[j] = 2 * b[j];
  if (!s) s = reduce(p, &x, &y, b);
  if (!s) memcpy(single, p->own, (size_t)share.count * sizeof *single);
  x.scale = y.scale = scale;
  if (!s) s = reduce(p, &x, &y, twice);
  for (int64_t i = 0; !s && i < share.count; i++)
    single[i] = sb_exp(2 * single[i] - p->own[i] + log_m);
  if (!s) s = sb_sum_rows(p->comm, x.n, 1, single, out, "effective end points");
  *out /= (double)x.n;
  sb_mem_free(single);
  sb_mem_free(twice);
  sb_mem_free(scale);
  return s;
}

sb_status sb_scale_pair(const sb_comm *c, const sb_centres *x, const sb_centres *y,
                        const sb_pair_options *o, double *a, double *b, sb_pair_result *result) {
  pairing p = {.comm = c, .x = x, .y = y};
  const int64_t rows = sb_share_of(c, x->n).count, columns = sb_share_of(c, y->n).count;
  const double began = sb_clock();
  *result = (sb_pair_result){.residual = HUGE_VAL};
  sb_status s =
      SB_NEW(&p.rows, (int64_t)SB_BLOCK * (x->width > y->width ? x->width : y->width), "a tile");
  if (!s) s = SB_NEW(&p.own, rows > columns ? rows : columns, "potentials");
  s = sb_agree(c, s);
  if (!s) s = iterate(&p, o, a, b, result);
  if (!s) s = count_effective(&p, b, &result->effective);
  sb_mem_free(p.own);
  sb_mem_free(p.rows);
  result->seconds = sb_clock() - began;
  return s;
}
