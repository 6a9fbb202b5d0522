/* From YAML to dotted names: libyaml's events, with a stack of fixed depth. */
#include <string.h>
#include <yaml.h>

#include "deck.h"

typedef struct reader {
  yaml_parser_t yaml;
  sb_deck *deck;
  const char *bytes;
  int64_t length;
  const char *source, *prefix;
  int documents, entries, depth;
  struct {
    bool list;
    size_t length; /* of the name of the mapping */
  } level[SB_DECK_DEPTH];
  bool want_key; /* the next event of this mapping is a key */
  int line;      /* of the last key                          */
  char name[SB_DECK_NAME];
  sb_entry *first, *last;
} reader;

bool sb_name_good(const char *name) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
  for (;;) {
    size_t n = strspn(name, letters);
    if (n == 0) return false;
    while (*name && (strchr(letters, *name) || strchr("0123456789-", *name))) name++;
    if (*name == '\0') return true;
    if (*name++ != '.') return false;
  }
}

static int line_of(const reader *r, const yaml_mark_t *mark) {
  return r->prefix ? 0 : (int)mark->line + 1;
}

/* True where the line is indented with a tab: the commonest reason for YAML's "cannot start any
 * token". */
static bool has_tab(const reader *r, size_t line) {
  const char *p = r->bytes, *end = r->bytes + r->length;
  while (line > 0 && p < end)
    if (*p++ == '\n') line--;
  while (p < end && *p == ' ') p++;
  return p < end && *p == '\t';
}

static sb_status wrong_yaml(const reader *r) {
  const yaml_parser_t *y = &r->yaml;
  const char *problem = y->problem ? y->problem : "cannot be read";
  if (y->error == YAML_MEMORY_ERROR) return sb_fail(SB_SYS, "%s: no memory to read it", r->source);
  size_t line = y->problem_mark.line;
  if (y->error == YAML_READER_ERROR) {
    line = 0;
    for (size_t i = 0; i < y->problem_offset && i < (size_t)r->length; i++)
      line += r->bytes[i] == '\n';
  }
  const char *tab = has_tab(r, line) ? " (a tab: YAML is indented with blanks)" : "";
  if (r->prefix)
    return sb_deck_fail(r->source, 0, "value of '%s' is not YAML: %s", r->prefix, problem);
  return sb_deck_fail(r->source, (int)line + 1, "not YAML: %s%s", problem, tab);
}

/* Anchors would let a short deck unfold into a very long one; tags would be ignored silently. */
static sb_status check_plain(const reader *r, const yaml_event_t *e) {
  const yaml_char_t *anchor = NULL, *tag = NULL;
  switch (e->type) {
    case YAML_ALIAS_EVENT: anchor = e->data.alias.anchor; break;
    case YAML_SCALAR_EVENT: anchor = e->data.scalar.anchor, tag = e->data.scalar.tag; break;
    case YAML_SEQUENCE_START_EVENT:
      anchor = e->data.sequence_start.anchor, tag = e->data.sequence_start.tag;
      break;
    case YAML_MAPPING_START_EVENT:
      anchor = e->data.mapping_start.anchor, tag = e->data.mapping_start.tag;
      break;
    default: break;
  }
  int line = line_of(r, &e->start_mark);
  if (anchor)
    return sb_deck_fail(r->source, line,
                        "anchors and aliases (& *) are not read here: write the value out");
  if (tag)
    return sb_deck_fail(r->source, line, "tags (!) are not read here: write the value alone");
  return SB_OK;
}

static sb_status add_entry(reader *r, sb_entry_kind kind) {
  const sb_entry *twin = sb_entry_find(r->first, r->name);
  if (twin && r->prefix) return sb_deck_fail(r->source, 0, "key '%s' is given twice", r->name);
  if (twin)
    return sb_deck_fail(r->source, r->line, "key '%s' is given twice, first in line %d", r->name,
                        twin->line);
  if (++r->entries > SB_DECK_ENTRIES)
    return sb_deck_fail(r->source, r->line, "more than %d keys", SB_DECK_ENTRIES);
  sb_entry *e;
  char *name;
  SB_TRY(sb_deck_hold(r->deck, sizeof *e, &e));
  SB_TRY(sb_deck_copy(r->deck, r->name, strlen(r->name), &name));
  *e = (sb_entry){.name = name, .source = r->source, .line = r->line, .kind = kind};
  if (r->last)
    r->last->next = e;
  else
    r->first = e;
  r->last = e;
  return SB_OK;
}

/* Appends a scalar to the last entry. */
static sb_status add_word(reader *r, const yaml_event_t *event) {
  const char *text = (const char *)event->data.scalar.value;
  size_t length = event->data.scalar.length;
  int line = line_of(r, &event->start_mark);
  if (memchr(text, '\0', length))
    return sb_deck_fail(r->source, line, "the value of '%s' contains a zero byte", r->name);
  sb_word *w;
  SB_TRY(sb_deck_hold(r->deck, sizeof *w, &w));
  SB_TRY(sb_deck_copy(r->deck, text, length, &w->text));
  w->line = line;
  w->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
  if (r->last->last)
    r->last->last->next = w;
  else
    r->last->first = w;
  r->last->last = w;
  r->last->words++;
  return SB_OK;
}

