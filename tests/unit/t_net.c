/* Networks against a plain double-precision forward and its central differences; bits; padding.
 * RUN np=1 */
#include "sb/net.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "sb/adam.h"
#include "sb/mem.h"
#include "sb/noise.h"
#include "tap.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof(a)[0]))
#define MOST     260 /* widest layer here, features included */

/* --- Reference: one row, in double
 * ---------------------------------------------------------------- */

static double act(sb_act f, double z) {
  switch (f) {
    case SB_ACT_SILU: return z / (1 + exp(-z));
    case SB_ACT_RELU: return z > 0 ? z : 0;
    case SB_ACT_LEAKY_RELU: return z > 0 ? z : .01 * z;
    case SB_ACT_SELU: return 1.0507009873554804934 * (z > 0 ? z : 1.6732632423543772848 * expm1(z));
    default: return tanh(z);
  }
}

/* The formula of sb/net.h; what it rounds to float is rounded here. */
static void features(int time, float t, double *out) {
  int n = time / 2, end = n / 4 > 1 ? n / 4 : 1, f = n - end;
  const double pi = 3.14159265358979323846;
  for (int k = 0; k < n; k++) {
    double r = k < f ? (f > 1 ? k / (f - 1.0) : 0) : end > 1 ? (k - f) / (end - 1.0) : 0;
    float w = (float)(pi / 2 * pow(k < f ? 200 / pi : 4, r));
    float s = (float)(-log(1.0 - t + 1e-3) / log(1000)), a = w * (k < f ? t : s);
    out[k] = sin(a);
    out[n + k] = cos(a);
  }
}

static void reference(const sb_net *net, const double *p, const double *x, float t, double *y) {
  const sb_net_shape *s = &net->shape;
  double a[MOST], b[MOST];
  memcpy(a, x, (size_t)s->in * sizeof *a);
  features(s->time, t, a + s->in);
  for (int l = 0; l <= s->depth; l++) {
    const sb_slot *w = &net->slot[2 * l], *bias = w + 1;
    for (int j = 0; j < w->cols; j++) {
      double z = p[bias->offset + j];
      for (int i = 0; i < w->rows; i++) z += a[i] * p[w->offset + (int64_t)i * w->ld + j];
      b[j] = l < s->depth ? act(s->act, z) : z;
      if (l > 0 && l < s->depth && s->residual && w->rows == w->cols) b[j] += a[j];
    }
    memcpy(a, b, (size_t)w->cols * sizeof *a);
  }
  memcpy(y, a, (size_t)s->out * sizeof *y);
}

/* --- A network with parameters, inputs and weights of its outputs
 * ----------------------------------- */

typedef struct trial {
  sb_net net;
  sb_tape *tape;
  float *p, *g, *x, *t, *y, *dy, *dx;
  double *pd, *xd;
} trial;

static void numbers(uint64_t key, int64_t n, double scale, float *out) {
  for (int64_t i = 0; i < n; i++)
    out[i] = (float)(scale * (2 * sb_noise_uniform(key, i, 0, 0) - 1));
}

static void must(sb_status s) {
  if (s == SB_OK) return;
  printf("Bail out! %s\n", sb_message());
  exit(1);
}

static void trial_open(trial *a, const sb_net_shape *shape) {
  must(sb_net_open(&a->net, shape));
  must(sb_tape_open(&a->net, 1, &a->tape));
  int64_t nx = (int64_t)SB_BLOCK * shape->in, ny = (int64_t)SB_BLOCK * shape->out;
  must(SB_NEW(&a->p, a->net.size, "p"));
  must(SB_NEW(&a->g, a->net.size, "g"));
  must(SB_NEW(&a->pd, a->net.size, "pd"));
  must(SB_NEW(&a->x, nx, "x"));
  must(SB_NEW(&a->xd, nx, "xd"));
  must(SB_NEW(&a->dx, nx, "dx"));
  must(SB_NEW(&a->t, SB_BLOCK, "t"));
  must(SB_NEW(&a->y, ny, "y"));
  must(SB_NEW(&a->dy, ny, "dy"));
  sb_net_init(&a->net, 12345, 1, a->p);
  numbers(1, nx, 2, a->x);
  numbers(2, ny, 1, a->dy);
  numbers(3, SB_BLOCK, .5, a->t);
  for (int i = 0; i < SB_BLOCK; i++) a->t[i] += .5f;
  a->t[0] = 0;
  a->t[1] = 1;
  for (int64_t i = 0; i < a->net.size; i++) a->pd[i] = a->p[i];
  for (int64_t i = 0; i < nx; i++) a->xd[i] = a->x[i];
  sb_tape_load(a->tape, a->p);
}

