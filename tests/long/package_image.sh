#!/bin/sh
# tools/packaging/Dockerfile builds, and the program in the image runs on two ranks. With docker or podman and an image
# ${BASE:-debian:12} that they have or can fetch; with buildah and mmdebstrap on a base made of the packages of this machine's
# mirror. Takes a few minutes and 2 GB.
. tests/env.sh
base=${BASE:-debian:12} store=$SCRATCH/store
mkdir "$store"

# image WORDS...: the tool that builds images, with a store of its own where it can have one
if command -v buildah >/dev/null && command -v mmdebstrap >/dev/null; then
  export USER="${USER:-root}" STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot TMPDIR="$store"
  image() { buildah --root "$store/storage" --runroot "$store/run" "$@"; }
  base=localhost/base
  if ! mmdebstrap --variant=apt bookworm "$store/base.tar" >"$SCRATCH/base.log" 2>&1; then
    skip_all "no base: $(tail -n 1 "$SCRATCH/base.log")"
  fi
  container=$(image from scratch)
  image add -q "$container" "$store/base.tar" / >/dev/null
  image commit -q "$container" "$base" >/dev/null
  image rm "$container" >/dev/null
  rm "$store/base.tar"
  build() { image bud "$@"; }
  within() { # COMMAND...: in a container of the image
    container=$(image from localhost/sbridge) && image run "$container" -- "$@"
  }
elif tool=$(command -v podman || command -v docker); then
  "$tool" image inspect "$base" >/dev/null 2>&1 || "$tool" pull -q "$base" >/dev/null 2>&1 || skip_all "no image $base here"
  build() { "$tool" build "$@"; }
  within() { "$tool" run --rm localhost/sbridge "$@"; }
else
  skip_all "neither buildah with mmdebstrap nor podman nor docker is here"
fi

LIMIT=1200 is_status 0 "the image builds" build -t localhost/sbridge -f tools/packaging/Dockerfile --build-arg BASE="$base" .
is_status 0 "it says what it is" within sbridge --version
ok "with MPI" grep -q '^mpi  *Open MPI' "$output"
# shellcheck disable=SC2016 # for the shell in the container
is_status 0 "it runs on two ranks" within sh -c 'cd /tmp && echo "$1" >a.yml && mpirun --oversubscribe -n 2 sbridge run a.yml' sh \
  '{data: {law: ring6, n: 500}, output: out, train: {steps: 20}, sample: {n: 100, steps1: 5, steps2: 5}}'
ok "to the end" grep -q 'sliced_w2\|energy_distance' "$output"
is_status 0 "with its manual" within test -s /usr/local/share/man/man1/sbridge.1
done_testing
