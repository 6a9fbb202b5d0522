/* What is sampled: chains of a direction, with Langevin corrections where asked for, or the
 * probability flow; and the log density that the flow gives.
 *
 * On step j the forward drift is f = (F_j(x) - x) / (t_{j+1} - t_j) of the network labelled t_j,
 * the backward one b that of the network labelled t_{j+1}, both per unit t. With g^2 the
 * reference's variance: score = (f + b) / g^2, flow v = (f - b) / 2 (De Bortoli et al. 2021,
 * section 5), and d log p(x_t) / dt = -div v along the flow. */
#include <math.h>
#include <string.h>

#include "dsb.h"
#include "sb/mem.h"
#include "sb/noise.h"
#include "sb/spd.h"

#define TRACE_MOST 16 /* dimensions up to which traces are exact */
#define PROBES     8  /* random directions beyond */

typedef struct dsb_view {
  int direction, j;
  int64_t step;
  double *f, *b, *at;         /* [64, d] */
  float *noise;               /* [64, d] */
  double *factor;             /* [d, d] of the noise of a step, where it has one of its own */
  sb_tape *slope[DIRECTIONS]; /* forward and backward: for divergences; opened when asked for */
} dsb_view;

void dsb_fields_close(dsb *s) {
  dsb_view *v = s->view;
  if (!v) return;
  for (int i = 0; i < DIRECTIONS; i++) sb_tape_close(v->slope[i]);
  sb_mem_free(v->f);
  sb_mem_free(v->b);
  sb_mem_free(v->at);
  sb_mem_free(v->noise);
  sb_mem_free(v->factor);
  sb_mem_free(v);
  s->view = NULL;
}

static sb_status open_view(dsb *s) {
  const int64_t tile = (int64_t)SB_BLOCK * s->d;
  SB_TRY(SB_NEW(&s->view, 1, "fields"));
  SB_TRY(SB_NEW(&s->view->f, tile, "tile of drifts"));
  SB_TRY(SB_NEW(&s->view->b, tile, "tile of drifts"));
  SB_TRY(SB_NEW(&s->view->at, tile, "tile of points"));
  SB_TRY(SB_NEW(&s->view->noise, tile, "tile of noise"));
  if (s->affine[0].noise) SB_TRY(SB_NEW(&s->view->factor, (int64_t)s->d * s->d, "factor of noise"));
  for (int i = 0; i < DIRECTIONS; i++) dsb_step_load(s, i);
  return SB_OK;
}

/* The step that a time belongs to: t_j <= t < t_{j+1}, of backward chains t_j < t <= t_{j+1}. */
static int step_at(const dsb *s, int direction, double t) {
  int j = sb_reference_at(&s->reference, t);
  return direction == TO_SOURCE && j > 0 && s->reference.time[j] == t ? j - 1 : j;
}

/* Drift of a direction on step j, per unit t of its own clock. */
static void drift(dsb *s, int direction, int j, int rows, const double *x, double *b) {
  const double length = dsb_length(s, j);
  dsb_step_at(s, direction, dsb_label(s, direction, j, 1));
  dsb_step(s, direction, j, rows, x, b);
  for (int i = 0; i < rows * s->d; i++) b[i] /= length;
}

static sb_status at(void *self, double t, int64_t step) {
  dsb *s = self;
  s->view->j = step_at(s, s->view->direction, t);
  s->view->step = step;
  return SB_OK;
}

static sb_status eval(void *self, int64_t first, int rows, const double *x, double *b) {
  dsb *s = self;
  (void)first;
  drift(s, s->view->direction, s->view->j, rows, x, b);
  return SB_OK;
}

/* The flow on step j, forward in t. */
static void flow(dsb *s, int j, int rows, const double *x, double *v) {
  drift(s, TO_DATA, j, rows, x, s->view->f);
  drift(s, TO_SOURCE, j, rows, x, s->view->b);
  for (int i = 0; i < rows * s->d; i++) v[i] = 0.5 * (s->view->f[i] - s->view->b[i]);
}

static sb_status eval_flow(void *self, int64_t first, int rows, const double *x, double *b) {
  dsb *s = self;
  (void)first;
  flow(s, s->view->j, rows, x, b);
  if (s->view->direction == TO_SOURCE)
    for (int i = 0; i < rows * s->d; i++) b[i] = -b[i];
  return SB_OK;
}

/* Step j of the flow over the time h (< 0: back) by the midpoint rule; x to x, mid keeps the
 * middle. */
static void flow_step(dsb *s, int j, double h, int rows, double *x, double *mid) {
  const int n = rows * s->d;
  flow(s, j, rows, x, mid);
  for (int i = 0; i < n; i++) mid[i] = x[i] + 0.5 * h * mid[i];
  flow(s, j, rows, mid, s->view->f);
  for (int i = 0; i < n; i++) x[i] += h * s->view->f[i];
}

