/* What report.json says of quality: cards, the table of metrics with their floors, errors of the
 * drift and by cause. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report.h"

#define DRIFT      "drift_rmse" /* names of errors of the drift begin so */
#define DRIFT_MOST 64
#define CAUSES     4
#define STRIP      160.0 /* width of the little picture beside a metric */

typedef struct metric {
  const char *name, *stage, *better;
  double t, value, error, floor, high, train, baseline, target, n, m;
} metric;

static int read_metric(const report *r, int i, metric *out) {
  const sb_tree *j = r->json;
  const sb_node at = sb_tree_item(j, sb_tree_get(j, sb_tree_root(j), "metrics"), i);
  if (!at) return 0;
#define NUMBER(key) sb_tree_number(j, sb_tree_get(j, at, key))
  *out = (metric){.name = sb_tree_text(j, sb_tree_get(j, at, "name"), ""),
                  .stage = sb_tree_text(j, sb_tree_get(j, at, "stage"), ""),
                  .better = sb_tree_text(j, sb_tree_get(j, at, "better"), ""),
                  .t = NUMBER("t"),
                  .value = NUMBER("value"),
                  .error = NUMBER("stderr"),
                  .floor = NUMBER("floor"),
                  .high = NUMBER("floor_q95"),
                  .train = NUMBER("floor_train"),
                  .baseline = NUMBER("baseline"),
                  .target = NUMBER("target"),
                  .n = NUMBER("n"),
                  .m = NUMBER("m")};
#undef NUMBER
  return 1;
}

/* Of the drift against the exact one, at a time of a stage. */
static int of_drift(const metric *m) { return !strncmp(m->name, DRIFT, strlen(DRIFT)); }

static int compared(const metric *m) {
  return isfinite(m->floor) || isfinite(m->high) || isfinite(m->baseline);
}

/* What the value means, NULL where that is not clear; and the class of the words. Two standard
 * errors are the value's own due. */
static const char *verdict(const metric *m, const char **class) {
  const double best = m->value - (isfinite(m->error) ? 2 * m->error : 0);
  *class = "done";
  if (strcmp(m->better, "less") || !isfinite(m->value)) return NULL;
  if (best <= m->high && (m->baseline <= m->high || m->baseline <= m->value)) {
    *class = "open";
    return "like perfect, but so is no learning";
  }
  if (m->value <= m->high) return "like perfect";
  if (best <= m->high) return "like perfect, within error";
  if (best <= m->train) return "like training rows";
  *class = "open";
  if (m->value < m->baseline) return "better than no learning";
  *class = "failed";
  return isfinite(m->baseline) ? "no better than no learning" : NULL;
}

/* --- Cards
 * --------------------------------------------------------------------------------------- */

static void card(report *r, const metric *m) {
  sb_text *t = &r->page;
  const char *class, *words = verdict(m, &class);
  sb_text_add(t, "<li><span class=\"dim\">");
  report_words(t, m->name);
  sb_text_add(t, "</span><b>");
  report_number(t, m->value);
  sb_text_add(t, "</b>");
  if (words) sb_text_add(t, "<span class=\"verdict %s\">%s</span><br>", class, words);
  sb_text_add(t, "<span class=\"dim\">");
  if (isfinite(m->target)) {
    sb_text_add(t, "should be ");
    report_number(t, m->target);
  } else {
    sb_text_add(t, "perfect: below ");
    report_number(t, isfinite(m->high) ? m->high : m->floor);
  }
  if (isfinite(m->baseline)) {
    sb_text_add(t, "; no learning: ");
    report_number(t, m->baseline);
  }
  sb_text_add(t, "</span></li>\n");
}

