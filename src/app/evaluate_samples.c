/* evaluate --samples FILE --truth FILE: judges the draws of any program against a law or a table.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "evaluate.h"
#include "sb/clock.h"
#include "sb/mem.h"

#define OUTPUT "output/evaluate"

/* A set in front of those of the command line, which so have the last word. */
static sb_status set_first(app_line *l, const char *assignment) {
  if (l->sets == MAX_SET) return sb_fail(SB_USE, "more than %d --set", MAX_SET - 1);
  memmove(l->set + 1, l->set, (size_t)l->sets++ * sizeof *l->set);
  l->set[0] = assignment;
  return SB_OK;
}

/* A table is compared as it is, without learning from it: both halves are true points. */
static sb_status table_deck(const char *path, char *out, int size) {
  int n = snprintf(out, (size_t)size, "data: {standardise: none, validation: 0, file: '");
  for (; *path && n < size - 8; path++) {
    out[n++] = *path;
    if (*path == '\'') out[n++] = '\'';
  }
  if (*path) return sb_fail(SB_USE, "--truth: this path is too long");
  snprintf(out + n, (size_t)(size - n), "'}\n");
  return SB_OK;
}

sb_status app_truth(app *a) {
  const char *path = a->line.truth;
  const size_t n = strlen(path);
  char text[2048];
  int64_t length = 0;
  SB_TRY(set_first(&a->line, "output=" OUTPUT));
  if (n > 3 && !strcmp(path + n - 3, ".h5")) {
    SB_TRY(table_deck(path, text, sizeof text));
    return app_deck_of(a, text, (int64_t)strlen(text), path);
  }
  SB_TRY(sb_text_read(a->comm, path, &a->source, &length));
  return app_deck_of(a, a->source, length, path);
}

/* Collective. Are all rows as the first? */
static sb_status find_equal(const evaluation *e, int *equal) {
  const sb_comm *c = e->a->comm;
  const int d = e->a->run.data->d;
  double *first = NULL;
  int64_t others = 0;
  sb_status s = sb_agree(c, SB_NEW(&first, d, "first sample"));
  if (!s && c->rank == 0) memcpy(first, e->sample, (size_t)d * sizeof *first);
  if (!s) s = sb_broadcast(c, 0, first, d * (int64_t)sizeof *first);
  for (int64_t i = 0; !s && i < e->share.count * d; i++) others += e->sample[i] != first[i % d];
  if (!s) s = sb_sum_int(c, &others, 1);
  *equal = others == 0;
  sb_mem_free(first);
  return s;
}

static sb_status check(const evaluation *e) {
  int equal = 0;
  if (e->rows < 2)
    return sb_fail(SB_USE, "%s: /x has %lld rows; to judge samples two are needed",
                   e->a->line.samples, (long long)e->rows);
  SB_TRY(find_equal(e, &equal));
  return equal ? sb_fail(SB_USE, "%s: all %lld rows of /x are equal: these are no draws",
                         e->a->line.samples, (long long)e->rows)
               : SB_OK;
}

static sb_status work(evaluation *e) {
  app *a = e->a;
  SB_TRY(evaluation_read(e, a->line.samples));
  SB_TRY(check(e));
  SB_TRY(app_predict_evaluation(a, e->rows));
  if (a->line.dry_run) return SB_OK;
  SB_TRY(app_claim(a));
  return evaluate_draws(e);
}

sb_status app_evaluate_samples(app *a) {
  evaluation *e = NULL;
  a->run.comm = a->comm;
  a->run.seed = (uint64_t)a->options.seed;
  a->run.method = a->method;
  SB_TRY(app_refuse(a, "report.json"));
  SB_TRY(app_stop_open(a));
  SB_TRY(sb_data_open(a->comm, a->data_options, a->law_options, a->run.seed, &a->run.data));
  SB_TRY_ALL(a->comm, SB_NEW(&e, 1, "metrics"));
  e->a = a;
  e->foreign = 1;
  const double began = sb_clock(), all = sb_timer_all();
  sb_status s = work(e);
  sb_timer_rest(SB_T_METRIC, began, all);
  if (!s && !a->line.dry_run) s = evaluation_report(e);
  evaluation_free(e);
  return s;
}
