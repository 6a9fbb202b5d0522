#!/usr/bin/env python3
"""A study over methods: its deck has keys of them all, each case takes its own and equals a run of that method; the used
deck repeats the study; steps, radii, dimensions and sample sizes are swept with it; a key that no method of the grid has is
refused."""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))
import h5py
import numpy as np
from program import TOP, done, folder, ok, sbridge
import subprocess

DECK = """
seed: 3
output: out
study: {replicates: 1, grid: {method: [kernel, local, two_stage], data.dimension: [2, 3], kernel.step: [0.05, 0.2], local.radius: [0, 1]}}
data: {law: two_modes, n: 300, radius: 3, variance: 0.5, validation: 0.2}
kernel: {tolerance: 1e-8}
local: {block: 1}
reference: {variance1: 3, variance2: 0.5}
net: {depth: 2, width: 16}
train: {batch: 100, score: {steps: 6}, ratio: {steps: 5}}
sample: {n: 120, burn_in: 8, steps1: 4, steps2: 5, draws: 3}
record: {particles: 0}
velocity: {points: 4}
evaluate: {size: 60, blocks: 2, floors: 3, slices: 8, w2_points: 30, w2_floors: 2, drift_points: 20, drift_draws: 20}
"""


def place(name, text=DECK):
    path = folder(name)
    (path / "s.yml").write_text(text)
    return path


def same(a, b):
    return subprocess.run([TOP / "tools" / "same.sh", a, b], capture_output=True).returncode == 0


whole = place("whole")
run = sbridge(whole, "study", "s.yml", ranks=2)
if not ok(run.status == 0 and not run.lines, "three methods, two dimensions, two steps, two radii", run):
    done()
with h5py.File(whole / "out" / "study.h5") as f:
    methods = [m.decode() for m in f["grid/method"][:]]
    ok(set(f["state"][:]) == {1} and len(methods) == 24, "every case is done", f["state"][:])
    grid = list(zip(methods, *(f["grid/" + key][:] for key in ("data.dimension", "kernel.step", "local.radius"))))
    table = [
        {(f["metric/name"][c, i].decode(), str(f["metric/t"][c, i])): f["metric/value"][c, i] for i in range(f["metrics"][c])}
        for c in range(24)
    ]
for this in ("kernel", 3, 0.2, 1), ("local", 3, 0.05, 0), ("two_stage", 2, 0.05, 0):
    at = folder("case-" + this[0])
    (at / "s.yml").write_text(DECK)
    words = f"--set method={this[0]} --set data.dimension={this[1]} --set kernel.step={this[2]} --set local.radius={this[3]}"
    run = sbridge(at, "run", "s.yml", *words.split(), ranks=2)
    if not ok(run.status == 0, f"{this[0]}: the same case as a run of its own", run):
        continue
    report = json.loads((at / "out" / "report.json").read_text())
    want = {(m["name"], str(np.nan if m["t"] is None else m["t"])): m["value"] for m in report["metrics"]}
    mine = {key: value for key, value in table[grid.index(this)].items() if not key[0].startswith("error_")}
    ok(
        mine.keys() == want.keys() and all(mine[k] == (np.inf if want[k] is None else want[k]) for k in want),
        f"{this[0]}: the same metrics to the last bit",
        mine,
        want,
    )
by = {this: values[("covariance_error", "nan")] for this, values in zip(grid, table)}
ok(by["local", 3, 0.05, 0] != by["local", 3, 0.05, 1], "a radius matters to local")
ok(by["kernel", 3, 0.05, 0] == by["kernel", 3, 0.05, 1], "and not to kernel")
ok(by["two_stage", 2, 0.05, 0] == by["two_stage", 2, 0.2, 1], "nor a step to two_stage")

again = folder("again")
(again / "used.yml").write_bytes((whole / "out" / "used.yml").read_bytes())
run = sbridge(again, "study", "used.yml", ranks=3)
ok(run.status == 0 and same(whole / "out" / "study.h5", again / "out" / "study.h5"), "used.yml repeats the study", run)
run = sbridge(whole, "study", "s.yml", "--resume", "--set", "local.block=2")
ok(run.status == 1 and len(run.lines) == 1, "another value of a method's key: the file is of another study", run)
for what, text, say in (
    ("a misprint", DECK.replace("burn_in", "burnin"), "burnin"),
    ("a key of a method that is not in the grid", DECK.replace("[kernel, local, two_stage]", "[kernel, two_stage]"), "local"),
    ("a method that there is not", DECK.replace("[kernel,", "[kernels,"), "kernels"),
    ("a value that is out of range", DECK.replace("tolerance: 1e-8", "tolerance: 7"), "kernel.tolerance"),
    ("methods without a grid over them", DECK.replace("method: [kernel, local, two_stage], ", ""), "kernel"),
):
    run = sbridge(place(what.replace(" ", "-"), text), "study", "s.yml")
    ok(run.status == 1 and len(run.lines) == 1 and say in run.err, f"refused: {what}", run)
done()
