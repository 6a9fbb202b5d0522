/* The command evaluate: how good are the draws of samples.h5, and which part of the error comes
 * from where. */
#include <math.h>
#include <stdio.h>

#include "evaluate.h"
#include "sb/clock.h"
#include "sb/log.h"
#include "sb/mem.h"

sb_metric *evaluation_next(evaluation *e, const char *name, const char *stage, double t,
                           double value) {
  sb_metric *m = &e->metric[e->n < EVALUATION_MOST ? e->n++ : EVALUATION_MOST - 1];
  *m = sb_metric_of(name, value);
  m->t = t;
  snprintf(m->stage, sizeof m->stage, "%s", stage);
  return m;
}

static sb_status read_table(evaluation *e, const app_points *p, double **out) {
  app *a = e->a;
  double *x = NULL;
  sb_status s = SB_NEW(&x, e->share.count * a->run.data->raw, "samples");
  if (!s) s = SB_NEW(out, e->share.count * a->run.data->d, "samples");
  s = sb_agree(a->comm, s);
  if (!s) s = app_points_read(a, p, e->share.first, e->share.count, x);
  if (!s) sb_affine_forward(&a->run.data->map, e->share.count, x, *out);
  sb_mem_free(x);
  return s;
}

sb_points evaluation_points(const evaluation *e) {
  return (sb_points){e->rows, e->a->run.data->d, e->sample};
}

sb_status evaluation_read(evaluation *e, const char *path) {
  app_points p;
  SB_TRY(app_points_open(e->a, path, "/x", &p));
  e->rows = p.rows;
  e->share = sb_share_of(e->a->comm, p.rows);
  sb_status s = read_table(e, &p, &e->sample);
  app_points_close(&p);
  if (s || !e->a->run.source) return s;
  SB_TRY(app_points_open(e->a, path, "/start", &p));
  if (p.rows != e->rows)
    s = sb_fail(SB_USE, "%s: /start has %lld rows, /x %lld", path, (long long)p.rows,
                (long long)e->rows);
  if (!s) s = read_table(e, &p, &e->start);
  app_points_close(&p);
  return s;
}

void evaluation_free(evaluation *e) {
  if (!e) return;
  sb_mem_free(e->start);
  sb_mem_free(e->sample);
  sb_mem_free(e);
}

static sb_status judge(evaluation *e) {
  app *a = e->a;
  sb_data *data = sb_run_end(&a->run);
  double *moments = NULL;
  SB_TRY_ALL(a->comm, SB_NEW(&moments, data->mixture ? data->d * (data->d + 1) : 0, "moments"));
  if (data->mixture) sb_mixture_moments(data->mixture, moments, moments + data->d);
  const sb_source none = {0}, held = sb_data_rows(data, 1);
  const sb_judge_input in = {.sample = evaluation_points(e),
                             .training = e->foreign ? none : sb_data_rows(data, 0),
                             .held = e->foreign || !held.most ? none : held,
                             .truth = sb_data_truth(data),
                             .fresh = sb_data_fresh(data),
                             .baseline = sb_data_baseline(data),
                             .mean = data->mixture ? moments : NULL,
                             .cov = data->mixture ? moments + data->d : NULL,
                             .seed = a->run.seed,
                             .stage = ""};
  const sb_status s = sb_judge(a->comm, &a->judge, &in, e->metric, EVALUATION_MOST, &e->n);
  sb_mem_free(moments);
  return s;
}

static const char *const files[] = {"checkpoint.h5", "samples.h5",   "trajectories.h5",
                                    "velocity.h5",   "diffusion.h5", "history.csv",
                                    "timing.csv",    "used.yml"};

