/* Arrays that live once per node in an MPI-3 shared window. */
#include "sb/mem.h"
#include "world.h"

struct sb_comm_window {
  MPI_Win win;
};

static sb_status allocate(const sb_comm *c, int64_t bytes, sb_shared *out) {
  MPI_Aint size = 0;
  int unit = 0;
  void *mine = NULL;
  /* The leader holds everything; 64 spare bytes to align the start. */
  const MPI_Aint ask = c->node_rank == 0 ? (MPI_Aint)(bytes + 64) : 0;
  SB_TRY(
      sb_mpi(MPI_Win_allocate_shared(ask, 1, MPI_INFO_NULL, c->mpi->node, &mine, &out->window->win),
             "MPI_Win_allocate_shared"));
  SB_TRY(sb_mpi(MPI_Win_shared_query(out->window->win, 0, &size, &unit, &mine),
                "MPI_Win_shared_query"));
  out->data = (char *)mine + (64 - (intptr_t)mine % 64) % 64;
  if (c->node_rank == 0) {
    __builtin_memset(out->data, 0, (size_t)bytes);
    sb_mem_count(bytes);
  }
  return SB_OK;
}

sb_status sb_shared_new(const sb_comm *c, int64_t bytes, const char *label, sb_shared *out) {
  *out = (sb_shared){.bytes = bytes};
  const sb_status s = SB_NEW(&out->window, 1, label);
  if (!s)
    out->window->win = MPI_WIN_NULL; /* where another rank failed, sb_shared_free finds it so */
  SB_TRY_ALL(c, s);
  SB_TRY_ALL(c, allocate(c, bytes, out));
  return sb_mpi(MPI_Barrier(c->mpi->node), "MPI_Barrier");
}

/* Sends rows first .. last-1, held by node `holder`, to the other nodes; only the leaders of nodes
 * come here. */
static sb_status spread(const sb_comm *c, sb_shared *s, int holder, int64_t first, int64_t last,
                        int64_t row_bytes) {
  const int64_t slice = INT64_C(1) << 28;
  for (int64_t at = first * row_bytes; at < last * row_bytes; at += slice) {
    const int64_t left = last * row_bytes - at;
    SB_TRY(sb_mpi(MPI_Bcast((char *)s->data + at, (int)(left < slice ? left : slice), MPI_BYTE,
                            holder, c->mpi->peers),
                  "MPI_Bcast"));
  }
  return SB_OK;
}

sb_status sb_shared_complete(const sb_comm *c, sb_shared *s, int64_t n, int64_t row_bytes) {
  const int *node = c->mpi->node_of;
  sb_status status = sb_mpi(MPI_Win_fence(0, s->window->win), "MPI_Win_fence");
  for (int r = 0, next; !status && c->nodes > 1 && c->node_rank == 0 && r < c->size; r = next) {
    for (next = r + 1; next < c->size && node[next] == node[r]; next++) continue;
    const sb_share last = sb_share_at(next - 1, c->size, n);
    status =
        spread(c, s, node[r], sb_share_at(r, c->size, n).first, last.first + last.count, row_bytes);
  }
  SB_TRY_ALL(c, status);
  return sb_mpi(MPI_Win_fence(0, s->window->win), "MPI_Win_fence");
}

void sb_shared_free(const sb_comm *c, sb_shared *s) {
  if (s->window && s->window->win != MPI_WIN_NULL) MPI_Win_free(&s->window->win);
  if (s->data && c->node_rank == 0) sb_mem_count(-s->bytes);
  if (s->window) sb_mem_free(s->window);
  *s = (sb_shared){0};
}