void report_headline(report *r) {
  static const char *const wanted[] = {"energy_distance",    "sliced_w2",        "w2",
                                       "memorisation_ratio", "covariance_error", "mean_error"};
  metric m;
  int shown = 0;
  for (size_t k = 0; k < sizeof wanted / sizeof *wanted && shown < 4; k++)
    for (int i = 0; read_metric(r, i, &m) && shown < 4; i++) {
      if (strcmp(m.name, wanted[k]) || m.stage[0] || !isfinite(m.value) || !compared(&m)) continue;
      if (!shown++) sb_text_add(&r->page, "<ul class=\"cards\">\n");
      card(r, &m);
      break;
    }
  if (shown) sb_text_add(&r->page, "</ul>\n");
}

/* --- Metrics with their floors
 * ------------------------------------------------------------------- */

typedef struct strip {
  double low, high;
} strip;

static void stretch(strip *s, double x) {
  if (!(x > 0)) return;
  s->low = fmin(s->low, x), s->high = fmax(s->high, x);
}

static double along(const strip *s, double x) {
  if (!(x > s->low)) return 3;
  return 3 + (STRIP - 6) * fmin(1, log(x / s->low) / log(s->high / s->low));
}

/* On a logarithmic line from the left: grey up to what a perfect sampler stays below, the value as
 * a dot with its standard error, the training rows as a short stroke, no learning as a long one.
 * The numbers stand beside it. */
static void draw_strip(sb_text *t, const metric *m) {
  strip s = {INFINITY, 0};
  stretch(&s, m->value), stretch(&s, m->high), stretch(&s, m->floor), stretch(&s, m->train);
  stretch(&s, m->baseline), stretch(&s, m->target);
  if (!(s.high > 0)) {
    sb_text_add(t, "<td></td>");
    return;
  }
  s.low /= 1.6, s.high *= 1.3;
  const double high = isfinite(m->high) ? m->high : m->floor, at = along(&s, m->value);
  sb_text_add(t,
              "<td><svg class=\"strip\" viewBox=\"0 0 %.0f 16\" width=\"%.0f\" height=\"16\" "
              "aria-hidden=\"true\"><path class=\"axis\" d=\"M0 8H%.0f\"/>",
              STRIP, STRIP, STRIP);
  if (isfinite(m->target))
    sb_text_add(t, "<path class=\"line c\" d=\"M%.1f 1V15\"/>", along(&s, m->target));
  else if (isfinite(high))
    sb_text_add(t, "<path class=\"area data\" d=\"M0 3H%.1fV13H0Z\"/>", along(&s, high));
  if (isfinite(m->train))
    sb_text_add(t, "<path class=\"line f\" d=\"M%.1f 4V12\"/>", along(&s, m->train));
  if (isfinite(m->baseline))
    sb_text_add(t, "<path class=\"line dash\" d=\"M%.1f 0V16\"/>", along(&s, m->baseline));
  if (isfinite(m->error))
    sb_text_add(t, "<path class=\"line a\" d=\"M%.1f 8H%.1f\"/>", along(&s, m->value - m->error),
                along(&s, m->value + m->error));
  if (isfinite(m->value)) sb_text_add(t, "<path class=\"dots a big\" d=\"M%.1f 8h0\"/>", at);
  sb_text_add(t, "</svg></td>");
}

static void name_cell(sb_text *t, const metric *m) {
  sb_text_add(t, "<tr><th scope=\"row\">");
  report_words(t, m->name);
  if (m->stage[0]) {
    sb_text_add(t, ", stage ");
    sb_text_xml(t, m->stage);
  }
  if (isfinite(m->t)) sb_text_add(t, ", t = %.3g", m->t);
  sb_text_add(t, "</th>");
}

static void compared_row(sb_text *t, const metric *m) {
  const char *class, *words = verdict(m, &class);
  name_cell(t, m);
  report_cell(t, m->value);
  report_cell(t, m->error);
  draw_strip(t, m);
  report_cell(t, m->floor);
  report_cell(t, m->high);
  report_cell(t, m->train);
  report_cell(t, m->baseline);
  sb_text_add(t, "<td class=\"left reading %s\">%s", words ? class : "dim", words ? words : "");
  if (isfinite(m->target)) {
    sb_text_add(t, "should be ");
    report_number(t, m->target);
  } else if (!strcmp(m->better, "more"))
    sb_text_add(t, "more is better");
  sb_text_add(t, "</td>");
  report_cell(t, m->n);
  report_cell(t, m->m);
  sb_text_add(t, "</tr>\n");
}

