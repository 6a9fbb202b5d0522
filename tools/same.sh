#!/bin/sh
# tools/same.sh A B: do two HDF5 files hold the same, bit for bit, but for /about and /timing, which may depend on the run?
# Of two folders every .h5 file is compared. Prints a line for each object that differs; status 0 same, 1 different,
# 2 trouble.
#
# h5ls tells the names and shapes, which h5diff passes over in silence; h5diff the values (0 differs from -0, NaN is equal
# to NaN), types and attributes.

if [ $# != 2 ]; then
  echo "usage: tools/same.sh A B" >&2
  exit 2
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
worst=0

outcome() { if [ "$1" -gt "$worst" ]; then worst=$1; fi; }

trouble() {
  echo "same: $1" >&2
  outcome 2
}

shapes() { h5ls -r "$1" 2>/dev/null | grep -vE '^/(about|timing)[/ ]' >"$scratch/$2"; }

same() { # A B
  shapes "$1" a || { trouble "cannot read $1"; return; }
  shapes "$2" b || { trouble "cannot read $2"; return; }
  awk -v file="$1" '
    { name = $1; sub(/^[^ ]+ +/, "") }
    NR == FNR               { a[name] = $0; next }
    !(name in a)            { print file ": " name " is missing"; bad = 1; next }
    a[name] != $0           { print file ": " name " is a " a[name] ", not a " $0; bad = 1 }
                            { delete a[name] }
    END { for (name in a)   { print file ": " name " is too much"; bad = 1 }
          exit bad }' "$scratch/a" "$scratch/b"
  outcome $?

  h5diff -v1 -c -n 1 --exclude-path /about --exclude-path /timing "$1" "$2" >"$scratch/diff" 2>&1
  status=$?
  [ $status -le 1 ] || { trouble "h5diff $1 $2: status $status"; return; }
  awk -v file="$1" '
    function differs(how) { print file ": " object how; bad = 1 }

    /^[a-z]+ *: *</         { object = $0; sub(/^[a-z]+ *: */, "", object); sub(/> and <.*/, "", object)
                              gsub(/[<>]/, "", object); where = "" }
    /^\[.*\]/               { where = $0; gsub(/ +/, " ", where); sub(/ $/, "", where); where = ", first at " where }
    /^[1-9][0-9]* diff/     { differs(" differs" where) }
    /^Warning: different/   { differs(" has a" substr($0, 9)) }
    /^Not comparable/ && !/ has rank / && !/ empty / { differs(" is not comparable") }
    /^Attributes status/ && !/ 0 only in obj1, 0 only in obj2/ { differs(" has other attributes") }
    END { exit bad }' "$scratch/diff"
  outcome $?
  outcome $status # whatever was not understood above
}

if [ -d "$1" ] && [ -d "$2" ]; then
  for folder in "$1" "$2"; do (cd "$folder" && find . -name '*.h5'); done | sed 's/^\.\///' | sort -u >"$scratch/files"
  [ -s "$scratch/files" ] || trouble "no .h5 file in $1 and $2"
  while read -r name; do
    if [ -e "$1/$name" ] && [ -e "$2/$name" ]; then
      same "$1/$name" "$2/$name"
    else
      echo "$name is in one of the folders only"
      outcome 1
    fi
  done <"$scratch/files"
else
  same "$1" "$2"
fi
exit "$worst"