static void trial_close(trial *a) {
  sb_tape_close(a->tape);
  void *blocks[] = {a->p, a->g, a->pd, a->x, a->xd, a->dx, a->t, a->y, a->dy};
  for (int i = 0; i < COUNT(blocks); i++) sb_mem_free(blocks[i]);
}

/* Sum of dy * y over the rows, in double. */
static double objective(const trial *a, int rows) {
  double sum = 0, y[MOST];
  int out = a->net.shape.out;
  for (int i = 0; i < rows; i++) {
    reference(&a->net, a->pd, a->xd + (int64_t)i * a->net.shape.in, a->t[i], y);
    for (int j = 0; j < out; j++) sum += y[j] * a->dy[i * out + j];
  }
  return sum;
}

static double difference(const trial *a, int rows, double *value) {
  double keep = *value, h = 1e-6; /* small: few kinks of relu fall inside */
  *value = keep + h;
  double up = objective(a, rows);
  *value = keep - h;
  double down = objective(a, rows);
  *value = keep;
  return (up - down) / (2 * h);
}

/* --- Forward and gradient against the reference
 * ----------------------------------------------------- */

enum { ROWS = 5, CHECKED = 9 }; /* rows of a trial; entries looked at in each tensor */

typedef struct expected {
  double y[ROWS * MOST], gradient[2 * (SB_NET_MAX_DEPTH + 1)][CHECKED], dx[CHECKED];
} expected;

static int64_t entry(const sb_slot *s, int k) {
  int64_t e = (int64_t)k * 7919 % ((int64_t)s->rows * s->cols);
  return s->offset + e / s->cols * s->ld + e % s->cols;
}

static void expect(trial *a, expected *e) {
  int in = a->net.shape.in, out = a->net.shape.out;
  for (int i = 0; i < ROWS; i++) reference(&a->net, a->pd, a->xd + i * in, a->t[i], e->y + i * out);
  for (int s = 0; s < a->net.slots; s++)
    for (int k = 0; k < CHECKED; k++)
      e->gradient[s][k] = difference(a, ROWS, &a->pd[entry(&a->net.slot[s], k)]);
  for (int k = 0; k < CHECKED; k++) e->dx[k] = difference(a, ROWS, &a->xd[k * 31 % (ROWS * in)]);
}

static double norm(int64_t n, const float *x) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += (double)x[i] * x[i];
  return sqrt(sum);
}

/* |got - want| as a multiple of what is allowed: 1e-4 relative and of the norm of the tensor. */
static double excess(double got, double want, double size) {
  double allowed = 1e-4 * fabs(want) + 1e-5 * size + 1e-9;
  return fabs(got - want) / allowed;
}

/* Largest error as a multiple of what is allowed; NaN counts. */
static double worst(trial *a, const expected *e) {
  int in = a->net.shape.in, out = a->net.shape.out;
  double most = 0, size = 0, error;
  for (int i = 0; i < ROWS * out; i++) size = fmax(size, fabs(e->y[i]));
  for (int i = 0; i < ROWS * out; i++) {
    error = fabs(a->y[i] - e->y[i]) / (1e-5 * size);
    if (!(error <= most)) most = error;
  }
  for (int s = 0; s < a->net.slots; s++) {
    const sb_slot *slot = &a->net.slot[s];
    double whole = norm((int64_t)slot->rows * slot->ld, a->g + slot->offset);
    for (int k = 0; k < CHECKED; k++) {
      error = excess(a->g[entry(slot, k)], e->gradient[s][k], whole);
      if (!(error <= most)) most = error;
    }
  }
  for (int k = 0; k < CHECKED; k++) {
    error = excess(a->dx[k * 31 % (ROWS * in)], e->dx[k], norm(ROWS * in, a->dx));
    if (!(error <= most)) most = error;
  }
  return most;
}

