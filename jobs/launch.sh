# shellcheck shell=bash
# Sourced by the job scripts beside it: settings of MPI, and `launch`, which runs sbridge on all ranks of the job.
#
#   LAUNCH    how ranks are started; default mpirun, told of the hosts of a PBS job. Under SLURM also:
#             LAUNCH="srun --mpi=pmix --cpu-bind=cores"
#   SBRIDGE   the program; default sbridge, of the PATH
#
# Sets job, a name of this job that no other job has: its number, and the index of an array.

# One line for the modules that the program was built with, for instance:
# module load openmpi hdf5/parallel openblas scalapack

# One core for each rank. What is in the environment already goes first, here and below.
export OMPI_MCA_hwloc_base_binding_policy=${OMPI_MCA_hwloc_base_binding_policy:-core}

# mpirun learns of a host that vanished after 60 + 6 * 15 s (Open MPI's own values: 8 minutes). Shorter than a minute would
# end runs that a network gone for half a minute only holds up.
export OMPI_MCA_oob_tcp_keepalive_time=${OMPI_MCA_oob_tcp_keepalive_time:-60}
export OMPI_MCA_oob_tcp_keepalive_intvl=${OMPI_MCA_oob_tcp_keepalive_intvl:-15}
export OMPI_MCA_oob_tcp_keepalive_probes=${OMPI_MCA_oob_tcp_keepalive_probes:-6}

# Where MPI's TCP has several networks to choose from (ip -br addr), the fast one:
# export OMPI_MCA_btl_tcp_if_include=ib0 OMPI_MCA_oob_tcp_if_include=ib0

# File systems without locks (HDF5 says errno 11 or 37):
# export HDF5_USE_FILE_LOCKING=FALSE

if [ -n "${PBS_JOBID-}" ]; then
  cd "$PBS_O_WORKDIR" || exit 1
  job=${PBS_JOBID%%.*} # 1234[5] in an array
  job=${job//[!0-9]/_}
  job=${job%_}
  : "${LAUNCH:=mpirun -np $(wc -l <"$PBS_NODEFILE") --hostfile $PBS_NODEFILE}"
else
  job=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID}
  job=${job:-${SLURM_JOB_ID:?not in a job of SLURM or PBS}}
  : "${LAUNCH:=mpirun}"
fi
: "${SBRIDGE:=sbridge}"

# time_left: seconds to the job's limit, nothing where the scheduler does not tell
time_left() {
  local end id limit
  if [ -n "${PBS_JOBID-}" ]; then
    limit=${PBS_WALLTIME-}
    for id in "$PBS_JOBID" "${PBS_JOBID%%.*}"; do # with its server, or by the number alone
      : "${limit:=$(qstat -f "$id" 2>/dev/null | sed -n 's/.*Resource_List.walltime = //p')}"
    done
    if [[ $limit =~ ^([0-9]+):([0-9]+):([0-9]+)$ ]]; then
      limit=$((10#${BASH_REMATCH[1]} * 3600 + 10#${BASH_REMATCH[2]} * 60 + 10#${BASH_REMATCH[3]}))
    fi
    if [ -n "$limit" ]; then echo $((limit - SECONDS)); fi
  else
    end=$(squeue -h -j "$job" -o %e 2>/dev/null) && end=$(date -d "$end" +%s 2>/dev/null) && echo $((end - $(date +%s)))
  fi
}

# launch COMMAND DECK OPTIONS...: runs the program, whose status it returns. Signals for the job (USR1 before the limit, TERM)
# become USR1 for the ranks: save and stop, status 75. mpirun that gets TERM itself would kill them within a second.
launch() {
  local command=$1 left pid status
  shift
  left=$(time_left)
  # shellcheck disable=SC2086 # words
  $LAUNCH "$SBRIDGE" "$command" ${left:+--max-walltime "$left"} "$@" &
  pid=$!
  trap 'kill -USR1 "$pid" 2>/dev/null' USR1 TERM
  while :; do # wait returns early, with a status of its own, when a signal comes
    status=0
    wait "$pid" || status=$?
    kill -0 "$pid" 2>/dev/null || break
  done
  trap '' USR1 TERM # one that comes late would end the script
  case $status in
    0 | 1 | 2 | 3) ;; # said by the program
    75 | 76) echo "job $job: saved, to be gone on with (status $status)" ;;
    *) echo "job $job: a rank, a host or the launcher was lost (status $status); the last checkpoint is whole" ;;
  esac
  return "$status"
}
