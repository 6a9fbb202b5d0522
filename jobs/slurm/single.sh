#!/bin/bash
# One run on whole nodes:
#
#   sbatch jobs/slurm/single.sh input/ring.yml [OPTIONS]
#
# It stops in time for its limit. Status 75 or 76: not finished; the same command with the folder of the first job goes on:
#
#   sbatch --export=ALL,OUTPUT=run_1234 jobs/slurm/single.sh input/ring.yml
#
#SBATCH --job-name=sbridge
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=32
#SBATCH --cpus-per-task=1
#SBATCH --hint=nomultithread
#SBATCH --time=24:00:00
# USR1 for this script when two minutes are left, should the clock fail; a lost node puts the job back into the queue.
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x.%j.out

# shellcheck source=jobs/launch.sh
. "${JOBS:-$SLURM_SUBMIT_DIR/jobs}/launch.sh" || exit
deck=${1:?which deck?}
launch run "$deck" --set output="${OUTPUT:-run_$job}" --resume --stall-timeout 15m "${@:2}"
