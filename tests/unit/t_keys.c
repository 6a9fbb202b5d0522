/* RUN np=1
 * Decks and tables of keys: values, defaults, messages, overrides, the used deck, hostile decks, no
 * memory. */
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sb/keys.h"
#include "sb/log.h"
#include "sb/mem.h"
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
static sb_status bind_bytes(const char *bytes, int64_t length, const char *set) {
  sb_deck_free(deck);
  deck = NULL;
  sb_forget();
  SB_TRY(sb_deck_read(bytes, length, "a.yml", &deck));
  if (set) SB_TRY(sb_deck_set(deck, set));
  return sb_deck_bind(deck, sections, SECTIONS);
}

static sb_status bind(const char *text, const char *set) {
  return bind_bytes(text, (int64_t)strlen(text), set);
}

static void good(const char *text, const char *what) {
  sb_status s = bind(text, NULL);
  if (!tap_ok(s == SB_OK, "%s", what)) printf("# %s\n", sb_message());
}

/* The deck `text`, or with `set` on top, ends with this message. */
static void refused(const char *text, const char *set, const char *message) {
  sb_status s = bind(text, set);
  if (!tap_ok(s == SB_USE && !strcmp(sb_message(), message), "%s", message))
    printf("# status %d: %s\n", (int)s, sb_message());
}

static void values(void) {
  good(
      "seed: 12345678901234567\n"
      "output: 'output/a b'\n"
      "data: {n: 1e4, law: moons, means: [[0, 1], [-2.5e-1, .5], []]}\n"
      "train:\n"
      "  steps: 250\n  rate: 5e-4\n  keep: last\n  clip: no\n"
      "  note: >\n    two\n    lines\n"
      "  betas: [0,\n    1]\n",
      "a deck of all types");
  tap_ok(o.seed == 12345678901234567 && !strcmp(o.output, "output/a b"), "keys at the top");
  tap_ok(d.n == 10000 && t.steps == 250, "whole numbers");
  tap_ok(t.rate == 5e-4 && t.keep == 1 && t.clip == 0, "number, choice, switch");
  tap_ok(!strcmp(t.note, "two lines\n"), "text");
  tap_ok(l.means.n == 4 && l.means.v[1] == 1 && l.means.v[2] == -0.25 && l.means.v[3] == 0.5,
         "nested lists are flattened");
  tap_ok(l.law == 2 && d.offset == -3, "two tables for one section");
  tap_ok(!strcmp(sb_deck_raw(deck, "data.n"), "1e4") && !sb_deck_raw(deck, "data") &&
             !sb_deck_raw(deck, "data.means") && !sb_deck_raw(deck, "data.nn"),
         "raw text of scalars");
  good("data.n: 3\ntrain: {score.steps: 4}\n", "dotted names may be written out");
  tap_ok(d.n == 3 && score.steps == 4, "and mean the same");
  tap_ok(t.steps == 10000 && t.rate == 1e-3 && t.keep == 0 && t.clip == 1 && !strcmp(t.note, "") &&
             t.betas.n == 2 && t.betas.v[1] == 0.999 && l.means.n == 0 && !strcmp(d.file, "/x"),
         "defaults");
  good("data: {n: 3, means: 7, file: null}\ntrain:\n  note: 'null'\n  betas:\n  score:\n",
       "one number is a list, a section may be empty");
  tap_ok(l.means.n == 1 && l.means.v[0] == 7 && t.betas.n == 0, "list of one, empty list");
  tap_ok(!strcmp(d.file, "") && !strcmp(t.note, "null"), "null is nothing, 'null' is a text");
}

