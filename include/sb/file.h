/* layer: io */
/** HDF5 files, written and read by all ranks: one logical file whatever the number of ranks.
 *
 * Writing: sb_file_create makes NAME.part; sb_file_commit closes it on all ranks, agrees, syncs, renames it to NAME and syncs
 * the directory, so that NAME is always whole. All calls are collective and leave the same status on every rank. */
#ifndef SB_FILE_H
#define SB_FILE_H
#include <stdint.h>

#include "sb/comm.h"

typedef struct sb_file sb_file;

typedef enum sb_kind { SB_KIND_F32, SB_KIND_F64, SB_KIND_I32, SB_KIND_I64, SB_KIND_U8 } sb_kind;

/** An output record: what it is, said once; file, attributes and XDMF are written from it. */
typedef struct sb_column {
  const char *path;    /**< dataset, e.g. "/x"; groups on the way are made                                    */
  const char *unit;    /**< "1" when dimensionless                                                            */
  const char *meaning; /**< one phrase                                                                        */
  sb_kind kind;        /**< element type, in memory and in the file                                           */
  int rank;            /**< number of dimensions, 1 .. 4                                                      */
  int64_t shape[4];    /**< global shape; shape[0] = rows                                                     */
  int merge;            /**< leading dimensions that together form the rows (0 means 1): a share of a grid is a range of flat points */
  int64_t first, count; /**< this rank's rows; count 0 is fine; together the ranks cover all rows exactly once */
  const void *data;    /**< this rank's rows, contiguous; borrowed                                            */
} sb_column;

/** Creates path.part (parallel). overwrite = 0: an existing path is SB_USE. */
sb_status sb_file_create(const sb_comm *c, const char *path, int overwrite, sb_file **out);
/** Writes one dataset (contiguous, no fill, collective transfer in slices < 2 GiB) with attributes unit, meaning, crc
 *  (crc = "crc64" of the rows in order, as 16 hex digits, the same for any number of ranks). Global size 0 allowed. */
sb_status sb_file_put(sb_file *f, const sb_column *col);
/** Attributes of a group or dataset that exists or is made as a group: path "/" is the file. */
sb_status sb_file_put_text(sb_file *f, const char *path, const char *name, const char *text);
sb_status sb_file_put_real(sb_file *f, const char *path, const char *name, int n, const double *x);
sb_status sb_file_put_int(sb_file *f, const char *path, const char *name, int n, const int64_t *x);
/** A long text as a dataset (deck, table of slots). */
sb_status sb_file_put_string(sb_file *f, const char *path, const char *meaning, const char *text);
/** Close, agree, sync, rename, sync directory. Frees f in every case. keep > 0: NAME (".h5") before the rename goes to NAME.1.h5,
 *  NAME.1.h5 to NAME.2.h5 …, the last `keep` kept. */
sb_status sb_file_commit(sb_file *f, int keep);
/** Gives up: closes, removes path.part, frees. Accepts NULL. */
void sb_file_drop(sb_file *f);

/** Opens for reading. Missing, not HDF5, truncated: SB_USE, one line that says which. */
sb_status sb_file_open(const sb_comm *c, const char *path, sb_file **out);
void sb_file_close(sb_file *f);
/** 1 when a dataset or group exists (same on all ranks). */
int sb_file_has(sb_file *f, const char *path);
/** Shape of a dataset; SB_USE when absent (the names that exist are listed) or of more than 4 dimensions. */
sb_status sb_file_shape(sb_file *f, const char *path, int *rank, int64_t shape[4], sb_kind *kind);
/** Rows first .. first+count-1 of a dataset converted to `kind`; count may be 0. Text or compound data: SB_USE. */
sb_status sb_file_get(sb_file *f, const char *path, sb_kind kind, int64_t first, int64_t count, void *data);
sb_status sb_file_get_text(sb_file *f, const char *path, const char *name, char *out, int size);
sb_status sb_file_get_real(sb_file *f, const char *path, const char *name, int n, double *x);
sb_status sb_file_get_int(sb_file *f, const char *path, const char *name, int n, int64_t *x);
/** A text dataset, allocated with sb_mem_new, to be freed by the caller. */
sb_status sb_file_get_string(sb_file *f, const char *path, char **out);
/** Recomputes the crc of every dataset that has one; SB_USE names the first that differs. */
sb_status sb_file_verify(sb_file *f);

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
