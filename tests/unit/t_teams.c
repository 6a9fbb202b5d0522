/* RUN np=1
 * RUN np=2
 * RUN np=5
 * RUN np=5 2
 * Teams of ranks, the queue that they share, and their exact sums; the argument is a number of
 * emulated nodes. */
#include <stdlib.h>

#include "sb/kernel.h"
#include "sb/mem.h"
#include "sb/teams.h"
#include "tap.h"

#define TASKS 23

static void members(const sb_comm *c, int teams) {
  sb_comm *t;
  int team;
  int64_t size[8] = {0}, order[8] = {0};
  if (!tap_ok(sb_team_open(c, teams, &team, &t) == SB_OK, "%d teams", teams)) return;
  size[team] = 1;
  if (t->rank == 0) order[team] = c->rank + 1;
  int good = sb_sum_int(c, size, 8) == SB_OK && sb_sum_int(c, order, 8) == SB_OK;
  int64_t least = c->size, most = 0, all = 0;
  for (int i = 0; i < teams; i++) {
    good = good && order[i] == all + 1;
    all += size[i];
    if (size[i] < least) least = size[i];
    if (size[i] > most) most = size[i];
  }
  int64_t wrong = !good || t->size != size[team] || t->node_size < 1 || t->nodes < 1;
  tap_ok(sb_sum_int(c, &wrong, 1) == SB_OK && wrong == 0 && all == c->size && most - least <= 1,
         "ranks in order, as even as can be");

  /* Each team adds the same rows, cut among its ranks: the same bits in every team. */
  const int64_t n = 1000;
  const sb_share share = sb_share_of(t, n);
  double x[1000], sum = 0;
  for (int64_t i = 0; i < share.count; i++) x[i] = 1 / (double)(share.first + i + 3);
  sb_status s = sb_sum_rows(t, n, 1, x, &sum, "rows");
  double low = sum, high = sum;
  if (!s) s = sb_min_real(c, &low, 1);
  if (!s) s = sb_max_real(c, &high, 1);
  tap_ok(s == SB_OK && low == high && sum > 4, "a sum of a team does not depend on its size");

  sb_shared shared;
  s = sb_shared_new(t, 64 * 8, "shared", &shared);
  if (!s && t->node_rank == 0) ((double *)shared.data)[5] = 100 + team;
  if (!s) s = sb_wait(t);
  tap_ok(sb_agree(c, s                                          ? s
                     : ((double *)shared.data)[5] == 100 + team ? SB_OK
                                                                : SB_BAD) == SB_OK,
         "a team has shared memory of its own");
  sb_wait(t);
  sb_shared_free(t, &shared);
  sb_forget();

  s = sb_agree(t, team == teams - 1 && t->rank == t->size - 1 ? sb_fail(SB_BAD, "here") : SB_OK);
  tap_ok(sb_agree(c, s == (team == teams - 1 ? SB_BAD : SB_OK) ? SB_OK : SB_SYS) == SB_OK,
         "a failure stays in its team");
  sb_forget();
  sb_team_close(t);
}

static void queue(const sb_comm *c) {
  sb_queue *q;
  int64_t taken[TASKS] = {0}, task, good = 1;
  if (!tap_ok(sb_queue_open(c, TASKS, &q) == SB_OK, "a queue")) return;
  for (int64_t last = -1;; last = task) {
    if (sb_queue_next(q, &task) || task < 0) break;
    good = good && task < TASKS && task > last;
    taken[task]++;
    sb_queue_tend(q);
  }
  tap_ok(sb_wait_idle(c) == SB_OK, "all wait");
  sb_sum_int(c, taken, TASKS);
  for (int i = 0; i < TASKS; i++) good = good && taken[i] == 1;
  int64_t bad = !good;
  sb_sum_int(c, &bad, 1);
  tap_ok(bad == 0, "every task is taken once, by anybody in order");
  sb_queue_next(q, &task);
  tap_ok(task == -1, "then none is left");
  sb_wait(c);
  sb_queue_close(q);

  sb_queue_open(c, TASKS, &q);
  if (c->rank == c->size - 1) sb_queue_end(q);
  sb_wait(c);
  sb_queue_next(q, &task);
  tap_ok(task == -1, "nor after its end");
  sb_wait(c);
  sb_queue_close(q);
}

int main(int argc, char **argv) {
  sb_comm *c;
  if (argc > 1) setenv("SB_EMULATE_NODES", argv[1], 1);
  if (sb_comm_start(&argc, &argv, &c)) return 3;
  tap_rank = c->rank;
  const int64_t before = sb_mem_now();
  for (int teams = 1; teams <= c->size; teams++) members(c, teams);
  queue(c);
  tap_ok(sb_mem_now() == before, "nothing is left behind");
  const int status = tap_done();
  sb_comm_finish(c);
  return status;
}
