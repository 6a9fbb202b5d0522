/* The numbers of HDF5 files: every rank writes and reads its rows, in collective transfers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "h5.h"
#include "sb/mem.h"

#define SLICE_BYTES \
  (INT64_C(1) << 30) /* of one rank in one transfer: MPI-IO counts bytes in an int */

#define CHUNKS \
  262144.0 /* of a dataset in one transfer, of which the library keeps a list of 250 bytes each */

/* --- Which part of a dataset
 * ---------------------------------------------------------------------------- */

/* Rows of a dataset: flat indices of its first `merge` dimensions, each of `width` elements. */
typedef struct rows {
  int rank, merge;
  int64_t shape[4], count, width;
} rows;

static rows rows_of(int rank, const int64_t shape[4], int merge) {
  rows r = {.rank = rank, .merge = merge < 1 ? 1 : merge, .count = 1, .width = 1};
  for (int i = 0; i < rank; i++) {
    r.shape[i] = shape[i];
    *(i < r.merge ? &r.count : &r.width) *= shape[i];
  }
  return r;
}

/* Adds flat indices first .. last-1 of the dimensions level .. merge-1 to the selection, as boxes:
 * a head that does not fill its dimensions, whole ones, a tail. start holds the place in the
 * dimensions before. */
static int add_boxes(hid_t space, const rows *r, int level, hsize_t start[4], int64_t first,
                     int64_t last) {
  int64_t inner = 1;
  int bad = 0;
  for (int i = level + 1; i < r->merge; i++) inner *= r->shape[i];
  const int64_t i0 = first / inner, i1 = last / inner;
  if (first >= last) return 0;
  if (first % inner != 0 || i0 == i1) { /* head, or all inside one place of this dimension */
    const int64_t end = (i0 + 1) * inner < last ? (i0 + 1) * inner : last;
    start[level] = (hsize_t)i0;
    bad = add_boxes(space, r, level + 1, start, first - i0 * inner, end - i0 * inner);
    return bad | add_boxes(space, r, level, start, end, last);
  }
  hsize_t box[4], from[4] = {0};
  for (int i = 0; i < r->rank; i++) {
    from[i] = i <= level ? start[i] : 0;
    box[i] = i < level ? 1 : (hsize_t)r->shape[i];
  }
  from[level] = (hsize_t)i0;
  box[level] = (hsize_t)(i1 - i0);
  const H5S_seloper_t how =
      H5Sget_select_type(space) == H5S_SEL_NONE ? H5S_SELECT_SET : H5S_SELECT_OR;
  bad = H5Sselect_hyperslab(space, how, from, NULL, box, NULL) < 0;
  return bad | add_boxes(space, r, level, start, i1 * inner, last);
}

/* One collective transfer of rows first .. first+count-1 from a dataset to memory; NULL, or why it
 * failed. */
static const char *transfer(hid_t set, hid_t type, const rows *r, int64_t first, int64_t count,
                            hid_t how, void *data) {
  hsize_t start[4] = {0}, elements = (hsize_t)(count * r->width);
  const hid_t file = H5Dget_space(set), memory = H5Screate_simple(1, &elements, NULL);
  static char none[8]; /* an empty rank takes part with an address that is not NULL */
  int bad = H5Sselect_none(file) < 0;
  bad |= count ? add_boxes(file, r, 0, start, first, first + count) : H5Sselect_none(memory) < 0;
  const char *why = bad ? sb_h5_why() : NULL;
  if (bad) { /* still takes part, with nothing: the others wait in the transfer */
    H5Sselect_none(file);
    H5Sselect_none(memory);
  }
  if (!data) data = none;
  if (H5Dread(set, type, memory, file, how, data) < 0) why = sb_h5_why();
  H5Sclose(memory);
  H5Sclose(file);
  return why;
}

/* A number that its new type cannot hold ends a conversion. Precision may be lost. */
static H5T_conv_ret_t refuse(H5T_conv_except_t what, hid_t from, hid_t to, void *source,
                             void *target, void *refused) {
  (void)from, (void)to, (void)source, (void)target;
  if (what == H5T_CONV_EXCEPT_PRECISION) return H5T_CONV_UNHANDLED;
  *(int *)refused = 1;
  return H5T_CONV_ABORT;
}

