/* layer: methods */
/** What a method is: a file (or folder) and a line in methods.list. A method trains something and returns legs;
 *  the sampler,
 * the recorder and the metrics know none. */
#ifndef SB_METHOD_H
#define SB_METHOD_H
#include "sb/checkpoint.h"
#include "sb/data.h"
#include "sb/recorder.h"
#include "sb/report.h"
#include "sb/noise.h"
#include "sb/sampler.h"
#include "sb/train.h"

/** A method at work. */
typedef struct sb_run {
  const sb_comm *comm;
  uint64_t seed;
  sb_data *data;   /**< what is learned: where a bridge ends, t = 1                             */
  sb_data *source; /**< where a bridge begins, t = 0; NULL for methods that need one data set  */
  int backward;    /**< sample.direction: draws go from data to source, time from 1 to 0       */
  int given;       /**< sample.start: file; legs then begin with SB_START_KEEP                 */
  const struct sb_method *method;
  void *state; /**< [method->state_size], zeroed; the method's own */
  sb_bridge *bridge; /**< closed form of the bridge between the laws of two sets, where it is known; the method opens
                          it (sb_data_bridge) and closes it                                        */
  int open_end; /**< an iteration ended before its tolerance (the method said which): not_converged in the report */
} sb_run;

/** The sets where draws begin and end; of methods with one set: NULL, data. */
static inline sb_data *sb_run_start(const sb_run *run) { return run->backward ? run->data : run->source; }
static inline sb_data *sb_run_end(const sb_run *run) { return run->backward ? run->source : run->data; }
/** Are exact fields known? Then method->legs, marginal and density serve SB_VIEW_CLOSED. */
static inline int sb_run_known(const sb_run *run) {
  if (!run->source) return run->data->mixture != NULL;
  return run->bridge && (!run->backward || sb_bridge_both(run->bridge));
}
/** How the first leg of a bridge begins, and the starting points of particles (for field.begin): fresh draws of the
 *  law at the start, or all rows of its table. */
static inline sb_start sb_run_begins(const sb_run *run) { return run->given ? SB_START_KEEP : SB_START_OWN; }
static inline sb_status sb_run_begin(const sb_run *run, int64_t first, int rows, double *x) {
  const uint64_t key = sb_noise_key(run->seed, SB_FOR_START, (uint32_t)run->backward, 0);
  return sb_data_begin(sb_run_start(run), key, first, rows, x);
}

/** Which fields stand in the legs. Bit i of exact: the oracle stands for part i of the method's learned parts; ~0:
 *  as the deck
 *  says (every part exact: the closed form). draws: Monte-Carlo draws, 0 as the deck says, -1 the closed form. */
typedef struct sb_view {
  unsigned exact;
  int64_t draws;
} sb_view;
#define SB_VIEW_DECK ((sb_view){~0u, 0})
#define SB_VIEW_CLOSED ((sb_view){0xffu, -1})

/** What draws are to be compared with, where it is not the law of the data: all in network coordinates, owned by the
 *  method. */
typedef struct sb_target {
  int other;               /**< draws follow a law of their own: conditional, posterior                       */
  const double *mean, *cov; /**< its moments [d], [d, d]; NULL where they are not known                        */
  const int *moved;        /**< [d] 0 where a coordinate is given                                             */
  const double *truth;     /**< [cases, d] what the draws of each case stand for; NULL: there is but one case */
  int64_t cases;           /**< chain i is of case i mod cases                                                */
  int64_t per_chain;       /**< draws of a chain                                                              */
  const double *chain_mean, *chain_cov; /**< moments [d], [d, d] of what the sampler draws of infinitely many training
                                             rows, its step included; NULL where they are not known             */
} sb_target;

/** A named set of values for keys that the deck leaves out. */
typedef struct sb_preset {
  const char *name, *about;
  const char *const *assignments; /**< "train.steps=1000", NULL at the end */
} sb_preset;

#define SB_MAX_LEGS 8
#define SB_MAX_TASKS 4

