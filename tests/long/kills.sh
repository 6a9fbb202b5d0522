#!/bin/sh
# shellcheck disable=SC2086 # $slow and $grid are words
# A hundred kills at random moments, seeded: of a run, while it trains, samples, evaluates and writes, and of a study. A quarter of
# an hour on two cores.
. tests/env.sh
top=$PWD program=$(realpath "$sbridge") deck=$PWD/tests/equal/tiny.yml
# shellcheck source=tests/e2e/lib/runs.sh
. tests/e2e/lib/runs.sh

same_study() { # DESCRIPTION A B
  for name in study.h5 study.csv slopes.csv; do
    case $name in
      *.h5) ok "$1: $name" "$top/tools/same.sh" "$2/$name" "$3/$name" ;;
      *) ok "$1: $name" cmp "$2/$name" "$3/$name" ;;
    esac
  done
  ok "$1: rows" "$program" info "$3/study.h5" --verify
}

for what in run study; do
  mkdir -p "$SCRATCH/$what/whole" "$SCRATCH/$what/kills"
  cd "$SCRATCH/$what/whole" || exit 1
  if [ $what = run ]; then
    set -- "${KILLS:-70}" same_results run "$deck" $slow
  else
    { cat "$deck"; echo "study: {replicates: 3, grid: {data.n: [300, 600], train.rate: [1e-3, 10], sample.draws: [2, 8]}}"; } >../study.yml
    set -- "${STUDY_KILLS:-30}" same_study study "$SCRATCH/study/study.yml" --set train.score.steps=400
  fi
  kills=$1 same=$2
  shift 2
  is_status 0 "$what, uninterrupted" mpi 2 "$program" "$@"
  cd "$SCRATCH/$what/kills" || exit 1
  kills "$kills" "${SEED:-1}" "${MOST:-2}" "$same" "$@"
done
done_testing
