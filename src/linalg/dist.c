/* Block-cyclic matrices: the grid of ranks, storage, and moving rows in and out (sb/dist.h). */
#include "sb/dist.h"

#include <mpi.h>
#include <string.h>

#include "sb/mem.h"
#include "scalapack.h"

/* --- The grid ------------------------------------------------------------------------------- */

#define LONGEST 4 /* times as many process columns as rows, at most */

/* Most ranks, then the squarest; no side longer than `blocks`. */
static void shape_of(int ranks, int64_t blocks, int *p, int *q) {
  *p = *q = 1;
  for (int i = 1; (int64_t)i * i <= ranks && i <= blocks; i++) {
    int j = ranks / i;
    if (j > LONGEST * i) j = LONGEST * i;
    if (j > blocks) j = (int)blocks;
    if ((int64_t)i * j >= (int64_t)*p * *q) *p = i, *q = j;
  }
}

static int64_t blocks_of(int64_t n) { return n < 1 ? 1 : (n + SB_DIST_BLOCK - 1) / SB_DIST_BLOCK; }

sb_status sb_process_grid_open(const sb_comm *c, int64_t rows, sb_process_grid **out) {
  sb_process_grid *g = NULL;
  *out = NULL;
  const sb_status s = sb_agree(c, SB_NEW(&g, 1, "grid of ranks"));
  if (s) {
    sb_mem_free(g);
    return s;
  }
  const int communicator = sb_comm_handle(c);
  *g = (sb_process_grid){.comm = c, .i = -1, .j = -1};
  shape_of(c->size, blocks_of(rows), &g->p, &g->q);
  g->system = g->context = sys2blacs_handle_(&communicator);
  blacs_gridinit_(&g->context, "R", &g->p, &g->q);
  if (c->rank < g->p * g->q) {
    g->i = c->rank / g->q;
    g->j = c->rank % g->q;
  }
  *out = g;
  return SB_OK;
}

void sb_process_grid_close(sb_process_grid *g) {
  if (!g) return;
  if (g->i >= 0) blacs_gridexit_(&g->context);
  free_blacs_system_handle_(&g->system);
  sb_mem_free(g);
}

const sb_comm *sb_process_grid_comm(const sb_process_grid *g) { return g->comm; }

/* --- Storage -------------------------------------------------------------------------------- */

/* How many of n rows (or columns) the process `at` of `sides` has; and which is its k-th. */
static int64_t count_of(int64_t n, int at, int sides) {
  if (at < 0) return 0;
  const int64_t whole = n / SB_DIST_BLOCK, each = whole / sides, more = whole % sides;
  return (each + (at < more)) * SB_DIST_BLOCK + (at == more ? n % SB_DIST_BLOCK : 0);
}

static int64_t global_of(int64_t k, int at, int sides) {
  return (k / SB_DIST_BLOCK * sides + at) * SB_DIST_BLOCK + k % SB_DIST_BLOCK;
}

int64_t sb_dist_row(const sb_dist *m, int64_t i) { return global_of(i, m->grid->j, m->grid->q); }
int64_t sb_dist_col(const sb_dist *m, int64_t j) { return global_of(j, m->grid->i, m->grid->p); }

double sb_dist_bytes(int ranks, int64_t rows, int64_t cols) {
  int p, q;
  shape_of(ranks, blocks_of(rows > cols ? rows : cols), &p, &q);
  return 8.0 * (double)count_of(rows, 0, q) * (double)count_of(cols, 0, p);
}

