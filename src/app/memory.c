/* What a run will take: bytes of one rank, bytes of its files. Said before anything large is
 * allocated or written. The phases follow each other; networks and data stay, so the largest phase
 * counts. */
#include "app.h"
#include "sb/limits.h"
#include "sb/log.h"
#include "sb/mem.h"

static double larger(double a, double b) { return a > b ? a : b; }

static double tracked(const app *a) {
  return (double)(a->record.particles < a->sample.n ? a->record.particles : a->sample.n);
}

/* Rank 0 has the most: the first particles are the recorded ones. */
static double sampling(const app *a) {
  const sb_data *data = a->run.data;
  const double share = (double)sb_share_at(0, a->comm->size, a->sample.n).count;
  const double seen = tracked(a) < share ? tracked(a) : share;
  const double kept = (double)sb_share_at(0, a->comm->size, a->record.training).count;
  const sb_recorder_options o = {.d = data->raw, .frames_per_part = app_part_frames(a, 2)};
  const double cloud = 16 * share * data->d + 16 * seen * data->raw + 8 * share * data->raw;
  /* At the end the table is laid out for pictures: x, x3 or projection, coordinates. */
  const double table =
      8 * share * (2 * data->raw + 3 + (data->raw > 3 ? data->raw : 0)) + 8 * kept * data->raw;
  return cloud + (double)sb_recorder_bytes(&o, (int64_t)seen) + table;
}

static double grid(const app *a) {
  const sb_data *data = a->run.data;
  const double axes = data->raw == 3 ? 3 : data->raw == 1 ? 1 : 2;
  double points = 1;
  for (int k = 0; k < axes; k++) points *= (double)a->velocity.points;
  const double share = (double)sb_share_at(0, a->comm->size, (int64_t)points).count;
  return 8 * share * (2 * data->d + 3 + a->velocity.times.n * 2 * (data->mixture ? 7 : 3));
}

static double evaluating(const app *a) {
  const sb_data *data = a->run.data;
  const double n = (double)a->sample.n,
               share = (double)sb_share_at(0, a->comm->size, a->sample.n).count;
  double judged = 0, seconds = 0, modes = 0, oracle = 0;
  sb_judge_cost(&a->judge, data->d, a->comm->size, &judged, &seconds);
  judged += 8.0 * (double)data->total * data->d;
  if (data->mixture) {
    const double width = data->mixture->k * (1 + data->d + data->d * data->d);
    modes = 8 * (share * width + 2 * larger(n, (double)data->n) * data->d);
    oracle = 8 * (double)a->judge.draws * data->d * (1 + 2.0 / a->comm->size);
  }
  return 8 * n * data->d + larger(8 * n * data->raw, larger(judged, larger(modes, oracle)));
}

/* Per particle and frame of a trajectory: x, v, both in three dimensions, coordinates one by one.
 */
static double files(const app *a) {
  const sb_data *data = a->run.data;
  const double per_point = 2.0 * data->raw + 6 + (data->raw > 3 ? data->raw : 0);
  const double frames = 2 * (double)a->record.frames + 1;
  return 8 * (double)a->sample.n * (per_point + data->raw) + 8 * frames * tracked(a) * per_point +
         (double)a->method->bytes((sb_run *)&a->run) * (double)(1 + a->checkpoint.keep) / 2;
}

sb_status app_predict(app *a) {
  const double method = (double)a->method->bytes(&a->run);
  const double bytes =
      (double)sb_mem_now() + method + larger(sampling(a), larger(grid(a), evaluating(a)));
  const double room = (double)sb_memory_available();
  sb_status s = SB_OK;
  a->memory_predicted = (int64_t)bytes;
  if (a->line.dry_run)
    sb_say("%d ranks, %.1f MB of memory each, about %.1f MB of files in %s\n", a->comm->size,
           bytes / 1e6, files(a) / 1e6, a->options.output);
  if (bytes * a->comm->node_size > room)
    s = sb_fail(SB_SYS,
                "%.0f bytes needed per rank, %d ranks on this node: more than the %.0f bytes it "
                "has left; fewer ranks per node, or less "
                "to sample and record",
                bytes, a->comm->node_size, room);
  return sb_agree(a->comm, s);
}
