/* Draws against data: densities in the plane that is shown, and of each axis. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "sb/mathfn.h"
#include "sb/mem.h"

#define CELLS  128 /* of a density, in each direction */
#define CURVE  240
#define LEVELS 7

/* The box around the bulk of all clouds; in the plane one unit is as long on both axes where they
 * are of like extent. */
static sb_status frame(report_view *v) {
  double wide[REPORT_AXES];
  for (int a = 0; a < v->k; a++) {
    v->low[a] = INFINITY, v->high[a] = -INFINITY;
    for (int i = 0; i < v->clouds; i++) {
      double low, high;
      const report_cloud *c = &v->cloud[i];
      SB_TRY(density_quantile(c->n, c->x + a, v->k, 0.002, &low));
      SB_TRY(density_quantile(c->n, c->x + a, v->k, 0.998, &high));
      v->low[a] = fmin(v->low[a], low), v->high[a] = fmax(v->high[a], high);
    }
    const double pad = v->high[a] > v->low[a] ? 0.1 * (v->high[a] - v->low[a]) : 0.5;
    v->low[a] -= pad, v->high[a] += pad;
    wide[a] = v->high[a] - v->low[a];
  }
  for (int a = 0; a < 2 && v->k > 1; a++) {
    if (fmax(wide[0], wide[1]) > 4 * fmin(wide[0], wide[1])) continue;
    const double more = (fmax(wide[0], wide[1]) - wide[a]) / 2;
    v->low[a] -= more, v->high[a] += more;
  }
  return SB_OK;
}

/* --- The plane
 * ----------------------------------------------------------------------------------- */

/* Densities of pairs of axes are asked for often: points [n, 2]. */
static sb_status plane_density(const report_view *v, const report_cloud *c, int a, int b,
                               double *f) {
  double *pair;
  const double low[2] = {v->low[a], v->low[b]}, high[2] = {v->high[a], v->high[b]};
  SB_TRY(SB_NEW(&pair, 2 * c->n, "points"));
  for (int64_t i = 0; i < c->n; i++)
    pair[2 * i] = c->x[i * v->k + a], pair[2 * i + 1] = c->x[i * v->k + b];
  const sb_status s = density_of(c->n, pair, 2, 2, low, high, CELLS, f);
  sb_mem_free(pair);
  return s;
}

/* The exact density of the law, smoothed by a variance, on the same cells. */
static sb_status law_density(const report *r, const report_view *v, double variance, double *f) {
  sb_density *q;
  double *x, step[2];
  SB_TRY(sb_density_open(r->law, variance, &q));
  sb_status s = SB_NEW(&x, 2 * CELLS, "points");
  for (int a = 0; a < 2; a++) step[a] = (v->high[a] - v->low[a]) / CELLS;
  for (int j = 0; !s && j < CELLS; j++) {
    for (int i = 0; i < CELLS; i++) {
      x[2 * i] = v->low[0] + (i + 0.5) * step[0];
      x[2 * i + 1] = v->low[1] + (j + 0.5) * step[1];
    }
    sb_density_eval(q, CELLS, x, f + (int64_t)j * CELLS, NULL, NULL);
    for (int i = 0; i < CELLS; i++) f[(int64_t)j * CELLS + i] = sb_exp(f[(int64_t)j * CELLS + i]);
  }
  sb_mem_free(x);
  sb_density_close(q);
  return s;
}

/* Variance of the smoothing that stage 1 ends in, where it was done in the coordinates of the law;
 * else 0. */
static double smoothing(const report *r, const report_view *v) {
  const char *how = report_key(r, "data.standardise"),
             *variance = report_key(r, "reference.variance2");
  if (!report_cloud_of(v, REPORT_STAGE1) || (strcmp(how, "auto") && strcmp(how, "none"))) return 0;
  return fmax(0, atof(variance));
}

static plot_grid grid_of(const report_view *v, int a, int b, const double *f) {
  const double dx = (v->high[a] - v->low[a]) / CELLS, dy = (v->high[b] - v->low[b]) / CELLS;
  return (plot_grid){CELLS, CELLS, v->low[a] + dx / 2, v->low[b] + dy / 2, dx, dy, f};
}

static void open_plane(report *r, plot *p, const report_view *v, int a, int b, const char *title,
                       const char *remark, const char *words) {
  *p = (plot){.width = 356,
              .height = 362,
              .x = {v->low[a], v->high[a], 0},
              .y = {v->low[b], v->high[b], 0}};
  plot_open(r, p, title, remark, words, v->label[a], v->label[b]);
}

