/* The kept message of the first failure: see sb/status.h. */
#include "sb/status.h"

#include <stdarg.h>
#include <stdio.h>

static char message[SB_MESSAGE_MAX];

sb_status sb_fail(sb_status s, const char *format, ...) {
  if (s == SB_OK || message[0] != '\0') return s;
  va_list list;
  va_start(list, format);
  int wrote = vsnprintf(message, sizeof message, format, list);
  va_end(list);
  if (wrote <= 0)
    snprintf(message, sizeof message, "failure without a message (status %d)", (int)s);
  for (char *c = message; *c; c++)
    if (*c == '\n' || *c == '\r') *c = ' ';
  return s;
}

const char *sb_message(void) { return message; }

void sb_forget(void) { message[0] = '\0'; }
