/* Conditional sampling: given coordinates are seen by the kernel and stay (ALGORITHMS 3.7);
 * trajectories, where after some steps what was drawn becomes what is given. And the law that draws
 * then follow, where it is known. */
#include <math.h>
#include <string.h>

#include "engine.h"
#include "sb/file.h"
#include "sb/mem.h"

/* --- What is given
 * -------------------------------------------------------------------------------------- */

/* Network value of raw value v of coordinate k; maps without axes only. */
static double forward(const sb_affine *map, int k, double v) {
  return map->stretch[k] * ((v - map->shift[k]) * map->scale[k]);
}

static double backward(const sb_affine *map, int k, double y) {
  return map->shift[k] + y / map->stretch[k] / map->scale[k];
}

static sb_status check(const engine *e) {
  const condition_options *o = &e->condition;
  if (e->run->data->map.axes)
    return sb_fail(SB_USE,
                   "condition: needs coordinates of the data's own; data.standardise none, centre "
                   "or scale, and no project");
  for (int i = 0; i < o->coordinates.n; i++) {
    const double k = o->coordinates.v[i];
    if (k != floor(k) || !(k >= 0 && k < e->d))
      return sb_fail(SB_USE,
                     "condition.coordinates: element %d is %g, the data have coordinates 0 .. %d",
                     i + 1, k, e->d - 1);
    for (int j = 0; j < i; j++)
      if (o->coordinates.v[j] == k)
        return sb_fail(SB_USE, "condition.coordinates: %g is given twice", k);
  }
  if (o->coordinates.n >= e->d)
    return sb_fail(SB_USE, "condition.coordinates: all are given, nothing is left to draw");
  if (!o->file[0] && o->values.n != o->coordinates.n)
    return sb_fail(SB_USE, "condition.values: %d numbers for %d coordinates", o->values.n,
                   o->coordinates.n);
  if (o->file[0] && o->values.n) return sb_fail(SB_USE, "condition: values and file, both given");
  if (o->plugin[0] && !o->advance)
    return sb_fail(SB_USE, "condition.plugin: after how many steps? condition.advance says it");
  if (o->advance && !o->plugin[0] && 2 * o->coordinates.n != e->d)
    return sb_fail(
        SB_USE,
        "condition.advance: rows must be pairs of states, half of the %d coordinates given, not %d",
        e->d, o->coordinates.n);
  return SB_OK;
}

/* Rows of condition.file, whole: given coordinates are taken, the others are what draws stand for.
 */
static sb_status read_cases(engine *e) {
  const char *path = e->condition.file;
  sb_file *f;
  int rank;
  int64_t shape[4] = {0};
  sb_kind kind;
  SB_TRY(sb_file_open(e->run->comm, path, &f));
  sb_status s = sb_file_shape(f, "/x", &rank, shape, &kind);
  if (!s && (rank != 2 || shape[1] != e->d || shape[0] < 1))
    s = sb_fail(SB_USE, "%s: /x must be a table of %d columns, one row for each case", path, e->d);
  e->cases = shape[0];
  if (!s) s = sb_agree(e->run->comm, SB_NEW(&e->value, e->cases * e->d, "cases"));
  if (!s) s = sb_file_get(f, "/x", SB_KIND_F64, 0, e->cases, e->value);
  sb_file_close(f);
  SB_TRY(s);
  for (int64_t i = 0; i < e->cases * e->d; i++) {
    if (!isfinite(e->value[i]))
      return sb_fail(SB_USE, "%s: /x: row %lld, column %lld (counted from 0) is %g", path,
                     (long long)(i / e->d), (long long)(i % e->d), e->value[i]);
    e->value[i] = forward(&e->run->data->map, (int)(i % e->d), e->value[i]);
  }
  return SB_OK;
}

static sb_status one_case(engine *e) {
  SB_TRY_ALL(e->run->comm, SB_NEW(&e->value, e->d, "case"));
  e->cases = 1;
  for (int i = 0; i < e->givens; i++)
    e->value[e->axis[i]] = forward(&e->run->data->map, e->axis[i], e->condition.values.v[i]);
  return SB_OK;
}

/* --- The law that draws follow
 * -------------------------------------------------------------------------- */

/* The mixture observed: given coordinates without noise, then the likelihood's. */
static sb_status observe(engine *e, double *g, double *o, double *r) {
  sb_mixture *m;
  const int d = e->d;
  for (int i = 0; i < e->givens; i++) {
    g[i * d + e->axis[i]] = 1;
    o[i] = e->value[e->axis[i]];
  }
  for (int i = 0; i < e->observed; i++) {
    memcpy(g + (e->givens + i) * d, e->map + i * d, (size_t)d * sizeof *g);
    o[e->givens + i] = e->seen_at[i];
    r[e->givens + i] = 1 / e->weight[i];
  }
  SB_TRY(sb_mixture_observe(e->run->data->mixture, e->givens + e->observed, g, o, r, &m));
  sb_mixture_moments(m, e->mean_of, e->cov_of);
  sb_mixture_free(m);
  return SB_OK;
}

