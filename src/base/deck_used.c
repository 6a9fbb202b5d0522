/* The used deck: every value of a run as YAML that reads back the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "deck.h"
#include "sb/mem.h"

#define WIDTH 100

/* Text under construction; out NULL: only counts. */
typedef struct page {
  char *out;
  size_t length;
  int column;
} page;

static void put(page *p, const char *text, size_t length) {
  if (p->out) memcpy(p->out + p->length, text, length);
  p->length += length;
  for (size_t i = 0; i < length; i++) p->column = text[i] == '\n' ? 0 : p->column + 1;
}

static void print(page *p, const char *text) { put(p, text, strlen(text)); }

static void indent(page *p, int level) {
  for (int i = 0; i < level; i++) print(p, "  ");
}

/* Other readers of YAML take these for something else than a text. */
static bool is_special(const char *text) {
  static const char *const words[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (!strcasecmp(text, words[i])) return true;
  return false;
}

/* True when the text means itself without quotes. */
static bool is_plain(const char *text) {
  char first = text[0];
  size_t n = strlen(text);
  bool letter = (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z');
  if ((!letter && first != '/' && first != '_') || is_special(text)) return false;
  for (size_t i = 0; i < n; i++) {
    if (text[i] < 0x20 || text[i] > 0x7E) return false;
    if (text[i] == ':' && (i + 1 == n || text[i + 1] == ' ')) return false;
    if (text[i] == '#' && text[i - 1] == ' ') return false;
  }
  return text[n - 1] != ' ';
}

/* Length of the character of UTF-8 at text and its number; a stray byte stands for itself. */
static int decode(const unsigned char *text, unsigned *code) {
  int n = *text < 0xC2 ? 1 : *text < 0xE0 ? 2 : *text < 0xF0 ? 3 : *text < 0xF5 ? 4 : 1;
  *code = n == 1 ? *text : *text & (0xFFu >> (n + 1));
  for (int i = 1; i < n; i++) {
    if ((text[i] & 0xC0) != 0x80) {
      *code = *text;
      return 1;
    }
    *code = *code << 6 | (text[i] & 0x3Fu);
  }
  return n;
}

/* Characters that YAML allows as they are, inside double quotes and without breaking the line. */
static bool is_printable(unsigned c) {
  if (c < 0x7F) return c >= 0x20 && c != '"' && c != '\\';
  if (c == 0x2028 || c == 0x2029 || c == 0xFEFF) return false;
  return (c >= 0xA0 && c <= 0xD7FF) || (c >= 0xE000 && c <= 0xFFFD) || c >= 0x10000;
}

static void print_quoted(page *p, const char *text) {
  print(p, "\"");
  for (const unsigned char *at = (const unsigned char *)text; *at;) {
    unsigned c;
    char escape[16];
    int n = decode(at, &c);
    if (is_printable(c)) {
      put(p, (const char *)at, (size_t)n);
    } else {
      if (c == '"' || c == '\\')
        snprintf(escape, sizeof escape, "\\%c", (char)c);
      else if (c == '\n' || c == '\t')
        snprintf(escape, sizeof escape, "\\%c", c == '\n' ? 'n' : 't');
      else
        snprintf(escape, sizeof escape, c < 0x100 ? "\\x%02X" : "\\u%04X", c);
      print(p, escape);
    }
    at += n;
  }
  print(p, "\"");
}

static void print_text(page *p, const char *text) {
  if (is_plain(text))
    print(p, text);
  else
    print_quoted(p, text);
}

static void print_list(page *p, const sb_reals *list, int level) {
  char text[40];
  print(p, "[");
  for (int i = 0; i < list->n; i++) {
    sb_real_text(list->v[i], text, sizeof text);
    if (i > 0) print(p, ",");
    if (i > 0 && p->column + (int)strlen(text) + 3 > WIDTH) {
      print(p, "\n");
      indent(p, level + 1);
    } else if (i > 0) {
      print(p, " ");
    }
    print(p, text);
  }
  print(p, "]");
}

static void print_value(page *p, const sb_bound *b, int level) {
  char text[128];
  int length;
  const char *word;
  switch (b->key->type) {
    case SB_KEY_INT:
      snprintf(text, sizeof text, "%lld", (long long)b->value.whole);
      print(p, text);
      break;
    case SB_KEY_REAL:
      sb_real_text(b->value.real, text, sizeof text);
      print(p, text);
      break;
    case SB_KEY_BOOL: print(p, b->value.whole ? "true" : "false"); break;
    case SB_KEY_CHOICE:
      word = sb_choice_word(b->key->choices, (int)b->value.whole, &length);
      snprintf(text, sizeof text, "%.*s", length, word);
      print_text(p, text);
      break;
    case SB_KEY_TEXT: print_text(p, b->value.text); break;
    case SB_KEY_REALS: print_list(p, &b->value.list, level); break;
  }
}

/* Opens the sections of a name that the last one does not share; returns the level of its key. */
static int open_sections(page *p, const char *last, const char *name, const char **key) {
  int level = 0;
  bool same = true;
  const char *dot;
  for (; (dot = strchr(name, '.')); name = dot + 1, level++) {
    size_t length = (size_t)(dot - name) + 1;
    same = same && !strncmp(last, name, length);
    if (same) {
      last += length;
      continue;
    }
    indent(p, level);
    put(p, name, length - 1);
    print(p, ":\n");
  }
  *key = name;
  return level;
}

/* As the deck had it: numbers without quotes, and words that mean nothing else inside a list. */
static void print_grid_value(page *p, const char *value) {
  char *end;
  strtod(value, &end);
  if ((*value && !*end) || (is_plain(value) && !strpbrk(value, "[]{},\"'")))
    print(p, value);
  else
    print_quoted(p, value);
}

/* Keys with lists of values: the grid of a study, or what goes along with it. */
static void print_lists(page *p, const sb_deck *deck, const char *top,
                        const char *(*key_at)(const sb_deck *, int, int *),
                        const char *(*value_at)(const sb_deck *, int, int)) {
  const char *key, *value;
  int values, keys = 0;
  for (; (key = key_at(deck, keys, &values)); keys++) {
    if (keys == 0) print(p, top);
    indent(p, 2);
    print(p, key);
    print(p, ": [");
    for (int k = 0; (value = value_at(deck, keys, k)); k++) {
      if (k > 0 && p->column + (int)strlen(value) + 4 > WIDTH) {
        print(p, ",\n");
        indent(p, 3);
      } else if (k > 0)
        print(p, ", ");
      print_grid_value(p, value);
    }
    print(p, "]\n");
  }
}

/* They stand with the other keys of their section. */
static void print_grid(page *p, const sb_deck *deck) {
  print_lists(p, deck, "  grid:\n", sb_deck_grid_key, sb_deck_grid_value);
  print_lists(p, deck, "  along:\n", sb_deck_along_key, sb_deck_along_value);
}

static void print_deck(page *p, const sb_deck *deck) {
  const char *last = "", *key;
  print(p, "# every parameter of this run\n");
  for (const sb_entry *e = deck->entries; e; e = e->next) {
    if (strncmp(e->name, "about.", 6) != 0) continue;
    int level = open_sections(p, last, e->name, &key);
    indent(p, level);
    print(p, key);
    print(p, ": ");
    print_text(p, e->first->text);
    print(p, "\n");
    last = e->name;
  }
  for (const sb_bound *b = deck->printed; b; b = b->printed) {
    if (b->quiet) continue;
    int level = open_sections(p, last, b->name, &key);
    indent(p, level);
    print(p, key);
    print(p, ": ");
    print_value(p, b, level);
    print(p, "\n");
    last = b->name;
    if (!strncmp(last, "study.", 6) && (!b->printed || strncmp(b->printed->name, "study.", 6)))
      print_grid(p, deck);
  }
}

sb_status sb_deck_used(const sb_deck *deck, char **out) {
  page count = {0}, text = {0};
  *out = NULL;
  print_deck(&count, deck);
  SB_TRY(sb_mem_new(&text.out, (int64_t)count.length + 1, 1, "used deck"));
  print_deck(&text, deck);
  *out = text.out;
  return SB_OK;
}
