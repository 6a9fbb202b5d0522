/* layer: data */
/* What the files of data know of each other while sb_data_open builds. */
#ifndef SB_DATA_WORK_H
#define SB_DATA_WORK_H
#include "sb/data.h"
#include "sb/file.h"

/* The section that messages name. */
static inline const char *sb_section_of(const sb_data_options *o) {
  return o->section ? o->section : "data";
}

/** Raw rows of this rank (sb_share_of total). */
typedef struct sb_rows {
  const char *name; /**< for messages: "file, dataset" or the law       */
  const char *path; /**< dataset; NULL for a law                        */
  sb_file *file;    /**< open until the rows are read; NULL for a law   */
  sb_law *law;      /**< borrowed                                       */
  int64_t total, first, count;
  int raw;
  double *x;           /**< [count, raw]                                   */
  unsigned char *held; /**< [count] 1: held out                            */
  int64_t n;           /**< training rows of all ranks                     */
} sb_rows;

/** Moments of the training rows in raw coordinates, the same bits on any number of ranks. */
typedef struct sb_spread {
  double *low, *high, *mean; /**< [raw]                                      */
  double *cov;               /**< [raw, raw], divided by n - 1               */
} sb_spread;

/* --- rows.c: all collective ---------------------------------------------------------------------
 */

/** total and raw; opens the table. */
sb_status sb_rows_size(const sb_comm *c, const sb_data_options *o, sb_rows *r);
/** Allocates, draws or reads, checks that all numbers are numbers. */
sb_status sb_rows_fill(const sb_comm *c, uint64_t seed, sb_rows *r);
sb_status sb_rows_crc(const sb_comm *c, const sb_rows *r, char crc[17]);
void sb_rows_free(sb_rows *r);

/* --- moments.c ----------------------------------------------------------------------------------
 */

/** Collective. */
sb_status sb_spread_of(const sb_comm *c, const sb_rows *r, sb_spread *out);
void sb_spread_free(sb_spread *s);
/** Local. Moments of the rows of two spreads together, of n[0] and n[1] rows. */
sb_status sb_spread_pool(const sb_spread *s[2], const int64_t n[2], int raw, sb_spread *out);
/** 1 when all training rows have the same number in this column, up to rounding. */
int sb_spread_constant(const sb_spread *s, int column);
/** Bytes per rank. */
double sb_spread_bytes(int raw);

/* --- standardise.c -------------------------------------------------------------------------------
 */

/** Collective. The map that the options ask for, and the moments in its coordinates (mean [d], cov
 * [d, d]). */
sb_status sb_affine_choose(const sb_comm *c, const sb_data_options *o, const sb_rows *r,
                           sb_spread *s, sb_affine *out, double **mean, double **cov);
/** Local. A second copy of a map; moments of a spread in its coordinates (mean [d], cov [d, d]). */
sb_status sb_affine_copy(const sb_affine *a, sb_affine *out);
sb_status sb_affine_moments(const sb_affine *a, const sb_spread *s, double **mean, double **cov);
void sb_affine_free(sb_affine *a);

#endif
