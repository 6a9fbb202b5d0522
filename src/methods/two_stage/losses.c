/* Losses of the two networks (Wang, Jiao, Xu, Wang, Yang 2021, sections 3-4; ALGORITHMS 1.3).
 *
 * Score: y = x + s e, s^2 = sigma2 (1 - t), t = k / levels; from the network's n(y, t) the score is
 * a y + b n, and loss = mean_batch s^(2 (power - 1)) |s (a y + b n) + e|^2 (power 1: the weight
 * lambda = s^2 of denoising score matching; power 2 with predict: clean, no floor: |n - x|^2).
 * Ratio: D = log(q_sigma / N(0, tau I)) by logistic regression,
 *   loss = mean softplus(-D(x + sigma e)) + mean softplus(D(tau^(1/2) z)). */
#include <math.h>

#include "sb/clock.h"
#include "sb/mathfn.h"
#include "sb/noise.h"
#include "two_stage.h"

void two_stage_score_form(const two_stage *s, double t, double *a, double *b) {
  const double left = s->reference.variance2 * (1 - t) + s->options.score_floor;
  const int clean = s->options.predict == PREDICT_CLEAN;
  *a = clean ? -1 / left : 0;
  *b = clean ? 1 / left : -1 / sqrt(left);
}

/* Times of rows row0 .. of a batch, at levels: independent, or in pairs k, levels - 1 - k
 * (antithetic). */
static void batch_times(two_stage *s, const sb_train_options *o, int64_t step, int64_t row0,
                        int rows) {
  const uint64_t key = sb_noise_key(s->run->seed, SB_FOR_TIME, 0, 0);
  const int64_t levels = s->options.levels, half = o->batch / 2 + 1,
                before = o->time_sampling == SB_TIME_ANTITHETIC ? half - row0 : rows;
  const int plain = before < 0 ? 0 : before < rows ? (int)before : rows;
  double u[SB_NET_ROWS];
  sb_noise_uniforms(key, row0, plain, (uint32_t)step, u);
  sb_noise_uniforms(key, row0 + plain - half, rows - plain, (uint32_t)step, u + plain);
  for (int i = 0; i < rows; i++) {
    const int64_t level = (int64_t)(u[i] * (double)levels);
    s->time[i] = (float)((double)(i < plain ? level : levels - 1 - level) / (double)levels);
  }
}

/* Forward and loss of `rows` rows in s->data with noise in s->noise and times in s->time;
 * s->gradient receives d loss / d output. */
static double score_rows(two_stage *s, sb_task *task, int rows, double weight) {
  const int d = s->d;
  double sum = 0, scale[SB_NET_ROWS];
  for (int i = 0; i < rows; i++) {
    scale[i] = sqrt(s->reference.variance2 * (1 - (double)s->time[i]));
    const float single = (float)scale[i];
    for (int j = i * d; j < (i + 1) * d; j++) s->point[j] = s->data[j] + single * s->noise[j];
  }
  double clock = sb_clock();
  sb_tape_forward(task->tape, rows, s->point, s->time, s->output);
  sb_timer(SB_T_FORWARD, clock);
  const double power = s->options.weight_power;
  for (int i = 0; i < rows; i++) {
    double skip, gain;
    two_stage_score_form(s, (double)s->time[i], &skip, &gain);
    skip *= scale[i], gain *= scale[i];
    const double w = weight * (power == 1 ? 1 : sb_exp(2 * (power - 1) * sb_log(scale[i])));
    for (int j = i * d; j < (i + 1) * d; j++) {
      const double r =
          skip * (double)s->point[j] + gain * (double)s->output[j] + (double)s->noise[j];
      sum += w * r * r;
      s->gradient[j] = (float)(2 * w * gain * r);
    }
  }
  return sum;
}

sb_status two_stage_score_loss(void *self, sb_task *task, int64_t step, int64_t row0, int rows,
                               double *loss) {
  two_stage *s = self;
  const sb_run *run = s->run;
  const sb_train_options *o = task->options;
  const double clock = sb_clock();
  sb_data_batch(run->data, sb_noise_key(run->seed, SB_FOR_ORDER, PART_SCORE, 0), step, o->batch,
                row0, rows, s->data);
  batch_times(s, o, step, row0, rows);
  sb_noise_normals(sb_noise_key(run->seed, SB_FOR_TRAIN, PART_SCORE, 0), row0, rows, (uint32_t)step,
                   s->d, s->noise);
  sb_timer(SB_T_NOISE, clock);
  *loss = score_rows(s, task, rows, 1 / (double)o->batch);
  sb_task_backward(task, s->gradient);
  return SB_OK;
}

