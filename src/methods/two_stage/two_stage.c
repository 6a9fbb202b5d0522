/* The two-stage deep Schrödinger bridge. Source: G. Wang, Y. Jiao, Q. Xu, Y. Wang, C. Yang, "Deep
 * generative learning via Schrödinger bridge", ICML 2021 (arXiv 2106.10410).
 *
 *   stage 1   from 0 to q_sigma = p * N(0, sigma2 I) under a reference of variance tau, drift from
 * score and density ratio stage 2   from q_sigma to p under a reference of variance sigma2, drift
 * sigma2 * score of p * N(0, (1 - t) sigma2 I) Decks: tau is reference.variance1, sigma2 is
 * reference.variance2. */
#include "two_stage.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sb/log.h"
#include "sb/mem.h"
#include "sb/noise.h"

/* clang-format off */
static const sb_key reference_keys[] = {
  SB_REAL(reference_options, variance1, "2", 1e-12, 1e12, "x^2",
    "tau: variance of the stage-1 reference over its horizon; one to two times that of the data"),
  SB_REAL(reference_options, variance2, "1", 1e-12, 1e12, "x^2",
    "sigma^2: smoothing of the data, and variance of the stage-2 reference"),
  {0}};

static const sb_key sample_keys[] = {
  SB_INT(sample_options, steps1, "100", 1, 1e9, "", "Euler-Maruyama steps of stage 1"),
  SB_INT(sample_options, steps2, "200", 1, 1e9, "",
    "Euler-Maruyama steps of stage 2; 100 or more keep narrow modes within 3 %"),
  SB_INT(sample_options, draws, "64", 1, 1e6, "",
    "Monte-Carlo draws m of the stage-1 drift; many draws and few steps beat the reverse"),
  SB_CHOICE(sample_options, mode, "shared", "shared|independent",
    "draws of numerator and denominator; independent with m = 1 is the paper's, and diverges where the ratio varies"),
  SB_CHOICE(sample_options, drift_form, "score", "score|endpoint",
    "estimator of the stage-1 drift; endpoint needs no score and is noisier above t = .5"),
  SB_BOOL(sample_options, final_denoise, "false",
    "end stage 2 by a drift without noise: for images, not for densities (it shrinks modes)"),
  SB_BOOL(sample_options, tweedie, "false",
    "positions after stage 1 are recorded denoised: x + sigma^2 score(x), for images"),
  SB_CHOICE(sample_options, start, "stage1", "stage1|gauss|file|noised|inpaint",
    "stage 2 begins with stage 1, N(0, start_variance I), the rows of record.start_file, these clean rows and noise "
    "(time `begin`), or draws what is NaN in them"),
  SB_REAL(sample_options, begin, "0.9", 0, 0.999999, "",
    "start: noised: time of stage 2 where rows with noise of variance sigma^2 (1 - begin) are; steps2 from there on"),
  SB_REAL(sample_options, start_variance, "1", 0, 1e12, "x^2", "variance of start: gauss"),
  {0}};

static const sb_key field_keys[] = {
  SB_CHOICE(field_options, source, "learned", "auto|learned|exact",
    "where the fields come from: the networks (auto, learned), or the closed forms of a known law"),
  SB_CHOICE(field_options, score, "auto", "auto|learned|exact", "the score of the smoothed data; auto: as source"),
  SB_CHOICE(field_options, ratio, "auto", "auto|learned|exact", "the log density ratio; auto: as source"),
  {0}};

static const sb_key method_keys[] = {
  SB_INT(method_options, levels, "1000", 1, 1e9, "",
    "levels of noise in training: variance sigma^2 (1 - k/levels), k = 0 .. levels - 1"),
  SB_CHOICE(method_options, predict, "noise", "noise|clean",
    "what the score network gives: noise, score = -net / v^(1/2), or the clean point, score = (net - x) / v, "
    "v = level's variance + score_floor; clean where coordinates outnumber the network's width, with weight_power: 2"),
  SB_REAL(method_options, weight_power, "1", 0, 4, "",
    "weight of a level in the score loss: its variance to this power"),
  SB_REAL(method_options, score_floor, "0", 0, 1e12, "x^2",
    "added to the level's variance in the score's factor: about the variance of the narrowest mode where the "
    "data are smooth"),
  SB_REAL(method_options, logit_clip, "0", 0, 1e6, "", "log density ratio clipped to +-this; 0: not"),
  {0}};

