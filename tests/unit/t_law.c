/* Laws: moments of many draws, shapes of the generators, the same rows however they are cut, wrong
 * options, mixtures. */
#include <string.h>

#include "sb/bridge.h"
#include "sb/law.h"
#include "sb/mem.h"
#include "sb/noise.h"
#include "tap.h"

enum { DRAWS = 200000 };
static double drawn[DRAWS][2];
static int32_t label[DRAWS];
static const double pi = 3.14159265358979323846;

static const sb_law_options usual = {.dimension = 2,
                                     .modes = 6,
                                     .radius = 5.0,
                                     .variance = 1.0,
                                     .correlation = 0.9,
                                     .bridge_variance = 1.0};

/* Number of a law by its name; 0: there is none. */
static int number_of(const char *want) {
  const char *name, *summary, *source;
  for (int law = 1; sb_law_describe(law, &name, &summary, &source); law++)
    if (strcmp(name, want) == 0) return law;
  return 0;
}

static sb_law *open_law(const char *name, sb_law_options o) {
  sb_law *law;
  o.law = number_of(name);
  if (sb_law_open(&o, &law)) tap_ok(false, "%s: %s", name, sb_message());
  return law;
}

static void test_table(void) {
  char words[1024] = "none";
  const char *name, *summary, *source;
  int complete = 1;
  for (int law = 1; sb_law_describe(law, &name, &summary, &source); law++) {
    strcat(strcat(words, "|"), name);
    complete = complete && *summary && *source;
  }
  tap_ok(strcmp(words, sb_law_keys[0].choices) == 0, "the words of data.law are the table");
  tap_ok(complete, "every law says what it is and whose");
}

/* Mean and second moments (xx, xy, yy) of a generator before its scale. */
typedef struct raw {
  const char *law;
  double mean[2], square[3], scale, shift; /* scale 0: seven deviations of all numbers together */
} raw;

/* Exact mean [2] and covariance [2, 2] of a law. */
static void exact_moments(const sb_law *law, double *mean, double *cov) {
  if (law->mixture) {
    sb_mixture_moments(law->mixture, mean, cov);
    return;
  }
  const double roll = 4.875 * pi * pi,
               u = 0.04 / 3; /* u: second moment of 0.2 times a uniform number */
  const raw all[] = {{"moons_cfm",
                      {0.6, 0.35},
                      {1 + 0.1 + u, 0.25 - 1 / pi + 0.075 + u, 0.675 - 1 / pi + u},
                      3,
                      -1},
                     {"moons_dsb", {0.5, 0.25}, {1, 0.25 - 1 / pi, 0.625 - 1 / pi}, 0, 0},
                     {"swiss_roll", {2, 2 / (3 * pi)}, {roll - 0.25, 1.5 * pi, roll + 0.25}, 0, 0},
                     {"s_curve", {0, 0}, {0.5, -1 / (3 * pi), 1.5 + 4 / (3 * pi)}, 0, 0},
                     {"checkerboard", {0, 0}, {4.0 / 3, 0.25, 4.0 / 3}, 7.5, 0},
                     {"pinwheel", {0, 0}, {0.55, 0, 0.55}, 7.5, 0},
                     {"circles", {0, 0}, {31.25, 0, 31.25}, 1, 0}};
  const raw *r = all;
  while (strcmp(r->law, law->name) != 0) r++;
  double scale = r->scale, shift = r->shift, middle = 0.5 * (r->mean[0] + r->mean[1]);
  if (scale == 0.0) {
    scale = 7 / sqrt(0.5 * (r->square[0] + r->square[2]) - middle * middle);
    shift = -scale * middle;
  }
  for (int i = 0; i < 2; i++) {
    mean[i] = scale * r->mean[i] + shift;
    for (int j = 0; j < 2; j++)
      cov[2 * i + j] = scale * scale * (r->square[i + j] - r->mean[i] * r->mean[j]);
  }
}

