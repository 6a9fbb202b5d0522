/* layer: io */
/** Checkpoints, schema 1: everything that a run needs to go on, on any number of ranks, to the same
 * bits.
 *
 * A checkpoint is a list of blocks (datasets; the data is the same on every rank) plus the used
 * deck (/deck), attributes of the file (schema, method) and /numerics (kernel variant, block rows,
 * noise layout). Each dataset carries a crc. Written whole by sb_file_commit, the previous ones
 * kept. */
#ifndef SB_CHECKPOINT_H
#define SB_CHECKPOINT_H
#include "sb/file.h"

#define SB_SCHEMA 1

typedef struct sb_block {
  char path[64]; /**< "/net/score/parameters"                                       */
  const char *meaning;
  sb_kind kind;
  int rank; /**< 1 .. 4                                                        */
  int64_t shape[4];
  void *data;         /**< all rows, the same on every rank; read into on load; borrowed */
  const char *layout; /**< attribute `layout` (slots of a network), may be NULL          */
  int optional;       /**< absence in the file is fine on load (data left as it is)      */
} sb_block;

typedef struct sb_checkpoint {
  char path[1024];
  char method[32];
  char *deck;                 /**< used deck; owned                       */
  char kernels[16];           /**< numerics of the writer: kernel variant */
  int64_t layout, block_rows; /**< … noise layout, rows of a block        */
  sb_file *file;              /**< owned                                  */
} sb_checkpoint;

/** Collective. Writes path with `keep` earlier ones kept; parent: path of the checkpoint this run
 * came from, or NULL. */
sb_status sb_checkpoint_write(const sb_comm *c, const char *path, int keep, const char *method,
                              const char *deck, const char *parent, const sb_block *blocks, int n);
/** Collective. Opens, checks schema (newer: SB_USE, one line) and reads the deck and numerics.
 * Checksums are looked at by sb_checkpoint_load, of the blocks that it reads;
 * sb_file_verify(out->file) looks at all. On failure out is closed. */
sb_status sb_checkpoint_open(const sb_comm *c, const char *path, sb_checkpoint *out);
/** Collective. Fills the blocks; a missing block, another shape (both shapes named) or a wrong crc:
 * SB_USE. */
sb_status sb_checkpoint_load(sb_checkpoint *k, const sb_block *blocks, int n);
/** Rows of a dataset, 0 when absent (history of a run that is to be read before its length is
 * known). */
int64_t sb_checkpoint_rows(sb_checkpoint *k, const char *path);
void sb_checkpoint_close(sb_checkpoint *k);

#endif
