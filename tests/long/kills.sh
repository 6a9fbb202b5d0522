#!/bin/sh
# shellcheck disable=SC2086 # $slow and $grid are words
# A hundred kills at random moments, seeded: of a run, while it trains and samples; of one that has its draws, while it writes
# fields, evaluates and reports; of a study. A quarter of an hour on two cores.
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

# kill_some NAME N MOST SAME WORDS...: in a folder of this name; ../whole is there already, or made now
kill_some() {
  name=$1 number=$2 within=$3 compare=$4
  shift 4
  mkdir -p "$SCRATCH/$name/whole" "$SCRATCH/$name/kills"
  cd "$SCRATCH/$name/whole" || exit 1
  [ -e out ] || is_status 0 "$name, uninterrupted" mpi 2 "$program" "$@"
  cd "$SCRATCH/$name/kills" || exit 1
  kills "$number" "${SEED:-1}" "$within" "$compare" "$@"
}

kill_some run "${KILLS:-50}" 2 same_results run "$deck" $slow

mkdir "$SCRATCH/late"
cp -a "$SCRATCH/run/whole" "$SCRATCH/late/whole"
cp -a "$SCRATCH/run/whole/out" "$SCRATCH/late/drawn"
rm "$SCRATCH/late/drawn/velocity."* "$SCRATCH/late/drawn/report.json"
beginning=$SCRATCH/late/drawn
kill_some late "${LATE_KILLS:-20}" 1 same_results run "$deck" $slow

unset beginning

{ cat "$deck"; echo "study: {replicates: 3, grid: {data.n: [300, 600], train.rate: [1e-3, 10], sample.draws: [2, 8]}}"; } \
  >"$SCRATCH/study.yml"
kill_some study "${STUDY_KILLS:-30}" 2 same_study study "$SCRATCH/study.yml" --set train.score.steps=400
done_testing