static void one_time(trial *a, float t) {
  for (int i = 0; i < SB_BLOCK; i++) a->t[i] = t;
  sb_tape_time(a->tape, t);
}

/* All ways to give the time to one network, on all kernels; the largest error of all. */
static double check_shape(const sb_net_shape *shape) {
  double most = 0;
  static expected e;
  for (int shared = 0; shared <= (shape->time > 0); shared++) {
    trial a;
    trial_open(&a, shape);
    if (shared) one_time(&a, .37f);
    expect(&a, &e);
    for (int v = 0; sb_isa_kernels(v); v++) {
      int level;
      must(sb_isa_level(&level));
      if (v > level) break;
      sb_isa_choose(v);
      sb_tape_load(a.tape, a.p);
      sb_tape_forward(a.tape, ROWS, a.x, shared ? NULL : a.t, a.y);
      sb_tape_backward(a.tape, a.dy, a.g, a.dx);
      double error = worst(&a, &e);
      if (!(error <= most)) most = error;
    }
    trial_close(&a);
  }
  return most;
}

static const sb_net_shape shapes[] = {
    {.in = 2, .out = 2, .depth = 0},
    {.in = 1, .out = 1, .depth = 1, .width = {1}},
    {.in = 2, .out = 2, .depth = 1, .width = {17}},
    {.in = 17, .out = 5, .depth = 2, .width = {48, 48}},
    {.in = 3, .out = 33, .depth = 3, .width = {3, 3, 130}},
    {.in = 40, .out = 3, .depth = 3, .width = {128, 128, 128}},
    {.in = 130, .out = 130, .depth = 2, .width = {1, 48}},
    {.in = 5, .out = 4, .depth = 4, .width = {17, 17, 17, 17}},
    {.in = 2, .out = 1, .depth = 4, .width = {130, 130, 48, 48}},
};

static void test_values(void) {
  for (int k = 0; k < COUNT(shapes); k++)
    for (int f = 0; f < SB_ACT_COUNT; f++) {
      double most = 0;
      for (int residual = 0; residual <= 1; residual++)
        for (int time = 0; time <= 32; time = time ? 8 * time : 4) {
          sb_net_shape s = shapes[k];
          s.act = (sb_act)f;
          s.residual = residual;
          s.time = time;
          double error = check_shape(&s);
          if (!(error <= most)) most = error;
        }
      tap_ok(most <= 1, "depth %d, %d to %d, %s: output, gradient, dx (%.2g of what is allowed)",
             shapes[k].depth, shapes[k].in, shapes[k].out, sb_act_name[f], most);
    }
}

/* --- Bits
 * ------------------------------------------------------------------------------------------ */

static int same(int64_t n, const float *a, const float *b) {
  return memcmp(a, b, (size_t)n * sizeof *a) == 0;
}

static const sb_net_shape plain = {
    .in = 3, .out = 5, .depth = 3, .width = {17, 130, 130}, .time = 8, .residual = 1};

static void test_rows(const float *times, trial *a, const char *name) {
  int in = plain.in, out = plain.out, good = 1, moved = 1;
  float x[SB_BLOCK * 3], y[SB_BLOCK * 5], t[SB_BLOCK];
  sb_tape_forward(a->tape, SB_BLOCK, a->x, times, a->y);
  for (int rows = 0; rows <= SB_BLOCK; rows++) {
    sb_tape_forward(a->tape, rows, a->x, times, y);
    good &= same(rows * out, y, a->y);
  }
  tap_ok(good, "%s: the same bits for any number of rows", name);
  for (int shift = 1; shift < SB_BLOCK; shift += 5) {
    for (int i = 0; i < SB_BLOCK; i++) {
      int j = (i * 7 + shift) % SB_BLOCK;
      memcpy(x + j * in, a->x + i * in, (size_t)in * sizeof *x);
      t[j] = a->t[i];
    }
    sb_tape_forward(a->tape, SB_BLOCK, x, times ? t : NULL, y);
    for (int i = 0; i < SB_BLOCK; i++)
      moved &= same(out, y + (i * 7 + shift) % SB_BLOCK * out, a->y + i * out);
  }
  tap_ok(moved, "%s: the same bits at any place", name);
}

