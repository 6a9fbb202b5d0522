/* layer: base */
/** Wall clock and the timer table: where a run spends its time. */
#ifndef SB_CLOCK_H
#define SB_CLOCK_H

/** Phases of the timer table that ends every run. */
typedef enum sb_phase_timer {
  SB_T_FORWARD,  /**< networks and fields, evaluated                */
  SB_T_BACKWARD, /**< gradients                                     */
  SB_T_NOISE,    /**< random numbers                                */
  SB_T_EXCHANGE, /**< sums over ranks                               */
  SB_T_UPDATE,   /**< clip, optimiser, average                      */
  SB_T_SAMPLE,   /**< sampling as a whole                           */
  SB_T_OUTPUT,   /**< files                                         */
  SB_T_METRIC,   /**< evaluation                                    */
  SB_T_DATA,     /**< reading and preparing data                    */
  SB_T_COUNT
} sb_phase_timer;

/** Seconds of a monotonic clock. */
double sb_clock(void);

/** Seconds since the process called sb_clock_start (the run's age). */
void sb_clock_start(void);
double sb_clock_age(void);

/** Adds the time since `since` to a phase and returns the present time:  t = sb_clock(); …; t =
 *  sb_timer(SB_T_NOISE, t); */
double sb_timer(sb_phase_timer phase, double since);

/** The same for a phase with others inside it: adds the time that they left. all: sb_timer_all() as it was at
 *  `since`. */
double sb_timer_rest(sb_phase_timer phase, double since, double all);
/** Seconds gathered by all phases on this rank. */
double sb_timer_all(void);

/** Seconds gathered by a phase on this rank, and its name. */
double sb_timer_seconds(sb_phase_timer phase);
const char *sb_timer_name(sb_phase_timer phase);

#endif
