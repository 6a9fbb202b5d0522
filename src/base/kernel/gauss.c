/* Gaussian kernels between a tile of points and many others: products of the kernel matrix with a
 * vector, and softmax averages.
 *
 * Lanes are points of the tile, so that each sum runs over the others in order and depends on its
 * own point alone. */
#include <string.h>

#include "elementary.h"

/* Columns that go together share what is loaded of x, and keep the processor busy; half as many fit
 * into the registers of an exponential. */
enum { COLUMNS = 8, HALF = 4, PART = 128 };

/* --- Products of the matrix with a vector
 * --------------------------------------------------------------------------- */

/* What stands beside the squared distance: x widths of the tile, y that of the other point. */
SB_INLINE vd apart(const int form, vd square, vd x, double y) {
  if (form == SB_WIDTH_SUM) return square * (vd_all(2.0) / (x + y));
  if (form == SB_WIDTH_PRODUCT) return square / (x * y);
  return square;
}

/* |x - y_j|^2 f of one vector of lanes and U columns from j on. */
SB_INLINE void squares_of(const int U, const int few, const int form, int base, const sb_gauss *g,
                          int j, vd *square) {
  const int d = few ? few : g->d;
  const double *y = g->y + (ptrdiff_t)j * d;
  const vd width = form == SB_WIDTH_ONE ? vd_all(0.0) : vd_load(g->a + base);
  EACH(square[u] = vd_all(0.0));
  for (int c = 0; c < d; c++) {
    const vd x = vd_load(g->x + c * SB_BLOCK + base);
    for (int u = 0; u < U; u++) {
      const vd gap = x - y[u * d + c];
      square[u] = vd_fma(gap, gap, square[u]);
    }
  }
  EACH(square[u] = apart(form, square[u], width, form == SB_WIDTH_ONE ? 0.0 : g->b[j + u]));
}

SB_INLINE vd add_columns(const int U, const int few, const int form, int base, const sb_gauss *g,
                         int j, const double *v, double *keep, vd total) {
  vd x[COLUMNS], e[COLUMNS];
  squares_of(U, few, form, base, g, j, x);
  EACH(x[u] = vd_max(vd_all(-708.0), -x[u]));
  for (int h = 0; h < U; h += HALF) vd_exp_inside(U < HALF ? U : HALF, x + h, e + h);
  if (keep) EACH(vd_store(keep + (ptrdiff_t)(j + u) * SB_BLOCK + base, e[u]));
  EACH(total = vd_fma(e[u], vd_all(v[j + u]), total));
  return total;
}

SB_INLINE void product(const int few, const int form, const sb_gauss *g, const double *v,
                       double *keep, double *sum) {
  for (int base = 0; base < SB_BLOCK; base += ND) {
    vd total = vd_all(0.0);
    int j = 0;
    for (; j + COLUMNS <= g->m; j += COLUMNS)
      total = add_columns(COLUMNS, few, form, base, g, j, v, keep, total);
    for (; j < g->m; j++) total = add_columns(1, few, form, base, g, j, v, keep, total);
    vd_store(sum + base, vd_load(sum + base) + total);
  }
}

SB_INLINE void product_form(const int form, const sb_gauss *g, const double *v, double *keep,
                            double *sum) {
  switch (g->d) {
    case 1: product(1, form, g, v, keep, sum); break;
    case 2: product(2, form, g, v, keep, sum); break;
    case 3: product(3, form, g, v, keep, sum); break;
    default: product(0, form, g, v, keep, sum);
  }
}

void KERNEL(gauss_product)(const sb_gauss *g, const double *v, double *keep, double *sum) {
  switch (g->form) {
    case SB_WIDTH_SUM: product_form(SB_WIDTH_SUM, g, v, keep, sum); break;
    case SB_WIDTH_PRODUCT: product_form(SB_WIDTH_PRODUCT, g, v, keep, sum); break;
    default: product_form(SB_WIDTH_ONE, g, v, keep, sum);
  }
}

/* The same sums from a matrix that is kept: the same bits. */
void KERNEL(kept_product)(int m, const double *keep, const double *v, double *sum) {
  const int U = HALF;
  for (int base = 0; base < SB_BLOCK; base += HALF * ND) {
    vd total[HALF];
    EACH(total[u] = vd_all(0.0));
    for (int j = 0; j < m; j++)
      EACH(total[u] = vd_fma(vd_load(keep + (ptrdiff_t)j * SB_BLOCK + base + u * ND), vd_all(v[j]),
                             total[u]));
    EACH(vd_store(sum + base + u * ND, vd_load(sum + base + u * ND) + total[u]));
  }
}

