/* layer: data */
/** Training data: draws of a known law or an HDF5 table, in the coordinates that the networks see.
 *
 * Rows live once per node (sb_shared); each rank reads or draws its share. Training and held-out rows are chosen by a
 * keyed permutation of the global index, so they do not depend on the number of ranks. */
#ifndef SB_DATA_H
#define SB_DATA_H
#include "sb/bridge.h"
#include "sb/comm.h"
#include "sb/keys.h"
#include "sb/law.h"
#include "sb/points.h"

/** How raw coordinates are standardised. AUTO: NONE for laws, SCALE for tables. */
typedef enum sb_standardise { SB_STD_AUTO, SB_STD_NONE, SB_STD_CENTRE, SB_STD_SCALE, SB_STD_WHITEN } sb_standardise;
typedef enum sb_project { SB_PROJECT_NONE, SB_PROJECT_PCA } sb_project;

/** Sections `data` and `source` (with sb_law_keys as a second table of the same section). How coordinates are
 *  standardised stands in `data` alone: both sets go through one map. */
typedef struct sb_data_options {
  const char *section;  /**< name of the section, for messages; NULL: "data"                                   */
  char *file, *dataset; /**< table to read, "" none; data.law must then be none. dataset "/x"                   */
  int64_t n;            /**< rows: draws of a law, or the first n rows of a table (0: all)                     */
  int standardise;      /**< sb_standardise                                                                    */
  int project;          /**< sb_project                                                                        */
  int64_t components;   /**< kept principal components; 0: all that have a spread                              */
  double validation;    /**< fraction of the rows held out, [0, 0.9], rounded down to whole rows               */
  int stream;           /**< batches of a law are fresh draws: of both sets of a pair, where they are laws      */
} sb_data_options;
extern const sb_key sb_data_keys[];
extern const sb_key sb_source_keys[];

/** Affine map between raw coordinates x [raw] and network coordinates y [d]:
 *  y = stretch * (axes ((x - shift) * scale)), x = shift + (axes^T (y / stretch)) / scale, products elementwise.
 *  axes orthonormal rows [d, raw] or NULL (identity, d == raw).
 *
 *  none: the identity. centre: shift = mean. scale: and scale = 1 / standard deviation. whiten: shift = mean, axes
 *  and stretch make the covariance the identity. pca: axes of largest variance of what standardise made; it always
 *  centres, and constant columns have scale 1, since they do not touch the axes. All from the training rows only. */
typedef struct sb_affine {
  int raw, d;
  double *shift, *scale; /**< [raw] */
  double *axes;          /**< [d, raw] or NULL */
  double *stretch;       /**< [d]   */
} sb_affine;
/** Not collective; the bits of a row do not depend on the rows around it. */
void sb_affine_forward(const sb_affine *a, int64_t n, const double *raw, double *y);
void sb_affine_back(const sb_affine *a, int64_t n, const double *y, double *raw);
/** The same for vectors (drifts): no shift. */
void sb_affine_back_vector(const sb_affine *a, int64_t n, const double *y, double *raw);
/** The d x raw matrix of the map, y = M (x - shift). */
void sb_affine_matrix(const sb_affine *a, double *m);

typedef struct sb_data {
  int d, raw;
  int64_t n, n_held;       /**< training and held-out rows                                          */
  int64_t total;           /**< rows read                                                           */
  const float *x;          /**< [total, d], network coordinates, row by global index; node-shared   */
  const int64_t *row;      /**< [total] training rows, then held-out ones, each ascending; NULL: all are training  */
  sb_affine map;
  sb_law *law;             /**< NULL for tables                                                     */
  sb_mixture *mixture;     /**< the law's density in network coordinates; NULL when not known        */
  double *mean, *cov;      /**< moments of the training rows in network coordinates [d], [d, d] (n - 1) */
  double *factor;          /**< lower Cholesky factor of cov, [d, d]; NULL until the baseline draws    */
  char crc[20];            /**< of the raw rows as doubles: 16 hex digits                            */
  uint64_t seed;
  double *drawn, *mapped;  /**< [64, raw], [d] room for fresh draws; NULL: batches are of the rows */
  sb_shared shared;
} sb_data;

