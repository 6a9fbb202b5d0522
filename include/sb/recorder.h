/* layer: io */
/** Records what passes by: end samples, trajectories, fields on a grid; HDF5 with XDMF beside it.
 * Knows no method.
 *
 * One group per recorded time, /step_000000, /step_000001 …: attributes time (legs laid end to end:
 * leg + t), leg, t, step. Its arrays, all double:
 *   x, v        positions and velocities [n, d]
 *   x3, v3      the same [n, 3], where d != 3: padded with zeros (d = 1, 2), or seen along three
 *               fixed axes, /projection/{mean,axes,explained_variance} (d > 3)
 *   x_0, x_1 …  coordinates of their own [n], where d > 3: the first 16
 * Each file has id [n] (int64) and connectivity [n] (int32).
 *
 * XDMF (NAME.xdmf2 and NAME.xmf, the same text) is rewritten by rename after each part, in the
 * dialect that every reader of ParaView takes: Polyvertex with explicit connectivity, 3DCoRectMesh,
 * vectors of three components, no hyperslabs, always an `id`. */
#ifndef SB_RECORDER_H
#define SB_RECORDER_H
#include "sb/file.h"

/** Three axes for the picture of d > 3 dimensions; NULL members where d <= 3. */
typedef struct sb_projection {
  int d;
  double *mean;        /**< [d]                   */
  double *axes;        /**< [3, d], unit vectors  */
  double explained[3]; /**< fraction of variance  */
} sb_projection;

/** A table of points: NAME.h5 with /x (and /x3, /x_0 … as above), /id, /connectivity, /label where
 * given, and the further columns. */
typedef struct sb_table {
  const char *directory, *name;
  int overwrite;
  int64_t n; /**< all points                                          */
  int d;
  const double *x;        /**< [count, d] this rank's rows (sb_share_of n), raw    */
  const int32_t *label;   /**< [count] or NULL                                     */
  const char *meaning;    /**< of x                                                */
  const sb_column *extra; /**< further datasets of any length; XDMF shows those of
                             one number a point                                  */
  int extras;
  const int64_t *image; /**< attribute `image` of the file, [image_rank]: rows,
                             columns(, channels); or NULL                        */
  int image_rank;
  const sb_projection *projection; /**< for d > 3, else NULL                                */
  const char *parent;
} sb_table;
/** Collective. Writes directory/name.h5, name.xdmf2 and name.xmf. */
sb_status sb_table_write(const sb_comm *c, const sb_table *t);

/** Trajectories of the first `particles` particles at chosen times. */
typedef struct sb_recorder sb_recorder;

typedef struct sb_recorder_options {
  const char *directory, *name; /**< name.h5, name.p0001.h5 …, name.xdmf2, name.xmf      */
  int overwrite;
  int64_t particles;       /**< recorded particles: indices 0 .. particles-1        */
  int64_t frames_per_part; /**< times in one file                                   */
  int d;
  const sb_projection *projection; /**< for d > 3; borrowed until the close                 */
  const char *parent;
} sb_recorder_options;

/** Collective. n = all particles of the cloud (shares by sb_share_of). Buffers of one part are
 * allocated here, none later. */
sb_status sb_recorder_open(const sb_comm *c, const sb_recorder_options *o, int64_t n,
                           sb_recorder **out);
/** Bytes that sb_recorder_open allocates on a rank that owns `tracked` of the recorded particles. */
int64_t sb_recorder_bytes(const sb_recorder_options *o, int64_t tracked);
/** Collective. Positions x and velocities v [count, d] of this rank's particles first ..
 * first+count-1, raw coordinates: its share, or at least those of it that are recorded. v NULL:
 * zeros. Buffered, without a word to the other ranks; a full part is written, committed and the XDMF rewritten. After
 * a failure, which all learn of when the part is written, every call returns the same status. */
sb_status sb_recorder_add(sb_recorder *r, int leg, int64_t step, double t, int64_t first,
                          int64_t count, const double *x, const double *v);
/** Collective. Puts into a file under way what the recorder holds: the frames of the part that is not full yet, and
 * which parts are on the disk (group /recorder, and those of the frames). */
sb_status sb_recorder_save(const sb_recorder *r, sb_file *f);
/** Collective. Takes up what sb_recorder_save of a recorder with the same options left, on any number of ranks: later
 * parts are those of an uninterrupted run. SB_USE where the file does not fit or a part is missing; the recorder is
 * then as it was. */
sb_status sb_recorder_restore(sb_recorder *r, sb_file *f);
/** Collective. Frees without writing. Accepts NULL. */
void sb_recorder_drop(sb_recorder *r);
/** Collective. Writes what is buffered, removes later parts of an earlier run of this name, and
 * frees. Accepts NULL. */
sb_status sb_recorder_close(sb_recorder *r);

/** Fields on a regular grid of 1 to 3 axes; axes that are not there have one point. Flat point
 * index (iz * ny + iy) * nx + ix; ranks own ranges of it (sb_share_of). */
typedef struct sb_grid {
  int axes;
  int64_t shape[3]; /**< nx, ny, nz */
  double origin[3], spacing[3];
} sb_grid;

int64_t sb_grid_points(const sb_grid *g);
/** Coordinates [count, 3] of flat points first … */
void sb_grid_at(const sb_grid *g, int64_t first, int64_t count, double *x);

/** One array on the grid: this rank's points [count, width], width 1 or 3. */
typedef struct sb_grid_array {
  const char *name, *unit, *meaning;
  int width;
  const double *data;
} sb_grid_array;

typedef struct sb_grid_file sb_grid_file;
/** Collective. Begins NAME.h5 with /grid (attributes axes, shape, origin, spacing: x, y, z). */
sb_status sb_grid_create(const sb_comm *c, const char *directory, const char *name, int overwrite,
                         const sb_grid *g, const sb_projection *projection, const char *parent,
                         sb_grid_file **out);
/** Collective. One time: n <= 16 arrays [nz, ny, nx] or [nz, ny, nx, 3] in a group. */
sb_status sb_grid_add(sb_grid_file *f, int leg, double t, const sb_grid_array *arrays, int n);
/** Collective. Commits the file, writes the XDMF, frees. Accepts NULL. */
sb_status sb_grid_close(sb_grid_file *f);

#endif
