#!/usr/bin/env python3
"""tools/scaling.py on a made-up bench.json: constants are found, two ranks are predicted, a tenth is a tenth."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))
from program import SCRATCH, TOP, done, ok

TOOL = TOP / "tools" / "scaling.py"
FIXED, ROW, LATENCY, BYTE, MESSAGE = 40e-6, 1.2e-6, 0.8e-6, 1e-10, 316544
sys.path.insert(0, str(TOOL.parent))
import scaling


def row(name, seconds, ranks=1, peer=None):
    return {"name": name, "value": seconds * 1e6, "ranks": ranks, "peer": peer}


def write(name, rows):
    path = SCRATCH / name
    path.write_text(json.dumps(rows))
    return str(path)


def made_up():
    rows = [row("noise, d = 2", 1e-9)]
    for size in (1e3, 1e4, 1e5, 1e6, 1e7):
        for path, factor in (("window", 1), ("allreduce", 2)):
            rows.append(row(f"exchange by {path}, {size:.0f} bytes", factor * (LATENCY + size * BYTE), 2))
    for batch in (128, 512, 4096):
        name = f"train score 3x128 batch {batch}"
        rows.append(row(name, FIXED + ROW * batch))
        rows.append(row(name, 1.0, peer="PyTorch 2.0 default"))
        rows.append(row(name + ", window", FIXED + ROW * batch / 2 + LATENCY + MESSAGE * BYTE, 2, "one rank"))
    return rows


def run(*arguments):
    return subprocess.run([sys.executable, TOOL, *arguments], capture_output=True, text=True)


def near(a, b, tolerance=1e-6):
    return abs(a - b) <= tolerance * abs(b)


def model_of(path, *more):
    sys.argv = ["scaling.py", path, *more]
    options = scaling.arguments()
    return scaling.Model(scaling.Measured(json.load(open(path)), options.network, options.width), options)


def constants(path):
    model = model_of(path)
    ok(model.bytes == MESSAGE, "length of the message", model.bytes)
    ok(near(model.fixed, FIXED) and near(model.per_row, ROW), "what a step and a row cost", model.fixed, model.per_row)
    ok(near(model.fit["window"][0], LATENCY) and near(model.fit["window"][1], BYTE), "latency and bandwidth", model.fit)
    ok(near(model.fit["allreduce"][1], 2 * BYTE), "the same of MPI_Allreduce", model.fit)
    ok(near(model.step(512, 2), FIXED + ROW * 256 + LATENCY + MESSAGE * BYTE), "a step of two ranks", model.step(512, 2))
    ok(scaling.line_fit([1, 2, 3], [2, 2, 2])[1] == 0, "no slope where there is none")


def large(path):
    model = model_of(path, "--node=32", "--latency=3", "--bandwidth=10")
    wire = 2 * 9 * 3e-6 + 312 / 313 * MESSAGE * (2 / 10e9 + 2 * BYTE)
    ok(near(model.between(313), wire), "ten thousand ranks on 313 nodes", model.between(313), wire)
    for ranks in (64, 10000):
        batch = model.batch_of_tenth(ranks)
        share, less = (model.exchange(ranks) / model.step(b, ranks) for b in (batch, batch - 128 * ranks))
        ok(share <= 0.1 < less, f"a tenth on {ranks} ranks", batch, share, less)
    ok(model.compute(64, 10000) == model.compute(64, 1), "a rank has one block or none")


def program(path):
    result = run(path, "--within=1")
    ok(result.returncode == 0 and "10000 |" in result.stdout, "prints a table to 10000 ranks", result.stderr, result.stdout)
    rows = made_up()
    rows[-1]["value"] *= 1.5
    result = run(write("off.json", rows), "--within=10")
    ok(result.returncode == 1 and "off by" in result.stderr, "a prediction that is off", result.stderr)
    (SCRATCH / "timing.csv").write_text("network,step,seconds,rows_per_second,communication\nscore,5,1,1000,0.05\n")
    result = run(path, f"--run={SCRATCH}", "--batch=512")
    ok("1000 rows/s" in result.stdout, "beside a run", result.stdout, result.stderr)


def refused(path):
    for what, arguments in (
        ("no file", ["/none"]),
        ("not JSON", [str(TOOL)]),
        ("no such network", [path, "--width=64"]),
        ("no exchange", [write("alone.json", made_up()[11:])]),
    ):
        result = run(*arguments)
        lines = result.stderr.strip().splitlines()
        ok(result.returncode == 1 and len(lines) == 1 and lines[0].startswith("scaling: "), f"refused: {what}", result.stderr)


made = write("bench.json", made_up())
constants(made)
large(made)
program(made)
refused(made)
done()
