/* The page of a study: convergence plots with error bars and slopes, tables, what failed. From
 * study.csv and slopes.csv, which a study leaves when it ends, and study.h5, which grows. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report.h"
#include "sb/mem.h"
#include "study.h"

#define POINTS 64 /* of a curve             */
#define CURVES 6  /* of a panel             */
#define PANELS 24 /* of a figure            */
#define AT     512

/* Columns of study.csv. */
typedef struct table {
  report_table csv, slopes;
  int metric, stage, t, mean, error, high, baseline, failed;
} table;

typedef struct curve {
  char at[AT]; /* the other keys: "data.law=ring6" */
  int n;
  double x[POINTS], y[POINTS], low[POINTS], high[POINTS];
} curve;

/* A metric over a key. */
typedef struct panel {
  int64_t row; /* of its first mention: name, stage, time */
  int curves;
  curve curve[CURVES];
  double floor[POINTS], floor_x[POINTS], base[POINTS];
  int floors;
} panel;

static sb_status read_table(const report *r, table *t) {
  SB_TRY(report_table_read(r, "study.csv", &t->csv));
  SB_TRY(report_table_read(r, "slopes.csv", &t->slopes));
  t->metric = report_column(&t->csv, "metric"), t->stage = report_column(&t->csv, "stage");
  t->t = report_column(&t->csv, "t"), t->mean = report_column(&t->csv, "mean");
  t->error = report_column(&t->csv, "stderr"), t->high = report_column(&t->csv, "floor_q95");
  t->baseline = report_column(&t->csv, "baseline"), t->failed = report_column(&t->csv, "failed");
  if (t->csv.columns && (t->metric < 0 || t->mean < 0))
    return sb_fail(SB_USE, "%s/study.csv: is damaged: it has no columns metric, mean", r->folder);
  return SB_OK;
}

static const char *word(const table *t, int64_t row, int column) {
  return report_word(&t->csv, row, column);
}

static int same_metric(const table *t, int64_t a, int64_t b) {
  return !strcmp(word(t, a, t->metric), word(t, b, t->metric)) &&
         !strcmp(word(t, a, t->stage), word(t, b, t->stage)) &&
         !strcmp(word(t, a, t->t), word(t, b, t->t));
}

/* "data.law=ring6 train.steps=100": the keys but for one. */
static void others(const table *t, int64_t row, int key, char out[AT]) {
  size_t used = 0;
  out[0] = 0;
  for (int i = 0; i < t->metric && used < AT; i++)
    if (i != key)
      used += (size_t)snprintf(out + used, AT - used, "%s%s=%s", used ? " " : "", t->csv.cell[i],
                               word(t, row, i));
}

/* Does a key take several numbers, all positive? */
static int is_axis(const table *t, int key) {
  double low = INFINITY, high = 0;
  for (int64_t i = 0; i < t->csv.rows; i++) {
    const double x = report_value(&t->csv, i, key);
    if (!(x > 0)) return 0;
    low = fmin(low, x), high = fmax(high, x);
  }
  return high > low;
}

/* --- A panel
 * ------------------------------------------------------------------------------------- */

static curve *curve_of(panel *p, const char *at) {
  for (int i = 0; i < p->curves; i++)
    if (!strcmp(p->curve[i].at, at)) return &p->curve[i];
  if (p->curves == CURVES) return NULL;
  snprintf(p->curve[p->curves].at, AT, "%s", at);
  return &p->curve[p->curves++];
}

static void add_point(const table *t, panel *p, int64_t row, int key) {
  char at[AT];
  const double x = report_value(&t->csv, row, key), y = report_value(&t->csv, row, t->mean),
               e = report_value(&t->csv, row, t->error);
  if (!(y > 0)) return;
  others(t, row, key, at);
  curve *c = curve_of(p, at);
  if (!c || c->n == POINTS) return;
  int k = c->n++;
  for (; k > 0 && c->x[k - 1] > x; k--)
    c->x[k] = c->x[k - 1], c->y[k] = c->y[k - 1], c->low[k] = c->low[k - 1],
    c->high[k] = c->high[k - 1];
  c->x[k] = x, c->y[k] = y;
  c->low[k] = e > 0 ? fmax(y - e, 0.01 * y) : NAN, c->high[k] = e > 0 ? y + e : NAN;
  if (c != p->curve || p->floors == POINTS) return;
  p->floor_x[p->floors] = x;
  p->base[p->floors] = report_value(&t->csv, row, t->baseline);
  p->floor[p->floors++] = report_value(&t->csv, row, t->high);
}