static void numbers(void) {
  static const struct {
    const char *text;
    int whole, real;
  } cases[] = {
      {"5", 1, 1},      {"+5", 1, 1},   {"5.0", 1, 1},   {"5.", 1, 1},       {"0.5e1", 1, 1},
      {"5e0", 1, 1},    {"05", 1, 1},   {"'5'", 1, 1},   {"5.5", 0, 1},      {".5", 0, 1},
      {"12abc", 0, 0},  {"nan", 0, 0},  {"inf", 0, 0},   {".inf", 0, 0},     {"1e999", 0, 0},
      {"1e-999", 0, 0}, {"0x10", 0, 0}, {"1_000", 0, 0}, {"1,5", 0, 0},      {"' 5'", 0, 0},
      {"'5 '", 0, 0},   {"e5", 0, 0},   {".", 0, 0},     {"5e", 0, 0},       {"5e+", 0, 0},
      {"--5", 0, 0},    {"5-", 0, 0},   {"''", 0, 0},    {"infinity", 0, 0}, {"true", 0, 0}};
  char text[64];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    snprintf(text, sizeof text, "data: {n: 1, offset: %s}", cases[i].text);
    tap_ok((bind(text, NULL) == SB_OK) == cases[i].whole, "%s as a whole number", cases[i].text);
    snprintf(text, sizeof text, "train: {rate: %s}\ndata: {n: 1}", cases[i].text);
    tap_ok((bind(text, NULL) == SB_OK) == cases[i].real, "%s as a number", cases[i].text);
  }
  good("data: {n: 1, offset: -9223372036854775808}", "the smallest integer");
  tap_ok(d.offset == INT64_MIN, "has all its digits");
  tap_ok(bind("data: {n: 1, offset: 9223372036854775808}", NULL) == SB_USE, "one too many");
  tap_ok(bind("data: {n: 1, offset: 1e17}", NULL) == SB_USE, "digits must be written beyond 2^53");
  good("data: {n: 1, variance: -1e300}", "no lower end");
  static const char *const words[] = {"true", "on", "yes", "True", "ON", "false", "off", "no"};
  for (int i = 0; i < 8; i++) {
    snprintf(text, sizeof text, "train: {clip: %s}\ndata: {n: 1}", words[i]);
    tap_ok(bind(text, NULL) == SB_OK && t.clip == (i < 5), "clip: %s", words[i]);
  }
}

static void messages(void) {
  refused("data:\n  n: 1\ntrain:\n  stepz: 1\n", NULL,
          "a.yml:4: unknown key 'train.stepz' (did you mean 'train.steps'?)");
  refused("trian:\n  steps: 1\n", NULL, "a.yml:1: unknown section 'trian' (did you mean 'train'?)");
  refused("train:\n  scoer: {steps: 1}\n", NULL,
          "a.yml:2: unknown section 'train.scoer' (did you mean 'train.score'?)");
  refused("\nvariance: 1\n", NULL,
          "a.yml:2: unknown key 'variance' (did you mean 'data.variance'?)");
  refused("zzzzzzzzz: 1", NULL, "a.yml:1: unknown key 'zzzzzzzzz' (`sbridge help keys` lists all)");
  refused("train: {steps: 0}\ndata: {n: 1}", NULL,
          "a.yml:1: 'train.steps' = '0': expected a whole number in 1 .. 1000000000 (unit steps)");
  refused("data: {n: 1}\ntrain: {rate: -1e-5}", NULL,
          "a.yml:2: 'train.rate' = '-1e-5': expected a number >= 0 (unit 1/σ)");
  refused("data: {n: 1,\n variance: 3}", NULL,
          "a.yml:2: 'data.variance' = '3': expected a number <= 2");
  refused("data: {n: 1,\n offset: 1.5}", NULL,
          "a.yml:2: 'data.offset' = '1.5': expected a whole number");
  refused("data: {n: 1}\ntrain:\n  clip: maybe", NULL,
          "a.yml:3: 'train.clip' = 'maybe': expected one of true, false");
  refused("data: {n: 1, law: rnig}", NULL,
          "a.yml:1: 'data.law' = 'rnig': expected one of none, ring, moons, gaussian (did you mean "
          "'ring'?)");
  refused("data: {n: 1, law: cauchy}", NULL,
          "a.yml:1: 'data.law' = 'cauchy': expected one of none, ring, moons, gaussian");
  refused("data: {n: 1}\ntrain:\n  betas: [0.5,\n    1.5]", NULL,
          "a.yml:4: element 2 of 'train.betas' = '1.5': expected numbers in 0 .. 1");
  refused("data: {n: 1}\ntrain:\n  betas: many", NULL,
          "a.yml:3: 'train.betas' = 'many': expected numbers in 0 .. 1");
  refused("data: {n: 1, means: [1, , 2]}", NULL,
          "a.yml:1: not YAML: did not find expected node content");
  refused("data: {n: 1, means: [1, ~, 2]}", NULL,
          "a.yml:1: element 2 of 'data.means' has no value: expected numbers");
  refused("data: {n: 1}\ntrain:\n  betas: {a: 1}", NULL,
          "a.yml:3: 'train.betas' is a mapping: expected numbers in 0 .. 1");
  refused(
      "data:\n  n:\n    a: 1", NULL,
      "a.yml:2: 'data.n' is a mapping: expected a whole number in 1 .. 1000000000000 (unit rows)");
  refused("data:\n  n: [1]", NULL,
          "a.yml:2: 'data.n' is a list: expected a whole number in 1 .. 1000000000000 (unit rows)");
  refused(
      "data:\n  n:", NULL,
      "a.yml:2: 'data.n' has no value: expected a whole number in 1 .. 1000000000000 (unit rows)");
  refused("data: {n: 1}\noutput: [a, b]", NULL, "a.yml:2: 'output' is a list: expected a text");
  refused("data: 5", NULL, "a.yml:1: 'data' is a section: its keys stand below it, not a value");
  refused("data: [5]", NULL, "a.yml:1: 'data' is a section: its keys stand below it, not a list");
  refused(
      "seed: 1", NULL,
      "a.yml: key 'data.n' must be given: a whole number in 1 .. 1000000000000 (unit rows); rows "
      "to read");
  char text[300], want[300];
  snprintf(text, sizeof text, "data: {n: 1, law: \"%s\\e\\n\"}",
           "0123456789012345678901234567890123456789"
           "01234567890123456789");
  snprintf(want, sizeof want,
           "a.yml:1: 'data.law' = '%.60s...': expected one of none, ring, moons, gaussian",
           text + 19);
  refused(text, NULL, want);
  refused("data: {n: 1, law: \"a\\e\\nb\\u03c3\"}", NULL,
          "a.yml:1: 'data.law' = 'a??bσ': expected one of none, ring, moons, gaussian");
}