/* Means within five standard errors, covariances within five of a law with kurtosis 4 at most. */
static void test_moments(const sb_law *law) {
  double mean[2], cov[4], m[2] = {0, 0}, c[4] = {0, 0, 0, 0}, far = 0.0;
  exact_moments(law, mean, cov);
  for (int r = 0; r < DRAWS; r++)
    for (int i = 0; i < 2; i++) m[i] += drawn[r][i] / DRAWS;
  for (int r = 0; r < DRAWS; r++)
    for (int i = 0; i < 4; i++)
      c[i] += (drawn[r][i / 2] - m[i / 2]) * (drawn[r][i % 2] - m[i % 2]) / DRAWS;
  for (int i = 0; i < 2; i++) far = fmax(far, fabs(m[i] - mean[i]) / sqrt(cov[3 * i] / DRAWS));
  for (int i = 0; i < 4; i++)
    far = fmax(far, fabs(c[i] - cov[i]) / sqrt(3 * cov[i / 2 * 3] * cov[i % 2 * 3] / DRAWS));
  if (!tap_ok(far < 5, "%s: mean and covariance of %d draws (%.1f standard errors)", law->name,
              DRAWS, far))
    printf("# mean %g %g, want %g %g; covariance %g %g %g, want %g %g %g\n", m[0], m[1], mean[0],
           mean[1], c[0], c[1], c[3], cov[0], cov[1], cov[3]);
}

/* Every component is drawn as often as its weight says; five standard errors. */
static void test_labels(const sb_law *law) {
  int k = law->mixture ? law->mixture->k : strcmp(law->name, "pinwheel") == 0 ? 5 : 2;
  int none = strcmp(law->name, "s_curve") == 0 || strcmp(law->name, "swiss_roll") == 0 ||
             strcmp(law->name, "checkerboard") == 0;
  int64_t count[64] = {0};
  double far = 0.0;
  for (int r = 0; r < DRAWS; r++) count[label[r] >= 0 && label[r] < k ? label[r] : 63]++;
  for (int i = 0; i < k; i++) {
    double w = law->mixture ? law->mixture->w[i] : none ? i == 0 : 1.0 / k;
    far = fmax(far, fabs((double)count[i] - w * DRAWS) / sqrt(w * (1 - w) * DRAWS + 1e-9));
  }
  tap_ok(far < 5 && count[63] == 0, "%s: labels by weight", law->name);
}

/* The same rows in pieces of other sizes. */
static void test_pieces(const sb_law *law, uint64_t key) {
  enum { ROWS = 9000 };
  static const int64_t pieces[] = {1, 7, 64, 4097};
  static double again[ROWS][2];
  static int32_t other[ROWS];
  int same = 1;
  for (int p = 0; p < 4; p++) {
    memset(again, 0, sizeof again);
    for (int64_t at = 0; at < ROWS; at += pieces[p]) {
      int64_t n = pieces[p] < ROWS - at ? pieces[p] : ROWS - at;
      if (sb_law_draw(law, key, at, n, again[at], p % 2 ? other + at : NULL)) same = 0;
    }
    same = same && memcmp(again, drawn, sizeof again) == 0;
    same = same && (p % 2 == 0 || memcmp(other, label, sizeof other) == 0);
  }
  tap_ok(same, "%s: the same bits however rows are cut", law->name);
}

static double distance(const double *x, double a, double b) { return hypot(x[0] - a, x[1] - b); }

/* Largest distance of a draw from the set it lives on. */
static double off_shape(const char *name, const double *x, int32_t k) {
  if (strcmp(name, "circles") == 0) return fabs(distance(x, 0, 0) - (k ? 5 : 10));
  if (strcmp(name, "moons_dsb") == 0) {
    double scale = 7 / sqrt(0.671875 - 0.5 / pi),
           y[2] = {x[0] / scale + 0.375, x[1] / scale + 0.375};
    double beyond = k ? y[1] - 0.5 : -y[1];
    return fmax(fabs(distance(y, k, k ? 0.5 : 0) - 1), beyond);
  }
  if (strcmp(name, "moons_cfm") == 0) { /* a moon shifted by (u, u), 0 < u < 0.2 */
    double y[2] = {(x[0] + 1) / 3, (x[1] + 1) / 3}, a = k, b = k ? 0.5 : 0;
    double p = y[0] - a, q = y[1] - b, near = (p + q) / 2, gap = (p - q) / 2;
    double root = sqrt(fmax(0.5 - gap * gap, 0)), u = near - root, v = near + root;
    return (u > -1e-9 && u < 0.2 + 1e-9) || (v > -1e-9 && v < 0.2 + 1e-9) ? 0 : 1;
  }
  if (strcmp(name, "swiss_roll") == 0) {
    double a = 1 + 1 / (3 * pi), scale = 7 / sqrt(4.875 * pi * pi - a * a);
    double y[2] = {x[0] / scale + a, x[1] / scale + a}, t = distance(y, 0, 0);
    return t < 1.5 * pi || t > 4.5 * pi ? 1 : distance(y, t * cos(t), t * sin(t));
  }
  if (strcmp(name, "s_curve") == 0) {
    double scale = 7 / sqrt(1 + 2 / (3 * pi)), y[2] = {x[0] / scale, x[1] / scale};
    return fabs(distance(y, 0, y[1] < 0 ? -1 : 1) - 1);
  }
  if (strcmp(name, "checkerboard") == 0) {
    double y[2] = {x[0] / 7.5, x[1] / 7.5};
    int dark = ((int)floor(y[0]) + (int)floor(y[1])) % 2 == 0;
    return fmax(fabs(y[0]), fabs(y[1])) <= 2 && dark ? 0 : 1;
  }
  return 0;
}