/* All that a table says of the metric of a row, over a key; 0: nothing to draw. */
static int fill(const table *t, int64_t row, int key, panel *p) {
  *p = (panel){.row = row};
  for (int64_t i = row; i < t->csv.rows; i++)
    if (same_metric(t, row, i)) add_point(t, p, i, key);
  for (int i = 0; i < p->curves; i++)
    if (p->curve[i].n > 1) return 1;
  return 0;
}

/* Slope of a curve with its interval; NAN where it is not in slopes.csv. */
static void slope_of(const table *t, const panel *p, const curve *c, const char *key,
                     double out[3]) {
  const report_table *s = &t->slopes;
  out[0] = out[1] = out[2] = NAN;
  for (int64_t i = 0; i < s->rows; i++) {
    if (strcmp(report_word(s, i, report_column(s, "metric")), word(t, p->row, t->metric)) ||
        strcmp(report_word(s, i, report_column(s, "stage")), word(t, p->row, t->stage)) ||
        strcmp(report_word(s, i, report_column(s, "t")), word(t, p->row, t->t)) ||
        strcmp(report_word(s, i, report_column(s, "key")), key) ||
        strcmp(report_word(s, i, report_column(s, "at")), c->at))
      continue;
    out[0] = report_value(s, i, report_column(s, "slope"));
    out[1] = report_value(s, i, report_column(s, "low"));
    out[2] = report_value(s, i, report_column(s, "high"));
    return;
  }
}

static void draw_fit(plot *p, const curve *c, double slope, const char *class) {
  double mx = 0, my = 0, x[2] = {c->x[0], c->x[c->n - 1]}, y[2];
  for (int i = 0; i < c->n; i++) mx += log(c->x[i]) / c->n, my += log(c->y[i]) / c->n;
  for (int i = 0; i < 2; i++) y[i] = exp(my + slope * (log(x[i]) - mx));
  if (isfinite(slope)) plot_line(p, 2, x, y, 1, class);
}

static void ranges(const panel *p, plot *out) {
  out->x = (plot_range){INFINITY, 0, 1}, out->y = (plot_range){INFINITY, 0, 1};
  for (int k = 0; k < p->curves; k++)
    for (int i = 0; i < p->curve[k].n; i++) {
      const curve *c = &p->curve[k];
      out->x.low = fmin(out->x.low, c->x[i]), out->x.high = fmax(out->x.high, c->x[i]);
      out->y.low = fmin(out->y.low, fmin(c->y[i], c->low[i]));
      out->y.high = fmax(out->y.high, fmax(c->y[i], c->high[i]));
    }
  for (int i = 0; i < p->floors; i++) {
    if (p->floor[i] > 0)
      out->y.low = fmin(out->y.low, p->floor[i]), out->y.high = fmax(out->y.high, p->floor[i]);
    if (p->base[i] > 0) out->y.high = fmax(out->y.high, p->base[i]);
  }
  out->x.low /= 1.15, out->x.high *= 1.15, out->y.low /= 1.5, out->y.high *= 1.5;
}

/* "slope -0.31 (-0.36 … -0.25)" of the first curve. */
static void slope_words(const double s[3], char out[96]) {
  out[0] = 0;
  if (!isfinite(s[0])) return;
  snprintf(out, 96, isfinite(s[1]) ? "slope %.2f (%.2f \xE2\x80\xA6 %.2f)" : "slope %.2f", s[0],
           s[1], s[2]);
}

static void draw_panel(report *r, const table *t, const panel *p, const char *key) {
  static const char *const dots[CURVES] = {"a big", "b big", "c big", "d big", "e big", "f big"},
                           *const bars[CURVES] = {"a", "b", "c", "d", "e", "f"},
                           *const fits[CURVES] = {"a fit", "b fit", "c fit",
                                                  "d fit", "e fit", "f fit"};
  char title[128], remark[96] = "", about[400];
  double under[POINTS], s[3];
  plot q = {.width = 356, .height = 300};
  snprintf(title, sizeof title, "%.48s%s%.16s%s%.8s", word(t, p->row, t->metric),
           word(t, p->row, t->stage)[0] ? ", stage " : "", word(t, p->row, t->stage),
           word(t, p->row, t->t)[0] ? ", t = " : "", word(t, p->row, t->t));
  for (char *at = title; *at; at++)
    if (*at == '_') *at = ' ';
  slope_of(t, p, &p->curve[0], key, s);
  if (p->curves == 1) slope_words(s, remark);
  ranges(p, &q);
  snprintf(about, sizeof about, "%.120s over %.100s on logarithmic axes, from %.3g to %.3g. %.90s",
           title, key, p->curve[0].y[0], p->curve[0].y[p->curve[0].n - 1], remark);
  plot_open(r, &q, title, remark[0] ? remark : " ", about, key, NULL);
  for (int i = 0; i < p->floors; i++) under[i] = q.y.low;
  int floors = 0;
  for (int i = 0; i < p->floors; i++) floors += p->floor[i] > 0;
  if (floors == p->floors && floors > 1) plot_band(&q, floors, p->floor_x, under, p->floor, "data");
  if (p->floors > 1 && p->base[0] > 0) plot_line(&q, p->floors, p->floor_x, p->base, 1, "dot");
  for (int k = 0; k < p->curves; k++) {
    const curve *c = &p->curve[k];
    slope_of(t, p, c, key, s);
    draw_fit(&q, c, s[0], fits[k]);
    plot_bars(&q, c->n, c->x, c->low, c->high, bars[k]);
    plot_dots(&q, c->n, c->x, c->y, 1, dots[k]);
  }
  plot_close(&q);
}

