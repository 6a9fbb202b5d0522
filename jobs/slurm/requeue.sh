#!/bin/bash
# A run longer than any time limit: a job that is not finished puts itself back into the queue, under the same number.
#
#   sbatch jobs/slurm/requeue.sh input/ring.yml [OPTIONS]
#
#SBATCH --job-name=sbridge
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=32
#SBATCH --cpus-per-task=1
#SBATCH --hint=nomultithread
#SBATCH --time=24:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x.%j.out

most=50 # times that the job may start again

# shellcheck source=jobs/launch.sh
. "${JOBS:-$SLURM_SUBMIT_DIR/jobs}/launch.sh" || exit
deck=${1:?which deck?}
status=0
launch run "$deck" --set output="${OUTPUT:-run_$job}" --resume --stall-timeout 15m "${@:2}" || status=$?
case $status in
  75 | 76)
    if [ "${SLURM_RESTART_COUNT:-0}" -ge "$most" ]; then
      echo "job $job: started again $most times already"
    elif scontrol requeue "$job"; then
      sleep 300 # ends with the job, which SLURM ends now
    fi
    ;;
esac
exit "$status"