static void yaml(void) {
  refused("data:\n  n: 1\ndata:\n  n: 2\n", NULL,
          "a.yml:3: key 'data' is given twice, first in line 1");
  refused("data:\n  n: 1\n\n  n: 2\n", NULL,
          "a.yml:4: key 'data.n' is given twice, first in line 2");
  refused("data.n: 1\ndata: {n: 2}\n", NULL,
          "a.yml:2: key 'data.n' is given twice, first in line 1");
  refused("data: &x {n: 1}\n", NULL,
          "a.yml:1: anchors and aliases (& *) are not read here: write the value out");
  refused("data:\n  n: *x\n", NULL,
          "a.yml:2: anchors and aliases (& *) are not read here: write the value out");
  refused("data:\n  n: !!int 1\n", NULL,
          "a.yml:2: tags (!) are not read here: write the value alone");
  refused("data:\n\tn: 1\n", NULL,
          "a.yml:2: not YAML: found character that cannot start any token (a tab: YAML is indented "
          "with blanks)");
  refused("data:\n  n: 1\n   law: ring\n", NULL,
          "a.yml:3: not YAML: mapping values are not allowed in this context");
  refused("", NULL, "a.yml:1: there is no key in this deck");
  refused("# only\n# comments\n", NULL, "a.yml:1: there is no key in this deck");
  refused("---\n...\n", NULL, "a.yml:2: a deck consists of lines `name: value`, this is a text");
  refused("{}", NULL, "a.yml:1: there is no key in this deck");
  refused("\nring\n", NULL, "a.yml:2: a deck consists of lines `name: value`, this is a text");
  refused("- a\n- b\n", NULL, "a.yml:1: a deck consists of lines `name: value`, this is a list");
  refused("data: {n: 1}\n---\nseed: 1\n", NULL,
          "a.yml:2: a second document begins (---): a deck is one");
  refused("data: {means: [{a: 1}]}\n", NULL, "a.yml:1: the list 'data.means' contains a mapping");
  refused("? [a, b]\n: 1\n", NULL, "a.yml:1: a name is expected before ':', not a list or mapping");
  refused("data: {'n ': 1}\n", NULL,
          "a.yml:1: 'n ' is not a name: letters, digits, _ and - are allowed");
  refused("data: {.n: 1}\n", NULL,
          "a.yml:1: '.n' is not a name: letters, digits, _ and - are allowed");
  refused("data: {\"n\\0x\": 1}\n", NULL,
          "a.yml:1: 'n' is not a name: letters, digits, _ and - are allowed");
  refused("data: {n: 1}\noutput: \"a\\0b\"\n", NULL,
          "a.yml:2: the value of 'output' contains a zero byte");
}

