/* Rows that lie spread over ranks: shown to all of them, share after share, and cut out. */
#include <string.h>

#include "sb/kernel.h"
#include "sb/mem.h"
#include "sb/watchdog.h"
#include "world.h"

/* One row as a datatype, so that counts fit an int. */
static sb_status row_type(int64_t n, int64_t width, size_t size, MPI_Datatype *row) {
  if (n > INT32_MAX || width * (int64_t)size > INT32_MAX)
    return sb_fail(SB_SYS, "%lld rows of %lld numbers are too many to send", (long long)n,
                   (long long)width);
  MPI_Type_contiguous((int)(width * (int64_t)size), MPI_BYTE, row);
  MPI_Type_commit(row);
  return SB_OK;
}

/* --- The ring ------------------------------------------------------------------------------- */

typedef struct ring {
  const sb_comm *c;
  int64_t n;
  MPI_Datatype row;
  char *buffer[2];
  MPI_Request request[2];
} ring;

/* `held` goes on to the next rank while what the rank before holds comes in. */
static sb_status pass(ring *r, int step, const char *held, char *next) {
  const int size = r->c->size, rank = r->c->rank;
  const sb_share out = sb_share_at((rank - step + size) % size, size, r->n);
  const sb_share in = sb_share_at((rank - step - 1 + size) % size, size, r->n);
  SB_TRY(sb_mpi(MPI_Irecv(next, (int)in.count, r->row, (rank + size - 1) % size, step,
                          r->c->mpi->all, &r->request[0]),
                "MPI_Irecv"));
  return sb_mpi(MPI_Isend(held, (int)out.count, r->row, (rank + 1) % size, step, r->c->mpi->all,
                          &r->request[1]),
                "MPI_Isend");
}

/* A visitor that fails sees no more; its share still goes round. */
static sb_status go_round(ring *r, const void *local, sb_visit *visit, void *self) {
  const char *held = local;
  const int size = r->c->size;
  sb_status failed = SB_OK;
  MPI_Status status[2]; /* to ignore them makes gcc warn of MPICH's constant */
  for (int step = 0; step < size; step++) {
    const sb_share s = sb_share_at((r->c->rank - step + size) % size, size, r->n);
    char *next = r->buffer[step % 2];
    if (step < size - 1) SB_TRY(pass(r, step, held, next));
    if (!failed && s.count) failed = visit(self, s.first, s.count, held);
    if (step < size - 1) SB_TRY(sb_mpi(MPI_Waitall(2, r->request, status), "MPI_Waitall"));
    held = next;
    sb_tick();
  }
  return failed;
}

sb_status sb_ring(const sb_comm *c, int64_t n, int64_t width, size_t size, const void *local,
                  sb_visit *visit, void *self) {
  ring r = {.c = c, .n = n};
  const int64_t bytes = c->size > 1 ? sb_share_at(0, c->size, n).count * width * (int64_t)size : 0;
  sb_status s = row_type(n, width, size, &r.row);
  if (s) return s;
  for (int i = 0; i < 2 && !s; i++)
    s = sb_mem_new(&r.buffer[i], c->size > 1 + i ? bytes : 0, 1, "visiting points");
  s = sb_agree(c, s);
  if (!s) s = sb_agree(c, go_round(&r, local, visit, self));
  for (int i = 0; i < 2; i++) sb_mem_free(r.buffer[i]);
  MPI_Type_free(&r.row);
  return s;
}

static sb_status show_all(const sb_comm *c, int64_t n, int64_t bytes, const void *local,
                          void *buffer, sb_visit *visit, void *self) {
  sb_status failed = SB_OK;
  for (int r = 0; r < c->size; r++) {
    const sb_share s = sb_share_at(r, c->size, n);
    if (r == c->rank && c->size > 1) memcpy(buffer, local, (size_t)(s.count * bytes));
    SB_TRY(sb_broadcast(c, r, buffer, s.count * bytes));
    if (!failed && s.count) failed = visit(self, s.first, s.count, c->size > 1 ? buffer : local);
  }
  return failed;
}

sb_status sb_in_order(const sb_comm *c, int64_t n, int64_t width, size_t size, const void *local,
                      sb_visit *visit, void *self) {
  const int64_t bytes = width * (int64_t)size, rows = sb_share_at(0, c->size, n).count;
  void *buffer = NULL;
  sb_status s = sb_mem_new(&buffer, c->size > 1 ? rows * bytes : 0, 1, "visiting points");
  s = sb_agree(c, s);
  if (!s) s = sb_agree(c, show_all(c, n, bytes, local, buffer, visit, self));
  sb_mem_free(buffer);
  return s;
}

/* --- Cutting out ---------------------------------------------------------------------------- */

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

sb_status sb_slice_rows(const sb_comm *c, int64_t n, int64_t width, size_t size, const void *local,
                        int64_t first, int64_t count, void *out) {
  const sb_share have = sb_share_of(c, n), want = sb_share_of(c, count);
  int *number = NULL;
  MPI_Datatype row;
  if (first < 0 || count < 0 || first > n - count)
    return sb_fail(SB_USE, "rows %lld .. %lld of %lld", (long long)first,
                   (long long)(first + count - 1), (long long)n);
  SB_TRY(row_type(n, width, size, &row));
  sb_status s = sb_agree(c, SB_NEW(&number, 4 * (int64_t)c->size, "slice of rows"));
  int *const sent = number, *const from = sent + c->size, *const got = from + c->size,
             *const to = got + c->size;
  for (int r = 0; r < c->size && !s; r++) {
    const sb_share theirs = sb_share_at(r, c->size, n), wanted = sb_share_at(r, c->size, count);
    const int64_t low = most(have.first, first + wanted.first);
    const int64_t high = least(have.first + have.count, first + wanted.first + wanted.count);
    sent[r] = (int)most(high - low, 0);
    from[r] = sent[r] ? (int)(low - have.first) : 0;
    const int64_t under = most(theirs.first, first + want.first);
    const int64_t over = least(theirs.first + theirs.count, first + want.first + want.count);
    got[r] = (int)most(over - under, 0);
    to[r] = got[r] ? (int)(under - first - want.first) : 0;
  }
  if (!s)
    s = sb_mpi(MPI_Alltoallv(local, sent, from, row, out, got, to, row, c->mpi->all),
               "MPI_Alltoallv");
  MPI_Type_free(&row);
  sb_mem_free(number);
  return s;
}

sb_status sb_swap(const sb_comm *c, size_t size, const void *from, const int *sent,
                  const int *sent_at, void *to, const int *got, const int *got_at) {
  MPI_Datatype element;
  SB_TRY(row_type(1, 1, size, &element));
  const int code =
      MPI_Alltoallv(from, sent, sent_at, element, to, got, got_at, element, c->mpi->all);
  MPI_Type_free(&element);
  sb_tick();
  return sb_mpi(code, "MPI_Alltoallv");
}
