/* Tables as text, as this program writes them: commas, quotes where a cell has commas. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "sb/mem.h"

#define CELLS_MOST 4000000

/* Cuts one cell off: its text ends with a zero, quotes are taken away. Returns where the next
 * begins; *last: it ended its line. */
static char *cut(char *at, const char **cell, int *last) {
  char *to = at;
  int quoted = 0;
  *cell = at;
  for (; *at && (quoted || (*at != ',' && *at != '\n')); at++) {
    if (*at != '"')
      *to++ = *at;
    else if (quoted && at[1] == '"')
      *to++ = *at++;
    else
      quoted = !quoted;
  }
  *last = *at != ',';
  if (*at) at++;
  if (to > *cell && to[-1] == '\r') to--;
  *to = 0;
  return at;
}

static sb_status count_cells(const char *text, int64_t *cells) {
  *cells = 1;
  for (; *text; text++) *cells += *text == ',' || *text == '\n';
  return *cells > CELLS_MOST ? sb_fail(SB_USE, "more than %d cells", CELLS_MOST) : SB_OK;
}

static sb_status split(report_table *t) {
  int64_t n = 0, begin = 0;
  int last;
  for (char *at = t->text; *at;) {
    at = cut(at, &t->cell[n++], &last);
    if (!last) continue;
    if (t->columns == 0) t->columns = (int)n;
    if (n - begin != t->columns)
      return sb_fail(SB_USE, "line %lld has %lld cells, the first has %d",
                     (long long)(begin / t->columns + 1), (long long)(n - begin), t->columns);
    begin = n;
  }
  if (begin != n) return sb_fail(SB_USE, "the last line is cut short");
  t->rows = t->columns ? n / t->columns - 1 : 0;
  return SB_OK;
}

sb_status report_table_read(const report *r, const char *name, report_table *out) {
  char why[SB_MESSAGE_MAX];
  int64_t cells;
  *out = (report_table){.text = NULL};
  SB_TRY(report_read(r, name, &out->text, NULL));
  if (!out->text) return SB_OK;
  sb_status s = count_cells(out->text, &cells);
  if (!s) s = SB_NEW(&out->cell, cells, "cells of a table");
  if (!s) s = split(out);
  if (!s) return SB_OK;
  report_table_free(out);
  *out = (report_table){.text = NULL};
  if (s != SB_USE) return s;
  snprintf(why, sizeof why, "%.900s", sb_message());
  sb_forget();
  return sb_fail(SB_USE, "%s/%s: is damaged: %s", r->folder, name, why);
}

void report_table_free(report_table *t) {
  sb_mem_free(t->cell);
  sb_mem_free(t->text);
}

int report_column(const report_table *t, const char *name) {
  for (int i = 0; i < t->columns; i++)
    if (!strcmp(t->cell[i], name)) return i;
  return -1;
}

const char *report_word(const report_table *t, int64_t row, int column) {
  return column < 0 || row < 0 || row >= t->rows ? "" : t->cell[(row + 1) * t->columns + column];
}

double report_value(const report_table *t, int64_t row, int column) {
  const char *text = report_word(t, row, column);
  char *end;
  const double x = strtod(text, &end);
  return end == text || *end || !isfinite(x) ? NAN : x;
}
