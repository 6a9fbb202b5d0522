/* Symmetric eigenvalues of block-cyclic matrices (sb/dist.h).
 *
 * All vectors: pdsyevd. Few: pdsytrd, the tridiagonal problem on every rank by LAPACK's dstemr, and
 * pdormtr; not by pdsyevr, which (ScaLAPACK 2.2.1) leaves its own pdormtr too little room where
 * vectors are few, whatever LWORK, and returns INFO = 0 with vectors that are none. Signs are
 * turned before and after: the smallest eigenvalues of -a, ascending, are the largest of a,
 * descending. */
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "sb/mem.h"
#include "scalapack.h"

#define PART 4 /* n / PART vectors count as few */

static const int one = 1;

/* pdsyevd complains about its own sizes where n is 1 or 2. */
static int by_parts(int64_t n, int64_t k) { return n > SB_DIST_BLOCK && k * PART > n; }

typedef struct problem {
  sb_dist *a, *vectors; /* vectors NULL: not wanted                                        */
  sb_dist z;            /* [n, n] of pdsyevd                                               */
  int n, k;
  double *w;        /* [n] ascending values of -a                                      */
  double *d, *e;    /* [n] the tridiagonal matrix, whole                                */
  double *d_, *e_;  /* [my_rows] this rank's part of it                                */
  double *tau, *v;  /* [my_rows]; [k, n] vectors of the tridiagonal matrix             */
  lapack_int *span; /* [2 k] where they are not zero                                   */
  double *work;
  int *iwork;
} problem;

static sb_status fail(const problem *p, const char *call, int info) {
  const sb_process_grid *g = p->a->grid;
  return info ? sb_fail(SB_BAD,
                        "eigenvalues of a %d x %d matrix on %d x %d ranks: %s returned INFO = %d",
                        p->n, p->n, g->p, g->q, call, info)
              : SB_OK;
}

/* Room for `wanted` numbers, which are counted by an int. */
static sb_status work_of(problem *p, double wanted, int *lwork) {
  if (wanted > INT32_MAX)
    return sb_fail(SB_USE, "eigenvalues of a %d x %d matrix: too large for %d ranks: use more",
                   p->n, p->n, p->a->grid->comm->size);
  *lwork = (int)wanted;
  sb_mem_free(p->work);
  return SB_NEW(&p->work, *lwork, "eigenvalues: work");
}

/* --- All vectors ---------------------------------------------------------------------------- */

static int divide(problem *p, double *work, int lwork, int *iwork, int liwork) {
  int info = 0;
  pdsyevd_("V", "L", &p->n, p->a->x, &one, &one, p->a->desc, p->w, p->z.x, &one, &one, p->z.desc,
           work, &lwork, iwork, &liwork, &info, 1, 1);
  return info;
}

/* On the ranks of the grid. */
static sb_status divide_and_conquer(problem *p) {
  const double block = SB_DIST_BLOCK;
  double size = 0;
  int isize = 0, lwork = 0;
  SB_TRY(fail(p, "pdsyevd", divide(p, &size, -1, &isize, -1)));
  /* In some shapes it asks for too little (its pdormtr). */
  size += block * ((double)(p->a->my_rows + p->a->my_cols) + block);
  SB_TRY(work_of(p, size, &lwork));
  SB_TRY(SB_NEW(&p->iwork, isize, "eigenvalues: work"));
  return fail(p, "pdsyevd", divide(p, p->work, lwork, p->iwork, isize));
}

/* --- Few vectors, or none ------------------------------------------------------------------- */

static sb_status make_room(problem *p) {
  const int64_t mine = p->a->my_rows, k = p->vectors ? p->k : 0;
  SB_TRY(SB_NEW(&p->d, p->n, "eigenvalues: diagonal"));
  SB_TRY(SB_NEW(&p->e, p->n, "eigenvalues: diagonal"));
  SB_TRY(SB_NEW(&p->d_, mine, "eigenvalues: diagonal"));
  SB_TRY(SB_NEW(&p->e_, mine, "eigenvalues: diagonal"));
  SB_TRY(SB_NEW(&p->tau, mine, "eigenvalues: reflections"));
  SB_TRY(SB_NEW(&p->v, k * p->n, "eigenvectors: tridiagonal"));
  return SB_NEW(&p->span, 2 * k, "eigenvectors: tridiagonal");
}

