#!/bin/bash
# A run longer than any time limit: N jobs, each of which waits for the one before. On the login node:
#
#   jobs/pbs/chain.sh 5 input/ring.yml
#
# Jobs get the environment of this command (OPTIONS, SBRIDGE …). Links after the end of the run end at once. After a link that
# failed (any status but 0, 75, 76) PBS removes the rest.
#
#PBS -N sbridge
#PBS -l select=2:ncpus=32:mpiprocs=32
#PBS -l walltime=24:00:00
# Torque, in place of select:
##PBS -l nodes=2:ppn=32
#PBS -j oe
#PBS -r y

if [ -z "${LINK-}" ]; then
  links=${1:?how many jobs?}
  previous='' output=''
  for ((k = 0; k < links; k++)); do
    previous=$(qsub -V ${previous:+-W depend=afterok:"$previous"} -v "LINK=1,DECK=${2:?which deck?}${output:+,OUTPUT=$output}" "$0") || exit
    : "${output:=run_${previous%%.*}}"
    echo "$previous"
  done
  exit
fi

# shellcheck source=jobs/launch.sh
. "${JOBS:-$PBS_O_WORKDIR/jobs}/launch.sh" || exit
status=0
# shellcheck disable=SC2086 # options are words
launch run "$DECK" --set output="${OUTPUT:-run_$job}" --resume --stall-timeout 15m ${OPTIONS-} || status=$?
case $status in
  75 | 76) exit 0 ;; # for afterok: the next link goes on
esac
exit "$status"
