/* The command line. Every rank reads the same words, so every rank comes to the same end. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "sb/stop.h"

const app_command *app_command_find(const char *name) {
  for (const app_command *c = app_commands; c->name; c++)
    if (!strcmp(c->name, name)) return c;
  return NULL;
}

static sb_status unknown(const char *what, const char *word, const char *const *words, int n) {
  const char *near = sb_nearest(word, words, n);
  if (near) return sb_fail(SB_USE, "unknown %s '%s' (did you mean '%s'?)", what, word, near);
  return sb_fail(SB_USE, "unknown %s '%s'; see sbridge help", what, word);
}

/* Options: with a value behind = or in the next word (VALUE), with one only behind = (MAYBE),
 * without (FLAG); and the commands that heed them, NULL: all. */
enum { FLAG, MAYBE, VALUE };
typedef struct option {
  const char *name;
  int kind;
  const char *commands;
} option;
#define TRAINING "run train"
#define WORKING  "run train sample velocity evaluate study"
static const option options[] = {{"--set", VALUE, NULL},
                                 {"--resume", MAYBE, WORKING},
                                 {"--overwrite", FLAG, WORKING},
                                 {"--dry-run", FLAG, WORKING},
                                 {"--at", VALUE, "velocity"},
                                 {"--samples", VALUE, "evaluate"},
                                 {"--truth", VALUE, "evaluate"},
                                 {"--start", VALUE, TRAINING " sample"},
                                 {"--stop-after", VALUE, TRAINING},
                                 {"--max-walltime", VALUE, WORKING},
                                 {"--stall-timeout", VALUE, WORKING},
                                 {"--slice", VALUE, "study"},
                                 {"--merge", FLAG, "study"},
                                 {"--verify", FLAG, "info"},
                                 {"--version", FLAG, NULL},
                                 {"--help", FLAG, NULL},
                                 {"--quiet", FLAG, NULL},
                                 {"--strict-bits", FLAG, WORKING}};
#define OPTIONS ((int)(sizeof options / sizeof *options))

static sb_status count(const char *text, int64_t *out) {
  char *end;
  errno = 0;
  *out = strtoll(text, &end, 10);
  if (errno || *end || end == text || *out < 0)
    return sb_fail(SB_USE, "--stop-after %s: a number of steps, 0 or more", text);
  return SB_OK;
}

static sb_status duration(const char *name, const char *text, double *out) {
  char why[SB_MESSAGE_MAX];
  const sb_status s = sb_duration(text, out);
  if (!s) return s;
  snprintf(why, sizeof why, "%s", sb_message());
  sb_forget();
  return sb_fail(s, "%s: %s", name, why);
}

/* Networks recover from half a minute without a cable. SB_STALL_MINIMUM (seconds, in the
 * environment) is for tests. */
static sb_status stall(const char *name, const char *text, double *out) {
  const char *minimum = getenv("SB_STALL_MINIMUM");
  const double least = minimum ? atof(minimum) : 60;
  SB_TRY(duration(name, text, out));
  if (*out >= least) return SB_OK;
  return sb_fail(SB_USE, "%s: %s is too short, at least %g seconds", name, text, least);
}

static sb_status slice(const char *text, app_line *l) {
  long long k, n;
  char rest;
  if (sscanf(text, "%lld/%lld%c", &k, &n, &rest) != 2 || k < 1 || k > n || n > 1000000)
    return sb_fail(SB_USE, "--slice %s: a slice K of N is K/N, with K from 1 to N", text);
  l->slice = k;
  l->slices = n;
  return SB_OK;
}

static void resume(app_line *l, const char *value) {
  l->resume = RESUME_AUTO;
  if (value && !strcmp(value, "never"))
    l->resume = RESUME_NEVER;
  else if (value && strcmp(value, "auto"))
    l->resume = RESUME_FILE, l->resume_file = value;
}

