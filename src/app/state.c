/* The run's state: what a checkpoint holds, and how a run takes it up again. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "app.h"
#include "sb/clock.h"
#include "sb/log.h"
#include "sb/mem.h"
#include "sb/poison.h"
#include "sb/stop.h"
#include "sb/watchdog.h"

static sb_block *add(sb_block *b, const char *path, const char *name, const char *meaning,
                     sb_kind kind, int64_t n, void *data) {
  *b = (sb_block){.meaning = meaning, .kind = kind, .rank = 1, .shape = {n}, .data = data};
  snprintf(b->path, sizeof b->path, path, name);
  return b + 1;
}

/* Blocks of one network. */
static int task_blocks(sb_task *t, const char *layout, sb_block *out) {
  const int64_t n = t->net.size, lines = *t->lines;
  sb_block *b = out;
  b = add(b, "/net/%s/parameters", t->name, "parameters after the last step", SB_KIND_F32, n, t->p);
  b = add(b, "/net/%s/adam_m", t->name, "first moments of Adam", SB_KIND_F32, n, t->m);
  b = add(b, "/net/%s/adam_v", t->name, "second moments of Adam", SB_KIND_F32, n, t->v);
  b = add(b, "/net/%s/average", t->name, "averaged parameters", SB_KIND_F32, n, t->average);
  if (t->best)
    b = add(b, "/net/%s/best", t->name, "averaged parameters of least validation loss", SB_KIND_F32,
            n, t->best);
  for (sb_block *k = out; k < b; k++) k->layout = layout;
  b = add(b, "/state/%s/step", t->name, "steps taken", SB_KIND_I64, 1, t->step);
  b = add(b, "/state/%s/lines", t->name, "lines of the history", SB_KIND_I64, 1, t->lines);
  b = add(b, "/state/%s/running", t->name, "sum of losses since the last line", SB_KIND_F64, 1,
          t->running);
  b = add(b, "/state/%s/best_loss", t->name, "least validation loss", SB_KIND_F64, 1, t->best_loss);
  b = add(b, "/state/%s/restores", t->name, "times the learning rate was halved", SB_KIND_I64, 1,
          t->restores);
  b[-1].optional = 1; /* files of before have none */
  b = add(b, "/history/%s", t->name, "step, loss, validation loss, gradient norm, learning rate",
          SB_KIND_F64, lines, t->history);
  b[-1].rank = 2, b[-1].shape[1] = SB_HISTORY_COLUMNS;
  b = add(b, "/timing/%s", t->name, "step, seconds, rows per second, share of communication",
          SB_KIND_F64, lines, t->pace);
  b[-1].rank = 2, b[-1].shape[1] = SB_PACE_COLUMNS;
  return (int)(b - out);
}

/* Of a second set: rows and checksum; its map is that of the first. */
static int source_blocks(sb_data *source, sb_block *out) {
  sb_block *b = out;
  if (!source) return 0;
  b = add(b, "/source/%s", "n", "training rows", SB_KIND_I64, 1, &source->n);
  b = add(b, "/source/%s", "crc", "checksum of the raw rows, 16 hex digits", SB_KIND_U8, 16,
          source->crc);
  return (int)(b - out);
}

static int data_blocks(sb_data *data, sb_block *out) {
  sb_affine *map = &data->map;
  sb_block *b = out;
  b = add(b, "/data/%s", "shift", "network coordinates y = stretch (axes ((x - shift) scale))",
          SB_KIND_F64, map->raw, map->shift);
  b = add(b, "/data/%s", "scale", "as shift", SB_KIND_F64, map->raw, map->scale);
  b = add(b, "/data/%s", "stretch", "as shift", SB_KIND_F64, map->d, map->stretch);
  if (map->axes) {
    b = add(b, "/data/%s", "axes", "as shift, rows orthonormal", SB_KIND_F64, map->d, map->axes);
    b[-1].rank = 2, b[-1].shape[1] = map->raw;
  }
  b = add(b, "/data/%s", "n", "training rows", SB_KIND_I64, 1, &data->n);
  b = add(b, "/data/%s", "crc", "checksum of the raw rows, 16 hex digits", SB_KIND_U8, 16,
          data->crc);
  return (int)(b - out);
}

