/* Private parts of a deck: what YAML gave, and what was bound. The public side is sb/keys.h. */
#ifndef SB_BASE_DECK_H
#define SB_BASE_DECK_H
#include <stdbool.h>
#include <stddef.h>

#include "sb/keys.h"

#define SB_DECK_BYTES   (1 << 20) /* of a deck                        */
#define SB_DECK_ENTRIES 4096      /* keys and sections in a deck      */
#define SB_DECK_DEPTH   16        /* levels of mappings and lists     */
#define SB_DECK_NAME    128       /* of a dotted name, with its 0     */
#define SB_DECK_SHOWN   64        /* of a value quoted in a message   */
/* Below them stand keys of any section, with lists of values. */
#define SB_DECK_GRID  "study.grid"
#define SB_DECK_ALONG "study.along"

/* A scalar, or an element of a list. */
typedef struct sb_word {
  struct sb_word *next;
  char *text;
  int line;
  bool plain; /* without quotes: empty, ~ and null then mean nothing */
} sb_word;

typedef enum sb_entry_kind { SB_ENTRY_WORD, SB_ENTRY_LIST, SB_ENTRY_MAPPING } sb_entry_kind;

/* What the deck says about a dotted name. */
typedef struct sb_entry {
  struct sb_entry *next;
  const char *name, *source; /* source: file, "--set" or "default" */
  int line;                  /* 0: none to name                     */
  sb_entry_kind kind;
  int words;
  sb_word *first, *last;
} sb_entry;

/* A value of any type; the type of the key says which member counts (whole: integers, booleans,
 * choices). */
typedef struct sb_value {
  int64_t whole;
  double real;
  char *text;
  sb_reals list;
} sb_value;

/* A key of a table under its dotted name. */
typedef struct sb_bound {
  struct sb_bound *next;     /* order of the tables                                   */
  struct sb_bound *printed;  /* next one in the used deck: sections stand together    */
  const sb_section *section; /* lives as long as the call of sb_deck_bind             */
  const sb_key *key;
  const char *name;
  sb_value value;
  bool quiet; /* the used deck leaves it out: equal to the parent's value, or a default that others
                 do not share */
} sb_bound;

/* Everything that a deck points to lies in its chunks and goes with it. */
typedef struct sb_chunk {
  struct sb_chunk *next;
  size_t size, used;
} sb_chunk;

struct sb_deck {
  sb_chunk *chunks;
  const char *name;
  sb_entry *entries;
  sb_bound *bound, *printed;
};

/* deck.c */
/* Zeroed memory that lives as long as the deck; out: pointer to the pointer that receives it. */
sb_status sb_deck_hold(sb_deck *deck, size_t bytes, void *out);
sb_status sb_deck_copy(sb_deck *deck, const char *text, size_t length, char **out);
sb_entry *sb_entry_find(sb_entry *list, const char *name);
/* Length of the name of the grid, or of what goes along with it, where this is that name or one
 * below it; else 0. */
size_t sb_deck_in_grid(const char *name);
/* SB_USE with "source:line: ...", or "source: ..." for line 0. */
sb_status sb_deck_fail(const char *source, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The text as a message may quote it: short, without control characters. */
const char *sb_deck_show(const char *text, char out[SB_DECK_SHOWN]);

/* deck_read.c */
/* Entries of the YAML text. prefix NULL: a whole deck; otherwise the value of that name, without
 * lines. */
sb_status sb_deck_parse(sb_deck *deck, const char *bytes, int64_t length, const char *source,
                        const char *prefix, sb_entry **out);
/* Names joined by dots: letters, digits, _ and -, each beginning with a letter or _. */
bool sb_name_good(const char *name);

/* value.c */
sb_status sb_value_read(sb_deck *deck, const sb_key *key, const char *name, const sb_entry *e,
                        sb_value *out);
/* The message for a list or mapping that the key does not take. */
sb_status sb_value_refuse(const sb_key *key, const char *name, const sb_entry *e);
void sb_value_store(const sb_key *key, const sb_value *v, void *values);
bool sb_value_equal(const sb_key *key, const sb_value *a, const sb_value *b);
bool sb_word_empty(const sb_word *w);
/* What the key takes: "a whole number from 1 to 64 (unit rows)". */
void sb_key_expects(const sb_key *key, char *out, size_t size);
/* Its range or words: "1 .. 64", ">= 0", "none, pca"; "" for any. */
void sb_key_range(const sb_key *key, char *out, size_t size);
/* Word i of "a|b|c" and its length; NULL behind the last. */
const char *sb_choice_word(const char *choices, int i, int *length);
/* The shortest text that reads back as x, in any locale. */
void sb_real_text(double x, char *out, size_t size);

/* keys.c */
/* The nearest of several words, offered one by one. Starts as {word}; `name` tells what was
 * nearest. */
typedef struct sb_near {
  const char *word;
  const char *name;
  int distance;
} sb_near;
void sb_near_try(sb_near *near, const char *candidate, const char *name);

#endif
