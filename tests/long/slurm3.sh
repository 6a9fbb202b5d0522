#!/bin/sh
# shellcheck disable=SC2086 # $run is words
# The job scripts on a private SLURM cluster of three hosts: both launchers, a time limit, a host that is switched off.
. tests/env.sh
. tests/lib/hosts.sh
. tests/lib/slurm.sh
apart ip dropbear slurmctld slurmd munged
export LIMIT=200
top=$PWD deck=$PWD/tests/equal/tiny.yml
# shellcheck source=tests/e2e/lib/runs.sh
. tests/e2e/lib/runs.sh
SBRIDGE=$(realpath "$sbridge") JOBS=$top/jobs OUTPUT=out
export SBRIDGE JOBS OUTPUT
unset OMPI_MCA_hwloc_base_binding_policy OMPI_MCA_rmaps_base_oversubscribe # as users have it
hosts_up 3
slurm_up 3

in_folder() {
  mkdir "$SCRATCH/$1"
  cd "$SCRATCH/$1" || exit 1
}

run="--set train.score.steps=500 --set train.ratio.steps=50 --set checkpoint.every=50"

in_folder whole
is_status 0 "uninterrupted, on the head" mpirun -n 2 --host n0:2 "$SBRIDGE" run "$deck" $run
in_folder srun
LAUNCH="srun --mpi=pmix --cpu-bind=cores" submit -N3 --ntasks-per-node=2 "$top/jobs/slurm/single.sh" "$deck" $run
ok "srun on three hosts" reaches "$job" COMPLETED
ok "six ranks" says_in "job.$job" '^machine *6 ranks on 3 nodes'
same_results "srun" ../whole/out out

in_folder limit
LAUNCH="$top/tests/lib/held.sh out/used.yml mpirun" submit -N3 --ntasks-per-node=2 -t1 --signal=B:USR1@300 "$top/jobs/slurm/requeue.sh" "$deck" $run
ok "mpirun on three hosts, a time limit: the job comes back" until_true "$LIMIT" was_restarted "$job"
scontrol update jobid="$job" timelimit=30 # once will do
ok "and finishes" reaches "$job" COMPLETED
ok "by a signal" says_in "job.$job" 'stopped .*signal USR1'
same_results "a time limit" ../whole/out out

# SLURM notices after SlurmdTimeout, 20 s here, and puts the job back, which would wait for the third host; it is given two.
in_folder off
LAUNCH="$top/tests/lib/held.sh out/checkpoint.1.h5 mpirun" submit -N3 --ntasks-per-node=2 "$top/jobs/slurm/requeue.sh" "$deck" $run
until_true 60 [ -s out/checkpoint.1.h5 ]
power_off n3
began=$(date +%s)
ok "a host that is switched off" until_true 120 was_restarted "$job"
echo "# requeued after $(($(date +%s) - began)) s"
told=$(awk '$1 == "score" { n = $2 } END { print n + 0 }' "job.$job")
ok "is given the two that are left" scontrol update jobid="$job" numnodes=2-2 numtasks=4 numcpus=4
ok "and finishes there" reaches "$job" COMPLETED
ok "six ranks, then four" [ "$(grep -o '^machine *[0-9] ranks on [0-9] nodes' "job.$job" | awk '{ printf "%d ", $2 }')" = "6 4 " ]
from=$(sed -n 's/^going on from .*: step \([0-9]*\) of .*/\1/p' "job.$job")
echo "# told of step $told, went on from step $from"
ok "at most one checkpoint is lost" [ "$from" -ge $((told - 50)) ]
same_results "a host that is switched off" ../whole/out out
cd "$top" || exit 1
done_testing
