/* Trajectories: frames are buffered and written in parts, each a whole file; the XDMF text grows
 * with them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "h5.h"
#include "sb/about.h"
#include "sb/clock.h"
#include "sb/mem.h"

typedef struct frame {
  int leg;
  int64_t step;
  double t;
} frame;

struct sb_recorder {
  const sb_comm *comm;
  char *directory, *name, *parent;
  int overwrite, parts; /* parts: written so far                                    */
  sb_status broken;     /* an earlier call failed, on every rank                    */
  sb_status mine;       /* one failed on this rank; agreed on when a part is written */
  sb_picture picture;
  int64_t most, held, total; /* frames of a part; in the buffer; in the parts before     */
  frame *frames;             /* [most]                                                   */
  double *data;              /* [most, count * width]                                    */
  char (*paths)[64];         /* [most * SB_PICTURE_MOST]                                   */
  sb_column *cols;           /* [most * SB_PICTURE_MOST + SB_PICTURE_FIXED]                  */
  sb_text xdmf;              /* rank 0                                                   */
};

/* name.h5, name.p0001.h5 … */
static sb_status part_path(const sb_recorder *r, int part, char **out) {
  if (part == 0) return sb_text_of(out, "%s/%s.h5", r->directory, r->name);
  return sb_text_of(out, "%s/%s.p%04d.h5", r->directory, r->name, part);
}

static void group_name(int64_t index, char out[32]) {
  snprintf(out, 32, "/step_%06lld", (long long)index);
}

/* --- One part
 * ----------------------------------------------------------------------------------------- */

static sb_status put_frame(sb_file *f, const char *group, const frame *at) {
  const double time = at->leg + at->t;
  const int64_t leg = at->leg;
  SB_TRY(sb_h5_groups(f, group, 1));
  const hid_t object = H5Gopen2(f->meta, group, H5P_DEFAULT);
  sb_status s = sb_h5_number_of(f, object, group, "time", H5T_IEEE_F64LE, &time);
  if (!s) s = sb_h5_number_of(f, object, group, "leg", H5T_STD_I64LE, &leg);
  if (!s) s = sb_h5_number_of(f, object, group, "t", H5T_IEEE_F64LE, &at->t);
  if (!s) s = sb_h5_number_of(f, object, group, "step", H5T_STD_I64LE, &at->step);
  if (object >= 0) H5Gclose(object);
  return s;
}

static sb_status put_frames(sb_file *f, void *context) {
  const sb_recorder *r = context;
  char group[32];
  SB_TRY(sb_h5_int(f, "/", "dimension", r->picture.d));
  SB_TRY(sb_h5_int(f, "/", "part", r->parts));
  for (int64_t k = 0; k < r->held; k++) {
    group_name(r->total + k, group);
    SB_TRY(put_frame(f, group, &r->frames[k]));
  }
  return SB_OK;
}

/* The columns of all frames, then those that the file has once; each frame has *each. */
static int list_columns(sb_recorder *r, int *each, int *fixed) {
  char group[32];
  int n = 0;
  *each = 0;
  for (int64_t k = 0; k < r->held; k++) {
    const double *data = r->data + k * r->picture.count * sb_picture_width(&r->picture);
    group_name(r->total + k, group);
    *each = sb_picture_columns(&r->picture, group, data, r->paths + n, r->cols + n);
    n += *each;
  }
  *fixed = sb_picture_fixed(r->comm, &r->picture, NULL, r->cols + n);
  return n;
}

static sb_status write_file(sb_recorder *r, const char *path, int columns) {
  sb_file *f;
  SB_TRY(sb_file_create(r->comm, path, r->overwrite, &f));
  sb_status s = sb_about_put(f, r->parent);
  if (!s) s = sb_h5_alone(f, put_frames, r);
  if (!s) s = sb_file_put_all(f, r->cols, columns);
  if (!s) return sb_file_commit(f, 0);
  sb_file_drop(f);
  return s;
}

static sb_status write_part(sb_recorder *r) {
  char *path = NULL;
  int each, fixed;
  if (r->held == 0) return SB_OK;
  SB_TRY_ALL(r->comm, r->mine ? r->mine : part_path(r, r->parts, &path));
  const int n = list_columns(r, &each, &fixed);
  sb_status s = write_file(r, path, n + fixed);
  for (int64_t k = 0; k < r->held && !s && r->comm->rank == 0; k++)
    sb_picture_xdmf(&r->xdmf, &r->picture, r->frames[k].leg + r->frames[k].t, sb_base_name(path),
                    r->cols + k * each, each, r->cols + n, fixed);
  if (!s) s = sb_xdmf_write(r->comm, r->directory, r->name, &r->xdmf);
  sb_mem_free(path);
  r->total += r->held;
  r->held = 0;
  r->parts++;
  return s;
}

/* --- A recorder set aside
 * ------------------------------------------------------------------------------- */

