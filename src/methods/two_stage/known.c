/* Stage 2 from clean rows of a file instead of stage 1 (Wang et al. 2021, image tasks; ALGORITHMS
 * 1.5).
 *
 * noised: x = row + (sigma2 (1 - begin))^(1/2) eps, then stage 2 over [begin, 1]; particles between
 * the same two rows share eps (interpolation). The leg's own time runs over [0, 1].
 * inpaint: coordinates that are NaN are drawn, the others are put back after each step as the
 * reference would have them, known + (sigma2 (1 - t))^(1/2) eta, with one eta for all times. This
 * follows what is known, but is no exact draw of the rest given it: see tests/science/starts.py. */
#include <math.h>
#include <string.h>

#include "sb/mem.h"
#include "sb/noise.h"
#include "two_stage.h"

static uint64_t start_key(const two_stage *s) {
  return sb_noise_key(s->run->seed, SB_FOR_START, LEG_TWO, 1);
}

static void noised(two_stage *s, int64_t group, sb_particles *cloud) {
  const double root = sqrt(s->reference.variance2 * (1 - s->sample.begin));
  const uint64_t key = start_key(s);
  for (int64_t i = 0; i < cloud->count; i++) {
    sb_noise_normals64(key, (cloud->first + i) / group, 1, 0, s->d, s->eta);
    for (int j = 0; j < s->d; j++) cloud->x[i * s->d + j] += root * s->eta[j];
  }
}

/* Coordinates of the networks must be those of the table, or a missing one is missing in all. */
static sb_status known_rows(two_stage *s, const sb_particles *cloud) {
  const int64_t n = cloud->count * s->d;
  if (s->run->data->map.axes)
    return sb_fail(SB_USE,
                   "sample.start: inpaint needs the table's own coordinates: data.project none, "
                   "data.standardise none, centre or scale");
  sb_mem_free(s->known);
  SB_TRY(SB_NEW(&s->known, n, "known coordinates"));
  memcpy(s->known, cloud->x, (size_t)n * sizeof *s->known);
  s->known_first = cloud->first;
  return SB_OK;
}

void two_stage_put_back(void *self, int64_t first, int rows, double t, double *x) {
  const two_stage *s = self;
  const double root = sqrt(s->reference.variance2 * (1 - t));
  const double *known = s->known + (first - s->known_first) * s->d;
  sb_noise_normals64(start_key(s), first, rows, 0, s->d, s->eta);
  for (int j = 0; j < rows * s->d; j++)
    if (!isnan(known[j])) x[j] = known[j] + root * s->eta[j];
}

/* Known coordinates with their noise, noise alone where nothing is known. */
static void inpainted(two_stage *s, sb_particles *cloud) {
  const int64_t n = cloud->count * s->d;
  const double root = sqrt(s->reference.variance2);
  for (int64_t i = 0; i < cloud->count; i += SB_BLOCK) {
    const int rows = (int)(cloud->count - i < SB_BLOCK ? cloud->count - i : SB_BLOCK);
    sb_noise_normals64(start_key(s), cloud->first + i, rows, 0, s->d, cloud->x + i * s->d);
  }
  for (int64_t j = 0; j < n; j++)
    cloud->x[j] = (isnan(s->known[j]) ? 0 : s->known[j]) + root * cloud->x[j];
}

sb_status two_stage_started(sb_run *run, int64_t group, sb_particles *cloud) {
  two_stage *s = run->state;
  sb_status status = SB_OK;
  if (s->sample.start != START_NOISED && s->sample.start != START_INPAINT) return SB_OK;
  if (!s->eta) status = SB_NEW(&s->eta, (int64_t)SB_BLOCK * s->d, "noise of a start");
  if (!status && s->sample.start == START_INPAINT) status = known_rows(s, cloud);
  SB_TRY_ALL(run->comm, status);
  if (s->sample.start == START_NOISED)
    noised(s, group, cloud);
  else
    inpainted(s, cloud);
  return SB_OK;
}

sb_status two_stage_at_begun(void *self, double t, int64_t step) {
  const two_stage *s = self;
  const double begin = s->sample.begin;
  return two_stage_at2(self, begin + (1 - begin) * t, step);
}

sb_status two_stage_drift_begun(void *self, int64_t first, int rows, const double *x, double *b) {
  const two_stage *s = self;
  SB_TRY(two_stage_drift2(self, first, rows, x, b));
  for (int i = 0; i < rows * s->d; i++) b[i] *= 1 - s->sample.begin;
  return SB_OK;
}
