#!/bin/sh
# Metrics of large samples on one rank and on four: the same bits, and memory that goes down with the ranks: pairs by tiles, a
# sort of a million numbers, entropic transport, Fréchet distance in 2048 dimensions by ScaLAPACK. FULL=1 adds a million points
# in two dimensions, 100000 in 64, and 4096 dimensions on two ranks: half an hour of two cores.
# shellcheck source=tests/env.sh
. tests/env.sh
LIMIT=3000

# measured RANKS WHAT N D: the numbers in $value, $memory (MiB of the fullest rank), $seconds (of all ranks)
measured() {
  mpi "$1" "$BUILD/tests/t_metric" scale "$2" "$3" "$4" >"$SCRATCH/scale" || return 1
  read -r value memory seconds <"$SCRATCH/scale"
}

tell() { echo "# $value, $memory MiB on the fullest rank, $seconds s of CPU in all"; }

than() { awk "BEGIN { exit !($1 < $2) }"; }                                # A B: A < B
near() { awk "BEGIN { d = $1 - $2; exit !(d * d <= 1e-20 * $1 * $1) }"; } # to 1e-10

# spread SAME PART WHAT N D: four ranks give the same by SAME (test or near), in PART of the memory that one takes
spread() {
  what="$3 of $4 points in $5 dimensions"
  ok "$what, one rank" measured 1 "$3" "$4" "$5"
  tell
  alone=$value room=$memory
  ok "$what, four ranks" measured 4 "$3" "$4" "$5"
  tell
  if [ "$1" = near ]; then
    ok "$what: the same to 1e-10" near "$alone" "$value"
  else
    ok "$what: the same" test "$alone" = "$value"
  fi
  ok "$what: less than $2 of the memory" than "$memory" "$room*$2"
}

spread test 0.35 sliced 1000000 2
spread test 0.75 energy 30000 64
spread test 0.75 mmd 30000 64
spread test 0.5 sinkhorn 4000 2
spread near 0.4 frechet 3000 2048
if [ -n "${FULL-}" ]; then
  for what in energy mmd; do
    ok "$what of a million points" measured 2 $what 1000000 2
    tell
    ok "$what of 100000 points in 64 dimensions" measured 2 $what 100000 64
    tell
  done
  ok 'frechet in 4096 dimensions' measured 2 frechet 5000 4096
  tell
fi
done_testing
