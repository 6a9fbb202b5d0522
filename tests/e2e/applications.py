#!/usr/bin/env python3
"""Tools and decks of the applications of the kernel bridge: the Lorenz-96 model and its plug-in against each other and
against what must hold, the closed model on any number of ranks, pictures, and what each tool refuses."""

import ctypes
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))
import h5py
import numpy as np
from program import TOP, done, folder, ok, sbridge, together

sys.dont_write_bytecode = True
sys.path.insert(0, str(TOP / "tools"))
import lorenz96
import make_paths

at = folder("here")
(at / "data").mkdir()


def tool(name, *words):
    return subprocess.run([sys.executable, TOP / "tools" / name, *map(str, words)], cwd=at, capture_output=True, text=True)


def picture(path):
    """Neither empty nor full."""
    import matplotlib.image

    image = matplotlib.image.imread(path)[..., :3]
    dark = (image.min(axis=2) < 0.9).mean()
    return 0.005 < dark < 0.7


# --- The model ---
draw = np.random.default_rng(1)
free = lorenz96.Full(6, 8, forcing=0.0, damping=0.0)
state = np.concatenate([draw.normal(size=(6, 3)), 0.1 * draw.normal(size=(48, 3))])
energy, z = (state**2).sum(axis=0), state
for _ in range(200):
    z = lorenz96.rk4(free.tendency, z, 1e-4)
gap = np.abs((z**2).sum(axis=0) / energy - 1).max()
ok(gap < 1e-10 and np.abs(z - state).max() > 0.01, f"without forcing and damping energy stays: {gap:.1e}")
model = lorenz96.Full(6, 8)
ends = []
for steps in (50, 100, 200):
    z = state
    for _ in range(steps):
        z = lorenz96.rk4(model.tendency, z, 0.1 / steps)
    ends.append(z)
