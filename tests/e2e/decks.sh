#!/bin/sh
# Every deck in input/ runs to its end, cut short, in a folder of its own; tables that its user would make are made up here, of
# the same shape. Each says what it is, where it comes from and what to expect, and writes to output/NAME.
. tests/env.sh
top=$PWD program=$(realpath "$sbridge")

# run DECK: a few steps of it
run() {
  case $(sed -n 's/^method: *//p' "$1") in
    two_stage) own="train.score.steps=4 train.ratio.steps=4 sample.steps1=2 sample.steps2=2 sample.draws=2" ;;
    dsb) own="train.steps=2 dsb.iterations=1 dsb.cache_npar=64" ;;
    sinkhorn) own="sample.steps=3 data.n=200 source.n=200 evaluate.conditions=5 evaluate.condition_draws=5" ;;
    mixture) own="train.steps=5 data.n=200 source.n=200 evaluate.conditions=5 evaluate.condition_draws=5" ;;
    *) own="sample.burn_in=3 sample.thin=1 sample.per_chain=1 data.n=200" ;;
  esac
  cd "$SCRATCH/here" || exit 1
  # shellcheck disable=SC2046,SC2086 # words
  mpi 2 "$program" run "$top/$1" $(printf ' --set %s' $own) --set sample.n=100 --set record.particles=10 --set record.training=50 --set velocity.points=4 \
    --set evaluate.size=40 --set evaluate.floors=2 --set evaluate.w2_points=20 --set evaluate.drift_points=20 \
    --set evaluate.drift_draws=10 --set evaluate.draws=100
  status=$?
  cd "$top" || exit 1
  return $status
}

says() { grep -q "^  $1: ." "$2"; } # KEY DECK

mkdir -p "$SCRATCH/here/data"
ok "tables" "$PYTHON" - "$SCRATCH/here/data" <<'END'
import sys
import h5py
import numpy as np
draw = np.random.default_rng(1)
for name, rows, columns, rank in (("cells", 300, 5, 5), ("wells", 200, 50, 6), ("mnist8", 200, 64, 20), ("lorenz96", 200, 16, 16),
                                  ("mnist", 200, 784, 40), ("digit2", 80, 784, 40), ("digit3", 90, 784, 40)):
    with h5py.File(f"{sys.argv[1]}/{name}.h5", "w") as f:
        x = draw.normal(size=(rows, rank)) @ draw.normal(size=(rank, columns))
        f["x"] = np.where(np.arange(columns) < columns - columns // 10, x, 0).astype(np.float32) if rank < columns else x
END
ok "a plug-in" cc -O2 -shared -fPIC -o "$SCRATCH/here/data/lorenz96.so" tools/lorenz96.c
for deck in input/*.yml; do
  name=${deck##*/}
  name=${name%.yml}
  is_status 0 "$name" run "$deck"
  ok "$name leaves its report" test -s "$SCRATCH/here/output/$name/report.json"
  for key in problem source expect; do ok "$name: $key" says $key "$deck"; done
done
done_testing