static const char *const paper[] = {
  "sample.steps1=1000", "sample.steps2=1000", "sample.draws=1", "sample.mode=independent", "sample.final_denoise=true",
  "train.schedule=constant", "train.batch=128", "train.clip=1", "train.weight_decay=0",
  "train.score.steps=200000", "train.score.rate=2e-4", "train.score.average=0.9999",
  "train.ratio.steps=60000", "train.ratio.rate=1e-5", "train.ratio.beta1=0.5", "train.ratio.weight_decay=1",
  "train.ratio.clip=0", "train.ratio.average=0", NULL};

static const sb_preset presets[] = {
  {"paper", "defaults of the authors' code; m = 1 independent draws diverge unless the ratio network is nearly flat",
   paper},
  {0}};
/* clang-format on */

static const char *const parts[] = {"score", "ratio", NULL};

static int sections(void *state, sb_section *out, int most) {
  two_stage *s = state;
  const sb_section all[] = {
      {"reference", NULL, reference_keys, &s->reference, "reference processes"},
      {"net", NULL, sb_net_keys, &s->net, "networks"},
      {"net.score", "net", sb_net_keys, &s->net_part[PART_SCORE], "score network"},
      {"net.ratio", "net", sb_net_keys, &s->net_part[PART_RATIO], "density-ratio network"},
      {"train", NULL, sb_train_keys, &s->train, "training"},
      {"train.score", "train", sb_train_keys, &s->train_part[PART_SCORE],
       "training of the score network"},
      {"train.ratio", "train", sb_train_keys, &s->train_part[PART_RATIO],
       "training of the density-ratio network"},
      {"sample", NULL, sample_keys, &s->sample, "sampling by the two stages"},
      {"field", NULL, field_keys, &s->field, "where the fields come from"},
      {"two_stage", NULL, method_keys, &s->options, "method two_stage"},
  };
  const int n = (int)(sizeof all / sizeof *all);
  memcpy(out, all, (size_t)(n < most ? n : most) * sizeof *out);
  return n;
}

static unsigned is_exact(const two_stage *s, int choice) {
  return (choice == SOURCE_AUTO ? s->field.source : choice) == SOURCE_EXACT;
}

static unsigned deck_exact(const two_stage *s) {
  return is_exact(s, s->field.score) << PART_SCORE | is_exact(s, s->field.ratio) << PART_RATIO;
}

/* Networks that this deck trains: those that are neither exact nor unused. */
static int wanted(const two_stage *s, int part) {
  if (part == PART_RATIO && s->sample.start != START_STAGE1) return 0;
  return !(deck_exact(s) >> part & 1);
}

static sb_status net_of(const two_stage *s, int d, int part, sb_net *net) {
  sb_net_shape shape;
  SB_TRY(sb_net_options_shape(&s->net_part[part], d, part == PART_SCORE ? d : 1, part == PART_SCORE,
                              &shape));
  return sb_net_open(net, &shape);
}

/* Networks in training and again forward only, one tile of losses, one of Monte-Carlo draws. */
static int64_t bytes(sb_run *run) {
  const two_stage *s = run->state;
  const int d = run->data->d;
  int64_t sum = SB_BLOCK * (int64_t)(d * 11 * (int)sizeof(double) + 64);
  sb_net net;
  for (int p = 0; p < PARTS; p++)
    if (wanted(s, p) && !net_of(s, d, p, &net))
      sum += sb_task_bytes(run->comm, &net, &s->train_part[p], 1) + sb_tape_bytes(&net, 0);
  return sum;
}

static sb_status open_task(two_stage *s, int part) {
  sb_task *task = &s->task[part];
  if (!wanted(s, part)) return SB_OK;
  *task = (sb_task){.options = &s->train_part[part],
                    .self = s,
                    .held = s->run->data->n_held,
                    .most_rows = SB_NET_ROWS,
                    .init_key = sb_noise_key(s->run->seed, SB_FOR_INIT, (uint32_t)part, 0),
                    .drop_key = sb_noise_key(s->run->seed, SB_FOR_DROPOUT, (uint32_t)part, 0)};
  strcpy(task->name, parts[part]);
  task->loss = part == PART_SCORE ? two_stage_score_loss : two_stage_ratio_loss;
  task->validate = part == PART_SCORE ? two_stage_score_validate : two_stage_ratio_validate;
  SB_TRY(net_of(s, s->d, part, &task->net));
  return sb_task_open(s->run->comm, task);
}