static void test_bad_row(trial *a, const char *name) {
  int in = plain.in, out = plain.out, good = 1;
  float y[SB_BLOCK * 5], dx[SB_BLOCK * 3], keep = a->x[3 * in];
  float *g, clean[SB_BLOCK * 3];
  must(SB_NEW(&g, a->net.size, "g"));
  sb_tape_forward(a->tape, SB_BLOCK, a->x, a->t, a->y);
  sb_tape_forward(a->tape, 3, a->x, a->t, y);
  sb_tape_backward(a->tape, a->dy, a->g, clean);
  a->x[3 * in] = NAN;
  sb_tape_forward(a->tape, SB_BLOCK, a->x, a->t, y);
  for (int i = 0; i < SB_BLOCK; i++) good &= i == 3 || same(out, y + i * out, a->y + i * out);
  tap_ok(good && isnan(y[3 * out]), "%s: a row that is not a number spoils no other", name);
  sb_tape_backward(a->tape, a->dy, g, dx);
  sb_tape_forward(a->tape, 3, a->x, a->t, y);
  sb_tape_backward(a->tape, a->dy, g, dx);
  tap_ok(same(a->net.size, g, a->g) && same(3L * in, dx, clean),
         "%s: rows beyond the given ones, and earlier tiles, add nothing to a gradient", name);
  a->x[3 * in] = keep;
  sb_mem_free(g);
}

static void test_again(trial *a, const char *name) {
  int64_t nx = (int64_t)SB_BLOCK * plain.in;
  float *g, *dx;
  must(SB_NEW(&g, a->net.size, "g"));
  must(SB_NEW(&dx, nx, "dx"));
  sb_tape_forward(a->tape, SB_BLOCK, a->x, a->t, a->y);
  sb_tape_backward(a->tape, a->dy, a->g, a->dx);
  sb_tape_backward(a->tape, a->y, g, NULL);
  sb_tape_backward(a->tape, a->dy, g, NULL);
  sb_tape_backward(a->tape, a->dy, NULL, dx);
  tap_ok(same(a->net.size, g, a->g) && same(nx, dx, a->dx),
         "%s: backward can be repeated, for either gradient alone", name);
  memset(a->dy, 0, (size_t)SB_BLOCK * (size_t)plain.out * sizeof *a->dy);
  sb_tape_backward(a->tape, a->dy, g, dx);
  tap_ok(norm(a->net.size, g) == 0 && norm(nx, dx) == 0, "%s: no weight, no gradient", name);
  numbers(2, (int64_t)SB_BLOCK * plain.out, 1, a->dy);
  sb_mem_free(g);
  sb_mem_free(dx);
}

