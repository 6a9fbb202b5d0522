/* Ranks and nodes, shares, agreement, and the few collectives that the program needs. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sb/kernel.h"
#include "sb/mem.h"
#include "sb/watchdog.h"
#include "world.h"

static struct sb_comm_mpi self_mpi;
static sb_comm self_comm = {.size = 1, .node_size = 1, .nodes = 1, .mpi = &self_mpi};
static char host[MPI_MAX_PROCESSOR_NAME];

const sb_comm *sb_comm_self(void) { return &self_comm; }
const char *sb_comm_host(void) { return host; }
int sb_comm_handle(const sb_comm *c) { return (int)MPI_Comm_c2f(c->mpi->all); }

const char *sb_comm_library(void) {
  static char text[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  MPI_Get_library_version(text, &length);
  text[strcspn(text, ",\n")] = 0;
  return text;
}

/* Colour of the emulated node, or -1 when nodes are what the machine says. */
static int emulated_node(int rank, int size) {
  const char *text = getenv("SB_EMULATE_NODES");
  const int nodes = text ? atoi(text) : 0;
  return nodes > 0 ? (int)((int64_t)rank * nodes / size) : -1;
}

sb_status sb_comm_find_nodes(sb_comm *c) {
  const int colour = emulated_node(c->rank, c->size);
  SB_TRY(sb_mpi(
      MPI_Comm_split_type(c->mpi->all, MPI_COMM_TYPE_SHARED, c->rank, MPI_INFO_NULL, &c->mpi->node),
      "MPI_Comm_split_type"));
  if (colour >= 0) {
    MPI_Comm machine = c->mpi->node;
    const int status = MPI_Comm_split(machine, colour, c->rank, &c->mpi->node);
    MPI_Comm_free(&machine);
    SB_TRY(sb_mpi(status, "MPI_Comm_split"));
  }
  MPI_Comm_rank(c->mpi->node, &c->node_rank);
  MPI_Comm_size(c->mpi->node, &c->node_size);
  SB_TRY(
      sb_mpi(MPI_Comm_split(c->mpi->all, c->node_rank, c->rank, &c->mpi->peers), "MPI_Comm_split"));
  /* Ranks of equal node_rank order their nodes by lowest rank only through the leaders: leaders
   * count, the others are told. */
  int place[2] = {0, 0};
  if (c->node_rank == 0) {
    MPI_Comm_rank(c->mpi->peers, &place[0]);
    MPI_Comm_size(c->mpi->peers, &place[1]);
  }
  SB_TRY(sb_mpi(MPI_Bcast(place, 2, MPI_INT, 0, c->mpi->node), "MPI_Bcast"));
  c->node = place[0];
  c->nodes = place[1];
  SB_TRY_ALL(c, SB_NEW(&c->mpi->node_of, c->size, "nodes"));
  return sb_mpi(MPI_Allgather(&c->node, 1, MPI_INT, c->mpi->node_of, 1, MPI_INT, c->mpi->all),
                "MPI_Allgather");
}

sb_status sb_comm_start(int *argc, char ***argv, sb_comm **world) {
  static struct sb_comm_mpi world_mpi;
  static sb_comm all;
  int length = 0;
  if (MPI_Init(argc, argv) != MPI_SUCCESS) return sb_fail(SB_SYS, "MPI does not start");
  all.mpi = &world_mpi;
  world_mpi.all = MPI_COMM_WORLD;
  self_mpi.all = self_mpi.node = self_mpi.peers = MPI_COMM_SELF;
  MPI_Comm_rank(MPI_COMM_WORLD, &all.rank);
  MPI_Comm_size(MPI_COMM_WORLD, &all.size);
  MPI_Get_processor_name(host, &length);
  *world = &all;
  return sb_comm_find_nodes(&all);
}

void sb_comm_finish(sb_comm *world) {
  if (world) {
    MPI_Comm_free(&world->mpi->peers);
    MPI_Comm_free(&world->mpi->node);
    sb_mem_free(world->mpi->node_of);
  }
  MPI_Finalize();
}

void sb_comm_abort(const sb_comm *c, sb_status s) {
  MPI_Abort(c->mpi->all, (int)s);
  exit((int)s);
}

sb_status sb_mpi(int code, const char *call) {
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  if (code == MPI_SUCCESS) return SB_OK;
  MPI_Error_string(code, text, &length);
  return sb_fail(SB_SYS, "%s: %s", call, text);
}

sb_status sb_agree(const sb_comm *c, sb_status mine) {
  char text[SB_MESSAGE_MAX];
  /* Highest status first, then the lowest rank that has it, in one integer. */
  int64_t worst = (int64_t)mine * INT32_MAX - c->rank;
  if (c->size == 1) return mine;
  SB_TRY(sb_max_int(c, &worst, 1));
  const sb_status status = (sb_status)((worst + INT32_MAX - 1) / INT32_MAX);
  if (status == SB_OK) return SB_OK;
  const int speaker = (int)((int64_t)status * INT32_MAX - worst);
  snprintf(text, sizeof text, "%s", sb_message());
  SB_TRY(sb_mpi(MPI_Bcast(text, sizeof text, MPI_CHAR, speaker, c->mpi->all), "MPI_Bcast"));
  sb_forget();
  return sb_fail(status, "%s", text);
}

