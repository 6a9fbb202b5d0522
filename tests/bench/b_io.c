/* Output of the program against raw MPI-IO of as many bytes, both until they are on the disk.
 * Orders: write MEGABYTES SECONDS [FOLDER] crc SECONDS */
#include <unistd.h>

#include "bench.h"
#include "sb/crc.h"
#include "sb/file.h"

enum { WIDTH = 16 };

static void need(int mpi) {
  if (mpi != MPI_SUCCESS) must(sb_fail(SB_SYS, "MPI-IO failed"));
}

static double by_program(const sb_comm *c, const char *path, int64_t rows, const double *x) {
  const sb_share share = sb_share_of(c, rows);
  const sb_column column = {.path = "/x",
                            .unit = "1",
                            .meaning = "numbers",
                            .kind = SB_KIND_F64,
                            .rank = 2,
                            .shape = {rows, WIDTH},
                            .first = share.first,
                            .count = share.count,
                            .data = x};
  sb_file *f;
  must(sb_wait(c));
  const double start = sb_clock();
  must(sb_file_create(c, path, 1, &f));
  must(sb_file_put(f, &column));
  must(sb_file_commit(f, 0));
  must(sb_wait(c));
  return sb_clock() - start;
}

static double by_mpi(const sb_comm *c, const char *path, int64_t rows, const double *x) {
  const sb_share share = sb_share_of(c, rows);
  const MPI_Offset row = WIDTH * (MPI_Offset)sizeof *x;
  MPI_File f;
  must(sb_wait(c));
  const double start = sb_clock();
  need(MPI_File_open(MPI_COMM_WORLD, path, MPI_MODE_CREATE | MPI_MODE_WRONLY, MPI_INFO_NULL, &f));
  need(MPI_File_write_at_all(f, share.first * row, x, (int)(share.count * WIDTH), MPI_DOUBLE,
                             MPI_STATUS_IGNORE));
  need(MPI_File_sync(f));
  need(MPI_File_close(&f));
  must(sb_wait(c));
  return sb_clock() - start;
}

static void write_both(const sb_comm *c, const order *o) {
  static times ours, raw;
  char path[2][512];
  const char *folder = o->words > 3 ? o->word[3] : ".";
  const int64_t rows = (int64_t)(order_number(o, 1) * 1e6 / WIDTH / sizeof(double));
  const sb_share share = sb_share_of(c, rows);
  double *x;
  snprintf(path[0], sizeof path[0], "%s/program.h5", folder);
  snprintf(path[1], sizeof path[1], "%s/raw.bin", folder);
  must(SB_NEW(&x, share.count * WIDTH, "numbers"));
  for (int64_t i = 0; i < share.count * WIDTH; i++) x[i] = (double)i / 7;
  ours.n = raw.n = 0;
  const double start = sb_clock();
  for (int i = 0; told(c, i < 3 || sb_clock() - start < order_number(o, 2)); i++) {
    for (int k = 0; c->rank == 0 && k < 2; k++) unlink(path[k]);
    times_add(&ours, by_program(c, path[0], rows, x));
    times_add(&raw, by_mpi(c, path[1], rows, x));
  }
  for (int k = 0; c->rank == 0 && k < 2; k++) unlink(path[k]);
  if (c->rank == 0) {
    printf(",\"bytes\":%lld", (long long)rows * WIDTH * (long long)sizeof *x);
    times_print("program", &ours);
    times_print("raw", &raw);
  }
  sb_mem_free(x);
}

static void crc(const sb_comm *c, const order *o) {
  enum { BYTES = 1 << 20 };
  static times t;
  static char data[BYTES];
  uint64_t sum = 0;
  t.n = 0;
  for (double start = sb_clock(); sb_clock() - start < order_number(o, 1);) {
    const double now = sb_clock();
    sum = sb_crc_add(sum, data, BYTES);
    times_add(&t, sb_clock() - now);
  }
  data[0] = (char)sum;
  if (c->rank == 0) printf(",\"bytes\":%d", BYTES), times_print("crc", &t);
}

static void answer(const sb_comm *c, const order *o) {
  if (!strcmp(o->word[0], "crc"))
    crc(c, o);
  else
    write_both(c, o);
}

int main(int argc, char **argv) { return bench(argc, argv, answer); }
