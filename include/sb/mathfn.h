/* layer: base */
/** Elementary functions in double that give the same bits everywhere: only +, -, *, / and no libm. */
#ifndef SB_MATHFN_H
#define SB_MATHFN_H

/** Relative error <= 4e-16. sb_exp: 0 below -745.2, inf above 709.78. sb_log(0) = -inf, negative: NaN. */
double sb_exp(double x);
double sb_log(double x);
/** sin and cos for |x| <= 1e5, absolute error <= 4e-16; NaN beyond 1e9. */
void sb_sincos(double x, double *s, double *c);
/** log(1 + exp(x)) without overflow or cancellation. */
double sb_softplus(double x);
/** 1 / (1 + exp(-x)). */
double sb_sigmoid(double x);
/** log(sum of exp(a[i])), maximum taken out; n >= 1; all -inf gives -inf. */
double sb_lse(int n, const double *a);

#endif
