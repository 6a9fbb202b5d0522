/* RUN np=1
 * RUN np=3
 * Leading eigenpairs of bistochastic kernel matrices: the tiny example against numpy; powers of A
 * for Gaussian laws (ALGORITHMS 3.5); both solvers against each other; any number of ranks;
 * matrices that are nearly 1, that are small, and whose eigenvalues come several times. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sb/mem.h"
#include "sb/noise.h"
#include "sb/spectrum.h"
#include "tap.h"

enum { MOST = 2000, PAIRS = 8 };

static const sb_comm *world;
static const int axes[] = {0, 1, 2, 3};

static void need(sb_status s) {
  if (!s) return;
  printf("Bail out! %s\n", sb_message());
  exit(3);
}

typedef struct problem {
  sb_centres k;
  double scale[4];
  double value[MOST], *vector, *log_v; /* vector: of the share, then of all */
} problem;

static void set(problem *p, int64_t n, int d, double step, const float *x) {
  for (int c = 0; c < d; c++) p->scale[c] = 1 / (2 * sqrt(step));
  p->k = (sb_centres){.n = n, .d = d, .coordinate = axes, .scale = p->scale, .x = x, .width = d};
}

/* Whole vectors [n, count] on every rank. */
static sb_spectrum_result find(const sb_comm *c, problem *p, int solver, int count,
                               int64_t products, double *all) {
  const sb_scaling_options how = {SB_STORE_FLY, SB_DOUBLE, 1e-13, 200};
  const sb_spectrum_options o = {solver, count, products, 1e-10, 7};
  sb_scaling_result r;
  sb_spectrum_result s;
  need(sb_scale(c, &p->k, &how, p->log_v, &r));
  need(sb_spectrum(c, &p->k, p->log_v, &o, p->value, p->vector, &s));
  need(sb_gather_rows(c, p->k.n, count, sizeof *all, p->vector, all));
  return s;
}

/* Largest |P u - value u| over the pairs, by plain sums; and how far u is from mean 0, mean
 * square 1. */
static double wrong(const problem *p, int count, const double *u) {
  const int64_t n = p->k.n;
  double worst = 0;
  for (int k = 0; k < count; k++) {
    double mean = 0, square = 0;
    for (int64_t i = 0; i < n; i++) {
      double sum = 0;
      for (int64_t j = 0; j < n; j++) {
        double q = 0;
        for (int c = 0; c < p->k.d; c++)
          q += pow(p->scale[c] *
                       ((double)p->k.x[i * p->k.width + c] - (double)p->k.x[j * p->k.width + c]),
                   2);
        sum += exp(p->log_v[i] + p->log_v[j] - q) * u[j * count + k];
      }
      worst = fmax(worst, fabs(sum - p->value[k] * u[i * count + k]));
      mean += u[i * count + k] / (double)n,
          square += u[i * count + k] * u[i * count + k] / (double)n;
    }
    worst = fmax(worst, fmax(fabs(mean), fabs(square - 1)));
  }
  return worst;
}

static void test_tiny(problem *p, double *all) {
  static const float x[] = {0, 1, 3};
  static const double value[] = {0.854197546770578, 0.22443958472166098},
                      vector[][3] = {
                          {-0.8487070696923775, -0.5553261232005798, 1.4040331928929568},
                          {-1.1312366285858046, 1.3006201970179512, -0.16938356843214644}};
  set(p, 3, 1, .5, x);
  for (int solver = SB_LANCZOS; solver <= SB_DENSE; solver++) {
    double worst = 0;
    const sb_spectrum_result r = find(world, p, solver, 2, 20, all);
    for (int k = 0; k < 2; k++) {
      worst = fmax(worst, fabs(p->value[k] - value[k]));
      for (int i = 0; i < 3; i++) worst = fmax(worst, fabs(all[i * 2 + k] - vector[k][i]));
    }
    tap_ok(r.converged && worst < 1e-12, "tiny example, solver %d: to %.1e of numpy", solver,
           worst);
  }
}

