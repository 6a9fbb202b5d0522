/* layer: comm */
/** Ranks: who owns what, agreement on failure, exact sums, node-shared arrays.
 *
 * Invariant of the program: a collective function returns the same status on every rank. Work that
 * may fail on one rank only is followed by sb_agree (SB_TRY_ALL) before the next communication. */
#ifndef SB_COMM_H
#define SB_COMM_H
#include <stddef.h>
#include <stdint.h>

#include "sb/status.h"

typedef struct sb_comm {
  int rank, size;           /**< this rank, number of ranks                                  */
  int node_rank, node_size; /**< the same among ranks that share memory                      */
  int node, nodes;          /**< index of this rank's node (order of its lowest rank), count */
  struct sb_comm_mpi *mpi;  /**< communicators; owned                                        */
} sb_comm;

/** Starts MPI and opens the world. SB_EMULATE_NODES=k in the environment cuts the ranks into k
 * emulated nodes (tests). */
sb_status sb_comm_start(int *argc, char ***argv, sb_comm **world);
/** Frees the world and finalises MPI. */
void sb_comm_finish(sb_comm *world);
/** Ends every rank at once with this exit status. Only where a library may be torn between ranks,
 * after the message. */
void sb_comm_abort(const sb_comm *c, sb_status s) __attribute__((noreturn));
/** A communicator of this rank alone (for work that every rank does for itself). Never NULL after
 * sb_comm_start. */
const sb_comm *sb_comm_self(void);
/** Version text of the MPI library, one line. */
const char *sb_comm_library(void);
/** MPI's Fortran handle of all ranks of c (MPI_Comm_f2c), for libraries that want one. */
int sb_comm_handle(const sb_comm *c);
/** Host name of this rank. */
const char *sb_comm_host(void);

/** Collective. The worst status of all ranks; the message of the lowest rank that has it is kept on
 * every rank. */
sb_status sb_agree(const sb_comm *c, sb_status mine);
/** Local work in a collective function, then agreement. */
#define SB_TRY_ALL(c, call) SB_TRY(sb_agree((c), (call)))

/** Rows first .. first+count-1 of n belong to a rank: whole blocks of SB_BLOCK rows, as even as
 * blocks allow. Ranks without rows have count 0. Not collective. */
typedef struct sb_share {
  int64_t first, count;
} sb_share;
sb_share sb_share_of(const sb_comm *c, int64_t n);
sb_share sb_share_at(int rank, int size, int64_t n);

/** Collective: bytes of rank root to all. */
sb_status sb_broadcast(const sb_comm *c, int root, void *data, int64_t bytes);
/** Collective, in place, elementwise over ranks. Integers only: order cannot matter. */
sb_status sb_sum_int(const sb_comm *c, int64_t *x, int64_t n);
sb_status sb_xor_int(const sb_comm *c, uint64_t *x, int64_t n);
sb_status sb_max_int(const sb_comm *c, int64_t *x, int64_t n);
sb_status sb_max_real(const sb_comm *c, double *x, int64_t n);
sb_status sb_min_real(const sb_comm *c, double *x, int64_t n);
/** Collective: mean over ranks of clock readings and the like: never a result (order of the sum is
 * open). */
sb_status sb_mean_timing(const sb_comm *c, double *x, int64_t n);
/** Collective: every rank's share of a [n, width] array of elements of `size` bytes to all ranks
 * (rows by sb_share_of). local [count, width] and all [n, width] may overlap only if local == all +
 * first. */
sb_status sb_gather_rows(const sb_comm *c, int64_t n, int64_t width, size_t size, const void *local,
                         void *all);
/** Collective. Rows first .. first+count-1 of n rows [n, width] that lie by sb_share_of(n): out is this
 * rank's part of them by sb_share_of(count). n < 2^31. */
sb_status sb_slice_rows(const sb_comm *c, int64_t n, int64_t width, size_t size, const void *local,
                        int64_t first, int64_t count, void *out);
/** Collective. Shows this rank all n rows that lie by sb_share_of(n), share after share round the ring
 * of ranks, its own first: visit gets rows first .. first+count-1, count > 0. The next share arrives
 * meanwhile: memory of two more shares. What visit computes must not depend on the order of shares,
 * which are whole blocks of SB_BLOCK rows. n < 2^31. */
typedef sb_status sb_visit(void *self, int64_t first, int64_t count, const void *rows);
sb_status sb_ring(const sb_comm *c, int64_t n, int64_t width, size_t size, const void *local,
                  sb_visit *visit, void *self);
/** The same in the order of rows, from the rank that has them to all: for sums that run in order. Memory of one more
 * share. */
sb_status sb_in_order(const sb_comm *c, int64_t n, int64_t width, size_t size, const void *local,
                      sb_visit *visit, void *self);
/** Collective. Elements of `size` bytes to all ranks from all: sent[r] of them, from sent_at[r] on, go
 * to rank r; got[r] come from it, to got_at[r]. */
sb_status sb_swap(const sb_comm *c, size_t size, const void *from, const int *sent,
                  const int *sent_at, void *to, const int *got, const int *got_at);
/** Collective: the wait of all for all. */
sb_status sb_wait(const sb_comm *c);

/* --- Exact sums of reals
 * -------------------------------------------------------------------------------------------- */

/** A sum of doubles that does not depend on their order: fixed point, quantum 2^-128, |term| <
 * 2^94, seven 32-bit limbs kept in int64 (room for 2^31 terms) and one entry that counts bad terms
 * (not finite or too large). Zeroed = 0. */
#define SB_SUM_LIMBS 8
typedef struct sb_sum {
  int64_t limb[SB_SUM_LIMBS];
} sb_sum;
/** Adds one double (rounded towards zero to the quantum: a property of the term, not of the order).
 * Local. */
void sb_sum_add(sb_sum *s, double x);
/** Collective: adds n sums over ranks and returns them as doubles. SB_BAD when a term was bad, with
 * `what` in the message. The accumulators keep the total (every rank has it). */
sb_status sb_sum_total(const sb_comm *c, int64_t n, sb_sum *s, double *out, const char *what);
/** Value of an accumulator, local. */
double sb_sum_value(const sb_sum *s);

/** Collective: total over global rows of f(row), the one way to sum reals over ranks. x [count,
 * width]: this rank's share of n rows (sb_share_of); out [width]: plain double sum inside each
 * block of SB_BLOCK rows in order, exact across blocks. */
sb_status sb_sum_rows(const sb_comm *c, int64_t n, int64_t width, const double *x, double *out,
                      const char *what);

/* --- Memory shared by the ranks of a node
 * ---------------------------------------------------------------------------- */

/** One array per node, seen by all its ranks (MPI-3 shared window). */
typedef struct sb_shared {
  void *data;
  int64_t bytes;
  struct sb_comm_window *window;
} sb_shared;
/** Collective. Zeroed, 64-byte aligned. */
sb_status sb_shared_new(const sb_comm *c, int64_t bytes, const char *label, sb_shared *out);
/** Collective: each rank of a node wrote its global rows (sb_share_of n) of [n, row_bytes] into
 * data; afterwards every node has all rows. */
sb_status sb_shared_complete(const sb_comm *c, sb_shared *s, int64_t n, int64_t row_bytes);
/** Collective. Accepts a zeroed struct. */
void sb_shared_free(const sb_comm *c, sb_shared *s);

#endif
