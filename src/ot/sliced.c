/* Sliced Wasserstein distance (Rabin, Peyré, Delon, Bernot 2011): the mean over directions of the
 * squared distance between the projections, which sorting solves.
 *
 * The sort is spread over the ranks: each sorts the projections of its rows; exact selection finds
 * the keys at the positions where the parts of the ranks begin; what lies between goes to the rank
 * whose part it is. Parts are those of the first set's rows (whole blocks), and of the second set
 * the quantiles that meet them. Sums over a block of sorted rows are plain, across blocks exact. */
#include <math.h>
#include <string.h>

#include "order.h"
#include "sb/kernel.h"
#include "sb/mem.h"
#include "sb/metric.h"
#include "sb/noise.h"
#include "sb/watchdog.h"

/* One of the two sets, along the directions of a batch. */
typedef struct side {
  sb_points p;
  int64_t count;      /* rows of this rank                                          */
  int64_t *cut;       /* [ranks + 1] where the part of each rank begins in the order */
  int64_t part, room; /* length of this rank's part; with the key behind it          */
  uint64_t *key;      /* [batch, count] sorted                                       */
  uint64_t *sorted;   /* [batch, room] this rank's part                              */
  int64_t *filled;    /* [batch] of it, so far                                       */
} side;

typedef struct slices {
  const sb_comm *c;
  side s[2];
  int batch;          /* directions at a time                              */
  double *direction;  /* [d]                                               */
  uint64_t *spare;    /* [largest count or room]                           */
  int64_t *position;  /* [2 batch, ranks + 1] as cut; keys there, and how  */
  uint64_t *border;   /* many are smaller                                  */
  int64_t *below;     /*                                                   */
  int *number;        /* [6, ranks] and [2, ranks, 2 batch] counts         */
  uint64_t *out, *in; /* [batch, both counts], [batch, both rooms]         */
  sb_sum sum;
} slices;

static void set_direction(uint64_t key, int64_t slice, int d, double *direction) {
  double square = 0;
  sb_noise_normals64(key, slice, 1, 0, d, direction);
  for (int k = 0; k < d; k++) square += direction[k] * direction[k];
  if (square > 0)
    for (int k = 0; k < d; k++) direction[k] /= sqrt(square);
  else
    direction[0] = 1;
}

/* Sorted products of this rank's rows with a direction. */
static void project(const side *s, const double *direction, uint64_t *key, uint64_t *spare) {
  for (int64_t i = 0; i < s->count; i++) {
    const double *x = s->p.x + i * s->p.d;
    double along = 0;
    for (int k = 0; k < s->p.d; k++) along += x[k] * direction[k];
    key[i] = order_key(along);
  }
  order_sort(s->count, key, spare);
}

/* --- Memory --------------------------------------------------------------------------------- */

static sb_status open_side(side *s, const sb_comm *c, int batch) {
  s->part = s->cut[c->rank + 1] - s->cut[c->rank];
  s->room = s->part + 1;
  SB_TRY(SB_NEW(&s->key, batch * s->count, "sliced distance: projections"));
  SB_TRY(SB_NEW(&s->filled, batch, "sliced distance: projections"));
  return SB_NEW(&s->sorted, batch * s->room, "sliced distance: sorted projections");
}

static sb_status open_slices(slices *w, int count) {
  const int ranks = w->c->size;
  side *a = &w->s[0], *b = &w->s[1];
  const int64_t borders = ranks + 1;
  for (int k = 0; k < 2; k++) SB_TRY(SB_NEW(&w->s[k].cut, borders, "sliced distance: parts"));
  for (int r = 0; r <= ranks; r++) {
    a->cut[r] = r < ranks ? sb_share_at(r, ranks, a->p.n).first : a->p.n;
    b->cut[r] = a->cut[r] * b->p.n / a->p.n;
  }
  const int64_t rows = sb_share_at(0, ranks, a->p.n).count + sb_share_at(0, ranks, b->p.n).count;
  const int64_t most = rows < SB_SORT_AT_ONCE ? SB_SORT_AT_ONCE / rows : 1;
  w->batch = most < count ? (int)most : count;
  for (int k = 0; k < 2; k++) SB_TRY(open_side(&w->s[k], w->c, w->batch));
  const int64_t counts = a->count + b->count, rooms = a->room + b->room, sets = 2 * w->batch;
  SB_TRY(SB_NEW(&w->direction, a->p.d, "sliced distance: direction"));
  SB_TRY(SB_NEW(&w->spare, counts > rooms ? counts : rooms, "sliced distance: sort"));
  SB_TRY(SB_NEW(&w->position, sets * borders, "sliced distance: parts"));
  SB_TRY(SB_NEW(&w->border, sets * borders, "sliced distance: parts"));
  SB_TRY(SB_NEW(&w->below, sets * borders, "sliced distance: parts"));
  SB_TRY(SB_NEW(&w->number, (6 + 2 * sets) * ranks, "sliced distance: parts"));
  SB_TRY(SB_NEW(&w->out, w->batch * counts, "sliced distance: on their way"));
  return SB_NEW(&w->in, w->batch * rooms, "sliced distance: on their way");
}