/* P itself, by blocks. */
static void test_matrix(problem *p) {
  static const float x[] = {0, 1, 3};
  static const double want[] = {0.6341653844686232,   0.3574570469376942,  0.008377568593682654,
                                0.3574570469376942,   0.5476961343398021,  0.09484681872250372,
                                0.008377568593682654, 0.09484681872250372, 0.8967756126838139};
  const sb_scaling_options how = {SB_STORE_FLY, SB_DOUBLE, 1e-14, 200};
  sb_scaling_result r;
  sb_process_grid *grid;
  sb_dist m = {0};
  double v[3], own[9], all[9], worst = 0;
  set(p, 3, 1, .5, x);
  need(sb_scale(world, &p->k, &how, p->log_v, &r));
  for (int i = 0; i < 3; i++) v[i] = exp(p->log_v[i]);
  need(sb_process_grid_open(world, 3, &grid));
  need(sb_dist_open(grid, 3, 3, "a matrix", &m));
  need(sb_gram_fill(&p->k, v, &m));
  need(sb_dist_rows(&m, own));
  need(sb_gather_rows(world, 3, 3, sizeof *all, own, all));
  for (int i = 0; i < 9; i++) worst = fmax(worst, fabs(all[i] - want[i]));
  tap_ok(worst < 1e-12, "tiny example: the bistochastic matrix to %.1e", worst);
  sb_dist_close(&m);
  sb_process_grid_close(grid);
}

static double normal(double u) {
  double z = 0;
  for (int k = 0; k < 60; k++) {
    const double step = (.5 * erfc(-z / sqrt(2)) - u) * sqrt(2 * M_PI) * exp(z * z / 2);
    z -= fmax(-.5, fmin(.5, step));
  }
  return z;
}

/* Quantile points have no tails, where the higher vectors are large: the closed form is of
 * infinitely many points. */
static void test_gauss(problem *p, float *x, double *all, double step) {
  const double a = sqrt(1 + step * step) - step;
  double gap[2] = {0};
  for (int half = 0; half < 2; half++) {
    const int n = half ? MOST / 4 : MOST;
    for (int i = 0; i < n; i++) x[i] = (float)normal((i + .5) / n);
    set(p, n, 1, step, x);
    const sb_spectrum_result r = find(world, p, SB_LANCZOS, 4, 60, all);
    for (int k = 0; k < 4; k++) {
      const double off = fabs(p->value[k] / pow(a, k + 1) - 1);
      tap_ok(r.converged && off < .01 * (k + 1) * (k + 1),
             "%d quantiles, step %g: eigenvalue %.5f, closed form %.5f", n, step, p->value[k],
             pow(a, k + 1));
      gap[half] += off;
    }
    double off = 0;
    for (int i = 0; i < n; i++)
      off += pow(all[i * 4] + (all[0] > 0 ? 1 : -1) * (double)x[i], 2) / n;
    tap_ok(sqrt(off) < .03, "the first vector is x, to %.4f", sqrt(off));
  }
  tap_ok(gap[0] < .7 * gap[1], "four times the points: closer, %.1e after %.1e", gap[0], gap[1]);
}

/* Draws in two dimensions: products of the powers, to the error of sampling. */
static void test_draws(problem *p, float *x, double *all) {
  const double step = .5, a = sqrt(1 + step * step) - step,
               b = sqrt(1 + step * step / .81) - step / .9, want[] = {a, b, a * a, a * b, b * b};
  for (int i = 0; i < MOST; i += 64)
    sb_noise_normals(11, i, MOST - i < 64 ? MOST - i : 64, 0, 2, x + i * 2);
  for (int i = 0; i < MOST; i++) x[i * 2 + 1] *= .948683298f;
  set(p, MOST, 2, step, x);
  find(world, p, SB_LANCZOS, 5, 60, all);
  for (int k = 0; k < 5; k++)
    tap_ok(fabs(log(p->value[k]) / log(want[k]) - 1) < .12,
           "2000 draws, variances 1 and .9: eigenvalue %.4f, closed form %.4f", p->value[k],
           want[k]);
}

static void test_both(problem *p, float *x, double *all, int n, double step) {
  double *other = all + MOST * PAIRS, worst = 0, values[PAIRS];
  int turned = 0;
  for (int i = 0; i < n; i += 64) sb_noise_normals(5, i, n - i < 64 ? n - i : 64, 0, 3, x + i * 3);
  set(p, n, 3, step, x);
  const int count = n - 1 < PAIRS ? n - 1 : PAIRS;
  const sb_spectrum_result r = find(world, p, SB_LANCZOS, count, 60, all);
  tap_ok(r.converged && wrong(p, count, all) < 1e-8,
         "%d points, step %g: eigenpairs to %.1e after %d products", n, step, wrong(p, count, all),
         (int)r.products);
  memcpy(values, p->value, sizeof values);
  find(sb_comm_self(), p, SB_LANCZOS, count, 60, other);
  tap_ok(!memcmp(values, p->value, (size_t)count * sizeof *values) &&
             !memcmp(all, other, (size_t)(n * count) * sizeof *all),
         "one rank alone: the same bits");
  find(world, p, SB_DENSE, count, 60, other);
  for (int k = 0; k < count; k++) worst = fmax(worst, fabs(values[k] - p->value[k]));
  for (int i = 0; i < n * count; i++) turned += all[i] * other[i] < -1e-6;
  tap_ok(worst < 1e-10 && turned == 0 && wrong(p, count, other) < 1e-8,
         "ScaLAPACK finds the same, to %.1e, with the same signs", worst);
}

