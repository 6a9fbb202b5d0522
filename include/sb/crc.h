/* layer: io */
/** CRC-64 of rows that ranks hold: the same for any number of ranks. Each rank adds its bytes up from 0, shifts by the
 *  bytes that come after them in the whole, and the exclusive or over ranks is the crc of the whole. */
#ifndef SB_CRC_H
#define SB_CRC_H
#include <stdint.h>

#include "sb/comm.h"

/** crc of (bytes whose crc is `crc`) followed by data; start with 0. */
uint64_t sb_crc_add(uint64_t crc, const void *data, int64_t bytes);
/** Share of a piece in the crc of the whole, when `bytes` bytes come after it. */
uint64_t sb_crc_shift(uint64_t crc, int64_t bytes);
/** Collective: exclusive or over ranks of n <= 32 values, in place. */
sb_status sb_crc_total(const sb_comm *c, uint64_t *crc, int n);
/** The 16 hex digits of a crc. */
void sb_crc_text(uint64_t crc, char out[17]);

#endif
