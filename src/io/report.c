/* The report that ends a run: tables on screen, report.json for machines. */
#include "sb/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io.h"
#include "sb/clock.h"
#include "sb/log.h"
#include "sb/mem.h"

#define NAME_MOST 512

/* A phase over ranks. */
typedef struct phase {
  const char *name;
  double mean, min, max;
  int64_t rank_max;
} phase;

/* A file of the run; bytes < 0: it is not there. */
typedef struct output {
  char path[NAME_MOST], crc[17];
  int64_t bytes;
} output;

typedef struct report {
  const sb_report *given;
  phase phases[SB_T_COUNT + 1];
  int64_t memory_peak;
  output *files;
  int file_count, file_room;
} report;

sb_metric sb_metric_of(const char *name, double value) {
  sb_metric m = {.t = NAN,
                 .value = value,
                 .stderr_ = NAN,
                 .floor = NAN,
                 .floor_q95 = NAN,
                 .floor_train = NAN,
                 .baseline = NAN,
                 .better = SB_LESS,
                 .target = NAN};
  snprintf(m.name, sizeof m.name, "%s", name);
  return m;
}

/* --- What is gathered from all ranks
 * -------------------------------------------------------------------- */

/* Phases that took time, and the whole run as the last. */
static sb_status gather_phases(const sb_comm *c, report *r) {
  enum { N = SB_T_COUNT + 1 };
  double mean[N], min[N], max[N];
  int64_t place[N];
  for (int i = 0; i < N; i++)
    mean[i] = i < SB_T_COUNT ? sb_timer_seconds((sb_phase_timer)i) : sb_clock_age();
  memcpy(min, mean, sizeof mean);
  memcpy(max, mean, sizeof mean);
  SB_TRY(sb_max_real(c, max, N));
  for (int i = 0; i < N; i++)
    place[i] = mean[i] >= max[i] ? c->size - c->rank : 0; /* the lowest rank wins */
  SB_TRY(sb_max_int(c, place, N));
  SB_TRY(sb_min_real(c, min, N));
  SB_TRY(sb_mean_timing(c, mean, N));
  for (int i = 0; i < N; i++)
    r->phases[i] = (phase){i < SB_T_COUNT ? sb_timer_name((sb_phase_timer)i) : "total", mean[i],
                           min[i], max[i], c->size - place[i]};
  return SB_OK;
}

static sb_status add_file(const sb_comm *c, report *r, const char *directory, const char *name,
                          int must) {
  char *path = NULL;
  if (r->file_count == r->file_room) {
    output *wider;
    SB_TRY_ALL(c, SB_NEW(&wider, 2 * (int64_t)r->file_room + 8, "files of the report"));
    if (r->file_count) memcpy(wider, r->files, (size_t)r->file_count * sizeof *wider);
    sb_mem_free(r->files);
    r->files = wider;
    r->file_room = 2 * r->file_room + 8;
  }
  SB_TRY_ALL(c, sb_text_of(&path, "%s/%s", directory, name));
  const int exists = sb_path_exists(c, path);
  sb_status s = SB_OK;
  if (exists || must) {
    output *o = &r->files[r->file_count++];
    snprintf(o->path, sizeof o->path, "%s", name);
    o->bytes = -1;
    if (exists) s = sb_path_crc(c, path, &o->bytes, o->crc);
  }
  sb_mem_free(path);
  return s;
}

/* The files given, each followed by its parts. */
static sb_status gather_files(const sb_comm *c, const char *directory, report *r) {
  for (int i = 0; i < r->given->file_count; i++) {
    const char *name = r->given->files[i];
    int more = strstr(name, ".h5") != NULL;
    SB_TRY(add_file(c, r, directory, name, 1));
    for (int part = 1; more; part++) {
      char *numbered = NULL;
      const int before = r->file_count;
      sb_status s = sb_agree(c, sb_numbered(&numbered, name, ".p", 4, part));
      if (!s) s = add_file(c, r, directory, numbered, 0);
      sb_mem_free(numbered);
      SB_TRY(s);
      more = r->file_count > before;
    }
  }
  return SB_OK;
}

/* --- On screen
 * ------------------------------------------------------------------------------------------- */

/* A number of at most nine letters, or a dash. */
static const char *number(double x, char out[32]) {
  if (isnan(x))
    snprintf(out, 32, "-");
  else
    snprintf(out, 32, "%.4g", x);
  return out;
}

static void show_metrics(const sb_report *r) {
  char a[8][32];
  if (r->metric_count == 0) return;
  sb_say("\n%-24s %5s %5s %10s %9s %10s %10s %10s %10s %9s\n", "metric", "stage", "t", "value",
         "+-", "floor", "floor 95%", "training", "baseline", "n");
  for (int i = 0; i < r->metric_count; i++) {
    const sb_metric *m = &r->metrics[i];
    sb_say("%-24s %5s %5s %10s %9s %10s %10s %10s %10s %9lld", m->name,
           m->stage[0] ? m->stage : "-", number(m->t, a[0]), number(m->value, a[1]),
           number(m->stderr_, a[2]), number(m->floor, a[3]), number(m->floor_q95, a[4]),
           number(m->floor_train, a[5]), number(m->baseline, a[6]), (long long)m->n);
    if (m->better == SB_TARGET)
      sb_say("  target %s\n", number(m->target, a[7]));
    else
      sb_say("%s\n", m->better == SB_MORE ? "  more is better" : "");
  }
}