static sb_status put_state(sb_file *f, void *context) {
  const sb_recorder *r = context;
  SB_TRY(sb_h5_int(f, "/recorder", "parts", r->parts));
  SB_TRY(sb_h5_int(f, "/recorder", "total", r->total));
  SB_TRY(sb_h5_int(f, "/recorder", "held", r->held));
  if (r->xdmf.data) r->xdmf.data[r->xdmf.length] = 0; /* what ended the last file is still there */
  SB_TRY(sb_h5_string(f, "/recorder/xdmf", "for viewers, of the parts written",
                      r->xdmf.data ? r->xdmf.data : ""));
  return put_frames(f, context);
}

/* Positions and velocities are the first two arrays of a frame; the others follow from them. */
sb_status sb_recorder_save(const sb_recorder *r, sb_file *f) {
  sb_column *cols = NULL;
  char(*paths)[64] = NULL;
  const int64_t width = sb_picture_width(&r->picture);
  sb_status s = r->mine;
  if (!s) s = SB_NEW(&cols, 2 * r->held + SB_PICTURE_MOST, "arrays to be kept");
  if (!s) s = SB_NEW(&paths, 2 * r->held + SB_PICTURE_MOST, "arrays to be kept");
  s = sb_h5_agree(f, s);
  if (!s) s = sb_h5_alone(f, put_state, (void *)(uintptr_t)r);
  for (int64_t k = 0; !s && k < r->held; k++) {
    char group[32];
    group_name(r->total + k, group);
    sb_picture_columns(&r->picture, group, r->data + k * r->picture.count * width, paths + 2 * k,
                       cols + 2 * k);
  }
  if (!s) s = sb_file_put_all(f, cols, (int)(2 * r->held));
  sb_mem_free(paths);
  sb_mem_free(cols);
  return s;
}

static sb_status get_frame(sb_recorder *r, sb_file *f, int64_t k, double *x, double *v) {
  const sb_picture *p = &r->picture;
  char group[32], path[64];
  int64_t leg;
  group_name(r->total + k, group);
  SB_TRY(sb_file_get_int(f, group, "leg", 1, &leg));
  SB_TRY(sb_file_get_int(f, group, "step", 1, &r->frames[k].step));
  SB_TRY(sb_file_get_real(f, group, "t", 1, &r->frames[k].t));
  r->frames[k].leg = (int)leg;
  snprintf(path, sizeof path, "%s/x", group);
  SB_TRY(sb_file_get(f, path, SB_KIND_F64, p->first, p->count, x));
  snprintf(path, sizeof path, "%s/v", group);
  SB_TRY(sb_file_get(f, path, SB_KIND_F64, p->first, p->count, v));
  sb_picture_fill(p, x, v, r->data + k * p->count * sb_picture_width(p));
  return SB_OK;
}

static sb_status get_frames(sb_recorder *r, sb_file *f, int64_t held) {
  const int64_t size = r->picture.count * r->picture.d;
  double *x = NULL, *v = NULL;
  sb_status s = SB_NEW(&x, size, "a frame");
  if (!s) s = SB_NEW(&v, size, "a frame");
  s = sb_agree(r->comm, s);
  for (int64_t k = 0; !s && k < held; k++) s = get_frame(r, f, k, x, v);
  sb_mem_free(v);
  sb_mem_free(x);
  return s;
}

static sb_status check_parts(const sb_recorder *r, int64_t parts, int64_t held) {
  if (parts < 0 || parts > INT32_MAX || held < 0 || held >= r->most)
    return sb_fail(SB_USE, "a recorder with %lld frames to a part was set aside", (long long)held);
  for (int k = 0; k < (int)parts; k++) {
    char *path = NULL;
    SB_TRY(part_path(r, k, &path));
    sb_status s = sb_exists_local(path) ? SB_OK : sb_fail(SB_USE, "%s is missing", path);
    sb_mem_free(path);
    SB_TRY(s);
  }
  return SB_OK;
}

static sb_status take_text(sb_recorder *r, const char *text) {
  r->xdmf.length = 0;
  if (r->comm->rank == 0 && text[0]) sb_text_add(&r->xdmf, "%s", text);
  return r->xdmf.status;
}

sb_status sb_recorder_restore(sb_recorder *r, sb_file *f) {
  int64_t parts, total, held;
  char *text;
  SB_TRY(sb_file_get_int(f, "/recorder", "parts", 1, &parts));
  SB_TRY(sb_file_get_int(f, "/recorder", "total", 1, &total));
  SB_TRY(sb_file_get_int(f, "/recorder", "held", 1, &held));
  SB_TRY_ALL(r->comm, r->comm->rank == 0 ? check_parts(r, parts, held) : SB_OK);
  SB_TRY(sb_file_get_string(f, "/recorder/xdmf", &text));
  r->total = total;
  sb_status s = get_frames(r, f, held);
  if (!s) s = sb_agree(r->comm, take_text(r, text));
  sb_mem_free(text);
  r->parts = s ? 0 : (int)parts;
  r->held = s ? 0 : held;
  if (s) r->total = 0;
  return s;
}

/* --- Life
 * --------------------------------------------------------------------------------------------- */

static void release(sb_recorder *r) {
  if (!r) return;
  sb_picture_free(&r->picture);
  sb_text_free(&r->xdmf);
  sb_mem_free(r->directory);
  sb_mem_free(r->name);
  sb_mem_free(r->parent);
  sb_mem_free(r->frames);
  sb_mem_free(r->data);
  sb_mem_free(r->paths);
  sb_mem_free(r->cols);
  sb_mem_free(r);
}

