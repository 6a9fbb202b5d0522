/* RUN np=1
 * RUN np=2
 * RUN np=3
 * RUN np=4
 * sb_judge: perfect, wrong and copying samplers; floors; few points; tables; failures; the same
 * bits on any number of ranks. */
#include <string.h>

#include "clouds.h"
#include "sb/keys.h"
#include "sb/mem.h"
#include "sb/metric.h"
#include "tap.h"

enum { MOST = 8 };

/* N(shift, scale^2 I); with `most`, rows of a table of so many. */
typedef struct gauss {
  int d;
  uint64_t key;
  double shift, scale;
  int64_t most;
  bool fails;
} gauss;

static sb_status draw(void *self, int64_t replicate, int64_t first, int64_t n, double *x) {
  const gauss *g = self;
  if (g->fails && replicate > 0) return sb_fail(SB_SYS, "no draws here");
  const uint64_t key = sb_noise_key(g->key, SB_FOR_TRUTH, g->most ? 0 : (uint32_t)replicate, 0);
  for (int64_t i = 0; i < n; i++)
    sb_noise_normals64(key, g->most ? (first + i + replicate) % g->most : first + i, 1, 0, g->d,
                       x + i * g->d);
  for (int64_t i = 0; i < n * g->d; i++) x[i] = g->shift + g->scale * x[i];
  return SB_OK;
}

static sb_source source(gauss *g) { return (sb_source){g, draw, g->most}; }

/* Rows of a cloud, in order. */
static sb_status copy(void *self, int64_t replicate, int64_t first, int64_t n, double *x) {
  const sb_points *p = self;
  (void)replicate;
  memcpy(x, p->x + first * p->d, (size_t)(n * p->d) * sizeof *x);
  return SB_OK;
}

static sb_source rows_of(sb_points *p) { return (sb_source){p, copy, p->n}; }

/* What a run needs; sources point into it. */
typedef struct world {
  sb_points sample, training, held; /* whole */
  gauss truth, fresh, baseline;
  sb_judge_options options;
  sb_judge_input in;
} world;

static void open_world(world *w, int d, int64_t n, double shift, double scale) {
  *w = (world){.truth = {.d = d, .key = 1, .scale = 1},
               .fresh = {.d = d, .key = 2, .scale = 1},
               .baseline = {.d = d, .key = 3, .scale = 1.5},
               .options = {.draws = 1200,
                           .size = 300,
                           .blocks = 4,
                           .floors = 12,
                           .slices = 16,
                           .w2_points = 60,
                           .w2_floors = 4}};
  w->sample = cloud(77, n, d, shift, scale), w->training = cloud(78, 500, d, 0, 1);
  w->in = (sb_judge_input){
      .sample = w->sample, .training = rows_of(&w->training), .seed = 5, .stage = "2"};
  w->in.truth = source(&w->truth), w->in.fresh = source(&w->fresh),
  w->in.baseline = source(&w->baseline);
}

static void close_world(world *w) { cloud_free(w->sample), cloud_free(w->training); }

static sb_status judge(const sb_comm *c, const world *w, sb_metric *out, int *n) {
  sb_judge_input in = w->in;
  *n = 0;
  in.sample = on(c, w->sample);
  return sb_judge(c, &w->options, &in, out, MOST, n);
}

static const sb_metric *find(const sb_metric *m, int n, const char *name) {
  static const sb_metric none = {.value = NAN};
  for (int i = 0; i < n; i++)
    if (!strcmp(m[i].name, name)) return &m[i];
  return &none;
}

static const char *const names[] = {
    "mean_error", "covariance_error",  "energy_distance", "mmd", "sliced_w2",
    "w2",         "memorisation_ratio"};

