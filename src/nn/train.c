/* The training loop (sb/train.h). */
#include "sb/train.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sb/clock.h"
#include "sb/log.h"
#include "sb/mem.h"
#include "sb/poison.h"
#include "sb/watchdog.h"

#define LOSS_SCALE 0x1p36 /* losses are summed like gradients */

/* Spare entries behind the gradient's integers: they ride on its reduction. */
enum { LOSS, BAD, WISH, SPARE };

static int64_t report_every(const sb_train_options *o) {
  if (o->report > 0) return o->report;
  return o->steps >= 100 ? o->steps / 100 : 1;
}

int64_t sb_history_lines(const sb_train_options *o, int64_t rounds) {
  return (o->steps / report_every(o) + 2) * (rounds > 1 ? rounds : 1);
}

int64_t sb_task_bytes(const sb_comm *c, const sb_net *net, const sb_train_options *o,
                      int64_t rounds) {
  const int64_t sums =
      (c->node_size > 1 ? c->node_size + 1 : 1) * (net->size + SPARE) * (int64_t)sizeof(int64_t);
  return net->size * (5 + (o->keep == SB_KEEP_BEST)) * (int64_t)sizeof(float) + sums +
         sb_history_lines(o, rounds) * (int64_t)(sizeof(sb_history) + sizeof(sb_pace)) +
         sb_tape_bytes(net, 1);
}

/* Steps of its own round that the optimiser took. */
static int64_t in_round(const sb_task *task) {
  return task->rounds > 1 && task->options->steps > 0 ? *task->step % task->options->steps
                                                      : *task->step;
}

static int64_t end_of(const sb_task *task) {
  return task->until > 0 ? task->until : sb_task_steps(task);
}

static int64_t chunks(const sb_task *task) { return (task->net.size + SB_CHUNK - 1) / SB_CHUNK; }

/* What all ranks of a node may share; every rank writes the slice that it receives gradients for.
 */
static sb_status allocate_shared(const sb_comm *c, sb_task *task) {
  const int64_t bytes = task->net.size * (int64_t)sizeof(float);
  sb_exchange *x = &task->exchange;
  SB_TRY(sb_exchange_open(c, task->net.size, SPARE, x));
  SB_TRY(sb_exchange_array(x, bytes, "parameters", &task->p));
  SB_TRY(sb_exchange_array(x, bytes, "first moments", &task->m));
  SB_TRY(sb_exchange_array(x, bytes, "second moments", &task->v));
  SB_TRY(sb_exchange_array(x, bytes, "averaged parameters", &task->average));
  return sb_exchange_array(x, chunks(task) * (int64_t)sizeof(double), "squares of the gradient",
                           &task->partial);
}

static sb_status allocate(sb_task *task) {
  const int64_t n = task->net.size;
  SB_TRY(SB_NEW(&task->g, n, "gradient"));
  SB_TRY(SB_NEW(&task->history, sb_history_lines(task->options, task->rounds), "history"));
  SB_TRY(SB_NEW(&task->pace, sb_history_lines(task->options, task->rounds), "history"));
  if (task->options->keep == SB_KEEP_BEST) SB_TRY(SB_NEW(&task->best, n, "best parameters"));
  return sb_tape_open(&task->net, 1, &task->tape);
}

#define LARGE                                                                         \
  512 /* rows of a batch that is cut into blocks of SB_NET_ROWS where nothing is said \
       */

static sb_status block_rows(sb_task *task) {
  const sb_train_options *o = task->options;
  const int most = task->most_rows > 0 ? task->most_rows : SB_BLOCK;
  task->rows = o->block_rows > 0 ? (int)o->block_rows : o->batch >= LARGE ? most : SB_BLOCK;
  if (task->rows % SB_BLOCK == 0 && task->rows <= most) return SB_OK;
  return sb_fail(SB_USE, "train.block_rows is %d; this method takes %s", task->rows,
                 most > SB_BLOCK ? "64 or 128" : "64");
}

sb_status sb_task_open(const sb_comm *c, sb_task *task) {
  const sb_train_options *o = task->options;
  SB_TRY(block_rows(task));
  if (o->keep == SB_KEEP_BEST && task->held == 0)
    return sb_fail(SB_USE, "train.keep: best needs held-out rows; give data.validation a fraction");
  SB_TRY(allocate_shared(c, task));
  SB_TRY_ALL(c, allocate(task));
  task->adam = (sb_adam){.rate = o->rate,
                         .beta1 = o->beta1,
                         .beta2 = o->beta2,
                         .epsilon = o->epsilon,
                         .decay = o->weight_decay,
                         .decoupled = o->decoupled,
                         .schedule = o->schedule,
                         .warmup = o->warmup,
                         .steps = o->steps,
                         .rate_end = o->rate_end,
                         .clip = o->clip,
                         .average = o->average};
  sb_task_renew(c, task, task->init_key);
  return SB_OK;
}

