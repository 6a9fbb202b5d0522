#!/bin/sh
# Every command block of README.md runs: each block that begins with ```sh, as a reader would paste it, in one folder, in
# order. What a comment in the line before it says of a block: `long`: in tests/long/readme.sh only; `not run: why`.
#
# Here the folder consists of links to this tree, and runs are cut short by values that are added to their command lines.
# With LONG=1 it is a clone with its own build, and nothing is cut.
. tests/env.sh
top=$PWD program=$(realpath "$sbridge") mpirun=$(command -v mpirun) home=$SCRATCH/readme
mkdir -p "$home" "$SCRATCH/bin" "$SCRATCH/blocks"

awk -v to="$SCRATCH/blocks" '
  /^```sh$/ { n++; file = sprintf("%s/%02d.sh", to, n); what = tag == "" ? "short" : tag; print what >(file ".tag"); text = 1; next }
  /^```$/   { text = 0 }
  text      { print >file; if (/^make|sbridge|^tools/ && !named[n]++) print >(file ".name"); next }
            { tag = ""; if (/^<!-- .* -->$/) { tag = $0; gsub(/^<!-- | -->$/, "", tag); sub(/:.*/, "", tag) } }' README.md

ln -s "$(command -v "$PYTHON")" "$SCRATCH/bin/python3"
if [ "${LONG-}" ]; then
  git clone -q "$top" "$home" || cp -R "$top/." "$home" # a tree without history will do
else
  for name in tools input; do ln -s "$top/$name" "$home/$name"; done
  mkdir "$home/build"
  ln -s "$program" "$home/build/sbridge"
  cat >"$SCRATCH/bin/mpirun" <<END
#!/bin/sh
short= own="train.score.steps=40 train.ratio.steps=20 sample.steps1=4 sample.steps2=4 sample.draws=4"
for word; do
  case \$word in *.yml) if grep -q '^method: *[^t]' "\$word"; then own=; fi ;; esac # two_stage alone has these keys
done
case " \$* " in *" run "* | *" train "* | *" sample "* | *" velocity "* | *" evaluate "* | *" study "*)
  for value in \$own sample.n=200 record.particles=20 record.frames=4 velocity.points=6 evaluate.size=50 evaluate.floors=3 evaluate.w2_points=50 \\
    evaluate.drift_points=50 evaluate.drift_draws=50 evaluate.draws=200; do
    short="\$short --set \$value"
  done
esac
case " \$* " in *" study "*) short="\$short --set study.replicates=2 --set study.grid.data.n=[100,200]" ;; esac
case " \$* " in *" --stop-after "*) short="\$short --stop-after 30" ;; esac
exec "$mpirun" "\$@" \$short
END
  chmod +x "$SCRATCH/bin/mpirun"
fi
PATH=$SCRATCH/bin:$PATH
export PATH

limit=$LIMIT
if [ "${LONG-}" ]; then limit=1500; fi
# in_home COMMAND...: runs it where the blocks run
in_home() { (cd "$home" && timeout -k 5 "$limit" "$@" </dev/null); }

if [ -z "${LONG-}" ]; then # what the first of the long blocks leaves
  is_status 0 "a short run of the ring" in_home mpirun -n 2 build/sbridge run input/ring.yml
fi

links() { # those of README.md: is each a page or a file?
  grep -o ']([^)]*)' README.md | sed 's/^](//; s/)$//; /^http/d; s/#.*//; /^$/d' | while read -r file; do
    [ -e "$file" ] || { echo "$file"; return 1; }
  done
}

listed() {
  for deck in input/*.yml; do
    grep -q "^| .${deck#input/}. |" README.md || { echo "$deck"; return 1; }
  done
}

count=0
for block in "$SCRATCH"/blocks/*.sh; do
  count=$((count + 1))
  read -r tag <"$block.tag"
  name="block $count: $(head -n 1 "$block.name" 2>/dev/null || head -n 1 "$block")"
  case $tag${LONG:+ at length} in
    short* | "long at length") is_status 0 "$name" in_home sh -eu "$block" ;;
    long) ;;
    "not run"*) ;;
    *) ok "$name: its tag, $tag, is short, long or not run" false ;;
  esac
done
ok "README.md has command blocks" test "$count" -gt 10
ok "every block ended its text" test "$(grep -c '^```' README.md)" -eq $((2 * $(grep -c '^```.' README.md)))
ok "every file that README.md links to is there" links
ok "every deck is in its table" listed
done_testing