static sb_status scratch(two_stage *s) {
  const int64_t tile = (int64_t)SB_NET_ROWS * s->d;
  SB_TRY(SB_NEW(&s->data, tile, "rows of a block"));
  SB_TRY(SB_NEW(&s->noise, tile, "noise of a block"));
  SB_TRY(SB_NEW(&s->point, tile, "points of a block"));
  SB_TRY(SB_NEW(&s->output, tile, "output of a block"));
  SB_TRY(SB_NEW(&s->gradient, tile, "gradient of a block"));
  return SB_NEW(&s->time, SB_NET_ROWS, "times of a block");
}

static sb_status open(sb_run *run) {
  two_stage *s = run->state;
  s->run = run;
  s->d = run->data->d;
  if (run->data->mixture)
    SB_TRY_ALL(run->comm, sb_exact_open(run->data->mixture, s->reference.variance1,
                                        s->reference.variance2, &s->exact));
  if (deck_exact(s) && !s->exact)
    return sb_fail(SB_USE, "field: exact needs data.law with a known density");
  SB_TRY_ALL(run->comm, scratch(s));
  for (int p = 0; p < PARTS; p++) SB_TRY(open_task(s, p));
  return SB_OK;
}

static void close(sb_run *run) {
  two_stage *s = run->state;
  void *const blocks[] = {s->data,     s->noise, s->point, s->output,
                          s->gradient, s->time,  s->known, s->eta};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) sb_mem_free(blocks[i]);
  for (int p = 0; p < PARTS; p++) sb_task_close(&s->task[p]);
  two_stage_fields_close(s);
  sb_density_close(s->density);
  sb_exact_close(s->exact);
}

static int tasks(sb_run *run, sb_task **out, int most) {
  two_stage *s = run->state;
  int n = 0;
  for (int p = 0; p < PARTS && n < most; p++)
    if (s->task[p].p) out[n++] = &s->task[p];
  return n;
}

/* See two_stage_score_form; the log density ratio is the output itself. */
static int blocks(sb_run *run, sb_block *out, int most) {
  two_stage *s = run->state;
  if (most < 1) return 0;
  s->constants[0] = s->reference.variance1;
  s->constants[1] = s->reference.variance2;
  s->constants[2] = s->options.score_floor;
  s->constants[3] = s->options.predict;
  *out = (sb_block){"/two_stage/constants",
                    "variance1, variance2, score_floor, predict (0 noise, 1 clean)",
                    SB_KIND_F64,
                    1,
                    {4},
                    s->constants,
                    NULL,
                    0};
  return 1;
}

static void set_draws(two_stage *s, int64_t draws) {
  monte_carlo *mc = &s->mc;
  mc->draws = draws > 0 ? draws : s->sample.draws;
  mc->independent = s->sample.mode == MC_INDEPENDENT;
  mc->endpoint = s->sample.drift_form == FORM_ENDPOINT;
  mc->key[0] = sb_noise_key(s->run->seed, SB_FOR_DRAWS, 0, 0);
  mc->key[1] = sb_noise_key(s->run->seed, SB_FOR_DRAWS_2, 0, 0);
  memset(s->ess, 0, sizeof s->ess);
  memset(s->ess_count, 0, sizeof s->ess_count);
}

