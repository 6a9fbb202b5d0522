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

has() { command -v "$1" >/dev/null 2>&1; }

# header FILE [CFLAGS...]: can the C compiler include it?
header() {
  file=$1
  shift
  echo "#include <$file>" | ${CC:-cc} "$@" -E - >/dev/null 2>&1
}

# links LIBS...: can the C compiler link a program with them?
links() {
  echo 'int main(void) { return 0; }' | ${CC:-cc} -x c - -o /dev/null "$@" >/dev/null 2>&1
}

module() { # in the first python3, or in the system's
  python3 -c "import $1" 2>/dev/null || /usr/bin/python3 -c "import $1" 2>/dev/null
}

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
numpy               | module numpy                 | python3-numpy            | python         | py-numpy
h5py                | module h5py                  | python3-h5py             | python         | py-h5py
matplotlib          | module matplotlib            | python3-matplotlib       | python         | py-matplotlib
prove               | has prove                    | perl                     | perl           | perl
'
wanted_long='
SLURM               | has slurmctld                | slurm-wlm                | -              | slurm
munge               | has munge                    | munge                    | -              | munge
ParaView            | has pvpython                 | paraview                 | paraview       | paraview+python
Xvfb                | has Xvfb                     | xvfb                     | -              | xorg-server
PyTorch             | module torch                 | python3-torch            | pytorch        | py-torch
POT                 | module ot                    | python3-pot              | -              | py-pot
scipy               | module scipy                 | python3-scipy            | python         | py-scipy
clang               | has clang                    | clang                    | llvm           | llvm
clang-format        | has clang-format             | clang-format             | llvm           | llvm
AFL++               | has afl-fuzz                 | afl++                    | -              | aflplusplus
valgrind            | has valgrind                 | valgrind                 | valgrind       | valgrind
shellcheck          | has shellcheck               | shellcheck               | -              | shellcheck
ip                  | has ip                       | iproute2                 | -              | iproute2
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
    [ -z "$what" ] || $check </dev/null || echo "$what|$rest"
  done
}

# column N: that column of the lines on standard input, as a list of words without repeats
column() { cut -d'|' -f"$1" | tr -s ' \n' '\n\n' | sed '/^$/d' | awk '!seen[$0]++'; }

say_missing() {
  missing | while IFS='|' read -r what package module spec; do
    echo $what: Debian $package, module $module, Spack $spec # unquoted: squeezes the table's blanks
  done
}

if [ $list = yes ]; then echo "$table" | column 3; exit 0; fi

packages=$(missing | column 2)
if [ -z "$packages" ]; then echo "deps: all there"; exit 0; fi

root= # how to become root: not at all, or sudo
if [ "$(id -u)" != 0 ]; then root='sudo -n'; fi
if ! has apt-get || ! $root true 2>/dev/null; then
  echo "deps: cannot install packages here; missing:"
  say_missing
  exit 1
fi

# shellcheck disable=SC2086 # lists of words
apt() { $root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1 || tail -5 "$log"; }

log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "deps: installing" $packages
apt update
apt install -y --no-install-recommends $packages
if [ -n "$(missing)" ]; then
  echo "deps: still missing:"
  say_missing
  exit 1
fi
echo "deps: done"
