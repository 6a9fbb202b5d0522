#!/bin/sh
# Stopped at any step and taken up on another number of ranks, training ends in the bits of an uninterrupted run.
. tests/env.sh
top=$PWD program=$(realpath "$sbridge") deck=$PWD/tests/equal/tiny.yml

mkdir "$SCRATCH/whole"
cd "$SCRATCH/whole" || exit 1
is_status 0 "20 + 12 steps at once" mpi 2 "$program" train "$deck"
for stops in "10 100" "3 9" "20 5" "0 30"; do
  folder=$SCRATCH/$(echo "$stops" | tr ' ' -)
  mkdir "$folder"
  cd "$folder" || exit 1
  # shellcheck disable=SC2086 # two words
  set -- $stops
  is_status 75 "stopped after $1 steps on 1 rank" mpi 1 "$program" train "$deck" --resume --stop-after "$1"
  if [ "$2" = 100 ]; then status=0; else status=75; fi
  is_status $status "then $2 steps on 4 ranks" mpi 4 "$program" train "$deck" --resume --stop-after "$2"
  is_status 0 "to the end on 3 ranks" mpi 3 "$program" train "$deck" --resume=auto
  ok "same checkpoint ($stops)" "$top/tools/same.sh" ../whole/out/checkpoint.h5 out/checkpoint.h5
  ok "same history ($stops)" cmp ../whole/out/history.csv out/history.csv
done

is_status 0 "resume of a finished run" mpi 2 "$program" train "$deck" --resume
ok "says that nothing is left" grep -q 'training is complete' "$output"
is_status 1 "another seed" mpi 2 "$program" train "$deck" --resume --set seed=4
ok "names the key" grep -q '^sbridge: seed differs' "$output"
is_status 1 "no --resume, no --overwrite" mpi 2 "$program" train "$deck"
ok "names the file" grep -q '^sbridge: out/checkpoint.h5 exists' "$output"
cp out/checkpoint.h5 before.h5
is_status 0 "from a named file" mpi 2 "$program" train "$deck" --resume=before.h5 --set output=other
ok "reaches the same end" cmp out/history.csv other/history.csv
cd "$top" || exit 1
done_testing
