/* Symmetric Sinkhorn scaling of a Gaussian kernel (sb/scaling.h).
 *
 * Linearised about the solution an iteration log v <- log v - a log(v k v) multiplies errors by 1 -
 * a (1 + P), P the bistochastic matrix, with eigenvalues in [0, 1] where k is positive definite.
 * The plain iteration is a = 1/2; with momentum, a and b are those of Polyak's heavy ball for 1 + P
 * in [1, 2]. */
#include <math.h>
#include <string.h>

#include "sb/clock.h"
#include "sb/mathfn.h"
#include "sb/mem.h"
#include "sb/scaling.h"
#include "sb/watchdog.h"

#define PLAIN    3 /* iterations before momentum */
#define RATE     0.68629150101523961
#define MOMENTUM 0.02943725152285942
#define FACTOR   6    /* what momentum takes off the residual in a product */
#define START    3    /* products before that */
#define NEAR     4e-6 /* where float hands over to double */
#define PATIENCE 10   /* products in which the residual has to fall by a hundredth */

typedef struct scaling {
  const sb_comm *comm;
  int64_t n;
  sb_share share;
  sb_gram *gram;
  double *v;      /* [n]                                          */
  double *sum;    /* [count] own rows of k v                      */
  double *before; /* [count] own log v of the iteration before    */
  double *own;    /* [count]                                      */
} scaling;

double sb_scale_bytes(int ranks, int64_t n, int d, int storage) {
  return sb_gram_bytes(ranks, n, d, storage) + 8 * (double)n +
         24 * (double)sb_share_at(0, ranks, n).count;
}

void sb_scale_products(const sb_scaling_options *o, double *in_float, double *in_double) {
  const double to = o->precision == SB_MIXED ? NEAR : o->tolerance,
               most = (double)o->iterations + 1;
  const double first = fmin(most, START + fmax(0, ceil(-log(to) / log(FACTOR))));
  const double rest = fmin(most - first, 1 + fmax(0, ceil(log(NEAR / o->tolerance) / log(FACTOR))));
  *in_float = o->precision == SB_DOUBLE ? 0 : first;
  *in_double = o->precision == SB_DOUBLE ? first : o->precision == SB_FLOAT ? 1 : rest;
}

static sb_status allocate(scaling *s) {
  SB_TRY(SB_NEW(&s->v, s->n, "scaling"));
  SB_TRY(SB_NEW(&s->sum, s->share.count, "sums of rows"));
  SB_TRY(SB_NEW(&s->before, s->share.count, "scaling"));
  return SB_NEW(&s->own, s->share.count, "scaling");
}

static void release(scaling *s) {
  void *const blocks[] = {s->v, s->sum, s->before, s->own};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) sb_mem_free(blocks[i]);
  sb_gram_close(s->gram);
}

/* sum = k v of the own rows, and the largest residual of all. */
static sb_status multiply(scaling *s, const double *log_v, int in_float, double *worst) {
  sb_kernel()->exp64(s->n, log_v, s->v);
  SB_TRY(sb_gram_times(s->gram, s->v, in_float, s->sum));
  *worst = 0;
  for (int64_t i = 0; i < s->share.count; i++) {
    const double gap = fabs(s->v[s->share.first + i] * s->sum[i] - 1);
    if (!(gap <= *worst)) *worst = isnan(gap) ? HUGE_VAL : gap;
  }
  return sb_max_real(s->comm, worst, 1);
}

/* One iteration of the own rows, then everybody's. */
static sb_status improve(scaling *s, double rate, double momentum, double *log_v) {
  for (int64_t i = 0; i < s->share.count; i++) {
    const double l = log_v[s->share.first + i];
    s->own[i] = l - rate * (l + sb_log(s->sum[i])) + momentum * (l - s->before[i]);
    s->before[i] = l;
  }
  return sb_gather_rows(s->comm, s->n, 1, sizeof *log_v, s->own, log_v);
}

