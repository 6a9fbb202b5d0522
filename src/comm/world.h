/* layer: comm */
/* What the files of comm know of each other. */
#ifndef SB_COMM_WORLD_H
#define SB_COMM_WORLD_H
#include <mpi.h>

#include "sb/comm.h"

struct sb_comm_mpi {
  MPI_Comm all;   /* every rank                                                            */
  MPI_Comm node;  /* ranks that share memory with this one                                 */
  MPI_Comm peers; /* ranks with the same place in their node; of node_rank 0: the leaders  */
  int *node_of;   /* [size] node of each rank                                              */
};

/** Collective. Fills node, peers, node_of and the members of c that come of them. */
sb_status sb_comm_find_nodes(sb_comm *c);

/** SB_OK, or SB_SYS with MPI's words. */
sb_status sb_mpi(int code, const char *call);

#endif
