/* RUN np=1
 * RUN np=2
 * RUN np=3
 * RUN np=4
 * Files that cannot be written or read: the same status on every rank, one line that says what is
 * wrong, nothing left over. */
#include <hdf5.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sb/file.h"
#include "sb/mem.h"
#include "tap.h"

static const sb_comm *c;
static char folder[256];

static const char *in_scratch(const char *name) {
  static char path[16][512];
  static int turn;
  turn = (turn + 1) % 16;
  snprintf(path[turn], sizeof *path, "%s/%s", folder, name);
  return path[turn];
}

static bool all(bool mine) {
  int64_t no = !mine;
  return sb_max_int(c, &no, 1) == SB_OK && no == 0;
}

/* Every rank has this status and a message of one line with this text in it, which is then
 * forgotten. */
static bool says(sb_status s, sb_status want, const char *text, const char *what) {
  const bool good = s == want && strstr(sb_message(), text) && !strchr(sb_message(), '\n');
  const bool same = tap_ok(all(good), "%s: status %d, %s", what, (int)s, sb_message());
  sb_forget();
  return same;
}

/* Rank 0 does something to the file system; all wait. */
static void alone(bool good) {
  if (!all(good)) tap_ok(false, "prepared a test");
}

/* --- Reading what is not there
 * ------------------------------------------------------------------------- */

static sb_status open_only(const char *path) {
  sb_file *f;
  sb_status s = sb_file_open(c, path, &f);
  if (!s) sb_file_close(f);
  return s;
}

static void test_open(void) {
  const char *path = in_scratch("table.h5");
  says(open_only(in_scratch("absent.h5")), SB_USE, "No such file", "a missing file");
  says(open_only(in_scratch("")), SB_USE, "is not a file", "a directory");
  sb_text_write(c, in_scratch("text.csv"), "1,2,3\n", 6);
  says(open_only(in_scratch("text.csv")), SB_USE, "is not an HDF5 file", "a text");
  sb_text_write(c, in_scratch("nothing"), "", 0);
  says(open_only(in_scratch("nothing")), SB_USE, "is not an HDF5 file (0 bytes)", "an empty file");
  struct stat what = {0};
  alone(c->rank != 0 || (stat(path, &what) == 0 && truncate(path, what.st_size / 2) == 0));
  says(open_only(path), SB_USE, "truncated", "half a file");
}

static void test_get(void) {
  double x[64];
  int64_t whole[64], shape[4];
  int rank;
  char text[4];
  sb_kind kind;
  sb_file *f;
  if (!tap_ok(sb_file_open(c, in_scratch("table.h5"), &f) == SB_OK, "a table: %s", sb_message()))
    return;
  says(sb_file_get(f, "/y", SB_KIND_F64, 0, 1, x), SB_USE, "it has /deck /label /x",
       "a wrong name");
  says(sb_file_shape(f, "/x/y", &rank, shape, &kind), SB_USE, "no dataset /x/y",
       "a name below a dataset");
  says(sb_file_get(f, "/x", SB_KIND_F64, 0, 11, x), SB_USE, "has 10 rows, not 11", "too many rows");
  says(sb_file_get(f, "/x", SB_KIND_F64, c->rank == 0 ? -1 : 0, 1, x), SB_USE, "rows",
       "a row before the first");
  says(sb_file_get(f, "/x", SB_KIND_I64, 0, 1, whole), SB_USE, "real numbers",
       "reals as whole numbers");
  says(sb_file_get(f, "/deck", SB_KIND_F64, 0, 1, x), SB_USE, "is a text", "a text as numbers");
  says(sb_file_get_text(f, "/x", "colour", text, sizeof text), SB_USE, "no attribute colour",
       "a missing attribute");
  says(sb_file_get_text(f, "/x", "crc", text, sizeof text), SB_USE, "longer than 3",
       "a long attribute");
  says(sb_file_get_real(f, "/x", "crc", 1, x), SB_USE, "does not hold real",
       "an attribute of another type");
  says(sb_file_get_real(f, "/", "pair", 3, x), SB_USE, "has 2 numbers, not 3",
       "an attribute of another length");
  says(sb_file_get_int(f, "/", "pair", 2, whole), SB_USE, "does not hold whole",
       "a real attribute as whole number");
  says(sb_file_get(f, "/x", SB_KIND_F64, 0, 1, x), SB_OK, "", "the table is still good");
  sb_file_close(f);
}

