/* What the spectrum of the scaled matrix says (ALGORITHMS 3.5): diffusion-map coordinates of the
 * training rows, how long the chain takes to forget, and the steps that it should be given before a
 * draw. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine.h"
#include "sb/limits.h"
#include "sb/log.h"
#include "sb/mathfn.h"
#include "sb/mem.h"
#include "sb/recorder.h"
#include "sb/spectrum.h"

#define TOLERANCE 1e-10
#define FORGOTTEN 100 /* the slowest direction is down to this part when burning in ends */
#define LISTED    8   /* eigenvalues in the report                                       */
#define SHOWN     16  /* vectors that are arrays of their own, for viewers               */

static sb_spectrum_options wish(const sb_run *run) {
  const kernel_options *o = &((const engine *)run->state)->options;
  return (sb_spectrum_options){o->eigensolver, (int)o->eigenpairs, o->eigen_products, TOLERANCE,
                               run->seed};
}

/* --- What cannot be
 * ------------------------------------------------------------------------------------------------------
 */

static double solver_bytes(const sb_run *run, int solver) {
  sb_spectrum_options o = wish(run);
  o.solver = solver;
  return sb_spectrum_bytes(run->comm->size, run->data->n, run->data->d, &o);
}

double engine_diffusion_bytes(const sb_run *run) {
  const kernel_options *o = &((const engine *)run->state)->options;
  const double share = (double)sb_share_at(0, run->comm->size, run->data->n).count;
  if (!o->eigenpairs) return 0;
  return solver_bytes(run, o->eigensolver) +
         8 * share * ((double)o->eigenpairs + 2 * run->data->raw + 3);
}

sb_status engine_check(sb_run *run) {
  const engine *e = run->state;
  const kernel_options *o = &e->options;
  const double room = (double)sb_memory_available() / run->comm->node_size;
  if (!o->eigenpairs) return SB_OK;
  if (o->weights == WEIGHTS_DENSITY)
    return sb_fail(SB_USE,
                   "kernel.eigenpairs: kernel.weights density has no scaled matrix; bridge has");
  if (o->eigenpairs >= run->data->n)
    return sb_fail(
        SB_USE,
        "kernel.eigenpairs: %lld, but a matrix of %lld training rows has %lld beside the constant",
        (long long)o->eigenpairs, (long long)run->data->n, (long long)run->data->n - 1);
  if (o->eigensolver == SB_LANCZOS && o->eigen_products * SB_SPECTRUM_BLOCK < o->eigenpairs)
    return sb_fail(
        SB_USE, "kernel.eigen_products: %lld products with %d vectors cannot give %lld eigenpairs",
        (long long)o->eigen_products, SB_SPECTRUM_BLOCK, (long long)o->eigenpairs);
  const double need = solver_bytes(run, SB_DENSE);
  if (o->eigensolver == SB_DENSE && need > room)
    return sb_agree(run->comm, sb_fail(SB_SYS,
                                       "kernel.eigensolver: dense takes %.3g GB on each of %d "
                                       "ranks for %lld training rows, there are %.3g; "
                                       "lanczos takes %.3g GB",
                                       need * 1e-9, run->comm->size, (long long)run->data->n,
                                       room * 1e-9, solver_bytes(run, SB_LANCZOS) * 1e-9));
  return SB_OK;
}

/* --- Finding them
 * --------------------------------------------------------------------------------------------------------
 */

/* Steps of the chain in which the slowest direction falls by e; HUGE_VAL where it never does. */
static double relaxation(const engine *e) {
  const double l = e->eigen_value[0];
  if (!(l > 0)) return 0;
  return l < 1 ? -1 / sb_log(l) / e->sample.fraction : HUGE_VAL;
}

static double advised(const engine *e) { return ceil(sb_log(FORGOTTEN) * relaxation(e)); }

static void say(const engine *e, const sb_spectrum_result *r) {
  const double steps = relaxation(e);
  sb_say("spectrum    %lld eigenpairs: gap %.3g, relaxation %.3g steps; %.2f s%s\n",
         (long long)e->options.eigenpairs, 1 - e->eigen_value[0], steps, r ? r->seconds : 0,
         r ? "" : " (from the checkpoint)");
  if (!(advised(e) < 1e15))
    sb_warn(
        "the chain never forgets where it began: its second eigenvalue is 1 to rounding; a larger "
        "kernel.step");
  else if ((double)e->sample.burn_in < advised(e))
    sb_warn(
        "sample.burn_in: %lld steps; the spectrum advises %.0f, when the slowest direction is down "
        "to 1/%d",
        (long long)e->sample.burn_in, advised(e), FORGOTTEN);
  else
    sb_say("            burning in takes %.0f steps by the spectrum, sample.burn_in is %lld\n",
           advised(e), (long long)e->sample.burn_in);
}