static sb_status apply(app_line *l, const char *name, const char *value) {
  if (!strcmp(name, "--set")) {
    if (l->sets == MAX_SET) return sb_fail(SB_USE, "more than %d --set", MAX_SET);
    l->set[l->sets++] = value;
  }
  if (!strcmp(name, "--resume")) resume(l, value);
  if (!strcmp(name, "--overwrite")) l->overwrite = 1;
  if (!strcmp(name, "--dry-run")) l->dry_run = 1;
  if (!strcmp(name, "--at")) l->at = value;
  if (!strcmp(name, "--start")) l->start = value;
  if (!strcmp(name, "--samples")) l->samples = value;
  if (!strcmp(name, "--truth")) l->truth = value;
  if (!strcmp(name, "--merge")) l->merge = 1;
  if (!strcmp(name, "--slice")) return slice(value, l);
  if (!strcmp(name, "--verify")) l->verify = 1;
  if (!strcmp(name, "--quiet")) l->quiet = 1;
  if (!strcmp(name, "--strict-bits")) l->strict_bits = 1;
  if (!strcmp(name, "--version")) l->command = "info";
  if (!strcmp(name, "--help")) l->command = "help";
  if (!strcmp(name, "--stop-after")) return count(value, &l->stop_after);
  if (!strcmp(name, "--max-walltime")) return duration(name, value, &l->walltime);
  if (!strcmp(name, "--stall-timeout")) return stall(name, value, &l->stall);
  return SB_OK;
}

static sb_status read_option(int argc, char **argv, int *i, app_line *l) {
  const char *word = argv[*i], *equals = strchr(word, '=');
  const size_t length = equals ? (size_t)(equals - word) : strlen(word);
  const char *names[OPTIONS];
  for (int k = 0; k < OPTIONS; k++) {
    names[k] = options[k].name;
    if (strlen(names[k]) != length || strncmp(names[k], word, length)) continue;
    const char *value = equals ? equals + 1 : NULL;
    if (options[k].kind == FLAG && value) return sb_fail(SB_USE, "%s takes no value", names[k]);
    if (options[k].kind == VALUE && !value) {
      if (*i + 1 >= argc) return sb_fail(SB_USE, "%s needs a value", names[k]);
      value = argv[++*i];
    }
    l->given |= 1u << k;
    return apply(l, names[k], value);
  }
  return unknown("option", word, names, OPTIONS);
}

static int has_word(const char *words, const char *word) {
  const char *at = strstr(words, word);
  const size_t n = strlen(word);
  return at && (at[n] == ' ' || at[n] == 0) && (at == words || at[-1] == ' ');
}

/* An option that the command would not heed is a mistake. */
static sb_status check_options(const app_line *l) {
  for (int k = 0; k < OPTIONS; k++)
    if (l->given >> k & 1 && options[k].commands && !has_word(options[k].commands, l->command))
      return sb_fail(SB_USE, "%s is not for the command %s, but for: %s", options[k].name,
                     l->command, options[k].commands);
  if (l->samples && !l->truth)
    return sb_fail(SB_USE, "--samples: what are they to be compared with? Give --truth");
  if (l->truth && (!l->samples || l->input != l->truth))
    return sb_fail(SB_USE, "--truth stands in place of a deck, with --samples");
  if (l->samples && l->resume) return sb_fail(SB_USE, "--samples: there is nothing to resume");
  if (l->merge && l->slice) return sb_fail(SB_USE, "--merge joins all slices: without --slice");
  if (l->resume == RESUME_FILE && !has_word(TRAINING, l->command))
    return sb_fail(SB_USE,
                   "--resume=%s is not for the command %s, but for: " TRAINING
                   "; give the checkpoint in place of the deck",
                   l->resume_file, l->command);
  return SB_OK;
}

sb_status app_line_read(int argc, char **argv, app_line *out) {
  const char *names[16];
  int n = 0;
  *out = (app_line){.stop_after = -1};
  for (int i = 1; i < argc; i++) {
    if (!strncmp(argv[i], "--", 2))
      SB_TRY(read_option(argc, argv, &i, out));
    else if (!out->command)
      out->command = argv[i];
    else if (!out->input)
      out->input = argv[i];
    else if (!out->more && !strcmp(out->command, "help"))
      out->more = argv[i];
    else
      return sb_fail(SB_USE, "'%s' is one word too many; see sbridge help", argv[i]);
  }
  if (!out->command) out->command = "help";
  if (!out->input) out->input = out->truth;
  for (const app_command *c = app_commands; c->name; c++) names[n++] = c->name;
  const app_command *command = app_command_find(out->command);
  if (!command) return unknown("command", out->command, names, n);
  SB_TRY(check_options(out));
  if (command->needs_deck && !out->input)
    return sb_fail(SB_USE, "%s needs a %s", command->name, command->argument);
  return SB_OK;
}
