/* Failures on purpose, for tests: see SB_FAIL in sb/file.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"

static struct {
  int known, rank;
  long countdown; /* steps that still pass; < 0: none fails */
  char step[16];
} fault;

void sb_file_fault(const char *text) {
  fault.known = 1;
  fault.countdown = -1;
  if (!text) return;
  if (sscanf(text, "%15[a-z]:%d:%ld", fault.step, &fault.rank, &fault.countdown) != 3)
    fault.countdown = 0;
  fault.countdown--;
}

sb_status sb_fault(const sb_comm *c, const char *step) {
  if (!fault.known) sb_file_fault(getenv("SB_FAIL"));
  if (fault.countdown < 0 || c->rank != fault.rank || strcmp(step, fault.step) != 0) return SB_OK;
  if (fault.countdown-- > 0) return SB_OK;
  return sb_fail(SB_SYS, "injected failure of step %s on rank %d", step, c->rank);
}
