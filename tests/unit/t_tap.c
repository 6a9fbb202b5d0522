/* The test functions themselves.
 * RUN np=1
 * RUN np=2 quiet */
#include <mpi.h>
#include <string.h>

#include "tap.h"

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &tap_rank);

  int size, np = argc > 1 && strcmp(argv[1], "quiet") == 0 ? 2 : 1;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  tap_ok(size == np, "%d ranks, as the RUN line says", np);
  tap_close(1.0 / 3.0, 0.333, 1e-3, "close");
  tap_close(HUGE_VAL, HUGE_VAL, 0, "infinities are close");

  int rank = tap_rank, count = tap_count;
  tap_rank = -1; /* silently, and taken back */
  tap_ok(false, "fails");
  tap_close((double)NAN, 0, 1, "a NaN is not close");
  int failed = tap_failed;
  tap_rank = rank, tap_count = count, tap_failed = 0;
  tap_ok(failed == 2, "failures are counted");

  MPI_Finalize();
  return tap_done();
}
