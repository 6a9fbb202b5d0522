/* Standard output of rank 0: see sb/log.h. */
#define _POSIX_C_SOURCE 200809L
#include "sb/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static int speaks = 1, hushed;

void sb_log_start(int rank, int quiet) {
  speaks = rank == 0;
  hushed = quiet;
}

void sb_say(const char *format, ...) {
  if (!speaks || hushed) return;
  va_list list;
  va_start(list, format);
  vfprintf(stdout, format, list);
  va_end(list);
  fflush(stdout);
}

void sb_warn(const char *format, ...) {
  if (!speaks || hushed) return;
  fflush(stdout);
  va_list list;
  va_start(list, format);
  fputs("sbridge: warning: ", stderr);
  vfprintf(stderr, format, list);
  fputc('\n', stderr);
  va_end(list);
}

int sb_log_live(void) { return speaks && !hushed && isatty(STDOUT_FILENO); }
