/* layer: io */
/* What the files of io that call HDF5 know of each other.
 *
 * All metadata (groups, empty datasets, attributes) is written and read by rank 0 alone, through a
 * serial handle. Elements are read by all ranks through a second, parallel handle. They are written
 * without the library, which takes a tenth of a millisecond for each dataset: all datasets that are
 * put at once in one collective transfer of MPI-IO to the places that HDF5 gave them, while no
 * handle is open. So an error in metadata is local to rank 0, and a file that is given up can
 * always be closed: nothing is pending in it that ranks would have to write together. */
#ifndef SB_IO_H5_H
#define SB_IO_H5_H
#include <hdf5.h>

#include "io.h"

struct sb_file {
  const sb_comm *comm;
  char *path, *part; /* part: where it is written until the commit, NULL when reading */
  sb_status broken; /* an earlier call failed: this one does nothing                              */
  hid_t meta;       /* serial handle, rank 0 only; -1 closed                                      */
  hid_t data;       /* parallel handle of all ranks, for reading; -1 closed                       */
};

/** Deepest description that HDF5 has of its last error, on this rank. */
const char *sb_h5_why(void);

/** Opens the serial handle, on rank 0. Local. */
sb_status sb_h5_meta(sb_file *f);
/** Collective, reading: opens the parallel handle. Agreed. */
sb_status sb_h5_data(sb_file *f);

/** Bytes of this rank, and where in the file they belong. */
typedef struct sb_h5_piece {
  int64_t at, bytes;
  const void *data;
} sb_h5_piece;
/** Collective, writing: closes the serial handle, reserves the room that the file needs, and writes
 * n pieces of this rank, in ascending order. Agreed. */
sb_status sb_h5_write(sb_file *f, const sb_h5_piece *pieces, int n);
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
/** A text attribute of an object that was just made; path for the message. */
sb_status sb_h5_text_of(sb_file *f, hid_t object, const char *path, const char *name,
                        const char *text);
/** A number. */
sb_status sb_h5_number_of(sb_file *f, hid_t object, const char *path, const char *name, hid_t type,
                          const void *x);
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
