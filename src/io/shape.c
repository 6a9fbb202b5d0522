/* What stands around the numbers of an HDF5 file: groups, attributes, texts, shapes. Rank 0 works,
 * through its serial handle. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "h5.h"
#include "sb/mem.h"

/* --- Element types
 * ------------------------------------------------------------------------------------ */

hid_t sb_kind_type(sb_kind kind) {
  switch (kind) {
    case SB_KIND_F32: return H5T_IEEE_F32LE;
    case SB_KIND_F64: return H5T_IEEE_F64LE;
    case SB_KIND_I32: return H5T_STD_I32LE;
    case SB_KIND_I64: return H5T_STD_I64LE;
    case SB_KIND_U8: break;
  }
  return H5T_STD_U8LE;
}

int64_t sb_kind_bytes(sb_kind kind) {
  return kind == SB_KIND_U8 ? 1 : kind == SB_KIND_F32 || kind == SB_KIND_I32 ? 4 : 8;
}

const char *sb_kind_name(sb_kind kind) {
  static const char *const names[] = {"float", "double", "int32", "int64", "uint8"};
  return names[kind];
}

/* --- Groups
 * ------------------------------------------------------------------------------------------- */

int sb_h5_has(hid_t file, const char *path) {
  char name[512];
  if (strcmp(path, "/") == 0) return 1;
  if (strlen(path) >= sizeof name) return 0;
  /* Every group on the way has to exist before the library may be asked. */
  for (size_t i = 1; i <= strlen(path); i++) {
    if (path[i] != '/' && path[i] != 0) continue;
    snprintf(name, i + 1, "%s", path);
    if (H5Lexists(file, name, H5P_DEFAULT) <= 0) return 0;
  }
  return H5Oexists_by_name(file, path, H5P_DEFAULT) > 0;
}

static sb_status make_group(sb_file *f, const char *path) {
  if (sb_h5_has(f->meta, path)) return SB_OK;
  const hid_t how = H5Pcreate(H5P_GROUP_CREATE);
  H5Pset_obj_track_times(how, 0);
  const hid_t group = H5Gcreate2(f->meta, path, H5P_DEFAULT, how, H5P_DEFAULT);
  H5Pclose(how);
  if (group < 0) return sb_fail(SB_SYS, "%s: cannot make group %s: %s", f->path, path, sb_h5_why());
  H5Gclose(group);
  return SB_OK;
}

sb_status sb_h5_groups(sb_file *f, const char *path, int self) {
  char name[512];
  if (path[0] != '/' || strlen(path) >= sizeof name)
    return sb_fail(SB_SYS, "%s: '%s' is not a path of a dataset", f->path, path);
  for (size_t i = 1; i < strlen(path); i++) {
    if (path[i] != '/') continue;
    snprintf(name, i + 1, "%s", path);
    SB_TRY(make_group(f, name));
  }
  return self ? make_group(f, path) : SB_OK;
}

/* --- Attributes
 * --------------------------------------------------------------------------------------- */

