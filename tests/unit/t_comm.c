/* RUN np=1
 * RUN np=2
 * RUN np=4
 * RUN np=7
 * RUN np=5 2
 * RUN np=7 3
 * Shares, agreement, exact sums and node-shared arrays; the argument is a number of emulated nodes.
 */
#include <stdlib.h>
#include <string.h>

#include "sb/comm.h"
#include "sb/kernel.h"
#include "sb/mem.h"
#include "tap.h"

static void shares(const sb_comm *c) {
  const int64_t sizes[] = {0, 1, 63, 64, 65, 128, 1000, 100000};
  int good = 1;
  for (int k = 0; k < 8; k++) {
    int64_t next = 0, longest = 0, shortest = INT64_MAX;
    for (int r = 0; r < c->size; r++) {
      const sb_share s = sb_share_at(r, c->size, sizes[k]);
      good &= s.first == next && (s.first % SB_BLOCK == 0 || s.count == 0);
      next = s.first + s.count;
      if (s.count > longest) longest = s.count;
      if (s.count < shortest) shortest = s.count;
    }
    good &= next == sizes[k] && longest - shortest < 2 * SB_BLOCK;
  }
  tap_ok(good, "shares are whole blocks, cover all rows once and are even");
}

static void agreement(const sb_comm *c) {
  tap_ok(sb_agree(c, SB_OK) == SB_OK, "all well");
  sb_status s = SB_OK;
  if (c->rank == c->size - 1) s = sb_fail(SB_SYS, "rank %d has no disk", c->rank);
  s = sb_agree(c, s);
  char want[64];
  snprintf(want, sizeof want, "rank %d has no disk", c->size - 1);
  tap_ok(s == SB_SYS && !strcmp(sb_message(), want), "the last rank's failure is everybody's");
  sb_forget();
  s = sb_fail(c->rank == 0 ? SB_USE : SB_BAD, "from %d", c->rank);
  s = sb_agree(c, s);
  snprintf(want, sizeof want, "from %d", c->size > 1 ? 1 : 0);
  tap_ok(s == (c->size > 1 ? SB_BAD : SB_USE) && !strcmp(sb_message(), want),
         "the worst status speaks, lowest rank first");
  sb_forget();
}

static double term(int64_t i) {
  const double scale[] = {1, 1e15, 1e-12, -3e9, 0.1};
  return scale[i % 5] * (double)((i * 2654435761u) % 1000003) / 7;
}

static void sums(const sb_comm *c) {
  const int64_t n = 5001;
  const sb_share share = sb_share_of(c, n);
  double *x, mine[2], alone[2];
  sb_sum there = {{0}}, back = {{0}};
  if (SB_NEW(&x, 2 * n, "terms")) exit(3);
  for (int64_t i = 0; i < 2 * n; i++) x[i] = term(i);
  sb_sum_rows(c, n, 2, x + 2 * share.first, mine, "terms");
  sb_sum_rows(sb_comm_self(), n, 2, x, alone, "terms");
  tap_ok(!memcmp(mine, alone, sizeof mine), "sum of rows: the bits of one rank");
  for (int64_t i = 0; i < n; i++) sb_sum_add(&there, x[i]), sb_sum_add(&back, x[n - 1 - i]);
  tap_ok(sb_sum_value(&there) == sb_sum_value(&back), "order does not matter");
  long double exact = 0;
  for (int64_t i = 0; i < n; i++) exact += (long double)x[i];
  tap_close(sb_sum_value(&there), (double)exact, 1e-3,
            "the value is the sum (1e18, terms to 1e-12)");
  sb_sum small = {{0}};
  sb_sum_add(&small, 1e18), sb_sum_add(&small, 0x1p-90), sb_sum_add(&small, -1e18);
  tap_ok(sb_sum_value(&small) == 0x1p-90, "nothing is lost beside 1e18");
  sb_sum bad = {{0}};
  double out;
  sb_sum_add(&bad, c->rank == 0 ? 0. / 0. * 1 : 1);
  tap_ok(sb_sum_total(c, 1, &bad, &out, "loss") == SB_BAD && strstr(sb_message(), "loss"),
         "NaN on one rank fails all");
  sb_forget();
  sb_mem_free(x);
}

