#!/usr/bin/env python3
"""The peer of tools/bench.py for the scaling of a kernel: POT's Sinkhorn in the log domain, on the same kind of points.

Reads orders, one on each line of standard input, and answers each with a line of JSON:

    iteration M D SECONDS    seconds of the processor for one full iteration of ot.bregman.sinkhorn_log
    about                    version"""
import json
import sys
import time

import numpy as np
import ot

STEP = 0.05  # epsilon: the kernel is exp(-|x - y|^2 / (4 epsilon))
MORE = 6  # iterations of the longer run beyond those of the shorter one


def run(cost, weight, iterations):
    """Without any stop, so that both runs take as many iterations as they are told; only the check at the first differs."""
    start = time.process_time()
    ot.bregman.sinkhorn_log(weight, weight, cost, 4 * STEP, numItermax=iterations, stopThr=0, warn=False)
    return time.process_time() - start


def iteration(rows, dim, seconds):
    x = np.random.default_rng(11).normal(size=(rows, dim))
    square = (x * x).sum(1)
    cost = np.maximum(square[:, None] + square[None] - 2 * x @ x.T, 0)
    weight = np.full(rows, 1 / rows)
    run(cost, weight, 1)  # its memory, once
    times, start = [], time.monotonic()
    while not times or time.monotonic() - start < seconds:
        short = run(cost, weight, 1)
        times.append((run(cost, weight, 1 + MORE) - short) / MORE)
    return {"best": min(times), "median": sorted(times)[len(times) // 2], "repeats": len(times)}


for line in sys.stdin:
    word, *numbers = line.split()
    answer = {"pot": ot.__version__} if word == "about" else iteration(int(numbers[0]), int(numbers[1]), float(numbers[2]))
    print(json.dumps(answer), flush=True)
