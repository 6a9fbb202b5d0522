#!/bin/sh
# The whole program leaves the same bits on any number of ranks, on one node or several (emulated), more ranks than blocks of a batch included.
. tests/env.sh
top=$PWD program=$(realpath "$sbridge")

# on RANKS NODES: a whole run in a folder of its own
on() {
  mkdir -p "$SCRATCH/$1-$2"
  cd "$SCRATCH/$1-$2" || exit 1
  SB_EMULATE_NODES=$2 is_status 0 "run on $1 ranks of $2 nodes" mpi "$1" "$program" run "$top/tests/equal/tiny.yml"
  cd "$top" || exit 1
}

on 1 1
for case in "2 1" "3 2" "4 1" "7 3"; do
  # shellcheck disable=SC2086 # two words
  on $case
  other=$SCRATCH/$(echo "$case" | tr ' ' -)/out
  ok "same files ($case)" tools/same.sh "$SCRATCH/1-1/out" "$other"
  ok "same history ($case)" cmp "$SCRATCH/1-1/out/history.csv" "$other/history.csv"
done
done_testing