static void gathers(const sb_comm *c) {
  const int64_t n = 333;
  const sb_share share = sb_share_of(c, n);
  int64_t *all, good = 1;
  sb_shared shared;
  if (SB_NEW(&all, 2 * n, "all")) exit(3);
  for (int64_t i = share.first; i < share.first + share.count; i++)
    all[2 * i] = i, all[2 * i + 1] = -i;
  sb_gather_rows(c, n, 2, sizeof *all, all + 2 * share.first, all);
  for (int64_t i = 0; i < n; i++) good &= all[2 * i] == i && all[2 * i + 1] == -i;
  tap_ok(good != 0, "gathered rows stand in order");
  tap_ok(sb_shared_new(c, n * 16, "shared", &shared) == SB_OK && (uintptr_t)shared.data % 64 == 0,
         "shared array");
  int64_t *rows = shared.data;
  for (int64_t i = share.first; i < share.first + share.count; i++)
    rows[2 * i] = 3 * i, rows[2 * i + 1] = c->rank;
  tap_ok(sb_shared_complete(c, &shared, n, 16) == SB_OK, "completed");
  for (int64_t i = 0; i < n; i++) good &= rows[2 * i] == 3 * i;
  sb_max_int(c, &good, 1);
  int64_t bad = !good;
  sb_max_int(c, &bad, 1);
  tap_ok(!bad, "every rank of %d node(s) sees every row", c->nodes);
  sb_shared_free(c, &shared);
  sb_mem_free(all);
}

typedef struct seen {
  int64_t n, rows, shares, wrong, fail_at;
} seen;

static sb_status see(void *self, int64_t first, int64_t count, const void *rows) {
  seen *s = self;
  const int64_t *x = rows;
  for (int64_t i = 0; i < count; i++)
    s->wrong += x[2 * i] != first + i || x[2 * i + 1] != -first - i;
  s->wrong += first % SB_BLOCK != 0;
  s->rows += count;
  return s->shares++ == s->fail_at ? sb_fail(SB_BAD, "seen enough") : SB_OK;
}

/* Rows that lie spread: all of them come by, once each; and parts of them cut out. */
static void rings(const sb_comm *c) {
  const int64_t sizes[] = {1, 64, 65, 1000};
  for (int k = 0; k < 4; k++) {
    const int64_t n = sizes[k];
    const sb_share own = sb_share_of(c, n);
    int64_t *x, *part, wrong = 0;
    if (SB_NEW(&x, 2 * own.count, "rows") || SB_NEW(&part, 2 * n, "part")) exit(3);
    for (int64_t i = 0; i < own.count; i++) x[2 * i] = own.first + i, x[2 * i + 1] = -own.first - i;
    seen s = {.n = n, .fail_at = -1};
    sb_status status = sb_ring(c, n, 2, sizeof *x, x, see, &s);
    wrong = status != SB_OK || s.rows != n || s.wrong;
    sb_max_int(c, &wrong, 1);
    tap_ok(!wrong, "%d rows go round", (int)n);
    s = (seen){.n = n, .fail_at = c->rank ? -1 : 0};
    status = sb_ring(c, n, 2, sizeof *x, x, see, &s);
    tap_ok(status == SB_BAD && !strcmp(sb_message(), "seen enough"),
           "one has seen enough: all know");
    sb_forget();
    for (int64_t first = 0; first < n; first += 1 + n / 7) {
      const int64_t count = (n - first + 1) / 2;
      const sb_share mine = sb_share_of(c, count);
      status = sb_slice_rows(c, n, 2, sizeof *x, x, first, count, part);
      wrong += status != SB_OK;
      for (int64_t i = 0; i < mine.count; i++)
        wrong += part[2 * i] != first + mine.first + i || part[2 * i + 1] != -part[2 * i];
    }
    sb_max_int(c, &wrong, 1);
    tap_ok(!wrong, "slices of %d rows", (int)n);
    tap_ok(sb_slice_rows(c, n, 2, sizeof *x, x, 1, n, part) == SB_USE, "too long a slice");
    sb_forget();
    sb_mem_free(part);
    sb_mem_free(x);
  }
}

int main(int argc, char **argv) {
  sb_comm *c;
  if (argc > 1) setenv("SB_EMULATE_NODES", argv[1], 1);
  if (sb_comm_start(&argc, &argv, &c)) return 3;
  tap_rank = c->rank;
  const int64_t before = sb_mem_now();
  if (argc > 1) tap_ok(c->nodes == atoi(argv[1]), "%d emulated nodes", c->nodes);
  shares(c), agreement(c), sums(c), gathers(c), rings(c);
  tap_ok(sb_mem_now() == before, "nothing is left behind");
  const int status = tap_done();
  sb_comm_finish(c);
  return status;
}
