/* Features of time: sinusoids of t and of the logarithm of 1 - t; formulas in sb/net.h. */
#include "sb/mathfn.h"
#include "sb/net.h"

#define HALF_PI     1.57079632679489661923
#define LOG_1000    6.90775527898213705205
#define LOG_RATIO_T 4.1535874806986364 /* log(200 / pi) */
#define LOG_RATIO_S 1.3862943611198906 /* log 4 */
#define END         1e-3               /* added to 1 - t */

enum { MOST = SB_PAD(SB_NET_MAX_TIME / 2), AT_ONCE = 64 }; /* frequencies; times */

/* w[k] = pi/2 exp(log_ratio k / (n - 1)) */
static void frequencies(int n, double log_ratio, float *w) {
  double step = n > 1 ? sb_exp(log_ratio / (n - 1)) : 1.0, x = HALF_PI;
  for (int k = 0; k < n; k++) {
    w[k] = (float)x;
    x *= step;
  }
}

/* s = -log(1 - t + END) / log(1000) */
static void end_times(int n, const float *t, float *s) {
  double x[AT_ONCE];
  for (int i = 0; i < n; i++) {
    const double left = 1.0 - (double)t[i];
    x[i] = (left > 0 ? left : 0) + END;
  }
  sb_kernel()->log64(n, x, x);
  for (int i = 0; i < n; i++) s[i] = (float)(-x[i] / LOG_1000);
}

void sb_net_features(int time, int rows, const float *t, float *out, ptrdiff_t ld) {
  if (time == 0) return;
  const int n = time / 2, end = n < 8 ? 1 : n / 4, plain = n - end;
  float of_t[MOST] = {0}, of_s[MOST] = {0}, s[AT_ONCE];
  frequencies(plain, LOG_RATIO_T, of_t);
  frequencies(end, LOG_RATIO_S, of_s + plain);
  for (int i = 0; i < rows; i += AT_ONCE) {
    const int some = rows - i < AT_ONCE ? rows - i : AT_ONCE;
    end_times(some, t + i, s);
    sb_kernel()->waves(some, n, of_t, of_s, t + i, s, out + i * ld, ld);
  }
}
