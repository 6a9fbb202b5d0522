/* RUN np=1
 * RUN np=3
 * RUN np=7 3
 * Two data sets in one map: the same bits on any number of ranks, moments by hand, streams that are
 * not shared, starts, what is refused. The argument is a number of emulated nodes. */
#include "table.h"

static double moved(int64_t i, int j) { return 3 * value_at(i + 1000, j) - 40; }

static bool same(const void *a, const void *b, int64_t bytes) {
  return !a == !b && (!a || !memcmp(a, b, (size_t)bytes));
}

static sb_data *pair[2];

static void close_pair(const sb_comm *c, sb_data *p[2]) {
  for (int i = 0; i < 2; i++) sb_data_close(c, p[i]), p[i] = NULL;
}

/* Opened by all ranks and by each alone. */
static bool open_pair(const sb_comm *c, const char *what, const sb_data_options o[2],
                      const sb_law_options law[2]) {
  sb_data *alone[2] = {NULL, NULL};
  const sb_status s = sb_data_open_pair(c, o, law, 3, &pair[0], &pair[1]);
  if (!tap_ok(s == SB_OK, "%s opens", what)) {
    if (!c->rank) printf("# %s\n", sb_message());
    sb_forget();
    return false;
  }
  bool good = !sb_data_open_pair(sb_comm_self(), o, law, 3, &alone[0], &alone[1]);
  for (int i = 0; good && i < 2; i++) {
    const sb_data *a = pair[i], *b = alone[i];
    const int64_t d = a->d;
    good = d == b->d && a->n == b->n && same(a->x, b->x, 4 * a->total * d) &&
           same(a->mean, b->mean, 8 * d) && same(a->cov, b->cov, 8 * d * d) &&
           !strcmp(a->crc, b->crc);
    good = good && same(a->map.shift, pair[0]->map.shift, 8 * a->raw) &&
           same(a->map.scale, pair[0]->map.scale, 8 * a->raw);
  }
  tap_ok(all(c, good), "%s: the same on one rank, one map for both", what);
  close_pair(sb_comm_self(), alone);
  return all(c, good);
}

/* Moments of rows of the set, in double: they are those in data->mean and cov. */
static double moments_off(const sb_data *data) {
  double worst = 0;
  for (int a = 0; a < data->d; a++)
    for (int b = 0; b < data->d; b++) {
      double ma = 0, mb = 0, ab = 0, n = (double)data->n;
      for (int64_t i = 0; i < data->n; i++) {
        const double x = (double)sb_data_row(data, i)[a], y = (double)sb_data_row(data, i)[b];
        ma += x / n, mb += y / n, ab += x * y / (n - 1);
      }
      worst = fmax(worst, fabs(ma - data->mean[a]));
      worst = fmax(worst, fabs(ab - ma * mb * n / (n - 1) - data->cov[a * data->d + b]));
    }
  return worst;
}

/* All training rows of both sets together have mean 0 and variance 1 in each coordinate. */
static void pooled(const sb_comm *c, const char *what, int covariances) {
  const double n0 = (double)pair[0]->n, n1 = (double)pair[1]->n, n = n0 + n1;
  const int d = pair[0]->d;
  double worst = 0;
  for (int a = 0; a < d; a++) {
    const double m0 = pair[0]->mean[a], m1 = pair[1]->mean[a];
    worst = fmax(worst, fabs(n0 * m0 + n1 * m1) / n);
    for (int b = 0; b < d; b++) {
      const double all = ((n0 - 1) * pair[0]->cov[a * d + b] + (n1 - 1) * pair[1]->cov[a * d + b] +
                          n0 * m0 * pair[0]->mean[b] + n1 * m1 * pair[1]->mean[b]) /
                         (n - 1);
      if (a == b || covariances) worst = fmax(worst, fabs(all - (a == b)));
    }
  }
  tap_ok(all(c, worst < 1e-9), "%s: mean 0, variance 1 of both sets together", what);
  for (int i = 0; i < 2; i++)
    tap_ok(all(c, moments_off(pair[i]) < 1e-5), "%s: moments of set %d are those of its rows", what,
           i);
}

