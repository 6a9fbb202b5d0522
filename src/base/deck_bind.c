/* Binding: what a deck says meets the tables of keys. */
#include <stdio.h>
#include <string.h>

#include "deck.h"

static sb_bound *find_bound(const sb_deck *deck, const char *name) {
  sb_bound *b = deck->bound;
  while (b && strcmp(b->name, name) != 0) b = b->next;
  return b;
}

/* True when the name is that of a section, or of a level above one. */
static bool is_section(const sb_section *sections, int n, const char *name) {
  size_t length = strlen(name);
  for (int i = 0; i < n; i++)
    if (!strncmp(sections[i].path, name, length) &&
        (sections[i].path[length] == '\0' || sections[i].path[length] == '.'))
      return true;
  return false;
}

/* Parts of the path that two names have in common. */
static int common(const char *a, const char *b) {
  int parts = 0;
  for (; *a && *a == *b; a++, b++) parts += *a == '.';
  return parts;
}

/* Puts b behind the last key that shares most of its path: then every section stands in one piece.
 */
static void order(sb_deck *deck, sb_bound *b) {
  sb_bound *best = NULL;
  int most = -1;
  for (sb_bound *o = deck->printed; o; o = o->printed) {
    int parts = common(o->name, b->name);
    if (parts >= most) best = o, most = parts;
  }
  sb_bound **at = best ? &best->printed : &deck->printed;
  b->printed = *at;
  *at = b;
}

static int full_name(const sb_section *section, const sb_key *key, char text[SB_DECK_NAME]) {
  return snprintf(text, SB_DECK_NAME, "%s%s%s", section->path, section->path[0] ? "." : "",
                  key->name);
}

/* A key of the sections of others: wanted when the deck has it and no table has it yet. One that a
 * table has may mean another thing there, so the used deck has it only where the deck does. */
static bool is_wanted(const sb_deck *deck, const sb_section *section, const sb_key *key) {
  char text[SB_DECK_NAME];
  full_name(section, key, text);
  sb_bound *b = find_bound(deck, text);
  const bool given = sb_entry_find(deck->entries, text) != NULL;
  if (b) b->quiet = b->key != key && !given;
  return !b && given;
}

static sb_status add_key(sb_deck *deck, const sb_section *section, const sb_key *key,
                         sb_bound **last) {
  char text[SB_DECK_NAME], *name;
  int length = full_name(section, key, text);
  if (length >= (int)sizeof text || find_bound(deck, text))
    return sb_fail(SB_USE, "table of keys: '%s' is %s", text,
                   length >= (int)sizeof text ? "too long" : "there twice");
  sb_bound *b;
  SB_TRY(sb_deck_copy(deck, text, (size_t)length, &name));
  SB_TRY(sb_deck_hold(deck, sizeof *b, &b));
  *b = (sb_bound){.section = section, .key = key, .name = name};
  if (*last)
    (*last)->next = b;
  else
    deck->bound = b;
  *last = b;
  order(deck, b);
  return SB_OK;
}

static sb_status add_keys(sb_deck *deck, const sb_section *sections, int own, int n) {
  sb_bound *last = NULL;
  deck->bound = deck->printed = NULL;
  for (int i = 0; i < n; i++)
    for (const sb_key *key = sections[i].keys; key && key->name; key++)
      if (i < own || is_wanted(deck, &sections[i], key))
        SB_TRY(add_key(deck, &sections[i], key, &last));
  for (const sb_bound *b = deck->bound; b; b = b->next)
    if (is_section(sections, n, b->name))
      return sb_fail(SB_USE, "table of keys: '%s' is both a key and a section", b->name);
  return SB_OK;
}

/* Length of "train.score." in "train.score.steps". */
static size_t path_length(const char *name) {
  const char *dot = strrchr(name, '.');
  return dot ? (size_t)(dot - name) + 1 : 0;
}

/* The name that was meant: a neighbour in the same section, else a similar name anywhere, else the
 * same key of another section. */
static const char *suggest(const sb_deck *deck, const sb_section *sections, int n,
                           const char *name) {
  size_t path = path_length(name);
  sb_near here = {.word = name + path}, anywhere = {.word = name};
  const char *elsewhere = NULL;
  for (int i = 0; i < n; i++) {
    const char *section = sections[i].path;
    if (path_length(section) == path && !strncmp(section, name, path))
      sb_near_try(&here, section + path, section);
    sb_near_try(&anywhere, section, section);
  }
  for (const sb_bound *b = deck->bound; b; b = b->next) {
    size_t other = path_length(b->name);
    if (other == path && !strncmp(b->name, name, path)) sb_near_try(&here, b->name + path, b->name);
    sb_near_try(&anywhere, b->name, b->name);
    if (!elsewhere && !strcmp(b->name + other, name + path)) elsewhere = b->name;
  }
  return here.name ? here.name : anywhere.name ? anywhere.name : elsewhere;
}

/* `about` describes the deck: any texts. */
static sb_status check_about(const sb_entry *e) {
  const char *name = e->name + strlen("about");
  bool good =
      *name ? e->kind == SB_ENTRY_WORD && !strchr(name + 1, '.')
            : e->kind == SB_ENTRY_MAPPING || (e->kind == SB_ENTRY_WORD && sb_word_empty(e->first));
  if (good) return SB_OK;
  return sb_deck_fail(e->source, e->line,
                      "'%s': `about` takes texts below it, as in `about: {problem: two rings}`",
                      e->name);
}

