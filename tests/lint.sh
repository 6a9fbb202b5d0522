# The rules of tools/lint.sh hold.
. tests/env.sh
ok 'lint finds nothing' tools/lint.sh
done_testing