/* Exact sums of parts against exact sums of the whole gradient. */
static void test_sums(trial *a, const char *name) {
  int64_t *sum, *want, n = a->net.size;
  must(SB_NEW(&sum, n, "sum"));
  must(SB_NEW(&want, n, "sum"));
  int good = 1;
  for (int timed = 0; timed <= 1; timed++) {
    sb_tape_forward(a->tape, 50, a->x, timed ? a->t : NULL, a->y);
    sb_tape_backward(a->tape, a->dy, a->g, NULL);
    sb_kernel()->quantise(n, a->g, want);
    good &= sb_tape_accumulate(a->tape, a->dy, sum, a->dx) == -1;
    good &= memcmp(sum, want, (size_t)n * sizeof *sum) == 0;
  }
  tap_ok(good, "%s: exact sums of the gradient", name);
  float keep = a->dy[0];
  a->dy[0] = NAN;
  tap_ok(sb_tape_accumulate(a->tape, a->dy, sum, NULL) == 0, "%s: a bad number shows", name);
  a->dy[0] = keep;
  a->x[0] = 1e6f;
  sb_tape_forward(a->tape, 50, a->x, a->t, a->y);
  for (int i = 0; i < 50 * plain.out; i++) a->dy[i] = 1000;
  tap_ok(sb_tape_accumulate(a->tape, a->dy, sum, NULL) >= 0, "%s: so does a large one", name);
  numbers(1, (int64_t)SB_BLOCK * plain.in, 2, a->x);
  numbers(2, (int64_t)SB_BLOCK * plain.out, 1, a->dy);
  sb_mem_free(sum);
  sb_mem_free(want);
}

/* A tape without backward, and memory that is not aligned. */
static void test_forward_only(trial *a, const char *name) {
  int in = plain.in, out = plain.out;
  sb_tape *small;
  float x[SB_BLOCK * 3 + 1], y[SB_BLOCK * 5 + 1];
  must(sb_tape_open(&a->net, 0, &small));
  sb_tape_load(small, a->p);
  memcpy(x + 1, a->x, (size_t)SB_BLOCK * (size_t)in * sizeof *x);
  sb_tape_forward(a->tape, SB_BLOCK, a->x, a->t, a->y);
  sb_tape_forward(small, SB_BLOCK, x + 1, a->t, y + 1);
  int good = same((int64_t)SB_BLOCK * out, y + 1, a->y);
  sb_tape_time(a->tape, .2);
  sb_tape_time(small, .2);
  sb_tape_forward(a->tape, SB_BLOCK, a->x, NULL, a->y);
  sb_tape_forward(small, SB_BLOCK, x + 1, NULL, y + 1);
  good &= same((int64_t)SB_BLOCK * out, y + 1, a->y);
  tap_ok(good, "%s: a tape without backward gives the same bits", name);
  sb_tape_close(small);
}

static double largest(int64_t n, const float *a, const float *b) {
  double most = 0, size = 0;
  for (int64_t i = 0; i < n; i++) {
    double error = fabs((double)a[i] - b[i]);
    if (!(error <= most)) most = error;
    size = fmax(size, fabs(b[i]));
  }
  return most / size;
}

static void test_time(trial *a, const char *name) {
  float y[SB_BLOCK * 5], *g, keep[SB_BLOCK];
  double most = 0, most_g = 0;
  must(SB_NEW(&g, a->net.size, "g"));
  memcpy(keep, a->t, sizeof keep);
  for (int k = 0; k <= 8; k++) {
    one_time(a, (float)k / 8);
    sb_tape_forward(a->tape, SB_BLOCK, a->x, NULL, a->y);
    sb_tape_backward(a->tape, a->dy, a->g, NULL);
    sb_tape_forward(a->tape, SB_BLOCK, a->x, a->t, y);
    sb_tape_backward(a->tape, a->dy, g, NULL);
    most = fmax(most, largest((int64_t)SB_BLOCK * plain.out, y, a->y));
    most_g = fmax(most_g, largest(a->net.size, g, a->g));
  }
  tap_close(most, 0, 1e-5, "%s: one time for all rows as a time for each", name);
  tap_close(most_g, 0, 1e-5, "%s: the same for the gradient", name);
  sb_tape_forward(a->tape, SB_BLOCK, a->x, NULL, a->y);
  sb_tape_load(a->tape, a->p);
  sb_tape_forward(a->tape, SB_BLOCK, a->x, NULL, y);
  tap_ok(same((int64_t)SB_BLOCK * plain.out, y, a->y), "%s: the time outlives new parameters",
         name);
  memcpy(a->t, keep, sizeof keep);
  sb_mem_free(g);
}