static hid_t text_type(void) {
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

/* Made once: files of many datasets ask for it thousands of times. */
static hid_t one_element(void) {
  static hid_t space;
  if (!space) space = H5Screate(H5S_SCALAR);
  return space;
}

/* An attribute that is not there. */
static sb_status attach(sb_file *f, hid_t object, const char *path, const char *name, hid_t type,
                        hid_t space, const void *x) {
  const hid_t a = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  sb_status s = SB_OK;
  if (a < 0 || H5Awrite(a, type, x) < 0)
    s = sb_fail(SB_SYS, "%s: cannot write attribute %s of %s: %s", f->path, name, path,
                sb_h5_why());
  if (a >= 0) H5Aclose(a);
  return s;
}

static sb_status put(sb_file *f, const char *path, const char *name, hid_t type, hid_t space,
                     const void *x) {
  SB_TRY(sb_h5_groups(f, path, 1));
  const hid_t object = H5Oopen(f->meta, path, H5P_DEFAULT);
  if (object >= 0 && H5Aexists(object, name) > 0) H5Adelete(object, name);
  sb_status s = attach(f, object, path, name, type, space, x);
  if (object >= 0) H5Oclose(object);
  return s;
}

sb_status sb_h5_text_of(sb_file *f, hid_t object, const char *path, const char *name,
                        const char *text) {
  const hid_t type = text_type();
  sb_status s = attach(f, object, path, name, type, one_element(), &text);
  H5Tclose(type);
  return s;
}

sb_status sb_h5_number_of(sb_file *f, hid_t object, const char *path, const char *name, hid_t type,
                          const void *x) {
  return attach(f, object, path, name, type, one_element(), x);
}

sb_status sb_h5_text(sb_file *f, const char *path, const char *name, const char *text) {
  const hid_t type = text_type();
  sb_status s = put(f, path, name, type, one_element(), &text);
  H5Tclose(type);
  return s;
}

sb_status sb_h5_numbers(sb_file *f, const char *path, const char *name, hid_t type, int n,
                        const void *x) {
  const hsize_t count = (hsize_t)n;
  if (n == 1) return put(f, path, name, type, one_element(), x);
  const hid_t space = H5Screate_simple(1, &count, NULL);
  sb_status s = put(f, path, name, type, space, x);
  H5Sclose(space);
  return s;
}

sb_status sb_h5_int(sb_file *f, const char *path, const char *name, int64_t x) {
  return sb_h5_numbers(f, path, name, H5T_STD_I64LE, 1, &x);
}

sb_status sb_h5_real(sb_file *f, const char *path, const char *name, double x) {
  return sb_h5_numbers(f, path, name, H5T_IEEE_F64LE, 1, &x);
}

/* --- Texts
 * -------------------------------------------------------------------------------------------- */

sb_status sb_h5_string(sb_file *f, const char *path, const char *meaning, const char *text) {
  char crc[17];
  const size_t length = strlen(text);
  SB_TRY(sb_h5_groups(f, path, 0));
  const hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR),
              how = H5Pcreate(H5P_DATASET_CREATE);
  H5Tset_size(type, length + 1);
  H5Tset_cset(type, H5T_CSET_UTF8);
  H5Pset_obj_track_times(how, 0);
  const hid_t set = H5Dcreate2(f->meta, path, type, space, H5P_DEFAULT, how, H5P_DEFAULT);
  sb_status s = SB_OK;
  if (set < 0 || H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) < 0)
    s = sb_fail(SB_SYS, "%s: cannot write %s: %s", f->path, path, sb_h5_why());
  if (set >= 0) H5Dclose(set);
  H5Pclose(how);
  H5Sclose(space);
  H5Tclose(type);
  sb_crc_text(sb_crc_add(0, text, (int64_t)length), crc);
  if (!s) s = sb_h5_text(f, path, "unit", "1");
  if (!s) s = sb_h5_text(f, path, "meaning", meaning);
  return s ? s : sb_h5_text(f, path, "crc", crc);
}

/* Reads one string of fixed or variable length from an attribute (set = 0) or a dataset. */
static sb_status read_string(hid_t from, int set, hid_t stored, char **out) {
  sb_status s = SB_OK;
  const hid_t type = H5Tcopy(stored);
  if (H5Tis_variable_str(stored) > 0) {
    char *text = NULL;
    const herr_t bad = set ? H5Dread(from, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, &text)
                           : H5Aread(from, type, &text);
    s = bad < 0 ? SB_SYS : sb_text_of(out, "%s", text ? text : "");
    if (text) H5free_memory(text);
  } else {
    const size_t size = H5Tget_size(stored);
    s = sb_mem_new(out, (int64_t)size + 1, 1, "a text");
    if (!s && (set ? H5Dread(from, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, *out)
                   : H5Aread(from, type, *out)) < 0)
      s = SB_SYS;
  }
  H5Tclose(type);
  return s;
}

static int one_string(hid_t type, hid_t space) {
  return H5Tget_class(type) == H5T_STRING && H5Sget_simple_extent_npoints(space) == 1;
}

sb_status sb_h5_read_text(sb_file *f, const char *path, const char *name, char **out) {
  *out = NULL;
  const hid_t object = sb_h5_has(f->meta, path) ? H5Oopen(f->meta, path, H5P_DEFAULT) : -1;
  const int set = object >= 0 && !name && H5Iget_type(object) == H5I_DATASET;
  const hid_t from = set ? object
                     : object >= 0 && name && H5Aexists(object, name) > 0
                         ? H5Aopen(object, name, H5P_DEFAULT)
                         : -1;
  sb_status s;
  if (from < 0)
    s = name ? sb_fail(SB_USE, "%s: %s has no attribute %s", f->path, path, name)
             : sb_fail(SB_USE, "%s: there is no text %s", f->path, path);
  else {
    const hid_t type = set ? H5Dget_type(from) : H5Aget_type(from);
    const hid_t space = set ? H5Dget_space(from) : H5Aget_space(from);
    if (!one_string(type, space))
      s = sb_fail(SB_USE, "%s: %s%s%s is not one text", f->path, path, name ? " attribute " : "",
                  name ? name : "");
    else if ((s = read_string(from, set, type, out)) != SB_OK)
      sb_fail(s, "%s: cannot read %s: %s", f->path, path, sb_h5_why());
    H5Sclose(space);
    H5Tclose(type);
    if (!set) H5Aclose(from);
  }
  if (object >= 0) H5Oclose(object);
  return s;
}

