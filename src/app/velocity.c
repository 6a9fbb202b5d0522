/* The command velocity: fields of every leg on a regular grid, or at given points (--at). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "app.h"
#include "sb/about.h"
#include "sb/clock.h"
#include "sb/file.h"
#include "sb/log.h"
#include "sb/mathfn.h"
#include "sb/mem.h"

/* --- On a grid
 * -------------------------------------------------------------------------------------------------------
 */

/* A field is asked for at grid points in network coordinates; the answer is wanted as vectors of
 * three in raw ones. */
typedef struct survey {
  app *a;
  app_view view;
  sb_grid grid;
  sb_share share; /* points of this rank                                                   */
  int times, legs;
  double *y;       /* [count, d] points in network coordinates                              */
  double *b;       /* [count, d] drifts there                                               */
  double *learned; /* [legs, times, count, 3]                                               */
  double *exact;   /* the same, or NULL                                                     */
  double *density; /* [legs, times, count], or NULL                                         */
} survey;

static double time_of(const survey *s, int i, const sb_leg *l) {
  return sb_leg_inside(l, s->a->velocity.times.v[i]);
}

static void raw_point(const survey *s, const double *at, double *x) {
  const sb_projection *p = &s->view.projection;
  const int raw = s->a->run.data->raw;
  for (int j = 0; j < raw; j++) {
    x[j] = raw <= 3 ? at[j] : p->mean[j];
    for (int k = 0; raw > 3 && k < s->grid.axes; k++) x[j] += at[k] * p->axes[k * raw + j];
  }
}

/* Vector [d] in network coordinates -> what is drawn: raw coordinates, along the axes shown. */
static void drawn(const survey *s, const double *b, double *scratch, double *out) {
  const sb_data *data = s->a->run.data;
  sb_affine_back_vector(&data->map, 1, b, scratch);
  for (int k = 0; k < 3; k++) {
    out[k] = data->raw <= 3 && k < data->raw ? scratch[k] : 0;
    for (int j = 0; data->raw > 3 && k < s->grid.axes && j < data->raw; j++)
      out[k] += s->view.projection.axes[k * data->raw + j] * scratch[j];
  }
}

static sb_status lay_grid(survey *s) {
  const app_velocity *o = &s->a->velocity;
  const int raw = s->a->run.data->raw;
  s->grid.axes = raw == 3 ? 3 : 2;
  for (int k = 0; k < 3; k++) {
    const double low = k < o->low.n ? o->low.v[k] : s->view.low[k],
                 high = k < o->high.n ? o->high.v[k] : s->view.high[k];
    s->grid.shape[k] = k < s->grid.axes && k < raw ? o->points : 1;
    s->grid.origin[k] = s->grid.shape[k] > 1 ? low : 0;
    s->grid.spacing[k] = s->grid.shape[k] > 1 ? (high - low) / (double)(o->points - 1) : 1;
    if (!(s->grid.spacing[k] > 0))
      return sb_fail(SB_USE, "velocity: the grid goes from %g to %g along axis %d", low, high, k);
  }
  s->share = sb_share_of(s->a->comm, sb_grid_points(&s->grid));
  return SB_OK;
}

/* Is there a density beside the exact field? */
static int dense(const sb_run *run) { return !run->source || sb_bridge_both(run->bridge); }

static sb_status allocate(survey *s, int known) {
  const sb_data *data = s->a->run.data;
  const int64_t n = s->share.count, frames = s->times * s->legs;
  double *at, *x;
  SB_TRY(SB_NEW(&s->y, n * data->d, "points of a grid"));
  SB_TRY(SB_NEW(&s->b, n * data->d, "drifts on a grid"));
  SB_TRY(SB_NEW(&s->learned, frames * n * 3, "fields on a grid"));
  if (known) SB_TRY(SB_NEW(&s->exact, frames * n * 3, "fields on a grid"));
  if (known && dense(&s->a->run)) SB_TRY(SB_NEW(&s->density, frames * n, "densities on a grid"));
  SB_TRY(SB_NEW(&at, n * 3, "points of a grid"));
  sb_status status = SB_NEW(&x, data->raw, "point");
  if (!status) sb_grid_at(&s->grid, s->share.first, n, at);
  for (int64_t i = 0; !status && i < n; i++) {
    raw_point(s, at + 3 * i, x);
    sb_affine_forward(&data->map, 1, x, s->y + i * data->d);
  }
  sb_mem_free(x);
  sb_mem_free(at);
  return status;
}

