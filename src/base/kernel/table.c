/* The kernels of one instruction set. */
#include "vector.h"

#define SB_TEXT_(x)    #x
#define SB_TEXT(x)     SB_TEXT_(x)
#define SB_TABLE_(isa) sb_kernels_##isa
#define SB_TABLE(isa)  SB_TABLE_(isa)

extern const sb_kernels SB_TABLE(SB_ISA);
const sb_kernels SB_TABLE(SB_ISA) = {
    .name = SB_TEXT(SB_ISA),
    .gemm = KERNEL(gemm),
    .dot = KERNEL(dot),
    .activate = KERNEL(activate),
    .add_bias = KERNEL(add_bias),
    .column_sum = KERNEL(column_sum),
    .exp = KERNEL(exp),
    .exp64 = KERNEL(exp64),
    .log64 = KERNEL(log64),
    .sincos = KERNEL(sincos),
    .waves = KERNEL(waves),
    .normals = KERNEL(normals),
    .uniforms = KERNEL(uniforms),
    .permute = KERNEL(permute),
    .quantise = KERNEL(quantise),
    .restore = KERNEL(restore),
    .adam = KERNEL(adam),
    .distance_sum = KERNEL(distance_sum),
    .gauss_sum = KERNEL(gauss_sum),
    .gauss_product = KERNEL(gauss_product),
    .kept_product = KERNEL(kept_product),
    .gauss_product32 = KERNEL(gauss_product32),
    .gauss_softmax = KERNEL(gauss_softmax),
};
