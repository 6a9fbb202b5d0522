/* The Sinkhorn bridge. Source: A.-A. Pooladian, J. Niles-Weed, "Plug-in estimation of Schrödinger
 * bridges", 2024 (arXiv 2408.11686).
 *
 * Nothing is trained. The potentials of static entropic transport between the two samples give the
 * drift of the bridge between them at any point: with v the reference's variance and b_j the
 * potential at y_j in units of v,
 *
 *   u(t, x) = (sum_j w_j y_j - x) / (1 - t),   w_j ~ exp(b_j - |x - y_j|^2 / (2 v (1 - t)))
 * and backward the same with the other sample and t for 1 - t. Draws end near rows of the table:
 * the bridge of the samples, not of their laws, whose error falls like that of the samples'
 * moments. */
#include "sb/pair_scaling.h"

#include <math.h>
#include <string.h>

#include "sb/log.h"
#include "sb/mem.h"
#include "sb/pair.h"
#include "sb/watchdog.h"

#define FEW  3.0 /* end points that a start sees, below which the plan is nearly a map */
#define MOST 0.9 /* part of all end points, above which it is nearly independent  */

typedef struct sinkhorn {
  sb_pair pair;
  double tolerance;
  int64_t iterations, steps;
  int final_noise;

  int d;
  int *coordinate;            /* [d] 0, 1, ...                                             */
  double *scale;              /* [d] of the scaling: (2 v)^(-1/2)                          */
  double *at;                 /* [d] the same with what is left of v at the prepared time  */
  double *potential[2];       /* at source [n], at data [m], in units of v                 */
  int64_t found[3];           /* done, iterations, converged                               */
  double quality[2];          /* residual; effective end points                            */
  sb_centres centres[2], end; /* source, data; the end of the run's direction              */
  sb_soft *soft, *second;     /* averages of its rows; with products                       */
  double left;                /* time left at the prepared time                            */
} sinkhorn;

/* clang-format off */
static const sb_key method_keys[] = {
  SB_REAL(sinkhorn, tolerance, "1e-6", 1e-13, 1, "", 
    "relative error of the plan's column sums at which it has converged"),
  SB_INT(sinkhorn, iterations, "2000", 1, 1e9, "", "iterations at most, each over all pairs of rows twice"),
  {0}};
static const sb_key sample_keys[] = {
  SB_INT(sinkhorn, steps, "100", 1, 1e9, "", "Euler-Maruyama steps"),
  SB_BOOL(sinkhorn, final_noise, "false",
    "noise in the last step; without it draws end at averages of rows, with it their variance grows by v / steps"),
  {0}};
/* clang-format on */

static int sections(void *state, sb_section *out, int most) {
  sinkhorn *s = state;
  const sb_section all[] = {
      {"reference", NULL, sb_pair_reference, &s->pair, "reference process"},
      {"field", NULL, sb_pair_field, &s->pair, "where the drift comes from"},
      {"sinkhorn", NULL, method_keys, s, "method sinkhorn"},
      {"sample", NULL, sample_keys, s, "sampling of a bridge"},
  };
  const int n = (int)(sizeof all / sizeof *all);
  memcpy(out, all, (size_t)(n < most ? n : most) * sizeof *out);
  return n;
}

static int64_t bytes(sb_run *run) {
  const int64_t n = run->source->n, m = run->data->n;
  const double d = run->data->d, all = sb_scale_pair_bytes(n, m, run->data->d) +
                                       sb_soft_bytes(n > m ? n : m, run->data->d, run->data->d, 1) +
                                       8.0 * (double)(n + m) + 48 * d;
  return all < 9e18 ? (int64_t)all : INT64_MAX;
}

static sb_centres centres_of(const sinkhorn *s, const sb_data *data, const double *scale) {
  return (sb_centres){.n = data->n,
                      .d = s->d,
                      .coordinate = s->coordinate,
                      .scale = scale,
                      .x = data->x,
                      .width = s->d,
                      .row = data->row,
                      .form = SB_WIDTH_ONE};
}