/* Three clusters that do not feel each other: 1 comes thrice, once for the constants. */
static void test_clusters(problem *p, float *x, double *all) {
  for (int i = 0; i < 300; i += 64)
    sb_noise_normals(5, i, 300 - i < 64 ? 300 - i : 64, 0, 1, x + i);
  for (int i = 0; i < 300; i++) x[i] += (float)(i % 3) * 1000;
  set(p, 300, 1, .3, x);
  const sb_spectrum_result r = find(world, p, SB_LANCZOS, 3, 60, all);
  tap_ok(r.converged && fabs(p->value[0] - 1) < 1e-10 && fabs(p->value[1] - 1) < 1e-10 &&
             p->value[2] < .99,
         "three clusters: eigenvalues %.12f %.12f %.4f", p->value[0], p->value[1], p->value[2]);
}

static void test_frozen(problem *p, float *x, double *all) {
  for (int i = 0; i < 100; i++) x[i] = (float)i;
  set(p, 100, 1, 1e-6, x);
  for (int solver = SB_LANCZOS; solver <= SB_DENSE; solver++) {
    const sb_spectrum_result r = find(world, p, solver, 5, 60, all);
    tap_ok(r.converged && fabs(p->value[4] - 1) < 1e-12 && wrong(p, 5, all) < 1e-10,
           "a frozen chain, solver %d: eigenvalues 1, vectors orthonormal", solver);
  }
}

static void test_refused(problem *p, float *x) {
  const sb_spectrum_options all = {SB_LANCZOS, 10, 60, 1e-10, 7},
                            few = {SB_LANCZOS, 9, 1, 1e-10, 7};
  sb_spectrum_result r;
  set(p, 10, 1, 1, x);
  tap_ok(sb_spectrum(world, &p->k, p->log_v, &all, p->value, p->vector, &r) == SB_USE,
         "as many pairs as points are refused: %s", sb_message());
  sb_forget();
  set(p, 100, 1, 1, x);
  tap_ok(sb_spectrum(world, &p->k, p->log_v, &few, p->value, p->vector, &r) == SB_USE,
         "more pairs than vectors are refused: %s", sb_message());
  sb_forget();
}

/* The matrix by blocks against the operator. */
static void test_storage(problem *p, float *x, double *all) {
  enum { N = 333 };
  const sb_scaling_options fly = {SB_STORE_FLY, SB_MIXED, 1e-11, 200},
                           cyclic = {SB_STORE_CYCLIC, SB_MIXED, 1e-11, 200};
  sb_scaling_result r, s;
  double worst = 0;
  for (int i = 0; i < N; i += 64) sb_noise_normals(5, i, N - i < 64 ? N - i : 64, 0, 3, x + i * 3);
  set(p, N, 3, .1, x);
  need(sb_scale(world, &p->k, &fly, p->log_v, &r));
  need(sb_scale(world, &p->k, &cyclic, all, &s));
  for (int i = 0; i < N; i++) worst = fmax(worst, fabs(all[i] - p->log_v[i]));
  tap_ok(r.converged && s.converged && worst < 1e-10,
         "products by ScaLAPACK: the same scaling to %.1e", worst);
}

int main(int argc, char **argv) {
  sb_comm *c;
  float *x = NULL;
  double *all = NULL;
  problem *p = NULL;
  need(sb_comm_start(&argc, &argv, &c));
  world = c;
  tap_rank = c->rank;
  need(SB_NEW(&x, MOST * 4, "points"));
  need(SB_NEW(&p, 1, "a problem"));
  need(SB_NEW(&p->vector, MOST * PAIRS, "vectors"));
  need(SB_NEW(&p->log_v, MOST, "a scaling"));
  need(SB_NEW(&all, 2 * MOST * PAIRS, "vectors"));
  test_tiny(p, all);
  test_matrix(p);
  test_gauss(p, x, all, .05);
  test_gauss(p, x, all, .2);
  test_draws(p, x, all);
  test_both(p, x, all, 400, .1);
  test_both(p, x, all, 70, .5);
  test_both(p, x, all, 5, .5);
  test_both(p, x, all, 2, .5);
  test_clusters(p, x, all);
  test_frozen(p, x, all);
  test_storage(p, x, all);
  test_refused(p, x);
  sb_mem_free(all);
  sb_mem_free(p->log_v);
  sb_mem_free(p->vector);
  sb_mem_free(p);
  sb_mem_free(x);
  sb_comm_finish(c);
  return tap_done();
}
