/* Decks: memory, messages, overrides; see sb/keys.h. Reading, binding and printing have files of
 * their own. */
#include "deck.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sb/mem.h"

#define CHUNK 16384
#define ALIGN 16

sb_status sb_deck_hold(sb_deck *deck, size_t bytes, void *out) {
  size_t head = (sizeof(sb_chunk) + ALIGN - 1) / ALIGN * ALIGN;
  size_t whole = (bytes + ALIGN - 1) / ALIGN * ALIGN;
  sb_chunk *c = deck->chunks;
  if (!c || c->size - c->used < whole) {
    size_t size = head + whole > CHUNK ? head + whole : CHUNK;
    SB_TRY(sb_mem_new(&c, (int64_t)size, 1, "deck"));
    *c = (sb_chunk){.next = deck->chunks, .size = size, .used = head};
    deck->chunks = c;
  }
  char *block = (char *)c + c->used;
  c->used += whole;
  memcpy(out, &block, sizeof block);
  return SB_OK;
}

sb_status sb_deck_copy(sb_deck *deck, const char *text, size_t length, char **out) {
  SB_TRY(sb_deck_hold(deck, length + 1, out));
  memcpy(*out, text, length);
  return SB_OK;
}

sb_entry *sb_entry_find(sb_entry *list, const char *name) {
  while (list && strcmp(list->name, name) != 0) list = list->next;
  return list;
}

sb_status sb_deck_fail(const char *source, int line, const char *format, ...) {
  char what[SB_MESSAGE_MAX];
  va_list list;
  va_start(list, format);
  vsnprintf(what, sizeof what, format, list);
  va_end(list);
  if (line > 0) return sb_fail(SB_USE, "%s:%d: %s", source, line, what);
  return sb_fail(SB_USE, "%s: %s", source, what);
}

const char *sb_deck_show(const char *text, char out[SB_DECK_SHOWN]) {
  const size_t most = SB_DECK_SHOWN - sizeof "...";
  size_t n = strlen(text);
  bool cut = n > most;
  if (cut) {
    n = most;
    while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80) n--; /* whole characters of UTF-8 */
  }
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)text[i];
    out[i] = c < 0x20 || c == 0x7F ? '?' : text[i];
  }
  strcpy(out + n, cut ? "..." : "");
  return out;
}

static sb_status read_into(sb_deck *deck, const char *bytes, int64_t length, const char *name) {
  char *copy;
  SB_TRY(sb_deck_copy(deck, name, strlen(name), &copy));
  deck->name = copy;
  return sb_deck_parse(deck, bytes, length, copy, NULL, &deck->entries);
}

sb_status sb_deck_read(const char *bytes, int64_t length, const char *name, sb_deck **out) {
  sb_deck *deck;
  *out = NULL;
  SB_TRY(SB_NEW(&deck, 1, "deck"));
  sb_status s = read_into(deck, bytes, length, name);
  if (s)
    sb_deck_free(deck);
  else
    *out = deck;
  return s;
}

/* Takes the entry of that name out of the deck, if there is one. */
static void forget_entry(sb_deck *deck, const char *name) {
  for (sb_entry **at = &deck->entries; *at; at = &(*at)->next)
    if (!strcmp((*at)->name, name)) {
      *at = (*at)->next;
      return;
    }
}

sb_status sb_deck_set(sb_deck *deck, const char *assignment) {
  char name[SB_DECK_NAME], shown[SB_DECK_SHOWN];
  const char *equal = strchr(assignment, '=');
  size_t length = equal ? (size_t)(equal - assignment) : 0;
  if (!equal)
    return sb_deck_fail("--set", 0, "'%s' is not of the form section.key=value",
                        sb_deck_show(assignment, shown));
  if (length < sizeof name) snprintf(name, sizeof name, "%.*s", (int)length, assignment);
  if (length >= sizeof name || !sb_name_good(name))
    return sb_deck_fail("--set", 0, "'%s' does not begin with the name of a key",
                        sb_deck_show(assignment, shown));
  sb_entry *added;
  SB_TRY(sb_deck_parse(deck, equal + 1, (int64_t)strlen(equal + 1), "--set", name, &added));
  for (sb_entry *e = added; e; e = e->next) forget_entry(deck, e->name);
  sb_entry **end = &deck->entries;
  while (*end) end = &(*end)->next;
  *end = added;
  return SB_OK;
}

const char *sb_deck_raw(const sb_deck *deck, const char *name) {
  const sb_entry *e = sb_entry_find(deck->entries, name);
  return e && e->kind == SB_ENTRY_WORD ? e->first->text : NULL;
}

/* --- The grid of a study
 * -------------------------------------------------------------------------------- */

static size_t is_below(const char *name, const char *top) {
  const size_t n = strlen(top);
  return !strncmp(name, top, n) && (name[n] == '.' || name[n] == '\0') ? n : 0;
}

size_t sb_deck_in_grid(const char *name) {
  const size_t n = is_below(name, SB_DECK_GRID);
  return n ? n : is_below(name, SB_DECK_ALONG);
}

static const sb_entry *listed(const sb_deck *deck, const char *top, int i) {
  for (const sb_entry *e = deck->entries; e; e = e->next)
    if (is_below(e->name, top) && e->name[strlen(top)] && e->kind != SB_ENTRY_MAPPING && i-- == 0)
      return e;
  return NULL;
}

static const char *key_of(const sb_entry *e, int *values) {
  *values = e ? e->words : 0;
  return e ? e->name + sb_deck_in_grid(e->name) + 1 : NULL;
}

static const char *value_of(const sb_entry *e, int k) {
  const sb_word *w = e ? e->first : NULL;
  while (w && k-- > 0) w = w->next;
  return w ? w->text : NULL;
}

const char *sb_deck_grid_key(const sb_deck *deck, int i, int *values) {
  return key_of(listed(deck, SB_DECK_GRID, i), values);
}

const char *sb_deck_grid_value(const sb_deck *deck, int i, int k) {
  return value_of(listed(deck, SB_DECK_GRID, i), k);
}

const char *sb_deck_along_key(const sb_deck *deck, int i, int *values) {
  return key_of(listed(deck, SB_DECK_ALONG, i), values);
}

const char *sb_deck_along_value(const sb_deck *deck, int i, int k) {
  return value_of(listed(deck, SB_DECK_ALONG, i), k);
}

void sb_deck_free(sb_deck *deck) {
  if (!deck) return;
  while (deck->chunks) {
    sb_chunk *c = deck->chunks;
    deck->chunks = c->next;
    sb_mem_free(c);
  }
  sb_mem_free(deck);
}
