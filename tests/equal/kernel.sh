#!/bin/sh
# The kernel methods leave the same bits on any number of ranks, with the matrix kept or not, and taken up from a checkpoint.
. tests/env.sh
top=$PWD program=$(realpath "$sbridge")

# on RANKS OPTIONS...: a whole run in a folder of its own
on() {
  ranks=$1
  shift
  mkdir -p "$SCRATCH/$ranks"
  cd "$SCRATCH/$ranks" || exit 1
  is_status 0 "run on $ranks ranks $*" mpi "$ranks" "$program" run "$top/tests/equal/kernel.yml" "$@"
  cd "$top" || exit 1
}

for sampler in split aware resample; do
  rm -rf "$SCRATCH"/[0-9]
  on 1 --set sample.sampler=$sampler
  for ranks in 2 4 7; do
    on $ranks --set sample.sampler=$sampler
    ok "$sampler: same files" tools/same.sh "$SCRATCH/1/out" "$SCRATCH/$ranks/out"
  done
done
for ranks in 1 5; do
  rm -rf "${SCRATCH:?}/$ranks"
  on $ranks --set method=local --set local.radius=0 --set sample.sampler=aware
done
ok "local: same files" tools/same.sh "$SCRATCH/1/out" "$SCRATCH/5/out"
for given in "condition.coordinates=[1] condition.values=[0.3]" "likelihood.form=gaussian likelihood.map=[1,1] likelihood.observed=[2]"; do
  rm -rf "$SCRATCH/1" "$SCRATCH/4"
  for ranks in 1 4; do
    # shellcheck disable=SC2046,SC2086 # words
    on $ranks $(printf ' --set %s' $given)
  done
  ok "${given%%.*}: same files" tools/same.sh "$SCRATCH/1/out" "$SCRATCH/4/out"
done
for ranks in 1 5; do
  rm -rf "${SCRATCH:?}/$ranks"
  on $ranks --set kernel.eigenpairs=6
done
ok "spectrum: same files" tools/same.sh "$SCRATCH/1/out" "$SCRATCH/5/out"
for ranks in 1 3; do
  rm -rf "${SCRATCH:?}/$ranks"
  on $ranks --set kernel.eigenpairs=6 --set kernel.eigensolver=dense --set kernel.storage=cyclic
done
ok "says that bits may differ" [ "$(grep -c 'not to the bit' "$output")" = 2 ]
ok "and so does the file" h5ls "$SCRATCH/3/out/checkpoint.h5/numerics/reproducible"
within() { # LIMIT FILE DATASET: of the runs on 1 and on 3 ranks
  "$PYTHON" -c 'import sys, h5py
a, b = (h5py.File(f"{sys.argv[1]}/{n}/out/{sys.argv[3]}")[sys.argv[4]][:] for n in (1, 3))
sys.exit(not abs(a - b).max() < float(sys.argv[2]))' "$SCRATCH" "$@"
}
for what in kernel/log_v kernel/eigenvalues; do
  ok "by ScaLAPACK: $what to 1e-10" within 1e-10 checkpoint.h5 $what
done
ok "vectors, too" within 1e-8 diffusion.h5 diffusion
cd "$SCRATCH/2" || exit 1
is_status 0 "rows kept" mpi 3 "$program" train "$top/tests/equal/kernel.yml" --set sample.sampler=resample --set kernel.storage=rows --set output=rows
ok "same scaling" h5diff -q out/checkpoint.h5 rows/checkpoint.h5 /kernel/log_v /kernel/log_v
is_status 0 "draws from the checkpoint" mpi 3 "$program" sample out/checkpoint.h5 --set output=again
ok "no second scaling" sh -c "! grep -q products '$output'"
ok "same draws" h5diff -q out/samples.h5 again/samples.h5 /x /x
is_status 0 "fewer points than ranks" mpi 4 "$program" run "$top/tests/equal/kernel.yml" --set data.n=3 --set data.validation=0 \
  --set output=three
is_status 1 "another step than the checkpoint's" mpi 2 "$program" sample out/checkpoint.h5 --set output=other --set kernel.step=1
ok "names the key" grep -q '^sbridge: kernel.step differs' "$output"
cd "$top" || exit 1
done_testing