/* On the ranks of the grid. */
static sb_status reduce(problem *p) {
  double size = 0;
  int lwork = -1, info = 0;
  pdsytrd_("L", &p->n, p->a->x, &one, &one, p->a->desc, p->d_, p->e_, p->tau, &size, &lwork, &info,
           1);
  SB_TRY(fail(p, "pdsytrd", info));
  SB_TRY(work_of(p, size, &lwork));
  pdsytrd_("L", &p->n, p->a->x, &one, &one, p->a->desc, p->d_, p->e_, p->tau, p->work, &lwork,
           &info, 1);
  return fail(p, "pdsytrd", info);
}

/* Collective. The tridiagonal matrix on every rank: each entry by its bits from the one process of
 * the first row that has it, zeros from the others. */
static sb_status gather(problem *p) {
  const sb_process_grid *g = p->a->grid;
  for (int64_t k = 0; k < p->a->my_rows && g->i == 0; k++) {
    const int64_t row = sb_dist_row(p->a, k);
    p->d[row] = p->d_[k];
    if (row < p->n - 1) p->e[row] = p->e_[k];
  }
  SB_TRY(sb_sum_int(g->comm, (int64_t *)(void *)p->d, p->n));
  return sb_sum_int(g->comm, (int64_t *)(void *)p->e, p->n);
}

/* The same on every rank, by LAPACK. */
static sb_status solve_tridiagonal(problem *p) {
  lapack_int found = 0, info, robust = 1;
  if (!p->vectors) {
    memcpy(p->w, p->d, (size_t)p->n * sizeof *p->w);
    return fail(p, "dsterf", LAPACKE_dsterf(p->n, p->w, p->e));
  }
  info = LAPACKE_dstemr(LAPACK_COL_MAJOR, 'V', 'I', p->n, p->d, p->e, 0, 0, 1, p->k, &found, p->w,
                        p->v, p->n, p->k, p->span, &robust);
  return fail(p, "dstemr", info ? info : found < p->k);
}

/* On the ranks of the grid. Rows of `vectors` from those of v. */
static sb_status turn_back(problem *p) {
  sb_dist *v = p->vectors;
  double size = 0;
  int lwork = -1, info = 0;
  for (int64_t i = 0; i < v->my_rows; i++)
    for (int64_t j = 0; j < v->my_cols; j++)
      v->x[i * v->stride + j] = p->v[sb_dist_row(v, i) * p->n + sb_dist_col(v, j)];
  for (int ask = 1; ask >= 0 && p->n > 1; ask--) { /* of one row, pdormtr refuses its own LWORK */
    pdormtr_("L", "L", "N", &p->n, &p->k, p->a->x, &one, &one, p->a->desc, p->tau, v->x, &one, &one,
             v->desc, ask ? &size : p->work, &lwork, &info, 1, 1, 1);
    SB_TRY(fail(p, "pdormtr", info));
    if (ask) SB_TRY(work_of(p, size, &lwork));
  }
  return SB_OK;
}

/* --- Both ----------------------------------------------------------------------------------- */

static sb_status check_finite(const sb_dist *a) {
  for (int64_t i = 0; i < a->my_rows; i++)
    for (int64_t j = 0; j < a->my_cols; j++)
      if (!isfinite(a->x[i * a->stride + j]))
        return sb_fail(SB_BAD, "eigenvalues: entry (%lld, %lld) of the matrix is %g",
                       (long long)sb_dist_row(a, i), (long long)sb_dist_col(a, j),
                       a->x[i * a->stride + j]);
  return SB_OK;
}

/* Collective. A power of two that brings the largest entry to [1/2, 1): squares neither overflow
 * nor vanish. */
static sb_status scale_of(const sb_dist *a, double *scale) {
  double largest = 0;
  int power = 0;
  for (int64_t i = 0; i < a->my_rows * a->my_cols; i++) largest = fmax(largest, fabs(a->x[i]));
  SB_TRY(sb_max_real(a->grid->comm, &largest, 1));
  if (largest > 0) frexp(largest, &power);
  *scale = ldexp(1, power < -1000 ? 1000 : -power);
  return SB_OK;
}

/* Sign of each row of v: its largest component is positive, of those within 1e-8 of it the first.
 */