/* --- Figures
 * ------------------------------------------------------------------------------------- */

/* Metrics of whole runs, or those of stages. */
static void figure(report *r, const table *t, int key, int stages, panel *p) {
  static const char *const keys[CURVES] = {"dots a big", "dots b big", "dots c big",
                                           "dots d big", "dots e big", "dots f big"};
  const panel none = {0};
  panel shown = none;
  int panels = 0;
  for (int64_t i = 0; i < t->csv.rows && panels < PANELS; i++) {
    int64_t first = 0;
    while (!same_metric(t, first, i)) first++;
    if (first < i || (word(t, i, t->stage)[0] != 0) != stages || !fill(t, i, key, p)) continue;
    if (!panels++) plot_figure(r), shown.curves = p->curves;
    if (panels == 1) memcpy(shown.curve, p->curve, sizeof shown.curve);
    draw_panel(r, t, p, t->csv.cell[key]);
  }
  if (!panels) return;
  plot_legend(r);
  for (int k = 0; k < shown.curves && shown.curves > 1; k++)
    plot_key(r, keys[k], shown.curve[k].at);
  if (!stages) plot_key(r, "data", "floor: 95 % of perfect samplers stay below");
  if (!stages) plot_key(r, "line dot", "no learning");
  plot_figure_end(
      r, stages ? "Errors of the fields, by stage and time. Points: means over replicates with "
                  "their standard error; "
                  "dashed: the fit, with the 95 % interval of its slope from a bootstrap of the "
                  "replicates."
                : "Metrics of the draws. Points: means over replicates with their standard error; "
                  "dashed: the fit, "
                  "with the 95 % interval of its slope from a bootstrap of the replicates.");
}

static sb_status figures(report *r, const table *t) {
  panel *p;
  int axes = 0;
  SB_TRY(SB_NEW(&p, 1, "curves of a study"));
  for (int key = 0; key < t->metric; key++) {
    if (!is_axis(t, key)) continue;
    if (!axes++) report_section(r, "results", "Convergence");
    sb_text_add(&r->page, "<h3>Over <code>");
    sb_text_xml(&r->page, t->csv.cell[key]);
    sb_text_add(&r->page, "</code></h3>\n");
    figure(r, t, key, 0, p);
    figure(r, t, key, 1, p);
  }
  if (axes) report_section_end(r);
  if (!axes)
    report_without(
        r, "No key of the grid takes several positive numbers, so there are no convergence plots.");
  sb_mem_free(p);
  return SB_OK;
}

/* --- Tables
 * -------------------------------------------------------------------------------------- */

static void whole_table(report *r, const report_table *t, const char *words) {
  sb_text *x = &r->page;
  if (!t->columns) return;
  sb_text_add(x, "<details><summary>%s</summary><div class=\"scroll\"><table><thead><tr>", words);
  for (int j = 0; j < t->columns; j++) {
    sb_text_add(x, "<th scope=\"col\">");
    report_words(x, t->cell[j]);
    sb_text_add(x, "</th>");
  }
  sb_text_add(x, "</tr></thead><tbody>\n");
  for (int64_t i = 0; i < t->rows; i++) {
    sb_text_add(x, "<tr>");
    for (int j = 0; j < t->columns; j++) {
      if (isfinite(report_value(t, i, j))) {
        report_cell(x, report_value(t, i, j));
        continue;
      }
      sb_text_add(x, "<td>");
      report_words(x, report_word(t, i, j));
      sb_text_add(x, "</td>");
    }
    sb_text_add(x, "</tr>\n");
  }
  sb_text_add(x, "</tbody></table></div></details>\n");
}

