#!/bin/bash
# Many runs of one deck, an array: line k of a file has the keys of case k, such as
#
#   seed=1 reference.variance1=2
#
#   sbatch --array=1-"$(wc -l <cases.txt)"%10 jobs/slurm/array.sh input/ring.yml cases.txt [OPTIONS]
#
# Each case has a folder run_<job>_<k> and a status of its own: one that fails leaves the others alone, one that is not
# finished goes back into the queue. Here a case has one rank: `--ntasks` for more.
#
#SBATCH --job-name=sbridge
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --hint=nomultithread
#SBATCH --time=04:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x.%A_%a.out

most=20 # times that a case may start again

# shellcheck source=jobs/launch.sh
. "${JOBS:-$SLURM_SUBMIT_DIR/jobs}/launch.sh" || exit
deck=${1:?which deck?} cases=${2:?which file of cases?}
read -r -a keys < <(sed -n "${SLURM_ARRAY_TASK_ID:?not an array, see above}p" "$cases")
[ "${#keys[@]}" -gt 0 ] || { echo "job $job: $cases has no line $SLURM_ARRAY_TASK_ID"; exit 1; }
status=0
launch run "$deck" --set output="run_$job" --resume --stall-timeout 15m "${keys[@]/#/--set=}" "${@:3}" || status=$?
case $status in
  75 | 76)
    if [ "${SLURM_RESTART_COUNT:-0}" -lt "$most" ] && scontrol requeue "$job"; then
      sleep 300 # ends with the job, which SLURM ends now
    fi
    ;;
esac
exit "$status"
