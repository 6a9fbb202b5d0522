/* Any lines as values of --set, one after the other, for a deck that already says something. */
#include "deck.h"

static const char start[] = "n: 1\nlist: [1, 2]\na: {rate: 2, b: {keep: no}}\nabout: {who: you}\n";

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc, (void)argv;
  return 0;
}

/* What an assignment that is refused leaves behind is what was there. */
static void set(sb_deck *deck, const char *assignment) {
  const sb_status s = sb_deck_set(deck, assignment);
  REQUIRE(!s || (s == SB_USE && sb_message()[0]));
  sb_forget();
}

/* No command line has more, and so many do not take long. */
#define MOST 64

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  const int64_t before = sb_mem_now();
  sb_deck *deck = NULL;
  size_t at = 0;
  REQUIRE(!sb_deck_read(start, sizeof start - 1, "a.yml", &deck));
  for (int k = 0; k < MOST && at < size; k++) { /* words end where the command line ends them */
    const uint8_t *end = memchr(bytes + at, 0, size - at);
    const size_t length = end ? (size_t)(end - bytes) - at : size - at;
    char *word = malloc(length + 1);
    REQUIRE(word != NULL);
    memcpy(word, bytes + at, length);
    word[length] = 0;
    set(deck, word);
    free(word);
    at += length + 1;
  }
  use(deck);
  sb_deck_free(deck);
  sb_forget();
  REQUIRE(sb_mem_now() == before);
  return 0;
}
