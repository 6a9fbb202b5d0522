/* RUN np=1
 * Keys and their tables: values, defaults, messages, sections below sections, overrides, help. */
#include <locale.h>
#include <stdlib.h>
#include <unistd.h>

#include "deck_case.h"
#include "sb/log.h"
#include "sb/mem.h"

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
  static const char takes[] = "`about` takes texts below it, as in `about: {problem: two rings}`";
  static const struct {
    const char *deck, *place;
  } abouts[] = {{"about: text", "a.yml:1: 'about'"},
                {"about:\n  a: [1]", "a.yml:2: 'about.a'"},
                {"about:\n  a: {b: 1}", "a.yml:2: 'about.a'"},
                {"about.a.b: 1", "a.yml:1: 'about.a.b'"}};
  char text[300], want[300];
  for (int i = 0; i < 4; i++) {
    snprintf(want, sizeof want, "%s: %s", abouts[i].place, takes);
    refused(abouts[i].deck, NULL, want);
  }
  refused(
      "seed: 1", NULL,
      "a.yml: key 'data.n' must be given: a whole number in 1 .. 1000000000000 (unit rows); rows "
      "to read");
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

static void commas(void) {
  static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "pt_BR.UTF-8"};
  int i = 0;
  while (i < 4 && !setlocale(LC_NUMERIC, names[i])) i++;
  if (i == 4) {
    tap_skip("no locale with decimal commas is installed");
    return;
  }
  char *text = NULL;
  good("data: {n: 1, variance: 0.25}\ntrain: {rate: 1.5e-7}", "a locale with decimal commas");
  tap_ok(l.variance == 0.25 && t.rate == 1.5e-7, "does not change numbers");
  tap_ok(!sb_deck_used(deck, &text) && strstr(text, "variance: 0.25\n") && strstr(text, "1.5e-07"),
         "nor how they are printed");
  sb_mem_free(text);
  setlocale(LC_NUMERIC, "C");
}

/* Mistakes in tables show at the first run. */
static void tables(void) {
  static const sb_key wrong[] = {SB_INT(top, seed, "many", 0, 0, "", "seed"), {0}};
  static const sb_key list[] = {SB_REALS(law, means, "[1, x]", 0, 0, "", "means"), {0}};
  static const sb_key section[] = {SB_INT(top, seed, "1", 0, 0, "", "seed"), {0}};
  const struct {
    sb_section sections[2];
    const char *message;
  } cases[] = {
      {{{"a", NULL, wrong, &o, ""}, {"b", NULL, top_keys, &o, ""}},
       "default: 'a.seed' = 'many': expected a whole number"},
      {{{"a", NULL, list, &l, ""}, {"b", NULL, top_keys, &o, ""}},
       "default: element 2 of 'a.means' = 'x': expected numbers"},
      {{{"a", NULL, top_keys, &o, ""}, {"a", NULL, section, &o, ""}},
       "table of keys: 'a.seed' is there twice"},
      {{{"a", NULL, top_keys, &o, ""}, {"a.seed", NULL, section, &o, ""}},
       "table of keys: 'a.seed' is both a key and a section"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    bind("data: {n: 1}", NULL);
    sb_deck_free(deck), deck = NULL;
    sb_status s = sb_deck_read("b: {}\na: {}", 11, "a.yml", &deck);
    if (!s) s = sb_deck_bind(deck, cases[i].sections, 2);
    tap_ok(s == SB_USE && !strcmp(sb_message(), cases[i].message), "%s", cases[i].message);
    char *text = NULL;
    tap_ok(!sb_deck_used(deck, &text) && !strcmp(text, "# every parameter of this run\n"),
           "nothing is bound then");
    sb_mem_free(text);
  }
  bind("data: {n: 1}", NULL);
  const sb_section nowhere[] = {{"data", NULL, data_keys, NULL, ""}};
  tap_ok(!sb_deck_bind(deck, nowhere, 1), "values that go nowhere");
}

int main(void) {
  int64_t before = sb_mem_now();
  values(), numbers(), messages(), yaml(), parents(), overrides();
  nearest(), help(), commas(), tables();
  sb_deck_free(deck);
  tap_ok(sb_mem_now() == before, "nothing is left behind");
  return tap_done();
}