/* How many cases ended how, from study.h5. */
static sb_status states(report *r) {
  sb_file *f;
  int rank;
  int64_t shape[4] = {0}, *state = NULL, count[3] = {0};
  sb_kind kind;
  SB_TRY(report_open(r, "study.h5", &f));
  if (!f) return SB_OK;
  sb_status s = sb_file_shape(f, "/state", &rank, shape, &kind);
  if (!s) s = SB_NEW(&state, shape[0], "states of cases");
  if (!s) s = sb_file_get(f, "/state", SB_KIND_I64, 0, shape[0], state);
  for (int64_t i = 0; !s && i < shape[0]; i++)
    if (state[i] >= 0 && state[i] < 3) count[state[i]]++;
  r->failed = count[STUDY_FAILED];
  if (!s) {
    sb_text_add(&r->page, "<p><data value=\"%lld\">%lld</data> of %lld cases are done, %lld failed",
                (long long)count[1], (long long)count[1], (long long)shape[0], (long long)count[2]);
    sb_text_add(&r->page,
                count[0] ? ", %lld are still to be run: the same command with "
                           "<code>--resume</code> goes on.</p>\n"
                         : ".</p>\n",
                (long long)count[0]);
  }
  sb_mem_free(state);
  sb_file_close(f);
  return s;
}

/* --- Failed cases
 * -------------------------------------------------------------------------------- */

#define TITLE_MOST    1200000 /* a deck has at most 1 MiB */
#define FAILURES_MOST 200

/* A line for each failed case: its point, its replicate, and why. */
static sb_status failed_rows(report *r, const study_plan *p, study_file *f, study_row *row) {
  sb_text *t = &r->page;
  int shown = 0;
  for (int64_t k = 0; k < p->cases && shown < FAILURES_MOST; k++) {
    char point[1024];
    int there;
    SB_TRY(study_file_get(p, f, k, row, &there));
    if (!there || row->state != STUDY_FAILED) continue;
    if (!shown++)
      sb_text_add(
          t,
          "<div class=\"scroll\"><table><caption>Cases that failed.</caption><thead><tr><th "
          "scope=\"col\">Case</th><th "
          "scope=\"col\" class=\"left\">Keys</th><th scope=\"col\">Replicate</th><th scope=\"col\" "
          "class=\"left\">Why</th></tr></thead><tbody>\n");
    study_point_text(p, k / p->replicates, point, sizeof point);
    sb_text_add(t, "<tr><td>%lld</td><td class=\"left wrap\">", (long long)k);
    sb_text_xml(t, point);
    sb_text_add(t, "</td><td>%lld</td><td class=\"left wrap\">", (long long)row->replicate);
    sb_text_xml(t, row->reason);
    sb_text_add(t, "</td></tr>\n");
  }
  if (shown) sb_text_add(t, "</tbody></table></div>\n");
  return SB_OK;
}

/* The plan of the study comes from the deck that study.h5 holds. */
static sb_status failures(report *r) {
  app other = {.comm = (sb_comm *)(uintptr_t)sb_comm_self()};
  study_plan plan = {.title = NULL};
  study_file f = {.n = 0};
  study_row *row = NULL;
  char path[1024];
  sb_status s = report_path(r, "study.h5", path);
  other.line.input = path;
  if (!s) s = SB_NEW(&other.source, TITLE_MOST, "deck of a file");
  if (!s) s = SB_NEW(&row, 1, "row of a study");
  if (!s) s = sb_ledger_title(other.comm, path, other.source, TITLE_MOST);
  if (!s) s = app_deck_of(&other, other.source, (int64_t)strlen(other.source), path);
  if (!s) s = study_plan_open(&other, &plan);
  if (!s) s = study_file_open(&plan, r->folder, 0, 0, &f);
  if (!s) s = failed_rows(r, &plan, &f, row);
  if (f.ledger) study_file_close(&f);
  study_plan_close(&plan);
  app_close(&other);
  sb_mem_free(row);
  if (s != SB_USE) return s;
  sb_forget(); /* a study of an older program: the page does without */
  report_without(r, "Why cases failed cannot be read from study.h5.");
  return SB_OK;
}

sb_status report_study(report *r) {
  table t = {.metric = -1};
  sb_status s = states(r);
  if (!s && r->failed) s = failures(r);
  if (!s) s = read_table(r, &t);
  if (!s && t.csv.rows > 0) {
    s = figures(r, &t);
    report_section(r, "cases", "Tables");
    whole_table(r, &t.slopes, "Slopes (<code>slopes.csv</code>)");
    whole_table(r, &t.csv, "Means over replicates (<code>study.csv</code>)");
    report_section_end(r);
  } else if (!s)
    report_without(
        r, "There is no study.csv with finished cases yet: the study writes it at its end.");
  report_table_free(&t.csv);
  report_table_free(&t.slopes);
  if (!s) s = report_pictures(r);
  return s ? s : report_about(r);
}