/* Rows of one transfer: no more than MPI-IO counts, and of a dataset in chunks no more than the
 * library can keep a list of. The same on every rank. */
static int64_t rows_at_once(hid_t set, const rows *r, sb_kind kind) {
  const hid_t how = H5Dget_create_plist(set);
  hsize_t chunk[4];
  int64_t each = SLICE_BYTES / (r->width * sb_kind_bytes(kind)) + 1;
  if (H5Pget_layout(how) == H5D_CHUNKED && H5Pget_chunk(how, r->rank, chunk) == r->rank) {
    double across = 1; /* chunks that a row goes through */
    for (int i = 1; i < r->rank; i++)
      across *= ceil((double)r->shape[i] / fmin((double)chunk[i], (double)r->shape[i]));
    const double most = fmax(1, floor(CHUNKS / across)) * (double)chunk[0];
    if (most < (double)each) each = (int64_t)most;
  }
  H5Pclose(how);
  return each;
}

/* A share in slices. `longest` is the most rows that any rank has; a rank that fails goes on taking
 * part. */
static sb_status transfer_slices(sb_file *f, hid_t set, const char *path, sb_kind kind,
                                 const rows *r, int64_t first, int64_t count, int64_t longest,
                                 void *data) {
  const int64_t bytes = r->width * sb_kind_bytes(kind), each = rows_at_once(set, r, kind);
  const hid_t how = H5Pcreate(H5P_DATASET_XFER);
  sb_status s = SB_OK;
  int refused = 0;
  H5Pset_dxpl_mpio(how, H5FD_MPIO_COLLECTIVE);
  H5Pset_type_conv_cb(how, refuse, &refused);
  for (int64_t k = 0; k < longest; k += each) {
    const int64_t at = k < count ? k : count, n = count - at < each ? count - at : each;
    void *part = n ? (char *)data + at * bytes : NULL;
    const char *why = transfer(set, sb_kind_type(kind), r, first + at, n, how, part);
    if (!why || s) continue;
    if (refused)
      s = sb_fail(SB_USE, "%s: %s holds a number that %s cannot hold", f->path, path,
                  sb_kind_name(kind));
    else
      s = sb_fail(SB_SYS, "%s: cannot read %s: %s", f->path, path, why);
  }
  H5Pclose(how);
  return s;
}

/* The most rows that any rank has; 0 where they are without numbers. Collective. */
static sb_status longest_share(const sb_comm *c, const rows *r, int64_t count, int64_t *out) {
  *out = r->width && r->count ? count : 0;
  return sb_max_int(c, out, 1);
}

/* --- Writing
 * -------------------------------------------------------------------------------------------- */

static int64_t bytes_of(const sb_column *col, int64_t n) {
  return n * rows_of(col->rank, col->shape, col->merge).width * sb_kind_bytes(col->kind);
}

static sb_status check_column(const sb_file *f, const sb_column *col) {
  int bad = col->rank < 1 || col->rank > 4 || col->merge < 0 || col->merge > col->rank;
  for (int i = 0; !bad && i < col->rank; i++) bad = col->shape[i] < 0;
  if (!bad) {
    const rows r = rows_of(col->rank, col->shape, col->merge);
    bad = col->first < 0 || col->count < 0 || col->first + col->count > r.count ||
          (bytes_of(col, col->count) > 0 && !col->data);
  }
  return bad ? sb_fail(SB_SYS, "%s: rows or shape of %s are impossible", f->path, col->path)
             : SB_OK;
}

/* Checksums of n columns, each rank its rows; and whether the ranks hold all of them. held [n]:
 * room. */
