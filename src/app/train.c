/* The commands train and run. */
#include <string.h>

#include "app.h"
#include "sb/log.h"

/* Where to begin: a checkpoint if --resume finds one, else from scratch. */
static sb_status take_up(app *a) {
  const char *path = a->line.resume_file ? a->line.resume_file : a->checkpoint_path;
  if (a->line.resume == RESUME_NEVER) return SB_OK;
  if (!sb_path_exists(a->comm, path)) {
    if (a->line.resume == RESUME_FILE) return sb_fail(SB_USE, "%s: no such checkpoint", path);
    sb_say("no checkpoint at %s: starting anew\n", path);
    return SB_OK;
  }
  SB_TRY(app_load(a, path));
  sb_say("going on from %s\n", path);
  return SB_OK;
}

static sb_status train_all(app *a) {
  sb_task *task[SB_MAX_TASKS];
  const int n = a->method->tasks(&a->run, task, SB_MAX_TASKS);
  const sb_train_control control = {a->checkpoint.every, app_save, &a->steps_left, a};
  sb_status s = SB_OK;
  int64_t left = 0;
  for (int i = 0; i < n; i++) left += task[i]->options->steps - *task[i]->step;
  if (left == 0) sb_say(n ? "training is complete\n" : "nothing to train: every field is exact\n");
  for (int i = 0; !s && i < n; i++) s = sb_train(a->comm, task[i], &control);
  if (s && s != SB_EARLY) return s;
  if (left > 0 || (a->parent && strcmp(a->parent, a->checkpoint_path))) SB_TRY(app_save(a));
  return s;
}

/* What a run needs before it may write: its directory, its deck beside the results. */
static sb_status prepare(app *a) {
  char path[1024];
  SB_TRY(sb_dir_make(a->comm, a->options.output));
  SB_TRY(app_path(a, "used.yml", path, sizeof path));
  return sb_text_write(a->comm, path, a->used, (int64_t)strlen(a->used));
}

sb_status app_train(app *a) {
  SB_TRY(app_refuse(a, "checkpoint.h5"));
  SB_TRY(app_start(a));
  if (a->line.dry_run) return SB_OK;
  SB_TRY(take_up(a));
  SB_TRY(prepare(a));
  return train_all(a);
}

sb_status app_run(app *a) {
  static const char *const results[] = {"samples.h5", "trajectories.h5", "velocity.h5",
                                        "report.json"};
  for (int i = 0; i < 4; i++) SB_TRY(app_refuse(a, results[i]));
  SB_TRY(app_train(a));
  if (a->line.dry_run) return SB_OK;
  SB_TRY(app_path(a, "checkpoint.h5", a->parent_path, sizeof a->parent_path));
  a->parent = a->parent_path;
  SB_TRY(app_draw(a));
  SB_TRY(app_velocity_files(a));
  return app_evaluate(a);
}