#define LAYOUT_SIZE 4096

/* Everything; layouts [SB_MAX_TASKS][LAYOUT_SIZE] receives the texts that blocks point to. Returns
 * the number of blocks. */
static int all_blocks(app *a, int with_data, char (*layouts)[LAYOUT_SIZE], sb_block *out) {
  sb_task *task[SB_MAX_TASKS];
  const int tasks = a->method->tasks(&a->run, task, SB_MAX_TASKS);
  int n = 0;
  for (int i = 0; i < tasks; i++) {
    const sb_net_shape *s = &task[i]->net.shape;
    const int used = snprintf(layouts[i], LAYOUT_SIZE,
                              "shape version=%d in=%d out=%d depth=%d act=%s residual=%d time=%d\n",
                              SB_NET_VERSION, s->in, s->out, s->depth, sb_act_name[s->act],
                              s->residual, s->time);
    sb_net_layout(&task[i]->net, layouts[i] + used, LAYOUT_SIZE - used);
    n += task_blocks(task[i], layouts[i], out + n);
  }
  if (a->method->prepared) n += a->method->prepared(&a->run, out + n, MAX_BLOCKS - n);
  if (with_data) {
    n += data_blocks(a->run.data, out + n);
    n += source_blocks(a->run.source, out + n);
    if (a->method->blocks) n += a->method->blocks(&a->run, out + n, MAX_BLOCKS - n);
  }
  return n;
}

/* A checkpoint that cannot be gone on with does not take the place of one that can. The numbers are
 * the same on all ranks, or should be: each looks at its own. */
static sb_status check_finite(const char *path, const sb_block *b, int n) {
  for (; n-- > 0; b++) {
    int64_t size = b->shape[0];
    for (int i = 1; i < b->rank; i++) size *= b->shape[i];
    if (strncmp(b->path, "/net/", 5) || b->kind != SB_KIND_F32) continue;
    for (int64_t i = 0; i < size; i++)
      if (!isfinite(((const float *)b->data)[i]))
        return sb_fail(SB_BAD, "%s: number %lld of %s is %g: not a state to go on from", path,
                       (long long)i, b->path, (double)((const float *)b->data)[i]);
  }
  return SB_OK;
}

/* Before a file is written: with rank and step. */
static sb_status check_save(app *a, const char *path, const sb_block *blocks, int n) {
  sb_task *task[SB_MAX_TASKS];
  const int tasks = a->method->tasks(&a->run, task, SB_MAX_TASKS), rank = a->comm->rank;
  for (int i = 0; i < tasks; i++)
    if (sb_poison("checkpoint", rank, *task[i]->step)) task[i]->p[0] = NAN;
  const sb_status s = check_finite(path, blocks, n);
  char why[SB_MESSAGE_MAX];
  if (!s) return s;
  snprintf(why, sizeof why, "%s", sb_message());
  sb_forget();
  for (int i = 0; i < tasks; i++) {
    char name[64];
    snprintf(name, sizeof name, "/net/%s/", task[i]->name);
    if (strstr(why, name))
      return sb_fail(s, "%s (rank %d, step %lld); earlier checkpoints stay", why, rank,
                     (long long)*task[i]->step);
  }
  return sb_fail(s, "%s", why);
}

sb_status app_save(void *self) {
  app *a = self;
  char layouts[SB_MAX_TASKS][LAYOUT_SIZE], path[1024];
  sb_block blocks[MAX_BLOCKS];
  SB_TRY(app_path(a, "checkpoint.h5", path, sizeof path));
  const double began = sb_clock();
  sb_beat("writing", "checkpoint.h5", -1);
  const int n = all_blocks(a, 1, layouts, blocks);
  SB_TRY_ALL(a->comm, check_save(a, path, blocks, n));
  SB_TRY(sb_checkpoint_write(a->comm, path, (int)a->checkpoint.keep, a->method->name, a->used,
                             a->parent, blocks, n));
  sb_stop_wrote(sb_timer(SB_T_OUTPUT, began) - began);
  return app_history(a);
}