/* Drifts of all legs at all times of one view. */
static sb_status look(survey *s, sb_view view, sb_leg *legs, double *out) {
  app *a = s->a;
  const int64_t n = s->share.count;
  double *scratch = NULL;
  SB_TRY(a->method->legs(&a->run, view, legs, SB_MAX_LEGS, &s->legs));
  sb_status status = SB_NEW(&scratch, a->run.data->raw, "vector");
  for (int leg = 0; !status && leg < s->legs; leg++) {
    for (int i = 0; !status && i < s->times; i++) {
      const double t = time_of(s, i, &legs[leg]);
      double *to = out + ((int64_t)leg * s->times + i) * n * 3;
      status = sb_field_eval(&legs[leg].field, t, sb_leg_step(&legs[leg], t), s->share.first, n,
                             s->y, s->b);
      for (int64_t k = 0; !status && k < n; k++)
        drawn(s, s->b + k * a->run.data->d, scratch, to + 3 * k);
    }
  }
  sb_mem_free(scratch);
  return sb_agree(a->comm, status);
}

static sb_status look_density(survey *s, const sb_leg *legs) {
  app *a = s->a;
  const int64_t n = s->share.count;
  sb_status status = SB_OK;
  for (int leg = 0; leg < s->legs; leg++) {
    for (int i = 0; !status && i < s->times; i++) {
      double *to = s->density + ((int64_t)leg * s->times + i) * n;
      status = a->method->density(&a->run, leg, time_of(s, i, &legs[leg]), n, s->y, to);
      for (int64_t k = 0; !status && k < n; k++) to[k] = sb_exp(to[k]);
    }
  }
  return sb_agree(a->comm, status);
}

static sb_status write_grid(survey *s, const sb_leg *legs) {
  app *a = s->a;
  const int64_t n = s->share.count;
  sb_grid_file *f;
  SB_TRY(sb_grid_create(a->comm, a->options.output, "velocity", 1, &s->grid,
                        a->run.data->raw > 3 ? &s->view.projection : NULL, a->parent, &f));
  sb_status status = SB_OK;
  for (int k = 0; !status && k < s->legs * s->times; k++) {
    const sb_grid_array arrays[] = {
        {"velocity", "x", "drift per unit time", 3, s->learned + k * n * 3},
        {"exact", "x", "exact drift of the known law", 3, s->exact + k * n * 3},
        {"density", "1", "exact density of the law at this time", 1,
         s->density ? s->density + k * n : NULL}};
    status = sb_grid_add(f, k / s->times, time_of(s, k % s->times, &legs[k / s->times]), arrays,
                         s->density ? 3
                         : s->exact ? 2
                                    : 1);
  }
  const sb_status closed = sb_grid_close(f);
  return status ? status : closed;
}

static sb_status on_grid(app *a) {
  survey s = {.a = a, .times = a->velocity.times.n};
  sb_leg legs[SB_MAX_LEGS];
  const int known = sb_run_known(&a->run);
  sb_status status = app_remove(a, "velocity.xmf");
  if (!status) status = app_view_open(a, &s.view);
  if (!status) status = a->method->legs(&a->run, SB_VIEW_DECK, legs, SB_MAX_LEGS, &s.legs);
  if (!status && legs[0].field.still) s.times = 1;
  if (!status) status = lay_grid(&s);
  if (!status) status = sb_agree(a->comm, allocate(&s, known));
  if (!status) status = look(&s, SB_VIEW_DECK, legs, s.learned);
  if (!status) status = app_stop_here(a, "computing fields");
  if (!status && known) status = look(&s, SB_VIEW_CLOSED, legs, s.exact);
  if (!status && s.density) status = look_density(&s, legs);
  if (!status) status = write_grid(&s, legs);
  void *const blocks[] = {s.y, s.b, s.learned, s.exact, s.density};
  for (int i = 0; i < 5; i++) sb_mem_free(blocks[i]);
  app_view_close(&s.view);
  return status;
}

