/* RUN np=1
 * RUN np=2
 * RUN np=3
 * RUN np=7
 * RUN np=3 2
 * RUN np=7 3
 * Training data: what ranks make together equals what one makes alone, bit for bit; maps, batches,
 * sources. The argument is a number of emulated nodes. */
#include "table.h"

static bool same(const void *a, const void *b, int64_t bytes) {
  return !a == !b && (!a || !memcmp(a, b, (size_t)bytes));
}

static bool same_map(const sb_affine *a, const sb_affine *b) {
  const int64_t d = a->d, raw = a->raw, z = sizeof(double);
  return d == b->d && raw == b->raw && same(a->shift, b->shift, raw * z) &&
         same(a->scale, b->scale, raw * z) && same(a->axes, b->axes, d * raw * z) &&
         same(a->stretch, b->stretch, d * z);
}

static bool same_source(sb_source a, sb_source b, int d) {
  enum { N = 150 };
  double *x = NULL, *y = NULL;
  bool good = a.most == b.most && !SB_NEW(&x, N * d, "a") && !SB_NEW(&y, N * d, "b");
  for (int64_t replicate = 0; good && replicate < 2; replicate++)
    good = !a.draw(a.self, replicate, 0, N, x) && !b.draw(b.self, replicate, 0, N, y) &&
           same(x, y, (int64_t)N * d * 8);
  sb_mem_free(x);
  sb_mem_free(y);
  return good;
}

static bool same_batches(const sb_data *a, const sb_data *b) {
  enum { BATCH = 96 };
  float *x = NULL, *y = NULL;
  bool good = !SB_NEW(&x, BATCH * a->d, "a") && !SB_NEW(&y, BATCH * a->d, "b");
  for (int64_t step = 0; good && step < 40; step += 13) {
    sb_data_batch(a, 5, step, BATCH, 0, BATCH, x);
    for (int b0 = 0; b0 < BATCH; b0 += 32) sb_data_batch(b, 5, step, BATCH, b0, 32, y + b0 * a->d);
    good = same(x, y, (int64_t)BATCH * a->d * (int64_t)sizeof *x);
  }
  sb_mem_free(x);
  sb_mem_free(y);
  return good;
}

/* Opened by all ranks, and by each rank alone: everything is equal. Returns what all opened. */
static sb_data *open_twice(const sb_comm *c, const char *what, sb_data_options o,
                           sb_law_options law) {
  sb_data *a, *b;
  const sb_status s = sb_data_open(c, &o, &law, 3, &a);
  if (!tap_ok(s == SB_OK, "%s opens", what)) {
    if (!c->rank) printf("# %s\n", sb_message());
    sb_forget();
    return NULL;
  }
  const sb_status alone = sb_data_open(sb_comm_self(), &o, &law, 3, &b);
  if (!tap_ok(all(c, alone == SB_OK), "%s opens on one rank", what)) return NULL;
  const int64_t d = a->d, z = sizeof(double);
  bool good = d == b->d && a->n == b->n && a->n_held == b->n_held && a->total == b->total;
  good = good && same(a->x, b->x, a->total * d * (int64_t)sizeof(float)) &&
         same(a->row, b->row, a->total * z);
  tap_ok(all(c, good), "%s: rows of any number of ranks are the same", what);
  good = same_map(&a->map, &b->map) && same(a->mean, b->mean, d * z) &&
         same(a->cov, b->cov, d * d * z);
  tap_ok(all(c, good), "%s: moments and map are the same", what);
  tap_ok(all(c, !strcmp(a->crc, b->crc) && strlen(a->crc) == 16), "%s: the crc is the same", what);
  tap_ok(all(c, same_batches(a, b)), "%s: batches are the same, in pieces too", what);
  good = same_source(sb_data_truth(a), sb_data_truth(b), a->d) &&
         same_source(sb_data_fresh(a), sb_data_fresh(b), a->d) &&
         same_source(sb_data_baseline(a), sb_data_baseline(b), a->d);
  tap_ok(all(c, good), "%s: sources are the same", what);
  sb_data_close(sb_comm_self(), b);
  return a;
}

/* Largest error of the mean and covariance of the training rows, against zero and what is wanted on
 * the diagonal. */