/* A key may differ between the run and the checkpoint that it goes on from where it does not touch
 * what was learned. */
static int may_differ(const char *key, int trained) {
  static const char *const always[] = {"output",      "checkpoint.", "record.", "velocity.",
                                       "evaluate.",   "sample.",     "about.",  "condition.",
                                       "likelihood.", NULL};
  static const char *const later[] = {"field.", "two_stage.logit_clip", NULL};
  for (const char *const *p = always; *p; p++)
    if (!strncmp(key, *p, strlen(*p))) return 1;
  for (const char *const *p = later; trained && *p; p++)
    if (!strncmp(key, *p, strlen(*p))) return 1;
  const char *last = strrchr(key, '.');
  return !strncmp(key, "train.", 6) && (!strcmp(last, ".on_nan") || !strcmp(last, ".restores"));
}

static sb_status compare_decks(app *a, const sb_checkpoint *k, int trained) {
  app other = {.comm = a->comm};
  sb_status s = app_deck_of(&other, k->deck, (int64_t)strlen(k->deck), k->path);
  s = sb_agree(a->comm, s);
  const char *key;
  for (int i = 0; !s && (key = sb_deck_differs(a->deck, other.deck, i)); i++)
    if (!may_differ(key, trained))
      s = sb_fail(SB_USE,
                  "%s differs from the deck in %s; go on with the same value, or start anew", key,
                  k->path);
  app_close(&other);
  return s;
}

static sb_status compare_numerics(const app *a, const sb_checkpoint *k) {
  if (!strcmp(k->kernels, sb_kernel()->name)) return SB_OK;
  if (a->line.strict_bits)
    return sb_fail(SB_USE, "%s was made with kernels %s, this run uses %s (--strict-bits)", k->path,
                   k->kernels, sb_kernel()->name);
  sb_warn(
      "%s was made with kernels %s, this run uses %s: results agree to rounding, not to the bit",
      k->path, k->kernels, sb_kernel()->name);
  return SB_OK;
}

static sb_status same_rows(sb_checkpoint *k, const char *path, const char *what, const char *here) {
  char crc[20] = "";
  sb_block check = {.kind = SB_KIND_U8, .meaning = "", .rank = 1, .shape = {16}, .data = crc};
  snprintf(check.path, sizeof check.path, "%s", path);
  SB_TRY(sb_checkpoint_load(k, &check, 1));
  if (!memcmp(crc, here, 16)) return SB_OK;
  return sb_fail(SB_USE, "%s was trained on other %s (checksum %.16s, here %.16s)", k->path, what,
                 crc, here);
}

/* The history's length is in the file: it is read in a second go. */
static sb_status load_blocks(app *a, sb_checkpoint *k) {
  char layouts[SB_MAX_TASKS][LAYOUT_SIZE];
  sb_task *task[SB_MAX_TASKS];
  sb_block blocks[MAX_BLOCKS];
  const int tasks = a->method->tasks(&a->run, task, SB_MAX_TASKS);
  for (int i = 0; i < tasks; i++) {
    char path[64];
    snprintf(path, sizeof path, "/history/%s", task[i]->name);
    *task[i]->lines = sb_checkpoint_rows(k, path);
    if (*task[i]->lines > sb_history_lines(task[i]->options, task[i]->rounds))
      return sb_fail(SB_USE, "%s: more history than this run has steps", k->path);
  }
  SB_TRY(same_rows(k, "/data/crc", "data", a->run.data->crc));
  if (a->run.source) SB_TRY(same_rows(k, "/source/crc", "source", a->run.source->crc));
  const int n = all_blocks(a, 0, layouts, blocks);
  SB_TRY(sb_checkpoint_load(k, blocks, n));
  return sb_agree(a->comm, check_finite(k->path, blocks, n));
}

