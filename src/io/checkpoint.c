/* Checkpoints: see sb/checkpoint.h. */
#include "sb/checkpoint.h"

#include <stdio.h>
#include <string.h>

#include "h5.h"
#include "sb/about.h"
#include "sb/kernel.h"
#include "sb/mem.h"
#include "sb/noise.h"

/* --- Writing
 * -------------------------------------------------------------------------------------------- */

typedef struct content {
  const char *method, *deck;
  const sb_block *blocks;
  int n;
} content;

static sb_status put_header(sb_file *f, void *context) {
  const content *x = context;
  SB_TRY(sb_h5_int(f, "/", "schema", SB_SCHEMA));
  SB_TRY(sb_h5_text(f, "/", "method", x->method));
  SB_TRY(sb_h5_text(f, "/numerics", "kernels", sb_kernel()->name));
  SB_TRY(sb_h5_int(f, "/numerics", "noise_layout", SB_NOISE_LAYOUT));
  SB_TRY(sb_h5_int(f, "/numerics", "block_rows", SB_BLOCK));
  return sb_h5_string(f, "/deck", "used deck: every value, defaults included", x->deck);
}

static sb_status put_layouts(sb_file *f, void *context) {
  const content *x = context;
  for (int i = 0; i < x->n; i++)
    if (x->blocks[i].layout)
      SB_TRY(sb_h5_text(f, x->blocks[i].path, "layout", x->blocks[i].layout));
  return SB_OK;
}

static int64_t row_bytes(const sb_block *b) {
  int64_t bytes = sb_kind_bytes(b->kind);
  for (int i = 1; i < b->rank; i++) bytes *= b->shape[i];
  return bytes;
}

static sb_status put_blocks(sb_file *f, const content *x) {
  sb_column *cols;
  sb_status s = SB_NEW(&cols, x->n, "blocks of a checkpoint");
  for (int i = 0; i < x->n && !s; i++) {
    const sb_block *b = &x->blocks[i];
    const sb_share share = sb_share_of(f->comm, b->shape[0]);
    cols[i] = (sb_column){.path = b->path,
                          .unit = "1",
                          .meaning = b->meaning,
                          .kind = b->kind,
                          .rank = b->rank,
                          .first = share.first,
                          .count = share.count};
    memcpy(cols[i].shape, b->shape, sizeof b->shape);
    cols[i].data = b->data ? (const char *)b->data + share.first * row_bytes(b) : NULL;
  }
  s = sb_h5_agree(f, s);
  if (!s) s = sb_file_put_all(f, cols, x->n);
  sb_mem_free(cols);
  return s;
}

sb_status sb_checkpoint_write(const sb_comm *c, const char *path, int keep, const char *method,
                              const char *deck, const char *parent, const sb_block *blocks, int n) {
  sb_file *f;
  content x = {method, deck, blocks, n};
  SB_TRY(sb_file_create(c, path, 1, &f));
  sb_status s = sb_h5_alone(f, put_header, &x);
  if (!s) s = sb_about_put(f, parent);
  if (!s) s = put_blocks(f, &x);
  if (!s) s = sb_h5_alone(f, put_layouts, &x);
  if (!s) return sb_file_commit(f, keep);
  sb_file_drop(f);
  return s;
}

/* --- Reading
 * -------------------------------------------------------------------------------------------- */

/* The deck says what the numbers mean: it is checked at once, the blocks when they are loaded. */
static sb_status read_deck(sb_checkpoint *k) {
  char stored[17], found[17];
  SB_TRY(sb_file_get_string(k->file, "/deck", &k->deck));
  SB_TRY(sb_file_get_text(k->file, "/deck", "crc", stored, sizeof stored));
  sb_crc_text(sb_crc_add(0, k->deck, (int64_t)strlen(k->deck)), found);
  if (strcmp(found, stored) == 0) return SB_OK;
  return sb_fail(SB_USE, "%s: /deck is damaged: its crc is %s, it was written with %s", k->path,
                 found, stored);
}

static sb_status read_header(sb_checkpoint *k) {
  int64_t schema = 0;
  if (sb_file_get_int(k->file, "/", "schema", 1, &schema)) {
    sb_forget();
    return sb_fail(SB_USE, "%s: is not a checkpoint of sbridge", k->path);
  }
  if (schema > SB_SCHEMA)
    return sb_fail(SB_USE, "%s: has schema %lld, this sbridge reads up to %d: use a newer one",
                   k->path, (long long)schema, SB_SCHEMA);
  SB_TRY(sb_file_get_text(k->file, "/", "method", k->method, sizeof k->method));
  SB_TRY(sb_file_get_text(k->file, "/numerics", "kernels", k->kernels, sizeof k->kernels));
  SB_TRY(sb_file_get_int(k->file, "/numerics", "noise_layout", 1, &k->layout));
  SB_TRY(sb_file_get_int(k->file, "/numerics", "block_rows", 1, &k->block_rows));
  return read_deck(k);
}

