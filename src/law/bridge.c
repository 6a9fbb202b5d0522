/* Bridges that are known in closed form: formulas and sources in sb/bridge.h. */
#include "sb/bridge.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "density.h"
#include "plan.h"
#include "sb/mathfn.h"
#include "sb/mem.h"
#include "sb/noise.h"
#include "sb/spd.h"

enum {
  START = 3,
  PATH = 5
}; /* steps of the noise of a marginal: X_0, then (plan.c: 3, 4) X_1, X_t */

static const double log_2pi = 1.8378770664093454836;

struct sb_bridge {
  int d, both;
  double variance, t;              /* t: the prepared time, -1: none                      */
  sb_mixture *p0, *p1, *potential; /* copies; NULL where there is none               */
  double *log_a;    /* [k] of an adjusted one, whose r and G are those of its plan; or NULL */
  sb_plan *start;   /* X_0 as a plan that ignores what it is given         */
  sb_plan *plan[2]; /* forward, backward                                   */
  sb_density *drift[2], *law;      /* at time t: gradients are the drifts; density of X_t */
  const double *m0, *m1, *s0, *s1; /* of a Gaussian bridge: moments of its ends, in p0 and p1 */
  double *work, *c;                /* [3, d, d]; [d, d] its Cov(X_0, X_1), in work            */
};

/* --- Small matrices, [d, d]
 * --------------------------------------------------------------------------------------------- */

static void multiply(size_t d, const double *a, const double *b, double *out) {
  memset(out, 0, d * d * sizeof *out);
  for (size_t i = 0; i < d; i++)
    for (size_t k = 0; k < d; k++)
      for (size_t j = 0; j < d; j++) out[i * d + j] += a[i * d + k] * b[k * d + j];
}

static void symmetrise(size_t d, double *a) {
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < i; j++)
      a[i * d + j] = a[j * d + i] = 0.5 * (a[i * d + j] + a[j * d + i]);
}

static void transpose(size_t d, const double *a, double *out) {
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < d; j++) out[j * d + i] = a[i * d + j];
}

/* --- Opening
 * ------------------------------------------------------------------------------------------------------------
 */

static sb_status begin(int d, double variance, const sb_mixture *p0, sb_bridge **out) {
  *out = NULL;
  if (!(variance > 0) || !isfinite(variance))
    return sb_fail(SB_USE, "a bridge needs a reference of positive variance, not %g", variance);
  SB_TRY(SB_NEW(out, 1, "known bridge"));
  sb_bridge *b = *out;
  b->d = d;
  b->variance = variance;
  b->t = -1;
  if (!p0) return SB_OK;
  SB_TRY(sb_mixture_smooth(p0, 0, &b->p0));
  SB_TRY(sb_plan_new(1, d, &b->start));
  memcpy(b->start->base, p0->mu, (size_t)d * sizeof *p0->mu);
  memcpy(b->start->cov, p0->cov, (size_t)d * (size_t)d * sizeof *p0->cov);
  sb_plan_factorise(b->start);
  return SB_OK;
}

/* base + gain (x - centre), gain = C' S^-1 of end `to` given end `from`; cov = S_to - gain C. */
static sb_status condition(const sb_bridge *b, int backward, sb_plan **out) {
  const size_t d = (size_t)b->d;
  const double *from = backward ? b->s1 : b->s0, *to = backward ? b->s0 : b->s1;
  double *cross = b->work, *inverse = cross + d * d, *back = inverse + d * d;
  SB_TRY(sb_plan_new(1, b->d, out));
  sb_plan *p = *out;
  memcpy(p->base, backward ? b->m0 : b->m1, d * sizeof *p->base);
  memcpy(p->centre, backward ? b->m1 : b->m0, d * sizeof *p->centre);
  if (backward)
    memcpy(cross, b->c, d * d * sizeof *cross); /* Cov(X_0, X_1) */
  else
    transpose(d, b->c, cross);
  SB_TRY(sb_spd_inverse(b->d, from, inverse, NULL));
  multiply(d, cross, inverse, p->gain);
  transpose(d, cross, back);
  multiply(d, p->gain, back, p->cov);
  for (size_t i = 0; i < d * d; i++) p->cov[i] = to[i] - p->cov[i];
  symmetrise(d, p->cov);
  sb_plan_factorise(p);
  return SB_OK;
}