static sb_status one_plane(report *r, const report_view *v, const char *title, const char *remark,
                           const char *words, const double *f, const double *level) {
  plot p;
  const plot_grid g = grid_of(v, 0, 1, f);
  open_plane(r, &p, v, 0, 1, title, remark, words);
  const sb_status s = plot_areas(&p, &g, LEVELS, level);
  plot_close(&p);
  return s;
}

/* The law and what stage 1 aims at, in closed form; level: those of the law. */
static sb_status exact_planes(report *r, const report_view *v, double *f, const double *level) {
  const double variance = smoothing(r, v);
  sb_status s = SB_OK;
  if (variance > 0) {
    s = law_density(r, v, variance, f);
    if (!s)
      s = one_plane(r, v, "Exact, after stage 1", "closed form",
                    "Density of the law smoothed as stage 1 does, in closed form.", f, level);
  }
  if (!s) s = law_density(r, v, 0, f);
  if (s) return s;
  return one_plane(r, v, "Exact law", "closed form",
                   "Density of the law of the data, in closed form.", f, level);
}

static sb_status cloud_plane(report *r, const report_view *v, int which, double *f,
                             const double *level) {
  const report_cloud *c = &v->cloud[which];
  char remark[80], about[160];
  SB_TRY(plane_density(v, c, 0, 1, f));
  snprintf(remark, sizeof remark, "%lld points", (long long)c->n);
  snprintf(about, sizeof about, "Kernel density of %lld points: %s.", (long long)c->n, c->name);
  return one_plane(r, v, c->title, remark, about, f, level);
}

static sb_status draw_plane(report *r, const report_view *v) {
  static const double mass[LEVELS] = {0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 0.99};
  static const char *const keys[LEVELS] = {"d0", "d1", "d2", "d3", "d4", "d5", "d6"},
                           *const words[LEVELS] = {
                               "99 % of the mass", "95 %", "80 %", "60 %", "40 %", "20 %", "5 %"};
  const int64_t cells = (int64_t)CELLS * CELLS;
  const int exact = r->law && r->law->d == 2 && v->d == 2;
  double *f, down[LEVELS], level[LEVELS];
  SB_TRY(SB_NEW(&f, cells, "density"));
  sb_status s = exact ? law_density(r, v, 0, f) : plane_density(v, &v->cloud[0], 0, 1, f);
  if (!s) s = density_levels(cells, f, LEVELS, mass, down);
  for (int k = 0; k < LEVELS; k++) level[k] = down[LEVELS - 1 - k];
  plot_figure(r);
  if (!s && exact) s = exact_planes(r, v, f, level);
  for (int i = 0; !s && i < v->clouds; i++) s = cloud_plane(r, v, i, f, level);
  plot_legend(r);
  for (int k = 0; k < LEVELS; k++) plot_key(r, keys[k], words[k]);
  plot_figure_end(
      r, exact ? "Kernel densities and the exact ones. The same shade is the same density in all; "
                 "shades "
                 "change where the density of the law encloses these parts of its mass."
               : "Kernel densities. The same shade is the same density in all; shades change where "
                 "the density of the data encloses these parts of its mass.");
  sb_mem_free(f);
  return s;
}

/* --- Axes
 * ---------------------------------------------------------------------------------------- */

/* Densities of one axis: data as an area, draws and stage 1 as lines. */
static sb_status one_axis(report *r, const report_view *v, int a) {
  plot p = {.width = v->k == 1 ? 560 : 356, .height = 260, .x = {v->low[a], v->high[a], 0}};
  double *f = NULL, *at = NULL;
  char title[96];
  sb_status s = SB_NEW(&f, 4 * CURVE, "densities");
  if (!s) s = SB_NEW(&at, CURVE, "points");
  for (int i = 0; !s && i < v->clouds; i++)
    s = density_of(v->cloud[i].n, v->cloud[i].x + a, v->k, 1, v->low + a, v->high + a, CURVE,
                   f + i * CURVE);
  if (!s) {
    for (int i = 0; i < CURVE; i++)
      at[i] = v->low[a] + (i + 0.5) * (v->high[a] - v->low[a]) / CURVE;
    for (int i = 0; i < v->clouds * CURVE; i++) p.y.high = fmax(p.y.high, 1.08 * f[i]);
    if (!(p.y.high > 0)) p.y.high = 1;
    snprintf(title, sizeof title, "Density of %s", v->label[a]);
    plot_open(r, &p, title, NULL,
              "Density of the data as an area, of the draws as a line, of the draws after stage 1 "
              "dashed.",
              v->label[a], "density");
    for (int i = 0; i < v->clouds; i++) {
      const char *name = v->cloud[i].name;
      if (!strcmp(name, "data"))
        plot_band(&p, CURVE, at, f + 3 * CURVE, f + i * CURVE, "data");
      else
        plot_line(&p, CURVE, at, f + i * CURVE, 1, strcmp(name, "draws") ? "b second" : "a");
    }
    plot_close(&p);
  }
  sb_mem_free(at);
  sb_mem_free(f);
  return s;
}

