/* The plan of a study: its cases and their decks. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sb/mem.h"
#include "study.h"

static int is_number(const char *text) {
  char *end;
  return isfinite(strtod(text, &end)) && *text && !*end;
}

/* Keys that belong to the study as a whole. `where`: grid or along. */
static sb_status check_key(const char *where, const char *key) {
  if (!strcmp(key, "seed"))
    return sb_fail(SB_USE,
                   "study.%s.seed: replicates have seeds of their own; see "
                   "study.replicates",
                   where);
  if (!strcmp(key, "output") || !strncmp(key, "study.", 6) || !strncmp(key, "about.", 6) ||
      !strcmp(key, "preset"))
    return sb_fail(SB_USE, "study.%s.%s: this key is that of the whole study", where, key);
  return SB_OK;
}

static sb_status read_axes(study_plan *p) {
  const sb_deck *deck = p->a->deck;
  const char *key, *value;
  int values;
  p->points = 1;
  for (; (key = sb_deck_grid_key(deck, p->axes, &values)); p->axes++) {
    if (p->axes == STUDY_AXES) return sb_fail(SB_USE, "study.grid: more than %d keys", STUDY_AXES);
    SB_TRY(check_key("grid", key));
    if (values == 0)
      return sb_fail(SB_USE, "study.grid.%s: no values, so the study has no cases", key);
    if (values > STUDY_VALUES)
      return sb_fail(SB_USE, "study.grid.%s: more than %d values", key, STUDY_VALUES);
    study_axis *axis = &p->axis[p->axes];
    *axis = (study_axis){key, values, 1};
    for (int k = 0; (value = sb_deck_grid_value(deck, p->axes, k)); k++) {
      axis->numbers &= is_number(value);
      if (strlen(value) >= STUDY_WORD)
        return sb_fail(SB_USE, "study.grid.%s: '%.40s...' is too long for a value", key, value);
      for (int j = 0; j < k; j++)
        if (!strcmp(value, sb_deck_grid_value(deck, p->axes, j)))
          return sb_fail(SB_USE, "study.grid.%s: %s stands there twice", key, value);
    }
    p->points *= values;
    if (p->points * p->replicates > 10000000)
      return sb_fail(SB_USE, "study.grid: more than 10 million cases");
  }
  p->cases = p->points * p->replicates;
  return SB_OK;
}

/* Keys that go along with the first of the grid: as many values, no key twice. */
static sb_status read_along(study_plan *p) {
  const sb_deck *deck = p->a->deck;
  const char *key;
  int values;
  for (; (key = sb_deck_along_key(deck, p->along, &values)); p->along++) {
    if (p->along == STUDY_AXES)
      return sb_fail(SB_USE, "study.along: more than %d keys", STUDY_AXES);
    SB_TRY(check_key("along", key));
    if (p->axes == 0)
      return sb_fail(SB_USE, "study.along.%s: there is no study.grid that it could go along with",
                     key);
    if (values != p->axis[0].values)
      return sb_fail(SB_USE, "study.along.%s: %d values, but %s, which it goes along with, has %d",
                     key, values, p->axis[0].key, p->axis[0].values);
    for (int i = 0; i < p->axes; i++)
      if (!strcmp(key, p->axis[i].key))
        return sb_fail(SB_USE, "study.along.%s: this key is in study.grid, too", key);
  }
  return SB_OK;
}

const char *study_value(const study_plan *p, int axis, int64_t point) {
  for (int i = p->axes - 1; i > axis; i--) point /= p->axis[i].values;
  return sb_deck_grid_value(p->a->deck, axis, (int)(point % p->axis[axis].values));
}

void study_point_text(const study_plan *p, int64_t point, char *out, int size) {
  int used = 0;
  out[0] = 0;
  for (int i = 0; i < p->axes && used < size; i++)
    used += snprintf(out + used, (size_t)(size - used), "%s%s=%s", i ? " " : "", p->axis[i].key,
                     study_value(p, i, point));
}