static sb_status checksums(sb_file *f, const sb_column *cols, int n, int64_t *held, uint64_t *crc) {
  sb_status s = SB_OK;
  for (int i = 0; i < n && !s; i++) s = check_column(f, &cols[i]);
  SB_TRY(sb_h5_agree(f, s));
  for (int i = 0; i < n; i++) {
    const rows r = rows_of(cols[i].rank, cols[i].shape, cols[i].merge);
    const int64_t after = r.count - cols[i].first - cols[i].count;
    crc[i] = sb_crc_add(0, cols[i].data, bytes_of(&cols[i], cols[i].count));
    crc[i] = cols[i].count ? sb_crc_shift(crc[i], bytes_of(&cols[i], after)) : 0;
    held[i] = cols[i].count;
  }
  SB_TRY(sb_xor_int(f->comm, crc, n));
  SB_TRY(sb_sum_int(f->comm, held, n));
  for (int i = 0; i < n && !s; i++)
    if (held[i] != rows_of(cols[i].rank, cols[i].shape, cols[i].merge).count)
      s = sb_fail(SB_SYS, "%s: the ranks hold %lld rows of %s, which is another number", f->path,
                  (long long)held[i], cols[i].path);
  return sb_h5_agree(f, s);
}

/* All room at once and no fill: the elements are written without the library. Made once. */
static hid_t how_to_make(void) {
  static hid_t how;
  if (how) return how;
  how = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_layout(how, H5D_CONTIGUOUS);
  H5Pset_alloc_time(how, H5D_ALLOC_TIME_EARLY);
  H5Pset_fill_time(how, H5D_FILL_TIME_NEVER);
  H5Pset_obj_track_times(how, 0);
  return how;
}

/* An empty dataset with its attributes; *at: where its elements are in the file. */
static sb_status make_dataset(sb_file *f, const sb_column *col, uint64_t crc, int64_t *at) {
  hsize_t shape[4];
  char digits[17];
  for (int i = 0; i < col->rank; i++) shape[i] = (hsize_t)col->shape[i];
  const hid_t space = H5Screate_simple(col->rank, shape, NULL);
  const hid_t set = H5Dcreate2(f->meta, col->path, sb_kind_type(col->kind), space, H5P_DEFAULT,
                               how_to_make(), H5P_DEFAULT);
  sb_status s = SB_OK;
  if (set < 0) s = sb_fail(SB_SYS, "%s: cannot make %s: %s", f->path, col->path, sb_h5_why());
  sb_crc_text(crc, digits);
  if (!s) s = sb_h5_text_of(f, set, col->path, "unit", col->unit);
  if (!s) s = sb_h5_text_of(f, set, col->path, "meaning", col->meaning);
  if (!s) s = sb_h5_text_of(f, set, col->path, "crc", digits);
  const haddr_t place = s ? HADDR_UNDEF : H5Dget_offset(set);
  *at = place == HADDR_UNDEF ? 0 : (int64_t)place;
  if (set >= 0) H5Dclose(set);
  H5Sclose(space);
  return s;
}

/* Makes the groups above a column, unless they are those of the column before. */
static sb_status make_groups(sb_file *f, const sb_column *col, const sb_column *before) {
  const size_t length = (size_t)(sb_base_name(col->path) - col->path);
  if (before && (size_t)(sb_base_name(before->path) - before->path) == length &&
      memcmp(before->path, col->path, length) == 0)
    return SB_OK;
  return sb_h5_groups(f, col->path, 0);
}

/* Empty datasets, and where in the file they are: place [n]. crc [n]: room. */
static sb_status make_datasets(sb_file *f, const sb_column *cols, int n, int64_t *place,
                               uint64_t *crc) {
  SB_TRY(checksums(f, cols, n, place, crc));
  sb_status s = sb_h5_meta(f);
  for (int i = 0; i < n && !s && f->comm->rank == 0; i++) {
    s = make_groups(f, &cols[i], i ? &cols[i - 1] : NULL);
    if (!s) s = make_dataset(f, &cols[i], crc[i], &place[i]);
  }
  SB_TRY(sb_h5_agree(f, s));
  return sb_broadcast(f->comm, 0, place, (int64_t)n * (int64_t)sizeof *place);
}

static hid_t open_dataset(sb_file *f, const char *path, sb_status *s) {
  const hid_t set = H5Dopen2(f->data, path, H5P_DEFAULT);
  if (set < 0 && !*s) *s = sb_fail(SB_SYS, "%s: cannot open %s: %s", f->path, path, sb_h5_why());
  return set;
}

static int ascending(const void *one, const void *two) {
  const sb_h5_piece *a = one, *b = two;
  return (a->at > b->at) - (a->at < b->at);
}

