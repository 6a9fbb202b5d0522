/* Where particles go: clouds at some times, paths in the plane and over time, from the
 * trajectories. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report.h"
#include "sb/mem.h"

#define PARTICLES 400 /* as dots  */
#define PATHS     40  /* as lines */
#define FRAMES    400 /* that are read: of more, every second, third … */
#define STEPS     1000000
#define SHOWN     4 /* times of a stage, as clouds */

typedef struct frames {
  int64_t n, m; /* times, particles */
  int k;        /* axes             */
  int projected;
  double *time; /* [n] legs laid end to end */
  int64_t *leg; /* [n]                      */
  double *x;    /* [n, m, k]                */
  double low[3], high[3];
} frames;

/* --- Reading
 * ------------------------------------------------------------------------------------- */

/* The file that follows `part` files. */
static sb_status open_part(const report *r, int part, sb_file **out) {
  char name[40];
  snprintf(name, sizeof name, part ? "trajectories.p%04d.h5" : "trajectories.h5", part);
  return report_open(r, name, out);
}

static int has_step(sb_file *f, int64_t step, char name[48]) {
  snprintf(name, 48, "/step_%06lld", (long long)step);
  return sb_file_has(f, name);
}

/* How many times there are in all parts. */
static sb_status count_frames(const report *r, int64_t *n) {
  char name[48];
  *n = 0;
  for (int part = 0; *n < STEPS; part++) {
    sb_file *f;
    SB_TRY(open_part(r, part, &f));
    if (!f) break;
    while (has_step(f, *n, name)) ++*n;
    sb_file_close(f);
  }
  return SB_OK;
}

/* The first time says how large all are. */
static sb_status lay_out(sb_file *f, const char *step, int64_t n, frames *out) {
  char path[64];
  int rank;
  int64_t shape[4];
  sb_kind kind;
  snprintf(path, sizeof path, "%s/x", step);
  SB_TRY(sb_file_shape(f, path, &rank, shape, &kind));
  if (rank != 2 || shape[0] < 1 || shape[1] < 1)
    return sb_fail(SB_USE, "trajectories.h5: %s is not a table", path);
  out->projected = shape[1] > 3;
  out->k = shape[1] < 3 ? (int)shape[1] : 3;
  out->m = shape[0] < PARTICLES ? shape[0] : PARTICLES;
  SB_TRY(SB_NEW(&out->time, n, "times"));
  SB_TRY(SB_NEW(&out->leg, n, "legs"));
  return SB_NEW(&out->x, n * out->m * out->k, "trajectories");
}

static sb_status read_frame(sb_file *f, const char *step, double *wide, frames *out) {
  char path[64];
  const int width = out->k < 3 || out->projected ? 3 : out->k;
  snprintf(path, sizeof path, "%s/%s", step, width == out->k && !out->projected ? "x" : "x3");
  SB_TRY(sb_file_get_int(f, step, "leg", 1, &out->leg[out->n]));
  SB_TRY(sb_file_get_real(f, step, "time", 1, &out->time[out->n]));
  SB_TRY(sb_file_get(f, path, SB_KIND_F64, 0, out->m, wide));
  for (int64_t i = 0; i < out->m; i++)
    for (int a = 0; a < out->k; a++) {
      const double x = wide[i * width + a];
      out->x[(out->n * out->m + i) * out->k + a] = x;
      if (isfinite(x)) out->low[a] = fmin(out->low[a], x), out->high[a] = fmax(out->high[a], x);
    }
  out->n++;
  return SB_OK;
}

static sb_status read_all(const report *r, int64_t n, frames *out) {
  const int64_t every = (n + FRAMES - 1) / FRAMES;
  double *wide;
  int64_t step = 0;
  char name[48];
  sb_status s = SB_NEW(&wide, 3 * PARTICLES, "a time of the trajectories");
  for (int part = 0; !s && step < n; part++) {
    sb_file *f;
    s = open_part(r, part, &f);
    if (s || !f) break;
    for (; !s && has_step(f, step, name); step++) {
      if (!out->x) s = lay_out(f, name, n, out);
      if (!s && (step % every == 0 || step == n - 1)) s = read_frame(f, name, wide, out);
    }
    sb_file_close(f);
  }
  sb_mem_free(wide);
  return s;
}

static void free_frames(frames *f) {
  sb_mem_free(f->time);
  sb_mem_free(f->leg);
  sb_mem_free(f->x);
}

/* --- Drawing
 * ------------------------------------------------------------------------------------- */

static const char *axis_name(const frames *f, int a) {
  static const char *const plain[] = {"x\xE2\x82\x81", "x\xE2\x82\x82", "x\xE2\x82\x83"},
                           *const principal[] = {"principal axis 1", "principal axis 2",
                                                 "principal axis 3"};
  return f->projected ? principal[a] : plain[a];
}

static plot_range range_of(const frames *f, int a) {
  const double pad = 0.05 * (f->high[a] - f->low[a]) + 1e-9 + 1e-6 * fabs(f->high[a]);
  return (plot_range){f->low[a] - pad, f->high[a] + pad, 0};
}

static int64_t legs_of(const frames *f) { return f->leg[f->n - 1] + 1; }

