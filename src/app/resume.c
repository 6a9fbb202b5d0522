/* Where a run goes on: the newest checkpoint that is whole, and which results are finished. */
#include <stdio.h>
#include <string.h>

#include "app.h"
#include "sb/about.h"
#include "sb/log.h"
#include "sb/mem.h"

#define OLDEST    9       /* checkpoints looked for, whatever checkpoint.keep says now */
#define DECK_MOST 1200000 /* a deck has at most 1 MiB */

void app_checkpoint_name(int k, const char *how, char out[64]) {
  if (k)
    snprintf(out, 64, "checkpoint.%d%s.h5", k, how);
  else
    snprintf(out, 64, "checkpoint%s.h5", how);
}

/* --- The newest checkpoint
 * ------------------------------------------------------------------------------- */

/* Damaged: SB_USE. One of a newer program is not damaged; app_load says what it is. */
static sb_status look_at(app *a, const char *path) {
  sb_file *f;
  sb_checkpoint k;
  int64_t schema = 0;
  SB_TRY(sb_file_probe(a->comm, path));
  SB_TRY(sb_file_open(a->comm, path, &f));
  sb_status s = sb_file_get_int(f, "/", "schema", 1, &schema);
  if (!s && schema <= SB_SCHEMA) s = sb_file_verify(f);
  sb_file_close(f);
  if (s || schema > SB_SCHEMA) return s;
  SB_TRY(sb_checkpoint_open(a->comm, path, &k));
  sb_checkpoint_close(&k);
  return SB_OK;
}

sb_status app_newest(app *a, char *out, int size) {
  const int most = a->checkpoint.keep > OLDEST ? (int)a->checkpoint.keep : OLDEST;
  int damaged = 0;
  for (int k = 0; k <= most; k++) {
    char name[64];
    app_checkpoint_name(k, "", name);
    SB_TRY(app_path(a, name, out, size));
    if (!sb_path_exists(a->comm, out)) continue;
    const sb_status s = look_at(a, out);
    a->damaged = k;
    if (s != SB_USE) return s;
    sb_warn("%s; the checkpoint before it is used", sb_message());
    sb_forget();
    damaged++;
  }
  out[0] = 0;
  a->damaged = 0;
  if (!damaged) return SB_OK;
  return sb_fail(SB_USE,
                 "no checkpoint in %s is whole; remove them, or start anew with --overwrite",
                 a->options.output);
}

/* --- Results that are finished
 * --------------------------------------------------------------------------- */

/* Keys that do not touch what a file holds. */
static int matters(const char *key, const char *const *ignored) {
  for (; *ignored; ignored++)
    if (!strncmp(key, *ignored, strlen(*ignored))) return 0;
  return 1;
}

static sb_status same_deck(app *a, sb_file *f, const char *const *ignored, int *yes) {
  app other = {.comm = a->comm};
  char *text;
  const char *key;
  SB_TRY_ALL(a->comm, SB_NEW(&text, DECK_MOST, "deck of a file"));
  sb_status s = sb_file_get_text(f, "/about", "deck", text, DECK_MOST);
  if (!s) s = sb_agree(a->comm, app_deck_of(&other, text, (int64_t)strlen(text), "a result"));
  *yes = s == SB_OK;
  for (int i = 0; *yes && (key = sb_deck_differs(a->deck, other.deck, i)); i++)
    if (matters(key, ignored)) *yes = 0;
  app_close(&other);
  sb_mem_free(text);
  return s;
}

static sb_status same_parent(app *a, sb_file *f, int *yes) {
  char crc[64];
  if (!a->parent) return SB_OK;
  SB_TRY(sb_file_get_text(f, "/about", "parent_crc", crc, sizeof crc));
  *yes = !strcmp(crc, a->parent_crc);
  return SB_OK;
}

sb_status app_ours(app *a, sb_file *f, const char *const *ignored, int *yes) {
  sb_status s = same_deck(a, f, ignored, yes);
  if (!s && *yes) s = same_parent(a, f, yes);
  if (s != SB_USE) return s;
  *yes = 0; /* not one of this program */
  sb_forget();
  return SB_OK;
}

sb_status app_parent(app *a, const char *path) {
  if (path != a->parent_path) snprintf(a->parent_path, sizeof a->parent_path, "%s", path);
  a->parent = a->parent_path;
  return sb_about_parent(a->comm, a->parent, a->parent_crc);
}

/* The text for viewers is written last (there is none of more points than viewers can count). */
sb_status app_finished(app *a, const char *name, const char *const *ignored, int *yes) {
  char path[1024], text[1024], name_h5[64], name_xmf[64];
  sb_file *f;
  *yes = 0;
  if (a->line.resume == RESUME_NEVER) return SB_OK;
  snprintf(name_h5, sizeof name_h5, "%s.h5", name);
  snprintf(name_xmf, sizeof name_xmf, "%s.xmf", name);
  SB_TRY(app_path(a, name_h5, path, sizeof path));
  SB_TRY(app_path(a, name_xmf, text, sizeof text));
  if (!sb_path_exists(a->comm, path)) return SB_OK;
  if (a->sample.n <= INT32_MAX && !sb_path_exists(a->comm, text)) return SB_OK;
  sb_status s = sb_file_probe(a->comm, path);
  if (!s) s = sb_file_open(a->comm, path, &f);
  if (!s) {
    s = app_ours(a, f, ignored, yes);
    if (!s && *yes) s = sb_file_verify(f);
    sb_file_close(f);
  }
  if (s != SB_USE) return s;
  *yes = 0;
  sb_warn("%s; it is made anew", sb_message());
  sb_forget();
  return SB_OK;
}