/* --- At given points
 * --------------------------------------------------------------------------------------------------
 */

/* Points of a user: this rank's rows, in network coordinates, with their times. */
typedef struct visit {
  app *a;
  int64_t n;
  sb_share share;
  double *x, *y, *t, *out; /* [count, raw], [count, d], [count], [count, widest] */
} visit;

static sb_status make_room(visit *v) {
  const sb_data *data = v->a->run.data;
  const int64_t n = v->share.count;
  SB_TRY(SB_NEW(&v->x, n * data->raw, "points"));
  SB_TRY(SB_NEW(&v->y, n * data->d, "points"));
  SB_TRY(SB_NEW(&v->t, n, "times"));
  return SB_NEW(&v->out, n * data->raw + n * data->d, "fields at points");
}

static sb_status check_times(const visit *v) {
  for (int64_t i = 0; i < v->share.count; i++)
    if (!(v->t[i] >= 0 && v->t[i] <= 1))
      return sb_fail(SB_USE, "%s: /t: row %lld is %g, not a time in [0, 1]", v->a->line.at,
                     (long long)(v->share.first + i), v->t[i]);
  return SB_OK;
}

static sb_status read_times(visit *v, sb_file *f) {
  int64_t shape[4] = {0};
  int rank = 0;
  sb_kind kind;
  if (!sb_file_has(f, "/t"))
    return sb_fail(SB_USE, "%s: /t, a time in [0, 1] for each row of /x, is missing",
                   v->a->line.at);
  SB_TRY(sb_file_shape(f, "/t", &rank, shape, &kind));
  for (int k = 1; k < rank; k++)
    if (shape[k] != 1) shape[0] = -1;
  if (shape[0] != v->n)
    return sb_fail(SB_USE, "%s: /t must have one time for each of the %lld rows of /x",
                   v->a->line.at, (long long)v->n);
  SB_TRY(sb_file_get(f, "/t", SB_KIND_F64, v->share.first, v->share.count, v->t));
  return sb_agree(v->a->comm, check_times(v));
}

static sb_status read_points(visit *v) {
  app *a = v->a;
  app_points p;
  SB_TRY(app_points_open(a, a->line.at, "/x", &p));
  v->n = p.rows;
  v->share = sb_share_of(a->comm, v->n);
  sb_status s =
      v->n ? sb_agree(a->comm, make_room(v)) : sb_fail(SB_USE, "%s: /x has no rows", p.path);
  if (!s) s = app_points_read(a, &p, v->share.first, v->share.count, v->x);
  if (!s) s = read_times(v, p.file);
  if (!s) sb_affine_forward(&a->run.data->map, v->share.count, v->x, v->y);
  app_points_close(&p);
  return s;
}

/* A learned score without floor has no value at t = 1. */
static sb_status all_finite(const visit *v, int width) {
  for (int64_t i = 0; i < v->share.count * width; i++)
    if (!isfinite(v->out[i]))
      return sb_fail(
          SB_BAD,
          "%s: the field at row %lld, t = %g, is not finite; ask for a time before the last step",
          v->a->line.at, (long long)(v->share.first + i / width), v->t[i / width]);
  return SB_OK;
}

/* Calls get for runs of rows that share a time and lie in one tile. */
static sb_status by_time(visit *v, int width,
                         sb_status (*get)(visit *, void *, int64_t, int64_t, double *),
                         void *self) {
  for (int64_t i = 0, j; i < v->share.count; i = j) {
    for (j = i + 1; j < v->share.count && v->t[j] == v->t[i] && j % SB_BLOCK != 0; j++) continue;
    SB_TRY(get(v, self, i, j - i, v->out + i * width));
  }
  return all_finite(v, width);
}

static sb_status get_drift(visit *v, void *self, int64_t at, int64_t n, double *out) {
  const sb_leg *l = self;
  const sb_data *data = v->a->run.data;
  double *b = v->out + v->share.count * data->raw;
  const double t = v->t[at];
  SB_TRY(sb_field_eval(&l->field, t, sb_leg_step(l, t), v->share.first + at, n, v->y + at * data->d,
                       b));
  sb_affine_back_vector(&data->map, n, b, out);
  return SB_OK;
}

