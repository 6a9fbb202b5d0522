#!/usr/bin/env python3
"""The applications of the kernel bridge, by their figures of merit: a closed Lorenz-96 model against the full one, paths of
a known law against closed forms and paths between two wells against their process, neighbourhoods against one kernel in 50
dimensions, digits. Limits are what was measured, with room for other seeds; each figure stands in the line of its test.
A quarter of an hour on two cores."""

import csv
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e", "lib"))
os.environ["LIMIT"] = "1500"
import h5py
import numpy as np
from program import TOP, done, folder, ok, sbridge, skip

sys.dont_write_bytecode = True
sys.path.insert(0, str(TOP / "tools"))
import plot_paths

at = folder("here")
(at / "data").mkdir()
DATA = os.environ.get("SB_TEST_DATA") or str(TOP.parent / "shared" / "data")


def tool(name, *words):
    run = subprocess.run([sys.executable, TOP / "tools" / name, *map(str, words)], cwd=at, capture_output=True, text=True)
    return run.returncode == 0 or ok(False, f"tools/{name}", run)


def run_deck(name, *words):
    """The report of a deck, or None."""
    run = sbridge(at, "run", TOP / "input" / f"{name}.yml", "--quiet", *[f"--set={w}" for w in words], ranks=2)
    if not ok(run.status == 0, f"{name} runs", run):
        return None
    return {m["name"]: m for m in json.loads((at / "output" / name / "report.json").read_text())["metrics"]}


def between(what, value, low, high):
    ok(low <= value <= high, f"{what}: {value:.4g}, {low:g} to {high:g}")


# --- Closure ---
built = subprocess.run("cc -O2 -shared -fPIC -o data/lorenz96.so".split() + [TOP / "tools" / "lorenz96.c"], cwd=at).returncode == 0
pairs = tool("lorenz96.py", "pairs", "data/lorenz96.h5") and tool(
    "lorenz96.py", "pairs", "data/full.h5", "--rows", 40000, "--members", 128, "--seed", 3)
closed = all(
    tool("lorenz96.py", "closed", f"data/{d}.h5", "--pairs", "data/lorenz96.h5", "--degree", d, "--rows", 20480, "--members", 64,
         "--start", "data/full.h5") for d in ("none", "4"))
if ok(built and pairs and closed, "Lorenz-96: plug-in, pairs, deterministic closures") and run_deck("lorenz96", "sample.n=20480"):
    tool("lorenz96.py", "compare", "data/full.h5", "none=data/none.h5", "quartic=data/4.h5", "kernel=output/lorenz96/samples.h5",
         "--chains", "kernel=64", "--json", "judged.json")
    judged = json.loads((at / "judged.json").read_text())
    kernel, quartic = judged["kernel"], judged["quartic"]
    for key, limit in (("histogram", 0.03), ("autocorrelation", 0.2), ("energy", 0.04), ("energy_spread", 0.3), ("waves", 0.12)):
        between(f"closed model, {key} (quartic {quartic[key]:.3f}, floor {judged['floor'][key]:.3f})", kernel[key], 0, limit)
        ok(kernel[key] < judged["none"][key] / 2, f"{key}: at most half of that without a closure, {judged['none'][key]:.3f}")
    ok(kernel["histogram"] < 1.1 * quartic["histogram"], "values of X no further from the full model than by the quartic")
    draws = h5py.File(at / "output/lorenz96/samples.h5")["x"][:]
    full = h5py.File(at / "data/full.h5")["x"][:]
    for low, high in ((-4, -2), (2, 4), (8, 10)):  # psi given X, all sites
        a, b = (s[:, 8:][(s[:, :8] > low) & (s[:, :8] < high)] for s in (draws, full))
        between(f"mean of psi for X in {low} .. {high}, of its deviation", (a.mean() - b.mean()) / b.std(), -0.12, 0.12)
        between("its deviation, relative", a.std() / b.std(), 0.88, 1.12)

