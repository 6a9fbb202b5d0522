/* Where the error comes from: the drift with one part learned and the rest exact, with few draws,
 * with few steps. Known laws only.
 *
 * drift_rmse = (E|b - b*|^2 / E|b*|^2)^(1/2) over the exact law of X_t, b* the closed form. For a
 * part alone (drift_rmse_score) the difference is to the drift from exact parts and the same draws,
 * so that the error of these draws is not in it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "evaluate.h"
#include "sb/log.h"
#include "sb/mem.h"
#include "sb/noise.h"

#define TINY 1e-9 /* a part that the leg does not use leaves no error */

/* Drifts at points drawn from the exact law of a leg at a time; this rank's share. */
typedef struct probe {
  evaluation *e;
  int leg;
  double t;
  sb_share share;
  double *x, *b, *exact, *drawn; /* [count, d]; drawn: from exact parts and as many draws */
  double *rows;                  /* [count, 2] squared error, squared size */
} probe;

static sb_status probe_open(evaluation *e, probe *p) {
  const int d = e->a->run.data->d;
  *p = (probe){.e = e, .share = sb_share_of(e->a->comm, e->a->judge.drift_points)};
  sb_status s = SB_NEW(&p->x, p->share.count * d, "points of the drift check");
  if (!s) s = SB_NEW(&p->b, p->share.count * d, "drifts");
  if (!s) s = SB_NEW(&p->exact, p->share.count * d, "exact drifts");
  if (!s) s = SB_NEW(&p->drawn, p->share.count * d, "drifts from exact parts");
  if (!s) s = SB_NEW(&p->rows, p->share.count * 2, "errors of drifts");
  return sb_agree(e->a->comm, s);
}

static void probe_close(probe *p) {
  sb_mem_free(p->x);
  sb_mem_free(p->b);
  sb_mem_free(p->exact);
  sb_mem_free(p->drawn);
  sb_mem_free(p->rows);
}

static sb_status drift(probe *p, sb_view view, double *out) {
  app *a = p->e->a;
  sb_leg legs[SB_MAX_LEGS];
  int n;
  SB_TRY(a->method->legs(&a->run, view, legs, SB_MAX_LEGS, &n));
  const sb_leg *l = &legs[p->leg];
  return sb_agree(a->comm, sb_field_eval(&l->field, p->t, sb_leg_step(l, p->t), p->share.first,
                                         p->share.count, p->x, out));
}

static sb_status error_of(probe *p, sb_view view, const double *from, double *out) {
  const app *a = p->e->a;
  const int d = a->run.data->d;
  double sum[2];
  SB_TRY(drift(p, view, p->b));
  for (int64_t i = 0; i < p->share.count; i++) {
    double *row = p->rows + 2 * i;
    row[0] = row[1] = 0;
    for (int64_t j = i * d; j < (i + 1) * d; j++) {
      row[0] += (p->b[j] - from[j]) * (p->b[j] - from[j]);
      row[1] += p->exact[j] * p->exact[j];
    }
  }
  SB_TRY(sb_sum_rows(a->comm, a->judge.drift_points, 2, p->rows, sum, "error of the drift"));
  *out = sqrt(sum[0] / sum[1]);
  return SB_OK;
}

/* Measures how far a view is from a drift, and notes it where there is an error: in the table, and
 * as the largest of its kind. */
static sb_status note(probe *p, sb_view view, const double *from, const char *suffix,
                      double *largest) {
  evaluation *e = p->e;
  char stage[16], name[48];
  double value;
  SB_TRY(error_of(p, view, from, &value));
  if (value < TINY) return SB_OK;
  snprintf(stage, sizeof stage, "%d", p->leg + 1);
  snprintf(name, sizeof name, "drift_rmse%s%s", *suffix ? "_" : "", suffix);
  evaluation_next(e, name, stage, p->t, value)->n = e->a->judge.drift_points;
  if (largest) *largest = fmax(isnan(*largest) ? 0 : *largest, value);
  return SB_OK;
}

/* Bits of the parts that this run has networks for. */
static unsigned trained(app *a, int *parts) {
  sb_task *task[SB_MAX_TASKS];
  const int n = a->method->tasks(&a->run, task, SB_MAX_TASKS);
  unsigned mask = 0;
  for (*parts = 0; a->method->parts && a->method->parts[*parts]; ++*parts)
    for (int i = 0; i < n; i++)
      if (!strcmp(task[i]->name, a->method->parts[*parts])) mask |= 1u << *parts;
  return mask;
}

