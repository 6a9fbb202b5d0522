/* Symmetric Sinkhorn scaling of a Gaussian kernel, rows by rank (sb/scaling.h).
 *
 * Linearised about the solution an iteration log v <- log v - a log(v k v) multiplies errors by 1 -
 * a (1 + P), P the bistochastic matrix, with eigenvalues in [0, 1] where k is positive definite.
 * The plain iteration is a = 1/2; with momentum, a and b are those of Polyak's heavy ball for 1 + P
 * in [1, 2]. */
#include "sb/scaling.h"

#include <math.h>
#include <string.h>

#include "centres.h"
#include "sb/clock.h"
#include "sb/mathfn.h"
#include "sb/mem.h"
#include "sb/watchdog.h"

#define PLAIN     3 /* iterations before momentum */
#define RATE      0.68629150101523961
#define MOMENTUM  0.02943725152285942
#define NEAR      4e-6               /* where float hands over to double */
#define ROOT_LOG2 1.2011224087864498 /* (log2 e)^(1/2) */

typedef struct scaling {
  const sb_comm *comm;
  const sb_centres *k;
  sb_share share;
  int64_t tiles;
  double *x, *a;                /* [tiles, d, 64], [tiles, 64]: own rows by lane  */
  double *y, *v, *sum;          /* [chunk, d]; [n]; [tiles, 64]                   */
  float *x32, *a32, *y32, *v32; /* the same, b32 [n]                              */
  float *b32;
  double *keep; /* [tiles, n, 64] or NULL                         */
  int kept;
  double *before; /* [count] own log v of the iteration before      */
  double *own;    /* [count]                                        */
} scaling;

double sb_scale_bytes(const sb_comm *c, int64_t n, int d, int storage) {
  const double tiles = (double)((sb_share_at(0, c->size, n).count + SB_BLOCK - 1) / SB_BLOCK);
  return 12 * tiles * SB_BLOCK * (d + 1) + 24 * tiles * SB_BLOCK + 24 * (double)n +
         12.0 * CENTRES_CHUNK * d +
         (storage == SB_STORE_ROWS ? 8 * tiles * SB_BLOCK * (double)n : 0);
}

static sb_status allocate(scaling *s, int storage) {
  const int64_t n = s->k->n, rows = s->tiles * SB_BLOCK, d = s->k->d;
  SB_TRY(SB_NEW(&s->x, rows * d, "rows of a kernel"));
  SB_TRY(SB_NEW(&s->x32, rows * d, "rows of a kernel"));
  SB_TRY(SB_NEW(&s->a, rows, "widths"));
  SB_TRY(SB_NEW(&s->a32, rows, "widths"));
  SB_TRY(SB_NEW(&s->b32, n, "widths"));
  SB_TRY(SB_NEW(&s->y, CENTRES_CHUNK * d, "columns of a kernel"));
  SB_TRY(SB_NEW(&s->y32, CENTRES_CHUNK * d, "columns of a kernel"));
  SB_TRY(SB_NEW(&s->v, n, "scaling"));
  SB_TRY(SB_NEW(&s->v32, n, "scaling"));
  SB_TRY(SB_NEW(&s->sum, rows, "sums of rows"));
  SB_TRY(SB_NEW(&s->before, s->share.count, "scaling"));
  SB_TRY(SB_NEW(&s->own, s->share.count, "scaling"));
  return storage == SB_STORE_ROWS ? SB_NEW(&s->keep, rows * n, "rows of the kernel matrix") : SB_OK;
}

static void release(scaling *s) {
  void *const blocks[] = {s->x, s->x32, s->a,   s->a32,  s->b32,    s->y,  s->y32,
                          s->v, s->v32, s->sum, s->keep, s->before, s->own};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) sb_mem_free(blocks[i]);
}

/* Own rows by lane; lanes beyond the last row repeat it. */
static void lay_rows(scaling *s) {
  const sb_centres *k = s->k;
  const int64_t last = s->share.first + s->share.count - 1;
  for (int64_t i = 0; i < s->tiles * SB_BLOCK; i++) {
    const int64_t at = s->share.first + i < last ? s->share.first + i : last;
    const int64_t tile = i / SB_BLOCK, lane = i % SB_BLOCK;
    const float *x = centre(k, at);
    for (int c = 0; c < k->d; c++) {
      const double z = k->scale[c] * (double)x[k->coordinate[c]];
      s->x[(tile * k->d + c) * SB_BLOCK + lane] = z;
      s->x32[(tile * k->d + c) * SB_BLOCK + lane] = (float)(ROOT_LOG2 * z);
    }
    s->a[i] = k->form == SB_WIDTH_ONE ? 1 : k->rho[at];
    s->a32[i] = (float)s->a[i];
  }
  for (int64_t j = 0; j < k->n && k->form != SB_WIDTH_ONE; j++) s->b32[j] = (float)k->rho[j];
}

/* Sums over one chunk of columns, in double. */
static void add_chunk(scaling *s, int64_t j, int count) {
  const sb_centres *k = s->k;
  const sb_kernels *kernel = sb_kernel();
  centres_pack(k, j, count, s->y);
  for (int64_t t = 0; t < s->tiles; t++) {
    const sb_gauss g = {k->form,
                        k->d,
                        count,
                        s->x + t * k->d * SB_BLOCK,
                        s->a + t * SB_BLOCK,
                        s->y,
                        k->form == SB_WIDTH_ONE ? NULL : k->rho + j};
    kernel->gauss_product(&g, s->v + j, s->keep ? s->keep + (t * k->n + j) * SB_BLOCK : NULL,
                          s->sum + t * SB_BLOCK);
  }
}

