# shellcheck shell=sh disable=SC2154 # what tests/env.sh sets
# A private SLURM cluster on the hosts of tests/lib/hosts.sh: slurmctld on n0, a slurmd on each other host, real munge. Its
# files are where they always are, /etc/slurm and /run, on mounts that only the test sees; it ends with the test.
#
#   apart ip dropbear slurmctld slurmd munged   # see hosts.sh
#   hosts_up 3
#   slurm_up 3
#   job=$(sbatch --parsable …)
#   reaches "$job" COMPLETED FAILED …

# slurm_up N [PROLOG]: a cluster of n1 … nN with two processors each, all idle; PROLOG: slurm.conf's TaskProlog
slurm_up() {
  mkdir -p /run/munge /run/slurm/state
  (umask 077; head -c 1024 /dev/urandom >/run/munge/key)
  munged --force --key-file=/run/munge/key --log-file=/run/munge/log --seed-file=/run/munge/seed
  # cred_expire: a requeued job may start again after so many seconds (120 where nothing is said)
  cat >/etc/slurm/slurm.conf <<END
ClusterName=test
SlurmctldHost=n0(10.77.0.100)
SlurmUser=root
SlurmdUser=root
AuthInfo=cred_expire=5
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation=/run/slurm/state
SlurmdSpoolDir=/run/local/slurm
SlurmctldPidFile=/run/slurm/slurmctld.pid
SlurmdPidFile=/run/local/slurmd.pid
SlurmctldLogFile=/run/slurm/slurmctld.log
SlurmdLogFile=/run/slurm/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/affinity
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1,sched_min_interval=10000
SlurmdParameters=config_overrides
ReturnToService=2
MinJobAge=3600
SlurmdTimeout=20
KillWait=30
MailProg=/bin/true
END
  for number in $(seq "$1"); do
    echo "NodeName=n$number NodeAddr=10.77.0.10$number CPUs=2 RealMemory=1000" >>/etc/slurm/slurm.conf
  done
  echo "PartitionName=all Nodes=ALL Default=YES State=UP" >>/etc/slurm/slurm.conf
  if [ "${2-}" ]; then echo "TaskProlog=$2" >>/etc/slurm/slurm.conf; fi
  : >/etc/slurm/plugstack.conf
  echo "PMIxCliTmpDirBase=/run/local" >/etc/slurm/mpi.conf
  slurmctld -c
  for number in $(seq "$1"); do
    until_true 10 [ -s /run/slurm/slurmctld.pid ] && on "n$number" slurmd -N "n$number"
  done
  until_true 30 all_idle "$1" || { cat /run/slurm/*.log; echo "Bail out! SLURM does not start"; exit 1; }
}

all_idle() { [ "$(sinfo -h -N -t idle -o %N 2>/dev/null | wc -l)" -eq "$1" ]; }

# until_true SECONDS COMMAND...: tries it until it succeeds, at most so long
until_true() {
  until_end=$(($(date +%s) + $1))
  shift
  until "$@"; do
    [ "$(date +%s)" -lt "$until_end" ] || return 1
    sleep 0.2
  done
}

# state JOB: RUNNING, PENDING, COMPLETED …
state() { squeue -h -t all -j "$1" -o %T 2>/dev/null | sort | uniq; }

is_state() { # JOB STATE...
  is_now=$(state "$1")
  shift
  for is_wanted; do [ "$is_now" = "$is_wanted" ] && return 0; done
  return 1
}

# reaches JOB STATE...: waits until the job is in one of these states, at most $LIMIT seconds
reaches() { until_true "$LIMIT" is_state "$@" || { scontrol show job "$1"; return 1; }; }

# submit OPTIONS SCRIPT ARGUMENTS...: sbatch; its number is $job, its output goes to job.$job (of arrays: to job.<array>_<k>)
# shellcheck disable=SC2034 # for the tests
submit() { job=$(sbatch --parsable --output="$job_output" "$@" 2>"$SCRATCH/submit") || cat "$SCRATCH/submit"; }
job_output=job.%j

# told JOB FIELD: what `scontrol show job` has behind FIELD=
told() { scontrol show job "$1" | tr ' ' '\n' | sed -n "s/^$2=//p" | head -n 1; }

# is_told JOB FIELD VALUE
is_told() { [ "$(told "$1" "$2")" = "$3" ] || { told "$1" "$2"; return 1; }; }

# was_restarted JOB: at least once
was_restarted() { [ "$(told "$1" Restarts)" -ge 1 ]; }

# array_ended JOB: all cases; array_states JOB: "1 COMPLETED 2 FAILED …"
array_ended() { ! squeue -h -r -j "$1" -o %T 2>/dev/null | grep -q .; }
array_states() { squeue -h -r -t all -j "$1" -o '%K %T' | sort | tr '\n' ' '; }

# says_in FILE PATTERN...: does the file have a line like this? Else it is shown.
says_in() { grep -Eq "$2" "$1" || { tail -n 20 "$1"; return 1; }; }
