/* The command study: teams of ranks take the cases of a plan from a queue. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sb/clock.h"
#include "sb/log.h"
#include "sb/mem.h"
#include "sb/watchdog.h"
#include "study.h"

typedef struct study {
  app *a;
  study_plan plan;
  study_file file;
  char output[1024];          /* that of a slice */
  int64_t *open, left;        /* [cases] those that are to be run */
  int64_t mine, done, failed; /* of the plan: in this slice, finished before, failed of those */
  int teams, team;
  sb_comm *comm; /* this rank's team */
  sb_queue *queue;
} study;

/* --- What is to be done
 * -------------------------------------------------------------------------- */

static int in_slice(const app *a, int64_t number) {
  return !a->line.slices || number % a->line.slices == a->line.slice - 1;
}

/* Rank 0 looks at what is there, all learn it. */
static sb_status list_local(study *w) {
  const study_plan *p = &w->plan;
  study_row *row;
  SB_TRY(SB_NEW(&row, 1, "row of a study"));
  sb_status s = SB_OK;
  for (int64_t c = 0; !s && c < p->cases; c++) {
    int there = 0;
    if (!in_slice(w->a, c)) continue;
    w->mine++;
    s = study_file_get(p, &w->file, c, row, &there);
    if (!there) w->open[w->left++] = c;
    w->done += there;
    w->failed += there && row->state == STUDY_FAILED;
  }
  sb_mem_free(row);
  return s;
}

static sb_status list_cases(study *w) {
  app *a = w->a;
  SB_TRY_ALL(a->comm, SB_NEW(&w->open, w->plan.cases, "cases"));
  SB_TRY_ALL(a->comm, a->comm->rank == 0 ? list_local(w) : SB_OK);
  int64_t numbers[4] = {w->left, w->mine, w->done, w->failed};
  SB_TRY(sb_broadcast(a->comm, 0, numbers, sizeof numbers));
  w->left = numbers[0], w->mine = numbers[1], w->done = numbers[2], w->failed = numbers[3];
  return sb_broadcast(a->comm, 0, w->open, w->left * (int64_t)sizeof *w->open);
}

/* Cases of this slice. */
static int64_t cases_here(const study *w) {
  const app *a = w->a;
  if (!a->line.slices) return w->plan.cases;
  return (w->plan.cases + a->line.slices - a->line.slice) / a->line.slices;
}

static sb_status form_teams(study *w) {
  const app *a = w->a;
  const int64_t each = a->study.ranks_per_case, cases = cases_here(w);
  if (each > a->comm->size)
    return sb_fail(SB_USE, "study.ranks_per_case: %lld ranks for each case, but there are %d",
                   (long long)each, a->comm->size);
  w->teams = (int)(a->comm->size / each);
  if (cases == 0)
    return sb_fail(SB_USE, "--slice %lld/%lld: no cases are left for this slice of %lld",
                   (long long)a->line.slice, (long long)a->line.slices, (long long)w->plan.cases);
  if (w->teams > cases)
    return sb_fail(
        SB_USE, "%d teams for %lld cases: take fewer ranks, or study.ranks_per_case=%lld and more",
        w->teams, (long long)cases, (long long)((a->comm->size + cases - 1) / cases));
  return SB_OK;
}

static sb_status open_file(study *w) {
  app *a = w->a;
  char path[1024];
  SB_TRY(app_path(a, "study.h5", path, sizeof path));
  const int anew = a->line.resume == RESUME_NEVER || !sb_path_exists(a->comm, path);
  return study_file_open(&w->plan, a->options.output, anew, 1, &w->file);
}

/* --- Work
 * ------------------------------------------------------------------------------------------ */

static void tell(const study *w, int64_t number, const study_row *row) {
  char at[1024];
  if (w->comm->rank != 0) return;
  study_point_text(&w->plan, number / w->plan.replicates, at, sizeof at);
  sb_log_start(0, w->a->line.quiet);
  sb_say("case %lld: %s replicate %lld: %s%s in %.1f s\n", (long long)number, at,
         (long long)row->replicate, row->state == STUDY_DONE ? "done" : "failed: ", row->reason,
         row->seconds);
}