/* What other programs write: five dimensions, compound and text datasets. */
static bool write_foreign(const char *path) {
  const hid_t f = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hsize_t shape[5] = {2, 1, 1, 1, 2};
  const hid_t five = H5Screate_simple(5, shape, NULL), one = H5Screate_simple(1, shape, NULL);
  const hid_t pair = H5Tcreate(H5T_COMPOUND, 16), words = H5Tcopy(H5T_C_S1),
              deflated = H5Pcreate(H5P_DATASET_CREATE);
  const hsize_t many = 1000, chunk = 100;
  static float x[1000];
  for (int i = 0; i < 1000; i++) x[i] = (float)i;
  H5Tinsert(pair, "a", 0, H5T_NATIVE_DOUBLE);
  H5Tset_size(words, 4);
  H5Pset_chunk(deflated, 1, &chunk);
  H5Pset_deflate(deflated, 1);
  const hid_t row = H5Screate_simple(1, &many, NULL);
  H5Dclose(H5Dcreate2(f, "five", H5T_NATIVE_INT, five, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  H5Dclose(H5Dcreate2(f, "pair", pair, one, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  H5Dclose(H5Dcreate2(f, "words", words, one, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  const hid_t set =
      H5Dcreate2(f, "chunked", H5T_IEEE_F32BE, row, H5P_DEFAULT, deflated, H5P_DEFAULT);
  H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, x);
  H5Dclose(set);
  H5Sclose(five), H5Sclose(one), H5Sclose(row);
  H5Tclose(pair), H5Tclose(words), H5Pclose(deflated);
  return H5Fclose(f) >= 0;
}

static void test_foreign(void) {
  double x[1000];
  sb_file *f;
  alone(c->rank != 0 || write_foreign(in_scratch("foreign.h5")));
  if (!tap_ok(sb_file_open(c, in_scratch("foreign.h5"), &f) == SB_OK, "another program's file: %s",
              sb_message()))
    return;
  says(sb_file_get(f, "/five", SB_KIND_F64, 0, 1, x), SB_USE, "has 5 dimensions",
       "too many dimensions");
  says(sb_file_get(f, "/pair", SB_KIND_F64, 0, 1, x), SB_USE, "does not hold numbers",
       "compound data");
  says(sb_file_get(f, "/words", SB_KIND_F64, 0, 1, x), SB_USE, "does not hold numbers", "words");
  const sb_share mine = sb_share_of(c, 1000);
  bool same = sb_file_get(f, "/chunked", SB_KIND_F64, mine.first, mine.count, x) == SB_OK;
  for (int64_t i = 0; same && i < mine.count; i++) same = x[i] == (double)(mine.first + i);
  tap_ok(all(same), "big-endian compressed chunks: %s", sb_message());
  sb_file_close(f);
}

/* --- Writing
 * ------------------------------------------------------------------------------------------- */

/* A file with n rows, the same on each rank; returns the first status that is not SB_OK. */
static sb_status write_table(const char *path, int64_t n, double value, int keep) {
  sb_file *f;
  double *x, pair[2] = {1, 2};
  const sb_share mine = sb_share_of(c, n);
  if (SB_NEW(&x, mine.count, "test")) exit(3);
  for (int64_t i = 0; i < mine.count; i++) x[i] = value;
  int32_t label[16] = {0};
  sb_column cols[] = {
      {"/x", "1", "rows", SB_KIND_F64, 1, {n}, 0, mine.first, mine.count, x},
      {"/label", "1", "labels", SB_KIND_I32, 1, {4}, 0, 0, c->rank == 0 ? 4 : 0, label}};
  sb_status s = sb_file_create(c, path, 1, &f);
  if (!s) {
    s = sb_file_put_real(f, "/", "pair", 2, pair);
    if (!s) s = sb_file_put_string(f, "/deck", "deck", "a: b\n");
    if (!s) s = sb_file_put_all(f, cols, 2);
    const sb_status end = sb_file_commit(f, keep);
    if (!s) s = end;
  }
  sb_mem_free(x);
  return s;
}

static double first_value(const char *path) {
  sb_file *f;
  double x = NAN;
  if (sb_file_open(c, path, &f)) return x;
  if (sb_file_get(f, "/x", SB_KIND_F64, 0, 1, &x)) x = NAN;
  sb_file_close(f);
  return x;
}

static void test_injected(void) {
  static const char *const steps[] = {"create", "write", "close", "commit"};
  char path[512];
  char fault[64], what[96];
  snprintf(path, sizeof path, "%s", in_scratch("kept.h5"));
  if (!tap_ok(write_table(path, 300, 1, 0) == SB_OK, "an old file: %s", sb_message())) return;
  for (int i = 0; i < 4; i++)
    for (int rank = 0; rank < c->size; rank++)
      for (int k = 1; k <= (i == 1 ? 2 : 1); k++) {
        snprintf(fault, sizeof fault, "%s:%d:%d", steps[i], rank, k);
        sb_file_fault(fault);
        snprintf(what, sizeof what, "failure of %s", fault);
        says(write_table(path, 300, 2, 1), SB_SYS, "injected failure of step", what);
        sb_file_fault(NULL);
        const double x = first_value(path);
        const bool left = sb_path_exists(c, in_scratch("kept.h5.part"));
        tap_ok(x == 1 && !left, "%s: the old file is whole, no part is left", what);
      }
  sb_file_fault("read:0:2");
  tap_ok(first_value(path) == 1, "the second read is to fail");
  tap_ok(all(!(first_value(path) == 1)) && strstr(sb_message(), "injected"), "and does: %s",
         sb_message());
  sb_file_fault(NULL);
  sb_forget();
  char *text = NULL;
  sb_text_write(c, in_scratch("a.txt"), "old", 3);
  snprintf(fault, sizeof fault, "text:%d:1", c->size - 1);
  sb_file_fault(fault);
  says(sb_text_write(c, in_scratch("a.txt"), "new", 3), SB_SYS, "injected", "failure of a text");
  sb_file_fault(NULL);
  tap_ok(all(sb_text_read(c, in_scratch("a.txt"), &text, NULL) == SB_OK && !strcmp(text, "old")),
         "the old text is whole");
  sb_mem_free(text);
}

static void test_keep(void) {
  const char *path = in_scratch("ring.h5");
  bool good = true;
  for (int i = 1; i <= 5; i++) good = good && write_table(path, 10, i, 2) == SB_OK;
  tap_ok(good, "five files, two kept: %s", sb_message());
  tap_ok(first_value(path) == 5 && first_value(in_scratch("ring.1.h5")) == 4 &&
             first_value(in_scratch("ring.2.h5")) == 3,
         "the newest, and the two before");
  tap_ok(!sb_path_exists(c, in_scratch("ring.3.h5")), "and no more");
  sb_file *f;
  says(sb_file_create(c, path, 0, &f), SB_USE, "exists already",
       "no overwriting without being asked");
  alone(c->rank != 0 || mkdir(in_scratch("folder.h5"), 0777) == 0);
  says(write_table(in_scratch("folder.h5"), 10, 1, 0), SB_SYS, "cannot rename",
       "a directory in the way");
  tap_ok(!sb_path_exists(c, in_scratch("folder.h5.part")), "no part is left");
  says(write_table(in_scratch("absent/x.h5"), 10, 1, 0), SB_SYS, "cannot create",
       "no such directory");
  says(write_table(in_scratch("ring.h5/x.h5"), 10, 1, 0), SB_SYS, "cannot create",
       "a file for a directory");
}

/* Truly no room: the size of files is limited, for all ranks (found before anything is written) or
 * for one (found while it writes). */
static void test_no_room(int limited, const char *what) {
  struct rlimit before, small;
  signal(SIGXFSZ, SIG_IGN);
  getrlimit(RLIMIT_FSIZE, &before);
  small = before;
  small.rlim_cur = 1 << 20;
  if (c->rank == limited) setrlimit(RLIMIT_FSIZE, &small);
  const sb_status s = write_table(in_scratch("large.h5"), 1 << 20, 1, 0);
  setrlimit(RLIMIT_FSIZE, &before);
  if (limited > 0 && s == SB_OK) {
    tap_ok(all(true), "%s: this MPI lets other ranks write for it", what);
    alone(c->rank != 0 || unlink(in_scratch("large.h5")) == 0);
    return;
  }
  says(s, SB_SYS, "large.h5", what);
  tap_ok(!sb_path_exists(c, in_scratch("large.h5.part")), "%s: no part is left", what);
  tap_ok(write_table(in_scratch("large.h5"), 1 << 20, 1, 0) == SB_OK,
         "%s: works when there is room: %s", what, sb_message());
}

static void test_misuse(void) {
  sb_file *f;
  double x[4] = {0};
  sb_column col = {"/x", "1", "rows", SB_KIND_F64, 1, {4}, 0, 0, c->rank == 0 ? 3 : 0, x};
  if (sb_file_create(c, in_scratch("misuse.h5"), 1, &f)) exit(3);
  says(sb_file_put(f, &col), SB_SYS, "3 rows", "a row that nobody holds");
  says(sb_file_put_text(f, "/", "a", "b") == SB_SYS ? sb_fail(SB_SYS, "still") : SB_OK, SB_SYS,
       "still", "a file given up");
  sb_file_drop(f);
  tap_ok(!sb_path_exists(c, in_scratch("misuse.h5.part")), "no part is left");
  if (sb_file_create(c, in_scratch("misuse.h5"), 1, &f)) exit(3);
  col.first = c->rank == c->size - 1 ? 9 : 0;
  says(sb_file_put(f, &col), SB_SYS, "impossible", "rows beyond the end on one rank");
  sb_file_drop(f);
  sb_file_drop(NULL);
}

static void test_directories(void) {
  char *text;
  tap_ok(sb_dir_make(c, in_scratch("a/b//c/")) == SB_OK && sb_path_exists(c, in_scratch("a/b/c")),
         "directories: %s", sb_message());
  tap_ok(sb_dir_make(c, in_scratch("a/b")) == SB_OK, "that exist already");
  says(sb_dir_make(c, in_scratch("text.csv/a")), SB_SYS, "text.csv", "a file in the way");
  says(sb_dir_make(c, in_scratch("text.csv")), SB_SYS, "is not a directory", "a file of this name");
  says(sb_text_write(c, in_scratch("absent/a"), "x", 1), SB_SYS, "cannot write",
       "a text in no directory");
  says(sb_text_read(c, in_scratch("absent"), &text, NULL), SB_USE, "No such file",
       "a missing text");
  tap_ok(sb_disk_free(c, in_scratch("not yet")) > 0, "free space");
}

int main(int argc, char **argv) {
  sb_comm *world;
  if (sb_comm_start(&argc, &argv, &world)) return 3;
  c = world;
  tap_rank = c->rank;
  const char *scratch = getenv("SCRATCH");
  snprintf(folder, sizeof folder, "%s/np%d", scratch ? scratch : ".", c->size);
  sb_dir_make(c, folder);
  const int64_t before = sb_mem_now();
  tap_ok(write_table(in_scratch("table.h5"), 10, 1, 0) == SB_OK, "a table is written: %s",
         sb_message());
  test_get();
  test_open();
  test_foreign();
  test_injected();
  test_keep();
  test_no_room(0, "no room on rank 0");
  if (c->size > 1 && strstr(sb_comm_library(), "MPICH"))
    tap_skip("with ROMIO the other ranks wait in HDF5 for one whose write failed");
  else if (c->size > 1)
    test_no_room(c->size - 1, "no room on the last rank");
  test_misuse();
  test_directories();
  tap_ok(all(sb_mem_now() == before), "no memory is left behind");
  sb_comm_finish(world);
  return tap_done();
}
