/* Leading eigenpairs of a bistochastic kernel matrix (sb/spectrum.h).
 *
 * Block Lanczos: the basis grows by P times its last block, made orthogonal to all of it twice;
 * what is taken off is the next column of the matrix H of P in the basis. Sums over points are
 * exact (sb_sum), by blocks of SB_BLOCK rows: the same bits on any number of ranks. */
#include "sb/spectrum.h"

#include <math.h>
#include <string.h>

#include "sb/clock.h"
#include "sb/dense.h"
#include "sb/mem.h"
#include "sb/noise.h"
#include "sb/watchdog.h"

enum { B = SB_SPECTRUM_BLOCK };
#define NOTHING 1e-13 /* of a vector, below which nothing new is left of it */

typedef struct lanczos {
  const sb_comm *comm;
  int64_t n;
  sb_share share;
  const sb_spectrum_options *o;
  sb_gram *gram;
  double *v;           /* [n]                                                              */
  double *basis;       /* [most + B, count] orthonormal, each along the points             */
  double *own, *all;   /* [count, B]; [n, B]                                               */
  double *x;           /* [count]                                                          */
  double *h;           /* [most + B, most + B] row q, column p: along q of P times p        */
  double *small, *val; /* [most, most] twice; [most]                                       */
  sb_sum *sums;        /* [most + B]                                                       */
  double *dot;         /* [most + B]                                                       */
  int size, most;      /* vectors of the basis; at most, a multiple of B                   */
  int drawn;           /* vectors                                                          */
} lanczos;

/* Vectors of a basis at most: no more than stand orthogonal to the constants. */
static int most_of(int64_t n, const sb_spectrum_options *o) {
  const double most = fmin((double)o->products * B, (double)(n - 1));
  return (int)fmin(most, INT32_MAX / 2);
}

static double lanczos_bytes(int ranks, int64_t n, int d, const sb_spectrum_options *o) {
  const double rows = (double)sb_share_at(0, ranks, n).count, m = most_of(n, o);
  return sb_gram_bytes(ranks, n, d, SB_STORE_FLY) +
         8 * (rows * (m + 2 * B + 1) + (double)n * (B + 1)) +
         8 * ((m + B) * (m + B) + 2 * m * m + m) + (m + B) * (double)(sizeof(sb_sum) + 8);
}

static sb_status allocate(lanczos *l) {
  const int64_t m = l->most, rows = l->share.count;
  SB_TRY(SB_NEW(&l->v, l->n, "scaling"));
  SB_TRY(SB_NEW(&l->basis, (m + B) * rows, "basis of eigenvectors"));
  SB_TRY(SB_NEW(&l->own, B * rows, "a block of vectors"));
  SB_TRY(SB_NEW(&l->all, B * l->n, "a block of vectors"));
  SB_TRY(SB_NEW(&l->x, rows, "a vector"));
  SB_TRY(SB_NEW(&l->h, (m + B) * (m + B), "matrix in a basis"));
  SB_TRY(SB_NEW(&l->small, 2 * m * m, "matrix in a basis"));
  SB_TRY(SB_NEW(&l->val, m, "eigenvalues"));
  SB_TRY(SB_NEW(&l->sums, m + B, "sums"));
  return SB_NEW(&l->dot, m + B, "sums");
}

static void release(lanczos *l) {
  void *const blocks[] = {l->v, l->basis, l->own, l->all,  l->x,
                          l->h, l->small, l->val, l->sums, l->dot};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) sb_mem_free(blocks[i]);
  sb_gram_close(l->gram);
}

static double *vector(const lanczos *l, int q) { return l->basis + (int64_t)q * l->share.count; }

/* --- Vectors spread over ranks
 * --------------------------------------------------------------------------------------------- */

static void add_products(const lanczos *l, const double *x, const double *y, sb_sum *sum) {
  for (int64_t i = 0; i < l->share.count; i += SB_BLOCK) {
    const int64_t end = i + SB_BLOCK < l->share.count ? i + SB_BLOCK : l->share.count;
    double part = 0;
    for (int64_t j = i; j < end; j++) part += y ? x[j] * y[j] : x[j];
    sb_sum_add(sum, part);
  }
}

