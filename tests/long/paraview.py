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


for d in 2, 3:
    here = folder(f"{d} dimensions")
    words = "record.frames=8 record.part_frames=100 evaluate.errors=false velocity.points=12".split()
    if d == 3:
        words += ["data.law=gaussian", "data.dimension=3"]
    run = sbridge(here, "run", TINY, *(w for word in words for w in ("--set", word)))
    ok(run.status == 0, f"a run in {d} dimensions", run)
    run = draw(here / "out", here / "pictures", "600", "500")
    if not ok(run.returncode == 0 and run.stdout.startswith("{"), "draws", run.stdout, run.stderr):
        continue
    found = json.loads(run.stdout.splitlines()[-1])
    with h5py.File(here / "out/trajectories.h5") as f:
        steps = [name for name in f if name.startswith("step_")]
        points = len(f["id"])
    there = found["trajectories"]
    ok((there["times"], there["points"]) == (len(steps), points), "times and particles as in the file", found, steps)
    ok({"velocity", "id"} <= set(there["arrays"]), "arrays of the particles", there)
    times = (here / "out/velocity.xdmf2").read_text().count("<Time ")
    there = found["velocity"]
    ok((there["times"], there["points"]) == (times, 12**d), "times and points of the grid", there, times)
    ok({"velocity", "exact", "density"} <= set(there["arrays"]) and there["streamlines"] > 5, "its fields", there)
    frames = sorted((here / "pictures/animation").glob("*.png"))
    ok(len(frames) == len(steps), "one picture of the animation for each time")
    for picture in (here / "pictures/particles.png", here / "pictures/velocity.png", frames[len(frames) // 2]):
        full, colours = filled(picture)
        ok(0.003 < full < 0.9 and colours > 20, f"{picture.name} is not empty", full, colours)
    ok(len({frame.read_bytes() for frame in frames}) == len(frames), "particles move")
run = draw(pathlib.Path(folder("empty")))
ok(run.returncode != 0 and "no trajectories.xdmf2" in run.stderr, "an empty folder is named", run)
done()
