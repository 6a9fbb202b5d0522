/* Two-scale Lorenz-96 without its fast variables: the plug-in with which method kernel or local runs the closed model.
 *
 *   dX_k/dt = -X_{k-1} (X_{k-2} - X_{k+1}) - X_k + F + psi_k        k = 0 .. K-1, periodic
 *
 * Rows of sbridge are (X_0 .. X_{K-1}, psi_0 .. psi_{K-1}), X given and psi drawn from the learned pi(psi | X). After each
 * condition.advance steps of the sampler sb_advance takes one step DT of X by Runge and Kutta's scheme of fourth order, psi
 * held.
 *
 *   cc -O2 -shared -fPIC -o data/lorenz96.so tools/lorenz96.c            [-DFORCING=20.0] [-DDT=0.005]
 *
 * Source: E. Lorenz 1996, with the constants of D. Wilks 2005 (doi 10.1256/qj.04.03). */
#include <stdint.h>

#ifndef FORCING
#define FORCING 20.0
#endif
#ifndef DT
#define DT 0.005
#endif

enum { MOST = 1024 }; /* sites */

void sb_advance(int64_t rows, int d, double *x);

static void tendency(int n, const double *x, const double *psi, double *out) {
  for (int k = 0; k < n; k++) {
    const double before = x[(k + n - 1) % n], two_before = x[(k + n - 2) % n], after = x[(k + 1) % n];
    out[k] = -before * (two_before - after) - x[k] + FORCING + psi[k];
  }
}

static void step(int n, double *x, const double *psi) {
  static const double at[4] = {0.0, 0.5, 0.5, 1.0}, weight[4] = {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6};
  double slope[MOST] = {0}, here[MOST], sum[MOST] = {0};
  for (int stage = 0; stage < 4; stage++) {
    for (int k = 0; k < n; k++) here[k] = x[k] + at[stage] * DT * slope[k];
    tendency(n, here, psi, slope);
    for (int k = 0; k < n; k++) sum[k] += weight[stage] * slope[k];
  }
  for (int k = 0; k < n; k++) x[k] += DT * sum[k];
}

void sb_advance(int64_t rows, int d, double *x) {
  const int n = d / 2;
  for (int64_t i = 0; i < rows && n <= MOST; i++) step(n, x + i * d, x + i * d + n);
}
