#!/bin/sh
# The rules of tools/lint.sh hold.
# shellcheck source=tests/env.sh
. tests/env.sh
ok 'lint finds nothing' tools/lint.sh
done_testing
