/* Monotonic clock and the timer table: see sb/clock.h. */
#define _POSIX_C_SOURCE 200809L
#include "sb/clock.h"

#include <time.h>

static const char *const names[SB_T_COUNT] = {
    [SB_T_FORWARD] = "forward",   [SB_T_BACKWARD] = "backward", [SB_T_NOISE] = "noise",
    [SB_T_EXCHANGE] = "exchange", [SB_T_UPDATE] = "update",     [SB_T_SAMPLE] = "sample",
    [SB_T_OUTPUT] = "output",     [SB_T_METRIC] = "metric",     [SB_T_DATA] = "data",
};
static double gathered[SB_T_COUNT], birth;

double sb_clock(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void sb_clock_start(void) { birth = sb_clock(); }

double sb_clock_age(void) { return sb_clock() - birth; }

double sb_timer(sb_phase_timer phase, double since) {
  double t = sb_clock();
  gathered[phase] += t - since;
  return t;
}

double sb_timer_all(void) {
  double sum = 0;
  for (int i = 0; i < SB_T_COUNT; i++) sum += gathered[i];
  return sum;
}

double sb_timer_rest(sb_phase_timer phase, double since, double all) {
  return sb_timer(phase, since + (sb_timer_all() - all));
}

double sb_timer_seconds(sb_phase_timer phase) { return gathered[phase]; }

const char *sb_timer_name(sb_phase_timer phase) { return names[phase]; }
