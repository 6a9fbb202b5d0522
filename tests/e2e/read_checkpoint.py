#!/usr/bin/env python3
"""tools/read_checkpoint.py: the fields of a checkpoint in numpy are those of the program, whatever the networks and the
coordinates; wrong input is refused in one line."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))
import h5py
import numpy as np
from program import SCRATCH, TINY, TOP, done, folder, ok, sbridge, together

TOOL = TOP / "tools" / "read_checkpoint.py"
sys.path.insert(0, str(TOOL.parent))
from read_checkpoint import Checkpoint

CLOSE = 1e-5
numbers = np.random.default_rng(1)


def table(name, d):
    """A file with 300 rows of d columns of unlike scales around unlike places, /x and /t."""
    path = SCRATCH / name
    x = numbers.standard_normal((300, d)) @ numbers.standard_normal((d, d)) * np.geomspace(0.1, 10, d) + np.arange(d)
    with h5py.File(path, "w") as file:
        file["x"] = x
        file["t"] = np.concatenate([np.repeat([0, 0.25, 0.99], 70), numbers.uniform(0, 1, 90)])
    return path


PLANE, SPACE = table("plane.h5", 2), table("space.h5", 5)
LARGE = ["train.rate=0.02"]  # outputs of size 1 after few steps
COLUMNS = ["data.law=none", f"data.file={SPACE}", "data.n=0"]
BEST = {"score": "best", "ratio": "best"}
MEAN = ["train.keep=last", "train.average=0.9"]
# name: deck keys, points, which parameters of score and ratio the program samples with
CASES = {
    "best parameters": ([], PLANE, BEST),
    "averages": ([*MEAN, "net.activation=relu"], PLANE, {"score": "average", "ratio": "average"}),
    "last parameters of one network": ([*MEAN, "train.ratio.average=0", "net.activation=tanh"], PLANE,
                                       {"score": "average", "ratio": "parameters"}),
    "residual layers": (["net.residual=true", "net.widths=[16, 16, 24, 24]", "net.activation=selu"], PLANE, BEST),
    "scaled data": ([*COLUMNS, "net.activation=leaky_relu", "net.time_features=64"], SPACE, BEST),
    "whitened data": ([*COLUMNS, "data.standardise=whiten", "net.time_features=4"], SPACE, BEST),
    "principal components": ([*COLUMNS, "data.project=pca", "data.components=3", "net.depth=0"], SPACE, BEST),
    "floor of the score, clipped ratio": (["two_stage.score_floor=0.1", "two_stage.logit_clip=0.05"], PLANE, BEST),
    "clean points": (["two_stage.predict=clean", "two_stage.weight_power=2"], PLANE, BEST),
}


def trained(name):
    """Trains a case, has the program and numpy evaluate it: the checkpoint, both files, what was said."""
    keys, points, _ = CASES[name]
    there = folder(name)
    words = [word for key in [*LARGE, *keys] for word in ("--set", key)]
    said = [sbridge(there, "train", TINY, *words), sbridge(there, "velocity", "out/checkpoint.h5", "--at", points)]
    said.append(tool(there / "out" / "checkpoint.h5", "--at", points, "--out", there / "numpy.h5"))
    return there / "out" / "checkpoint.h5", there / "out" / "at.h5", there / "numpy.h5", said


def tool(*words):
    return subprocess.run([sys.executable, TOOL, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True)


def distance(a, b):
    """Largest difference of two datasets, relative to the largest number."""
    a, b = a[()], b[()]
    return np.abs(a - b).max() / np.abs(a).max() if a.shape == b.shape else np.inf


def same_fields(name, left, right):
    """Do the files of the program and of numpy agree on all that numpy knows?"""
    with h5py.File(left) as a, h5py.File(right) as b:
        off = {key: distance(a[key], b[key]) for key in b}
        size = {key: np.abs(b[key][()]).max() for key in ("score", "ratio")}
        ok(set(off) == {"x", "t", "drift_stage2", "score", "ratio"}, f"all fields: {name}", off)
        ok(max(off.values()) < CLOSE, f"the same fields: {name}", off)
        ok(min(size.values()) > 0.04, f"of networks that have learned something: {name}", size)


def same_drift1(model, points):
    """The drift of stage 1 from many draws of the program and of numpy."""
    there = folder("drift1")
    with h5py.File(points) as file:
        x = file["x"][:20]
    with h5py.File(there / "points.h5", "w") as file:
        file["x"], file["t"] = x, np.full(20, 0.5)
    words = ["--set", "sample.draws=60000", "--set", "output=out"]
    run = sbridge(there, "velocity", model.path, "--at", "points.h5", *words)
    if ok(run.status == 0, "many draws", run):
        with h5py.File(there / "out" / "at.h5") as file:
            off = np.abs(file["drift_stage1"] - model.drift1(x, 0.5, 60000)).max()
        ok(off < 0.05, "the drift of stage 1 agrees to the noise of its draws", off)


def refused(what, says, *words):
    run = tool(*words)
    lines = run.stderr.strip().splitlines()
    good = run.returncode == 1 and len(lines) == 1 and lines[0].startswith("read_checkpoint: ") and says in run.stderr
    ok(good, f"refused: {what}", run)


results = dict(zip(CASES, together([lambda name=name: trained(name) for name in CASES])))
for name, (path, left, right, said) in results.items():
    worked = said[0].status == said[1].status == 0 and said[2].returncode == 0
    if not ok(worked, f"trained and evaluated: {name}", *said):
        continue
    same_fields(name, left, right)
    model = Checkpoint(path)
    ok(model.chosen == CASES[name][2], f"the parameters that the program samples with: {name}", model.chosen)
    with h5py.File(right) as file:
        x, score = file["x"][:5], file["score"][:5]
    ok(np.allclose(model.score(x, 0.0), score, rtol=1e-12), f"as a library: {name}")

path = results["best parameters"][0]
model = Checkpoint(path)
x = numbers.standard_normal((4, 5))
whole, cut = (Checkpoint(results[name][0]) for name in ("whitened data", "principal components"))
ok(np.allclose(whole.to_raw(whole.to_network(x)), x), "raw coordinates and back")
ok(np.allclose(cut.to_network(cut.to_raw(cut.to_network(x))), cut.to_network(x)), "network coordinates and back")
same_drift1(model, PLANE)

said = tool(path, "--info")
tells = [text in said.stdout for text in ("two_stage", "10 24 24 2, silu", "(best)")]
ok(said.returncode == 0 and all(tells), "--info", said)

broken = SCRATCH / "broken.h5"
broken.write_bytes(path.read_bytes()[:3000])
newer = SCRATCH / "newer.h5"
newer.write_bytes(path.read_bytes())
with h5py.File(newer, "r+") as file:
    file.attrs["schema"] = 99
late = SCRATCH / "late.h5"
with h5py.File(late, "w") as file:
    file["x"], file["t"] = np.zeros((2, 2)), [0.5, 1.5]
out = SCRATCH / "out.h5"
refused("a missing file", "no such file", SCRATCH / "none.h5")
refused("half a file", "not a whole HDF5 file", broken)
refused("another file", "is not a checkpoint of sbridge", PLANE)
refused("a newer schema", "has schema 99", newer)
refused("points of other columns", "/x must be [n, 2]", path, "--at", SPACE, "--out", out)
refused("a time after the end", "within [0, 1]", path, "--at", late, "--out", out)
ok(not out.exists() and tool(path, "--at", late).returncode == 2, "nothing written; --at alone is a wrong command")
done()
