/* layer: base */
/** Progress of one process, and a thread that ends the process where there is none.
 *
 * Whoever works says so: sb_beat at every step, sb_tick where anything moved (a tile, a block, an answer of other
 * ranks). Who waits for others says nothing. */
#ifndef SB_WATCHDOG_H
#define SB_WATCHDOG_H
#include <stdint.h>

#include "sb/status.h"

/** This is what the process does from now on; texts that stay (what may be ""), step < 0: none. A few nanoseconds. */
void sb_beat(const char *phase, const char *what, int64_t step);
/** Something moved. */
void sb_tick(void);
/** What the process does; the parts of the last beat. */
void sb_beat_last(const char **phase, const char **what, int64_t *step);

/** Starts the thread. When nothing moved for this many seconds, end(seconds) is called in it; it says so and ends
 *  all ranks, and where that does not work either the process leaves after twenty more seconds, with status SB_STALL.
 *  A process that was stopped as a whole has not stalled. SB_SYS when there is no thread. */
sb_status sb_watchdog_start(double seconds, void (*end)(double seconds));

#endif
