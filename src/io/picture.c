/* Clouds of points as arrays of a file: coordinates, what a viewer of three dimensions needs,
 * identities. */
#include <stdio.h>
#include <string.h>

#include "io.h"
#include "sb/mem.h"

/* One array of a picture. kind: 0 positions, 1 velocities; axis >= 0: that coordinate alone; three:
 * as seen in three dimensions. */
typedef struct array {
  const char *name, *meaning;
  int velocity, axis, three, width;
} array;

/* The list of arrays: the one place that says what there is. */
static int arrays_of(const sb_picture *p, array out[SB_PICTURE_MOST]) {
  static const char *const seen[2][3] = {{"x", "v", ""}, {"x3", "v3", ""}};
  static const char *const means[2][3] = {{"position", "velocity per unit t", ""},
                                          {"position on the three axes of the picture",
                                           "velocity on the three axes of the picture", ""}};
  static const char *const single[SB_PICTURE_SINGLE] = {
      "x_0", "x_1", "x_2",  "x_3",  "x_4",  "x_5",  "x_6",  "x_7",
      "x_8", "x_9", "x_10", "x_11", "x_12", "x_13", "x_14", "x_15"};
  int n = 0;
  for (int three = 0; three <= (p->d != 3); three++)
    for (int v = 0; v <= p->velocity; v++)
      out[n++] = (array){seen[three][v], means[three][v], v, -1, three, three ? 3 : p->d};
  for (int k = 0; p->d > 3 && k < p->d && k < SB_PICTURE_SINGLE; k++)
    out[n++] = (array){single[k], "one coordinate of the position", 0, k, 0, 1};
  return n;
}

int64_t sb_picture_width(const sb_picture *p) {
  array list[SB_PICTURE_MOST];
  int64_t width = 0;
  for (int i = 0, n = arrays_of(p, list); i < n; i++) width += list[i].width;
  return width;
}

/* The point x [d] as seen in three dimensions. Velocities have no mean. */
static void look_at(const sb_picture *p, const double *x, int velocity, double out[3]) {
  const sb_projection *look = p->projection;
  for (int k = 0; k < 3; k++) {
    if (p->d <= 3 || !look || !look->axes) {
      out[k] = k < p->d ? x[k] : 0;
      continue;
    }
    double sum = 0;
    for (int i = 0; i < p->d; i++)
      sum += look->axes[(int64_t)k * p->d + i] * (x[i] - (velocity ? 0 : look->mean[i]));
    out[k] = sum;
  }
}

void sb_picture_fill(const sb_picture *p, const double *x, const double *v, double *out) {
  array list[SB_PICTURE_MOST];
  const int64_t d = p->d;
  for (int a = 0, n = arrays_of(p, list); a < n; a++) {
    const double *from = list[a].velocity ? v : x;
    const int64_t size = p->count * list[a].width;
    if (!from)
      for (int64_t i = 0; i < size; i++) out[i] = 0;
    else if (list[a].axis >= 0)
      for (int64_t i = 0; i < size; i++) out[i] = from[i * d + list[a].axis];
    else if (list[a].three)
      for (int64_t i = 0; i < p->count; i++)
        look_at(p, from + i * d, list[a].velocity, out + 3 * i);
    else if (size)
      memcpy(out, from, (size_t)size * sizeof *out);
    out += size;
  }
}

int sb_picture_columns(const sb_picture *p, const char *group, const double *data,
                       char (*paths)[64], sb_column *cols) {
  array list[SB_PICTURE_MOST];
  const int n = arrays_of(p, list);
  for (int a = 0; a < n; a++) {
    snprintf(paths[a], sizeof *paths, "%s/%s", group, list[a].name);
    cols[a] = (sb_column){.path = paths[a],
                          .unit = "1",
                          .meaning = list[a].meaning,
                          .kind = SB_KIND_F64,
                          .rank = list[a].axis >= 0 ? 1 : 2,
                          .shape = {p->n, list[a].width},
                          .first = p->first,
                          .count = p->count,
                          .data = data};
    data += p->count * list[a].width;
  }
  return n;
}

