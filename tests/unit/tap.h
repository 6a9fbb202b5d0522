/* Test Anything Protocol for unit tests: each prints lines `ok` or `not ok` and returns tap_done().
 *
 * Every rank calls the functions, rank 0 alone prints: a test sets `tap_rank` first. Where a
 * condition may differ between ranks the test agrees before it asks; a rank that fails unseen still
 * makes the run fail, through the status of tap_done. The first comment of a test may say how
 * tests/run starts it, any number of times: RUN np=4 arguments. */
#ifndef SB_TAP_H
#define SB_TAP_H

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static int tap_rank; /* this rank; 0 where there is but one */
static int tap_count, tap_failed;

__attribute__((format(printf, 2, 0))) static inline void tap_line(bool good, const char *what,
                                                                  va_list list) {
  tap_count++;
  if (!good) tap_failed++;
  if (tap_rank != 0) return;
  printf("%sok %d - ", good ? "" : "not ", tap_count);
  vprintf(what, list);
  printf("\n");
  fflush(stdout); /* a crash must not swallow it */
}

/* The condition holds. Returns it, for tests that cannot go on without. */
__attribute__((format(printf, 2, 3))) static inline bool tap_ok(bool good, const char *what, ...) {
  va_list list;
  va_start(list, what);
  tap_line(good, what, list);
  va_end(list);
  return good;
}

/* |got - want| <= tolerance; a NaN is never close. */
__attribute__((format(printf, 4, 5))) static inline bool tap_close(double got, double want,
                                                                   double tolerance,
                                                                   const char *what, ...) {
  bool good = got == want || fabs(got - want) <= tolerance;
  va_list list;
  va_start(list, what);
  tap_line(good, what, list);
  va_end(list);
  if (!good && tap_rank == 0)
    printf("# got %.17g, want %.17g, tolerance %g\n", got, want, tolerance);
  return good;
}

/* Stands for one test that cannot run here. */
static inline void tap_skip(const char *why) {
  tap_count++;
  if (tap_rank == 0) printf("ok %d # skip %s\n", tap_count, why);
}

/* The plan; returns the status for main. */
static inline int tap_done(void) {
  if (tap_rank == 0) printf("1..%d\n", tap_count);
  return tap_failed > 0;
}

#endif