static void test_bits(void) {
  int level;
  must(sb_isa_level(&level));
  for (int v = 0; v <= level; v++) {
    trial a;
    sb_isa_choose(v);
    trial_open(&a, &plain);
    const char *name = sb_kernel()->name;
    test_rows(a.t, &a, name);
    sb_tape_time(a.tape, .5);
    test_rows(NULL, &a, name);
    test_bad_row(&a, name);
    test_again(&a, name);
    test_sums(&a, name);
    test_forward_only(&a, name);
    test_time(&a, name);
    trial_close(&a);
  }
}

/* --- Layout
 * ---------------------------------------------------------------------------------------- */

static double padding(const sb_net *net, const float *p) {
  double most = 0;
  for (int k = 0; k < net->slots; k++)
    for (int i = 0; i < net->slot[k].rows; i++)
      for (int j = net->slot[k].cols; j < net->slot[k].ld; j++)
        most = fmax(most, fabs(p[net->slot[k].offset + (int64_t)i * net->slot[k].ld + j]));
  return most;
}

static void test_padding(void) {
  trial a;
  float *m, *v, *e;
  sb_adam adam = {
      .rate = 1e-2, .beta1 = .9, .beta2 = .999, .epsilon = 1e-8, .decay = .1, .average = .9};
  trial_open(&a, &plain);
  must(SB_NEW(&m, a.net.size, "m"));
  must(SB_NEW(&v, a.net.size, "v"));
  must(SB_NEW(&e, a.net.size, "e"));
  double zero = padding(&a.net, a.p), moved = a.p[0];
  for (int k = 0; k < 20; k++) {
    sb_adam_step step;
    adam.decoupled = k > 10;
    sb_tape_load(a.tape, a.p);
    sb_tape_forward(a.tape, 40, a.x, a.t, a.y);
    sb_tape_backward(a.tape, a.dy, a.g, NULL);
    sb_adam_at(&adam, k, 1, &step);
    sb_kernel()->adam(&step, a.net.size, a.g, m, v, a.p, e);
    zero = fmax(zero, fmax(padding(&a.net, a.p), padding(&a.net, e)));
  }
  tap_ok(zero == 0 && a.p[0] != moved, "padding stays zero through steps of Adam");
  sb_mem_free(m);
  sb_mem_free(v);
  sb_mem_free(e);
  trial_close(&a);
}

static void test_layout(void) {
  sb_net net;
  sb_net_shape s = {.in = 2, .out = 2, .depth = 3, .width = {128, 128, 128}, .time = 32};
  must(sb_net_open(&net, &s));
  tap_ok(net.parameters == 37762, "parameters of a 3 x 128 score network with 32 features");
  tap_ok(net.slots == 8 && net.size == 34 * 128 + 3 * 128 + 2 * 128 * 128 + 128 * 16 + 16,
         "its size");
  tap_ok(sb_net_flops(&net) == 2 * (34 * 128 + 2 * 128 * 128 + 128 * 2), "its flops");
  char text[512],
      *want = "0.weight 34 128 128 0\n0.bias 1 128 128 4352\n1.weight 128 128 128 4480\n";
  int length = sb_net_layout(&net, text, sizeof text), shorter = sb_net_layout(&net, text, 10);
  tap_ok(length == shorter && strcmp(text, "0.weight ") == 0,
         "the table of tensors can be measured");
  sb_net_layout(&net, text, sizeof text);
  tap_ok((int)strlen(text) == length && strncmp(text, want, strlen(want)) == 0,
         "the table of tensors");
  s = (sb_net_shape){.in = 784, .out = 1, .depth = 2, .width = {512, 256}};
  must(sb_net_open(&net, &s));
  tap_ok(net.parameters == 785 * 512 + 513 * 256 + 257, "parameters of a 784-512-256-1 network");
  sb_tape *tape;
  for (int backward = 0; backward <= 1; backward++) {
    int64_t before = sb_mem_now();
    must(sb_tape_open(&net, backward, &tape));
    tap_close((double)(sb_mem_now() - before), (double)sb_tape_bytes(&net, backward), 128,
              "bytes of a tape");
    sb_tape_close(tape);
    sb_mem_fail_after(0);
    tap_ok(sb_tape_open(&net, backward, &tape) == SB_SYS && !tape && sb_mem_now() == before,
           "no memory");
    sb_mem_fail_after(-1);
    sb_tape_close(tape);
    sb_forget();
  }
}

