/* Networks on blocks of 64 rows: microseconds, and the share of the core's peak measured in the
 * same run. Arguments: widths (default 128 256 512). One JSON row per line. */
#include <stdio.h>
#include <stdlib.h>

#include "peak.h"
#include "sb/mem.h"
#include "sb/net.h"

enum { ROUNDS = 150 };

typedef struct bench {
  sb_net net;
  sb_tape *tape;
  float *p, *g, *x, *y, *t;
  int64_t *sum;
} bench;

static void must(sb_status s) {
  if (s == SB_OK) return;
  fprintf(stderr, "b_net: %s\n", sb_message());
  exit(1);
}

static void forward(bench *b) { sb_tape_forward(b->tape, SB_BLOCK, b->x, NULL, b->y); }

static void timed(bench *b) { sb_tape_forward(b->tape, SB_BLOCK, b->x, b->t, b->y); }

static void both(bench *b) {
  forward(b);
  sb_tape_backward(b->tape, b->y, b->g, NULL);
}

static void sums(bench *b) {
  forward(b);
  sb_tape_accumulate(b->tape, b->y, b->sum, NULL);
}

static void sums_apart(bench *b) {
  both(b);
  sb_kernel()->quantise(b->net.size, b->g, b->sum);
}

static void both_timed(bench *b) {
  timed(b);
  sb_tape_backward(b->tape, b->y, b->g, NULL);
}

static void load(bench *b) { sb_tape_load(b->tape, b->p); }

/* Best time of one call, in seconds; a round of calls lasts about half a millisecond. */
static double best(bench *b, void (*f)(bench *)) {
  double least = 1e9;
  int calls = 1;
  f(b);
  for (int i = 0; i < ROUNDS; i++) {
    double start = sb_clock();
    for (int k = 0; k < calls; k++) f(b);
    double one = (sb_clock() - start) / calls;
    if (one < least) least = one;
    calls = one > 2.5e-4 ? 1 : (int)(5e-4 / one);
    if (i % 10 == 0) peak(sb_kernel()->name);
  }
  return least;
}

static void row(bench *b, const char *name, void (*f)(bench *), double flops) {
  double seconds = best(b, f), most = peak(sb_kernel()->name);
  printf("{\"name\":\"net %dx%d, %s\",\"value\":%.2f,\"unit\":\"us/block\",\"better\":\"less\"",
         b->net.shape.depth, b->net.shape.width[0], name, 1e6 * seconds);
  if (flops > 0 && most > 0)
    printf(",\"gflops\":%.1f,\"percent_of_peak\":%.1f", 1e-9 * flops / seconds,
           100 * flops / seconds / most);
  printf("}\n");
  fflush(stdout);
}

static void width(int h, int time, int backward) {
  bench b;
  sb_net_shape s = {.in = 2, .out = 2, .depth = 3, .width = {h, h, h}, .time = time};
  must(sb_net_open(&b.net, &s));
  must(sb_tape_open(&b.net, backward, &b.tape));
  must(SB_NEW(&b.p, b.net.size, "p"));
  must(SB_NEW(&b.g, b.net.size, "g"));
  must(SB_NEW(&b.sum, b.net.size, "sums"));
  must(SB_NEW(&b.x, SB_BLOCK * 2, "x"));
  must(SB_NEW(&b.y, SB_BLOCK * 2, "y"));
  must(SB_NEW(&b.t, SB_BLOCK, "t"));
  for (int i = 0; i < SB_BLOCK * 2; i++) b.x[i] = (float)(i % 13) / 7 - 1;
  for (int i = 0; i < SB_BLOCK; i++) b.t[i] = (float)i / SB_BLOCK;
  sb_net_init(&b.net, 1, 1, b.p);
  load(&b);
  sb_tape_time(b.tape, .5);
  double flops = sb_net_flops(&b.net) * SB_BLOCK;
  if (!backward) {
    row(&b, "forward", forward, flops);
  } else if (time == 0) {
    row(&b, "forward and backward", both, 3 * flops);
    row(&b, "forward, backward and exact sums", sums, 3 * flops);
    row(&b, "forward, backward, then exact sums", sums_apart, 3 * flops);
    row(&b, "load", load, 0);
  } else {
    row(&b, "32 features, time per row: forward", timed, flops);
    row(&b, "32 features, time per row: forward and backward", both_timed, 3 * flops);
  }
  sb_tape_close(b.tape);
  void *blocks[] = {b.p, b.g, b.x, b.y, b.t, b.sum};
  for (int i = 0; i < 6; i++) sb_mem_free(blocks[i]);
}

int main(int argc, char **argv) {
  static const char *usual[] = {"", "128", "256", "512"};
  const char *const *widths = argc > 1 ? (const char *const *)argv : usual;
  int n = argc > 1 ? argc : 4, level;
  must(sb_isa_level(&level));
  sb_isa_choose(level);
  for (int i = 0; i < 300; i++) peak(sb_kernel()->name); /* until the clock is up */
  for (int i = 1; i < n; i++) {
    width(atoi(widths[i]), 0, 0);
    width(atoi(widths[i]), 0, 1);
    width(atoi(widths[i]), 32, 1);
  }
  printf(
      "{\"name\":\"peak of multiply-adds, "
      "%s\",\"value\":%.1f,\"unit\":\"Gflop/s\",\"better\":\"more\"}\n",
      sb_kernel()->name, 1e-9 * peak(sb_kernel()->name));
  return 0;
}
