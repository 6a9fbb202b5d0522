/* layer: comm */
/** Sums of integers over all ranks, step after step, and the arrays that go with them. Integers: any path gives
 *  the same bits.
 *
 * Reference path: MPI_Allreduce, every rank receives everything. Window path, where ranks share memory: each rank
 * leaves its terms in a shared window and sums one slice of them; between nodes the leaders call MPI_Allreduce.
 * SB_EXCHANGE=allreduce in the environment asks for the reference path, SB_EXCHANGE=window for the other. Nothing
 * is allocated after open. */
#ifndef SB_EXCHANGE_H
#define SB_EXCHANGE_H
#include "sb/comm.h"

#define SB_CHUNK 1024 /**< slices begin at multiples of this many integers, whatever the number of ranks */
#define SB_EXCHANGE_ARRAYS 8

typedef struct sb_exchange {
  const sb_comm *comm;
  int64_t n;           /**< integers summed                                                                 */
  int spare;           /**< further ones, whose totals every rank receives                                  */
  int64_t first, last; /**< slice of 0 .. n that this rank receives: whole chunks                            */
  int64_t *mine;       /**< [n + spare] this rank's terms                                                    */
  int64_t *total;      /**< [n + spare] totals; same array as mine on the reference path                     */
  struct sb_barrier *barrier; /**< of the node; NULL on the reference path                                   */
  sb_shared shared[SB_EXCHANGE_ARRAYS + 2];
  void *own[SB_EXCHANGE_ARRAYS + 2];
  int arrays;
} sb_exchange;

/** Collective. */
sb_status sb_exchange_open(const sb_comm *c, int64_t n, int spare, sb_exchange *out);
/** Collective. Accepts a zeroed struct. */
void sb_exchange_close(sb_exchange *x);
/** Collective. An array of zeros that lives and dies with the exchange: one per node on the window path, else one
 *  per rank. */
sb_status sb_exchange_array(sb_exchange *x, int64_t bytes, const char *label, void *out);

/** Collective. Afterwards total[first .. last-1] are sums over all ranks; the spare ones after the next
 *  sb_exchange_meet. */
sb_status sb_exchange_sum(sb_exchange *x);
/** The ranks of a node wait for each other and see each other's writes; nothing on the reference path. */
void sb_exchange_meet(sb_exchange *x);
/** Sets this rank's terms to zero; after a meet that follows the sum. On the reference path the caller has zeroed total
 *  [0 .. n-1] while taking it (kernel `restore`). */
void sb_exchange_clear(sb_exchange *x);

#endif
