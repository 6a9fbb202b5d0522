/* Matrices in panels: see panel.h. */
#include "panel.h"

#include <string.h>

#include "sb/kernel.h"

enum { WIDEST = 3 * SB_LANES };

int sb_panel(int left) { return left < WIDEST ? left : WIDEST; }

void sb_panel_pack(int depth, int cols, const float *a, ptrdiff_t lda, float *panels) {
  for (int j = 0, width; j < cols; j += width) {
    width = sb_panel(cols - j);
    float *to = panels + (ptrdiff_t)j * depth;
    for (int k = 0; k < depth; k++, to += width)
      memcpy(to, a + k * lda + j, (size_t)width * sizeof *to);
  }
}

typedef float four __attribute__((vector_size(16)));

#define MIX(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)

/* to [4, 4] = transpose of a [4, 4] */
static inline void turn4(const float *a, ptrdiff_t lda, float *to, ptrdiff_t ld) {
  const four r = *(const four *)a, s = *(const four *)(a + lda);
  const four t = *(const four *)(a + 2 * lda), u = *(const four *)(a + 3 * lda);
  const four rs = MIX(r, s, 0, 4, 1, 5), tu = MIX(t, u, 0, 4, 1, 5);
  const four RS = MIX(r, s, 2, 6, 3, 7), TU = MIX(t, u, 2, 6, 3, 7);
  *(four *)to = MIX(rs, tu, 0, 1, 4, 5);
  *(four *)(to + ld) = MIX(rs, tu, 2, 3, 6, 7);
  *(four *)(to + 2 * ld) = MIX(RS, TU, 0, 1, 4, 5);
  *(four *)(to + 3 * ld) = MIX(RS, TU, 2, 3, 6, 7);
}

/* to [cols, width] = transpose of a [rows, cols], by fours; what is left singly. */
static void turn(int rows, int cols, const float *a, ptrdiff_t lda, float *to, ptrdiff_t ld) {
  int high = rows / 4 * 4, wide = cols / 4 * 4;
  for (int j = 0; j < wide; j += SB_LANES)
    for (int i = 0; i < high; i += 4)
      for (int k = j; k < wide && k < j + SB_LANES; k += 4)
        turn4(a + i * lda + k, lda, to + k * ld + i, ld);
  for (int i = 0; i < rows; i++)
    for (int j = i < high ? wide : 0; j < cols; j++) to[j * ld + i] = a[i * lda + j];
}

void sb_panel_turn(int rows, int cols, const float *a, ptrdiff_t lda, float *panels) {
  int padded = SB_PAD(rows);
  for (int i = 0, width; i < padded; i += width) {
    width = sb_panel(padded - i);
    turn(rows - i < width ? rows - i : width, cols, a + i * lda, lda, panels + (ptrdiff_t)i * cols,
         width);
  }
}

void sb_panel_product(int rows, int cols, int depth, const float *a, ptrdiff_t lda,
                      const float *panels, int whole, float *c, ptrdiff_t ldc, int add) {
  for (int j = 0, width; j < cols; j += width) {
    width = sb_panel(cols - j);
    sb_kernel()->gemm(rows, width, depth, a, lda, 1, panels + (ptrdiff_t)j * whole, width, c + j,
                      ldc, add);
  }
}
