/* RUN np=1
 * RUN np=4
 * The two-stage method against its formulas: gradients of both losses, the Monte-Carlo drift
 * against the closed form, modes and forms. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sb/kernel.h"
#include "sb/mem.h"
#include "sb/method.h"
#include "sb/noise.h"
#include "tap.h"

typedef struct stage {
  sb_deck *deck;
  sb_data_options data;
  sb_law_options law;
  sb_run run;
} stage;

static void need(sb_status s) {
  if (!s) return;
  printf("Bail out! %s\n", sb_message());
  exit(3);
}

static void open_stage(const sb_comm *c, const char *deck, stage *s) {
  sb_section sections[32] = {{"data", NULL, sb_data_keys, &s->data, ""},
                             {"data", NULL, sb_law_keys, &s->law, ""}};
  s->run = (sb_run){.comm = c, .seed = 7, .method = sb_method_find("two_stage")};
  need(sb_mem_new(&s->run.state, 1, s->run.method->state_size, "state"));
  const int n = 2 + s->run.method->sections(s->run.state, sections + 2, 30);
  need(sb_deck_read(deck, (int64_t)strlen(deck), "deck", &s->deck));
  need(sb_deck_bind(s->deck, sections, n));
  need(sb_data_open(c, &s->data, &s->law, 7, &s->run.data));
  need(s->run.method->open(&s->run));
}

static void close_stage(stage *s) {
  s->run.method->close(&s->run);
  sb_data_close(s->run.comm, s->run.data);
  sb_mem_free(s->run.state);
  sb_deck_free(s->deck);
}

/* Loss of one block as a function of the parameters. */
static double value(sb_task *task) {
  double loss = 0;
  sb_tape_load(task->tape, task->p);
  need(task->loss(task->self, task, 3, 0, 40, &loss));
  return loss;
}

/* Gradient in the exact sums against central differences along a direction; floats limit the step.
 */
static void gradient(sb_task *task) {
  const int64_t n = task->net.size;
  float *direction, *p;
  double along = 0, norm = 0;
  need(SB_NEW(&direction, n, "direction"));
  need(SB_NEW(&p, n, "parameters"));
  sb_net_init(&task->net, 99, 1, direction);
  sb_net_init(&task->net, 98, 1, task->p);
  memcpy(p, task->p, (size_t)n * sizeof *p);
  memset(task->exchange.mine, 0, (size_t)n * sizeof *task->exchange.mine);
  value(task);
  for (int64_t i = 0; i < n; i++) {
    along += (double)task->exchange.mine[i] * 0x1p-36 * (double)direction[i];
    norm += (double)task->exchange.mine[i] * 0x1p-36 * (double)task->exchange.mine[i] * 0x1p-36;
  }
  const double h = 1e-2;
  for (int64_t i = 0; i < n; i++) task->p[i] = p[i] + (float)h * direction[i];
  const double above = value(task);
  for (int64_t i = 0; i < n; i++) task->p[i] = p[i] - (float)h * direction[i];
  const double below = value(task);
  tap_close((above - below) / (2 * h), along, 2e-3 * fabs(along) + 1e-4 * sqrt(norm),
            "gradient of the loss of %s", task->name);
  memcpy(task->p, p, (size_t)n * sizeof *p);
  sb_mem_free(p);
  sb_mem_free(direction);
}

/* Root of the mean square of b - exact over that of exact, at points of the exact law. */
static double drift_error(stage *s, sb_view view, double t, int64_t n, const double *x, double *b) {
  sb_leg legs[2];
  double *exact, error = 0, size = 0;
  int count;
  need(SB_NEW(&exact, 2 * n, "drift"));
  need(s->run.method->legs(&s->run, SB_VIEW_CLOSED, legs, 2, &count));
  need(sb_field_eval(&legs[0].field, t, 5, 0, n, x, exact));
  need(s->run.method->legs(&s->run, view, legs, 2, &count));
  need(sb_field_eval(&legs[0].field, t, 5, 0, n, x, b));
  for (int64_t i = 0; i < 2 * n; i++)
    error += (b[i] - exact[i]) * (b[i] - exact[i]), size += exact[i] * exact[i];
  sb_mem_free(exact);
  return sqrt(error / size);
}