static sb_status allocate(sinkhorn *s) {
  SB_TRY(SB_NEW(&s->coordinate, s->d, "coordinates"));
  SB_TRY(SB_NEW(&s->scale, s->d, "scale of a kernel"));
  SB_TRY(SB_NEW(&s->at, s->d, "scale of a kernel"));
  SB_TRY(SB_NEW(&s->potential[0], s->pair.run->source->n, "potentials"));
  return SB_NEW(&s->potential[1], s->pair.run->data->n, "potentials");
}

static sb_status open(sb_run *run) {
  sinkhorn *s = run->state;
  SB_TRY(sb_pair_open(run, &s->pair));
  s->d = run->data->d;
  SB_TRY_ALL(run->comm, allocate(s));
  for (int k = 0; k < s->d; k++) {
    s->coordinate[k] = k;
    s->scale[k] = 1 / sqrt(2 * s->pair.variance);
  }
  s->centres[0] = centres_of(s, run->source, s->scale);
  s->centres[1] = centres_of(s, run->data, s->scale);
  s->end = centres_of(s, sb_run_end(run), s->at);
  return SB_OK;
}

static void close(sb_run *run) {
  sinkhorn *s = run->state;
  void *const blocks[] = {s->coordinate, s->scale, s->at, s->potential[0], s->potential[1]};
  sb_soft_close(s->soft);
  sb_soft_close(s->second);
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) sb_mem_free(blocks[i]);
  sb_pair_close(run);
}

static int tasks(sb_run *run, sb_task **out, int most) {
  (void)run, (void)out, (void)most;
  return 0;
}

/* --- Potentials
 * ------------------------------------------------------------------------------------------------
 */

static void warn(const sinkhorn *s) {
  const double m = (double)s->centres[1].n, sees = s->quality[1], v = s->pair.variance;
  if (!s->found[2])
    sb_warn(
        "the potentials have residual %.1e after %lld iterations, sinkhorn.tolerance is %g: raise "
        "sinkhorn.iterations, or reference.variance, %g",
        s->quality[0], (long long)s->found[1], s->tolerance, v);
  if (sees < FEW && m > 5 * FEW)
    sb_warn(
        "reference.variance = %g is small for %.0f points: a start sees %.2f of them on average, "
        "so "
        "that draws repeat rows; a larger variance, or more points",
        v, m, sees);
  if (sees > MOST * m)
    sb_warn(
        "reference.variance = %g is large: a start sees %.0f of %.0f points, as if start and end "
        "were independent; steps are to be many",
        v, sees, m);
}

static sb_status prepare(sb_run *run) {
  sinkhorn *s = run->state;
  const sb_pair_options o = {s->tolerance, s->iterations};
  if (s->pair.source == SB_SOURCE_EXACT) return SB_OK;
  if (!s->found[0]) {
    sb_pair_result r;
    SB_TRY(sb_scale_pair(run->comm, &s->centres[0], &s->centres[1], &o, s->potential[0],
                         s->potential[1], &r));
    s->found[0] = 1, s->found[1] = r.iterations, s->found[2] = r.converged;
    s->quality[0] = r.residual, s->quality[1] = r.effective;
    sb_say(
        "potentials  %lld x %lld points: %s, residual %.1e after %lld iterations, %.2f s; a start "
        "sees %.1f end points\n",
        (long long)s->centres[0].n, (long long)s->centres[1].n,
        r.converged ? "converged" : "not converged", r.residual, (long long)r.iterations, r.seconds,
        r.effective);
    warn(s);
  }
  run->open_end = !s->found[2];
  return SB_OK;
}

