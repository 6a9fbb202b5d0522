/* The drift on a grid at the last time of each leg: learned, exact where the law is known, and the
 * error. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "sb/mem.h"

#define ARROWS 19   /* on a side                                  */
#define INSIDE 0.98 /* of the mass lies where fields are compared */
#define STEPS  100000
#define MOST   4096 /* points of a side of the grid               */

typedef struct field {
  int leg, nx, ny, known; /* known: exact is there, and density is that of the law */
  double t, x0, y0, dx, dy;
  double *learned, *exact; /* [ny, nx, 3] of the middle plane */
  double *density;         /* [ny, nx]; of the draws where the law is not known, NULL: of nothing */
  double edge;             /* the density around INSIDE       */
} field;

/* --- Reading
 * ------------------------------------------------------------------------------------- */

/* The number of the last group of each leg; returns how many legs. */
static sb_status find_steps(sb_file *f, int step[SB_MAX_LEGS], double t[SB_MAX_LEGS], int *legs) {
  char name[32];
  *legs = 0;
  for (int k = 0; k < STEPS; k++) {
    int64_t leg;
    double time;
    snprintf(name, sizeof name, "/step_%06d", k);
    if (!sb_file_has(f, name)) break;
    SB_TRY(sb_file_get_int(f, name, "leg", 1, &leg));
    SB_TRY(sb_file_get_real(f, name, "t", 1, &time));
    if (leg < 0 || leg >= SB_MAX_LEGS) continue;
    for (; *legs <= leg; ++*legs) step[*legs] = -1, t[*legs] = -INFINITY;
    if (time >= t[leg]) step[leg] = k, t[leg] = time;
  }
  return SB_OK;
}

/* The middle plane of an array [nz, ny, nx(, 3)]; *out NULL where it is not there. */
static sb_status read_plane(sb_file *f, int step, const char *array, int width, field *out,
                            double **data) {
  char path[64];
  int rank;
  int64_t shape[4] = {0};
  sb_kind kind;
  *data = NULL;
  snprintf(path, sizeof path, "/step_%06d/%s", step, array);
  if (!sb_file_has(f, path)) return SB_OK;
  SB_TRY(sb_file_shape(f, path, &rank, shape, &kind));
  if (rank != (width == 3 ? 4 : 3) || shape[1] < 1 || shape[1] > MOST || shape[2] < 2 ||
      shape[2] > MOST || (width == 3 && shape[3] != 3) ||
      (out->nx && (out->nx != shape[2] || out->ny != shape[1])))
    return sb_fail(SB_USE, "velocity.h5: %s is not a field on a grid", path);
  out->ny = (int)shape[1], out->nx = (int)shape[2];
  SB_TRY(SB_NEW(data, shape[1] * shape[2] * width, "a field"));
  return sb_file_get(f, path, SB_KIND_F64, shape[0] / 2, 1, *data);
}

/* Kernel density of the draws at the end of the leg, at the points of the grid. */
static sb_status density_of_draws(const report_view *v, field *f) {
  const report_cloud *c = f->leg == 0 ? report_cloud_of(v, REPORT_STAGE1) : NULL;
  const double low[2] = {f->x0 - f->dx / 2, f->y0 - f->dy / 2},
               high[2] = {low[0] + f->nx * f->dx, low[1] + f->ny * f->dy};
  const int line = f->ny == 1;
  if (!c) c = report_cloud_of(v, "draws");
  if (!c || f->nx > DENSITY_MOST || (line ? v->k != 1 : v->k < 2 || f->nx != f->ny)) return SB_OK;
  SB_TRY(SB_NEW(&f->density, (int64_t)f->nx * f->ny, "density"));
  return density_of(c->n, c->x, v->k, line ? 1 : 2, low, high, f->nx, f->density);
}