/** Collective. Reads or draws, checks (memory, before it is taken; n, d; NaN or Inf: row and column; a constant column
 *  where scaling needs a spread), maps. Messages: SB_USE. */
sb_status sb_data_open(const sb_comm *c, const sb_data_options *o, const sb_law_options *law, uint64_t seed,
                       sb_data **out);
/** Collective. Two sets in the same coordinates, for bridges: `data`, where the bridge ends (t = 1), and `source`,
 *  where it begins (t = 0); o[0] and law[0] are of data. One affine map, of the moments of all training rows together;
 *  standardise auto: none where both are laws, else scale. Source draws from streams of its own. Beside what
 *  sb_data_open refuses: sets of different dimension. */
sb_status sb_data_open_pair(const sb_comm *c, const sb_data_options o[2], const sb_law_options law[2], uint64_t seed,
                            sb_data **data, sb_data **source);
/** Collective. Accepts NULL. */
void sb_data_close(const sb_comm *c, sb_data *data);
/** Row i of the training rows (held: of the held-out ones) [d]. */
const float *sb_data_row(const sb_data *data, int64_t i);
const float *sb_data_held(const sb_data *data, int64_t i);
/** Training rows first .. first+count-1 in raw coordinates: out [count, raw]. Not collective. */
sb_status sb_data_raw(const sb_data *data, int64_t first, int64_t count, double *out);

/** Rows b0 .. b0+rows-1 of the batch of step k (k = 0, 1, …): copies to x [rows, d]. Batches walk through a keyed
 *  permutation of the training rows, a new one each epoch; batch b of step k is position k * batch + b. n smaller than
 *  the batch is fine. With data.stream, of a law, each position is a fresh draw. Allocates nothing. */
void sb_data_batch(const sb_data *data, uint64_t key, int64_t step, int64_t batch, int64_t b0, int rows, float *x);
/** Indices (for sb_data_row) of the training rows at positions position .. position+count-1 of that walk. */
void sb_data_order(const sb_data *data, uint64_t key, int64_t position, int count, int64_t *out);

/** Where particles begin, rows first .. first+n-1 of stream key: fresh draws of the law, or all rows of the table,
 *  held out or not, each once before any comes again. x [n, d], network coordinates. Local. */
sb_status sb_data_begin(const sb_data *data, uint64_t key, int64_t first, int64_t n, double *x);

/** Sources for the metrics, in network coordinates; local, the same bits on every rank. The structs borrow data.
 *  truth: fresh draws of the law (mapped); of a table: held-out rows, or, without any, one half of the training rows.
 *  fresh: a second stream of the law; of a table: training rows, or, without held-out ones, the other half of them.
 *  Rows of a table come in a keyed order, each once before any comes again (sb_source.most).
 *  baseline: draws of N(mean, cov). */
sb_source sb_data_truth(sb_data *data);
sb_source sb_data_fresh(sb_data *data);
sb_source sb_data_baseline(sb_data *data);
/** All training (held: held-out) rows, in order: rows first .. first+count-1 < most, whatever the replicate. */
sb_source sb_data_rows(sb_data *data, int held);
/** The bridge from source to data under a reference of this variance (network coordinates), where it has a closed form
 *  (sb/bridge.h): Gaussian laws; or law `bridge` of this variance as data and N(0, I) as source, not standardised.
 *  NULL where it has none. Local. */
sb_status sb_data_bridge(const sb_data *source, const sb_data *data, double variance, sb_bridge **out);
/** Bytes that sb_data_open takes at most on a node that has node_ranks of all ranks: shared rows, and their own memory.
 *  d < raw: by pca. */
double sb_data_bytes(int64_t total, int raw, int d, int ranks, int node_ranks);

#endif