static void perfect(const sb_comm *c) {
  const double zero[2] = {0, 0}, one[4] = {1, 0, 0, 1};
  for (int exact = 0; exact < 2; exact++) {
    world w;
    sb_metric m[MOST];
    int n;
    open_world(&w, 2, 1200, 0, 1);
    if (exact) w.in.mean = zero, w.in.cov = one;
    tap_ok(judge(c, &w, m, &n) == SB_OK && n == 7, "a perfect sampler: all metrics");
    for (int i = 0; i < n; i++) {
      const double spread = m[i].floor_q95 - m[i].floor;
      tap_ok(!strcmp(m[i].name, names[i]) && !strcmp(m[i].stage, "2") && isnan(m[i].t) &&
                 m[i].stderr_ > 0 && m[i].value > m[i].floor - 3 * spread &&
                 m[i].value < m[i].floor + 3 * spread,
             "%s %.4f is at its floor %.4f (%.4f)", names[i], m[i].value, m[i].floor,
             m[i].floor_q95);
    }
    tap_ok(m[0].n == 1200 && m[0].m == (exact ? 0 : 1200) && m[2].n == 300 && m[2].m == 300 &&
               m[5].n == 60 && m[6].better == SB_TARGET && m[6].target == 1 && m[6].n == 300 &&
               m[6].m == 500,
           "sizes");
    tap_ok(fabs(m[2].floor) < m[2].floor_q95 && fabs(m[3].floor) < m[3].floor_q95,
           "unbiased: floors around 0");
    tap_ok(
        m[2].baseline > 3 * m[2].floor_q95 && m[4].baseline > m[4].floor_q95 && m[1].baseline > 1,
        "the baseline is worse");
    tap_ok(m[6].floor_train == 0 && m[2].floor_train < m[2].baseline, "training floor");
    close_world(&w);
  }
}

/* The metrics that are asked for. */
static void more(const sb_comm *c) {
  static const char *const added[] = {"bw2_uvp", "coverage_error", "sinkhorn_w2", "energy_test_p"};
  sb_metric plain[MOST + 4], m[MOST + 4];
  for (int off = 0; off < 2; off++) {
    world w;
    int n = 0, n_plain = 0, same = 0;
    open_world(&w, 2, 1200, 0.8 * off, 1);
    w.in.sample = on(c, w.sample);
    sb_status s = sb_judge(c, &w.options, &w.in, plain, MOST + 4, &n_plain);
    w.options.more = 1, w.options.sinkhorn = 0.05, w.options.permutations = 19,
    w.options.test_points = 100;
    if (!s) s = sb_judge(c, &w.options, &w.in, m, MOST + 4, &n);
    tap_ok(s == SB_OK && n == n_plain + 4, "four more metrics");
    for (int i = 0; i < n_plain; i++) {
      const sb_metric *other = find(m, n, plain[i].name);
      same += other->value == plain[i].value && other->floor_q95 == plain[i].floor_q95;
    }
    tap_ok(same == n_plain, "beside the others as they were");
    for (int i = 0; i < 3; i++) {
      const sb_metric *a = find(m, n, added[i]);
      const double spread = a->floor_q95 - a->floor;
      tap_ok(off ? a->value > a->floor + 3 * spread : fabs(a->value - a->floor) < 3 * spread,
             "%s %.4f of a %s sampler, floor %.4f (%.4f)", added[i], a->value,
             off ? "shifted" : "perfect", a->floor, a->floor_q95);
      tap_ok(a->baseline > a->floor && a->floor_train < a->baseline, "its baseline and training");
    }
    const sb_metric *p = find(m, n, added[3]);
    tap_ok(p->better == SB_MORE && p->n == 100 && (off ? p->value == 0.05 : p->value > 0.05),
           "p-value %g", p->value);
    close_world(&w);
  }
}