static void close_slices(slices *w) {
  void *const blocks[] = {w->direction, w->spare,  w->position, w->border,
                          w->below,     w->number, w->out,      w->in};
  for (int k = 0; k < 2; k++) {
    sb_mem_free(w->s[k].cut);
    sb_mem_free(w->s[k].key);
    sb_mem_free(w->s[k].filled);
    sb_mem_free(w->s[k].sorted);
  }
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) sb_mem_free(blocks[i]);
}

/* --- The sort ------------------------------------------------------------------------------- */

/* Set number `set` of a batch of n directions is side set / n, direction set % n. */
static const side *side_of(const slices *w, int set, int n) { return &w->s[set / n]; }

static uint64_t *keys_of(const slices *w, int set, int n) {
  const side *s = side_of(w, set, n);
  return s->key + set % n * s->count;
}

static sb_status find_borders(slices *w, int n) {
  const int borders = w->c->size + 1;
  order_list *list = NULL;
  sb_status s = sb_agree(w->c, SB_NEW(&list, 2 * n, "sliced distance: sets"));
  for (int k = 0; k < 2 * n && !s; k++) {
    list[k] = (order_list){side_of(w, k, n)->count, keys_of(w, k, n)};
    memcpy(w->position + k * borders, side_of(w, k, n)->cut, (size_t)borders * sizeof *w->position);
  }
  if (!s) s = order_select(w->c, 2 * n, list, borders, w->position, w->border, w->below);
  sb_mem_free(list);
  return s;
}

/* What lies strictly between the borders of a rank's part goes to it: first how much, then the
 * keys.
 */
static sb_status send_keys(slices *w, int n) {
  const int ranks = w->c->size, sets = 2 * n;
  int *const sent = w->number, *const from = sent + ranks, *const got = from + ranks,
             *const to = got + ranks, *const ones = to + ranks, *const at = ones + ranks,
             *const mine = at + ranks, *const theirs = mine + ranks * sets;
  int64_t packed = 0;
  for (int r = 0; r < ranks; r++) {
    from[r] = (int)packed, ones[r] = 1, at[r] = r;
    for (int k = 0; k < sets; k++) {
      const side *s = side_of(w, k, n);
      const uint64_t *key = keys_of(w, k, n), *border = w->border + k * (ranks + 1) + r;
      const int64_t low = order_place(s->count, key, border[0], 1);
      const int64_t high = order_place(s->count, key, border[1], 0);
      const int64_t count = high > low ? high - low : 0;
      mine[r * sets + k] = (int)count;
      memcpy(w->out + packed, key + low, (size_t)count * sizeof *key);
      packed += count;
    }
    sent[r] = (int)packed - from[r];
  }
  SB_TRY(sb_swap(w->c, (size_t)sets * sizeof *mine, mine, ones, at, theirs, ones, at));
  for (int r = 0; r < ranks; r++) {
    got[r] = 0, to[r] = r ? to[r - 1] + got[r - 1] : 0;
    for (int k = 0; k < sets; k++) got[r] += theirs[r * sets + k];
  }
  SB_TRY(sb_swap(w->c, sizeof *w->out, w->out, sent, from, w->in, got, to));
  const uint64_t *next = w->in;
  for (int k = 0; k < 2; k++) memset(w->s[k].filled, 0, (size_t)w->batch * sizeof(int64_t));
  for (int r = 0; r < ranks; r++)
    for (int k = 0; k < sets; k++) {
      side *s = &w->s[k / n];
      const int64_t count = theirs[r * sets + k];
      memcpy(s->sorted + k % n * s->room + s->filled[k % n], next, (size_t)count * sizeof *next);
      s->filled[k % n] += count;
      next += count;
    }
  return SB_OK;
}

