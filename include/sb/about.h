/* layer: io */
/** Provenance: what made a file. Only /about and /timing of a file may depend on the run. */
#ifndef SB_ABOUT_H
#define SB_ABOUT_H
#include "sb/comm.h"
#include "sb/file.h"

/** Set once at start (borrowed): command line, used deck (may be set later), texts of
 * sb_blas_library and sb_blas_core. */
void sb_about_start(int argc, char **argv);
void sb_about_deck(const char *used_deck);
void sb_about_blas(const char *library, const char *core);

/** Writes attributes of group /about: version, git, compiler, flags, mpi, hdf5, blas, blas_core,
 * kernels, ranks, nodes, hosts ("node1:48 node2:48": host and ranks), command, date (UTC), deck
 * and, where parent is not NULL, parent and parent_crc (path of the checkpoint that this file came
 * from, and its sb_path_crc when it was first named; "" where it is gone). Collective. */
sb_status sb_about_put(sb_file *f, const char *parent);
/** Collective. The checksum that sb_about_put gives this parent: it is computed now, whatever was there under that name
 * before. "" where there is no such file. */
sb_status sb_about_parent(const sb_comm *c, const char *parent, char crc[17]);
/** Text of `sbridge --version`, several lines. Not collective. */
const char *sb_about_version(void);

#endif