static sb_status look_at(probe *p) {
  evaluation *e = p->e;
  app *a = e->a;
  int parts;
  const unsigned have = trained(a, &parts), all = (1u << parts) - 1;
  const int64_t draws = a->judge.drift_draws;
  const uint64_t key = sb_noise_key(a->run.seed, SB_FOR_METRIC, 100 + (uint32_t)p->leg, 0);
  SB_TRY_ALL(a->comm,
             a->method->marginal(&a->run, p->leg, p->t, key, p->share.first, p->share.count, p->x));
  SB_TRY(drift(p, SB_VIEW_CLOSED, p->exact));
  if (have || a->method->prepare) SB_TRY(note(p, (sb_view){~0u, draws}, p->exact, "", NULL));
  if (!parts) return SB_OK;
  SB_TRY(drift(p, (sb_view){all, draws}, p->drawn));
  for (int i = 0; i < parts; i++)
    if (have >> i & 1)
      SB_TRY(note(p, (sb_view){all & ~(1u << i), draws}, p->drawn, a->method->parts[i],
                  &e->error[ERROR_SCORE + i]));
  return note(p, (sb_view){all, 0}, p->exact, "monte_carlo", &e->error[ERROR_MONTE_CARLO]);
}

/* The oracle's fields sampled with this deck's steps: what is left is the error of the time step.
 */
static sb_status time_step(evaluation *e) {
  app *a = e->a;
  const sb_data *data = sb_run_end(&a->run);
  const int d = data->d;
  const int64_t n = a->judge.draws;
  sb_leg legs[SB_MAX_LEGS];
  sb_particles cloud = {0};
  int count;
  double *cov = NULL, difference = 0, size = 0;
  SB_TRY(a->method->legs(&a->run, SB_VIEW_CLOSED, legs, SB_MAX_LEGS, &count));
  if (legs[0].start == SB_START_KEEP || !data->mixture) return SB_OK;
  SB_TRY(sb_particles_new(a->comm, n, d, &cloud));
  sb_status s = sb_sample(a->comm, legs, count, &cloud, NULL, 0);
  if (s == SB_BAD && legs[0].field.still) { /* a sampler that is stable has steps that the score is
                                               not stable under */
    sb_warn("the error of the time step is not measured: %s", sb_message());
    sb_forget();
    sb_particles_free(&cloud);
    return SB_OK;
  }
  if (!s) s = sb_agree(a->comm, SB_NEW(&cov, 2 * d * d + d, "covariances"));
  if (!s) s = sb_moments(a->comm, (sb_points){n, d, cloud.x}, NULL, cov);
  if (!s) {
    sb_mixture_moments(data->mixture, cov + 2 * d * d, cov + d * d);
    for (int i = 0; i < d * d; i++) {
      difference += (cov[i] - cov[d * d + i]) * (cov[i] - cov[d * d + i]);
      size += cov[d * d + i] * cov[d * d + i];
    }
    e->error[ERROR_TIME_STEP] = sqrt(difference / size);
    evaluation_next(e, "oracle_covariance_error", "", NAN, e->error[ERROR_TIME_STEP])->n = n;
  }
  sb_mem_free(cov);
  sb_particles_free(&cloud);
  return s;
}

sb_status evaluate_drift(evaluation *e) {
  app *a = e->a;
  sb_leg legs[SB_MAX_LEGS];
  probe p;
  int n;
  if (!sb_run_known(&a->run)) return SB_OK;
  SB_TRY(a->method->legs(&a->run, SB_VIEW_CLOSED, legs, SB_MAX_LEGS, &n));
  SB_TRY(probe_open(e, &p));
  sb_status s = SB_OK;
  for (p.leg = 0; !s && p.leg < n; p.leg++) {
    const sb_leg *l = &legs[p.leg];
    const double times[] = {0.5, l->backward ? 0.1 : 0.9, sb_leg_time(l, l->steps - 1)};
    for (int i = l->field.still ? 2 : 0; !s && i < 3; i++) p.t = times[i], s = look_at(&p);
  }
  probe_close(&p);
  return s ? s : time_step(e);
}
