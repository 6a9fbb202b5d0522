/* The tables of samples.h5 along the axes that a page shows. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report.h"
#include "sb/mem.h"

#define NUMBERS (1 << 24) /* of one table that are read */

/* Above three dimensions the axes are those that the run chose. */
static sb_status read_axes(sb_file *f, report_view *v) {
  SB_TRY(SB_NEW(&v->mean, v->d, "mean"));
  SB_TRY(SB_NEW(&v->axes, (int64_t)3 * v->d, "axes"));
  SB_TRY(sb_file_get(f, "/projection/mean", SB_KIND_F64, 0, v->d, v->mean));
  SB_TRY(sb_file_get(f, "/projection/axes", SB_KIND_F64, 0, 3, v->axes));
  return sb_file_get(f, "/projection/explained_variance", SB_KIND_F64, 0, 3, v->explained);
}

static void label_axes(report_view *v) {
  for (int a = 0; a < v->k; a++) {
    if (v->axes)
      snprintf(v->label[a], sizeof v->label[a], "principal axis %d (%.0f %%)", a + 1,
               100 * v->explained[a]);
    else
      snprintf(v->label[a], sizeof v->label[a], "x%s",
               a == 0   ? "\xE2\x82\x81"
               : a == 1 ? "\xE2\x82\x82"
                        : "\xE2\x82\x83");
  }
}

/* Rows [n, d] of a file along the axes shown: out [n, k]. */
static void look(const report_view *v, int64_t n, const double *x, double *out) {
  for (int64_t i = 0; i < n; i++)
    for (int a = 0; a < v->k; a++) {
      double sum = v->axes ? 0 : x[i * v->d + a];
      for (int j = 0; v->axes && j < v->d; j++)
        sum += v->axes[(int64_t)a * v->d + j] * (x[i * v->d + j] - v->mean[j]);
      out[i * v->k + a] = sum;
    }
}

static sb_status read_cloud(sb_file *f, report_view *v, const char *path, const char *name,
                            const char *title) {
  int rank;
  int64_t shape[4];
  sb_kind kind;
  double *x = NULL;
  report_cloud c = {.name = name, .title = title};
  if (!sb_file_has(f, path)) return SB_OK;
  SB_TRY(sb_file_shape(f, path, &rank, shape, &kind));
  if (rank != 2 || (v->d && shape[1] != v->d) || shape[1] < 1 || shape[0] < 2) return SB_OK;
  if (!v->d) {
    v->d = (int)shape[1];
    v->k = v->d < REPORT_AXES ? v->d : REPORT_AXES;
    if (v->d > 3) SB_TRY(read_axes(f, v));
    label_axes(v);
  }
  c.n = fmin(fmin((double)shape[0], REPORT_ROWS), fmax(2, NUMBERS / v->d));
  sb_status s = SB_NEW(&x, c.n * v->d, "rows of a table");
  if (!s) s = SB_NEW(&c.x, c.n * v->k, "points");
  if (!s) s = sb_file_get(f, path, SB_KIND_F64, 0, c.n, x);
  if (!s) look(v, c.n, x, c.x);
  sb_mem_free(x);
  v->cloud[v->clouds++] = c;
  return s;
}

sb_status report_view_open(const report *r, report_view *v) {
  sb_file *f;
  *v = (report_view){.clouds = 0};
  SB_TRY(report_open(r, "samples.h5", &f));
  if (!f) return SB_OK;
  const int two = sb_file_has(f, "/stage1");
  sb_status s = read_cloud(f, v, "/training", "data", "Data");
  if (!s) s = read_cloud(f, v, "/stage1", REPORT_STAGE1, "After stage 1");
  if (!s) s = read_cloud(f, v, "/x", "draws", two ? "After stage 2" : "Draws");
  sb_file_close(f);
  return s;
}

const report_cloud *report_cloud_of(const report_view *v, const char *name) {
  for (int i = 0; i < v->clouds; i++)
    if (!strcmp(v->cloud[i].name, name)) return &v->cloud[i];
  return NULL;
}

void report_view_close(report_view *v) {
  for (int i = 0; i < v->clouds; i++) sb_mem_free(v->cloud[i].x);
  sb_mem_free(v->axes);
  sb_mem_free(v->mean);
}
