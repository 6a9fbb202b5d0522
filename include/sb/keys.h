/* layer: base */
/** Parameter tables and the deck. A module that has options declares a struct, and one table of
 * sb_key that fills it.
 *
 * A deck is YAML (libyaml), one document, at most 1 MiB. Nested mappings become dotted names
 * ("train.score.steps"); lists hold numbers. Every key must stand in a table; an unknown one ends
 * the run and the nearest known one is named. Only the section `about` is free: any texts, which
 * the used deck keeps; and `study.grid` and `study.along`, where names of keys stand with lists of
 * values. Anchors, aliases and tags are refused.
 *
 * Every rank calls these functions with the same bytes; none communicates. */
#ifndef SB_KEYS_H
#define SB_KEYS_H
#include <stddef.h>
#include <stdint.h>

#include "sb/status.h"

typedef enum sb_key_type {
  SB_KEY_INT,    /**< int64_t member; 1e4 is whole, too                                 */
  SB_KEY_REAL,   /**< double member; finite                                             */
  SB_KEY_BOOL,   /**< int member: true/false, on/off, yes/no                            */
  SB_KEY_CHOICE, /**< int member: index into the words of `choices` ("a|b|c")           */
  SB_KEY_TEXT,   /**< char * member; "" when empty; owned by the deck                   */
  SB_KEY_REALS   /**< sb_reals member: a list (nested ones are flattened) or one number */
} sb_key_type;

/** A list of numbers from a deck; v is owned by the deck. */
typedef struct sb_reals {
  int n;
  double *v;
} sb_reals;

/** One parameter. A table of them ends with a zeroed entry. */
typedef struct sb_key {
  const char *name;    /**< inside its section: letters, digits, _ and -, a letter first */
  sb_key_type type;    /**< of the member                                                */
  size_t offset;       /**< of the member in the struct of the section                   */
  const char *preset;  /**< default as a deck would say it; NULL: must be given          */
  double low, high;    /**< range, ends allowed and maybe infinite; both 0: any number   */
  const char *choices; /**< words of a choice: "a|b|c"                                   */
  const char *unit;    /**< "" when it has none                                          */
  const char *help;    /**< one line                                                     */
} sb_key;

#define SB_INT(type, member, preset, low, high, unit, help) \
  { #member, SB_KEY_INT, offsetof(type, member), preset, low, high, NULL, unit, help }
#define SB_REAL(type, member, preset, low, high, unit, help) \
  { #member, SB_KEY_REAL, offsetof(type, member), preset, low, high, NULL, unit, help }
#define SB_BOOL(type, member, preset, help) \
  { #member, SB_KEY_BOOL, offsetof(type, member), preset, 0, 0, NULL, "", help }
#define SB_CHOICE(type, member, preset, choices, help) \
  { #member, SB_KEY_CHOICE, offsetof(type, member), preset, 0, 0, choices, "", help }
#define SB_TEXT(type, member, preset, help) \
  { #member, SB_KEY_TEXT, offsetof(type, member), preset, 0, 0, NULL, "", help }
#define SB_REALS(type, member, preset, low, high, unit, help) \
  { #member, SB_KEY_REALS, offsetof(type, member), preset, low, high, NULL, unit, help }

/** A section of the deck: where its keys stand, which table describes them, which struct receives
 *  them. Several tables may share a path, each with a struct of its own. Keys that are not given
 *  take what the key of the same name and type in the parent takes, before their own preset. */
typedef struct sb_section {
  const char *path;   /**< "train", "train.score"; "" for top-level keys               */
  const char *parent; /**< path of an earlier section, or NULL                         */
  const sb_key *keys; /**< table                                                       */
  void *values;       /**< struct of the table; NULL: checked only                     */
  const char *about;  /**< a line for help                                             */
} sb_section;

typedef struct sb_deck sb_deck;

/** Reads a deck. `name` is for messages. Not YAML, no key in it, a key given twice: SB_USE with
 *  file and line. bytes are not needed afterwards. *out is NULL on failure. */
sb_status sb_deck_read(const char *bytes, int64_t length, const char *name, sb_deck **out);
/** Overrides from the shell, before sb_deck_bind: "train.steps=100". The text after = is YAML, so
 *  "data.means=[[0, 1], [1, 0]]" and "train={steps: 5, batch: 64}" are fine; nothing is an empty
 *  value. After a failure the deck is as before. */
sb_status sb_deck_set(sb_deck *deck, const char *assignment);
/** The text given for a dotted name, or NULL; scalars only. Owned by the deck. */
const char *sb_deck_raw(const sb_deck *deck, const char *name);
/** The grid of a study, in order of the deck: key i = 0, 1, … below `study.grid`, and its number of values; NULL behind
 *  the last. Value k of it as text. Keys of the grid are not bound; sb_deck_set tries them. */
const char *sb_deck_grid_key(const sb_deck *deck, int i, int *values);
const char *sb_deck_grid_value(const sb_deck *deck, int i, int k);
/** The same of `study.along`: keys whose values go along with those of the first key of the grid. */
const char *sb_deck_along_key(const sb_deck *deck, int i, int *values);
const char *sb_deck_along_value(const sb_deck *deck, int i, int k);
/** Fills the structs of all sections, defaults included. Unknown key, wrong type, out of range, not
 *  given: SB_USE with file and line; structs may then be half filled. May be called again, for
 *  instance with more sections. Tables must live as long as the deck; `sections` and structs need
 *  not. */
sb_status sb_deck_bind(sb_deck *deck, const sb_section *sections, int n);
/** The same where sections own .. n-1 are of others, which may read this deck too: of their keys those that the deck
 *  has, and no section before has, are checked, and stand in the used deck. A key that they mean otherwise stands there
 *  only where the deck has it. */
sb_status sb_deck_bind_with(sb_deck *deck, const sb_section *sections, int own, int n);
/** All values, defaults included, as YAML that repeats the run (sb_mem_new; the caller frees). Keys
 *  of a section with a parent only where they differ from it. After sb_deck_bind; what the program
 *  changed in the structs since then does not show. */
sb_status sb_deck_used(const sb_deck *deck, char **out);
/** Names of keys whose values differ between two bound decks, or that only one of them has, one at
 *  a time: i = 0, 1, …; NULL at the end. */
const char *sb_deck_differs(const sb_deck *a, const sb_deck *b, int i);
/** Frees the deck with its texts and lists; NULL is fine. */
void sb_deck_free(sb_deck *deck);

/** Prints every key of the sections: name, default, range, unit, meaning; 120 columns at most. */
void sb_keys_print(const sb_section *sections, int n);
/** The known word nearest to `word`, counting insertions, deletions, replacements and swapped
 *  neighbours; NULL when more than two letters and more than a third differ. words: n strings. */
const char *sb_nearest(const char *word, const char *const *words, int n);

#endif
