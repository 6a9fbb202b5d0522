/* Sums over pairs of points in double: distances (energy distance, Székely and Rizzo 2013) and
 * Gaussians (kernel densities).
 *
 * Lanes are points x_i, so that each sum runs over j in order and depends on x_i and y alone.
 * Squares of distances are gathered for PAIRS points y_j at a time; more than DIMS dimensions are
 * taken in parts. */
#include <string.h>

#include "elementary.h"

enum { PAIRS = 128, DIMS = 64, MANY = 4 };

/* squares[j] += sum over c < d of (x[c] - y[j][c])^2; d is a constant of the compiler where it is
 * small. */
SB_INLINE void squares_of(const int U, const int d, const vd *x, const double *y, int64_t ldy,
                          vd *squares) {
  vd sum[MANY], gap[MANY];
  EACH(sum[u] = squares[u]);
  for (int c = 0; c < d; c++) {
    EACH(gap[u] = x[c] - y[u * ldy + c]);
    EACH(sum[u] = vd_fma(gap[u], gap[u], sum[u]));
  }
  EACH(squares[u] = sum[u]);
}

SB_INLINE void gather_of(const int d, int count, const vd *x, const double *y, int64_t ldy,
                         vd *squares) {
  int j = 0;
  for (; j + MANY <= count; j += MANY) squares_of(MANY, d, x, y + j * ldy, ldy, squares + j);
  for (; j < count; j++) squares_of(1, d, x, y + j * ldy, ldy, squares + j);
}

static void gather(int d, int count, const vd *x, const double *y, int64_t ldy, vd *squares) {
  switch (d) {
    case 1: gather_of(1, count, x, y, ldy, squares); break;
    case 2: gather_of(2, count, x, y, ldy, squares); break;
    case 3: gather_of(3, count, x, y, ldy, squares); break;
    default: gather_of(d, count, x, y, ldy, squares);
  }
}

/* Roots of sums of squares: 1 / sqrt by the bits of s (after Lomont 2003) and Householder's steps,
 * error 1 ulp or two; sqrt(0) = 0. */
SB_INLINE void roots(const int U, vd *s) {
  vd r[MANY], h[MANY], q[MANY];
  EACH(r[u] = (vd)(0x5fe6eb50c7b537a9 - (vl)((vq)s[u] >> 1)));
  for (int step = 0; step < 2; step++) {
    EACH(h[u] = s[u] * r[u]);
    EACH(h[u] = vd_fma(-h[u], r[u], vd_all(1.0)));
    EACH(q[u] = vd_fma(h[u], vd_all(0.375), vd_all(0.5)));
    EACH(h[u] = r[u] * h[u]);
    EACH(r[u] = vd_fma(h[u], q[u], r[u]));
  }
  EACH(s[u] = s[u] * r[u]);
  EACH(h[u] = vd_fma(-s[u], r[u], vd_all(1.0)));
  EACH(h[u] = s[u] * h[u]);
  EACH(s[u] = vd_fma(h[u], vd_all(0.5), s[u]));
}

/* Adds f(squares[j]) to sum, in order of j. */
SB_INLINE vd fold_some(const int U, const vd *squares, double scale, vd sum) {
  vd s[MANY];
  if (scale == 0.0) {
    EACH(s[u] = squares[u]);
    roots(U, s);
  } else {
    vd x[MANY];
    EACH(x[u] = vd_max(vd_all(-708.0), squares[u] * scale));
    vd_exp_inside(U, x, s);
    EACH(s[u] = (vd)((vl)s[u] & (x[u] != -708.0)));
  }
  EACH(sum += s[u]);
  return sum;
}

/* scale: of the Gaussian's exponent, 0 for distances. */
static vd fold(int count, const vd *squares, double scale, vd sum) {
  int j = 0;
  for (; j + MANY <= count; j += MANY) sum = fold_some(MANY, squares + j, scale, sum);
  for (; j < count; j++) sum = fold_some(1, squares + j, scale, sum);
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
