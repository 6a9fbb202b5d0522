/* Exact optimal assignment under squared Euclidean cost.
 *
 * Prices v of the columns come from an auction with falling bid increments (Bertsekas 1988, Annals
 * of Operations Research 14). What it leaves unassigned, or assigned but not to the cheapest
 * column, is finished by shortest augmenting paths (Jonker and Volgenant 1987, Computing 38,
 * "augmentation"), which are right for any prices: the auction decides the time, never the result.
 * Both sets are moved to mean zero first, which changes no optimal assignment. */
#include <math.h>
#include <string.h>

#include "sb/mem.h"
#include "sb/metric.h"
#include "squares.h"

typedef int64_t lanes __attribute__((vector_size(16)));

#define MANY       1000000              /* points: beyond, an exact assignment is hopeless       */
#define STORE_FROM 9                    /* dimension: below, costs are cheaper computed than read */
#define STORE_MOST (INT64_C(256) << 20) /* bytes of a stored cost table */

typedef struct assignment {
  int n, d, wide;  /* points, dimension, columns padded to whole SQUARES                          */
  double *x, *y;   /* [n, d] rows; [d, wide] columns, transposed: both centred            */
  double *table;   /* [n, wide] costs, or NULL: computed when asked for                   */
  double *row;     /* [wide] the costs of one row                                         */
  double *v;       /* [wide] prices of the columns: c(i, j) - v(j) is smallest at i's column */
  double *open_v;  /* [n] the same in a search, -inf for columns that were left behind    */
  double *near;    /* [n] length of the shortest path to a column, inf when left behind   */
  double *left_at; /* [n] path length of the columns left behind, in order                */
  int *left, *from, *row_of, *col_of, *waiting; /* [n] each                               */
} assignment;

static void compute_costs(const assignment *a, int i, double *out) {
  const double *x = a->x + (size_t)i * a->d;
  for (int j = 0; j < a->wide; j += SQUARES)
    squared_distances(a->d, x, a->y + j, (size_t)a->wide, out + j);
}

static const double *costs(const assignment *a, int i) {
  if (a->table) return a->table + (size_t)i * a->wide;
  compute_costs(a, i, a->row);
  return a->row;
}

static void start_prices(assignment *a) {
  for (int j = 0; j < a->wide; j++) a->v[j] = j < a->n ? HUGE_VAL : -HUGE_VAL;
  for (int i = 0; i < a->n; i++) {
    const double *c = costs(a, i);
    for (int j = 0; j < a->n; j++)
      if (c[j] < a->v[j]) a->v[j] = c[j];
  }
}

/* The cheapest column of a row, and the two lowest of c - v. */
typedef struct offer {
  int at;
  double least, second;
} offer;

static void consider(offer *o, int j, double cost) {
  if (cost >= o->second) return;
  if (cost >= o->least) {
    o->second = cost;
  } else {
    o->second = o->least;
    o->least = cost;
    o->at = j;
  }
}

/* Columns beyond n, which fill up the last vectors, have the price -inf. */
static offer best_offer(const assignment *a, const double *c) {
  offer o = {0, HUGE_VAL, HUGE_VAL};
  for (int j = 0; j < a->wide; j += SQUARES) {
    const pair *cost = (const pair *)(c + j), *v = (const pair *)(a->v + j);
    const pair second = {o.second, o.second};
    const lanes low = (cost[0] - v[0] < second) | (cost[1] - v[1] < second) |
                      (cost[2] - v[2] < second) | (cost[3] - v[3] < second);
    if (!(low[0] | low[1])) continue;
    for (int k = j; k < j + SQUARES; k++) consider(&o, k, c[k] - a->v[k]);
  }
  return o;
}

/* Everyone bids until all are assigned: each to a column within `raise` of its cheapest. */
static void auction(assignment *a, double raise) {
  int waiting = 0;
  int64_t bids = 0;
  for (int i = a->n - 1; i >= 0; i--) {
    a->row_of[i] = a->col_of[i] = -1;
    a->waiting[waiting++] = i;
  }
  /* Hard instances could bid for very long; the exact part does without. */
  while (waiting > 0 && bids++ < 64 * (int64_t)a->n) {
    const int i = a->waiting[--waiting];
    const offer o = best_offer(a, costs(a, i));
    const int loser = a->row_of[o.at];
    a->v[o.at] -= o.second - o.least + raise;
    a->row_of[o.at] = i;
    a->col_of[i] = o.at;
    if (loser >= 0) {
      a->col_of[loser] = -1;
      a->waiting[waiting++] = loser;
    }
  }
}

/* Mean cost over some rows: the scale of bid increments. */
static double mean_cost(const assignment *a) {
  const int rows = a->n < 64 ? a->n : 64;
  double sum = 0;
  for (int k = 0; k < rows; k++) {
    const double *c = costs(a, (int)((int64_t)k * a->n / rows));
    for (int j = 0; j < a->n; j++) sum += c[j];
  }
  return sum / rows / a->n;
}

/* Frees the rows that have a cheaper column than theirs; returns how many rows wait. */
static int keep_tight(assignment *a) {
  int waiting = 0;
  for (int i = 0; i < a->n; i++) {
    const double *c = costs(a, i);
    const int at = a->col_of[i];
    const double own = at < 0 ? HUGE_VAL : c[at] - a->v[at];
    int tight = at >= 0;
    for (int j = 0; j < a->n && tight; j++) tight = c[j] - a->v[j] >= own;
    if (tight) continue;
    if (at >= 0) a->row_of[at] = -1;
    a->col_of[i] = -1;
    a->waiting[waiting++] = i;
  }
  return waiting;
}

