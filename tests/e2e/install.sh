#!/bin/sh
# make install: program, library, headers and .pc file; a program of a user's own builds against them and draws. Manual,
# completion and module file fit the program.
. tests/env.sh
prefix=$SCRATCH/prefix
is_status 0 "make install" make -s install PREFIX="$prefix" BUILD="$BUILD"
ok "the program runs from there" mpi 1 "$prefix/bin/sbridge" --version
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
cat >"$SCRATCH/user.c" <<'C'
#include <sb/comm.h>
#include <sb/law.h>
#include <stdio.h>
int main(int argc, char **argv) {
  sb_comm *world;
  sb_law *law;
  const sb_law_options o = {.law = 1, .dimension = 2, .modes = 6, .radius = 5, .variance = 0.1};
  double x[20];
  if (sb_comm_start(&argc, &argv, &world) || sb_law_open(&o, &law) || sb_law_draw(law, 1, 0, 10, x, NULL)) return 1;
  printf("%s %d %g\n", law->name, law->d, x[19]);
  sb_law_close(law);
  sb_comm_finish(world);
  return 0;
}
C
# shellcheck disable=SC2046 # pkg-config prints words
is_status 0 "a user's program builds" mpicc -o "$SCRATCH/user" "$SCRATCH/user.c" $(pkg-config --cflags --libs --static sbridge)
is_status 0 "and runs" mpi 1 "$SCRATCH/user"
ok "and draws from a law" grep -q '^ring 2 ' "$output"
# --- What goes with it ---
share=$prefix/share page=$prefix/share/man/man1/sbridge.1
OMPI_MCA_ess_singleton_isolated=1 "$prefix/bin/sbridge" help >"$SCRATCH/help"
awk '/^  --/ || /^commands/, /^$/ { if (/^  [a-z-]/) { sub(/\[.*/, "", $1); print $1 } }' "$SCRATCH/help" >"$SCRATCH/words"
ok "help names commands and options" test "$(wc -l <"$SCRATCH/words")" -ge 20
while read -r word; do
  ok "the manual has $word" grep -q "^\.B $(echo "$word" | sed 's/-/\\\\-/g')\( \|$\|\[\)" "$page"
  ok "completion has $word" grep -q "[' ]${word}[' ]" "$share/bash-completion/completions/sbridge"
done <"$SCRATCH/words"
if command -v mandoc >/dev/null; then
  ok "the manual is clean" sh -c "mandoc -T lint '$page' >'$SCRATCH/lint'; cat '$SCRATCH/lint'; test ! -s '$SCRATCH/lint'"
elif command -v man >/dev/null; then
  ok "the manual is clean" sh -c "test -z \"\$(LC_ALL=C.UTF-8 man --warnings -l '$page' 2>&1 >/dev/null)\""
else
  skip "neither mandoc nor man is here"
fi
if command -v bash >/dev/null; then
  # shellcheck disable=SC2016 # for bash
  ok "bash completes" bash -c '. "$1"
    ask() { COMP_WORDS=(sbridge "$@") COMP_CWORD=$#; _sbridge; echo "${COMPREPLY[*]}"; }
    test "$(ask tr) $(ask run x.yml --ov) $(ask run x.yml --set data.valid) $(ask help k)" = "train --overwrite data.validation= keys"
    ' bash "$share/bash-completion/completions/sbridge"
else
  skip "bash is not here"
fi
for init in /usr/share/modules/init/bash /usr/share/lmod/lmod/init/bash "${MODULESHOME:-}/init/bash"; do [ -f "$init" ] && break; done
if [ -f "$init" ]; then
  # shellcheck disable=SC2016 # for bash
  ok "the module loads and unloads" bash -c '. "$1" && module use "$2" && module load sbridge && test "$(command -v sbridge)" = "$3" &&
    module unload sbridge && ! command -v sbridge' bash "$init" "$share/sbridge/modulefiles" "$prefix/bin/sbridge"
else
  skip "no environment modules here"
fi
is_status 0 "make uninstall" make -s uninstall PREFIX="$prefix" BUILD="$BUILD"
ok "leaves no file" test -z "$(find "$prefix" -type f)"
done_testing
