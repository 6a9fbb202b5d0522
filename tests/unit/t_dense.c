/* Small matrices: Cholesky factor, inverse, eigenvalues on all ranks; the BLAS core after settling.
 * RUN np=1
 * RUN np=3 ranks */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sb/dense.h"
#include "sb/kernel.h"
#include "sb/mathfn.h"
#include "sb/mem.h"
#include "tap.h"

enum { MOST = 40 };

/* A well-conditioned symmetric positive definite matrix. */
static void fill(int d, double *a) {
  static double g[MOST * MOST];
  for (int i = 0; i < d * d; i++) {
    double c;
    sb_sincos(0.37 * i * i + i, &g[i], &c);
  }
  for (int i = 0; i < d; i++)
    for (int j = 0; j < d; j++) {
      a[i * d + j] = i == j ? 0.5 : 0.0;
      for (int k = 0; k < d; k++) a[i * d + j] += g[i * d + k] * g[j * d + k];
    }
}

/* Largest entry of a b - unit, [d, d]. */
static double off_unit(int d, const double *a, const double *b) {
  double most = 0.0;
  for (int i = 0; i < d; i++)
    for (int j = 0; j < d; j++) {
      double s = i == j ? -1.0 : 0.0;
      for (int k = 0; k < d; k++) s += a[i * d + k] * b[k * d + j];
      if (!(fabs(s) <= most)) most = fabs(s);
    }
  return most;
}

static void test_spd(void) {
  static const int sizes[] = {1, 2, 5, MOST};
  static double a[MOST * MOST], l[MOST * MOST], inverse[MOST * MOST];
  for (int n = 0; n < 4; n++) {
    int d = sizes[n], symmetric = 1;
    double logdet, want = 0.0, error = 0.0;
    fill(d, a);
    memcpy(l, a, sizeof a);
    tap_ok(!sb_cholesky(d, l) && !sb_spd_inverse(d, a, inverse, &logdet), "d = %d", d);
    for (int i = 0; i < d; i++) {
      want += 2 * log(l[i * d + i]);
      for (int j = 0; j < d; j++) {
        double s = 0.0;
        for (int k = 0; k < d; k++) s += l[i * d + k] * l[j * d + k];
        error = fmax(error, fabs(s - a[i * d + j]));
        symmetric = symmetric && inverse[i * d + j] == inverse[j * d + i];
        symmetric = symmetric && (j <= i || l[i * d + j] == 0.0);
      }
    }
    tap_ok(error < 1e-13, "d = %d: L L^T (error %.1e)", d, error);
    error = off_unit(d, a, inverse);
    tap_ok(error < 1e-11 && symmetric, "d = %d: inverse (error %.1e), symmetric to the bit", d,
           error);
    tap_close(logdet, want, 1e-12, "d = %d: log determinant", d);
    tap_ok(!sb_spd_inverse(d, a, a, NULL) && memcmp(a, inverse, sizeof *a * (size_t)(d * d)) == 0,
           "in place");
  }
}

static void test_not_spd(void) {
  const double bad[][4] = {{1, 1, 1, 1},   {1, 2, 2, 1},        {0, 0, 0, 1},
                           {1, 0, 0, NAN}, {INFINITY, 0, 0, 1}, {-1, 0, 0, 1}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    double a[4];
    memcpy(a, bad[i], sizeof a);
    tap_ok(sb_cholesky(2, a) == SB_BAD, "refused: %s", sb_message());
    sb_forget();
  }
  double tiny[4] = {4e-300, 0, 0, 1e-300};
  tap_ok(!sb_cholesky(2, tiny) && tiny[0] == 2e-150, "small is not singular");
}

