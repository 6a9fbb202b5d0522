/* The objective of the mixture bridge and its gradient. Source: Korotin, Gushchin, Burnaev, "Light
 * Schrödinger bridge", 2024 (arXiv 2310.01174), with v the variance of the reference:
 *
 *   L = mean log c(x_0) - mean log v(x_1)
 *   log c(x) = log sum_k a_k exp((x' G_k x + 2 r_k' x) / (2 v)),   log v(y) = log sum_k a_k N(y;
 * r_k, v G_k)
 *
 * which is KL(exact bridge | this one) up to a constant. With posteriors rho_k of the first and
 * gamma_k of the second sum:
 *
 *   dL / d log a_k = mean rho_k - mean gamma_k
 *   dL / d r_k     = mean rho_k x / v - G_k^-1 mean gamma_k (y - r_k) / v
 *   dL / d G_k     = mean rho_k x x' / (2 v) - G_k^-1 mean gamma_k (y - r_k)(y - r_k)' G_k^-1 / (2
 * v) + mean gamma_k G_k^-1 / 2
 *
 * Sums over rows are products of matrices in float; what they mean for the parameters is worked out
 * in double. */
#include <math.h>
#include <string.h>

#include "mixture.h"
#include "sb/kernel.h"
#include "sb/mathfn.h"
#include "sb/mem.h"

static const double log_2pi = 1.8378770664093454836;

/* --- Memory
 * --------------------------------------------------------------------------------------------------
 */

double mixture_objective_bytes(int d, int components, int squares) {
  const double wide = squares + d, padded = SB_PAD(components), full = squares > d;
  return 4 * (SB_NET_ROWS * (d + 2 * wide + 2 * padded) + 5 * wide * padded + 6 * padded) +
         8 * (full * 2 * components * (double)d * d + 2.0 * d * d + d);
}

sb_status mixture_objective_open(mixture *s) {
  const int64_t rows = SB_NET_ROWS, all = (int64_t)s->wide * s->padded, dd = (int64_t)s->d * s->d;
  s->at_step = -1;
  for (int side = 0; side < SIDES; side++) {
    SB_TRY(SB_NEW(&s->natural[side], all, "natural parameters"));
    SB_TRY(SB_NEW(&s->bias[side], s->padded, "natural parameters"));
    SB_TRY(SB_NEW(&s->features[side], rows * s->wide, "features of a block"));
    SB_TRY(SB_NEW(&s->weight[side], rows * s->padded, "posteriors of a block"));
    SB_TRY(SB_NEW(&s->sum[side], all, "sums of a block"));
    SB_TRY(SB_NEW(&s->count[side], s->padded, "sums of a block"));
  }
  SB_TRY(SB_NEW(&s->x, rows * s->d, "rows of a block"));
  SB_TRY(SB_NEW(&s->gradient, all + s->padded, "gradient of a block"));
  SB_TRY(SB_NEW(&s->middle, s->d, "middle of the data"));
  if (s->spread != SPREAD_FULL) return SB_OK;
  SB_TRY(SB_NEW(&s->factor, s->k * dd, "factors"));
  SB_TRY(SB_NEW(&s->inverse, s->k * dd, "inverses"));
  SB_TRY(SB_NEW(&s->a, dd, "a matrix"));
  return SB_NEW(&s->b, dd, "a matrix");
}

void mixture_objective_close(mixture *s) {
  for (int side = 0; side < SIDES; side++) {
    void *const blocks[] = {s->natural[side], s->bias[side], s->features[side],
                            s->weight[side],  s->sum[side],  s->count[side]};
    for (int i = 0; i < 6; i++) sb_mem_free(blocks[i]);
  }
  void *const blocks[] = {s->x, s->gradient, s->middle, s->factor, s->inverse, s->a, s->b};
  for (int i = 0; i < 7; i++) sb_mem_free(blocks[i]);
}

/* --- Parameters
 * ---------------------------------------------------------------------------------------------- */

/* Entry of component k: spread (row below squares), r (row squares + i), log a. */
static double entry(const mixture *s, const float *p, int row, int k) {
  return (double)p[(int64_t)row * s->padded + k];
}

static double log_a_of(const mixture *s, const float *p, int k) {
  return (double)p[s->task.net.slot[1].offset + k];
}

