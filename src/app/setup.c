/* From the command line to a run that stands ready: deck, method, data, networks. */
#include <stdio.h>
#include <string.h>

#include "app.h"
#include "sb/about.h"
#include "sb/clock.h"
#include "sb/dense.h"
#include "sb/kernel.h"
#include "sb/log.h"
#include "sb/mem.h"
#include "sb/watchdog.h"

/* clang-format off */
static const sb_key top_keys[] = {
  SB_TEXT(app_options, method, "two_stage", "what learns the bridge; see sbridge help"),
  SB_TEXT(app_options, output, "output/run", "directory of the results"),
  SB_TEXT(app_options, preset, "", "values for the keys that the deck leaves out: paper"),
  SB_INT(app_options, seed, "1", 0, 9e15, "", "seed of all noise"),
  {0}};
static const sb_key sample_keys[] = {
  SB_INT(app_sample, n, "5000", 1, 1e12, "", "draws"),
  SB_INT(app_sample, blend, "0", 0, 1e6, "",
    "starting points on the line between each two rows of the starting table, ends included; 0: its rows"),
  {0}};
static const sb_key bridge_keys[] = {
  SB_CHOICE(app_bridge, direction, "forward", "forward|backward",
    "draws go from source to data, t from 0 to 1, or from data to source; metrics are those of the end"),
  SB_CHOICE(app_bridge, start, "set", "set|file",
    "draws begin at fresh draws of the law there, or rows of the table, or at the rows of record.start_file"),
  {0}};
static const sb_key record_keys[] = {
  SB_INT(app_record, particles, "1000", 0, 1e9, "", "particles whose trajectories are recorded"),
  SB_INT(app_record, frames, "50", 1, 1e6, "", "times of each stage that are recorded"),
  SB_INT(app_record, part_frames, "200", 1, 1e6, "", "times in one file of trajectories"),
  SB_INT(app_record, training, "5000", 0, 1e9, "", "training rows kept beside the samples, for pictures"),
  SB_TEXT(app_record, start_file, "", "table that stage 2 starts from (sample.start: file, noised, inpaint); --start"),
  SB_REALS(app_record, image, "[]", 1, 1e6, "", "rows, columns (and channels) of a sample that is a picture"),
  {0}};
static const sb_key velocity_keys[] = {
  SB_INT(app_velocity, points, "40", 2, 4096, "", "points of the grid along each axis"),
  SB_REALS(app_velocity, times, "[0, 0.25, 0.5, 0.75, 1]", 0, 1, "", "times of each stage; 1 means its last step"),
  SB_REALS(app_velocity, low, "[]", 0, 0, "x", "lower corner of the grid; none: that of the data"),
  SB_REALS(app_velocity, high, "[]", 0, 0, "x", "upper corner of the grid; none: that of the data"),
  {0}};
static const sb_key checkpoint_keys[] = {
  SB_INT(app_checkpoint, every, "5000", 0, 1e12, "steps", "training steps between checkpoints; 0: only at the end"),
  SB_INT(app_checkpoint, keep, "1", 0, 1000, "", "earlier checkpoints kept"),
  SB_REAL(app_checkpoint, sampling, "600", 0, 1e9, "s", "time between checkpoints of the draws; 0: only when stopped"),
  {0}};
static const sb_key study_keys[] = {
  SB_INT(app_study, replicates, "5", 1, 1e6, "", "runs of each point of study.grid; run r has the seed seed + r"),
  SB_INT(app_study, ranks_per_case, "1", 1, 1e6, "", "ranks that work on a case together; results do not depend on it"),
  SB_INT(app_study, bootstrap, "1000", 10, 1e6, "", "resamplings of the replicates for intervals of slopes"),
  {0}};
/* clang-format on */

