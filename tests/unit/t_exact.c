/* Density of mixtures and exact fields of the two-stage bridge: golden numbers, identities, limits,
 * failures. */
#include <string.h>

#include "sb/law.h"
#include "sb/mathfn.h"
#include "sb/mem.h"
#include "tap.h"

/* A law by its name, with defaults. */
static sb_law *law_of(const char *want) {
  sb_law_options o = {.dimension = 2, .modes = 6, .radius = 5.0, .variance = 1.0};
  const char *name, *summary, *source;
  for (o.law = 1; sb_law_describe(o.law, &name, &summary, &source); o.law++)
    if (strcmp(name, want) == 0) break;
  sb_law *law;
  if (sb_law_open(&o, &law)) printf("# %s: %s\n", want, sb_message());
  return law;
}

/* |got - want| relative to max(1, |want|); keeps the largest. */
static void worst(double *most, double got, double want) {
  double error = fabs(got - want) / fmax(1.0, fabs(want));
  if (!(error <= *most)) *most = error;
}

/* clang-format off */
typedef struct golden {
  const char *law;
  double sigma2, tau, x[2], logq, score[2], logf;
  double at[5][6]; /* t, log h1, b1, b2 */
} golden;

static const golden goldens[] = {
  {"gmm8", 1, 5, {1, 2}, -5.2117150641434655, {0.5552452523247342, 0.9961880557068336}, -1.2644000853000197,
   {{0.00,  0.305536947740, 0.430439081078, 0.860636466173, 0.555245252325, 0.996188055707},
    {0.25,  0.221625694378, 0.680451047726, 1.359903091983, 0.756515601063, 1.251147353762},
    {0.50,  0.064184380119, 1.088455253353, 2.171529648387, 1.144456729253, 1.634072806772},
    {0.75, -0.273158462803, 1.838120941473, 3.634168738534, 2.102802587396, 2.300090135737},
    {1.00, -1.264400085300, 3.776226261624, 6.980940278534, 5.893563684251, 3.901951608164}}},
  {"mixture_b", .5, 3, {.4, -.3}, -3.1286566282541983, {-0.44511820423011256, 0.6984816511676548}, -0.15050060651007677,
   {{0.00,  0.021973572855,  0.410890371035, 0.443397566639, -0.222559102115, 0.349240825584},
    {0.25,  0.053553905541,  0.425492398339, 0.475680806517, -0.291637705271, 0.441086739336},
    {0.50,  0.056936163876,  0.390335915991, 0.525833682761, -0.376770685304, 0.574190151298},
    {0.75, -0.000418499372,  0.153995563902, 0.699307830025, -0.460175853107, 0.754780959158},
    {1.00, -0.150500606510, -0.935354612690, 1.795444953503, -0.499880734490, 0.999778344976}}}};
/* clang-format on */

static void test_golden(const golden *g) {
  sb_law *law = law_of(g->law);
  sb_exact *e;
  if (!tap_ok(law && !sb_exact_open(law->mixture, g->tau, g->sigma2, &e), "%s: opens", g->law))
    return;
  double logf, s[2], b[2], logh, tiny = 0.0, table = 0.0, logq;
  sb_density *q;
  sb_exact_ratio(e, 1, g->x, &logf, s);
  tap_ok(!sb_density_open(law->mixture, g->sigma2, &q), "density opens");
  sb_density_eval(q, 1, g->x, &logq, NULL, NULL);
  sb_density_close(q);
  worst(&tiny, logf, g->logf);
  worst(&tiny, logq, g->logq);
  for (int i = 0; i < 2; i++) worst(&tiny, s[i], g->score[i]);
  tap_ok(tiny < 1e-14, "%s: log q, score, log f (error %.1e)", g->law, tiny);

  for (int k = 0; k < 5; k++) {
    const double *want = g->at[k];
    if (sb_exact_at(e, want[0])) tap_ok(false, "t = %g: %s", want[0], sb_message());
    sb_exact_stage1(e, 1, g->x, b, &logh);
    worst(&table, logh, want[1]);
    for (int i = 0; i < 2; i++) worst(&table, b[i], want[2 + i]);
    sb_exact_stage2(e, 1, g->x, b);
    for (int i = 0; i < 2; i++) worst(&table, b[i], want[4 + i]);
  }
  tap_ok(table < 1e-12, "%s: five times of both stages (error %.1e, 12 digits given)", g->law,
         table);
  sb_exact_close(e);
  sb_law_close(law);
}