static sb_status find(engine *e) {
  const sb_spectrum_options o = wish(e->run);
  const sb_share share = sb_share_of(e->run->comm, e->run->data->n);
  sb_spectrum_result r;
  if (!e->eigen_vector)
    SB_TRY_ALL(e->run->comm, SB_NEW(&e->eigen_vector, share.count * o.count, "eigenvectors"));
  if (o.solver == SB_DENSE)
    sb_warn(
        "kernel.eigensolver: dense: eigenpairs by ScaLAPACK are the same to 1e-10 on any number of "
        "ranks, not to "
        "the bit; lanczos is");
  SB_TRY(sb_spectrum(e->run->comm, &e->head->centres, e->head->log_v, &o, e->eigen_value,
                     e->eigen_vector, &r));
  e->eigen_found[0] = 1, e->eigen_found[1] = r.products, e->eigen_found[2] = r.converged;
  say(e, &r);
  if (!r.converged)
    sb_warn(
        "eigenpairs have residual %.1e after %lld products, %g is wanted: raise "
        "kernel.eigen_products",
        r.residual, (long long)r.products, TOLERANCE);
  return SB_OK;
}

sb_status engine_diffusion(engine *e) {
  if (!e->options.eigenpairs) return SB_OK;
  if (!e->eigen_found[0]) return find(e);
  say(e, NULL);
  return SB_OK;
}

int engine_diffusion_blocks(engine *e, sb_block *out) {
  if (!e->options.eigenpairs) return 0;
  out[0] = (sb_block){.path = "/kernel/eigenvalues",
                      .meaning = "of the scaled matrix, beside that of the constants",
                      .kind = SB_KIND_F64,
                      .rank = 1,
                      .shape = {e->options.eigenpairs},
                      .data = e->eigen_value};
  out[1] = (sb_block){.path = "/kernel/spectrum",
                      .meaning = "done, products, converged",
                      .kind = SB_KIND_I64,
                      .rank = 1,
                      .shape = {3},
                      .data = e->eigen_found};
  return 2;
}

/* --- diffusion.h5
 * --------------------------------------------------------------------------------------------------------
 */

typedef struct arrays {
  char path[SHOWN][32];
  sb_column column[SHOWN + 3];
  double *single, *time, *whole; /* [SHOWN, count]; [K]; [count, K] */
  int n;
} arrays;

/* Coordinate k of the diffusion map after one step: lambda_k u_k. */
static void lay(const engine *e, sb_share share, arrays *a) {
  const int count = (int)e->options.eigenpairs, shown = count < SHOWN ? count : SHOWN;
  const int64_t n = e->run->data->n;
  for (int64_t i = 0; i < share.count * count; i++)
    a->whole[i] = e->eigen_value[i % count] * e->eigen_vector[i];
  for (int k = 0; k < shown; k++) {
    for (int64_t i = 0; i < share.count; i++)
      a->single[k * share.count + i] = a->whole[i * count + k];
    snprintf(a->path[k], sizeof a->path[k], "/diffusion_%d", k + 1);
    a->column[a->n++] = (sb_column){.path = a->path[k],
                                    .unit = "1",
                                    .meaning = "diffusion-map coordinate",
                                    .kind = SB_KIND_F64,
                                    .rank = 1,
                                    .shape = {n},
                                    .first = share.first,
                                    .count = share.count,
                                    .data = a->single + k * share.count};
  }
  const sb_column all = {
      .path = "/diffusion",
      .unit = "1",
      .meaning = "diffusion-map coordinates: eigenvalue times eigenvector (mean 0, mean square 1)",
      .kind = SB_KIND_F64,
      .rank = 2,
      .shape = {n, count},
      .first = share.first,
      .count = share.count,
      .data = a->whole};
  a->column[a->n++] = all;
  for (int k = 0; k < count; k++)
    a->time[k] = e->eigen_value[k] > 0 ? -1 / sb_log(e->eigen_value[k]) : 0;
  const int mine = e->run->comm->rank == 0 ? count : 0;
  a->column[a->n++] =
      (sb_column){.path = "/eigenvalue",
                  .unit = "1",
                  .meaning = "of the bistochastic matrix, beside 1 of the constants",
                  .kind = SB_KIND_F64,
                  .rank = 1,
                  .shape = {count},
                  .count = mine,
                  .data = e->eigen_value};
  a->column[a->n++] = (sb_column){.path = "/relaxation",
                                  .unit = "steps",
                                  .meaning = "steps of the matrix in which a direction falls by e",
                                  .kind = SB_KIND_F64,
                                  .rank = 1,
                                  .shape = {count},
                                  .count = mine,
                                  .data = a->time};
}

