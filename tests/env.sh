# shellcheck shell=sh
# Surroundings of all tests, and TAP for those in shell. Run from the top folder: `. tests/env.sh`.

: "${BUILD:=build}" "${LIMIT:=60}"
: "${PYTHON:=$(tools/python.sh || echo python3)}"
# shellcheck disable=SC2034 # for the tests
sbridge=$BUILD/sbridge
if [ -z "${SCRATCH-}" ]; then # a folder that is removed when the outermost script ends
  SCRATCH=$(mktemp -d)
  trap 'rm -rf "$SCRATCH"' EXIT
fi
export BUILD LIMIT PYTHON SCRATCH

# Any number of ranks, as root too, on two cores, in a container, without a network.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_hwloc_base_binding_policy=none
export OMPI_MCA_btl=self,vader OMPI_MCA_btl_vader_single_copy_mechanism=none
export OPENBLAS_NUM_THREADS=1
export ASAN_OPTIONS="detect_leaks=0:${ASAN_OPTIONS-}" UBSAN_OPTIONS="print_stacktrace=1:${UBSAN_OPTIONS-}" # MPI itself leaks

# mpi RANKS COMMAND...: mpirun with a limit of $LIMIT seconds; the status is then 124
mpi() {
  ranks=$1
  shift
  timeout -k 5 "$LIMIT" mpirun -n "$ranks" "$@" </dev/null
}

tap_count=0
output=$SCRATCH/output # what the command of the last is_status printed

tap_line() { # DESCRIPTION STATUS EXPECTED FILE COMMAND...
  tap_count=$((tap_count + 1))
  if [ "$2" = "$3" ]; then
    echo "ok $tap_count - $1"
  else
    echo "not ok $tap_count - $1"
    file=$4
    echo "# status $2, expected $3, from:"
    shift 4
    { echo "$*"; cat "$file"; } | sed 's/^/#   /'
  fi
}

# is_status STATUS DESCRIPTION COMMAND...: does the command end with this status? Keeps its output in $output.
is_status() {
  expected=$1 description=$2 status=0
  shift 2
  "$@" >"$output" 2>&1 || status=$?
  tap_line "$description" "$status" "$expected" "$output" "$@"
}

# ok DESCRIPTION COMMAND...: does the command succeed? Leaves $output alone, so that it can be asked about.
ok() {
  description=$1 status=0
  shift
  "$@" >"$SCRATCH/ok" 2>&1 || status=$?
  tap_line "$description" "$status" 0 "$SCRATCH/ok" "$@"
}

# skip WHY: stands for one test; skip_all WHY: for the whole file, and ends it
skip() {
  tap_count=$((tap_count + 1))
  echo "ok $tap_count # skip $1"
}

skip_all() {
  echo "1..0 # skip $1"
  exit 0
}

# done_testing: the last line of every test; without it a test that stopped half-way would look well
done_testing() {
  echo "1..$tap_count"
}
