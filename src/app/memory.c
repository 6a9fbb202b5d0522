/* What a run will take: bytes of one rank, bytes of its files. Said before anything large is
 * allocated or written. The phases follow each other; networks and data stay, so the largest phase
 * counts. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "app.h"
#include "sb/limits.h"
#include "sb/log.h"
#include "sb/mem.h"

static double larger(double a, double b) { return a > b ? a : b; }

static double smaller(double a, double b) { return a < b ? a : b; }

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
  const double known = (app_starts_inpaint(a) ? 8 * share * data->d : 0) +
                       (a->run.source ? 8 * share * data->raw : 0);
  return cloud + known + (double)sb_recorder_bytes(&o, (int64_t)seen) + table;
}

static double grid(const app *a) {
  const sb_data *data = a->run.data;
  const double axes = data->raw == 3 ? 3 : data->raw == 1 ? 1 : 2;
  double points = 1;
  for (int k = 0; k < axes; k++) points *= (double)a->velocity.points;
  const double share = (double)sb_share_at(0, a->comm->size, (int64_t)points).count;
  return 8 * share * (2 * data->d + 3 + a->velocity.times.n * 2 * (sb_run_known(&a->run) ? 7 : 3));
}

static double share_of(const app *a, int64_t n) {
  return (double)sb_share_at(0, a->comm->size, n).count;
}

static double evaluating(const app *a) {
  const sb_data *data = sb_run_end(&a->run);
  const double n = (double)a->sample.n, d = data->d;
  const double share = share_of(a, a->sample.n), rows = share_of(a, data->total);
  double judged = 0, seconds = 0, modes = 0, oracle = 0;
  sb_judge_cost(&a->judge, data->d, a->comm->size, &judged, &seconds);
  /* Nearest training rows: this rank's, two shares that come by, one laid out (of so many at a
   * time). */
  judged += 24 * rows * data->d + smaller(8 * rows * data->d, 16777216) + 32 * rows;
  if (data->mixture) {
    const double width = data->mixture->k * (1 + data->d + data->d * data->d);
    modes = 8 * larger(share, rows) * (width + data->d);
    oracle = 8 * share_of(a, a->judge.draws) * data->d * 2;
  }
  if (a->run.source) /* pairs of start and end, sampled and true */
    oracle =
        larger(oracle, 32 * share_of(a, (int64_t)larger(n, 1e5)) * d + 48 * d * d) + 8 * share * d;
  return 8 * share * d + larger(8 * share * data->raw, larger(judged, larger(modes, oracle)));
}

static double draws(const app *a) {
  const sb_data *data = a->run.data;
  const double per_point = 2.0 * data->raw + 6 + (data->raw > 3 ? data->raw : 0);
  const double frames = 2 * (double)a->record.frames + 1;
  return 8 * (double)a->sample.n * (per_point + 3 * data->raw) +
         8 * frames * tracked(a) * per_point +
         (a->run.source ? 8 * (double)a->sample.n * a->run.data->raw : 0);
}

static double fields(const app *a) {
  const int arrays = sb_run_known(&a->run) ? 7 : 3;
  double points = 1;
  for (int k = 0; k < (a->run.data->raw == 3 ? 3 : 2); k++) points *= (double)a->velocity.points;
  return 8 * points * 2 * a->velocity.times.n * arrays;
}

static double networks(const app *a) {
  sb_run alone = a->run; /* what ranks share or hold together is in a file once */
  alone.comm = sb_comm_self();
  return (double)a->method->bytes(&alone) * (double)(2 + a->checkpoint.keep) / 2;
}

/* The next save of a run: of networks, or of draws under way. */
static double next_save(const app *a) {
  const double width = a->run.data->d + a->run.data->raw;
  return larger(networks(a) / (double)(2 + a->checkpoint.keep), 8 * (double)a->sample.n * width);
}

/* Of the command, one more checkpoint than are kept: the new one is written before an old one goes.
 */