static void compared_table(report *r) {
  static const char *const columns[] = {"Value", "\xC2\xB1", "",           "Floor",
                                        "95 %",  "Training", "No learning"};
  sb_text *t = &r->page;
  metric m;
  sb_text_add(
      t,
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Metrics\">"
      "<table><caption>Floor: what a perfect sampler gets, mean and 95 %% quantile. "
      "Training: what one gets that repeats training rows. No learning: a Gaussian with the "
      "mean and covariance of the training rows. n draws are compared with m true points. In "
      "the strips, on logarithmic lines: the value (dot, with its standard error), the floor "
      "(grey), training (short stroke), no learning (dashed).</caption>\n"
      "<thead><tr><th scope=\"col\">Metric</th>");
  for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
    sb_text_add(t, columns[i][0] ? "<th scope=\"col\">%s</th>" : "<td>%s</td>", columns[i]);
  sb_text_add(t,
              "<th scope=\"col\" class=\"left\">Reading</th><th scope=\"col\">n</th><th "
              "scope=\"col\">m</th></tr></thead><tbody>\n");
  for (int i = 0; read_metric(r, i, &m); i++)
    if (compared(&m) && !of_drift(&m)) compared_row(t, &m);
  sb_text_add(t, "</tbody></table></div>\n");
}

/* Numbers with nothing to compare them with. */
static void plain_table(report *r, int count) {
  sb_text *t = &r->page;
  metric m;
  sb_text_add(
      t,
      "<details%s><summary>%d more number%s</summary><div class=\"scroll\"><table><thead><tr><th "
      "scope=\"col\">Name</th><th scope=\"col\">Value</th><th scope=\"col\">\xC2\xB1</th><th "
      "scope=\"col\">Should be</th><th scope=\"col\">Draws</th></tr></thead><tbody>\n",
      count <= 12 ? " open" : "", count, count == 1 ? "" : "s");
  for (int i = 0; read_metric(r, i, &m); i++) {
    if (compared(&m) || of_drift(&m)) continue;
    name_cell(t, &m);
    report_cell(t, m.value);
    report_cell(t, m.error);
    report_cell(t, m.target);
    report_cell(t, m.n);
    sb_text_add(t, "</tr>\n");
  }
  sb_text_add(t, "</tbody></table></div></details>\n");
}

void report_metrics(report *r) {
  int with = 0, without = 0;
  metric m;
  for (int i = 0; read_metric(r, i, &m); i++)
    if (!of_drift(&m)) *(compared(&m) ? &with : &without) += 1;
  if (!with && !without) {
    report_without(r, "report.json holds no metrics.");
    return;
  }
  report_section(r, "metrics", "Metrics");
  if (with) compared_table(r);
  if (without) plain_table(r, without);
  report_section_end(r);
}

/* --- Errors
 * -------------------------------------------------------------------------------------- */

typedef struct cause {
  const char *key, *words;
} cause;

static const cause causes[] = {{"time_step", "time steps"},
                               {"score", "score network"},
                               {"ratio", "ratio network"},
                               {"monte_carlo", "Monte-Carlo draws"}};

static double error_of(const report *r, int k) {
  const sb_node errors = sb_tree_get(r->json, sb_tree_root(r->json), "errors");
  return sb_tree_number(r->json, sb_tree_get(r->json, errors, causes[k].key));
}