int app_sections(app *a) {
  const sb_section own[] = {
      {"", NULL, top_keys, &a->options, "the run"},
      {"data", NULL, sb_data_keys, &a->data_options[0], "training data"},
      {"data", NULL, sb_law_keys, &a->law_options[0], "known laws"},
      {"sample", NULL, sample_keys, &a->sample, "sampling"},
      {"record", NULL, record_keys, &a->record, "what is recorded"},
      {"velocity", NULL, velocity_keys, &a->velocity, "fields on a grid"},
      {"evaluate", NULL, sb_judge_keys, &a->judge, "metrics"},
      {"checkpoint", NULL, checkpoint_keys, &a->checkpoint, "checkpoints"},
      {"study", NULL, study_keys, &a->study,
       "many runs of this deck; study.grid: {KEY: [VALUES], ...}; study.along: keys that move with "
       "its first"},
  };
  const sb_section pair[] = {
      {"source", NULL, sb_source_keys, &a->data_options[1], "where a bridge begins (t = 0)"},
      {"source", NULL, sb_law_keys, &a->law_options[1], "known laws"},
      {"sample", NULL, bridge_keys, &a->bridge, "direction of a bridge"},
  };
  const int pairs = a->method->needs == 2 ? 3 : 0;
  int n = (int)(sizeof own / sizeof *own);
  memcpy(a->section, own, sizeof own);
  memcpy(a->section + n, pair, (size_t)pairs * sizeof *pair);
  n += pairs;
  return n + a->method->sections(a->run.state, a->section + n, MAX_SECTIONS - n);
}

static sb_status choose_method(app *a) {
  const char *name = sb_deck_raw(a->deck, "method"), *names[16], *near;
  int n = 0;
  if (!name) name = "two_stage";
  a->method = sb_method_find(name);
  for (const sb_method *m; n < 16 && (m = sb_method_at(n)); n++) names[n] = m->name;
  near = sb_nearest(name, names, n);
  if (!a->method)
    return sb_fail(SB_USE, "unknown method '%s'%s%s%s", name, near ? " (did you mean '" : "",
                   near ? near : "", near ? "'?)" : "");
  return sb_mem_new(&a->run.state, 1, a->method->state_size, "state of the method");
}

/* The deck of a study over methods has keys of them all. A method of the grid that there is not is
 * found with its case. */
static sb_status add_sections_of(app *a, const sb_method *m) {
  void *state;
  const int room = MAX_SECTIONS - a->sections;
  SB_TRY(sb_mem_new(&state, 1, m->state_size, "state of a method"));
  const int n = m->sections(state, a->section + a->sections, room);
  sb_mem_free(state);
  if (n > room) return sb_fail(SB_USE, "study.grid.method: more than %d sections", MAX_SECTIONS);
  for (int i = 0; i < n; i++) a->section[a->sections++].values = NULL;
  return SB_OK;
}

static sb_status add_methods_of_grid(app *a) {
  const char *key, *value;
  int values;
  for (int i = 0; (key = sb_deck_grid_key(a->deck, i, &values)); i++)
    for (int k = 0; !strcmp(key, "method") && (value = sb_deck_grid_value(a->deck, i, k)); k++) {
      const sb_method *m = sb_method_find(value);
      if (m && m != a->method) SB_TRY(add_sections_of(a, m));
    }
  return SB_OK;
}

static sb_status no_preset(const app *a, const char *name, const char *const *names, int n) {
  const char *near = sb_nearest(name, names, n);
  return sb_fail(SB_USE, "unknown preset '%s'%s%s%s; see the presets of method %s in sbridge help",
                 name, near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "",
                 a->method->name);
}

static sb_status apply_preset(app *a) {
  const char *name = sb_deck_raw(a->deck, "preset"), *names[16];
  const sb_preset *p = a->method->presets;
  int n = 0;
  if (!name || !*name) return SB_OK;
  for (; p && p->name && strcmp(p->name, name); p++) names[n++] = p->name;
  if (!p || !p->name) return no_preset(a, name, names, n);
  for (const char *const *set = p->assignments; *set; set++) {
    char key[128];
    snprintf(key, sizeof key, "%.*s", (int)strcspn(*set, "="), *set);
    if (!sb_deck_raw(a->deck, key)) SB_TRY(sb_deck_set(a->deck, *set));
  }
  return SB_OK;
}

