#!/bin/sh
# shellcheck disable=SC2086 # $slow and $endless are words
#
# Stopped by signals, the clock and a file, killed, gone on with on other numbers of ranks: the bits of an uninterrupted
# run. Locks, full disks, damaged checkpoints, numbers gone bad, a rank that stands still.
. tests/env.sh
top=$PWD program=$(realpath "$sbridge") deck=$PWD/tests/equal/tiny.yml
# shellcheck source=tests/e2e/lib/runs.sh
. tests/e2e/lib/runs.sh

# A run that has to be ended, or ends itself where the test could not.
endless="--set train.score.steps=100000000 --set train.report=100000000 --set checkpoint.every=1000 --max-walltime 90"

# alone WORDS...: one rank without mpirun, which takes most of the time of a short run
alone() { OMPI_MCA_ess_singleton_isolated=1 timeout -k 5 "$LIMIT" "$program" "$@"; }

# in_folder NAME: a new folder, or an old one
in_folder() {
  mkdir -p "$SCRATCH/$1"
  cd "$SCRATCH/$1" || exit 1
}

run() { mpi "$1" "$program" run "$deck" $slow --resume; }

in_folder whole
is_status 0 "uninterrupted" run 2

# --- Stops: SB_POISON sends USR1 to a rank in a step; whatever has little left is stopped all the same ---
export SB_FINISH=0
in_folder stops
SB_POISON=training:1:230 is_status 75 "a signal for one rank, while training" mpi 2 "$program" run "$deck" $slow
says "says why, where, how to go on" \
  'stopped after step 230 of network score [(]signal USR1 on rank 1[)]; saved in out/checkpoint.h5; the same command with --resume goes on'
ok "there is a checkpoint" "$program" info out/checkpoint.h5 --verify
is_status 1 "without --resume" alone run "$deck" $slow
touch out/stop
is_status 75 "a file" run 3
says "is named" 'stopped after step 231 of network score [(]file out/stop[)]; .*; the same command goes on'
ok "and gone" [ ! -e out/stop ]
SB_POISON=sampling:2:17 is_status 75 "a signal for one rank, while sampling" run 3
says "keeps the draws" 'stopped before step [0-9]* of 60 of stage[12] [(]signal USR1 on rank 2[)]; unfinished draws in out/sampling.h5'
ok "they are whole" "$program" info out/sampling.h5 --verify
SB_POISON=sampling:0:41 is_status 75 "once more, on one rank" alone run "$deck" $slow --resume
is_status 0 "to the end" run 4
same_results "stopped four times" ../whole/out out
SB_POISON=sampling:0:2 is_status 0 "a stop when all is done" run 2
unset SB_FINISH
SB_POISON=training:0:32 is_status 0 "a stop in the last steps" mpi 2 "$program" train "$deck" --set output=last --set train.score.steps=34

stamps() { for name; do stat -c '%n %Y %y %s' "out/$name"; done; } # of files, as they are now
stamps checkpoint.h5 samples.h5 trajectories.h5 trajectories.p0001.h5 velocity.h5 report.json >before
is_status 0 "the same command again" run 2
ok "says that all is done" grep -q 'the report is complete' "$output"
stamps checkpoint.h5 samples.h5 trajectories.h5 trajectories.p0001.h5 velocity.h5 report.json >after
ok "and leaves results alone" cmp before after
stamps samples.h5 velocity.h5 >before
is_status 0 "other metrics" mpi 2 "$program" run "$deck" $slow --resume --set evaluate.slices=8
stamps samples.h5 velocity.h5 >after
ok "draw nothing anew" cmp before after
ok "but judge" grep -q 'sliced_w2' "$output"
is_status 0 "other draws" alone sample "$deck" $slow --resume --set sample.n=50
ok "are drawn" "$PYTHON" -c 'import h5py; assert len(h5py.File("out/samples.h5")["x"]) == 50'

# --- A signal while MPI starts: rank 0 waits for rank 1 ---
in_folder early
late=go start 2 train "$deck" $endless
ok "signals are heeded before MPI has started" catches 10 pid.0
send USR1 pid.0
touch go
ends 75 "one of them stops the run"
says "at once" 'stopped after step 1 .*[(]signal USR1 on rank 0[)]'
rm out/history.csv
SB_FINISH=1e9 start 2 train "$deck" $endless --resume # that much is not worth a stop
seen out/history.csv
send USR1 pid.1
sleep 1.5
ok "a signal lets a run finish that is nearly done" kill -0 $started
send USR1 pid.1
ends 75 "a second one does not"
says "but stops it" 'stopped after step [0-9]* .*[(]signal USR1 on rank 1[)]'

in_folder draws
often="--set checkpoint.sampling=1e-9" # before every step
export SB_FINISH=0
is_status 0 "draws at once" alone run "$deck" $often
cp out/samples.h5 whole.h5
for harm in 'rm out/trajectories.h5' 'printf damage | dd of=out/sampling.h5 bs=1 seek=3000 conv=notrunc status=none'; do
  SB_POISON=sampling:0:5 is_status 75 "draws stopped" alone run "$deck" $often --overwrite
  says "at the step" 'stopped before step 6 of 7 of stage1 '
  eval "$harm"
  is_status 0 "gone on with after $harm" mpi 2 "$program" run "$deck" $often --resume
  ok "says why draws begin anew" grep -q 'warning: .*; draws begin anew' "$output"
  ok "leads to the same" "$top/tools/same.sh" out/samples.h5 whole.h5
