/* layer: io */
/** HDF5 files, written and read by all ranks: one logical file whatever the number of ranks.
 *
 * Writing: sb_file_create makes NAME.part; sb_file_commit closes it on all ranks, agrees, syncs,
 * renames it to NAME and syncs the directory, so that NAME is always whole. All calls are
 * collective and leave the same status on every rank. Rank 0 writes what stands around the numbers
 * (groups, attributes, empty datasets), all ranks write the numbers in collective transfers; going
 * from one to the other costs milliseconds: put many columns at once, attributes before them.
 *
 * A failure gives the file up on all ranks: NAME.part is removed, NAME is as it was, later calls
 * return the same status; the file is still to be ended by sb_file_commit (which returns that
 * status) or sb_file_drop.
 *
 * The environment SB_FAIL=STEP:RANK:K (tests) makes the K-th local step of that kind on that rank
 * fail with SB_SYS. STEP is one of
 *   create   in sb_file_create
 *   write    after the transfer of a dataset to the file
 *   close    after the file is closed
 *   commit   before it is synced and renamed
 *   read     before the transfer of a dataset from a file
 *   text     before sb_text_write writes */
#ifndef SB_FILE_H
#define SB_FILE_H
#include <stdint.h>

#include "sb/comm.h"

typedef struct sb_file sb_file;

typedef enum sb_kind { SB_KIND_F32, SB_KIND_F64, SB_KIND_I32, SB_KIND_I64, SB_KIND_U8 } sb_kind;

/** An output record: what it is, said once; file, attributes and XDMF are written from it. Together
 * the ranks hold every row exactly once. */
typedef struct sb_column {
  const char *path;     /**< dataset, e.g. "/x"; groups on the way are made       */
  const char *unit;     /**< "1" when dimensionless                               */
  const char *meaning;  /**< one phrase                                           */
  sb_kind kind;         /**< element type, in memory and in the file              */
  int rank;             /**< number of dimensions, 1 .. 4                         */
  int64_t shape[4];     /**< global shape; shape[0] = rows                        */
  int merge;            /**< leading dimensions that together form the rows (0
                             means 1): a share of a grid is a range of points    */
  int64_t first, count; /**< this rank's rows; count 0 is fine                    */
  const void *data;     /**< this rank's rows, contiguous; borrowed               */
} sb_column;

/** Creates path.part (parallel). overwrite = 0: an existing path is SB_USE. */
sb_status sb_file_create(const sb_comm *c, const char *path, int overwrite, sb_file **out);
/** Writes one dataset (contiguous, no fill, collective transfer in slices < 2 GiB) with attributes
 * unit, meaning, crc: 16 hex digits, the CRC-64/XZ (polynomial 42f0e1eba9ea3693, reflected, begun
 * and ended with all ones, as in .xz files) of its elements in order, little endian; so it does not
 * depend on the number of ranks. Global size 0 allowed. SB_SYS when the disk has too little room,
 * before the numbers are written. */
sb_status sb_file_put(sb_file *f, const sb_column *col);
/** n datasets at once: opens the file once for all, where n calls of sb_file_put open it n times.
 */
sb_status sb_file_put_all(sb_file *f, const sb_column *cols, int n);
/** Attributes of a group or dataset that exists or is made as a group: path "/" is the file. */
sb_status sb_file_put_text(sb_file *f, const char *path, const char *name, const char *text);
sb_status sb_file_put_real(sb_file *f, const char *path, const char *name, int n, const double *x);
sb_status sb_file_put_int(sb_file *f, const char *path, const char *name, int n, const int64_t *x);
/** A long text as a dataset (deck, table of slots). */
sb_status sb_file_put_string(sb_file *f, const char *path, const char *meaning, const char *text);
/** Close, agree, sync, rename, sync directory. Frees f in every case. keep > 0: NAME (".h5") before
 * the rename goes to NAME.1.h5, NAME.1.h5 to NAME.2.h5 …, the last `keep` kept. */
sb_status sb_file_commit(sb_file *f, int keep);
/** Gives up: closes, removes path.part, frees. Accepts NULL. */
void sb_file_drop(sb_file *f);

/** Opens for reading. Missing, not HDF5, truncated: SB_USE, one line that says which. */
sb_status sb_file_open(const sb_comm *c, const char *path, sb_file **out);
void sb_file_close(sb_file *f);
/** Collective. SB_USE when a file is so damaged that reading what stands around its numbers fails, or crashes the
 * library: a process of its own tries, this program with the words SB_PROBE and path. main gives them to sb_file_probed
 * before MPI starts, and ends with its result. */
sb_status sb_file_probe(const sb_comm *c, const char *path);
#define SB_PROBE "--probe-file"
int sb_file_probed(const char *path);
/** 1 when a dataset or group exists (same on all ranks). */
int sb_file_has(sb_file *f, const char *path);
/** Shape of a dataset; SB_USE when absent (the names that exist are listed) or of more than 4
 * dimensions. */
sb_status sb_file_shape(sb_file *f, const char *path, int *rank, int64_t shape[4], sb_kind *kind);
/** Rows first .. first+count-1 of a dataset converted to `kind`; count may be 0. Text or compound
 * data, and reals where whole numbers are asked for: SB_USE. A value out of the range of `kind`:
 * SB_USE. */
sb_status sb_file_get(sb_file *f, const char *path, sb_kind kind, int64_t first, int64_t count,
                      void *data);
sb_status sb_file_get_text(sb_file *f, const char *path, const char *name, char *out, int size);
sb_status sb_file_get_real(sb_file *f, const char *path, const char *name, int n, double *x);
sb_status sb_file_get_int(sb_file *f, const char *path, const char *name, int n, int64_t *x);
/** A text dataset, allocated with sb_mem_new, to be freed by the caller. */
sb_status sb_file_get_string(sb_file *f, const char *path, char **out);
/** Recomputes the crc of every dataset that has one; SB_USE names the first that differs. */
sb_status sb_file_verify(sb_file *f);

/** Collective. Size of any file, and the CRC-64/XZ of its bytes as 16 hex digits. bytes may be
 * NULL. Missing: SB_USE. */
sb_status sb_path_crc(const sb_comm *c, const char *path, int64_t *bytes, char crc[17]);
/** Tests: takes this text in place of SB_FAIL from now on; NULL: nothing fails. The same on every
 * rank. */
void sb_file_fault(const char *text);

/** The run's directory: made with parents. Rank 0 works, all agree. Unwritable: SB_SYS. */
sb_status sb_dir_make(const sb_comm *c, const char *path);
/** 1 when a file or directory of this name exists (rank 0 looks, all learn). */
int sb_path_exists(const sb_comm *c, const char *path);
/** Rank 0 writes a small text file by temp + fsync + rename; all agree. */
sb_status sb_text_write(const sb_comm *c, const char *path, const char *text, int64_t length);
/** Rank 0 reads a text file, all receive it (sb_mem_new, zero-terminated). Missing: SB_USE. */
sb_status sb_text_read(const sb_comm *c, const char *path, char **out, int64_t *length);
/** Free bytes of the file system that holds path, -1 unknown (rank 0 looks). */
int64_t sb_disk_free(const sb_comm *c, const char *path);

#endif