void sb_task_renew(const sb_comm *c, sb_task *task, uint64_t key) {
  const size_t bytes = (size_t)task->net.size * sizeof *task->p;
  sb_exchange_meet(&task->exchange);
  if (c->node_rank == 0 || !task->exchange.barrier) {
    if (key)
      sb_net_init(&task->net, key, 0, task->p);
    else
      memcpy(task->p, sb_task_result(task), bytes);
    memcpy(task->average, task->p, bytes);
    memset(task->m, 0, bytes);
    memset(task->v, 0, bytes);
  }
  sb_exchange_meet(&task->exchange);
  *task->best_loss = INFINITY;
}

void sb_task_begin(const sb_comm *c, sb_task *task, const float *p) {
  const size_t bytes = (size_t)task->net.size * sizeof *task->p;
  sb_exchange_meet(&task->exchange);
  if (c->node_rank == 0 || !task->exchange.barrier) {
    memcpy(task->p, p, bytes);
    memcpy(task->average, p, bytes);
  }
  sb_exchange_meet(&task->exchange);
}

void sb_task_close(sb_task *task) {
  void *const blocks[] = {task->best, task->g, task->history, task->pace};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) sb_mem_free(blocks[i]);
  sb_tape_close(task->tape);
  sb_exchange_close(&task->exchange);
  *task = (sb_task){0};
}

const float *sb_task_result(const sb_task *task) {
  if (task->best && isfinite(*task->best_loss)) return task->best;
  return task->options->average > 0 ? task->average : task->p;
}

void sb_task_backward(sb_task *task, const float *dy) {
  const double clock = sb_clock();
  if (task->poison) ((float *)(uintptr_t)dy)[0] = NAN; /* tests only */
  task->poison = 0;
  const int bad = sb_tape_accumulate(task->tape, dy, task->exchange.mine, NULL);
  if (bad >= 0 && !task->bad) task->bad = task->net.slot[bad].name;
  sb_timer(SB_T_BACKWARD, clock);
}

void sb_task_add(sb_task *task, const float *g) {
  const int poison = task->poison;
  task->poison = 0;
  for (int k = 0; k < task->net.slots; k++) {
    const sb_slot *slot = &task->net.slot[k];
    const int64_t at = slot->offset, n = (int64_t)slot->rows * slot->ld;
    if ((sb_kernel()->quantise(n, g + at, task->exchange.mine + at) || poison) && !task->bad)
      task->bad = slot->name;
  }
}

/* Rows of this rank: whole blocks. */
static sb_share own_rows(const sb_comm *c, const sb_task *task) {
  const int64_t batch = task->options->batch, blocks = (batch + task->rows - 1) / task->rows;
  const sb_share of_blocks = sb_share_of(c, blocks * SB_BLOCK);
  const int64_t first = of_blocks.first / SB_BLOCK * task->rows,
                last = first + of_blocks.count / SB_BLOCK * task->rows;
  return (sb_share){first, of_blocks.count > 0 ? (last < batch ? last : batch) - first : 0};
}

/* Gradient and loss of this rank's blocks, as integers. */
static sb_status own_blocks(const sb_comm *c, sb_task *task) {
  const sb_share share = own_rows(c, task);
  task->bad = NULL;
  sb_tape_load(task->tape, task->p);
  for (int64_t at = share.first; at < share.first + share.count; at += task->rows) {
    const int64_t left = share.first + share.count - at;
    double loss = 0;
    task->poison = sb_poison("gradient", c->rank, *task->step + 1);
    sb_tape_dropout(task->tape, task->options->dropout, task->drop_key, at, *task->step);
    SB_TRY(task->loss(task->self, task, *task->step, at,
                      (int)(left < task->rows ? left : task->rows), &loss));
    if (sb_poison("loss", c->rank, *task->step + 1)) loss = NAN;
    sb_tick();
    if (fabs(loss) < 0x1p26)
      task->exchange.mine[task->net.size + LOSS] += (int64_t)rint(loss * LOSS_SCALE);
    else if (!task->bad)
      task->bad = "the loss";
  }
  if (!task->bad) return SB_OK;
  return sb_fail(SB_BAD,
                 "training %s: %s is not finite or too large at step %lld on rank %d; lower "
                 "train.rate, set train.clip, or train.on_nan: restore",
                 task->name, task->bad, (long long)*task->step + 1, c->rank);
}

/* Sum of squares of a chunk in a fixed pattern of sixteen partial sums, which the compiler turns
 * into vectors. */