done
unset SB_FINISH

in_folder clock
is_status 75 "a limit of the clock" alone train "$deck" $endless --max-walltime 2s
says "names it" '[(]time limit of --max-walltime[)]'
end=$(($(date +%s) + 4))
SLURM_JOB_END_TIME=$end is_status 75 "the scheduler's limit" mpi 2 "$program" train "$deck" $endless --overwrite
says "names that" '[(]time limit of SLURM_JOB_END_TIME[)]'
is_status 1 "a limit that is none" alone train "$deck" --max-walltime soon

# --- The lock ---
in_folder lock
start 2 train "$deck" $endless
seen out/checkpoint.h5
is_status 1 "a second run in the same directory" mpi 2 "$program" train "$deck" $endless --resume
says "says who holds it" "out is in use by another run [(]process $(cat pid.0) on $(hostname)[)]"
send TERM pid.1
ends 75 "TERM from outside"
says "is named" '[(]signal TERM on rank 1[)]'
start 2 train "$deck" $endless --resume
seen out/.lock
kill_all
ok "kill -9 leaves the file of the lock" [ -e out/.lock ]
is_status 75 "but not the lock the lock is free" mpi 2 "$program" train "$deck" $endless --resume --stop-after 3
ok "a lock is not left" [ ! -e out/.lock ]

# --- Damage ---
in_folder damage
is_status 75 "a run with two checkpoints" alone train "$deck" --stop-after 25
cp ../whole/out/report.json out/x.json.part
printf 'damage' | dd of=out/checkpoint.h5 bs=1 seek=$(($(wc -c <out/checkpoint.h5) / 2)) conv=notrunc 2>/dev/null
is_status 0 "goes on" mpi 3 "$program" train "$deck" --resume
ok "with one warning" [ "$(grep -c 'warning' "$output")" = 1 ]
ok "that names the damage" grep -q '^sbridge: warning: out/checkpoint.h5: .*; the checkpoint before it is used' "$output"
ok "from the checkpoint before" grep -q 'going on from out/checkpoint.1.h5: step 14 of network score' "$output"
ok "the damaged one is set aside" [ -e out/checkpoint.damaged.h5 ]
ok "half-written files are removed" [ ! -e out/x.json.part ]
mkdir ../undamaged
cd ../undamaged || exit 1
is_status 0 "without damage" alone train "$deck"
ok "same checkpoint" "$top/tools/same.sh" out/checkpoint.h5 ../damage/out/checkpoint.h5
head -c 3000 out/checkpoint.h5 >short
mv short out/checkpoint.h5
rm out/checkpoint.1.h5
is_status 1 "all checkpoints damaged" alone train "$deck" --resume
says "says so" 'no checkpoint in out is whole'

# --- Numbers ---
in_folder numbers
SB_POISON=gradient:1:5 is_status 2 "NaN in a gradient of rank 1" mpi 3 "$program" train "$deck" --set output=a
says "names rank, step and tensor" 'training score: .* is not finite or too large at step 5 on rank 1'
SB_POISON=loss:2:9 is_status 2 "NaN in a loss of rank 2" mpi 3 "$program" train "$deck" --set output=a --overwrite
says "names rank and step" 'training score: the loss is not finite or too large at step 9 on rank 2'
SB_POISON=checkpoint:1:20 is_status 2 "NaN in a checkpoint of rank 1" mpi 3 "$program" train "$deck" --set output=a --overwrite \
  --set checkpoint.every=10
says "names rank, step and tensor" 'a/checkpoint.h5: number 0 of /net/score/parameters is -?nan: .*[(]rank [01], step 20[)]; earlier checkpoints stay'
ok "and the one before stays" "$program" info a/checkpoint.h5 --verify
SB_POISON=particle:1:4 is_status 2 "NaN in a particle of rank 1" mpi 3 "$program" run "$deck" --set output=a --overwrite
says "names rank, step and particle" 'stage1 .*: particle 255 is -?nan after step 4 of 7 on rank 1'
mkdir b c
cd b || exit 1
SB_POISON=gradient:0:9 is_status 0 "back to the last checkpoint" mpi 3 "$program" train "$deck" --set train.on_nan=restore
ok "with half the rate" grep -q 'warning: training score: .* at step 9 on rank 0.*; going back to out/checkpoint.h5 with half the learning rate (1 of 3)' "$output"
cd ../c || exit 1
SB_POISON=loss:0:9 is_status 75 "the same on one rank, stopped" alone train "$deck" --set train.on_nan=restore --stop-after 20
is_status 0 "and gone on with" mpi 2 "$program" train "$deck" --set train.on_nan=restore --resume
cd .. || exit 1
ok "leads to the same networks" "$top/tools/same.sh" b/out/checkpoint.h5 c/out/checkpoint.h5
SB_POISON=loss:0:3 is_status 2 "not more often than asked" alone train "$deck" --set output=d --set train.on_nan=restore --set train.restores=0
diverges="--set train.rate=10 --set train.clip=0 --set train.schedule=constant --set train.score.steps=500"
is_status 2 "nor without end" mpi 2 "$program" train "$deck" --set output=e $diverges --set train.on_nan=restore --set train.restores=2
ok "but twice" [ "$(grep -c 'warning: training score: .*; going back to e/checkpoint.h5 with half the learning rate (. of 2)' "$output")" = 2 ]
says "then it is said" 'training score: .* at step'
is_status 2 "going on does not begin to count anew" alone train "$deck" --set output=e $diverges --set train.on_nan=restore --set train.restores=2 --resume
ok "what was counted" [ "$(grep -c 'going back' "$output")" = 0 ]

