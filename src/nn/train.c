/* The training loop (sb/train.h). */
#include "sb/train.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sb/clock.h"
#include "sb/log.h"
#include "sb/mem.h"

#define LOSS_SCALE 0x1p36 /* losses are summed like gradients */

/* Spare entries behind the gradient's integers: they ride on its reduction. */
enum { LOSS, BAD, SPARE };

static int64_t report_every(const sb_train_options *o) {
  if (o->report > 0) return o->report;
  return o->steps >= 100 ? o->steps / 100 : 1;
}

static int64_t history_lines(const sb_train_options *o) { return o->steps / report_every(o) + 2; }

int64_t sb_task_bytes(const sb_net *net, const sb_train_options *o) {
  const int64_t blocks = 5 + (o->keep == SB_KEEP_BEST);
  return net->size * blocks * (int64_t)sizeof(float) + (net->size + SPARE) * (int64_t)sizeof(int64_t) +
         history_lines(o) * (int64_t)sizeof(sb_history) + sb_tape_bytes(net, 1);
}

static sb_status allocate(sb_task *task) {
  const int64_t n = task->net.size;
  SB_TRY(SB_NEW(&task->p, n, "parameters"));
  SB_TRY(SB_NEW(&task->m, n, "first moments"));
  SB_TRY(SB_NEW(&task->v, n, "second moments"));
  SB_TRY(SB_NEW(&task->average, n, "averaged parameters"));
  SB_TRY(SB_NEW(&task->g, n, "gradient"));
  SB_TRY(SB_NEW(&task->sum, n + SPARE, "sums of gradients"));
  SB_TRY(SB_NEW(&task->history, history_lines(task->options), "history"));
  if (task->options->keep == SB_KEEP_BEST) SB_TRY(SB_NEW(&task->best, n, "best parameters"));
  return sb_tape_open(&task->net, 1, &task->tape);
}

sb_status sb_task_open(const sb_comm *c, sb_task *task) {
  const sb_train_options *o = task->options;
  if (o->keep == SB_KEEP_BEST && task->held == 0)
    return sb_fail(SB_USE, "train.keep: best needs held-out rows; give data.validation a fraction");
  SB_TRY_ALL(c, allocate(task));
  task->adam = (sb_adam){.rate = o->rate, .beta1 = o->beta1, .beta2 = o->beta2, .epsilon = o->epsilon, .decay = o->weight_decay,
                         .decoupled = o->decoupled, .schedule = o->schedule, .warmup = o->warmup, .steps = o->steps,
                         .rate_end = o->rate_end, .clip = o->clip, .average = o->average};
  sb_net_init(&task->net, task->init_key, 0, task->p);
  memcpy(task->average, task->p, (size_t)task->net.size * sizeof *task->p);
  *task->best_loss = INFINITY;
  return SB_OK;
}

void sb_task_close(sb_task *task) {
  void *const blocks[] = {task->p, task->m, task->v, task->average, task->best, task->g, task->sum, task->history};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) sb_mem_free(blocks[i]);
  sb_tape_close(task->tape);
  *task = (sb_task){0};
}

const float *sb_task_result(const sb_task *task) {
  if (task->best && isfinite(*task->best_loss)) return task->best;
  return task->options->average > 0 ? task->average : task->p;
}

/* Gradient and loss of this rank's blocks, as integers in task->sum. */
static sb_status own_blocks(const sb_comm *c, sb_task *task) {
  const sb_share share = sb_share_of(c, task->options->batch);
  const int64_t n = task->net.size;
  sb_tape_load(task->tape, task->p);
  for (int64_t at = share.first; at < share.first + share.count; at += SB_BLOCK) {
    const int64_t left = share.first + share.count - at;
    double loss;
    SB_TRY(task->loss(task->self, task->tape, *task->step, at, (int)(left < SB_BLOCK ? left : SB_BLOCK), task->g, &loss));
    const double clock = sb_clock();
    if (sb_kernel()->quantise(n, task->g, task->sum)) task->sum[n + BAD]++;
    if (fabs(loss) < 0x1p26) task->sum[n + LOSS] += (int64_t)rint(loss * LOSS_SCALE);
    else task->sum[n + BAD]++;
    sb_timer(SB_T_UPDATE, clock);
  }
  return SB_OK;
}

/* Which tensor went bad, on the rank that saw it; the others are told by agreement. */
static sb_status name_bad(const sb_comm *c, const sb_task *task, int64_t mine) {
  const sb_net *net = &task->net;
  const char *tensor = "the loss";
  sb_status s = SB_OK;
  if (mine) {
    for (int k = net->slots - 1; k >= 0; k--) {
      const int64_t end = k + 1 < net->slots ? net->slot[k + 1].offset : net->size;
      for (int64_t i = net->slot[k].offset; i < end; i++)
        if (!(fabsf(task->g[i]) < 0x1p14f)) tensor = net->slot[k].name;
    }
    s = sb_fail(SB_BAD, "training %s: the gradient of %s is not finite or beyond 2^14 at step %lld; lower train.rate or set train.clip",
                task->name, tensor, (long long)*task->step + 1);
  }
  return sb_agree(c, s);
}