static sb_status read_field(const report_view *v, sb_file *f, int step, field *out) {
  double origin[3], spacing[3];
  const double mass = INSIDE;
  SB_TRY(sb_file_get_real(f, "/grid", "origin", 3, origin));
  SB_TRY(sb_file_get_real(f, "/grid", "spacing", 3, spacing));
  out->x0 = origin[0], out->y0 = origin[1], out->dx = spacing[0], out->dy = spacing[1];
  SB_TRY(read_plane(f, step, "velocity", 3, out, &out->learned));
  if (!out->learned) return sb_fail(SB_USE, "velocity.h5: step %d has no velocity", step);
  SB_TRY(read_plane(f, step, "exact", 3, out, &out->exact));
  SB_TRY(read_plane(f, step, "density", 1, out, &out->density));
  out->known = out->exact && out->density;
  if (!out->density) SB_TRY(density_of_draws(v, out));
  if (!out->density) return SB_OK;
  return density_levels((int64_t)out->nx * out->ny, out->density, 1, &mass, &out->edge);
}

static void free_field(field *f) {
  sb_mem_free(f->learned);
  sb_mem_free(f->exact);
  sb_mem_free(f->density);
}

/* --- In the plane
 * -------------------------------------------------------------------------------- */

/* What nearly all vectors where the law has mass stay below: the length of the longest arrow. */
static sb_status usual(const field *f, const double *v, double *out) {
  const int64_t n = (int64_t)f->nx * f->ny;
  double *length;
  int64_t m = 0;
  SB_TRY(SB_NEW(&length, n, "lengths"));
  for (int64_t i = 0; i < n; i++)
    if (!f->density || f->density[i] >= f->edge)
      length[m++] = sqrt(v[3 * i] * v[3 * i] + v[3 * i + 1] * v[3 * i + 1]);
  const sb_status s = m ? density_quantile(m, length, 1, 0.98, out) : SB_OK;
  if (!m) *out = 0;
  sb_mem_free(length);
  return s;
}

static plot_grid grid_of(const field *f, const double *values) {
  return (plot_grid){f->nx, f->ny, f->x0, f->y0, f->dx, f->dy, values};
}

static void open_panel(report *r, plot *p, const field *f, const char *title, const char *remark,
                       const char *words, int projected) {
  *p = (plot){.width = 356,
              .height = 362,
              .x = {f->x0, f->x0 + (f->nx - 1) * f->dx, 0},
              .y = {f->y0, f->y0 + (f->ny - 1) * f->dy, 0}};
  plot_open(r, p, title, remark, words, projected ? "principal axis 1" : "x\xE2\x82\x81",
            projected ? "principal axis 2" : "x\xE2\x82\x82");
}

/* Arrows where the law has mass, or, with `outside`, where it has next to none. */
static sb_status arrows(plot *p, const field *f, const double *v, double longest, int outside) {
  const int sx = f->nx > ARROWS ? (f->nx + ARROWS / 2) / ARROWS : 1,
            sy = f->ny > ARROWS ? (f->ny + ARROWS / 2) / ARROWS : 1;
  double *at, *to;
  int64_t n = 0;
  SB_TRY(SB_NEW(&at, 4 * (int64_t)(f->nx / sx + 1) * (f->ny / sy + 1), "arrows"));
  to = at + 2 * (int64_t)(f->nx / sx + 1) * (f->ny / sy + 1);
  for (int j = (f->ny - 1) % sy / 2; j < f->ny; j += sy)
    for (int i = (f->nx - 1) % sx / 2; i < f->nx; i += sx) {
      const int64_t k = (int64_t)j * f->nx + i;
      if (f->density && (f->density[k] < f->edge) != outside) continue;
      const double length = sqrt(v[3 * k] * v[3 * k] + v[3 * k + 1] * v[3 * k + 1]),
                   cut = length > longest ? longest / length : 1;
      at[2 * n] = f->x0 + i * f->dx, at[2 * n + 1] = f->y0 + j * f->dy;
      to[2 * n] = cut * v[3 * k], to[2 * n + 1] = cut * v[3 * k + 1];
      n++;
    }
  if (longest > 0 && (f->density || !outside))
    plot_arrows(p, n, at, to, 1.25 * fmin(sx * f->dx, sy * f->dy) / longest,
                outside ? "faint" : "arrow");
  sb_mem_free(at);
  return SB_OK;
}

