#!/usr/bin/env python3
"""evaluate --samples --truth: files of any program, against a law or a table."""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))
import h5py
import numpy as np
from program import TINY, contents, done, folder, ok, sbridge

here = folder("here")
(here / "tiny.yml").write_text(TINY.read_text())
SMALL = "--set evaluate.size=100 --set evaluate.blocks=3 --set evaluate.floors=5 --set evaluate.w2_points=50".split()


def table(name, x):
    with h5py.File(here / name, "w") as f:
        f["x"] = x
    return name


def metrics(where):
    report = json.loads((here / where / "report.json").read_text())
    return {(m["name"], m["stage"], m["t"]): m for m in report["metrics"]}


# --- The law of a deck ---
run = sbridge(here, "run", "tiny.yml", ranks=2)
if not ok(run.status == 0, "a run to compare with", run):
    done()
words = ["evaluate", "--samples", "out/samples.h5", "--truth", "tiny.yml", "--set", "output=judged"]
run = sbridge(here, *words)
ok(run.status == 0 and not run.err, "its draws as a file of anybody", run)
mine, theirs = metrics("out"), metrics("judged")
both = [name for name in theirs if name[0] != "memorisation_ratio"]
keys = "value", "stderr", "floor", "floor_q95", "baseline"
good = all(theirs[k][key] == mine[k][key] for k in both for key in keys)
ok(len(both) >= 8 and good, "the same numbers", mine, theirs)
ok(all(m["floor_train"] is None for m in theirs.values()), "nothing is said of what it learned from")
run = sbridge(here, *words)
ok(run.status == 1 and "judged/report.json exists" in run.err, "a report is not written over", run)
run = sbridge(here, *words, "--overwrite", ranks=3)
ok(run.status == 0 and metrics("judged") == theirs, "the same on three ranks", run)

# --- A table ---
r = np.random.default_rng(7)
y = table("y.h5", r.normal(size=(1000, 3)))
values = {}
for name, shift in ("near", 0), ("off", 1.5):
    x = table(name + ".h5", r.normal(size=(600, 3)) + shift)
    run = sbridge(here, "evaluate", "--samples", x, "--truth", y, "--set", "output=" + name, *SMALL)
    ok(run.status == 0 and not run.err, f"samples that are {name}", run)
    values[name] = {m["name"]: m for m in metrics(name).values()}
for name in "mean_error", "energy_distance", "mmd", "sliced_w2", "w2":
    near, off = values["near"][name], values["off"][name]
    ok(off["value"] > off["floor_q95"] and off["value"] > near["value"], f"{name} tells them apart", near, off)
ok(abs(values["off"]["mean_error"]["value"] - 1.5 * 3**0.5) < 0.3, "mean_error in the table's own coordinates")

# --- More metrics ---
MORE = [*SMALL, "--set", "evaluate.more=true", "--set", "evaluate.permutations=19"]
found = []
for ranks in 1, 3:
    words = ["--samples", "off.h5", "--truth", y, "--set", f"output=more{ranks}", *MORE]
    run = sbridge(here, "evaluate", *words, ranks=ranks)
    ok(run.status == 0, f"more metrics on {ranks} ranks", run)
    found.append({m["name"]: m for m in metrics(f"more{ranks}").values()})
ok(found[0] == found[1] and {"bw2_uvp", "coverage_error", "energy_test_p"} < found[0].keys(), "the same", *found)
with h5py.File(here / "off.h5") as f:
    gap = f["x"][:].mean(axis=0)
uvp = found[0]["bw2_uvp"]["value"]
ok(abs(uvp - 100 * (gap**2).sum() / 3) < 75 and found[0]["energy_test_p"]["value"] == 0.05, "as they should be", uvp)

# --- Memory ---
for ranks in 1, 2:
    words = ["--samples", "off.h5", "--truth", "y.h5", "--set", f"output=memory{ranks}", *MORE]
    run = sbridge(here, "evaluate", *words, ranks=ranks)
    memory = json.loads((here / f"memory{ranks}" / "report.json").read_text())["memory"]
    ok(0.3 * memory["predicted"] < memory["peak"] <= memory["predicted"], f"foretold on {ranks} ranks", memory)
run = sbridge(here, "evaluate", *words, "--overwrite", ranks=2, env={"SB_MEMORY_LIMIT": "3000000"})
ok(run.status == 3 and len(run.lines) == 1 and "bytes needed per rank" in run.err, "too little of it", run)

# --- Mistakes ---
holes = r.normal(size=(9, 3))
holes[4, 1] = np.nan
for what, x, word in (
    ("another dimension", r.normal(size=(9, 2)), "must be a table of 3 columns"),
    ("one sample", np.ones((1, 3)), "two are needed"),
    ("no sample", np.ones((0, 3)), "two are needed"),
    ("constant samples", np.ones((9, 3)), "are equal"),
    ("a sample that is not finite", holes, "row 4, column 1"),
):
    run = sbridge(here, "evaluate", "--samples", table("bad.h5", x), "--truth", y, "--set", "output=bad", ranks=2)
    ok(run.status == 1 and len(run.lines) == 1 and word in run.err, what, run)
for what, words, word in (
    ("no truth", ["--samples", "near.h5"], "Give --truth"),
    ("no samples", ["--truth", "y.h5"], "--samples"),
    ("a deck and a truth", ["tiny.yml", "--samples", "near.h5", "--truth", "y.h5"], "in place of a deck"),
    ("no such truth", ["--samples", "near.h5", "--truth", "z.h5"], "z.h5"),
    ("a truth that is no table", ["--samples", "near.h5", "--truth", "out/checkpoint.h5"], "/x"),
):
    run = sbridge(here, "evaluate", *words, "--set", "output=bad")
    ok(run.status == 1 and len(run.lines) == 1 and word in run.err, what, run)
for what, y, word in (
    ("truth that is not finite", holes, "row 4, column 1"),
    ("one true point", np.ones((1, 3)), "one row"),
    ("truth of another dimension", np.ones((9, 2)), "columns"),
):
    words = ["--samples", "near.h5", "--truth", table("truth.h5", y), "--set", "output=bad"]
    run = sbridge(here, "evaluate", *words, ranks=2)
    ok(run.status == 1 and len(run.lines) == 1 and word in run.err, what, run)
ok(not (here / "bad").exists(), "nothing was written")
done()
