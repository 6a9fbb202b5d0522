/* layer: io */
/* What the files of io that call HDF5 know of each other.
 *
 * All metadata (groups, empty datasets, attributes) is written and read by rank 0 alone, through a
 * serial handle. All ranks share a second, parallel handle, through which nothing but the elements
 * of datasets goes. So an error in metadata is local to rank 0, and a file that is given up can
 * always be closed: nothing is pending in it that ranks would have to write together. While a file
 * is written one of the handles is open at a time; while it is read, both. */
#ifndef SB_IO_H5_H
#define SB_IO_H5_H
#include <hdf5.h>

#include "io.h"

struct sb_file {
  const sb_comm *comm;
  char *path, *part; /* part: where it is written until the commit, NULL when reading */
  sb_status broken; /* an earlier call failed: this one does nothing                              */
  hid_t meta;       /* serial handle, rank 0 only; -1 closed                                      */
  hid_t data;       /* parallel handle of all ranks; -1 closed                                    */
};

/** Deepest description that HDF5 has of its last error, on this rank. */
const char *sb_h5_why(void);

/** Collective when writing: leaves the parallel handle, opens the serial one on rank 0. Not yet
 * agreed. */
sb_status sb_h5_meta(sb_file *f);
/** Collective: opens the parallel handle (writing: closes the serial one first and reserves disk
 * space). Agreed. */
sb_status sb_h5_data(sb_file *f);
/** Collective: agrees; when writing, a failure gives the file up: both handles are closed and the
 * part is removed. */
sb_status sb_h5_agree(sb_file *f, sb_status mine);
/** Collective: rank 0 does work(meta handle, context), all agree. */
sb_status sb_h5_alone(sb_file *f, sb_status (*work)(sb_file *f, void *context), void *context);

/* --- shape.c: rank 0, serial handle
 * ------------------------------------------------------------------ */

/** Element type in the file and in memory, and bytes of an element. */
hid_t sb_kind_type(sb_kind kind);
int64_t sb_kind_bytes(sb_kind kind);
const char *sb_kind_name(sb_kind kind);
/** Makes the groups above a path, or, with self, also the path itself. */
sb_status sb_h5_groups(sb_file *f, const char *path, int self);
int sb_h5_has(hid_t file, const char *path);
/** Attributes; the object is made as a group where it does not exist. */
sb_status sb_h5_text(sb_file *f, const char *path, const char *name, const char *text);
sb_status sb_h5_numbers(sb_file *f, const char *path, const char *name, hid_t type, int n,
                        const void *x);
sb_status sb_h5_int(sb_file *f, const char *path, const char *name, int64_t x);
sb_status sb_h5_real(sb_file *f, const char *path, const char *name, double x);
/** A text dataset. */
sb_status sb_h5_string(sb_file *f, const char *path, const char *meaning, const char *text);
/** Text of an attribute or dataset (sb_mem_new); name NULL: the dataset itself. */
sb_status sb_h5_read_text(sb_file *f, const char *path, const char *name, char **out);

typedef struct sb_h5_shape {
  int rank;
  int text; /* a string: no shape, no kind */
  sb_kind kind;
  int64_t shape[4];
  int64_t stored; /* bytes in the file */
} sb_h5_shape;
/** Fails with SB_USE where there is no such dataset, naming those that exist. */
sb_status sb_h5_shape_of(sb_file *f, const char *path, sb_h5_shape *out);

/* --- ledger.c, ledger_verify.c
 * ---------------------------------------------------------------------------------- */

#define SB_CHECKED "columns" /* attribute of /check: the paths that it speaks for, a line each */
/** What stands in /check of a row with this crc; never 0. */
int64_t sb_ledger_check(uint64_t crc);
/** Rank 0, serial handle: recomputes the checksums of the rows, where the file is a ledger. Rows
 * that are not there are no damage. */
sb_status sb_ledger_verify(sb_file *f, void *unused);

#endif
