/* Training steps of the two-stage method, as the program takes them. Orders:
 *   score|ratio WIDTH BATCH SECONDS   a step; with several ranks of both paths of the exchange, too
 *   price WIDTH BATCH SECONDS         exact sums against plain sums of floats, one rank
 *   sweep SECONDS                     the exchange alone by the length of its message
 *   gemm WIDTH SECONDS                the matrix kernel: layers forward, gradients of weights */
#define BENCH_COUNTS
#include "bench.h"

#include <math.h>

#include "sb/exchange.h"
#include "sb/train.h"

#define CHUNK 2.5e-3 /* seconds of the steps that are timed together */

/* --- Steps ---------------------------------------------------------------------------------- */

/* One way to take steps: on one rank alone, or on all by a path of the exchange. */
typedef struct way {
  const char *name, *path;
  const sb_comm *comm;
  stage s;
  sb_task *task;
  int64_t allocated, steps;
  double best, share; /* the fastest chunk, and its share of exchange */
  times t;
} way;

static way ways[3];

static void way_open(way *w, const char *part, int width, int batch) {
  char deck[512];
  sb_task *task[SB_MAX_TASKS];
  snprintf(deck, sizeof deck,
           "data: {law: ring6, n: 5500, validation: 0.0909091}\nreference: {variance1: 5}\n"
           "net: {width: %d}\ntrain: {steps: 100000, report: 200, batch: %d, rate: 1e-4}\n",
           width, batch);
  if (w->path)
    setenv("SB_EXCHANGE", w->path, 1);
  else
    unsetenv("SB_EXCHANGE");
  stage_open(w->comm, deck, &w->s);
  const int n = w->s.run.method->tasks(&w->s.run, task, SB_MAX_TASKS);
  for (int i = 0; i < n; i++)
    if (!strcmp(task[i]->name, part)) w->task = task[i];
  w->best = INFINITY;
}

static int takes_part(const way *w, const sb_comm *all) { return w->comm == all || all->rank == 0; }

/* Takes `steps` steps; seconds of one. */
static double take(way *w, int64_t steps) {
  int64_t left = steps;
  const sb_train_control control = {.left = &left};
  const double exchange = sb_timer_seconds(SB_T_EXCHANGE);
  const int64_t before = allocations;
  if (w->comm->size > 1) must(sb_wait(w->comm));
  const double start = ticks(w->comm);
  const sb_status s = sb_train(w->comm, w->task, &control);
  const double seconds = ticks(w->comm) - start;
  if (s != SB_EARLY) must(s ? s : sb_fail(SB_USE, "no steps are left"));
  sb_forget();
  w->allocated += allocations - before;
  w->steps += steps;
  if (seconds / (double)steps < w->best) {
    w->best = seconds / (double)steps;
    w->share = (sb_timer_seconds(SB_T_EXCHANGE) - exchange) / seconds;
  }
  return seconds / (double)steps;
}

static void warm_up(way *w, const sb_comm *c) {
  if (takes_part(w, c)) take(w, 3);
  w->steps = w->allocated = 0;
  w->best = INFINITY;
}

/* Interleaved until the time is up. */
static void rounds(const sb_comm *c, int n, double seconds) {
  const double start = sb_clock();
  int64_t steps[3] = {1, 1, 1};
  for (int round = 0; told(c, round < 3 || sb_clock() - start < seconds); round++) {
    if (round < 20 || round % 20 == 0) peak(sb_kernel()->name);
    for (int i = 0; i < n; i++) {
      way *w = &ways[i];
      if (takes_part(w, c)) times_add(&w->t, take(w, steps[i]));
      if (w->comm != c) quiet_wait();
      steps[i] = told(c, w->best < CHUNK ? (int64_t)ceil(CHUNK / w->best) : 1);
    }
  }
}

/* Multiply-adds that a row needs, times 2: three products for each weight, but no gradient with
 * respect to the input; the ratio sees two rows for one of the batch. */
