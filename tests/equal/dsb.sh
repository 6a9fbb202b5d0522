#!/bin/sh
# Method dsb leaves the same bits on any number of ranks, on one node or several (emulated), and when it is stopped in any
# half-step and goes on on another number of ranks.
. tests/env.sh
top=$PWD program=$(realpath "$sbridge") deck=$PWD/tests/equal/dsb.yml

# on RANKS NODES OPTIONS...: training and draws in a folder of its own
on() {
  folder=$SCRATCH/$1-$2 ranks=$1 nodes=$2
  shift 2
  mkdir -p "$folder"
  cd "$folder" || exit 1
  export SB_EMULATE_NODES="$nodes"
  is_status 0 "training on $ranks ranks of $nodes nodes $*" mpi "$ranks" "$program" train "$deck" "$@"
  is_status 0 "draws on $ranks ranks of $nodes nodes" mpi "$ranks" "$program" sample out/checkpoint.h5
  unset SB_EMULATE_NODES
  cd "$top" || exit 1
}

on 1 1
on 2 1
on 7 3
for other in 2-1 7-3; do
  ok "same files ($other)" tools/same.sh "$SCRATCH/1-1/out" "$SCRATCH/$other/out"
  ok "same history ($other)" cmp "$SCRATCH/1-1/out/history.csv" "$SCRATCH/$other/out/history.csv"
done

# 4 half-steps of 12 steps; caches are renewed before steps 0, 5 and 10 of each.
for stops in "3 100" "31 6"; do
  folder=$SCRATCH/stop-$(echo "$stops" | tr ' ' -)
  mkdir "$folder"
  cd "$folder" || exit 1
  # shellcheck disable=SC2086 # two words
  set -- $stops
  is_status 75 "stopped after $1 steps on 1 rank" mpi 1 "$program" train "$deck" --resume --stop-after "$1"
  if [ "$2" = 100 ]; then status=0; else status=75; fi
  is_status $status "then $2 steps on 4 ranks" mpi 4 "$program" train "$deck" --resume --stop-after "$2"
  is_status 0 "to the end on 3 ranks" mpi 3 "$program" train "$deck" --resume=auto
  ok "same checkpoint ($stops)" "$top/tools/same.sh" ../1-1/out/checkpoint.h5 out/checkpoint.h5
  ok "same history ($stops)" cmp ../1-1/out/history.csv out/history.csv
  cd "$top" || exit 1
done

# Warm starts and chains in the first half-step, the released code's labels; affine maps.
for options in "dsb.warm_start=true dsb.first=chain dsb.compat_time_labels=true dsb.loss=cond_mean dsb.predict=mean sample.direction=backward" \
  "dsb.regressor=linear sample.corrector=2" "dsb.regressor=gaussian sample.ode=true sample.substeps=2"; do
  rm -rf "$SCRATCH/1-1" "$SCRATCH/5-2"
  # shellcheck disable=SC2046,SC2086 # words
  set -- $(printf ' --set %s' $options)
  on 1 1 "$@"
  on 5 2 "$@"
  ok "same files: $options" tools/same.sh "$SCRATCH/1-1/out" "$SCRATCH/5-2/out"
done
done_testing