static sb_status fix_signs(sb_dist *v) {
  const sb_comm *c = v->grid->comm;
  const int64_t top = INT64_C(1) << 62;
  double *largest = NULL;
  int64_t *at = NULL; /* top - 2 column, less 1 where it is negative: the first is the maximum */
  sb_status s = SB_NEW(&largest, v->rows, "signs of eigenvectors");
  if (!s) s = SB_NEW(&at, v->rows, "signs of eigenvectors");
  s = sb_agree(c, s);
  for (int64_t i = 0; !s && i < v->my_rows; i++)
    for (int64_t j = 0; j < v->my_cols; j++) {
      double *best = &largest[sb_dist_row(v, i)];
      *best = fmax(*best, fabs(v->x[i * v->stride + j]));
    }
  if (!s) s = sb_max_real(c, largest, v->rows);
  for (int64_t i = 0; !s && i < v->my_rows; i++) {
    const int64_t row = sb_dist_row(v, i);
    for (int64_t j = 0; j < v->my_cols && !at[row]; j++) {
      const double x = v->x[i * v->stride + j];
      if (fabs(x) >= (1 - 1e-8) * largest[row]) at[row] = top - 2 * sb_dist_col(v, j) - (x < 0);
    }
  }
  if (!s) s = sb_max_int(c, at, v->rows);
  for (int64_t i = 0; !s && i < v->my_rows; i++)
    for (int64_t j = 0; j < v->my_cols && at[sb_dist_row(v, i)] % 2; j++)
      v->x[i * v->stride + j] = -v->x[i * v->stride + j];
  sb_mem_free(at);
  sb_mem_free(largest);
  return s;
}

/* Collective. */
static sb_status solve_all(problem *p) {
  const sb_process_grid *g = p->a->grid;
  SB_TRY(sb_dist_open(g, p->n, p->n, "eigenvectors", &p->z));
  SB_TRY_ALL(g->comm, g->i >= 0 ? divide_and_conquer(p) : SB_OK);
  /* The first k rows of z lie as those of a matrix of k rows do. */
  memcpy(p->vectors->x, p->z.x,
         (size_t)(p->vectors->my_rows * p->vectors->my_cols) * sizeof *p->z.x);
  return sb_broadcast(g->comm, 0, p->w, (int64_t)sizeof *p->w * p->n);
}

/* Collective. */
static sb_status solve_few(problem *p) {
  const sb_process_grid *g = p->a->grid;
  SB_TRY_ALL(g->comm, make_room(p));
  SB_TRY_ALL(g->comm, g->i >= 0 ? reduce(p) : SB_OK);
  SB_TRY(gather(p));
  SB_TRY_ALL(g->comm, solve_tridiagonal(p));
  return sb_agree(g->comm, p->vectors && g->i >= 0 ? turn_back(p) : SB_OK);
}

static void close_problem(problem *p) {
  void *const blocks[] = {p->w, p->d, p->e, p->d_, p->e_, p->tau, p->v, p->span, p->work, p->iwork};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) sb_mem_free(blocks[i]);
  sb_dist_close(&p->z);
}

sb_status sb_dist_eigen(sb_dist *a, int64_t k, double *values, sb_dist *vectors) {
  const sb_comm *c = a->grid->comm;
  problem p = {.a = a, .vectors = vectors, .n = (int)a->rows, .k = (int)k};
  double scale;
  if (a->rows != a->cols || k < 1 || k > a->rows ||
      (vectors && (vectors->rows != k || vectors->cols != a->rows || vectors->grid != a->grid)))
    return sb_fail(SB_USE, "%lld eigenvalues of a %lld x %lld matrix into %lld x %lld vectors",
                   (long long)k, (long long)a->rows, (long long)a->cols,
                   (long long)(vectors ? vectors->rows : 0),
                   (long long)(vectors ? vectors->cols : 0));
  SB_TRY_ALL(c, check_finite(a));
  SB_TRY(scale_of(a, &scale));
  for (int64_t i = 0; i < a->my_rows * a->my_cols; i++) a->x[i] *= -scale;
  sb_status s = sb_agree(c, SB_NEW(&p.w, a->rows, "eigenvalues"));
  if (!s) s = vectors && by_parts(p.n, k) ? solve_all(&p) : solve_few(&p);
  if (!s && vectors) s = fix_signs(vectors);
  for (int64_t i = 0; !s && values && i < k; i++) values[i] = -p.w[i] / scale;
  close_problem(&p);
  return s;
}

double sb_dist_eigen_bytes(int ranks, int64_t n, int64_t k) {
  const double matrix = sb_dist_bytes(ranks, n, n), n_ = (double)n, k_ = (double)k;
  /* a, vectors; pdsyevd: z and work of two more; else the tridiagonal vectors. */
  return matrix + sb_dist_bytes(ranks, k, n) + 8 * n_ * (30 + 2 * SB_DIST_BLOCK) +
         (by_parts(n, k) ? 3 * matrix : 8 * n_ * k_);
}