static double moment_error(const sb_data *data, double variance, double *mean_error) {
  double worst = 0;
  *mean_error = 0;
  for (int i = 0; i < data->d; i++)
    for (int j = 0; j <= i; j++) {
      double si = 0, sij = 0;
      for (int64_t k = 0; k < data->n; k++) {
        const float *x = sb_data_row(data, k);
        si += (double)x[i];
        sij += (double)x[i] * (double)x[j];
      }
      *mean_error = fmax(*mean_error, fabs(si / (double)data->n));
      sij /= (double)(data->n - 1);
      worst = fmax(worst, fabs(sij - data->cov[i * data->d + j]));
      if (i == j && variance > 0) worst = fmax(worst, fabs(sij - variance));
    }
  return worst;
}

/* raw -> network -> raw, for the first rows. */
static double there_and_back(const sb_data *data, double (*value)(int64_t, int)) {
  double worst = 0;
  for (int64_t i = 0; i < 20; i++) {
    double raw[16], y[16], again[16], vector[16], matrix[256];
    for (int j = 0; j < data->raw; j++) raw[j] = value(i, j);
    sb_affine_forward(&data->map, 1, raw, y);
    for (int k = 0; k < data->d; k++)
      worst = fmax(worst, fabs((double)data->x[i * data->d + k] - y[k]) / (1 + fabs(y[k])));
    sb_affine_back(&data->map, 1, y, again);
    sb_affine_back_vector(&data->map, 1, y, vector);
    sb_affine_matrix(&data->map, matrix);
    for (int k = 0; k < data->d; k++) {
      for (int j = 0; j < data->raw; j++)
        y[k] -= matrix[k * data->raw + j] * (raw[j] - data->map.shift[j]);
      worst = fmax(worst, fabs(y[k]));
    }
    for (int j = 0; j < data->raw; j++) {
      worst = fmax(worst, fabs(again[j] - vector[j] - data->map.shift[j]));
      if (data->d == data->raw) worst = fmax(worst, fabs(again[j] - raw[j]));
    }
  }
  return worst;
}

/* --- Laws
 * ------------------------------------------------------------------------------------------ */

static void laws(const sb_comm *c) {
  const int64_t sizes[] = {2, 64, 65, 1000};
  for (int k = 0; k < 4; k++) {
    char what[64];
    snprintf(what, sizeof what, "ring of %d rows", (int)sizes[k]);
    sb_data *data = open_twice(c, what, (sb_data_options){.n = sizes[k], .validation = k ? 0.1 : 0},
                               law_of("ring"));
    if (!data) continue;
    double x[2];
    sb_law_draw(data->law, sb_noise_key(3, SB_FOR_DATA, 0, 0), sizes[k] - 1, 1, x, NULL);
    tap_ok((float)x[0] == data->x[2 * sizes[k] - 2] && (float)x[1] == data->x[2 * sizes[k] - 1],
           "%s: the rows are those of the law", what);
    tap_ok(data->mixture && data->mixture->k == 6 && data->n_held == (k ? sizes[k] / 10 : 0),
           "%s: mixture, held-out rows", what);
    sb_data_close(c, data);
  }
  sb_data *data = open_twice(c, "moons", (sb_data_options){.n = 500}, law_of("moons_cfm"));
  if (data) tap_ok(!data->mixture && data->law, "moons have no density");
  sb_data_close(c, data);
  sb_data *again;
  const sb_data_options o = {.n = 1000};
  const sb_law_options ring = law_of("ring");
  if (!tap_ok(!sb_data_open(c, &o, &ring, 3, &again) && !sb_data_open(c, &o, &ring, 4, &data),
              "another seed opens"))
    return;
  tap_ok(strcmp(data->crc, again->crc) && memcmp(data->x, again->x, 80), "and gives other rows");
  sb_data_close(c, again);
  sb_data_close(c, data);
}