static sb_status next_case(study *w, int64_t *number) {
  int64_t k = -1;
  sb_status s = w->comm->rank == 0 ? sb_queue_next(w->queue, &k) : SB_OK;
  SB_TRY_ALL(w->comm, s);
  SB_TRY(sb_broadcast(w->comm, 0, &k, sizeof k));
  *number = k < 0 ? -1 : w->open[k];
  return SB_OK;
}

/* Cases are silent; their team says how they ended. */
static sb_status one_case(study *w, int64_t number, study_row *row) {
  sb_beat("studying", "", number);
  sb_log_start(1, 1);
  sb_status s = study_case(&w->plan, number, w->comm, w->queue, row);
  if (!s && w->comm->rank == 0) s = study_file_put(&w->plan, &w->file, number, row);
  s = sb_agree(w->comm, s);
  if (!s) tell(w, number, row);
  if (!s && w->comm->rank == 0) w->failed += row->state == STUDY_FAILED;
  return s;
}

static sb_status work(study *w) {
  study_row *row;
  int64_t number = 0;
  SB_TRY_ALL(w->comm, SB_NEW(&row, 1, "row of a study"));
  sb_status s = next_case(w, &number);
  while (!s && number >= 0) {
    s = one_case(w, number, row);
    if (s && w->comm->rank == 0) sb_queue_end(w->queue);
    if (!s) s = next_case(w, &number);
  }
  sb_mem_free(row);
  return s;
}

static sb_status run_cases(study *w) {
  app *a = w->a;
  int64_t before = w->failed, found;
  if (w->left == 0) return SB_OK;
  if (w->teams > w->left) w->teams = (int)w->left;
  SB_TRY(sb_team_open(a->comm, w->teams, &w->team, &w->comm));
  sb_status s = sb_queue_open(a->comm, w->left, &w->queue);
  if (!s) {
    s = work(w);
    sb_log_start(a->comm->rank, a->line.quiet);
    const sb_status waited = sb_wait_idle(a->comm);
    s = sb_agree(a->comm, s ? s : waited);
  }
  sb_queue_close(w->queue);
  sb_team_close(w->comm);
  found = w->failed - before;
  if (!s) s = sb_sum_int(a->comm, &found, 1);
  w->failed = before + found;
  return s;
}

/* --- Results
 * --------------------------------------------------------------------------------------- */

static sb_status summarise_local(study *w, study_csv *table, study_csv *slopes) {
  study_table t;
  sb_status s = study_table_read(&w->plan, &w->file, &t);
  if (!s) s = study_table_text(&t, table);
  if (!s) s = study_slopes_text(&t, slopes);
  study_table_free(&t);
  return s;
}

static sb_status summarise(study *w) {
  app *a = w->a;
  study_csv table = {0}, slopes = {0};
  char path[1024];
  sb_status s = a->comm->rank == 0 ? summarise_local(w, &table, &slopes) : SB_OK;
  s = sb_agree(a->comm, s);
  if (!s) s = app_path(a, "study.csv", path, sizeof path);
  if (!s) s = sb_text_write(a->comm, path, table.text, table.used);
  if (!s) s = app_path(a, "slopes.csv", path, sizeof path);
  if (!s) s = sb_text_write(a->comm, path, slopes.text, slopes.used);
  sb_mem_free(table.text);
  sb_mem_free(slopes.text);
  if (s) return s;
  sb_say("\n%lld cases in %s/study.h5, means in study.csv, slopes in slopes.csv\n",
         (long long)w->mine, a->options.output);
  if (w->failed)
    sb_warn("%lld of %lld cases failed; /about/reason in %s/study.h5 says why",
            (long long)w->failed, (long long)w->mine, a->options.output);
  return SB_OK;
}

/* --- Slices
 * ---------------------------------------------------------------------------------------- */

/* The number of slices whose directories are there; SB_USE where there are none, or of several
 * kinds. Rank 0. */
static sb_status count_slices(const study *w, int64_t *slices) {
  DIR *directory = opendir(w->a->options.output);
  sb_status s = SB_OK;
  *slices = 0;
  for (const struct dirent *e; directory && (e = readdir(directory));) {
    long long k, n;
    char rest;
    if (sscanf(e->d_name, "slice%lldof%lld%c", &k, &n, &rest) != 2 || k < 1 || k > n) continue;
    if (*slices && *slices != n)
      s = sb_fail(SB_USE, "%s: slices of %lld and of %lld: remove those that do not belong",
                  w->a->options.output, (long long)(*slices < n ? *slices : n),
                  (long long)(*slices < n ? n : *slices));
    *slices = n;
  }
  if (directory) closedir(directory);
  if (!s && !*slices)
    s = sb_fail(SB_USE, "%s: no slices to merge; --slice K/N makes them", w->a->options.output);
  return s;
}

