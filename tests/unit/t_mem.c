/* Memory: zeroed, aligned, counted, refused when it runs out; the kept message; the clock and its
 * table. */
#include <stdint.h>
#include <string.h>

#include "sb/clock.h"
#include "sb/mem.h"
#include "sb/status.h"
#include "tap.h"

/* The address sanitizer ends the program where malloc would say no, unless told otherwise. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "allocator_may_return_null=1"; }

static void test_blocks(void) {
  int64_t start = sb_mem_now();
  double *x[20];
  int wrong = 0;
  for (int i = 0; i < 20; i++) {
    wrong += SB_NEW(&x[i], i * i, "x") != SB_OK || x[i] == NULL || (uintptr_t)x[i] % 64 != 0;
    for (int j = 0; j < i * i; j++) wrong += x[i][j] != 0, x[i][j] = 1;
  }
  tap_ok(wrong == 0, "blocks of 0 .. 361 numbers are zero and aligned to 64 bytes");
  int64_t most = sb_mem_now();
  tap_ok(most - start >= 2470 * 8 && sb_mem_peak() >= most, "blocks are counted");
  for (int i = 0; i < 20; i++) sb_mem_free(x[i]);
  sb_mem_free(NULL);
  tap_ok(sb_mem_now() == start && sb_mem_peak() >= most,
         "nothing is left behind, the peak is kept");
}

static void test_refusals(void) {
  int *x = &(int){0};
  tap_ok(SB_NEW(&x, INT64_C(1) << 61, "a cloud") == SB_SYS && x == NULL &&
             strstr(sb_message(), "a cloud") != NULL,
         "an impossible size is refused: %s", sb_message());
  sb_forget();
  x = &(int){0};
  tap_ok(SB_NEW(&x, -1, "fewer") == SB_SYS && x == NULL, "a negative count is refused");
  sb_forget();
  x = &(int){0};
  tap_ok(SB_NEW(&x, INT64_C(1) << 58, "too much") == SB_SYS && x == NULL,
         "no memory is a status: %s", sb_message());
  sb_forget();
  sb_mem_fail_after(2);
  int *y[4];
  int failed = 0;
  for (int i = 0; i < 4; i++) failed |= (SB_NEW(&y[i], 1, "on purpose") != SB_OK) << i;
  tap_ok(failed == 4 && y[2] == NULL && strstr(sb_message(), "on purpose") != NULL,
         "the chosen allocation fails, the next ones do not");
  sb_forget();
  for (int i = 0; i < 4; i++) sb_mem_free(y[i]);
  sb_mem_fail_after(0), sb_mem_fail_after(-1);
  tap_ok(SB_NEW(&x, 1, "x") == SB_OK, "failures on purpose are called off");
  sb_mem_free(x);
}

static sb_status fails(int when) {
  SB_TRY(when ? SB_OK : sb_fail(SB_USE, "key '%s'\nin line %d", "a", 3));
  return sb_fail(SB_BAD, "second");
}

static void test_message(void) {
  tap_ok(sb_message()[0] == '\0', "no message at first");
  tap_ok(fails(0) == SB_USE && strcmp(sb_message(), "key 'a' in line 3") == 0,
         "a message is one line");
  tap_ok(fails(1) == SB_BAD && strcmp(sb_message(), "key 'a' in line 3") == 0,
         "the first message is kept");
  sb_forget();
  tap_ok(sb_message()[0] == '\0', "and forgotten");
  char line[3000];
  memset(line, 'x', sizeof line);
  line[sizeof line - 1] = '\0';
  sb_fail(SB_SYS, "%s", line);
  tap_ok(strlen(sb_message()) == SB_MESSAGE_MAX - 1, "a long message is cut");
  sb_forget();
}

static void test_clock(void) {
  sb_clock_start();
  double t = sb_clock(), later = t;
  while (later - t < 1e-3) later = sb_clock();
  double now = sb_timer(SB_T_NOISE, t);
  tap_ok(now >= later && sb_clock_age() >= 1e-3 && sb_clock_age() < 60, "the clock runs forward");
  tap_ok(sb_timer_seconds(SB_T_NOISE) >= 1e-3 && sb_timer_seconds(SB_T_DATA) == 0, "timers gather");
  int named = 0;
  for (int i = 0; i < SB_T_COUNT; i++) named += sb_timer_name((sb_phase_timer)i) != NULL;
  tap_ok(named == SB_T_COUNT && strcmp(sb_timer_name(SB_T_METRIC), "metric") == 0,
         "each has a name");
}

int main(void) {
  test_message();
  test_blocks();
  test_refusals();
  test_clock();
  return tap_done();
}
