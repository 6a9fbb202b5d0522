#!/bin/sh
# shellcheck disable=SC2086 # $run is words
# Three hosts, with ssh between them: the job script of PBS, on a network that goes away for 5 and 30 seconds. The bits are always
# those of one host.
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
in_folder three
began=$(now)
is_status 0 "and on three" job $run
echo "# $(since "$began") s"
ok "ranks of all three" grep -q '^machine *6 ranks on 3 nodes' "$output"
same_results "three hosts" ../whole/out out

for seconds in 5 30; do
  in_folder "cable-$seconds"
  began=$(now)
  begin $run
  cable n2 down
  sleep $seconds
  ok "$seconds s without a cable: the run waits" kill -0 $started
  cable n2 up
  ends 0 "and goes on"
  echo "# $(since "$began") s in all"
  same_results "$seconds s without a cable" ../whole/out out
done
cd "$top" || exit 1
done_testing
