/* RUN np=1
 * RUN np=3
 * Tables that are filled row by row, by any rank: what was written is read, what was not is missed,
 * what does not fit is refused. */
#include <stdlib.h>
#include <string.h>

#include "sb/about.h"
#include "sb/ledger.h"
#include "sb/mem.h"
#include "tap.h"

#define ROWS 20

static const sb_comm *c;
static char path[512];

static const sb_ledger_column columns[] = {
    {"/a", "1", "whole numbers", SB_CELL_INT, 1, 0},
    {"/group/b", "x", "reals", SB_CELL_REAL, 3, 0},
    {"/group/word", "1", "texts", SB_CELL_TEXT, 2, 8},
    {"/timing/seconds", "s", "outside the checksum", SB_CELL_REAL, 1, 0},
};
#define COLUMNS 4

typedef struct row {
  int64_t a;
  double b[3];
  char word[2][8];
  double seconds;
} row;

static void cells_of(row *r, void **cells) {
  cells[0] = &r->a, cells[1] = r->b, cells[2] = r->word, cells[3] = &r->seconds;
}

static row make_row(int64_t i) {
  row r = {.a = i * i, .b = {(double)i, -1.5, 1.0 / (double)(i + 1)}, .seconds = 3};
  snprintf(r.word[0], 8, "w%lld", (long long)i);
  memcpy(r.word[1], "eight...", 8);
  return r;
}

static sb_status put(sb_ledger *l, int64_t i) {
  row r = make_row(i);
  void *cells[COLUMNS];
  cells_of(&r, cells);
  return sb_ledger_put(l, i, (const void *const *)cells);
}

/* Rows with i % 3 == kind are as they were put, the others are not there. */
static bool reads(sb_ledger *l, int kind, int64_t but) {
  bool good = true;
  for (int64_t i = 0; i < ROWS; i++) {
    row r, want = make_row(i);
    void *cells[COLUMNS];
    int there;
    memset(&r, 0, sizeof r);
    cells_of(&r, cells);
    good = good && sb_ledger_get(l, i, cells, &there) == SB_OK;
    good = good && there == ((kind < 0 || i % 3 == kind) && i != but);
    if (there) good = good && !memcmp(&r, &want, sizeof r);
  }
  return good;
}

static bool all(bool mine) {
  int64_t no = !mine;
  return sb_max_int(c, &no, 1) == SB_OK && no == 0;
}

static bool verified(void) {
  sb_file *f;
  if (sb_file_open(c, path, &f)) return false;
  const sb_status s = sb_file_verify(f);
  sb_file_close(f);
  return s == SB_OK;
}

static void refused(const char *what, int64_t rows, const sb_ledger_column *changed,
                    const char *word) {
  sb_ledger *l;
  const sb_status s = sb_ledger_open(c, path, 0, rows, changed, COLUMNS, &l);
  tap_ok(all(s == SB_USE && !l && strstr(sb_message(), word)), "%s: %s", what, sb_message());
  sb_forget();
}

static void mistakes(void) {
  sb_ledger_column other[COLUMNS];
  memcpy(other, columns, sizeof other);
  refused("another number of rows", ROWS + 1, columns, "/a");
  other[1].width = 4;
  refused("another width", ROWS, other, "/group/b");
  other[1] = columns[1], other[0].cell = SB_CELL_REAL;
  refused("another kind", ROWS, other, "/a");
  other[0] = columns[0], other[2].letters = 16;
  refused("another length of texts", ROWS, other, "/group/word");
  other[2] = columns[2], other[3].path = "/timing/hours";
  refused("another name", ROWS, other, "/timing/hours");
}

int main(int argc, char **argv) {
  sb_comm *world;
  sb_ledger *l;
  char title[64];
  if (sb_comm_start(&argc, &argv, &world)) return 3;
  c = world;
  tap_rank = c->rank;
  const char *scratch = getenv("SCRATCH");
  snprintf(path, sizeof path, "%s/ledger%d.h5", scratch ? scratch : ".", c->size);
  sb_about_start(argc, argv);
  tap_ok(sb_ledger_create(c, path, "mine", ROWS, columns, COLUMNS, &l) == SB_OK, "a new one: %s",
         sb_message());
  if (!l) return tap_done();
  tap_ok(all(reads(l, 3, -1)), "no row is there");
  sb_wait(c);
  bool good = true;
  for (int64_t i = ROWS - 1; i >= 0; i--)
    if (i % 3 == 1 && i % c->size == c->rank) good = good && put(l, i) == SB_OK;
  tap_ok(all(good), "rows, from any rank");
  tap_ok(all(reads(l, 1, -1)), "are there for all");
  sb_ledger_close(l);
  sb_wait(c);
  tap_ok(sb_ledger_title(c, path, title, sizeof title) == SB_OK && !strcmp(title, "mine"), "title");
  tap_ok(sb_ledger_open(c, path, 1, ROWS, columns, COLUMNS, &l) == SB_OK, "taken up: %s",
         sb_message());
  if (!l) return tap_done();
  tap_ok(all(reads(l, 1, -1)), "they are still there");
  tap_ok(all(verified()), "their checksums are right: %s", sb_message());
  sb_wait(c);
  good = true;
  for (int64_t i = 0; i < ROWS; i++)
    if (i % 3 != 1 && i % c->size == c->rank) good = good && put(l, i) == SB_OK;
  tap_ok(all(good) && all(reads(l, -1, -1)), "the rest");
  sb_wait(c);
  tap_ok(all(verified()), "with right checksums: %s", sb_message());
  sb_ledger_close(l);

  sb_file *f;
  double b[3] = {0};
  int64_t a = 0;
  good = sb_file_open(c, path, &f) == SB_OK &&
         sb_file_get(f, "/a", SB_KIND_I64, 7, 1, &a) == SB_OK &&
         sb_file_get(f, "/group/b", SB_KIND_F64, 7, 1, b) == SB_OK;
  tap_ok(all(good && a == 49 && b[0] == 7 && b[2] == 0.125), "a plain reader sees the numbers");
  sb_file_close(f);
  mistakes();
  sb_comm_finish(world);
  return tap_done();
}