/* c = (R D R^-1 - v I) / 2, D = (4 R S1 R + v^2 I)^(1/2), R = S0^(1/2). */
static sb_status couple(sb_bridge *b) {
  const size_t d = (size_t)b->d;
  double *root = b->work, *inverse = root + d * d, *middle = inverse + d * d;
  SB_TRY(sb_spd_root(b->d, b->s0, root, inverse));
  multiply(d, root, b->s1, b->c);
  multiply(d, b->c, root, middle);
  for (size_t i = 0; i < d * d; i++)
    middle[i] = 4 * middle[i] + (i % (d + 1) == 0 ? b->variance * b->variance : 0);
  symmetrise(d, middle);
  SB_TRY(sb_spd_root(b->d, middle, b->c, NULL));
  multiply(d, root, b->c, middle);
  multiply(d, middle, inverse, b->c);
  for (size_t i = 0; i < d * d; i++)
    b->c[i] = 0.5 * (b->c[i] - (i % (d + 1) == 0 ? b->variance : 0));
  return SB_OK;
}

static sb_status fill_gauss(const sb_mixture *p1, sb_bridge *b) {
  const int64_t dd = (int64_t)b->d * b->d;
  SB_TRY(sb_mixture_smooth(p1, 0, &b->p1));
  SB_TRY(SB_NEW(&b->work, 4 * dd, "known bridge"));
  b->c = b->work + 3 * dd;
  b->m0 = b->p0->mu, b->m1 = b->p1->mu;
  b->s0 = b->p0->cov, b->s1 = b->p1->cov;
  b->both = 1;
  SB_TRY(couple(b));
  for (int k = 0; k < 2; k++) {
    SB_TRY(condition(b, k, &b->plan[k]));
    SB_TRY(sb_density_new(1, b->d, &b->drift[k]));
  }
  return sb_density_new(1, b->d, &b->law);
}

static sb_status ended(sb_bridge **b, sb_status s) {
  if (!s) return SB_OK;
  sb_bridge_close(*b);
  *b = NULL;
  return s;
}

sb_status sb_bridge_gauss(const sb_mixture *p0, const sb_mixture *p1, double variance,
                          sb_bridge **out) {
  *out = NULL;
  if (p0->k != 1 || p1->k != 1 || p0->d != p1->d)
    return sb_fail(SB_USE, "a Gaussian bridge has two Gaussian ends of one dimension");
  sb_status s = begin(p0->d, variance, p0, out);
  if (!s) s = fill_gauss(p1, *out);
  return ended(out, s);
}

/* gain = S (S + v I)^-1, cov = v gain. */
static sb_status fill_component(const sb_bridge *b, int k, double *inverse, sb_plan *p) {
  const size_t d = (size_t)b->d, at = (size_t)k * d * d;
  const double *s = b->potential->cov + at;
  for (size_t i = 0; i < d * d; i++) inverse[i] = s[i] + (i % (d + 1) == 0 ? b->variance : 0);
  SB_TRY(sb_spd_inverse(b->d, inverse, inverse, NULL));
  multiply(d, s, inverse, p->gain + at);
  symmetrise(d, p->gain + at); /* the factors commute */
  for (size_t i = 0; i < d * d; i++) p->cov[at + i] = b->variance * p->gain[at + i];
  return SB_OK;
}

static sb_status fill_potential(const sb_mixture *v, sb_bridge *b) {
  const size_t d = (size_t)v->d, vectors = (size_t)v->k * d;
  SB_TRY(sb_mixture_smooth(v, 0, &b->potential));
  SB_TRY(SB_NEW(&b->work, (int64_t)(d * d), "known bridge"));
  SB_TRY(sb_density_new(v->k, v->d, &b->drift[0]));
  SB_TRY(sb_plan_new(v->k, v->d, &b->plan[0]));
  sb_plan *p = b->plan[0];
  memcpy(p->base, v->mu, vectors * sizeof *v->mu);
  memcpy(p->centre, v->mu, vectors * sizeof *v->mu);
  for (int k = 0; k < v->k; k++) SB_TRY(fill_component(b, k, b->work, p));
  sb_plan_factorise(p);
  return sb_density_open(v, b->variance, &p->weigh);
}

sb_status sb_bridge_potential(const sb_mixture *p0, const sb_mixture *potential, double variance,
                              sb_bridge **out) {
  *out = NULL;
  if (p0 && (p0->k != 1 || p0->d != potential->d))
    return sb_fail(SB_USE, "a known bridge begins at one Gaussian of the potential's dimension");
  sb_status s = begin(potential->d, variance, p0, out);
  if (!s) s = fill_potential(potential, *out);
  return ended(out, s);
}