static int prepared(sb_run *run, sb_block *out, int most) {
  sinkhorn *s = run->state;
  static const char *const paths[] = {"/sinkhorn/source", "/sinkhorn/data"};
  if (most < 4) return 0;
  for (int k = 0; k < 2; k++) {
    out[k] = (sb_block){.meaning = "potential of each training row, in units of the variance",
                        .kind = SB_KIND_F64,
                        .rank = 1,
                        .shape = {s->centres[k].n},
                        .data = s->potential[k]};
    strcpy(out[k].path, paths[k]);
  }
  out[2] = (sb_block){.path = "/sinkhorn/found",
                      .meaning = "done, iterations, converged",
                      .kind = SB_KIND_I64,
                      .rank = 1,
                      .shape = {3},
                      .data = s->found};
  out[3] = (sb_block){.path = "/sinkhorn/quality",
                      .meaning = "residual; end points that a start sees",
                      .kind = SB_KIND_F64,
                      .rank = 1,
                      .shape = {2},
                      .data = s->quality};
  return 4;
}

/* --- Drift
 * -----------------------------------------------------------------------------------------------
 */

static const double *bias(const sinkhorn *s) { return s->potential[!s->pair.run->backward]; }

static sb_status at(void *self, double t, int64_t step) {
  sinkhorn *s = self;
  (void)step;
  s->left = s->pair.run->backward ? t : 1 - t;
  if (!(s->left > 0))
    return sb_fail(SB_BAD, "the Sinkhorn bridge has no drift where it ends, t = %g", t);
  for (int k = 0; k < s->d; k++) s->at[k] = 1 / sqrt(2 * s->pair.variance * s->left);
  return SB_OK;
}

static sb_status drift(void *self, int64_t first, int rows, const double *x, double *b) {
  sinkhorn *s = self;
  (void)first;
  sb_soft_mean(s->soft, rows, x, NULL, b, NULL, NULL);
  for (int i = 0; i < rows * s->d; i++) b[i] = (b[i] - x[i]) / s->left;
  return SB_OK;
}

static sb_status legs(sb_run *run, sb_view view, sb_leg *out, int most, int *n) {
  sinkhorn *s = run->state;
  *n = 1;
  if (most < 1) return sb_fail(SB_SYS, "sinkhorn: no room for a leg");
  if (sb_pair_is_exact(&s->pair, view)) return sb_pair_closed(&s->pair, s->steps, out);
  sb_soft_close(s->soft);
  s->soft = NULL;
  SB_TRY_ALL(run->comm, sb_soft_open(&s->end, bias(s), s->d, s->coordinate, 0, &s->soft));
  sb_pair_leg(&s->pair, s->steps, out);
  out->field.name = "Sinkhorn drift";
  out->field.at = at;
  out->field.eval = drift;
  out->quiet_end = !s->final_noise;
  return SB_OK;
}

/* The plan of the samples, at any point. */
static sb_status plan(sb_run *run, int64_t rows, const double *x, double *mean, double *cov) {
  sinkhorn *s = run->state;
  const int64_t d = s->d;
  if (s->pair.source == SB_SOURCE_EXACT) {
    sb_bridge_plan(run->bridge, run->backward, rows, x, mean, cov);
    return SB_OK;
  }
  if (!s->second) SB_TRY(sb_soft_open(&s->end, bias(s), s->d, s->coordinate, 1, &s->second));
  for (int k = 0; k < s->d; k++) s->at[k] = s->scale[k];
  for (int64_t i = 0; i < rows; i += SB_BLOCK) {
    const int count = (int)(rows - i < SB_BLOCK ? rows - i : SB_BLOCK);
    sb_soft_mean(s->second, count, x + i * d, NULL, mean + i * d, cov + i * d * d, NULL);
    sb_tick();
  }
  return SB_OK;
}

const sb_method sb_method_sinkhorn = {
    .name = "sinkhorn",
    .summary = "bridge of two samples: drift from static entropic potentials, no training",
    .source = "Pooladian, Niles-Weed 2024, arXiv 2408.11686",
    .needs = 2,
    .state_size = sizeof(sinkhorn),
    .sections = sections,
    .bytes = bytes,
    .open = open,
    .close = close,
    .tasks = tasks,
    .prepare = prepare,
    .prepared = prepared,
    .legs = legs,
    .marginal = sb_pair_marginal,
    .density = sb_pair_density,
    .plan = plan,
};
