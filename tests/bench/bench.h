/* What the benchmarks share: a method opened by a deck, repeated timings, and orders: each
 * argument, or each line of standard input, is one; its answer is one line of JSON. */
#ifndef SB_BENCH_H
#define SB_BENCH_H

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "peak.h"
#include "sb/comm.h"
#include "sb/kernel.h"
#include "sb/keys.h"
#include "sb/log.h"
#include "sb/mem.h"
#include "sb/method.h"
#include "sb/noise.h"

static inline void must(sb_status s) {
  if (s == SB_OK) return;
  fprintf(stderr, "bench: %s\n", sb_message());
  MPI_Abort(MPI_COMM_WORLD, (int)s);
  exit((int)s);
}

/* --- Timings -------------------------------------------------------------------------------- */

/* Seconds that this process has computed: for one rank, where it is the clock on the wall unless
 * somebody else uses the core. */
static inline double busy(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* The clock for what `c` does. */
static inline double ticks(const sb_comm *c) { return c->size > 1 ? sb_clock() : busy(); }

enum { TIMES_MOST = 4096 };

typedef struct times {
  int n;
  double seconds[TIMES_MOST];
} times;

static inline void times_add(times *t, double seconds) {
  if (t->n < TIMES_MOST) t->seconds[t->n++] = seconds;
}

static inline int times_rising(const void *one, const void *two) {
  const double p = *(const double *)one, q = *(const double *)two;
  return (p > q) - (p < q);
}

/* Of the sorted times: part 0 is the least, .5 the median. Sorts. */
static inline double times_at(times *t, double part) {
  qsort(t->seconds, (size_t)t->n, sizeof *t->seconds, times_rising);
  return t->n ? t->seconds[(int)(part * (t->n - 1))] : 0;
}

/* ,"NAME":{"best":..,"median":..,"repeats":..} */
static inline void times_print(const char *name, times *t) {
  printf(",\"%s\":{\"best\":%.9g,\"median\":%.9g,\"repeats\":%d}", name, times_at(t, 0),
         times_at(t, .5), t->n);
}

/* --- Who allocates -------------------------------------------------------------------------- */

#ifdef BENCH_COUNTS
static int64_t allocations;

#ifdef __GLIBC__
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t line, size_t size);

void *malloc(size_t size) { return allocations++, __libc_malloc(size); }
void *calloc(size_t n, size_t size) { return allocations++, __libc_calloc(n, size); }
void *realloc(void *old, size_t size) { return allocations++, __libc_realloc(old, size); }
void *aligned_alloc(size_t line, size_t size) { return allocations++, __libc_memalign(line, size); }
#endif
#endif

/* --- Ranks ---------------------------------------------------------------------------------- */

/* Waits for all without using the core, as a barrier of MPI would. */
static inline void quiet_wait(void) {
  const struct timespec nap = {0, 100000};
  MPI_Request all;
  int done = 0;
  MPI_Ibarrier(MPI_COMM_WORLD, &all);
  for (MPI_Test(&all, &done, MPI_STATUS_IGNORE); !done; MPI_Test(&all, &done, MPI_STATUS_IGNORE))
    nanosleep(&nap, NULL);
}

/* What rank 0 says. */
static inline int64_t told(const sb_comm *c, int64_t x) {
  if (c->size > 1) must(sb_broadcast(c, 0, &x, sizeof x));
  return x;
}

/* --- A method and its data ------------------------------------------------------------------- */

typedef struct stage {
  sb_deck *deck;
  sb_data_options data[2];
  sb_law_options law[2];
  sb_run run;
} stage;

static inline void stage_of(const sb_comm *c, const char *method, const char *deck, stage *s) {
  sb_section sections[32] = {{"data", NULL, sb_data_keys, &s->data[0], ""},
                             {"data", NULL, sb_law_keys, &s->law[0], ""},
                             {"source", NULL, sb_source_keys, &s->data[1], ""},
                             {"source", NULL, sb_law_keys, &s->law[1], ""}};
  s->run = (sb_run){.comm = c, .seed = 7, .method = sb_method_find(method)};
  s->data[1].section = "source";
  must(sb_mem_new(&s->run.state, 1, s->run.method->state_size, "state"));
  const int n = 4 + s->run.method->sections(s->run.state, sections + 4, 28);
  must(sb_deck_read(deck, (int64_t)strlen(deck), "deck", &s->deck));
  must(sb_deck_bind(s->deck, sections, n));
  if (s->run.method->needs == 2)
    must(sb_data_open_pair(c, s->data, s->law, 7, &s->run.data, &s->run.source));
  else
    must(sb_data_open(c, s->data, s->law, 7, &s->run.data));
  must(s->run.method->open(&s->run));
}

static inline void stage_open(const sb_comm *c, const char *deck, stage *s) {
  stage_of(c, "two_stage", deck, s);
}

static inline void stage_close(stage *s) {
  if (!s->deck) return;
  s->run.method->close(&s->run);
  sb_data_close(s->run.comm, s->run.data);
  sb_data_close(s->run.comm, s->run.source);
  sb_mem_free(s->run.state);
  sb_deck_free(s->deck);
  *s = (stage){0};
}

/* --- Orders --------------------------------------------------------------------------------- */

enum { WORDS = 8 };

typedef struct order {
  const char *text, *word[WORDS];
  int words;
} order;

/* Number at a place of the order. */
static inline double order_number(const order *o, int place) {
  return place < o->words ? atof(o->word[place]) : 0;
}

static inline void obey(const sb_comm *c, const char *line,
                        void (*f)(const sb_comm *, const order *)) {
  char words[256];
  order o = {.text = line};
  snprintf(words, sizeof words, "%s", line);
  for (char *w = strtok(words, " "); w && o.words < WORDS; w = strtok(NULL, " "))
    o.word[o.words++] = w;
  if (o.words == 0) return;
  if (c->rank == 0) printf("{\"order\":\"%s\",\"ranks\":%d", line, c->size);
  f(c, &o);
  if (c->rank == 0) printf(",\"peak\":%.6g}\n", peak(sb_kernel()->name)), fflush(stdout);
}

static inline int next_line(const sb_comm *c, char line[256]) {
  if (c->rank == 0 && !fgets(line, 256, stdin)) *line = 0;
  if (c->size > 1) quiet_wait();
  must(sb_broadcast(c, 0, line, 256));
  if (!*line) return 0;
  line[strcspn(line, "\n")] = 0;
  return 1;
}

static inline int bench(int argc, char **argv, void (*f)(const sb_comm *, const order *)) {
  sb_comm *c;
  char line[256] = "";
  int level;
  if (sb_comm_start(&argc, &argv, &c)) return 3;
  sb_log_start(c->rank, 1);
  must(sb_isa_level(&level));
  sb_isa_choose(level);
  if (argc > 1)
    for (int i = 1; i < argc; i++) obey(c, argv[i], f);
  else
    while (next_line(c, line)) obey(c, line, f);
  sb_comm_finish(c);
  return 0;
}

#endif
