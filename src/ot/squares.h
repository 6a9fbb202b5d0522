/* Private to src/ot: squared distances of one point to several, in registers. */
#ifndef SB_OT_SQUARES_H
#define SB_OT_SQUARES_H
#include <stddef.h>

#define SQUARES 8

/* Two doubles: all that every machine has. */
typedef double pair __attribute__((vector_size(16), may_alias));

/* out[j] = |x - y_j|^2, summed in order of the d coordinates; coordinate k of y_j is y[k * step +
 * j]. y and out are aligned to 16 bytes, step is even. */
static inline void squared_distances(int d, const double *x, const double *y, size_t step,
                                     double out[SQUARES]) {
  pair a = {0}, b = {0}, c = {0}, e = {0}, *to = (pair *)out;
  for (int k = 0; k < d; k++, y += step) {
    const pair own = {x[k], x[k]}, *other = (const pair *)y;
    const pair p = own - other[0], q = own - other[1], r = own - other[2], s = own - other[3];
    a += p * p;
    b += q * q;
    c += r * r;
    e += s * s;
  }
  to[0] = a, to[1] = b, to[2] = c, to[3] = e;
}

#endif