static void held_rows(two_stage *s, int64_t row0, int rows) {
  for (int i = 0; i < rows; i++) {
    const float *x = sb_data_held(s->run->data, row0 + i);
    for (int j = 0; j < s->d; j++) s->data[i * s->d + j] = x[j];
  }
}

sb_status two_stage_score_validate(void *self, sb_task *task, int64_t row0, int rows,
                                   double *loss) {
  two_stage *s = self;
  const uint64_t key = sb_noise_key(s->run->seed, SB_FOR_VALIDATION, PART_SCORE, 1);
  held_rows(s, row0, rows);
  for (int i = 0; i < rows; i++) s->time[i] = (float)sb_noise_uniform(key, row0 + i, 1, 0);
  sb_noise_normals(key, row0, rows, 0, s->d, s->noise);
  *loss = score_rows(s, task, rows, 1);
  return SB_OK;
}

/* One class of the classifier: sign -1 for data, +1 for the reference. s->point holds the rows. */
static double ratio_rows(two_stage *s, sb_task *task, int rows, double sign, double weight) {
  const double clock = sb_clock();
  double sum = 0;
  sb_tape_forward(task->tape, rows, s->point, NULL, s->output);
  sb_timer(SB_T_FORWARD, clock);
  for (int i = 0; i < rows; i++) {
    const double logit = sign * (double)s->output[i];
    sum += weight * sb_softplus(logit);
    s->gradient[i] = (float)(weight * sign * sb_sigmoid(logit));
  }
  return sum;
}

static void smooth_rows(two_stage *s, int rows) {
  const float sigma = (float)sqrt(s->reference.variance2);
  for (int j = 0; j < rows * s->d; j++) s->point[j] = s->data[j] + sigma * s->noise[j];
}

static void reference_rows(two_stage *s, uint64_t key, int64_t row0, int rows, uint32_t step) {
  const float root = (float)sqrt(s->reference.variance1);
  sb_noise_normals(key, row0, rows, step, s->d, s->point);
  for (int j = 0; j < rows * s->d; j++) s->point[j] *= root;
}

sb_status two_stage_ratio_loss(void *self, sb_task *task, int64_t step, int64_t row0, int rows,
                               double *loss) {
  two_stage *s = self;
  const sb_run *run = s->run;
  const int64_t batch = task->options->batch;
  const double weight = 1 / (double)batch;
  double clock = sb_clock();
  sb_data_batch(run->data, sb_noise_key(run->seed, SB_FOR_ORDER, PART_RATIO, 0), step, batch, row0,
                rows, s->data);
  sb_noise_normals(sb_noise_key(run->seed, SB_FOR_TRAIN, PART_RATIO, 0), row0, rows, (uint32_t)step,
                   s->d, s->noise);
  smooth_rows(s, rows);
  sb_timer(SB_T_NOISE, clock);
  *loss = ratio_rows(s, task, rows, -1, weight);
  sb_task_backward(task, s->gradient);
  clock = sb_clock();
  reference_rows(s, sb_noise_key(run->seed, SB_FOR_REFERENCE, 0, 0), row0, rows, (uint32_t)step);
  sb_timer(SB_T_NOISE, clock);
  *loss += ratio_rows(s, task, rows, 1, weight);
  sb_task_backward(task, s->gradient);
  return SB_OK;
}

sb_status two_stage_ratio_validate(void *self, sb_task *task, int64_t row0, int rows,
                                   double *loss) {
  two_stage *s = self;
  const uint64_t key = sb_noise_key(s->run->seed, SB_FOR_VALIDATION, PART_RATIO, 1);
  held_rows(s, row0, rows);
  sb_noise_normals(key, row0, rows, 0, s->d, s->noise);
  smooth_rows(s, rows);
  *loss = ratio_rows(s, task, rows, -1, 1);
  reference_rows(s, key, row0, rows, 1);
  *loss += ratio_rows(s, task, rows, 1, 1);
  return SB_OK;
}