/* With exact score and ratio the Monte-Carlo drift tends to the closed form like m^(-1/2). */
static void monte_carlo_drift(const sb_comm *c, const char *options, const char *what) {
  char deck[512];
  stage s = {0};
  const int64_t n = 256;
  double *x, *b, error[3];
  snprintf(deck, sizeof deck,
           "data: {law: mixture_b, n: 500}\nreference: {variance1: 3, variance2: 0.5}\nfield: "
           "{score: exact, ratio: exact}\nsample: %s\n",
           options);
  open_stage(c, deck, &s);
  need(SB_NEW(&x, 2 * n, "points"));
  need(SB_NEW(&b, 2 * n, "drift"));
  need(s.run.method->marginal(&s.run, 0, 0.6, 1, 0, n, x));
  const int64_t draws[] = {100, 1600, 25600};
  for (int i = 0; i < 3; i++) error[i] = drift_error(&s, (sb_view){3, draws[i]}, 0.6, n, x, b);
  const double slope = log(error[2] / error[0]) / log(256.);
  tap_ok(error[2] < 0.06 && slope > -0.65 && slope < -0.35,
         "%s: errors %.3f %.3f %.3f, slope %.2f of about -1/2", what, error[0], error[1], error[2],
         slope);
  if (!strcmp(what, "shared, score form")) {
    double *again;
    int64_t same = 1;
    need(SB_NEW(&again, 2 * n, "drift"));
    sb_leg legs[2];
    int count;
    need(s.run.method->legs(&s.run, (sb_view){3, 100}, legs, 2, &count));
    need(sb_field_eval(&legs[0].field, 0.6, 5, 0, n, x, b));
    need(sb_field_eval(&legs[0].field, 0.6, 5, 128, 64, x + 256, again));
    same = !memcmp(again, b + 256, 128 * sizeof *b);
    tap_ok(same != 0, "a tile has the same bits wherever it is computed");
    sb_mem_free(again);
  }
  sb_mem_free(b);
  sb_mem_free(x);
  close_stage(&s);
}

/* With one shared draw the ratio cancels: b = tau score(y) + c z + x. */
static void one_draw(const sb_comm *c) {
  stage s = {0};
  double x[2] = {0.4, -0.3}, b[2], y[2], score[2];
  float z[2];
  sb_leg legs[2];
  sb_exact *e;
  int count;
  open_stage(c,
             "data: {law: mixture_b, n: 500}\nreference: {variance1: 3, variance2: 0.5}\nfield: "
             "{score: exact, ratio: exact}\n",
             &s);
  need(s.run.method->legs(&s.run, (sb_view){3, 1}, legs, 2, &count));
  need(sb_field_eval(&legs[0].field, 0.25, 9, 64, 1, x, b));
  const double root = sqrt(3 * 0.75);
  sb_kernel()->normals(sb_noise_key(7, SB_FOR_DRAWS, 0, 0), 64, 1, 0, 9, 0, 1, 2, z);
  for (int k = 0; k < 2; k++) y[k] = x[k] + root * (double)z[k];
  need(sb_exact_open(s.run.data->mixture, 3, 0.5, &e));
  sb_exact_ratio(e, 1, y, NULL, score);
  sb_exact_close(e);
  for (int k = 0; k < 2; k++)
    tap_close(b[k], 3 * score[k] + root * (double)z[k] + x[k], 1e-12,
              "one shared draw, component %d", k);
  close_stage(&s);
}

static void gradients(sb_comm *c, const char *options) {
  stage s = {0};
  sb_task *task[2];
  char deck[200];
  snprintf(deck, sizeof deck,
           "data: {law: mixture_b, n: 500}\nnet: {width: 20, depth: 2, time_features: "
           "8}\ntwo_stage: {%s}\n",
           options);
  open_stage(c, deck, &s);
  tap_ok(s.run.method->tasks(&s.run, task, 2) == 2, "two networks to train: %s", options);
  for (int i = 0; i < 2; i++) gradient(task[i]);
  close_stage(&s);
}

int main(int argc, char **argv) {
  sb_comm *c;
  setenv("SB_EXCHANGE", "allreduce", 1); /* every rank turns its own parameters */
  if (sb_comm_start(&argc, &argv, &c)) return 3;
  tap_rank = c->rank;
  const int64_t before = sb_mem_now();
  gradients(c, "score_floor: 0.1");
  gradients(c, "score_floor: 0.05, predict: clean, weight_power: 2");
  one_draw(c);
  monte_carlo_drift(c, "{mode: shared}", "shared, score form");
  monte_carlo_drift(c, "{mode: independent}", "independent, score form");
  monte_carlo_drift(c, "{drift_form: endpoint}", "shared, endpoint form");
  tap_ok(sb_mem_now() == before, "nothing is left behind");
  const int status = tap_done();
  sb_comm_finish(c);
  return status;
}
