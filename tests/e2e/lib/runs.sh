# shellcheck shell=sh disable=SC2154,SC2016 # what tests/env.sh and the test set
# Runs that are stopped, killed and taken up again. After tests/env.sh, with $top and $program.

# A run whose training and sampling take a second or two each, with many checkpoints and parts.
slow="--set train.score.steps=1500 --set train.ratio.steps=1500 --set checkpoint.every=300 --set checkpoint.sampling=0.1
  --set sample.n=6000 --set sample.draws=20 --set sample.steps1=60 --set sample.steps2=60 --set record.frames=12 --set record.part_frames=5"

# start RANKS WORDS...: the program in the background; its ranks leave their process ids in pid.0, pid.1 …
start() {
  ranks=$1
  shift
  rm -f pid.*
  timeout -k 5 "$LIMIT" mpirun -n "$ranks" sh -c 'echo $$ >"pid.${OMPI_COMM_WORLD_RANK:-$PMI_RANK}"; exec "$0" "$@"' "$program" "$@" \
    >"$SCRATCH/background" 2>&1 </dev/null &
  started=$!
}

# seen FILE: waits until the run left a file, or is over
seen() {
  while [ ! -s "$1" ] && kill -0 "$started" 2>/dev/null; do sleep 0.02; done
}

# ends STATUS DESCRIPTION: the run in the background ends with this status
ends() {
  status=0
  wait "$started" || status=$?
  cp "$SCRATCH/background" "$output"
  tap_line "$2" "$status" "$1" "$output" "the run in the background"
}

# says DESCRIPTION PATTERN: the one line that begins sbridge: (but for warnings) is like this
says() {
  grep '^sbridge: ' "$output" | grep -v '^sbridge: warning: ' >"$SCRATCH/line"
  ok "$1" awk -v p="$2" '{ print } $0 ~ p { good++ } END { exit !(NR == 1 && good == 1) }' "$SCRATCH/line"
}

# same_results DESCRIPTION A B: files of two runs; of the reports what does not depend on the machine
same_results() {
  ok "$1: files" "$top/tools/same.sh" "$2" "$3"
  for name in history.csv samples.xmf trajectories.xdmf2 velocity.xmf; do
    ok "$1: $name" cmp "$2/$name" "$3/$name"
  done
  ok "$1: report" "$PYTHON" - "$2" "$3" <<'PY'
import json, sys
a, b = ({k: v for k, v in json.load(open(f"{d}/report.json")).items() if k not in ("phases", "memory", "files")} for d in sys.argv[1:])
assert a == b and a["metrics"]
PY
}

# send SIGNAL FILE...: to the ranks whose process ids stand there, if they still are of the program: ids are used again
send() {
  signal=$1
  shift
  for file; do
    [ -s "$file" ] || continue
    pid=$(cat "$file")
    [ "$(readlink "/proc/$pid/exe")" = "$program" ] && kill "-$signal" "$pid" && killed=1
  done
}

# kill_all: the ranks of the run in the background, which ends it
kill_all() {
  send 9 pid.*
  status=0
  wait "$started" 2>/dev/null || status=$?
}

# kills N SEED MOST: a run is killed N times, each time within MOST seconds, one rank or all of them, and taken up on another
# number of ranks; whenever one comes to its end its results are compared with those in ../whole/out, and the next begins.
kills() {
  done_kills=0 ended=0
  awk -v n=$(($1 * 3)) -v seed="$2" -v most="$3" \
    'BEGIN { srand(seed); for (i = 0; i < n; i++) printf "%.3f %d %d\n", 0.3 + most * rand(), 1 + int(3 * rand()), int(2 * rand()) }' \
    >moments
  while read -r delay ranks all; do
    # shellcheck disable=SC2086 # words
    start "$ranks" run "$deck" $slow --resume
    sleep "$delay"
    killed=0
    [ "$all" = 1 ] || send 9 "pid.$((ranks - 1))"
    if [ "$killed" = 1 ]; then wait "$started" 2>/dev/null; fi
    kill_all
    if [ "$killed" = 1 ]; then
      done_kills=$((done_kills + 1))
    else
      ended=$((ended + 1))
      tap_line "end $ended, after $done_kills kills" "$status" 0 "$SCRATCH/background" "the run in the background"
      same_results "end $ended" ../whole/out out
      rm -rf out
    fi
    if [ "$done_kills" = "$1" ]; then break; fi
  done <moments
  ok "$1 kills, $ended ends in between" [ "$done_kills" = "$1" ]
  # shellcheck disable=SC2086 # words
  is_status 0 "the last one comes to its end" mpi 2 "$program" run "$deck" $slow --resume
  same_results "the last one" ../whole/out out
  ok "nothing half-written is left" [ -z "$(find out -name '*.part' -o -name 'sampling.h5' -o -name .lock)" ]
}
