/* What a kernel takes from the data: relative widths by density, distances to nearest neighbours.
 */
#include <math.h>
#include <stdlib.h>

#include "centres.h"
#include "sb/mathfn.h"
#include "sb/mem.h"
#include "sb/watchdog.h"

#define LOOK 2048 /* centres whose neighbours are looked for */

/* log density of this rank's centres. */
static sb_status densities(const sb_centres *k, sb_share share, double *log_p) {
  sb_soft *s = NULL;
  double *x = NULL;
  sb_status status = sb_soft_open(k, NULL, 0, NULL, 0, &s);
  if (!status) status = SB_NEW(&x, (int64_t)SB_BLOCK * k->width, "a tile");
  for (int64_t i = 0; !status && i < share.count; i += SB_BLOCK) {
    const int rows = share.count - i < SB_BLOCK ? (int)(share.count - i) : SB_BLOCK;
    for (int r = 0; r < rows; r++)
      for (int c = 0; c < k->width; c++)
        x[r * k->width + c] = (double)centre(k, share.first + i + r)[c];
    sb_soft_mean(s, rows, x, NULL, NULL, NULL, log_p + i);
    sb_tick();
  }
  sb_mem_free(x);
  sb_soft_close(s);
  return status;
}

sb_status sb_widths(const sb_comm *c, const sb_centres *k, double power, double *rho,
                    double *factor) {
  const sb_share share = sb_share_of(c, k->n);
  sb_centres fixed = *k;
  double *own = NULL, top = -HUGE_VAL, sum = 0;
  fixed.form = SB_WIDTH_ONE;
  SB_TRY_ALL(c, SB_NEW(&own, share.count, "widths"));
  sb_status s = sb_agree(c, densities(&fixed, share, own));
  for (int64_t i = 0; i < share.count; i++) own[i] *= power, top = fmax(top, own[i]);
  if (!s) s = sb_max_real(c, &top, 1);
  for (int64_t i = 0; !s && i < share.count; i++) own[i] = sb_exp(own[i] - top);
  if (!s) s = sb_sum_rows(c, k->n, 1, own, &sum, "widths of a kernel");
  for (int64_t i = 0; !s && i < share.count; i++) own[i] *= (double)k->n / sum;
  if (!s) s = sb_gather_rows(c, k->n, 1, sizeof *rho, own, rho);
  *factor = sb_exp(-top) * (double)k->n / sum;
  sb_mem_free(own);
  return s;
}

/* Squared distance from centre i to the nearest one at another place. */
static double nearest(const sb_centres *k, int64_t i, int *twin) {
  double best = HUGE_VAL;
  const float *x = centre(k, i);
  for (int64_t j = 0; j < k->n; j++) {
    const float *y = centre(k, j);
    double q = 0;
    for (int c = 0; c < k->d; c++) {
      const double gap = k->scale[c] * ((double)x[k->coordinate[c]] - (double)y[k->coordinate[c]]);
      q += gap * gap;
    }
    if (q == 0 && j != i) *twin = 1;
    if (q > 0 && q < best) best = q;
  }
  sb_tick();
  return best;
}

static int by_size(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

sb_status sb_nearest_median(const sb_comm *c, const sb_centres *k, double *median, int64_t *same) {
  const int64_t look = k->n < LOOK ? k->n : LOOK;
  const sb_share share = sb_share_of(c, look);
  double *own = NULL, *all = NULL;
  *same = 0;
  sb_status s = SB_NEW(&own, share.count, "distances");
  if (!s) s = SB_NEW(&all, look, "distances");
  s = sb_agree(c, s);
  for (int64_t i = 0; !s && i < share.count; i++) {
    int twin = 0;
    own[i] = nearest(k, (share.first + i) * k->n / look, &twin);
    *same += twin;
  }
  if (!s) s = sb_sum_int(c, same, 1);
  if (!s) s = sb_gather_rows(c, look, 1, sizeof *all, own, all);
  if (!s) {
    qsort(all, (size_t)look, sizeof *all, by_size);
    *median = isfinite(all[0]) ? all[(look - 1) / 2] : 0;
  }
  sb_mem_free(all);
  sb_mem_free(own);
  return s;
}
