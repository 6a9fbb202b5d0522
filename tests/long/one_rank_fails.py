#!/usr/bin/env python3
"""Every allocation and every step of every file, failing on one rank alone: all ranks end with the same status and one
line, and what is on the disk is whole. tests/e2e/failures.py has a choice of these. ONLY=train,info in the environment
takes only these commands. All take about an hour on two cores."""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e", "lib"))
import h5py
import numpy as np
from program import AT_ONCE, TINY, changes, contents, done, folder, ok, sbridge, together

RANKS = 3
STEPS = "memory create write read close commit text".split()
LAW, TABLE = "law: mixture_b, n: 700", "file: table.h5, project: pca, standardise: whiten"
COMMANDS = {
    "train": ["train", "tiny.yml", "--overwrite"],
    "train on": ["train", "tiny.yml", "--resume", "--set=output=half"],
    "sample": ["sample", "tiny.yml", "--overwrite"],
    "sample of a checkpoint": ["sample", "table/checkpoint.h5", "--overwrite"],
    "sample from points": ["sample", "tiny.yml", "--overwrite", "--start", "points.h5"],
    "velocity": ["velocity", "tiny.yml", "--overwrite"],
    "velocity at points": ["velocity", "tiny.yml", "--overwrite", "--at", "points.h5"],
    "evaluate": ["evaluate", "tiny.yml", "--overwrite"],
    "train of a table": ["train", "table.yml", "--overwrite"],
    "evaluate of a table": ["evaluate", "table.yml", "--overwrite"],
    "study": ["study", "study.yml", "--overwrite"],
    "info": ["info", "out/checkpoint.h5", "--verify"],
    "info of a study": ["info", "study/study.h5", "--verify"],
}

STRIDE = {"evaluate": 5, "evaluate of a table": 5, "study": 20}  # of many allocations not every one

numbers = np.random.default_rng(1)
whole = folder("whole")
(whole / "tiny.yml").write_text(TINY.read_text())
(whole / "table.yml").write_text(TINY.read_text().replace(LAW, TABLE).replace("output: out", "output: table"))
with h5py.File(whole / "table.h5", "w") as f:
    f["x"] = numbers.normal(size=(700, 5)) @ numbers.normal(size=(5, 5))
with h5py.File(whole / "points.h5", "w") as f:
    f["x"], f["t"] = numbers.normal(size=(500, 2)), np.repeat([0.1, 0.5, 0.6, 0.9, 0], 100)
study = "\nstudy: {replicates: 3, grid: {data.n: [200]}}\n"
(whole / "study.yml").write_text(TINY.read_text().replace("output: out", "output: study") + study)
ok(sbridge(whole, "study", "study.yml", ranks=RANKS).status == 0, "a study")
for deck in "tiny.yml", "table.yml":
    ok(sbridge(whole, "run", deck, ranks=RANKS).status == 0, f"a run of {deck}")
stopped = sbridge(whole, "train", "tiny.yml", "--set=output=half", "--stop-after", "9", ranks=RANKS)
ok(stopped.status == 75, "a run that stopped", stopped)
old = contents(whole)


def half_made(there):
    """Files that are missing, of no whole run, or unreadable."""
    now = contents(there)
    wrong = [name for name in old if name not in now and not name.endswith(".xmf")]
    for name in changes(old, now):
        if name.endswith(".part") or name.endswith(".h5") and name in now and not h5py.is_hdf5(there / name):
            wrong.append(name)
    return wrong


def attempt(command, step, rank, k):
    """The run, None where it was over before the k-th such step, and whether it ended as it should."""
    there = folder(f"{command}-{step}-{rank}-{k}".replace(" ", "-"), like=whole)
    run = sbridge(there, *COMMANDS[command], ranks=RANKS, env={"SB_FAIL": f"{step}:{rank}:{k}"})
    wrong = half_made(there)
    shutil.rmtree(there)
    if run.status == 0:
        return None
    good = run.status == 3 and len(run.lines) == 1 and ("injected failure" in run.err or "no memory" in run.err)
    return good and not wrong, (k, wrong, str(run))


def sweep(command, step, rank):
    k, bad, over = 1, [], False
    while not over:
        stride = STRIDE.get(command, 1) if step == "memory" else 1
        some = range(k, k + 2 * AT_ONCE * stride, stride)
        k = some.stop
        for outcome in together([lambda i=i: attempt(command, step, rank, i) for i in some]):
            if outcome is None:
                over = True
            elif not outcome[0]:
                bad.append(outcome[1])
    ok(not bad, f"{command}: each {step} of rank {rank} that fails, up to {k - 1}", *bad[:5])


for command in os.environ.get("ONLY", ",".join(COMMANDS)).split(","):
    for step in STEPS:
        for rank in 0, RANKS - 1:
            sweep(command, step, rank)
done()