/* Rank 0's matrix counts, and every rank receives the same bits. */
static void test_eigen(const sb_comm *c, int d) {
  static double a[MOST * MOST], v[MOST * MOST], w[MOST], alone[MOST], rebuilt[MOST * MOST];
  fill(d, a);
  if (c->rank) memset(a, 0x7f, sizeof a);
  sb_status s = sb_eigen(c, d, a, w, v);
  if (!tap_ok(!s, "d = %d: eigenvalues %s", d, sb_message())) return;
  fill(d, a);
  double error = 0.0, turned = 0.0;
  int sorted = 1, positive = 1;
  memset(rebuilt, 0, sizeof rebuilt);
  for (int k = 0; k < d; k++) {
    int top = 0;
    for (int i = 0; i < d; i++) {
      if (fabs(v[k * d + i]) > fabs(v[k * d + top]) * (1 + 1e-8)) top = i;
      for (int j = 0; j < d; j++) rebuilt[i * d + j] += w[k] * v[k * d + i] * v[k * d + j];
    }
    positive = positive && v[k * d + top] > 0;
    sorted = sorted && (k == 0 || w[k] <= w[k - 1]);
  }
  for (int i = 0; i < d * d; i++) error = fmax(error, fabs(rebuilt[i] - a[i]));
  for (int i = 0; i < d; i++)
    for (int j = 0; j < d; j++) { /* rows are orthonormal */
      double dot = i == j ? -1.0 : 0.0;
      for (int k = 0; k < d; k++) dot += v[i * d + k] * v[j * d + k];
      turned = fmax(turned, fabs(dot));
    }
  tap_ok(error < 1e-12 && turned < 1e-13, "d = %d: the matrix again (errors %.1e, %.1e)", d, error,
         turned);
  tap_ok(sorted && positive, "d = %d: descending, largest component positive", d);

  uint64_t mixed = 0; /* of this rank's bits: largest and smallest over ranks must agree */
  for (int i = 0; i < d * d; i++) {
    uint64_t bits;
    memcpy(&bits, &v[i], sizeof bits);
    mixed = (mixed ^ bits) * UINT64_C(0x9e3779b97f4a7c15);
  }
  int64_t hash[2] = {(int64_t)(mixed >> 1), -(int64_t)(mixed >> 1)};
  s = sb_max_int(c, hash, 2);
  tap_ok(!s && hash[0] == -hash[1], "d = %d: the same bits on all ranks", d);
  s = sb_eigen(c, d, a, alone, NULL);
  error = 0.0;
  for (int i = 0; i < d; i++) error = fmax(error, fabs(alone[i] - w[i]));
  tap_ok(!s && error < 1e-12, "d = %d: eigenvalues alone", d);
  tap_ok(!sb_eigen(c, d, a, NULL, v), "d = %d: vectors alone", d);
}

static void test_eigen_fails(const sb_comm *c) {
  double a[4] = {1, NAN, NAN, 1}, w[2] = {7, 7}, tied[4] = {0, -1, -1, 0}, v[4];
  int64_t before = sb_mem_now();
  tap_ok(sb_eigen(c, 2, a, w, NULL) == SB_BAD && w[0] == 7, "all ranks know: %s", sb_message());
  sb_forget();
  if (c->rank == c->size - 1) sb_mem_fail_after(0);
  sb_status s = sb_eigen(c, 2, tied, w, v);
  sb_mem_fail_after(-1);
  tap_ok(s == SB_SYS && sb_mem_now() == before, "one rank without memory: %s", sb_message());
  sb_forget();
  s = sb_eigen(c, 2, tied, w, v);
  tap_ok(!s && w[0] == 1 && v[0] > 0 && v[1] < 0 && v[2] > 0 && v[3] > 0,
         "of equal components the first is positive");
}

/* What another run of this program says about its BLAS core, with this in its environment. */
static void core_of(const char *self, const char *environment, char *core, size_t size) {
  char command[1024];
  snprintf(command, sizeof command, "%s '%s' core", environment, self);
  core[0] = '\0';
  FILE *pipe = popen(command, "r");
  if (!pipe) return;
  if (!fgets(core, (int)size, pipe)) core[0] = '\0';
  core[strcspn(core, "\n")] = '\0';
  pclose(pipe);
}

static void test_core(const char *self) {
  char core[64];
  tap_ok(*sb_blas_core() && *sb_blas_library(), "%s, %s", sb_blas_core(), sb_blas_library());
  if (!strstr(sb_blas_library(), "DYNAMIC_ARCH") || !sb_isa_kernels(2)) {
    tap_skip("no OpenBLAS that chooses its core, or no AVX-512");
    return;
  }
  core_of(self, "env -u OPENBLAS_CORETYPE", core, sizeof core);
  tap_ok(*core && strcmp(core, "Haswell") && strcmp(core, "Zen"),
         "started without a wish, a core with AVX-512: %s", core);
  core_of(self, "OPENBLAS_CORETYPE=Haswell", core, sizeof core);
  tap_ok(strcmp(core, "Haswell") == 0, "the user's core is left alone: %s", core);
  core_of(self, "OPENBLAS_CORETYPE=Nonsense", core, sizeof core);
  tap_ok(*core, "a core that does not exist does not loop: %s", core);
}

int main(int argc, char **argv) {
  sb_blas_settle(argv);
  if (argc > 1 && strcmp(argv[1], "core") == 0) {
    puts(sb_blas_core());
    return 0;
  }
  if (argc == 1) test_core(argv[0]); /* before MPI: it starts programs */
  sb_comm *world;
  if (sb_comm_start(&argc, &argv, &world)) return SB_SYS;
  tap_rank = world->rank;
  test_spd();
  test_not_spd();
  test_eigen(world, 1);
  test_eigen(world, 7);
  test_eigen(world, MOST);
  test_eigen_fails(world);
  sb_comm_finish(world);
  return tap_done();
}