/* dot [n] = x along the first n vectors of the basis; dot[n] = its sum. */
static sb_status along(lanczos *l, int n, const double *x) {
  memset(l->sums, 0, (size_t)(n + 1) * sizeof *l->sums);
  for (int q = 0; q < n; q++) add_products(l, x, vector(l, q), &l->sums[q]);
  add_products(l, x, NULL, &l->sums[n]);
  return sb_sum_total(l->comm, n + 1, l->sums, l->dot, "eigenvectors of a kernel");
}

static sb_status length(lanczos *l, const double *x, double *out) {
  *l->sums = (sb_sum){{0}};
  add_products(l, x, x, l->sums);
  SB_TRY(sb_sum_total(l->comm, 1, l->sums, out, "eigenvectors of a kernel"));
  *out = sqrt(*out);
  return SB_OK;
}

/* Takes the basis and the constants off x, once; what was along the basis is added to a column of
 * H (NULL: not). */
static sb_status project(lanczos *l, double *x, double *column) {
  const int n = l->size;
  SB_TRY(along(l, n, x));
  const double mean = l->dot[n] / (double)l->n;
  for (int64_t i = 0; i < l->share.count; i++) x[i] -= mean;
  for (int q = 0; q < n; q++) {
    const double *y = vector(l, q), a = l->dot[q];
    for (int64_t i = 0; i < l->share.count; i++) x[i] -= a * y[i];
    if (column) column[(int64_t)q * (l->most + B)] += a;
  }
  return SB_OK;
}

/* Again and again, until it takes nothing off: the length that is left to *out, 0 where that is
 * rounding. */
static sb_status purify(lanczos *l, double *x, double *column, double *out) {
  double before, size, after;
  SB_TRY(length(l, x, &before));
  for (size = before;; size = after) {
    SB_TRY(project(l, x, column));
    SB_TRY(length(l, x, &after));
    *out = after > NOTHING * before ? after : 0;
    if (*out == 0 || after > .7 * size) return SB_OK;
  }
}

/* Appends l->x to the basis, made orthonormal; length of what was new to *norm. Where nothing was,
 * a vector that is drawn takes its place. */
static sb_status append(lanczos *l, double *column, double *norm) {
  double *to = vector(l, l->size), left;
  SB_TRY(purify(l, l->x, column, norm));
  left = *norm;
  for (int tries = 0; !(left > 0); tries++) {
    const uint64_t key = sb_noise_key(l->o->seed, SB_FOR_START, (uint32_t)++l->drawn, 1);
    if (tries > 3) return sb_fail(SB_BAD, "eigenvectors of a kernel: no vector is left");
    for (int64_t i = 0; i < l->share.count; i++)
      l->x[i] = sb_noise_uniform(key, l->share.first + i, 0, 0) - .5;
    SB_TRY(purify(l, l->x, NULL, &left));
  }
  for (int64_t i = 0; i < l->share.count; i++) to[i] = l->x[i] / left;
  l->size++;
  return SB_OK;
}

/* own [count, width] = P times vectors first .. first + width - 1 of the basis. */
static sb_status multiply(lanczos *l, int first, int width) {
  for (int64_t i = 0; i < l->share.count; i++)
    for (int c = 0; c < width; c++)
      l->own[i * width + c] = l->v[l->share.first + i] * vector(l, first + c)[i];
  SB_TRY(sb_gather_rows(l->comm, l->n, width, sizeof *l->own, l->own, l->all));
  SB_TRY_ALL(l->comm, sb_gram_times_many(l->gram, width, l->all, l->own));
  for (int64_t i = 0; i < l->share.count; i++)
    for (int c = 0; c < width; c++) l->own[i * width + c] *= l->v[l->share.first + i];
  return SB_OK;
}

/* --- Lanczos
 * ---------------------------------------------------------------------------------------------------------------
 */

static double *entry(const lanczos *l, int row, int col) {
  return &l->h[(int64_t)row * (l->most + B) + col];
}

/* Eigenvalues and vectors (rows of `small`, second half) of the first m rows and columns of H; the
 * largest residual of the first `count`, from the rows below. */
static sb_status solve(lanczos *l, int m, double *residual) {
  double *a = l->small, *s = l->small + (int64_t)m * m;
  const int count = l->o->count < m ? l->o->count : m;
  for (int i = 0; i < m; i++)
    for (int j = 0; j < m; j++) a[i * m + j] = .5 * (*entry(l, i, j) + *entry(l, j, i));
  SB_TRY(sb_eigen(l->comm, m, a, l->val, s));
  *residual = l->o->count > m && m < l->n - 1 ? HUGE_VAL : 0;
  for (int k = 0; k < count; k++) {
    double square = 0;
    for (int r = m; r < l->size; r++) {
      double gap = 0;
      for (int j = 0; j < m; j++) gap += *entry(l, r, j) * s[k * m + j];
      square += gap * gap;
    }
    *residual = fmax(*residual, sqrt(square));
  }
  return SB_OK;
}