static void add_chunk_kept(scaling *s, int64_t j, int count) {
  for (int64_t t = 0; t < s->tiles; t++)
    sb_kernel()->kept_product(count, s->keep + (t * s->k->n + j) * SB_BLOCK, s->v + j,
                              s->sum + t * SB_BLOCK);
}

static void add_chunk32(scaling *s, int64_t j, int count) {
  const sb_centres *k = s->k;
  centres_pack(k, j, count, s->y);
  for (int i = 0; i < count * k->d; i++) s->y32[i] = (float)(ROOT_LOG2 * s->y[i]);
  for (int64_t t = 0; t < s->tiles; t++) {
    const sb_gauss32 g = {
        k->form, k->d,      count, s->x32 + t * k->d * SB_BLOCK, s->a32 + t * SB_BLOCK,
        s->y32,  s->b32 + j};
    sb_kernel()->gauss_product32(&g, s->v32 + j, s->sum + t * SB_BLOCK);
  }
}

/* sum = k v of the own rows. */
static void multiply(scaling *s, const double *log_v, int in_float) {
  const int64_t n = s->k->n;
  sb_kernel()->exp64(n, log_v, s->v);
  for (int64_t j = 0; in_float && j < n; j++) s->v32[j] = (float)s->v[j];
  memset(s->sum, 0, (size_t)(s->tiles * SB_BLOCK) * sizeof *s->sum);
  for (int64_t j = 0; j < n; j += CENTRES_CHUNK) {
    const int count = n - j < CENTRES_CHUNK ? (int)(n - j) : CENTRES_CHUNK;
    if (in_float)
      add_chunk32(s, j, count);
    else if (s->kept)
      add_chunk_kept(s, j, count);
    else
      add_chunk(s, j, count);
    sb_tick();
  }
  s->kept |= s->keep && !in_float;
}

static sb_status residual(const scaling *s, double *worst) {
  *worst = 0;
  for (int64_t i = 0; i < s->share.count; i++) {
    const double gap = fabs(s->v[s->share.first + i] * s->sum[i] - 1);
    if (!(gap <= *worst)) *worst = gap;
  }
  SB_TRY(sb_max_real(s->comm, worst, 1));
  return isfinite(*worst)
             ? SB_OK
             : sb_fail(SB_BAD, "scaling of a kernel: a sum is not finite; are all data?");
}

/* One iteration of the own rows, then everybody's. */
static sb_status improve(scaling *s, double rate, double momentum, double *log_v) {
  for (int64_t i = 0; i < s->share.count; i++) {
    const double l = log_v[s->share.first + i];
    s->own[i] = l - rate * (l + sb_log(s->sum[i])) + momentum * (l - s->before[i]);
    s->before[i] = l;
  }
  return sb_gather_rows(s->comm, s->k->n, 1, sizeof *log_v, s->own, log_v);
}

static sb_status iterate(scaling *s, const sb_scaling_options *o, double *log_v,
                         sb_scaling_result *r) {
  int in_float = o->precision != SB_DOUBLE, plain = 0;
  double last = HUGE_VAL;
  for (int64_t k = 0;; k++) {
    sb_beat("scaling", "the kernel", k);
    multiply(s, log_v, in_float);
    r->iterations++;
    r->in_float += in_float;
    SB_TRY(residual(s, &r->residual));
    r->converged = r->residual < o->tolerance && (!in_float || o->precision == SB_FLOAT);
    if (r->converged || k == o->iterations) return SB_OK;
    const int grew = r->residual >= last;
    if (in_float && o->precision == SB_MIXED && (r->residual < NEAR || (grew && k > PLAIN))) {
      in_float = 0;
      last = HUGE_VAL;
      continue; /* the same v again: its residual in double */
    }
    plain |= grew && k > PLAIN;
    last = r->residual;
    const int fast = k >= PLAIN && !plain;
    SB_TRY(improve(s, fast ? RATE : 0.5, fast ? MOMENTUM : 0, log_v));
  }
}

sb_status sb_scale(const sb_comm *c, const sb_centres *k, const sb_scaling_options *o,
                   double *log_v, sb_scaling_result *result) {
  scaling s = {.comm = c, .k = k, .share = sb_share_of(c, k->n)};
  const double began = sb_clock();
  *result = (sb_scaling_result){.residual = HUGE_VAL};
  if (o->precision == SB_FLOAT && o->tolerance < SB_FLOAT_FLOOR)
    return sb_fail(
        SB_USE,
        "kernel.precision: float stalls at residuals of a few 1e-7, a tolerance of %g needs mixed "
        "or double; float can be asked for %g",
        o->tolerance, SB_FLOAT_FLOOR);
  s.tiles = (s.share.count + SB_BLOCK - 1) / SB_BLOCK;
  memset(log_v, 0, (size_t)k->n * sizeof *log_v);
  sb_status status = sb_agree(c, allocate(&s, o->storage));
  if (!status) lay_rows(&s);
  if (!status) status = iterate(&s, o, log_v, result);
  release(&s);
  result->seconds = sb_clock() - began;
  return status;
}
