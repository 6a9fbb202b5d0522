/* Sums over pairs of points in double: distances (energy distance, Székely and Rizzo 2013) and
 * Gaussians (kernel densities).
 *
 * Lanes are points x_i, so that each sum runs over j in order and depends on x_i and y alone.
 * Squares of distances are gathered for PAIRS points y_j at a time; more than DIMS dimensions are
 * taken in parts. */
#include <string.h>

#include "elementary.h"

enum { PAIRS = 128, DIMS = 64 };

/* squares[j] += sum over c < d of (x[c] - y[j][c])^2; d is a constant of the compiler where it is
 * small. */
static inline __attribute__((always_inline)) void squares_of(const int d, int count, const vd *x,
                                                             const double *y, int64_t ldy,
                                                             vd *squares) {
  for (int j = 0; j < count; j++, y += ldy) {
    vd sum = squares[j];
    for (int c = 0; c < d; c++) {
      vd gap = x[c] - y[c];
      sum = vd_fma(gap, gap, sum);
    }
    squares[j] = sum;
  }
}

static void gather(int d, int count, const vd *x, const double *y, int64_t ldy, vd *squares) {
  switch (d) {
    case 1: squares_of(1, count, x, y, ldy, squares); break;
    case 2: squares_of(2, count, x, y, ldy, squares); break;
    case 3: squares_of(3, count, x, y, ldy, squares); break;
    default: squares_of(d, count, x, y, ldy, squares);
  }
}

/* Root of a sum of squares: 1 / sqrt by the bits of s and Householder's steps, error 1 ulp or two;
 * sqrt(0) = 0. */
static inline vd root(vd s) {
  vd r = (vd)(0x5fe6eb50c7b537a9 - (vl)((vq)s >> 1));
  for (int step = 0; step < 2; step++) {
    vd h = vd_fma(-s * r, r, vd_all(1.0));
    r = vd_fma(r * h, vd_fma(h, vd_all(0.375), vd_all(0.5)), r);
  }
  vd y = s * r;
  vd h = vd_fma(-y, r, vd_all(1.0));
  y = vd_fma(y * h, vd_all(0.5), y);
  return y;
}

/* Adds f(squares[j]) in order of j; scale is that of the Gaussian's exponent, 0 for distances. */
static inline vd fold(int count, const vd *squares, double scale, vd sum) {
  if (scale == 0.0)
    for (int j = 0; j < count; j++) sum += root(squares[j]);
  else
    for (int j = 0; j < count; j++) sum += vd_exp(squares[j] * scale);
  return sum;
}

static void pairs(int64_t n, int64_t m, int d, double scale, const double *x, const double *y,
                  double *out) {
  vd points[DIMS], squares[PAIRS];
  for (int64_t i = 0; i < n; i += ND) {
    int here = n - i < ND ? (int)(n - i) : ND;
    vd sum = {0};
    for (int64_t j = 0; j < m; j += PAIRS) {
      int count = m - j < PAIRS ? (int)(m - j) : PAIRS;
      memset(squares, 0, sizeof squares);
      for (int c = 0; c < d; c += DIMS) {
        int dims = d - c < DIMS ? d - c : DIMS;
        for (int k = 0; k < dims; k++)
          for (int lane = 0; lane < ND; lane++)
            points[k][lane] = x[(i + (lane < here ? lane : 0)) * d + c + k];
        gather(dims, count, points, y + j * d + c, d, squares);
      }
      sum = fold(count, squares, scale, sum);
    }
    memcpy(out + i, &sum, (size_t)here * sizeof *out);
  }
}

void KERNEL(distance_sum)(int64_t n, int64_t m, int d, const double *x, const double *y,
                          double *out) {
  pairs(n, m, d, 0.0, x, y, out);
}

void KERNEL(gauss_sum)(int64_t n, int64_t m, int d, double h, const double *x, const double *y,
                       double *out) {
  pairs(n, m, d, -0.5 / (h * h), x, y, out);
}