/* "data.law='ring6'": texts in quotes. */
static sb_status assignment(const char *key, const char *value, char *out, int size) {
  const int number = is_number(value);
  int n = snprintf(out, (size_t)size, "%s=%s", key, number ? value : "'");
  for (; !number && *value && n < size - 3; value++) {
    out[n++] = *value;
    if (*value == '\'') out[n++] = '\'';
  }
  if (!number) n += snprintf(out + n, (size_t)(size - n), "'");
  return n < size - 1 ? SB_OK : sb_fail(SB_USE, "study.grid.%s: name and value are too long", key);
}

/* This deck with these assignments on top of those of the command line. */
static sb_status deck_with(const study_plan *p, const char *const *more, int n, app *out) {
  out->line = p->a->line;
  out->comm = p->a->comm;
  if (out->line.sets + n > MAX_SET)
    return sb_fail(SB_USE, "--set and keys of study.grid: more than %d together", MAX_SET);
  for (int i = 0; i < n; i++) out->line.set[out->line.sets++] = more[i];
  return app_deck_of(out, p->a->source, (int64_t)strlen(p->a->source), p->a->line.input);
}

/* Room for one assignment of a case. */
typedef char text[320];

sb_status study_deck(const study_plan *p, int64_t number, app *out) {
  text set[2 * STUDY_AXES + 1];
  const char *more[2 * STUDY_AXES + 1];
  const int64_t point = number / p->replicates;
  const int first = p->axes ? (int)(point / (p->points / p->axis[0].values)) : 0;
  int n = 0, values;
  for (int i = 0; i < p->axes; i++, n++)
    SB_TRY(assignment(p->axis[i].key, study_value(p, i, point), set[n], sizeof set[n]));
  for (int i = 0; i < p->along; i++, n++)
    SB_TRY(assignment(sb_deck_along_key(p->a->deck, i, &values),
                      sb_deck_along_value(p->a->deck, i, first), set[n], sizeof set[n]));
  snprintf(set[n++], sizeof *set, "seed=%lld",
           (long long)(p->a->options.seed + number % p->replicates));
  for (int i = 0; i < n; i++) more[i] = set[i];
  const sb_status s = deck_with(p, more, n, out);
  out->line.sets = p->a->line.sets; /* the texts end here */
  return s;
}

void study_row_begin(const study_plan *p, int64_t number, study_row *out) {
  const int64_t point = number / p->replicates;
  memset(out, 0, sizeof *out);
  for (int i = 0; i < p->axes; i++) {
    const char *value = study_value(p, i, point);
    if (p->axis[i].numbers)
      out->number[i] = strtod(value, NULL);
    else
      snprintf(out->word[i], STUDY_WORD, "%s", value);
  }
  out->replicate = number % p->replicates;
  out->seed = p->a->options.seed + out->replicate;
}

/* A case that cannot be is found before the first one runs. */
static sb_status try_points(const study_plan *p) {
  for (int64_t point = 0; point < p->points; point++) {
    app k = {.comm = p->a->comm};
    const sb_status s = study_deck(p, point * p->replicates, &k);
    app_close(&k);
    SB_TRY(s);
  }
  return SB_OK;
}

/* What a file of this study is known by. */
static sb_status name_study(study_plan *p) {
  static const char *const same[] = {"output=study", "study.ranks_per_case=1",
                                     "study.bootstrap=1000"};
  app k = {.comm = p->a->comm};
  sb_status s = deck_with(p, same, 3, &k);
  if (!s) s = sb_mem_new(&p->title, (int64_t)strlen(k.used) + 1, 1, "title of a study");
  if (!s) strcpy(p->title, k.used);
  app_close(&k);
  return s;
}

sb_status study_plan_open(const app *a, study_plan *out) {
  if (!a->source) return sb_fail(SB_USE, "%s: a study needs a deck", a->line.input);
  *out = (study_plan){.a = a, .replicates = a->study.replicates};
  SB_TRY(read_axes(out));
  SB_TRY(read_along(out));
  SB_TRY(try_points(out));
  return name_study(out);
}

void study_plan_close(study_plan *p) { sb_mem_free(p->title); }
