# shellcheck shell=sh disable=SC2034,SC2086,SC2154 # words; what tests/env.sh and the test set
# The job of a PBS without tm on the three hosts of tests/lib/hosts.sh, six ranks: its script on the first host starts the ranks of
# the others by ssh. After hosts_up, with $top, $program, $deck and tests/e2e/lib/runs.sh.

for k in 1 1 2 2 3 3; do echo "n$k"; done >/run/hosts/nodes
unset OMPI_MCA_hwloc_base_binding_policy OMPI_MCA_rmaps_base_oversubscribe # as users have it
export PBS_JOBID=7.server PBS_NODEFILE=/run/hosts/nodes PBS_WALLTIME=3600 OUTPUT=out DECK="$deck" SBRIDGE="$program" JOBS="$top/jobs"

in_folder() {
  mkdir "$SCRATCH/$1"
  cd "$SCRATCH/$1" || exit 1
}

# job OPTIONS...: to its end; begin OPTIONS...: in the background, until there are two checkpoints
job() { PBS_O_WORKDIR=$PWD OPTIONS="$*" timeout -k 5 "$LIMIT" nsenter_n1 "$top/jobs/pbs/single.sh"; }
begin() {
  job "$@" >"$SCRATCH/background" 2>&1 &
  started=$!
  seen out/checkpoint.1.h5
}
cat >/run/hosts/nsenter_n1 <<'END'
#!/bin/sh
. "$JOBS/../tests/lib/hosts.sh"
on n1 "$@"
END
chmod +x /run/hosts/nsenter_n1
PATH=$PATH:/run/hosts
now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f", b - a }'; }

# last_step FILE: of the first network, as far as the run told
last_step() { awk '$1 == "score" { n = $2 } END { print n + 0 }' "$1"; }
loses_little() { # after a fault: the run goes on at most one checkpoint (50 steps) before what it had told
  from=$(sed -n 's/^going on from .*: step \([0-9]*\) of .*/\1/p' "$output")
  echo "# $1: told of step $told, went on from step $from"
  ok "$1: at most one checkpoint is lost" [ "$from" -ge $((told - 50)) ]
}

run="--set train.score.steps=400 --set train.ratio.steps=50 --set checkpoint.every=50 --set train.report=10"
