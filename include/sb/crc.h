/* layer: base */
/** CRC-64/XZ (polynomial 42f0e1eba9ea3693, reflected, begun and ended with all ones), of pieces that may be apart:
 *  each is added up from 0 and shifted by the bytes that come after it in the whole; the exclusive or of all
 *  (sb_xor_int over ranks) is the crc of the whole. */
#ifndef SB_CRC_H
#define SB_CRC_H
#include <stdint.h>

/** crc of (bytes whose crc is `crc`) followed by data; start with 0. */
uint64_t sb_crc_add(uint64_t crc, const void *data, int64_t bytes);
/** Share of a piece in the crc of the whole, when `bytes` bytes come after it. */
uint64_t sb_crc_shift(uint64_t crc, int64_t bytes);
/** The 16 hex digits of a crc. */
void sb_crc_text(uint64_t crc, char out[17]);

#endif