# --- Disks ---
in_folder disks
SB_DISK_LIMIT=1000 is_status 3 "a disk too small" mpi 2 "$program" run "$deck"
says "says how much" 'out: about [0-9.]* MB of files are to be written, the file system has room for 0.0 MB'
ok "and writes nothing" [ ! -e out ]
is_status 0 "a dry run" alone run "$deck" --dry-run
for word in ranks memory disk time; do ok "tells $word" grep -q "^$word  " "$output"; done
cat >fill.sh <<'SH'
# fill.sh HOW COMMAND...: in a file system of 4 MB, which the first two checkpoints leave full, or with room for one and a bit
how=$1
shift
mount -t tmpfs -o size=4m tmpfs . && cd "$PWD" || exit 77
"$@" &
run=$!
while [ ! -s out/checkpoint.1.h5 ] && kill -0 $run; do sleep 0.1; done
[ "$how" = bit ] || dd if=/dev/zero of=filler bs=1k count=9000 2>/dev/null
until [ "$how" = full ]; do # at a moment when no checkpoint is being written
  file=$(stat -c '%i %s' out/checkpoint.h5)
  if [ ! -e out/checkpoint.h5.part ]; then
    fallocate -l $(($(stat -fc '%a * %S' .) - ${file#* } * 5 / 4)) filler
    [ -e out/checkpoint.h5.part ] || [ "$file" != "$(stat -c '%i %s' out/checkpoint.h5)" ] || break
    rm filler
  fi
done
wait $run
status=$?
rm -rf ../full
cp -r out ../full
exit $status
SH
if unshare -m mount -t tmpfs -o size=4m tmpfs . 2>/dev/null; then
  mkdir small
  cd small || exit 1
  on_small_disk() { unshare -m sh ../fill.sh "$1" timeout -k 5 "$LIMIT" mpirun -n 2 "$program" train "$deck" $endless; }
  is_status 3 "a disk that becomes full" on_small_disk full
  says "says so" 'out/(checkpoint.h5|history.csv|timing.csv): '
  ok "the earlier checkpoint is whole" "$program" info ../full/checkpoint.h5 --verify
  is_status 75 "a disk with little room left" on_small_disk bit
  says "is stopped in time" 'stopped after step .*[(]room for only 0.[0-9] MB in out: make some[)]; saved in out/checkpoint.h5'
  ok "the last checkpoint is whole" "$program" info ../full/checkpoint.h5 --verify
else
  skip "no file system of one's own here"
fi

# --- Damaged results, limits, links ---
in_folder other
is_status 0 "a run" mpi 2 "$program" run "$deck"
"$PYTHON" -c 'import h5py; h5py.File("out/samples.h5", "r+")["x"][7] *= -1'
is_status 0 "damaged draws" mpi 2 "$program" run "$deck" --resume
ok "are drawn anew, with a warning" grep -q 'warning: out/samples.h5: .* is damaged.*; it is made anew' "$output"
ok "and whole then" "$program" info out/samples.h5 --verify
echo mine >../precious
for name in used.yml report.json samples.h5; do ln -sf "$SCRATCH/precious" "out/$name.part"; done
is_status 0 "links to somewhere else" alone run "$deck" --overwrite
ln -sf "$SCRATCH/precious" out/.lock
is_status 3 "a lock that is a link" alone run "$deck" --overwrite
ok "nothing outside the output is touched" grep -qx mine ../precious

# --- A rank that stands still ---
in_folder stall
is_status 1 "a watchdog without patience" alone train "$deck" --stall-timeout 5
says "says the least" 'at least 60 seconds'
export SB_STALL_MINIMUM=1
start 3 train "$deck" $endless --stall-timeout 4
unset SB_STALL_MINIMUM
seen out/checkpoint.h5
send STOP pid.1
ends 76 "a rank that stands still"
says "names rank, host, phase and seconds" "^sbridge: rank [02] of 3 on $(hostname) has waited [45] seconds without progress, for rank 1 on $(hostname), (training score at step|writing checkpoint.h5)"
ok "leaves no list of ranks" [ -z "$(find out -name '.stalled*')" ]

# --- Kills ---
in_folder kills
kills 6 "${SEED:-7}" 2 same_results run "$deck" $slow
done_testing
