/* layer: base */
/** What the machine allows. */
#ifndef SB_LIMITS_H
#define SB_LIMITS_H
#include <stdint.h>

/** Bytes that this node can still give: the least of MemAvailable, what control groups (v1, v2: SLURM, containers)
 *  leave, the address space limit, and SB_MEMORY_LIMIT (bytes, in the environment). INT64_MAX when nothing is known.
 *  All ranks of the node share it. */
int64_t sb_memory_available(void);

/** Lets this process open as many files as its hard limit says. Before MPI starts. */
void sb_files_allow(void);

#endif
