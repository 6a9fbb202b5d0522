/* The kernel matrix as an operator: rows by rank, computed anew, kept, or by blocks (sb/scaling.h).
 */
#include <math.h>
#include <string.h>

#include "centres.h"
#include "sb/clock.h"
#include "sb/dist.h"
#include "sb/mem.h"
#include "sb/watchdog.h"

#define ROOT_LOG2 1.2011224087864498 /* (log2 e)^(1/2) */

struct sb_gram {
  const sb_centres *k;
  sb_share share;
  int64_t tiles;
  int storage, filled;    /* filled: what is kept is there                           */
  double *x, *a;          /* [tiles, d, 64], [tiles, 64]: own rows by lane           */
  double *y, *sum;        /* [chunk, d]; [tiles, 64]                                 */
  float *x32, *a32, *y32; /* the same                                                */
  float *v32, *b32;       /* [n]                                                     */
  double *keep;           /* rows: [tiles, n, 64]                                    */
  sb_process_grid *grid;  /* cyclic                                                  */
  sb_dist matrix;
  double *whole; /* cyclic: [n] */
};

static int64_t tiles_of(int64_t rows) { return (rows + SB_BLOCK - 1) / SB_BLOCK; }

double sb_gram_bytes(int ranks, int64_t n, int d, int storage) {
  const double rows = (double)(tiles_of(sb_share_at(0, ranks, n).count) * SB_BLOCK);
  double bytes = 12 * rows * (d + 1) + 8 * rows + 8 * (double)n + 12.0 * CENTRES_CHUNK * d;
  if (storage == SB_STORE_ROWS) bytes += 8 * rows * (double)n;
  if (storage == SB_STORE_CYCLIC) bytes += sb_dist_bytes(ranks, n, n) + 8 * (double)n;
  return bytes;
}

static sb_status allocate(sb_gram *g) {
  const int64_t n = g->k->n, rows = g->tiles * SB_BLOCK, d = g->k->d;
  SB_TRY(SB_NEW(&g->x, rows * d, "rows of a kernel"));
  SB_TRY(SB_NEW(&g->x32, rows * d, "rows of a kernel"));
  SB_TRY(SB_NEW(&g->a, rows, "widths"));
  SB_TRY(SB_NEW(&g->a32, rows, "widths"));
  SB_TRY(SB_NEW(&g->b32, n, "widths"));
  SB_TRY(SB_NEW(&g->v32, n, "a vector"));
  SB_TRY(SB_NEW(&g->y, CENTRES_CHUNK * d, "columns of a kernel"));
  SB_TRY(SB_NEW(&g->y32, CENTRES_CHUNK * d, "columns of a kernel"));
  SB_TRY(SB_NEW(&g->sum, rows, "sums of rows"));
  if (g->storage == SB_STORE_CYCLIC) return SB_NEW(&g->whole, n, "a vector");
  return g->storage == SB_STORE_ROWS ? SB_NEW(&g->keep, rows * n, "rows of the kernel matrix")
                                     : SB_OK;
}

/* Row i of the centres in one lane of a tile: scaled coordinates, relative width. */
static void lay_lane(const sb_centres *k, int64_t i, int lane, double *x, double *a) {
  const float *row = centre(k, i);
  for (int c = 0; c < k->d; c++)
    x[c * SB_BLOCK + lane] = k->scale[c] * (double)row[k->coordinate[c]];
  a[lane] = k->form == SB_WIDTH_ONE ? 1 : k->rho[i];
}

/* Own rows by lane; lanes beyond the last row repeat it. */
static void lay_rows(sb_gram *g) {
  const sb_centres *k = g->k;
  const int64_t last = g->share.first + g->share.count - 1, rows = g->tiles * SB_BLOCK;
  for (int64_t i = 0; i < rows; i++) {
    const int64_t at = g->share.first + i < last ? g->share.first + i : last;
    lay_lane(k, at, (int)(i % SB_BLOCK), g->x + i / SB_BLOCK * k->d * SB_BLOCK,
             g->a + i / SB_BLOCK * SB_BLOCK);
  }
  for (int64_t i = 0; i < rows * k->d; i++) g->x32[i] = (float)(ROOT_LOG2 * g->x[i]);
  for (int64_t i = 0; i < rows; i++) g->a32[i] = (float)g->a[i];
  for (int64_t j = 0; j < k->n && k->form != SB_WIDTH_ONE; j++) g->b32[j] = (float)k->rho[j];
}

/* Of these rows. Local. */
static sb_status gram_new(const sb_centres *k, int storage, sb_share share, sb_gram **out) {
  sb_gram *g;
  *out = NULL;
  SB_TRY(SB_NEW(&g, 1, "a kernel matrix"));
  *out = g;
  g->k = k, g->storage = storage, g->share = share;
  g->tiles = tiles_of(share.count);
  SB_TRY(allocate(g));
  lay_rows(g);
  return SB_OK;
}