sb_status app_load(app *a, const char *path) {
  sb_checkpoint k;
  SB_TRY(sb_file_probe(a->comm, path));
  SB_TRY(sb_checkpoint_open(a->comm, path, &k));
  sb_status s = SB_OK;
  if (strcmp(k.method, a->method->name))
    s = sb_fail(SB_USE, "%s is of method %s, this deck of %s", path, k.method, a->method->name);
  if (!s)
    s = compare_decks(a, &k, strcmp(a->line.command, "train") && strcmp(a->line.command, "run"));
  if (!s) s = compare_numerics(a, &k);
  if (!s) s = load_blocks(a, &k);
  sb_checkpoint_close(&k);
  snprintf(a->parent_path, sizeof a->parent_path, "%s", path);
  a->parent = a->parent_path;
  return s;
}

sb_status app_load_trained(app *a) {
  sb_task *task[SB_MAX_TASKS];
  const int tasks = a->method->tasks(&a->run, task, SB_MAX_TASKS);
  if (tasks == 0 && !a->method->prepare) return SB_OK;
  if (tasks == 0 && !sb_path_exists(a->comm, a->checkpoint_path))
    return a->method->prepare(&a->run);
  SB_TRY(app_load(a, a->checkpoint_path));
  if (a->method->prepare) SB_TRY(a->method->prepare(&a->run));
  for (int i = 0; i < tasks; i++)
    if (*task[i]->step < sb_task_steps(task[i]))
      sb_warn("network %s of %s has %lld of %lld steps", task[i]->name, a->checkpoint_path,
              (long long)*task[i]->step, (long long)sb_task_steps(task[i]));
  return app_parent(a, a->parent);
}

/* A CSV file grows in one block that is large enough for all lines. */
typedef struct text {
  char *at;
  int64_t used, size;
} text;

static void append(text *t, const char *name, const double *row, int columns) {
  t->used += snprintf(t->at + t->used, (size_t)(t->size - t->used), "%s,%.0f", name, row[0]);
  for (int j = 1; j < columns; j++) {
    if (isnan(row[j]))
      t->used += snprintf(t->at + t->used, (size_t)(t->size - t->used), ",");
    else
      t->used += snprintf(t->at + t->used, (size_t)(t->size - t->used), ",%.9g", row[j]);
  }
  t->used += snprintf(t->at + t->used, (size_t)(t->size - t->used), "\n");
}

static sb_status write_csv(app *a, const char *name, const char *head, int pace) {
  sb_task *task[SB_MAX_TASKS];
  const int tasks = a->method->tasks(&a->run, task, SB_MAX_TASKS);
  char path[1024];
  text t = {.size = 256};
  for (int i = 0; i < tasks; i++) t.size += *task[i]->lines * 128;
  SB_TRY(app_path(a, name, path, sizeof path));
  SB_TRY_ALL(a->comm, SB_NEW(&t.at, t.size, "lines of a table"));
  t.used = snprintf(t.at, (size_t)t.size, "%s\n", head);
  for (int i = 0; i < tasks; i++)
    for (int64_t k = 0; k < *task[i]->lines; k++)
      append(&t, task[i]->name, pace ? &task[i]->pace[k].step : &task[i]->history[k].step,
             pace ? SB_PACE_COLUMNS : SB_HISTORY_COLUMNS);
  const sb_status s = sb_text_write(a->comm, path, t.at, t.used);
  sb_mem_free(t.at);
  return s;
}

sb_status app_history(app *a) {
  SB_TRY(write_csv(a, "history.csv", "network,step,loss,validation,gradient_norm,rate", 0));
  return write_csv(a, "timing.csv", "network,step,seconds,rows_per_second,communication", 1);
}