static sb_status legs(sb_run *run, sb_view view, sb_leg *out, int most, int *n) {
  two_stage *s = run->state;
  const unsigned all = (1u << PARTS) - 1,
                 exact = (view.exact == ~0u ? deck_exact(s) : view.exact) & all;
  const int closed = exact == all && (view.exact == ~0u || view.draws < 0);
  const int two = s->sample.start == START_STAGE1, begun = s->sample.start == START_NOISED;
  *n = two ? 2 : 1;
  if (most < *n) return sb_fail(SB_SYS, "two_stage: room for %d legs, %d needed", most, *n);
  if (exact && !s->exact) return sb_fail(SB_USE, "exact fields need data.law with a known density");
  two_stage_fields_close(s);
  s->exact_parts = exact;
  SB_TRY_ALL(run->comm, two_stage_fields_open(s));
  set_draws(s, view.draws);
  if (two)
    *out++ = (sb_leg){.name = "stage1",
                      .field = {.name = closed ? "closed form" : "Monte-Carlo drift",
                                .d = s->d,
                                .self = s,
                                .at = two_stage_at1,
                                .eval = closed ? two_stage_drift1_closed : two_stage_drift1},
                      .steps = s->sample.steps1,
                      .variance = s->reference.variance1,
                      .start = SB_START_ZERO,
                      .path_key = sb_noise_key(s->run->seed, SB_FOR_PATH, LEG_ONE, 0)};
  *out = (sb_leg){.name = "stage2",
                  .field = {.name = exact & 1u << PART_SCORE ? "exact score" : "learned score",
                            .d = s->d,
                            .self = s,
                            .at = begun ? two_stage_at_begun : two_stage_at2,
                            .eval = begun ? two_stage_drift_begun : two_stage_drift2,
                            .after = s->sample.start == START_INPAINT ? two_stage_put_back : NULL},
                  .steps = s->sample.steps2,
                  .variance = s->reference.variance2 * (begun ? 1 - s->sample.begin : 1),
                  .start = s->sample.start == START_GAUSS ? SB_START_GAUSS : SB_START_KEEP,
                  .start_variance = s->sample.start_variance,
                  .start_key = sb_noise_key(s->run->seed, SB_FOR_START, 0, 0),
                  .path_key = sb_noise_key(s->run->seed, SB_FOR_PATH, LEG_TWO, 0),
                  .denoise = s->sample.final_denoise};
  return SB_OK;
}

/* Law of X_t: scale * (a draw of the data) + variance^(1/2) Z. In stage 1, X_t = t Y + (tau t (1 -
 * t))^(1/2) Z with Y from q_sigma; in stage 2, X_t = X + (sigma2 (1 - t))^(1/2) Z. */
static void law_at(const two_stage *s, int leg, double t, double *scale, double *variance) {
  const int first = s->sample.start == START_STAGE1 && leg == LEG_ONE;
  const double tau = s->reference.variance1, sigma2 = s->reference.variance2;
  if (s->sample.start == START_NOISED) t = s->sample.begin + (1 - s->sample.begin) * t;
  *scale = first ? t : 1;
  *variance = first ? t * t * sigma2 + tau * t * (1 - t) : sigma2 * (1 - t);
}

/* Clean rows of the data's law, or of the training rows where it is not known. */
static sb_status clean(const sb_data *data, uint64_t key, int64_t first, int64_t n, double *x) {
  double *raw = NULL;
  if (data->law) {
    SB_TRY(SB_NEW(&raw, n * data->raw, "draws of the law"));
    const sb_status s = sb_law_draw(data->law, key, first, n, raw, NULL);
    if (!s) sb_affine_forward(&data->map, n, raw, x);
    sb_mem_free(raw);
    return s;
  }
  for (int64_t i = 0; i < n; i++) {
    const float *row =
        sb_data_row(data, (int64_t)(sb_noise_uniform(key, first + i, 0, 0) * (double)data->n));
    for (int j = 0; j < data->d; j++) x[i * data->d + j] = (double)row[j];
  }
  return SB_OK;
}

static sb_status marginal(sb_run *run, int leg, double t, uint64_t key, int64_t first, int64_t n,
                          double *x) {
  const two_stage *s = run->state;
  double scale, variance, *z;
  law_at(s, leg, t, &scale, &variance);
  SB_TRY(clean(run->data, key, first, n, x));
  SB_TRY(SB_NEW(&z, n * s->d, "noise of a marginal"));
  sb_noise_normals64(sb_noise_key(run->seed, SB_FOR_START, (uint32_t)leg, (uint32_t)(key >> 32)),
                     first, (int)n, 0, s->d, z);
  for (int64_t i = 0; i < n * s->d; i++) x[i] = scale * x[i] + sqrt(variance) * z[i];
  sb_mem_free(z);
  return SB_OK;
}

static sb_status open_density(two_stage *s, int leg, double t) {
  const int d = s->d;
  double scale, variance, *a, *zero;
  sb_mixture *m = NULL;
  law_at(s, leg, t, &scale, &variance);
  SB_TRY(SB_NEW(&a, d * d, "scaling"));
  sb_status status = SB_NEW(&zero, d, "shift");
  for (int j = 0; j < d; j++) a[j * d + j] = scale;
  if (!status) status = sb_mixture_map(s->run->data->mixture, d, a, zero, &m);
  if (!status) status = sb_density_open(m, variance, &s->density);
  sb_mixture_free(m);
  sb_mem_free(zero);
  sb_mem_free(a);
  return status;
}

