/* Laws of the plane that are drawn by a recipe and have no density here: moons, spirals, squares.
 *
 * The sources scale a sample by its own mean and standard deviation (over all numbers, both
 * coordinates together) and put points on a regular grid of the parameter, half of them on each
 * arm. Here every draw is independent of all others: mean and deviation are those of the law, the
 * parameter is uniform, and the arm is drawn. */
#include <math.h>

#include "kinds.h"
#include "sb/mathfn.h"
#include "sb/noise.h"

static const double pi = 3.14159265358979323846;

static double uniform(uint64_t key, int64_t index, int which) {
  return sb_noise_uniform(key, index, which < 2 ? SB_LAW_UNIFORM : SB_LAW_UNIFORM_2, which % 2);
}

/* One of n equally likely numbers 0 .. n-1. */
static int32_t one_of(int n, double u) {
  int32_t k = (int32_t)(u * n);
  return k < n ? k : n - 1;
}

/* (cos a, sin a) or (1 - cos a, 1/2 - sin a), a in [0, pi]. */
static int32_t moons(uint64_t key, int64_t index, double x[2]) {
  double s, c;
  int32_t moon = one_of(2, uniform(key, index, 0));
  sb_sincos(pi * uniform(key, index, 1), &s, &c);
  x[0] = moon ? 1.0 - c : c;
  x[1] = moon ? 0.5 - s : s;
  return moon;
}

static int32_t moons_cfm(uint64_t key, int64_t index, double x[2]) {
  int32_t moon = moons(key, index, x);
  double shift =
      0.2 *
      uniform(key, index, 2); /* one uniform number for both coordinates, as the source has it */
  for (int i = 0; i < 2; i++) x[i] = 3.0 * (x[i] + shift) - 1.0;
  return moon;
}

/* x -> 7 (x - mean) / deviation, the same for both coordinates. */
static void standardise(double mean, double variance, double x[2]) {
  double factor = 7.0 / sqrt(variance);
  for (int i = 0; i < 2; i++) x[i] = factor * (x[i] - mean);
}

static int32_t moons_dsb(uint64_t key, int64_t index, double x[2]) {
  int32_t moon = moons(key, index, x);
  standardise(0.375, 0.671875 - 0.5 / pi, x);
  return moon;
}

/* t (cos t, sin t), t in [3 pi / 2, 9 pi / 2]. */
static int32_t swiss_roll(uint64_t key, int64_t index, double x[2]) {
  double s, c, t = 1.5 * pi * (1.0 + 2.0 * uniform(key, index, 0)), mean = 1.0 + 1.0 / (3.0 * pi);
  sb_sincos(t, &s, &c);
  x[0] = t * c;
  x[1] = t * s;
  standardise(mean, 4.875 * pi * pi - mean * mean, x);
  return 0;
}

/* (sin t, sign(t) (cos t - 1)), t in [-3 pi / 2, 3 pi / 2]. */
static int32_t s_curve(uint64_t key, int64_t index, double x[2]) {
  double s, c, t = 3.0 * pi * (uniform(key, index, 0) - 0.5);
  sb_sincos(t, &s, &c);
  x[0] = s;
  x[1] = t < 0.0 ? 1.0 - c : c - 1.0;
  standardise(0.0, 1.0 + 2.0 / (3.0 * pi), x);
  return 0;
}

static int32_t checkerboard(uint64_t key, int64_t index, double x[2]) {
  double across = 4.0 * uniform(key, index, 0) - 2.0, column = floor(across);
  int odd = column == -1.0 || column == 1.0;
  double up = uniform(key, index, 1) - 2.0 * one_of(2, uniform(key, index, 2)) + odd;
  x[0] = 7.5 * across;
  x[1] = 7.5 * up;
  return 0;
}

/* Five arms: (f0, f1) = (1 + 0.3 g0, 0.1 g1) turned by 2 pi arm / 5 + exp(f0) / 4. */
static int32_t pinwheel(uint64_t key, int64_t index, double x[2]) {
  double g[2], s, c;
  int32_t arm = one_of(5, uniform(key, index, 0));
  sb_noise_normals64(key, index, 1, SB_LAW_NORMAL, 2, g);
  double along = 1.0 + 0.3 * g[0], across = 0.1 * g[1];
  sb_sincos(2.0 * pi * arm / 5.0 + 0.25 * sb_exp(along), &s, &c);
  x[0] = 7.5 * (along * c + across * s);
  x[1] = 7.5 * (across * c - along * s);
  return arm;
}

static int32_t circles(uint64_t key, int64_t index, double x[2]) {
  double s, c;
  int32_t inner = one_of(2, uniform(key, index, 0));
  double radius = inner ? 5.0 : 10.0;
  sb_sincos(2.0 * pi * uniform(key, index, 1), &s, &c);
  x[0] = radius * c;
  x[1] = radius * s;
  return inner;
}

#define LAW(word, text, from)                \
  const struct sb_law_kind sb_law_##word = { \
      .name = #word, .summary = text, .source = from, .draw = word}

LAW(moons_cfm,
    "two half circles, 3 x - 1, shifted along the diagonal by 0.2 times a uniform number",
    "Tong et al., TorchCFM, sample_moons (torchdyn generate_moons, noise 0.2)");
LAW(moons_dsb, "two half circles without noise, deviation 7",
    "De Bortoli et al. 2021, two_dim.py, moon");
LAW(swiss_roll, "spiral of one and a half turns, deviation 7",
    "De Bortoli et al. 2021, two_dim.py, swiss");
LAW(s_curve, "S-shaped curve, deviation 7", "De Bortoli et al. 2021, two_dim.py, scurve");
LAW(checkerboard, "eight squares of side 7.5", "De Bortoli et al. 2021, two_dim.py, checker");
LAW(pinwheel, "five bent arms", "De Bortoli et al. 2021, two_dim.py, pinwheel");
LAW(circles, "circles of radius 5 and 10 without noise",
    "De Bortoli et al. 2021, two_dim.py, circle");
