/* Matrices in panels: columns cut into groups as wide as the products' blocks of registers, each
 * stored by itself without gaps. A product then reads memory in order, whatever the width (rows
 * that lie a power of two apart fall into few sets of a cache). Private to src/nn.
 *
 * [depth, cols padded]: the panel that begins at column j lies at j * depth, its rows are
 * sb_panel(cols - j) floats apart. */
#ifndef SB_NN_PANEL_H
#define SB_NN_PANEL_H
#include <stddef.h>

/* Width of the panel before which `left` columns are left: 48, at the end less, never 16 if
 * avoidable. */
int sb_panel(int left);
/* Panels of a [depth, cols], rows lda apart; cols padded. */
void sb_panel_pack(int depth, int cols, const float *a, ptrdiff_t lda, float *panels);
/* Panels of the transpose [cols, rows padded] of a [rows, cols], rows lda apart. The padding of the
 * panels is not written. */
void sb_panel_turn(int rows, int cols, const float *a, ptrdiff_t lda, float *panels);
/* C = A B, or C += A B, as the kernel gemm with a_col = 1; B [whole, cols] in panels, of which the
 * first `depth` rows count. */
void sb_panel_product(int rows, int cols, int depth, const float *a, ptrdiff_t lda,
                      const float *panels, int whole, float *c, ptrdiff_t ldc, int add);

#endif
