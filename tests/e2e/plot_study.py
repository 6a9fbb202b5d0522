#!/usr/bin/env python3
"""tools/plot_study.py: a picture for each key of a grid, from the tables of a study; what is wrong is one line."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))
from program import TOP, done, folder, ok

import matplotlib.image

TOOL = TOP / "tools" / "plot_study.py"
HEAD = "metric,stage,t,replicates,failed,mean,sd,stderr,floor,floor_q95,floor_train,baseline"


def tool(*words):
    return subprocess.run([sys.executable, TOOL, *words], capture_output=True, text=True)


def study(name, head="data.n,data.law,", lines=()):
    there = folder(name)
    (there / "study.csv").write_text("\n".join([head + HEAD, *lines]) + "\n")
    (there / "slopes.csv").write_text(
        "metric,stage,t,key,at,points,replicates,slope,low,high\n"
        "error_score,,,data.n,data.law=ring6,2,3,-0.5,-0.6,-0.4\n"
    )
    return there


LINES = [
    f"{n},{law},{metric},3,0,{mean / n**0.5},0.01,{0.1 / n},{floor},,,{base}"
    for n in (100, 1000, 10000)
    for law, mean in (("ring6", 3), ("moons", 1))
    for metric, floor, base in (("error_score,,", "", ""), ("w2,,", "0.01,0.02", 4), ("drift_rmse,2,0.9", "", ""))
]
LINES = [line.replace(",0.01,0.02,,,4", ",0.01,0.02,,4") for line in LINES]
there = study("two laws", lines=LINES)
run = tool(there)
path = there / "convergence_data.n.png"
ok(run.returncode == 0 and run.stdout.split() == [str(path).split()[0], *str(path).split()[1:]], "one picture", run)
image = matplotlib.image.imread(path)[..., :3]
dark = (image.min(axis=2) < 0.9).mean()
colours = {"blue": (0, 114, 178), "orange": (213, 94, 0)}
ok(0.01 < dark < 0.6, "neither empty nor full", dark)
for name, rgb in colours.items():
    near = (abs(image * 255 - rgb).max(axis=2) < 30).sum()
    ok(near > 50, f"a law in {name}", near)
first = path.read_bytes()
tool(there)
ok(path.read_bytes() == first, "the same bytes again")
run = tool(there, "--metrics", "drift_rmse/2/0.9", "--format", "pdf", "--out", there / "more")
ok(run.returncode == 0 and (there / "more" / "convergence_data.n.pdf").stat().st_size > 3000, "one metric as PDF", run)
for what, where, words, say in (
    ("no study", folder("none"), [], "no such file"),
    ("no finished case", study("empty"), [], "no case"),
    ("nothing to vary", study("one", lines=LINES[:6]), [], "several positive numbers"),
    ("no such metric", there, ["--metrics", "nothing"], "none of these metrics"),
):
    run = tool(where, *words)
    ok(run.returncode == 1 and run.stderr.count("\n") == 1 and say in run.stderr, what, run)
done()