/* --- What a file has once
 * ------------------------------------------------------------------------- */

sb_status sb_picture_new(sb_picture *p) {
  SB_TRY(SB_NEW(&p->id, p->count, "identities"));
  SB_TRY(SB_NEW(&p->connectivity, p->count, "identities"));
  for (int64_t i = 0; i < p->count; i++) {
    p->id[i] = p->first + i;
    p->connectivity[i] = (int32_t)(p->first + i);
  }
  return SB_OK;
}

void sb_picture_free(sb_picture *p) {
  sb_mem_free(p->id);
  sb_mem_free(p->connectivity);
  p->id = NULL;
  p->connectivity = NULL;
}

/* A column that rank 0 holds. */
static sb_column of_rank_0(const sb_comm *c, const char *path, const char *meaning, int rank,
                           int64_t rows, int64_t width, const double *data) {
  return (sb_column){.path = path,
                     .unit = "1",
                     .meaning = meaning,
                     .kind = SB_KIND_F64,
                     .rank = rank,
                     .shape = {rows, width},
                     .count = c->rank == 0 ? rows : 0,
                     .data = data};
}

int sb_projection_columns(const sb_comm *c, const sb_projection *p, sb_column *cols) {
  if (!p || !p->axes) return 0;
  cols[0] =
      of_rank_0(c, "/projection/mean", "point in the middle of the picture", 1, p->d, 1, p->mean);
  cols[1] = of_rank_0(c, "/projection/axes", "unit vectors of the picture", 2, 3, p->d, p->axes);
  cols[2] = of_rank_0(c, "/projection/explained_variance", "fraction of the variance on each axis",
                      1, 3, 1, p->explained);
  return 3;
}

int sb_picture_fixed(const sb_comm *c, const sb_picture *p, const int32_t *label, sb_column *cols) {
  const sb_column id = {.path = "/id",
                        .unit = "1",
                        .meaning = "index of the particle",
                        .kind = SB_KIND_I64,
                        .rank = 1,
                        .shape = {p->n},
                        .first = p->first,
                        .count = p->count,
                        .data = p->id};
  int n = 0;
  cols[n++] = id;
  cols[n] = id;
  cols[n].path = "/connectivity";
  cols[n].meaning = "point of each cell (for viewers)";
  cols[n].kind = SB_KIND_I32;
  cols[n++].data = p->connectivity;
  if (label) {
    cols[n] = id;
    cols[n].path = "/label";
    cols[n].meaning = "class of the point";
    cols[n].kind = SB_KIND_I32;
    cols[n++].data = label;
  }
  return n + (p->d > 3 ? sb_projection_columns(c, p->projection, cols + n) : 0);
}

/* --- XDMF
 * ------------------------------------------------------------------------------------------- */

/* A number for each point, not what viewers need beside. */
static int is_on_points(const sb_column *col, int64_t n) {
  return col->rank == 1 && col->shape[0] == n && strcmp(col->path, "/connectivity") != 0 &&
         strncmp(col->path, "/projection/", 12) != 0;
}

void sb_picture_xdmf(sb_text *t, const sb_picture *p, double time, const char *file,
                     const sb_column *cols, int n, const sb_column *fixed, int fixed_n) {
  array list[SB_PICTURE_MOST];
  const int three = p->d != 3;
  arrays_of(p, list);
  sb_xdmf_begin(t, time);
  for (int i = 0; i < n; i++)
    if (!list[i].velocity && list[i].three == three && list[i].axis < 0)
      sb_xdmf_cloud(t, file, &cols[i]);
  for (int i = 0; i < n; i++) {
    if (list[i].velocity && list[i].three == three) sb_xdmf_array(t, "velocity", file, &cols[i]);
    if (list[i].axis >= 0) sb_xdmf_array(t, list[i].name, file, &cols[i]);
  }
  for (int i = 0; i < fixed_n; i++)
    if (is_on_points(&fixed[i], p->n)) sb_xdmf_array(t, fixed[i].path + 1, file, &fixed[i]);
  sb_xdmf_end(t);
}