static void parents(void) {
  good(
      "data: {n: 1}\ntrain:\n  steps: 500\n  note: hi\n  betas: [0.1]\n"
      "  score: {batch: 8, keep: none}\n  ratio: {rate: 5, deep: {own: 4}}\n",
      "sections below a section");
  tap_ok(score.steps == 500 && score.batch == 8 && score.keep == 2 && t.keep == 0 &&
             !strcmp(score.note, "hi") && score.betas.n == 1 && score.betas.v[0] == 0.1,
         "unset keys take the value of the parent");
  tap_ok(ratio.steps == 500 && ratio.rate == 5 && ratio.own == 3, "a table of its own, too");
  tap_ok(deep.steps == 500 && deep.rate == 5 && deep.own == 4, "through two levels");
  good("data: {n: 1}", "no section given");
  tap_ok(ratio.steps == 10000 && deep.rate == 1e-3, "the parent's default comes before one's own");
  refused("data: {n: 1}\ntrain:\n  steps: 30000", NULL,
          "a.yml:3: 'train.ratio.steps' = '30000' (from 'train.steps'): expected a whole number in "
          "1 .. 20000 (unit steps)");
}

static void overrides(void) {
  const char *text = "data: {n: 1, law: ring}\ntrain: {steps: 5, betas: [0.5]}\n";
  tap_ok(!bind(text, "train.steps=7") && t.steps == 7 && l.law == 1, "--set replaces a value");
  tap_ok(!bind(text, "train.rate=0.5") && t.rate == 0.5 && t.steps == 5, "or adds one");
  tap_ok(!bind(text, "train.betas=[[0, 1], 0.5]") && t.betas.n == 3, "a list");
  tap_ok(!bind(text, "train={rate: 2, score: {steps: 9}}") && t.steps == 5 && t.rate == 2 &&
             score.steps == 9,
         "several keys at once, the others stay");
  tap_ok(!bind(text, "output=") && !strcmp(o.output, ""), "nothing is an empty text");
  tap_ok(!bind(text, "output=a: b") ||
             !strcmp(sb_message(), "--set: 'output' is a mapping: expected a text"),
         "a blank behind a colon makes a mapping");
  tap_ok(!bind(text, "output=x=y") && !strcmp(o.output, "x=y"), "the first = counts");
  refused(text, "train.stepz=7", "--set: unknown key 'train.stepz' (did you mean 'train.steps'?)");
  refused(text, "trian.steps=7", "--set: unknown key 'trian.steps' (did you mean 'train.steps'?)");
  refused(text, "train.steps=0",
          "--set: 'train.steps' = '0': expected a whole number in 1 .. 1000000000 (unit steps)");
  refused(
      text, "train.steps=",
      "--set: 'train.steps' has no value: expected a whole number in 1 .. 1000000000 (unit steps)");
  refused(text, "train=3", "--set: 'train' is a section: its keys stand below it, not a value");
  refused(text, "train={steps: 1, steps: 2}", "--set: key 'train.steps' is given twice");
  refused(text, "train={steps: 1",
          "--set: value of 'train' is not YAML: did not find expected ',' or '}'");
  refused(text, "train.steps", "--set: 'train.steps' is not of the form section.key=value");
  refused(text, "=3", "--set: '=3' does not begin with the name of a key");
  refused(text, "train..steps=3", "--set: 'train..steps=3' does not begin with the name of a key");
  tap_ok(!bind(text, NULL) && sb_deck_set(deck, "train={steps: 1, rate: &x 2}") == SB_USE,
         "a bad one");
  sb_forget();
  tap_ok(!sb_deck_bind(deck, sections, SECTIONS) && t.steps == 5 && t.rate == 1e-3,
         "changes nothing");
}