sb_status sb_dist_open(const sb_process_grid *g, int64_t rows, int64_t cols, const char *label,
                       sb_dist *out) {
  *out = (sb_dist){.grid = g, .rows = rows, .cols = cols};
  if (rows < 1 || cols < 1 || rows > INT32_MAX || cols > INT32_MAX)
    return sb_fail(SB_USE, "%s: a matrix of %lld x %lld", label, (long long)rows, (long long)cols);
  out->my_rows = count_of(rows, g->j, g->q);
  out->my_cols = count_of(cols, g->i, g->p);
  out->stride = out->my_cols > 0 ? out->my_cols : 1;
  if ((double)count_of(rows, 0, g->q) * (double)count_of(cols, 0, g->p) > INT32_MAX)
    return sb_fail(SB_USE, "%s: %lld x %lld entries are too many for %d ranks: use more ranks",
                   label, (long long)rows, (long long)cols, g->comm->size);
  const int desc[] = {1, g->context, (int)cols,       (int)rows, SB_DIST_BLOCK, SB_DIST_BLOCK,
                      0, 0,          (int)out->stride};
  memcpy(out->desc, desc, sizeof desc);
  const sb_status s =
      sb_agree(g->comm, SB_NEW(&out->x, out->my_rows * out->stride, label)); /* zeroed */
  if (s) sb_dist_close(out);
  return s;
}

void sb_dist_close(sb_dist *m) {
  sb_mem_free(m->x);
  *m = (sb_dist){0};
}

static int least(int64_t a, int64_t b) { return (int)(a < b ? a : b); }

sb_status sb_dist_fill(sb_dist *m, sb_dist_tile *tile, void *self) {
  sb_status s = SB_OK;
  for (int64_t i = 0; i < m->my_rows; i += SB_DIST_BLOCK)
    for (int64_t j = 0; j < m->my_cols && !s; j += SB_DIST_BLOCK)
      s = tile(self, sb_dist_row(m, i), sb_dist_col(m, j), least(m->my_rows - i, SB_DIST_BLOCK),
               least(m->my_cols - j, SB_DIST_BLOCK), m->x + i * m->stride + j, m->stride);
  return sb_agree(m->grid->comm, s);
}

void sb_dist_scale_rows(sb_dist *m, const double *scale) {
  for (int64_t i = 0; i < m->my_rows; i++)
    for (int64_t j = 0; j < m->my_cols; j++) m->x[i * m->stride + j] *= scale[sb_dist_row(m, i)];
}

/* --- Rows in and out ------------------------------------------------------------------------ */

/* A matrix between its blocks and the shares of its lines: rows, or columns. Line after line, in
 * global order, each rank of the grid sends the pieces it has to whoever has the line in its share.
 */
typedef struct move {
  const sb_dist *m;
  int columns, back;         /* lines are columns; back: from shares into blocks */
  int64_t lines, width;      /* of the whole matrix                              */
  int64_t mine;              /* lines of which this rank has pieces              */
  int64_t piece;             /* length of a piece here                           */
  int line_sides, sides;     /* processes along the lines' index, and along a line */
  int *count, *first;        /* [ranks] pieces by rank, in blocks                */
  int *share, *share_first;  /* [ranks] parts of this rank's share, by rank      */
  double *packed, *arranged; /* in blocks; by shares                             */
} move;

/* Rank of the process that has the lines of `line`'s block and position `side` along them. */
static int rank_at(const move *v, int64_t line, int side) {
  const int at = (int)(line / SB_DIST_BLOCK % v->line_sides);
  return v->columns ? at * v->m->grid->q + side : side * v->m->grid->q + at;
}

static int64_t line_of(const move *v, int64_t k) {
  return v->columns ? sb_dist_col(v->m, k) : sb_dist_row(v->m, k);
}

/* Copies between the blocks and `packed`. */
static void pack(const move *v) {
  const sb_dist *m = v->m;
  const int64_t along = v->columns ? m->stride : 1, across = v->columns ? 1 : m->stride;
  double *to = v->packed;
  for (int64_t k = 0; k < v->mine; k++)
    for (int64_t i = 0; i < v->piece; i++, to++) {
      double *entry = m->x + k * across + i * along;
      if (v->back)
        *entry = *to;
      else
        *to = *entry;
    }
}

/* Copies between `arranged` and the rows of this rank's share. */
static void arrange(const move *v, sb_share own, double *out) {
  int64_t at = 0;
  for (int r = 0; r < v->m->grid->p * v->m->grid->q; r++) {
    const int side = v->columns ? r % v->m->grid->q : r / v->m->grid->q;
    const int64_t length = count_of(v->width, side, v->sides);
    for (int64_t k = 0; k < own.count; k++) {
      if (rank_at(v, own.first + k, side) != r) continue;
      for (int64_t i = 0; i < length; i++, at++) {
        double *entry = out + k * v->width + global_of(i, side, v->sides);
        if (v->back)
          v->arranged[at] = *entry;
        else
          *entry = v->arranged[at];
      }
    }
  }
}

