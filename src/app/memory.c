/* What a run will take: bytes of one rank, bytes of its files. Said before anything large is
 * allocated or written. */
#include "app.h"
#include "sb/file.h"
#include "sb/limits.h"
#include "sb/log.h"
#include "sb/mem.h"

static double memory(const app *a) {
  const sb_data *data = a->run.data;
  const double share = (double)sb_share_at(0, a->comm->size, a->sample.n).count;
  const double tracked =
      a->record.particles < a->sample.n ? (double)a->record.particles : (double)a->sample.n;
  double judged = 0, seconds = 0;
  sb_judge_cost(&a->judge, data->d, a->comm->size, &judged, &seconds);
  const double method = (double)a->method->bytes((sb_run *)&a->run);
  const double sampling = 8 * share * (2 * data->d + 3 * data->raw) +
                          8 * tracked / a->comm->size * 8 * (double)a->record.part_frames;
  return (double)sb_mem_now() + method + (sampling > judged ? sampling : judged);
}

static double disk(app *a) {
  const sb_data *data = a->run.data;
  const double tracked =
      a->record.particles < a->sample.n ? (double)a->record.particles : (double)a->sample.n;
  const double frames = (double)a->record.frames * 2;
  return 8.0 * (double)a->sample.n * data->raw * 3 + 8 * frames * tracked * 2 * (data->raw + 3) +
         (double)a->method->bytes(&a->run) * (double)(1 + a->checkpoint.keep);
}

sb_status app_predict(app *a) {
  const double bytes = memory(a), files = disk(a);
  const double room = (double)sb_memory_available();
  a->memory_predicted = (int64_t)bytes;
  if (a->line.dry_run)
    sb_say("%d ranks, %.1f MB of memory each, %.1f MB of files in %s\n", a->comm->size, bytes / 1e6,
           files / 1e6, a->options.output);
  sb_status s = SB_OK;
  if (bytes * a->comm->node_size > room)
    s = sb_fail(SB_SYS,
                "%.0f bytes needed per rank, %d ranks on this node: more than the %.0f bytes it "
                "has left; fewer ranks per node, or less to sample and record",
                bytes, a->comm->node_size, room);
  return sb_agree(a->comm, s);
}
