/* Opens training data: size, memory, rows, held-out rows, moments, map, and the rows that all ranks
 * of a node share. */
#include "sb/data.h"

#include <math.h>
#include <stdio.h>
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
            "coordinates of the method, the same for both sets of a bridge; auto: none for laws, scale for tables"),
  SB_CHOICE(sb_data_options, project, "none", "none|pca", "keep the directions of largest variance"),
  SB_INT(sb_data_options, components, "0", 0, 1e6, "", "directions kept by pca (0: all that have a spread)"),
  SB_REAL(sb_data_options, validation, "0.1", 0, 0.9, "", "fraction of the rows held out of training"),
  SB_BOOL(sb_data_options, stream, "false",
    "training takes fresh draws of the law, of source's too, each once; n rows are for validation, floors, scales"),
  {0}};
const sb_key sb_source_keys[] = {
  SB_TEXT(sb_data_options, file, "", "HDF5 table that bridges begin at, instead of a law"),
  SB_TEXT(sb_data_options, dataset, "/x", "dataset of the table, [rows, columns], columns as of data"),
  SB_INT(sb_data_options, n, "0", 0, 1e16, "rows", "draws of the law, or first rows of the table (0: all)"),
  SB_REAL(sb_data_options, validation, "0.1", 0, 0.9, "", "fraction of the rows held out of training"),
  {0}};
/* clang-format on */

/* A set on the way to being open. */
typedef struct part {
  const sb_data_options *o;
  const sb_law_options *law;
  uint64_t seed;
  sb_rows rows;
  sb_spread spread;
  sb_data *data;
  sb_data_options own; /* of a source whose law follows the data */
  sb_law_options own_law;
} part;

static int has_file(const sb_data_options *o) { return o->file && o->file[0]; }

static int is_prior(const sb_law_options *law) {
  const char *name = "", *summary, *source;
  return law && sb_law_describe(law->law, &name, &summary, &source) && !strcmp(name, "prior");
}

static sb_status check_options(const sb_data_options *o, const sb_law_options *law) {
  const int lawful = law && law->law > 0;
  const char *s = sb_section_of(o);
  if (has_file(o) && lawful)
    return sb_fail(SB_USE, "%s: %s.law and %s.file are both given; take one", s, s, s);
  if (!has_file(o) && !lawful)
    return sb_fail(SB_USE, "%s: %s? Give %s.law or %s.file", s,
                   o->section ? "where does the bridge begin" : "what is to be learned", s, s);
  if (lawful && o->n == 0 && !is_prior(law))
    return sb_fail(SB_USE, "%s: how many draws? Give %s.n, for instance %s.n: 10000", s, s, s);
  if (o->n < 0) return sb_fail(SB_USE, "%s: %s.n is %lld", s, s, (long long)o->n);
  if (o->n >= SB_NOISE_MAX_INDEX) return sb_fail(SB_USE, "%s: %s.n must be below 2^56", s, s);
  if (!(o->validation >= 0 && o->validation <= 0.9))
    return sb_fail(SB_USE, "%s: %s.validation is %g, but must lie in [0, 0.9]", s, s,
                   o->validation);
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
        "%s: %s.validation %g leaves %lld of %lld rows for training; at least two are needed",
        r->name, sb_section_of(o), o->validation, n, total);
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

/* Of all sets that a run opens. */
static sb_status check_memory(const sb_comm *c, const sb_data_options *o, const part *p, int n) {
  const int raw = p->rows.raw, d = o->components ? (int)o->components : raw;
  const int full = o->project == SB_PROJECT_PCA || o->standardise == SB_STD_WHITEN;
  const double available = (double)sb_memory_available();
  double need = 0;
  int64_t rows = 0;
  for (int i = 0; i < n; i++) {
    need += sb_data_bytes(p[i].rows.total, raw, d, c->size, c->node_size);
    if (full && d == raw) need += c->node_size * 40.0 * raw * raw;
    rows += p[i].rows.total;
  }
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
                       p->rows.name, (long long)rows, raw, need, need / c->node_size, c->node_size,
                       available));
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

/* Laws say "data.KEY"; the section may be another one. */
static sb_status open_law(part *p) {
  char why[SB_MESSAGE_MAX];
  if (!p->law || p->law->law <= 0) return SB_OK;
  const sb_status s = sb_law_open(p->law, &p->data->law);
  snprintf(why, sizeof why, "%s", sb_message());
  if (!s || !p->o->section || strncmp(why, "data.", 5)) return s;
  sb_forget();
  return sb_fail(s, "%s%s", p->o->section, why + 4);
}

/* What is given of a set, and its size. */
static sb_status size_up(const sb_comm *c, part *p) {
  sb_rows *r = &p->rows;
  SB_TRY_ALL(c, SB_NEW(&p->data, 1, "data"));
  p->data->seed = p->seed;
  SB_TRY_ALL(c, open_law(p));
  r->law = p->data->law;
  SB_TRY(sb_rows_size(c, p->o, r));
  p->data->n_held = (int64_t)floor(p->o->validation * (double)r->total);
  p->data->n = r->n = r->total - p->data->n_held;
  p->data->total = r->total;
  p->data->raw = r->raw;
  return sb_agree(c, check_size(p->o, r));
}

static sb_status fill(const sb_comm *c, part *p) {
  SB_TRY(sb_rows_fill(c, p->seed, &p->rows));
  SB_TRY(sb_rows_crc(c, &p->rows, p->data->crc));
  SB_TRY_ALL(c, mark_held(p->seed, &p->rows));
  return sb_spread_of(c, &p->rows, &p->spread);
}

