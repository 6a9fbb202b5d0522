#!/bin/sh
# Bridges of two data sets leave the same bits on any number of ranks, both ways, stopped and taken up, from a checkpoint,
# with fewer points than ranks.
. tests/env.sh
top=$PWD program=$(realpath "$sbridge")

# on RANKS DECK OPTIONS...: a whole run in a folder of its own
on() {
  ranks=$1 deck=$2
  shift 2
  mkdir -p "$SCRATCH/$ranks"
  cd "$SCRATCH/$ranks" || exit 1
  is_status 0 "$deck on $ranks ranks $*" mpi "$ranks" "$program" run "$top/tests/equal/$deck.yml" "$@"
  cd "$top" || exit 1
}

for case in "forward 7" "backward 3"; do
  way=${case% *} other=${case#* }
  rm -rf "$SCRATCH"/[0-9]
  for ranks in 1 $other; do on "$ranks" sinkhorn --set sample.direction="$way"; done
  ok "$way: same files" tools/same.sh "$SCRATCH/1/out" "$SCRATCH/$other/out"
done
cd "$SCRATCH/3" || exit 1
is_status 0 "draws from the checkpoint" mpi 2 "$program" sample out/checkpoint.h5 --set output=again
ok "no second scaling" sh -c "! grep -q iterations '$output'"
ok "same draws" h5diff -q out/samples.h5 again/samples.h5 /x /x
ok "same starts" h5diff -q out/samples.h5 again/samples.h5 /start /start
SB_POISON=sampling:1:6 is_status 75 "stopped while sampling" mpi 2 "$program" run "$top/tests/equal/sinkhorn.yml" \
  --set output=held --set sample.direction=backward
is_status 0 "and taken up" mpi 5 "$program" run "$top/tests/equal/sinkhorn.yml" --set output=held --set sample.direction=backward --resume
ok "to the same draws" h5diff -q out/samples.h5 held/samples.h5 /x /x
ok "and starts" h5diff -q out/samples.h5 held/samples.h5 /start /start
is_status 0 "points of one's own, pushed" mpi 3 "$program" sample out/checkpoint.h5 --start out/samples.h5 --set output=pushed
ok "they are the starts" "$PYTHON" -c 'import h5py; assert (h5py.File("out/samples.h5")["x"][:] == h5py.File("pushed/samples.h5")["start"][:]).all()'
is_status 0 "fewer points than ranks" mpi 4 "$program" run "$top/tests/equal/sinkhorn.yml" --set data.n=3 --set source.n=3 \
  --set data.validation=0 --set source.validation=0 --set output=three
is_status 1 "another source than the checkpoint's" mpi 2 "$program" run "$top/tests/equal/sinkhorn.yml" --resume --set source.n=300
ok "names the key" grep -q '^sbridge: source.n differs' "$output"
cd "$top" || exit 1

rm -rf "$SCRATCH"/[0-9]
for ranks in 1 4; do on $ranks mixture; done
ok "mixture: same files" tools/same.sh "$SCRATCH/1/out" "$SCRATCH/4/out"
ok "mixture: same history" cmp "$SCRATCH/1/out/history.csv" "$SCRATCH/4/out/history.csv"
cd "$SCRATCH/4" || exit 1
is_status 75 "stopped while training" mpi 3 "$program" run "$top/tests/equal/mixture.yml" --set output=held --stop-after 35
is_status 0 "and taken up" mpi 2 "$program" run "$top/tests/equal/mixture.yml" --set output=held --resume
ok "mixture: the same draws" h5diff -q out/samples.h5 held/samples.h5 /x /x
ok "mixture: the same parameters" h5diff -q out/checkpoint.h5 held/checkpoint.h5 /net/potential /net/potential
is_status 0 "ends drawn at once" mpi 3 "$program" sample out/checkpoint.h5 --set output=ends --set sample.sampler=plan
is_status 0 "full spreads" mpi 2 "$program" run "$top/tests/equal/mixture.yml" --set output=full --set mixture.spread=full
is_status 0 "fewer points than ranks" mpi 4 "$program" run "$top/tests/equal/mixture.yml" --set data.n=3 --set source.n=3 \
  --set data.validation=0 --set source.validation=0 --set output=three --set mixture.components=2 --set train.keep=last --set train.batch=3
cd "$top" || exit 1
done_testing
