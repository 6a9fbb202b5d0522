#!/bin/sh
# shellcheck disable=SC2086 # $run is words
# Three hosts, with ssh between them: a rank that is killed or stands still, a host that is switched off. What is lost is at most one
# checkpoint interval, and the same command again leads to the bits of one host.
. tests/env.sh
. tests/lib/hosts.sh
apart ip dropbear
export LIMIT=280
top=$PWD deck=$PWD/tests/equal/tiny.yml
# shellcheck source=tests/e2e/lib/runs.sh
. tests/e2e/lib/runs.sh
program=$(realpath "$sbridge")
hosts_up 3
# shellcheck source=tests/lib/ssh_job.sh
. tests/lib/ssh_job.sh

in_folder whole
is_status 0 "uninterrupted, on one host" mpirun -n 2 --host n0:2 "$program" run "$deck" $run --set output=out
in_folder killed
begin $run
began=$(now)
on n3 sh "$top/tests/lib/ranks.sh" 9 "$program" 1
ends 137 "a rank that is killed"
echo "# $(since "$began") s"
told=$(last_step "$output")
is_status 0 "the same command again" job $run
loses_little "a rank that is killed"
same_results "a rank that is killed" ../whole/out out

in_folder frozen
export SB_STALL_MINIMUM=1 OMPI_MCA_mca_base_env_list=SB_STALL_MINIMUM # for the ranks of other hosts, too
begin $run --stall-timeout 15
began=$(now)
on n3 sh "$top/tests/lib/ranks.sh" STOP "$program" 1
ends 76 "a rank of another host that stands still"
unset SB_STALL_MINIMUM OMPI_MCA_mca_base_env_list
echo "# $(since "$began") s"
says "is named" '^sbridge: rank [0-3] of 6 on n[12] has waited 1[56] seconds without progress, for rank [45] on n3, '
says "with what the others do" ', (training score at step [0-9]*|writing checkpoint.h5) [(]--stall-timeout[)]: '
ok "no rank of its host is left" [ -z "$(on n3 ps -C sbridge -o pid=)" ]
told=$(last_step "$output")
is_status 0 "the same command again" job $run
loses_little "a rank that stands still"
same_results "a rank that stands still" ../whole/out out

# Last: n3 stays off.
in_folder off
begin $run
power_off n3
began=$(now)
status=0
wait $started || status=$?
took=$(since "$began")
cp "$SCRATCH/background" "$output"
echo "# $took s, status $status"
ok "a host that is switched off: status of the launcher" [ "$status" -gt 76 ]
ok "within three minutes" awk -v t="$took" 'BEGIN { exit !(t < 180) }'
ok "one line of the job" [ "$(grep -c '^job 7: a rank, a host or the launcher was lost' "$output")" = 1 ]
told=$(last_step "$output")
sed -i /n3/d /run/hosts/nodes
is_status 0 "the same command on two hosts" job $run
loses_little "a host that is switched off"
same_results "a host that is switched off" ../whole/out out
cd "$top" || exit 1
done_testing
