/* layer: base */
/** What a user sees while the program runs: rank 0 speaks, standard output, flushed by line. */
#ifndef SB_LOG_H
#define SB_LOG_H

/** Set once at start: only rank 0 prints; quiet silences all but errors. */
void sb_log_start(int rank, int quiet);

/** One line or several (rank 0 only; the caller ends the line). Not sb_log: that is the logarithm. */
void sb_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** One line that begins "sbridge: warning:" on standard error (rank 0 only). */
void sb_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** True where a progress line may be redrawn (rank 0, standard output is a terminal). */
int sb_log_live(void);

#endif