static void test_shape(const sb_law *law) {
  double worst = 0.0;
  for (int r = 0; r < DRAWS; r++) {
    double off = off_shape(law->name, drawn[r], label[r]);
    if (!(off <= worst)) worst = off;
  }
  tap_ok(worst < 1e-9, "%s: every draw is on its curve (%.1e)", law->name, worst);
}

/* The end of a bridge from N(0, I): moments of the plan over other starts; five standard errors. */
static void test_end(const sb_law *law) {
  enum { STARTS = 20000 };
  static double x[STARTS][2], mean[STARTS][2], cov[STARTS][4];
  const double part = 1. / DRAWS + 1. / STARTS;
  double m[2] = {0}, c[4] = {0}, want[2] = {0}, all[4] = {0}, far = 0.0;
  sb_noise_normals64(sb_noise_key(8, SB_FOR_TRUTH, 0, 0), 0, STARTS, 0, 2, x[0]);
  sb_bridge_plan(law->bridge, 0, STARTS, x[0], mean[0], cov[0]);
  for (int i = 0; i < 2; i++) {
    for (int r = 0; r < STARTS; r++) want[i] += mean[r][i] / STARTS;
    for (int r = 0; r < DRAWS; r++) m[i] += drawn[r][i] / DRAWS;
  }
  for (int i = 0; i < 4; i++) {
    const int a = i / 2, b = i % 2;
    for (int r = 0; r < STARTS; r++)
      all[i] += (cov[r][i] + (mean[r][a] - want[a]) * (mean[r][b] - want[b])) / STARTS;
    for (int r = 0; r < DRAWS; r++) c[i] += (drawn[r][a] - m[a]) * (drawn[r][b] - m[b]) / DRAWS;
  }
  for (int i = 0; i < 2; i++) far = fmax(far, fabs(m[i] - want[i]) / sqrt(all[3 * i] * part));
  for (int i = 0; i < 4; i++)
    far = fmax(far, fabs(c[i] - all[i]) / sqrt(3 * all[i / 2 * 3] * all[i % 2 * 3] * part));
  tap_ok(far < 5, "%s: mean and covariance are those of the plan (%.1f standard errors)", law->name,
         far);
}

static void test_law(const char *name, sb_law_options o) {
  sb_law *law = open_law(name, o);
  uint64_t key = sb_noise_key(7, SB_FOR_TRUTH, (uint32_t)number_of(name), 0);
  if (!law || !tap_ok(!sb_law_draw(law, key, 0, DRAWS, drawn[0], label), "%s: draws", name)) return;
  if (law->bridge)
    test_end(law);
  else
    test_moments(law), test_labels(law);
  test_pieces(law, key);
  if (law->bridge)
    test_end(law);
  else if (!law->mixture && strcmp(name, "pinwheel") != 0)
    test_shape(law);
  sb_law_close(law);
}

static void test_laws(void) {
  static double w[] = {1, 2, 5}, mu[] = {0, 1, -3, 2, 4, 0},
                cov[] = {1, .5, .5, 2, .1, 0, 0, .2, 1, -.9, -.9, 1};
  const char *name, *summary, *source;
  for (int law = 1; sb_law_describe(law, &name, &summary, &source); law++) {
    sb_law_options o = usual;
    if (strcmp(name, "mixture") == 0) {
      o.weights = (sb_reals){3, w};
      o.means = (sb_reals){6, mu};
      o.covariances = (sb_reals){12, cov};
    }
    if (strcmp(name, "prior") == 0) o.means = (sb_reals){2, mu};
    test_law(name, o);
  }
}

