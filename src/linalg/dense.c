/* Eigenvalues and eigenvectors of small symmetric matrices on one rank, the same bits on all: see
 * sb/dense.h. */
#include "sb/dense.h"

#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "sb/mem.h"

/* Rows of v [d, d] in descending order (LAPACK's is ascending), largest component positive. */
static void arrange(int d, double *w, double *v) {
  for (int i = 0; i < d / 2; i++) {
    double swap = w[i];
    w[i] = w[d - 1 - i];
    w[d - 1 - i] = swap;
    if (!v) continue;
    double *top = v + (size_t)i * d, *end = v + (size_t)(d - 1 - i) * d;
    for (int j = 0; j < d; j++) {
      swap = top[j];
      top[j] = end[j];
      end[j] = swap;
    }
  }
  for (int i = 0; v && i < d; i++) {
    double *row = v + (size_t)i * d, largest = 0.0;
    for (int j = 0; j < d; j++) largest = fmax(largest, fabs(row[j]));
    int at = 0; /* ties must not be decided by rounding */
    while (fabs(row[at]) < (1.0 - 1e-8) * largest) at++;
    if (row[at] < 0.0)
      for (int j = 0; j < d; j++) row[j] = -row[j];
  }
}

/* dsyevd of v [d, d] in place; reads one triangle. */
static sb_status solve(int d, double *w, double *v, int with_vectors) {
  for (size_t i = 0; i < (size_t)d * (size_t)d; i++)
    if (!isfinite(v[i]))
      return sb_fail(SB_BAD, "eigenvalues: entry (%zu, %zu) of the matrix is %g", i / (size_t)d,
                     i % (size_t)d, v[i]);
  /* Column-major, so that the eigenvectors are rows here. */
  lapack_int info = LAPACKE_dsyevd(LAPACK_COL_MAJOR, with_vectors ? 'V' : 'N', 'U', d, v, d, w);
  if (info == LAPACK_WORK_MEMORY_ERROR)
    return sb_fail(SB_SYS, "eigenvalues of a %d x %d matrix: no memory", d, d);
  if (info)
    return sb_fail(SB_BAD, "eigenvalues of a %d x %d matrix: dsyevd returned %d", d, d, (int)info);
  arrange(d, w, with_vectors ? v : NULL);
  return SB_OK;
}

sb_status sb_eigen(const sb_comm *c, int d, const double *a, double *values, double *vectors) {
  double *w = NULL; /* values, then vectors */
  size_t n = (size_t)d * (size_t)d;
  sb_status s = SB_NEW(&w, d + (int64_t)n, "eigenvalues");
  if (!s && c->rank == 0) {
    memcpy(w + d, a, n * sizeof *w);
    s = solve(d, w, w + d, vectors != NULL);
  }
  s = sb_agree(c, s);
  if (!s) s = sb_broadcast(c, 0, w, (int64_t)sizeof *w * (d + (vectors ? (int64_t)n : 0)));
  if (!s && values) memcpy(values, w, (size_t)d * sizeof *w);
  if (!s && vectors) memcpy(vectors, w + d, n * sizeof *w);
  sb_mem_free(w);
  return s;
}
