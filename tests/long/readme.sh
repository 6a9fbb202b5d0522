#!/bin/sh
# Every command block of README.md at full length, in a clone that is built anew: see tests/e2e/readme.sh.
LONG=1
export LONG
exec sh tests/e2e/readme.sh
