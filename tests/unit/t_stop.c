/* Durations, signals, the clock's limit, beats. */
#include <math.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sb/clock.h"
#include "sb/stop.h"
#include "sb/watchdog.h"
#include "tap.h"

static void durations(void) {
  static const struct {
    const char *text;
    double seconds;
  } good[] = {{"90", 90},          {"1.5", 1.5},          {"0:00:07", 7},        {"2:30:00", 9000},
              {"100:00:00", 36e4}, {"1-02:03:04", 93784}, {"2h30m", 9000},       {"45m", 2700},
              {"1d", 86400},       {"1d12h", 129600},     {"1h2m3s", 3723},      {"10s", 10},
              {"1.5h", 5400},      {"0-00:01:00", 60},    {"1000000", 1000000.0}};
  static const char *const bad[] = {"",       "0",     "-5",      "x",      "2h30",     "30m2h",
                                    "1:5:00", "1:00",  "1:60:00", "1:00:0", "1:00:00x", "-1:00:00",
                                    "h",      "1e999", "2h30m4",  "1-2h",   "nan",      "inf",
                                    " 5",     "5 ",    "0:00:00"};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    double seconds = NAN;
    tap_ok(sb_duration(good[i].text, &seconds) == SB_OK && fabs(seconds - good[i].seconds) < 1e-9,
           "%s is %g seconds", good[i].text, good[i].seconds);
    sb_forget();
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    double seconds = -7;
    tap_ok(sb_duration(bad[i], &seconds) == SB_USE && seconds == -7 &&
               strstr(sb_message(), "is not a duration"),
           "'%s' is refused", bad[i]);
    sb_forget();
  }
}

static void nap(double seconds) {
  const struct timespec t = {(time_t)seconds, (long)(1e9 * (seconds - floor(seconds)))};
  nanosleep(&t, NULL);
}

static void signals(void) {
  sb_stop_start();
  tap_ok(!sb_stop_signal() && !sb_stop_urgent(), "nothing came");
  raise(SIGUSR2);
  raise(SIGTERM);
  tap_ok(sb_stop_signal() == SIGUSR2 && !strcmp(sb_stop_name(sb_stop_signal()), "USR2"),
         "the first one counts");
  tap_ok(!sb_stop_urgent(), "two at once are one wish");
  nap(1.1);
  raise(SIGUSR1);
  tap_ok(sb_stop_urgent() && sb_stop_signal() == SIGUSR2, "a later one is urgent");
  sb_stop_forget();
}

static void limits(void) {
  sb_clock_start();
  tap_ok(!sb_stop_due(), "no limit");
  sb_stop_limit(100, "a long one");
  tap_close(sb_stop_margin(), 5, 0.1, "a margin of seconds");
  sb_stop_wrote(20);
  sb_stop_wrote(3);
  tap_close(sb_stop_margin(), 45, 0.1, "the longest write counts");
  tap_ok(!sb_stop_due(), "not yet");
  sb_stop_wrote(48);
  tap_ok(sb_stop_due() && !strcmp(sb_stop_due(), "a long one"), "now");
  sb_stop_forget();
  sb_stop_limit(0.4, "first");
  sb_stop_limit(50, "second");
  tap_ok(!sb_stop_due(), "a short limit is not over at once");
  nap(0.3);
  tap_ok(sb_stop_due() && !strcmp(sb_stop_due(), "first"),
         "but at its half; the nearer limit counts");
  sb_stop_forget();
}

static void beats(void) {
  const char *phase, *what;
  int64_t step;
  sb_beat("training", "score", 12);
  sb_tick();
  sb_beat_last(&phase, &what, &step);
  tap_ok(!strcmp(phase, "training") && !strcmp(what, "score") && step == 12, "the last beat");
}

int main(void) {
  durations();
  signals();
  limits();
  beats();
  return tap_done();
}
