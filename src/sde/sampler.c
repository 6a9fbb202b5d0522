/* Euler-Maruyama along legs, tile by tile (sb/sampler.h). */
#include "sb/sampler.h"

#include <math.h>
#include <string.h>

#include "sb/clock.h"
#include "sb/kernel.h"
#include "sb/mem.h"
#include "sb/noise.h"
#include "sb/poison.h"
#include "sb/watchdog.h"

#define LIKELY                                                                         \
  "the time step is too large (raise the number of steps) or the field is poor there " \
  "(more Monte-Carlo draws, mode shared, longer training)"
#define BEYOND 1e12 /* nothing that this program draws lies there: the run diverged */

sb_status sb_particles_new(const sb_comm *c, int64_t n, int d, sb_particles *out) {
  const sb_share share = sb_share_of(c, n);
  *out = (sb_particles){.n = n, .first = share.first, .count = share.count, .d = d};
  SB_TRY_ALL(c, SB_NEW(&out->x, share.count * d, "particles"));
  SB_TRY_ALL(c, SB_NEW(&out->b, share.count * d, "drifts of particles"));
  return SB_OK;
}

void sb_particles_free(sb_particles *cloud) {
  sb_mem_free(cloud->x);
  sb_mem_free(cloud->b);
  *cloud = (sb_particles){0};
}

static int tile_rows(int64_t at, int64_t count) {
  return (int)(count - at < SB_BLOCK ? count - at : SB_BLOCK);
}

sb_status sb_field_eval(const sb_field *f, double t, int64_t step, int64_t first, int64_t n,
                        const double *x, double *b) {
  if (f->at) SB_TRY(f->at(f->self, t, step));
  for (int64_t i = 0; i < n; i += SB_BLOCK) {
    SB_TRY(f->eval(f->self, first + i, tile_rows(i, n), x + i * f->d, b + i * f->d));
    sb_tick();
  }
  return SB_OK;
}

static sb_status start(const sb_leg *leg, sb_particles *cloud) {
  const int64_t size = cloud->count * cloud->d;
  const double scale = sqrt(leg->start_variance);
  if (leg->start == SB_START_KEEP) return SB_OK;
  for (int64_t i = 0; leg->start == SB_START_OWN && i < cloud->count; i += SB_BLOCK)
    SB_TRY(leg->field.begin(leg->field.self, cloud->first + i, tile_rows(i, cloud->count),
                            cloud->x + i * cloud->d));
  if (leg->start == SB_START_OWN) return SB_OK;
  memset(cloud->x, 0, (size_t)size * sizeof *cloud->x);
  if (leg->start == SB_START_ZERO) return SB_OK;
  for (int64_t i = 0; i < cloud->count; i += SB_BLOCK)
    sb_noise_normals64(leg->start_key, cloud->first + i, tile_rows(i, cloud->count), 0, cloud->d,
                       cloud->x + i * cloud->d);
  for (int64_t i = 0; i < size; i++) cloud->x[i] *= scale;
  return SB_OK;
}

/* A step that the field takes by itself. */
static sb_status take_over(const sb_leg *leg, int64_t step, sb_particles *cloud) {
  const sb_field *f = &leg->field;
  if (f->at) SB_TRY(f->at(f->self, sb_leg_time(leg, step), step));
  for (int64_t i = 0; i < cloud->count; i += SB_BLOCK) {
    SB_TRY(f->step(f->self, cloud->first + i, tile_rows(i, cloud->count), cloud->x + i * cloud->d));
    sb_tick();
  }
  return SB_OK;
}

/* Adding h b before the noise keeps drift and noise apart in the last bits, however the compiler
 * sees the loop. */
static void move(const sb_leg *leg, int64_t step, double h, int noisy, sb_particles *cloud,
                 float *noise) {
  const double sigma = sqrt(leg->variance * h);
  for (int64_t i = 0; i < cloud->count; i += SB_BLOCK) {
    const int rows = tile_rows(i, cloud->count), size = rows * cloud->d;
    double *x = cloud->x + i * cloud->d;
    const double *b = cloud->b + i * cloud->d;
    for (int j = 0; j < size; j++) x[j] += h * b[j];
    if (noisy) {
      sb_noise_normals(leg->path_key, cloud->first + i, rows, (uint32_t)step, cloud->d, noise);
      for (int j = 0; j < size; j++) x[j] += sigma * (double)noise[j];
    }
    if (leg->field.after)
      leg->field.after(leg->field.self, cloud->first + i, rows, sb_leg_time(leg, step + 1), x);
  }
}

static sb_status check(const sb_comm *c, const sb_leg *leg, int64_t step,
                       const sb_particles *cloud) {
  const int64_t size = cloud->count * cloud->d;
  int bad = 0;
  if (size && sb_poison("particle", c->rank, step + 1)) cloud->x[size - 1] = NAN;
  for (int64_t i = 0; i < size; i++) bad |= !(fabs(cloud->x[i]) < BEYOND);
  for (int64_t i = 0; bad && i < size; i++) {
    if (fabs(cloud->x[i]) < BEYOND) continue;
    return sb_fail(SB_BAD,
                   "%s (%s): particle %lld is %g after step %lld of %lld on rank %d; likely %s",
                   leg->name, leg->field.name, (long long)(cloud->first + i / cloud->d),
                   cloud->x[i], (long long)step + 1, (long long)leg->steps, c->rank,
                   leg->field.likely ? leg->field.likely : LIKELY);
  }
  return SB_OK;
}

