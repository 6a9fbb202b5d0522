/* RUN np=1
 * RUN np=2
 * RUN np=3
 * RUN np=4
 * HDF5 files: what is written is read back, with the same checksums, by any number of ranks. */
#include <stdlib.h>
#include <string.h>

#include "sb/about.h"
#include "sb/crc.h"
#include "sb/file.h"
#include "sb/mem.h"
#include "tap.h"

static const sb_comm *c;
static char folder[256];
static char path[512];

/* The same answer on every rank: true where it is true on all. */
static bool all(bool mine) {
  int64_t no = !mine;
  return sb_max_int(c, &no, 1) == SB_OK && no == 0;
}

static const char *in_scratch(const char *name) {
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

/* Uneven shares without any alignment; the first rank has nothing where there are several. */
static sb_share share_of(int64_t n) {
  if (c->size == 1) return (sb_share){0, n};
  const int64_t first = c->rank ? n * (c->rank - 1) / (c->size - 1) : 0;
  const int64_t last = c->rank ? n * c->rank / (c->size - 1) : 0;
  return (sb_share){first, last - first};
}

static int64_t size_of(sb_kind kind) {
  return kind == SB_KIND_U8 ? 1 : kind == SB_KIND_F32 || kind == SB_KIND_I32 ? 4 : 8;
}

/* Element i of a test array. */
static void element(sb_kind kind, int64_t i, void *out) {
  const double x = 0.5 * (double)i - 3;
  switch (kind) {
    case SB_KIND_F32: *(float *)out = (float)x; break;
    case SB_KIND_F64: *(double *)out = x; break;
    case SB_KIND_I32: *(int32_t *)out = (int32_t)(i * 1000003); break;
    case SB_KIND_I64: *(int64_t *)out = i * 1000000000039; break;
    case SB_KIND_U8: *(uint8_t *)out = (uint8_t)(i * 7); break;
  }
}

/* Elements first .. first+n-1; freed by the caller. */
static char *elements(sb_kind kind, int64_t first, int64_t n) {
  char *x;
  if (SB_NEW(&x, n * size_of(kind), "test")) exit(3);
  for (int64_t i = 0; i < n; i++) element(kind, first + i, x + i * size_of(kind));
  return x;
}

/* A column of test elements with this rank's share; data freed by the caller. */
static sb_column column(const char *name, sb_kind kind, int rank, const int64_t *shape, int merge) {
  sb_column col = {
      .path = name, .unit = "1", .meaning = "test", .kind = kind, .rank = rank, .merge = merge};
  int64_t n = 1, width = 1;
  for (int i = 0; i < rank; i++) {
    col.shape[i] = shape[i];
    *(i < (merge ? merge : 1) ? &n : &width) *= shape[i];
  }
  const sb_share mine = share_of(n);
  col.first = mine.first;
  col.count = mine.count;
  col.data = elements(kind, mine.first * width, mine.count * width);
  return col;
}

#define MOST 12
static sb_column cols[MOST];

static int make_columns(void) {
  int n = 0;
  cols[n++] = column("/a/f32", SB_KIND_F32, 1, (int64_t[]){1000}, 0);
  cols[n++] = column("/a/f64", SB_KIND_F64, 2, (int64_t[]){1000, 3}, 0);
  cols[n++] = column("/a/b/i32", SB_KIND_I32, 3, (int64_t[]){7, 5, 2}, 0);
  cols[n++] = column("/a/b/i64", SB_KIND_I64, 4, (int64_t[]){2, 3, 1, 4}, 0);
  cols[n++] = column("/u8", SB_KIND_U8, 1, (int64_t[]){13}, 0);
  cols[n++] = column("/none", SB_KIND_F64, 2, (int64_t[]){0, 3}, 0);
  cols[n++] = column("/narrow", SB_KIND_F64, 2, (int64_t[]){5, 0}, 0);
  cols[n++] = column("/one", SB_KIND_I64, 1, (int64_t[]){1}, 0);
  cols[n++] = column("/plane", SB_KIND_F64, 3, (int64_t[]){1, 11, 13}, 3);
  cols[n++] = column("/space", SB_KIND_F64, 4, (int64_t[]){5, 7, 9, 3}, 3);
  cols[n++] = column("/flat", SB_KIND_I32, 2, (int64_t[]){9, 4}, 2);
  cols[n++] = column("/all", SB_KIND_F32, 4, (int64_t[]){3, 4, 2, 5}, 4);
  return n;
}

/* Computed by another program: Python, bit by bit. */
static const char *const golden[MOST] = {
    "483eedba43f582ce", "f1081ccd618b1e5b", "0d16e5a9a77f3197", "3c32d80d34658774",
    "1711c34356b713bb", "0000000000000000", "0000000000000000", "b66a73654282cac0",
    "b887090e04492e95", "8d711e99f6440d71", "5dc0f5fe7af72d6a", "3e39976fe1c881df"};

static void test_write(int n) {
  sb_file *f;
  double three[] = {1, 2.5, -3};
  int64_t big = INT64_C(1) << 60;
  tap_ok(sb_file_create(c, in_scratch("x.h5"), 0, &f) == SB_OK, "create: %s", sb_message());
  tap_ok(sb_file_put_text(f, "/a", "note", "a \"text\"") == SB_OK, "text attribute of a group");
  tap_ok(sb_file_put_real(f, "/", "three", 3, three) == SB_OK, "real attribute of the file");
  tap_ok(sb_file_put_int(f, "/", "big", 1, &big) == SB_OK, "whole attribute of the file");
  tap_ok(sb_file_put_string(f, "/deck", "used deck", "method: two_stage\n") == SB_OK, "long text");
  tap_ok(sb_file_put_string(f, "/empty", "nothing", "") == SB_OK, "empty text");
  tap_ok(sb_file_put(f, &cols[0]) == SB_OK, "one dataset: %s", sb_message());
  tap_ok(sb_file_put_text(f, "/a/f32", "layout", "w [10, 100]") == SB_OK, "attribute of a dataset");
  tap_ok(sb_file_put_all(f, cols + 1, n - 1) == SB_OK, "many datasets: %s", sb_message());
  tap_ok(sb_about_put(f, NULL) == SB_OK, "/about: %s", sb_message());
  tap_ok(!sb_path_exists(c, in_scratch("x.h5")), "nothing is there before the commit");
  tap_ok(sb_file_commit(f, 0) == SB_OK, "commit: %s", sb_message());
  tap_ok(sb_path_exists(c, in_scratch("x.h5")), "it is there after the commit");
  tap_ok(!sb_path_exists(c, in_scratch("x.h5.part")), "and its part is gone");
}

/* Every rank reads all rows, and rows of its own. */
static void test_column(sb_file *f, const sb_column *col, const char *crc) {
  int rank;
  int64_t shape[4], rows = col->shape[0], width = 1;
  sb_kind kind;
  char text[17];
  bool same = sb_file_shape(f, col->path, &rank, shape, &kind) == SB_OK && rank == col->rank &&
              kind == col->kind;
  for (int i = 0; i < rank; i++) same = same && shape[i] == col->shape[i];
  tap_ok(same, "%s has its shape and kind", col->path);
  for (int i = 1; i < rank; i++) width *= shape[i];

  char *want = elements(kind, 0, rows * width), *got = elements(kind, 99, rows * width);
  const size_t bytes = (size_t)(rows * width * size_of(kind));
  same = sb_file_get(f, col->path, kind, 0, rows, got) == SB_OK && memcmp(got, want, bytes) == 0;
  tap_ok(all(same), "%s is the same, read whole: %s", col->path, sb_message());

  memset(got, 0, bytes);
  const int64_t first = rows ? c->rank % rows : 0,
                count = rows > first + 1 && c->rank != 1 ? rows - first - 1 : 0;
  const size_t row = (size_t)(width * size_of(kind));
  same = sb_file_get(f, col->path, kind, first, count, count ? got : NULL) == SB_OK &&
         memcmp(got, want + first * (int64_t)row, (size_t)count * row) == 0;
  tap_ok(all(same), "%s is the same, some rows of it", col->path);
  same =
      sb_file_get_text(f, col->path, "crc", text, sizeof text) == SB_OK && strcmp(text, crc) == 0;
  tap_ok(same, "%s has the checksum of any number of ranks (%s)", col->path, text);
  sb_mem_free(want);
  sb_mem_free(got);
}

static void test_attributes(sb_file *f) {
  double three[3] = {0};
  int64_t big = 0;
  char text[64], *string = NULL;
  tap_ok(sb_file_get_text(f, "/a", "note", text, sizeof text) == SB_OK &&
             strcmp(text, "a \"text\"") == 0,
         "text");
  tap_ok(sb_file_get_text(f, "/u8", "unit", text, sizeof text) == SB_OK && strcmp(text, "1") == 0,
         "unit");
  tap_ok(sb_file_get_text(f, "/a/f32", "layout", text, sizeof text) == SB_OK &&
             strcmp(text, "w [10, 100]") == 0,
         "layout");
  tap_ok(sb_file_get_real(f, "/", "three", 3, three) == SB_OK && three[1] == 2.5, "reals");
  tap_ok(sb_file_get_int(f, "/", "big", 1, &big) == SB_OK && big == INT64_C(1) << 60,
         "whole number");
  tap_ok(sb_file_get_string(f, "/deck", &string) == SB_OK &&
             strcmp(string, "method: two_stage\n") == 0,
         "long text");
  sb_mem_free(string);
  tap_ok(sb_file_get_string(f, "/empty", &string) == SB_OK && strcmp(string, "") == 0,
         "empty text");
  sb_mem_free(string);
  tap_ok(sb_file_get_int(f, "/about", "ranks", 1, &big) == SB_OK && big == c->size,
         "/about knows the ranks");
  tap_ok(sb_file_has(f, "/a/b") && sb_file_has(f, "/a/b/i32") && !sb_file_has(f, "/a/c/i32"),
         "what exists");
}

static void test_conversion(sb_file *f) {
  double wide[35];
  int64_t whole[13];
  int32_t narrow[24];
  float single[3];
  bool same = sb_file_get(f, "/a/b/i32", SB_KIND_F64, 0, 3, wide) == SB_OK;
  for (int i = 0; same && i < 30; i++) same = wide[i] == i * 1000003.0;
  tap_ok(all(same), "int32 read as double: %s", sb_message());
  same = sb_file_get(f, "/u8", SB_KIND_I64, 0, 13, whole) == SB_OK;
  for (int i = 0; same && i < 13; i++) same = whole[i] == i * 7;
  tap_ok(all(same), "uint8 read as int64");
  same = sb_file_get(f, "/a/f64", SB_KIND_F32, 5, 1, single) == SB_OK && single[2] == 0.5F * 17 - 3;
  tap_ok(all(same), "double read as float");
  same = sb_file_get(f, "/a/b/i64", SB_KIND_I32, 0, 2, narrow) == SB_USE;
  tap_ok(all(same) && strstr(sb_message(), "a number that int32 cannot hold"),
         "too large for int32: %s", sb_message());
  sb_forget();
}

static void test_verify(void) {
  sb_file *f;
  tap_ok(sb_file_open(c, in_scratch("x.h5"), &f) == SB_OK && sb_file_verify(f) == SB_OK,
         "verified: %s", sb_message());
  sb_file_close(f);
  int done = 0;
  if (c->rank == 0) { /* turns a byte of an element, which it finds by its value */
    static char bytes[1 << 18];
    const double value = 0.5 * 900 - 3;
    FILE *file = fopen(in_scratch("x.h5"), "r+b");
    const long size = (long)fread(bytes, 1, sizeof bytes, file);
    long at = 0;
    while (at + 8 < size && memcmp(bytes + at, &value, 8) != 0) at++;
    fseek(file, at, SEEK_SET);
    fputc(bytes[at] + 1, file);
    done = fclose(file) == 0 && at + 8 < size;
  }
  sb_broadcast(c, 0, &done, sizeof done);
  sb_status s = sb_file_open(c, in_scratch("x.h5"), &f);
  if (!s) s = sb_file_verify(f);
  sb_file_close(f);
  tap_ok(all(done && s == SB_USE && strstr(sb_message(), "is damaged")), "a byte turned: %s",
         sb_message());
  sb_forget();
}

static void test_bytes(void) {
  char crc[17] = "";
  int64_t bytes;
  tap_ok(sb_text_write(c, in_scratch("check"), "123456789", 9) == SB_OK, "text file");
  tap_ok(sb_path_crc(c, in_scratch("check"), &bytes, crc) == SB_OK && bytes == 9 &&
             strcmp(crc, "995dc9bbdf1939fa") == 0,
         "check value of CRC-64/XZ (%s)", crc);
}

/* A file with a hundred datasets, read by one rank alone while the others do the same. */
static void test_alone(void) {
  sb_file *f;
  const sb_comm *self = sb_comm_self();
  char name[64], paths[40][16];
  sb_column many[40];
  double x[6] = {1, 2, 3, 4, 5, 6}, y[6];
  snprintf(name, sizeof name, "alone%d.h5", c->rank);
  for (int i = 0; i < 40; i++) {
    snprintf(paths[i], sizeof paths[i], "/g%d/x", i);
    many[i] = (sb_column){paths[i], "m", "test", SB_KIND_F64, 2, {3, 2}, 0, 0, 3, x};
  }
  sb_status s = sb_file_create(self, in_scratch(name), 0, &f);
  if (!s) s = sb_file_put_all(f, many, 40);
  if (!s) s = sb_file_commit(f, 0);
  if (!s) s = sb_file_open(self, in_scratch(name), &f);
  if (!s) s = sb_file_get(f, "/g39/x", SB_KIND_F64, 0, 3, y);
  if (!s) s = sb_file_verify(f);
  if (!s) sb_file_close(f);
  tap_ok(all(s == SB_OK && memcmp(x, y, sizeof x) == 0), "a file of each rank: %s", sb_message());
}

/* Bit by bit, as the definition has it. */
static uint64_t plain_crc(const unsigned char *p, int64_t bytes) {
  uint64_t crc = ~UINT64_C(0);
  for (int64_t i = 0; i < bytes; i++) {
    crc ^= p[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? UINT64_C(0xC96C5795D7870F42) : 0);
  }
  return ~crc;
}

static void test_crc(void) {
  static unsigned char data[20000];
  int wrong = 0;
  for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)(i * i * 31 + i / 7);
  for (int64_t n = 0; n < 20000; n += 1 + n / 11)
    for (int64_t cut = 0; cut <= n; cut += 1 + n / 3) {
      const uint64_t head = sb_crc_add(0, data, cut), want = plain_crc(data, n);
      wrong += sb_crc_add(head, data + cut, n - cut) != want;
      wrong += (sb_crc_shift(head, n - cut) ^ sb_crc_add(0, data + cut, n - cut)) != want;
    }
  tap_ok(wrong == 0 && sb_crc_add(0, "123456789", 9) == UINT64_C(0x995DC9BBDF1939FA),
         "the crc is CRC-64/XZ, whole or in two pieces");
}

int main(int argc, char **argv) {
  sb_comm *world;
  sb_file *f;
  if (sb_comm_start(&argc, &argv, &world)) return 3;
  c = world;
  tap_rank = c->rank;
  const char *scratch = getenv("SCRATCH");
  snprintf(folder, sizeof folder, "%s/np%d", scratch ? scratch : ".", c->size);
  sb_dir_make(c, folder);
  sb_about_start(argc, argv);
  const int n = make_columns();
  test_write(n);
  if (tap_ok(sb_file_open(c, in_scratch("x.h5"), &f) == SB_OK, "open: %s", sb_message())) {
    for (int i = 0; i < n; i++) test_column(f, &cols[i], golden[i]);
    test_attributes(f);
    test_conversion(f);
    sb_file_close(f);
  }
  test_crc();
  test_verify();
  test_bytes();
  test_alone();
  for (int i = 0; i < n; i++) sb_mem_free((void *)(uintptr_t)cols[i].data);
  sb_comm_finish(world);
  return tap_done();
}