/* Cholesky factor L of G_k, [d, d]. */
static void factor_of(const mixture *s, const float *p, int k, double *factor) {
  const int d = s->d;
  memset(factor, 0, (size_t)d * (size_t)d * sizeof *factor);
  for (int i = 0, at = 0; i < d; i++)
    for (int j = 0; j <= i; j++, at++) {
      const double e = entry(s, p, at, k);
      factor[(int64_t)i * d + j] = i == j ? sb_exp(e) : e;
    }
}

void mixture_read(const mixture *s, const float *p, double *log_a, double *r, double *g) {
  const int64_t d = s->d;
  for (int64_t k = 0; k < s->k; k++) {
    double *gk = g + k * d * d;
    log_a[k] = log_a_of(s, p, (int)k);
    for (int64_t i = 0; i < d; i++) r[k * d + i] = entry(s, p, s->squares + (int)i, (int)k);
    memset(gk, 0, (size_t)(d * d) * sizeof *gk);
    if (s->spread == SPREAD_DIAGONAL) {
      for (int64_t i = 0; i < d; i++) gk[i * d + i] = sb_exp(entry(s, p, (int)i, (int)k));
      continue;
    }
    factor_of(s, p, (int)k, s->a);
    for (int64_t i = 0; i < d; i++)
      for (int64_t j = 0; j < d; j++)
        for (int64_t l = 0; l <= (i < j ? i : j); l++)
          gk[i * d + j] += s->a[i * d + l] * s->a[j * d + l];
  }
}

/* --- Natural parameters
 * -------------------------------------------------------------------------------------- */

static void natural_diagonal(mixture *s, const float *p, int k) {
  const double v = s->pair.variance;
  const int64_t ld = s->padded;
  double bias = log_a_of(s, p, k) - 0.5 * s->d * (log_2pi + sb_log(v));
  for (int i = 0; i < s->d; i++) {
    const double e = entry(s, p, i, k), g = sb_exp(e), r = entry(s, p, s->d + i, k),
                 gap = r - s->middle[i];
    s->natural[OF_START][i * ld + k] = (float)(g / (2 * v));
    s->natural[OF_START][(s->d + i) * ld + k] = (float)(r / v);
    s->natural[OF_END][i * ld + k] = (float)(-1 / (2 * v * g));
    s->natural[OF_END][(s->d + i) * ld + k] = (float)(gap / (v * g));
    bias -= 0.5 * e + gap * gap / (2 * v * g);
  }
  s->bias[OF_START][k] = (float)log_a_of(s, p, k);
  s->bias[OF_END][k] = (float)bias;
}

/* inverse = (L L')^-1, by the inverse of L (in a). */
static void invert(int d, const double *l, double *a, double *inverse) {
  memset(a, 0, (size_t)d * (size_t)d * sizeof *a);
  for (int j = 0; j < d; j++) {
    a[j * d + j] = 1 / l[j * d + j];
    for (int i = j + 1; i < d; i++) {
      double sum = 0;
      for (int m = j; m < i; m++) sum += l[i * d + m] * a[m * d + j];
      a[i * d + j] = -sum / l[i * d + i];
    }
  }
  for (int i = 0; i < d; i++)
    for (int j = 0; j <= i; j++) {
      double sum = 0;
      for (int m = i; m < d; m++) sum += a[m * d + i] * a[m * d + j];
      inverse[i * d + j] = inverse[j * d + i] = sum;
    }
}

static void natural_full(mixture *s, const float *p, int k) {
  const double v = s->pair.variance;
  const int d = s->d;
  const int64_t ld = s->padded;
  double *l = s->factor + (int64_t)k * d * d, *inverse = s->inverse + (int64_t)k * d * d;
  double bias = log_a_of(s, p, k) - 0.5 * d * (log_2pi + sb_log(v));
  factor_of(s, p, k, l);
  invert(d, l, s->a, inverse);
  for (int i = 0, at = 0; i < d; i++) {
    double pull = 0;
    for (int j = 0; j <= i; j++, at++) {
      double g = 0;
      for (int m = 0; m <= j; m++) g += l[i * d + m] * l[j * d + m];
      const double twice = i == j ? 1 : 2;
      s->natural[OF_START][at * ld + k] = (float)(twice * g / (2 * v));
      s->natural[OF_END][at * ld + k] = (float)(-twice * inverse[i * d + j] / (2 * v));
    }
    for (int j = 0; j < d; j++)
      pull += inverse[i * d + j] * (entry(s, p, s->squares + j, k) - s->middle[j]);
    const double r = entry(s, p, s->squares + i, k);
    s->natural[OF_START][(s->squares + i) * ld + k] = (float)(r / v);
    s->natural[OF_END][(s->squares + i) * ld + k] = (float)(pull / v);
    bias -= sb_log(l[i * d + i]) + (r - s->middle[i]) * pull / (2 * v);
  }
  s->bias[OF_START][k] = (float)log_a_of(s, p, k);
  s->bias[OF_END][k] = (float)bias;
}