static void wrong(const sb_comm *c) {
  world w;
  sb_metric m[MOST];
  int n;
  open_world(&w, 2, 1200, .8, 1);
  judge(c, &w, m, &n);
  tap_close(find(m, n, "mean_error")->value, .8 * sqrt(2), .07,
            "a shifted sampler: error of the mean");
  for (int i = 0; i < 6; i++)
    if (i != 1) tap_ok(m[i].value > m[i].floor_q95 + 2 * m[i].stderr_, "%s shows it", names[i]);
  for (int64_t i = 0; i < 1200 * 2; i++) cloud_x(w.sample)[i] = w.training.x[i % 1000];
  judge(c, &w, m, &n);
  tap_close(find(m, n, "memorisation_ratio")->value, 0, 0, "copies of training rows");
  close_world(&w);
}

/* 200 floors of 100 points each: their mean is 0 within its error. */
static void unbiased(const sb_comm *c) {
  double sum[2] = {0}, square[2] = {0};
  gauss a = {.d = 3, .key = 11, .scale = 1}, b = {.d = 3, .key = 12, .scale = 1};
  static double x[300], y[300];
  for (int64_t r = 0; r < 200; r++) {
    double value[2];
    draw(&a, r, 0, 100, x), draw(&b, r, 0, 100, y);
    const sb_points one = on(c, (sb_points){100, 3, x}), two = on(c, (sb_points){100, 3, y});
    sb_energy_distance(c, one, two, &value[0]);
    sb_mmd(c, one, two, 2, &value[1]);
    for (int k = 0; k < 2; k++) sum[k] += value[k] / 200, square[k] += value[k] * value[k] / 200;
  }
  for (int k = 0; k < 2; k++)
    tap_close(sum[k], 0, 3 * sqrt(square[k] / 200), "%s of true against true points has mean 0",
              k ? "mmd" : "energy distance");
}

/* The root law of the floors of moments: mean error of n points of N(0, I), exact mean: (2 /
 * n)^(1/2) gamma(3/2) in two dimensions. */
static void moments(const sb_comm *c) {
  const double zero[2] = {0, 0}, one[4] = {1, 0, 0, 1};
  world w;
  sb_metric m[MOST];
  int n;
  open_world(&w, 2, 1200, .2, 1);
  w.options.floors = 300, w.options.w2_points = 0, w.in.mean = zero, w.in.cov = one;
  judge(c, &w, m, &n);
  tap_close(m[0].floor, sqrt(acos(-1) / 2 / 1200), .1 * m[0].floor,
            "floor of the mean: closed form");
  tap_close(m[0].floor_q95, sqrt(2 * log(20) / 1200), .15 * m[0].floor_q95, "and its quantile");
  tap_close(m[0].stderr_, sqrt(1 / 1200.), .1 * m[0].stderr_, "standard error of the mean");
  tap_ok(!strcmp(m[n - 2].name, "sliced_w2"), "no exact distance of 0 points");
  close_world(&w);
}

static bool same(const sb_metric *a, const sb_metric *b) {
  const double x[] = {a->t,         a->value,       a->stderr_,  a->floor,
                      a->floor_q95, a->floor_train, a->baseline, a->target};
  const double y[] = {b->t,         b->value,       b->stderr_,  b->floor,
                      b->floor_q95, b->floor_train, b->baseline, b->target};
  return !memcmp(x, y, sizeof x) && a->n == b->n && a->m == b->m && !strcmp(a->name, b->name);
}

static void same_bits(const sb_comm *c) {
  for (int table = 0; table < 2; table++) {
    world w;
    sb_metric m[MOST], alone[MOST];
    int n, n_alone;
    open_world(&w, 3, 900, .1, 1);
    if (table) w.in.truth.most = w.truth.most = 700, w.in.fresh.most = w.fresh.most = 400;
    bool good = !judge(c, &w, m, &n) && !judge(sb_comm_self(), &w, alone, &n_alone) && n == n_alone;
    for (int i = 0; i < n; i++) good &= same(&m[i], &alone[i]);
    tap_ok(on_all(c, good), "%d ranks and one: the same bits%s", c->size,
           table ? " from a table" : "");
    for (int i = 0; i < n && c->rank == 0; i++)
      printf("# %s %a %a\n", m[i].name, m[i].value, m[i].floor_q95);
    close_world(&w);
  }
}