/* Component k at time t: drift = v grad of c + x.(a + g) / 2, g = a - B x (density.h). */
static sb_status adjusted_component(sb_bridge *b, double t, int k, sb_density *q) {
  const size_t d = (size_t)b->d, at = (size_t)k * d;
  const double v = b->variance, *r = b->plan[0]->base + at, *g = b->plan[0]->gain + at * d;
  double *inverse = b->work, *rest = inverse + d * d, *product = q->b + at * d, logdet, rr = 0;
  for (size_t i = 0; i < d * d; i++) {
    const double one = i % (d + 1) == 0;
    inverse[i] = (1 - t) * one + t * g[i];
    rest[i] = (one - g[i]) / v;
  }
  SB_TRY(sb_spd_inverse(b->d, inverse, inverse, &logdet));
  memset(product, 0, d * d * sizeof *product);
  for (size_t i = 0; i < d * d && q->diagonal; i += d + 1) product[i] = inverse[i] * rest[i];
  if (!q->diagonal) {
    multiply(d, inverse, rest, product);
    symmetrise(d, product); /* the factors commute */
  }
  for (size_t i = 0; i < d; i++) {
    double sum = 0;
    for (size_t j = 0; j < d; j++) sum += inverse[i * d + j] * r[j];
    q->a[at + i] = sum / v;
    rr += r[i] * sum;
  }
  q->c[k] = b->log_a[k] - 0.5 * logdet - t * rr / (2 * v);
  return SB_OK;
}

static sb_status adjusted_at(sb_bridge *b, double t, sb_density *q) {
  q->diagonal = sb_is_diagonal(q->k, q->d, b->plan[0]->gain);
  for (int k = 0; k < q->k; k++) SB_TRY(adjusted_component(b, t, k, q));
  return SB_OK;
}

static sb_status fill_adjusted(int k, const double *log_a, const double *r, const double *g,
                               sb_bridge *b) {
  const size_t d = (size_t)b->d, vectors = (size_t)k * d;
  SB_TRY(SB_NEW(&b->work, 2 * (int64_t)(d * d), "bridge by a mixture"));
  SB_TRY(SB_NEW(&b->log_a, k, "bridge by a mixture"));
  SB_TRY(sb_density_new(k, b->d, &b->drift[0]));
  SB_TRY(sb_plan_new(k, b->d, &b->plan[0]));
  sb_plan *p = b->plan[0];
  memcpy(b->log_a, log_a, (size_t)k * sizeof *log_a);
  memcpy(p->base, r, vectors * sizeof *r);
  memcpy(p->gain, g, vectors * d * sizeof *g);
  for (size_t i = 0; i < vectors * d; i++) p->cov[i] = b->variance * g[i];
  sb_plan_factorise(p);
  SB_TRY(sb_density_new(k, b->d, &p->weigh));
  return adjusted_at(b, 0, p->weigh); /* but for |x|^2 / (2 v), which all components share */
}

sb_status sb_bridge_adjusted(int k, int d, const double *log_a, const double *r, const double *g,
                             double variance, sb_bridge **out) {
  sb_status s = begin(d, variance, NULL, out);
  if (!s) s = fill_adjusted(k, log_a, r, g, *out);
  return ended(out, s);
}

sb_status sb_bridge_like(const sb_bridge *b, sb_bridge **out) {
  if (!b->both) return sb_bridge_potential(b->p0, b->potential, b->variance, out);
  return sb_bridge_gauss(b->p0, b->p1, b->variance, out);
}

void sb_bridge_close(sb_bridge *b) {
  if (!b) return;
  for (int k = 0; k < 2; k++) sb_plan_free(b->plan[k]), sb_density_close(b->drift[k]);
  sb_plan_free(b->start);
  sb_density_close(b->law);
  sb_mixture_free(b->p0);
  sb_mixture_free(b->p1);
  sb_mixture_free(b->potential);
  sb_mem_free(b->log_a);
  sb_mem_free(b->work);
  sb_mem_free(b);
}

int sb_bridge_dimension(const sb_bridge *b) { return b->d; }
int sb_bridge_both(const sb_bridge *b) { return b->both; }

int sb_bridge_coupling(const sb_bridge *b, double *c) {
  if (!b->both) return 0;
  memcpy(c, b->c, (size_t)b->d * (size_t)b->d * sizeof *c);
  return 1;
}

/* --- Fields
 * -------------------------------------------------------------------------------------------------------------
 */

/* drift[k] = a + K (x - m_t): K = [(1-t)(C' - S0) + t (S1 - C - v I)] S_t^-1, and L = - v S_t^-1 -
 * K. */