sb_share sb_share_at(int rank, int size, int64_t n) {
  const int64_t blocks = (n + SB_BLOCK - 1) / SB_BLOCK;
  const int64_t each = blocks / size, more = blocks % size;
  const int64_t before = rank * each + (rank < more ? rank : more);
  int64_t first = before * SB_BLOCK, last = first + (each + (rank < more)) * SB_BLOCK;
  if (first > n) first = n;
  if (last > n) last = n;
  return (sb_share){first, last - first};
}

sb_share sb_share_of(const sb_comm *c, int64_t n) { return sb_share_at(c->rank, c->size, n); }

/* Calls an MPI collective in slices that an int can count. */
#define SLICE (INT64_C(1) << 28)

sb_status sb_broadcast(const sb_comm *c, int root, void *data, int64_t bytes) {
  for (int64_t at = 0; at < bytes && c->size > 1; at += SLICE) {
    const int n = (int)(bytes - at < SLICE ? bytes - at : SLICE);
    SB_TRY(sb_mpi(MPI_Bcast((char *)data + at, n, MPI_BYTE, root, c->mpi->all), "MPI_Bcast"));
  }
  sb_tick();
  return SB_OK;
}

static sb_status reduce(const sb_comm *c, void *x, int64_t n, size_t size, MPI_Datatype type,
                        MPI_Op op) {
  for (int64_t at = 0; at < n && c->size > 1; at += SLICE) {
    const int m = (int)(n - at < SLICE ? n - at : SLICE);
    SB_TRY(sb_mpi(
        MPI_Allreduce(MPI_IN_PLACE, (char *)x + at * (int64_t)size, m, type, op, c->mpi->all),
        "MPI_Allreduce"));
  }
  sb_tick();
  return SB_OK;
}

sb_status sb_sum_int(const sb_comm *c, int64_t *x, int64_t n) {
  return reduce(c, x, n, sizeof *x, MPI_INT64_T, MPI_SUM);
}
sb_status sb_xor_int(const sb_comm *c, uint64_t *x, int64_t n) {
  return reduce(c, x, n, sizeof *x, MPI_UINT64_T, MPI_BXOR);
}
sb_status sb_max_int(const sb_comm *c, int64_t *x, int64_t n) {
  return reduce(c, x, n, sizeof *x, MPI_INT64_T, MPI_MAX);
}
sb_status sb_max_real(const sb_comm *c, double *x, int64_t n) {
  return reduce(c, x, n, sizeof *x, MPI_DOUBLE, MPI_MAX);
}
sb_status sb_min_real(const sb_comm *c, double *x, int64_t n) {
  return reduce(c, x, n, sizeof *x, MPI_DOUBLE, MPI_MIN);
}

sb_status sb_mean_timing(const sb_comm *c, double *x, int64_t n) {
  SB_TRY(reduce(c, x, n, sizeof *x, MPI_DOUBLE, MPI_SUM));
  for (int64_t i = 0; i < n; i++) x[i] /= c->size;
  return SB_OK;
}

sb_status sb_gather_rows(const sb_comm *c, int64_t n, int64_t width, size_t size, const void *local,
                         void *all) {
  MPI_Datatype row;
  int *count;
  if (n > INT32_MAX || width * (int64_t)size > INT32_MAX)
    return sb_fail(SB_SYS, "%lld rows are too many to gather", (long long)n);
  const sb_status s = sb_agree(c, SB_NEW(&count, 2 * (int64_t)c->size, "gather"));
  if (s) sb_mem_free(count);
  if (s) return s;
  int *first = count + c->size;
  for (int r = 0; r < c->size; r++) {
    const sb_share share = sb_share_at(r, c->size, n);
    count[r] = (int)share.count;
    first[r] = (int)share.first;
  }
  /* One row is one datatype, so that counts fit an int. */
  MPI_Type_contiguous((int)(width * (int64_t)size), MPI_BYTE, &row);
  MPI_Type_commit(&row);
  const int in_place = local == (const char *)all + (int64_t)first[c->rank] * width * (int64_t)size;
  const int code = MPI_Allgatherv(in_place ? MPI_IN_PLACE : local, count[c->rank], row, all, count,
                                  first, row, c->mpi->all);
  MPI_Type_free(&row);
  sb_mem_free(count);
  return sb_mpi(code, "MPI_Allgatherv");
}

sb_status sb_wait(const sb_comm *c) { return sb_mpi(MPI_Barrier(c->mpi->all), "MPI_Barrier"); }
