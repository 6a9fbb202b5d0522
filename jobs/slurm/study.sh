#!/bin/bash
# A study in N slices, a job array, and a last job that joins them. On the login node:
#
#   jobs/slurm/study.sh 8 input/study_ring.yml [OPTIONS]
#
# It prints the numbers of the array and of the last job; the results are in run_<array>. Task k takes the cases k, k + N …; one
# that is not finished goes back into the queue. A case that fails is a row of the result and does not fail its task. Here a
# task has four ranks; study.ranks_per_case of the deck says how many work on a case together.
#
#SBATCH --job-name=sbridge
#SBATCH --ntasks=4
#SBATCH --cpus-per-task=1
#SBATCH --hint=nomultithread
#SBATCH --time=04:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x.%A_%a.out

most=50 # times that a task may start again

if [ "${1-}" != slice ] && [ "${1-}" != merge ]; then
  slices=${1:?how many slices?} deck=${2:?which deck?}
  array=$(sbatch --parsable --array=1-"$slices" "$0" slice "$slices" "$deck" "${@:3}") || exit
  array=${array%%;*} # of "number;cluster"
  last=$(sbatch --parsable --ntasks=1 --output=%x.%j.out --dependency=afterok:"$array" --kill-on-invalid-dep=yes \
    "$0" merge "$array" "$deck" "${@:3}") || exit
  printf '%s\n' "$array" "${last%%;*}"
  exit
fi

# shellcheck source=jobs/launch.sh
. "${JOBS:-$SLURM_SUBMIT_DIR/jobs}/launch.sh" || exit
if [ "$1" = merge ]; then
  launch study "$3" --set output="run_$2" --merge --resume "${@:4}"
  exit
fi
status=0
launch study "$3" --set output="run_$SLURM_ARRAY_JOB_ID" --slice "$SLURM_ARRAY_TASK_ID/$2" --resume --stall-timeout 30m \
  "${@:4}" || status=$?
case $status in
  75 | 76)
    if [ "${SLURM_RESTART_COUNT:-0}" -lt "$most" ] && scontrol requeue "$job"; then
      sleep 300 # ends with the job, which SLURM ends now
    fi
    ;;
esac
exit "$status"