/* A second set in the deck of a method that has no use for it. */
static sb_status refuse_source(const app *a) {
  const sb_key *const tables[] = {sb_source_keys, sb_law_keys};
  for (int i = 0; a->method->needs == 1 && i < 2; i++)
    for (const sb_key *k = tables[i]; k->name; k++) {
      char name[64];
      snprintf(name, sizeof name, "source.%s", k->name);
      if (sb_deck_raw(a->deck, name))
        return sb_fail(SB_USE,
                       "%s: method %s learns from one data set, section data; see sbridge "
                       "help for methods that bridge two",
                       name, a->method->name);
    }
  return SB_OK;
}

/* What --start says, as keys, so that the used deck repeats the run. */
static sb_status set_start(sb_deck *deck, const char *file) {
  char text[2048] = "record.start_file='";
  size_t n = strlen(text);
  for (; *file && n + 4 < sizeof text; file++) {
    text[n++] = *file;
    if (*file == '\'') text[n++] = '\'';
  }
  if (*file) return sb_fail(SB_USE, "--start: this path is too long");
  strcpy(text + n, "'");
  const char *start = sb_deck_raw(deck, "sample.start");
  if (!start || (strcmp(start, "noised") && strcmp(start, "inpaint")))
    SB_TRY(sb_deck_set(deck, "sample.start=file"));
  return sb_deck_set(deck, text);
}

sb_status app_deck_of(app *a, const char *text, int64_t length, const char *name) {
  SB_TRY(sb_deck_read(text, length, name, &a->deck));
  for (int i = 0; i < a->line.sets; i++) SB_TRY(sb_deck_set(a->deck, a->line.set[i]));
  if (a->line.start) SB_TRY(set_start(a->deck, a->line.start));
  SB_TRY(choose_method(a));
  SB_TRY(apply_preset(a));
  SB_TRY(refuse_source(a));
  a->sections = app_sections(a);
  const int own = a->sections;
  SB_TRY(add_methods_of_grid(a));
  SB_TRY(sb_deck_bind_with(a->deck, a->section, own, a->sections));
  return sb_deck_used(a->deck, &a->used);
}

sb_status app_path(const app *a, const char *name, char *out, int size) {
  const int length = snprintf(out, (size_t)size, "%s/%s", a->options.output, name);
  return length < size ? SB_OK
                       : sb_fail(SB_USE, "this path is too long: %s/%s", a->options.output, name);
}

sb_status app_refuse(app *a, const char *name) {
  char path[1024];
  SB_TRY(app_path(a, name, path, sizeof path));
  if (a->line.overwrite || a->line.resume || !sb_path_exists(a->comm, path)) return SB_OK;
  return sb_fail(SB_USE, "%s exists; give --overwrite to write over it or --resume to go on", path);
}

static int is_checkpoint(const char *path) {
  const size_t n = strlen(path);
  return n > 3 && !strcmp(path + n - 3, ".h5");
}

static sb_status read_input(app *a) {
  int64_t length = 0;
  sb_status s;
  if (a->line.samples) return app_truth(a);
  if (is_checkpoint(a->line.input)) {
    sb_checkpoint k;
    SB_TRY(sb_file_probe(a->comm, a->line.input));
    SB_TRY(sb_checkpoint_open(a->comm, a->line.input, &k));
    s = app_deck_of(a, k.deck, (int64_t)strlen(k.deck), a->line.input);
    sb_checkpoint_close(&k);
    snprintf(a->checkpoint_path, sizeof a->checkpoint_path, "%s", a->line.input);
  } else {
    SB_TRY(sb_text_read(a->comm, a->line.input, &a->source, &length));
    s = app_deck_of(a, a->source, length, a->line.input);
    if (!s) s = app_path(a, "checkpoint.h5", a->checkpoint_path, sizeof a->checkpoint_path);
  }
  return s;
}

