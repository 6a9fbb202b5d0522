/* Texts that grow, with the quoting of XML and JSON. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sb/mem.h"
#include "sb/text.h"

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

/* Bytes of the character that begins here, 0 where it is none of UTF-8 (RFC 3629). */
static int utf8(const unsigned char *c) {
  static const struct {
    unsigned char low, high, second_low, second_high;
    int bytes;
  } forms[] = {
      {0x00, 0x7F, 0, 0, 1},       {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
      {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
      {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4}};
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    if (c[0] < forms[i].low || c[0] > forms[i].high) continue;
    if (forms[i].bytes == 1) return 1;
    if (c[1] < forms[i].second_low || c[1] > forms[i].second_high) return 0;
    for (int k = 2; k < forms[i].bytes; k++)
      if (c[k] < 0x80 || c[k] > 0xBF) return 0;
    return forms[i].bytes;
  }
  return 0;
}

void sb_text_xml(sb_text *t, const char *text) {
  while (*text) {
    const unsigned char c = (unsigned char)*text;
    const int bytes = utf8((const unsigned char *)text);
    switch (c) {
      case '&': sb_text_add(t, "&amp;"); break;
      case '<': sb_text_add(t, "&lt;"); break;
      case '>': sb_text_add(t, "&gt;"); break;
      case '"': sb_text_add(t, "&quot;"); break;
      default:
        if (bytes == 0 || (c < 32 && c != '\n' && c != '\t') || c == 127)
          sb_text_add(t, "\xEF\xBF\xBD");
        else
          sb_text_add(t, "%.*s", bytes, text);
    }
    text += bytes ? bytes : 1;
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
