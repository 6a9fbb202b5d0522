/* RUN np=1
 * RUN np=3
 * RUN np=7
 * RUN np=4 allreduce
 * RUN np=4 window 2
 * RUN np=7 window 3
 * The training loop on a linear regression with a known answer; bad numbers; limits. Arguments:
 * path of the exchange, emulated nodes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sb/comm.h"
#include "sb/kernel.h"
#include "sb/log.h"
#include "sb/mem.h"
#include "sb/noise.h"
#include "sb/train.h"
#include "tap.h"

/* y = 2 x_0 - x_1 + 0.5, learned by a linear network from noiseless points. */
typedef struct teacher {
  float x[2 * SB_NET_ROWS], y[SB_NET_ROWS], dy[SB_NET_ROWS];
  int64_t poison; /* step whose first row is NaN, on the rank that owns it; -1 never */
  int saves;
} teacher;

static sb_status loss(void *self, sb_task *task, int64_t step, int64_t row0, int rows,
                      double *out) {
  teacher *t = self;
  const double batch = (double)task->options->batch;
  sb_noise_normals(77, row0, rows, (uint32_t)step, 2, t->x);
  sb_tape_forward(task->tape, rows, t->x, NULL, t->y);
  *out = 0;
  for (int i = 0; i < rows; i++) {
    const double r = (double)t->y[i] - (2 * (double)t->x[2 * i] - (double)t->x[2 * i + 1] + 0.5);
    *out += r * r / batch;
    t->dy[i] = (float)(2 * r / batch);
  }
  if (step == t->poison && row0 == SB_BLOCK) t->dy[0] = NAN;
  sb_task_backward(task, t->dy);
  return SB_OK;
}

static sb_status save(void *self) {
  ((teacher *)self)->saves++;
  return SB_OK;
}

static sb_train_options plan(int64_t steps) {
  return (sb_train_options){.steps = steps,
                            .batch = 200,
                            .rate = 0.05,
                            .rate_end = 0.01,
                            .schedule = SB_RATE_COSINE,
                            .beta1 = 0.9,
                            .beta2 = 0.999,
                            .epsilon = 1e-8,
                            .clip = 1,
                            .average = 0.9,
                            .report = 10};
}

static void open_task(const sb_comm *c, const sb_train_options *o, teacher *t, sb_task *task) {
  const sb_net_shape shape = {.in = 2, .out = 1};
  *task = (sb_task){.name = "line",
                    .options = o,
                    .init_key = 5,
                    .most_rows = SB_NET_ROWS,
                    .self = t,
                    .loss = loss};
  if (sb_net_open(&task->net, &shape) || sb_task_open(c, task)) exit(3);
}

static void regression(const sb_comm *c, int64_t batch, int64_t block_rows, int rows) {
  sb_train_options o = plan(300);
  o.batch = batch, o.block_rows = block_rows;
  teacher t = {.poison = -1}, u = {.poison = -1};
  sb_task task, alone;
  int64_t left = -1;
  open_task(c, &o, &t, &task);
  tap_ok(task.rows == rows, "%lld rows: blocks of %d", (long long)batch, rows);
  const sb_train_control control = {100, save, &left, &t};
  tap_ok(sb_train(c, &task, &control) == SB_OK && *task.step == 300, "300 steps");
  const float *p = sb_task_result(&task), want[] = {2, -1, 0.5};
  for (int i = 0; i < 3; i++)
    tap_close((double)p[task.net.slot[i / 2].offset + (i % 2) * SB_LANES], (double)want[i], 2e-3,
              "coefficient %d", i);
  tap_ok(*task.lines == 30 && task.history[29].step == 300 && task.history[29].loss < 1e-4,
         "history");
  tap_ok(t.saves == 2, "checkpoints at 100 and 200; the last is the caller's");
  open_task(sb_comm_self(), &o, &u, &alone);
  const sb_train_control quiet = {0, save, &left, &u};
  sb_train(sb_comm_self(), &alone, &quiet);
  int64_t differs = memcmp(alone.p, task.p, (size_t)task.net.size * sizeof *p) ||
                    memcmp(alone.history, task.history, 30 * sizeof *task.history);
  sb_max_int(c, &differs, 1);
  tap_ok(!differs, "parameters and history have the bits of one rank");
  sb_task_close(&alone);
  sb_task_close(&task);
}

static void refused(const sb_comm *c) {
  sb_train_options o = plan(1);
  o.block_rows = 100;
  const sb_net_shape shape = {.in = 2, .out = 1};
  sb_task task = {.name = "line", .options = &o, .most_rows = SB_NET_ROWS};
  tap_ok(!sb_net_open(&task.net, &shape) && sb_task_open(c, &task) == SB_USE &&
             strstr(sb_message(), "train.block_rows"),
         "blocks of 100 rows: %s", sb_message());
  o.block_rows = 128, task.most_rows = 0;
  tap_ok(sb_task_open(c, &task) == SB_USE, "more than the loss takes: %s", sb_message());
  sb_forget();
}

static void limit(const sb_comm *c) {
  const sb_train_options o = plan(300);
  teacher t = {.poison = -1};
  sb_task task;
  int64_t left = 25;
  open_task(c, &o, &t, &task);
  const sb_train_control control = {0, save, &left, &t};
  tap_ok(sb_train(c, &task, &control) == SB_EARLY && *task.step == 25, "stops after 25 steps");
  tap_ok(strstr(sb_message(), "25") != NULL, "and says so: %s", sb_message());
  sb_forget();
  sb_task_close(&task);
}

static void poison(const sb_comm *c) {
  const sb_train_options o = plan(300);
  teacher t = {.poison = 17};
  sb_task task;
  int64_t left = -1;
  open_task(c, &o, &t, &task);
  const sb_train_control control = {0, save, &left, &t};
  tap_ok(sb_train(c, &task, &control) == SB_BAD && *task.step == 17,
         "a NaN on one rank ends training on all");
  tap_ok(strstr(sb_message(), "line") && strstr(sb_message(), "0.weight") &&
             strstr(sb_message(), "step 18"),
         "network, tensor, step: %s", sb_message());
  sb_forget();
  sb_task_close(&task);
}

int main(int argc, char **argv) {
  sb_comm *c;
  if (argc > 1) setenv("SB_EXCHANGE", argv[1], 1);
  if (argc > 2) setenv("SB_EMULATE_NODES", argv[2], 1);
  if (sb_comm_start(&argc, &argv, &c)) return 3;
  tap_rank = c->rank;
  sb_log_start(c->rank, 1);
  const int64_t before = sb_mem_now();
  regression(c, 200, 0, 64), regression(c, 600, 0, 128), regression(c, 200, 128, 128);
  refused(c), limit(c), poison(c);
  tap_ok(sb_mem_now() == before, "nothing is left behind");
  const int status = tap_done();
  sb_comm_finish(c);
  return status;
}
