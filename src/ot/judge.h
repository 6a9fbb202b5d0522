/* Private to sb_judge: what its parts share. */
#ifndef SB_OT_JUDGE_H
#define SB_OT_JUDGE_H
#include "sb/metric.h"

/* Sets that are compared with true points. */
enum { SAMPLE, FLOOR, TRAINED, BASELINE, KINDS };

/* Values of one statistic, kind by kind. */
typedef struct judge_values {
  int64_t count[KINDS];
  double *of[KINDS]; /* [count] each, in one block that of[0] owns */
} judge_values;

typedef struct judge {
  const sb_comm *c;
  const sb_judge_options *o;
  const sb_judge_input *in;
  int d, finite; /* finite: true and fresh rows are those of the pool, else new ones each time */
  int64_t size, w2_size;                 /* points on each side of a block                 */
  int64_t count[KINDS], w2_count[KINDS]; /* blocks of each kind */
  int64_t pool_true, pool_fresh;         /* rows of the pool: so many true ones, then fresh ones */
  double *x, *y;    /* [room for size, d]: the two sides of a comparison                         */
  double bandwidth; /* median distance of true points, 1 where most are equal */
  sb_metric *out;
  int most, n; /* metrics: room, and written so far                                         */
} judge;

/* Streams of the purpose SB_FOR_METRIC. */
enum { KEY_MEDIAN, KEY_SLICES, KEY_SPLIT, KEY_RESAMPLE, KEY_TEST };
uint64_t judge_key(const judge *j, int use, int64_t replicate);

/* Collective. Block r of a kind: x, and true points y to compare it with; this rank's share of so
 * many rows. */
sb_status judge_block(const judge *j, int kind, int64_t r, int64_t rows, double *x, double *y);
/* Not collective. Rows of a block, x not for SAMPLE. */
sb_status judge_rows(const judge *j, int kind, int64_t r, int64_t rows, sb_share part, double *x,
                     double *y);
/* Not collective. Rows of block r of true points. */
sb_status judge_truth(const judge *j, int64_t r, int64_t rows, sb_share part, double *y);
/* Not collective. Rows of a source, all finite. */
sb_status judge_draw(const judge *j, const char *what, sb_source s, int64_t replicate,
                     int64_t first, int64_t count, double *x);

/* Rows that this rank's share has at most, of sets of no more than n: of a smaller set it may be
 * larger. */
int64_t judge_room(const judge *j, int64_t n);

/* The next metric, without numbers; never NULL: room was checked. */
sb_metric *judge_metric(judge *j, const char *name, int64_t n, int64_t m);

/* Arrays for values; the caller agrees, and frees of[0]. */
sb_status judge_values_new(judge_values *v, const int64_t count[KINDS]);
/* Value, standard error, floor, its quantile, training floor, baseline from blocks. `use` keys the
 * resampling. */
sb_status judge_summarise(const judge *j, const judge_values *v, int use, sb_metric *m);
/* 95 % quantile of values, which are sorted by this. */
double judge_q95(int64_t n, double *values);
double judge_mean(int64_t n, const double *values);

/* Collective: the metrics of one file each. */
sb_status judge_moments(judge *j);
sb_status judge_blocks(judge *j);
sb_status judge_w2(judge *j);
sb_status judge_sinkhorn(judge *j);
sb_status judge_memory(judge *j);
sb_status judge_test(judge *j);

#endif
