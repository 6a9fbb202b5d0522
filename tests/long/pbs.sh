#!/bin/sh
# The job scripts of PBS by the real qsub of SLURM's wrapper for Torque, on three hosts. A prolog gives jobs the environment
# of PBS and takes SLURM's away; ranks of other hosts are started by ssh, as by every Open MPI without tm.
. tests/env.sh
. tests/lib/hosts.sh
. tests/lib/slurm.sh
apart ip dropbear slurmctld slurmd munged qsub
export LIMIT=250
top=$PWD
# shellcheck source=tests/e2e/lib/runs.sh
. tests/e2e/lib/runs.sh
SBRIDGE=$(realpath "$sbridge") JOBS=$top/jobs DECK=$PWD/tests/equal/tiny.yml
export SBRIDGE JOBS DECK
unset OMPI_MCA_hwloc_base_binding_policy OMPI_MCA_rmaps_base_oversubscribe # as users have it
hosts_up 3
slurm_up 3 "$top/tests/lib/pbs_prolog.sh"

in_folder() {
  mkdir "$SCRATCH/$1"
  cd "$SCRATCH/$1" || exit 1
}

# adapt SCRIPT [SED...]: a copy of a job script with what this cluster has, as users make it
adapt() {
  sed -e 's/ncpus=[0-9]*:mpiprocs=[0-9]*/ncpus=2:mpiprocs=2/' -e 's/ppn=32/ppn=2/' -e 's/24:00:00/00:05:00/' -e "${2-}" \
    "$top/jobs/pbs/$1.sh" >"$1.sh"
  chmod +x "$1.sh"
}
given() { # what qsub printed: a number, with or without a server
  job=$(qsub "$@" 2>"$SCRATCH/submit" | sed 's/\..*//')
  [ -n "$job" ] || cat "$SCRATCH/submit"
}

in_folder whole
run="--set train.score.steps=200 --set checkpoint.every=50"
OPTIONS=$run
export OPTIONS OUTPUT=out
# shellcheck disable=SC2086 # words
is_status 0 "on the head" mpirun -n 2 --host n0:2 "$SBRIDGE" run "$DECK" $run

in_folder select
adapt single
given single.sh
ok "a job, select=2" reaches "$job" COMPLETED
ok "four ranks by ssh" says_in "single.sh.o$job" '^machine *4 ranks on 2 nodes'
same_results "select" ../whole/out out

in_folder nodes
adapt single 's/^#PBS -l select.*//; s/^##PBS -l nodes=2/#PBS -l nodes=3/'
given single.sh
ok "a job, nodes=3" reaches "$job" COMPLETED
ok "six ranks by ssh" says_in "single.sh.o$job" '^machine *6 ranks on 3 nodes'
same_results "nodes" ../whole/out out

in_folder clock
adapt single 's/00:05:00/00:01:00/'
OPTIONS="--set train.score.steps=100000000" given single.sh
ok "the limit of the job" reaches "$job" FAILED
ok "status 75" is_told "$job" ExitCode 75:0
ok "in time, by what qstat tells" says_in "single.sh.e$job" 'stopped .*time limit of --max-walltime'
echo "# ran $(told "$job" RunTime) of 00:01:00"
unset OUTPUT

in_folder array
printf 'seed=%s\n' 1 x 3 >cases.txt
adapt array
OPTIONS='' CASES=cases.txt given -J 1-3 array.sh
array=$job
ok "an array" until_true "$LIMIT" array_ended "$array"
ok "one case of which fails" [ "$(array_states "$array")" = '1 COMPLETED 2 FAILED 3 COMPLETED ' ]
for k in 1 3; do ok "case $k" test -s "run_${array}_$k/report.json"; done

in_folder chain
adapt chain
OPTIONS="$run --stop-after 150" ./chain.sh 2 "$DECK" >links
first=$(head -n 1 links) second=$(tail -n 1 links)
ok "a chain" reaches "${second%%.*}" COMPLETED
ok "is stopped" says_in "chain.sh.o${first%%.*}" '^job [0-9]*: saved'
ok "and gone on with" says_in "chain.sh.o${second%%.*}" "^going on from run_${first%%.*}/checkpoint.h5"
ok "to its end" test -s "run_${first%%.*}/report.json"

in_folder study
{ cat "$DECK"; echo "study: {replicates: 2, grid: {data.n: [300, 600], train.rate: [1e-3, 10]}}"; } >study.yml
is_status 0 "a study at once" mpirun -n 2 "$SBRIDGE" study study.yml --set output=whole
adapt study
OPTIONS='' ./study.sh 2 study.yml >numbers
array=$(head -n 1 numbers) last=$(tail -n 1 numbers)
ok "a study in slices" reaches "${last%%.*}" COMPLETED
ok "leads to the same" "$top/tools/same.sh" whole/study.h5 "run_${array%%[.[]*}/study.h5"
cd "$top" || exit 1
done_testing
