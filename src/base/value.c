/* Values of keys: from the text of a deck, into a struct, and back to text. */
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "deck.h"
#include "sb/mem.h"

#define EXACT 9007199254740992.0 /* 2^53: whole numbers up to here are exact doubles */

/* A library may have set a locale whose numbers have commas: numbers of decks never do. */
static locale_t plain_numbers(void) {
  locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  return c ? uselocale(c) : (locale_t)0;
}

static void usual_numbers(locale_t old) {
  if (!old) return;
  locale_t c = uselocale(old);
  freelocale(c);
}

static const char *digits(const char *p) { return p + strspn(p, "0123456789"); }

/* Decimal numbers only: no blanks, hexadecimals, inf, nan. */
static bool is_number(const char *text) {
  const char *p = text + (*text == '+' || *text == '-'), *whole = digits(p), *end = whole;
  bool any = whole > p;
  if (*end == '.') {
    end = digits(whole + 1);
    any = any || end > whole + 1;
  }
  if (!any) return false;
  if (*end == 'e' || *end == 'E') {
    p = end + 1 + (end[1] == '+' || end[1] == '-');
    end = digits(p);
    if (end == p) return false;
  }
  return *end == '\0';
}

static bool read_real(const char *text, double *x) {
  if (!is_number(text)) return false;
  char *end;
  locale_t old = plain_numbers();
  errno = 0;
  *x = strtod(text, &end);
  bool good = *end == '\0' && isfinite(*x) && !(errno == ERANGE && *x == 0.0);
  usual_numbers(old);
  return good;
}

/* "1e4" is whole, too. */
static bool read_whole(const char *text, int64_t *i) {
  if (!is_number(text)) return false;
  char *end;
  errno = 0;
  long long all = strtoll(text, &end, 10);
  if (*end == '\0') {
    *i = all;
    return errno == 0;
  }
  double x;
  if (!read_real(text, &x) || x != floor(x) || fabs(x) > EXACT) return false;
  *i = (int64_t)x;
  return true;
}

static bool read_bool(const char *text, int64_t *i) {
  static const char *const words[] = {"false", "true", "off", "on", "no", "yes"};
  for (int k = 0; k < 6; k++)
    if (!strcasecmp(text, words[k])) {
      *i = k % 2;
      return true;
    }
  return false;
}

const char *sb_choice_word(const char *choices, int i, int *length) {
  for (; i > 0; i--) {
    choices = strchr(choices, '|');
    if (!choices) return NULL;
    choices++;
  }
  *length = (int)strcspn(choices, "|");
  return choices;
}

static bool read_choice(const char *choices, const char *text, int64_t *i) {
  int length;
  const char *word;
  for (int k = 0; (word = sb_choice_word(choices, k, &length)); k++)
    if ((size_t)length == strlen(text) && !memcmp(word, text, (size_t)length)) {
      *i = k;
      return true;
    }
  return false;
}

static bool in_range(const sb_key *key, double x) {
  return (key->low == 0 && key->high == 0) || (key->low <= x && x <= key->high);
}

bool sb_word_empty(const sb_word *w) {
  return w->plain && (!*w->text || !strcmp(w->text, "~") || !strcmp(w->text, "null"));
}

void sb_key_range(const sb_key *key, char *out, size_t size) {
  out[0] = '\0';
  if (key->type == SB_KEY_CHOICE) {
    size_t n = 0;
    for (const char *p = key->choices; *p && n + 3 < size; p++) {
      out[n++] = *p == '|' ? ',' : *p;
      if (*p == '|') out[n++] = ' ';
    }
    out[n] = '\0';
  } else if (key->type == SB_KEY_BOOL) {
    snprintf(out, size, "true, false");
  } else if ((key->low != 0 || key->high != 0) && !(isinf(key->low) && isinf(key->high))) {
    char low[32], high[32];
    sb_real_text(key->low, low, sizeof low);
    sb_real_text(key->high, high, sizeof high);
    if (isinf(key->high))
      snprintf(out, size, ">= %s", low);
    else if (isinf(key->low))
      snprintf(out, size, "<= %s", high);
    else
      snprintf(out, size, "%s .. %s", low, high);
  }
}

void sb_key_expects(const sb_key *key, char *out, size_t size) {
  static const char *const nouns[] = {
      [SB_KEY_INT] = "a whole number", [SB_KEY_REAL] = "a number", [SB_KEY_BOOL] = "one of",
      [SB_KEY_CHOICE] = "one of",      [SB_KEY_TEXT] = "a text",   [SB_KEY_REALS] = "numbers"};
  char range[512];
  sb_key_range(key, range, sizeof range);
  const char *in = strstr(range, " .. ") ? " in " : range[0] ? " " : "";
  bool unit = key->unit && key->unit[0];
  snprintf(out, size, "%s%s%s%s%s%s", nouns[key->type], in, range, unit ? " (unit " : "",
           unit ? key->unit : "", unit ? ")" : "");
}

sb_status sb_value_refuse(const sb_key *key, const char *name, const sb_entry *e) {
  char expects[640];
  sb_key_expects(key, expects, sizeof expects);
  return sb_deck_fail(e->source, e->line, "'%s' is a %s: expected %s", name,
                      e->kind == SB_ENTRY_LIST ? "list" : "mapping", expects);
}