static double squares(int64_t n, const float *g) {
  double part[16] = {0}, sum = 0;
  for (int64_t i = 0; i + 16 <= n; i += 16)
    for (int j = 0; j < 16; j++) part[j] += (double)g[i + j] * (double)g[i + j];
  for (int j = 0; j < 16; j++) sum += part[j];
  return sum;
}

/* Turns the totals of this rank's slice into the gradient, and notes its squares chunk by chunk. */
static void take_slice(sb_task *task) {
  const sb_exchange *x = &task->exchange;
  sb_kernel()->restore(x->last - x->first, x->total + x->first, task->g + x->first);
  for (int64_t at = x->first; at < x->last; at += SB_CHUNK)
    task->partial[at / SB_CHUNK] =
        squares(x->last - at < SB_CHUNK ? x->last - at : SB_CHUNK, task->g + at);
}

static double norm(const sb_task *task) {
  double sum = 0;
  for (int64_t k = 0; k < chunks(task); k++) sum += task->partial[k];
  return sqrt(sum);
}

static void update(sb_task *task, double gradient) {
  const sb_exchange *x = &task->exchange;
  const int64_t at = x->first;
  sb_adam_step constants;
  sb_adam_at(&task->adam, in_round(task), gradient, &constants);
  sb_kernel()->adam(&constants, x->last - at, task->g + at, task->m + at, task->v + at,
                    task->p + at, task->average + at);
}

/* A step that went bad on some rank: what it summed is forgotten, so that training can go on from a
 * checkpoint. */
static sb_status leave_step(const sb_comm *c, sb_task *task, sb_status mine) {
  sb_exchange *x = &task->exchange;
  const sb_status s = sb_agree(c, mine);
  sb_exchange_clear(x);
  return s;
}

/* What a step leaves beside the parameters; the same on every rank. */
typedef struct outcome {
  double loss, gradient; /* of the batch, its norm */
  int wish;              /* some rank wants to stop */
} outcome;

/* One step of all ranks. */
static sb_status take_step(const sb_comm *c, sb_task *task, int wish, outcome *out) {
  sb_exchange *x = &task->exchange;
  const sb_status mine = own_blocks(c, task);
  x->mine[x->n + BAD] += mine != SB_OK;
  x->mine[x->n + WISH] += wish;
  double clock = sb_clock();
  SB_TRY(sb_exchange_sum(x));
  clock = sb_timer(SB_T_EXCHANGE, clock);
  take_slice(task);
  clock = sb_timer(SB_T_UPDATE, clock);
  sb_exchange_meet(x);
  clock = sb_timer(SB_T_EXCHANGE, clock);
  if (x->total[x->n + BAD]) return leave_step(c, task, mine);
  out->loss = (double)x->total[x->n + LOSS] / LOSS_SCALE;
  out->wish = x->total[x->n + WISH] != 0;
  out->gradient = norm(task);
  sb_exchange_clear(x);
  update(task, out->gradient);
  clock = sb_timer(SB_T_UPDATE, clock);
  sb_exchange_meet(x);
  sb_timer(SB_T_EXCHANGE, clock);
  ++*task->step;
  return SB_OK;
}

/* Validation loss of the averaged parameters: blocks of held-out rows split over ranks, summed
 * exactly. */
static sb_status validate(const sb_comm *c, sb_task *task, double *out) {
  const sb_share share = sb_share_of(c, task->held);
  sb_sum sum = {{0}};
  sb_status s = SB_OK;
  *out = NAN;
  if (!task->validate || task->held == 0) return SB_OK;
  const double clock = sb_clock(), all = sb_timer_all();
  sb_tape_load(task->tape, task->options->average > 0 ? task->average : task->p);
  sb_tape_dropout(task->tape, 0, 0, 0, 0);
  for (int64_t at = share.first; !s && at < share.first + share.count; at += SB_BLOCK) {
    const int64_t left = share.first + share.count - at;
    double loss = 0;
    s = task->validate(task->self, task, at, (int)(left < SB_BLOCK ? left : SB_BLOCK), &loss);
    sb_sum_add(&sum, loss);
  }
  SB_TRY_ALL(c, s);
  SB_TRY(sb_sum_total(c, 1, &sum, out, "validation loss"));
  *out /= (double)task->held;
  sb_timer_rest(SB_T_METRIC, clock, all);
  if (task->best && *out < *task->best_loss) {
    *task->best_loss = *out;
    memcpy(task->best, task->options->average > 0 ? task->average : task->p,
           (size_t)task->net.size * sizeof *task->p);
  }
  return SB_OK;
}

static const char *shown(const sb_task *task) { return task->title[0] ? task->title : task->name; }

