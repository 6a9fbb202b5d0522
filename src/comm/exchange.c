/* Sums of integers step after step (sb/exchange.h). */
#include "sb/exchange.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "sb/mem.h"
#include "world.h"

/* A barrier of the ranks of a node, in their shared memory. The last to arrive opens the next
 * generation. */
typedef struct sb_barrier {
  _Alignas(64) atomic_int arrived;
  _Alignas(64) atomic_int generation;
} sb_barrier;

#define PATIENCE \
  2000 /* looks before the core is offered to others: more ranks than cores must not starve */

static void wait_for_all(sb_barrier *b, int ranks) {
  const int generation = atomic_load_explicit(&b->generation, memory_order_relaxed);
  if (atomic_fetch_add_explicit(&b->arrived, 1, memory_order_acq_rel) == ranks - 1) {
    atomic_store_explicit(&b->arrived, 0, memory_order_relaxed);
    atomic_store_explicit(&b->generation, generation + 1, memory_order_release);
    return;
  }
  for (int looks = 0; atomic_load_explicit(&b->generation, memory_order_acquire) == generation;
       looks++)
    if (looks >= PATIENCE) sched_yield();
}

/* Window path where some node has several ranks, unless the environment says otherwise; alike on
 * all ranks. */
static sb_status use_window(const sb_comm *c, int *window) {
  const char *path = getenv("SB_EXCHANGE");
  int64_t crowd = c->node_size;
  SB_TRY(sb_max_int(c, &crowd, 1));
  *window = crowd > 1;
  if (path && !strcmp(path, "allreduce"))
    *window = 0;
  else if (path && !strcmp(path, "window"))
    *window = 1;
  else if (path && *path)
    return sb_fail(SB_USE, "SB_EXCHANGE=%s: allreduce or window", path);
  return SB_OK;
}

sb_status sb_exchange_array(sb_exchange *x, int64_t bytes, const char *label, void *out) {
  const int k = x->arrays++;
  sb_status s;
  if (x->barrier || k == 0) {
    s = sb_shared_new(x->comm, bytes, label, &x->shared[k]);
    *(void **)out = x->shared[k].data;
  } else {
    s = sb_agree(x->comm, sb_mem_new(&x->own[k], bytes, 1, label));
    *(void **)out = x->own[k];
  }
  return s;
}

/* Each rank's terms start at a page of their own. */
static int64_t stride(const sb_exchange *x) { return ((x->n + x->spare) * 8 + 4095) / 4096 * 4096; }

static sb_status open_window(sb_exchange *x) {
  const sb_comm *c = x->comm;
  const int64_t chunks = (x->n + SB_CHUNK - 1) / SB_CHUNK;
  char *sections;
  SB_TRY(sb_exchange_array(x, (int64_t)sizeof(sb_barrier), "barrier", &x->barrier));
  SB_TRY(sb_exchange_array(x, stride(x) * (c->node_size + 1), "sums of gradients", &sections));
  x->total = (int64_t *)(void *)sections;
  x->mine = (int64_t *)(void *)(sections + stride(x) * (c->node_rank + 1));
  x->first = chunks * c->node_rank / c->node_size * SB_CHUNK;
  x->last = chunks * (c->node_rank + 1) / c->node_size * SB_CHUNK;
  if (x->last > x->n) x->last = x->n;
  return SB_OK;
}

sb_status sb_exchange_open(const sb_comm *c, int64_t n, int spare, sb_exchange *out) {
  int window = 0;
  *out = (sb_exchange){.comm = c, .n = n, .spare = spare, .last = n};
  if (n + spare > INT32_MAX)
    return sb_fail(SB_USE, "%lld numbers are too many to sum at once", (long long)n);
  SB_TRY_ALL(c, use_window(c, &window));
  if (window) return open_window(out);
  out->arrays = 1; /* place 0 is the barrier's */
  SB_TRY(sb_exchange_array(out, (n + spare) * 8, "sums of gradients", &out->mine));
  out->total = out->mine;
  return SB_OK;
}

void sb_exchange_close(sb_exchange *x) {
  for (int k = 0; x->comm && k < x->arrays; k++) {
    sb_shared_free(x->comm, &x->shared[k]);
    sb_mem_free(x->own[k]);
  }
  *x = (sb_exchange){0};
}

static void add_slice(const sb_exchange *x, int64_t first, int64_t last) {
  const int ranks = x->comm->node_size;
  const char *section = (const char *)x->total + stride(x);
  memcpy(x->total + first, (const int64_t *)(const void *)section + first,
         (size_t)(last - first) * sizeof *x->total);
  for (int r = 1; r < ranks; r++) {
    const int64_t *terms = (const int64_t *)(const void *)(section + r * stride(x));
    for (int64_t i = first; i < last; i++) x->total[i] += terms[i];
  }
}

sb_status sb_exchange_sum(sb_exchange *x) {
  const sb_comm *c = x->comm;
  sb_status s = SB_OK;
  if (!x->barrier) return sb_sum_int(c, x->mine, x->n + x->spare);
  sb_exchange_meet(x);
  add_slice(x, x->first, x->last);
  if (c->node_rank == 0) add_slice(x, x->n, x->n + x->spare);
  if (c->nodes == 1) return SB_OK;
  sb_exchange_meet(x);
  if (c->node_rank == 0)
    s = sb_mpi(MPI_Allreduce(MPI_IN_PLACE, x->total, (int)(x->n + x->spare), MPI_INT64_T, MPI_SUM,
                             c->mpi->peers),
               "MPI_Allreduce");
  sb_exchange_meet(x);
  return s;
}

void sb_exchange_meet(sb_exchange *x) {
  if (x->barrier && x->comm->node_size > 1) wait_for_all(x->barrier, x->comm->node_size);
}

void sb_exchange_clear(sb_exchange *x) {
  const int64_t kept =
      x->barrier ? 0
                 : x->n; /* where terms and totals are one array, who took the totals left zeros */
  memset(x->mine + kept, 0, (size_t)(x->n + x->spare - kept) * sizeof *x->mine);
}
