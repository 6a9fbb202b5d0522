/* Teams of ranks, and the queue that they take tasks from: a counter in the memory of rank 0. */
#include "sb/teams.h"

#include <time.h>

#include "sb/mem.h"
#include "sb/watchdog.h"
#include "world.h"

/* --- Teams
 * ------------------------------------------------------------------------------------------ */

sb_status sb_team_open(const sb_comm *c, int teams, int *team, sb_comm **out) {
  sb_comm *t = NULL;
  *out = NULL;
  *team = (int)((int64_t)c->rank * teams / c->size);
  sb_status s = SB_NEW(&t, 1, "team");
  if (!s) s = SB_NEW(&t->mpi, 1, "team");
  s = sb_agree(c, s);
  if (!s) s = sb_mpi(MPI_Comm_split(c->mpi->all, *team, c->rank, &t->mpi->all), "MPI_Comm_split");
  if (s) {
    if (t) sb_mem_free(t->mpi);
    sb_mem_free(t);
    return s;
  }
  MPI_Comm_rank(t->mpi->all, &t->rank);
  MPI_Comm_size(t->mpi->all, &t->size);
  *out = t;
  return sb_agree(c, sb_comm_find_nodes(t));
}

void sb_team_close(sb_comm *team) {
  if (!team) return;
  MPI_Comm_free(&team->mpi->peers);
  MPI_Comm_free(&team->mpi->node);
  MPI_Comm_free(&team->mpi->all);
  sb_mem_free(team->mpi->node_of);
  sb_mem_free(team->mpi);
  sb_mem_free(team);
}

/* --- The queue
 * -------------------------------------------------------------------------------------- */

struct sb_queue {
  MPI_Win win;
  int64_t tasks, *next; /* next: of rank 0 */
  const sb_comm *comm;
};

sb_status sb_queue_open(const sb_comm *c, int64_t tasks, sb_queue **out) {
  sb_queue *q;
  *out = NULL;
  const sb_status s = sb_agree(c, SB_NEW(&q, 1, "queue"));
  if (s) {
    sb_mem_free(q);
    return s;
  }
  *q = (sb_queue){.tasks = tasks, .comm = c};
  const MPI_Aint bytes = c->rank == 0 ? (MPI_Aint)sizeof *q->next : 0;
  SB_TRY(sb_mpi(
      MPI_Win_allocate(bytes, sizeof *q->next, MPI_INFO_NULL, c->mpi->all, &q->next, &q->win),
      "MPI_Win_allocate"));
  SB_TRY(sb_mpi(MPI_Win_lock_all(MPI_MODE_NOCHECK, q->win), "MPI_Win_lock_all"));
  if (c->rank == 0) *q->next = 0;
  SB_TRY(sb_mpi(MPI_Win_sync(q->win), "MPI_Win_sync"));
  *out = q;
  return sb_wait(c);
}

static sb_status advance(sb_queue *q, int64_t by, int64_t *before) {
  SB_TRY(sb_mpi(MPI_Fetch_and_op(&by, before, MPI_INT64_T, 0, 0, MPI_SUM, q->win),
                "MPI_Fetch_and_op"));
  return sb_mpi(MPI_Win_flush(0, q->win), "MPI_Win_flush");
}

sb_status sb_queue_next(sb_queue *q, int64_t *task) {
  int64_t mine = 0;
  SB_TRY(advance(q, 1, &mine));
  *task = mine < q->tasks ? mine : -1;
  return SB_OK;
}

sb_status sb_queue_end(sb_queue *q) {
  int64_t before = 0;
  return advance(q, q->tasks, &before);
}

void sb_queue_tend(sb_queue *q) {
  int there;
  MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, q->comm->mpi->all, &there, MPI_STATUS_IGNORE);
}

void sb_queue_close(sb_queue *q) {
  if (!q) return;
  MPI_Win_unlock_all(q->win);
  MPI_Win_free(&q->win);
  sb_mem_free(q);
}

sb_status sb_wait_idle(const sb_comm *c) {
  const struct timespec nap = {0, 5000000};
  MPI_Request request;
  int done = 0;
  SB_TRY(sb_mpi(MPI_Ibarrier(c->mpi->all, &request), "MPI_Ibarrier"));
  for (;;) {
    SB_TRY(sb_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test"));
    if (done) return SB_OK;
    sb_tick();
    nanosleep(&nap, NULL);
  }
}