/* log h1 at the origin of gmm8; a start at t = 0. */
static void test_origin(void) {
  static const double want[3] = {0.0, -0.8099963707542641, -5.01370563888011}, x[2] = {0.0, 0.0};
  sb_law *law = law_of("gmm8"), *skew = law_of("mixture_b");
  sb_exact *e;
  double b[2], logh, error = 0.0, mean[2], cov[4];
  sb_exact_open(law->mixture, 5.0, 1.0, &e);
  for (int k = 0; k < 3; k++) {
    sb_exact_at(e, 0.5 * k);
    sb_exact_stage1(e, 1, x, b, &logh);
    worst(&error, logh, want[k]);
    for (int i = 0; i < 2; i++) worst(&error, b[i], 0.0);
  }
  tap_ok(error < 1e-14, "gmm8 at the origin (error %.1e)", error);
  sb_exact_close(e);

  sb_exact_open(skew->mixture, 3.0, 0.5, &e);
  sb_mixture_moments(skew->mixture, mean, cov);
  sb_exact_at(e, 0.0);
  sb_exact_stage1(e, 1, x, b, &logh);
  tap_close(logh, 0.0, 1e-15, "h1(0, 0) = 1");
  for (int i = 0; i < 2; i++) tap_close(b[i], mean[i], 1e-15, "b1(0, 0) is the mean [%d]", i);
  sb_exact_close(e);
  sb_law_close(skew);
  sb_law_close(law);
}

enum { POINTS = 67 }; /* more than two tiles, and an unfinished one */
static double points[POINTS][2];

static void spread_points(void) {
  for (int i = 0; i < POINTS; i++) {
    sb_sincos(0.7 * i, &points[i][0], &points[i][1]);
    for (int j = 0; j < 2; j++) points[i][j] *= 0.1 * i;
  }
}

/* b1 = tau grad log h1 and b2 = sigma2 grad log q by central differences. */
static void test_differences(sb_exact *e, const sb_mixture *m, double tau, double sigma2) {
  const double h = 1e-4;
  for (int k = 0; k <= 4; k++) {
    double t = 0.25 * k, b1[POINTS][2], b2[POINTS][2], error1 = 0.0, error2 = 0.0;
    sb_density *q;
    if (sb_exact_at(e, t) || sb_density_open(m, (1.0 - t) * sigma2, &q)) {
      tap_ok(false, "t = %g: %s", t, sb_message());
      continue;
    }
    sb_exact_stage1(e, POINTS, points[0], b1[0], NULL);
    sb_exact_stage2(e, POINTS, points[0], b2[0]);
    for (int i = 0; i < POINTS; i++)
      for (int j = 0; j < 2; j++) {
        double x[4][2], v[4], u[4]; /* fourth order */
        for (int s = 0; s < 4; s++) {
          memcpy(x[s], points[i], sizeof x[s]);
          x[s][j] += h * (s < 2 ? s - 2 : s - 1);
        }
        sb_exact_stage1(e, 4, x[0], NULL, v);
        sb_density_eval(q, 4, x[0], u, NULL, NULL);
        worst(&error1, b1[i][j], tau * (v[0] - 8 * v[1] + 8 * v[2] - v[3]) / (12 * h));
        worst(&error2, b2[i][j], sigma2 * (u[0] - 8 * u[1] + 8 * u[2] - u[3]) / (12 * h));
      }
    tap_ok(error1 < 1e-8, "t = %g: b1 = tau grad log h1 (error %.1e)", t, error1);
    tap_ok(error2 < 1e-8, "t = %g: b2 = sigma2 grad log q (error %.1e)", t, error2);
    sb_density_close(q);
  }
}

/* X_t of stage 1 is t Y + sqrt(tau t (1-t)) Z: forward and backward drift add up to tau times the
 * score of that law, where the backward drift is (0 - x) / t. */
