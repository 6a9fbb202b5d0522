#!/bin/sh
# shellcheck disable=SC2086 # $run is words
# Three hosts, with ssh between them, and what may happen to them: the job script of PBS on a network that goes away for 5 and
# 30 seconds, a rank that is killed or stands still, a host that is switched off. The bits are always those of one host.
. tests/env.sh
. tests/lib/hosts.sh
apart ip dropbear
export LIMIT=280
top=$PWD deck=$PWD/tests/equal/tiny.yml
# shellcheck source=tests/e2e/lib/runs.sh
. tests/e2e/lib/runs.sh
program=$(realpath "$sbridge")
hosts_up 3

# The job of a PBS without tm: its script on the first host starts the ranks of the others by ssh.
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

run="--set train.score.steps=700 --set train.ratio.steps=50 --set checkpoint.every=50 --set train.report=10"

in_folder whole
is_status 0 "uninterrupted, on one host" mpirun -n 2 --host n0:2 "$program" run "$deck" $run --set output=out
in_folder three
began=$(now)
is_status 0 "and on three" job $run
echo "# $(since "$began") s"
ok "ranks of all three" grep -q '^machine *6 ranks on 3 nodes' "$output"
same_results "three hosts" ../whole/out out

for seconds in 5 30; do
  in_folder "cable-$seconds"
  began=$(now)
  begin $run
  cable n2 down
  sleep $seconds
  ok "$seconds s without a cable: the run waits" kill -0 $started
  cable n2 up
  ends 0 "and goes on"
  echo "# $(since "$began") s in all"
  same_results "$seconds s without a cable" ../whole/out out
done

in_folder killed
begin $run
began=$(now)
on n3 sh "$top/tests/lib/ranks.sh" 9 "$program" 1
ends 137 "a rank that is killed"
echo "# $(since "$began") s"
told=$(last_step "$output")
is_status 0 "the same command again" job $run
loses_little "a rank that is killed"
same_results "a rank that is killed" ../whole/out out

in_folder frozen
export SB_STALL_MINIMUM=1 OMPI_MCA_mca_base_env_list=SB_STALL_MINIMUM # for the ranks of other hosts, too
begin $run --stall-timeout 15
began=$(now)
on n3 sh "$top/tests/lib/ranks.sh" STOP "$program" 1
ends 76 "a rank of another host that stands still"
unset SB_STALL_MINIMUM OMPI_MCA_mca_base_env_list
echo "# $(since "$began") s"
says "is named" '^sbridge: rank [0-3] of 6 on n[12] has waited 1[56] seconds without progress, for rank [45] on n3, '
says "with what the others do" '(training score at step [0-9]*|writing checkpoint.h5) '
ok "no rank of its host is left" [ -z "$(on n3 ps -C sbridge -o pid=)" ]
told=$(last_step "$output")
is_status 0 "the same command again" job $run
loses_little "a rank that stands still"
same_results "a rank that stands still" ../whole/out out

# Last: n3 stays off.
in_folder off
begin $run
power_off n3
began=$(now)
status=0
wait $started || status=$?
took=$(since "$began")
cp "$SCRATCH/background" "$output"
echo "# $took s, status $status"
ok "a host that is switched off: status of the launcher" [ "$status" -gt 76 ]
ok "within three minutes" awk -v t="$took" 'BEGIN { exit !(t < 180) }'
ok "one line of the job" [ "$(grep -c '^job 7: a rank, a host or the launcher was lost' "$output")" = 1 ]
told=$(last_step "$output")
sed -i /n3/d /run/hosts/nodes
is_status 0 "the same command on two hosts" job $run
loses_little "a host that is switched off"
same_results "a host that is switched off" ../whole/out out
cd "$top" || exit 1
done_testing