/* A Gaussian in three dimensions, whose density is known in any coordinates. */
static void mapped_density(const sb_comm *c) {
  double means[] = {1, -2, 3};
  sb_law_options law = law_of("gaussian");
  law.dimension = 3, law.variance = 4;
  law.means = (sb_reals){3, means};
  for (int std = SB_STD_NONE; std <= SB_STD_WHITEN; std++) {
    for (int project = 0; project < 2; project++) {
      sb_data *data;
      const sb_data_options o = {
          .n = 5000, .standardise = std, .project = project, .components = project ? 2 : 0};
      double mean[3], cov[9], error = 0, largest = 0;
      if (!tap_ok(!sb_data_open(c, &o, &law, 1, &data), "Gaussian, standardise %d, project %d", std,
                  project)) {
        printf("# %s\n", sb_message());
        continue;
      }
      sb_mixture_moments(data->mixture, mean, cov);
      for (int i = 0; i < data->d; i++) {
        error = fmax(error, fabs(mean[i] - data->mean[i]));
        for (int j = 0; j < data->d; j++) {
          error = fmax(error, fabs(cov[i * data->d + j] - data->cov[i * data->d + j]));
          largest = fmax(largest, fabs(cov[i * data->d + j]));
        }
      }
      tap_close(error / largest, 0, 0.1, "its density moves along");
      sb_data_close(c, data);
    }
  }
}

/* --- Tables
 * ---------------------------------------------------------------------------------------- */

static void standardising(const sb_comm *c) {
  const char *const word[] = {"auto", "none", "centre", "scale", "whiten"};
  make_table(c, 700, 6, value_at);
  for (int std = 0; std < 5; std++) {
    for (int project = 0; project < 2; project++) {
      char what[64];
      sb_data_options o = table_of();
      o.standardise = std, o.project = project, o.validation = 0.25,
      o.components = project && std != SB_STD_CENTRE ? 3 : 0;
      snprintf(what, sizeof what, "table, %s%s", word[std], project ? ", pca" : "");
      sb_data *data = open_twice(c, what, o, (sb_law_options){0});
      if (!data) continue;
      double mean,
          error = moment_error(
              data, std == SB_STD_WHITEN || (!project && (std == 0 || std == 3)) ? 1 : 0, &mean);
      if (std != SB_STD_NONE || project) {
        tap_close(mean, 0, 1e-5, "%s: training rows are centred", what);
        tap_close(error, 0, 1e-5 * (1 + data->cov[0]), "%s: their covariance is the one told",
                  what);
      }
      tap_close(there_and_back(data, value_at), 0, 1e-10 + 1e-7, "%s: forward, back, matrix", what);
      tap_ok(data->n == 525 && data->n_held == 175 && data->d == (o.components ? 3 : 6),
             "%s: sizes", what);
      sb_data_close(c, data);
    }
  }
}

static void kinds(const sb_comm *c) {
  double first[3] = {0};
  for (int k = 0; k < 5; k++) {
    const sb_kind kind[] = {SB_KIND_F32, SB_KIND_F64, SB_KIND_I32, SB_KIND_I64, SB_KIND_U8};
    float f[300];
    double g[300];
    int32_t h[300];
    int64_t l[300];
    unsigned char b[300];
    const void *rows[] = {f, g, h, l, b};
    const size_t size[] = {sizeof *f, sizeof *g, sizeof *h, sizeof *l, sizeof *b};
    for (int i = 0; i < 300; i++)
      f[i] = (float)(i * 7 % 31),
      g[i] = h[i] = (int32_t)(l[i] = b[i] = (unsigned char)(i * 7 % 31));
    sb_data *data = NULL;
    sb_data_options o = table_of();
    o.standardise = SB_STD_NONE;
    const int64_t shapes[][4] = {{300}, {150, 2}, {100, 1, 3}, {50, 3, 2, 1}, {75, 2, 2, 1}};
    const int64_t width[] = {1, 2, 3, 6, 4};
    write_table(c, kind[k], k == 4 ? 3 : k + 1, shapes[k], size[k], rows[k]);
    const sb_status s = sb_data_open(c, &o, NULL, 1, &data);
    if (!tap_ok(!s && data->d == width[k] && data->total == 300 / width[k],
                "%d dimensions of type %d", k + 1, k)) {
      if (!c->rank) printf("# %s\n", sb_message());
      sb_forget();
    } else {
      bool good = true;
      for (int i = 0; i < 300; i++) good &= data->x[i] == f[i];
      tap_ok(all(c, good), "its numbers are read");
      if (k < 3) first[k] = (double)data->x[1];
    }
    sb_data_close(c, data);
  }
  tap_ok(first[0] == first[1] && first[1] == first[2], "and equal those of other types");
  make_table(c, 300, 2, value_at);
  sb_data_options o = table_of();
  o.n = 77;
  sb_data *data = open_twice(c, "the first 77 rows", o, (sb_law_options){0});
  if (data) tap_ok(data->total == 77 && data->d == 2, "are 77 rows");
  sb_data_close(c, data);
}

