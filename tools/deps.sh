#!/bin/sh
# Installs what sbridge needs, or says what is missing.
#
#   tools/deps.sh          what `make all check demo` needs
#   tools/deps.sh --long   also what `make check-long bench` needs
#   tools/deps.sh --list   only print the Debian packages (of both sets with --long)
#
# Every line of the table below is looked for by what it provides, not by its package, so a cluster with modules or Spack
# passes too. On Debian and Ubuntu missing packages are installed; elsewhere they are named, one per line, with status 1.

set -u
cd "$(dirname "$0")/.." || exit 1

PATH=$PATH:/usr/sbin:/sbin # where daemons are
has() { command -v "$1" >/dev/null 2>&1; }

# compiles [FLAGS...]: a program on standard input, by mpicc once it is there
compiles() { "$(command -v mpicc || echo cc)" -x c - -o /dev/null "$@" >/dev/null 2>&1; }

header() { # FILE [FLAGS...]
  file=$1
  shift
  echo "#include <$file>" | compiles -E "$@"
}

links() { echo 'int main(void) { return 0; }' | compiles "$@"; } # LIBRARIES...

python() { tools/python.sh "$@" >/dev/null; } # [MODULE...], besides numpy, h5py, matplotlib

flags() { pkg-config "$@" 2>/dev/null; }

parallel_hdf5() {
  pkg-config --exists hdf5-openmpi 2>/dev/null || h5pcc -showconfig 2>/dev/null | grep -q 'Parallel HDF5: *yes'
}

cblas() {
  # shellcheck disable=SC2046 # several words wanted
  header cblas.h $(flags --cflags openblas) && links $(flags --libs openblas || echo -lopenblas)
}

lapacke() {
  # shellcheck disable=SC2046
  header lapacke.h $(flags --cflags openblas lapacke)
}

scalapack() { links -lscalapack-openmpi || links -lscalapack; }

yaml() {
  # shellcheck disable=SC2046
  header yaml.h $(flags --cflags yaml-0.1)
}

modules() { [ -n "${MODULESHOME-}" ] || [ -f /usr/share/modules/init/bash ] || [ -f /usr/share/lmod/lmod/init/bash ]; }

# what              | looked for by                | Debian package           | module         | Spack spec
needed='
C compiler          | has cc                       | gcc libc6-dev            | gcc            | gcc
make                | has make                     | make                     | -              | gmake
pkg-config          | has pkg-config               | pkg-config               | -              | pkgconf
MPI compiler        | has mpicc                    | libopenmpi-dev           | openmpi        | openmpi
MPI launcher        | has mpirun                   | openmpi-bin              | openmpi        | openmpi
parallel HDF5       | parallel_hdf5                | libhdf5-openmpi-dev      | hdf5-parallel  | hdf5+mpi+hl
h5diff              | has h5diff                   | hdf5-tools               | hdf5-parallel  | hdf5+mpi+tools
CBLAS               | cblas                        | libopenblas-dev          | openblas       | openblas
LAPACKE             | lapacke                      | liblapacke-dev           | openblas       | openblas
ScaLAPACK           | scalapack                    | libscalapack-openmpi-dev | scalapack      | netlib-scalapack
libyaml             | yaml                         | libyaml-dev              | libyaml        | libyaml
Random123           | header Random123/philox.h    | librandom123-dev         | random123      | random123
Python 3 modules    | python                       | python3-numpy python3-h5py python3-matplotlib | python | py-numpy py-h5py py-matplotlib
prove               | has prove                    | perl                     | perl           | perl
'
wanted_long='
SLURM               | has slurmctld                | slurm-wlm                | -              | slurm
munge               | has munge                    | munge                    | -              | munge
qsub                | has qsub                     | slurm-wlm-torque         | -              | -
ssh server          | has dropbear                 | dropbear-bin             | -              | -
ParaView            | has pvpython                 | paraview python3-paraview | paraview       | paraview+python
Xvfb                | has Xvfb                     | xvfb xauth               | -              | xorg-server
PyTorch             | python torch                 | python3-torch            | pytorch        | py-torch
POT                 | python ot                    | python3-pot              | -              | py-pot
scipy               | python scipy                 | python3-scipy            | python         | py-scipy
clang               | has clang                    | clang                    | llvm           | llvm
clang-format        | has clang-format             | clang-format             | llvm           | llvm
valgrind            | has valgrind                 | valgrind                 | valgrind       | valgrind
shellcheck          | has shellcheck               | shellcheck               | -              | shellcheck
ip                  | has ip                       | iproute2                 | -              | iproute2
Chromium            | has chromium                 | chromium                 | -              | -
tidy                | has tidy                     | tidy                     | -              | tidy-html5
MPICH               | has mpicc.mpich              | mpich libmpich-dev libhdf5-mpich-dev libscalapack-mpich-dev | - | mpich
mandoc              | has mandoc                   | mandoc                   | -              | mandoc
environment modules | modules                      | environment-modules      | -              | environment-modules
buildah             | has buildah                  | buildah crun fakeroot    | -              | buildah
mmdebstrap          | has mmdebstrap               | mmdebstrap               | -              | -
'

table=$needed
list=no
for option; do
  case $option in
    --long) table=$needed$wanted_long ;;
    --list) list=yes ;;
    *) echo "usage: tools/deps.sh [--long] [--list]" >&2; exit 1 ;;
  esac
done

# missing: the lines of the table whose check fails
missing() {
  echo "$table" | while IFS='|' read -r what check rest; do
    # shellcheck disable=SC2086 # the check is a command line
    [ -z "$what" ] || $check </dev/null || echo "$what|$check|$rest"
  done
}

# packages: the Debian packages of the lines on standard input, without repeats
packages() { awk -F' *[|] *' '{ n = split($3, word, " "); for (i = 1; i <= n; i++) if (!seen[word[i]]++) print word[i] }'; }

say_missing() { missing | awk -F' *[|] *' '{ print "  " $1 ": Debian " $3 ", module " $4 ", Spack " $5 }'; }

if [ $list = yes ]; then echo "$table" | packages; exit 0; fi

wanted=$(missing | packages)
if [ -z "$wanted" ]; then echo "deps: all there"; exit 0; fi

root= # how to become root: not at all, or by sudo
if [ "$(id -u)" != 0 ]; then root='sudo -n'; fi
if ! has apt-get || ! $root true 2>/dev/null; then
  echo "deps: cannot install packages here; missing:"
  say_missing
  exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() { $root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1 || tail -n 5 "$log"; }

apt update
known=$(for package in $wanted; do apt-cache show "$package" >/dev/null 2>&1 && echo "$package"; done)
# shellcheck disable=SC2086 # words
{
  echo deps: installing $known
  apt install -y --no-install-recommends $known
}
if [ -n "$(missing)" ]; then
  echo "deps: still missing:"
  say_missing
  exit 1
fi
echo "deps: done"
