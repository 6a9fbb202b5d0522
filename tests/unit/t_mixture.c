/* RUN np=1
 * RUN np=3
 * The mixture bridge against its formulas: gradients of the objective for both kinds of spread, its
 * value against doubles, a Gaussian pair learned to its closed form, the same bits on any number of
 * ranks, fresh draws. */
#include <stdlib.h>
#include <string.h>

#include "sb/kernel.h"
#include "sb/log.h"
#include "sb/mem.h"
#include "sb/method.h"
#include "tap.h"

typedef struct stage {
  sb_deck *deck;
  sb_data_options data[2];
  sb_law_options law[2];
  sb_run run;
  sb_task *task;
} stage;

static void need(sb_status s) {
  if (!s) return;
  printf("Bail out! %s\n", sb_message());
  exit(3);
}

static void open_stage(const sb_comm *c, const char *deck, stage *s) {
  sb_section sections[32] = {{"data", NULL, sb_data_keys, &s->data[0], ""},
                             {"data", NULL, sb_law_keys, &s->law[0], ""},
                             {"source", NULL, sb_source_keys, &s->data[1], ""},
                             {"source", NULL, sb_law_keys, &s->law[1], ""}};
  s->run = (sb_run){.comm = c, .seed = 7, .method = sb_method_find("mixture")};
  need(sb_mem_new(&s->run.state, 1, s->run.method->state_size, "state"));
  const int n = 4 + s->run.method->sections(s->run.state, sections + 4, 28);
  need(sb_deck_read(deck, (int64_t)strlen(deck), "deck", &s->deck));
  need(sb_deck_bind(s->deck, sections, n));
  s->data[1].section = "source";
  need(sb_data_open_pair(c, s->data, s->law, 7, &s->run.data, &s->run.source));
  need(s->run.method->check(&s->run));
  need(s->run.method->open(&s->run));
  s->run.method->tasks(&s->run, &s->task, 1);
}

static void close_stage(stage *s) {
  s->run.method->close(&s->run);
  sb_data_close(s->run.comm, s->run.data);
  sb_data_close(s->run.comm, s->run.source);
  sb_mem_free(s->run.state);
  sb_deck_free(s->deck);
}

/* --- Gradients
 * ------------------------------------------------------------------------------------------------
 */

static double value(sb_task *task) {
  double loss = 0;
  need(task->loss(task->self, task, 3, 0, 40, &loss));
  return loss;
}

/* Gradient in the exact sums against central differences along directions; floats limit the step.
 */
static void gradients(const char *what, const char *deck) {
  stage s = {0};
  open_stage(sb_comm_self(), deck, &s);
  sb_task *task = s.task;
  const int64_t n = task->net.size;
  float *direction, *p;
  double worst = 0, largest = 0;
  need(SB_NEW(&direction, n, "direction"));
  need(SB_NEW(&p, n, "parameters"));
  memcpy(p, task->p, (size_t)n * sizeof *p);
  for (uint64_t k = 0; k < 6; k++) {
    double along = 0, h = 4e-3;
    sb_net_init(&task->net, 90 + k, 1, direction);
    for (int i = 0; i < task->net.slots && k < 4;
         i++) { /* one tensor, or a part of it, at a time */
      const sb_slot *slot = &task->net.slot[i];
      for (int64_t j = 0; j < (int64_t)slot->rows * slot->ld; j++)
        if ((k < 2) != (i == 0) || (k < 2 && (j / slot->ld < slot->rows / 2) != (k == 0)))
          direction[slot->offset + j] = 0;
    }
    memcpy(task->p, p, (size_t)n * sizeof *p);
    memset(task->exchange.mine, 0, (size_t)n * sizeof *task->exchange.mine);
    value(task);
    for (int64_t i = 0; i < n; i++)
      along += (double)task->exchange.mine[i] * 0x1p-36 * (double)direction[i];
    for (int64_t i = 0; i < n; i++) task->p[i] = p[i] + (float)h * direction[i];
    const double above = value(task);
    for (int64_t i = 0; i < n; i++) task->p[i] = p[i] - (float)h * direction[i];
    const double slope = (above - value(task)) / (2 * h);
    worst = fmax(worst, fabs(slope - along));
    largest = fmax(largest, fabs(along));
  }
  tap_ok(worst < 2e-3 * largest, "%s: gradients against differences: %g of %g", what, worst,
         largest);
  memset(task->exchange.mine, 0, (size_t)n * sizeof *task->exchange.mine);
  sb_mem_free(direction);
  sb_mem_free(p);
  close_stage(&s);
}

/* --- The objective in doubles
 * ------------------------------------------------------------------------------- */

/* log sum_k a_k f_k of diagonal components; f by the row's side. */
static double log_sum(const sb_task *task, int d, int k, double v, int end, const float *x) {
  const sb_slot *w = &task->net.slot[0];
  double sum = 0, most = -HUGE_VAL, l[16];
  for (int c = 0; c < k; c++) {
    l[c] = (double)task->p[task->net.slot[1].offset + c];
    for (int i = 0; i < d; i++) {
      const double g = exp((double)task->p[i * w->ld + c]),
                   r = (double)task->p[(d + i) * w->ld + c], y = (double)x[i];
      l[c] += end ? -(y - r) * (y - r) / (2 * v * g) - 0.5 * log(6.283185307179586 * v * g)
                  : (g * y * y + 2 * r * y) / (2 * v);
    }
    most = fmax(most, l[c]);
  }
  for (int c = 0; c < k; c++) sum += exp(l[c] - most);
  return most + log(sum);
}

