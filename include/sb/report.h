/* layer: io */
/** report.json, schema 1 (DESIGN 7): what a run did, its metrics with floors, times and memory; and
 * the same on screen. */
#ifndef SB_REPORT_H
#define SB_REPORT_H
#include "sb/comm.h"

typedef enum sb_better { SB_LESS, SB_MORE, SB_TARGET } sb_better;

/** One metric. Numbers that do not exist are NAN (null in the file). */
typedef struct sb_metric {
  char name[48];         /**< "energy_distance", "drift_rmse" …    */
  char stage[16];        /**< "1", "2", "" whole                   */
  double t;              /**< time within the stage                */
  double value, stderr_; /**< and its standard error               */
  double floor, floor_q95, floor_train, baseline;
  int64_t n, m; /**< sample sizes                         */
  sb_better better;
  double target; /**< for SB_TARGET                        */
} sb_metric;

/** Numbers that a method leaves of its training: rows [rows, columns]. */
typedef struct sb_report_table {
  const char *name;
  const char *const *columns; /**< names, NULL at the end */
  int64_t rows;
  const double *data;
} sb_report_table;

/** A metric of whole draws with this name and value; all else does not exist. */
sb_metric sb_metric_of(const char *name, double value);

typedef struct sb_report {
  const char *method, *status; /**< done|stopped|diverged|not_converged             */
  const char *deck;            /**< used deck: its CRC-64 goes to the file, by which a run knows its report; or NULL */
  int64_t seed;
  const sb_metric *metrics;
  int metric_count;
  double error_time_step, error_score, error_ratio, error_monte_carlo; /**< NAN: not measured */
  int64_t memory_predicted, memory_peak; /**< bytes of the rank that has most                 */
  const sb_report_table *tables; /**< in the file alone: "tables":{NAME:{"columns":[…],"rows":[[…],…]}}    */
  int table_count;
  const char *const *files;              /**< below the directory; parts (NAME.p0001.h5 … of
                                              NAME.h5) are found and added                    */
  int file_count;
} sb_report;

/** Collective. Prints the tables (metrics; errors; time per phase as mean/min/max over ranks;
 * memory; files) and writes directory/report.json. Sizes and checksums (sb_path_crc) are those of
 * the files as they are now; a file that is missing has null. The phases are those of the timer
 * table and, as the last, "total": the age of the run. */
sb_status sb_report_write(const sb_comm *c, const char *directory, const sb_report *r);
/** Collective. *yes: directory/report.json is that of this used deck, and each of these files is the one that it lists
 * or missing in both. Only files that can be there are to be named. */
sb_status sb_report_stands(const sb_comm *c, const char *directory, const char *deck, const char *const *files, int n,
                           int *yes);

#endif