static double files(const app *a) {
  const int all = !strcmp(a->line.command, "run");
  double bytes = 0;
  if (all || !strcmp(a->line.command, "train")) bytes += networks(a);
  if (all || !strcmp(a->line.command, "sample")) bytes += draws(a);
  if (all || !strcmp(a->line.command, "velocity")) bytes += fields(a);
  return bytes;
}

/* Room in the file system of the output: that of the nearest directory that exists. */
static int64_t disk_room(const app *a) {
  char path[1024];
  int64_t bytes = -1;
  snprintf(path, sizeof path, "%s", a->options.output);
  for (;;) {
    bytes = sb_disk_free(a->comm, path);
    char *slash = strrchr(path, '/');
    if (bytes >= 0 || !slash || slash == path) return bytes;
    *slash = 0;
  }
}

/* Bytes of results that are there already and stay or are replaced. */
static int64_t present(const app *a) {
  int64_t bytes = 0;
  struct stat file;
  char path[1024];
  DIR *directory = a->comm->rank == 0 ? opendir(a->options.output) : NULL;
  for (const struct dirent *e; directory && (e = readdir(directory));) {
    const char *end = strrchr(e->d_name, '.');
    if (end && !strcmp(end, ".h5") && !app_path(a, e->d_name, path, sizeof path) &&
        stat(path, &file) == 0)
      bytes += (int64_t)file.st_size;
  }
  if (directory) closedir(directory);
  return bytes;
}

static sb_status predict_disk(app *a) {
  const double bytes = files(a);
  int64_t there = present(a);
  const int64_t left = disk_room(a);
  SB_TRY(sb_max_int(a->comm, &there, 1));
  /* A run that began with little room, and knew it, ends where it has even less. */
  a->stop.least_room = smaller(1.5 * next_save(a), (double)left / 2);
  if (a->line.dry_run && left >= 0)
    sb_say("disk        about %.1f MB of files in %s, room for %.1f MB\n", bytes / 1e6,
           a->options.output, (double)left / 1e6);
  else if (a->line.dry_run)
    sb_say("disk        about %.1f MB of files in %s\n", bytes / 1e6, a->options.output);
  if (left < 0 || bytes <= (double)left + (double)there) return SB_OK;
  return sb_fail(SB_SYS,
                 "%s: about %.1f MB of files are to be written, the file system has room for "
                 "%.1f MB; less to sample and record, or another output",
                 a->options.output, bytes / 1e6, (double)left / 1e6);
}

/* Says what is needed, or that there is less. */
static sb_status predict_memory(app *a, double bytes, const char *advice) {
  const double room = (double)sb_memory_available(); /* of the node */
  sb_status s = SB_OK;
  a->memory_predicted = (int64_t)larger(bytes, (double)sb_mem_peak()); /* of reading, too */
  if (a->line.dry_run)
    sb_say("ranks       %d, %d on this node\nmemory      %.1f MB each, this node has %.1f MB\n",
           a->comm->size, a->comm->node_size, (double)a->memory_predicted / 1e6, room / 1e6);
  if (bytes * a->comm->node_size > room)
    s = sb_fail(SB_SYS,
                "%.0f bytes needed per rank, %d ranks on this node: more than the %.0f bytes it "
                "has left; fewer ranks per node, or %s",
                bytes, a->comm->node_size, room, advice);
  return sb_agree(a->comm, s);
}

sb_status app_predict(app *a) {
  const double method = (double)a->method->bytes(&a->run);
  const double bytes =
      (double)sb_mem_now() + method + larger(sampling(a), larger(grid(a), evaluating(a)));
  SB_TRY(predict_memory(a, bytes, "less to sample and record"));
  return predict_disk(a);
}

sb_status app_predict_evaluation(app *a, int64_t rows) {
  const int64_t wanted = a->sample.n;
  a->sample.n = rows;
  const double bytes = (double)sb_mem_now() + evaluating(a);
  a->sample.n = wanted;
  return predict_memory(a, bytes, "a smaller evaluate.size");
}
