#!/bin/sh
# tests/lib/ranks.sh SIGNAL PROGRAM [MOST]: sends it to the processes of this program on this host (of tests/lib/hosts.sh: a host
# sees its own alone), at most so many of them.
signal=$1 program=$2 most=${3:-1000}
for process in /proc/[0-9]*; do
  if [ "$most" -gt 0 ] && [ "$(readlink "$process/exe")" = "$program" ]; then
    kill "-$signal" "${process#/proc/}" && most=$((most - 1))
  fi
done
