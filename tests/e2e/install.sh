#!/bin/sh
# make install: program, library, headers and .pc file; a program of a user's own builds against them and draws.
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
is_status 0 "make uninstall" make -s uninstall PREFIX="$prefix" BUILD="$BUILD"
ok "leaves no file" test -z "$(find "$prefix" -type f)"
done_testing