order = np.log2(np.abs(ends[0] - ends[1]).max() / np.abs(ends[1] - ends[2]).max())
ok(3.6 < order < 4.6, f"the integrator is of order four: {order:.2f}")
one = state[:, 0]  # the equations, written out
x, y = one[:6], one[6:]
want = [-x[k - 1] * (x[k - 2] - x[(k + 1) % 6]) - x[k] + 20 - y[8 * k : 8 * k + 8].sum() for k in range(6)]
want += [-100 * y[(j + 1) % 48] * (y[(j + 2) % 48] - y[j - 1]) - 10 * y[j] + x[j // 8] for j in range(48)]
ok(np.allclose(model.tendency(state)[:, 0], want, rtol=1e-13, atol=1e-12), "tendencies are the equations")

# --- The plug-in ---
built = subprocess.run("cc -O2 -shared -fPIC -o data/lorenz96.so".split() + [TOP / "tools" / "lorenz96.c"], cwd=at).returncode == 0
ok(built, "the plug-in is built")
step = ctypes.CDLL(str(at / "data" / "lorenz96.so")).sb_advance
rows = draw.normal(size=(5, 16)) * 4
mine = rows.copy()
step(ctypes.c_int64(5), 16, mine.ctypes.data_as(ctypes.c_void_p))
closed = lorenz96.Closed(20.0, [])
closed.held = rows[:, 8:].T
want = lorenz96.rk4(closed.tendency, rows[:, :8].T, 0.005).T
ok(np.allclose(mine[:, :8], want, rtol=1e-13, atol=1e-13), "a step of the plug-in is one of the model with psi held")
ok(np.array_equal(mine[:, 8:], rows[:, 8:]), "which stays")

# --- Pairs, closures, statistics ---
run = tool("lorenz96.py", "pairs", "data/lorenz96.h5", "--rows", 1200, "--members", 24, "--spin-up", 2, "--dt", 0.002)
ok(run.returncode == 0, "pairs of the full model", run)
full, about = lorenz96.read(str(at / "data" / "lorenz96.h5"))
x, psi = full[..., :8], full[..., 8:]
ok(full.shape == (50, 24, 16) and about["forcing"] == 20 and np.corrcoef(x.ravel(), psi.ravel())[0, 1] < -0.8, "psi opposes X")
run = tool("lorenz96.py", "pairs", "data/again.h5", "--rows", 1200, "--members", 24, "--spin-up", 2, "--dt", 0.002)
ok(np.array_equal(lorenz96.read(str(at / "data" / "again.h5"))[0], full), "the same seed, the same rows")
for degree in "none", "4":
    run = tool("lorenz96.py", "closed", f"data/{degree}.h5", "--pairs", "data/lorenz96.h5", "--degree", degree, "--rows", 1200, "--spin-up", 2)
    ok(run.returncode == 0, f"closed by degree {degree}", run)

# --- The closed model of the deck ---
short = ["--set=data.n=300", "--set=kernel.tolerance=1e-6", "--set=sample.n=1200", "--set=sample.per_chain=50", "--set=sample.burn_in=80",
         "--set=evaluate.floors=2", "--set=record.particles=4"]
deck = TOP / "input" / "lorenz96.yml"
first, second = together([lambda n=n: sbridge(at, "run", deck, *short, f"--set=output=r{n}", ranks=n) for n in (1, 3)])
if ok(first.status == 0 and second.status == 0, "the closed model runs on one rank and on three", first, second):
    a, b = (h5py.File(at / f"r{n}" / "samples.h5")["x"][:] for n in (1, 3))
    ok(np.array_equal(a, b), "the same bits")
    chains = a.reshape(24, 50, 16)
    jump = np.abs(np.diff(chains[..., :8], axis=1)).max()
    ok(np.isfinite(a).all() and 0 < jump < 12 and chains[..., :8].std() > 2, f"X moves, and not at once: {jump:.2f}")
    stopped = sbridge(at, "run", deck, *short, "--set=output=held", "--max-walltime", "0.7", env={"SB_FINISH": "0"})
    resumed = sbridge(at, "run", deck, *short, "--set=output=held", "--resume", ranks=2)
    same = resumed.status == 0 and np.array_equal(h5py.File(at / "held" / "samples.h5")["x"][:], a)
    ok(stopped.status in (0, 75) and same, "stopped and taken up: the same bits", stopped, resumed)
    words = ["data/lorenz96.h5", "none=data/none.h5", "quartic=data/4.h5", "kernel=r1/samples.h5", "--chains", "kernel=24"]
    run = tool("lorenz96.py", "compare", *words, "--json", "judged.json", "--lags", 30)
    judged = json.loads((at / "judged.json").read_text()) if run.returncode == 0 else {}
    ok(set(judged) == {"meaning", "floor", "none", "quartic", "kernel"}, "statistics of all", run)
    if judged:
        ok(judged["none"]["energy"] > 0.3 > judged["kernel"]["energy"], "a closure matters to the energy", judged)
        ok(judged["floor"]["histogram"] < 0.15, "a floor", judged["floor"])
    run = tool("plot_lorenz96.py", *words, "--lags", 30, "--out", "l.png")
    ok(run.returncode == 0 and picture(at / "l.png"), "their picture", run)
diverged = sbridge(at, "run", deck, *short, "--set=output=wild", "--set=condition.plugin=./wild.so")
ok(diverged.status == 1 and len(diverged.lines) == 1 and "wild.so" in diverged.err, "no such plug-in: one line", diverged)
(at / "wild.c").write_text("#include <stdint.h>\nvoid sb_advance(int64_t n, int d, double *x);\n"
                           "void sb_advance(int64_t n, int d, double *x) { x[0] = n / (d - d * 1.0); }\n")
subprocess.run("cc -shared -fPIC -o wild.so wild.c".split(), cwd=at, check=True)
diverged = sbridge(at, "run", deck, *short, "--set=output=wild", "--set=condition.plugin=./wild.so", ranks=2)
ok(diverged.status == 2 and len(diverged.lines) == 1, "a plug-in that gives infinity: one line, status 2", diverged)

# --- Paths ---
run = tool("make_paths.py", "data/wells.h5", "--rows", 3000, "--times", 12)
ok(run.returncode == 0, "paths between two wells", run)
wells = h5py.File(at / "data" / "wells.h5")["x"][:]
grid, cumulative = make_paths.stationary(0.5)
p = np.gradient(cumulative, grid)
second = (p * grid**2).sum() / p.sum()
ok(np.abs((wells**2).mean(axis=0) - second).max() < 5 * (wells**2).std() / 3000**0.5, "each time has the stationary density's second moment")
ok(np.abs(wells.mean(axis=0)).max() < 5 * wells.std() / 3000**0.5, "and both wells")
(at / "p.yml").write_text("method: local\noutput: paths\ndata: {law: ar1, dimension: 12, n: 400}\nkernel: {step: 0.05}\n"
                          "local: {radius: 2}\nsample: {n: 200, burn_in: 20}\nrecord: {particles: 0}\n")
run = sbridge(at, "sample", "p.yml", ranks=2)
ok(run.status == 0, "draws that are paths", run)
run = tool("plot_paths.py", "paths", "--ar1", "0.9")
ok(run.returncode == 0 and picture(at / "paths" / "paths.png") and "correlation of neighbours" in run.stdout, "their picture", run)

# --- Neighbours in a picture ---
base = "method: local\noutput: %s\ndata: {law: gaussian, dimension: 12, n: 200}\nkernel: {step: 0.2}\nsample: {n: 64, burn_in: 4}\nrecord: {particles: 0}\n"
lists = [[4 * i + j for i in range(3) for j in range(4) if max(abs(i - r), abs(j - c)) <= 1] for r in range(3) for c in range(4)]
starts = np.cumsum([0] + [len(m) for m in lists]).tolist()
(at / "g.yml").write_text(base % "g" + "local: {grid: [3, 4], radius: 1}\n")
(at / "m.yml").write_text(base % "m" + f"local: {{starts: {starts}, members: {sum(lists, [])}}}\n")
(at / "w.yml").write_text(base % "w" + "local: {grid: [3, 5], radius: 1}\n")
square, listed, wrong = together([lambda n=n: sbridge(at, "sample", f"{n}.yml") for n in "gmw"])
a, b = (h5py.File(at / n / "samples.h5")["x"][:] if run.status == 0 else n for n, run in (("g", square), ("m", listed)))
ok(np.array_equal(a, b), "a square around each pixel: as by lists", square, listed)
ok(wrong.status == 1 and len(wrong.lines) == 1 and "local.grid" in wrong.err, "refused: a picture of other pixels", wrong)

# --- A study of methods as a picture ---
head = "method,data.n,metric,stage,t,replicates,failed,mean,sd,stderr,floor,floor_q95,floor_train,baseline"
cells = [f"{m},{n},{k},,,2,0,{v / n**0.5},0.1,0.01,0,0.05,,0.3" for m, v in (("kernel", 3), ("local", 1)) for n in (100, 1000)
         for k in ("covariance_error", "memorisation_ratio")]
study = folder("here/study")
(study / "study.csv").write_text("\n".join([head, *cells]) + "\n")
(study / "slopes.csv").write_text("metric,stage,t,key,at,points,replicates,slope,low,high\n")
run = tool("plot_methods.py", "study", "--over", "data.n", "--metrics", "covariance_error,memorisation_ratio")
ok(run.returncode == 0 and picture(study / "methods.png"), "methods side by side", run)

# --- What is refused ---
for what, words, say in (
    ("an output that is there", ["lorenz96.py", "pairs", "data/lorenz96.h5"], "exists"),
    ("an interval that is no number of steps", ["lorenz96.py", "pairs", "data/n.h5", "--every", 0.0505, "--dt", 0.002], "--every"),
    ("a step that diverges", ["lorenz96.py", "pairs", "data/n.h5", "--dt", 0.05, "--rows", 70], "smaller --dt"),
    ("pairs that are not there", ["lorenz96.py", "closed", "data/n.h5", "--pairs", "nothing.h5"], "nothing.h5"),
    ("too few times for the lags", ["lorenz96.py", "compare", "data/lorenz96.h5", "a=data/4.h5", "--lags", 200], "lags"),
    ("paths where there are", ["make_paths.py", "data/wells.h5"], "exists"),
    ("a folder without draws", ["plot_paths.py", "study"], "samples.h5"),
    ("a key that is not in the grid", ["plot_methods.py", "study", "--over", "kernel.step"], "no key kernel.step"),
    ("a metric that there is not", ["plot_methods.py", "study", "--over", "data.n", "--metrics", "w3"], "no metric w3"),
):
    run = tool(*words)
    ok(run.returncode == 1 and run.stderr.count("\n") == 1 and say in run.stderr, f"refused: {what}", run)
shutil.rmtree(at)
done()