static sb_status take_key(reader *r, const yaml_event_t *event) {
  int line = line_of(r, &event->start_mark);
  if (event->type != YAML_SCALAR_EVENT)
    return sb_deck_fail(r->source, line, "a name is expected before ':', not a list or mapping");
  const char *key = (const char *)event->data.scalar.value;
  size_t length = event->data.scalar.length, at = r->level[r->depth - 1].length;
  char shown[SB_DECK_SHOWN];
  if (strlen(key) != length || !sb_name_good(key))
    return sb_deck_fail(r->source, line, "'%s' is not a name: letters, digits, _ and - are allowed",
                        sb_deck_show(key, shown));
  if (at + 1 + length >= sizeof r->name)
    return sb_deck_fail(r->source, line, "the name '%s' is too long", sb_deck_show(key, shown));
  if (at > 0) r->name[at++] = '.';
  memcpy(r->name + at, key, length + 1);
  r->want_key = false;
  r->line = line;
  return SB_OK;
}

/* A value is complete: back to the mapping around it, if it stands in one. */
static void end_value(reader *r) {
  if (r->depth == 0 || r->level[r->depth - 1].list) return;
  r->name[r->level[r->depth - 1].length] = '\0';
  r->want_key = true;
}

static sb_status push(reader *r, const yaml_event_t *event, bool list) {
  if (r->depth == SB_DECK_DEPTH)
    return sb_deck_fail(r->source, line_of(r, &event->start_mark), "nested deeper than %d levels",
                        SB_DECK_DEPTH);
  r->level[r->depth].list = list;
  r->level[r->depth++].length = strlen(r->name);
  r->want_key = !list;
  return SB_OK;
}

static sb_status take_value(reader *r, const yaml_event_t *event) {
  bool top = r->depth == 0, in_list = !top && r->level[r->depth - 1].list;
  int line = line_of(r, &event->start_mark);
  if (top && !r->prefix && event->type != YAML_MAPPING_START_EVENT)
    return sb_deck_fail(r->source, line, "a deck consists of lines `name: value`, this is a %s",
                        event->type == YAML_SCALAR_EVENT ? "text" : "list");
  switch (event->type) {
    case YAML_SCALAR_EVENT:
      if (!in_list) SB_TRY(add_entry(r, SB_ENTRY_WORD));
      SB_TRY(add_word(r, event));
      end_value(r);
      return SB_OK;
    case YAML_SEQUENCE_START_EVENT:
      if (!in_list) SB_TRY(add_entry(r, SB_ENTRY_LIST));
      return push(r, event, true);
    default:
      if (in_list)
        return sb_deck_fail(r->source, line, "the list '%s' contains a mapping", r->name);
      if (r->name[0]) SB_TRY(add_entry(r, SB_ENTRY_MAPPING));
      return push(r, event, false);
  }
}

static sb_status take(reader *r, const yaml_event_t *event) {
  SB_TRY(check_plain(r, event));
  switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
      if (r->documents++ == 0) return SB_OK;
      return sb_deck_fail(r->source, line_of(r, &event->start_mark),
                          "a second document begins (---): a deck is one");
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
      r->depth--;
      end_value(r);
      return SB_OK;
    case YAML_SCALAR_EVENT:
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT: return r->want_key ? take_key(r, event) : take_value(r, event);
    default: return SB_OK;
  }
}

/* libyaml takes ages over thousands of tag directives, and there are no tags here. */
static sb_status check_directives(const reader *r) {
  const char *at = r->bytes, *end = r->bytes + r->length;
  for (int line = 1; at < end; line++) {
    if (end - at > 4 && !memcmp(at, "%TAG", 4))
      return sb_deck_fail(r->source, r->prefix ? 0 : line,
                          "tag directives (%%TAG) are not read here");
    at = memchr(at, '\n', (size_t)(end - at));
    if (!at) break;
    at++;
  }
  return SB_OK;
}

static sb_status walk(reader *r) {
  for (bool end = false; !end;) {
    yaml_event_t event;
    if (!yaml_parser_parse(&r->yaml, &event)) return wrong_yaml(r);
    end = event.type == YAML_STREAM_END_EVENT || event.type == YAML_NO_EVENT;
    sb_status s = take(r, &event);
    yaml_event_delete(&event);
    if (s) return s;
  }
  return SB_OK;
}

/* Nothing at all was read: an empty value (`--set output=`), but not a deck. */
static sb_status no_event(reader *r) {
  if (!r->prefix) return sb_deck_fail(r->source, 1, "there is no key in this deck");
  yaml_event_t none = {.type = YAML_SCALAR_EVENT};
  none.data.scalar.value = (yaml_char_t *)"";
  none.data.scalar.style = YAML_PLAIN_SCALAR_STYLE;
  return take_value(r, &none);
}

sb_status sb_deck_parse(sb_deck *deck, const char *bytes, int64_t length, const char *source,
                        const char *prefix, sb_entry **out) {
  if (!bytes) bytes = "";
  reader r = {.deck = deck, .bytes = bytes, .length = length, .source = source, .prefix = prefix};
  *out = NULL;
  if (length > SB_DECK_BYTES)
    return sb_deck_fail(
        source, 0, "%lld bytes are too long for a deck (at most %d): tables belong into HDF5 files",
        (long long)length, SB_DECK_BYTES);
  if (prefix) strncpy(r.name, prefix, sizeof r.name - 1);
  SB_TRY(check_directives(&r));
  if (!yaml_parser_initialize(&r.yaml)) return sb_fail(SB_SYS, "%s: no memory to read it", source);
  yaml_parser_set_input_string(&r.yaml, (const unsigned char *)bytes, (size_t)length);
  sb_status s = walk(&r);
  yaml_parser_delete(&r.yaml);
  if (!s && !r.first) s = no_event(&r);
  if (!s) *out = r.first;
  return s;
}
