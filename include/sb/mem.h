/* layer: base */
/** Memory: zeroed, 64-byte aligned, counted. A step of training or sampling allocates nothing. */
#ifndef SB_MEM_H
#define SB_MEM_H
#include <stddef.h>
#include <stdint.h>

#include "sb/status.h"

/** Allocates count objects of size bytes, zeroed, aligned to 64 bytes (count 0 gives a valid block).
 *  @param[out] out  pointer to the pointer that receives the block; NULL on failure
 *  @param label     what it is for, in the message when there is no memory (SB_SYS)  */
sb_status sb_mem_new(void *out, int64_t count, size_t size, const char *label);

/** Typed form: SB_NEW(&x, n, "particles"). */
#define SB_NEW(pointer, count, label) sb_mem_new((pointer), (count), sizeof **(pointer), (label))

/** Frees a block of sb_mem_new; NULL is fine. */
void sb_mem_free(void *block);

/** Counts memory that came from elsewhere (a window of MPI): bytes > 0 taken, < 0 given back. */
void sb_mem_count(int64_t bytes);

/** Bytes allocated now, and at most so far, by this process. */
int64_t sb_mem_now(void);
int64_t sb_mem_peak(void);

/** Makes the k-th allocation from now fail (tests); k < 0 never. */
void sb_mem_fail_after(long k);

#endif
