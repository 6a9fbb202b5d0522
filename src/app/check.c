/* What tables of keys cannot see in a deck: values that do not fit each other or the data. */
#include <string.h>

#include "app.h"

static int commanded(const app *a, const char *command) {
  return !strcmp(a->line.command, command);
}

/* Axes of the grid of velocity. */
static int axes(const app *a) {
  return a->run.data->raw < 3 ? a->run.data->raw : a->run.data->raw == 3 ? 3 : 2;
}

static sb_status check_corner(const app *a, const char *name, const sb_reals *corner) {
  if (corner->n == 0 || corner->n == axes(a)) return SB_OK;
  return sb_fail(SB_USE, "%s: %d numbers, but the grid has %d axes", name, corner->n, axes(a));
}

static sb_status check_velocity(const app *a) {
  const app_velocity *v = &a->velocity;
  if (v->times.n == 0) return sb_fail(SB_USE, "velocity.times: at least one time is needed");
  SB_TRY(check_corner(a, "velocity.low", &v->low));
  SB_TRY(check_corner(a, "velocity.high", &v->high));
  for (int k = 0; k < v->low.n && k < v->high.n; k++)
    if (!(v->low.v[k] < v->high.v[k]))
      return sb_fail(SB_USE, "velocity.high: element %d must be above that of velocity.low, %g",
                     k + 1, v->low.v[k]);
  return SB_OK;
}

/* Metrics compare two draws at least with two true points. */
static sb_status check_evaluate(const app *a) {
  const sb_data *end = sb_run_end(&a->run);
  if (a->sample.n < 2 && (commanded(a, "run") || commanded(a, "study")))
    return sb_fail(SB_USE, "sample.n: one draw cannot be judged; draw two, or use sample");
  if (!end->law && end->n_held == 1)
    return sb_fail(SB_USE, "data.validation: holds out one row; to judge draws two are needed");
  return SB_OK;
}

sb_status app_check(app *a) {
  const int all = commanded(a, "run");
  SB_TRY(app_image_check(a));
  if (a->method->check) SB_TRY(a->method->check(&a->run));
  if (all || commanded(a, "velocity")) SB_TRY(check_velocity(a));
  if (all || commanded(a, "evaluate") || commanded(a, "study")) SB_TRY(check_evaluate(a));
  if (app_starts_from_file(a) && (all || commanded(a, "sample"))) SB_TRY(app_start_check(a));
  return SB_OK;
}
