#!/bin/sh
# Samples that are pictures come with their nearest training rows, the same on any number of ranks; a shape that does not
# fit a row is refused before anything is trained.
. tests/env.sh
top=$PWD program=$(realpath "$sbridge")

# at RANKS OPTIONS...: a small run in a folder of its own
at() {
  ranks=$1
  shift
  mkdir -p "$SCRATCH/$ranks"
  cd "$SCRATCH/$ranks" || exit 1
  mpi "$ranks" "$program" run "$top/tests/equal/tiny.yml" --overwrite --set record.image='[1, 2]' --set record.training=560 "$@"
  status=$?
  cd "$top" || exit 1
  return $status
}

is_status 0 "draws of one rank" at 1
is_status 0 "draws of three ranks, more than blocks of draws looked at" at 3
ok "the same" tools/same.sh "$SCRATCH/1/out/samples.h5" "$SCRATCH/3/out/samples.h5"
ok "nearest are the first 64 draws' nearest of all training rows" "$PYTHON" - "$SCRATCH/1/out/samples.h5" <<'END'
import sys
import h5py
with h5py.File(sys.argv[1]) as f:
    x, training, nearest = (f[name][:] for name in ("x", "training", "nearest"))
gap = ((x[:64, None] - training[None]) ** 2).sum(axis=2)
assert len(nearest) == 64 and len(training) == 560
assert (training[gap.argmin(axis=1)] == nearest).all()
END
is_status 1 "a shape of other numbers than a row" at 1 --set record.image='[2, 2]'
ok "says so" grep -q 'record.image: 2 numbers whose product is 4, but a row has 2' "$output"
done_testing