/* " (did you mean 'word'?)", or "". */
static void hint(const char *choices, const char *text, char *out, size_t size) {
  char word[SB_DECK_NAME];
  sb_near near = {.word = text};
  int length;
  const char *choice;
  out[0] = '\0';
  for (int k = 0; (choice = sb_choice_word(choices, k, &length)); k++) {
    snprintf(word, sizeof word, "%.*s", length, choice);
    sb_near_try(&near, word, choice);
  }
  if (near.name)
    snprintf(out, size, " (did you mean '%.*s'?)", (int)strcspn(near.name, "|"), near.name);
}

/* The message for a word that the key does not take; element: its place in a list, from 1. */
static sb_status refuse_word(const sb_key *key, const char *name, const sb_entry *e,
                             const sb_word *w, int element) {
  char expects[640], shown[SB_DECK_SHOWN], place[32] = "", meant[64] = "", from[160] = "";
  sb_key_expects(key, expects, sizeof expects);
  if (element > 0 && e->kind == SB_ENTRY_LIST)
    snprintf(place, sizeof place, "element %d of ", element);
  if (strcmp(e->name, name) != 0) snprintf(from, sizeof from, " (from '%s')", e->name);
  if (sb_word_empty(w))
    return sb_deck_fail(e->source, w->line, "%s'%s'%s has no value: expected %s", place, name, from,
                        expects);
  if (key->type == SB_KEY_CHOICE) hint(key->choices, w->text, meant, sizeof meant);
  return sb_deck_fail(e->source, w->line, "%s'%s' = '%s'%s: expected %s%s", place, name,
                      sb_deck_show(w->text, shown), from, expects, meant);
}

static sb_status read_list(sb_deck *deck, const sb_key *key, const char *name, const sb_entry *e,
                           sb_reals *out) {
  int i = 0;
  *out = (sb_reals){0, NULL};
  SB_TRY(sb_deck_hold(deck, (size_t)e->words * sizeof *out->v, &out->v));
  if (e->kind == SB_ENTRY_WORD && sb_word_empty(e->first)) return SB_OK;
  for (const sb_word *w = e->first; w; w = w->next, i++)
    if (!read_real(w->text, &out->v[i]) || !in_range(key, out->v[i]))
      return refuse_word(key, name, e, w, i + 1);
  out->n = i;
  return SB_OK;
}

sb_status sb_value_read(sb_deck *deck, const sb_key *key, const char *name, const sb_entry *e,
                        sb_value *out) {
  if (key->type == SB_KEY_REALS && e->kind != SB_ENTRY_MAPPING)
    return read_list(deck, key, name, e, &out->list);
  if (e->kind != SB_ENTRY_WORD) return sb_value_refuse(key, name, e);
  const sb_word *w = e->first;
  bool good = false;
  switch (key->type) {
    case SB_KEY_INT:
      good = read_whole(w->text, &out->whole) && in_range(key, (double)out->whole);
      break;
    case SB_KEY_REAL: good = read_real(w->text, &out->real) && in_range(key, out->real); break;
    case SB_KEY_BOOL: good = read_bool(w->text, &out->whole); break;
    case SB_KEY_CHOICE: good = read_choice(key->choices, w->text, &out->whole); break;
    case SB_KEY_TEXT:
      if (sb_word_empty(w)) return sb_deck_copy(deck, "", 0, &out->text);
      out->text = w->text;
      return SB_OK;
    case SB_KEY_REALS: break;
  }
  return good ? SB_OK : refuse_word(key, name, e, w, 0);
}

void sb_value_store(const sb_key *key, const sb_value *v, void *values) {
  void *member = (char *)values + key->offset;
  switch (key->type) {
    case SB_KEY_INT: *(int64_t *)member = v->whole; break;
    case SB_KEY_REAL: *(double *)member = v->real; break;
    case SB_KEY_BOOL:
    case SB_KEY_CHOICE: *(int *)member = (int)v->whole; break;
    case SB_KEY_TEXT: *(char **)member = v->text; break;
    case SB_KEY_REALS: *(sb_reals *)member = v->list; break;
  }
}

bool sb_value_equal(const sb_key *key, const sb_value *a, const sb_value *b) {
  switch (key->type) {
    case SB_KEY_REAL: return a->real == b->real;
    case SB_KEY_TEXT: return !strcmp(a->text, b->text);
    case SB_KEY_REALS:
      if (a->list.n != b->list.n) return false;
      for (int i = 0; i < a->list.n; i++)
        if (a->list.v[i] != b->list.v[i]) return false;
      return true;
    default: return a->whole == b->whole;
  }
}

void sb_real_text(double x, char *out, size_t size) {
  locale_t old = plain_numbers();
  if (x == floor(x) && fabs(x) < 1e15) {
    snprintf(out, size, "%.0f", x);
  } else {
    for (int n = 1; n <= 17; n++) {
      snprintf(out, size, "%.*g", n, x);
      if (strtod(out, NULL) == x) break;
    }
    char *e = strchr(out, 'e'); /* YAML 1.1 takes 1e-05 for a text, 1.0e-05 for a number */
    if (e && !strchr(out, '.') && strlen(out) + 3 <= size) {
      memmove(e + 2, e, strlen(e) + 1);
      memcpy(e, ".0", 2);
    }
  }
  usual_numbers(old);
}
