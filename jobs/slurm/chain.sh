#!/bin/bash
# A run longer than any time limit, where jobs may not requeue themselves: N jobs, each of which waits for the one before.
# On the login node:
#
#   jobs/slurm/chain.sh 5 input/ring.yml [OPTIONS]
#
# Links after the end of the run end at once. After a link that failed (any status but 0, 75, 76) SLURM cancels the rest;
# without --kill-on-invalid-dep they would wait for ever.
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

if [ "${1-}" != link ]; then
  links=${1:?how many jobs?} deck=${2:?which deck?}
  previous='' first=''
  for ((k = 0; k < links; k++)); do
    previous=$(sbatch --parsable ${previous:+--dependency=afterok:"$previous" --kill-on-invalid-dep=yes} \
      "$0" link "${first:+run_$first}" "$deck" "${@:3}") || exit
    previous=${previous%%;*} # of "number;cluster"
    : "${first:=$previous}"
    echo "$previous"
  done
  exit
fi

# shellcheck source=jobs/launch.sh
. "${JOBS:-$SLURM_SUBMIT_DIR/jobs}/launch.sh" || exit
status=0
launch run "$3" --set output="${2:-run_$job}" --resume --stall-timeout 15m "${@:4}" || status=$?
case $status in
  75 | 76) exit 0 ;; # for afterok: the next link goes on
esac
exit "$status"
