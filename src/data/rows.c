/* The raw rows: drawn from a law or read from a table, each rank its share, and checked. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sb/crc.h"
#include "sb/log.h"
#include "sb/mem.h"
#include "sb/noise.h"
#include "work.h"

#define LARGEST 1e100 /* squares and sums of such numbers are numbers still */

static sb_status table_size(const sb_comm *c, const sb_data_options *o, sb_rows *r) {
  int rank = 0;
  int64_t shape[4] = {0};
  sb_kind kind;
  double width = 1;
  SB_TRY(sb_file_open(c, o->file, &r->file));
  SB_TRY(sb_file_shape(r->file, o->dataset, &rank, shape, &kind));
  if (rank == 0)
    return sb_fail(SB_USE, "%s: %s is a single number; a table has rows and columns", o->file,
                   o->dataset);
  if (sb_file_has(r->file, "/weight")) sb_warn("%s: /weight is not used", o->file);
  for (int k = 1; k < rank; k++) width *= (double)shape[k];
  if (width > INT32_MAX)
    return sb_fail(SB_USE, "%s: the rows of %s have %.0f numbers, which is too many", o->file,
                   o->dataset, width);
  r->name = o->file;
  r->path = o->dataset;
  r->raw = (int)width;
  r->total = shape[0];
  if (o->n > r->total)
    return sb_fail(SB_USE, "%s: %s has %lld rows, %s.n asks for %lld", o->file, o->dataset,
                   (long long)r->total, sb_section_of(o), (long long)o->n);
  if (o->n > 0) r->total = o->n;
  return SB_OK;
}

sb_status sb_rows_size(const sb_comm *c, const sb_data_options *o, sb_rows *r) {
  if (!r->law) {
    SB_TRY(table_size(c, o, r));
  } else {
    r->name = r->law->name;
    r->raw = r->law->d;
    r->total = o->n;
  }
  const sb_share share = sb_share_of(c, r->total);
  r->first = share.first;
  r->count = share.count;
  return SB_OK;
}

/* The first number of this rank that is none. Shares ascend with ranks, so that sb_agree keeps the
 * first of all. */
static sb_status check(const sb_rows *r) {
  for (int64_t i = 0; i < r->count * r->raw; i++) {
    if (fabs(r->x[i]) <= LARGEST) continue;
    const char *path = r->path ? r->path : "";
    const long long row = (long long)(r->first + i / r->raw), column = (long long)(i % r->raw);
    if (isfinite(r->x[i]))
      return sb_fail(
          SB_USE,
          "%s%s%s: row %lld, column %lld (counted from 0) is %g, beyond 1e100: choose another unit",
          r->name, r->path ? ": " : "", path, row, column, r->x[i]);
    return sb_fail(SB_USE,
                   "%s%s%s: row %lld, column %lld (counted from 0) is %s: remove or mend the row",
                   r->name, r->path ? ": " : "", path, row, column,
                   isnan(r->x[i]) ? "not a number (NaN)" : "infinite");
  }
  return SB_OK;
}

sb_status sb_rows_fill(const sb_comm *c, uint64_t seed, sb_rows *r) {
  SB_TRY_ALL(c, SB_NEW(&r->x, r->count * r->raw, "raw rows"));
  if (r->law) {
    const uint64_t key = sb_noise_key(seed, SB_FOR_DATA, 0, 0);
    SB_TRY_ALL(c, sb_law_draw(r->law, key, r->first, r->count, r->x, NULL));
  } else {
    SB_TRY(sb_file_get(r->file, r->path, SB_KIND_F64, r->first, r->count, r->x));
    sb_file_close(r->file);
    r->file = NULL;
  }
  return sb_agree(c, check(r));
}

sb_status sb_rows_crc(const sb_comm *c, const sb_rows *r, char crc[17]) {
  const int64_t row = r->raw * (int64_t)sizeof *r->x;
  uint64_t sum = sb_crc_add(0, r->x, r->count * row);
  sum = sb_crc_shift(sum, (r->total - r->first - r->count) * row);
  SB_TRY(sb_xor_int(c, &sum, 1));
  sb_crc_text(sum, crc);
  return SB_OK;
}

void sb_rows_free(sb_rows *r) {
  if (r->file) sb_file_close(r->file);
  r->file = NULL;
  sb_mem_free(r->x);
  sb_mem_free(r->held);
  r->x = NULL;
  r->held = NULL;
}
