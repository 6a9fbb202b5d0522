/* Tables of keys of all types for the tests of decks, and what they are bound into. */
#ifndef SB_DECK_CASE_H
#define SB_DECK_CASE_H
#include <string.h>

#include "sb/keys.h"
#include "tap.h"

typedef struct train {
  int64_t steps, batch;
  double rate;
  int keep, clip;
  char *note;
  sb_reals betas;
} train;

static const sb_key train_keys[] = {
    SB_INT(train, steps, "10000", 1, 1e9, "steps", "steps of the optimiser"),
    SB_INT(train, batch, "64", 1, 65536, "rows", "rows of a step"),
    SB_REAL(train, rate, "1e-3", 0, INFINITY, "1/σ", "learning rate"),
    SB_CHOICE(train, keep, "best", "best|last|none", "which weights are kept"),
    SB_BOOL(train, clip, "on", "clip the gradient"),
    SB_TEXT(train, note, "", "free text"),
    SB_REALS(train, betas, "[0.9, 0.999]", 0, 1, "", "decay of the moments"),
    {0}};

typedef struct data {
  int64_t n, offset;
  char *file;
} data;

static const sb_key data_keys[] = {SB_INT(data, n, NULL, 1, 1e12, "rows", "rows to read"),
                                   SB_INT(data, offset, "-3", 0, 0, "", "any whole number"),
                                   SB_TEXT(data, file, "/x", "table"),
                                   {0}};

typedef struct law {
  int law;
  sb_reals means;
  double variance;
} law;

static const sb_key law_keys[] = {
    SB_CHOICE(law, law, "none", "none|ring|moons|gaussian", "known law"),
    SB_REALS(law, means, "", 0, 0, "", "means of the modes"),
    SB_REAL(law, variance, "0.5", -INFINITY, 2, "", "variance of a mode"),
    {0}};

typedef struct extra {
  int64_t steps;
  double rate, own;
} extra;

static const sb_key extra_keys[] = {
    SB_INT(extra, steps, "7", 1, 20000, "steps", "steps, here at most 20000"),
    SB_REAL(extra, rate, "2", 0, 10, "", "rate"),
    SB_REAL(extra, own, "3", 0, 10, "", "own key"),
    {0}};

typedef struct top {
  char *output;
  int64_t seed;
} top;

static const sb_key top_keys[] = {SB_TEXT(top, output, "output", "folder of the run"),
                                  SB_INT(top, seed, "1", 0, 0, "", "seed of the noise"),
                                  {0}};

static train t, score;
static data d;
static law l;
static extra ratio, deep;
static top o;
static const sb_section sections[] = {{"", NULL, top_keys, &o, "the run"},
                                      {"train", NULL, train_keys, &t, "how networks learn"},
                                      {"data", NULL, data_keys, &d, "what is learned"},
                                      {"train.score", "train", train_keys, &score, "score network"},
                                      {"data", NULL, law_keys, &l, "known laws"},
                                      {"train.ratio", "train", extra_keys, &ratio, "ratio network"},
                                      {"train.ratio.deep", "train.ratio", extra_keys, &deep, NULL}};
#define SECTIONS ((int)(sizeof sections / sizeof *sections))

static sb_deck *deck;

/* Reads, overrides (set may be NULL) and binds into the structs above. */
static inline sb_status bind_bytes(const char *bytes, int64_t length, const char *set) {
  sb_deck_free(deck);
  deck = NULL;
  sb_forget();
  SB_TRY(sb_deck_read(bytes, length, "a.yml", &deck));
  if (set) SB_TRY(sb_deck_set(deck, set));
  return sb_deck_bind(deck, sections, SECTIONS);
}

static inline sb_status bind(const char *text, const char *set) {
  return bind_bytes(text, (int64_t)strlen(text), set);
}

static inline void good(const char *text, const char *what) {
  sb_status s = bind(text, NULL);
  if (!tap_ok(s == SB_OK, "%s", what)) printf("# %s\n", sb_message());
}

/* The deck `text`, or with `set` on top, ends with this message. */
static inline void refused(const char *text, const char *set, const char *message) {
  sb_status s = bind(text, set);
  if (!tap_ok(s == SB_USE && !strcmp(sb_message(), message), "%s", message))
    printf("# status %d: %s\n", (int)s, sb_message());
}

#endif
