/* Any bytes as a deck: read, bound, printed and read again. */
#include "deck.h"

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc, (void)argv;
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  const int64_t before = sb_mem_now();
  sb_deck *deck = NULL;
  const sb_status s = sb_deck_read((const char *)bytes, (int64_t)size, "a.yml", &deck);
  REQUIRE(!s || (s == SB_USE && sb_message()[0] && !deck));
  if (!s) use(deck);
  sb_deck_free(deck);
  sb_forget();
  REQUIRE(sb_mem_now() == before);
  return 0;
}
