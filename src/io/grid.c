/* Fields on a regular grid: one file, one group per time. Two axes are written as three with one
 * plane. */
#include <stdio.h>
#include <string.h>

#include "h5.h"
#include "sb/about.h"
#include "sb/clock.h"
#include "sb/mem.h"

#define MOST_ARRAYS 16

struct sb_grid_file {
  sb_file *file;
  char *directory, *name, *path;
  sb_grid grid;
  sb_status broken;
  int64_t times;
  sb_text xdmf; /* rank 0 */
};

/* Axes that the grid does not have have one point. */
static sb_grid complete(const sb_grid *g) {
  sb_grid full = *g;
  for (int k = full.axes; k < 3; k++) {
    full.shape[k] = 1;
    full.origin[k] = 0;
    full.spacing[k] = 1;
  }
  return full;
}

int64_t sb_grid_points(const sb_grid *g) {
  const sb_grid full = complete(g);
  return full.shape[0] * full.shape[1] * full.shape[2];
}

void sb_grid_at(const sb_grid *g, int64_t first, int64_t count, double *x) {
  const sb_grid full = complete(g);
  for (int64_t i = 0; i < count; i++) {
    int64_t flat = first + i;
    for (int k = 0; k < 3; k++) {
      x[3 * i + k] = full.origin[k] + (double)(flat % full.shape[k]) * full.spacing[k];
      flat /= full.shape[k];
    }
  }
}

static sb_status put_grid(sb_file *f, void *context) {
  const sb_grid *g = context;
  SB_TRY(sb_h5_int(f, "/grid", "axes", g->axes));
  SB_TRY(sb_h5_numbers(f, "/grid", "shape", H5T_STD_I64LE, 3, g->shape));
  SB_TRY(sb_h5_numbers(f, "/grid", "origin", H5T_IEEE_F64LE, 3, g->origin));
  return sb_h5_numbers(f, "/grid", "spacing", H5T_IEEE_F64LE, 3, g->spacing);
}

static void release(sb_grid_file *f) {
  if (!f) return;
  sb_text_free(&f->xdmf);
  sb_mem_free(f->directory);
  sb_mem_free(f->name);
  sb_mem_free(f->path);
  sb_mem_free(f);
}

static sb_status prepare(const char *directory, const char *name, const sb_grid *g,
                         sb_grid_file **out) {
  SB_TRY(SB_NEW(out, 1, "grid"));
  (*out)->grid = complete(g);
  if (g->axes < 1 || g->axes > 3 || sb_grid_points(g) < 1)
    return sb_fail(SB_USE, "%s: a grid has 1 to 3 axes and at least one point", name);
  SB_TRY(sb_text_of(&(*out)->directory, "%s", directory));
  SB_TRY(sb_text_of(&(*out)->name, "%s", name));
  return sb_text_of(&(*out)->path, "%s/%s.h5", directory, name);
}

sb_status sb_grid_create(const sb_comm *c, const char *directory, const char *name, int overwrite,
                         const sb_grid *g, const sb_projection *projection, const char *parent,
                         sb_grid_file **out) {
  sb_column cols[3];
  *out = NULL;
  sb_status s = sb_agree(c, prepare(directory, name, g, out));
  if (!s) s = sb_file_create(c, (*out)->path, overwrite, &(*out)->file);
  if (!s) s = sb_about_put((*out)->file, parent);
  if (!s) s = sb_h5_alone((*out)->file, put_grid, &(*out)->grid);
  const int n = sb_projection_columns(c, projection, cols);
  if (!s && n) s = sb_file_put_all((*out)->file, cols, n);
  if (s) {
    if (*out) sb_file_drop((*out)->file);
    release(*out);
    *out = NULL;
  }
  return s;
}

typedef struct moment {
  const char *group;
  int leg;
  double t;
} moment;

static sb_status put_moment(sb_file *f, void *context) {
  const moment *m = context;
  SB_TRY(sb_h5_real(f, m->group, "time", m->leg + m->t));
  SB_TRY(sb_h5_int(f, m->group, "leg", m->leg));
  return sb_h5_real(f, m->group, "t", m->t);
}

static sb_column column(const sb_grid_file *f, const sb_grid_array *a, const char *path) {
  const sb_share mine = sb_share_of(f->file->comm, sb_grid_points(&f->grid));
  return (sb_column){.path = path,
                     .unit = a->unit,
                     .meaning = a->meaning,
                     .kind = SB_KIND_F64,
                     .rank = a->width == 1 ? 3 : 4,
                     .shape = {f->grid.shape[2], f->grid.shape[1], f->grid.shape[0], a->width},
                     .merge = 3,
                     .first = mine.first,
                     .count = mine.count,
                     .data = a->data};
}

static sb_status write_time(sb_grid_file *f, int leg, double t, const sb_grid_array *arrays,
                            int n) {
  const sb_comm *c = f->file->comm;
  char group[32], paths[MOST_ARRAYS][96];
  sb_column cols[MOST_ARRAYS];
  snprintf(group, sizeof group, "/step_%06lld", (long long)f->times);
  SB_TRY(sb_h5_alone(f->file, put_moment, &(moment){group, leg, t}));
  for (int i = 0; i < n; i++) {
    snprintf(paths[i], sizeof paths[i], "%s/%s", group, arrays[i].name);
    cols[i] = column(f, &arrays[i], paths[i]);
  }
  SB_TRY(sb_file_put_all(f->file, cols, n));
  f->times++;
  if (c->rank != 0) return SB_OK;
  sb_xdmf_begin(&f->xdmf, leg + t);
  sb_xdmf_mesh(&f->xdmf, &f->grid);
  for (int i = 0; i < n; i++)
    sb_xdmf_array(&f->xdmf, arrays[i].name, sb_base_name(f->path), &cols[i]);
  sb_xdmf_end(&f->xdmf);
  return SB_OK;
}

sb_status sb_grid_add(sb_grid_file *f, int leg, double t, const sb_grid_array *arrays, int n) {
  const double since = sb_clock();
  if (f->broken) return f->broken;
  if (n > MOST_ARRAYS) n = MOST_ARRAYS;
  f->broken = write_time(f, leg, t, arrays, n);
  sb_timer(SB_T_OUTPUT, since);
  return f->broken;
}

sb_status sb_grid_close(sb_grid_file *f) {
  if (!f) return SB_OK;
  const double since = sb_clock();
  const sb_comm *c = f->file->comm;
  sb_status s = f->broken;
  if (s)
    sb_file_drop(f->file);
  else
    s = sb_file_commit(f->file, 0);
  if (!s && f->times) s = sb_xdmf_write(c, f->directory, f->name, &f->xdmf);
  release(f);
  sb_timer(SB_T_OUTPUT, since);
  return s;
}
