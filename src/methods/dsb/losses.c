/* The regression of a half-step (De Bortoli et al. 2021, eq. 12, 13): for rows (x, y) of chains,
 *   loss = mean_batch w_j |increment(x) - y|^2,   w_j = 1 (equal) or 1 / (2 gamma_j) (noise),
 * over coordinates as a mean or a sum; increment(x) is the network's output n: n, n - x (mean) or
 * n (t_{j+1} - t_j) (drift).
 *
 * The first half-step needs no chains where it is told so (matching): given where it began, a chain
 * of the reference is Gaussian, and y is its exact mean given both x and the beginning. */
#include <math.h>

#include "dsb.h"
#include "sb/clock.h"

static void label_row(dsb *s, int learner, int i, int j) {
  const dsb_options *o = &s->options;
  const double each = o->reduce == REDUCE_MEAN ? 1 / (double)s->d : 1;
  s->time[i] = (float)dsb_clock(learner, dsb_label(s, learner, j, 0));
  s->scale[i] = o->predict == PREDICT_DRIFT ? (float)dsb_length(s, j) : 1;
  s->weight[i] = (float)(o->weight == WEIGHT_NOISE ? each / (2 * s->reference.gamma[j]) : each);
}

static void cached_rows(dsb *s, int learner, int64_t position, int rows) {
  int64_t order[SB_NET_ROWS];
  dsb_cache_order(s, position, rows, order);
  for (int i = 0; i < rows; i++) {
    const int j = (int)(order[i] % s->steps);
    const float *row = (const float *)s->cache.shared.data + order[i] * 2 * s->d;
    for (int k = 0; k < s->d; k++) {
      s->point[i * s->d + k] = row[k];
      s->increment[i * s->d + k] = row[s->d + k];
    }
    label_row(s, learner, i, j);
  }
}

/* Steps of rows row0 .. of a batch: independent, or in pairs from both ends. */
static void batch_steps(const dsb *s, const sb_train_options *o, int64_t step, int64_t row0,
                        int rows, int *j) {
  const uint64_t key = sb_noise_key(s->run->seed, SB_FOR_TIME, 0, 0);
  const int64_t half = o->batch / 2 + 1,
                before = o->time_sampling == SB_TIME_ANTITHETIC ? half - row0 : rows;
  const int plain = before < 0 ? 0 : before < rows ? (int)before : rows;
  double u[SB_NET_ROWS];
  sb_noise_uniforms(key, row0, plain, (uint32_t)step, u);
  sb_noise_uniforms(key, row0 + plain - half, rows - plain, (uint32_t)step, u + plain);
  for (int i = 0; i < rows; i++) {
    j[i] = (int)(u[i] * s->steps);
    if (i >= plain) j[i] = s->steps - 1 - j[i];
  }
}

/* x_j and E[x_{j+1} | x_j, y] for chains of the reference that began at y: see sb/reference.h. */
static void matched_rows(dsb *s, const sb_task *task, int64_t step, int64_t row0, int rows) {
  const sb_train_options *o = task->options;
  const sb_reference *r = &s->reference;
  const uint64_t order = sb_noise_key(s->run->seed, SB_FOR_ORDER, 0, 0);
  sb_noise_normals(sb_noise_key(s->run->seed, SB_FOR_TRAIN, 0, 0), row0, rows, (uint32_t)step, s->d,
                   s->output);
  int64_t at[SB_NET_ROWS];
  int steps[SB_NET_ROWS];
  sb_data_order(s->run->data, order, step * o->batch + row0, rows, at);
  batch_steps(s, o, step, row0, rows, steps);
  for (int i = 0; i < rows; i++) {
    const float *y = sb_data_row(s->run->data, at[i]);
    const int j = steps[i];
    const double a = sb_reference_slope(r, j), sigma = sqrt(r->spread[j]);
    const double gain = a * r->spread[j + 1] / r->spread[j];
    const double match = s->options.loss == LOSS_MEAN_MATCH ? a : 1;
    for (int k = 0; k < s->d; k++) {
      const double from = (double)y[k] - r->mean[k];
      const double off = sigma * (double)s->output[i * s->d + k]; /* x_j less its mean */
      const double x = r->kept[j] * from + off;
      s->point[i * s->d + k] = (float)(r->mean[k] + x);
      s->increment[i * s->d + k] = (float)(match * (r->kept[j + 1] * from + gain * off - x));
    }
    label_row(s, TO_DATA, i, j);
  }
}

static double residuals(dsb *s, int rows, double weight) {
  const int d = s->d, plain = s->options.predict != PREDICT_MEAN;
  double sum = 0;
  for (int i = 0; i < rows; i++) {
    const double w = weight * (double)s->weight[i], scale = (double)s->scale[i];
    for (int k = i * d; k < (i + 1) * d; k++) {
      const double base = plain ? 0 : (double)s->point[k];
      const double r = scale * (double)s->output[k] - base - (double)s->increment[k];
      sum += w * r * r;
      s->gradient[k] = (float)(2 * w * scale * r);
    }
  }
  return sum;
}

sb_status dsb_loss(void *self, sb_task *task, int64_t step, int64_t row0, int rows, double *loss) {
  dsb *s = self;
  const sb_train_options *o = task->options;
  const int learner = task == &s->task[TO_DATA] ? TO_DATA : TO_SOURCE;
  const int64_t round = step / o->steps, refresh = s->options.cache_refresh;
  const int64_t in_round = step % o->steps, in_cache = refresh ? in_round % refresh : in_round;
  double clock = sb_clock();
  if (round == 0 && learner == TO_DATA && s->options.first == FIRST_MATCHING)
    matched_rows(s, task, step, row0, rows);
  else
    cached_rows(s, learner, in_cache * o->batch + row0, rows);
  clock = sb_timer(SB_T_NOISE, clock);
  sb_tape_forward(task->tape, rows, s->point, s->time, s->output);
  sb_timer(SB_T_FORWARD, clock);
  *loss = residuals(s, rows, 1 / (double)o->batch);
  sb_task_backward(task, s->gradient);
  return SB_OK;
}
