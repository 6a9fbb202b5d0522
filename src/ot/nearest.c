/* Distances to the nearest point of a set.
 *
 * Each share of the set that comes by is sorted along its widest coordinate and cut into tiles;
 * from the tile of a point the search goes outwards on both sides until the gap along that
 * coordinate alone is larger than the best distance. A minimum does not depend on the order of the
 * search, so the result is exact; in few dimensions few tiles are looked at. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sb/mem.h"
#include "sb/metric.h"
#include "sb/watchdog.h"
#include "squares.h"

#define TILE  64
#define CHUNK (1 << 21) /* coordinates of the set that are laid out at a time */

typedef struct place {
  double along; /* the widest coordinate */
  int64_t row;
} place;

typedef struct strips {
  int d, axis;
  int64_t tiles;
  double *y; /* [tiles, d, TILE] sorted, transposed by tile; the last tile is filled up with its
                last point */
  double *low, *high; /* [tiles] range along the axis */
} strips;

static int by_place(const void *a, const void *b) {
  const place *p = a, *q = b;
  if (p->along != q->along) return p->along < q->along ? -1 : 1;
  return (p->row > q->row) - (p->row < q->row);
}

static int widest(sb_points b) {
  int axis = 0;
  double most = -1;
  for (int k = 0; k < b.d; k++) {
    double low = HUGE_VAL, high = -HUGE_VAL;
    for (int64_t i = 0; i < b.n; i++) {
      if (b.x[i * b.d + k] < low) low = b.x[i * b.d + k];
      if (b.x[i * b.d + k] > high) high = b.x[i * b.d + k];
    }
    if (high - low > most) {
      most = high - low;
      axis = k;
    }
  }
  return axis;
}

static void lay(strips *f, sb_points b, place *order) {
  for (int64_t i = 0; i < b.n; i++) order[i] = (place){b.x[i * b.d + f->axis], i};
  qsort(order, (size_t)b.n, sizeof *order, by_place);
  for (int64_t i = 0; i < f->tiles * TILE; i++) {
    const place *p = &order[i < b.n ? i : b.n - 1];
    const int64_t t = i / TILE;
    for (int k = 0; k < b.d; k++) f->y[(t * b.d + k) * TILE + i % TILE] = b.x[p->row * b.d + k];
    if (i % TILE == 0) f->low[t] = p->along;
    f->high[t] = p->along;
  }
}

static double least_in_tile(const strips *f, int64_t t, const double *x, double best) {
  _Alignas(16) double square[SQUARES];
  for (int i = 0; i < TILE; i += SQUARES) {
    squared_distances(f->d, x, f->y + t * f->d * TILE + i, TILE, square);
    for (int j = 0; j < SQUARES; j++)
      if (square[j] < best) best = square[j];
  }
  return best;
}

/* Squared distance from x to its nearest point, if less than best, else best. */
static double search(const strips *f, const double *x, double best) {
  const double along = x[f->axis];
  int64_t below = 0, above = f->tiles; /* the tiles below .. above-1 begin at or before x */
  while (above - below > 1) {
    const int64_t middle = (below + above) / 2;
    if (f->low[middle] <= along)
      below = middle;
    else
      above = middle;
  }
  while (below >= 0 || above < f->tiles) {
    const double down = below < 0 ? HUGE_VAL : fmax(along - f->high[below], 0);
    const double up = above >= f->tiles ? HUGE_VAL : fmax(f->low[above] - along, 0);
    const double gap = down <= up ? down : up;
    if (gap * gap > best) break;
    best = least_in_tile(f, down <= up ? below-- : above++, x, best);
  }
  return best;
}

static sb_status check(const char *what, int64_t first, int64_t n, int d, const double *x) {
  for (int64_t i = 0; i < n * d; i++)
    if (!isfinite(x[i]))
      return sb_fail(SB_BAD, "nearest point: row %lld, column %lld of the %s set is %g",
                     (long long)(first + i / d), (long long)(i % d), what, x[i]);
  return SB_OK;
}

typedef struct task {
  sb_points a;
  int64_t own, chunk; /* rows of a on this rank; points that are laid out at a time */
  strips f;
  place *order;
  double *out;
} task;

static sb_status visit(void *self, int64_t first, int64_t count, const void *rows) {
  task *t = self;
  const double *x = rows;
  SB_TRY(check("second", first, count, t->a.d, x));
  for (int64_t j = 0; j < count; j += t->chunk) {
    const sb_points part = {count - j < t->chunk ? count - j : t->chunk, t->a.d, x + j * t->a.d};
    t->f.axis = widest(part);
    t->f.tiles = (part.n + TILE - 1) / TILE;
    lay(&t->f, part, t->order);
    for (int64_t i = 0; i < t->own; i++) t->out[i] = search(&t->f, t->a.x + i * t->a.d, t->out[i]);
    sb_tick();
  }
  return SB_OK;
}

static sb_status make_room(task *t, int64_t longest) {
  const int64_t most = CHUNK / t->a.d > TILE ? CHUNK / t->a.d : TILE;
  t->chunk = longest < most ? longest : most;
  const int64_t tiles = (t->chunk + TILE - 1) / TILE;
  SB_TRY(SB_NEW(&t->order, t->chunk, "nearest point: order"));
  SB_TRY(SB_NEW(&t->f.y, tiles * t->a.d * TILE, "nearest point: tiles"));
  SB_TRY(SB_NEW(&t->f.low, tiles, "nearest point: ranges"));
  return SB_NEW(&t->f.high, tiles, "nearest point: ranges");
}

sb_status sb_nearest_distance(const sb_comm *c, sb_points a, sb_points b, double *out) {
  if (a.d != b.d || a.d < 1 || b.n < 1)
    return sb_fail(
        SB_USE,
        "nearest of %lld points in dimension %d: none to choose from, or not of dimension %d",
        (long long)b.n, b.d, a.d);
  const sb_share own = sb_share_of(c, a.n);
  task t = {.a = a, .own = own.count, .f = {.d = a.d}, .out = out};
  sb_status s = check("first", own.first, own.count, a.d, a.x);
  if (!s) s = make_room(&t, sb_share_at(0, c->size, b.n).count);
  s = sb_agree(c, s);
  for (int64_t i = 0; i < own.count; i++) out[i] = HUGE_VAL;
  if (!s) s = sb_ring(c, b.n, b.d, sizeof *b.x, b.x, visit, &t);
  for (int64_t i = 0; i < own.count; i++) out[i] = sqrt(out[i]);
  sb_mem_free(t.f.high);
  sb_mem_free(t.f.low);
  sb_mem_free(t.f.y);
  sb_mem_free(t.order);
  return s;
}