static sb_status arrow_panel(report *r, const field *f, const char *what, const double *v,
                             double longest, int projected) {
  static const double mass[4] = {0.3, 0.6, 0.85, 0.98};
  double down[4], level[3];
  char title[64], remark[64];
  plot p;
  const plot_grid g = grid_of(f, f->density);
  snprintf(title, sizeof title, "%s, stage %d", what, f->leg + 1);
  snprintf(remark, sizeof remark, "t = %.3g, longest arrow %.3g", f->t, longest);
  open_panel(r, &p, f, title, remark,
             f->known ? "Arrows of the drift over the density of the exact law."
                      : "Arrows of the drift over the density of the draws.",
             projected);
  sb_status s = SB_OK;
  if (f->density) {
    s = density_levels((int64_t)f->nx * f->ny, f->density, 4, mass, down);
    for (int k = 0; k < 3; k++) level[k] = down[3 - k];
    sb_text_add(p.t, "<g class=\"pale\">");
    if (!s) s = plot_areas(&p, &g, 3, level);
    sb_text_add(p.t, "</g>");
    if (!s) s = arrows(&p, f, v, longest, 1);
  }
  if (!s) s = arrows(&p, f, v, longest, 0);
  plot_close(&p);
  return s;
}

/* Length of the difference where the law has mass, and its mean under the law. */
static sb_status error_panel(report *r, const field *f, int projected) {
  const int64_t n = (int64_t)f->nx * f->ny;
  double *e, level[6], top, sums[3] = {0};
  char remark[80], title[40];
  plot p;
  SB_TRY(SB_NEW(&e, 4 * n, "error of a field"));
  double *vector = e + n;
  for (int64_t i = 0; i < n; i++) {
    double squares[2] = {0};
    for (int k = 0; k < 2; k++) {
      vector[3 * i + k] = f->learned[3 * i + k] - f->exact[3 * i + k];
      squares[0] += vector[3 * i + k] * vector[3 * i + k];
      squares[1] += f->exact[3 * i + k] * f->exact[3 * i + k];
    }
    e[i] = f->density[i] >= f->edge ? sqrt(squares[0]) : NAN;
    for (int k = 0; k < 2; k++) sums[k] += f->density[i] * squares[k];
    sums[2] += f->density[i];
  }
  sb_status s = usual(f, vector, &top);
  for (int k = 0; k < 6; k++) level[k] = top * (k + 0.5) / 6;
  snprintf(title, sizeof title, "Error, stage %d", f->leg + 1);
  snprintf(remark, sizeof remark, "rms under the law %.2g (%.2g %%), darkest from %.2g",
           sqrt(sums[0] / sums[2]), 100 * sqrt(sums[0] / sums[1]), level[5]);
  open_panel(r, &p, f, title, remark,
             "Length of the difference of learned and exact drift where the law has mass.",
             projected);
  const plot_grid g = grid_of(f, e), d = grid_of(f, f->density);
  sb_text_add(p.t, "<g class=\"hot\">");
  if (!s && top > 0) s = plot_areas(&p, &g, 6, level);
  sb_text_add(p.t, "</g>");
  if (!s) s = plot_edges(&p, &d, f->edge, "rim");
  plot_close(&p);
  sb_mem_free(e);
  return s;
}

static sb_status draw_planes(report *r, const field *f, int n, int projected) {
  sb_status s = SB_OK;
  int known = 1;
  plot_figure(r);
  for (int k = 0; !s && k < n; k++) {
    double longest;
    known &= f[k].known;
    s = usual(&f[k], f[k].known ? f[k].exact : f[k].learned, &longest);
    if (!s && f[k].known) s = arrow_panel(r, &f[k], "Exact drift", f[k].exact, longest, projected);
    if (!s) s = arrow_panel(r, &f[k], "Learned drift", f[k].learned, longest, projected);
    if (!s && f[k].known) s = error_panel(r, &f[k], projected);
  }
  plot_figure_end(
      r, known ? "The drift at the last time of each stage. Blue: 85, 60 and 30 % and more of the "
                 "law\xE2\x80\x99s mass "
                 "lie there; grey arrows: where it has next to none (2 %). Arrows are in units of "
                 "the data per unit time. Errors from white to "
                 "the largest in steps of a sixth; the line bounds the region of 98 % of the mass."
               : "The learned drift at the last time of each stage; the exact one is not known. "
                 "Arrows are in units of the data per unit time. Blue: where the draws are dense "
                 "(85, 60, 30 %); grey arrows: where next to none are.");
  return s;
}

