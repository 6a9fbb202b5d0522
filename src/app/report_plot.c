/* Panels: axes, lines, dots and arrows as SVG. Coordinates are written to a tenth of a unit. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report.h"

#define FAR 1e5 /* beyond it a picture shows nothing */

/* --- Places
 * -------------------------------------------------------------------------------------- */

static double part_of(plot_range r, double v) {
  return r.log ? log(v / r.low) / log(r.high / r.low) : (v - r.low) / (r.high - r.low);
}

static double within(double x) { return fmax(-FAR, fmin(FAR, x)); }

double plot_x(const plot *p, double x) {
  return within(p->left + part_of(p->x, x) * (p->right - p->left));
}

double plot_y(const plot *p, double y) {
  return within(p->under - part_of(p->y, y) * (p->under - p->top));
}

/* A place, with what stands before it; 0 where it is none. */
static int put(plot *p, const char *before, double x, double y) {
  const double px = plot_x(p, x), py = plot_y(p, y);
  if (!isfinite(x) || !isfinite(y) || !isfinite(px) || !isfinite(py)) return 0;
  sb_text_add(p->t, "%s%.1f %.1f", before, px, py);
  return 1;
}

/* --- Axes
 * ---------------------------------------------------------------------------------------- */

/* Power of ten, exact as far as doubles are. */
static double ten_to(int k) {
  double x = 1;
  for (int i = 0; i < (k < 0 ? -k : k); i++) x *= 10;
  return k < 0 ? 1 / x : x;
}

/* Largest power of ten that is not above x > 0. */
static int decade(double x) {
  int k = (int)floor(log10(x));
  while (ten_to(k) > x) k--;
  while (ten_to(k + 1) <= x) k++;
  return k;
}

/* Steps of 1, 2 or 5 times a power of ten; at most `most` of them. */
static double step_of(double width, int most) {
  static const double steps[] = {1, 2, 5, 10};
  const double ten = ten_to(decade(width / most));
  for (int i = 0; i < 3; i++)
    if (steps[i] * ten * most >= width) return steps[i] * ten;
  return 10 * ten;
}

static void tick(plot *p, int across, double at, const char *words) {
  const double place = across ? plot_x(p, at) : plot_y(p, at);
  if (across)
    sb_text_add(p->t, "<path class=\"grid\" d=\"M%.1f %.1fV%.1f\"/>", place, p->top, p->under);
  else
    sb_text_add(p->t, "<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/>", p->left, place, p->right);
  if (!words[0]) return;
  sb_text_add(p->t, "<text class=\"tick\" text-anchor=\"%s\" x=\"%.1f\" y=\"%.1f\">%s</text>",
              across ? "middle" : "end", across ? place : p->left - 6,
              across ? p->under + 15 : place + 4, words);
}

/* With a minus sign, not a hyphen. */
static void number_words(double x, char out[32]) {
  snprintf(out, 32, fabs(x) >= 1000 && fabs(x) < 1e7 ? "%s%.0f" : "%s%.4g",
           x < 0 ? "\xE2\x88\x92" : "", fabs(x));
}

static void even_ticks(plot *p, int across, plot_range r) {
  const double step = step_of(r.high - r.low, across ? 6 : 5);
  char words[32];
  for (double k = ceil(r.low / step - 1e-9); k * step <= r.high + 1e-9 * step; k++) {
    number_words(k == 0 ? 0 : k * step, words);
    tick(p, across, k * step, words);
  }
}

/* Decades; where there are few, also twice and five times them. */
static void log_ticks(plot *p, int across, plot_range r) {
  static const double between[] = {1, 2, 5};
  const int first = decade(r.low), last = decade(r.high), few = last - first < 3,
            every = 1 + (last - first) / 6;
  for (int k = first; k <= last; k++)
    for (int i = 0; i < 3; i++) {
      const double at = between[i] * ten_to(k);
      char words[32] = "";
      if (at < r.low * (1 - 1e-9) || at > r.high * (1 + 1e-9) || (i && !few)) continue;
      if ((k - first) % every == 0) number_words(at, words);
      tick(p, across, at, words);
    }
}