static int width(const sb_task *task) {
  const int length = (int)strlen(shown(task));
  return length > 8 ? length : 8;
}

/* One line on the screen. */
static void progress(const sb_task *task, int64_t step, const sb_history *line,
                     const sb_pace *pace) {
  const double left =
      (double)(end_of(task) - *task->step) * (double)task->options->batch / pace->rows_per_second;
  char validation[16] = "-";
  if (!isnan(line->validation)) snprintf(validation, sizeof validation, "%.5f", line->validation);
  sb_say("%-*s %8lld %10.5f %10s %10.4f %9.2e %11.0f %6.1f%% %8.0f s\n", width(task), shown(task),
         (long long)step, line->loss, validation, line->gradient_norm, line->rate,
         pace->rows_per_second, 100 * pace->exchange, left);
}

#define SCREEN 2.0 /* seconds between lines on the screen */

/* Where the clock stood at the last line of the history, and on the screen. */
typedef struct mark {
  double clock, exchange, shown;
  int64_t step;
} mark;

static mark mark_now(const sb_task *task, double shown) {
  return (mark){sb_clock(), sb_timer_seconds(SB_T_EXCHANGE), shown, *task->step};
}

/* Ends an interval of the history: `every` steps, or what is left of them; `step` is that of the
 * round. */
static sb_status end_interval(const sb_comm *c, sb_task *task, int64_t step, int64_t every,
                              double gradient, mark *since) {
  const int64_t at = (*task->lines)++, n = (step - 1) % every + 1;
  const mark now = mark_now(task, since->shown);
  const double seconds = now.clock - since->clock;
  sb_history *line = &task->history[at];
  *line = (sb_history){(double)*task->step, *task->running / (double)n, NAN, gradient,
                       sb_adam_rate(&task->adam, step - 1)};
  task->pace[at] = (sb_pace){(double)*task->step, sb_clock_age(),
                             (double)((now.step - since->step) * task->options->batch) / seconds,
                             (now.exchange - since->exchange) / seconds};
  *task->running = 0;
  SB_TRY(validate(c, task, &line->validation));
  const int show = now.clock - since->shown > SCREEN || *task->step == end_of(task);
  if (show) progress(task, step, line, &task->pace[at]);
  *since = mark_now(task, show ? now.clock : since->shown);
  return SB_OK;
}

/* Asks whether to stop, as some rank wants to, but not when all is done anyway. */
static sb_status heed(const sb_task *task, const sb_train_hold *hold, double per_step) {
  const int64_t left = sb_task_steps(task) - *task->step;
  return left > 0 ? hold->stop(hold->self, (double)left * per_step) : SB_OK;
}

static sb_status loop(const sb_comm *c, sb_task *task, const sb_train_control *control,
                      const sb_train_hold *hold) {
  const int64_t end = end_of(task), every = report_every(task->options), from = *task->step;
  const double began = sb_clock();
  mark since = mark_now(task, 0);
  outcome o = {0};
  while (*task->step < end) {
    if (*control->left == 0) return SB_EARLY;
    sb_beat("training", task->name, *task->step + 1);
    if (task->ready) SB_TRY(task->ready(task->self, task, *task->step));
    sb_poison_signal("training", c->rank, *task->step + 1);
    const int64_t step = in_round(task) + 1;
    SB_TRY(take_step(c, task, hold && hold->asked(hold->self), &o));
    if (*control->left > 0) --*control->left;
    *task->running += o.loss;
    if (step % every == 0 || *task->step == end)
      SB_TRY(end_interval(c, task, step, every, o.gradient, &since));
    if (o.wish) SB_TRY(heed(task, hold, (sb_clock() - began) / (double)(*task->step - from)));
    if (control->save_every && *task->step % control->save_every == 0 &&
        *task->step < sb_task_steps(task))
      SB_TRY(control->save(control->self));
  }
  return SB_OK;
}

sb_status sb_train_on(const sb_comm *c, sb_task *task, const sb_train_control *control,
                      const sb_train_hold *hold) {
  task->adam.rate = task->options->rate;
  for (int64_t i = 0; i < *task->restores; i++) task->adam.rate /= 2;
  if (*task->step < end_of(task))
    sb_say("%-*s %8s %10s %10s %10s %9s %11s %7s %10s\n", width(task), "network", "step", "loss",
           "validation", "gradient", "rate", "samples/s", "comm", "left");
  const sb_status s = loop(c, task, control, hold);
  return s == SB_EARLY
             ? sb_fail(s, "after step %lld of network %s", (long long)*task->step, task->name)
             : s;
}

sb_status sb_train(const sb_comm *c, sb_task *task, const sb_train_control *control) {
  return sb_train_on(c, task, control, NULL);
}
