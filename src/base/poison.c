/* What goes wrong on purpose: see sb/poison.h. */
#include "sb/poison.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
  int known, rank;
  long long step; /* 0: nothing goes bad (any more) */
  char what[16];
} poison;

int sb_poison(const char *what, int rank, int64_t step) {
  if (!poison.known) {
    const char *text = getenv("SB_POISON");
    poison.known = 1;
    if (text && sscanf(text, "%15[a-z]:%d:%lld", poison.what, &poison.rank, &poison.step) != 3)
      poison.step = 0;
  }
  if (!poison.step || step != poison.step || rank != poison.rank || strcmp(what, poison.what) != 0)
    return 0;
  poison.step = 0;
  return 1;
}

void sb_poison_signal(const char *what, int rank, int64_t step) {
  if (sb_poison(what, rank, step)) raise(SIGUSR1);
}
