# shellcheck shell=sh disable=SC2154,SC2016 # what tests/env.sh and the test set
# Runs that are stopped, killed and taken up again. After tests/env.sh, with $top and $program.

# A run whose training and sampling take a second or two each, with many checkpoints and parts.
slow="--set train.score.steps=1500 --set train.ratio.steps=1500 --set checkpoint.every=300 --set checkpoint.sampling=0.1
  --set sample.n=6000 --set sample.draws=20 --set sample.steps1=60 --set sample.steps2=60 --set record.frames=12 --set record.part_frames=5"

# start RANKS WORDS...: the program in the background; its ranks leave their process ids in pid.0, pid.1 … With `late` in the
# environment rank 1 begins when there is a file of this name.
start() {
  ranks=$1
  shift
  rm -f pid.*
  timeout -k 5 "$LIMIT" mpirun -n "$ranks" sh -c 'rank=${OMPI_COMM_WORLD_RANK:-$PMI_RANK}
    while [ "$rank" = 1 ] && [ "${late-}" ] && [ ! -e "$late" ]; do sleep 0.1; done
    echo $$ >"pid.$rank"; exec "$0" "$@"' "$program" "$@" >"$SCRATCH/background" 2>&1 </dev/null &
  started=$!
}

# catches NUMBER FILE: waits until the process whose id stands there catches this signal, at most ten seconds
catches() {
  for _ in $(seq 100); do
    [ -s "$2" ] && caught=$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$(cat "$2")/status") &&
      [ $((0x$caught >> ($1 - 1) & 1)) = 1 ] && return 0
    sleep 0.1
  done
  return 1
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

# phase: of the run in `out` that was killed, by what it has left; of a study: study
phase() {
  if [ -e out/study.h5 ]; then echo study
  elif [ -e out/report.json ]; then echo report
  elif [ -e out/velocity.h5 ]; then echo evaluate
  elif [ -e out/samples.h5 ]; then echo velocity
  elif [ -e out/sampling.h5 ] || [ -e out/trajectories.h5 ]; then echo sample
  elif [ -e out/checkpoint.h5 ]; then echo train
  else echo begin; fi
}

# kills N SEED MOST SAME WORDS...: the run WORDS, whose output is `out`, is killed N times, each time within MOST seconds, one rank or all
# of them, and taken up on another number of ranks; whenever one comes to its end `SAME DESCRIPTION ../whole/out out` compares
# its results, and the next begins; with `beginning` in the environment from a copy of this folder as `out`.
kills() {
  kills=$1 seed=$2 most=$3 same=$4
  shift 4
  done_kills=0 ended=0
  : >phases
  awk -v n=$((kills * 3)) -v seed="$seed" -v most="$most" \
    'BEGIN { srand(seed); for (i = 0; i < n; i++) printf "%.3f %d %d\n", 0.3 + most * rand(), 1 + int(3 * rand()), int(2 * rand()) }' \
    >moments
  while read -r delay ranks all; do
    [ -e out ] || [ -z "${beginning-}" ] || cp -a "$beginning" out
    start "$ranks" "$@" --resume
    sleep "$delay"
    killed=0
    [ "$all" = 1 ] || send 9 "pid.$((ranks - 1))"
    if [ "$killed" = 1 ]; then wait "$started" 2>/dev/null; fi
    kill_all
    if [ "$killed" = 1 ]; then
      done_kills=$((done_kills + 1))
      phase >>phases
    else
      ended=$((ended + 1))
      tap_line "end $ended, after $done_kills kills" "$status" 0 "$SCRATCH/background" "the run in the background"
      "$same" "end $ended" ../whole/out out
      rm -rf out
    fi
    if [ "$done_kills" = "$kills" ]; then break; fi
  done <moments
  ok "$kills kills, $ended ends in between" [ "$done_kills" = "$kills" ]
  echo "# killed in:$(sort phases | uniq -c | awk '{ printf " %s %d", $2, $1 }')"
  is_status 0 "the last one comes to its end" mpi 2 "$program" "$@" --resume
  "$same" "the last one" ../whole/out out
  ok "nothing half-written is left" [ -z "$(find out -name '*.part' -o -name 'sampling.h5' -o -name .lock)" ]
}
