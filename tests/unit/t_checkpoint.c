/* RUN np=1
 * RUN np=2
 * RUN np=3
 * RUN np=4
 * Checkpoints: blocks go out and come back to the same bits on any number of ranks; what does not
 * fit is refused in one line. */
#include <stdlib.h>
#include <string.h>

#include "sb/about.h"
#include "sb/checkpoint.h"
#include "sb/mem.h"
#include "tap.h"

#define PARAMETERS 1000
static const sb_comm *c;
static char folder[256];
static char path[512];

static const char *in_scratch(const char *name) {
  static char full[8][512];
  static int turn;
  turn = (turn + 1) % 8;
  snprintf(full[turn], sizeof *full, "%s/%s", folder, name);
  return full[turn];
}

static bool all(bool mine) {
  int64_t no = !mine;
  return sb_max_int(c, &no, 1) == SB_OK && no == 0;
}

static bool says(sb_status s, sb_status want, const char *text, const char *what) {
  const bool good = s == want && strstr(sb_message(), text) && !strchr(sb_message(), '\n');
  const bool same = tap_ok(all(good), "%s: status %d, %s", what, (int)s, sb_message());
  sb_forget();
  return same;
}

/* The state of a small run. */
typedef struct state {
  int64_t step;
  float parameters[PARAMETERS];
  double shift[3], table[5][2];
  uint8_t done;
} state;

static void fill(state *x, double at) {
  *x = (state){.step = (int64_t)(1000 * at), .shift = {at, 2 * at, -at}, .done = 1};
  for (int i = 0; i < PARAMETERS; i++) x->parameters[i] = (float)(at + i) / 7;
  for (int i = 0; i < 5; i++) x->table[i][0] = at * i, x->table[i][1] = -i;
}

#define BLOCKS 6
static void list(state *x, sb_block blocks[BLOCKS]) {
  const sb_block all_blocks[BLOCKS] = {
      {"/state/score/step", "steps done", SB_KIND_I64, 1, {1}, &x->step, NULL, 0},
      {"/net/score/parameters",
       "weights",
       SB_KIND_F32,
       1,
       {PARAMETERS},
       x->parameters,
       "w 10x100",
       0},
      {"/data/shift", "subtracted from the data", SB_KIND_F64, 1, {3}, x->shift, NULL, 0},
      {"/history", "losses", SB_KIND_F64, 2, {5, 2}, x->table, NULL, 0},
      {"/state/score/done", "trained", SB_KIND_U8, 1, {1}, &x->done, NULL, 0},
      {"/nothing", "an empty block", SB_KIND_F64, 2, {0, 7}, NULL, NULL, 1},
  };
  memcpy(blocks, all_blocks, sizeof all_blocks);
}

static sb_status save(double at, int keep, const char *parent) {
  static state x;
  sb_block blocks[BLOCKS];
  fill(&x, at);
  list(&x, blocks);
  return sb_checkpoint_write(c, path, keep, "two_stage", "method: two_stage\n", parent, blocks,
                             BLOCKS);
}

static sb_status restore(const char *from, state *x) {
  sb_checkpoint k;
  sb_block blocks[BLOCKS];
  memset(x, 0, sizeof *x);
  list(x, blocks);
  SB_TRY(sb_checkpoint_open(c, from, &k));
  sb_status s = sb_checkpoint_load(&k, blocks, BLOCKS);
  sb_checkpoint_close(&k);
  return s;
}

static bool equals(const state *x, double at) {
  static state want;
  fill(&want, at);
  return x->step == want.step && x->done == want.done &&
         !memcmp(x->shift, want.shift, sizeof want.shift) &&
         !memcmp(x->table, want.table, sizeof want.table) &&
         !memcmp(x->parameters, want.parameters, sizeof want.parameters);
}

