/* The command sample: runs the method's legs and records what passes by. */
#include <string.h>

#include "sampling.h"
#include "sb/clock.h"
#include "sb/file.h"
#include "sb/log.h"
#include "sb/mem.h"
#include "sb/sampler.h"

/* Watches a sampling run: trajectories of the first particles, and positions at a mark. */
typedef struct watch {
  app *a;
  int legs;
  sb_recorder *recorder;
  double *x, *v;   /* [tracked, raw] of this rank */
  int64_t tracked; /* particles of this rank that are recorded */
  app_mark mark;
  double *kept;  /* [count, draws, d] of particles that give several draws, or NULL */
  double *every; /* the same of all ranks; owned */
} watch;

int64_t app_part_frames(const app *a, int legs) {
  const int64_t all = legs * a->record.frames + 1;
  return a->record.part_frames < all ? a->record.part_frames : all;
}

static int wants_frame(const watch *w, int leg, const sb_leg *l, int64_t step) {
  const int64_t f = w->a->record.frames;
  if (!w->recorder) return 0;
  if (step == l->steps) return leg == w->legs - 1;
  return step == 0 || step * f / l->steps != (step - 1) * f / l->steps;
}

/* Index of the draw that particles give at a step, -1: none. */
static int64_t draw_at(const watch *w, int leg, const sb_leg *l, int64_t step) {
  const int64_t back = l->steps - step, draws = sb_leg_draws(l);
  if (!w->kept || leg != w->legs - 1) return -1;
  if (back == 0) return draws - 1;
  return l->thin > 0 && back % l->thin == 0 && back / l->thin < draws ? draws - 1 - back / l->thin
                                                                      : -1;
}

static int wants(void *self, int leg, const sb_leg *l, int64_t step) {
  const watch *w = self;
  return draw_at(w, leg, l, step) >= 0 || wants_frame(w, leg, l, step) ||
         (w->mark.x && leg == w->mark.leg && step == w->mark.step);
}

/* Positions at the mark, as the method shows them; the cloud itself stays as it is. */
static sb_status keep_mark(watch *w, const sb_particles *cloud) {
  sb_run *run = &w->a->run;
  double *y = NULL;
  sb_status s = SB_NEW(&y, cloud->count * cloud->d, w->mark.meaning);
  if (!s) memcpy(y, cloud->x, (size_t)(cloud->count * cloud->d) * sizeof *y);
  if (!s && w->a->method->shown) s = w->a->method->shown(run, cloud->count, y);
  if (!s) sb_affine_back(&run->data->map, cloud->count, y, w->mark.x);
  sb_mem_free(y);
  return sb_agree(run->comm, s);
}

static sb_status see(void *self, int leg, const sb_leg *l, int64_t step, double t,
                     const sb_particles *cloud) {
  watch *w = self;
  const sb_affine *map = &w->a->run.data->map;
  if (w->mark.x && leg == w->mark.leg && step == w->mark.step) SB_TRY(keep_mark(w, cloud));
  const int64_t draw = draw_at(w, leg, l, step);
  for (int64_t i = 0; draw >= 0 && i < cloud->count; i++)
    memcpy(w->kept + (i * sb_leg_draws(l) + draw) * cloud->d, cloud->x + i * cloud->d,
           (size_t)cloud->d * sizeof *w->kept);
  if (!wants_frame(w, leg, l, step)) return SB_OK;
  sb_affine_back(map, w->tracked, cloud->x, w->x);
  sb_affine_back_vector(map, w->tracked, cloud->b, w->v);
  return sb_recorder_add(w->recorder, leg, step, t, cloud->first, w->tracked, w->x, w->v);
}

/* Of two legs the end of the first; of a bridge its start. */
static sb_status mark_open(const sb_run *run, const sb_particles *cloud, const sb_leg *leg,
                           int legs, app_mark *mark) {
  const app_mark middle = {.path = "/stage1",
                           .meaning = "positions after stage 1",
                           .step = leg->steps},
                 start = {.path = "/start", .meaning = "where the draws began"};
  if (legs != 2 && !run->source) return SB_OK;
  *mark = run->source ? start : middle;
  return SB_NEW(&mark->x, cloud->count * run->data->raw, mark->meaning);
}