static sb_status step_flow(void *self, int64_t first, int rows, double *x) {
  dsb *s = self;
  const dsb_view *v = s->view;
  const int64_t parts = s->sample.substeps;
  const double h = dsb_length(s, v->j) / (double)parts * (v->direction == TO_DATA ? 1 : -1);
  (void)first;
  for (int64_t k = 0; k < parts; k++) flow_step(s, v->j, h, rows, x, v->at);
  return SB_OK;
}

/* A step of the chain, then Langevin steps x += delta score + (2 delta)^(1/2) z where it led to. */
static sb_status step_corrected(void *self, int64_t first, int rows, double *x) {
  dsb *s = self;
  const dsb_view *v = s->view;
  const int n = rows * s->d, last = v->step == s->steps - 1;
  const double gamma = s->reference.gamma[v->j], delta = s->sample.corrector_step * gamma;
  const double gain = delta / s->reference.total, shake = sqrt(2 * delta);
  const uint32_t way = (uint32_t)v->direction;
  const uint64_t path = sb_noise_key(s->run->seed, SB_FOR_PATH, way, 0),
                 more = sb_noise_key(s->run->seed, SB_FOR_DRAWS, way, 0);
  const double sigma = last && !s->sample.noise_last_step ? 0 : sqrt(2 * gamma);
  drift(s, v->direction, v->j, rows, x, v->at);
  sb_noise_normals(path, first, rows, (uint32_t)v->step, s->d, v->noise);
  for (int i = 0; i < n; i++) x[i] += dsb_length(s, v->j) * v->at[i] + sigma * (double)v->noise[i];
  for (int64_t k = 0; k < s->sample.corrector && !last; k++) {
    drift(s, TO_DATA, v->j, rows, x, v->f);
    drift(s, TO_SOURCE, v->j, rows, x, v->b);
    sb_noise_normals(more, first, rows, (uint32_t)(v->step * s->sample.corrector + k), s->d,
                     v->noise);
    for (int i = 0; i < n; i++) x[i] += gain * (v->f[i] + v->b[i]) + shake * (double)v->noise[i];
  }
  return SB_OK;
}

/* A step of noise with a covariance of its own. */
static sb_status step_exact(void *self, int64_t first, int rows, double *x) {
  dsb *s = self;
  const dsb_view *v = s->view;
  const int d = s->d, noisy = v->step < s->steps - 1 || s->sample.noise_last_step;
  const uint64_t path = sb_noise_key(s->run->seed, SB_FOR_PATH, (uint32_t)v->direction, 0);
  double *factor = v->factor;
  memcpy(factor, s->affine[v->direction].noise + (int64_t)v->j * d * d,
         (size_t)(d * d) * sizeof *factor);
  SB_TRY(sb_cholesky(d, factor));
  dsb_step(s, v->direction, v->j, rows, x, v->at);
  sb_noise_normals(path, first, rows, (uint32_t)v->step, d, v->noise);
  for (int i = 0; i < rows; i++)
    for (int k = 0; k < d; k++) {
      double sum = x[i * d + k] + v->at[i * d + k];
      for (int l = 0; l <= k && noisy; l++) sum += factor[k * d + l] * (double)v->noise[i * d + l];
      x[i * d + k] = sum;
    }
  return SB_OK;
}

/* Whole steps of those that are not Euler-Maruyama's. */
static sb_status (*step_of(const dsb *s))(void *, int64_t, int, double *) {
  if (s->affine[0].noise) return step_exact;
  if (s->sample.ode) return step_flow;
  return s->sample.corrector ? step_corrected : NULL;
}

sb_status dsb_legs(sb_run *run, sb_view view, sb_leg *out, int most, int *n) {
  dsb *s = run->state;
  *n = 1;
  if (most < 1) return sb_fail(SB_SYS, "dsb: no room for a leg");
  dsb_fields_close(s);
  if (sb_pair_is_exact(&s->pair, view)) {
    SB_TRY(sb_pair_closed(&s->pair, s->steps, out));
    out->times = s->reference.time;
    out->quiet_end = !s->sample.noise_last_step;
    return SB_OK;
  }
  SB_TRY_ALL(run->comm, open_view(s));
  s->view->direction = run->backward ? TO_SOURCE : TO_DATA;
  sb_pair_leg(&s->pair, s->steps, out);
  out->field.name = s->sample.ode ? "probability flow" : "learned drift";
  out->field.at = at;
  out->field.eval = s->sample.ode ? eval_flow : eval;
  out->field.step = step_of(s);
  out->field.likely = "networks that were trained for too few steps, or diverged";
  out->times = s->reference.time;
  out->variance = s->sample.ode ? 0 : s->reference.total;
  out->quiet_end = !s->sample.noise_last_step;
  return SB_OK;
}

/* --- The density of the flow
 * ----------------------------------------------------------------------------- */

static sb_status open_slopes(dsb *s) {
  for (int i = 0; i < DIRECTIONS; i++) {
    if (!s->tape[i] || s->view->slope[i]) continue;
    SB_TRY(sb_tape_open(&s->task[i].net, 1, &s->view->slope[i]));
    sb_tape_load(s->view->slope[i], sb_task_result(&s->task[i]));
  }
  return SB_OK;
}