/* --- On a line
 * ----------------------------------------------------------------------------------- */

/* Drift over its one coordinate, x and y [nx] each. */
static void one_line(const field *f, const double *v, double *y) {
  for (int i = 0; i < f->nx; i++) y[i] = v[3 * i];
}

/* Range of the drifts where there is mass. */
static plot_range drift_range(const field *f) {
  double low = INFINITY, high = -INFINITY;
  for (int i = 0; i < f->nx; i++) {
    if (f->density && f->density[i] < f->edge) continue;
    low = fmin(low, f->learned[3 * i]), high = fmax(high, f->learned[3 * i]);
    if (f->known) low = fmin(low, f->exact[3 * i]), high = fmax(high, f->exact[3 * i]);
  }
  return (plot_range){low - 0.1 * (high - low), high + 0.1 * (high - low), 0};
}

static sb_status line_panel(report *r, const field *f) {
  plot p = {.width = 440,
            .height = 280,
            .x = {f->x0, f->x0 + (f->nx - 1) * f->dx, 0},
            .y = drift_range(f)};
  char title[64];
  double *x, *y;
  SB_TRY(SB_NEW(&x, 2 * f->nx, "points"));
  y = x + f->nx;
  for (int i = 0; i < f->nx; i++) x[i] = f->x0 + i * f->dx;
  snprintf(title, sizeof title, "Drift, stage %d, t = %.3g", f->leg + 1, f->t);
  plot_open(r, &p, title, NULL, "Learned drift, and the exact one dashed where it is known.",
            "x\xE2\x82\x81", "drift");
  one_line(f, f->learned, y);
  plot_line(&p, f->nx, x, y, 1, "a");
  if (f->known) one_line(f, f->exact, y);
  if (f->known) plot_line(&p, f->nx, x, y, 1, "dash");
  plot_close(&p);
  sb_mem_free(x);
  return SB_OK;
}

static sb_status draw_lines(report *r, const field *f, int n) {
  sb_status s = SB_OK;
  int known = 0;
  plot_figure(r);
  for (int k = 0; !s && k < n; k++) s = line_panel(r, &f[k]), known |= f[k].known;
  plot_legend(r);
  plot_key(r, "line a", "learned");
  if (known) plot_key(r, "line dash", "exact");
  plot_figure_end(
      r, "The drift at the last time of each stage, over the range where the law has mass.");
  return s;
}

sb_status report_velocity(report *r) {
  sb_file *f;
  field found[SB_MAX_LEGS] = {{0}};
  int step[SB_MAX_LEGS], legs = 0, n = 0;
  double t[SB_MAX_LEGS];
  SB_TRY(report_open(r, "velocity.h5", &f));
  if (!f) {
    report_without(r, "There is no velocity.h5, so the drift is not shown.");
    return SB_OK;
  }
  report_view v;
  sb_status s = report_view_open(r, &v);
  if (!s) s = find_steps(f, step, t, &legs);
  for (int leg = 0; !s && leg < legs; leg++) {
    if (step[leg] < 0) continue;
    found[n].leg = leg, found[n].t = t[leg];
    s = read_field(&v, f, step[leg], &found[n++]);
  }
  report_view_close(&v);
  const int projected = sb_file_has(f, "/projection");
  sb_file_close(f);
  if (!s && n) {
    report_section(r, "drift", "Drift");
    s = found[0].ny > 1 ? draw_planes(r, found, n, projected) : draw_lines(r, found, n);
    report_section_end(r);
  }
  for (int k = 0; k < n; k++) free_field(&found[k]);
  return s;
}
