/* layer: io */
/* What the files of io know of each other. Functions that end in `_local` are called by one rank
 * and talk to nobody. */
#ifndef SB_IO_IO_H
#define SB_IO_IO_H
#include <stdint.h>

#include "sb/file.h"

/* --- fault.c ------------------------------------------------------------------------------------
 */

/** A local step that may fail. SB_SYS where SB_FAIL (sb/file.h) wants this one to fail. */
sb_status sb_fault(const sb_comm *c, const char *step);

/* --- crc.c --------------------------------------------------------------------------------------
 */

/** crc of (bytes whose crc is `crc`) followed by data; start with 0. */
uint64_t sb_crc_add(uint64_t crc, const void *data, int64_t bytes);
/** Share of a piece in the crc of the whole, when `bytes` bytes come after it: the shares of all
 * pieces give the whole by exclusive or. */
uint64_t sb_crc_shift(uint64_t crc, int64_t bytes);
/** Collective: exclusive or over ranks of n <= SB_CRC_MOST values, in place. */
#define SB_CRC_MOST 32
sb_status sb_crc_total(const sb_comm *c, uint64_t *crc, int n);
/** The 16 hex digits of a crc. */
void sb_crc_text(uint64_t crc, char out[17]);

/* --- path.c -------------------------------------------------------------------------------------
 */

/** New text (sb_mem_new) made of a format. */
sb_status sb_text_of(char **out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** The part of a path after its last slash. */
const char *sb_base_name(const char *path);
int sb_exists_local(const char *path);
/** Brings what was written of a file, or the entries of the directory that holds it, to the disk.
 */
sb_status sb_sync_local(const char *path);
sb_status sb_sync_directory_local(const char *path);
/** Reserves disk space for the first `bytes` bytes of a file, called `name` in the message: SB_SYS
 * when there is too little. */
sb_status sb_reserve_local(const char *path, const char *name, int64_t bytes);
/** part becomes path, path becomes path.1 and so on, the last `keep` kept; there is a whole `path`
 * at any time. */
sb_status sb_replace_local(const char *part, const char *path, int keep);
/** "NAME.h5" and 3 give "NAME.3.h5" (sb_mem_new). */
sb_status sb_numbered(char **out, const char *path, const char *before, int width, int number);

/* --- text.c -------------------------------------------------------------------------------------
 */

/** A text that grows; zeroed = empty. A failure is kept, and returned by sb_text_end. */
typedef struct sb_text {
  char *data;
  int64_t length, room;
  sb_status status;
} sb_text;
void sb_text_add(sb_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** With & < > " as XML wants them. */
void sb_text_xml(sb_text *t, const char *text);
/** As a JSON string, quotes included; as a JSON number (null where not finite). */
void sb_text_quote(sb_text *t, const char *text);
void sb_text_number(sb_text *t, double x);
void sb_text_free(sb_text *t);
/** "8.4 MiB". */
void sb_size_text(double bytes, char out[16]);

#endif