/* Columns beyond the last component weigh nothing. */
static void make_natural(mixture *s, const float *p) {
  for (int k = 0; k < s->k; k++)
    if (s->spread == SPREAD_DIAGONAL)
      natural_diagonal(s, p, k);
    else
      natural_full(s, p, k);
  for (int side = 0; side < SIDES; side++)
    for (int k = s->k; k < s->padded; k++) s->bias[side][k] = -1e30f;
}

/* --- A block of rows
 * ------------------------------------------------------------------------------------------ */

static void lay_features(mixture *s, int side, int rows) {
  const int d = s->d;
  for (int r = 0; r < rows; r++) {
    float *x = s->x + (int64_t)r * d, *f = s->features[side] + (int64_t)r * s->wide;
    for (int i = 0; i < d && side == OF_END; i++) x[i] = (float)((double)x[i] - s->middle[i]);
    if (s->spread == SPREAD_DIAGONAL)
      for (int i = 0; i < d; i++) *f++ = x[i] * x[i];
    else
      for (int i = 0; i < d; i++)
        for (int j = 0; j <= i; j++) *f++ = x[i] * x[j];
    memcpy(f, x, (size_t)d * sizeof *x);
  }
}

/* Posteriors of the rows in features, times `scale`; returns the sum of log sums. */
static double posteriors(mixture *s, int side, int rows, float scale) {
  const int n = s->padded;
  float *z = s->weight[side];
  double total = 0;
  sb_kernel()->gemm(rows, n, s->wide, s->features[side], s->wide, 1, s->natural[side], n, z, n, 0);
  sb_kernel()->add_bias(rows, n, s->bias[side], z);
  for (int r = 0; r < rows; r++, z += n) {
    float most = z[0], sum = 0;
    for (int k = 1; k < s->k; k++) most = z[k] > most ? z[k] : most;
    for (int k = 0; k < n; k++) z[k] -= most;
    sb_kernel()->exp(n, z, z);
    for (int k = 0; k < s->k; k++) sum += z[k];
    total += (double)most + sb_log((double)sum);
    for (int k = 0; k < n; k++) z[k] *= scale / sum;
  }
  return total;
}

/* Sums over rows of posterior times feature, and of posteriors. */
static void add_up(mixture *s, int side, int rows) {
  const int n = s->padded;
  sb_kernel()->gemm(s->wide, n, rows, s->features[side], 1, s->wide, s->weight[side], n,
                    s->sum[side], n, 0);
  sb_kernel()->column_sum(rows, n, NULL, s->weight[side], s->count[side]);
}

static double total(const mixture *s, int side, int row, int k) {
  return (double)s->sum[side][(int64_t)row * s->padded + k];
}

static void gradient_diagonal(mixture *s, const float *p, int k) {
  const double v = s->pair.variance, n = (double)s->count[OF_END][k];
  const int d = s->d;
  const int64_t ld = s->padded;
  for (int i = 0; i < d; i++) {
    const double g = sb_exp(entry(s, p, i, k)), gap = entry(s, p, d + i, k) - s->middle[i],
                 y = total(s, OF_END, d + i, k), yy = total(s, OF_END, i, k);
    s->gradient[i * ld + k] = (float)(g * total(s, OF_START, i, k) / (2 * v) -
                                      (yy - 2 * gap * y + n * gap * gap) / (2 * v * g) + 0.5 * n);
    s->gradient[(d + i) * ld + k] = (float)((total(s, OF_START, d + i, k) - (y - n * gap) / g) / v);
  }
}