static sb_status get_part(visit *v, void *self, int64_t at, int64_t n, double *out) {
  int width;
  return v->a->method->part(&v->a->run, *(int *)self, v->t[at], n, v->y + at * v->a->run.data->d,
                            out, &width);
}

static sb_status put(visit *v, sb_file *f, const char *path, const char *meaning, int width,
                     const double *data) {
  const sb_column column = {.path = path,
                            .unit = "x",
                            .meaning = meaning,
                            .kind = SB_KIND_F64,
                            .rank = 2,
                            .shape = {v->n, width},
                            .first = v->share.first,
                            .count = v->share.count,
                            .data = data};
  return sb_file_put(f, &column);
}

static sb_status put_fields(visit *v, sb_file *f) {
  app *a = v->a;
  sb_leg legs[SB_MAX_LEGS];
  int n;
  char path[64];
  SB_TRY(put(v, f, "/x", "points", a->run.data->raw, v->x));
  SB_TRY(put(v, f, "/t", "times", 1, v->t));
  SB_TRY(a->method->legs(&a->run, SB_VIEW_DECK, legs, SB_MAX_LEGS, &n));
  for (int i = 0; i < n; i++) {
    SB_TRY_ALL(a->comm, by_time(v, a->run.data->raw, get_drift, &legs[i]));
    snprintf(path, sizeof path, "/drift_%.15s", legs[i].name);
    SB_TRY(put(v, f, path, "drift per unit time, raw coordinates", a->run.data->raw, v->out));
  }
  for (int i = 0; a->method->part && a->method->parts && a->method->parts[i]; i++) {
    int width;
    if (a->method->part(&a->run, i, 0.5, 0, NULL, NULL, &width)) { /* this run has none */
      sb_forget();
      continue;
    }
    SB_TRY_ALL(a->comm, by_time(v, width, get_part, &i));
    snprintf(path, sizeof path, "/%s", a->method->parts[i]);
    SB_TRY(put(v, f, path, "part of the method, network coordinates", width, v->out));
  }
  return sb_about_put(f, a->parent);
}

static sb_status at_points(app *a) {
  visit v = {.a = a};
  char path[1024];
  sb_file *f = NULL;
  SB_TRY(app_path(a, "at.h5", path, sizeof path));
  sb_status s = read_points(&v);
  if (!s) s = sb_file_create(a->comm, path, 1, &f);
  if (!s) {
    s = put_fields(&v, f);
    if (s)
      sb_file_drop(f);
    else
      s = sb_file_commit(f, 0);
  }
  void *const blocks[] = {v.x, v.y, v.t, v.out};
  for (int i = 0; i < 4; i++) sb_mem_free(blocks[i]);
  if (!s) sb_say("fields at %lld points in %s\n", (long long)v.n, path);
  return s;
}

static sb_status complete(app *a, int *yes) {
  static const char *const ignored[] = {"output",    "checkpoint.", "record.", "sample.n",
                                        "evaluate.", "about.",      NULL};
  *yes = 0;
  if (a->line.at) return SB_OK;
  SB_TRY(app_finished(a, "velocity", ignored, yes));
  if (*yes) sb_say("fields are complete\n");
  return SB_OK;
}

sb_status app_velocity_files(app *a) {
  int done;
  if (!a->run.data) {
    SB_TRY(app_refuse(a, a->line.at ? "at.h5" : "velocity.h5"));
    SB_TRY(app_start(a));
    if (a->line.dry_run) return app_rough(a);
    SB_TRY(app_load_trained(a));
    SB_TRY(app_claim(a));
  }
  SB_TRY(complete(a, &done));
  if (done) return SB_OK;
  SB_TRY(app_stop_here(a, "computing fields"));
  const double began = sb_clock(), all = sb_timer_all();
  SB_TRY(a->line.at ? at_points(a) : on_grid(a));
  sb_timer_rest(SB_T_SAMPLE, began, all);
  return SB_OK;
}