/* A cloud under way: what is the same for all legs. */
typedef struct walk {
  const sb_comm *comm;
  sb_particles *cloud;
  const sb_observer *observers;
  int observer_count;
  const sb_hold *hold; /* NULL: none */
  int64_t wait;        /* steps until it is asked again */
  float *noise;        /* of a tile */
} walk;

/* Shows a step to the observers that want it. Ranks agree only then: between two observed steps
 * they are on their own, and one that failed waits here for the others. */
static sb_status show(const walk *w, int leg, const sb_leg *l, int64_t step, sb_status mine) {
  const double t = sb_leg_time(l, step);
  for (int i = 0; i < w->observer_count; i++) {
    const sb_observer *o = &w->observers[i];
    if (!o->wants(o->self, leg, l, step)) continue;
    SB_TRY_ALL(w->comm, mine);
    const double clock = sb_clock(), all = sb_timer_all();
    SB_TRY(o->see(o->self, leg, l, step, t, w->cloud));
    sb_timer_rest(SB_T_OUTPUT, clock, all);
  }
  return SB_OK;
}

/* Before a step: whoever may hold the run up is asked when it is time. */
static sb_status pause(walk *w, int leg, int64_t step, sb_status mine) {
  if (!w->hold || w->wait-- > 0) return SB_OK;
  SB_TRY_ALL(w->comm, mine);
  SB_TRY(w->hold->at(w->hold->self, leg, step, w->cloud, &w->wait));
  w->wait--;
  return SB_OK;
}

/* One step, or the last half of one: the drift at t_k, what observers see there, the move. */
static sb_status drift(const sb_leg *l, int64_t step, const sb_particles *cloud) {
  return sb_field_eval(&l->field, sb_leg_time(l, step), step, cloud->first, cloud->count, cloud->x,
                       cloud->b);
}

static int watched(const walk *w, int leg, const sb_leg *l, int64_t step) {
  int any = step == l->steps - 1; /* which are shown at the end, too */
  for (int i = 0; i < w->observer_count; i++)
    any |= w->observers[i].wants(w->observers[i].self, leg, l, step);
  return any;
}

static sb_status advance(walk *w, const sb_leg *l, int64_t step) {
  if (l->field.step)
    SB_TRY(take_over(l, step, w->cloud));
  else
    move(l, step, sb_leg_length(l, step), !l->quiet_end || step < l->steps - 1, w->cloud, w->noise);
  return check(w->comm, l, step, w->cloud);
}

static sb_status run_leg(walk *w, int index, const sb_leg *l, int64_t from) {
  sb_status mine = from == 0 ? start(l, w->cloud) : SB_OK;
  for (int64_t k = from; k < l->steps; k++) {
    SB_TRY(pause(w, index, k, mine));
    sb_beat("sampling", l->name, k + 1);
    sb_poison_signal("sampling", w->comm->rank, k + 1);
    double clock = sb_clock();
    if (!mine && (!l->field.step || watched(w, index, l, k))) mine = drift(l, k, w->cloud);
    sb_timer(SB_T_SAMPLE, clock);
    SB_TRY(show(w, index, l, k, mine));
    clock = sb_clock();
    if (!mine) mine = advance(w, l, k);
    sb_timer(SB_T_SAMPLE, clock);
  }
  if (l->denoise && !mine) {
    mine = drift(l, l->steps - 1, w->cloud);
    if (!mine)
      move(l, l->steps - 1, sb_leg_length(l, l->steps - 1), 0, w->cloud, w->noise),
          mine = check(w->comm, l, l->steps - 1, w->cloud);
  }
  SB_TRY_ALL(w->comm, mine);
  return show(w, index, l, l->steps, SB_OK);
}

sb_status sb_sample_on(const sb_comm *c, const sb_leg *legs, int n, sb_particles *cloud,
                       const sb_observer *observers, int observer_count, const sb_hold *hold) {
  walk w = {c, cloud, observers, observer_count, hold, 0, NULL};
  const int leg = hold ? hold->leg : 0;
  SB_TRY_ALL(c, SB_NEW(&w.noise, (int64_t)SB_BLOCK * cloud->d, "noise of a tile"));
  sb_status s = SB_OK;
  for (int i = leg; !s && i < n; i++)
    s = run_leg(&w, i, &legs[i], hold && i == leg ? hold->step : 0);
  sb_mem_free(w.noise);
  return s;
}

sb_status sb_sample(const sb_comm *c, const sb_leg *legs, int n, sb_particles *cloud,
                    const sb_observer *observers, int observer_count) {
  return sb_sample_on(c, legs, n, cloud, observers, observer_count, NULL);
}
