/* What the files of the command study know of each other.
 *
 * A study is a grid of points, each run `study.replicates` times: case = point * replicates +
 * replicate. The last key of the grid turns fastest; keys of study.along turn with the first.
 * Results are rows of study.h5, in the order of the cases; where they came from, and in which
 * order, does not show. */
#ifndef SB_STUDY_H
#define SB_STUDY_H
#include "app.h"
#include "sb/ledger.h"
#include "sb/teams.h"

#define STUDY_AXES    16
#define STUDY_VALUES  1024 /* of one key                   */
#define STUDY_METRICS 64   /* of one case                  */
#define STUDY_WORD    64   /* letters of a value that is no number */
#define STUDY_REASON  256
#define STUDY_COLUMNS (STUDY_AXES + 20)

typedef struct study_axis {
  const char *key;
  int values, numbers; /* numbers: every value is one */
} study_axis;

typedef struct study_plan {
  const app *a;
  int axes, along; /* along: keys that go with the first axis */
  study_axis axis[STUDY_AXES];
  int64_t points, replicates, cases;
  char *title; /* the used deck without what does not touch results */
} study_plan;

enum { STUDY_DONE = 1, STUDY_FAILED = 2 };

/* A case, as study.h5 has it. */
typedef struct study_row {
  double number[STUDY_AXES];
  char word[STUDY_AXES][STUDY_WORD];
  int64_t state, replicate, seed, metrics;
  char reason[STUDY_REASON];
  char name[STUDY_METRICS][48], stage[STUDY_METRICS][16];
  double t[STUDY_METRICS], value[STUDY_METRICS], error[STUDY_METRICS], floor[STUDY_METRICS],
      floor_q95[STUDY_METRICS], floor_train[STUDY_METRICS], baseline[STUDY_METRICS];
  int64_t n[STUDY_METRICS], m[STUDY_METRICS];
  double seconds;
  int64_t ranks;
} study_row;

/* study_plan.c. Local, the same on every rank: reads the grid and tries the deck of every point. */
sb_status study_plan_open(const app *a, study_plan *out);
void study_plan_close(study_plan *p);
/* Value of an axis at a point. */
const char *study_value(const study_plan *p, int axis, int64_t point);
/* "data.n=500 train.steps=20". */
void study_point_text(const study_plan *p, int64_t point, char *out, int size);
/* The deck of a case, bound; a->line and a->comm are taken over. out is zeroed before, and closed
 * by app_close. */
sb_status study_deck(const study_plan *p, int64_t number, app *out);
/* What is known of a case before it runs. */
void study_row_begin(const study_plan *p, int64_t number, study_row *out);

/* study_case.c. Collective over the team. Fills row on every rank: done, or failed with its reason.
 * Any status but SB_OK ends the study. */
sb_status study_case(const study_plan *p, int64_t number, sb_comm *team, sb_queue *queue,
                     study_row *row);

/* study_file.c */
typedef struct study_file {
  sb_ledger_column column[STUDY_COLUMNS];
  char path[STUDY_AXES][160];
  int n;
  char name[1024]; /* of the file */
  sb_ledger *ledger;
} study_file;
/* Collective. study.h5 in a directory: made, or taken up (create = 0; then one of another study is
 * SB_USE). */
sb_status study_file_open(const study_plan *p, const char *directory, int create, int write,
                          study_file *out);
/* One rank alone. */
sb_status study_file_put(const study_plan *p, study_file *f, int64_t number, const study_row *row);
sb_status study_file_get(const study_plan *p, study_file *f, int64_t number, study_row *row,
                         int *there);
void study_file_close(study_file *f);

/* study_table.c: what all finished cases say, on one rank. */
typedef struct study_id { /* a metric: by name, stage and place among the times of its stage */
  char name[48], stage[16];
  int place;
} study_id;
typedef struct study_table {
  const study_plan *plan;
  int ids;
  study_id *id;
  double *cell;    /* [cases, ids, STUDY_NUMBERS]; NAN: not there */
  int64_t *failed; /* [points] */
} study_table;
enum {
  STUDY_T,
  STUDY_VALUE,
  STUDY_ERROR,
  STUDY_FLOOR,
  STUDY_FLOOR_Q95,
  STUDY_FLOOR_TRAIN,
  STUDY_BASELINE,
  STUDY_NUMBERS
};
sb_status study_table_read(const study_plan *p, study_file *f, study_table *out);
void study_table_free(study_table *t);
/* Mean over the replicates of a point that are there, NAN where none is; *n counts them and *sd is
 * the standard deviation (either may be NULL). */
double study_mean(const study_table *t, int64_t point, int id, int number, int *n, double *sd);
/* Text of a table under construction; text is of sb_mem_new. */
typedef struct study_csv {
  char *text;
  int64_t used, room;
  sb_status status;
} study_csv;
void study_csv_add(study_csv *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void study_csv_number(study_csv *t, double x); /* a comma, and the number where there is one */
void study_csv_word(study_csv *t, const char *word);
/* study.csv */
sb_status study_table_text(const study_table *t, study_csv *out);
/* study_slopes.c: slopes.csv; the first of them go to the screen, too. */
sb_status study_slopes_text(const study_table *t, study_csv *out);

#endif