/* Copies the cases of one slice. */
static sb_status merge_slice(study *w, int64_t k, int64_t n, study_row *row) {
  const study_plan *p = &w->plan;
  char directory[1100];
  study_file from;
  int64_t missing = 0;
  snprintf(directory, sizeof directory, "%s/slice%lldof%lld", w->a->options.output, (long long)k,
           (long long)n);
  SB_TRY(study_file_open(p, directory, 0, 0, &from));
  sb_status s = SB_OK;
  for (int64_t c = k - 1; !s && w->a->comm->rank == 0 && c < p->cases; c += n) {
    int there = 0;
    s = study_file_get(p, &from, c, row, &there);
    missing += !there;
    if (!s && there) s = study_file_put(p, &w->file, c, row);
    w->mine++;
    w->failed += there && row->state == STUDY_FAILED;
  }
  if (!s && missing)
    s = sb_fail(SB_USE, "%s: %lld cases are missing: run this slice once more with --resume",
                from.name, (long long)missing);
  study_file_close(&from);
  return sb_agree(w->a->comm, s);
}

/* All slices must be whole before a file of all cases is there. */
static sb_status merge(study *w) {
  app *a = w->a;
  int64_t n = 0;
  study_row *row = NULL;
  SB_TRY_ALL(a->comm, a->comm->rank == 0 ? count_slices(w, &n) : SB_OK);
  SB_TRY(sb_broadcast(a->comm, 0, &n, sizeof n));
  SB_TRY(app_claim(a));
  SB_TRY_ALL(a->comm, SB_NEW(&row, 1, "row of a study"));
  sb_status s = study_file_open(&w->plan, a->options.output, 1, 1, &w->file);
  for (int64_t k = 1; !s && k <= n && k <= w->plan.cases; k++) s = merge_slice(w, k, n, row);
  sb_mem_free(row);
  if (s) app_remove(a, "study.h5");
  return s ? s : summarise(w);
}

/* --- The command
 * ----------------------------------------------------------------------------------- */

static sb_status leave_deck(app *a) {
  char path[1024];
  SB_TRY(app_path(a, "used.yml", path, sizeof path));
  return sb_text_write(a->comm, path, a->used, (int64_t)strlen(a->used));
}

static sb_status run_study(study *w) {
  app *a = w->a;
  SB_TRY(form_teams(w));
  sb_say(
      "study       %lld cases: %lld points, %lld replicates each; %lld in this run\n"
      "teams       %d of %lld ranks or more\noutput      %s\n\n",
      (long long)w->plan.cases, (long long)w->plan.points, (long long)w->plan.replicates,
      (long long)cases_here(w), w->teams, (long long)a->study.ranks_per_case, a->options.output);
  if (a->line.dry_run) return SB_OK;
  SB_TRY(app_stop_open(a));
  SB_TRY(app_claim(a));
  SB_TRY(open_file(w));
  SB_TRY(leave_deck(a));
  SB_TRY(list_cases(w));
  if (w->done) sb_say("%lld cases are there already\n", (long long)w->done);
  SB_TRY(run_cases(w));
  return a->line.slices ? SB_OK : summarise(w);
}

sb_status app_study_run(app *a) {
  study w = {.a = a};
  if (a->line.slices) {
    if (snprintf(w.output, sizeof w.output, "%s/slice%lldof%lld", a->options.output,
                 (long long)a->line.slice, (long long)a->line.slices) >= (int)sizeof w.output)
      return sb_fail(SB_USE, "this path is too long: %s", a->options.output);
    a->options.output = w.output;
  }
  SB_TRY(app_refuse(a, "study.h5"));
  sb_status s = sb_agree(a->comm, study_plan_open(a, &w.plan));
  if (!s) s = a->line.merge ? merge(&w) : run_study(&w);
  study_file_close(&w.file);
  sb_mem_free(w.open);
  study_plan_close(&w.plan);
  return s;
}
