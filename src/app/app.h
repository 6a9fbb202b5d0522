/* The program: command line, deck, and what the commands share.
 *
 * How a run knows what is done (--resume: the same command starts and goes on):
 *   networks       checkpoint.h5, or the newest one before it that is whole.
 *   draws, fields  samples.h5 and velocity.h5 are finished when their /about has this deck (but
 *                  for keys that do not touch them) and the checksum of this checkpoint. They come
 *                  last of what their command writes, but for their text for viewers.
 *   sampling.h5    the same: sampling goes on there.
 *   report.json    has the checksums of this deck and of the files beside it.
 * No other state is kept. Without --resume everything begins anew. */
#ifndef SB_APP_H
#define SB_APP_H
#include "sb/checkpoint.h"
#include "sb/comm.h"
#include "sb/keys.h"
#include "sb/method.h"
#include "sb/metric.h"
#include "sb/recorder.h"
#include "sb/sampler.h"

#define MAX_SECTIONS 64
#define MAX_BLOCKS   64
#define MAX_SET      64

enum { RESUME_NEVER, RESUME_AUTO, RESUME_FILE };

/* Command line. */
typedef struct app_line {
  const char *command, *input; /* deck or checkpoint; NULL none */
  const char *more;            /* the word behind, of help      */
  unsigned given;              /* bits of the options given     */
  const char *set[MAX_SET];
  int sets;
  int resume, overwrite, dry_run, strict_bits, quiet, verify, merge;
  int64_t slice, slices; /* of a study: slice of slices, from 1; 0: all */
  const char *resume_file, *at, *start, *samples, *truth;
  int64_t stop_after;     /* -1: no limit */
  double walltime, stall; /* seconds, 0: none */
} app_line;

/* Section "" and the sections of the program itself. */
typedef struct app_options {
  char *method, *output, *preset;
  int64_t seed;
} app_options;

typedef struct app_sample {
  int64_t n, blend;
} app_sample;

/* Of methods with two data sets. */
typedef struct app_bridge {
  int direction, start;
} app_bridge;

typedef struct app_record {
  int64_t particles, frames, part_frames, training;
  char *start_file;
  sb_reals image;
} app_record;

typedef struct app_velocity {
  int64_t points;
  sb_reals times, low, high;
} app_velocity;

typedef struct app_checkpoint {
  int64_t every, keep;
  double sampling;
} app_checkpoint;

typedef struct app_study {
  int64_t replicates, ranks_per_case, bootstrap;
} app_study;

/* What this rank knows of a wish to stop, and what all agreed on. */
typedef struct app_stop_state {
  char file[1024]; /* output/stop */
  int heed;        /* this rank looks for it: the output is this run's */
  double look;     /* when to look for it again */
  int by_file;
  double least_room; /* bytes on the disk, of which fewer end the run */
  double measure;    /* when to measure them again */
  double room;       /* too few bytes, 0: enough */
  char why[256];     /* "" until all agreed */
} app_stop_state;

/* The lock on the output directory, of rank 0. */
typedef struct app_claim_state {
  int held, fd;
} app_claim_state;

typedef struct app {
  sb_comm *comm;
  app_line line;
  sb_deck *deck;
  char *source; /* the deck as it was given; NULL: from a checkpoint */
  char *used;   /* the deck with all values                            */
  app_options options;
  app_sample sample;
  app_record record;
  app_velocity velocity;
  app_checkpoint checkpoint;
  app_study study;
  sb_data_options data_options[2]; /* of data and source */
  sb_law_options law_options[2];
  app_bridge bridge;
  sb_judge_options judge;
  sb_section section[MAX_SECTIONS];
  int sections;
  const sb_method *method;
  sb_run run;
  char checkpoint_path[1024]; /* of this run */
  const char *parent;         /* checkpoint that this run came from, or NULL */
  char parent_path[1024], parent_crc[17];
  int64_t steps_left; /* until --stop-after, -1: no limit */
  int64_t memory_predicted;
  app_stop_state stop;
  app_claim_state claim;
  int damaged; /* checkpoint.h5 … checkpoint.(damaged-1).h5 are damaged, those that exist */
} app;

/* A command of the table in main.c. */
typedef struct app_command {
  const char *name, *argument, *help;
  int needs_deck;
  sb_status (*run)(app *a);
} app_command;
extern const app_command app_commands[];

/* line.c: reads the command line; SB_USE with one line. */
sb_status app_line_read(int argc, char **argv, app_line *out);
const app_command *app_command_find(const char *name);

/* setup.c */
sb_status app_open(app *a);  /* collective: deck, sections, method, output directory's name */
sb_status app_start(app *a); /* collective: data, networks, settings on screen */
sb_status app_data(app *a);  /* collective: opens the data sets that the method needs */
void app_close(app *a);
sb_status app_truth(app *a); /* evaluate_samples.c: the deck that --truth stands for; collective */
int app_sections(app *a);    /* fills a->section for a->method; returns the number */
sb_status app_path(const app *a, const char *name, char *out, int size); /* output/NAME */
sb_status app_refuse(app *a, const char *name); /* collective: SB_USE when output/NAME exists and
                                                   neither --overwrite nor --resume */
sb_status app_deck_of(app *a, const char *text, int64_t length,
                      const char *name); /* reads a deck and binds it */