/* Paths that go on from row i, which was reached through its column `own` (-1: the path begins
 * here) after `length`. Returns the nearest column. */
static int extend(assignment *a, int i, int own, double length) {
  const double *c = costs(a, i);
  const double shift = own < 0 ? 0 : c[own] - a->v[own] - length;
  double least = HUGE_VAL;
  int at = -1;
  for (int j = 0; j < a->n; j++) {
    const double through = c[j] - a->open_v[j] - shift;
    if (through < a->near[j]) {
      a->near[j] = through;
      a->from[j] = i;
    }
    if (a->near[j] < least) {
      least = a->near[j];
      at = j;
    }
  }
  return at;
}

/* Dijkstra from a free row to a free column over the costs c - v - u >= 0; then the assignments
 * along the path change. */
static void augment(assignment *a, int source) {
  memcpy(a->open_v, a->v, (size_t)a->n * sizeof *a->v);
  for (int j = 0; j < a->n; j++) a->near[j] = HUGE_VAL;
  int at = extend(a, source, -1, 0), count = 0;
  double length = a->near[at];
  while (a->row_of[at] >= 0) {
    a->left[count] = at;
    a->left_at[count++] = length;
    a->open_v[at] = -HUGE_VAL;
    a->near[at] = HUGE_VAL;
    at = extend(a, a->row_of[at], at, length);
    length = a->near[at];
  }
  for (int k = 0; k < count; k++) a->v[a->left[k]] += a->left_at[k] - length;
  for (int i = -1; i != source;) {
    i = a->from[at];
    const int next = a->col_of[i];
    a->row_of[at] = i;
    a->col_of[i] = at;
    at = next;
  }
}

static void solve(assignment *a) {
  start_prices(a);
  for (int i = 0; i < a->n; i++) a->row_of[i] = a->col_of[i] = -1;
  const double scale = mean_cost(a), last = 0.2 * scale / a->n;
  for (double raise = scale / 4; last > 0 && raise > last; raise /= 4) auction(a, raise);
  const int waiting = keep_tight(a);
  for (int k = 0; k < waiting; k++) augment(a, a->waiting[k]);
}

static void close_assignment(assignment *a) {
  void *blocks[] = {a->x,       a->y,    a->table, a->row,    a->v,      a->open_v, a->near,
                    a->left_at, a->left, a->from,  a->row_of, a->col_of, a->waiting};
  for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++) sb_mem_free(blocks[k]);
}

static sb_status new_arrays(assignment *a, int n, int d) {
  a->n = n, a->d = d, a->wide = (n + SQUARES - 1) / SQUARES * SQUARES;
  double **reals[] = {&a->row, &a->v, &a->open_v, &a->near, &a->left_at};
  int **ints[] = {&a->left, &a->from, &a->row_of, &a->col_of, &a->waiting};
  SB_TRY(SB_NEW(&a->x, (int64_t)n * d, "assignment: rows"));
  SB_TRY(SB_NEW(&a->y, (int64_t)d * a->wide, "assignment: columns"));
  for (int k = 0; k < 5; k++) SB_TRY(SB_NEW(reals[k], a->wide, "assignment: lengths"));
  for (int k = 0; k < 5; k++) SB_TRY(SB_NEW(ints[k], a->wide, "assignment: indices"));
  const int64_t entries = (int64_t)n * a->wide;
  if (d < STORE_FROM || entries > STORE_MOST / (int64_t)sizeof(double)) return SB_OK;
  return SB_NEW(&a->table, entries, "assignment: costs");
}

/* out[k * step_k + i * step_i] = x_ik - mean of x_k. */
static void centre(sb_points p, double *out, size_t step_i, size_t step_k) {
  for (int k = 0; k < p.d; k++) {
    double mean = 0;
    for (int64_t i = 0; i < p.n; i++) mean += p.x[i * p.d + k] / (double)p.n;
    for (int64_t i = 0; i < p.n; i++)
      out[(size_t)i * step_i + (size_t)k * step_k] = p.x[i * p.d + k] - mean;
  }
}

static sb_status check(const char *what, sb_points p) {
  for (int64_t i = 0; i < p.n * p.d; i++)
    if (!(fabs(p.x[i]) < 0x1p500))
      return sb_fail(SB_BAD, "exact assignment: row %lld, column %lld of the %s set is %g",
                     (long long)(i / p.d), (long long)(i % p.d), what, p.x[i]);
  return SB_OK;
}

sb_status sb_w2_exact(sb_points a, sb_points b, double *value) {
  if (a.n != b.n || a.n < 1 || a.n > MANY || a.d != b.d || a.d < 1)
    return sb_fail(
        SB_USE,
        "exact assignment of %lld points (dimension %d) to %lld (%d): needs as many, at most %d",
        (long long)a.n, a.d, (long long)b.n, b.d, MANY);
  SB_TRY(check("first", a));
  SB_TRY(check("second", b));
  assignment q = {0};
  sb_status s = new_arrays(&q, (int)a.n, a.d);
  if (!s) {
    centre(a, q.x, (size_t)a.d, 1);
    centre(b, q.y, 1, (size_t)q.wide);
    for (int i = 0; q.table && i < q.n; i++) compute_costs(&q, i, q.table + (size_t)i * q.wide);
    solve(&q);
    double sum = 0;
    for (int64_t i = 0; i < a.n; i++)
      for (int k = 0; k < a.d; k++) {
        const double z = a.x[i * a.d + k] - b.x[(int64_t)q.col_of[i] * a.d + k];
        sum += z * z;
      }
    *value = sqrt(sum / (double)a.n);
  }
  close_assignment(&q);
  return s;
}
