# shellcheck shell=sh disable=SC2154 # what tests/env.sh sets
# Hosts n0, n1 … of a small cluster, made of namespaces: each has its own network address 10.77.0.(100 + k), host name,
# processes, shared memory and node-local directory /run/local; the other file systems are shared. `ssh n1` works between them.
# n0, the head, is where the test itself runs. After tests/env.sh; needs root.
#
#   apart ip dropbear   # first line of a test: from here on it runs on n0; or it is skipped
#   hosts_up 3
#   on n2 hostname
#   cable n2 down; cable n2 up
#   power_off n2        # at once and silently; host_up 2 turns it on again
#
# Everything that is started lives in the namespaces and ends with the test, whatever ends that, kill -9 included. Nothing
# outside is changed: what has to be written in /run or /etc is mounted there for the test alone.

PATH=$PATH:/usr/sbin:/sbin

# apart PROGRAMS...: goes on in namespaces, where all of these programs and the right to make namespaces are there
apart() {
  if [ "${SB_APART-}" ]; then
    settle
    return
  fi
  for tool in unshare nsenter setpriv "$@"; do
    command -v "$tool" >/dev/null || skip_all "no $tool here: make deps-long"
  done
  unshare --mount --pid --net --uts --ipc --fork true 2>/dev/null || skip_all "needs root, and the right to make namespaces"
  if [ -z "${SB_TIED-}" ]; then # whoever ends the parent ends this shell
    rmdir "$SCRATCH" 2>/dev/null && unset SCRATCH
    SB_TIED=1 exec setpriv --pdeathsig TERM sh "$0"
  fi
  status=0
  SB_APART=1 setpriv --pdeathsig KILL unshare --mount --pid --net --uts --ipc --fork --kill-child --mount-proc sh "$0" || status=$?
  exit "$status"
}

# settle: the head node's own part
settle() {
  hostname n0
  ip link set lo up
  mount -t tmpfs -o mode=755 tmpfs /run
  mkdir -p /run/local /run/lock /run/home/.ssh /run/hosts
  local_disk
  { echo "127.0.0.1 localhost"; for k in 0 1 2 3 4 5 6 7 8 9; do echo "10.77.0.10$k n$k"; done; } >/run/hosts/table
  mount --bind /run/hosts/table /etc/hosts
  # A home of its own, for keys: root's real one is left alone.
  sed 's|^\(root:[^:]*:0:0:[^:]*\):.*|\1:/run/home:/bin/sh|' /etc/passwd >/run/hosts/passwd
  mount --bind /run/hosts/passwd /etc/passwd
  if [ -d /etc/slurm ]; then mount -t tmpfs tmpfs /etc/slurm; fi # for tests/lib/slurm.sh
  HOME=/run/home
  export HOME
  ssh-keygen -q -t ed25519 -N '' -f /run/home/.ssh/id_ed25519 </dev/null
  dropbearkey -t ed25519 -f /run/hosts/hostkey >/dev/null 2>&1
  cp /run/home/.ssh/id_ed25519.pub /run/home/.ssh/authorized_keys
  printf '%s\n' 'Host *' 'StrictHostKeyChecking no' 'UserKnownHostsFile /dev/null' 'LogLevel ERROR' 'BatchMode yes' \
    'ConnectTimeout 5' >/run/home/.ssh/config
  chmod -R go= /run/home
  ip link add br0 type bridge
  ip link set br0 up
  ip addr add 10.77.0.100/24 dev br0
  # What tests/env.sh says of MPI holds for one machine. Passed on by mpirun to the daemons of other hosts.
  export OMPI_MCA_btl=self,vader,tcp OMPI_MCA_btl_tcp_if_include=10.77.0.0/24 OMPI_MCA_oob_tcp_if_include=10.77.0.0/24
  export OMPI_MCA_plm_rsh_no_tree_spawn=1 OMPI_MCA_orte_tmpdir_base=/run/local
}

local_disk() {
  mount -t tmpfs -o mode=1777 tmpfs /dev/shm
  mount -t tmpfs -o mode=1777 tmpfs /run/local
}

# host_up K: turns host nK on
# shellcheck disable=SC2016 # for the inner shell
host_up() {
  rm -f "/run/hosts/ready.n$1"
  unshare --mount --pid --net --uts --ipc --fork --kill-child --mount-proc sh -c '
    hostname "$1" && ip link set lo up && . tests/lib/hosts.sh && local_disk && touch "/run/hosts/ready.$1"
    while :; do sleep 1000 & wait; done' host "n$1" >"/run/hosts/log.n$1" 2>&1 </dev/null &
  power=$!
  until [ -e "/run/hosts/ready.n$1" ]; do
    kill -0 "$power" 2>/dev/null || { cat "/run/hosts/log.n$1"; echo "Bail out! host n$1 does not start"; exit 1; }
    sleep 0.05
  done
  read -r init _ <"/proc/$power/task/$power/children"
  echo "$init" >"/run/hosts/pid.n$1"
  ip link add "v$1" type veth peer name eth0 netns "$init"
  ip link set "v$1" master br0 up
  on "n$1" ip addr add "10.77.0.10$1/24" dev eth0
  on "n$1" ip link set eth0 up
  on "n$1" dropbear -s -r /run/hosts/hostkey -P /run/local/dropbear.pid
}

# hosts_up N: hosts n1 … nN, and the file /run/hosts/file that names them for mpirun, two slots each
hosts_up() {
  : >/run/hosts/file
  for number in $(seq "$1"); do
    host_up "$number"
    echo "n$number slots=2" >>/run/hosts/file
  done
}

# on HOST COMMAND...: runs it there, in the same folder
on() {
  where=$1
  shift
  if [ "$where" = n0 ]; then "$@"; return; fi
  nsenter -t "$(cat "/run/hosts/pid.$where")" --mount --pid --net --uts --ipc --wd="$PWD" -- "$@"
}

# cable HOST up|down
cable() { ip link set "v${1#n}" "$2"; }

# power_off HOST: the network first, so that nobody is told
power_off() {
  cable "$1" down
  kill -9 "$(cat "/run/hosts/pid.$1")"
}