static double step_flops(const sb_task *task, int batch) {
  const sb_slot *first = &task->net.slot[0];
  const double forward = sb_net_flops(&task->net);
  const double row = 3 * forward - 2.0 * first->rows * first->cols;
  return row * batch * (task->net.shape.out == 1 ? 2 : 1);
}

static void step(const sb_comm *c, const order *o) {
  const int width = (int)order_number(o, 1), batch = (int)order_number(o, 2);
  const int n = c->size > 1 ? 3 : 1;
  ways[0] = (way){.name = "alone", .comm = c->size > 1 ? sb_comm_self() : c};
  ways[1] = (way){.name = "allreduce", .path = "allreduce", .comm = c};
  ways[2] = (way){.name = "window", .path = "window", .comm = c};
  for (int i = 0; i < n; i++) {
    if (takes_part(&ways[i], c)) way_open(&ways[i], o->word[0], width, batch);
    quiet_wait();
    warm_up(&ways[i], c);
  }
  rounds(c, n, order_number(o, 3));
  if (c->rank == 0)
    printf(",\"flops\":%.9g,\"message\":%lld", step_flops(ways[0].task, batch),
           (long long)ways[0].task->net.size * 8);
  for (int i = 0; i < n; i++) {
    if (c->rank == 0) {
      times_print(ways[i].name, &ways[i].t);
      printf(",\"%s_share\":%.6g,\"%s_allocations\":%.6g", ways[i].name, ways[i].share,
             ways[i].name, (double)ways[i].allocated / (double)ways[i].steps);
    }
    stage_close(&ways[i].s);
    quiet_wait();
  }
}

/* --- The price of exact sums ---------------------------------------------------------------- */

static float *plain; /* sums of the gradients of blocks; NULL: exact sums */

/* Noise in, a residual out: enough of a loss to have a gradient of. */
static sb_status probe(void *self, sb_task *task, int64_t at, int64_t row0, int rows,
                       double *loss) {
  static float x[2 * SB_NET_ROWS], y[2 * SB_NET_ROWS], t[SB_NET_ROWS];
  const double weight = 1 / (double)task->options->batch;
  (void)self;
  sb_noise_normals(11, row0, rows, (uint32_t)at, 2, x);
  for (int i = 0; i < rows; i++) t[i] = (float)i / SB_NET_ROWS;
  sb_tape_forward(task->tape, rows, x, t, y);
  for (int i = 0; i < rows * 2; i++) {
    const double r = (double)y[i] - (double)x[i];
    *loss += weight * r * r;
    y[i] = (float)(2 * weight * r);
  }
  if (!plain) {
    sb_task_backward(task, y);
  } else if (row0 == 0) {
    sb_tape_backward(task->tape, y, plain, NULL);
  } else {
    sb_tape_backward(task->tape, y, task->g, NULL);
    for (int64_t i = 0; i < task->net.size; i++) plain[i] += task->g[i];
  }
  return SB_OK;
}

/* A step of one rank with sums of floats. */
static void plain_step(sb_task *task, int64_t k) {
  double loss = 0, part[SB_LANES] = {0}, sum = 0;
  sb_adam_step constants;
  sb_tape_load(task->tape, task->p);
  for (int64_t at = 0; at < task->options->batch; at += task->rows)
    probe(NULL, task, k, at, task->rows, &loss);
  for (int64_t i = 0; i < task->net.size; i += SB_LANES)
    for (int j = 0; j < SB_LANES; j++) part[j] += (double)plain[i + j] * (double)plain[i + j];
  for (int j = 0; j < SB_LANES; j++) sum += part[j];
  sb_adam_at(&task->adam, k, sqrt(sum), &constants);
  sb_kernel()->adam(&constants, task->net.size, plain, task->m, task->v, task->p, task->average);
}