static sb_status density(sb_run *run, int leg, double t, int64_t n, const double *x, double *logp) {
  two_stage *s = run->state;
  if (!run->data->mixture) return sb_fail(SB_USE, "the density of this law is not known");
  if (leg == LEG_ONE && s->sample.start == START_STAGE1 && t == 0) { /* a point mass at 0 */
    for (int64_t i = 0; i < n; i++) logp[i] = -INFINITY;
    return SB_OK;
  }
  if (s->density && (s->density_leg != leg || s->density_t != t))
    sb_density_close(s->density), s->density = NULL;
  if (!s->density) SB_TRY(open_density(s, leg, t));
  s->density_leg = leg;
  s->density_t = t;
  sb_density_eval(s->density, n, x, logp, NULL, NULL);
  return SB_OK;
}

/* Score at time t of stage 2, log density ratio; of the view alive. */
static sb_status part(sb_run *run, int which, double t, int64_t n, const double *x, double *out,
                      int *width) {
  two_stage *s = run->state;
  *width = which == PART_SCORE ? s->d : 1;
  if (which == PART_RATIO && !(s->exact_parts >> PART_RATIO & 1) && !s->tape[PART_RATIO])
    return sb_fail(SB_USE, "this run has no density-ratio network");
  if (which == PART_SCORE) SB_TRY(two_stage_at2(s, t, 0));
  for (int64_t i = 0; i < n; i += SB_BLOCK) {
    const int rows = (int)(n - i < SB_BLOCK ? n - i : SB_BLOCK);
    if (which == PART_RATIO)
      two_stage_logit(s, rows, x + i * s->d, out + i);
    else
      SB_TRY(two_stage_drift2(s, i, rows, x + i * s->d, out + i * s->d));
  }
  for (int64_t i = 0; which == PART_SCORE && i < n * s->d; i++) out[i] /= s->reference.variance2;
  return SB_OK;
}

/* Tweedie's estimate of the clean point behind x, whose noise has variance sigma2: x + sigma2
 * score(x). After leg 1, while its view is alive. */
static sb_status shown(sb_run *run, int64_t n, double *x) {
  two_stage *s = run->state;
  double *score = s->mc.score;
  if (!s->sample.tweedie) return SB_OK;
  SB_TRY(two_stage_at1(s, 1, 0));
  for (int64_t i = 0; i < n; i++, x += s->d) {
    two_stage_score(s, 1, x, score);
    for (int j = 0; j < s->d; j++) x[j] += s->reference.variance2 * score[j];
  }
  return SB_OK;
}

static sb_status remark(sb_run *run) {
  two_stage *s = run->state;
  char text[ESS_BINS * 16] = "";
  SB_TRY(sb_sum_int(run->comm, s->ess, ESS_BINS));
  SB_TRY(sb_sum_int(run->comm, s->ess_count, ESS_BINS));
  for (int i = 0; i < ESS_BINS; i++) {
    if (!s->ess_count[i]) return SB_OK;
    const size_t used = strlen(text);
    snprintf(text + used, sizeof text - used, " %5.1f",
             (double)s->mc.draws * (double)s->ess[i] / (double)s->ess_count[i] / 0x1p32);
  }
  sb_say("effective sample size of the %lld draws, by fifths of stage 1:%s\n",
         (long long)s->mc.draws, text);
  return SB_OK;
}

const sb_method sb_method_two_stage = {
    .name = "two_stage",
    .summary = "two-stage deep bridge: score matching and logistic density ratio, Euler-Maruyama",
    .source = "Wang, Jiao, Xu, Wang, Yang 2021, arXiv 2106.10410",
    .needs = 1,
    .streams = 1,
    .state_size = sizeof(two_stage),
    .presets = presets,
    .parts = parts,
    .sections = sections,
    .bytes = bytes,
    .open = open,
    .close = close,
    .tasks = tasks,
    .blocks = blocks,
    .legs = legs,
    .marginal = marginal,
    .density = density,
    .part = part,
    .shown = shown,
    .started = two_stage_started,
    .remark = remark,
};