sb_status sb_checkpoint_open(const sb_comm *c, const char *path, sb_checkpoint *out) {
  *out = (sb_checkpoint){.file = NULL};
  if (snprintf(out->path, sizeof out->path, "%s", path) >= (int)sizeof out->path)
    return sb_fail(SB_USE, "%s: this path is too long", path);
  SB_TRY(sb_file_open(c, path, &out->file));
  sb_status s = read_header(out);
  if (s) sb_checkpoint_close(out);
  return s;
}

static void shape_text(char out[128], sb_kind kind, int rank, const int64_t shape[4]) {
  int at = snprintf(out, 128, "%s [", sb_kind_name(kind));
  for (int i = 0; i < rank; i++)
    at += snprintf(out + at, 128 - (size_t)at, "%s%lld", i ? ", " : "", (long long)shape[i]);
  snprintf(out + at, 128 - (size_t)at, "]");
}

static sb_status check_shape(sb_checkpoint *k, const sb_block *b) {
  int rank;
  int64_t shape[4];
  sb_kind kind;
  char has[128], needs[128];
  SB_TRY(sb_file_shape(k->file, b->path, &rank, shape, &kind));
  if (kind == b->kind && rank == b->rank &&
      memcmp(shape, b->shape, (size_t)rank * sizeof *shape) == 0)
    return SB_OK;
  shape_text(has, kind, rank, shape);
  shape_text(needs, b->kind, b->rank, b->shape);
  return sb_fail(SB_USE, "%s: %s is %s, this run needs %s", k->path, b->path, has, needs);
}

/* The same numbers may mean something else: another activation, other features of time. */
static sb_status check_layout(sb_checkpoint *k, const sb_block *b) {
  char stored[4096];
  if (!b->layout) return SB_OK;
  SB_TRY(sb_file_get_text(k->file, b->path, "layout", stored, sizeof stored));
  if (strcmp(stored, b->layout) == 0) return SB_OK;
  const int theirs = (int)strcspn(stored, "\n"), ours = (int)strcspn(b->layout, "\n");
  return sb_fail(SB_USE, "%s: %s is laid out as '%.*s', this run needs '%.*s'", k->path, b->path,
                 theirs, stored, ours, b->layout);
}

/* Every rank reads its rows and receives the others'; the checksum goes over all of them. */
static sb_status load_block(sb_checkpoint *k, const sb_block *b) {
  const sb_comm *c = k->file->comm;
  const sb_share share = sb_share_of(c, b->shape[0]);
  const int64_t row = row_bytes(b);
  char *mine = b->data ? (char *)b->data + share.first * row : NULL, stored[17], found[17];
  SB_TRY(check_shape(k, b));
  SB_TRY(check_layout(k, b));
  SB_TRY(sb_file_get(k->file, b->path, b->kind, share.first, share.count, mine));
  uint64_t crc = sb_crc_add(0, mine, share.count * row);
  crc = share.count ? sb_crc_shift(crc, (b->shape[0] - share.first - share.count) * row) : 0;
  SB_TRY(sb_xor_int(c, &crc, 1));
  sb_crc_text(crc, found);
  SB_TRY(sb_file_get_text(k->file, b->path, "crc", stored, sizeof stored));
  if (strcmp(found, stored) != 0)
    return sb_fail(SB_USE, "%s: %s is damaged: its crc is %s, it was written with %s", k->path,
                   b->path, found, stored);
  return row && b->shape[0] ? sb_gather_rows(c, b->shape[0], 1, (size_t)row, mine, b->data) : SB_OK;
}

sb_status sb_checkpoint_load(sb_checkpoint *k, const sb_block *blocks, int n) {
  for (int i = 0; i < n; i++) {
    if (blocks[i].optional && !sb_file_has(k->file, blocks[i].path)) continue;
    SB_TRY(load_block(k, &blocks[i]));
  }
  return SB_OK;
}

int64_t sb_checkpoint_rows(sb_checkpoint *k, const char *path) {
  int rank;
  int64_t shape[4] = {0};
  sb_kind kind;
  if (!sb_file_has(k->file, path) || sb_file_shape(k->file, path, &rank, shape, &kind)) return 0;
  return shape[0];
}

void sb_checkpoint_close(sb_checkpoint *k) {
  sb_file_close(k->file);
  sb_mem_free(k->deck);
  k->file = NULL;
  k->deck = NULL;
}
