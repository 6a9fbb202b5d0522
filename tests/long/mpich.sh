#!/bin/sh
# `make MPI=mpich check`: the same source with MPICH's packages. Its ranks spin while they wait, so with more ranks than cores
# this takes long.
. tests/env.sh
command -v mpicc.mpich >/dev/null || skip_all "MPICH is not here"
pkg-config --exists hdf5-mpich || skip_all "HDF5 for MPICH is not here"
unset BUILD SCRATCH HARNESS_ACTIVE HARNESS_IS_VERBOSE
output=$(mktemp)
trap 'rm -f "$output"' EXIT
LIMIT=600 is_status 0 "make MPI=mpich check" make -s MPI=mpich check
ok "every test passed" grep -q '^[0-9]* passed, 0 failed' "$output"
done_testing