/* The rank in whose share a line is: `from` or a later one. */
static int owner_of(const sb_comm *c, int64_t lines, int64_t line, int from) {
  for (;; from++) {
    const sb_share s = sb_share_at(from, c->size, lines);
    if (line < s.first + s.count) return from;
  }
}

static sb_status count_pieces(move *v, sb_share own) {
  const sb_comm *c = v->m->grid->comm;
  int64_t total = 0;
  SB_TRY(SB_NEW(&v->count, 4 * (int64_t)c->size, "moving a matrix"));
  v->first = v->count + c->size;
  v->share = v->first + c->size;
  v->share_first = v->share + c->size;
  for (int64_t k = 0, r = 0; k < v->mine; k++) {
    r = owner_of(c, v->lines, line_of(v, k), (int)r);
    v->count[r] += (int)v->piece;
  }
  for (int64_t k = 0; k < own.count; k++)
    for (int side = 0; side < v->sides; side++) {
      const int64_t length = count_of(v->width, side, v->sides);
      total += length;
      if (total > INT32_MAX)
        return sb_fail(SB_USE, "a matrix of %lld x %lld is too large for %d ranks: use more ranks",
                       (long long)v->lines, (long long)v->width, c->size);
      v->share[rank_at(v, own.first + k, side)] += (int)length;
    }
  for (int r = 1; r < c->size; r++) {
    v->first[r] = v->first[r - 1] + v->count[r - 1];
    v->share_first[r] = v->share_first[r - 1] + v->share[r - 1];
  }
  SB_TRY(SB_NEW(&v->packed, v->mine * v->piece, "moving a matrix"));
  return SB_NEW(&v->arranged, own.count * v->width, "moving a matrix");
}

static sb_status swap(const move *v) {
  const MPI_Comm all = MPI_Comm_f2c(sb_comm_handle(v->m->grid->comm));
  const int code = v->back ? MPI_Alltoallv(v->arranged, v->share, v->share_first, MPI_DOUBLE,
                                           v->packed, v->count, v->first, MPI_DOUBLE, all)
                           : MPI_Alltoallv(v->packed, v->count, v->first, MPI_DOUBLE, v->arranged,
                                           v->share, v->share_first, MPI_DOUBLE, all);
  return code == MPI_SUCCESS ? SB_OK : sb_fail(SB_SYS, "MPI_Alltoallv fails with code %d", code);
}

static sb_status relocate(const sb_dist *m, int columns, int back, double *rows) {
  const sb_process_grid *g = m->grid;
  move v = {.m = m, .columns = columns, .back = back};
  v.lines = columns ? m->cols : m->rows;
  v.width = columns ? m->rows : m->cols;
  v.mine = columns ? m->my_cols : m->my_rows;
  v.piece = columns ? m->my_rows : m->my_cols;
  v.line_sides = columns ? g->p : g->q;
  v.sides = columns ? g->q : g->p;
  const sb_share own = sb_share_of(g->comm, v.lines);
  sb_status s = sb_agree(g->comm, count_pieces(&v, own));
  if (!s && back) arrange(&v, own, rows);
  if (!s && !back) pack(&v);
  if (!s) s = swap(&v);
  if (!s && back) pack(&v);
  if (!s && !back) arrange(&v, own, rows);
  sb_mem_free(v.arranged);
  sb_mem_free(v.packed);
  sb_mem_free(v.count);
  return sb_agree(g->comm, s);
}

sb_status sb_dist_rows(const sb_dist *m, double *out) { return relocate(m, 0, 0, out); }
sb_status sb_dist_columns(const sb_dist *m, double *out) { return relocate(m, 1, 0, out); }

sb_status sb_dist_from_rows(sb_dist *m, const double *rows) {
  return relocate(m, 0, 1, (double *)(uintptr_t)rows); /* read only, in this direction */
}
