#!/usr/bin/env python3
"""tools/plot.py: every picture of runs in one to twelve dimensions, the same bytes each time; what is missing is left
out with a line, what is wrong is refused in one."""
import os
import resource
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))
import h5py
import numpy as np
from program import SCRATCH, TINY, TOP, done, folder, ok, sbridge, together

TOOL = TOP / "tools" / "plot.py"
sys.path.insert(0, str(TOOL.parent))
import matplotlib.image

sys.dont_write_bytecode = True
from plot import grids, sheets
from plot.command import PICTURES

numbers = np.random.default_rng(1)


def table(name, x):
    with h5py.File(SCRATCH / name, "w") as file:
        file["x"] = x
    return ["data.law=none", f"data.file={SCRATCH / name}", "data.n=0"]


SMALL = ["evaluate.floors=2", "evaluate.blocks=2", "evaluate.errors=false"]
UNLIKE = table("unlike.h5", numbers.standard_normal((300, 2)) * [1, 100] + [0, 500])
TWELVE = table("twelve.h5", numbers.uniform(size=(300, 12)))
NORMAL = ["data.law=gaussian", "velocity.points=5"]
LINE = {"density", "trajectories", "velocity", "loss"}
ALL = LINE | {"evolution"}
# name: deck keys, pictures that come
CASES = {
    "two dimensions": ([], ALL),
    "one dimension": ([*NORMAL, "data.dimension=1"], LINE),
    "three dimensions": ([*NORMAL, "data.dimension=3"], ALL | {"corner"}),
    "pictures of twelve numbers": ([*TWELVE, "record.image=[2, 2, 3]"], ALL | {"corner", "samples"}),
    "unlike scales, one stage": ([*UNLIKE, "sample.start=gauss", "sample.start_variance=3"], ALL),
    "exact fields, no paths": (["field.score=exact", "field.ratio=exact", "record.particles=0"],
                               {"density", "velocity"}),
}


