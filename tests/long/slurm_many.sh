#!/bin/sh
# shellcheck disable=SC2086 # $run is words
# The job scripts for many jobs on a private SLURM cluster of one host: arrays, studies, chains.
. tests/env.sh
. tests/lib/hosts.sh
. tests/lib/slurm.sh
apart ip dropbear slurmctld slurmd munged
export LIMIT=200
top=$PWD deck=$PWD/tests/equal/tiny.yml
# shellcheck source=tests/e2e/lib/runs.sh
. tests/e2e/lib/runs.sh
SBRIDGE=$(realpath "$sbridge") JOBS=$top/jobs
export SBRIDGE JOBS
unset OMPI_MCA_hwloc_base_binding_policy OMPI_MCA_rmaps_base_oversubscribe # as users have it
hosts_up 1
slurm_up 1

in_folder() {
  mkdir "$SCRATCH/$1"
  cd "$SCRATCH/$1" || exit 1
}

run="--set train.score.steps=600 --set train.ratio.steps=50 --set checkpoint.every=100"

# --- An array, one case of which fails ---
in_folder array
printf 'seed=%s\n' 1 2 x 4 >cases.txt
job_output=job.%A_%a
submit --array=1-4%2 -n1 "$top/jobs/slurm/array.sh" "$deck" cases.txt
array=$job
ok "an array" until_true "$LIMIT" array_ended "$array"
ok "one case of which fails" [ "$(array_states "$array")" = '1 COMPLETED 2 COMPLETED 3 FAILED 4 COMPLETED ' ]
for k in 1 2 4; do ok "case $k" test -s "run_${array}_$k/report.json"; done
ok "case 3 says why" says_in "job.${array}_3" '^sbridge: .*seed'
job_output=job.%j

# --- A study in slices, one case of which fails; the last job joins them ---
in_folder study
{ cat "$deck"; echo "study: {replicates: 2, grid: {data.n: [300, 600], train.rate: [1e-3, 10]}}"; } >study.yml
is_status 0 "a study at once" mpirun -n 2 "$SBRIDGE" study study.yml --set output=whole
sed 's/^#SBATCH --ntasks=.*/#SBATCH --ntasks=1/' "$top/jobs/slurm/study.sh" >study.sh
chmod +x study.sh
./study.sh 3 study.yml >numbers
array=$(head -n 1 numbers) last=$(tail -n 1 numbers)
ok "the last job of a study in slices" reaches "$last" COMPLETED
ok "comes after all slices" [ "$(array_states "$array")" = '1 COMPLETED 2 COMPLETED 3 COMPLETED ' ]
ok "says which cases failed" says_in "sbridge.$last.out" '4 of 8 cases failed'
for name in study.csv slopes.csv; do ok "same $name" cmp "whole/$name" "run_$array/$name"; done
ok "same study.h5" "$top/tools/same.sh" whole/study.h5 "run_$array/study.h5"
./study.sh 2 no.yml >numbers
ok "a slice that fails" until_true "$LIMIT" array_ended "$(head -n 1 numbers)"
ok "takes the last job with it" reaches "$(tail -n 1 numbers)" CANCELLED

# --- Chains, of a copy that is adapted to this cluster, as users do ---
in_folder chain
sed 's/^#SBATCH --nodes=.*/#SBATCH --nodes=1/; s/^#SBATCH --ntasks-per-node=.*/#SBATCH --ntasks-per-node=2/' \
  "$top/jobs/slurm/chain.sh" >chain.sh
chmod +x chain.sh
./chain.sh 3 "$deck" $run --stop-after 300 >links
ok "a chain" reaches "$(tail -n 1 links)" COMPLETED
first=$(head -n 1 links)
ok "is gone on with" says_in "sbridge.$(sed -n 2p links).out" 'going on from'
ok "in one folder" [ "$(ls -d run_*)" = "run_$first" ]
./chain.sh 3 no.yml >links
ok "a link that fails" reaches "$(head -n 1 links)" FAILED
for k in 2 3; do ok "takes link $k with it" reaches "$(sed -n ${k}p links)" CANCELLED; done
cd "$top" || exit 1
done_testing
