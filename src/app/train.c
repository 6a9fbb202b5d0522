/* The commands train and run. */
#include <stdio.h>
#include <string.h>

#include "app.h"
#include "sb/log.h"

/* --- Where to begin
 * ------------------------------------------------------------------------------------- */

static void say_going_on(app *a, const char *path) {
  sb_task *task[SB_MAX_TASKS];
  const int n = a->method->tasks(&a->run, task, SB_MAX_TASKS);
  char where[64] = "";
  for (int i = n - 1; i >= 0; i--)
    if (*task[i]->step < sb_task_steps(task[i]))
      snprintf(where, sizeof where, ": step %lld of network %s", (long long)*task[i]->step,
               task[i]->name);
  sb_say("going on from %s%s\n", path, where);
}

static sb_status take_up_newest(app *a) {
  char path[1024];
  SB_TRY(app_newest(a, path, sizeof path));
  if (!path[0]) {
    sb_say("no checkpoint at %s: starting anew\n", a->checkpoint_path);
    return SB_OK;
  }
  SB_TRY(app_load(a, path));
  say_going_on(a, path);
  return SB_OK;
}

/* A checkpoint if --resume finds one, else from scratch. */
static sb_status take_up(app *a) {
  const char *path = a->line.resume_file;
  if (a->line.resume == RESUME_NEVER) return SB_OK;
  if (a->line.resume == RESUME_AUTO) return take_up_newest(a);
  if (!sb_path_exists(a->comm, path)) return sb_fail(SB_USE, "%s: no such checkpoint", path);
  SB_TRY(app_load(a, path));
  say_going_on(a, path);
  return SB_OK;
}

/* The deck beside the results, before they are there. */
static sb_status leave_deck(app *a) {
  char path[1024];
  SB_TRY(app_path(a, "used.yml", path, sizeof path));
  return sb_text_write(a->comm, path, a->used, (int64_t)strlen(a->used));
}

/* --- Training
 * ------------------------------------------------------------------------------------------- */

static int64_t steps_left(app *a) {
  sb_task *task[SB_MAX_TASKS];
  const int n = a->method->tasks(&a->run, task, SB_MAX_TASKS);
  int64_t left = 0;
  for (int i = 0; i < n; i++) left += sb_task_steps(task[i]) - *task[i]->step;
  return left;
}

/* The state is that of the file at this path, and of no other. */
static int is_saved(const app *a) { return a->parent && !strcmp(a->parent, a->checkpoint_path); }

/* Back to the last checkpoint, which then knows that the rate is halved: whoever goes on from it
 * takes the same steps. */
static sb_status go_back(app *a, sb_task *task) {
  const int64_t times = *task->restores + 1;
  sb_warn("%s; going back to %s with half the learning rate (%lld of %lld)", sb_message(),
          a->checkpoint_path, (long long)times, (long long)task->options->restores);
  sb_forget();
  SB_TRY(app_load(a, a->checkpoint_path));
  *task->restores = times;
  return app_save(a);
}

static int may_go_back(const sb_task *task, sb_status s) {
  return s == SB_BAD && task->options->on_nan == SB_NAN_RESTORE &&
         *task->restores < task->options->restores;
}

static sb_status train_networks(app *a) {
  sb_task *task[SB_MAX_TASKS];
  const int n = a->method->tasks(&a->run, task, SB_MAX_TASKS);
  const sb_train_control control = {a->checkpoint.every, app_save, &a->steps_left, a};
  const sb_train_hold hold = {a, app_stop_asked, app_stop_training};
  int restore = 0;
  for (int i = 0; i < n; i++) restore |= task[i]->options->on_nan == SB_NAN_RESTORE;
  if (restore && !is_saved(a)) SB_TRY(app_save(a));
  for (int i = 0;; i++) {
    if (a->method->turn) SB_TRY(a->method->turn(&a->run, &i));
    if (i >= n) break;
    const sb_status s = sb_train_on(a->comm, task[i], &control, &hold);
    if (may_go_back(task[i], s)) {
      SB_TRY(go_back(a, task[i]));
      i = -1;
    } else if (s)
      return s;
  }
  return SB_OK;
}

/* Ends in a checkpoint, early or not. */
static sb_status train_all(app *a) {
  char where[SB_MESSAGE_MAX], kept[1100];
  const int64_t left = steps_left(a);
  if (a->method->prepare) SB_TRY(a->method->prepare(&a->run));
  if (left == 0) {
    const int any = a->method->tasks(&a->run, (sb_task *[SB_MAX_TASKS]){NULL}, SB_MAX_TASKS);
    if (any || !a->method->prepare)
      sb_say(any ? "training is complete\n" : "nothing to train: every field is exact\n");
    if (!a->parent && !a->method->prepare) return SB_OK;
    return is_saved(a) ? app_history(a) : app_save(a);
  }
  const sb_status s = train_networks(a);
  if (s && s != SB_EARLY) return s;
  snprintf(where, sizeof where, "%s", sb_message());
  if (s) sb_forget();
  SB_TRY(app_save(a));
  if (!s) return SB_OK;
  snprintf(kept, sizeof kept, "saved in %s", a->checkpoint_path);
  return app_stopped(a, where, kept);
}

/* Files of the method's own. */
static sb_status leave_files(app *a) {
  app_view view;
  if (!a->method->leave) return SB_OK;
  SB_TRY(app_parent(a, a->checkpoint_path));
  SB_TRY(app_view_open(a, &view));
  const sb_status s = a->method->leave(&a->run, a->options.output,
                                       a->run.data->raw > 3 ? &view.projection : NULL, a->parent);
  app_view_close(&view);
  return s;
}

sb_status app_train(app *a) {
  SB_TRY(app_refuse(a, "checkpoint.h5"));
  SB_TRY(app_start(a));
  if (a->line.dry_run) return app_rough(a);
  SB_TRY(take_up(a));
  SB_TRY(app_claim(a));
  SB_TRY(leave_deck(a));
  SB_TRY(train_all(a));
  return leave_files(a);
}

sb_status app_run(app *a) {
  static const char *const results[] = {"samples.h5", "trajectories.h5", "sampling.h5",
                                        "velocity.h5", "report.json"};
  for (int i = 0; i < 5; i++) SB_TRY(app_refuse(a, results[i]));
  SB_TRY(app_train(a));
  if (a->line.dry_run) return SB_OK;
  SB_TRY(app_parent(a, a->checkpoint_path));
  SB_TRY(app_draw(a));
  SB_TRY(app_velocity_files(a));
  return app_evaluate(a);
}
