/* sbridge: learns and samples Schrödinger bridges. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "sb/about.h"
#include "sb/clock.h"
#include "sb/dense.h"
#include "sb/limits.h"
#include "sb/log.h"
#include "sb/mem.h"
#include "sb/stop.h"

const app_command app_commands[] = {
    {"run", "DECK", "train, sample, velocity, evaluate: the whole job", 1, app_run},
    {"train", "DECK", "learn the networks; leaves checkpoint.h5", 1, app_train},
    {"sample", "DECK|CHECKPOINT", "draw; leaves samples.h5, trajectories.h5", 1, app_draw},
    {"velocity", "DECK|CHECKPOINT", "fields on a grid (velocity.h5), or at given points (--at)", 1,
     app_velocity_files},
    {"evaluate", "DECK|CHECKPOINT",
     "metrics of samples.h5 (or --samples --truth), each with its floor; leaves report.json", 1,
     app_evaluate},
    {"study", "DECK", "the cases of study.grid, into one table: study.h5, study.csv, slopes.csv", 1,
     app_study_run},
    {"report", "FOLDER", "one HTML page on a run or study, from what is in its folder: report.html",
     0, app_report},
    {"info", "FILE", "what a deck or a file of this program holds", 0, app_info},
    {"help", "[keys [SECTION]]", "this page; every key of a deck", 0, app_help},
    {NULL, NULL, NULL, 0, NULL}};

static sb_status obey(app *a) {
  const app_command *command = app_command_find(a->line.command);
  if (!command->needs_deck) return command->run(a);
  SB_TRY(app_open(a));
  return command->run(a);
}

/* SB_FAIL=memory:RANK:K (tests): the K-th allocation of that rank fails. See sb/file.h for others.
 */
static void fail_on_purpose(const sb_comm *c) {
  const char *text = getenv("SB_FAIL");
  int rank;
  long k;
  if (text && sscanf(text, "memory:%d:%ld", &rank, &k) == 2 && rank == c->rank)
    sb_mem_fail_after(k - 1);
}

/* A signal for the whole job may come while MPI starts, which can take seconds. */
static void heed_signals(int argc, char **argv) {
  const app_command *command = argc > 1 ? app_command_find(argv[1]) : NULL;
  if (command && command->needs_deck) sb_stop_start();
}

int main(int argc, char **argv) {
  app a = {.steps_left = -1};
  if (argc == 3 && !strcmp(argv[1], SB_PROBE)) return sb_file_probed(argv[2]);
  sb_blas_settle(argv);
  sb_clock_start();
  heed_signals(argc, argv);
  sb_files_allow();
  sb_status s = sb_comm_start(&argc, &argv, &a.comm);
  if (!s) fail_on_purpose(a.comm);
  if (!s) s = sb_agree(a.comm, app_line_read(argc, argv, &a.line)); /* environments may differ */
  sb_log_start(a.comm ? a.comm->rank : 0, a.line.quiet);
  sb_about_start(argc, argv);
  if (!s) s = obey(&a);
  if (s && (!a.comm || a.comm->rank == 0)) fprintf(stderr, "sbridge: %s\n", sb_message());
  app_close(&a);
  sb_comm_finish(a.comm);
  return (int)s;
}