/* Copies of the keys at the borders make the part whole; behind it the key that comes next. */
static void complete(slices *w, int n) {
  const int ranks = w->c->size, rank = w->c->rank;
  for (int k = 0; k < 2 * n; k++) {
    const side *s = side_of(w, k, n);
    const int64_t at = (int64_t)k * (ranks + 1) + rank, middle = s->filled[k % n];
    const uint64_t first = w->border[at], last = w->border[at + 1];
    uint64_t *const sorted = s->sorted + k % n * s->room;
    int64_t back = last == first ? 0 : s->cut[rank + 1] - w->below[at + 1];
    if (back > s->part - middle) back = s->part - middle;
    const int64_t front = s->part - middle - back;
    order_sort(middle, sorted, w->spare);
    memmove(sorted + front, sorted, (size_t)middle * sizeof *sorted);
    for (int64_t i = 0; i < front; i++) sorted[i] = first;
    for (int64_t i = 0; i < back; i++) sorted[front + middle + i] = last;
    sorted[s->part] = last;
  }
}

/* --- The distance --------------------------------------------------------------------------- */

/* Integral over this rank's quantiles of the squared difference of two quantile functions, times n
 * m: pieces between the jumps at i m and j n. */
static void add_quantiles(slices *w, const uint64_t *x, const uint64_t *y) {
  const side *a = &w->s[0], *b = &w->s[1];
  const int64_t n = a->p.n, m = b->p.n, first = a->cut[w->c->rank];
  int64_t j = b->cut[w->c->rank], q = first * m;
  const int64_t j0 = j;
  double sum = 0;
  for (int64_t i = first; i < first + a->part; i++) {
    for (const int64_t end_i = (i + 1) * m; q < end_i;) {
      const int64_t end_j = (j + 1) * n, end = end_i < end_j ? end_i : end_j;
      const double gap = order_value(x[i - first]) - order_value(y[j - j0]);
      sum += gap * gap * (double)(end - q);
      q = end;
      j += end == end_j;
    }
    if (i % SB_BLOCK == SB_BLOCK - 1 || i == n - 1) sb_sum_add(&w->sum, sum), sum = 0;
  }
}

static sb_status do_batch(slices *w, uint64_t key, int first, int n) {
  for (int i = 0; i < n; i++) {
    set_direction(key, first + i, w->s[0].p.d, w->direction);
    for (int k = 0; k < 2; k++)
      project(&w->s[k], w->direction, w->s[k].key + i * w->s[k].count, w->spare);
    sb_tick();
  }
  SB_TRY(find_borders(w, n));
  SB_TRY(send_keys(w, n));
  complete(w, n);
  for (int i = 0; i < n; i++)
    add_quantiles(w, w->s[0].sorted + i * w->s[0].room, w->s[1].sorted + i * w->s[1].room);
  return SB_OK;
}

sb_status sb_sliced_w2(const sb_comm *c, sb_points a, sb_points b, int count, uint64_t key,
                       double *value) {
  if (a.d != b.d || a.d < 1 || a.n < 1 || b.n < 1 || count < 1 || a.n >= INT64_MAX / b.n)
    return sb_fail(SB_USE,
                   "sliced distance of %lld points (dimension %d) and %lld (%d) in %d directions",
                   (long long)a.n, a.d, (long long)b.n, b.d, count);
  slices w = {.c = c,
              .s = {{.p = a, .count = sb_share_of(c, a.n).count},
                    {.p = b, .count = sb_share_of(c, b.n).count}}};
  sb_status s = sb_agree(c, open_slices(&w, count));
  for (int i = 0; i < count && !s; i += w.batch)
    s = do_batch(&w, key, i, count - i < w.batch ? count - i : w.batch);
  if (!s) s = sb_sum_total(c, 1, &w.sum, value, "sliced distance");
  if (!s) *value = sqrt(*value / (double)a.n / (double)b.n / count);
  close_slices(&w);
  return s;
}