/* Columns of any size keep their digits; a constant one (not exact in binary) is found. */
static double extreme(int64_t i, int j) {
  return j == 0   ? 1e-60 * value_at(i, 0)
         : j == 1 ? 1e60 * value_at(i, 1)
         : j == 2 ? 1e9 + value_at(i, 2)
                  : value_at(i, 3);
}

static double two_directions(int64_t i, int j) {
  return value_at(i, 0) * (j + 1) + value_at(i, 1) * (j * j);
}

static void hard_tables(const sb_comm *c) {
  double mean, error;
  make_table(c, 400, 4, extreme);
  sb_data *data = open_twice(c, "columns of 1e-60 and 1e60", table_of(), (sb_law_options){0});
  if (data) {
    error = moment_error(data, 1, &mean);
    tap_ok(error < 1e-5 && mean < 1e-5, "are scaled to one");
  }
  sb_data_close(c, data);
  make_table(c, 100, 4, one_constant);
  sb_data_options o = table_of();
  o.project = SB_PROJECT_PCA;
  data = open_twice(c, "pca with a constant column", o, (sb_law_options){0});
  if (data) tap_ok(data->d == 3 && data->map.scale[1] == 1, "leaves it out");
  if (data)
    tap_close(data->cov[0] + data->cov[4] + data->cov[8], 3, 1e-9,
              "and keeps the variance of the others");
  sb_data_close(c, data);
  make_table(c, 100, 5, two_directions);
  data = open_twice(c, "rows of a plane in five dimensions", o, (sb_law_options){0});
  if (data) tap_ok(data->d == 2, "have two components");
  sb_data_close(c, data);
  o.project = SB_PROJECT_NONE, o.standardise = SB_STD_CENTRE;
  data = open_twice(c, "a singular covariance", o, (sb_law_options){0});
  if (data) {
    double x[500];
    const sb_source fit = sb_data_baseline(data);
    tap_ok(!fit.draw(fit.self, 0, 0, 100, x), "has a Gaussian fit all the same");
    tap_close(x[495] - 2 * x[496] + x[497], (x[496] - 2 * x[497] + x[498]), 1e-3,
              "which lies in the plane");
  }
  sb_data_close(c, data);
}

/* --- Batches and sources
 * ---------------------------------------------------------------------------- */

static void batches(const sb_comm *c) {
  sb_data *data;
  const sb_data_options o = {.n = 101, .validation = 0.1};
  const sb_law_options law = law_of("ring");
  if (!tap_ok(!sb_data_open(c, &o, &law, 3, &data), "101 rows, 10 of them held out")) return;
  const int64_t epochs[] = {0, 1, 255, 256, 70000, INT64_C(5000000000)}, before = sb_mem_now();
  int64_t first[6];
  for (int e = 0; e < 6; e++) {
    int seen[91] = {0};
    bool good = true;
    first[e] = 0;
    int64_t order[91];
    sb_data_order(data, 9, epochs[e] * 91, 91, order);
    for (int64_t p = 0; p < 91; p++) {
      const int64_t i = order[p];
      good &= i >= 0 && i < 91 && !seen[i]++;
      if (p < 8) first[e] = first[e] * 91 + i;
    }
    tap_ok(good, "epoch %lld shows each training row once", (long long)epochs[e]);
    for (int k = 0; k < e; k++)
      if (first[k] == first[e]) tap_ok(0, "and in an order of its own");
  }
  float x[300 * 2];
  bool good = true;
  sb_data_batch(data, 9, 1000000, 300, 0, 300, x);
  for (int64_t r = 0; r < 300; r++) {
    int64_t at;
    sb_data_order(data, 9, 300000000 + r, 1, &at);
    good &= !memcmp(x + 2 * r, sb_data_row(data, at), 2 * sizeof *x);
  }
  tap_ok(good, "a batch larger than the data goes through several epochs");
  int64_t last = -1;
  good = true;
  for (int64_t i = 0; i < 101; i++) {
    good &= data->row[i] > last;
    last = i == 90 ? -1 : data->row[i];
  }
  tap_ok(good && sb_data_held(data, 0) == data->x + 2 * data->row[91],
         "training and held-out rows ascend");
  tap_ok(sb_mem_now() == before, "batches allocate nothing");
  sb_data_close(c, data);
}

