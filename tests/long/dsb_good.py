#!/usr/bin/env python3
"""How good is method dsb? Two Gaussians in 5, 20 and 50 dimensions, held to the limit of the chain's own steps; eight modes to
two moons, and noise to each of them, by exact W2 against the 95 % quantile of its floor. About ten minutes on two cores."""

import json
import os
import subprocess

import h5py
import numpy as np

TOP, PROGRAM = os.getcwd(), os.path.realpath(os.path.join(os.environ["BUILD"], "sbridge"))
count = 0


def ok(good, what):
    """One line of TAP."""
    global count
    count += 1
    print(("ok" if good else "not ok"), count, "-", what, flush=True)


def run(name, deck, *options):
    """Runs a deck in a folder of its own; returns the folder of its results, and its metrics by name."""
    folder = os.path.join(os.environ["SCRATCH"], name)
    os.makedirs(folder)
    words = [word for option in ("output=out", *options) for word in ("--set", option)]
    command = ["mpirun", "-n", "2", PROGRAM, "run", os.path.join(TOP, deck), "--quiet", *words]
    ok(subprocess.run(command, cwd=folder, timeout=1200, check=False).returncode == 0, f"{name} runs")
    out = os.path.join(folder, "out")
    with open(os.path.join(out, "report.json"), encoding="utf-8") as file:
        return out, {row["name"]: row for row in json.load(file)["metrics"]}


def within(value, target, width, what):
    """A value beside its target."""
    ok(abs(value - target) <= width, f"{what}: {value:.4f}, {target} +- {width}")


def divergence(out, d):
    """KL of the Gaussian with the draws' moments from N(-0.1, I)."""
    with h5py.File(os.path.join(out, "samples.h5")) as file:
        x = file["x"][:]
    m, s = x.mean(0) + 0.1, np.cov(x.T)
    return 0.5 * (np.trace(s) + m @ m - d - np.linalg.slogdet(s)[1])


QUICK = ("record.particles=0", "evaluate.errors=false", "evaluate.blocks=1", "evaluate.floors=2", "evaluate.size=1000")
GAUSS = "input/dsb_gauss.yml"


def gauss(d, width, steps, iterations, window, most):
    """Mean matching with 20 steps: coupling near its limit 0.6163."""
    out, metric = run(f"gauss{d}", GAUSS, f"data.dimension={d}", f"source.dimension={d}", f"net.width={width}",
                      f"train.steps={steps}", f"dsb.iterations={iterations}", *QUICK)
    within(metric["coupling"]["value"], 0.6163, window, f"d = {d}: coupling of mean matching")
    kl = divergence(out, d)
    ok(kl <= most, f"d = {d}: divergence of the draws from the data's law {kl:.4f}, at most {most}")


gauss(5, 64, 3000, 10, 0.02, 0.05)
gauss(20, 128, 2000, 10, 0.01, 0.3)
gauss(50, 192, 3000, 8, 0.01, 2.2)  # a hundredth of the 221 of the benchmark's DSB
_, metric = run("conditional", GAUSS, "dsb.loss=cond_mean", "reference.steps=100", "dsb.cache_npar=512", "train.steps=2000", *QUICK)
within(metric["coupling"]["value"], 0.611, 0.015, "d = 20, 100 steps: coupling of conditional means")

DECK = """
method: dsb
data: {law: %s, n: 10000, validation: 0}
source: {law: %s, n: 10000, validation: 0}
net: {depth: 3, width: 64}
train: {batch: 512, rate: 3e-3, average: 0.999}
sample: {n: 10000}
record: {particles: 0}
evaluate: {w2_points: 4000, w2_floors: 10, blocks: 1, floors: 10, size: 4000, errors: false}
"""


def plane(name, data, source, rest, *options):
    """A deck of two sets of the plane."""
    path = os.path.join(os.environ["SCRATCH"], f"{name}.yml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(DECK % (data, source) + rest)
    return run(name, path, *options)[1]["w2"]


row = plane("modes_to_moons", "moons_cfm", "gaussians8_cfm", "reference: {process: brownian, steps: 20, variance: 1}\n"
            "dsb: {iterations: 10, cache_npar: 5120, cache_refresh: 200, warm_start: true}\n", "train.steps=1500", "train.average=0.99")
ok(row["value"] < 0.60, f"eight modes to moons: W2 {row['value']:.3f}, below 0.60 (floor {row['floor']:.3f})")
for law in "moons_cfm", "gaussians8_cfm":
    for seed in range(1, 6):
        row = plane(f"noise_{law}_{seed}", law, "gaussian", "reference: {steps: 100, gamma_min: 0.001, gamma_max: 0.1}\n"
                    "dsb: {iterations: 1, cache_npar: 512}\n", "train.steps=30000", "train.backward.steps=1", f"seed={seed}")
        ok(row["value"] <= row["floor_q95"],
           f"noise to {law}, seed {seed}: W2 {row['value']:.3f}, at its floor {row['floor']:.3f} (95 %: {row['floor_q95']:.3f})")
print(f"1..{count}")