/* All ranks use the lowest variant of the kernels that any of them has. */
static sb_status agree_on_kernels(app *a) {
  int level = 0;
  SB_TRY_ALL(a->comm, sb_isa_level(&level));
  double lowest = level;
  SB_TRY(sb_min_real(a->comm, &lowest, 1));
  sb_isa_choose((int)lowest);
  return SB_OK;
}

sb_status app_open(app *a) {
  SB_TRY(agree_on_kernels(a));
  SB_TRY_ALL(a->comm, read_input(a));
  if (!a->options.output[0]) return sb_fail(SB_USE, "output: names no directory for the results");
  sb_about_deck(a->used);
  sb_about_blas(sb_blas_library(), sb_blas_core());
  a->steps_left = a->line.stop_after;
  return SB_OK;
}

static void print_settings(const app *a) {
  sb_task *task[SB_MAX_TASKS];
  const sb_data *data = a->run.data, *from = a->run.source;
  const int n = a->method->tasks((sb_run *)&a->run, task, SB_MAX_TASKS);
  sb_say("method      %s: %s\n", a->method->name, a->method->summary);
  sb_say("data        %s, %lld training rows, %lld held out, %d dimensions",
         data->law ? data->law->name : a->data_options[0].file, (long long)data->n,
         (long long)data->n_held, data->raw);
  sb_say(data->d == data->raw ? "\n" : " projected to %d\n", data->d);
  if (from)
    sb_say("source      %s, %lld training rows, %lld held out; draws go %s\n",
           from->law ? from->law->name : a->data_options[1].file, (long long)from->n,
           (long long)from->n_held,
           a->run.backward ? "backward, from data to source" : "forward, from source to data");
  for (int i = 0; i < n; i++)
    sb_say("network     %s: %lld parameters, %lld steps of %lld rows\n", task[i]->name,
           (long long)task[i]->net.parameters, (long long)sb_task_steps(task[i]),
           (long long)task[i]->options->batch);
  sb_say("machine     %d rank%s on %d node%s, kernels %s, BLAS core %s\n", a->comm->size,
         a->comm->size == 1 ? "" : "s", a->comm->nodes, a->comm->nodes == 1 ? "" : "s",
         sb_kernel()->name, sb_blas_core());
  sb_say("memory      %.1f MB per rank predicted\n", (double)a->memory_predicted / 1e6);
  sb_say("output      %s\n\n", a->options.output);
}

sb_status app_data(app *a) {
  const int two = a->method->needs == 2;
  for (int i = 0; i < 1 + two; i++)
    if (a->data_options[i].file[0]) SB_TRY(sb_file_probe(a->comm, a->data_options[i].file));
  a->run.backward = two && a->bridge.direction;
  a->run.given = two && a->bridge.start;
  a->data_options[1].section = "source";
  if (a->data_options[0].stream && !a->method->streams)
    return sb_fail(SB_USE, "data.stream: method %s works on rows that stay", a->method->name);
  if (two)
    return sb_data_open_pair(a->comm, a->data_options, a->law_options, a->run.seed, &a->run.data,
                             &a->run.source);
  return sb_data_open(a->comm, a->data_options, a->law_options, a->run.seed, &a->run.data);
}

sb_status app_start(app *a) {
  a->run.comm = a->comm;
  a->run.seed = (uint64_t)a->options.seed;
  a->run.method = a->method;
  SB_TRY(app_stop_open(a));
  sb_beat("reading", "data", -1);
  const double began = sb_clock();
  SB_TRY(app_data(a));
  sb_timer(SB_T_DATA, began);
  SB_TRY(app_check(a));
  SB_TRY(app_predict(a));
  SB_TRY(a->method->open(&a->run));
  print_settings(a);
  return SB_OK;
}

void app_close(app *a) {
  app_stop_close(a);
  app_release(a);
  if (a->run.data && a->run.comm) a->method->close(&a->run);
  if (a->run.data) sb_data_close(a->comm, a->run.data);
  if (a->run.source) sb_data_close(a->comm, a->run.source);
  sb_mem_free(a->run.state);
  sb_mem_free(a->used);
  sb_mem_free(a->source);
  sb_deck_free(a->deck);
}