static sb_status gauss_at(sb_bridge *b, double t) {
  const size_t d = (size_t)b->d;
  const double v = b->variance, r = 1 - t;
  double *inverse = b->work, *slope = inverse + d * d, *k = slope + d * d, logdet;
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < d; j++) {
      const double one = i == j, c = b->c[i * d + j], ct = b->c[j * d + i], s0 = b->s0[i * d + j],
                   s1 = b->s1[i * d + j];
      inverse[i * d + j] = r * r * s0 + t * t * s1 + t * r * (c + ct + v * one);
      slope[i * d + j] = r * (ct - s0) + t * (s1 - c - v * one);
    }
  SB_TRY(sb_spd_inverse(b->d, inverse, inverse, &logdet));
  multiply(d, slope, inverse, k);
  symmetrise(d, k);
  for (size_t i = 0; i < d; i++) {
    const double m = r * b->m0[i] + t * b->m1[i], step = b->m1[i] - b->m0[i];
    b->drift[0]->m[i] = b->drift[1]->m[i] = b->law->m[i] = m;
    b->drift[0]->a[i] = step, b->drift[1]->a[i] = -step;
  }
  for (size_t i = 0; i < d * d; i++) {
    b->drift[0]->b[i] = -k[i];
    b->drift[1]->b[i] = v * inverse[i] + k[i];
    b->law->b[i] = inverse[i];
  }
  b->law->c[0] = -0.5 * ((double)d * log_2pi + logdet);
  return SB_OK;
}

sb_status sb_bridge_at(sb_bridge *b, double t) {
  if (t == b->t) return SB_OK;
  if (!(t >= 0 && t <= 1)) return sb_fail(SB_BAD, "known bridge at time %g, outside [0, 1]", t);
  b->t = -1;
  SB_TRY(b->both    ? gauss_at(b, t)
         : b->log_a ? adjusted_at(b, t, b->drift[0])
                    : sb_density_fill(b->drift[0], b->potential, (1 - t) * b->variance));
  b->t = t;
  return SB_OK;
}

void sb_bridge_drift(const sb_bridge *b, int backward, int64_t rows, const double *x, double *u) {
  sb_density_scaled(b->drift[backward], rows, x, b->both ? 1 : b->variance, NULL, u, NULL);
}

void sb_bridge_density(const sb_bridge *b, int64_t rows, const double *x, double *logp) {
  if (b->law)
    sb_density_eval(b->law, rows, x, logp, NULL, NULL);
  else
    for (int64_t i = 0; i < rows; i++) logp[i] = NAN;
}

/* --- Laws
 * -------------------------------------------------------------------------------------------------------------
 */

void sb_bridge_plan(const sb_bridge *b, int backward, int64_t rows, const double *x, double *mean,
                    double *cov) {
  sb_plan_moments(b->plan[backward], rows, x, mean, cov);
}

void sb_bridge_draw(const sb_bridge *b, int backward, uint64_t key, int64_t first, int64_t rows,
                    const double *x, double *y) {
  sb_plan_draw(b->plan[backward], key, first, rows, x, y);
}

sb_status sb_bridge_marginal(const sb_bridge *b, double t, uint64_t key, int64_t first,
                             int64_t rows, double *x, double *start) {
  enum { ROWS = SB_LAW_ROWS };
  const int64_t d = b->d;
  const double sigma = sqrt(b->variance * t * (1 - t));
  double *x0;
  if (!b->start) return sb_fail(SB_SYS, "this bridge does not know where it begins");
  SB_TRY(SB_NEW(&x0, 2 * ROWS * d, "draws of a bridge"));
  double *z = x0 + ROWS * d;
  for (int64_t at = 0; at < rows; at += ROWS) {
    const int64_t n = rows - at < ROWS ? rows - at : ROWS;
    memset(x0, 0, (size_t)(n * d) * sizeof *x0);
    sb_plan_draw(b->start, sb_noise_key(key, SB_FOR_START, START, 0), first + at, n, x0, x0);
    sb_plan_draw(b->plan[0], key, first + at, n, x0, x + at * d);
    sb_noise_normals64(key, first + at, (int)n, PATH, b->d, z);
    for (int64_t i = 0; i < n * d; i++) {
      x[at * d + i] = (1 - t) * x0[i] + t * x[at * d + i] + sigma * z[i];
      if (start) start[at * d + i] = x0[i];
    }
  }
  sb_mem_free(x0);
  return SB_OK;
}
