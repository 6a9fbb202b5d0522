/* layer: base */
/** Status of a call, and the one message that the end of main prints.
 *
 * Every function that can fail returns an sb_status. The first failure of a process leaves its message here;
 * nothing below main prints errors. A collective function returns the same status on every rank (sb/comm.h). */
#ifndef SB_STATUS_H
#define SB_STATUS_H

/** Statuses are the exit statuses of the program. */
typedef enum sb_status {
  SB_OK = 0,
  SB_USE = 1,    /**< wrong command, deck or data: nothing was written over       */
  SB_BAD = 2,    /**< the numbers failed: not finite, diverged                    */
  SB_SYS = 3,    /**< file system, HDF5, memory, MPI                              */
  SB_EARLY = 75, /**< stopped early on purpose; a checkpoint is written           */
  SB_STALL = 76  /**< the watchdog ended a stalled run                            */
} sb_status;

#define SB_MESSAGE_MAX 1024

/** Keeps the message (what is wrong, where, what to do) unless one is kept already; returns s. One line, no newline. */
sb_status sb_fail(sb_status s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** The kept message, or "" . */
const char *sb_message(void);

/** Forgets the kept message (a failure that was dealt with). */
void sb_forget(void);

/** Returns early when a call fails. */
#define SB_TRY(call)                 \
  do {                               \
    sb_status sb_try_ = (call);      \
    if (sb_try_) return sb_try_;     \
  } while (0)

#endif
