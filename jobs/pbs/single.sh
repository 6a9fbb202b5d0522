#!/bin/bash
# One run on whole nodes:
#
#   qsub -v DECK=input/ring.yml jobs/pbs/single.sh
#
# It stops in time for its limit. Status 75 or 76: not finished; the same with the folder of the first job goes on:
#
#   qsub -v DECK=input/ring.yml,OUTPUT=run_1234 jobs/pbs/single.sh
#
#PBS -N sbridge
#PBS -l select=2:ncpus=32:mpiprocs=32
#PBS -l walltime=24:00:00
# Torque, in place of select:
##PBS -l nodes=2:ppn=32
#PBS -j oe
#PBS -r y

# shellcheck source=jobs/launch.sh
. "${JOBS:-$PBS_O_WORKDIR/jobs}/launch.sh" || exit
# shellcheck disable=SC2086 # options are words
launch run "${DECK:?which deck? qsub -v DECK=...}" --set output="${OUTPUT:-run_$job}" --resume --stall-timeout 15m ${OPTIONS-}
