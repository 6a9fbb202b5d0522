/* Edges of areas where a function on a grid is above a level: marching squares. Around the grid the
 * function counts as 0, so that every edge is closed.
 *
 * A square is walked around once. From each of its sides on which the walk leaves the area a piece
 * of the edge goes to the next side on which it comes back; the square beyond that side sees it
 * left there, and goes on. So a side has at most one piece that begins there, and following them
 * gives closed lines. */
#include <math.h>

#include "report.h"
#include "sb/mem.h"

typedef struct walk {
  const plot_grid *g;
  double level;
  int wide, high; /* points with those around the grid */
  int32_t *
      next; /* side -> side; -1 none. Sides: 2 (j wide + i) from (i, j) to the right, + 1 upwards */
} walk;

static double value(const walk *w, int i, int j) {
  const plot_grid *g = w->g;
  if (i < 1 || j < 1 || i > g->nx || j > g->ny) return fmin(0, w->level - 1);
  const double f = g->f[(int64_t)(j - 1) * g->nx + i - 1];
  return isfinite(f) ? f : fmin(0, w->level - 1);
}

static int32_t side(const walk *w, int i, int j, int up) { return 2 * (j * w->wide + i) + up; }

static void square(walk *w, int i, int j) {
  const int in[5] = {value(w, i, j) >= w->level, value(w, i + 1, j) >= w->level,
                     value(w, i + 1, j + 1) >= w->level, value(w, i, j + 1) >= w->level,
                     value(w, i, j) >= w->level};
  const int32_t sides[4] = {side(w, i, j, 0), side(w, i + 1, j, 1), side(w, i, j + 1, 0),
                            side(w, i, j, 1)};
  for (int k = 0; k < 4; k++) {
    if (!in[k] || in[k + 1]) continue;
    for (int m = 1; m < 4; m++) {
      const int to = (k + m) % 4;
      if (!in[to] && in[to + 1]) {
        w->next[sides[k]] = sides[to];
        break;
      }
    }
  }
}

/* Where the level lies on a side. */
static void place(const walk *w, const plot *p, int32_t s, double out[2]) {
  const int up = s % 2, i = s / 2 % w->wide, j = s / 2 / w->wide;
  const double a = value(w, i, j), b = value(w, i + !up, j + up),
               part = fmax(0.02, fmin(0.98, (w->level - a) / (b - a)));
  out[0] = plot_x(p, w->g->x0 + (i - 1 + (up ? 0 : part)) * w->g->dx);
  out[1] = plot_y(p, w->g->y0 + (j - 1 + (up ? part : 0)) * w->g->dy);
}

/* Follows the edge that goes through a side, and forgets it. */
static void follow(walk *w, plot *p, int32_t from) {
  const char *before = "M";
  double at[2];
  for (int32_t s = from; s >= 0;) {
    const int32_t to = w->next[s];
    if (to < 0) break;
    place(w, p, s, at);
    sb_text_add(p->t, "%s%.1f %.1f", before, at[0], at[1]);
    before = "L";
    w->next[s] = -1;
    s = to;
  }
  sb_text_add(p->t, "Z");
}

static sb_status outline(plot *p, const plot_grid *g, double level, const char *class) {
  walk w = {.g = g, .level = level, .wide = g->nx + 2, .high = g->ny + 2};
  const int32_t sides = 2 * w.wide * w.high;
  int none = 1;
  SB_TRY(SB_NEW(&w.next, sides, "edges of areas"));
  for (int32_t s = 0; s < sides; s++) w.next[s] = -1;
  for (int j = 0; j + 1 < w.high; j++)
    for (int i = 0; i + 1 < w.wide; i++) square(&w, i, j);
  for (int32_t s = 0; s < sides; s++) {
    if (w.next[s] < 0) continue;
    if (none) sb_text_add(p->t, "<path class=\"%s\" d=\"", class);
    none = 0;
    follow(&w, p, s);
  }
  if (!none) sb_text_add(p->t, "\"/>\n");
  sb_mem_free(w.next);
  return SB_OK;
}

sb_status plot_areas(plot *p, const plot_grid *g, int levels, const double *level) {
  static const char *const classes[] = {"area d0", "area d1", "area d2", "area d3",
                                        "area d4", "area d5", "area d6"};
  for (int k = 0; k < levels && k < 7; k++) SB_TRY(outline(p, g, level[k], classes[k]));
  return SB_OK;
}

sb_status plot_edges(plot *p, const plot_grid *g, double level, const char *class) {
  return outline(p, g, level, class);
}
