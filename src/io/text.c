/* Texts that grow, with the quoting of XML and JSON. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "io.h"
#include "sb/mem.h"

static int make_room(sb_text *t, int64_t more) {
  char *wider;
  if (t->status || t->length + more < t->room) return !t->status;
  const int64_t room = 2 * t->room + more + 1024;
  t->status = SB_NEW(&wider, room, "text");
  if (t->status) return 0;
  if (t->length) memcpy(wider, t->data, (size_t)t->length);
  sb_mem_free(t->data);
  t->data = wider;
  t->room = room;
  return 1;
}

void sb_text_add(sb_text *t, const char *format, ...) {
  for (int again = 0; again < 2; again++) {
    if (!make_room(t, 128)) return;
    const int64_t left = t->room - t->length;
    va_list list;
    va_start(list, format);
    const int length = vsnprintf(t->data + t->length, (size_t)left, format, list);
    va_end(list);
    if (length < left) {
      t->length += length;
      return;
    }
    if (!make_room(t, length + 1)) return;
  }
}

void sb_text_xml(sb_text *t, const char *text) {
  for (; *text; text++) {
    switch (*text) {
      case '&': sb_text_add(t, "&amp;"); break;
      case '<': sb_text_add(t, "&lt;"); break;
      case '>': sb_text_add(t, "&gt;"); break;
      case '"': sb_text_add(t, "&quot;"); break;
      default: sb_text_add(t, "%c", *text);
    }
  }
}

void sb_text_quote(sb_text *t, const char *text) {
  sb_text_add(t, "\"");
  for (; *text; text++) {
    const unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\')
      sb_text_add(t, "\\%c", c);
    else if (c < 32)
      sb_text_add(t, "\\u%04x", c);
    else
      sb_text_add(t, "%c", c);
  }
  sb_text_add(t, "\"");
}

void sb_text_number(sb_text *t, double x) {
  if (isfinite(x))
    sb_text_add(t, "%.17g", x);
  else
    sb_text_add(t, "null");
}

void sb_text_free(sb_text *t) {
  sb_mem_free(t->data);
  *t = (sb_text){.data = NULL};
}

void sb_size_text(double bytes, char out[16]) {
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  int unit = 0;
  for (; unit < 5 && bytes >= 1000; unit++) bytes /= 1024;
  snprintf(out, 16, unit && bytes < 100 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}
