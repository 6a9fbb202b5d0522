/* What the finished cases of a study say: means over replicates, as study.csv. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sb/mem.h"
#include "study.h"

#define IDS 512

/* --- Reading
 * ---------------------------------------------------------------------------------------- */

/* Place of a metric of a row among those of the same name and stage: its time may depend on the
 * deck. */
static int place_of(const study_row *r, int i) {
  int place = 0;
  for (int j = 0; j < i; j++)
    place += !strcmp(r->name[j], r->name[i]) && !strcmp(r->stage[j], r->stage[i]);
  return place;
}

/* Number of a metric, a new one where it has none; -1: too many. */
static int number_of(study_table *t, const study_row *r, int i) {
  const int place = place_of(r, i);
  int k = 0;
  for (; k < t->ids; k++)
    if (t->id[k].place == place && !strcmp(t->id[k].name, r->name[i]) &&
        !strcmp(t->id[k].stage, r->stage[i]))
      return k;
  if (k == IDS) return -1;
  memcpy(t->id[k].name, r->name[i], sizeof t->id[k].name);
  memcpy(t->id[k].stage, r->stage[i], sizeof t->id[k].stage);
  t->id[k].place = place;
  t->ids++;
  return k;
}

static double *cell(const study_table *t, int64_t number, int id) {
  return t->cell + (number * t->ids + id) * STUDY_NUMBERS;
}

/* First walk: which metrics there are; second: their numbers. */
static sb_status walk(study_table *t, study_file *f, study_row *row, int fill) {
  const study_plan *p = t->plan;
  for (int64_t c = 0; c < p->cases; c++) {
    int there = 0;
    SB_TRY(study_file_get(p, f, c, row, &there));
    if (!there) continue;
    if (fill && row->state == STUDY_FAILED) t->failed[c / p->replicates]++;
    for (int i = 0; i < row->metrics; i++) {
      const int id = number_of(t, row, i);
      if (id < 0) return sb_fail(SB_USE, "%s: more than %d metrics", f->name, IDS);
      const double numbers[STUDY_NUMBERS] = {
          row->t[i],         row->value[i],       row->error[i],   row->floor[i],
          row->floor_q95[i], row->floor_train[i], row->baseline[i]};
      if (fill) memcpy(cell(t, c, id), numbers, sizeof numbers);
    }
  }
  return SB_OK;
}

sb_status study_table_read(const study_plan *p, study_file *f, study_table *out) {
  study_row *row = NULL;
  *out = (study_table){.plan = p};
  sb_status s = SB_NEW(&row, 1, "row of a study");
  if (!s) s = SB_NEW(&out->id, IDS, "metrics of a study");
  if (!s) s = SB_NEW(&out->failed, p->points, "points of a study");
  if (!s) s = walk(out, f, row, 0);
  const int64_t cells = p->cases * out->ids * STUDY_NUMBERS;
  if (!s) s = SB_NEW(&out->cell, cells, "metrics of a study");
  for (int64_t i = 0; !s && i < cells; i++) out->cell[i] = NAN;
  if (!s) s = walk(out, f, row, 1);
  sb_mem_free(row);
  return s;
}

void study_table_free(study_table *t) {
  sb_mem_free(t->id);
  sb_mem_free(t->cell);
  sb_mem_free(t->failed);
}

double study_mean(const study_table *t, int64_t point, int id, int number, int *n, double *sd) {
  const int64_t first = point * t->plan->replicates;
  double sum = 0, squares = 0;
  int count = 0;
  for (int64_t r = 0; r < t->plan->replicates; r++) {
    const double x = cell(t, first + r, id)[number];
    if (!isnan(x)) sum += x, count++;
  }
  const double mean = count ? sum / count : NAN;
  for (int64_t r = 0; r < t->plan->replicates; r++) {
    const double x = cell(t, first + r, id)[number];
    if (!isnan(x)) squares += (x - mean) * (x - mean);
  }
  if (n) *n = count;
  if (sd) *sd = count > 1 ? sqrt(squares / (count - 1)) : NAN;
  return mean;
}

/* --- As text
 * ------------------------------------------------------------------------------------ */

void study_csv_number(study_csv *t, double x) {
  if (isnan(x))
    study_csv_add(t, ",");
  else
    study_csv_add(t, ",%.9g", x);
}

/* A word as a cell: with quotes where it has a comma or quotes. */
void study_csv_word(study_csv *t, const char *word) {
  if (!strpbrk(word, ",\"\n")) {
    study_csv_add(t, "%s", word);
    return;
  }
  study_csv_add(t, "\"");
  for (; *word; word++) study_csv_add(t, *word == '"' ? "\"%c" : "%c", *word);
  study_csv_add(t, "\"");
}

void study_csv_add(study_csv *t, const char *format, ...) {
  va_list list, again;
  if (t->status) return;
  va_start(list, format);
  va_copy(again, list);
  const int need = vsnprintf(NULL, 0, format, list);
  va_end(list);
  if (t->used + need + 1 > t->room) {
    const int64_t room = 2 * (t->room + need) + 4096;
    char *larger;
    t->status = SB_NEW(&larger, room, "lines of a table");
    if (!t->status) {
      if (t->used) memcpy(larger, t->text, (size_t)t->used);
      sb_mem_free(t->text);
      t->text = larger, t->room = room;
    }
  }
  if (!t->status)
    t->used += vsnprintf(t->text + t->used, (size_t)(t->room - t->used), format, again);
  va_end(again);
}

static void add_line(const study_table *t, study_csv *out, int64_t point, int id) {
  const study_plan *p = t->plan;
  double sd;
  int n;
  const double mean = study_mean(t, point, id, STUDY_VALUE, &n, &sd);
  if (n == 0) return;
  for (int i = 0; i < p->axes; i++) {
    study_csv_word(out, study_value(p, i, point));
    study_csv_add(out, ",");
  }
  study_csv_add(out, "%s,%s", t->id[id].name, t->id[id].stage);
  study_csv_number(out, study_mean(t, point, id, STUDY_T, NULL, NULL));
  study_csv_add(out, ",%d,%lld", n, (long long)t->failed[point]);
  study_csv_number(out, mean);
  study_csv_number(out, sd);
  study_csv_number(out, sd / sqrt(n));
  for (int k = STUDY_FLOOR; k < STUDY_NUMBERS; k++)
    study_csv_number(out, study_mean(t, point, id, k, NULL, NULL));
  study_csv_add(out, "\n");
}

sb_status study_table_text(const study_table *t, study_csv *out) {
  for (int i = 0; i < t->plan->axes; i++) study_csv_add(out, "%s,", t->plan->axis[i].key);
  study_csv_add(out,
                "metric,stage,t,replicates,failed,mean,sd,stderr,floor,floor_q95,floor_train,"
                "baseline\n");
  for (int64_t point = 0; point < t->plan->points; point++)
    for (int id = 0; id < t->ids; id++) add_line(t, out, point, id);
  return out->status;
}
