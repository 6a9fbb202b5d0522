/* layer: io */
/* What the files of io know of each other. Functions that end in `_local` are called by one rank
 * and talk to nobody. */
#ifndef SB_IO_IO_H
#define SB_IO_IO_H
#include <stdint.h>
#include <sys/stat.h>

#include "sb/crc.h"
#include "sb/file.h"
#include "sb/recorder.h"
#include "sb/text.h"

/* --- fault.c ------------------------------------------------------------------------------------
 */

/** A local step that may fail. SB_SYS where SB_FAIL (sb/file.h) wants this one to fail. */
sb_status sb_fault(const sb_comm *c, const char *step);

/* --- path.c -------------------------------------------------------------------------------------
 */

/** New text (sb_mem_new) made of a format. */
sb_status sb_text_of(char **out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** The part of a path after its last slash. */
const char *sb_base_name(const char *path);
int sb_exists_local(const char *path);
/** A file that can be read to its end, not a directory, pipe or device, before it is opened; what
 * stat says of it. */
sb_status sb_file_local(const char *path, struct stat *what);
/** Brings what was written of a file, or the entries of the directory that holds it, to the disk.
 */
sb_status sb_sync_local(const char *path);
sb_status sb_sync_directory_local(const char *path);
/** Reserves disk space for the first `bytes` bytes of a file, called `name` in the message: SB_SYS
 * when there is too little. */
sb_status sb_reserve_local(const char *path, const char *name, int64_t bytes);
/** part becomes path, path becomes path.1 and so on, the last `keep` kept; there is a whole `path`
 * at any time. */
sb_status sb_replace_local(const char *part, const char *path, int keep);
/** "NAME.h5" and 3 give "NAME.3.h5" (sb_mem_new). */
sb_status sb_numbered(char **out, const char *path, const char *before, int width, int number);

/* --- xdmf.c: the text of NAME.xdmf2 and NAME.xmf, kept by rank 0 --------------------------------
 */

/** Begins one time, ends it; in between a cloud or a mesh, then its arrays. */
void sb_xdmf_begin(sb_text *t, double time);
void sb_xdmf_end(sb_text *t);
/** Points at the rows of a column [n, 3] of a file. */
void sb_xdmf_cloud(sb_text *t, const char *file, const sb_column *points);
void sb_xdmf_mesh(sb_text *t, const sb_grid *g);
/** An array on the points: scalar, or vector where the column has one dimension more than its rows.
 */
void sb_xdmf_array(sb_text *t, const char *name, const char *file, const sb_column *col);
/** Collective. Writes both files into a directory; more times may follow. */
sb_status sb_xdmf_write(const sb_comm *c, const char *directory, const char *name, sb_text *t);

/* --- picture.c: what is written of a cloud of points
 * -----------------------------------------------
 */

#define SB_PICTURE_SINGLE 16                      /* coordinates that get an array of their own */
#define SB_PICTURE_MOST   (4 + SB_PICTURE_SINGLE) /* arrays of one time                          */
#define SB_PICTURE_FIXED  6                       /* id, connectivity, label, projection         */

/** The arrays of one time: x [n, d], with velocity v; for d != 3 x3, v3; for d > 3 x_0 … . */
typedef struct sb_picture {
  int64_t n, first, count;         /* points in all; those of this rank   */
  int d, velocity;                 /* dimension; whether there is a v      */
  const sb_projection *projection; /* for d > 3; borrowed                  */
  int64_t *id;                     /* [count] owned                        */
  int32_t *connectivity;           /* [count] owned                        */
} sb_picture;

/** Fills id and connectivity. Local. Freed by sb_picture_free. */
sb_status sb_picture_new(sb_picture *p);
void sb_picture_free(sb_picture *p);
/** Doubles of all arrays of one point. */
int64_t sb_picture_width(const sb_picture *p);
/** Writes the arrays of this rank's points behind each other: out [count * width]. v may be NULL:
 * zeros. */
void sb_picture_fill(const sb_picture *p, const double *x, const double *v, double *out);
/** Columns of what sb_picture_fill wrote, below a group; their names go to paths. Returns how many.
 */
int sb_picture_columns(const sb_picture *p, const char *group, const double *data,
                       char (*paths)[64], sb_column *cols);
/** Columns that a file has once. label may be NULL. Returns how many. */
int sb_picture_fixed(const sb_comm *c, const sb_picture *p, const int32_t *label, sb_column *cols);
/** Adds one time to the text. cols: those of sb_picture_columns; fixed: those of sb_picture_fixed.
 */
void sb_picture_xdmf(sb_text *t, const sb_picture *p, double time, const char *file,
                     const sb_column *cols, int n, const sb_column *fixed, int fixed_n);
/** Columns of /projection: 0 or 3. */
int sb_projection_columns(const sb_comm *c, const sb_projection *p, sb_column *cols);

#endif
