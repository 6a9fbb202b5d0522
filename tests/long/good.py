#!/usr/bin/env python3
"""Is the learned bridge good? Two decks with a known law, 50 000 draws, judged by their own report. About ten minutes on two cores."""

import json
import os
import subprocess
import sys

count = 0


def ok(good, what):
    """One line of TAP."""
    global count
    count += 1
    print(("ok" if good else "not ok"), count, "-", what, flush=True)


def run(deck, *options):
    """Runs a deck with 50 000 draws in a folder of its own; returns its report."""
    top = os.getcwd()
    program = os.path.realpath(os.path.join(os.environ["BUILD"], "sbridge"))
    folder = os.path.join(os.environ["SCRATCH"], os.path.basename(deck))
    os.makedirs(folder)
    command = ["mpirun", "-n", "2", program, "run", os.path.join(top, deck), "--quiet",
               "--set", "output=out", "--set", "sample.n=50000", "--set", "evaluate.blocks=10", "--set", "evaluate.size=5000",
               "--set", "record.particles=100"]
    done = subprocess.run(command + list(options), cwd=folder, timeout=2400, check=False)
    ok(done.returncode == 0, f"{deck} runs")
    with open(os.path.join(folder, "out", "report.json"), encoding="utf-8") as file:
        return json.load(file)


def metric(report, name, stage="", t=None):
    """The row of a metric; t = 1: the last time there is."""
    rows = [row for row in report["metrics"] if row["name"] == name and row["stage"] == stage]
    if t == 1:
        return max(rows, key=lambda row: row["t"])
    return next(row for row in rows if t is None or abs(row["t"] - t) < 1e-6)


def at_most(row, limit, what):
    """A value against its limit."""
    ok(row["value"] <= limit, f"{what}: {row['value']:.4g}, at most {limit:.4g}")


def judge(deck, drift, *options):
    """Weights, modes, energy distance and drifts of one deck. drift: limits {(stage, t): limit}."""
    report = run(deck, *options)
    at_most(metric(report, "mode_weight_error"), 0.02, "mode weights against those of the training sample")
    at_most(metric(report, "mode_covariance_error"), 0.15, "covariance of each mode, relative")
    row = metric(report, "energy_distance")
    spread = (row["floor_q95"] - row["floor"]) / 1.645
    at_most(row, row["floor_train"] + 2 * spread + 2e-3, "energy distance against the training floor")
    for (stage, t), limit in drift.items():
        at_most(metric(report, "drift_rmse", stage, t), limit, f"drift of stage {stage} at t = {t}")


judge("input/ring.yml", {("1", 0.5): 0.10, ("1", 0.9): 0.10, ("1", 1): 0.10, ("2", 0.5): 0.08, ("2", 0.9): 0.08, ("2", 1): 0.25})
judge("input/mixture_b.yml", {("1", 0.5): 0.10, ("1", 0.9): 0.10, ("1", 1): 0.10, ("2", 0.5): 0.12, ("2", 0.9): 0.12, ("2", 1): 0.35})
print(f"1..{count}")
sys.exit(0)
