/* Tables of keys for people: the list of `help keys`, and the nearest name to a misprint. */
#include "sb/keys.h"

#include <stdio.h>
#include <string.h>

#include "deck.h"
#include "sb/log.h"

#define WIDTH   120
#define COLUMNS 5
#define CELL    640

static int least(int a, int b) { return a < b ? a : b; }

/* Damerau-Levenshtein (restricted): insertions, deletions, replacements, neighbours swapped. */
static int edit_distance(const char *a, const char *b) {
  int row[3][SB_DECK_NAME + 1];
  int m = (int)strlen(a), n = (int)strlen(b);
  if (m > SB_DECK_NAME || n > SB_DECK_NAME) return m > n ? m : n;
  for (int j = 0; j <= n; j++) row[0][j] = j;
  for (int i = 1; i <= m; i++) {
    int *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
    now[0] = i;
    for (int j = 1; j <= n; j++) {
      int d = least(last[j - 1] + (a[i - 1] != b[j - 1]), 1 + least(last[j], now[j - 1]));
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d = least(d, before[j - 2] + 1);
      now[j] = d;
    }
  }
  return row[m % 3][n];
}

void sb_near_try(sb_near *near, const char *candidate, const char *name) {
  int length = (int)strlen(near->word);
  int limit = length / 3 > 2 ? length / 3 : 2;
  int d = edit_distance(near->word, candidate);
  if (d > limit || d >= length || (near->name && d >= near->distance)) return;
  near->name = name;
  near->distance = d;
}

const char *sb_nearest(const char *word, const char *const *words, int n) {
  sb_near near = {.word = word};
  for (int i = 0; i < n; i++) sb_near_try(&near, words[i], words[i]);
  return near.name;
}

typedef struct row {
  char cell[COLUMNS][CELL]; /* name, default, range, unit, meaning */
} row;

/* Columns that a text takes on screen: characters of UTF-8. */
static int screen_width(const char *text, size_t bytes) {
  int n = 0;
  for (size_t i = 0; i < bytes; i++) n += ((unsigned char)text[i] & 0xC0) != 0x80;
  return n;
}

/* Bytes of the next line of a cell, at most width columns: broken at a blank, or anywhere where
 * there is none. */
static size_t line_length(const char *text, int width) {
  size_t blank = 0, i = 0;
  for (int column = 0; text[i]; i++) {
    if (text[i] == ' ') blank = i;
    if (((unsigned char)text[i] & 0xC0) != 0x80 && column++ == width) return blank ? blank : i;
  }
  return i;
}

static void print_row(const row *r, const int *width) {
  const char *left[COLUMNS];
  for (int k = 0; k < COLUMNS; k++) left[k] = r->cell[k];
  for (bool more = true; more;) {
    char line[4 * WIDTH + 16];
    size_t used = 0, end = 0;
    more = false;
    for (int k = 0; k < COLUMNS; k++) {
      size_t n = line_length(left[k], width[k]);
      int blanks = width[k] - screen_width(left[k], n);
      if (used + n + (size_t)blanks + 3 > sizeof line) break;
      used += (size_t)snprintf(line + used, sizeof line - used, "  %.*s", (int)n, left[k]);
      if (n > 0) end = used;
      used += (size_t)snprintf(line + used, sizeof line - used, "%*s", blanks, "");
      left[k] += n;
      left[k] += strspn(left[k], " ");
      more = more || *left[k];
    }
    sb_say("%.*s\n", (int)end, line);
  }
}

static void fill_row(const sb_section *section, const sb_key *key, row *r) {
  snprintf(r->cell[0], CELL, "%s%s%s", section->path, section->path[0] ? "." : "", key->name);
  const char *preset = key->preset ? key->preset : "required";
  snprintf(r->cell[1], CELL, "%s", *preset ? preset : key->type == SB_KEY_REALS ? "[]" : "\"\"");
  sb_key_range(key, r->cell[2], CELL);
  snprintf(r->cell[3], CELL, "%s", key->unit ? key->unit : "");
  snprintf(r->cell[4], CELL, "%s", key->help ? key->help : "");
}

/* Keys of a parent are printed there. */
static bool in_parent(const sb_section *sections, int n, const char *parent, const char *name) {
  for (int i = 0; parent && i < n; i++)
    for (const sb_key *key = sections[i].keys; key && key->name; key++)
      if (!strcmp(sections[i].path, parent) && !strcmp(key->name, name)) return true;
  return false;
}

static void fit_columns(const sb_section *sections, int n, int *width) {
  static const int most[COLUMNS] = {36, 16, 24, 12, WIDTH};
  row r;
  for (int i = 0; i < n; i++)
    for (const sb_key *key = sections[i].keys; key && key->name; key++) {
      if (in_parent(sections, n, sections[i].parent, key->name)) continue;
      fill_row(&sections[i], key, &r);
      for (int k = 0; k < COLUMNS; k++) {
        int w = screen_width(r.cell[k], strlen(r.cell[k]));
        if (w > width[k]) width[k] = least(w, most[k]);
      }
    }
  int left = WIDTH;
  for (int k = 0; k < COLUMNS - 1; k++) left -= width[k] + 2;
  width[COLUMNS - 1] = left - 2;
}

void sb_keys_print(const sb_section *sections, int n) {
  row r = {.cell = {"key", "default", "range", "unit", "meaning"}};
  int width[COLUMNS] = {3, 7, 5, 4, 7};
  fit_columns(sections, n, width);
  print_row(&r, width);
  for (int i = 0; i < n; i++) {
    const sb_section *s = &sections[i];
    sb_say("\n%s%s%s\n", s->path, s->path[0] && s->about ? ": " : "", s->about ? s->about : "");
    if (s->parent) sb_say("  Every key of %s, which gives the default here.\n", s->parent);
    for (const sb_key *key = s->keys; key && key->name; key++) {
      if (in_parent(sections, n, s->parent, key->name)) continue;
      fill_row(s, key, &r);
      print_row(&r, width);
    }
  }
}
