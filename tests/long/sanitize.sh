#!/bin/sh
# Warning-free with gcc and clang; unit tests and a whole run clean under address and undefined sanitizers, and one under valgrind.
. tests/env.sh
top=$PWD

# clean NAME FOLDER: every unit test, built there, passes
clean() {
  for test in tests/unit/t_*.c; do
    BUILD=$2 LIMIT=600 tests/run "$test" >"$SCRATCH/tap" 2>&1
    ok "$1: $(basename "$test")" sh -c "! grep '^not ok' '$SCRATCH/tap' && grep -q '^1\\.\\.' '$SCRATCH/tap'"
  done
}

# whole NAME COMMAND...: a tiny run from training to report
whole() {
  name=$1
  shift
  mkdir -p "$SCRATCH/run"
  cd "$SCRATCH/run" || exit 1
  LIMIT=1200 is_status 0 "$name: a whole run" mpi 2 "$@" run "$top/tests/equal/tiny.yml" --overwrite
  ok "$name: no complaint" sh -c "! grep -E 'runtime error|AddressSanitizer|ERROR SUMMARY: [1-9]' '$output'"
  cd "$top" || exit 1
}

# programs FOLDER: the names of all unit tests below it
programs() {
  for test in tests/unit/t_*.c; do echo "$1/tests/$(basename "$test" .c)"; done
}

for cc in gcc clang; do
  command -v $cc >/dev/null || { skip "$cc is not here"; continue; }
  is_status 0 "$cc: no warnings" make -s -j2 CC=$cc WERROR=1 BUILD="$SCRATCH/$cc" all
  # shellcheck disable=SC2046 # words
  is_status 0 "$cc: sanitized build" make -s -j2 CC=$cc SAN=1 WERROR=1 BUILD="$SCRATCH/san-$cc" all $(programs "$SCRATCH/san-$cc")
  clean "$cc, sanitized" "$SCRATCH/san-$cc"
  whole "$cc, sanitized" "$SCRATCH/san-$cc/sbridge"
done
if command -v valgrind >/dev/null; then
  SB_ISA=generic whole valgrind valgrind -q --error-exitcode=9 --suppressions=tests/long/valgrind.supp "$SCRATCH/gcc/sbridge"
else
  skip "valgrind is not here"
fi
done_testing