sb_status sb_gram_open(const sb_comm *c, const sb_centres *k, int storage, sb_gram **out) {
  SB_TRY_ALL(c, gram_new(k, storage, sb_share_of(c, k->n), out));
  if (storage != SB_STORE_CYCLIC) return SB_OK;
  SB_TRY(sb_process_grid_open(c, k->n, &(*out)->grid));
  return sb_dist_open((*out)->grid, k->n, k->n, "the kernel matrix", &(*out)->matrix);
}

void sb_gram_close(sb_gram *g) {
  if (!g) return;
  void *const blocks[] = {g->x,   g->x32, g->a,   g->a32,  g->y,    g->y32,
                          g->sum, g->v32, g->b32, g->keep, g->whole};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) sb_mem_free(blocks[i]);
  sb_dist_close(&g->matrix);
  sb_process_grid_close(g->grid);
  sb_mem_free(g);
}

/* --- Products of the own rows, over one chunk of columns
 * -------------------------------------------------------------------- */

static void add_chunk(sb_gram *g, int64_t j, int count, const double *v) {
  const sb_centres *k = g->k;
  centres_pack(k, j, count, g->y);
  for (int64_t t = 0; t < g->tiles; t++) {
    const sb_gauss one = {k->form,
                          k->d,
                          count,
                          g->x + t * k->d * SB_BLOCK,
                          g->a + t * SB_BLOCK,
                          g->y,
                          k->form == SB_WIDTH_ONE ? NULL : k->rho + j};
    sb_kernel()->gauss_product(&one, v + j, g->keep ? g->keep + (t * k->n + j) * SB_BLOCK : NULL,
                               g->sum + t * SB_BLOCK);
  }
}

static void add_chunk_kept(sb_gram *g, int64_t j, int count, const double *v) {
  for (int64_t t = 0; t < g->tiles; t++)
    sb_kernel()->kept_product(count, g->keep + (t * g->k->n + j) * SB_BLOCK, v + j,
                              g->sum + t * SB_BLOCK);
}

static void add_chunk32(sb_gram *g, int64_t j, int count) {
  const sb_centres *k = g->k;
  centres_pack(k, j, count, g->y);
  for (int i = 0; i < count * k->d; i++) g->y32[i] = (float)(ROOT_LOG2 * g->y[i]);
  for (int64_t t = 0; t < g->tiles; t++) {
    const sb_gauss32 one = {
        k->form, k->d,      count, g->x32 + t * k->d * SB_BLOCK, g->a32 + t * SB_BLOCK,
        g->y32,  g->b32 + j};
    sb_kernel()->gauss_product32(&one, g->v32 + j, g->sum + t * SB_BLOCK);
  }
}

static void by_rows(sb_gram *g, const double *v, int in_float, double *own) {
  const int64_t n = g->k->n;
  const int kept = g->keep && g->filled && !in_float;
  for (int64_t j = 0; in_float && j < n; j++) g->v32[j] = (float)v[j];
  memset(g->sum, 0, (size_t)(g->tiles * SB_BLOCK) * sizeof *g->sum);
  for (int64_t j = 0; j < n; j += CENTRES_CHUNK) {
    const int count = n - j < CENTRES_CHUNK ? (int)(n - j) : CENTRES_CHUNK;
    if (in_float)
      add_chunk32(g, j, count);
    else if (kept)
      add_chunk_kept(g, j, count, v);
    else
      add_chunk(g, j, count, v);
    sb_tick();
  }
  g->filled |= g->keep && !in_float;
  memcpy(own, g->sum, (size_t)g->share.count * sizeof *own);
}

/* --- By blocks
 * --------------------------------------------------------------------------------------------------------------
 */

typedef struct filler {
  const sb_centres *k;
  const double *v;          /* [n] or NULL                                       */
  double *tile, *x, *a, *y; /* [64, 64]; a tile of columns by lane; [64, d] rows */
} filler;

/* The kernel is symmetric to the bit, so that columns can be the lanes. */
static sb_status fill_block(void *self, int64_t row, int64_t col, int rows, int cols, double *tile,
                            int64_t stride) {
  const filler *f = self;
  const sb_centres *k = f->k;
  double unused[SB_BLOCK] = {0};
  for (int lane = 0; lane < SB_BLOCK; lane++)
    lay_lane(k, col + (lane < cols ? lane : cols - 1), lane, f->x, f->a);
  centres_pack(k, row, rows, f->y);
  const sb_gauss one = {
      k->form, k->d, rows, f->x, f->a, f->y, k->form == SB_WIDTH_ONE ? NULL : k->rho + row};
  sb_kernel()->gauss_product(&one, unused, f->tile, unused);
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < cols; j++)
      tile[i * stride + j] = f->v ? f->v[row + i] * f->v[col + j] * f->tile[i * SB_BLOCK + j]
                                  : f->tile[i * SB_BLOCK + j];
  sb_tick();
  return SB_OK;
}