/* Probe p of a row's divergence: unit vectors, or random signs, others at each place of the flow.
 */
static double probe(const dsb *s, int64_t row, int64_t place, int p, int k) {
  uint32_t word[4];
  if (s->d <= TRACE_MOST) return p == k;
  sb_noise_words(sb_noise_key(s->run->seed, SB_FOR_DRAWS_2, 0, 0), row, 0,
                 (uint32_t)(place * PROBES + p), (uint32_t)(k / 128), word);
  return word[k % 128 / 32] >> (k % 32) & 1 ? 1 : -1;
}

/* sum[i] += gain * divergence of a direction's increment at x on step j. */
static void divergence(dsb *s, int direction, int j, int64_t place, int64_t first, int rows,
                       const double *x, double gain, double *sum) {
  const int d = s->d, probes = d <= TRACE_MOST ? d : PROBES;
  sb_tape *tape = s->view->slope[direction];
  const double scale = s->options.predict == PREDICT_DRIFT ? dsb_length(s, j) : 1;
  const double less = s->options.predict == PREDICT_MEAN ? d : 0;
  if (!tape) {
    const double *slope = s->affine[direction].slope + (int64_t)j * d * d;
    double trace = -d;
    for (int k = 0; k < d; k++) trace += slope[k * d + k];
    for (int i = 0; i < rows; i++) sum[i] += gain * trace;
    return;
  }
  for (int i = 0; i < rows * d; i++) s->point[i] = (float)x[i];
  sb_tape_time(tape, dsb_clock(direction, dsb_label(s, direction, j, 1)));
  sb_tape_forward(tape, rows, s->point, NULL, s->output);
  for (int p = 0; p < probes; p++) {
    for (int i = 0; i < rows; i++)
      for (int k = 0; k < d; k++) s->gradient[i * d + k] = (float)probe(s, first + i, place, p, k);
    sb_tape_backward(tape, s->gradient, NULL, s->output);
    for (int i = 0; i < rows * d; i++)
      sum[i / d] += gain * scale * (double)s->gradient[i] * (double)s->output[i] *
                    (d <= TRACE_MOST ? 1 : 1 / (double)PROBES);
  }
  for (int i = 0; i < rows; i++) sum[i] -= gain * less;
}

/* log p_t(x): back along the flow to the source, whose density is known. */
static sb_status log_density(dsb *s, double t, int64_t first, int rows, double *x, double *logp) {
  sb_density *q = NULL;
  dsb_view *v = s->view;
  double sum[SB_BLOCK] = {0};
  for (int j = step_at(s, TO_SOURCE, t); j >= 0 && t > 0; j--) {
    const double from = s->reference.time[j], to = fmin(t, s->reference.time[j + 1]);
    const int64_t parts = s->sample.substeps;
    for (int64_t k = 0; k < parts; k++) {
      const double h = (to - from) / (double)parts, gain = 0.5 * h / dsb_length(s, j);
      flow_step(s, j, -h, rows, x, v->at);
      divergence(s, TO_DATA, j, j * parts + k, first, rows, v->at, -gain, sum);
      divergence(s, TO_SOURCE, j, j * parts + k, first, rows, v->at, gain, sum);
    }
  }
  SB_TRY(sb_density_open(s->run->source->mixture, 0, &q));
  sb_density_eval(q, rows, x, logp, NULL, NULL);
  sb_density_close(q);
  for (int i = 0; i < rows; i++) logp[i] += sum[i];
  return SB_OK;
}

/* Parts: drift of each direction per unit t, and log p_t. */
sb_status dsb_part(sb_run *run, int part, double t, int64_t n, const double *x, double *out,
                   int *width) {
  dsb *s = run->state;
  *width = part < DIRECTIONS ? s->d : 1;
  if (dsb_exact(s)) return sb_fail(SB_USE, "nothing was learned: field.source is exact");
  if (part >= DIRECTIONS && !run->source->mixture)
    return sb_fail(SB_USE, "log density: that of the source is not known");
  if (part >= DIRECTIONS) SB_TRY(open_slopes(s));
  for (int64_t i = 0; i < n; i += SB_BLOCK) {
    const int rows = (int)(n - i < SB_BLOCK ? n - i : SB_BLOCK);
    if (part < DIRECTIONS) {
      drift(s, part, step_at(s, part, t), rows, x + i * s->d, out + i * s->d);
      continue;
    }
    double *copy;
    SB_TRY(SB_NEW(&copy, (int64_t)rows * s->d, "points"));
    memcpy(copy, x + i * s->d, (size_t)(rows * s->d) * sizeof *copy);
    const sb_status status = log_density(s, t, i, rows, copy, out + i);
    sb_mem_free(copy);
    SB_TRY(status);
  }
  return SB_OK;
}
