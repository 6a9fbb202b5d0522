/* RUN np=1
 * RUN np=2
 * RUN np=3
 * RUN np=7
 * RUN np=3 2
 * RUN np=7 3
 * Training data that cannot be: every message, on all ranks; no memory; nothing is left behind.
 * The argument is a number of emulated nodes. */
#include <stdlib.h>

#include "sb/limits.h"
#include "table.h"

/* --- Bad input
 * --------------------------------------------------------------------------------------- */

static double with_nan(int64_t i, int j) {
  return (i == 150 || i == 130) && j == 2 ? NAN : value_at(i, j);
}
static double with_inf(int64_t i, int j) { return i == 7 && j == 0 ? -INFINITY : value_at(i, j); }
static double with_huge(int64_t i, int j) { return i == 3 && j == 1 ? 1e101 : value_at(i, j); }
static double with_large(int64_t i, int j) { return i == 70 && j == 1 ? 1e50 : value_at(i, j); }
static double all_equal(int64_t i, int j) { return 4 + 0 * (double)(i + j); }

static void refused(const sb_comm *c, const char *what, sb_data_options o, sb_law_options law,
                    const char *text) {
  sb_data *data = NULL;
  const int64_t before = sb_mem_now();
  const sb_status s = sb_data_open(c, &o, &law, 1, &data);
  const bool good = s == SB_USE && !data && strstr(sb_message(), text) && sb_mem_now() == before;
  if (!tap_ok(all(c, good), "refused: %s", what)) {
    printf("# rank %d: status %d, message %s, %lld bytes kept\n", c->rank, (int)s, sb_message(),
           (long long)(sb_mem_now() - before));
    sb_data_close(c, data);
  }
  sb_forget();
}

static void bad_options(const sb_comm *c) {
  const sb_law_options none = {0}, ring = law_of("ring");
  sb_law_options wrong = ring;
  wrong.dimension = 5;
  make_table(c, 10, 3, value_at);
  refused(c, "neither law nor table", (sb_data_options){.n = 5}, none, "data.law or data.file");
  sb_data_options o = table_of();
  refused(c, "law and table", o, ring, "both");
  refused(c, "a law without n", (sb_data_options){.n = 0}, ring, "data.n");
  refused(c, "one draw", (sb_data_options){.n = 1}, ring, "at least two");
  refused(c, "a negative n", (sb_data_options){.n = -1}, ring, "-1");
  refused(c, "a law of another dimension", (sb_data_options){.n = 9}, wrong, "dimension");
  refused(c, "too few rows left", (sb_data_options){.n = 3, .validation = 0.9}, ring,
          "leaves 1 of 3 rows");
  refused(c, "validation beyond its range", (sb_data_options){.n = 30, .validation = 0.95}, ring,
          "0.95");
  refused(c, "validation that is no number", (sb_data_options){.n = 30, .validation = NAN}, ring,
          "validation");
  refused(c, "components without pca", (sb_data_options){.n = 30, .components = 1}, ring, "pca");
  o.project = SB_PROJECT_PCA, o.components = 4;
  refused(c, "more components than columns", o, none, "3 columns");
  o.components = 3, o.n = 3;
  refused(c, "more components than rows", o, none, "at most 2");
  o = table_of(), o.n = 11;
  refused(c, "more rows than the table has", o, none, "has 10 rows");
  o = table_of(), o.dataset = (char[]){"/y"};
  refused(c, "a dataset that is not there", o, none, "/y");
  o = table_of(), o.file = (char[]){"no/such/table.h5"};
  refused(c, "a file that is not there", o, none, "no/such/table.h5");
}