static void test_init(void) {
  sb_net net;
  sb_net_shape s = {.in = 3, .out = 7, .depth = 1, .width = {500}, .time = 4};
  float *p, *q;
  must(sb_net_open(&net, &s));
  must(SB_NEW(&p, net.size, "p"));
  must(SB_NEW(&q, net.size, "q"));
  sb_net_init(&net, 1, 1, p);
  sb_net_init(&net, 1, 0, q);
  double bound = 1 / sqrt(7.0), most = 0, sum = 0;
  for (int64_t i = 0; i < 7 * 512; i++) {
    most = fmax(most, fabs(p[i]));
    sum += (double)p[i] * p[i];
  }
  tap_ok(most <= bound && most > .99 * bound, "first parameters fill +-1/sqrt(fan in)");
  tap_close(sum / 3500, bound * bound / 3, .1 * bound * bound / 3, "their variance");
  const sb_slot *w = &net.slot[2];
  tap_ok(padding(&net, p) == 0 && norm(net.size - w->offset, q + w->offset) == 0 &&
             same(w->offset, p, q),
         "padding is zero; the last layer is scaled");
  sb_net_init(&net, 2, 1, q);
  tap_ok(!same(16, p, q) && p[0] != p[512], "another key gives other parameters");
  sb_mem_free(p);
  sb_mem_free(q);
}

static void test_features(void) {
  float t[] = {0, 1, .5f, .999f, .001f, .7310585f}, out[6 * 40];
  double want[32], most = 0;
  for (int time = 4; time <= 32; time *= 2) {
    sb_net_features(time, COUNT(t), t, out, 40);
    for (int i = 0; i < COUNT(t); i++) {
      features(time, t[i], want);
      for (int k = 0; k < time; k++) most = fmax(most, fabs(out[i * 40 + k] - want[k]));
    }
  }
  tap_close(most, 0, 5e-6, "features of time"); /* one rounding of w_k t near 100 */
  float many[SB_BLOCK], *big, one[SB_NET_MAX_TIME];
  must(SB_NEW(&big, (int64_t)SB_BLOCK * SB_NET_MAX_TIME, "features"));
  numbers(5, SB_BLOCK, 1, many);
  int good = 1;
  for (int time = 4; time <= SB_NET_MAX_TIME; time += 340) {
    sb_net_features(time, SB_BLOCK, many, big, time);
    for (int i = 0; i < SB_BLOCK; i++) {
      sb_net_features(time, 1, many + i, one, time);
      good &= same(time, one, big + i * time);
    }
  }
  tap_ok(good, "features of one row are those of the row among others");
  sb_mem_free(big);
}

static void test_errors(void) {
  const sb_net_shape ok = {.in = 2, .out = 2, .depth = 2, .width = {8, 8}, .time = 8};
  sb_net net;
  sb_net_shape bad[9];
  for (int i = 0; i < COUNT(bad); i++) bad[i] = ok;
  bad[0].in = 0;
  bad[1].out = 0;
  bad[2].depth = SB_NET_MAX_DEPTH + 1;
  bad[3].depth = -1;
  bad[4].width[1] = 0;
  bad[5].width[0] = SB_NET_MAX_WIDTH + 1;
  bad[6].time = 6;
  bad[7].time = -4;
  bad[8].act = SB_ACT_COUNT;
  for (int i = 0; i < COUNT(bad); i++) {
    tap_ok(sb_net_open(&net, &bad[i]) == SB_USE && sb_message()[0], "refused: %s", sb_message());
    sb_forget();
  }
  tap_ok(sb_net_open(&net, &ok) == SB_OK, "accepted");
}

int main(void) {
  int level;
  must(sb_isa_level(&level));
  test_layout();
  test_errors();
  test_init();
  test_features();
  test_values();
  test_bits();
  sb_isa_choose(level);
  test_padding();
  return tap_done();
}
