#!/bin/sh
# The job scripts, run as a scheduler would, by real mpirun; squeue, scontrol, sbatch, qsub and qstat are stand-ins that write
# down how they were called.
. tests/env.sh
top=$PWD program=$(realpath "$sbridge") deck=$PWD/tests/equal/tiny.yml
# shellcheck source=tests/e2e/lib/runs.sh
. tests/e2e/lib/runs.sh

if command -v shellcheck >/dev/null; then
  ok "shellcheck" shellcheck -x jobs/*.sh jobs/*/*.sh tests/lib/*.sh
else
  skip "no shellcheck here"
fi
for script in jobs/slurm/*.sh jobs/pbs/*.sh; do
  ok "$script can be started by its name" test -x "$script"
done

mkdir "$SCRATCH/bin" "$SCRATCH/here"
cd "$SCRATCH/here" || exit 1
stand_in() { # NAME, its text on standard input
  { printf '#!/bin/sh\necho "%s $*" >>"%s/called"\n' "$1" "$SCRATCH"; cat; } >"$SCRATCH/bin/$1"
  chmod +x "$SCRATCH/bin/$1"
}
called() { grep -qx -- "$1" "$SCRATCH/called"; }
# The number of the job is the number of calls.
stand_in sbatch <<'END'
echo "$(wc -l <"$(dirname "$0")/../called");cluster"
END
stand_in qsub <<'END'
echo "$(wc -l <"$(dirname "$0")/../called").server"
END
# A job that is requeued ends.
stand_in scontrol <<'END'
kill -9 $PPID
END
stand_in squeue <<'END'
date -d "@${STOP_AT:-$(($(date +%s) + 3600))}" +%Y-%m-%dT%H:%M:%S
END
stand_in qstat <<'END'
echo "    Resource_List.walltime = ${WALLTIME:-01:00:00}"
END
PATH=$SCRATCH/bin:$PATH
export PATH SBRIDGE="$program" JOBS="$top/jobs"

# as_slurm JOB SCRIPT ARGUMENTS..., as_pbs JOB SCRIPT: in the environment of such a job
as_slurm() {
  job=$1 script=$2
  shift 2
  SLURM_JOB_ID=$job LAUNCH="${LAUNCH:-mpirun -n 2}" timeout -k 5 "$LIMIT" "$top/jobs/slurm/$script.sh" "$@"
}
as_pbs() {
  PBS_JOBID=$1.server PBS_O_WORKDIR=$PWD PBS_NODEFILE=$SCRATCH/nodes timeout -k 5 "$LIMIT" "$top/jobs/pbs/$2.sh"
}
printf 'localhost\nlocalhost\n' >"$SCRATCH/nodes"
printf 'seed=3\nseed=5 train.rate=3e-3\nseed=1 no.such=1\n' >cases.txt
export DECK="$deck" CASES=cases.txt

# --- Jobs that come to their end; a checkpoint knows the name of its folder, so where two are compared both are `out` ---
in_folder() { # NAME
  mkdir -p "$SCRATCH/$1"
  cd "$SCRATCH/$1" || exit 1
  cp "$SCRATCH/here/cases.txt" .
}
export OUTPUT=out
in_folder whole
is_status 0 "a job of SLURM" as_slurm 12 single "$deck" --set sample.draws=4
in_folder pbs
export OPTIONS="--set sample.draws=4"
is_status 0 "a job of PBS" as_pbs 13 single
ok "leads to the same" "$top/tools/same.sh" ../whole/out out
is_status 0 "submitted again" as_pbs 13 single
ok "finds that all is done" grep -q 'the report is complete' "$output"
unset OPTIONS
is_status 1 "a deck that is not there" as_slurm 14 requeue none.yml
ok "says the program" grep -q '^sbridge: none.yml: ' "$output"
ok "and is not put back" sh -c "! grep -q scontrol '$SCRATCH/called'"

# --- Jobs that are not finished ---
in_folder requeue
SB_FINISH=0 SB_POISON=training:1:9 is_status 137 "a job that stops" as_slurm 15 requeue "$deck" --set sample.draws=4
says "says so" 'stopped after step 9 .*USR1'
ok "is put back into the queue" called 'scontrol requeue 15'
SLURM_RESTART_COUNT=1 LAUNCH="mpirun -n 3" is_status 0 "and started again" as_slurm 15 requeue "$deck" --set sample.draws=4
ok "leads to the same after all" "$top/tools/same.sh" ../whole/out out
unset OUTPUT
SLURM_RESTART_COUNT=50 SB_FINISH=0 SB_POISON=training:1:9 is_status 75 "not more often than 50 times" as_slurm 16 requeue "$deck"
ok "a job has a folder of its own" test -s run_16/checkpoint.h5

# in_background SCRIPT...: a run without end, until its first checkpoint
in_background() {
  "$@" >"$SCRATCH/background" 2>&1 &
  started=$!
  seen "$folder/checkpoint.h5"
}
export LAUNCH="mpirun -n 2"
without_end="--set train.score.steps=100000000 --set train.report=100000000 --set checkpoint.every=1000 --max-walltime 50"
for signal in USR1 TERM; do
  folder=run_$signal
  # shellcheck disable=SC2086 # words
  in_background env SLURM_JOB_ID=$signal "$top/jobs/slurm/single.sh" "$deck" $without_end
  kill -$signal $started
  ends 75 "$signal for the script of the job"
  says "is USR1 for the ranks" 'signal USR1 on rank'
done
cat >"$SCRATCH/bin/rank" <<'END'
#!/bin/sh
echo $$ >"pid.$OMPI_COMM_WORLD_RANK"
exec "$@"
END
chmod +x "$SCRATCH/bin/rank"
folder=run_17
# shellcheck disable=SC2086
in_background env SLURM_JOB_ID=17 LAUNCH="mpirun -n 2 rank" "$top/jobs/slurm/single.sh" "$deck" $without_end
send 9 pid.1
ends 137 "a rank that is killed"
ok "is said to be lost" grep -q '^job 17: a rank, a host or the launcher was lost (status 137)' "$output"

# --- The scheduler's limit ---
endless="--set train.score.steps=100000000 --set train.report=100000000"
# shellcheck disable=SC2086
STOP_AT=$(($(date +%s) + 5)) is_status 75 "the limit that squeue tells" as_slurm 18 single "$deck" $endless
says "is kept" 'time limit of --max-walltime'
WALLTIME=00:00:05 OPTIONS=$endless is_status 75 "the limit that qstat tells" as_pbs 19 single
says "is kept as well" 'time limit of --max-walltime'

# --- Arrays ---
export SLURM_ARRAY_JOB_ID=20 SLURM_ARRAY_TASK_ID=2
SB_FINISH=0 SB_POISON=training:1:9 is_status 137 "a case that stops" as_slurm 22 array "$deck" cases.txt
ok "is put back alone" called 'scontrol requeue 20_2'
is_status 0 "and goes on" as_slurm 22 array "$deck" cases.txt
ok "with the keys of its line" grep -q '^ *rate: *0.003' run_20_2/used.yml
SLURM_ARRAY_TASK_ID=3 is_status 1 "a case that fails" as_slurm 23 array "$deck" cases.txt
SLURM_ARRAY_TASK_ID=4 is_status 1 "a case without a line" as_slurm 24 array "$deck" cases.txt
unset SLURM_ARRAY_JOB_ID SLURM_ARRAY_TASK_ID
in_folder array
PBS_ARRAY_INDEX=2 is_status 0 "a case under PBS" as_pbs '20[2]' array
ok "is the same" "$top/tools/same.sh" ../requeue/run_20_2 run_20_2

# --- Chains ---
rm "$SCRATCH/called"
is_status 0 "a chain of SLURM" "$top/jobs/slurm/chain.sh" 3 "$deck" --quiet
ok "the first" called "sbatch --parsable $top/jobs/slurm/chain.sh link  $deck --quiet"
ok "each after the one before, in the folder of the first" \
  called "sbatch --parsable --dependency=afterok:2 --kill-on-invalid-dep=yes $top/jobs/slurm/chain.sh link run_1 $deck --quiet"
SB_FINISH=0 SB_POISON=training:1:9 is_status 0 "a link that is not finished lets the next begin" as_slurm 41 chain link run_40 "$deck"
ok "which says so" grep -q '^job 41: saved' "$output"
is_status 1 "a link that fails does not" as_slurm 42 chain link run_40 none.yml
rm "$SCRATCH/called"
is_status 0 "a chain of PBS" "$top/jobs/pbs/chain.sh" 3 "$deck"
ok "begins" called "qsub -V -v LINK=1,DECK=$deck $top/jobs/pbs/chain.sh"
ok "and goes on" called "qsub -V -W depend=afterok:2.server -v LINK=1,DECK=$deck,OUTPUT=run_1 $top/jobs/pbs/chain.sh"
LINK=1 OUTPUT=run_40 is_status 0 "a link of it" as_pbs 43 chain
ok "is the last" test -s run_40/report.json

# --- Studies ---
in_folder study
{ cat "$deck"; echo "study: {grid: {data.n: [300, 600, 400, 500], train.rate: [1e-3, 10]}}"; } >study.yml
is_status 0 "a study at once" mpi 2 "$program" study study.yml --set output=whole
rm "$SCRATCH/called"
is_status 0 "a study in slices" "$top/jobs/slurm/study.sh" 2 study.yml --quiet
ok "an array" called "sbatch --parsable --array=1-2 $top/jobs/slurm/study.sh slice 2 study.yml --quiet"
ok "and what comes after" called "sbatch --parsable --ntasks=1 --output=%x.%j.out --dependency=afterok:1 \
--kill-on-invalid-dep=yes $top/jobs/slurm/study.sh merge 1 study.yml --quiet"
is_status 1 "the last job, too early" as_slurm 52 study merge 1 study.yml
export SLURM_ARRAY_JOB_ID=1 SLURM_ARRAY_TASK_ID=1
is_status 0 "a slice" as_slurm 50 study slice 2 study.yml
SLURM_ARRAY_TASK_ID=2 is_status 0 "the other" as_slurm 51 study slice 2 study.yml
unset SLURM_ARRAY_JOB_ID SLURM_ARRAY_TASK_ID
LAUNCH="mpirun -n 1" is_status 0 "the last job" as_slurm 52 study merge 1 study.yml
ok "leads to the same" "$top/tools/same.sh" whole/study.h5 run_1/study.h5
rm "$SCRATCH/called"
is_status 0 "a study of PBS" "$top/jobs/pbs/study.sh" 2 study.yml
ok "an array" called "qsub -V -J 1-2 -v SLICES=2,DECK=study.yml $top/jobs/pbs/study.sh"
ok "and what comes after" called "qsub -V -W depend=afterany:1.server -v SLICES=all,DECK=study.yml,STUDY=run_1 $top/jobs/pbs/study.sh"
export DECK=study.yml SLICES=2
for k in 1 2; do PBS_ARRAY_INDEX=$k is_status 0 "slice $k under PBS" as_pbs "60[$k]" study; done
SLICES=all STUDY=run_60 LAUNCH="mpirun -n 1" is_status 0 "its last job" as_pbs 61 study
ok "leads to the same" "$top/tools/same.sh" whole/study.h5 run_60/study.h5
export DECK="$deck"
unset SLICES

# --- The page: its command blocks run, its links lead somewhere ---
in_folder page
mkdir build output blocks
ln -s "$top/input" "$top/jobs" .
ln -s "$program" build/sbridge
ln -s ../../whole/out output/ring
awk '/^<!-- not run/ { not = 1; next } /^```sh$/ { text = 1; n += !not; next } /^```$/ { text = not = 0 }
     text && !not { print >sprintf("blocks/%02d", n) }' jobs/README.md
for block in blocks/*; do
  is_status 0 "$(head -n 1 "$block")" timeout -k 5 "$LIMIT" sh -e "$block"
done
ok "there are some" test "$(echo blocks/* | wc -w)" -ge 6
links() {
  grep -o '](\([^)#]*\)' jobs/README.md | sed 's/^](//; /^$/d' | while read -r file; do
    [ -e "$top/jobs/$file" ] || { echo "$file"; return 1; }
  done
}
ok "every file that it links to is there" links
cd "$top" || exit 1
done_testing