/* How far the residual has come down. */
typedef struct progress {
  double last, least; /* residuals                       */
  int64_t since;      /* products without a new least one */
} progress;

static void start_over(progress *p) { *p = (progress){HUGE_VAL, HUGE_VAL, 0}; }

/* Has it grown? */
static int look(progress *p, double residual) {
  const int grew = residual >= p->last;
  p->last = residual;
  p->since++;
  if (residual < .99 * p->least) p->least = residual, p->since = 0;
  return grew;
}

/* The residual of what float tiles ended with, in double. */
static sb_status confirm(scaling *s, const sb_scaling_options *o, const double *log_v,
                         sb_scaling_result *r) {
  SB_TRY(multiply(s, log_v, 0, &r->residual));
  r->iterations++;
  if (r->residual < o->tolerance)
    r->end = SB_SCALE_CONVERGED;
  else if (r->end == SB_SCALE_CONVERGED)
    r->end = SB_SCALE_STALLED;
  return SB_OK;
}

static sb_status bad_sum(int in_float) {
  return sb_fail(SB_BAD, "scaling of a kernel: a sum is not finite; %s",
                 in_float ? "kernel.precision mixed or double" : "are all data?");
}

static sb_scale_end ends(const sb_scaling_options *o, int in_float, int64_t k, const progress *p) {
  const int counts = !in_float || o->precision == SB_FLOAT;
  /* of float tiles, half: what they say is not quite so */
  if (counts && p->last < (in_float ? .5 : 1) * o->tolerance) return SB_SCALE_CONVERGED;
  if (p->since > PATIENCE) return SB_SCALE_STALLED;
  return k == o->iterations ? SB_SCALE_BUDGET : SB_SCALE_GOES_ON;
}

static sb_status iterate(scaling *s, const sb_scaling_options *o, double *log_v,
                         sb_scaling_result *r) {
  int in_float = o->precision != SB_DOUBLE, plain = 0;
  progress p;
  start_over(&p);
  for (int64_t k = 0;; k++) {
    sb_beat("scaling", "the kernel", k);
    SB_TRY(multiply(s, log_v, in_float, &r->residual));
    r->iterations++;
    r->in_float += in_float;
    const int grew = look(&p, r->residual), handover = in_float && o->precision == SB_MIXED;
    if (!isfinite(r->residual) && !handover) return bad_sum(in_float);
    r->end = ends(o, in_float, k, &p);
    if (r->end) return in_float ? confirm(s, o, log_v, r) : SB_OK;
    if (handover && (p.last < NEAR || !isfinite(p.last) || (grew && k > PLAIN))) {
      in_float = 0;
      start_over(&p);
      continue; /* the same v again: its residual in double */
    }
    plain |= grew && k > PLAIN;
    const int fast = k >= PLAIN && !plain;
    SB_TRY(improve(s, fast ? RATE : 0.5, fast ? MOMENTUM : 0, log_v));
  }
}

sb_status sb_scale(const sb_comm *c, const sb_centres *k, const sb_scaling_options *o,
                   double *log_v, sb_scaling_result *result) {
  scaling s = {.comm = c, .n = k->n, .share = sb_share_of(c, k->n)};
  const double began = sb_clock();
  *result = (sb_scaling_result){.residual = HUGE_VAL};
  if (o->precision == SB_FLOAT && o->tolerance < SB_FLOAT_FLOOR)
    return sb_fail(
        SB_USE,
        "kernel.precision: float stalls at residuals of about 1e-7, a tolerance of %g needs mixed "
        "or double; float can be asked for %g",
        o->tolerance, SB_FLOAT_FLOOR);
  memset(log_v, 0, (size_t)k->n * sizeof *log_v);
  sb_status status = sb_agree(c, allocate(&s));
  if (!status) status = sb_gram_open(c, k, o->storage, &s.gram);
  if (!status) status = iterate(&s, o, log_v, result);
  result->converged = result->end == SB_SCALE_CONVERGED;
  release(&s);
  result->seconds = sb_clock() - began;
  return status;
}