static void few(const sb_comm *c) {
  const int64_t sizes[] = {2, 3, 5, 10, 63, 65, 70, 10, 100};
  const int dims[] = {2, 1, 2, 3, 1, 2, 64, 2, 2};
  for (int k = 0; k < 9; k++) {
    world w;
    sb_metric m[MOST];
    int n;
    open_world(&w, dims[k], sizes[k], 0, k == 7 ? 0 : 1);
    if (k == 8) w.truth.scale = 0, w.fresh.scale = 0;
    const sb_status s = judge(c, &w, m, &n);
    bool good = s == SB_OK && n == 7;
    for (int i = 0; i < n; i++)
      good &= isfinite(m[i].value) && isfinite(m[i].floor) && isfinite(m[i].floor_q95);
    tap_ok(good, "%d points in %d dimensions%s %s", (int)sizes[k], dims[k],
           k == 7   ? ", all equal"
           : k == 8 ? ", true ones all equal"
                    : "",
           sb_message());
    close_world(&w);
  }
}

static void bare(const sb_comm *c) {
  world w;
  sb_metric m[MOST];
  int n;
  open_world(&w, 2, 500, 0, 1);
  w.in.training = (sb_source){0}, w.in.fresh.draw = NULL, w.in.baseline.draw = NULL,
  w.in.stage = NULL;
  bool good = judge(c, &w, m, &n) == SB_OK && n == 6 && !m[0].stage[0];
  for (int i = 0; i < n; i++)
    good &= isfinite(m[i].value) && isnan(m[i].floor) && isnan(m[i].floor_q95) &&
            isnan(m[i].floor_train) && isnan(m[i].baseline);
  tap_ok(good, "truth alone: no floors, no memorisation ratio");
  close_world(&w);
}

static void tables(const sb_comm *c) {
  world w;
  sb_metric m[MOST];
  int n;
  open_world(&w, 2, 1200, 0, 1);
  w.in.truth.most = w.truth.most = 75, w.in.fresh.most = w.fresh.most = 75;
  sb_status s = judge(c, &w, m, &n);
  tap_ok(s == SB_OK && n == 6 && m[2].n == 75 && m[0].m == 75 && m[5].n == 60 &&
             m[5].floor_q95 > m[5].floor,
         "a table of 150 rows: one block of 75, floors vary, no memorisation ratio");
  tap_ok(m[2].value < 2 * m[2].floor_q95 && m[2].value > -m[2].floor_q95,
         "energy distance %.4f, floor %.4f", m[2].value, m[2].floor_q95);
  w.held = cloud(80, 200, 2, 0, 1), w.in.held = rows_of(&w.held);
  s = judge(c, &w, m, &n);
  tap_ok(s == SB_OK && n == 7 && m[6].value > .8 && m[6].value < 1.25 && m[6].floor > .7 &&
             m[6].floor < 1.4,
         "with held-out rows: ratio %.3f, floor %.3f, %.3f", m[6].value, m[6].floor,
         m[6].floor_q95);
  w.in.truth.most = w.truth.most = 300, w.in.fresh.most = w.fresh.most = 10;
  s = judge(c, &w, m, &n);
  tap_ok(s == SB_OK && m[2].n == 75, "blocks share no row, splits neither: %d points", (int)m[2].n);
  cloud_free(w.held);
  close_world(&w);
}

