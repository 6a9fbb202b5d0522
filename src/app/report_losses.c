/* Curves of training, from history.csv. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report.h"
#include "sb/mem.h"

#define EARLY 0.02 /* part of the steps whose fall would hide the rest */

typedef struct curve {
  int64_t n;
  const char *name;
  double *step, *loss, *held; /* [n] */
} curve;

/* Lines from `first` on that are of the same network. */
static sb_status read_curve(const report_table *t, int64_t first, curve *out) {
  const int name = report_column(t, "network"), step = report_column(t, "step"),
            loss = report_column(t, "loss"), held = report_column(t, "validation");
  *out = (curve){.name = report_word(t, first, name)};
  while (first + out->n < t->rows && !strcmp(report_word(t, first + out->n, name), out->name))
    out->n++;
  SB_TRY(SB_NEW(&out->step, 3 * out->n, "history"));
  out->loss = out->step + out->n, out->held = out->loss + out->n;
  for (int64_t i = 0; i < out->n; i++) {
    out->step[i] = report_value(t, first + i, step);
    out->loss[i] = report_value(t, first + i, loss);
    out->held[i] = report_value(t, first + i, held);
  }
  return SB_OK;
}

/* Range of the losses once they have fallen; 0 where there is nothing to draw. */
static int range_of(const curve *c, plot_range *y, int *validated) {
  y->low = INFINITY, y->high = -INFINITY;
  *validated = 0;
  for (int64_t i = 0; i < c->n; i++) {
    *validated |= isfinite(c->held[i]);
    if (c->step[i] < EARLY * c->step[c->n - 1]) continue;
    y->low = fmin(y->low, fmin(c->loss[i], c->held[i]));
    y->high = fmax(y->high, fmax(c->loss[i], c->held[i]));
  }
  if (!isfinite(y->low) || !isfinite(y->high) || !(c->step[c->n - 1] > 0)) return 0;
  const double pad = 0.06 * (y->high - y->low) + 1e-9 * fabs(y->high) + 1e-300;
  y->low -= pad, y->high += pad;
  return 1;
}

static void draw(report *r, const curve *c, int *any) {
  plot p = {.width = 440, .height = 280, .x = {0, c->step[c->n - 1], 0}};
  char title[64], words[200], wanted[64];
  int validated;
  if (c->n < 2 || !range_of(c, &p.y, &validated)) return;
  snprintf(title, sizeof title, "%.40s network", c->name);
  snprintf(wanted, sizeof wanted, "train.%.40s.steps", c->name);
  const char *steps =
      report_key(r, wanted)[0] ? report_key(r, wanted) : report_key(r, "train.steps");
  snprintf(words, sizeof words, "step %.0f of %.40s; loss %.4g%s", c->step[c->n - 1],
           steps[0] ? steps : "?", c->loss[c->n - 1], "");
  if (validated && isfinite(c->held[c->n - 1]))
    snprintf(words + strlen(words), sizeof words - strlen(words), ", validation %.4g",
             c->held[c->n - 1]);
  if (!*any) plot_figure(r);
  *any = 1;
  plot_open(r, &p, title, words, words, "step", "loss");
  plot_line(&p, c->n, c->step, c->loss, 1, "a");
  if (validated) plot_line(&p, c->n, c->step, c->held, 1, "b second");
  plot_close(&p);
}

static sb_status draw_all(report *r, const report_table *t) {
  int any = 0;
  for (int64_t first = 0; first < t->rows;) {
    curve c;
    SB_TRY(read_curve(t, first, &c));
    if (!any) report_section(r, "training", "Training");
    draw(r, &c, &any);
    first += c.n;
    sb_mem_free(c.step);
    if (first >= t->rows && any) {
      plot_legend(r);
      plot_key(r, "line a", "training rows, mean since the last line");
      plot_key(r, "line b second", "held-out rows");
      plot_figure_end(r, "Losses by step. The fall of the first steps is cut off.");
    }
  }
  report_section_end(r);
  return SB_OK;
}

sb_status report_losses(report *r) {
  report_table t;
  SB_TRY(report_table_read(r, "history.csv", &t));
  const int there = t.columns > 0 && t.rows > 0;
  sb_status s = SB_OK;
  if (there && (report_column(&t, "network") < 0 || report_column(&t, "step") < 0 ||
                report_column(&t, "loss") < 0))
    s = sb_fail(SB_USE, "%s/history.csv: is damaged: it has no columns network, step, loss",
                r->folder);
  else if (there)
    s = draw_all(r, &t);
  else
    report_without(r, "No network was trained here, so there are no losses.");
  report_table_free(&t);
  return s;
}