sb_status sb_gram_fill(const sb_centres *k, const double *v, sb_dist *matrix) {
  filler f = {.k = k, .v = v};
  sb_status s =
      SB_NEW(&f.tile, SB_BLOCK * (SB_BLOCK + 2 * k->d + 1), "a block of the kernel matrix");
  if (!s)
    f.x = f.tile + SB_BLOCK * SB_BLOCK, f.y = f.x + k->d * SB_BLOCK, f.a = f.y + k->d * SB_BLOCK;
  s = sb_agree(sb_process_grid_comm(matrix->grid), s);
  if (!s) s = sb_dist_fill(matrix, fill_block, &f);
  sb_mem_free(f.tile);
  return s;
}

static sb_status by_blocks(sb_gram *g, const double *v, double *own) {
  if (!g->filled) SB_TRY(sb_gram_fill(g->k, NULL, &g->matrix));
  g->filled = 1;
  SB_TRY(sb_dist_apply(1, 0, &g->matrix, v, g->whole));
  memcpy(own, g->whole + g->share.first, (size_t)g->share.count * sizeof *own);
  sb_tick();
  return SB_OK;
}

/* --- Products
 * ---------------------------------------------------------------------------------------------------------------
 */

sb_status sb_gram_times(sb_gram *g, const double *v, int in_float, double *own) {
  if (g->storage == SB_STORE_CYCLIC && !in_float) return by_blocks(g, v, own);
  by_rows(g, v, in_float, own);
  return SB_OK;
}

/* The largest term of a row is k(x, x) = 1, so that the softmax kernel leaves the sums as they are.
 */
static void tile_times_many(const sb_gram *g, int64_t t, int width, const double *v,
                            const double *none, double *sum) {
  const sb_centres *k = g->k;
  double top[SB_BLOCK], unused[SB_BLOCK] = {0};
  for (int i = 0; i < SB_BLOCK; i++) top[i] = -HUGE_VAL;
  memset(sum, 0, (size_t)(width * SB_BLOCK) * sizeof *sum);
  for (int64_t j = 0; j < k->n; j += CENTRES_CHUNK) {
    const int count = k->n - j < CENTRES_CHUNK ? (int)(k->n - j) : CENTRES_CHUNK;
    const sb_gauss one = {k->form,
                          k->d,
                          count,
                          g->x + t * k->d * SB_BLOCK,
                          g->a + t * SB_BLOCK,
                          g->y,
                          k->form == SB_WIDTH_ONE ? NULL : k->rho + j};
    centres_pack(k, j, count, g->y);
    sb_kernel()->gauss_softmax(&one, SB_BLOCK, none, width, v + j * width, top, unused, sum);
  }
  sb_tick();
}

sb_status sb_gram_times_many(sb_gram *g, int width, const double *v, double *own) {
  double *sum, none[CENTRES_CHUNK] = {0};
  SB_TRY(SB_NEW(&sum, width * SB_BLOCK, "sums of a tile"));
  for (int64_t t = 0; t < g->tiles; t++) {
    const int64_t left = g->share.count - t * SB_BLOCK;
    tile_times_many(g, t, width, v, none, sum);
    for (int i = 0; i < SB_BLOCK && i < left; i++)
      for (int c = 0; c < width; c++) own[(t * SB_BLOCK + i) * width + c] = sum[c * SB_BLOCK + i];
  }
  sb_mem_free(sum);
  return SB_OK;
}

/* --- What it costs
 * ----------------------------------------------------------------------------------------------------------
 */

#define TRIAL 65536 /* columns */

double sb_gram_seconds(int ranks, const sb_centres *k, int in_float) {
  sb_centres few = *k;
  sb_gram *g;
  double *v = NULL, own[SB_BLOCK], seconds = HUGE_VAL;
  few.n = k->n < TRIAL ? k->n : TRIAL;
  sb_status s =
      gram_new(&few, SB_STORE_FLY, (sb_share){0, few.n < SB_BLOCK ? few.n : SB_BLOCK}, &g);
  if (!s) s = SB_NEW(&v, few.n, "a vector");
  for (int i = 0; !s && i < 3; i++) {
    const double began = sb_clock();
    by_rows(g, v, in_float, own);
    seconds = fmin(seconds, sb_clock() - began);
  }
  sb_mem_free(v);
  sb_gram_close(g);
  if (s) sb_forget();
  return seconds * (double)k->n / (double)few.n *
         (double)tiles_of(sb_share_at(0, ranks, k->n).count);
}
