#!/bin/sh
# tools/python.sh [MODULE...]: prints the first python3 that has numpy, h5py, matplotlib and these modules. PYTHON, if set,
# is tried first; the system's comes last, since another one may stand before it on PATH without them.

modules='numpy, h5py, matplotlib'
for module; do modules="$modules, $module"; done

for python in ${PYTHON:+"$PYTHON"} python3 /usr/bin/python3; do
  if "$python" -c "import $modules" 2>/dev/null; then
    echo "$python"
    exit 0
  fi
done
exit 1
