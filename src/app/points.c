/* Tables of points that a user gives: where fields are asked for, where stage 2 starts, draws. */
#include <math.h>

#include "app.h"

sb_status app_points_open(app *a, const char *path, const char *table, app_points *out) {
  const int raw = a->run.data->raw;
  int64_t shape[4] = {0};
  int rank = 0;
  sb_kind kind;
  *out = (app_points){.path = path, .table = table};
  SB_TRY(sb_file_probe(a->comm, path));
  SB_TRY(sb_file_open(a->comm, path, &out->file));
  sb_status s = sb_file_shape(out->file, table, &rank, shape, &kind);
  if (!s && (rank != 2 || shape[1] != raw))
    s = sb_fail(SB_USE, "%s: %s must be a table of %d columns", path, table, raw);
  out->rows = shape[0];
  if (s) app_points_close(out);
  return s;
}

static sb_status check(const app_points *p, int raw, int64_t first, int64_t count,
                       const double *x) {
  for (int64_t i = 0; i < count * raw; i++)
    if (!(isfinite(x[i]) || (p->gaps && isnan(x[i]))))
      return sb_fail(SB_USE, "%s: %s: row %lld, column %lld (counted from 0) is %g", p->path,
                     p->table, (long long)(first + i / raw), (long long)(i % raw), x[i]);
  return SB_OK;
}

sb_status app_points_read(app *a, const app_points *p, int64_t first, int64_t count, double *x) {
  SB_TRY(sb_file_get(p->file, p->table, SB_KIND_F64, first, count, x));
  return sb_agree(a->comm, check(p, a->run.data->raw, first, count, x));
}

void app_points_close(app_points *p) {
  sb_file_close(p->file);
  p->file = NULL;
}