/* Norm in a fixed pattern of sixteen partial sums, which the compiler turns into vectors. */
static double norm(int64_t n, const float *g) {
  double part[16] = {0}, sum = 0;
  for (int64_t i = 0; i + 16 <= n; i += 16)
    for (int j = 0; j < 16; j++) part[j] += (double)g[i + j] * (double)g[i + j];
  for (int64_t i = n - n % 16; i < n; i++) part[0] += (double)g[i] * (double)g[i];
  for (int j = 0; j < 16; j++) sum += part[j];
  return sqrt(sum);
}

/* One step of all ranks; sets the batch loss and the gradient norm. */
static sb_status take_step(const sb_comm *c, sb_task *task, double *loss, double *gradient) {
  const int64_t n = task->net.size;
  sb_adam_step constants;
  sb_status mine = own_blocks(c, task);
  const int64_t bad = task->sum[n + BAD] += mine != SB_OK;
  double clock = sb_clock();
  SB_TRY(sb_sum_int(c, task->sum, n + SPARE));
  clock = sb_timer(SB_T_EXCHANGE, clock);
  if (task->sum[n + BAD]) {
    SB_TRY_ALL(c, mine);
    return name_bad(c, task, bad);
  }
  *loss = (double)task->sum[n + LOSS] / LOSS_SCALE;
  task->sum[n + LOSS] = 0;
  sb_kernel()->restore(n, task->sum, task->g);
  *gradient = norm(n, task->g);
  sb_adam_at(&task->adam, *task->step, *gradient, &constants);
  sb_kernel()->adam(&constants, n, task->g, task->m, task->v, task->p, task->average);
  sb_timer(SB_T_UPDATE, clock);
  ++*task->step;
  return SB_OK;
}

/* Validation loss of the averaged parameters: blocks of held-out rows split over ranks, summed exactly. */
static sb_status validate(const sb_comm *c, sb_task *task, double *out) {
  const sb_share share = sb_share_of(c, task->held);
  sb_sum sum = {{0}};
  sb_status s = SB_OK;
  *out = NAN;
  if (!task->validate || task->held == 0) return SB_OK;
  const double clock = sb_clock();
  sb_tape_load(task->tape, task->options->average > 0 ? task->average : task->p);
  for (int64_t at = share.first; !s && at < share.first + share.count; at += SB_BLOCK) {
    const int64_t left = share.first + share.count - at;
    double loss = 0;
    s = task->validate(task->self, task->tape, at / SB_BLOCK, (int)(left < SB_BLOCK ? left : SB_BLOCK), &loss);
    sb_sum_add(&sum, loss);
  }
  SB_TRY_ALL(c, s);
  SB_TRY(sb_sum_total(c, 1, &sum, out, "validation loss"));
  *out /= (double)task->held;
  sb_timer(SB_T_METRIC, clock);
  if (task->best && *out < *task->best_loss) {
    *task->best_loss = *out;
    memcpy(task->best, task->options->average > 0 ? task->average : task->p, (size_t)task->net.size * sizeof *task->p);
  }
  return SB_OK;
}

static void progress(const sb_task *task, const sb_history *line, double seconds, double exchange, int64_t since) {
  const double per_step = seconds / (double)since;
  const int64_t left = task->options->steps - *task->step;
  char validation[16] = "         -";
  if (!isnan(line->validation)) snprintf(validation, sizeof validation, "%10.5f", line->validation);
  sb_log("%-8s %8lld %10.5f %s %10.4f %9.2e %11.0f %6.1f%% %8.0f s\n", task->name, (long long)*task->step, line->loss, validation,
         line->gradient_norm, line->rate, (double)task->options->batch / per_step, 100 * exchange / seconds, (double)left * per_step);
}

sb_status sb_train(const sb_comm *c, sb_task *task, const sb_train_control *control) {
  const sb_train_options *o = task->options;
  const int64_t every = report_every(o);
  double sum = 0, loss = 0, gradient = 0, since = sb_clock(), exchanged = sb_timer_seconds(SB_T_EXCHANGE);
  int64_t first = *task->step;
  if (*task->step < o->steps)
    sb_log("%-8s %8s %10s %10s %10s %9s %11s %7s %10s\n", "network", "step", "loss", "validation", "gradient", "rate", "samples/s", "comm",
           "left");
  while (*task->step < o->steps) {
    if (*control->left == 0) return sb_fail(SB_EARLY, "stopped after %lld steps of %s as asked", (long long)*task->step, task->name);
    SB_TRY(take_step(c, task, &loss, &gradient));
    if (*control->left > 0) --*control->left;
    sum += loss;
    if (*task->step % every == 0 || *task->step == o->steps) {
      const int64_t n = (*task->step - 1) % every + 1;
      sb_history *line = &task->history[(*task->lines)++];
      *line = (sb_history){(double)*task->step, sum / (double)n, NAN, gradient, sb_adam_rate(&task->adam, *task->step - 1)};
      SB_TRY(validate(c, task, &line->validation));
      progress(task, line, sb_clock() - since, sb_timer_seconds(SB_T_EXCHANGE) - exchanged, *task->step - first);
      since = sb_clock(), exchanged = sb_timer_seconds(SB_T_EXCHANGE), first = *task->step, sum = 0;
    }
    if (control->save_every && *task->step % control->save_every == 0 && *task->step < o->steps) SB_TRY(control->save(control->self));
  }
  return SB_OK;
}