/* vectors [count, K] of the points, by the rows of `small`. */
static void compose(const lanczos *l, int m, double *vectors) {
  const double *s = l->small + (int64_t)m * m, unit = sqrt((double)l->n);
  const int count = l->o->count;
  for (int64_t i = 0; i < l->share.count; i += SB_BLOCK) {
    const int rows = l->share.count - i < SB_BLOCK ? (int)(l->share.count - i) : SB_BLOCK;
    for (int k = 0; k < count; k++) {
      double sum[SB_BLOCK] = {0};
      for (int j = 0; j < m; j++)
        for (int r = 0; r < rows; r++) sum[r] += s[k * m + j] * vector(l, j)[i + r];
      for (int r = 0; r < rows; r++) vectors[(i + r) * count + k] = sum[r] * unit;
    }
  }
}

/* When to solve the small problem, in products: seldom enough to cost little. */
static int64_t next_look(int64_t products) { return products + 1 + products / 8; }

/* P times the last `width` vectors, appended; in the whole space only their coefficients are
 * wanted. */
static sb_status grow(lanczos *l, int width) {
  const int first = l->size - width;
  double norm;
  SB_TRY(multiply(l, first, width));
  for (int c = 0; c < width; c++) {
    const int at = l->size;
    for (int64_t i = 0; i < l->share.count; i++) l->x[i] = l->own[i * width + c];
    if (at == l->n - 1) {
      SB_TRY(project(l, l->x, entry(l, 0, first + c)));
    } else {
      SB_TRY(append(l, entry(l, 0, first + c), &norm));
      *entry(l, at, first + c) = norm;
    }
  }
  return SB_OK;
}

static sb_status iterate(lanczos *l, double *values, double *vectors, sb_spectrum_result *r) {
  int64_t look = 1 + l->o->count / B;
  int width = l->most < B ? l->most : B, m = 0, last = 0;
  double norm;
  memset(l->x, 0, (size_t)l->share.count * sizeof *l->x);
  for (int i = 0; i < width; i++) SB_TRY(append(l, NULL, &norm));
  while (!r->converged && !last) {
    sb_beat("eigenvectors of", "the kernel", r->products);
    m = l->size;
    SB_TRY(grow(l, width));
    width = l->size - m;
    r->products++;
    last = width == 0 || l->size > l->most || r->products == l->o->products;
    if (!last && r->products < look) continue;
    look = next_look(r->products);
    SB_TRY(solve(l, m, &r->residual));
    r->converged = r->residual <= l->o->tolerance;
  }
  memcpy(values, l->val, (size_t)l->o->count * sizeof *values);
  compose(l, m, vectors);
  return SB_OK;
}

static sb_status by_lanczos(const sb_comm *c, const sb_centres *k, const double *log_v,
                            const sb_spectrum_options *o, double *values, double *vectors,
                            sb_spectrum_result *r) {
  lanczos l = {.comm = c, .n = k->n, .share = sb_share_of(c, k->n), .o = o};
  l.most = most_of(k->n, o);
  sb_status s = sb_agree(c, allocate(&l));
  if (!s) s = sb_gram_open(c, k, SB_STORE_FLY, &l.gram);
  if (!s) sb_kernel()->exp64(k->n, log_v, l.v);
  if (!s) s = iterate(&l, values, vectors, r);
  release(&l);
  return s;
}

/* --- All of the matrix
 * --------------------------------------------------------------------------------------------------
 */

/* The constants' eigenvalue goes from 1 to -1, out of the way of all others. */
static sb_status dense_of(const sb_centres *k, const double *v, int count, sb_dist *a, sb_dist *u,
                          const sb_process_grid *grid, double *values, double *vectors) {
  SB_TRY(sb_dist_open(grid, k->n, k->n, "matrix of a kernel", a));
  SB_TRY(sb_dist_open(grid, count, k->n, "eigenvectors of a kernel", u));
  SB_TRY(sb_gram_fill(k, v, a));
  for (int64_t i = 0; i < a->my_rows; i++)
    for (int64_t j = 0; j < a->my_cols; j++) a->x[i * a->stride + j] -= 2 / (double)k->n;
  SB_TRY(sb_dist_eigen(a, count, values, u));
  return sb_dist_columns(u, vectors);
}