/* Below the grid of a study stand names of keys, which are checked when they are set. */
static sb_status check_grid(const sb_entry *e) {
  const bool top = !e->name[sb_deck_in_grid(e->name)];
  if (e->kind == SB_ENTRY_MAPPING) return SB_OK;
  if (top && e->kind == SB_ENTRY_WORD && sb_word_empty(e->first)) return SB_OK;
  if (top || (e->kind == SB_ENTRY_WORD && sb_word_empty(e->first)))
    return sb_deck_fail(e->source, e->line,
                        "'%s': keys with their values stand below it, as in `grid: {data.n: [500, "
                        "1000]}`",
                        e->name);
  return SB_OK;
}

static sb_status check_entry(const sb_deck *deck, const sb_section *sections, int n,
                             const sb_entry *e) {
  if (!strcmp(e->name, "about") || !strncmp(e->name, "about.", 6)) return check_about(e);
  if (sb_deck_in_grid(e->name)) return check_grid(e);
  const sb_bound *b = find_bound(deck, e->name);
  if (b) return e->kind == SB_ENTRY_MAPPING ? sb_value_refuse(b->key, b->name, e) : SB_OK;
  if (is_section(sections, n, e->name)) {
    if (e->kind == SB_ENTRY_MAPPING || (e->kind == SB_ENTRY_WORD && sb_word_empty(e->first)))
      return SB_OK;
    return sb_deck_fail(e->source, e->line, "'%s' is a section: its keys stand below it, not a %s",
                        e->name, e->kind == SB_ENTRY_LIST ? "list" : "value");
  }
  const char *meant = suggest(deck, sections, n, e->name);
  return sb_deck_fail(e->source, e->line, "unknown %s '%s' (%s%s%s)",
                      e->kind == SB_ENTRY_MAPPING ? "section" : "key", e->name,
                      meant ? "did you mean '" : "`sbridge help keys` lists all",
                      meant ? meant : "", meant ? "'?" : "");
}

/* The key of the parent section from which b takes its default, or NULL. Tables stand in order, so
 * it is bound already. */
static sb_bound *parent_of(const sb_deck *deck, const sb_bound *b) {
  char name[SB_DECK_NAME];
  if (!b->section->parent) return NULL;
  if (snprintf(name, sizeof name, "%s.%s", b->section->parent, b->key->name) >= (int)sizeof name)
    return NULL;
  sb_bound *p = deck->bound;
  while (p != b && strcmp(p->name, name) != 0) p = p->next;
  if (p == b || p->key->type != b->key->type) return NULL;
  bool choice = p->key->type == SB_KEY_CHOICE;
  return choice && strcmp(p->key->choices, b->key->choices) != 0 ? NULL : p;
}

static sb_status missing(const sb_deck *deck, const sb_bound *b) {
  char expects[640];
  sb_key_expects(b->key, expects, sizeof expects);
  return sb_deck_fail(deck->name, 0, "key '%s' must be given: %s; %s", b->name, expects,
                      b->key->help ? b->key->help : "");
}

/* The default of the table, as if a deck said it. */
static sb_status preset_entry(sb_deck *deck, const sb_bound *b, sb_entry **out) {
  const char *preset = b->key->preset;
  if (!preset) return missing(deck, b);
  if (b->key->type == SB_KEY_REALS)
    return sb_deck_parse(deck, preset, (int64_t)strlen(preset), "default", b->name, out);
  sb_word *w;
  SB_TRY(sb_deck_hold(deck, sizeof **out, out));
  SB_TRY(sb_deck_hold(deck, sizeof *w, &w));
  SB_TRY(sb_deck_copy(deck, preset, strlen(preset), &w->text));
  **out = (sb_entry){.name = b->name, .source = "default", .words = 1, .first = w, .last = w};
  return SB_OK;
}

/* A key of its own, else what the section's parent takes, else the default of the table. */
static sb_status fill(sb_deck *deck, sb_bound *b) {
  const sb_bound *from = b, *parent = parent_of(deck, b), *up = parent;
  sb_entry *e = sb_entry_find(deck->entries, b->name);
  for (; !e && up; up = parent_of(deck, up)) {
    from = up;
    e = sb_entry_find(deck->entries, up->name);
  }
  if (!e) SB_TRY(preset_entry(deck, from, &e));
  SB_TRY(sb_value_read(deck, b->key, b->name, e, &b->value));
  b->quiet = b->quiet || (parent && sb_value_equal(b->key, &b->value, &parent->value));
  if (b->section->values) sb_value_store(b->key, &b->value, b->section->values);
  return SB_OK;
}

static sb_status bind(sb_deck *deck, const sb_section *sections, int own, int n) {
  SB_TRY(add_keys(deck, sections, own, n));
  for (const sb_entry *e = deck->entries; e; e = e->next) SB_TRY(check_entry(deck, sections, n, e));
  for (sb_bound *b = deck->bound; b; b = b->next) SB_TRY(fill(deck, b));
  return SB_OK;
}

sb_status sb_deck_bind_with(sb_deck *deck, const sb_section *sections, int own, int n) {
  sb_status s = bind(deck, sections, own, n);
  if (s) deck->bound = deck->printed = NULL; /* half of them have no value */
  return s;
}

sb_status sb_deck_bind(sb_deck *deck, const sb_section *sections, int n) {
  return sb_deck_bind_with(deck, sections, n, n);
}

/* Differs, or is not there, in b. */
static bool differs(const sb_bound *a, const sb_deck *b) {
  const sb_bound *other = find_bound(b, a->name);
  return !other || other->key->type != a->key->type ||
         !sb_value_equal(a->key, &a->value, &other->value);
}

const char *sb_deck_differs(const sb_deck *a, const sb_deck *b, int i) {
  for (const sb_bound *x = a->bound; x; x = x->next)
    if (differs(x, b) && i-- == 0) return x->name;
  for (const sb_bound *y = b->bound; y; y = y->next)
    if (!find_bound(a, y->name) && i-- == 0) return y->name;
  return NULL;
}
