/* layer: io */
/** Texts that grow, with the quoting of XML and JSON. Local. */
#ifndef SB_TEXT_H
#define SB_TEXT_H
#include <stdint.h>

#include "sb/status.h"

/** Zeroed = empty. A failure (no memory) is kept in status, and later additions do nothing. */
typedef struct sb_text {
  char *data; /**< zero-terminated, or NULL while empty; owned */
  int64_t length, room;
  sb_status status;
} sb_text;

void sb_text_add(sb_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** With & < > " as XML and HTML want them; without control characters and bytes that are no UTF-8, in whose place
 *  stands U+FFFD. */
void sb_text_xml(sb_text *t, const char *text);
/** As a JSON string, quotes included; as a JSON number (null where not finite). */
void sb_text_quote(sb_text *t, const char *text);
void sb_text_number(sb_text *t, double x);
void sb_text_free(sb_text *t);
/** "8.4 MiB". */
void sb_size_text(double bytes, char out[16]);

#endif
