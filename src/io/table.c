/* Tables of points: one file, one time. */
#include <stdint.h>
#include <stdio.h>

#include "h5.h"
#include "sb/about.h"
#include "sb/mem.h"

typedef struct content {
  const sb_table *table;
  sb_picture picture;
  double *data;
  char *path, paths[SB_PICTURE_MOST][64];
  sb_column *cols; /* arrays of the picture, those that a file has once, further ones */
  int n, fixed;
} content;

static sb_status prepare(const sb_comm *c, content *t) {
  const sb_table *table = t->table;
  SB_TRY(sb_text_of(&t->path, "%s/%s.h5", table->directory, table->name));
  SB_TRY(sb_picture_new(&t->picture));
  SB_TRY(
      SB_NEW(&t->data, t->picture.count * sb_picture_width(&t->picture), "points to be written"));
  SB_TRY(
      SB_NEW(&t->cols, SB_PICTURE_MOST + SB_PICTURE_FIXED + table->extras, "arrays to be written"));
  sb_picture_fill(&t->picture, table->x, NULL, t->data);
  t->n = sb_picture_columns(&t->picture, "", t->data, t->paths, t->cols);
  t->cols[0].meaning = table->meaning;
  t->fixed = sb_picture_fixed(c, &t->picture, table->label, t->cols + t->n);
  for (int i = 0; i < table->extras; i++) t->cols[t->n + t->fixed + i] = table->extra[i];
  return SB_OK;
}

static sb_status write_table(const sb_comm *c, const content *t) {
  const sb_table *table = t->table;
  sb_file *f;
  SB_TRY(sb_file_create(c, t->path, table->overwrite, &f));
  sb_status s = sb_about_put(f, table->parent);
  if (!s && table->image) s = sb_file_put_int(f, "/", "image", table->image_rank, table->image);
  if (!s) s = sb_file_put_all(f, t->cols, t->n + t->fixed + table->extras);
  if (!s) return sb_file_commit(f, 0);
  sb_file_drop(f);
  return s;
}

/* The text for viewers: none where there is nothing to see, or more than they can count. */
static sb_status write_xdmf(const sb_comm *c, const content *t) {
  sb_text text = {.data = NULL};
  if (t->table->n == 0 || t->table->n > INT32_MAX) return SB_OK;
  if (c->rank == 0)
    sb_picture_xdmf(&text, &t->picture, 0, sb_base_name(t->path), t->cols, t->n, t->cols + t->n,
                    t->fixed + t->table->extras);
  sb_status s = sb_xdmf_write(c, t->table->directory, t->table->name, &text);
  sb_text_free(&text);
  return s;
}

sb_status sb_table_write(const sb_comm *c, const sb_table *table) {
  const sb_share mine = sb_share_of(c, table->n);
  content t = {.table = table,
               .picture = {.n = table->n,
                           .first = mine.first,
                           .count = mine.count,
                           .d = table->d,
                           .projection = table->projection}};
  sb_status s = sb_agree(c, prepare(c, &t));
  if (!s) s = write_table(c, &t);
  if (!s) s = write_xdmf(c, &t);
  sb_mem_free(t.cols);
  sb_mem_free(t.data);
  sb_mem_free(t.path);
  sb_picture_free(&t.picture);
  return s;
}
