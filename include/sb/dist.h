/* layer: linalg */
/** Dense matrices spread over ranks by blocks (block-cyclic), by ScaLAPACK.
 *
 * Everything is row-major, as elsewhere in the program: a [rows, cols], and eigenvectors are rows. Results of
 * ScaLAPACK are reproducible to 1e-10 of the largest entry (eigenvalues: of the largest one) on any number of ranks,
 * not to the bit. The sign of an eigenvector is fixed by its largest component, as in sb/dense.h, so that it is
 * reproducible, too, as well as the gap to its neighbours' eigenvalues allows. Filling and moving matrices is exact.
 *
 * Everything is collective over the ranks of the grid's communicator unless it says otherwise, with the same status on
 * all of them: SB_USE for shapes that do not fit each other or more than 2^31 - 1 entries on one rank, SB_BAD for
 * entries that are not finite and for INFO != 0 of ScaLAPACK, SB_SYS for memory.
 *
 *   sb_process_grid *grid;
 *   sb_dist a = {0}, v = {0};
 *   sb_process_grid_open(comm, n, &grid);
 *   sb_dist_open(grid, n, n, "kernel", &a);   sb_dist_fill(&a, tile, self);
 *   sb_dist_open(grid, k, n, "vectors", &v);  sb_dist_eigen(&a, k, values, &v);
 *   sb_dist_columns(&v, mine);                // [this rank's share of n, k]
 *   sb_dist_close(&v);  sb_dist_close(&a);  sb_process_grid_close(grid);
 *
 * For small matrices one LAPACK call on one rank (sb_eigen) is quicker: tests/bench/b_dist.c. */
#ifndef SB_DIST_H
#define SB_DIST_H
#include <stdint.h>

#include "sb/comm.h"
#include "sb/status.h"

/** Rows and columns of a block. */
#define SB_DIST_BLOCK 64
/** Dimensions from which the Fréchet distance (sb/metric.h) goes this way: of 1100 points on two ranks it took 0.3 s of
 *  CPU and 16 MiB a rank by LAPACK at 511, 0.2 s and 12 MiB by ScaLAPACK at 512 (`t_metric scale frechet 1100 D`). */
#define SB_DIST_FROM 512

/** A grid of ranks, as square as can be, for matrices of about `rows` rows: of more ranks than such a matrix has
 *  blocks, and of those that fit in no grid, some hold nothing. They take part in all calls. */
typedef struct sb_process_grid sb_process_grid;
/** c stays with the caller and is to live longer than the grid. */
sb_status sb_process_grid_open(const sb_comm *c, int64_t rows, sb_process_grid **out);
/** Accepts NULL. */
void sb_process_grid_close(sb_process_grid *g);
const sb_comm *sb_process_grid_comm(const sb_process_grid *g);

/** A matrix. Its entries on this rank: x[i * stride + j] is global (sb_dist_row(m, i), sb_dist_col(m, j)),
 *  0 <= i < my_rows, 0 <= j < my_cols. */
typedef struct sb_dist {
  const sb_process_grid *grid;
  int64_t rows, cols;
  int64_t my_rows, my_cols, stride;
  double *x;   /**< owned                     */
  int desc[9]; /**< ScaLAPACK's, transposed   */
} sb_dist;

/** A matrix of zeros. */
sb_status sb_dist_open(const sb_process_grid *g, int64_t rows, int64_t cols, const char *label, sb_dist *out);
/** Accepts a zeroed struct. Not collective. */
void sb_dist_close(sb_dist *m);
/** Bytes that a matrix takes on the fullest of so many ranks. Not collective. */
double sb_dist_bytes(int ranks, int64_t rows, int64_t cols);

/** Global row or column of a local one. Not collective. */
int64_t sb_dist_row(const sb_dist *m, int64_t i);
int64_t sb_dist_col(const sb_dist *m, int64_t j);

/** Writes entries (row .. row+rows-1, col .. col+cols-1) to tile[i * stride + j]; rows, cols <= SB_DIST_BLOCK. Called
 *  for the blocks of this rank: not collective. */
typedef sb_status sb_dist_tile(void *self, int64_t row, int64_t col, int rows, int cols, double *tile,
                               int64_t stride);
sb_status sb_dist_fill(sb_dist *m, sb_dist_tile *tile, void *self);

/** Out of the blocks: out [count, cols], the rows of this rank's share of the rows (sb_share_of). Takes as much memory
 *  again as m and out. */
sb_status sb_dist_rows(const sb_dist *m, double *out);
/** The same with the columns of this rank's share of the columns, as rows: out [count, rows]. */
sb_status sb_dist_columns(const sb_dist *m, double *out);
/** Into the blocks: the converse of sb_dist_rows. */
sb_status sb_dist_from_rows(sb_dist *m, const double *rows);

/** Row i times scale[i] (scale [rows], on every rank). Not collective. */
void sb_dist_scale_rows(sb_dist *m, const double *scale);

/** c = alpha op(a) op(b) + beta c, op the transpose where the flag is set. By pdgemm. c is neither a nor b. */
sb_status sb_dist_multiply(double alpha, int transpose_a, const sb_dist *a, int transpose_b, const sb_dist *b,
                           double beta, sb_dist *c);
/** c = alpha a a^T, or alpha a^T a with the flag; both triangles, symmetric to the bit. By pdsyrk, half the work of
 *  sb_dist_multiply. */
sb_status sb_dist_gram(double alpha, int transpose, const sb_dist *a, sb_dist *c);
/** c += alpha rows^T rows, rows [count, c->cols] the same on every rank: plain sums in order of the calls, by BLAS. Not
 *  collective. */
void sb_dist_add_rows(double alpha, int count, const double *rows, sb_dist *c, double *work);
/** Numbers that `work` of it has to hold: of so many rows. */
int64_t sb_dist_add_room(const sb_dist *c, int count);
/** y = alpha op(a) x; x and y whole on every rank, y the same bits on all of them. By pdgemv. */
sb_status sb_dist_apply(double alpha, int transpose, const sb_dist *a, const double *x, double *y);

/** The k largest eigenvalues, descending, values [k] on every rank (may be NULL), and their eigenvectors, the rows of
 *  vectors [k, n] (may be NULL), of a symmetric [n, n] of which one triangle is read. a is destroyed. More than a
 *  quarter of the vectors by pdsyevd (divide and conquer), fewer by pdsytrd, dstemr, pdormtr (relatively robust
 *  representations). vectors is of the grid of a. A long call in which the watchdog sees nothing. */
sb_status sb_dist_eigen(sb_dist *a, int64_t k, double *values, sb_dist *vectors);
/** Bytes on the fullest of so many ranks, a and vectors included. Not collective. */
double sb_dist_eigen_bytes(int ranks, int64_t n, int64_t k);

#endif