/* --- The same in float
 * ---------------------------------------------------------------------------------------------- */

/* 2^x of x in [-126, 0]; 7e-8 before rounding. */
SB_INLINE void exp2_inside(const int U, const vf *x, vf *y) {
  vf round[HALF], f[HALF], q[HALF];
  EACH(round[u] = x[u] + SB_ROUND);
  EACH(f[u] = x[u] - (round[u] - SB_ROUND));
  EACH(q[u] = vf_fma(f[u], vf_all(0.00132764725f), vf_all(0.00967554096f)));
  EACH(q[u] = vf_fma(q[u], f[u], vf_all(0.0555071309f)));
  EACH(q[u] = vf_fma(q[u], f[u], vf_all(0.240221202f)));
  EACH(q[u] = vf_fma(q[u], f[u], vf_all(0.693146944f)));
  EACH(q[u] = vf_fma(q[u], f[u], vf_all(1.00000012f)));
  EACH(y[u] = (vf)((vi)q[u] + ((vi)round[u] << 23)));
}

SB_INLINE vf apart32(const int form, vf square, vf x, float y) {
  if (form == SB_WIDTH_SUM) return square * (vf_all(2.0f) / (x + y));
  if (form == SB_WIDTH_PRODUCT) return square / (x * y);
  return square;
}

SB_INLINE vf add_columns32(const int U, const int few, const int form, int base,
                           const sb_gauss32 *g, int j, const float *v, vf total) {
  const int d = few ? few : g->d;
  const float *y = g->y + (ptrdiff_t)j * d;
  const vf width = form == SB_WIDTH_ONE ? vf_all(0.0f) : vf_load(g->a + base);
  vf square[COLUMNS], e[COLUMNS];
  EACH(square[u] = vf_all(0.0f));
  for (int c = 0; c < d; c++) {
    const vf x = vf_load(g->x + c * SB_BLOCK + base);
    for (int u = 0; u < U; u++) {
      const vf gap = x - y[u * d + c];
      square[u] = vf_fma(gap, gap, square[u]);
    }
  }
  EACH(square[u] = apart32(form, square[u], width, form == SB_WIDTH_ONE ? 0.0f : g->b[j + u]));
  EACH(square[u] = vf_max(vf_all(-126.0f), -square[u]));
  for (int h = 0; h < U; h += HALF) exp2_inside(U < HALF ? U : HALF, square + h, e + h);
  EACH(total = vf_fma(e[u], vf_all(v[j + u]), total));
  return total;
}

SB_INLINE void product32(const int few, const int form, const sb_gauss32 *g, const float *v,
                         double *sum) {
  for (int base = 0; base < SB_BLOCK; base += NF) {
    vf total = vf_all(0.0f);
    int j = 0;
    for (; j + COLUMNS <= g->m; j += COLUMNS)
      total = add_columns32(COLUMNS, few, form, base, g, j, v, total);
    for (; j < g->m; j++) total = add_columns32(1, few, form, base, g, j, v, total);
    for (int lane = 0; lane < NF; lane++) sum[base + lane] += (double)total[lane];
  }
}

SB_INLINE void product32_form(const int form, const sb_gauss32 *g, const float *v, double *sum) {
  switch (g->d) {
    case 1: product32(1, form, g, v, sum); break;
    case 2: product32(2, form, g, v, sum); break;
    case 3: product32(3, form, g, v, sum); break;
    default: product32(0, form, g, v, sum);
  }
}

void KERNEL(gauss_product32)(const sb_gauss32 *g, const float *v, double *sum) {
  switch (g->form) {
    case SB_WIDTH_SUM: product32_form(SB_WIDTH_SUM, g, v, sum); break;
    case SB_WIDTH_PRODUCT: product32_form(SB_WIDTH_PRODUCT, g, v, sum); break;
    default: product32_form(SB_WIDTH_ONE, g, v, sum);
  }
}

/* --- Softmax averages
 * -----------------------------------------------------------------------------------------------
 */

