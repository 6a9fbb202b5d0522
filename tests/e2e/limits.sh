#!/bin/sh
# shellcheck disable=SC2016,SC2086 # scripts of inner shells; words
# What the machine allows a run, said before it begins: memory of control groups, v1 and v2, as the kernel lays them out and of the
# kernel itself; open files.
. tests/env.sh
program=$(realpath "$sbridge") deck=$PWD/tests/equal/tiny.yml groups=/sys/fs/cgroup
# shellcheck source=tests/e2e/lib/runs.sh
. tests/e2e/lib/runs.sh
cd "$SCRATCH" || exit 1
alone() { OMPI_MCA_ess_singleton_isolated=1 timeout -k 5 "$LIMIT" "$program" "$@"; }
much="--set sample.n=9000000"

# group FOLDER FILE=TEXT...: files of a group
group() {
  mkdir -p "$1"
  for file in "$@"; do
    case $file in *=*) printf '%b\n' "${file#*=}" >"$1/${file%%=*}" ;; esac
  done
}

# within TREE OWN COMMAND...: in the v2 group OWN ('': as it is), with these files for those of the kernel
within() {
  tree=$1 own=$2
  shift 2
  OMPI_MCA_ess_singleton_isolated=1 timeout -k 5 "$LIMIT" unshare -m sh -c '
    [ -z "$2" ] || echo $$ >"$2/cgroup.procs" || exit 77
    mount -t tmpfs tmpfs /sys/fs/cgroup && cp -r "$1/." /sys/fs/cgroup || exit 77
    shift 2 && exec "$@"' sh "$tree" "$own" "$program" "$@"
}
has() { ok "$1" grep -q "^memory .* this node has $2 MB\$" "$output"; }

if unshare -m mount -t tmpfs tmpfs $groups 2>/dev/null; then
  group two memory.max=50000000 memory.current=30000000 memory.stat='anon 1\ninactive_file 10000000\nactive_file 7'
  is_status 0 "control groups v2" within two '' run "$deck" --dry-run
  has "leave their limit less their use, without what can be dropped" 30.0
  group open memory.max=max memory.current=30000000
  is_status 0 "without a limit" within open '' run "$deck" --dry-run
  ok "the machine's memory counts" awk '/^memory/ { exit !($(NF - 1) > 50) }' "$output"
  group one/memory memory.limit_in_bytes=40000000 memory.usage_in_bytes=10000000 memory.stat='inactive_file 1\ntotal_inactive_file 5000000'
  is_status 0 "control groups v1" within one '' run "$deck" --dry-run
  has "leave the same" 35.0
  is_status 3 "a run that needs more" within one '' run "$deck" $much
  says "is refused" '[0-9]* bytes needed per rank, 1 ranks on this node: more than the 35000000 bytes'
  ok "before anything is written" [ ! -e out ]
  unified=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
  if mkdir -p "$unified/sbridge.$$/job" 2>/dev/null; then
    group "inner/sbridge.$$" memory.max=20000000 memory.current=0
    group "inner/sbridge.$$/job" memory.max=90000000 memory.current=80000000
    is_status 0 "groups within groups" within inner "$unified/sbridge.$$/job" run "$deck" --dry-run
    has "the least counts" 10.0
    echo 25000000 >"inner/sbridge.$$/memory.current"
    is_status 1 "a group that is used up" within inner "$unified/sbridge.$$/job" run "$deck" --dry-run
    says "leaves nothing" ', 0 are available: '
    rmdir "$unified/sbridge.$$/job" "$unified/sbridge.$$"
  else
    skip "no control groups of one's own here"
  fi
else
  skip "no private mounts here"
fi

memory=$(awk '$3 == "cgroup" && $4 ~ /(^|,)memory(,|$)/ { print $2; exit }' /proc/mounts)
if [ "$memory" ] && mkdir "$memory/sbridge.$$" 2>/dev/null; then
  echo 100000000 >"$memory/sbridge.$$/memory.limit_in_bytes"

  kept() { OMPI_MCA_ess_singleton_isolated=1 timeout -k 5 "$LIMIT" sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$memory/sbridge.$$" "$program" "$@"; }
  is_status 0 "a group of the kernel" kept run "$deck"
  is_status 3 "with too little for a larger run" kept run "$deck" $much --overwrite
  says "which is refused, not killed" 'more than the [1-9][0-9]* bytes it has left'
  rmdir "$memory/sbridge.$$"
else
  skip "no control groups of one's own here"
fi

is_status 0 "few open files to begin with" mpi 2 sh -c 'ulimit -Sn 12 && exec "$0" "$@"' "$program" run "$deck" --overwrite
is_status 0 "and few at all" env OMPI_MCA_ess_singleton_isolated=1 sh -c 'ulimit -n 40 && exec "$0" "$@"' "$program" run "$deck" --overwrite
done_testing