/* --- Shapes
 * ------------------------------------------------------------------------------------------- */

typedef struct names {
  char text[512];
  int more;
} names;

static herr_t list_dataset(hid_t root, const char *name, const H5L_info_t *info, void *context) {
  names *list = context;
  const hid_t object = info->type == H5L_TYPE_HARD ? H5Oopen(root, name, H5P_DEFAULT) : -1;
  if (object < 0) return 0;
  const size_t used = strlen(list->text);
  if (H5Iget_type(object) != H5I_DATASET || strncmp(name, "about/", 6) == 0) {
  } else if (used + strlen(name) + 40 > sizeof list->text)
    list->more++;
  else
    snprintf(list->text + used, sizeof list->text - used, " /%s", name);
  H5Oclose(object);
  return 0;
}

/* Fails, and says which datasets there are. */
static sb_status no_dataset(sb_file *f, const char *path) {
  names list = {.more = 0};
  H5Lvisit(f->meta, H5_INDEX_NAME, H5_ITER_INC, list_dataset, &list);
  if (!list.text[0]) return sb_fail(SB_USE, "%s: has no dataset %s, and no other", f->path, path);
  if (list.more) {
    const size_t used = strlen(list.text);
    snprintf(list.text + used, sizeof list.text - used, " and %d more", list.more);
  }
  return sb_fail(SB_USE, "%s: has no dataset %s; it has%s", f->path, path, list.text);
}

/* The kind that holds every value of an HDF5 type: 0 where there is none. */
static int kind_of(hid_t type, sb_kind *kind) {
  const H5T_class_t class = H5Tget_class(type);
  const size_t size = H5Tget_size(type);
  if (class == H5T_FLOAT)
    *kind = size <= 4 ? SB_KIND_F32 : SB_KIND_F64;
  else if (class == H5T_INTEGER && H5Tget_sign(type) == H5T_SGN_NONE)
    *kind = size == 1 ? SB_KIND_U8 : size < 4 ? SB_KIND_I32 : SB_KIND_I64;
  else if (class == H5T_INTEGER)
    *kind = size <= 4 ? SB_KIND_I32 : SB_KIND_I64;
  else if (class == H5T_ENUM) /* the truth values of h5py */
    *kind = SB_KIND_U8;
  else
    return 0;
  return 1;
}

/* The bytes of the elements can be counted. */
static int countable(int rank, const hsize_t *shape) {
  double bytes = 8;
  for (int i = 0; i < rank; i++) bytes *= shape[i] ? (double)shape[i] : 1;
  return bytes < 9e18;
}

sb_status sb_h5_shape_of(sb_file *f, const char *path, sb_h5_shape *out) {
  *out = (sb_h5_shape){.rank = 0};
  const hid_t object = sb_h5_has(f->meta, path) ? H5Oopen(f->meta, path, H5P_DEFAULT) : -1;
  const int set = object >= 0 && H5Iget_type(object) == H5I_DATASET;
  sb_status s = set ? SB_OK : no_dataset(f, path);
  if (set) {
    hsize_t shape[H5S_MAX_RANK];
    const hid_t type = H5Dget_type(object), space = H5Dget_space(object);
    const int rank = H5Sget_simple_extent_dims(space, shape, NULL);
    out->text = one_string(type, space);
    if (!out->text && !kind_of(type, &out->kind))
      s = sb_fail(SB_USE, "%s: %s does not hold numbers", f->path, path);
    else if (!out->text && (rank < 1 || rank > 4))
      s = sb_fail(SB_USE, "%s: %s has %d dimensions, 1 to 4 are allowed", f->path, path, rank);
    else if (!out->text && !countable(rank, shape))
      s = sb_fail(SB_USE, "%s: %s has more elements than any table", f->path, path);
    out->stored = (int64_t)H5Dget_storage_size(object);
    out->rank = rank;
    for (int i = 0; i < rank && i < 4; i++) out->shape[i] = (int64_t)shape[i];
    H5Sclose(space);
    H5Tclose(type);
  }
  if (object >= 0) H5Oclose(object);
  return s;
}
