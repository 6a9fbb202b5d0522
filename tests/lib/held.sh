#!/bin/bash
# tests/lib/held.sh FILE LAUNCHER... PROGRAM run ...: starts a job's ranks. When the job runs for the first time and has left this
# file, the ranks of this host stand still until the job is signalled: whatever the machine's speed, the signal comes before the
# end. PROGRAM is $SBRIDGE.
until_there=$1
shift
"$@" &
launcher=$!
ranks() { sh "$(dirname "$0")/ranks.sh" "$1" "$SBRIDGE"; }
trap 'ranks CONT; kill -USR1 "$launcher"' USR1
if [ "${SLURM_RESTART_COUNT:-0}" = 0 ]; then
  while [ ! -s "$until_there" ] && kill -0 "$launcher" 2>/dev/null; do sleep 0.02; done
  ranks STOP
fi
while :; do
  status=0
  wait "$launcher" || status=$?
  kill -0 "$launcher" 2>/dev/null || exit "$status"
done