/* logit[j] of `count` others from j0 on, for the lanes at `base`. */
SB_INLINE void logits(const int few, const int form, int base, const sb_gauss *g,
                      const double *bias, int j0, int count, vd *logit) {
  int j = 0;
  for (; j + COLUMNS <= count; j += COLUMNS)
    squares_of(COLUMNS, few, form, base, g, j0 + j, logit + j);
  for (; j < count; j++) squares_of(1, few, form, base, g, j0 + j, logit + j);
  for (j = 0; j < count; j++) logit[j] = bias[j0 + j] - logit[j];
}

SB_INLINE void logits_form(const int form, int base, const sb_gauss *g, const double *bias, int j0,
                           int count, vd *logit) {
  switch (g->d) {
    case 1: logits(1, form, base, g, bias, j0, count, logit); break;
    case 2: logits(2, form, base, g, bias, j0, count, logit); break;
    case 3: logits(3, form, base, g, bias, j0, count, logit); break;
    default: logits(0, form, base, g, bias, j0, count, logit);
  }
}

static void all_logits(int base, const sb_gauss *g, const double *bias, int j0, int count,
                       vd *logit) {
  switch (g->form) {
    case SB_WIDTH_SUM: logits_form(SB_WIDTH_SUM, base, g, bias, j0, count, logit); break;
    case SB_WIDTH_PRODUCT: logits_form(SB_WIDTH_PRODUCT, base, g, bias, j0, count, logit); break;
    default: logits_form(SB_WIDTH_ONE, base, g, bias, j0, count, logit);
  }
}

SB_INLINE vd largest(int count, const vd *logit, vd top) {
  for (int j = 0; j < count; j++) top = vd_max(top, logit[j]);
  return top;
}

/* w = exp(w - top), and their sum in order. */
SB_INLINE void weigh_of(const int U, vd top, vd *w, vd *sum) {
  vd x[HALF];
  EACH(x[u] = vd_max(vd_all(-708.0), w[u] - top));
  vd_exp_inside(U, x, w);
  EACH(*sum += w[u]);
}

static vd weigh(int count, vd top, vd *w) {
  vd sum = vd_all(0.0);
  int j = 0;
  for (; j + HALF <= count; j += HALF) weigh_of(HALF, top, w + j, &sum);
  for (; j < count; j++) weigh_of(1, top, w + j, &sum);
  return sum;
}

/* mean[c] = scale mean[c] + sum over j of w[j] value[j][c], for U columns c. */
SB_INLINE void average_of(const int U, int count, const vd *w, const double *value, int ld,
                          vd scale, double *mean) {
  vd sum[8];
  EACH(sum[u] = scale * vd_load(mean + u * SB_BLOCK));
  for (int j = 0; j < count; j++)
    EACH(sum[u] = vd_fma(w[j], vd_all(value[(ptrdiff_t)j * ld + u]), sum[u]));
  EACH(vd_store(mean + u * SB_BLOCK, sum[u]));
}

static void average(int count, const vd *w, int width, const double *value, vd scale,
                    double *mean) {
  int c = 0;
  for (; c + 8 <= width; c += 8)
    average_of(8, count, w, value + c, width, scale, mean + c * SB_BLOCK);
  for (; c + 2 <= width; c += 2)
    average_of(2, count, w, value + c, width, scale, mean + c * SB_BLOCK);
  for (; c < width; c++) average_of(1, count, w, value + c, width, scale, mean + c * SB_BLOCK);
}

void KERNEL(gauss_softmax)(const sb_gauss *g, int lanes, const double *bias, int width,
                           const double *value, double *top, double *sum, double *mean) {
  vd w[PART];
  for (int base = 0; base < lanes; base += ND)
    for (int j = 0; j < g->m; j += PART) {
      const int count = g->m - j < PART ? g->m - j : PART;
      all_logits(base, g, bias, j, count, w);
      const vd before = vd_load(top + base), now = largest(count, w, before);
      vd fade[1] = {vd_max(vd_all(-708.0), before - now)};
      vd_exp_inside(1, fade, fade);
      vd_store(sum + base, vd_fma(vd_load(sum + base), fade[0], weigh(count, now, w)));
      vd_store(top + base, now);
      average(count, w, width, value + (ptrdiff_t)j * width, fade[0], mean + base);
    }
}