static sb_status law(engine *e) {
  const int q = e->givens + e->observed, d = e->d;
  double *g = NULL, *o = NULL;
  if (!q || e->plugin || e->cases > 1 || e->condition.advance || !e->run->data->mixture)
    return SB_OK;
  SB_TRY(SB_NEW(&e->mean_of, d, "mean of a posterior"));
  SB_TRY(SB_NEW(&e->cov_of, (int64_t)d * d, "covariance of a posterior"));
  sb_status s = SB_NEW(&g, (int64_t)q * d, "observations");
  if (!s) s = SB_NEW(&o, 2 * q, "observations");
  if (!s) s = observe(e, g, o, o + q);
  sb_mem_free(g);
  sb_mem_free(o);
  return s;
}

sb_status engine_target(sb_run *run, sb_target *out) {
  engine *e = run->state;
  *out = (sb_target){.other = e->givens > 0 || engine_has_likelihood(e),
                     .cases = 1,
                     .per_chain = e->sample.per_chain};
  if (out->other && !e->mean_of) SB_TRY_ALL(run->comm, law(e));
  if (!e->chain) {
    SB_TRY_ALL(run->comm, SB_NEW(&e->chain, (int64_t)e->d * (e->d + 1), "moments of chains"));
    SB_TRY(engine_limit(e, e->chain, e->chain + e->d, &e->chain_known));
  }
  if (e->chain_known) out->chain_mean = e->chain, out->chain_cov = e->chain + e->d;
  for (int k = 0; k < e->d; k++) e->moves[k] = !e->given[k];
  out->mean = e->mean_of, out->cov = e->cov_of;
  out->moved = e->moves;
  if (e->condition.file && e->condition.file[0] && !e->condition.advance)
    out->truth = e->value, out->cases = e->cases;
  return SB_OK;
}

/* --- In a run
 * ------------------------------------------------------------------------------------------- */

/* Heads do not move what is given. */
static void hold_still(engine *e) {
  for (int i = 0; i < e->heads; i++) {
    head *h = &e->head[i];
    int kept = 0;
    for (int c = 0; c < h->moved; c++)
      if (!e->given[h->move[c]]) h->move[kept++] = h->move[c];
    h->moved = kept;
  }
}

static sb_status plug_in(engine *e) {
  SB_TRY(SB_NEW(&e->rows, SB_BLOCK * (int64_t)e->run->data->raw, "rows of a plug-in"));
  return engine_plug("condition.plugin", e->condition.plugin, "sb_advance", &e->advance_library,
                     &e->advance_by);
}

sb_status engine_condition_open(engine *e) {
  const sb_reals *list = &e->condition.coordinates;
  SB_TRY_ALL(e->run->comm, SB_NEW(&e->given, 2 * e->d, "given coordinates"));
  e->moves = e->given + e->d;
  e->cases = 1;
  if (!list->n && (e->condition.values.n || e->condition.file[0] || e->condition.plugin[0] ||
                   e->condition.advance))
    return sb_fail(SB_USE, "condition.coordinates: which coordinates are given?");
  if (!list->n) return SB_OK;
  SB_TRY(check(e));
  SB_TRY_ALL(e->run->comm, SB_NEW(&e->axis, list->n, "given coordinates"));
  for (int i = 0; i < list->n; i++) e->given[e->axis[i] = (int)list->v[i]] = 1;
  e->givens = list->n;
  SB_TRY(e->condition.file[0] ? read_cases(e) : one_case(e));
  if (e->condition.plugin[0]) SB_TRY_ALL(e->run->comm, plug_in(e));
  hold_still(e);
  return SB_OK;
}

void engine_condition_close(engine *e) {
  void *const blocks[] = {e->given, e->axis, e->value, e->mean_of, e->cov_of, e->chain, e->rows};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) sb_mem_free(blocks[i]);
  engine_unplug(e->advance_library);
}

void engine_hold(const engine *e, int64_t first, int rows, double *x) {
  for (int i = 0; e->givens && i < rows; i++)
    for (int k = 0; k < e->givens; k++)
      x[i * e->d + e->axis[k]] = e->value[(first + i) % e->cases * e->d + e->axis[k]];
}

/* Given coordinates take what the plug-in makes of them. */
static void advance_by_plugin(const engine *e, int rows, double *x) {
  const sb_affine *map = &e->run->data->map;
  sb_affine_back(map, rows, x, e->rows);
  e->advance_by(rows, map->raw, e->rows);
  for (int i = 0; i < rows; i++)
    for (int k = 0; k < e->givens; k++) {
      const int at = e->axis[k];
      x[i * e->d + at] = forward(map, at, e->rows[i * map->raw + at]);
    }
}

/* The k-th given coordinate takes the raw value of the k-th that is drawn. */
void engine_advance(const engine *e, int rows, double *x) {
  const sb_affine *map = &e->run->data->map;
  if (e->advance_by) {
    advance_by_plugin(e, rows, x);
    return;
  }
  for (int i = 0; i < rows; i++) {
    double *at = x + i * e->d;
    for (int k = 0, drawn = 0; k < e->givens; k++, drawn++) {
      while (e->given[drawn]) drawn++;
      at[e->axis[k]] = forward(map, e->axis[k], backward(map, drawn, at[drawn]));
    }
  }
}
