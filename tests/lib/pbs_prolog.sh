#!/bin/bash
# TaskProlog of tests/long/pbs.sh: the batch script of a job gets the environment of PBS and loses that of SLURM, so that
# neither it nor MPI can lean on SLURM.
case ${SLURM_STEP_ID-} in '' | 4294967291) ;; *) exit 0 ;; esac # the batch step alone
nodes=/run/hosts/nodes.$SLURM_JOB_ID
scontrol show hostnames "$SLURM_JOB_NODELIST" |
  awk -v each="${SLURM_TASKS_PER_NODE%%(*}" '{ for (k = 0; k < each; k++) print }' >"$nodes"
number=$SLURM_JOB_ID
if [ -n "${SLURM_ARRAY_TASK_ID-}" ]; then
  number="${SLURM_ARRAY_JOB_ID}[$SLURM_ARRAY_TASK_ID]"
  echo "export PBS_ARRAY_INDEX=$SLURM_ARRAY_TASK_ID"
fi
for word in JOBID="$number.server" O_WORKDIR="$SLURM_SUBMIT_DIR" NODEFILE="$nodes" ENVIRONMENT=PBS_BATCH; do
  echo "export PBS_$word" # a line for each
done
env | sed -n 's/^\(SLURM[A-Z_]*\)=.*/unset \1/p'