/* Time i of SHOWN of a leg, spread evenly over those that were recorded. */
static int64_t frame_of(const frames *f, int64_t leg, int i) {
  int64_t first = 0, last;
  while (first < f->n && f->leg[first] != leg) first++;
  for (last = first; last + 1 < f->n && f->leg[last + 1] == leg;) last++;
  return first + (last - first) * i / (SHOWN - 1);
}

static void evolution(report *r, const frames *f) {
  plot_figure(r);
  for (int64_t leg = 0; leg < legs_of(f); leg++)
    for (int i = 0; i < SHOWN; i++) {
      const int64_t at = frame_of(f, leg, i);
      if (at >= f->n || (i && at == frame_of(f, leg, i - 1))) continue;
      const double *x = f->x + at * f->m * f->k;
      char title[64], words[120];
      plot p = {.width = 264, .height = 268, .x = range_of(f, 0), .y = range_of(f, 1)};
      snprintf(title, sizeof title, "Stage %lld, t = %.3g", (long long)leg + 1,
               f->time[at] - (double)leg);
      snprintf(words, sizeof words, "%lld particles at time %.3g of stage %lld.", (long long)f->m,
               f->time[at] - (double)leg, (long long)leg + 1);
      plot_open(r, &p, title, NULL, words, axis_name(f, 0), axis_name(f, 1));
      plot_dots(&p, f->m, x, x + 1, f->k, leg % 2 ? "a small" : "b small");
      plot_close(&p);
    }
  plot_figure_end(r, "Particles as they move, at times spread over each stage.");
}

/* Coordinate a of a particle over the times of the frames. */
static void pick(const frames *f, int64_t particle, int a, double *out) {
  for (int64_t i = 0; i < f->n; i++) out[i] = f->x[(i * f->m + particle) * f->k + a];
}

/* Paths of coordinate b over coordinate a; a < 0: over time. Each leg in its colour. */
static void lines(plot *p, const frames *f, int a, int b, double *x, double *y) {
  const int64_t most = f->m < PATHS ? f->m : PATHS;
  for (int64_t leg = 0; leg < legs_of(f); leg++) {
    int64_t first = 0, last;
    while (first < f->n && f->leg[first] != leg) first++;
    for (last = first; last < f->n && f->leg[last] == leg;) last++;
    if (last < f->n && leg + 1 < legs_of(f)) last++;
    for (int64_t i = 0; i < most; i++) {
      if (a >= 0) pick(f, i, a, x);
      pick(f, i, b, y);
      plot_line(p, last - first, (a < 0 ? f->time : x) + first, y + first, 1,
                leg % 2 ? "a thin" : "b thin");
    }
  }
}

static sb_status draw_paths(report *r, const frames *f) {
  const int64_t most = f->m < PATHS ? f->m : PATHS;
  double *x, *y;
  char words[120];
  SB_TRY(SB_NEW(&x, 2 * f->n, "a path"));
  y = x + f->n;
  snprintf(words, sizeof words, "Paths of %lld particles.", (long long)most);
  plot_figure(r);
  if (f->k > 1) {
    plot p = {.width = 356, .height = 362, .x = range_of(f, 0), .y = range_of(f, 1)};
    plot_open(r, &p, "Paths in the plane", NULL, words, axis_name(f, 0), axis_name(f, 1));
    lines(&p, f, 0, 1, x, y);
    for (int64_t i = 0; i < most; i++)
      plot_dots(&p, 1, f->x + ((f->n - 1) * f->m + i) * f->k,
                f->x + ((f->n - 1) * f->m + i) * f->k + 1, 1, "f");
    plot_close(&p);
  }
  for (int a = 0; a < f->k; a++) {
    plot p = {
        .width = 356, .height = 362, .x = {f->time[0], f->time[f->n - 1], 0}, .y = range_of(f, a)};
    char title[64];
    snprintf(title, sizeof title, "%s over time", axis_name(f, a));
    plot_open(r, &p, title, NULL, words, "time", axis_name(f, a));
    lines(&p, f, -1, a, x, y);
    for (int64_t leg = 1; leg < legs_of(f); leg++) plot_upright(&p, (double)leg, "dash");
    plot_close(&p);
  }
  if (legs_of(f) > 1) {
    plot_legend(r);
    plot_key(r, "line b", "stage 1");
    plot_key(r, "line a", "stage 2");
  }
  plot_figure_end(r, "Paths of the first particles; stages lie end to end in time.");
  sb_mem_free(x);
  return SB_OK;
}

sb_status report_paths(report *r) {
  frames f = {.low = {INFINITY, INFINITY, INFINITY}, .high = {-INFINITY, -INFINITY, -INFINITY}};
  int64_t n;
  SB_TRY(count_frames(r, &n));
  if (n < 2) {
    report_without(r, "There are no trajectories of two times and more, so no paths are shown.");
    return SB_OK;
  }
  sb_status s = read_all(r, n, &f);
  if (!s && f.n > 1 && f.time[f.n - 1] > f.time[0] && isfinite(f.low[0])) {
    report_section(r, "paths", "Particles");
    if (f.k > 1) evolution(r, &f);
    s = draw_paths(r, &f);
    report_section_end(r);
  }
  free_frames(&f);
  return s;
}
