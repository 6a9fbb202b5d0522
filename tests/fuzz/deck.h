/* layer: tests */
/* Tables of keys for the fuzz targets of decks, and what has to hold of any deck that binds. */
#ifndef FUZZ_DECK_H
#define FUZZ_DECK_H
#include <string.h>

#include "fuzz.h"
#include "sb/keys.h"
#include "sb/mem.h"

typedef struct options {
  int64_t n;
  double rate;
  int keep, clip;
  char *note;
  sb_reals list;
} options;

static const sb_key keys[] = {SB_INT(options, n, "3", -5, 1e15, "rows", "a whole number"),
                              SB_REAL(options, rate, "1e-3", 0, 0, "", "a number"),
                              SB_CHOICE(options, keep, "best", "best|last|no", "a choice"),
                              SB_BOOL(options, clip, "on", "a switch"),
                              SB_TEXT(options, note, "", "a text"),
                              SB_REALS(options, list, "[1, 2]", 0, 0, "", "a list"),
                              {0}};

/* The used deck binds to the same values. */
static void repeat(sb_deck *deck, const sb_section *sections, int n) {
  char *first = NULL, *second = NULL;
  sb_deck *again = NULL;
  REQUIRE(!sb_deck_used(deck, &first));
  REQUIRE(!sb_deck_read(first, (int64_t)strlen(first), "used.yml", &again));
  REQUIRE(!sb_deck_bind(again, sections, n));
  REQUIRE(!sb_deck_differs(deck, again, 0));
  REQUIRE(!sb_deck_used(again, &second));
  REQUIRE(!strcmp(first, second));
  sb_mem_free(first);
  sb_mem_free(second);
  sb_deck_free(again);
}

/* Binds, or says why not. */
static void use(sb_deck *deck) {
  options o[3];
  const sb_section sections[] = {{"", NULL, keys, &o[0], NULL},
                                 {"a", NULL, keys, &o[1], NULL},
                                 {"a.b", "a", keys, &o[2], NULL}};
  const sb_status s = sb_deck_bind(deck, sections, 3);
  if (!s) repeat(deck, sections, 3);
  REQUIRE(!s || (s == SB_USE && sb_message()[0]));
}

#endif
