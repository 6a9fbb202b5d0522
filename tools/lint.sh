#!/bin/sh
# The rules of the house, on all sources, in a few seconds. Prints a line for each finding, `file:line: what`; status 1 if
# there are any. Tools that are not installed are named and left out. The rules for C are in lint.awk.

cd "$(dirname "$0")/.." || exit 1
export LC_ALL=C

c=$(find include src tests -name '*.[ch]' | sort)
formatted=$(find src tests -name '*.[ch]') # not include/: the tables of its comments are set by hand
python=$(find tools tests -name '*.py')
shell=$(find tools tests jobs .ci -type f -exec awk 'FNR == 1 && /^#!.*sh$/ { print FILENAME }' {} + 2>/dev/null)
text=$(find Makefile ./*.md tools input jobs -type f ! -name '*.pyc' ! -name '*.png' 2>/dev/null)

has() { command -v "$1" >/dev/null || { echo "lint: no $1 here, skipped" >&2; false; }; }

# shellcheck disable=SC2086 # lists of names without blanks
findings() {
  awk -f tools/lint.awk $c
  grep -HnwE 'TOD[O]|FIXM[E]|XX[X]' $c $python $shell $text
  if has clang-format; then
    clang-format --dry-run -Werror $formatted 2>&1 | awk -F: '/clang-format-viol/ && !seen[$1]++ { print $1 ":" $2 ": not as `make format` has it" }'
  fi
  if has shellcheck; then
    shellcheck -x -f gcc $shell
  fi
  for script in $python; do
    python3 -c 'import sys; compile(open(sys.argv[1]).read(), sys.argv[1], "exec")' "$script" 2>&1 |
      tail -n 1 | sed "s|^|$script:1: |"
  done
}

findings | { ! grep .; }
