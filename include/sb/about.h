/* layer: io */
/** Provenance: what made a file. Only /about and /timing of a file may depend on the run. */
#ifndef SB_ABOUT_H
#define SB_ABOUT_H
#include "sb/comm.h"
#include "sb/file.h"

/** Set once at start (borrowed): command line and used deck. */
void sb_about_start(int argc, char **argv);
void sb_about_deck(const char *used_deck);

/** Writes group /about: version, git, compiler, flags, mpi, hdf5, blas, blas_core, kernels, ranks, hosts, command, date, deck and, when
 *  not NULL, parent (path and crc of the checkpoint that this file came from). Collective. */
sb_status sb_about_put(sb_file *f, const char *parent);
/** Text of `sbridge --version`, several lines. */
const char *sb_about_version(void);

#endif