/* This rank's rows of each column are bytes in a row. Returns how many pieces have any. */
static int pieces_of(const sb_column *cols, int n, const int64_t *place, sb_h5_piece *out) {
  int some = 0;
  for (int i = 0; i < n; i++) {
    const int64_t bytes = bytes_of(&cols[i], cols[i].count);
    if (bytes > 0)
      out[some++] =
          (sb_h5_piece){place[i] + bytes_of(&cols[i], cols[i].first), bytes, cols[i].data};
  }
  qsort(out, (size_t)some, sizeof *out, ascending);
  return some;
}

static sb_status put_all(sb_file *f, const sb_column *cols, int n, int64_t *place, uint64_t *crc,
                         sb_h5_piece *pieces) {
  SB_TRY(make_datasets(f, cols, n, place, crc));
  SB_TRY(sb_h5_write(f, pieces, pieces_of(cols, n, place, pieces)));
  sb_status s = SB_OK;
  for (int i = 0; i < n && !s; i++) s = sb_fault(f->comm, "write");
  return sb_h5_agree(f, s);
}

sb_status sb_file_put_all(sb_file *f, const sb_column *cols, int n) {
  int64_t *place = NULL;
  uint64_t *crc = NULL;
  sb_h5_piece *pieces = NULL;
  if (f->broken) return f->broken;
  sb_status s = SB_NEW(&place, n, "datasets of a file");
  if (!s) s = SB_NEW(&crc, n, "datasets of a file");
  if (!s) s = SB_NEW(&pieces, n, "datasets of a file");
  s = sb_h5_agree(f, s);
  if (!s) s = put_all(f, cols, n, place, crc, pieces);
  sb_mem_free(pieces);
  sb_mem_free(crc);
  sb_mem_free(place);
  return s;
}

sb_status sb_file_put(sb_file *f, const sb_column *col) { return sb_file_put_all(f, col, 1); }

/* --- Reading
 * -------------------------------------------------------------------------------------------- */

sb_status sb_file_shape(sb_file *f, const char *path, int *rank, int64_t shape[4], sb_kind *kind) {
  sb_h5_shape found = {.rank = 0};
  sb_status s = f->comm->rank == 0 ? sb_h5_shape_of(f, path, &found) : SB_OK;
  if (!s && found.text) s = sb_fail(SB_USE, "%s: %s is a text, not numbers", f->path, path);
  SB_TRY(sb_agree(f->comm, s));
  SB_TRY(sb_broadcast(f->comm, 0, &found, sizeof found));
  *rank = found.rank;
  memcpy(shape, found.shape, sizeof found.shape);
  *kind = found.kind;
  return SB_OK;
}

static int whole(sb_kind kind) { return kind != SB_KIND_F32 && kind != SB_KIND_F64; }

static sb_status check_read(const sb_file *f, const char *path, sb_kind stored, sb_kind kind,
                            int64_t n, int64_t first, int64_t count) {
  if (whole(kind) && !whole(stored))
    return sb_fail(SB_USE, "%s: %s holds real numbers, whole numbers are needed", f->path, path);
  if (first < 0 || count < 0 || first + count > n)
    return sb_fail(SB_USE, "%s: %s has %lld rows, not %lld", f->path, path, (long long)n,
                   (long long)(first + count));
  return sb_fault(f->comm, "read");
}

sb_status sb_file_get(sb_file *f, const char *path, sb_kind kind, int64_t first, int64_t count,
                      void *data) {
  int64_t shape[4];
  int rank;
  sb_kind stored;
  SB_TRY(sb_file_shape(f, path, &rank, shape, &stored));
  SB_TRY(sb_agree(f->comm, check_read(f, path, stored, kind, shape[0], first, count)));
  const rows r = rows_of(rank, shape, 1);
  int64_t longest;
  SB_TRY(longest_share(f->comm, &r, count, &longest));
  if (longest == 0) return SB_OK;
  SB_TRY(sb_h5_data(f));
  sb_status s = SB_OK;
  const hid_t set = open_dataset(f, path, &s);
  s = sb_agree(f->comm, s);
  if (!s)
    s = sb_agree(f->comm, transfer_slices(f, set, path, kind, &r, first, count, longest, data));
  if (set >= 0) H5Dclose(set);
  return s;
}
