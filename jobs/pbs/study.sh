#!/bin/bash
# A study in N slices, a job array, and a last job that joins them. On the login node:
#
#   jobs/pbs/study.sh 8 input/study_ring.yml      (Torque: ARRAY=-t jobs/pbs/study.sh ...)
#
# Jobs get the environment of this command (OPTIONS, SBRIDGE …). It prints the numbers of the array and of the last job; the
# results are in run_<array>. Task k takes the cases k, k + N …. A case that fails is a row of the result. Where tasks were not
# finished (status 75 or 76) the last job says which: the same command with STUDY=run_1234, the folder of the first, goes on.
#
#PBS -N sbridge
#PBS -l select=1:ncpus=4:mpiprocs=4
#PBS -l walltime=04:00:00
# Torque, in place of select:
##PBS -l nodes=1:ppn=4
#PBS -j oe
#PBS -r y

if [ -z "${SLICES-}" ]; then
  slices=${1:?how many slices?} deck=${2:?which deck?}
  array=$(qsub -V "${ARRAY:--J}" 1-"$slices" -v "SLICES=$slices,DECK=$deck${STUDY:+,STUDY=$STUDY}" "$0") || exit
  number=${array%%.*}
  number=${number%%\[*} # of "1234[].server"
  last=$(qsub -V -W depend=afterany:"$array" -v "SLICES=all,DECK=$deck,STUDY=${STUDY:-run_$number}" "$0") || exit
  printf '%s\n' "$array" "$last"
  exit
fi

# shellcheck source=jobs/launch.sh
. "${JOBS:-$PBS_O_WORKDIR/jobs}/launch.sh" || exit
if [ "$SLICES" = all ]; then
  # shellcheck disable=SC2086,SC2153 # options are words; DECK is of the environment
  launch study "$DECK" --set output="$STUDY" --merge --resume ${OPTIONS-}
  exit
fi
index=${PBS_ARRAY_INDEX:-${PBS_ARRAYID:?not an array, see above}}
# shellcheck disable=SC2086 # options are words
launch study "$DECK" --set output="${STUDY:-run_${job%_*}}" --slice "$index/$SLICES" --resume --stall-timeout 30m ${OPTIONS-}