static void test_two_drifts(sb_exact *e, const sb_mixture *m, double tau, double sigma2) {
  for (int k = 1; k <= 4; k++) {
    double t = 0.25 * k, shrink[4] = {t, 0, 0, t}, b[POINTS][2], s[POINTS][2], error = 0.0;
    sb_mixture *smooth, *law;
    sb_density *q;
    sb_mixture_smooth(m, sigma2, &smooth);
    sb_mixture_map(smooth, 2, shrink, NULL, &law);
    sb_density_open(law, tau * t * (1.0 - t), &q);
    sb_density_eval(q, POINTS, points[0], NULL, s[0], NULL);
    sb_exact_at(e, t);
    sb_exact_stage1(e, POINTS, points[0], b[0], NULL);
    for (int i = 0; i < POINTS; i++)
      for (int j = 0; j < 2; j++) worst(&error, b[i][j] - points[i][j] / t, tau * s[i][j]);
    tap_ok(error < 1e-12, "t = %g: both drifts add up to the score (error %.1e)", t, error);
    sb_density_close(q);
    sb_mixture_free(law);
    sb_mixture_free(smooth);
  }
}

/* At t = 1 stage 2 is the score of the law itself; at t = 0 that of q_sigma, which sb_exact_ratio
 * gives too. */
static void test_ends(sb_exact *e, const sb_mixture *m, double sigma2) {
  double b[POINTS][2], s[POINTS][2], error = 0.0;
  sb_density *q;
  sb_density_open(m, 0.0, &q);
  sb_density_eval(q, POINTS, points[0], NULL, s[0], NULL);
  sb_density_close(q);
  sb_exact_at(e, 1.0);
  sb_exact_stage2(e, POINTS, points[0], b[0]);
  for (int i = 0; i < POINTS; i++)
    for (int j = 0; j < 2; j++) worst(&error, b[i][j], sigma2 * s[i][j]);
  sb_exact_at(e, 0.0);
  sb_exact_stage2(e, POINTS, points[0], b[0]);
  sb_exact_ratio(e, POINTS, points[0], NULL, s[0]);
  for (int i = 0; i < POINTS; i++)
    for (int j = 0; j < 2; j++) worst(&error, b[i][j], sigma2 * s[i][j]);
  tap_ok(error < 1e-14, "stage 2 at both ends (error %.1e)", error);
}

/* A row's value does not depend on the rows around it. */
static void test_tiles(sb_exact *e) {
  double b[POINTS][2], one[2], logh[POINTS], h;
  int same = 1;
  sb_exact_at(e, 0.3);
  sb_exact_stage1(e, POINTS, points[0], b[0], logh);
  for (int i = 0; i < POINTS; i++) {
    sb_exact_stage1(e, 1, points[i], one, &h);
    same = same && memcmp(one, b[i], sizeof one) == 0 && h == logh[i];
  }
  tap_ok(same, "row by row gives the same bits");
}

/* Probability flow of stage 1 for one Gaussian, dx/dt = b1 - tau score / 2 = (b1 + x / t) / 2,
 * carries quantiles along: x_t - t m = sqrt(V_t / V_s) (x_s - s m) in each principal axis, V_t =
 * t^2 S + tau t (1-t). */
static void velocity(sb_exact *e, double t, const double *x, double *v) {
  sb_exact_at(e, t);
  sb_exact_stage1(e, 1, x, v, NULL);
  for (int i = 0; i < 2; i++) v[i] = 0.5 * (v[i] + x[i] / t);
}

static void test_flow(void) {
  const double tau = 2.0, mean[2] = {1.5, -0.5}, s[2] = {0.4, 1.7}, from = 0.1;
  enum { STEPS = 400 };
  sb_mixture *m;
  sb_mixture_new(1, 2, &m);
  memcpy(m->mu, mean, sizeof mean);
  m->cov[0] = s[0], m->cov[3] = s[1];
  sb_exact *e;
  sb_exact_open(m, tau, 0.0, &e);
  double x[2] = {0.9, -0.6}, start[2] = {x[0], x[1]}, h = (1.0 - from) / STEPS;
  for (int k = 0; k < STEPS; k++) {
    double t = from + k * h, y[2], v[4][2];
    velocity(e, t, x, v[0]);
    for (int i = 0; i < 2; i++) y[i] = x[i] + 0.5 * h * v[0][i];
    velocity(e, t + 0.5 * h, y, v[1]);
    for (int i = 0; i < 2; i++) y[i] = x[i] + 0.5 * h * v[1][i];
    velocity(e, t + 0.5 * h, y, v[2]);
    for (int i = 0; i < 2; i++) y[i] = x[i] + h * v[2][i];
    velocity(e, fmin(t + h, 1.0), y, v[3]);
    for (int i = 0; i < 2; i++) x[i] += h / 6 * (v[0][i] + 2 * v[1][i] + 2 * v[2][i] + v[3][i]);
  }
  for (int i = 0; i < 2; i++) {
    double wide = from * from * s[i] + tau * from * (1.0 - from);
    tap_close(x[i], mean[i] + sqrt(s[i] / wide) * (start[i] - from * mean[i]), 1e-8,
              "the probability flow carries quantiles [%d]", i);
  }
  sb_exact_close(e);
  sb_mixture_free(m);
}

