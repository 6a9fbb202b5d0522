/* Opens training data: size, memory, rows, held-out rows, moments, map, and the rows that all ranks
 * of a node share. */
#include "sb/data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sb/kernel.h"
#include "sb/limits.h"
#include "sb/mem.h"
#include "sb/noise.h"
#include "work.h"

/* clang-format off */
const sb_key sb_data_keys[] = {
  SB_TEXT(sb_data_options, file, "", "HDF5 table to learn from, instead of a law; tools/to_hdf5.py makes them"),
  SB_TEXT(sb_data_options, dataset, "/x", "dataset of the table, [rows, columns]"),
  SB_INT(sb_data_options, n, "0", 0, 1e16, "rows", "draws of the law, or first rows of the table (0: all)"),
  SB_CHOICE(sb_data_options, standardise, "auto", "auto|none|centre|scale|whiten",
            "coordinates of the networks; auto: none for laws, scale for tables"),
  SB_CHOICE(sb_data_options, project, "none", "none|pca", "keep the directions of largest variance"),
  SB_INT(sb_data_options, components, "0", 0, 1e6, "", "directions kept by pca (0: all that have a spread)"),
  SB_REAL(sb_data_options, validation, "0.1", 0, 0.9, "", "fraction of the rows held out of training"),
  {0}};
/* clang-format on */

static int has_file(const sb_data_options *o) { return o->file && o->file[0]; }

static sb_status check_options(const sb_data_options *o, const sb_law_options *law) {
  const int lawful = law && law->law > 0;
  if (has_file(o) && lawful)
    return sb_fail(SB_USE, "data: data.law and data.file are both given; take one");
  if (!has_file(o) && !lawful)
    return sb_fail(SB_USE, "data: what is to be learned? Give data.law or data.file");
  if (lawful && o->n == 0)
    return sb_fail(SB_USE, "data: how many draws? Give data.n, for instance data.n: 10000");
  if (o->n < 0) return sb_fail(SB_USE, "data: data.n is %lld", (long long)o->n);
  if (o->n >= SB_NOISE_MAX_INDEX) return sb_fail(SB_USE, "data: data.n must be below 2^56");
  if (!(o->validation >= 0 && o->validation <= 0.9))
    return sb_fail(SB_USE, "data: data.validation is %g, but must lie in [0, 0.9]", o->validation);
  if (o->components > 0 && o->project != SB_PROJECT_PCA)
    return sb_fail(SB_USE, "data: data.components needs data.project: pca");
  return SB_OK;
}

static sb_status check_size(const sb_data_options *o, const sb_rows *r) {
  const long long total = (long long)r->total, n = (long long)r->n;
  if (total == 0) return sb_fail(SB_USE, "%s: no rows", r->name);
  if (r->raw == 0) return sb_fail(SB_USE, "%s: no columns", r->name);
  if (total == 1) return sb_fail(SB_USE, "%s: one row; at least two are needed", r->name);
  if (n < 2)
    return sb_fail(
        SB_USE,
        "%s: data.validation %g leaves %lld of %lld rows for training; at least two are needed",
        r->name, o->validation, n, total);
  if (o->components > r->raw)
    return sb_fail(SB_USE, "%s: data.components is %lld, but there are %d columns", r->name,
                   (long long)o->components, r->raw);
  if (o->components > n - 1)
    return sb_fail(
        SB_USE, "%s: data.components is %lld, but %lld training rows have at most %lld directions",
        r->name, (long long)o->components, n, n - 1);
  return SB_OK;
}

double sb_data_bytes(int64_t total, int raw, int d, int ranks, int node_ranks) {
  const double shared = (double)total * (4.0 * d + 8), square = 8.0 * raw * raw;
  const double rows = ((double)total / ranks + 64) * (8.0 * raw + 1);
  const double eigen = d < raw ? 4 * square + 8.0 * raw * d : 0; /* vectors, LAPACK's work, axes */
  return shared + node_ranks * (rows + sb_spread_bytes(raw) + eigen + 8.0 * d * d + 40.0 * raw);
}

static sb_status check_memory(const sb_comm *c, const sb_data_options *o, const sb_rows *r) {
  const int d = o->components ? (int)o->components : r->raw;
  const int full = o->project == SB_PROJECT_PCA || o->standardise == SB_STD_WHITEN;
  double need = sb_data_bytes(r->total, r->raw, d, c->size, c->node_size);
  double available = (double)sb_memory_available();
  if (full && d == r->raw) need += c->node_size * 40.0 * r->raw * r->raw;
  double lack = need - available;
  SB_TRY(sb_max_real(c, &lack, 1)); /* all learn that one node has too little */
  if (lack <= 0) return SB_OK;
  return sb_agree(
      c, need <= available
             ? SB_OK
             : sb_fail(SB_USE,
                       "%s: %lld rows of %d columns take %.0f bytes on this node (%.0f for each of "
                       "its %d ranks), "
                       "%.0f are available: use more nodes, fewer rows (data.n) or data.components",
                       r->name, (long long)r->total, r->raw, need, need / c->node_size,
                       c->node_size, available));
}

/* --- Which rows are held out ---------------------------------------------------------------------
 */

/* Positions n .. total-1 of a keyed permutation are held out. */
static int64_t held_row(uint64_t seed, int64_t total, int64_t position) {
  return sb_noise_permute(sb_noise_key(seed, SB_FOR_VALIDATION, 0, 0), total, 0, position);
}

