/* Euler-Maruyama steps of the two-stage method by networks of random weights, through the real
 * sampler. Orders: stage1|stage2 WIDTH DRAWS SECONDS           a step of 5000 particles noise
 * SECONDS                               nanoseconds per normal record FRAMES PARTICLES SECONDS
 * [FOLDER]    what it costs to record while 5000 particles take 1000 steps */
#include <math.h>

#define BENCH_COUNTS
#include "bench.h"
#include "sb/recorder.h"

enum { PARTICLES = 5000, RECORD_STEPS = 1000 };
#define CHUNK 2.5e-3 /* seconds of the steps that are timed together */

/* One way to sample: on one rank alone, or on all. */
typedef struct way {
  const char *name;
  const sb_comm *comm;
  stage s;
  sb_leg leg;
  sb_particles cloud;
  times t;
} way;

static way ways[2];

static void random_weights(sb_task *task) {
  sb_net_init(&task->net, 1234, 1, task->p);
  memcpy(task->average, task->p, (size_t)task->net.size * sizeof *task->p);
}

static void way_open(way *w, int leg, int width, int draws) {
  char deck[512];
  sb_task *task[SB_MAX_TASKS];
  sb_leg legs[SB_MAX_LEGS];
  int legs_n;
  snprintf(deck, sizeof deck,
           "data: {law: ring6, n: 5500}\nreference: {variance1: 5}\nnet: {width: %d}\n"
           "sample: {draws: %d}\n",
           width, draws > 0 ? draws : 1);
  setenv("SB_EXCHANGE", "allreduce", 1); /* every rank sets its own parameters */
  stage_open(w->comm, deck, &w->s);
  const int n = w->s.run.method->tasks(&w->s.run, task, SB_MAX_TASKS);
  for (int i = 0; i < n; i++) random_weights(task[i]);
  must(w->s.run.method->legs(&w->s.run, SB_VIEW_DECK, legs, SB_MAX_LEGS, &legs_n));
  w->leg = legs[leg];
  must(sb_particles_new(w->comm, PARTICLES, w->s.run.data->d, &w->cloud));
  w->leg.start = SB_START_GAUSS;
  w->leg.start_variance = 1;
}

static void way_close(way *w) {
  sb_particles_free(&w->cloud);
  stage_close(&w->s);
}

static int takes_part(const way *w, const sb_comm *all) { return w->comm == all || all->rank == 0; }

/* Takes `steps` steps; seconds of one. */
static double take(way *w, int64_t steps) {
  w->leg.steps = steps;
  if (w->comm->size > 1) must(sb_wait(w->comm));
  const double start = ticks(w->comm);
  must(sb_sample(w->comm, &w->leg, 1, &w->cloud, NULL, 0));
  return (ticks(w->comm) - start) / (double)steps;
}

static void rounds(const sb_comm *c, int n, double seconds) {
  const double start = sb_clock();
  int64_t steps[2] = {1, 1};
  for (int round = 0; told(c, round < 3 || sb_clock() - start < seconds); round++) {
    if (round < 20 || round % 20 == 0) peak(sb_kernel()->name);
    for (int i = 0; i < n; i++) {
      way *w = &ways[i];
      double one = 1;
      if (takes_part(w, c)) times_add(&w->t, one = take(w, steps[i]));
      if (w->comm != c) quiet_wait();
      if (round == 0) steps[i] = told(c, one < CHUNK ? (int64_t)ceil(CHUNK / one) : 1);
    }
  }
}

/* Multiply-adds of one step times 2: all rows of a leg have one time, so its features cost nothing.
 */
static double step_flops(const way *w, int leg, int draws) {
  sb_task *task[SB_MAX_TASKS];
  double flops = 0;
  const int n = w->s.run.method->tasks((sb_run *)&w->s.run, task, SB_MAX_TASKS);
  for (int i = 0; i < n && i < (leg == 0 ? 2 : 1); i++) {
    const sb_net *net = &task[i]->net;
    flops += sb_net_flops(net) - 2.0 * net->shape.time * net->slot[0].cols;
  }
  return flops * PARTICLES * (leg == 0 ? draws : 1);
}

/* Allocations of each step beyond the first. */
static double allocated(way *w) {
  int64_t count[2];
  for (int i = 0; i < 2; i++) {
    const int64_t before = allocations;
    take(w, 1 + i);
    count[i] = allocations - before;
  }
  return (double)(count[1] - count[0]);
}

