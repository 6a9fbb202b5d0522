/* layer: base */
/** Wishes to stop, as one process learns of them: signals, and a limit of the clock. Nothing here talks to other ranks:
 *  what they agree on is the program's matter. */
#ifndef SB_STOP_H
#define SB_STOP_H
#include "sb/status.h"

/** From now on USR1, USR2 and TERM are noted and no longer end the process; calls of the system that a signal
 *  interrupts go on. Before MPI_Init, so that a signal meanwhile is noted, and again after it: MPI may set handlers. */
void sb_stop_start(void);
/** The first signal noted, 0: none. */
int sb_stop_signal(void);
/** 1 when one more came a second or more after the first: batch systems send one wish over several paths. */
int sb_stop_urgent(void);
/** "USR1", "USR2", "TERM". */
const char *sb_stop_name(int signal);

/** Seconds of a duration: "90", "1.5", "H:MM:SS", "D-HH:MM:SS", "2h30m" (d, h, m, s in this order). SB_USE where it is
 *  none of these, or not positive. */
sb_status sb_duration(const char *text, double *seconds);

/** The process is to have ended at this age (sb_clock_age); of several limits the first counts. who: where the limit
 *  comes from, for messages; borrowed. */
void sb_stop_limit(double age, const char *who);
/** To write what is kept took this long: the longest is remembered. */
void sb_stop_wrote(double seconds);
double sb_stop_longest(void);
/** Seconds before the limit at which it is time to stop: twice the longest write, and 5 (of a limit below ten seconds
 *  its half). */
double sb_stop_margin(void);
/** Where the limit comes from, when it is time; else NULL. */
const char *sb_stop_due(void);
/** As if nothing had come (tests). */
void sb_stop_forget(void);

#endif