static sb_status write(engine *e, const char *directory, const sb_projection *projection,
                       const char *parent) {
  const sb_data *data = e->run->data;
  const sb_share share = sb_share_of(e->run->comm, data->n);
  const int64_t count = e->options.eigenpairs;
  arrays a = {.n = 0};
  double *x = NULL;
  sb_status s = SB_NEW(&x, share.count * data->raw, "training rows");
  if (!s) s = SB_NEW(&a.single, share.count * (count < SHOWN ? count : SHOWN), "coordinates");
  if (!s) s = SB_NEW(&a.whole, share.count * count, "coordinates");
  if (!s) s = SB_NEW(&a.time, count, "times");
  if (!s) s = sb_data_raw(data, share.first, share.count, x);
  s = sb_agree(e->run->comm, s);
  if (!s) {
    lay(e, share, &a);
    const sb_table table = {.directory = directory,
                            .name = "diffusion",
                            .overwrite = 1,
                            .n = data->n,
                            .d = data->raw,
                            .x = x,
                            .meaning = "training rows",
                            .extra = a.column,
                            .extras = a.n,
                            .projection = projection,
                            .parent = parent};
    s = sb_table_write(e->run->comm, &table);
  }
  sb_mem_free(a.time);
  sb_mem_free(a.whole);
  sb_mem_free(a.single);
  sb_mem_free(x);
  return s;
}

sb_status engine_leave(sb_run *run, const char *directory, const sb_projection *projection,
                       const char *parent) {
  engine *e = run->state;
  if (!e->options.eigenpairs) return SB_OK;
  if (!e->eigen_vector) {
    char path[1024];
    const int length = snprintf(path, sizeof path, "%s/diffusion.h5", directory);
    if (length < (int)sizeof path && sb_path_exists(run->comm, path)) return SB_OK;
    SB_TRY(find(e));
  }
  SB_TRY(write(e, directory, projection, parent));
  sb_mem_free(e->eigen_vector);
  e->eigen_vector = NULL;
  return SB_OK;
}

/* --- In the report
 * -------------------------------------------------------------------------------------------------------
 */

/* top[0 .. count]: the largest products of powers of factor [d], descending, from 1 on. */
static void products_of(int d, const double *factor, int count, double *top) {
  for (int k = 0; k <= count; k++) top[k] = k == 0;
  for (int i = 0; i < d; i++) {
    double old[LISTED + 1];
    memcpy(old, top, sizeof old);
    /* the sequence is the old one merged with itself times the factor */
    for (int k = 1, from = 1, by = 0; k <= count; k++)
      top[k] = old[from] >= factor[i] * top[by] ? old[from++] : factor[i] * top[by++];
  }
}

static void add(sb_metric *out, int *n, const char *name, double value, double target) {
  sb_metric *m = &out[(*n)++];
  *m = sb_metric_of(name, value);
  m->better = SB_TARGET, m->target = target;
}

sb_status engine_metrics(sb_run *run, sb_metric *out, int most, int *n) {
  engine *e = run->state;
  const int count = (int)e->options.eigenpairs, listed = count < LISTED ? count : LISTED;
  double want[LISTED + 1] = {0}, *slopes = NULL;
  *n = 0;
  if (!count || !e->eigen_found[0] || most < listed + 3) return SB_OK;
  SB_TRY(engine_slopes(e, &slopes));
  if (slopes) products_of(e->d, slopes, LISTED, want);
  for (int k = 0; k < listed; k++) {
    char name[48];
    snprintf(name, sizeof name, "eigenvalue_%d", k + 1);
    add(out, n, name, e->eigen_value[k], slopes ? want[k + 1] : NAN);
  }
  add(out, n, "spectral_gap", 1 - e->eigen_value[0], slopes ? 1 - want[1] : NAN);
  add(out, n, "relaxation_steps", relaxation(e), NAN);
  add(out, n, "burn_in_advised", advised(e), NAN);
  sb_mem_free(slopes);
  return SB_OK;
}
