#!/bin/sh
# shellcheck disable=SC2086 # $run is words
# The job scripts on a private SLURM cluster of one host: time limits, requeueing, scancel.
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
hosts_up 1
slurm_up 1

in_folder() {
  mkdir "$SCRATCH/$1"
  cd "$SCRATCH/$1" || exit 1
}

run="--set train.score.steps=3000 --set train.ratio.steps=50 --set checkpoint.every=300 --set train.report=100"
in_folder whole
submit -N1 --ntasks-per-node=2 "$top/jobs/slurm/single.sh" "$deck" $run
reaches "$job" COMPLETED || { cat "job.$job"; echo "Bail out! the cluster runs no job"; exit 1; }

# --- The time limit: SLURM's signal comes early, and the job comes back by itself ---
for launch in mpirun "srun --mpi=pmix --cpu-bind=cores"; do
  name=${launch%% *}
  in_folder "limit-$name"
  LAUNCH="$top/tests/lib/held.sh out/checkpoint.1.h5 $launch" submit -N1 --ntasks-per-node=2 -t1 --signal=B:USR1@300 \
    "$top/jobs/slurm/requeue.sh" "$deck" $run
  ok "$name: the job comes back" until_true "$LIMIT" was_restarted "$job"
  scontrol update jobid="$job" timelimit=30 # once will do
  ok "and finishes" reaches "$job" COMPLETED
  ok "by a signal" says_in "job.$job" 'stopped .*signal USR1'
  same_results "$name: a time limit" ../whole/out out
done

# --- A limit that the clock knows, of a job without signals ---
in_folder clock
sed /--signal/d "$top/jobs/slurm/single.sh" >single.sh
submit -N1 --ntasks-per-node=1 -t1 single.sh "$deck" --set train.score.steps=100000000 --set checkpoint.every=100000
ok "the limit of the job, by the clock" reaches "$job" FAILED
ok "status 75" is_told "$job" ExitCode 75:0
ok "in time" says_in "job.$job" 'stopped .*time limit of --max-walltime'
echo "# ran $(told "$job" RunTime) of 00:01:00"

# --- scancel ---
in_folder scancel
LAUNCH="$top/tests/lib/held.sh out/checkpoint.1.h5 mpirun" submit -N1 --ntasks-per-node=2 "$top/jobs/slurm/requeue.sh" "$deck" $run
until_true 60 [ -s out/checkpoint.1.h5 ]
began=$(date +%s%N)
scancel "$job"
ok "scancel" reaches "$job" CANCELLED
echo "# ended after $((($(date +%s%N) - began) / 1000000)) ms"
ok "leaves a whole checkpoint" "$SBRIDGE" info out/checkpoint.h5 --verify
rm out/used.yml
LAUNCH="$top/tests/lib/held.sh out/used.yml mpirun" submit -N1 --ntasks-per-node=2 "$top/jobs/slurm/single.sh" "$deck" $run
until_true 60 [ -s out/used.yml ]
scancel -b -s USR1 "$job"
ok "scancel -b -s USR1" reaches "$job" FAILED
ok "is a stop" is_told "$job" ExitCode 75:0
ok "of a run that had gone on" says_in "job.$job" '^going on from out/checkpoint.h5: step [0-9]* of network score'
submit -N1 --ntasks-per-node=1 "$top/jobs/slurm/single.sh" "$deck" $run
ok "the rest on one rank" reaches "$job" COMPLETED
same_results "scancel" ../whole/out out
cd "$top" || exit 1
done_testing
