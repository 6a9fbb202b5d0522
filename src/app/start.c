/* Where stage 2 starts when a table says so (sample.start: file, noised, inpaint). */
#include <math.h>
#include <string.h>

#include "app.h"
#include "sb/mem.h"

/* Only of methods that know the key. */
static int starts(const app *a, const char *how) {
  const char *start = sb_deck_raw(a->deck, "sample.start");
  return start && !strcmp(start, how);
}

int app_starts_inpaint(const app *a) { return starts(a, "inpaint"); }

int app_starts_from_file(const app *a) {
  return starts(a, "file") || starts(a, "noised") || app_starts_inpaint(a);
}

/* Rows of the table before those that particle i starts from. With sample.blend each pair of rows
 * serves that many particles. */
static int64_t row_of(const app *a, int64_t i) {
  return a->sample.blend ? i / a->sample.blend * 2 : i;
}

static int64_t row_after(const app *a, int64_t i) {
  return row_of(a, i) + (a->sample.blend ? 2 : 1);
}

sb_status app_start_check(app *a) {
  const char *path = a->record.start_file;
  const int64_t need = row_after(a, a->sample.n - 1);
  app_points p;
  if (!path[0])
    return sb_fail(SB_USE, "sample.start: %s needs --start FILE or record.start_file",
                   sb_deck_raw(a->deck, "sample.start"));
  if (a->sample.blend == 1) return sb_fail(SB_USE, "sample.blend: 0, or 2 and more points");
  SB_TRY(app_points_open(a, path, "/x", &p));
  sb_status s = SB_OK;
  if (p.rows < need)
    s = sb_fail(SB_USE, "%s: /x has %lld rows, sample.n = %lld particles start from %lld", path,
                (long long)p.rows, (long long)a->sample.n, (long long)need);
  app_points_close(&p);
  return s;
}

/* Positions in raw coordinates [count, raw] from the rows that hold them. */
static void lay_out(const app *a, const sb_particles *cloud, const double *rows, double *x) {
  const int raw = a->run.data->raw;
  const int64_t blend = a->sample.blend, from = row_of(a, cloud->first);
  for (int64_t i = cloud->first; i < cloud->first + cloud->count; i++, x += raw) {
    const double *one = rows + (row_of(a, i) - from) * raw, *other = one + (blend ? raw : 0);
    const double part = blend ? (double)(i % blend) / (double)(blend - 1) : 0;
    for (int j = 0; j < raw; j++)
      x[j] = part == 0 ? one[j] : part == 1 ? other[j] : (1 - part) * one[j] + part * other[j];
  }
}

sb_status app_start_from(app *a, sb_particles *cloud) {
  const int raw = a->run.data->raw;
  const int64_t from = row_of(a, cloud->first),
                count = cloud->count ? row_after(a, cloud->first + cloud->count - 1) - from : 0;
  app_points p;
  double *rows = NULL, *x = NULL;
  SB_TRY(app_start_check(a));
  SB_TRY(app_points_open(a, a->record.start_file, "/x", &p));
  p.gaps = app_starts_inpaint(a);
  sb_status s = SB_NEW(&rows, count * raw, "rows of starting points");
  if (!s) s = SB_NEW(&x, cloud->count * raw, "starting points");
  s = sb_agree(a->comm, s);
  if (!s) s = app_points_read(a, &p, from, count, rows);
  app_points_close(&p);
  if (!s) {
    lay_out(a, cloud, rows, x);
    sb_affine_forward(&a->run.data->map, cloud->count, x, cloud->x);
  }
  sb_mem_free(x);
  sb_mem_free(rows);
  if (s || !a->method->started) return s;
  return a->method->started(&a->run, a->sample.blend ? a->sample.blend : 1, cloud);
}
