/* The file of a study: one row for each case. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sb/mem.h"
#include "study.h"

#define TITLE_MOST 1200000 /* a deck has at most 1 MiB */

/* Columns behind those of the grid, and where they lie in a row. */
#define COLUMN(path, unit, meaning, cell, width, letters, member) \
  { {path, unit, meaning, cell, width, letters}, offsetof(study_row, member) }
#define OF_METRICS STUDY_METRICS
static const struct {
  sb_ledger_column column;
  size_t offset;
} columns[] = {
    COLUMN("/state", "1", "1 done, 2 failed", SB_CELL_INT, 1, 0, state),
    COLUMN("/replicate", "1", "replicate", SB_CELL_INT, 1, 0, replicate),
    COLUMN("/seed", "1", "seed of the run", SB_CELL_INT, 1, 0, seed),
    COLUMN("/about/reason", "1", "why it failed, as one of its ranks said", SB_CELL_TEXT, 1,
           STUDY_REASON, reason),
    COLUMN("/metrics", "1", "metrics of the case", SB_CELL_INT, 1, 0, metrics),
    COLUMN("/metric/name", "1", "name", SB_CELL_TEXT, OF_METRICS, 48, name),
    COLUMN("/metric/stage", "1", "stage", SB_CELL_TEXT, OF_METRICS, 16, stage),
    COLUMN("/metric/t", "1", "time within the stage", SB_CELL_REAL, OF_METRICS, 0, t),
    COLUMN("/metric/value", "1", "value", SB_CELL_REAL, OF_METRICS, 0, value),
    COLUMN("/metric/stderr", "1", "its standard error", SB_CELL_REAL, OF_METRICS, 0, error),
    COLUMN("/metric/floor", "1", "of a perfect sampler: mean", SB_CELL_REAL, OF_METRICS, 0, floor),
    COLUMN("/metric/floor_q95", "1", "of a perfect sampler: 95 %", SB_CELL_REAL, OF_METRICS, 0,
           floor_q95),
    COLUMN("/metric/floor_train", "1", "of the training rows again", SB_CELL_REAL, OF_METRICS, 0,
           floor_train),
    COLUMN("/metric/baseline", "1", "of a model that learns nothing", SB_CELL_REAL, OF_METRICS, 0,
           baseline),
    COLUMN("/metric/n", "1", "points judged", SB_CELL_INT, OF_METRICS, 0, n),
    COLUMN("/metric/m", "1", "true points", SB_CELL_INT, OF_METRICS, 0, m),
    COLUMN("/timing/seconds", "s", "time of the case", SB_CELL_REAL, 1, 0, seconds),
    COLUMN("/timing/ranks", "1", "ranks that worked on it", SB_CELL_INT, 1, 0, ranks),
};
#define FIXED ((int)(sizeof columns / sizeof *columns))

static void lay_columns(const study_plan *p, study_file *f) {
  for (int i = 0; i < p->axes; i++) {
    snprintf(f->path[i], sizeof f->path[i], "/grid/%s", p->axis[i].key);
    const sb_ledger_column number = {f->path[i], "1", "value of this key", SB_CELL_REAL, 1, 0},
                           word = {f->path[i],   "1", "value of this key",
                                   SB_CELL_TEXT, 1,   STUDY_WORD};
    f->column[f->n++] = p->axis[i].numbers ? number : word;
  }
  for (int i = 0; i < FIXED; i++) f->column[f->n++] = columns[i].column;
}

/* Where the cells of a row lie. */
static void lay_cells(const study_plan *p, study_row *row, void **cells) {
  int n = 0;
  for (int i = 0; i < p->axes; i++)
    cells[n++] = p->axis[i].numbers ? (void *)&row->number[i] : (void *)row->word[i];
  for (int i = 0; i < FIXED; i++) cells[n++] = (char *)row + columns[i].offset;
}

/* Says which key makes it another study. */
static sb_status compare(const study_plan *p, const study_file *f, const char *title) {
  app other = {.comm = p->a->comm}, mine = {.comm = p->a->comm};
  const char *key = NULL;
  if (!strcmp(title, p->title)) return SB_OK;
  sb_status s = app_deck_of(&other, title, (int64_t)strlen(title), f->name);
  if (!s) s = app_deck_of(&mine, p->title, (int64_t)strlen(p->title), p->a->line.input);
  if (!s) key = sb_deck_differs(mine.deck, other.deck, 0);
  if (s) sb_forget();
  app_close(&mine);
  app_close(&other);
  return sb_fail(SB_USE, "%s is of another study (%s differs): give another output, or --overwrite",
                 f->name, key ? key : "study.grid or about");
}

sb_status study_file_open(const study_plan *p, const char *directory, int create, int write,
                          study_file *out) {
  const sb_comm *c = p->a->comm;
  char *title;
  memset(out, 0, sizeof *out);
  lay_columns(p, out);
  if (snprintf(out->name, sizeof out->name, "%s/study.h5", directory) >= (int)sizeof out->name)
    return sb_fail(SB_USE, "this path is too long: %s/study.h5", directory);
  if (create)
    return sb_ledger_create(c, out->name, p->title, p->cases, out->column, out->n, &out->ledger);
  SB_TRY_ALL(c, SB_NEW(&title, TITLE_MOST, "deck of a file"));
  sb_status s = sb_file_probe(c, out->name);
  if (!s) s = sb_ledger_title(c, out->name, title, TITLE_MOST);
  if (!s) s = sb_agree(c, compare(p, out, title));
  if (!s) s = sb_ledger_open(c, out->name, write, p->cases, out->column, out->n, &out->ledger);
  sb_mem_free(title);
  return s;
}

sb_status study_file_put(const study_plan *p, study_file *f, int64_t number, const study_row *row) {
  void *cells[STUDY_COLUMNS];
  lay_cells(p, (study_row *)row, cells);
  return sb_ledger_put(f->ledger, number, (const void *const *)cells);
}

sb_status study_file_get(const study_plan *p, study_file *f, int64_t number, study_row *row,
                         int *there) {
  void *cells[STUDY_COLUMNS];
  memset(row, 0, sizeof *row);
  lay_cells(p, row, cells);
  return sb_ledger_get(f->ledger, number, cells, there);
}

void study_file_close(study_file *f) {
  sb_ledger_close(f->ledger);
  f->ledger = NULL;
}
