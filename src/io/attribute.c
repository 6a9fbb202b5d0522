/* Attributes and texts of HDF5 files, for all ranks: rank 0 writes or reads, all agree and receive.
 */
#include <stdio.h>
#include <string.h>

#include "h5.h"
#include "sb/mem.h"

/* --- Writing
 * -------------------------------------------------------------------------------------------- */

typedef struct item {
  const char *path, *name, *text;
  hid_t type;
  int n;
  const void *x;
} item;

static sb_status put_text(sb_file *f, void *context) {
  const item *i = context;
  return sb_h5_text(f, i->path, i->name, i->text);
}

static sb_status put_string(sb_file *f, void *context) {
  const item *i = context;
  return sb_h5_string(f, i->path, i->name, i->text);
}

static sb_status put_numbers(sb_file *f, void *context) {
  const item *i = context;
  return sb_h5_numbers(f, i->path, i->name, i->type, i->n, i->x);
}

sb_status sb_file_put_text(sb_file *f, const char *path, const char *name, const char *text) {
  return sb_h5_alone(f, put_text, &(item){.path = path, .name = name, .text = text});
}

sb_status sb_file_put_real(sb_file *f, const char *path, const char *name, int n, const double *x) {
  return sb_h5_alone(f, put_numbers, &(item){path, name, NULL, H5T_IEEE_F64LE, n, x});
}

sb_status sb_file_put_int(sb_file *f, const char *path, const char *name, int n, const int64_t *x) {
  return sb_h5_alone(f, put_numbers, &(item){path, name, NULL, H5T_STD_I64LE, n, x});
}

sb_status sb_file_put_string(sb_file *f, const char *path, const char *meaning, const char *text) {
  return sb_h5_alone(f, put_string, &(item){.path = path, .name = meaning, .text = text});
}

/* --- Reading
 * -------------------------------------------------------------------------------------------- */

int sb_file_has(sb_file *f, const char *path) {
  int has = f->comm->rank == 0 && sb_h5_has(f->meta, path);
  return sb_broadcast(f->comm, 0, &has, sizeof has) == SB_OK && has;
}

/* Rank 0's text to all (sb_mem_new on every rank). */
static sb_status share_text(const sb_comm *c, sb_status s, char **text) {
  int64_t bytes = c->rank == 0 && *text ? (int64_t)strlen(*text) + 1 : 0;
  s = sb_agree(c, s);
  if (!s) s = sb_broadcast(c, 0, &bytes, sizeof bytes);
  if (!s) s = sb_agree(c, c->rank == 0 ? SB_OK : sb_mem_new(text, bytes, 1, "a text"));
  return s ? s : sb_broadcast(c, 0, *text, bytes);
}

static sb_status get_text(sb_file *f, const char *path, const char *name, char **out) {
  *out = NULL;
  sb_status s = f->comm->rank == 0 ? sb_h5_read_text(f, path, name, out) : SB_OK;
  s = share_text(f->comm, s, out);
  if (s) {
    sb_mem_free(*out);
    *out = NULL;
  }
  return s;
}

sb_status sb_file_get_string(sb_file *f, const char *path, char **out) {
  return get_text(f, path, NULL, out);
}

sb_status sb_file_get_text(sb_file *f, const char *path, const char *name, char *out, int size) {
  char *text;
  SB_TRY(get_text(f, path, name, &text));
  const int length = snprintf(out, (size_t)size, "%s", text);
  sb_mem_free(text);
  if (length < size) return SB_OK;
  return sb_fail(SB_USE, "%s: attribute %s of %s is longer than %d letters", f->path, name, path,
                 size - 1);
}

static sb_status read_numbers(sb_file *f, const item *i, hid_t type, void *x) {
  const hid_t object = sb_h5_has(f->meta, i->path) ? H5Oopen(f->meta, i->path, H5P_DEFAULT) : -1;
  const hid_t a =
      object >= 0 && H5Aexists(object, i->name) > 0 ? H5Aopen(object, i->name, H5P_DEFAULT) : -1;
  sb_status s = SB_OK;
  if (a < 0)
    s = sb_fail(SB_USE, "%s: %s has no attribute %s", f->path, i->path, i->name);
  else {
    const hid_t space = H5Aget_space(a), stored = H5Aget_type(a);
    const hssize_t n = H5Sget_simple_extent_npoints(space);
    const H5T_class_t class = H5Tget_class(stored);
    if (n != i->n)
      s = sb_fail(SB_USE, "%s: attribute %s of %s has %lld numbers, not %d", f->path, i->name,
                  i->path, (long long)n, i->n);
    else if (class != H5T_INTEGER && (class != H5T_FLOAT || type == H5T_STD_I64LE))
      s = sb_fail(SB_USE, "%s: attribute %s of %s does not hold %s numbers", f->path, i->name,
                  i->path, type == H5T_STD_I64LE ? "whole" : "real");
    else if (H5Aread(a, type, x) < 0)
      s = sb_fail(SB_SYS, "%s: cannot read attribute %s of %s: %s", f->path, i->name, i->path,
                  sb_h5_why());
    H5Tclose(stored);
    H5Sclose(space);
    H5Aclose(a);
  }
  if (object >= 0) H5Oclose(object);
  return s;
}

static sb_status get_numbers(sb_file *f, const item *i, hid_t type, void *x) {
  SB_TRY(sb_agree(f->comm, f->comm->rank == 0 ? read_numbers(f, i, type, x) : SB_OK));
  return sb_broadcast(f->comm, 0, x, (int64_t)i->n * 8);
}

sb_status sb_file_get_real(sb_file *f, const char *path, const char *name, int n, double *x) {
  return get_numbers(f, &(item){.path = path, .name = name, .n = n}, H5T_IEEE_F64LE, x);
}

sb_status sb_file_get_int(sb_file *f, const char *path, const char *name, int n, int64_t *x) {
  return get_numbers(f, &(item){.path = path, .name = name, .n = n}, H5T_STD_I64LE, x);
}