static sb_status watch_open(app *a, const sb_particles *cloud, const sb_leg *leg, int legs,
                            const sb_projection *projection, watch *w) {
  const int raw = a->run.data->raw;
  const int64_t most = a->record.particles < cloud->n ? a->record.particles : cloud->n;
  *w = (watch){.a = a, .legs = legs};
  if (cloud->first < most)
    w->tracked = most - cloud->first < cloud->count ? most - cloud->first : cloud->count;
  sb_status s = SB_NEW(&w->x, w->tracked * raw, "recorded positions");
  if (!s) s = SB_NEW(&w->v, w->tracked * raw, "recorded velocities");
  if (!s) s = mark_open(&a->run, cloud, leg, legs, &w->mark);
  if (!s && sb_leg_draws(&leg[legs - 1]) > 1)
    s = SB_NEW(&w->kept, cloud->count * sb_leg_draws(&leg[legs - 1]) * cloud->d, "draws");
  SB_TRY_ALL(a->comm, s);
  if (most == 0) return SB_OK;
  const sb_recorder_options o = {
      a->options.output, "trajectories", 1, most, app_part_frames(a, legs), raw,
      projection,        a->parent};
  return sb_recorder_open(a->comm, &o, cloud->n, &w->recorder);
}

/* What a run that was held up recorded is in sampling.h5; one that diverged leaves the way there;
 * any other failure leaves older files alone. */
static sb_status watch_close(watch *w, sb_status ended) {
  sb_status s = SB_OK;
  if (ended == SB_OK || ended == SB_BAD)
    s = sb_recorder_close(w->recorder);
  else
    sb_recorder_drop(w->recorder);
  sb_mem_free(w->x);
  sb_mem_free(w->v);
  return s;
}

/* A table beside the draws: rows first .. first+count-1 of n are this rank's. */
static sb_column beside(const char *path, const char *meaning, int64_t n, int raw, int64_t first,
                        int64_t count, const double *data) {
  return (sb_column){.path = path,
                     .unit = "x",
                     .meaning = meaning,
                     .kind = SB_KIND_F64,
                     .rank = 2,
                     .shape = {n, raw},
                     .first = first,
                     .count = count,
                     .data = data};
}

static sb_status write_table(app *a, const sb_particles *cloud, const double *x,
                             const sb_column *extra, int extras, const sb_projection *projection) {
  const sb_reals *shape = &a->record.image;
  const int dims = shape->n < 3 ? shape->n : 3;
  int64_t image[3];
  for (int i = 0; i < dims; i++) image[i] = (int64_t)shape->v[i];
  const sb_table table = {.directory = a->options.output,
                          .name = "samples",
                          .overwrite = 1,
                          .n = cloud->n,
                          .d = a->run.data->raw,
                          .x = x,
                          .meaning = "draws",
                          .extra = extra,
                          .extras = extras,
                          .image = dims ? image : NULL,
                          .image_rank = dims,
                          .projection = projection,
                          .parent = a->parent};
  return sb_table_write(a->comm, &table);
}

static sb_status write_samples(app *a, const sb_particles *cloud, const watch *w,
                               const sb_projection *projection) {
  const sb_data *data = sb_run_end(&a->run);
  const int64_t kept = a->record.training < data->n ? a->record.training : data->n;
  const sb_share share = sb_share_of(a->comm, kept);
  const double began = sb_clock(), all = sb_timer_all();
  const int raw = data->raw;
  app_neighbours near = {0};
  sb_column extra[3];
  double *x = NULL, *training = NULL;
  int n = 0;
  sb_status s = SB_NEW(&x, cloud->count * raw, "samples");
  if (!s) s = SB_NEW(&training, share.count * raw, "training rows");
  if (!s) s = sb_data_raw(data, share.first, share.count, training);
  s = sb_agree(a->comm, s);
  if (!s && a->record.image.n) s = app_nearest(a, cloud, &near);
  if (!s) {
    sb_affine_back(&data->map, cloud->count, cloud->x, x);
    extra[n++] =
        beside("/training", "first training rows", kept, raw, share.first, share.count, training);
    if (w->mark.x)
      extra[n++] = beside(w->mark.path, w->mark.meaning, cloud->n, raw, cloud->first, cloud->count,
                          w->mark.x);
    if (near.x)
      extra[n++] = beside("/nearest", "training rows nearest to the first draws", near.n, raw,
                          near.share.first, near.share.count, near.x);
    s = write_table(a, cloud, x, extra, n, projection);
  }
  sb_mem_free(near.x);
  sb_mem_free(training);
  sb_mem_free(x);
  sb_timer_rest(SB_T_OUTPUT, began, all);
  return s;
}