static void show_errors(const sb_report *r) {
  static const char *const names[] = {"time step", "score", "ratio", "Monte Carlo"};
  const double errors[] = {r->error_time_step, r->error_score, r->error_ratio,
                           r->error_monte_carlo};
  char a[32];
  int any = 0;
  for (int i = 0; i < 4; i++) {
    if (isnan(errors[i])) continue;
    if (!any++) sb_say("\n%-24s %10s\n", "error from", "value");
    sb_say("%-24s %10s\n", names[i], number(errors[i], a));
  }
}

static void show_times(const report *r) {
  const double whole = r->phases[SB_T_COUNT].mean;
  sb_say("\n%-12s %10s %10s %10s %6s %7s\n", "seconds in", "mean", "min", "max", "rank", "share");
  for (int i = 0; i <= SB_T_COUNT; i++) {
    const phase *p = &r->phases[i];
    if (p->max <= 0) continue;
    sb_say("%-12s %10.3f %10.3f %10.3f %6lld %5.1f %%\n", p->name, p->mean, p->min, p->max,
           (long long)p->rank_max, whole > 0 ? 100 * p->mean / whole : 0);
  }
}

static void show_rest(const report *r) {
  char a[16], b[16];
  sb_size_text((double)r->given->memory_predicted, a);
  sb_size_text((double)r->memory_peak, b);
  sb_say("\nmemory of a rank: predicted %s, peak %s\n\n", a, b);
  for (int i = 0; i < r->file_count; i++) {
    sb_size_text((double)r->files[i].bytes, a);
    sb_say("%-32s %10s  %s\n", r->files[i].path, r->files[i].bytes < 0 ? "missing" : a,
           r->files[i].crc);
  }
}

/* --- As JSON
 * ------------------------------------------------------------------------------------------------
 */

/* ,"name":x */
static void put_number(sb_text *t, const char *name, double x) {
  sb_text_add(t, ",\"%s\":", name);
  sb_text_number(t, x);
}

static void put_text(sb_text *t, const char *name, const char *text) {
  sb_text_add(t, ",\"%s\":", name);
  sb_text_quote(t, text);
}

static void put_metric(sb_text *t, const sb_metric *m) {
  static const char *const better[] = {"less", "more", "target"};
  sb_text_add(t, "{\"name\":");
  sb_text_quote(t, m->name);
  put_text(t, "stage", m->stage);
  put_number(t, "t", m->t);
  put_number(t, "value", m->value);
  put_number(t, "stderr", m->stderr_);
  put_number(t, "floor", m->floor);
  put_number(t, "floor_q95", m->floor_q95);
  put_number(t, "floor_train", m->floor_train);
  put_number(t, "baseline", m->baseline);
  sb_text_add(t, ",\"n\":%lld,\"m\":%lld", (long long)m->n, (long long)m->m);
  put_text(t, "better", better[m->better]);
  put_number(t, "target", m->better == SB_TARGET ? m->target : NAN);
  sb_text_add(t, "}");
}

static void deck_crc(const char *deck, char out[17]) {
  sb_crc_text(sb_crc_add(0, deck, (int64_t)strlen(deck)), out);
}

static void put_file(sb_text *t, const char *path, int64_t bytes, const char *crc) {
  sb_text_add(t, "{\"path\":");
  sb_text_quote(t, path);
  if (bytes < 0)
    sb_text_add(t, ",\"bytes\":null,\"crc\":null}");
  else
    sb_text_add(t, ",\"bytes\":%lld,\"crc\":\"%s\"}", (long long)bytes, crc);
}

static void put_lists(sb_text *t, const report *r) {
  sb_text_add(t, ",\n\"phases\":[");
  for (int i = 0; i <= SB_T_COUNT; i++) {
    const phase *p = &r->phases[i];
    sb_text_add(t, "%s\n {\"name\":", i ? "," : "");
    sb_text_quote(t, p->name);
    put_number(t, "mean", p->mean);
    put_number(t, "min", p->min);
    put_number(t, "max", p->max);
    sb_text_add(t, ",\"rank_max\":%lld}", (long long)p->rank_max);
  }
  sb_text_add(t, "],\n\"memory\":{\"predicted\":%lld,\"peak\":%lld}",
              (long long)r->given->memory_predicted, (long long)r->memory_peak);
  sb_text_add(t, ",\n\"files\":[");
  for (int i = 0; i < r->file_count; i++) {
    const output *o = &r->files[i];
    sb_text_add(t, i ? ",\n " : "\n ");
    put_file(t, o->path, o->bytes, o->crc);
  }
  sb_text_add(t, "]}\n");
}