/* b = sum gamma (y - r)(y - r)', a = b G^-1, then b = dL / dG. */
static void matrix_gradient(mixture *s, const float *p, int k) {
  const double v = s->pair.variance, n = (double)s->count[OF_END][k];
  const int d = s->d;
  const double *inverse = s->inverse + (int64_t)k * d * d;
  double *a = s->a, *b = s->b;
  for (int i = 0, at = 0; i < d; i++)
    for (int j = 0; j <= i; j++, at++) {
      const double ri = entry(s, p, s->squares + i, k) - s->middle[i],
                   rj = entry(s, p, s->squares + j, k) - s->middle[j],
                   yi = total(s, OF_END, s->squares + i, k),
                   yj = total(s, OF_END, s->squares + j, k);
      b[i * d + j] = b[j * d + i] = total(s, OF_END, at, k) - yi * rj - ri * yj + n * ri * rj;
    }
  for (int i = 0; i < d; i++)
    for (int j = 0; j < d; j++) {
      double sum = 0;
      for (int m = 0; m < d; m++) sum += b[i * d + m] * inverse[m * d + j];
      a[i * d + j] = sum;
    }
  for (int i = 0, at = 0; i < d; i++)
    for (int j = 0; j <= i; j++, at++) {
      double sum = 0;
      for (int m = 0; m < d; m++) sum += inverse[i * d + m] * a[m * d + j];
      b[i * d + j] = b[j * d + i] =
          (total(s, OF_START, at, k) - sum) / (2 * v) + 0.5 * n * inverse[i * d + j];
    }
}

static void gradient_full(mixture *s, const float *p, int k) {
  const double v = s->pair.variance, n = (double)s->count[OF_END][k];
  const int d = s->d;
  const int64_t ld = s->padded;
  const double *inverse = s->inverse + (int64_t)k * d * d, *l = s->factor + (int64_t)k * d * d;
  matrix_gradient(s, p, k);
  for (int i = 0, at = 0; i < d; i++) {
    double pull = 0;
    for (int j = 0; j <= i; j++, at++) { /* dL / dL_ij = 2 (dL / dG L)_ij; the diagonal is exp */
      double sum = 0;
      for (int m = j; m < d; m++) sum += s->b[i * d + m] * l[m * d + j];
      s->gradient[at * ld + k] = (float)(2 * sum * (i == j ? l[i * d + i] : 1));
    }
    for (int j = 0; j < d; j++) {
      const double gap = entry(s, p, s->squares + j, k) - s->middle[j];
      pull += inverse[i * d + j] * (total(s, OF_END, s->squares + j, k) - n * gap);
    }
    s->gradient[(s->squares + i) * ld + k] =
        (float)((total(s, OF_START, s->squares + i, k) - pull) / v);
  }
}

static const sb_data *set_of(const mixture *s, int side) {
  return side == OF_START ? s->pair.run->source : s->pair.run->data;
}

sb_status mixture_loss(void *self, sb_task *task, int64_t step, int64_t row0, int rows,
                       double *loss) {
  mixture *s = self;
  const sb_run *run = s->pair.run;
  const int64_t batch = task->options->batch;
  double sum[SIDES];
  if (step != s->at_step || row0 <= s->at_row) make_natural(s, task->p);
  s->at_step = step, s->at_row = row0;
  for (int side = 0; side < SIDES; side++) {
    const uint64_t key = sb_noise_key(run->seed, SB_FOR_ORDER, (uint32_t)side, 0);
    sb_data_batch(set_of(s, side), key, step, batch, (int)row0, rows, s->x);
    lay_features(s, side, rows);
    sum[side] = posteriors(s, side, rows, 1 / (float)batch);
    add_up(s, side, rows);
  }
  for (int k = 0; k < s->k; k++) {
    if (s->spread == SPREAD_DIAGONAL)
      gradient_diagonal(s, task->p, k);
    else
      gradient_full(s, task->p, k);
    s->gradient[task->net.slot[1].offset + k] = s->count[OF_START][k] - s->count[OF_END][k];
  }
  sb_task_add(task, s->gradient);
  *loss = (sum[OF_START] - sum[OF_END]) / (double)batch;
  return SB_OK;
}

sb_status mixture_validate(void *self, sb_task *task, int64_t row0, int rows, double *loss) {
  mixture *s = self;
  double sum[SIDES];
  make_natural(s, task->options->average > 0 ? task->average : task->p);
  s->at_step = -1;
  for (int side = 0; side < SIDES; side++) {
    for (int r = 0; r < rows; r++)
      memcpy(s->x + (int64_t)r * s->d, sb_data_held(set_of(s, side), row0 + r),
             (size_t)s->d * sizeof *s->x);
    lay_features(s, side, rows);
    sum[side] = posteriors(s, side, rows, 1);
  }
  *loss = sum[OF_START] - sum[OF_END];
  return SB_OK;
}
