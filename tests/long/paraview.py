#!/usr/bin/env python3
"""tools/paraview/draw.py by the ParaView of the system, without a display: what it read is what is in the files, and
its pictures are not empty."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e", "lib"))
import h5py
import matplotlib.image
import numpy as np
from program import TINY, TOP, done, folder, ok, sbridge

missing = [name for name in ("pvpython", "pvbatch", "Xvfb") if not shutil.which(name)]
if missing:
    print(f"1..0 # skip no {missing[0]} here; make deps-long")
    sys.exit()


def draw(*words):
    """It may hang after a crash, and then ignores TERM. A display of its own, which says when it is ready."""
    screen = ["Xvfb", "-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp", "-noreset"]
    with subprocess.Popen(screen, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        display = {"DISPLAY": ":" + server.stdout.readline().strip(), "LIBGL_ALWAYS_SOFTWARE": "1"}
        try:
            return subprocess.run(
                ["timeout", "-s", "KILL", "240", "pvbatch", TOP / "tools/paraview/draw.py", *words],
                capture_output=True,
                text=True,
                env={**os.environ, **display},
            )
        finally:
            server.terminate()


def filled(path):
    """Fraction of pixels that are not white, and number of colours."""
    image = matplotlib.image.imread(path)[..., :3]
    colours = {tuple(c) for c in (image.reshape(-1, 3) * 255).round().astype(int)[::7].tolist()}
    return (image.min(axis=2) < 0.98).mean(), len(colours)


def stored(path):
    """What h5py finds in a file: times, points, components and ranges of the arrays at the last time."""
    with h5py.File(path) as f:
        groups = sorted((g for name, g in f.items() if name.startswith("step_")), key=lambda g: g.attrs["time"])
        times = [g.attrs["time"] for g in groups]
        arrays = {name: data[()] for name, data in groups[-1].items()}
        if "id" in f:  # of particles viewers see the velocity in three dimensions
            arrays = {"velocity": arrays.get("v3", arrays["v"]), "id": f["id"][()]}
    points = arrays["id" if "id" in arrays else "density"].size
    flat = {name: x.reshape(points, -1) for name, x in arrays.items()}
    length = {name: np.linalg.norm(x, axis=1) if x.shape[1] > 1 else x[:, 0] for name, x in flat.items()}
    return {"times": times, "points": points, "arrays": {name: x.shape[1] for name, x in flat.items()},
            "ranges": {name: [x.min(), x.max()] for name, x in length.items()}}


def alike(found, there):
    """Times, points, arrays and their ranges."""
    return (np.allclose(found["times"], there["times"]) and found["points"] == there["points"]
            and found["arrays"] == there["arrays"]
            and all(np.allclose(found["ranges"][name], span, rtol=1e-6) for name, span in there["ranges"].items()))


for d in 2, 3:
    here = folder(f"{d} dimensions")
    words = "record.frames=8 record.part_frames=100 evaluate.errors=false velocity.points=12".split()
    if d == 3:
        words += ["data.law=gaussian", "data.dimension=3"]
    run = sbridge(here, "run", TINY, *(w for word in words for w in ("--set", word)))
    ok(run.status == 0, f"a run in {d} dimensions", run)
    out = here / "out/paraview" if d == 2 else here / "pictures"
    run = draw(here / "out") if d == 2 else draw(here / "out", out, "600", "500")
    if not ok(run.returncode == 0 and run.stdout.startswith("{"), "draws", run.stdout, run.stderr):
        continue
    found = json.loads(run.stdout.splitlines()[-1])
    for name in ("trajectories", "velocity"):
        there = stored(here / f"out/{name}.h5")
        ok(alike(found[name], there), f"{name}: times, points, arrays and their ranges as h5py has them", found[name], there)
    count = len(found["trajectories"]["times"])
    ok(found["trajectories"]["tracks"] == 100 and found["velocity"]["streamlines"] > 20, "tracks and streamlines", found)
    frames = sorted((out / "animation").glob("*.png"))
    ok(len(frames) == count > 8, "one picture of the animation for each time", len(frames), count)
    for picture in (out / "particles.png", out / "tracks.png", out / "velocity.png", frames[len(frames) // 2]):
        full, colours = filled(picture)
        ok(0.003 < full < 0.9 and colours > 20, f"{picture.name} is not empty", full, colours)
    full = {name: filled(out / f"{name}.png")[0] for name in ("particles", "tracks")}
    ok(full["tracks"] > 1.5 * full["particles"], "tracks are more than their ends", full)
    ok(len({frame.read_bytes() for frame in frames}) == len(frames), "particles move")
    film = (out / "animation.gif").read_bytes()
    ok(film[:6] == b"GIF89a" and len(film) > 5000, "all of them in one file", len(film))
run = draw(pathlib.Path(folder("empty")))
ok(run.returncode != 0 and "no trajectories.xdmf2" in run.stderr, "an empty folder is named", run)
done()