static void put_table(sb_text *t, const sb_report_table *table) {
  int width = 0;
  sb_text_quote(t, table->name);
  sb_text_add(t, ":{\"columns\":[");
  for (; table->columns[width]; width++) {
    sb_text_add(t, width ? "," : "");
    sb_text_quote(t, table->columns[width]);
  }
  sb_text_add(t, "],\"rows\":[");
  for (int64_t i = 0; i < table->rows; i++) {
    sb_text_add(t, i ? ",\n  [" : "\n  [");
    for (int k = 0; k < width; k++) {
      sb_text_add(t, k ? "," : "");
      sb_text_number(t, table->data[i * width + k]);
    }
    sb_text_add(t, "]");
  }
  sb_text_add(t, "]}");
}

static void put_report(sb_text *t, const report *r) {
  const sb_report *g = r->given;
  sb_text_add(t, "{\"schema\":1");
  put_text(t, "method", g->method);
  sb_text_add(t, ",\"seed\":%lld", (long long)g->seed);
  put_text(t, "status", g->status);
  if (g->deck) {
    char crc[17];
    deck_crc(g->deck, crc);
    put_text(t, "deck", crc);
  }
  sb_text_add(t, ",\n\"metrics\":[");
  for (int i = 0; i < g->metric_count; i++) {
    sb_text_add(t, i ? ",\n " : "\n ");
    put_metric(t, &g->metrics[i]);
  }
  sb_text_add(t, "],\n\"tables\":{");
  for (int i = 0; i < g->table_count; i++) {
    sb_text_add(t, i ? ",\n " : "\n ");
    put_table(t, &g->tables[i]);
  }
  sb_text_add(t, "},\n\"errors\":{\"time_step\":");
  sb_text_number(t, g->error_time_step);
  put_number(t, "score", g->error_score);
  put_number(t, "ratio", g->error_ratio);
  put_number(t, "monte_carlo", g->error_monte_carlo);
  sb_text_add(t, "}");
  put_lists(t, r);
}

static sb_status write_json(const sb_comm *c, const char *directory, const report *r) {
  sb_text t = {.data = NULL};
  char *path = NULL;
  sb_status s = sb_text_of(&path, "%s/report.json", directory);
  if (c->rank == 0) put_report(&t, r);
  s = sb_agree(c, s ? s : t.status);
  if (!s) s = sb_text_write(c, path, t.data, t.length);
  sb_text_free(&t);
  sb_mem_free(path);
  return s;
}

sb_status sb_report_write(const sb_comm *c, const char *directory, const sb_report *r) {
  report full = {.given = r, .memory_peak = r->memory_peak};
  sb_status s = gather_phases(c, &full);
  if (!s) s = sb_max_int(c, &full.memory_peak, 1);
  if (!s) s = gather_files(c, directory, &full);
  if (!s && c->rank == 0) {
    show_metrics(r);
    show_errors(r);
    show_times(&full);
    show_rest(&full);
  }
  if (!s) s = write_json(c, directory, &full);
  sb_mem_free(full.files);
  return s;
}

/* --- Is it still right?
 * ------------------------------------------------------------------------------- */

/* What the report says of a file as it is now; of a missing one its path alone. */
static sb_status expected(const sb_comm *c, const char *directory, const char *name, sb_text *t,
                          int *there) {
  char *path = NULL, crc[17] = "";
  int64_t bytes = -1;
  SB_TRY_ALL(c, sb_text_of(&path, "%s/%s", directory, name));
  *there = sb_path_exists(c, path);
  sb_status s = *there ? sb_path_crc(c, path, &bytes, crc) : SB_OK;
  t->length = 0;
  if (*there)
    put_file(t, name, bytes, crc);
  else
    sb_text_add(t, "{\"path\":\"%s\"", name);
  sb_mem_free(path);
  return sb_agree(c, s ? s : t->status);
}

sb_status sb_report_stands(const sb_comm *c, const char *directory, const char *deck,
                           const char *const *files, int n, int *yes) {
  char *path = NULL, *text = NULL, crc[17], mark[40];
  sb_text t = {.data = NULL};
  *yes = 0;
  SB_TRY_ALL(c, sb_text_of(&path, "%s/report.json", directory));
  const int exists = sb_path_exists(c, path);
  sb_status s = exists ? sb_text_read(c, path, &text, NULL) : SB_OK;
  sb_mem_free(path);
  if (s || !exists) return s;
  deck_crc(deck, crc);
  snprintf(mark, sizeof mark, "\"deck\":\"%s\"", crc);
  *yes = strstr(text, mark) != NULL;
  for (int i = 0; i < n && *yes && !s; i++) {
    int there = 0;
    s = expected(c, directory, files[i], &t, &there);
    if (!s) *yes = (strstr(text, t.data) != NULL) == there;
  }
  sb_text_free(&t);
  sb_mem_free(text);
  return s;
}
