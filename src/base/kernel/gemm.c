/* Matrix product: blocks of GEMM_ROWS x up to GEMM_VECTORS vectors of C stay in registers while k
 * runs over the whole depth.
 *
 * Every element is one chain of multiply-adds in order of k, whatever the block it falls in, so its
 * bits do not depend on the shape of the matrix. The blocks are functions of their own, never
 * inlined: with other code around it the compiler spoils the loop. */
#include <string.h>

#include "vector.h"

#if SB_BYTES == 64
enum { GEMM_ROWS = 8, GEMM_VECTORS = 3 };
#elif SB_BYTES == 32
enum { GEMM_ROWS = 6, GEMM_VECTORS = 2 };
#else
enum { GEMM_ROWS = 4, GEMM_VECTORS = 2 };
#endif

/* One block, vectors known at compile time; a[r] is the first element of a row of A. */
static inline __attribute__((always_inline)) void block(const int vectors, int depth,
                                                        const float *const *a, ptrdiff_t a_col,
                                                        const float *b, ptrdiff_t ldb, float *c,
                                                        ptrdiff_t ldc, int add) {
  vf sum[GEMM_ROWS][GEMM_VECTORS];
  const float *row[GEMM_ROWS];
  for (int r = 0; r < GEMM_ROWS; r++) {
    row[r] = a[r];
    for (int v = 0; v < vectors; v++) sum[r][v] = add ? vf_load(c + r * ldc + v * NF) : (vf){0};
  }
  ptrdiff_t at = 0;
  for (int k = 0; k < depth; k++, at += a_col, b += ldb) {
    vf line[GEMM_VECTORS];
    for (int v = 0; v < vectors; v++) line[v] = vf_load(b + v * NF);
    for (int r = 0; r < GEMM_ROWS; r++) {
      vf x = vf_all(row[r][at]);
      for (int v = 0; v < vectors; v++) sum[r][v] = vf_fma(x, line[v], sum[r][v]);
    }
  }
  for (int r = 0; r < GEMM_ROWS; r++)
    for (int v = 0; v < vectors; v++) vf_store(c + r * ldc + v * NF, sum[r][v]);
}

typedef void block_of(int depth, const float *const *a, ptrdiff_t a_col, const float *b,
                      ptrdiff_t ldb, float *c, ptrdiff_t ldc, int add);
#define BLOCK(vectors)                                                                            \
  static __attribute__((noinline)) void block_##vectors(                                          \
      int depth, const float *const *a, ptrdiff_t a_col, const float *b, ptrdiff_t ldb, float *c, \
      ptrdiff_t ldc, int add) {                                                                   \
    block(vectors, depth, a, a_col, b, ldb, c, ldc, add);                                         \
  }
BLOCK(2)
#if SB_BYTES == 64
BLOCK(1)
BLOCK(3)
static block_of *const blocks[] = {NULL, block_1, block_2, block_3};
#else
static block_of *const blocks[] = {NULL, NULL, block_2};
#endif

/* Vectors of the next panel when `left` are left: a last panel of one would run at half speed, so 4
 * is 2 + 2. */
static int panel(int left) {
  if (left == 4) return GEMM_VECTORS < 4 ? 2 : 4;
  return left < GEMM_VECTORS ? left : GEMM_VECTORS;
}

/* The last rows: missing ones repeat the last, C goes through a copy. */
static void last_rows(block_of *f, int rows, int width, int depth, const float *const *a,
                      ptrdiff_t a_col, const float *b, ptrdiff_t ldb, float *c, ptrdiff_t ldc,
                      int add) {
  float copy[GEMM_ROWS * GEMM_VECTORS * NF] __attribute__((aligned(64)));
  memset(copy, 0, sizeof copy);
  for (int r = 0; r < rows; r++) memcpy(copy + r * width, c + r * ldc, (size_t)width * sizeof *c);
  f(depth, a, a_col, b, ldb, copy, width, add);
  for (int r = 0; r < rows; r++) memcpy(c + r * ldc, copy + r * width, (size_t)width * sizeof *c);
}

void KERNEL(gemm)(int rows, int cols, int depth, const float *a, ptrdiff_t a_row, ptrdiff_t a_col,
                  const float *b, ptrdiff_t ldb, float *c, ptrdiff_t ldc, int add) {
  int vectors = cols / NF;
  for (int v = 0, wide; v < vectors; v += wide) {
    wide = panel(vectors - v);
    for (int i = 0; i < rows; i += GEMM_ROWS) {
      const float *row[GEMM_ROWS];
      int here = rows - i < GEMM_ROWS ? rows - i : GEMM_ROWS;
      for (int r = 0; r < GEMM_ROWS; r++) row[r] = a + (i + (r < here ? r : here - 1)) * a_row;
      if (here == GEMM_ROWS)
        blocks[wide](depth, row, a_col, b + v * NF, ldb, c + i * ldc + v * NF, ldc, add);
      else
        last_rows(blocks[wide], here, wide * NF, depth, row, a_col, b + v * NF, ldb,
                  c + i * ldc + v * NF, ldc, add);
    }
  }
}