/* How many of the n points stand in the training (held-out) rows. */
static int64_t found(const sb_data *data, int64_t n, const double *x, int held) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; i++)
    for (int64_t k = 0; k < (held ? data->n_held : data->n); k++) {
      const float *row = held ? sb_data_held(data, k) : sb_data_row(data, k);
      if (x[i * data->d] == (double)row[0] && x[i * data->d + 1] == (double)row[1]) {
        count++;
        break;
      }
    }
  return count;
}

static void sources(const sb_comm *c) {
  double x[1000], y[1000];
  sb_data *data;
  sb_data_options o = table_of();
  make_table(c, 200, 2, value_at);
  for (int held = 0; held < 2; held++) {
    o.validation = held ? 0.3 : 0;
    if (!tap_ok(!sb_data_open(c, &o, NULL, 3, &data),
                held ? "table with held-out rows" : "table without"))
      return;
    const sb_source truth = sb_data_truth(data), fresh = sb_data_fresh(data);
    tap_ok(truth.most == (held ? 60 : 100) && fresh.most == (held ? 140 : 100),
           "its sources know their size");
    bool good = !truth.draw(truth.self, 0, 0, 60, x) && !fresh.draw(fresh.self, 1, 0, 60, y);
    good &= found(data, 60, x, held) == 60 && found(data, 60, y, 0) == 60;
    tap_ok(all(c, good), "truth is held-out rows where there are some, fresh is training rows");
    int shared = 0, twice = 0;
    for (int i = 0; i < 60; i++)
      for (int k = 0; k < 60; k++)
        shared += x[2 * i] == y[2 * k], twice += k < i && x[2 * i] == x[2 * k];
    tap_ok(!shared && !twice, "no row is in both, or twice in one");
    good = !truth.draw(truth.self, 1, 0, 60, y) && memcmp(x, y, 60 * 2 * sizeof *x);
    good &= !truth.draw(truth.self, 0, 0, 500, x) && found(data, 500, x, held) == 500;
    tap_ok(good, "replicates differ, and any number of points can be had");
    const sb_source rows = sb_data_rows(data, held);
    const int n = held ? 60 : 200;
    tap_ok(!rows.draw(rows.self, 0, 0, n, x) && rows.most == n && found(data, n, x, held) == n,
           "all rows in order");
    good = !truth.draw(truth.self, 3, 0, 300, x) && !truth.draw(truth.self, 3, 57, 200, y);
    tap_ok(good && !memcmp(x + 114, y, 400 * sizeof *y), "a part of a set is the same by itself");
    sb_data_close(c, data);
  }
  enum { N = 20000 };
  double *z, mean = 0, var = 0, mixed = 0;
  o.validation = 0;
  if (SB_NEW(&z, 2 * N, "draws") || !tap_ok(!sb_data_open(c, &o, NULL, 3, &data), "table again"))
    return;
  const sb_source fit = sb_data_baseline(data);
  tap_ok(!fit.draw(fit.self, 0, 0, N, z) && fit.most == 0, "baseline draws");
  for (int i = 0; i < N; i++)
    mean += z[2 * i + 1] / N, var += z[2 * i + 1] * z[2 * i + 1] / N,
        mixed += z[2 * i] * z[2 * i + 1] / N;
  tap_close(mean, data->mean[1], 0.03, "their mean is that of the rows");
  tap_close(var, data->cov[3], 0.05, "their variance too");
  tap_close(mixed, data->cov[1], 0.05, "and their correlation");
  sb_mem_free(z);
  sb_data_close(c, data);
}

int main(int argc, char **argv) {
  sb_comm *c = start(&argc, &argv, "t_data.h5");
  laws(c);
  mapped_density(c);
  standardising(c);
  kinds(c);
  hard_tables(c);
  batches(c);
  sources(c);
  const int status = tap_done();
  sb_comm_finish(c);
  return status;
}
