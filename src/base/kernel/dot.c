/* Products with few columns: scalar products of rows with rows, where the blocks of gemm would
 * compute sixteen columns to keep one or two.
 *
 * Element k of the depth goes to the partial sum k mod 16; these are added in a fixed tree: those
 * eight apart, then four, two, one. */
#include "elementary.h"

enum { LANES = 16, PER = LANES / NF }; /* partial sums; vectors that hold them */

#if SB_BYTES == 64
static inline vf fold(vf x) {
  x += __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
  x += __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
  x += __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
  return x + __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
}
static inline vf folded(const vf *part) { return fold(part[0]); }
#elif SB_BYTES == 32
static inline vf fold(vf x) {
  x += __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3);
  x += __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5);
  return x + __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6);
}
static inline vf folded(const vf *part) { return fold(part[0] + part[1]); }
#else
static inline vf fold(vf x) {
  x += __builtin_shufflevector(x, x, 2, 3, 0, 1);
  return x + __builtin_shufflevector(x, x, 1, 0, 3, 2);
}
static inline vf folded(const vf *part) { return fold((part[0] + part[2]) + (part[1] + part[3])); }
#endif

/* U rows of A with one row of B. */
SB_INLINE void rows(const int U, int depth, const float *a, ptrdiff_t lda, const float *b, float *c,
                    ptrdiff_t ldc) {
  vf part[8][PER];
  for (int v = 0; v < PER; v++) EACH(part[u][v] = (vf){0});
  for (int k = 0; k < depth; k += LANES)
    for (int v = 0; v < PER; v++) {
      const vf y = vf_load(b + k + v * NF);
      EACH(part[u][v] = vf_fma(vf_load(a + u * lda + k + v * NF), y, part[u][v]));
    }
  EACH(c[u * ldc] = folded(part[u])[0]);
}

void KERNEL(dot)(int m, int n, int depth, const float *a, ptrdiff_t lda, const float *b,
                 ptrdiff_t ldb, float *c, ptrdiff_t ldc) {
  for (int j = 0; j < n; j++, b += ldb) {
    int i = 0;
    for (; i + 8 <= m; i += 8) rows(8, depth, a + i * lda, lda, b, c + i * ldc + j, ldc);
    for (; i < m; i++) rows(1, depth, a + i * lda, lda, b, c + i * ldc + j, ldc);
  }
}
