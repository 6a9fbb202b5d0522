/* Matrix product: blocks of 8 rows x 48 columns of C (16 x 16 where only 16 columns are left, 6 x
 * 16 with AVX2, 4 x 8 without) stay in registers while k runs over the whole depth.
 *
 * Every element is one chain of multiply-adds in order of k, whatever the block it falls in, so its
 * bits do not depend on the shape of the matrix. What matters for speed: the sums are variables,
 * not an array, which gcc would leave in memory; the blocks are functions of their own, never
 * inlined, because other code around them spoils the loop; one stride of A is 1 at compile time,
 * because integer additions take the ports of the multiply-adds. */
#include <string.h>

#include "vector.h"

#if SB_BYTES == 64
enum { ROWS = 8, VECTORS = 3 };
#define EACH_ROW(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#elif SB_BYTES == 32
enum { ROWS = 6, VECTORS = 2 };
#define EACH_ROW(X) X(0) X(1) X(2) X(3) X(4) X(5)
#else
enum { ROWS = 4, VECTORS = 2 };
#define EACH_ROW(X) X(0) X(1) X(2) X(3)
#endif
enum { MOST_ROWS = 16, DEPTH = 128 }; /* of a copy of rows of A */

/* Sum v of row r: of the v-th vector or, in tall blocks, of row r + v * ROWS. */
#define PLACE(r, v) (V == 1 ? c + ((r) + (v)*ROWS) * ldc : c + (r)*ldc + (v)*NF)
#define BEGIN(r)                                  \
  vf s##r##0 = {0}, s##r##1 = {0}, s##r##2 = {0}; \
  if (add) {                                      \
    s##r##0 = vf_load(PLACE(r, 0));               \
    s##r##1 = vf_load(PLACE(r, 1));               \
    if (V == 3) s##r##2 = vf_load(PLACE(r, 2));   \
  }