/* Components as documented. */
static void test_components(void) {
  sb_law_options o = usual;
  double three[] = {1, 2, 3}, one[] = {0.1};
  o.modes = 3, o.radius = 2, o.variance = 0.5;
  sb_law *grid = open_law("grid", o);
  tap_ok(grid->mixture->k == 9 && grid->mixture->mu[0] == -2 && grid->mixture->mu[17] == 2,
         "grid of 3 x 3");
  tap_close(grid->mixture->w[4], 1.0 / 9, 0, "equal weights");
  sb_law_close(grid);
  o.dimension = 3;
  o.means = (sb_reals){3, three};
  sb_law *gaussian = open_law("gaussian", o);
  tap_ok(gaussian->d == 3 && gaussian->mixture->mu[2] == 3 && gaussian->mixture->cov[8] == 0.5,
         "gaussian in 3-D");
  sb_law_close(gaussian);
  o.means = (sb_reals){1, one};
  gaussian = open_law("gaussian", o);
  tap_ok(gaussian->mixture->mu[0] == 0.1 && gaussian->mixture->mu[2] == 0.1,
         "one mean for all coordinates");
  sb_law_close(gaussian);
  o.dimension = 1;
  o.means = (sb_reals){3, three}, o.weights = (sb_reals){3, three},
  o.covariances = (sb_reals){3, three};
  sb_law *line = open_law("mixture", o);
  tap_ok(line->mixture->k == 3 && line->mixture->cov[2] == 3, "mixture on a line");
  tap_close(line->mixture->w[2], 0.5, 1e-16, "weights are normalised");
  sb_law_close(line);
}

/* Laws of any dimension: covariances against closed forms, modes as far apart as they say. */
static void test_rows(void) {
  sb_law_options o = usual;
  o.dimension = 50, o.variance = 0.5;
  const double theta = acosh(1.05);
  sb_law *chain = open_law("chain", o), *ar1 = open_law("ar1", o), *two = open_law("two_modes", o);
  const double *c = chain->mixture->cov, *a = ar1->mixture->cov, *mu = two->mixture->mu;
  double off = 0, off_ar1 = 0, apart = 0;
  for (int i = 0; i < 50; i++)
    for (int j = i; j < 50; j++) {
      const double want =
          sinh((i + 1) * theta) * sinh((50 - j) * theta) / sinh(theta) / sinh(51 * theta);
      off = fmax(off, fmax(fabs(c[i * 50 + j] - want), fabs(c[j * 50 + i] - want)));
      off_ar1 = fmax(off_ar1, fabs(a[j * 50 + i] - 0.5 * pow(0.9, j - i)));
    }
  for (int i = 0; i < 50; i++) apart += (mu[50 + i] - mu[i]) * (mu[50 + i] - mu[i]);
  tap_ok(off < 1e-13, "chain: its covariance is the closed form (%.1e)", off);
  tap_ok(off_ar1 < 1e-15, "ar1: correlation falls like a power of the lag (%.1e)", off_ar1);
  tap_close(sqrt(apart), 5, 1e-14, "two_modes: as far apart as they say");
  tap_ok(
      two->mixture->w[0] < 0.34 && two->mixture->cov[2501] == 0 && two->mixture->cov[2551] == 0.5,
      "a third of them, and their variance");
  sb_law *all[] = {chain, ar1, two};
  for (int i = 0; i < 3; i++) sb_law_close(all[i]);
}

/* The options are refused, and the message has the words. */
static void refused(const char *name, sb_law_options o, const char *words) {
  sb_law *law;
  o.law = number_of(name);
  int64_t before = sb_mem_now();
  sb_status s = sb_law_open(&o, &law);
  tap_ok(s == SB_USE && !law && strstr(sb_message(), words) && sb_mem_now() == before,
         "refused: %s", sb_message());
  sb_forget();
}

static void test_refusals(void) {
  double mu[] = {0, 0, 1, 1}, w[] = {1, -1}, flat[] = {1, 0, 0, 1, 1, 1, 1, 1},
         skew[] = {1, .1, .2, 1, 1, 0, 0, 1};
  double endless[] = {0, INFINITY, 1, 1};
  sb_law_options o = usual;
  refused("none", o, "no law");
  o.dimension = 3;
  refused("ring", o, "dimension 2");
  o = usual;
  refused("mixture", o, "data.means");
  o.means = (sb_reals){3, mu};
  refused("mixture", o, "multiple");
  o.means = (sb_reals){4, endless};
  refused("mixture", o, "number 1");
  o.means = (sb_reals){4, mu}, o.weights = (sb_reals){2, w};
  refused("mixture", o, "component 1 of 2 has weight -1");
  o.weights.n = 1;
  refused("mixture", o, "1 numbers");
  o.weights.n = 0, o.covariances = (sb_reals){8, flat};
  refused("mixture", o, "component 1 of 2");
  o.covariances.v = skew;
  refused("mixture", o, "mirror");
  o.covariances.n = 3;
  refused("mixture", o, "3 numbers");
  o = usual, o.variance = 0;
  refused("gaussian", o, "not positive definite");
  o.means = (sb_reals){3, mu};
  refused("gaussian", o, "1 or 2");
  o = usual, o.modes = 0;
  refused("ring", o, "modes");
  refused("grid", o, "modes");
  o = usual, o.correlation = 1;
  refused("ar1", o, "not positive definite");
  o = usual, o.variance = 0;
  refused("two_modes", o, "not positive definite");
  sb_law *law = open_law("gmm8", usual);
  double x[2];
  tap_ok(sb_law_draw(law, 1, SB_NOISE_MAX_INDEX, 1, x, NULL) == SB_USE, "refused: %s",
         sb_message());
  sb_forget();
  tap_ok(!sb_law_draw(law, 1, SB_NOISE_MAX_INDEX - 1, 1, x, NULL), "the last draw there is");
  tap_ok(!sb_law_draw(law, 1, 5, 0, NULL, NULL), "no rows at all");
  sb_law_close(law);
}

