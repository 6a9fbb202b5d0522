#!/bin/sh
# A minute of fuzzing of each target, under address and undefined sanitizers: see tests/fuzz/run.
. tests/env.sh
command -v clang >/dev/null || skip_all "clang is not here"
for target in tests/fuzz/f_*.c; do
  name=$(basename "$target" .c)
  FUZZ_BUILD=$SCRATCH/fuzz LIMIT=300 is_status 0 "$name" tests/fuzz/run "${name#f_}" "${FUZZ_SECONDS:-60}" "$SCRATCH/$name"
  ok "$name: has tried inputs" grep -q '^stat::number_of_executed_units: [1-9][0-9]' "$output"
  ok "$name: nothing found" [ -z "$(find "$SCRATCH/$name" -name 'crash-*' -o -name 'timeout-*' -o -name 'oom-*')" ]
done
done_testing