#define END(r)                    \
  vf_store(PLACE(r, 0), s##r##0); \
  vf_store(PLACE(r, 1), s##r##1); \
  if (V == 3) vf_store(PLACE(r, 2), s##r##2);

/* Rows of A along the depth: row r is r strides from a, or r - 3 from a3, so that few registers
 * make all addresses. Across the depth rows are neighbours. */
#define ELEMENT(a, a3, r) \
  (!ALONG ? a[r] : (r) % 2 == 0 || (r) == 1 ? a[(r)*stride] : a3[((r)-3) * stride])
#define ADD(r)                                          \
  x = vf_all(ELEMENT(a, a3, r));                        \
  s##r##0 = vf_fma(x, line0, s##r##0);                  \
  if (V == 1) x = vf_all(ELEMENT(low, low3, r));        \
  s##r##1 = vf_fma(x, V == 1 ? line0 : line1, s##r##1); \
  if (V == 3) s##r##2 = vf_fma(x, line2, s##r##2);

/* V = 2 or 3: ROWS x V vectors of C. V = 1: twice as many rows, one vector. */
static inline __attribute__((always_inline)) void block(const int V, const int ALONG, int depth,
                                                        const float *a, ptrdiff_t stride,
                                                        const float *b, ptrdiff_t ldb, float *c,
                                                        ptrdiff_t ldc, int add) {
  vf x, line0, line1 = {0}, line2 = {0};
  const ptrdiff_t step = ALONG ? 1 : stride;
  const float *a3 = ALONG ? a + 3 * stride : a, *low = a, *low3 = a3;
  if (V == 1) low += ROWS * (ALONG ? stride : 1), low3 += ROWS * (ALONG ? stride : 1);
  EACH_ROW(BEGIN)
  for (; depth > 0; depth--) {
    line0 = vf_load(b);
    if (V > 1) line1 = vf_load(b + NF);
    if (V == 3) line2 = vf_load(b + 2 * NF);
    EACH_ROW(ADD)
    a += step, a3 += step, low += step, low3 += step, b += ldb;
    /* This empty statement keeps the compiler from making a pointer of every row. */
    __asm__("" : "+r"(a), "+r"(a3), "+r"(b));
  }
  EACH_ROW(END)
}

/* stride: between rows of A along the depth, else between its columns. */
typedef void block_of(int depth, const float *a, ptrdiff_t stride, const float *b, ptrdiff_t ldb,
                      float *c, ptrdiff_t ldc, int add);
#define BLOCK(name, vectors, is_along)                                                    \
  static __attribute__((noinline)) void name(int depth, const float *a, ptrdiff_t stride, \
                                             const float *b, ptrdiff_t ldb, float *c,     \
                                             ptrdiff_t ldc, int add) {                    \
    block(vectors, is_along, depth, a, stride, b, ldb, c, ldc, add);                      \
  }
BLOCK(along_2, 2, 1)
BLOCK(across_2, 2, 0)
#if SB_BYTES == 64
BLOCK(along_1, 1, 1)
BLOCK(across_1, 1, 0)
BLOCK(along_3, 3, 1)
BLOCK(across_3, 3, 0)
static block_of *const along[] = {NULL, along_1, along_2, along_3};
static block_of *const across[] = {NULL, across_1, across_2, across_3};
#else
static block_of *const along[] = {NULL, NULL, along_2};
static block_of *const across[] = {NULL, NULL, across_2};
#endif

/* A panel: some vectors of columns of B and C, all rows. */
typedef struct panel {
  int vectors, height, depth, add; /* height: rows of a block */
  const float *b;
  ptrdiff_t ldb, ldc;
} panel;

/* Rows i .. i+count-1 of C through a copy, which the block (of `height` rows) may fill beyond them;
 * skip: rows of the block before them. */
static void through_copy(const panel *p, block_of *f, const float *a, ptrdiff_t stride, int skip,
                         int count, float *c) {
  float sums[MOST_ROWS * NF * VECTORS] __attribute__((aligned(64)));
  int width = p->vectors * NF;
  memset(sums, 0, sizeof sums);
  for (int r = 0; r < count && p->add; r++)
    memcpy(sums + (skip + r) * width, c + r * p->ldc, (size_t)width * sizeof *c);
  f(p->depth, a, stride, p->b, p->ldb, sums, width, p->add);
  for (int r = 0; r < count; r++)
    memcpy(c + r * p->ldc, sums + (skip + r) * width, (size_t)width * sizeof *c);
}

/* Fewer rows than a block has, or strides that no block knows: A is copied, too, in parts of the
 * depth. */
static void packed(panel p, int rows, const float *a, ptrdiff_t a_row, ptrdiff_t a_col, float *c) {
  float part[DEPTH * MOST_ROWS];
  int depth = p.depth;
  for (int k = 0; k < depth || k == 0; k += DEPTH, p.b += DEPTH * p.ldb, p.add = 1) {
    p.depth = depth - k < DEPTH ? depth - k : DEPTH;
    memset(part, 0, sizeof part);
    for (int r = 0; r < rows; r++)
      for (int i = 0; i < p.depth; i++) part[i * p.height + r] = a[r * a_row + (k + i) * a_col];
    through_copy(&p, across[p.vectors], part, p.height, 0, rows, c);
  }
}

/* All rows of a panel; the last block begins early enough to be whole, and only its new rows are
 * kept. */
static void run(const panel *p, int rows, const float *a, ptrdiff_t a_row, ptrdiff_t a_col,
                float *c) {
  block_of *f = a_col == 1 ? along[p->vectors] : across[p->vectors];
  ptrdiff_t stride = a_col == 1 ? a_row : a_col;
  int h = p->height, i = 0;
  if (rows >= h && (a_col == 1 || a_row == 1)) {
    for (; i + h <= rows; i += h)
      f(p->depth, a + i * a_row, stride, p->b, p->ldb, c + i * p->ldc, p->ldc, p->add);
    if (i < rows)
      through_copy(p, f, a + (rows - h) * a_row, stride, i - (rows - h), rows - i, c + i * p->ldc);
    return;
  }
  for (; i < rows; i += h)
    packed(*p, rows - i < h ? rows - i : h, a + i * a_row, a_row, a_col, c + i * p->ldc);
}

void KERNEL(gemm)(int rows, int cols, int depth, const float *a, ptrdiff_t a_row, ptrdiff_t a_col,
                  const float *b, ptrdiff_t ldb, float *c, ptrdiff_t ldc, int add) {
  int left = cols / NF;
  while (left > 0) {
    int vectors = left < VECTORS ? left : VECTORS;
    panel p = {vectors, vectors == 1 ? 2 * ROWS : ROWS, depth, add, b, ldb, ldc};
    run(&p, rows, a, a_row, a_col, c);
    b += vectors * NF, c += vectors * NF, left -= vectors;
  }
}
