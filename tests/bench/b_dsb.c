/* Chains of method dsb by networks of random weights: what fills its cache. Order: chains WIDTH
 * DIMENSION SECONDS: a cache of 1024 paths of 20 steps. */
#include <math.h>

#define BENCH_COUNTS
#include "bench.h"

enum { PATHS = 1024, STEPS = 20 };

static sb_task *task[SB_MAX_TASKS];

/* Cache `number` of the second half-step: by the forward network; without the sums of its first. */
static double fill(int64_t number) {
  const double start = busy();
  must(task[1]->ready(task[1]->self, task[1], number));
  return busy() - start;
}

static void chains(const sb_comm *c, const order *o) {
  static times t;
  static stage s;
  char deck[512];
  const int width = (int)order_number(o, 1), d = (int)order_number(o, 2);
  if (c->rank) return;
  snprintf(deck, sizeof deck,
           "data: {law: gaussian, n: 5500, dimension: %d}\n"
           "source: {law: gaussian, n: 5500, dimension: %d}\n"
           "reference: {steps: %d}\nnet: {width: %d}\ntrain: {steps: 1000000}\n"
           "dsb: {cache_npar: %d, cache_refresh: 1}\n",
           d, d, STEPS, width, PATHS);
  stage_of(sb_comm_self(), "dsb", deck, &s);
  const int n = s.run.method->tasks(&s.run, task, SB_MAX_TASKS);
  for (int i = 0; i < n; i++) {
    sb_net_init(&task[i]->net, 1234, 0.1f, task[i]->p);
    memcpy(task[i]->average, task[i]->p, (size_t)task[i]->net.size * sizeof(float));
  }
  t.n = 0;
  fill(1);
  int64_t number = 2;
  for (const double start = sb_clock(); t.n < 3 || sb_clock() - start < order_number(o, 3);) {
    if (t.n % 8 == 0) peak(sb_kernel()->name);
    times_add(&t, fill(number++));
  }
  const sb_net *net = &task[0]->net;
  printf(",\"flops\":%.9g",
         2.0 * PATHS * STEPS * (sb_net_flops(net) - 2.0 * net->shape.time * net->slot[0].cols));
  times_print("alone", &t);
  const int64_t before = allocations;
  fill(number);
  printf(",\"alone_allocations\":%lld", (long long)(allocations - before));
  stage_close(&s);
}

int main(int argc, char **argv) { return bench(argc, argv, chains); }