typedef struct sb_method {
  const char *name, *summary, *source; /**< key value; line of help; paper and equations             */
  int needs;                     /**< data sets, 1 or 2: section `data`, and `source`                 */
  int streams;                   /**< takes its rows by sb_data_batch: data.stream may be true        */
  size_t state_size;
  const sb_preset *presets;      /**< ends with a zeroed one; or NULL                                 */
  const char *const *parts;      /**< learned parts in order of bits, NULL at the end                 */
  /** Sections of the deck that the method owns, pointing into state; returns their number (at most `most`). */
  int (*sections)(void *state, sb_section *out, int most);
  /** Collective; after the data are there, before memory is predicted: what tables of keys cannot see. NULL: none. */
  sb_status (*check)(sb_run *run);
  /** Bytes that one rank will allocate for networks and fields; before open. */
  int64_t (*bytes)(sb_run *run);
  /** Collective; after the deck and the data are there. */
  sb_status (*open)(sb_run *run);
  void (*close)(sb_run *run);
  /** Networks to train, in order; returns their number. */
  int (*tasks)(sb_run *run, sb_task **out, int most);
  /** Collective, between two networks: *next is the one of tasks() to train now, all that it needs made ready, or their
   *  number when all are trained. What was done before is told from their steps alone. NULL: each once, in order. */
  sb_status (*turn)(sb_run *run, int *next);
  /** What a checkpoint holds beside the networks (constants that a reader of the model needs); returns the number. */
  int (*blocks)(sb_run *run, sb_block *out, int most);
  /** Collective. Finds what is neither network nor constant of the deck (the scaling of a kernel), unless it is there
   *  or came from a checkpoint; before legs are asked for. NULL: nothing. */
  sb_status (*prepare)(sb_run *run);
  /** Collective. Says on the screen what prepare will take; adds to *seconds. After open. NULL: nothing to say. */
  sb_status (*foretell)(sb_run *run, double *seconds);
  /** What prepare found, for a checkpoint to hold and give back; returns the number of blocks. NULL: none. */
  int (*prepared)(sb_run *run, sb_block *out, int most);
  /** Legs for the sampler. One view is alive at a time: a new call replaces the last. Collective. */
  sb_status (*legs)(sb_run *run, sb_view view, sb_leg *out, int most, int *n);
  /** n draws, first .. first+n-1 of stream key, of the exact law at time t of a leg: x [n, d]. Local. Needs
   *  training rows or a law only. */
  sb_status (*marginal)(sb_run *run, int leg, double t, uint64_t key, int64_t first, int64_t n, double *x);
  /** Density of that law, log p [n]: SB_USE, or NaN, where it has none that is known. Local. */
  sb_status (*density)(sb_run *run, int leg, double t, int64_t n, const double *x, double *logp);
  /** Network part `part` at a leg's time, for those who take the model elsewhere: out [n, width]; n 0: the width.
   *  SB_USE: this run has no such part. Local. NULL: none. */
  sb_status (*part)(sb_run *run, int part, double t, int64_t n, const double *x, double *out, int *width);
  /** Of a bridge: moments of where paths end that begin at x [rows, d], in the run's direction: mean [rows, d], cov
   *  [rows, d, d]. Local. NULL: not in closed form. */
  sb_status (*plan)(sb_run *run, int64_t rows, const double *x, double *mean, double *cov);
  /** What draws follow; NULL: the law of the data. Collective. */
  sb_status (*target)(sb_run *run, sb_target *out);
  /** Turns positions x [n, d] at the end of the first leg into what is recorded of them. Local. */
  sb_status (*shown)(sb_run *run, int64_t n, double *x);
  /** Collective. Makes starting points of the rows of a file (a leg with SB_START_KEEP comes first): `group` particles
   *  in a row come from the same rows. Called again when a run goes on: the cloud then only tells the rows. NULL: the
   *  rows are the starting points. */
  sb_status (*started)(sb_run *run, int64_t group, sb_particles *cloud);
  /** Collective. Files of the method's own, after training: NAME.h5 in a directory. NULL: none. */
  sb_status (*leave)(sb_run *run, const char *directory, const sb_projection *projection, const char *parent);
  /** Collective. Metrics of the method's own, at most `most`, for the report. NULL: none. */
  sb_status (*metrics)(sb_run *run, sb_metric *out, int most, int *n);
  /** What the report is to hold of the training; borrowed; returns the number of tables. NULL: none. */
  int (*tables)(sb_run *run, sb_report_table *out, int most);
  /** Collective. Says what the last sampling showed (effective sample size …). */
  sb_status (*remark)(sb_run *run);
} sb_method;

/** By name; NULL unknown. By index 0 …: NULL beyond the last. */
const sb_method *sb_method_find(const char *name);
const sb_method *sb_method_at(int index);

#endif