/* One map of both sets, from all their training rows. */
static sb_status choose_map(const sb_comm *c, part p[2]) {
  const sb_spread *spread[2] = {&p[0].spread, &p[1].spread};
  const int64_t n[2] = {p[0].rows.n, p[1].rows.n};
  sb_rows both = p[0].rows;
  sb_spread pooled = {0};
  double *mean = NULL, *cov = NULL;
  both.name = "data and source";
  both.n = n[0] + n[1];
  if (!p[1].rows.law) both.law = NULL; /* a table wants a scale */
  sb_status s = sb_agree(c, sb_spread_pool(spread, n, both.raw, &pooled));
  if (!s) s = sb_affine_choose(c, p->o, &both, &pooled, &p[0].data->map, &mean, &cov);
  if (!s) s = sb_affine_copy(&p[0].data->map, &p[1].data->map);
  for (int i = 0; !s && i < 2; i++)
    s = sb_affine_moments(&p[0].data->map, spread[i], &p[i].data->mean, &p[i].data->cov);
  sb_mem_free(cov);
  sb_mem_free(mean);
  sb_spread_free(&pooled);
  return sb_agree(c, s);
}

static sb_status open_stream(sb_data *data) {
  SB_TRY(SB_NEW(&data->mapped, data->d, "fresh draws"));
  return SB_NEW(&data->drawn, (int64_t)SB_BLOCK * data->raw, "fresh draws");
}

static sb_status lay_out(const sb_comm *c, int stream, part *p) {
  p->data->d = p->data->map.d;
  if (stream && p->data->law) SB_TRY_ALL(c, open_stream(p->data));
  SB_TRY(share_rows(c, &p->rows, p->data));
  return sb_agree(c, map_mixture(p->data));
}

static sb_status check_pair(const part p[2]) {
  if (p[0].rows.raw == p[1].rows.raw) return SB_OK;
  return sb_fail(SB_USE, "source: %s has dimension %d, data: %s has %d; a bridge needs the same",
                 p[1].rows.name, p[1].rows.raw, p[0].rows.name, p[0].rows.raw);
}

/* The law `prior` of a source: mean of data's training rows, average of their variances. */
static void adapt(part p[2]) {
  const int d = p[0].rows.raw;
  p[1].own = *p[1].o;
  p[1].own_law = *p[1].law;
  if (p[1].own.n == 0) p[1].own.n = p[0].rows.total;
  p[1].own_law.dimension = d;
  p[1].own_law.means = (sb_reals){d, p[0].spread.mean};
  p[1].own_law.variance = 0;
  for (int k = 0; k < d; k++) p[1].own_law.variance += p[0].spread.cov[k * d + k] / d;
  p[1].o = &p[1].own;
  p[1].law = &p[1].own_law;
}

/* Both at once, so that memory is known before it is taken; or data first, where source follows it.
 */
static sb_status take_in(const sb_comm *c, part *p, int n) {
  const int after = n == 2 && is_prior(p[1].law);
  for (int i = 0; i < n - after; i++) SB_TRY(size_up(c, &p[i]));
  if (n == 2 && !after) SB_TRY_ALL(c, check_pair(p));
  SB_TRY(check_memory(c, p->o, p, n - after));
  for (int i = 0; i < n - after; i++) SB_TRY(fill(c, &p[i]));
  if (!after) return SB_OK;
  adapt(p);
  SB_TRY(size_up(c, &p[1]));
  SB_TRY(check_memory(c, p->o, p + 1, 1));
  return fill(c, &p[1]);
}

static sb_status open_parts(const sb_comm *c, part *p, int n) {
  int laws = 0;
  for (int i = 0; i < n; i++) SB_TRY_ALL(c, check_options(p[i].o, p[i].law));
  for (int i = 0; i < n; i++) laws += p[i].law && p[i].law->law > 0;
  if (p->o->stream && !laws)
    return sb_fail(SB_USE, "data.stream: fresh draws need data.law%s",
                   n > 1 ? " or source.law" : "");
  SB_TRY(take_in(c, p, n));
  if (n == 2)
    SB_TRY(choose_map(c, p));
  else
    SB_TRY(sb_affine_choose(c, p->o, &p->rows, &p->spread, &p->data->map, &p->data->mean,
                            &p->data->cov));
  for (int i = 0; i < n; i++) SB_TRY(lay_out(c, p->o->stream, &p[i]));
  return SB_OK;
}

static sb_status open_all(const sb_comm *c, part *p, int n) {
  const sb_status s = open_parts(c, p, n);
  for (int i = 0; i < n; i++) {
    sb_rows_free(&p[i].rows);
    sb_spread_free(&p[i].spread);
    if (s) sb_data_close(c, p[i].data), p[i].data = NULL;
  }
  return s;
}

sb_status sb_data_open(const sb_comm *c, const sb_data_options *o, const sb_law_options *law,
                       uint64_t seed, sb_data **out) {
  part p = {.o = o, .law = law, .seed = seed};
  const sb_status s = open_all(c, &p, 1);
  *out = p.data;
  return s;
}

sb_status sb_data_open_pair(const sb_comm *c, const sb_data_options o[2],
                            const sb_law_options law[2], uint64_t seed, sb_data **data,
                            sb_data **source) {
  part p[2] = {
      {.o = &o[0], .law = &law[0], .seed = seed},
      {.o = &o[1], .law = &law[1], .seed = sb_noise_key(seed, SB_FOR_DATA, 1, 0)},
  };
  const sb_status s = open_all(c, p, 2);
  *data = p[0].data;
  *source = p[1].data;
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
  sb_mem_free(data->drawn);
  sb_mem_free(data->mapped);
  sb_mem_free(data);
}
