/* Checksums of the rows of a ledger, by what the file itself says of its columns: see sb/ledger.h.
 */
#include <string.h>

#include "h5.h"
#include "sb/mem.h"

#define CHECK  "/check"
#define BUFFER (INT64_C(1) << 24) /* bytes read at a time, where a row is not longer */

/* A column as it lies in the file. */
typedef struct column {
  hid_t set, type, space;
  int rank;
  int64_t width, row; /* cells and bytes of a row */
} column;

static void close_column(column *k) {
  if (k->space >= 0) H5Sclose(k->space);
  if (k->type >= 0) H5Tclose(k->type);
  if (k->set >= 0) H5Dclose(k->set);
}

/* rows < 0: any number; *rows is set. Contiguous and there, as all columns of a ledger are. */
static sb_status open_column(sb_file *f, const char *path, int64_t *rows, column *k) {
  hsize_t shape[2] = {0, 1};
  *k = (column){.set = H5I_INVALID_HID, .type = H5I_INVALID_HID, .space = H5I_INVALID_HID};
  int good = sb_h5_has(f->meta, path) && (k->set = H5Dopen2(f->meta, path, H5P_DEFAULT)) >= 0;
  if (good) {
    k->type = H5Dget_type(k->set);
    k->space = H5Dget_space(k->set);
    k->rank = H5Sget_simple_extent_ndims(k->space);
    const H5T_class_t class = H5Tget_class(k->type);
    good = (k->rank == 1 || k->rank == 2) && H5Dget_offset(k->set) != HADDR_UNDEF &&
           (class == H5T_INTEGER || class == H5T_FLOAT ||
            (class == H5T_STRING && H5Tis_variable_str(k->type) == 0));
  }
  if (good) {
    H5Sget_simple_extent_dims(k->space, shape, NULL);
    const double bytes = (double)H5Tget_size(k->type) * (double)shape[0] * (double)shape[1];
    good = bytes < 9e18 && (*rows < 0 || shape[0] == (hsize_t)*rows) && shape[1] > 0;
  }
  if (!good)
    return sb_fail(SB_USE, "%s: %s is damaged: it is no column of its rows", f->path, path);
  *rows = (int64_t)shape[0];
  k->width = (int64_t)shape[1];
  k->row = k->width * (int64_t)H5Tget_size(k->type);
  return SB_OK;
}

static sb_status read_rows(sb_file *f, const char *path, const column *k, int64_t first, int64_t n,
                           void *out) {
  const hsize_t start[2] = {(hsize_t)first, 0}, count[2] = {(hsize_t)n, (hsize_t)k->width};
  const hid_t here = H5Screate_simple(k->rank, count, NULL);
  const herr_t bad = H5Sselect_hyperslab(k->space, H5S_SELECT_SET, start, NULL, count, NULL) < 0 ||
                     H5Dread(k->set, k->type, here, k->space, H5P_DEFAULT, out) < 0;
  H5Sclose(here);
  return bad ? sb_fail(SB_USE, "%s: %s cannot be read: %s", f->path, path, sb_h5_why()) : SB_OK;
}

/* Goes on with the crc of each row. */
static sb_status add_column(sb_file *f, const char *path, int64_t rows, uint64_t *crc) {
  column k;
  char *buffer = NULL;
  sb_status s = open_column(f, path, &rows, &k);
  const int64_t each = s || k.row > BUFFER ? 1 : BUFFER / k.row, most = each < rows ? each : rows;
  if (!s) s = SB_NEW(&buffer, most * k.row, "buffer for checksums");
  for (int64_t first = 0; !s && first < rows; first += each) {
    const int64_t n = rows - first < each ? rows - first : each;
    s = read_rows(f, path, &k, first, n, buffer);
    for (int64_t i = 0; !s && i < n; i++)
      crc[first + i] = sb_crc_add(crc[first + i], buffer + i * k.row, k.row);
  }
  sb_mem_free(buffer);
  close_column(&k);
  return s;
}

static sb_status compare(sb_file *f, int64_t rows, const int64_t *check, const uint64_t *crc) {
  for (int64_t i = 0; i < rows; i++)
    if (check[i] && check[i] != sb_ledger_check(crc[i]))
      return sb_fail(SB_USE, "%s: row %lld is damaged: its checksum in " CHECK " is another one",
                     f->path, (long long)i);
  return SB_OK;
}

static sb_status verify_columns(sb_file *f, char *names) {
  column k;
  int64_t rows = -1, *check = NULL;
  uint64_t *crc = NULL;
  char *rest = NULL;
  sb_status s = open_column(f, CHECK, &rows, &k);
  if (!s && (k.rank != 1 || !H5Tequal(k.type, H5T_STD_I64LE)))
    s = sb_fail(SB_USE, "%s: " CHECK " does not hold checksums", f->path);
  if (!s) s = SB_NEW(&check, rows, "checksums");
  if (!s) s = SB_NEW(&crc, rows, "checksums");
  if (!s && rows) s = read_rows(f, CHECK, &k, 0, rows, check);
  close_column(&k);
  for (char *name = strtok_r(names, "\n", &rest); name && !s; name = strtok_r(NULL, "\n", &rest))
    s = add_column(f, name, rows, crc);
  if (!s) s = compare(f, rows, check, crc);
  sb_mem_free(crc);
  sb_mem_free(check);
  return s;
}

sb_status sb_ledger_verify(sb_file *f, void *unused) {
  char *names;
  (void)unused;
  if (!sb_h5_has(f->meta, CHECK) || H5Aexists_by_name(f->meta, "/", "title", H5P_DEFAULT) <= 0)
    return SB_OK;
  SB_TRY(sb_h5_read_text(f, CHECK, SB_CHECKED, &names));
  const sb_status s = verify_columns(f, names);
  sb_mem_free(names);
  return s;
}
