/* Tables and laws for the tests of data. */
#ifndef SB_TEST_TABLE_H
#define SB_TEST_TABLE_H
#include <stdlib.h>
#include <string.h>

#include "sb/data.h"
#include "sb/file.h"
#include "sb/mem.h"
#include "sb/noise.h"
#include "tap.h"

static char path[512], dataset[] = "/x"; /* the table under test */

/* --- Helpers
 * --------------------------------------------------------------------------------------- */

static inline int law_named(const char *name) {
  const char *found, *summary, *source;
  for (int k = 1; sb_law_describe(k, &found, &summary, &source); k++)
    if (!strcmp(found, name)) return k;
  return 0;
}

static inline sb_law_options law_of(const char *name) {
  return (sb_law_options){.law = law_named(name),
                          .dimension = 2,
                          .modes = 6,
                          .radius = 5,
                          .variance = 1,
                          .bridge_variance = 1};
}

static inline sb_data_options table_of(void) {
  return (sb_data_options){.file = path, .dataset = dataset};
}

/* The same on all ranks? */
static inline bool all(const sb_comm *c, bool good) {
  int64_t bad = !good;
  return !sb_sum_int(c, &bad, 1) && bad == 0;
}

static inline void write_table(const sb_comm *c, sb_kind kind, int rank, const int64_t *shape,
                               size_t size, const void *rows) {
  sb_file *f = NULL;
  int64_t width = 1;
  const sb_share mine = sb_share_of(c, shape[0]);
  for (int k = 1; k < rank; k++) width *= shape[k];
  sb_column x = {.path = dataset, .unit = "1", .meaning = "rows", .kind = kind, .rank = rank};
  memcpy(x.shape, shape, (size_t)rank * sizeof *shape);
  x.first = mine.first, x.count = mine.count;
  x.data = (const char *)rows + mine.first * width * (int64_t)size;
  sb_status s = sb_file_create(c, path, 1, &f);
  if (!s) s = sb_file_put(f, &x);
  if (f) s = sb_file_commit(f, 0);
  if (s) printf("# %s\n", sb_message());
}

/* A table of doubles [n, d] made by a formula: correlated columns of different size and place. */
static inline double value_at(int64_t i, int j) {
  const uint64_t key = sb_noise_key(7, SB_FOR_DATA, 0, 0);
  const double u = sb_noise_uniform(key, i, 0, 0),
               v = sb_noise_uniform(key, i, (uint32_t)(j + 1), 0);
  return (j + 1) * 10.0 + (1 << j % 8) * (v + 0.5 * u);
}

static inline void make_table(const sb_comm *c, int64_t n, int d, double (*value)(int64_t, int)) {
  double *rows;
  if (SB_NEW(&rows, n * d, "table")) return;
  for (int64_t i = 0; i < n * d; i++) rows[i] = value(i / d, (int)(i % d));
  write_table(c, SB_KIND_F64, 2, (int64_t[]){n, d}, sizeof *rows, rows);
  sb_mem_free(rows);
}

/* Starts MPI; argument 1 is a number of emulated nodes. */
static inline sb_comm *start(int *argc, char ***argv, const char *name) {
  sb_comm *c = NULL;
  if (*argc > 1) setenv("SB_EMULATE_NODES", (*argv)[1], 1);
  if (sb_comm_start(argc, argv, &c)) exit(3);
  tap_rank = c->rank;
  snprintf(path, sizeof path, "%s/%s", getenv("SCRATCH") ? getenv("SCRATCH") : ".", name);
  return c;
}

static inline double one_constant(int64_t i, int j) { return j == 1 ? 0.1 : value_at(i, j); }

#endif
