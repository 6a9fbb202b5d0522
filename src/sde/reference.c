/* Schedules of variances and reference chains (sb/reference.h). */
#include "sb/reference.h"

#include "sb/mathfn.h"
#include "sb/mem.h"

enum { SPACE_LINEAR, SPACE_GEOMETRIC };

/* clang-format off */
const sb_key sb_reference_keys[] = {
  SB_CHOICE(sb_reference_options, process, "ou", "ou|brownian",
    "chain that the bridge stays close to: Ornstein-Uhlenbeck around the prior, or Brownian motion"),
  SB_INT(sb_reference_options, steps, "20", 1, 1e6, "", "steps N of the chain; even where gammas rise and fall"),
  SB_REAL(sb_reference_options, gamma_min, "0.01", 1e-12, 1e12, "x^2",
    "half the variance of the noise of the first and of the last step"),
  SB_REAL(sb_reference_options, gamma_max, "0.01", 1e-12, 1e12, "x^2", "the same of the middle steps"),
  SB_CHOICE(sb_reference_options, space, "linear", "linear|geometric", "how gammas rise to the middle and fall again"),
  SB_REALS(sb_reference_options, gammas, "[]", 0, 0, "x^2", "all gammas in order of time, instead of these four keys"),
  SB_REAL(sb_reference_options, variance, "0", 0, 1e12, "x^2",
    "total variance 2 sum(gamma) of the noise, to which gammas are scaled; 0: they stay as given"),
  SB_REALS(sb_reference_options, mean, "[]", 0, 0, "x", "of ou: its mean, d numbers or one; empty: the prior's"),
  SB_REAL(sb_reference_options, stationary, "0", 0, 1e12, "x^2", "of ou: its stationary variance; 0: the prior's"),
  {0}};
/* clang-format on */

int64_t sb_reference_steps(const sb_reference_options *o) {
  return o->gammas.n ? o->gammas.n : o->steps;
}

/* Number i of n from low to high. */
static double between(const sb_reference_options *o, int64_t i, int64_t n) {
  const double s = n > 1 ? (double)i / (double)(n - 1) : 0;
  if (o->space == SPACE_GEOMETRIC)
    return o->gamma_min * sb_exp(s * (sb_log(o->gamma_max) - sb_log(o->gamma_min)));
  return o->gamma_min + s * (o->gamma_max - o->gamma_min);
}

static sb_status schedule(const sb_reference_options *o, sb_reference *r) {
  const int n = r->steps;
  double sum = 0;
  if (!o->gammas.n && n % 2 && o->gamma_min != o->gamma_max)
    return sb_fail(SB_USE,
                   "reference.steps: %d is odd, but gammas that rise and fall have two halves of "
                   "equal length; take %d or %d steps, or give reference.gammas",
                   n, n - 1, n + 1);
  for (int j = 0; j < n; j++) {
    r->gamma[j] = o->gammas.n                    ? o->gammas.v[j]
                  : o->gamma_min == o->gamma_max ? o->gamma_min
                                                 : between(o, j < n / 2 ? j : n - 1 - j, n / 2);
    if (!(r->gamma[j] > 0))
      return sb_fail(SB_USE, "reference.gammas: number %d is %g, but must be positive", j + 1,
                     r->gamma[j]);
    sum += r->gamma[j];
  }
  const double scale = o->variance > 0 ? o->variance / (2 * sum) : 1;
  double before = 0;
  for (int j = 0; j < n; j++) {
    r->time[j] = before / sum;
    before += r->gamma[j];
    r->gamma[j] *= scale;
  }
  r->time[n] = 1;
  r->total = 2 * sum * scale;
  return SB_OK;
}

static sb_status process(const sb_reference_options *o, const double *mean, double v,
                         sb_reference *r) {
  if (o->mean.n > 1 && o->mean.n != r->d)
    return sb_fail(SB_USE, "reference.mean has %d numbers; none, 1 or %d expected", o->mean.n,
                   r->d);
  for (int i = 0; i < r->d; i++)
    r->mean[i] = o->mean.n == 0 ? mean[i] : o->mean.v[o->mean.n == 1 ? 0 : i];
  if (o->process == SB_PROCESS_OU) r->rate = 1 / (o->stationary > 0 ? o->stationary : v);
  r->kept[r->steps] = 1;
  for (int j = r->steps - 1; j >= 0; j--) {
    const double a = sb_reference_slope(r, j);
    if (!(a > 0))
      return sb_fail(
          SB_USE,
          "reference: gamma %g of step %d is not below the variance %g of the Ornstein-Uhlenbeck "
          "process, whose chain would jump beyond its mean; more steps, smaller gammas, or "
          "reference.process: brownian",
          r->gamma[j], j + 1, 1 / r->rate);
    r->kept[j] = a * r->kept[j + 1];
    r->spread[j] = a * a * r->spread[j + 1] + 2 * r->gamma[j];
  }
  return SB_OK;
}

sb_status sb_reference_open(const sb_reference_options *o, int d, const double *mean, double v,
                            sb_reference *r) {
  const int64_t n = sb_reference_steps(o);
  *r = (sb_reference){.steps = (int)n, .d = d};
  sb_status s = SB_NEW(&r->gamma, n, "schedule");
  if (!s) s = SB_NEW(&r->time, n + 1, "schedule");
  if (!s) s = SB_NEW(&r->mean, d, "reference");
  if (!s) s = SB_NEW(&r->kept, n + 1, "reference");
  if (!s) s = SB_NEW(&r->spread, n + 1, "reference");
  if (!s) s = schedule(o, r);
  if (!s) s = process(o, mean, v, r);
  return s;
}

void sb_reference_close(sb_reference *r) {
  double *const blocks[] = {r->gamma, r->time, r->mean, r->kept, r->spread};
  for (int i = 0; i < 5; i++) sb_mem_free(blocks[i]);
  *r = (sb_reference){0};
}

int sb_reference_at(const sb_reference *r, double t) {
  int j = 0;
  while (j + 1 < r->steps && r->time[j + 1] <= t) j++;
  return j;
}
