/* RUN np=1
 * Decks as a whole: the used deck repeats the run, differences, hostile decks, no memory. */
#include <stdlib.h>

#include "deck_case.h"
#include "sb/mem.h"

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
/* Sections of others: what the deck has of them is checked and repeated, and goes nowhere. */
static void others(void) {
  char *text = NULL;
  const char *good = "train.steps: 7\ndata: {n: 3}\n";
  bool bound = !bind(good, NULL) && !sb_deck_bind_with(deck, sections, 2, 3) && t.steps == 7;
  bound = bound && !sb_deck_used(deck, &text) && strstr(text, "n: 3") && !strstr(text, "offset");
  tap_ok(bound, "a section of others: what the deck has of it stands in the used deck");
  sb_mem_free(text);
  tap_ok(!bind(good, NULL) && sb_deck_bind(deck, sections, 2) == SB_USE, "and is unknown without");
  sb_forget();
  tap_ok(!bind(good, "train.rate=2") && !sb_deck_bind_with(deck, sections, 4, 7),
         "a name of theirs that is bound already stays");
  tap_ok(!bind(good, "data.law=ring") && sb_deck_bind_with(deck, sections, 2, 3) == SB_USE &&
             strstr(sb_message(), "data.law"),
         "a key that none has: %s", sb_message());
  sb_forget();
  sb_deck_free(deck);
  tap_ok(!sb_deck_read("data.n: many", 12, "a.yml", &deck) &&
             sb_deck_bind_with(deck, sections, 2, 3) == SB_USE && strstr(sb_message(), "data.n"),
         "their values are checked: %s", sb_message());
  sb_forget();
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
  repeated("%YAML 1.1\n", "%TAG !a! b\n", many / 20, "a directive given often");
  repeated("", "\n", many, "blank lines");
  repeated("data: &", "a", many, "a long anchor");
  repeated("data: ", "*a ", many, "aliases");
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

int main(void) {
  int64_t before = sb_mem_now();
  used(), differences(), others(), attacks(), memory();
  sb_deck_free(deck);
  tap_ok(sb_mem_now() == before, "nothing is left behind");
  return tap_done();
}