static void one_label(const plot *p, const char *words, int across) {
  const double x = (p->left + p->right) / 2, y = (p->top + p->under) / 2;
  if (!words) return;
  if (across)
    sb_text_add(p->t, "<text class=\"label\" text-anchor=\"middle\" x=\"%.1f\" y=\"%.1f\">", x,
                p->under + 32);
  else
    sb_text_add(p->t,
                "<text class=\"label\" text-anchor=\"middle\" transform=\"translate(12 %.1f) "
                "rotate(-90)\">",
                y);
  sb_text_xml(p->t, words);
  sb_text_add(p->t, "</text>");
}

static void head(plot *p, const char *title, const char *remark, const char *description) {
  sb_text *t = p->t;
  const int k = p->number;
  sb_text_add(
      t,
      "<svg class=\"plot\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\" role=\"img\" "
      "aria-labelledby=\"p%d-t p%d-d\"><title id=\"p%d-t\">",
      p->width, p->height, p->width, p->height, k, k, k);
  sb_text_xml(t, title);
  sb_text_add(t, "</title><desc id=\"p%d-d\">", k);
  sb_text_xml(t, description);
  sb_text_add(t, "</desc><text class=\"title\" x=\"%.1f\" y=\"14\">", p->left);
  sb_text_xml(t, title);
  sb_text_add(t, "</text>");
  if (!remark) return;
  sb_text_add(t, "<text class=\"remark\" x=\"%.1f\" y=\"30\">", p->left);
  sb_text_xml(t, remark);
  sb_text_add(t, "</text>");
}

/* A range that can be divided into steps: finite, and wide against its own rounding. */
static plot_range sound(plot_range r) {
  if (!isfinite(r.low) || !isfinite(r.high) || (r.log && !(r.low > 0)))
    return (plot_range){1, 10, r.log};
  const double least = r.log ? 0.01 * r.low : 1e-9 * fmax(fabs(r.low), fabs(r.high)) + 1e-300;
  if (r.high - r.low >= least) return r;
  return r.log ? (plot_range){r.low / 1.1, r.low * 1.1, 1}
               : (plot_range){r.low - least, r.low + least, 0};
}

void plot_open(report *r, plot *p, const char *title, const char *remark, const char *description,
               const char *x_label, const char *y_label) {
  p->t = &r->page;
  p->number = ++r->pictures;
  p->x = sound(p->x), p->y = sound(p->y);
  p->left = y_label ? 56 : 44, p->right = p->width - 10;
  p->top = remark ? 38 : 24, p->under = p->height - (x_label ? 40 : 22);
  head(p, title, remark, description);
  if (p->x.log)
    log_ticks(p, 1, p->x);
  else
    even_ticks(p, 1, p->x);
  if (p->y.log)
    log_ticks(p, 0, p->y);
  else
    even_ticks(p, 0, p->y);
  one_label(p, x_label, 1);
  one_label(p, y_label, 0);
  sb_text_add(p->t,
              "<clipPath id=\"p%d-c\"><path d=\"M%.1f %.1fH%.1fV%.1fH%.1fZ\"/></clipPath><g "
              "clip-path=\"url(#p%d-c)\">\n",
              p->number, p->left, p->top, p->right, p->under, p->left, p->number);
}

void plot_close(plot *p) {
  sb_text_add(p->t, "</g><path class=\"axis\" d=\"M%.1f %.1fV%.1fH%.1f\"/></svg>\n", p->left,
              p->top, p->under, p->right);
}

/* --- What stands in them
 * ------------------------------------------------------------------------- */

void plot_line(plot *p, int64_t n, const double *x, const double *y, int step, const char *class) {
  int drawn = 0;
  sb_text_add(p->t, "<path class=\"line %s\" d=\"", class);
  for (int64_t i = 0; i < n; i++) drawn = put(p, drawn ? "L" : "M", x[i * step], y[i * step]);
  sb_text_add(p->t, "\"/>\n");
}