/* Points without width: fine when smoothed, no density otherwise. */
static void test_singular(void) {
  sb_mixture *m;
  sb_density *q;
  sb_exact *e;
  double x[2] = {0.2, 0.1}, b[2], logq;
  sb_mixture_new(2, 2, &m);
  m->mu[0] = 1.0, m->mu[3] = -1.0;
  tap_ok(sb_density_open(m, 0.0, &q) == SB_BAD && !q, "points have no density: %s", sb_message());
  sb_forget();
  tap_ok(sb_density_open(m, NAN, &q) == SB_BAD, "nor a NaN of it");
  sb_forget();
  tap_ok(!sb_density_open(m, 0.5, &q), "smoothed points have one");
  sb_density_eval(q, 1, x, &logq, NULL, NULL);
  tap_close(logq, log(0.5 * (exp(-0.65) + exp(-1.25)) / acos(-1.0)), 1e-14, "the right one");
  sb_density_close(q);

  tap_ok(!sb_exact_open(m, 1.0, 0.5, &e) && !sb_exact_at(e, 0.99),
         "a bridge to points before t = 1");
  sb_exact_stage2(e, 1, x, b);
  tap_ok(isfinite(b[0]), "has a drift");
  tap_ok(sb_exact_at(e, 1.0) == SB_BAD, "and at t = 1: %s", sb_message());
  sb_forget();
  tap_ok(sb_exact_at(e, 1.5) == SB_BAD && strstr(sb_message(), "1.5"), "%s", sb_message());
  sb_forget();
  tap_ok(!sb_exact_at(e, 0.5), "it goes on at another time");
  sb_exact_close(e);
  tap_ok(sb_exact_open(m, 0.0, 0.5, &e) == SB_USE && !e, "%s", sb_message());
  sb_forget();
  tap_ok(sb_exact_open(m, 1.0, 0.0, &e) == SB_BAD && !e, "q_sigma must have a density");
  sb_forget();
  sb_mixture_free(m);
}

/* Far away, everything stays finite and only the nearest component counts. */
static void test_far(sb_exact *e) {
  double x[2] = {1e6, -1e6}, b[2], logh;
  int finite = 1;
  for (int k = 0; k <= 10; k++) {
    sb_exact_at(e, 0.1 * k);
    sb_exact_stage1(e, 1, x, b, &logh);
    finite = finite && isfinite(b[0]) && isfinite(b[1]) && isfinite(logh);
    sb_exact_stage2(e, 1, x, b);
    finite = finite && isfinite(b[0]) && isfinite(b[1]);
  }
  tap_ok(finite, "a million away all is finite");
}

static void test_memory(const sb_mixture *m) {
  int64_t before = sb_mem_now();
  long k = 0;
  for (;; k++) {
    sb_exact *e;
    sb_mem_fail_after(k);
    sb_status s = sb_exact_open(m, 1.0, 1.0, &e);
    sb_mem_fail_after(-1);
    if (!s) {
      sb_exact_close(e);
      break;
    }
    sb_forget();
    if (s != SB_SYS || e || sb_mem_now() != before) {
      tap_ok(false, "allocation %ld fails: status %d", k, (int)s);
      return;
    }
  }
  tap_ok(k >= 5 && sb_mem_now() == before, "all %ld allocations may fail, nothing is left", k);
}

int main(void) {
  spread_points();
  for (int k = 0; k < 2; k++) test_golden(&goldens[k]);
  test_origin();
  sb_law *law = law_of("mixture_b");
  sb_exact *e;
  sb_exact_open(law->mixture, 3.0, 0.5, &e);
  test_differences(e, law->mixture, 3.0, 0.5);
  test_two_drifts(e, law->mixture, 3.0, 0.5);
  test_ends(e, law->mixture, 0.5);
  test_tiles(e);
  test_far(e);
  sb_exact_close(e);
  test_flow();
  test_singular();
  test_memory(law->mixture);
  sb_law_close(law);
  return tap_done();
}
