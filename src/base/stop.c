/* Signals and the clock's limit: see sb/stop.h. */
#include "sb/stop.h"

#include <ctype.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sb/clock.h"

#define AGAIN 1.0 /* seconds after which a further signal is a further wish */

static volatile sig_atomic_t first, urgent;
static volatile double first_at; /* written once, before `first` */

static struct {
  double age, margin; /* limit, and the part of the margin that does not learn */
  const char *who;
  double longest;
} limit = {.age = INFINITY};

static void note(int signal) {
  const double now = sb_clock(); /* clock_gettime may be called here */
  if (!first) {
    first_at = now;
    first = signal;
  } else if (now - first_at >= AGAIN)
    urgent = 1;
}

void sb_stop_start(void) {
  static const int signals[] = {SIGUSR1, SIGUSR2, SIGTERM};
  struct sigaction act = {.sa_handler = note, .sa_flags = SA_RESTART};
  sigemptyset(&act.sa_mask);
  for (int i = 0; i < 3; i++)
    sigaddset(&act.sa_mask, signals[i]); /* they do not interrupt each other */
  for (int i = 0; i < 3; i++) sigaction(signals[i], &act, NULL);
}

int sb_stop_signal(void) { return first; }

int sb_stop_urgent(void) { return urgent; }

const char *sb_stop_name(int signal) {
  return signal == SIGUSR1 ? "USR1" : signal == SIGUSR2 ? "USR2" : "TERM";
}

/* --- Durations
 * ---------------------------------------------------------------------------------- */

/* D-HH:MM:SS or H:MM:SS behind the days. Minutes and seconds have two digits, below 60. */
static int read_colons(const char *text, double *seconds) {
  char *end;
  const long hours = strtol(text, &end, 10);
  if (end == text || hours < 0) return 0;
  *seconds += 3600.0 * (double)hours;
  for (int i = 0; i < 2; i++) {
    const char *s = end;
    if (s[0] != ':' || s[1] < '0' || s[1] > '5' || !isdigit((unsigned char)s[2])) return 0;
    *seconds += ((s[1] - '0') * 10 + (s[2] - '0')) * (i ? 1 : 60);
    end += 3;
  }
  return !*end;
}

/* 2h30m: numbers with units that become smaller; without a unit one number of seconds. */
static int read_units(const char *text, double *seconds) {
  static const char units[] = "dhms";
  static const double worth[] = {86400, 3600, 60, 1};
  const char *left = units;
  char *end;
  while (*text) {
    if (!isdigit((unsigned char)*text) && *text != '.') return 0;
    const double x = strtod(text, &end);
    if (!*end && left == units) return *seconds = x, 1;
    const char *unit = *end ? strchr(left, *end) : NULL;
    if (end == text || !unit) return 0;
    *seconds += x * worth[unit - units];
    left = unit + 1;
    text = end + 1;
  }
  return left != units;
}

sb_status sb_duration(const char *text, double *seconds) {
  double sum = 0;
  const char *dash = strchr(text, '-');
  int good;
  if (strchr(text, ':')) {
    char *end = NULL;
    if (dash) sum = 86400.0 * (double)strtol(text, &end, 10);
    good = (dash ? dash > text && end == dash : 1) && isdigit((unsigned char)*text) &&
           read_colons(dash ? dash + 1 : text, &sum);
  } else
    good = read_units(text, &sum);
  if (!good || !(sum > 0) || !(sum < 1e12))
    return sb_fail(SB_USE, "'%s' is not a duration: seconds, H:MM:SS, D-HH:MM:SS, or as in 2h30m",
                   text);
  *seconds = sum;
  return SB_OK;
}

/* --- The clock's limit
 * -------------------------------------------------------------------------- */

void sb_stop_limit(double age, const char *who) {
  if (age >= limit.age) return;
  const double whole = age - sb_clock_age();
  limit.age = age;
  limit.margin = whole < 10 ? whole / 2 : 5;
  limit.who = who;
}

void sb_stop_wrote(double seconds) {
  if (seconds > limit.longest) limit.longest = seconds;
}

double sb_stop_longest(void) { return limit.longest; }

double sb_stop_margin(void) { return 2 * limit.longest + limit.margin; }

const char *sb_stop_due(void) {
  return sb_clock_age() >= limit.age - sb_stop_margin() ? limit.who : NULL;
}

void sb_stop_forget(void) {
  first = urgent = 0;
  limit.age = INFINITY;
  limit.margin = limit.longest = 0;
  limit.who = NULL;
}