def tool(*words):
    return subprocess.run([sys.executable, TOOL, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True)


def seconds():
    """Processor time of what has been run and has ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def drawn(name):
    """Runs a case and draws it: the run, the tool's process, the folder of the pictures."""
    there = folder(name)
    words = [word for key in [*SMALL, *CASES[name][0]] for word in ("--set", key)]
    run = sbridge(there, "run", TINY, *words)
    return run, tool(there / "out"), there / "out"


def is_picture(path):
    """As wide as all, and something on it."""
    image = matplotlib.image.imread(path)
    return image.shape[1] == 1440 and 300 < image.shape[0] < 1500 and image[..., :3].std() > 0.03


def check(name, run, said, out):
    wanted = CASES[name][1]
    if not ok(run.status == 0 and said.returncode == 0 and not said.stderr, f"drawn: {name}", run, said):
        return
    here = {p.stem: is_picture(p) for p in out.glob("*.png")}
    ok(here == dict.fromkeys(wanted, True), f"the pictures that there should be: {name}", here)
    lines = said.stdout.splitlines()
    told = {line.split(":")[0][3:] for line in lines if line.startswith("no ")}
    ok(told == PICTURES.keys() - wanted and len(lines) == len(PICTURES), f"a line for each: {name}", lines)


def refused(what, says, *words):
    said = tool(*words)
    lines = said.stderr.strip().splitlines()
    good = said.returncode == 1 and len(lines) == 1 and lines[0].startswith("plot: ") and says in said.stderr
    ok(good, f"refused: {what}", said)


# --- What pictures are computed from ---
def density_error(x, true, cells):
    """Mean distance, over the law, of the kernel density of x [n, d] from the true one; and its integral."""
    low, high = grids.box_of([x], 0.3)
    at, f = grids.kernel_density(x, low, high, cells)
    cell = np.prod([a[1] - a[0] for a in at])
    return np.abs(f - true(*np.meshgrid(*at))).sum() * cell / 2, f.sum() * cell


def normal(x, mean, deviation):
    return np.exp(-(((x - mean) / deviation) ** 2) / 2) / (deviation * np.sqrt(2 * np.pi))


side = numbers.integers(2, size=20000)
line = np.where(side, -2 + 0.1 * numbers.standard_normal(20000), 2 + numbers.standard_normal(20000))
error, whole = density_error(line[:, None], lambda x: (normal(x, -2, 0.1) + normal(x, 2, 1)) / 2, 1024)
ok(error < 0.06 and abs(whole - 1) < 0.01, "kernel density of a narrow and a wide mode", error, whole)
plane = numbers.standard_normal((20000, 2)) * [1, 2]
error, whole = density_error(plane, lambda x, y: normal(x, 0, 1) * normal(y, 0, 2), 256)
ok(error < 0.08 and abs(whole - 1) < 0.02, "kernel density in the plane", error, whole)
at, f = grids.kernel_density(plane, *grids.box_of([plane], 0.3), 256)
grid = np.stack(np.meshgrid(*at), axis=-1)
half, most = grids.levels(f, [0.95, 0.5])[::-1]
radius = np.sqrt((grid ** 2 / [1, 4]).sum(axis=-1)[f > half].max())
ok(abs(radius - np.sqrt(2 * np.log(2))) < 0.2 and most < half, "the level that holds half of the mass", radius)
tall = numbers.standard_normal((900, 6)) @ numbers.standard_normal((6, 6)) + 3
wide = numbers.standard_normal((40, 70)) * np.linspace(1, 9, 70)
for x in (tall, wide):
    mean, axes, part = grids.principal_axes(x, 4)
    _, s, v = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    ok(np.allclose(np.abs((axes * v[:4]).sum(axis=1)), 1), f"principal axes of {x.shape}")
    ok(np.allclose(part, (s**2 / (s**2).sum())[:4]), f"their parts of the variance {x.shape}")
x, y = np.linspace(-3, 3, 25), np.linspace(-2, 4, 31)
true = lambda x, y: normal(x, -1, 0.4) * normal(y, 0, 0.5) + 0.5 * normal(x, 1, 0.5) * normal(y, 2, 0.4)
at_x, at_y, f = grids.finer(x, y, true(*np.meshgrid(x, y)), 5)
error = np.abs(f - true(*np.meshgrid(at_x, at_y))).max() / f.max()
ok(f.shape == (151, 121) and error < 0.01, "a density on a finer grid", f.shape, error)
_, _, f = grids.finer(x, y[:1], normal(x, 0, 0.3)[None], 4)
ok(f.shape == (1, 97) and np.abs(f[0] - normal(np.linspace(-3, 3, 97), 0, 0.3)).max() < 1e-12, "and on a line", f.shape)
colours = numbers.uniform(size=(2, 5, 4, 3))
ok((sheets.pictures(colours.reshape(2, -1), (5, 4, 3)) == colours).all(), "pictures with channels last")
planes = np.moveaxis(colours, 3, 1)
ok((sheets.pictures(planes.reshape(2, -1), (3, 5, 4)) == colours).all(), "pictures with channels first")
ok(sheets.sheet(colours, 1, 2).shape == (5, 10, 3), "a sheet of one row")
ok((sheets.sheet(colours, 2, 2)[7:] == colours[1]).all(), "a sheet of one column")

# --- Runs ---
results = dict(zip(CASES, together([lambda name=name: drawn(name) for name in CASES])))
for name, result in results.items():
    check(name, *result)

before, out = seconds(), results["two dimensions"][2]
again = tool(out, "--out", SCRATCH / "again")
ok(seconds() - before < 5, "drawn in seconds", seconds() - before)
same = [(SCRATCH / "again" / f"{p}.png").read_bytes() == (out / f"{p}.png").read_bytes() for p in ALL]
ok(all(same), "the same bytes again", same)

# --- What is missing or wrong ---
alone = folder("alone")
samples = (results["pictures of twelve numbers"][2] / "samples.h5").read_bytes()
(alone / "samples.h5").write_bytes(samples)
said = tool(alone, "--format", "pdf", "--axes", "5,0,2")
drawings = {p.stem: p.read_bytes()[:5] for p in alone.glob("*.pdf")}
ok(said.returncode == 0 and drawings == dict.fromkeys(["density", "corner", "samples"], b"%PDF-"),
   "samples alone, chosen axes, as PDF", said, drawings)
ok("no loss: there is no " in said.stdout, "says what is missing", said)
refused("a coordinate that is not there", "coordinates 0 to 11", alone, "--axes", "12")
(alone / "samples.h5").write_bytes(samples[:3000])
refused("half a file", "samples.h5: not a whole HDF5 file", alone)
with h5py.File(alone / "samples.h5", "w") as file:
    file["x"], file["training"] = np.zeros((9, 2)), np.zeros((9, 3))
refused("tables of different columns", "/training of shape (9, 3)", alone)
with h5py.File(alone / "samples.h5", "w") as file:
    file["y"] = np.zeros((9, 2))
refused("no draws", "has no draws in /x", alone)
with h5py.File(alone / "samples.h5", "w") as file:
    file["x"] = np.zeros((9, 2))
    file.attrs["image"] = [2, 2]
refused("pictures of another shape", "pictures of shape (2, 2) do not have 2 numbers", alone)
refused("no folder", "no such folder", SCRATCH / "nowhere")
refused("an empty folder", "holds no HDF5 file", folder("empty"))
ok(tool(out, "--format", "gif").returncode == 2, "an unknown format is a wrong command")
done()