static void refusals(const sb_comm *c) {
  world w;
  sb_metric m[MOST];
  int n = 3;
  open_world(&w, 2, 40, 0, 1);
  sb_judge_input in = w.in;
  tap_ok(sb_judge(c, &w.options, &in, m, MOST, &n) == SB_USE && n == 3, "%s", sb_message()),
      sb_forget();
  n = 0, in.sample.n = 1;
  tap_ok(sb_judge(c, &w.options, &in, m, MOST, &n) == SB_USE, "%s", sb_message()), sb_forget();
  in = w.in, in.truth.draw = NULL;
  tap_ok(sb_judge(c, &w.options, &in, m, MOST, &n) == SB_USE, "%s", sb_message()), sb_forget();
  cloud_x(w.sample)[17 * 2 + 1] = NAN;
  tap_ok(judge(c, &w, m, &n) == SB_BAD && strstr(sb_message(), "row 17, column 1") && n == 0, "%s",
         sb_message()),
      sb_forget();
  cloud_x(w.sample)[17 * 2 + 1] = 0;
  w.truth.shift = HUGE_VAL;
  tap_ok(judge(c, &w, m, &n) == SB_BAD && strstr(sb_message(), "true points"), "%s", sb_message()),
      sb_forget();
  w.truth.shift = 0;
  const int64_t before = sb_mem_now();
  w.fresh.fails = c->rank == c->size - 1;
  const sb_status s = judge(c, &w, m, &n);
  tap_ok(on_all(c, s == SB_SYS && strstr(sb_message(), "no draws") && sb_mem_now() == before),
         "a source fails on one rank: all know"),
      sb_forget();
  close_world(&w);
}

static void memory(const sb_comm *c) {
  world w;
  sb_metric m[MOST];
  int n;
  open_world(&w, 2, 20, 0, 1);
  w.in.truth.most = w.truth.most = 30, w.in.fresh.most = w.fresh.most = 30,
  w.held = cloud(80, 20, 2, 0, 1), w.in.held = rows_of(&w.held);
  w.options.floors = 2, w.options.w2_floors = 2, w.options.slices = 2;
  const int64_t before = sb_mem_now();
  bool good = true;
  long k = 0;
  for (sb_status s = SB_SYS; s && good && k < 5000; k++) {
    if (c->rank == c->size - 1) sb_mem_fail_after(k);
    s = judge(c, &w, m, &n);
    sb_mem_fail_after(-1);
    good = on_all(c, sb_mem_now() == before && (s == SB_OK || (s == SB_SYS && n == 0)));
    sb_forget();
  }
  tap_ok(good && k > 100 && k < 5000,
         "one rank without memory, %ld times: all know, nothing is left behind", k - 1);
  cloud_free(w.held);
  close_world(&w);
}

static void keys(void) {
  sb_judge_options o = {0};
  sb_deck *deck = NULL;
  const char text[] = "evaluate: {size: 77}\n";
  const sb_section section = {"evaluate", NULL, sb_judge_keys, &o, "metrics"};
  double bytes, seconds, more;
  tap_ok(!sb_deck_read(text, (int64_t)strlen(text), "test", &deck) &&
             !sb_deck_bind(deck, &section, 1) && o.size == 77 && o.draws == 50000 &&
             o.blocks == 10 && o.w2_points == 2000 && o.errors == 1 && o.drift_draws == 4096,
         "keys %s", sb_message());
  sb_judge_cost(&o, 2, 1, &bytes, &seconds);
  o.size = 5000;
  sb_judge_cost(&o, 2, 1, &bytes, &more);
  tap_ok(bytes > 1e5 && bytes < 1e8 && seconds > .1 && seconds < more && more < 20,
         "cost: %.1f MB, %.2f s", bytes / 1e6, more);
  sb_deck_free(deck);
}

int main(int argc, char **argv) {
  sb_comm *c;
  if (sb_comm_start(&argc, &argv, &c)) return 3;
  tap_rank = c->rank;
  const int64_t before = sb_mem_now();
  perfect(c), more(c), wrong(c), unbiased(c), moments(c), same_bits(c), few(c), bare(c), tables(c),
      refusals(c), memory(c), keys();
  tap_ok(sb_mem_now() == before, "nothing is left behind");
  const int status = tap_done();
  sb_comm_finish(c);
  return status;
}