/* state.c */
sb_status app_save(void *self);               /* collective: writes the checkpoint */
sb_status app_load(app *a, const char *path); /* collective: fills the run from a checkpoint */
sb_status app_load_trained(app *a); /* collective: for commands that need finished networks */
sb_status app_history(app *a);      /* collective: history.csv, timing.csv */

/* check.c: what tables of keys cannot see in a deck, said before anything is learned or written.
 * Collective. */
sb_status app_check(app *a);
/* start.c: the table that stage 2 starts from. Check and from are collective; the latter fills the
 * cloud with starting points. */
int app_starts_from_file(const app *a);
int app_starts_inpaint(const app *a);
sb_status app_start_check(app *a);
sb_status app_start_from(app *a, sb_particles *cloud);

/* stop.c: any rank may learn that the run is to stop; all do it at the same step. */
typedef struct app_verdict {
  int stop;   /* now; why is in a->stop */
  int urgent; /* a second signal: what is quickest */
  int save;   /* it is time for a checkpoint */
} app_verdict;
sb_status app_stop_open(app *a); /* collective: signals, limits, watchdog */
void app_stop_close(app *a);
sb_status app_stall_open(app *a); /* collective: the watchdog of --stall-timeout */
#define APP_STALLED ".stalled."   /* and a number: its list of ranks that wait, in the output */
int app_stop_asked(void *self);   /* local, cheap: does this rank want to stop? */
/* Collective. left: seconds until the work ends by itself (rank 0's counts); what has little left
 * is finished. gap: of rank 0, to all; may be NULL. */
sb_status app_stop_agree(app *a, double left, int save_due, int64_t *gap, app_verdict *out);
sb_status app_stop_training(void *self, double left); /* collective: for sb_train_on */
/* Collective. Between two parts of a command that keeps nothing half-done; `where` stays:
 * "evaluating". */
sb_status app_stop_here(app *a, const char *where);
/* SB_EARLY with the line that the run ends with; rank 0 removes the file `stop`. */
sb_status app_stopped(app *a, const char *where, const char *kept);

/* claim.c */
sb_status app_claim(app *a); /* collective: the output directory, made and locked; left-overs go */
void app_release(app *a);
sb_status app_remove(app *a, const char *name); /* rank 0 removes output/NAME, there or not */

/* resume.c */
void app_checkpoint_name(int k, const char *how, char out[64]); /* "checkpoint.2HOW.h5" */
/* Collective. Path of the newest checkpoint that is whole, with a warning for each that is not; ""
 * where there is none. All damaged: SB_USE. */
sb_status app_newest(app *a, char *out, int size);
/* Collective. What is written from now on comes from this checkpoint, as it is now. */
sb_status app_parent(app *a, const char *path);
/* Collective. Is a file of this deck, but for keys that begin like one of `ignored`, and of this
 * parent? */
sb_status app_ours(app *a, sb_file *f, const char *const *ignored, int *yes);
/* Collective. With --resume: is output/NAME.h5 finished? */
sb_status app_finished(app *a, const char *name, const char *const *ignored, int *yes);
extern const char *const app_draw_ignores[];

/* points.c: tables of points that a user gives: /x (or another table) [rows, raw], finite numbers.
 * Collective. */
typedef struct app_points {
  const char *path, *table; /* borrowed */
  sb_file *file;
  int64_t rows;
  int gaps; /* NaN is a number that is not known, not an error */
} app_points;
sb_status app_points_open(app *a, const char *path, const char *table, app_points *out);
sb_status app_points_read(app *a, const app_points *p, int64_t first, int64_t count, double *x);
void app_points_close(app_points *p);

/* Frames in one file of trajectories: no more than the run has. */
int64_t app_part_frames(const app *a, int legs);

/* memory.c: bytes of one rank, and of the files; says no when there is less. Collective. */
sb_status app_predict(app *a);
sb_status app_predict_evaluation(app *a, int64_t rows); /* memory alone, of so many draws */
sb_status app_rough(app *a); /* rough.c: how long, roughly; collective, spoils the run's state */

/* commands */
sb_status app_run(app *a);
sb_status app_train(app *a);
sb_status app_draw(app *a);
sb_status app_velocity_files(app *a);
sb_status app_evaluate(app *a);
sb_status app_evaluate_samples(app *a); /* evaluate --samples --truth */
sb_status app_study_run(app *a);
sb_status app_report(app *a);
sb_status app_info(app *a);
sb_status app_help(app *a);

/* view.c: box and principal axes of what a run shows. */
typedef struct app_view {
  sb_projection projection; /* members NULL for d <= 3 */
  double low[3], high[3];   /* of the training rows along the axes shown, raw coordinates */
} app_view;
sb_status app_view_open(app *a, app_view *out); /* collective */
void app_view_close(app_view *v);

/* nearest.c: for samples that are pictures (record.image). */
typedef struct app_neighbours {
  int64_t n;      /* draws 0 .. n-1 that are looked at   */
  sb_share share; /* of the n                            */
  double *x;      /* [share.count, raw] raw coordinates; owned */
} app_neighbours;
sb_status app_image_check(const app *a); /* does record.image have as many numbers as a row? */
/* Collective. The training row nearest to each of the first draws, in network coordinates: exact;
 * of equally near ones the first. */
sb_status app_nearest(app *a, const sb_particles *cloud, app_neighbours *out);

#endif