static void test_round_trip(void) {
  static state x;
  sb_checkpoint k;
  char text[32];
  tap_ok(save(1, 2, NULL) == SB_OK, "write: %s", sb_message());
  tap_ok(all(restore(path, &x) == SB_OK && equals(&x, 1)), "every rank has all of it back: %s",
         sb_message());
  if (!tap_ok(sb_checkpoint_open(c, path, &k) == SB_OK, "open: %s", sb_message())) return;
  tap_ok(all(!strcmp(k.method, "two_stage") && !strcmp(k.deck, "method: two_stage\n")),
         "method and deck");
  tap_ok(k.kernels[0] && k.layout > 0 && k.block_rows == 64, "numerics of the writer: %s kernels",
         k.kernels);
  tap_ok(sb_checkpoint_rows(&k, "/history") == 5 && sb_checkpoint_rows(&k, "/none") == 0, "rows");
  tap_ok(sb_file_get_text(k.file, "/net/score/parameters", "layout", text, sizeof text) == SB_OK &&
             !strcmp(text, "w 10x100"),
         "layout");
  tap_ok(sb_file_get_text(k.file, "/data/shift", "crc", text, sizeof text) == SB_OK &&
             !strcmp(text, "2466e87290ac0a9f"),
         "checksum of any number of ranks (%s)", text);
  tap_ok(sb_file_verify(k.file) == SB_OK, "verified: %s", sb_message());
  sb_checkpoint_close(&k);
}

static void test_kept(void) {
  static state x;
  char crc[17], stored[17];
  sb_file *f;
  for (int i = 2; i <= 4; i++)
    if (save(i, 2, i == 2 ? path : NULL)) tap_ok(false, "write: %s", sb_message());
  tap_ok(all(restore(path, &x) == SB_OK && equals(&x, 4)), "the newest");
  tap_ok(all(restore(in_scratch("checkpoint.1.h5"), &x) == SB_OK && equals(&x, 3)),
         "the one before");
  tap_ok(all(restore(in_scratch("checkpoint.2.h5"), &x) == SB_OK && equals(&x, 2)),
         "and the one before that");
  tap_ok(!sb_path_exists(c, in_scratch("checkpoint.3.h5")), "two are kept");

  /* Both of the next two come from the same parent, although the first of them takes its place. */
  sb_status s = sb_path_crc(c, in_scratch("checkpoint.1.h5"), NULL, crc);
  for (int i = 0; i < 2 && !s; i++) s = save(5, 2, in_scratch("checkpoint.1.h5"));
  if (!s) s = sb_file_open(c, path, &f);
  if (!s) s = sb_file_get_text(f, "/about", "parent_crc", stored, sizeof stored);
  if (!s) sb_file_close(f);
  tap_ok(s == SB_OK && strcmp(crc, stored) == 0, "the parent's checksum is kept: %s", sb_message());
}

static void test_mismatch(void) {
  static state x;
  sb_checkpoint k;
  sb_block blocks[BLOCKS];
  list(&x, blocks);
  if (!tap_ok(sb_checkpoint_open(c, path, &k) == SB_OK, "open: %s", sb_message())) return;
  blocks[1].shape[0] = 999;
  says(sb_checkpoint_load(&k, blocks, BLOCKS), SB_USE,
       "is float [1000], this run needs float [999]", "another shape");
  blocks[3].rank = 1;
  says(sb_checkpoint_load(&k, blocks + 3, 1), SB_USE, "is double [5, 2], this run needs double [5]",
       "another rank");
  blocks[2].kind = SB_KIND_F32;
  says(sb_checkpoint_load(&k, blocks + 2, 1), SB_USE, "is double [3], this run needs float [3]",
       "another kind");
  snprintf(blocks[4].path, sizeof blocks[4].path, "/net/ratio/parameters");
  says(sb_checkpoint_load(&k, blocks + 4, 1), SB_USE, "has no dataset /net/ratio/parameters",
       "a block that is not there");
  blocks[4].optional = 1;
  x.done = 9;
  tap_ok(sb_checkpoint_load(&k, blocks + 4, 1) == SB_OK && x.done == 9, "which is optional now");
  sb_checkpoint_close(&k);
}

/* Rank 0 turns one byte of the first occurrence of a value. */
static void damage(const char *file, const void *value, size_t size) {
  static char bytes[1 << 18];
  if (c->rank == 0) {
    FILE *f = fopen(file, "r+b");
    const size_t length = fread(bytes, 1, sizeof bytes, f);
    size_t at = 0;
    while (at + size < length && memcmp(bytes + at, value, size) != 0) at++;
    fseek(f, (long)at, SEEK_SET);
    fputc(bytes[at] ^ 16, f);
    fclose(f);
  }
  sb_wait(c);
}

