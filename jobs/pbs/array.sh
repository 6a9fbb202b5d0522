#!/bin/bash
# Many runs of one deck, an array: line k of a file has the keys of case k, such as
#
#   seed=1 reference.variance1=2
#
#   qsub -J 1-"$(wc -l <cases.txt)" -v DECK=input/ring.yml,CASES=cases.txt jobs/pbs/array.sh      (Torque: -t)
#
# Each case has a folder and a status of its own: one that fails leaves the others alone. A case that was not finished
# (status 75 or 76) goes on when the array is submitted again with STUDY=run_1234, the number of the first array.
#
#PBS -N sbridge
#PBS -l select=1:ncpus=1:mpiprocs=1
#PBS -l walltime=04:00:00
# Torque, in place of select:
##PBS -l nodes=1:ppn=1
#PBS -j oe
#PBS -r y

# shellcheck source=jobs/launch.sh
. "${JOBS:-$PBS_O_WORKDIR/jobs}/launch.sh" || exit
index=${PBS_ARRAY_INDEX:-${PBS_ARRAYID:?not an array, see above}}
read -r -a keys < <(sed -n "${index}p" "${CASES:?which file of cases? qsub -v CASES=...}")
[ "${#keys[@]}" -gt 0 ] || { echo "job $job: $CASES has no line $index"; exit 1; }
# shellcheck disable=SC2086 # options are words
launch run "${DECK:?which deck? qsub -v DECK=...}" --set output="${STUDY:-run_${job%_*}}_$index" --resume \
  --stall-timeout 15m "${keys[@]/#/--set=}" ${OPTIONS-}
