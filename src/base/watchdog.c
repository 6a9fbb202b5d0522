/* Beats and the thread that waits for them: see sb/watchdog.h. */
#include "sb/watchdog.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sb/clock.h"

#define GRACE 20 /* seconds that ending all ranks may take */

static struct {
  _Atomic(const char *) phase, what;
  _Atomic int64_t step;
  _Atomic uint64_t moved;
} beat = {"starting", "", -1, 0};

static struct {
  double seconds;
  void (*end)(double seconds);
} dog;

/* One thread writes: to load and to store is enough. */
void sb_tick(void) {
  const uint64_t n = atomic_load_explicit(&beat.moved, memory_order_relaxed);
  atomic_store_explicit(&beat.moved, n + 1, memory_order_relaxed);
}

void sb_beat(const char *phase, const char *what, int64_t step) {
  atomic_store_explicit(&beat.phase, phase, memory_order_relaxed);
  atomic_store_explicit(&beat.what, what, memory_order_relaxed);
  atomic_store_explicit(&beat.step, step, memory_order_relaxed);
  sb_tick();
}

void sb_beat_last(const char **phase, const char **what, int64_t *step) {
  *phase = atomic_load_explicit(&beat.phase, memory_order_relaxed);
  *what = atomic_load_explicit(&beat.what, memory_order_relaxed);
  *step = atomic_load_explicit(&beat.step, memory_order_relaxed);
}

static void leave(int signal) {
  (void)signal;
  _exit(SB_STALL);
}

/* Sleeps are added up, each counted as no longer than planned: whoever was stopped as a whole slept
 * longer. */
static void *watch(void *unused) {
  const double nap = dog.seconds < 8 ? dog.seconds / 8 : 1;
  const struct timespec pause = {(time_t)nap, (long)(1e9 * (nap - (double)(time_t)nap))};
  double waited = 0;
  uint64_t seen = 0;
  while (waited < dog.seconds) {
    nanosleep(&pause, NULL);
    const uint64_t now = atomic_load_explicit(&beat.moved, memory_order_relaxed);
    waited = now == seen ? waited + nap : 0;
    seen = now;
  }
  struct sigaction act = {.sa_handler = leave};
  sigaction(SIGALRM, &act, NULL);
  alarm(GRACE);
  dog.end(waited);
  return unused;
}

sb_status sb_watchdog_start(double seconds, void (*end)(double seconds)) {
  pthread_t thread;
  dog.seconds = seconds;
  dog.end = end;
  const int code = pthread_create(&thread, NULL, watch, NULL);
  if (code) return sb_fail(SB_SYS, "the watchdog cannot start: %s", strerror(code));
  pthread_detach(thread);
  return SB_OK;
}