static void test_refused(void) {
  static state x;
  sb_checkpoint k;
  sb_file *f;
  int64_t schema = SB_SCHEMA + 1;
  fill(&x, 5);
  damage(path, &x.parameters[900], 4);
  says(restore(path, &x), SB_USE, "/net/score/parameters is damaged", "a bit turned");
  tap_ok(all(restore(in_scratch("checkpoint.1.h5"), &x) == SB_OK), "the one before is whole: %s",
         sb_message());
  sb_status s = sb_file_create(c, in_scratch("newer.h5"), 1, &f);
  if (!s) s = sb_file_put_int(f, "/", "schema", 1, &schema);
  if (!s) s = sb_file_commit(f, 0);
  tap_ok(s == SB_OK, "a file of the future");
  says(sb_checkpoint_open(c, in_scratch("newer.h5"), &k), SB_USE,
       "has schema 2, this sbridge reads up to 1", "a newer schema");
  s = sb_file_create(c, in_scratch("other.h5"), 1, &f);
  if (!s) s = sb_file_commit(f, 0);
  says(sb_checkpoint_open(c, in_scratch("other.h5"), &k), SB_USE, "is not a checkpoint",
       "a file without a schema");
  says(sb_checkpoint_open(c, in_scratch("absent.h5"), &k), SB_USE, "No such file", "no file");
  sb_checkpoint_close(&k); /* what could not be opened may be closed */
}

static void test_failures(void) {
  static state x;
  static const char *const steps[] = {"create", "write", "close", "commit"};
  char fault[32];
  save(6, 2, NULL);
  for (int i = 0; i < 4; i++) {
    snprintf(fault, sizeof fault, "%s:%d:1", steps[i], c->size - 1);
    sb_file_fault(fault);
    says(save(7, 2, NULL), SB_SYS, "injected", fault);
    sb_file_fault(NULL);
    tap_ok(all(restore(path, &x) == SB_OK && equals(&x, 6)), "%s: the old checkpoint is whole",
           fault);
    tap_ok(!sb_path_exists(c, in_scratch("checkpoint.h5.part")), "%s: no part is left", fault);
  }
  for (long k = 0; k < 40; k++) { /* one rank without memory, at any moment */
    if (c->rank == c->size - 1) sb_mem_fail_after(k);
    const sb_status s = save(8, 0, NULL);
    sb_mem_fail_after(-1);
    sb_forget();
    if (!all(s == SB_OK || s == SB_SYS))
      tap_ok(false, "allocation %ld fails: status %d", k, (int)s);
    int64_t worst = s, best = -(int64_t)s;
    sb_max_int(c, &worst, 1);
    sb_max_int(c, &best, 1);
    if (worst != -best) tap_ok(false, "allocation %ld fails: ranks disagree", k);
    if (s == SB_OK && k > 30) break;
  }
  tap_ok(all(restore(path, &x) == SB_OK && equals(&x, 8)), "failures of memory: %s", sb_message());
}

int main(int argc, char **argv) {
  sb_comm *world;
  if (sb_comm_start(&argc, &argv, &world)) return 3;
  c = world;
  tap_rank = c->rank;
  const char *scratch = getenv("SCRATCH");
  snprintf(folder, sizeof folder, "%s/np%d", scratch ? scratch : ".", c->size);
  sb_dir_make(c, folder);
  sb_about_start(argc, argv);
  sb_about_deck("method: two_stage\n");
  snprintf(path, sizeof path, "%s", in_scratch("checkpoint.h5"));
  test_round_trip();
  test_kept();
  const int64_t before = sb_mem_now();
  test_mismatch();
  test_refused();
  test_failures();
  tap_ok(all(sb_mem_now() == before), "no memory is left behind");
  tap_ok(strstr(sb_about_version(), "sbridge ") && strstr(sb_about_version(), "hdf5 "),
         "--version");
  sb_comm_finish(world);
  return tap_done();
}