static void step(const sb_comm *c, const order *o) {
  const int leg = o->word[0][5] - '1', width = (int)order_number(o, 1),
            draws = (int)order_number(o, 2), n = c->size > 1 ? 2 : 1;
  ways[0] = (way){.name = "alone", .comm = c->size > 1 ? sb_comm_self() : c};
  ways[1] = (way){.name = "all", .comm = c};
  for (int i = 0; i < n; i++) {
    if (takes_part(&ways[i], c)) way_open(&ways[i], leg, width, draws);
    quiet_wait();
  }
  rounds(c, n, order_number(o, 3));
  if (c->rank == 0) {
    printf(",\"flops\":%.9g", step_flops(&ways[0], leg, draws));
    for (int i = 0; i < n; i++) times_print(ways[i].name, &ways[i].t);
    printf(",\"alone_allocations\":%g", allocated(&ways[0]));
  }
  for (int i = 0; i < n; i++) {
    if (takes_part(&ways[i], c)) way_close(&ways[i]);
    quiet_wait();
  }
}

/* --- Noise ---------------------------------------------------------------------------------- */

/* Normals for `count` particles a call: seconds of one. */
static void normals(const char *name, int count, int d, double seconds) {
  static times t;
  static float out[4096 * 4];
  const int calls = 1 + 200000 / (count * d);
  t.n = 0;
  for (double start = sb_clock(); t.n < 10 || sb_clock() - start < seconds;) {
    const double now = busy();
    for (int i = 0; i < calls; i++)
      sb_noise_normals(sb_noise_key(7, SB_FOR_PATH, 1, 0), (int64_t)i * count, count, (uint32_t)t.n,
                       d, out);
    times_add(&t, (busy() - now) / calls / count / d);
  }
  times_print(name, &t);
}

static void noise(const sb_comm *c, const order *o) {
  const double seconds = order_number(o, 1) / 3;
  if (c->rank) return;
  normals("d2", 4096, 2, seconds);
  normals("d4", 4096, 4, seconds);
  normals("tile", SB_BLOCK, 2, seconds);
}

/* --- Recording ------------------------------------------------------------------------------ */

static sb_recorder *recorder;
static int64_t frames;

static int wants(void *self, int leg, const sb_leg *l, int64_t k) {
  (void)self, (void)leg;
  return recorder && (k == 0 || k * frames / l->steps != (k - 1) * frames / l->steps);
}

static sb_status see(void *self, int leg, const sb_leg *l, int64_t k, double t,
                     const sb_particles *p) {
  (void)self, (void)l;
  return k == l->steps ? SB_OK
                       : sb_recorder_add(recorder, leg, k, t, p->first, p->count, p->x, p->b);
}

static double sampled(way *w, const sb_recorder_options *options) {
  const sb_observer observer = {NULL, wants, see};
  w->leg.steps = RECORD_STEPS;
  must(sb_wait(w->comm));
  const double start = sb_clock();
  if (options) must(sb_recorder_open(w->comm, options, PARTICLES, &recorder));
  must(sb_sample(w->comm, &w->leg, 1, &w->cloud, &observer, 1));
  if (options) must(sb_recorder_close(recorder));
  recorder = NULL;
  must(sb_wait(w->comm));
  return sb_clock() - start;
}

static void record(const sb_comm *c, const order *o) {
  static times with;
  const sb_recorder_options options = {.directory = o->words > 4 ? o->word[4] : ".",
                                       .name = "recorded",
                                       .overwrite = 1,
                                       .particles = (int64_t)order_number(o, 2),
                                       .frames_per_part = 200,
                                       .d = 2};
  way *w = &ways[0];
  *w = (way){.comm = c};
  with.n = 0;
  frames = (int64_t)order_number(o, 1);
  way_open(w, 1, 128, 1);
  const double start = sb_clock();
  for (int i = 0; told(c, i < 2 || sb_clock() - start < order_number(o, 3)); i++) {
    times_add(&w->t, sampled(w, NULL));
    times_add(&with, sampled(w, &options));
  }
  if (c->rank == 0) {
    times_print("without", &w->t);
    times_print("with", &with);
  }
  way_close(w);
}

static void answer(const sb_comm *c, const order *o) {
  if (!strcmp(o->word[0], "noise"))
    noise(c, o);
  else if (!strcmp(o->word[0], "record"))
    record(c, o);
  else
    step(c, o);
}

int main(int argc, char **argv) { return bench(argc, argv, answer); }