sb_status evaluation_report(evaluation *e) {
  app *a = e->a;
  const char *present[8];
  sb_report_table tables[4];
  char path[1024];
  int n = 0;
  const int told = a->method->tables && !e->foreign ? a->method->tables(&a->run, tables, 4) : 0;
  for (int i = 0; i < 8 && !e->foreign; i++) {
    SB_TRY(app_path(a, files[i], path, sizeof path));
    if (sb_path_exists(a->comm, path)) present[n++] = files[i];
  }
  double peak = (double)sb_mem_peak();
  SB_TRY(sb_max_real(a->comm, &peak, 1));
  const sb_report report = {.method = e->foreign ? "unknown" : a->method->name,
                            .status = a->run.open_end ? "not_converged" : "done",
                            .deck = a->used,
                            .seed = a->options.seed,
                            .metrics = e->metric,
                            .metric_count = e->n,
                            .error_time_step = e->error[ERROR_TIME_STEP],
                            .error_score = e->error[ERROR_SCORE],
                            .error_ratio = e->error[ERROR_RATIO],
                            .error_monte_carlo = e->error[ERROR_MONTE_CARLO],
                            .memory_predicted = a->memory_predicted,
                            .memory_peak = (int64_t)peak,
                            .tables = tables,
                            .table_count = told,
                            .files = present,
                            .file_count = n};
  return sb_report_write(a->comm, a->options.output, &report);
}

/* A report of this deck and of these draws. */
static sb_status complete(app *a, int *yes) {
  *yes = 0;
  if (a->line.resume == RESUME_NEVER) return SB_OK;
  SB_TRY(sb_report_stands(a->comm, a->options.output, a->used, files, 5, yes));
  if (*yes) sb_say("the report is complete: %s/report.json\n", a->options.output);
  return SB_OK;
}

/* Those of the method. */
static sb_status own_metrics(evaluation *e) {
  app *a = e->a;
  int n = 0;
  if (e->foreign || !a->method->metrics) return SB_OK;
  SB_TRY(a->method->metrics(&a->run, e->metric + e->n, EVALUATION_MOST - e->n, &n));
  e->n += n;
  return SB_OK;
}

sb_status evaluate_draws(evaluation *e) {
  app *a = e->a;
  sb_target target = {0};
  for (int i = 0; i < ERRORS; i++) e->error[i] = NAN;
  if (!e->foreign && a->method->target) SB_TRY(a->method->target(&a->run, &target));
  if (target.other) {
    SB_TRY(evaluate_target(e, &target));
    return own_metrics(e);
  }
  SB_TRY(judge(e));
  if (target.chain_cov) SB_TRY(evaluate_moments(e, &target));
  SB_TRY(own_metrics(e));
  SB_TRY(app_stop_here(a, "evaluating"));
  SB_TRY(evaluate_modes(e));
  SB_TRY(evaluate_coupling(e));
  SB_TRY(app_stop_here(a, "evaluating"));
  return a->judge.errors && !e->foreign ? evaluate_drift(e) : SB_OK;
}

sb_status app_evaluate(app *a) {
  evaluation *e = NULL;
  char path[1024];
  int done;
  if (a->line.samples) return app_evaluate_samples(a);
  if (!a->run.data) {
    SB_TRY(app_refuse(a, "report.json"));
    SB_TRY(app_start(a));
    if (a->line.dry_run) return app_rough(a);
    SB_TRY(app_load_trained(a));
    SB_TRY(app_claim(a));
  }
  SB_TRY(complete(a, &done));
  if (done) return SB_OK;
  SB_TRY_ALL(a->comm, SB_NEW(&e, 1, "metrics"));
  e->a = a;
  const double began = sb_clock(), all = sb_timer_all();
  sb_status s = app_stop_here(a, "evaluating");
  if (!s) s = app_path(a, "samples.h5", path, sizeof path);
  if (!s) s = evaluation_read(e, path);
  if (!s) s = evaluate_draws(e);
  sb_timer_rest(SB_T_METRIC, began, all);
  if (!s) s = evaluation_report(e);
  evaluation_free(e);
  return s;
}
