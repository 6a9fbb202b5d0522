/* Products of block-cyclic matrices by PBLAS (sb/dist.h).
 */
#include <cblas.h>
#include <string.h>

#include "sb/mem.h"
#include "scalapack.h"

static const int one = 1;
static const double unit = 1, nothing = 0;

/* --- Products ------------------------------------------------------------------------------- */

sb_status sb_dist_multiply(double alpha, int transpose_a, const sb_dist *a, int transpose_b,
                           const sb_dist *b, double beta, sb_dist *c) {
  const int64_t rows = transpose_a ? a->cols : a->rows, inner = transpose_a ? a->rows : a->cols;
  const int64_t below = transpose_b ? b->cols : b->rows, cols = transpose_b ? b->rows : b->cols;
  const int m = (int)cols, n = (int)rows, k = (int)inner;
  if (rows != c->rows || cols != c->cols || inner != below)
    return sb_fail(SB_USE, "product of matrices: %lld x %lld by %lld x %lld into %lld x %lld",
                   (long long)rows, (long long)inner, (long long)below, (long long)cols,
                   (long long)c->rows, (long long)c->cols);
  /* c^T = op(b)^T op(a)^T */
  if (c->grid->i >= 0)
    pdgemm_(transpose_b ? "T" : "N", transpose_a ? "T" : "N", &m, &n, &k, &alpha, b->x, &one, &one,
            b->desc, a->x, &one, &one, a->desc, &beta, c->x, &one, &one, c->desc);
  return SB_OK;
}

/* The triangle that pdsyrk left out. */
static sb_status mirror(sb_dist *c) {
  const int n = (int)c->rows;
  sb_dist t = {0};
  SB_TRY(sb_dist_open(c->grid, c->rows, c->cols, "transpose", &t));
  if (c->grid->i >= 0)
    pdtran_(&n, &n, &unit, c->x, &one, &one, c->desc, &nothing, t.x, &one, &one, t.desc);
  for (int64_t i = 0; i < c->my_rows; i++)
    for (int64_t j = 0; j < c->my_cols; j++)
      if (sb_dist_row(c, i) > sb_dist_col(c, j)) c->x[i * c->stride + j] = t.x[i * t.stride + j];
  sb_dist_close(&t);
  return SB_OK;
}

sb_status sb_dist_gram(double alpha, int transpose, const sb_dist *a, sb_dist *c) {
  const int64_t rows = transpose ? a->cols : a->rows, inner = transpose ? a->rows : a->cols;
  const int n = (int)rows, k = (int)inner;
  if (c->rows != rows || c->cols != rows)
    return sb_fail(SB_USE, "product of a matrix and its transpose: %lld x %lld into %lld x %lld",
                   (long long)rows, (long long)inner, (long long)c->rows, (long long)c->cols);
  /* Our upper triangle is its lower one. */
  if (c->grid->i >= 0)
    pdsyrk_("L", transpose ? "N" : "T", &n, &k, &alpha, a->x, &one, &one, a->desc, &nothing, c->x,
            &one, &one, c->desc);
  return mirror(c);
}

/* Each entry of the whole comes from the one rank that has it, the others add zeros to its bits. */
static sb_status whole_of(const sb_dist *column, double *y) {
  int64_t *bits = NULL;
  const sb_comm *c = column->grid->comm;
  sb_status s = sb_agree(c, SB_NEW(&bits, column->rows, "product with a vector"));
  for (int64_t i = 0; !s && i < column->my_rows && column->my_cols; i++)
    memcpy(&bits[sb_dist_row(column, i)], &column->x[i * column->stride], sizeof *bits);
  if (!s) s = sb_sum_int(c, bits, column->rows);
  if (!s) memcpy(y, bits, (size_t)column->rows * sizeof *y);
  sb_mem_free(bits);
  return s;
}

sb_status sb_dist_apply(double alpha, int transpose, const sb_dist *a, const double *x, double *y) {
  const int64_t rows = transpose ? a->cols : a->rows, inner = transpose ? a->rows : a->cols;
  const int m = (int)a->cols, n = (int)a->rows;
  sb_dist from = {0}, to = {0};
  sb_status s = sb_dist_open(a->grid, inner, 1, "product with a vector", &from);
  if (!s) s = sb_dist_open(a->grid, rows, 1, "product with a vector", &to);
  for (int64_t i = 0; !s && i < from.my_rows && from.my_cols; i++)
    from.x[i * from.stride] = x[sb_dist_row(&from, i)];
  /* It sees vectors as rows of length `rows`: an increment of M_ = 1 goes along a row. */
  if (!s && a->grid->i >= 0)
    pdgemv_(transpose ? "N" : "T", &m, &n, &alpha, a->x, &one, &one, a->desc, from.x, &one, &one,
            from.desc, &one, &nothing, to.x, &one, &one, to.desc, &one);
  if (!s) s = whole_of(&to, y);
  sb_dist_close(&to);
  sb_dist_close(&from);
  return s;
}

int64_t sb_dist_add_room(const sb_dist *c, int count) { return count * (c->my_rows + c->my_cols); }

void sb_dist_add_rows(double alpha, int count, const double *rows, sb_dist *c, double *work) {
  double *const left = work, *const right = work + count * c->my_rows;
  if (!c->my_rows || !c->my_cols) return;
  for (int k = 0; k < count; k++) {
    const double *row = rows + k * c->cols;
    for (int64_t i = 0; i < c->my_rows; i++) left[k * c->my_rows + i] = row[sb_dist_row(c, i)];
    for (int64_t j = 0; j < c->my_cols; j++) right[k * c->my_cols + j] = row[sb_dist_col(c, j)];
  }
  cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)c->my_rows, (int)c->my_cols, count,
              alpha, left, (int)c->my_rows, right, (int)c->my_cols, 1, c->x, (int)c->stride);
}