/* Reads the used deck of `deck` into a new one; both texts must agree. */
static void round_trip(const char *what) {
  char *first = NULL, *second = NULL;
  sb_deck *again = NULL;
  bool same = !sb_deck_used(deck, &first) &&
              !sb_deck_read(first, (int64_t)strlen(first), "used.yml", &again) &&
              !sb_deck_bind(again, sections, SECTIONS) && !sb_deck_used(again, &second) &&
              !strcmp(first, second) && !sb_deck_differs(deck, again, 0);
  if (!tap_ok(same, "%s", what)) printf("# %s\n# %s\n# %s\n", sb_message(), first, second);
  sb_mem_free(first), sb_mem_free(second), sb_deck_free(again);
}

static void used(void) {
  char *text = NULL;
  good(
      "data: {law: ring, n: 1e6, means: [1, [2.5, -1e-7]]}\n"
      "train: {rate: 0.1, score: {steps: 9, batch: 64}, note: 'a: b', ratio: {deep: {own: 1}}}\n"
      "about: {problem: 'one ring, \"round\"', expect: W2 below 0.1}\n",
      "a deck to be repeated");
  tap_ok(!sb_deck_used(deck, &text), "used deck");
  const char *want =
      "# every parameter of this run\n"
      "about:\n  problem: one ring, \"round\"\n  expect: W2 below 0.1\n"
      "output: output\nseed: 1\n"
      "train:\n  steps: 10000\n  batch: 64\n  rate: 0.1\n  keep: best\n  clip: true\n"
      "  note: \"a: b\"\n  betas: [0.9, 0.999]\n"
      "  score:\n    steps: 9\n"
      "  ratio:\n    own: 3\n    deep:\n      own: 1\n"
      "data:\n  n: 1000000\n  offset: -3\n  file: /x\n"
      "  law: ring\n  means: [1, 2.5, -1.0e-07]\n  variance: 0.5\n";
  if (!tap_ok(text && !strcmp(text, want), "is complete, in the order of the tables"))
    printf("# %s\n", text);
  sb_mem_free(text);
  round_trip("and repeats itself");
  static const char *const texts[] = {"''",
                                      "'null'",
                                      "'~'",
                                      "'yes'",
                                      "'5'",
                                      "' a'",
                                      "'a '",
                                      "'a #b'",
                                      "a#b",
                                      "a:b",
                                      "'a:'",
                                      "'- a'",
                                      "\"\\x01\\x7f\\x80\\n\\t\\\\\\\"'\"",
                                      "\"\\u2028\\uFEFF\\uFFFE\\U0001F600\\uD7FF\\uE000\"",
                                      "σ² ¡",
                                      "'{a}'",
                                      "'[a]'",
                                      "'*a'",
                                      "'&a'",
                                      "'!a'",
                                      "'%a'",
                                      "'@a'",
                                      "'`a'",
                                      "'|'",
                                      "'?'",
                                      "---",
                                      "'...'",
                                      "./a",
                                      "~/a",
                                      "2026-01-01",
                                      "1:30",
                                      "=",
                                      "<<",
                                      "\"a\\rb\\ec\"",
                                      "\"\\x85\\xa0\"",
                                      "'it''s'"};
  char source[128];
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    snprintf(source, sizeof source, "data: {n: 1}\noutput: %s\nabout: {source: \"x\"}", texts[i]);
    if (tap_ok(!bind(source, NULL), "text %s", texts[i])) round_trip("comes back");
  }
  static const char *const reals[] = {"0.1",
                                      "-0",
                                      "1e300",
                                      "5e-324",
                                      "1e15",
                                      "999999999999999",
                                      "0.30000000000000004",
                                      "1.7976931348623157e308",
                                      "2.2250738585072011e-308",
                                      "123456789.123456789",
                                      "1e22"};
  for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
    snprintf(source, sizeof source, "data: {n: 1, means: [%s]}\ntrain: {rate: 1e-%zu}", reals[i],
             i);
    if (tap_ok(!bind(source, NULL), "number %s", reals[i])) round_trip("comes back");
  }
}

