#!/bin/sh
# What fuzzing once found, or had to begin with, is borne: see tests/fuzz/run.
. tests/env.sh
export OMPI_MCA_ess_singleton_isolated=1
for target in tests/fuzz/f_*.c; do
  name=$(basename "$target" .c)
  set -- "tests/fuzz/found/${name#f_}"/*
  is_status 0 "$name: $# inputs" timeout -k 5 "$LIMIT" "$BUILD/fuzz/$name" "$@"
done
done_testing
