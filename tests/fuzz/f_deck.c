/* Fuzzing of decks: any bytes are read, bound, printed and read again, as a deck and as an
 * override.
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -Iinclude tests/fuzz/f_deck.c \
 *     src/base/{deck,deck_read,deck_bind,deck_used,value,keys,mem,log,status}.c -lyaml -lm -o
 * f_deck
 *   ./f_deck -dict=tests/fuzz/f_deck.dict -max_len=2000 -max_total_time=300 CORPUS
 *
 * What it found stands in tests/unit/t_deck.c. */
#include <stdlib.h>
#include <string.h>

#include "sb/keys.h"
#include "sb/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

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

static void require(int good) {
  if (!good) abort();
}

/* A deck that binds has a used deck that binds to the same values. */
static void repeat(sb_deck *deck, const sb_section *sections, int n) {
  char *first = NULL, *second = NULL;
  sb_deck *again = NULL;
  require(!sb_deck_used(deck, &first));
  require(!sb_deck_read(first, (int64_t)strlen(first), "used.yml", &again));
  require(!sb_deck_bind(again, sections, n));
  require(!sb_deck_differs(deck, again, 0));
  require(!sb_deck_used(again, &second));
  require(!strcmp(first, second));
  sb_mem_free(first);
  sb_mem_free(second);
  sb_deck_free(again);
}

static void use(sb_deck *deck) {
  options o[3];
  const sb_section sections[] = {{"", NULL, keys, &o[0], NULL},
                                 {"a", NULL, keys, &o[1], NULL},
                                 {"a.b", "a", keys, &o[2], NULL}};
  if (!sb_deck_bind(deck, sections, 3)) repeat(deck, sections, 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  int64_t before = sb_mem_now();
  sb_deck *deck = NULL;
  sb_status s = sb_deck_read((const char *)bytes, (int64_t)size, "a.yml", &deck);
  if (!s) use(deck);
  require(!s || (s == SB_USE && sb_message()[0] && !deck));
  sb_deck_free(deck);
  sb_forget();

  char *text = malloc(size + 1);
  require(text != NULL);
  memcpy(text, bytes, size);
  text[size] = '\0';
  require(!sb_deck_read("n: 1", 4, "a.yml", &deck));
  if (!sb_deck_set(deck, text)) use(deck);
  sb_deck_free(deck);
  free(text);
  sb_forget();
  require(sb_mem_now() == before);
  return 0;
}