/* Affine images: identity, density, moments; smoothing twice. */
static void test_maps(void) {
  sb_law *law = open_law("mixture_b", usual);
  const double unit[] = {1, 0, 0, 1}, a[] = {2, 1, -0.5, 3}, shift[] = {0.3, -1}, x[] = {0.7, 0.2};
  const double y[] = {2 * (x[0] - shift[0]) + x[1] - shift[1],
                      -0.5 * (x[0] - shift[0]) + 3 * (x[1] - shift[1])};
  sb_mixture *same, *image, *once, *twice;
  sb_mixture_map(law->mixture, 2, unit, NULL, &same);
  tap_ok(memcmp(same->w, law->mixture->w, sizeof(double) * (3 + 6 + 12)) == 0,
         "the identity changes nothing");
  sb_mixture_map(law->mixture, 2, a, shift, &image);
  sb_density *p, *q;
  double logp, logq, r[3], s[3], mean[2], cov[4], m[2], c[4], error = 0.0;
  sb_density_open(law->mixture, 0, &p);
  sb_density_open(image, 0, &q);
  sb_density_eval(p, 1, x, &logp, NULL, r);
  sb_density_eval(q, 1, y, &logq, NULL, s);
  tap_close(logq, logp - log(6.5), 1e-13, "density of an affine image");
  for (int k = 0; k < 3; k++) error = fmax(error, fabs(r[k] - s[k]));
  tap_ok(error < 1e-13 && fabs(r[0] + r[1] + r[2] - 1) < 1e-15, "responsibilities stay (%.1e)",
         error);
  sb_mixture_moments(law->mixture, m, c);
  sb_mixture_moments(image, mean, cov);
  tap_close(mean[1], -0.5 * (m[0] - shift[0]) + 3 * (m[1] - shift[1]), 1e-14,
            "mean of an affine image");
  tap_close(cov[1], 2 * -0.5 * c[0] + (2 * 3 + 1 * -0.5) * c[1] + 1 * 3 * c[3], 1e-13,
            "its covariance");
  sb_density_close(q);
  sb_density_close(p);

  sb_mixture_smooth(law->mixture, 0.25, &once);
  sb_mixture_smooth(once, 0.5, &twice);
  sb_density_open(law->mixture, 0.75, &p);
  sb_density_open(twice, 0, &q);
  sb_density_eval(p, 1, x, &logp, NULL, NULL);
  sb_density_eval(q, 1, x, &logq, NULL, NULL);
  tap_close(logp, logq, 1e-15, "smoothing adds up");
  sb_density_close(q);
  sb_density_close(p);
  sb_mixture *const made[] = {same, image, once, twice};
  for (int i = 0; i < 4; i++) sb_mixture_free(made[i]);
  sb_law_close(law);
}

static void test_memory(void) {
  int64_t before = sb_mem_now();
  sb_law_options o = usual;
  o.law = number_of("gmm8");
  long k = 0;
  int good = 1;
  for (;; k++) {
    sb_law *law;
    sb_mem_fail_after(k);
    sb_status s = sb_law_open(&o, &law);
    sb_mem_fail_after(-1);
    if (!s) {
      sb_law_close(law);
      break;
    }
    sb_forget();
    good = good && s == SB_SYS && !law && sb_mem_now() == before;
  }
  tap_ok(good && k == 4 && sb_mem_now() == before, "all %ld allocations may fail, nothing is left",
         k);
}

int main(void) {
  test_table();
  test_laws();
  test_components();
  test_rows();
  test_refusals();
  test_maps();
  test_memory();
  return tap_done();
}
