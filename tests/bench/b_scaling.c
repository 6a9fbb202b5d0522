/* The kernel bridge's operator and its scaling, on normal points of step 1/20. Orders:
 *   product M D float|double fly|rows|cyclic SECONDS  k v of all rows
 *   iteration M D SECONDS  one iteration in double: v of log v, k v, residual, log v again */
#include <math.h>

#include "bench.h"
#include "sb/scaling.h"

#define STEP .05

typedef struct cloud {
  float *x;
  int *axis;
  double *scale;
  sb_centres k;
} cloud;

static void cloud_open(int64_t n, int d, cloud *out) {
  must(SB_NEW(&out->x, n * d, "points"));
  must(SB_NEW(&out->axis, d, "axes"));
  must(SB_NEW(&out->scale, d, "scales"));
  for (int64_t i = 0; i < n; i += SB_BLOCK)
    sb_noise_normals(11, i, (int)(n - i < SB_BLOCK ? n - i : SB_BLOCK), 0, d, out->x + i * d);
  for (int c = 0; c < d; c++) out->axis[c] = c, out->scale[c] = 1 / (2 * sqrt(STEP));
  out->k = (sb_centres){
      .n = n, .d = d, .coordinate = out->axis, .scale = out->scale, .x = out->x, .width = d};
}

static void cloud_close(cloud *p) {
  sb_mem_free(p->x);
  sb_mem_free(p->axis);
  sb_mem_free(p->scale);
}

static void product(const sb_comm *c, const order *o) {
  static times t;
  const int64_t n = (int64_t)order_number(o, 1);
  const int d = (int)order_number(o, 2), in_float = !strcmp(o->word[3], "float");
  const int storage = !strcmp(o->word[4], "rows") ? SB_STORE_ROWS : SB_STORE_FLY;
  cloud p;
  sb_gram *g;
  double *v, *own;
  cloud_open(n, d, &p);
  must(SB_NEW(&v, n, "a vector"));
  must(SB_NEW(&own, n, "a vector"));
  for (int64_t i = 0; i < n; i++) v[i] = 1 / (1 + (double)i);
  must(sb_gram_open(c, &p.k, storage, &g));
  must(sb_gram_times(g, v, in_float, own));
  t.n = 0;
  for (double start = sb_clock(); told(c, sb_clock() - start < order_number(o, 5));) {
    const double now = ticks(c);
    must(sb_gram_times(g, v, in_float, own));
    times_add(&t, ticks(c) - now);
  }
  if (c->rank == 0) printf(",\"pairs\":%.17g", (double)n * (double)n), times_print("seconds", &t);
  sb_gram_close(g);
  sb_mem_free(own);
  sb_mem_free(v);
  cloud_close(&p);
}

static void iteration(const sb_comm *c, const order *o) {
  static times t;
  const sb_scaling_options how = {SB_STORE_FLY, SB_DOUBLE, 1e-14, 20};
  const int64_t n = (int64_t)order_number(o, 1);
  cloud p;
  sb_scaling_result r = {0};
  double *log_v;
  cloud_open(n, (int)order_number(o, 2), &p);
  must(SB_NEW(&log_v, n, "a scaling"));
  t.n = 0;
  for (double start = sb_clock(); told(c, sb_clock() - start < order_number(o, 3));) {
    const double now = ticks(c);
    must(sb_scale(c, &p.k, &how, log_v, &r));
    times_add(&t, (ticks(c) - now) / (double)r.iterations);
  }
  if (c->rank == 0) times_print("seconds", &t);
  sb_mem_free(log_v);
  cloud_close(&p);
}

static void answer(const sb_comm *c, const order *o) {
  if (!strcmp(o->word[0], "iteration"))
    iteration(c, o);
  else
    product(c, o);
}

int main(int argc, char **argv) { return bench(argc, argv, answer); }