static void differences(void) {
  sb_deck *first = NULL;
  const char *text =
      "data: {n: 1, law: ring, means: [1, 2]}\ntrain: {note: a, score: {steps: 5}}\n";
  static const struct {
    const char *set, *names[4];
  } cases[] = {{"data.n=1.0", {NULL}},
               {"train.steps=10000", {NULL}},
               {"about.problem=other", {NULL}},
               {"data.n=2", {"data.n", NULL}},
               {"data.means=[1, 3]", {"data.means", NULL}},
               {"data.means=[1]", {"data.means", NULL}},
               {"data.law=moons", {"data.law", NULL}},
               {"train.clip=off", {"train.clip", "train.score.clip", NULL}},
               {"train.score.steps=6", {"train.score.steps", NULL}},
               {"train={note: b, score: {note: a}}", {"train.note", NULL}}};
  tap_ok(!bind(text, NULL), "a deck to compare with");
  first = deck, deck = NULL;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    bool same = !bind(text, cases[i].set);
    for (int k = 0; same; k++) {
      const char *name = sb_deck_differs(first, deck, k), *want = cases[i].names[k];
      same = name && want ? !strcmp(name, want) : !name && !want;
      if (!want) break;
    }
    tap_ok(same, "differences after %s", cases[i].set);
  }
  sb_deck_free(first);
  tap_ok(!bind("data.n: 1", NULL), "all tables");
  first = deck, deck = NULL;
  tap_ok(!bind("data.n: 1", NULL) && !sb_deck_bind(deck, sections, 3), "three of them");
  const char *less = sb_deck_differs(deck, first, 7), *more = sb_deck_differs(first, deck, 7);
  tap_ok(less && more && !strcmp(less, "data.law") && !strcmp(more, "data.law"),
         "keys that one deck does not have");
  sb_deck_free(first);
}
/* One line and SB_USE, whatever the deck. */
static void hostile(const char *bytes, int64_t length, const char *what) {
  sb_status s = bind_bytes(bytes, length, NULL);
  const char *m = sb_message();
  tap_ok(s == SB_USE && *m && !strchr(m, '\n') && strlen(m) < 400, "%s: %.100s", what, m);
}

static void repeated(const char *head, const char *unit, int count, const char *what) {
  size_t n = strlen(unit), at = strlen(head);
  char *text = malloc(at + n * (size_t)count + 1);
  if (!text) exit(3);
  memcpy(text, head, at);
  for (int i = 0; i < count; i++, at += n) memcpy(text + at, unit, n);
  hostile(text, (int64_t)at, what);
  free(text);
}

static void attacks(void) {
  const int many = 200000;
  repeated("", "[", many, "deep lists");
  repeated("data: {means: ", "[", many, "deep lists as a value");
  repeated("", "{a: ", many, "deep mappings");
  repeated("", "- ", many, "deep dashes");
  repeated("data: ", "? ", many, "deep question marks");
  repeated("", "#\n", many, "comments");
  repeated("data: {n: 1}\noutput: \"", "x", many, "a text without an end");
  repeated("", "a", 2000000, "a deck of megabytes");
  repeated("", "a: 1\n", many / 2, "a key given often");
  repeated("x", "\xff", many, "not UTF-8");
  repeated("", "\t", many, "tabs");
  repeated("", "%TAG !a! b\n", many / 20, "a directive given often");
  repeated("data: {n: 1, law: ", "a", 9000, "a long value");
  hostile("a\0b: 1", 6, "a zero byte");
  hostile(
      "\xff\xfe"
      "a\0:\0 \0001\0",
      10, "UTF-16");
  hostile(
      "\xef\xbb\xbf"
      "a: 1",
      7, "a byte order mark");
  hostile(
      "\x7f"
      "ELF\2\1\1\0\0\0",
      11, "a program");
  hostile(NULL, 0, "nothing");
  char text[65536];
  size_t at = 0;
  for (int i = 0; i < 4097; i++) at += (size_t)snprintf(text + at, sizeof text - at, "k%d: 1\n", i);
  hostile(text, (int64_t)at, "too many keys");
  memset(text, 'a', 300), memcpy(text + 300, ": 1", 4);
  hostile(text, 303, "a long name");
  at = 0;
  for (int i = 0; i < 15; i++) at += (size_t)snprintf(text + at, sizeof text - at, "{abcdefghij: ");
  hostile(text, (int64_t)at, "a long name of many parts");
  at = (size_t)snprintf(text, sizeof text, "data: {n: 1, means: ");
  for (int i = 0; i < 14; i++) text[at + (size_t)i] = '[', text[at + 29 - (size_t)i] = ']';
  memcpy(text + at + 14, "42", 2);
  text[at + 30] = '}';
  tap_ok(!bind_bytes(text, (int64_t)at + 31, NULL) && l.means.n == 1 && l.means.v[0] == 42,
         "sixteen levels are fine");
}

