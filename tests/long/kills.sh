#!/bin/sh
# A hundred kills at random moments, seeded: while training, sampling, evaluating and writing. About ten minutes on two cores.
. tests/env.sh
top=$PWD program=$(realpath "$sbridge") deck=$PWD/tests/equal/tiny.yml
# shellcheck source=tests/e2e/lib/runs.sh
. tests/e2e/lib/runs.sh

mkdir "$SCRATCH/whole" "$SCRATCH/kills"
cd "$SCRATCH/whole" || exit 1
# shellcheck disable=SC2086 # words
is_status 0 "uninterrupted" mpi 2 "$program" run "$deck" $slow
cd "$SCRATCH/kills" || exit 1
kills "${KILLS:-100}" "${SEED:-1}" "${MOST:-2}"
done_testing