static void objective(const char *deck, double v) {
  stage s = {0};
  open_stage(sb_comm_self(), deck, &s);
  const int d = s.run.data->d;
  double sum = 0, loss = 0;
  for (int i = 0; i < 50; i++)
    sum += log_sum(s.task, d, 3, v, 0, sb_data_held(s.run.source, i)) -
           log_sum(s.task, d, 3, v, 1, sb_data_held(s.run.data, i));
  need(s.task->validate(s.task->self, s.task, 0, 50, &loss));
  tap_close(loss, sum, 1e-4 * fabs(sum) + 1e-3, "variance %g: the objective in doubles", v);
  close_stage(&s);
}

/* --- Learning
 * -------------------------------------------------------------------------------------------------
 */

static sb_status train(const sb_comm *c, sb_task *task) {
  int64_t left = -1;
  const sb_train_control control = {0, NULL, &left, NULL};
  return sb_train(c, task, &control);
}

#define GAUSS                                                                                      \
  "data: {law: gaussian, dimension: 2, means: [1, -1], variance: 2, n: 5000, stream: true}\n"      \
  "source: {law: gaussian, dimension: 2, n: 5000}\n"                                               \
  "reference: {variance: 1}\nmixture: {components: 1, spread: full}\ntrain: {steps: 3000, batch: " \
  "256}\n"

/* N(0, I) to N(m, 2 I): the plan is Gaussian, so that one component has it. */
static void gaussian(const sb_comm *c) {
  stage s = {0};
  sb_leg leg;
  int n;
  const double x[2] = {0.7, -0.4};
  double mean[2], cov[4], want[2], spread[4], off = 0, u[2], exact[2];
  open_stage(c, GAUSS, &s);
  need(train(c, s.task));
  need(s.run.method->legs(&s.run, SB_VIEW_DECK, &leg, 1, &n));
  need(s.run.method->plan(&s.run, 1, x, mean, cov));
  sb_bridge_plan(s.run.bridge, 0, 1, x, want, spread);
  for (int i = 0; i < 2; i++) off = fmax(off, fabs(mean[i] - want[i]));
  for (int i = 0; i < 4; i++) off = fmax(off, fabs(cov[i] - spread[i]));
  tap_ok(off < 0.02, "a Gaussian plan is learned: %g", off);
  off = 0;
  for (double t = 0; t < 1.1; t += 0.25) {
    need(leg.field.at(leg.field.self, t, 0));
    need(leg.field.eval(leg.field.self, 0, 1, x, u));
    need(sb_bridge_at(s.run.bridge, t));
    sb_bridge_drift(s.run.bridge, 0, 1, x, exact);
    for (int i = 0; i < 2; i++) off = fmax(off, fabs(u[i] - exact[i]));
  }
  tap_ok(off < 0.05, "and its drift: %g", off);
  close_stage(&s);
}

static void same_bits(const sb_comm *c, const char *deck) {
  stage s = {0}, alone = {0};
  open_stage(c, deck, &s);
  open_stage(sb_comm_self(), deck, &alone);
  const size_t bytes = (size_t)s.task->net.size * sizeof(float);
  int64_t differ = memcmp(s.task->p, alone.task->p, bytes) != 0;
  need(train(c, s.task));
  need(train(sb_comm_self(), alone.task));
  differ += memcmp(s.task->p, alone.task->p, bytes) != 0;
  differ += memcmp(s.task->history, alone.task->history,
                   (size_t)*s.task->lines * sizeof(sb_history)) != 0;
  need(sb_sum_int(c, &differ, 1));
  tap_ok(differ == 0, "the same bits on any number of ranks");
  close_stage(&s);
  close_stage(&alone);
}

/* A batch of a stream is drawn anew, and the same whoever asks for which part of it. */
static void stream(const sb_comm *c) {
  stage s = {0};
  static float all[192 * 2], part[192 * 2];
  open_stage(c, GAUSS, &s);
  sb_data_batch(s.run.data, 5, 9, 192, 0, 192, all);
  for (int at = 0; at < 192; at += 48) sb_data_batch(s.run.data, 5, 9, 192, at, 48, part + 2 * at);
  tap_ok(!memcmp(all, part, sizeof all), "fresh draws in pieces");
  int found = 0;
  for (int r = 0; r < 192; r++)
    for (int64_t i = 0; i < s.run.data->total; i++) found += s.run.data->x[2 * i] == all[2 * r];
  sb_data_batch(s.run.data, 5, 10, 192, 0, 192, part);
  tap_ok(found == 0 && memcmp(all, part, sizeof all) != 0, "no row comes twice");
  close_stage(&s);
}

#define TWO                                                                                      \
  "data: {law: mixture_b, n: 900, validation: 0.1, standardise: none}\nsource: {law: gaussian, " \
  "n: 800}\n"                                                                                    \
  "train: {steps: 30, batch: 200, report: 5}\n"

int main(int argc, char **argv) {
  sb_comm *c;
  if (sb_comm_start(&argc, &argv, &c)) return 3;
  tap_rank = c->rank;
  sb_log_start(1, 1);
  const int64_t before = sb_mem_now();
  if (c->size == 1) {
    gradients("diagonal", TWO "mixture: {components: 3}\nreference: {variance: 0.7}\n");
    gradients("full", TWO "mixture: {components: 20, spread: full}\nreference: {variance: 2}\n");
    objective(TWO "mixture: {components: 3}\nreference: {variance: 0.5}\n", 0.5);
    objective(TWO "mixture: {components: 3}\nreference: {variance: 0.05}\n", 0.05);
    gaussian(c);
  } else {
    same_bits(c, TWO "mixture: {components: 4}\n");
    same_bits(c, TWO "mixture: {components: 3, spread: full}\n");
  }
  stream(c);
  tap_ok(sb_mem_now() == before, "nothing is left behind");
  const int status = tap_done();
  sb_comm_finish(c);
  return status;
}