static sb_status mark_held(uint64_t seed, sb_rows *r) {
  if (r->n == r->total) return SB_OK;
  SB_TRY(SB_NEW(&r->held, r->count, "held-out rows"));
  for (int64_t p = r->n; p < r->total; p++) {
    const int64_t i = held_row(seed, r->total, p) - r->first;
    if (i >= 0 && i < r->count) r->held[i] = 1;
  }
  return SB_OK;
}

static int ascending(const void *a, const void *b) {
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

static void list_rows(uint64_t seed, int64_t n, int64_t total, int64_t *row) {
  int64_t next = n, at = 0;
  for (int64_t p = n; p < total; p++) row[p] = held_row(seed, total, p);
  qsort(row + n, (size_t)(total - n), sizeof *row, ascending);
  for (int64_t i = 0; i < total; i++) {
    if (next < total && row[next] == i)
      next++;
    else
      row[at++] = i;
  }
}

/* --- Rows in network coordinates
 * ------------------------------------------------------------------ */

static sb_status map_rows(const sb_rows *r, const sb_affine *a, float *to) {
  double *y;
  sb_status s = SB_OK;
  SB_TRY(SB_NEW(&y, (int64_t)SB_BLOCK * a->d, "mapped rows"));
  for (int64_t i = 0; i < r->count && !s; i += SB_BLOCK) {
    const int64_t rows = r->count - i < SB_BLOCK ? r->count - i : SB_BLOCK;
    sb_affine_forward(a, rows, r->x + i * a->raw, y);
    for (int64_t k = 0; k < rows * a->d && !s; k++) {
      to[i * a->d + k] = (float)y[k];
      if (!isfinite(to[i * a->d + k]))
        s = sb_fail(SB_USE,
                    "%s: row %lld has a number too large for single precision: set "
                    "data.standardise to scale",
                    r->name, (long long)(r->first + i + k / a->d));
    }
  }
  sb_mem_free(y);
  return s;
}

static sb_status share_rows(const sb_comm *c, const sb_rows *r, sb_data *data) {
  const int64_t row = data->d * (int64_t)sizeof(float), bytes = (data->total * row + 63) / 64 * 64;
  const int64_t list = data->n_held ? data->total * (int64_t)sizeof(int64_t) : 0;
  SB_TRY(sb_shared_new(c, bytes + list, "training rows", &data->shared));
  float *x = data->shared.data;
  int64_t *order = list ? (int64_t *)(void *)((char *)data->shared.data + bytes) : NULL;
  data->x = x;
  data->row = order;
  if (order && c->node_rank == 0) list_rows(data->seed, data->n, data->total, order);
  SB_TRY_ALL(c, map_rows(r, &data->map, x + r->first * data->d));
  return sb_shared_complete(c, &data->shared, data->total, row);
}

static sb_status map_mixture(sb_data *data) {
  double *m;
  if (!data->law || !data->law->mixture) return SB_OK;
  SB_TRY(SB_NEW(&m, (int64_t)data->d * data->raw, "map"));
  sb_affine_matrix(&data->map, m);
  const sb_status s =
      sb_mixture_map(data->law->mixture, data->d, m, data->map.shift, &data->mixture);
  sb_mem_free(m);
  return s;
}

/* --- Opening
 * --------------------------------------------------------------------------------------- */

static sb_status fill(const sb_comm *c, const sb_data_options *o, sb_rows *r, sb_spread *spread,
                      sb_data *data) {
  SB_TRY(sb_rows_size(c, o, r));
  data->n_held = (int64_t)floor(o->validation * (double)r->total);
  data->n = r->n = r->total - data->n_held;
  data->total = r->total;
  data->raw = r->raw;
  SB_TRY_ALL(c, check_size(o, r));
  SB_TRY(check_memory(c, o, r));
  SB_TRY(sb_rows_fill(c, data->seed, r));
  SB_TRY(sb_rows_crc(c, r, data->crc));
  SB_TRY_ALL(c, mark_held(data->seed, r));
  SB_TRY(sb_spread_of(c, r, spread));
  SB_TRY(sb_affine_choose(c, o, r, spread, &data->map, &data->mean, &data->cov));
  data->d = data->map.d;
  SB_TRY(share_rows(c, r, data));
  return sb_agree(c, map_mixture(data));
}

static sb_status open_law(const sb_law_options *law, sb_data *data) {
  return law && law->law > 0 ? sb_law_open(law, &data->law) : SB_OK;
}

sb_status sb_data_open(const sb_comm *c, const sb_data_options *o, const sb_law_options *law,
                       uint64_t seed, sb_data **out) {
  sb_rows rows = {0};
  sb_spread spread = {0};
  sb_data *data = NULL;
  *out = NULL;
  SB_TRY_ALL(c, check_options(o, law));
  sb_status s = sb_agree(c, SB_NEW(&data, 1, "data"));
  if (!s) {
    data->seed = seed;
    s = sb_agree(c, open_law(law, data));
    rows.law = data->law;
  }
  if (!s) s = fill(c, o, &rows, &spread, data);
  sb_rows_free(&rows);
  sb_spread_free(&spread);
  if (s) {
    sb_data_close(c, data);
    data = NULL;
  }
  *out = data;
  return s;
}

void sb_data_close(const sb_comm *c, sb_data *data) {
  if (!data) return;
  sb_shared_free(c, &data->shared);
  sb_affine_free(&data->map);
  sb_mixture_free(data->mixture);
  sb_law_close(data->law);
  sb_mem_free(data->mean);
  sb_mem_free(data->cov);
  sb_mem_free(data->factor);
  sb_mem_free(data);
}
