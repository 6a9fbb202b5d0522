/* Features of time: sinusoids of t and of the logarithm of 1 - t; formulas in sb/net.h. */
#include <string.h>

#include "sb/mathfn.h"
#include "sb/net.h"

#define HALF_PI     1.57079632679489661923
#define LOG_1000    6.90775527898213705205
#define LOG_RATIO_T 4.1535874806986364 /* log(200 / pi) */
#define LOG_RATIO_S 1.3862943611198906 /* log 4 */
#define END         1e-3               /* added to 1 - t */

#define CHUNK SB_NET_MAX_TIME /* arguments at a time */

/* w[k] = pi/2 exp(log_ratio k / (n - 1)) */
static void frequencies(int n, double log_ratio, float *w) {
  double step = n > 1 ? sb_exp(log_ratio / (n - 1)) : 1.0, x = HALF_PI;
  for (int k = 0; k < n; k++) {
    w[k] = (float)x;
    x *= step;
  }
}

static float end_time(float t) {
  double left = 1.0 - (double)t;
  return (float)(-sb_log((left > 0 ? left : 0) + END) / LOG_1000);
}

void sb_net_features(int time, int rows, const float *t, float *out, ptrdiff_t ld) {
  if (time == 0) return;
  int n = time / 2, end = n < 8 ? 1 : n / 4, plain = n - end, most = CHUNK / n;
  float w[SB_NET_MAX_TIME / 2], argument[CHUNK], s[CHUNK], c[CHUNK];
  frequencies(plain, LOG_RATIO_T, w);
  frequencies(end, LOG_RATIO_S, w + plain);
  for (int first = 0; first < rows; first += most) {
    int count = rows - first < most ? rows - first : most;
    for (int i = 0; i < count; i++) {
      float ti = t[first + i], si = end_time(ti);
      for (int k = 0; k < plain; k++) argument[i * n + k] = w[k] * ti;
      for (int k = plain; k < n; k++) argument[i * n + k] = w[k] * si;
    }
    sb_kernel()->sincos((int64_t)count * n, argument, s, c);
    for (int i = 0; i < count; i++) {
      float *row = out + (first + i) * ld;
      memcpy(row, s + i * n, (size_t)n * sizeof *row);
      memcpy(row + n, c + i * n, (size_t)n * sizeof *row);
    }
  }
}
