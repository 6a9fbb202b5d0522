/* Localized kernel bridges. Source: G. Gottwald, S. Reich, "Localized Schrödinger bridge sampler",
 * 2024 (arXiv 2409.07968); ALGORITHMS 4. A head for each block of coordinates, which sees the
 * neighbourhood of the block alone: low-dimensional scalings over the same training rows in place
 * of one that would need exponentially many of them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "sb/mem.h"

/* clang-format off */
const sb_key engine_local_keys[] = {
  SB_INT(local_options, radius, "1", 0, 1e6, "", "a coordinate sees those at most so far from it in their order"),
  SB_BOOL(local_options, periodic, "false", "the last coordinate is next to the first"),
  SB_REALS(local_options, grid, "[]", 1, 1e6, "",
    "rows, columns of a picture that coordinates are the pixels of: the radius is that of a square around each"),
  SB_INT(local_options, block, "1", 1, 1e6, "", "coordinates, one after the other, that move by the same weights"),
  SB_REALS(local_options, blocks, "[]", 0, 0, "", "or blocks of these sizes, which together are all coordinates"),
  SB_REALS(local_options, starts, "[]", 0, 0, "",
    "neighbourhoods by list instead: where that of each block begins in members, and where the last ends"),
  SB_REALS(local_options, members, "[]", 0, 0, "", "coordinates of the neighbourhoods, one after the other"),
  {0}};
/* clang-format on */

/* Are places a and b of n within the radius? */
static int within(const engine *e, int a, int b, int n) {
  const int apart = abs(a - b);
  return apart <= e->local.radius || (e->local.periodic && n - apart <= e->local.radius);
}

/* Is pixel i within the square of one of block first .. last? */
static int near_in_picture(const engine *e, int first, int last, int i) {
  const int rows = (int)e->local.grid.v[0], columns = (int)e->local.grid.v[1];
  for (int j = first; j <= last; j++)
    if (within(e, i / columns, j / columns, rows) && within(e, i % columns, j % columns, columns))
      return 1;
  return 0;
}

/* Is coordinate i within the radius of block first .. last? */
static int near(const engine *e, int first, int last, int i) {
  const int64_t r = e->local.radius;
  if (e->local.grid.n) return near_in_picture(e, first, last, i);
  if (i >= first - r && i <= last + r) return 1;
  return e->local.periodic && (i + e->d <= last + r || i - e->d >= first - r);
}

static sb_status by_radius(engine *e, head *h, int first, int last) {
  int seen = 0;
  for (int i = 0; i < e->d; i++) seen += near(e, first, last, i);
  SB_TRY(engine_head_new(h, seen, last - first + 1));
  seen = 0;
  for (int i = 0; i < e->d; i++)
    if (near(e, first, last, i)) h->see[seen++] = i;
  return SB_OK;
}

static sb_status bad_list(const char *key, int i, double v, const char *must) {
  return sb_fail(SB_USE, "local.%s: element %d is %g, %s", key, i + 1, v, must);
}

static sb_status check_lists(const engine *e) {
  const sb_reals *starts = &e->local.starts, *members = &e->local.members;
  if (starts->n != e->heads + 1)
    return sb_fail(SB_USE, "local.starts: %d numbers, %d blocks need %d", starts->n, e->heads,
                   e->heads + 1);
  for (int i = 0; i <= e->heads; i++) {
    const double v = starts->v[i], low = i ? starts->v[i - 1] + 1 : 0, high = i ? members->n : 0;
    if (v != floor(v) || v < low || v > high)
      return bad_list("starts", i, v, "a place in members behind the one before");
  }
  if (starts->v[e->heads] != members->n)
    return bad_list("starts", e->heads, starts->v[e->heads], "not the number of members");
  for (int i = 0; i < members->n; i++) {
    const double v = members->v[i];
    if (v != floor(v) || v < 0 || v >= e->d)
      return bad_list("members", i, v, "no coordinate of the data");
  }
  return SB_OK;
}

static sb_status check_grid(const engine *e) {
  const sb_reals *g = &e->local.grid;
  if (g->n == 2 && g->v[0] == floor(g->v[0]) && g->v[0] * g->v[1] == e->d &&
      g->v[1] == floor(g->v[1]))
    return SB_OK;
  return sb_fail(SB_USE, "local.grid: rows and columns of the %d coordinates, two whole numbers",
                 e->d);
}

/* The list of block b, ascending, each coordinate once, its own among them. */
static sb_status by_list(engine *e, head *h, int b, int first, int last) {
  const int from = (int)e->local.starts.v[b], to = (int)e->local.starts.v[b + 1];
  int own = 0;
  SB_TRY(engine_head_new(h, to - from, last - first + 1));
  h->seen = 0;
  for (int i = 0; i < e->d; i++)
    for (int j = from; j < to; j++)
      if (e->local.members.v[j] == i) {
        if (h->seen && h->see[h->seen - 1] == i)
          return sb_fail(SB_USE, "local.members: %d stands twice in the neighbourhood of block %d",
                         i, b);
        h->see[h->seen++] = i;
        own += i >= first && i <= last;
      }
  if (own < h->moved)
    return sb_fail(
        SB_USE,
        "local.members: the neighbourhood of block %d lacks coordinates of its own (%d .. %d)", b,
        first, last);
  return SB_OK;
}

static sb_status check_blocks(const engine *e) {
  const sb_reals *sizes = &e->local.blocks;
  double sum = 0;
  for (int i = 0; i < sizes->n; i++) {
    if (sizes->v[i] != floor(sizes->v[i]) || sizes->v[i] < 1)
      return bad_list("blocks", i, sizes->v[i], "no number of coordinates");
    sum += sizes->v[i];
  }
  if (sizes->n && sum != e->d)
    return sb_fail(SB_USE, "local.blocks: together %g coordinates, the data have %d", sum, e->d);
  return SB_OK;
}

sb_status engine_local_heads(engine *e) {
  const int block = e->local.block < e->d ? (int)e->local.block : e->d;
  const int listed = e->local.starts.n || e->local.members.n;
  SB_TRY(check_blocks(e));
  e->heads = e->local.blocks.n ? e->local.blocks.n : (e->d + block - 1) / block;
  SB_TRY(SB_NEW(&e->head, e->heads, "heads"));
  if (listed) SB_TRY(check_lists(e));
  if (e->local.grid.n) SB_TRY(check_grid(e));
  for (int b = 0, first = 0, last; b < e->heads; b++, first = last + 1) {
    head *h = &e->head[b];
    last = first - 1 + (e->local.blocks.n ? (int)e->local.blocks.v[b] : block);
    if (last >= e->d) last = e->d - 1;
    SB_TRY(listed ? by_list(e, h, b, first, last) : by_radius(e, h, first, last));
    for (int i = 0; i < h->moved; i++) h->move[i] = first + i;
  }
  return SB_OK;
}