/* Everything that allocates. */
static sb_status whole_life(const char *text) {
  sb_deck *one = NULL;
  char *out = NULL;
  sb_status s = sb_deck_read(text, (int64_t)strlen(text), "a.yml", &one);
  if (!s) s = sb_deck_set(one, "train.betas=[0, 1]");
  if (!s) s = sb_deck_bind(one, sections, SECTIONS);
  if (!s) s = sb_deck_used(one, &out);
  sb_mem_free(out);
  sb_deck_free(one);
  return s;
}

static void memory(void) {
  static char text[65536];
  size_t at = (size_t)snprintf(text, sizeof text, "data: {n: 1, means: [0");
  for (int i = 0; i < 3000; i++) at += (size_t)snprintf(text + at, sizeof text - at, ", %d.5", i);
  snprintf(text + at, sizeof text - at, "]}\n");
  sb_deck_free(deck);
  deck = NULL;
  int64_t before = sb_mem_now();
  long k = 0;
  bool clean = true;
  for (;; k++) {
    sb_forget();
    sb_mem_fail_after(k);
    sb_status s = whole_life(text);
    sb_mem_fail_after(-1);
    clean = clean && sb_mem_now() == before && (s == SB_OK || (s == SB_SYS && *sb_message()));
    if (s == SB_OK || !clean || k > 1000) break;
  }
  tap_ok(clean && k > 10, "each of %ld allocations may fail", k);
  sb_forget();
}

static void nearest(void) {
  static const char *const words[] = {"steps", "batch", "rate", "keep", "note"};
  static const struct {
    const char *word, *want;
  } cases[] = {{"steps", "steps"}, {"setps", "steps"}, {"step", "steps"},    {"stepsize", NULL},
               {"bacth", "batch"}, {"x", NULL},        {"", NULL},           {"kep", "keep"},
               {"rote", "rate"},   {"zz", NULL},       {"batches", "batch"}, {"learning", NULL}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *got = sb_nearest(cases[i].word, words, 5);
    tap_ok(got && cases[i].want ? !strcmp(got, cases[i].want) : !got && !cases[i].want,
           "nearest to '%s' is %s", cases[i].word, cases[i].want ? cases[i].want : "nothing");
  }
  tap_ok(!sb_nearest("steps", words, 0), "nothing among no words");
}

static void help(void) {
  static char text[16384];
  FILE *file = tmpfile();
  fflush(stdout);
  int out = dup(STDOUT_FILENO);
  if (!file || out < 0 || dup2(fileno(file), STDOUT_FILENO) < 0) exit(3);
  sb_keys_print(sections, SECTIONS);
  fflush(stdout);
  dup2(out, STDOUT_FILENO), close(out);
  rewind(file);
  size_t n = fread(text, 1, sizeof text - 1, file), width = 0, column = 0;
  fclose(file);
  for (size_t i = 0; i < n; i++) {
    column = text[i] == '\n' ? 0 : column + ((text[i] & 0xC0) != 0x80);
    if (column > width) width = column;
  }
  tap_ok(width > 60 && width <= 120, "lines of at most %zu columns", width);
  tap_ok(strstr(text, "\ntrain: how networks learn\n") && strstr(text, "\n  train.ratio.own  "),
         "sections and names");
  tap_ok(!strstr(text, "train.score.steps") && strstr(text, "  Every key of train,"),
         "keys of the parent stand there");
  tap_ok(strstr(text, "required") && strstr(text, "1 .. 1000000000  "), "defaults and ranges");
}

int main(void) {
  int64_t before = sb_mem_now();
  values(), numbers(), messages(), yaml(), parents(), overrides(), used(), differences();
  attacks(), memory(), nearest(), help();
  sb_deck_free(deck);
  tap_ok(sb_mem_now() == before, "nothing is left behind");
  return tap_done();
}