static void causes_table(report *r) {
  sb_text *t = &r->page;
  double largest = 0;
  for (int k = 0; k < CAUSES; k++) largest = fmax(largest, error_of(r, k));
  sb_text_add(
      t,
      "<div class=\"scroll\"><table><caption>What the error would be if all other parts were "
      "exact: of "
      "the drift relative to the exact one, at its worst time; of the time steps, of the "
      "covariance of draws with the exact drift.</caption><thead><tr><th scope=\"col\">Error "
      "from</th><th scope=\"col\">Value</th><th scope=\"col\"></th></tr></thead><tbody>\n");
  for (int k = 0; k < CAUSES; k++) {
    const double x = error_of(r, k);
    sb_text_add(t, "<tr><th scope=\"row\">%s</th>", causes[k].words);
    report_cell(t, x);
    if (isfinite(x) && largest > 0)
      sb_text_add(
          t,
          "<td><svg class=\"strip\" viewBox=\"0 0 260 14\" width=\"260\" height=\"14\" "
          "aria-hidden=\"true\"><path class=\"bar\" d=\"M0 1H%.1fV13H0Z\"/></svg></td></tr>\n",
          fmax(1, 260 * x / largest));
    else
      sb_text_add(t, "<td class=\"left dim\">not measured</td></tr>\n");
  }
  sb_text_add(t, "</tbody></table></div>\n");
}

/* Names of drift errors and the times that they are of, each once. */
typedef struct drift_index {
  int names, times;
  metric name[DRIFT_MOST], time[DRIFT_MOST];
} drift_index;

static int same_time(const metric *a, const metric *b) {
  return !strcmp(a->stage, b->stage) && (a->t == b->t || (isnan(a->t) && isnan(b->t)));
}

static void index_drifts(const report *r, drift_index *x) {
  metric m;
  x->names = x->times = 0;
  for (int i = 0; read_metric(r, i, &m); i++) {
    int name = 0, time = 0;
    if (!of_drift(&m)) continue;
    while (name < x->names && strcmp(x->name[name].name, m.name)) name++;
    while (time < x->times && !same_time(&x->time[time], &m)) time++;
    if (name == x->names && name < DRIFT_MOST) x->name[x->names++] = m;
    if (time == x->times && time < DRIFT_MOST) x->time[x->times++] = m;
  }
}

static double drift_at(const report *r, const metric *name, const metric *time) {
  metric m;
  for (int i = 0; read_metric(r, i, &m); i++)
    if (!strcmp(m.name, name->name) && same_time(&m, time)) return m.value;
  return NAN;
}

static void drift_table(report *r, const drift_index *x) {
  sb_text *t = &r->page;
  sb_text_add(
      t,
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Errors of the drift\">"
      "<table><caption>Root mean square error of the drift relative to the exact one, under the "
      "exact law: of the whole, and with one part alone not exact. 1 is as bad as no "
      "drift.</caption><thead><tr><th scope=\"col\">At</th>");
  for (int k = 0; k < x->names; k++) {
    const char *part = x->name[k].name + strlen(DRIFT);
    sb_text_add(t, "<th scope=\"col\">");
    report_words(t, part[0] == '_' ? part + 1 : "whole");
    sb_text_add(t, "</th>");
  }
  sb_text_add(t, "</tr></thead><tbody>\n");
  for (int i = 0; i < x->times; i++) {
    sb_text_add(t, "<tr><th scope=\"row\">");
    if (x->time[i].stage[0]) sb_text_add(t, "stage ");
    sb_text_xml(t, x->time[i].stage);
    if (isfinite(x->time[i].t))
      sb_text_add(t, "%st = %.3g", x->time[i].stage[0] ? ", " : "", x->time[i].t);
    sb_text_add(t, "</th>");
    for (int k = 0; k < x->names; k++) report_cell(t, drift_at(r, &x->name[k], &x->time[i]));
    sb_text_add(t, "</tr>\n");
  }
  sb_text_add(t, "</tbody></table></div>\n");
}

void report_errors(report *r) {
  drift_index x;
  int known = 0;
  index_drifts(r, &x);
  for (int k = 0; k < CAUSES; k++) known |= isfinite(error_of(r, k));
  if (!known && !x.times) {
    report_without(r, "Errors by cause were not measured: that needs a known law.");
    return;
  }
  report_section(r, "errors", "Errors by cause");
  if (known) causes_table(r);
  if (x.times) drift_table(r, &x);
  report_section_end(r);
}
