/* Weights and covariances of the modes of a mixture, by responsibilities. */
#include <math.h>

#include "evaluate.h"
#include "sb/mem.h"

/* Weights [k] and covariances [k, d, d] of points by responsibilities: sums over this rank's rows,
 * then over ranks. */
static sb_status modes(const sb_comm *c, const sb_mixture *mix, sb_points p, double *weight,
                       double *cov) {
  const int k = mix->k, d = mix->d, width = k * (1 + d + d * d);
  const sb_share share = sb_share_of(c, p.n);
  sb_density *q = NULL;
  double *resp = NULL, *row = NULL, *total = NULL;
  sb_status s = sb_density_open(mix, 0, &q);
  if (!s) s = SB_NEW(&resp, k, "responsibilities");
  if (!s) s = SB_NEW(&row, share.count * width, "moments by mode");
  if (!s) s = SB_NEW(&total, width, "moments by mode");
  s = sb_agree(c, s);
  for (int64_t i = 0; !s && i < share.count; i++) {
    const double *x = p.x + i * d;
    sb_density_eval(q, 1, x, NULL, NULL, resp);
    for (int m = 0; m < k; m++) {
      double *to = row + i * width + m * (1 + d + d * d);
      to[0] = resp[m];
      for (int a = 0; a < d; a++) {
        to[1 + a] = resp[m] * (x[a] - mix->mu[m * d + a]);
        for (int b = 0; b < d; b++) to[1 + d + a * d + b] = to[1 + a] * (x[b] - mix->mu[m * d + b]);
      }
    }
  }
  if (!s) s = sb_sum_rows(c, p.n, width, row, total, "moments by mode");
  for (int m = 0; !s && m < k; m++) {
    const double *of = total + m * (1 + d + d * d), w = of[0];
    weight[m] = w / (double)p.n;
    for (int a = 0; a < d; a++)
      for (int b = 0; b < d; b++)
        cov[(m * d + a) * d + b] = of[1 + d + a * d + b] / w - of[1 + a] * of[1 + b] / (w * w);
  }
  sb_density_close(q);
  sb_mem_free(resp);
  sb_mem_free(row);
  sb_mem_free(total);
  return s;
}

/* Largest differences over modes: weights; covariances relative to the law's, Frobenius. */
static void compare_modes(const sb_mixture *mix, const double *weight, const double *cov,
                          const double *to_weight, double out[2]) {
  const int dd = mix->d * mix->d;
  out[0] = out[1] = 0;
  for (int m = 0; m < mix->k; m++) {
    double difference = 0, norm = 0;
    for (int i = 0; i < dd; i++) {
      difference +=
          (cov[m * dd + i] - mix->cov[m * dd + i]) * (cov[m * dd + i] - mix->cov[m * dd + i]);
      norm += mix->cov[m * dd + i] * mix->cov[m * dd + i];
    }
    out[0] = fmax(out[0], fabs(weight[m] - to_weight[m]));
    out[1] = fmax(out[1], sqrt(difference / norm));
  }
}

/* Of the first n rows of a source. */
static sb_status modes_of(const sb_comm *c, const sb_mixture *mix, sb_source from, int64_t n,
                          double *weight, double *cov) {
  const sb_share own = sb_share_of(c, n);
  double *points = NULL;
  sb_status s = SB_NEW(&points, own.count * mix->d, "points");
  if (!s) s = from.draw(from.self, 0, own.first, own.count, points);
  s = sb_agree(c, s);
  if (!s) s = modes(c, mix, (sb_points){n, mix->d, points}, weight, cov);
  sb_mem_free(points);
  return s;
}

sb_status evaluate_modes(evaluation *e) {
  app *a = e->a;
  sb_data *data = sb_run_end(&a->run);
  const sb_mixture *mix = data->mixture;
  double *weight = NULL, *cov = NULL, value[4][2];
  if (!mix || mix->k < 2) return SB_OK;
  sb_status s = SB_NEW(&weight, 2 * mix->k, "weights");
  if (!s) s = SB_NEW(&cov, mix->k * mix->d * mix->d, "covariances");
  s = sb_agree(a->comm, s);
  double *const learned = weight + (s ? 0 : mix->k);
  if (!s) s = modes_of(a->comm, mix, sb_data_rows(data, 0), data->n, learned, cov);
  if (!s) compare_modes(mix, learned, cov, mix->w, value[2]);
  if (!s) s = modes(a->comm, mix, evaluation_points(e), weight, cov);
  if (!s) compare_modes(mix, weight, cov, learned, value[0]);
  if (!s) s = modes_of(a->comm, mix, sb_data_fresh(data), e->rows, weight, cov);
  if (!s) compare_modes(mix, weight, cov, mix->w, value[1]);
  if (!s) s = modes_of(a->comm, mix, sb_data_baseline(data), e->rows, weight, cov);
  if (!s) compare_modes(mix, weight, cov, mix->w, value[3]);
  static const char *const names[] = {"mode_weight_error", "mode_covariance_error"};
  for (int i = 0; !s && i < 2; i++) {
    sb_metric *m = evaluation_next(e, names[i], "", NAN, value[0][i]);
    m->floor = value[1][i], m->floor_train = e->foreign ? NAN : value[2][i],
    m->baseline = value[3][i];
    m->n = e->rows, m->m = data->n;
  }
  sb_mem_free(weight);
  sb_mem_free(cov);
  return s;
}