static sb_status by_scalapack(const sb_comm *c, const sb_centres *k, const double *log_v, int count,
                              double *values, double *vectors) {
  const int64_t mine = sb_share_of(c, k->n).count * count;
  sb_process_grid *grid = NULL;
  sb_dist a = {0}, u = {0};
  double *v = NULL;
  sb_beat("eigenvectors of", "the kernel", -1);
  sb_status s = sb_agree(c, SB_NEW(&v, k->n, "scaling"));
  if (!s) sb_kernel()->exp64(k->n, log_v, v);
  if (!s) s = sb_process_grid_open(c, k->n, &grid);
  if (!s) s = dense_of(k, v, count, &a, &u, grid, values, vectors);
  for (int64_t i = 0; !s && i < mine; i++) vectors[i] *= sqrt((double)k->n);
  sb_dist_close(&u);
  sb_dist_close(&a);
  sb_process_grid_close(grid);
  sb_mem_free(v);
  return s;
}

/* --- Signs
 * -----------------------------------------------------------------------------------------------------------------
 */

/* 1 or -1 for each pair: that of the first of the largest components. top, first [K]. */
static sb_status signs(const sb_comm *c, int64_t n, int count, const double *vectors, double *top,
                       double *first, int64_t *sign) {
  const sb_share share = sb_share_of(c, n);
  for (int k = 0; k < count; k++) top[k] = 0, first[k] = (double)n, sign[k] = 0;
  for (int64_t i = 0; i < share.count * count; i++)
    top[i % count] = fmax(top[i % count], fabs(vectors[i]));
  SB_TRY(sb_max_real(c, top, count));
  for (int64_t i = share.count * count - 1; i >= 0; i--)
    if (fabs(vectors[i]) >= (1 - 1e-8) * top[i % count])
      first[i % count] = (double)(share.first + i / count);
  SB_TRY(sb_min_real(c, first, count));
  for (int k = 0; k < count; k++) {
    const int64_t i = (int64_t)first[k] - share.first;
    if (i >= 0 && i < share.count) sign[k] = vectors[i * count + k] < 0 ? -1 : 1;
  }
  return sb_sum_int(c, sign, count);
}

static sb_status turn(const sb_comm *c, int64_t n, int count, double *vectors) {
  double *top = NULL;
  int64_t *sign = NULL;
  sb_status s = SB_NEW(&top, 2 * count, "signs");
  if (!s) s = SB_NEW(&sign, count, "signs");
  s = sb_agree(c, s);
  if (!s) s = signs(c, n, count, vectors, top, top + count, sign);
  for (int64_t i = 0; !s && i < sb_share_of(c, n).count * count; i++)
    vectors[i] *= (double)sign[i % count];
  sb_mem_free(sign);
  sb_mem_free(top);
  return s;
}

sb_status sb_spectrum(const sb_comm *c, const sb_centres *k, const double *log_v,
                      const sb_spectrum_options *o, double *values, double *vectors,
                      sb_spectrum_result *result) {
  const double began = sb_clock();
  *result = (sb_spectrum_result){.converged = o->solver == SB_DENSE};
  if (o->count < 1 || o->count >= k->n)
    return sb_fail(SB_USE, "eigenpairs of a kernel: %d of %lld points, 1 .. %lld can be asked for",
                   o->count, (long long)k->n, (long long)k->n - 1);
  if (o->solver == SB_LANCZOS && o->count > most_of(k->n, o))
    return sb_fail(SB_USE,
                   "eigenpairs of a kernel: %d from %lld products with %d vectors; take more",
                   o->count, (long long)o->products, B);
  SB_TRY(o->solver == SB_DENSE ? by_scalapack(c, k, log_v, o->count, values, vectors)
                               : by_lanczos(c, k, log_v, o, values, vectors, result));
  SB_TRY(turn(c, k->n, o->count, vectors));
  result->seconds = sb_clock() - began;
  return SB_OK;
}

double sb_spectrum_bytes(int ranks, int64_t n, int d, const sb_spectrum_options *o) {
  return o->solver == SB_DENSE ? sb_dist_eigen_bytes(ranks, n, o->count) + 8 * (double)n
                               : lanczos_bytes(ranks, n, d, o);
}