/* Moves the cloud to the end, from the start or from where an earlier run was held up. */
static sb_status walk(watch *w, const sb_leg *legs, int n, sb_particles *cloud) {
  app *a = w->a;
  app_sampling place = {
      .a = a, .legs = legs, .n = n, .recorder = w->recorder, .mark = &w->mark, .kept = w->kept};
  const sb_observer observer = {w, wants, see};
  if (legs[0].start == SB_START_KEEP) SB_TRY(app_start_from(a, cloud));
  SB_TRY(app_sampling_open(&place, cloud));
  const int anew = !place.ever_saved;
  SB_TRY(sb_sample_on(a->comm, legs, n, cloud, &observer, 1, &place.hold));
  sb_say("%lld draws in %.1f s\n", (long long)a->sample.n, sb_clock() - place.began);
  return anew && a->method->remark ? a->method->remark(&a->run) : SB_OK;
}

/* This rank's share of the draws. Those of a chain follow each other, wherever the chain ran. */
static sb_status all_draws(app *a, const sb_particles *cloud, int64_t each, watch *w,
                           sb_particles *out) {
  const int64_t n = cloud->n * each;
  const sb_share share = sb_share_of(a->comm, n);
  *out = *cloud;
  if (!w->kept) return SB_OK;
  SB_TRY_ALL(a->comm, SB_NEW(&w->every, n * cloud->d, "draws"));
  SB_TRY(sb_gather_rows(a->comm, cloud->n, each * cloud->d, sizeof *w->kept, w->kept, w->every));
  *out = (sb_particles){n,   share.first, share.count, cloud->d, w->every + share.first * cloud->d,
                        NULL};
  return SB_OK;
}

/* samples.h5 comes last: where it is, everything is. */
static sb_status draw(app *a, const sb_projection *projection) {
  sb_leg legs[SB_MAX_LEGS];
  sb_particles cloud = {0}, draws = {0};
  watch w = {0};
  int n = 0;
  SB_TRY(a->method->legs(&a->run, SB_VIEW_DECK, legs, SB_MAX_LEGS, &n));
  const int64_t each = sb_leg_draws(&legs[n - 1]);
  if (a->sample.n % each)
    return sb_fail(SB_USE, "sample.n: %lld draws cannot be shared by chains of %lld draws each",
                   (long long)a->sample.n, (long long)each);
  SB_TRY(sb_particles_new(a->comm, a->sample.n / each, a->run.data->d, &cloud));
  sb_status s = watch_open(a, &cloud, legs, n, projection, &w);
  if (!s) s = walk(&w, legs, n, &cloud);
  const sb_status closed = watch_close(&w, s);
  if (!s) s = closed;
  if (!s) s = app_remove(a, "samples.xmf");
  if (!s) s = all_draws(a, &cloud, each, &w, &draws);
  if (!s) s = write_samples(a, &draws, &w, projection);
  if (!s) s = app_remove(a, SAMPLING);
  sb_mem_free(w.every);
  sb_mem_free(w.kept);
  sb_mem_free(w.mark.x);
  sb_particles_free(&cloud);
  return s;
}

/* 1 when there is nothing left to draw. */
static sb_status drawn(app *a, int *yes) {
  SB_TRY(app_finished(a, "samples", app_draw_ignores, yes));
  if (!*yes) return SB_OK;
  sb_say("draws are complete\n");
  return app_remove(a, SAMPLING);
}

sb_status app_draw(app *a) {
  const int alone = !a->run.data;
  app_view view;
  int complete;
  if (alone) {
    SB_TRY(app_refuse(a, "samples.h5"));
    SB_TRY(app_refuse(a, "trajectories.h5"));
    SB_TRY(app_refuse(a, SAMPLING));
    SB_TRY(app_start(a));
    if (a->line.dry_run) return app_rough(a);
    SB_TRY(app_load_trained(a));
    SB_TRY(app_claim(a));
  }
  SB_TRY(drawn(a, &complete));
  if (complete) return SB_OK;
  sb_status s = app_view_open(a, &view);
  if (!s) s = draw(a, a->run.data->raw > 3 ? &view.projection : NULL);
  app_view_close(&view);
  return s;
}