/* Every row once before any comes again; a law never gives its training rows. */
static void starts(const sb_comm *c, const char *what) {
  for (int i = 0; i < 2; i++) {
    const sb_data *data = pair[i];
    const int64_t n = data->total, d = data->d;
    double *x = NULL, *part = NULL;
    if (SB_NEW(&x, n * d, "starts") || SB_NEW(&part, 64 * d, "starts")) return;
    bool good = !sb_data_begin(data, 5, 0, n, x) && !sb_data_begin(data, 5, n / 2, 64, part);
    good = good && same(part, x + n / 2 * d, 64 * d * 8);
    int64_t found = 0;
    for (int64_t r = 0; r < n; r++)
      for (int64_t k = 0; k < n; k++)
        if ((double)data->x[r * d] == x[k * d] &&
            (double)data->x[r * d + d - 1] == x[k * d + d - 1])
          found++;
    tap_ok(all(c, good), "%s, set %d: starts in pieces", what, i);
    tap_ok(all(c, found == (data->law ? 0 : n)), "%s, set %d: starts are %s", what, i,
           data->law ? "fresh draws" : "all rows once");
    sb_mem_free(part);
    sb_mem_free(x);
  }
}

static void refused(const sb_comm *c, const char *what, const sb_data_options o[2],
                    const sb_law_options law[2], const char *text) {
  const int64_t before = sb_mem_now();
  const sb_status s = sb_data_open_pair(c, o, law, 1, &pair[0], &pair[1]);
  const bool good = s == SB_USE && strstr(sb_message(), text) && sb_mem_now() == before;
  if (!tap_ok(all(c, good && !pair[0] && !pair[1]), "refused: %s", what))
    printf("# rank %d: status %d, message %s\n", c->rank, (int)s, sb_message());
  sb_forget();
}

int main(int argc, char **argv) {
  sb_comm *c = start(&argc, &argv, "pair.h5");
  char other[] = "/y";
  const int64_t before = sb_mem_now();
  sb_data_options o[2] = {{.n = 300, .validation = 0.1}, {.n = 200, .section = "source"}};
  sb_law_options law[2] = {law_of("ring6"), law_of("moons_cfm")};
  if (open_pair(c, "laws", o, law)) {
    tap_ok(pair[0]->map.shift[0] == 0 && pair[0]->map.scale[1] == 1, "laws: no map");
    starts(c, "laws");
  }
  close_pair(c, pair);
  law[1] = law[0], o[1].n = 300;
  if (open_pair(c, "one law twice", o, law))
    tap_ok(memcmp(pair[0]->x, pair[1]->x, 64) != 0, "two sets of one law share no draw");
  close_pair(c, pair);

  make_table(c, 150, 3, value_at);
  o[0] = table_of(), o[1] = table_of(), o[1].section = "source", o[1].validation = 0.2;
  law[0] = law[1] = (sb_law_options){0};
  if (open_pair(c, "a table twice", o, law)) pooled(c, "a table twice", 0), starts(c, "a table");
  close_pair(c, pair);
  law[1] = law_of("gaussian"), law[1].dimension = 3;
  o[1] = (sb_data_options){.n = 120, .section = "source"};
  if (open_pair(c, "a table and a law", o, law)) pooled(c, "a table and a law", 0);
  close_pair(c, pair);
  o[0].standardise = SB_STD_WHITEN;
  if (open_pair(c, "whitened", o, law)) pooled(c, "whitened", 1);
  close_pair(c, pair);
  o[0].standardise = SB_STD_AUTO;

  law[1].dimension = 4;
  refused(c, "sets of different dimension", o, law, "source: gaussian has dimension 4");
  law[1].means = (sb_reals){2, (double[]){1, 2}};
  refused(c, "a law of the source", o, law, "source.means of law gaussian");
  law[1] = (sb_law_options){0};
  refused(c, "no second set", o, law, "source.law or source.file");
  o[1] = table_of(), o[1].section = "source", o[1].dataset = other;
  refused(c, "a dataset that is not there", o, law, "/y");
  o[1].dataset = dataset, o[1].n = 151;
  refused(c, "too many rows", o, law, "source.n asks for 151");
  write_table(c, SB_KIND_F64, 2, (int64_t[]){2, 3}, 8,
              (double[]){moved(0, 0), 1, 2, 3, moved(1, 1), 5});
  o[1] = table_of(), o[1].section = "source", o[1].validation = 0.9;
  o[0] = (sb_data_options){.n = 100}, law[0] = law_of("ring6");
  refused(c, "too few rows left", o, law, "source.validation 0.9 leaves");
  tap_ok(all(c, sb_mem_now() == before), "nothing is left behind");
  const int status = tap_done();
  sb_comm_finish(c);
  return status;
}