static void bad_tables(const sb_comm *c) {
  const sb_law_options none = {0};
  sb_data_options o = table_of(), project = o, whiten = o, raw = o;
  project.project = SB_PROJECT_PCA, whiten.standardise = SB_STD_WHITEN,
  raw.standardise = SB_STD_NONE;
  write_table(c, SB_KIND_F64, 2, (int64_t[]){0, 3}, 8, "");
  refused(c, "no rows", o, none, "no rows");
  write_table(c, SB_KIND_F64, 2, (int64_t[]){5, 0}, 8, "");
  refused(c, "no columns", o, none, "no columns");
  make_table(c, 1, 3, value_at);
  refused(c, "one row", o, none, "at least two");
  make_table(c, 200, 3, with_nan);
  refused(c, "not a number", o, none, "row 130, column 2 (counted from 0) is not a number");
  make_table(c, 200, 3, with_inf);
  refused(c, "infinity", o, none, "row 7, column 0 (counted from 0) is infinite");
  make_table(c, 200, 3, with_huge);
  refused(c, "beyond 1e100", o, none, "row 3, column 1");
  make_table(c, 200, 3, with_large);
  refused(c, "too large for float", raw, none, "row 70 ");
  make_table(c, 200, 3, one_constant);
  refused(c, "a constant column", o, none, "column 1 (counted from 0) is 0.1 in all");
  refused(c, "whitening a constant column", whiten, none, "spread in 2 of 3 directions");
  project.components = 3;
  refused(c, "components without a spread", project, none, "2 directions only");
  project.components = 0;
  make_table(c, 200, 3, all_equal);
  refused(c, "pca of equal rows", project, none, "equal");
  make_table(c, 1000, 3, value_at);
  setenv("SB_MEMORY_LIMIT", "20000", 1);
  refused(c, "more than the memory", o, none, "20000 are available");
  tap_ok(sb_memory_available() == 20000, "SB_MEMORY_LIMIT is the memory");
  unsetenv("SB_MEMORY_LIMIT");
  tap_ok(sb_memory_available() > 1 << 20, "without it there is more");
  make_table(c, 300, 2, value_at);
}

/* Every allocation of the last rank fails once: all ranks learn it, and nothing is left behind. */
static void no_memory(const sb_comm *c, const char *what, sb_data_options o, sb_law_options law) {
  sb_data *data = NULL;
  sb_status s = SB_SYS;
  int64_t k = 0;
  bool good = true;
  for (; s && good && k < 300; k++) {
    const int64_t before = sb_mem_now();
    if (c->rank == c->size - 1) sb_mem_fail_after((long)k);
    s = sb_data_open(c, &o, &law, 1, &data);
    sb_mem_fail_after(-1);
    if (s)
      good =
          all(c, s == SB_SYS && !data && strstr(sb_message(), "memory") && sb_mem_now() == before);
    if (!good)
      printf("# rank %d, allocation %lld: %d %s, %lld\n", c->rank, (long long)k, (int)s,
             sb_message(), (long long)(sb_mem_now() - before));
    sb_forget();
  }
  tap_ok(good && !s && k > 10, "%s without memory, %lld times", what, (long long)k - 1);
  sb_data_close(c, data);
}

/* A read that fails on one rank, early or late. */
static void failed_read(const sb_comm *c) {
  char text[64];
  make_table(c, 400, 2, value_at);
  snprintf(text, sizeof text, "read:%d:1", c->size - 1);
  sb_file_fault(text);
  sb_data *data = NULL;
  const sb_data_options o = table_of();
  const int64_t before = sb_mem_now();
  const sb_status s = sb_data_open(c, &o, NULL, 1, &data);
  sb_file_fault(NULL);
  if (!tap_ok(all(c, s == SB_SYS && !data && sb_mem_now() == before),
              "a read that fails on the last rank"))
    printf("# %d %s\n", (int)s, sb_message());
  sb_forget();
}

int main(int argc, char **argv) {
  sb_comm *c = start(&argc, &argv, "t_data_refused.h5");
  bad_options(c);
  bad_tables(c);
  failed_read(c);
  no_memory(c, "a law",
            (sb_data_options){.n = 200, .validation = 0.1, .standardise = SB_STD_WHITEN},
            law_of("ring"));
  no_memory(c, "a table", table_of(), (sb_law_options){0});
  const int status = tap_done();
  sb_comm_finish(c);
  return status;
}