# --- Paths ---
metrics = run_deck("paths_ar1")
if metrics:
    x = h5py.File(at / "output/paths_ar1/samples.h5")["x"][:]
    rho = plot_paths.correlation(x, 11)
    between("autoregression: deviation, closed form 1", x.std(), 0.9, 1.05)
    between("correlation of neighbours, closed form 0.9", rho[1], 0.885, 0.925)
    between("ten apart, closed form 0.349", rho[10], 0.3, 0.48)
    between("memorisation ratio", metrics["memorisation_ratio"]["value"], 0.88, 1.05)
    between("energy distance", metrics["energy_distance"]["value"], -1, metrics["energy_distance"]["floor_q95"] + 0.02)
if tool("make_paths.py", "data/wells.h5"):
    metrics = run_deck("paths_wells")
    if metrics:
        with h5py.File(at / "output/paths_wells/samples.h5") as f:
            x, data = f["x"][:], f["training"][:]
        mine, true = plot_paths.numbers(x, data.std()), plot_paths.numbers(data, data.std())
        for key, room in (("deviation", 0.08), ("changes of side in a path", 0.16), ("paths that never change", 0.1), ("mean", 0.12)):
            between(f"two wells: {key}, data {true[key][0]:.3f}", mine[key][0], true[key][0] - room, true[key][0] + room)
        between("memorisation ratio", metrics["memorisation_ratio"]["value"], 0.82, 1.05)
        ok(metrics["energy_distance"]["value"] < metrics["energy_distance"]["baseline"] / 2, "nearer than a Gaussian by far")

# --- Neighbourhoods and one kernel ---
run = sbridge(at, "study", TOP / "input" / "study_chain.yml", "--set=study.grid.data.dimension=[50]", "--set=study.grid.data.n=[400, 1600]",
              ranks=2)
if ok(run.status == 0, "study_chain in 50 dimensions", run):
    found = {(r["method"], r["data.n"], r["metric"]): r for r in csv.DictReader(open(at / "output/study_chain/study.csv"))}
    value = {k: float(r["mean"]) for k, r in found.items()}
    floor = float(found["local", "1600", "covariance_error"]["floor"])
    for n in "400", "1600":
        between(f"one kernel, {n} points: memorisation ratio", value["kernel", n, "memorisation_ratio"], 0, 0.01)
        between(f"neighbourhoods, {n} points", value["local", n, "memorisation_ratio"], 0.8, 1)
    between(f"neighbourhoods: covariance error, floor {floor:.3f}", value["local", "1600", "covariance_error"], 0.15, 0.36)
    ok(value["local", "1600", "energy_distance"] < 0.7 * value["local", "400", "energy_distance"], "nearer with four times the points")
run = sbridge(at, "study", TOP / "input" / "study_chain_step.yml", "--set=study.grid.kernel.step=[0.1, 0.3, 1, 3]", ranks=2)
if ok(run.status == 0, "study_chain_step", run):
    table = csv.DictReader(open(at / "output/study_chain_step/study.csv"))
    found = {(r["method"], r["kernel.step"], r["metric"]): float(r["mean"]) for r in table}
    good = [(m, s) for m, s, _ in found if found[m, s, "memorisation_ratio"] > 0.5 and found[m, s, "energy_distance"] < 0.1]
    ok("kernel" not in dict(good), "no step of 0.1 to 3 draws new points of the law by one kernel", found)
    ok(("local", "0.3") in good, "0.3 does by neighbourhoods", found)

# --- Digits ---
images = os.path.join(DATA, "mnist", "train-images-idx3-ubyte.gz")
if not os.path.exists(images):
    skip(f"no {images}: MNIST files in SB_TEST_DATA/mnist")
elif tool("to_hdf5.py", images, "--limit", 5000, "--average", "8x8", "data/mnist8.h5"):
    metrics = run_deck("mnist8", "sample.n=300", "evaluate.size=300", "evaluate.w2_points=0")
    if metrics:
        between("digits: memorisation ratio", metrics["memorisation_ratio"]["value"], 0.5, 0.9)
        between("energy distance", metrics["energy_distance"]["value"], -1, 0.02)
        ok(tool("plot.py", "output/mnist8") and (at / "output/mnist8/samples.png").stat().st_size > 10000, "a contact sheet")
done()