void plot_dots(plot *p, int64_t n, const double *x, const double *y, int step, const char *class) {
  sb_text_add(p->t, "<path class=\"dots %s\" d=\"", class);
  for (int64_t i = 0; i < n; i++)
    if (put(p, "M", x[i * step], y[i * step])) sb_text_add(p->t, "h0");
  sb_text_add(p->t, "\"/>\n");
}

void plot_band(plot *p, int64_t n, const double *x, const double *low, const double *high,
               const char *class) {
  int drawn = 0;
  sb_text_add(p->t, "<path class=\"area %s\" d=\"", class);
  for (int64_t i = 0; i < n; i++) drawn |= put(p, drawn ? "L" : "M", x[i], high[i]);
  for (int64_t i = n; i-- > 0;) put(p, "L", x[i], low[i]);
  sb_text_add(p->t, "\"/>\n");
}

void plot_bars(plot *p, int64_t n, const double *x, const double *low, const double *high,
               const char *class) {
  sb_text_add(p->t, "<path class=\"line %s\" d=\"", class);
  for (int64_t i = 0; i < n; i++) {
    if (!isfinite(low[i]) || !isfinite(high[i]) || !put(p, "M", x[i], low[i])) continue;
    const double at = plot_x(p, x[i]), top = plot_y(p, high[i]), under = plot_y(p, low[i]);
    sb_text_add(p->t, "V%.1fM%.1f %.1fh6M%.1f %.1fh6", top, at - 3, top, at - 3, under);
  }
  sb_text_add(p->t, "\"/>\n");
}

void plot_upright(plot *p, double x, const char *class) {
  sb_text_add(p->t, "<path class=\"line %s\" d=\"M%.1f %.1fV%.1f\"/>\n", class, plot_x(p, x),
              p->top, p->under);
}

void plot_arrows(plot *p, int64_t n, const double *at, const double *v, double scale,
                 const char *class) {
  const double across = (p->right - p->left) / (p->x.high - p->x.low),
               along = (p->under - p->top) / (p->y.high - p->y.low);
  sb_text_add(p->t, "<path class=\"line %s\" d=\"", class);
  for (int64_t i = 0; i < n; i++) {
    const double x = plot_x(p, at[2 * i]), y = plot_y(p, at[2 * i + 1]),
                 dx = v[2 * i] * scale * across, dy = -v[2 * i + 1] * scale * along,
                 length = sqrt(dx * dx + dy * dy);
    if (!(length > 0.7) || !isfinite(length)) continue;
    const double size = fmin(4, 0.45 * length) / length, bx = dx * size, by = dy * size;
    sb_text_add(p->t, "M%.1f %.1fl%.1f %.1fm%.1f %.1fl%.1f %.1fl%.1f %.1f", x - dx / 2, y - dy / 2,
                dx, dy, -bx - 0.5 * by, -by + 0.5 * bx, bx + 0.5 * by, by - 0.5 * bx,
                -bx + 0.5 * by, -by - 0.5 * bx);
  }
  sb_text_add(p->t, "\"/>\n");
}

/* --- Figures
 * ------------------------------------------------------------------------------------- */

void plot_figure(report *r) { sb_text_add(&r->page, "<figure><div class=\"panels\">\n"); }

void plot_figure_end(report *r, const char *caption) {
  sb_text_add(&r->page, "</div><figcaption>");
  sb_text_xml(&r->page, caption);
  sb_text_add(&r->page, "</figcaption></figure>\n");
}

void plot_legend(report *r) { sb_text_add(&r->page, "</div><div class=\"legend\">"); }

void plot_key(report *r, const char *class, const char *words) {
  sb_text_add(&r->page,
              "<span><svg class=\"key\" viewBox=\"0 0 22 10\" width=\"22\" height=\"10\" "
              "aria-hidden=\"true\"><path class=\"%s\" d=\"%s\"/></svg>",
              class,
              strncmp(class, "line", 4) == 0   ? "M1 5H21"
              : strncmp(class, "dots", 4) == 0 ? "M11 5h0"
                                               : "M2 1H20V9H2Z");
  sb_text_xml(&r->page, words);
  sb_text_add(&r->page, "</span>\n");
}