static void price(const sb_comm *c, const order *o) {
  static times with, without;
  float *sums;
  way *w = &ways[0];
  *w = (way){.comm = sb_comm_self()};
  with.n = without.n = 0;
  if (c->rank) return;
  way_open(w, "score", (int)order_number(o, 1), (int)order_number(o, 2));
  must(SB_NEW(&sums, w->task->net.size, "plain sums"));
  w->task->loss = probe;
  warm_up(w, c);
  const double start = sb_clock();
  for (int64_t k = 1; k < 4 || sb_clock() - start < order_number(o, 3); k++) {
    plain = NULL;
    times_add(&with, take(w, 1));
    plain = sums;
    const double t = busy();
    plain_step(w->task, k);
    times_add(&without, busy() - t);
  }
  times_print("exact", &with);
  times_print("plain", &without);
  plain = NULL;
  sb_mem_free(sums);
  stage_close(&w->s);
}

/* --- The exchange alone --------------------------------------------------------------------- */

static void exchange_once(const sb_comm *c, int first, const char *path, int64_t n,
                          double seconds) {
  static times t;
  sb_exchange x;
  t.n = 0;
  setenv("SB_EXCHANGE", path, 1);
  must(sb_exchange_open(c, n, 2, &x));
  const double start = sb_clock();
  for (int i = 0; told(c, i < 10 || sb_clock() - start < seconds); i++) {
    must(sb_wait(c));
    const double now = sb_clock();
    must(sb_exchange_sum(&x));
    sb_exchange_meet(&x);
    sb_exchange_clear(&x);
    sb_exchange_meet(&x);
    times_add(&t, sb_clock() - now);
  }
  if (c->rank == 0) {
    printf("%s{\"path\":\"%s\",\"bytes\":%lld", first ? "" : ",", path, (long long)n * 8);
    times_print("time", &t);
    printf("}");
  }
  sb_exchange_close(&x);
}

static void sweep(const sb_comm *c, const order *o) {
  static const int64_t sizes[] = {128, 1024, 8192, 38000, 140000, 550000, 2200000};
  const int n = (int)(sizeof sizes / sizeof *sizes);
  if (c->rank == 0) printf(",\"sweep\":[");
  for (int i = 0; i < n; i++) {
    exchange_once(c, i == 0, "window", sizes[i], order_number(o, 1) / n / 2);
    exchange_once(c, 0, "allreduce", sizes[i], order_number(o, 1) / n / 2);
  }
  if (c->rank == 0) printf("]");
}

/* --- The matrix kernel ---------------------------------------------------------------------- */

static void product(const char *name, int width, int gradient, double seconds) {
  static times t;
  static float a[512 * 528], b[512 * 528], c[512 * 528];
  const int repeat = 1 + (int)(2e7 / (128. * width * width));
  const ptrdiff_t ld = width % 256 ? width : width + SB_LANES; /* as tiles have it */
  t.n = 0;
  for (double start = sb_clock(); t.n < 5 || sb_clock() - start < seconds;) {
    peak(sb_kernel()->name);
    const double now = busy();
    for (int i = 0; i < repeat; i++) {
      if (gradient)
        sb_kernel()->gemm(width, width, SB_BLOCK, a, 1, ld, b, ld, c, width, 0);
      else
        sb_kernel()->gemm(SB_BLOCK, width, width, a, ld, 1, b, width, c, ld, 0);
    }
    times_add(&t, (busy() - now) / repeat);
  }
  times_print(name, &t);
}

static void gemm(const sb_comm *c, const order *o) {
  const int width = (int)order_number(o, 1);
  if (c->rank || width < 1 || width > 512) return;
  printf(",\"flops\":%.9g", 2.0 * SB_BLOCK * width * width);
  product("forward", width, 0, order_number(o, 2) / 2);
  product("gradient", width, 1, order_number(o, 2) / 2);
}

static void answer(const sb_comm *c, const order *o) {
  if (!strcmp(o->word[0], "sweep"))
    sweep(c, o);
  else if (!strcmp(o->word[0], "gemm"))
    gemm(c, o);
  else if (!strcmp(o->word[0], "price"))
    price(c, o);
  else
    step(c, o);
}

int main(int argc, char **argv) { return bench(argc, argv, answer); }