static sb_status prepare(const sb_comm *c, const sb_recorder_options *o, int64_t n,
                         sb_recorder **out) {
  sb_recorder *r;
  SB_TRY(SB_NEW(out, 1, "recorder"));
  r = *out;
  r->comm = c;
  r->overwrite = o->overwrite;
  r->most = o->frames_per_part < 1 ? 1 : o->frames_per_part;
  const int64_t recorded = o->particles < n ? o->particles : n;
  const sb_share mine = sb_share_of(c, n);
  r->picture = (sb_picture){.n = recorded, .d = o->d, .velocity = 1, .projection = o->projection};
  r->picture.first = mine.first < recorded ? mine.first : recorded;
  r->picture.count =
      (mine.first + mine.count < recorded ? mine.first + mine.count : recorded) - r->picture.first;
  if (recorded < 1 || recorded > INT32_MAX)
    return sb_fail(SB_USE, "recording: %lld particles cannot be recorded", (long long)recorded);
  SB_TRY(sb_text_of(&r->directory, "%s", o->directory));
  SB_TRY(sb_text_of(&r->name, "%s", o->name));
  if (o->parent) SB_TRY(sb_text_of(&r->parent, "%s", o->parent));
  SB_TRY(sb_picture_new(&r->picture));
  SB_TRY(SB_NEW(&r->frames, r->most, "recorded frames"));
  SB_TRY(SB_NEW(&r->paths, r->most * SB_PICTURE_MOST, "names of recorded arrays"));
  SB_TRY(SB_NEW(&r->cols, r->most * SB_PICTURE_MOST + SB_PICTURE_FIXED, "recorded arrays"));
  return SB_NEW(&r->data, r->most * r->picture.count * sb_picture_width(&r->picture),
                "recorded frames (record.part_frames fewer need less)");
}

int64_t sb_recorder_bytes(const sb_recorder_options *o, int64_t tracked) {
  const sb_picture picture = {.d = o->d, .velocity = 1, .projection = o->projection};
  return o->frames_per_part * (tracked * sb_picture_width(&picture) * 8 +
                               SB_PICTURE_MOST * (int64_t)(sizeof(sb_column) + sizeof(char[64])));
}

/* Nobody should learn after hours of computing that the file was there before. */
static sb_status look_for_old(const sb_recorder *r) {
  sb_status s = SB_OK;
  for (int part = 0; part < 2 && !s && !r->overwrite; part++) {
    char *path = NULL;
    s = part_path(r, part, &path);
    if (!s && sb_exists_local(path))
      s = sb_fail(SB_USE, "%s: exists already; --overwrite replaces it", path);
    sb_mem_free(path);
  }
  return s;
}

sb_status sb_recorder_open(const sb_comm *c, const sb_recorder_options *o, int64_t n,
                           sb_recorder **out) {
  *out = NULL;
  sb_status s = sb_agree(c, prepare(c, o, n, out));
  if (!s) s = sb_agree(c, c->rank == 0 ? look_for_old(*out) : SB_OK);
  if (s) {
    release(*out);
    *out = NULL;
  }
  return s;
}

sb_status sb_recorder_add(sb_recorder *r, int leg, int64_t step, double t, int64_t first,
                          int64_t count, const double *x, const double *v) {
  if (r->broken) return r->broken; /* ranks do not wait for each other between parts */
  const int64_t skip = r->picture.first - first;
  r->frames[r->held] = (frame){leg, step, t};
  if (r->picture.count > 0 && (skip < 0 || skip + r->picture.count > count)) {
    r->mine =
        sb_fail(SB_SYS, "recorder: particles %lld + %lld lack some of this rank's recorded ones",
                (long long)first, (long long)count);
  } else {
    const int64_t at = r->picture.count > 0 ? skip * r->picture.d : 0;
    sb_picture_fill(&r->picture, x + at, v ? v + at : NULL,
                    r->data + r->held * r->picture.count * sb_picture_width(&r->picture));
  }
  if (++r->held == r->most) {
    const double since = sb_clock();
    r->broken = write_part(r);
    sb_timer(SB_T_OUTPUT, since);
  }
  return r->broken;
}

/* Parts of an earlier, longer run that had this name. */
static void remove_later_parts(const sb_recorder *r) {
  for (int part = r->parts > 0 ? r->parts : 1, gone = 0; !gone; part++) {
    char *path = NULL;
    gone = part_path(r, part, &path) != SB_OK || unlink(path) != 0;
    sb_mem_free(path);
  }
}

void sb_recorder_drop(sb_recorder *r) { release(r); }

sb_status sb_recorder_close(sb_recorder *r) {
  if (!r) return SB_OK;
  sb_status s = r->broken;
  if (!s) {
    const double since = sb_clock();
    s = write_part(r);
    if (!s && r->overwrite && r->comm->rank == 0) remove_later_parts(r);
    sb_timer(SB_T_OUTPUT, since);
  }
  release(r);
  return s;
}