static sb_status draw_axes(report *r, const report_view *v) {
  sb_status s = SB_OK;
  plot_figure(r);
  for (int a = 0; !s && a < v->k; a++) s = one_axis(r, v, a);
  plot_legend(r);
  for (int i = 0; i < v->clouds; i++) {
    const char *name = v->cloud[i].name;
    plot_key(r,
             !strcmp(name, "data")    ? "data"
             : !strcmp(name, "draws") ? "line a"
                                      : "line b second",
             name);
  }
  plot_figure_end(r, "Kernel densities of each axis.");
  return s;
}

/* --- Pairs of axes, above two dimensions
 * --------------------------------------------------------- */

static sb_status one_pair(report *r, const report_view *v, int a, int b, double *f) {
  static const double mass[4] = {0.25, 0.5, 0.75, 0.95}, drawn[2] = {0.5, 0.95};
  const int64_t cells = (int64_t)CELLS * CELLS;
  double down[4], level[4];
  const plot_grid g = grid_of(v, a, b, f);
  char title[40];
  plot p;
  sb_status s = SB_OK;
  snprintf(title, sizeof title, "Axes %d and %d", a + 1, b + 1);
  open_plane(r, &p, v, a, b, title, NULL,
             "Density of the data as areas, of the draws as two lines over them.");
  for (int i = 0; !s && i < v->clouds; i++) {
    const report_cloud *c = &v->cloud[i];
    const int data = !strcmp(c->name, "data");
    if (!data && strcmp(c->name, "draws")) continue;
    s = plane_density(v, c, a, b, f);
    if (!s) s = density_levels(cells, f, data ? 4 : 2, data ? mass : drawn, down);
    for (int k = 0; k < 4; k++) level[k] = down[3 - k];
    if (!s && data) s = plot_areas(&p, &g, 4, level);
    if (!s && !data) s = plot_edges(&p, &g, down[1], "edge");
    if (!s && !data) s = plot_edges(&p, &g, down[0], "edge inner");
  }
  plot_close(&p);
  return s;
}

static sb_status draw_pairs(report *r, const report_view *v) {
  double *f;
  SB_TRY(SB_NEW(&f, (int64_t)CELLS * CELLS, "density"));
  sb_status s = SB_OK;
  plot_figure(r);
  for (int a = 0; a < v->k; a++)
    for (int b = a + 1; !s && b < v->k; b++) s = one_pair(r, v, a, b, f);
  plot_legend(r);
  plot_key(r, "d2", "data: 25, 50, 75 and 95 % of the mass");
  plot_key(r, "edge", "draws: 95 %");
  plot_key(r, "edge inner", "draws: 50 %");
  plot_figure_end(r, "Pairs of axes, draws over data.");
  sb_mem_free(f);
  return s;
}

static sb_status draw(report *r, report_view *v) {
  SB_TRY(frame(v));
  report_section(r, "draws", "Draws and data");
  if (v->axes)
    sb_text_add(&r->page,
                "<p>%d coordinates, seen along the first three principal axes of the training "
                "rows, with their part "
                "of the variance.</p>\n",
                v->d);
  if (v->k > 1) SB_TRY(draw_plane(r, v));
  if (v->k > 2) SB_TRY(draw_pairs(r, v));
  SB_TRY(draw_axes(r, v));
  report_section_end(r);
  return SB_OK;
}

sb_status report_clouds(report *r) {
  report_view v;
  if (!report_has(r, "samples.h5")) {
    report_without(r, "There are no draws (samples.h5), so none are shown.");
    return SB_OK;
  }
  sb_status s = report_view_open(r, &v);
  if (!s && v.clouds) s = draw(r, &v);
  if (!s && !v.clouds) report_without(r, "samples.h5 has fewer than two draws, so none are shown.");
  report_view_close(&v);
  return s;
}
