#!/usr/bin/env python3
"""Predicts how training scales to thousands of ranks, from what `make bench` measured on a few.

    tools/scaling.py [build/bench.json] [--network=score --width=128 --batch=65536 --rows=512 ...]

Of one step on P ranks, R of them on a node:

    T = fixed + per_row * rows(P) + exchange,   rows: of the busiest rank, whole blocks (train.block_rows)

fixed and per_row are fitted to the steps of one rank; what a step does once, whatever its batch, is counted for every
rank, though ranks of a node share the update. Inside a node the exchange goes through shared memory:

    window = latency_w R / 2 + max(bytes / bandwidth_w * (R + 1) / 3 * 2 / R, bytes (R + 1) / --memory)

with both constants fitted to the exchange of two ranks by length of message: the barriers count ranks one by one, a rank
adds up its slice of what all of them have, and together they cannot be faster than the memory. Between N nodes, leaders
add by halving and doubling (Rabenseifner), adding as fast as MPI_Allreduce of two ranks here:

    between = 2 ceil(log2 N) latency + (N - 1) / N * bytes (2 / bandwidth + 1 / bandwidth_a)

The prediction for as many ranks as were measured is compared with the measurement. Sampling has no communication: it
scales until ranks have less than a block of 64 particles each."""
import argparse
import csv
import json
import math
import os
import re
import sys

import numpy as np

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def block(batch):
    """Rows of a block, as the program chooses where train.block_rows is 0."""
    return 128 if batch >= 512 else 64


def complain(text):
    sys.exit(f"scaling: {text}")


def line_fit(x, y):
    """Intercept and slope, neither negative, of least squares of relative errors."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    candidates = []
    for used in ([0, 1], [0], [1]):
        columns = np.stack([np.ones_like(x), x], 1)[:, used] / y[:, None]
        found = np.zeros(2)
        found[used] = np.linalg.lstsq(columns, np.ones_like(y), rcond=None)[0]
        if (found >= 0).all():
            candidates.append((np.square((found[0] + found[1] * x) / y - 1).sum(), tuple(found)))
    return min(candidates)[1]


class Measured:
    """What bench.json knows: seconds of steps by batch, of exchanges by bytes, of steps of several ranks."""

    def __init__(self, rows, network, width):
        self.name = f"train {network} 3x{width} batch"
        self.alone, self.together, self.exchange, self.ranks = {}, {}, {"window": {}, "allreduce": {}}, 1
        for row in rows:
            self.take(row)
        if not self.alone:
            complain(f"no '{self.name} ...' in this file; has `make bench` run with the group train?")
        if any(len(times) < 2 for times in self.exchange.values()):
            complain("no 'exchange by ...' in this file; has `make bench` run with the group pair?")

    def take(self, row):
        step = re.fullmatch(re.escape(self.name) + r" (\d+)(?:, (window|allreduce))?", row["name"])
        sweep = re.fullmatch(r"exchange by (window|allreduce), (\d+) bytes", row["name"])
        seconds = row["value"] and row["value"] * 1e-6
        if sweep:
            self.exchange[sweep[1]][int(sweep[2])] = seconds
            self.ranks = row["ranks"]
        elif step and step[2]:
            self.together[int(step[1]), step[2]] = seconds
        elif step and not row["peer"]:
            self.alone[int(step[1])] = seconds


def parameters(network, width, dimension, features=32, depth=3):
    """Numbers of a network as the program lays them out: rows padded to 16."""
    pad = lambda n: (n + 15) // 16 * 16  # noqa: E731
    sizes = [dimension + (features if network == "score" else 0)] + [width] * depth
    last = dimension if network == "score" else 1
    return sum((a + 1) * pad(b) for a, b in zip(sizes, sizes[1:] + [last]))


class Model:
    def __init__(self, measured, options):
        self.o, self.measured = options, measured
        self.fixed, self.per_row = line_fit(*zip(*sorted(measured.alone.items())))
        self.fit = {path: line_fit(*zip(*sorted(times.items()))) for path, times in measured.exchange.items()}
        self.bytes = 8 * parameters(options.network, options.width, options.dimension)

    def inside(self, ranks):
        """Seconds of the exchange among ranks of one node."""
        if ranks == 1:
            return 0.0
        latency, per_byte = self.fit["window"]
        adding = self.bytes * per_byte * (ranks + 1) / 3 * 2 / ranks
        return latency * ranks / 2 + max(adding, self.bytes * (ranks + 1) / (self.o.memory * 1e9) if ranks > 2 else 0)

    def between(self, nodes):
        if nodes == 1:
            return 0.0
        wire = 2 / (self.o.bandwidth * 1e9) + self.fit["allreduce"][1]
        return 2 * math.ceil(math.log2(nodes)) * self.o.latency * 1e-6 + (nodes - 1) / nodes * self.bytes * wire

    def exchange(self, ranks):
        on_node = min(ranks, self.o.node)
        return self.inside(on_node) + self.between(math.ceil(ranks / on_node))

    def compute(self, batch, ranks):
        rows = block(batch)
        return self.fixed + self.per_row * min(batch, rows * math.ceil(math.ceil(batch / rows) / ranks))

    def step(self, batch, ranks):
        return self.compute(batch, ranks) + self.exchange(ranks)

    def batch_of_tenth(self, ranks):
        """The least batch of which the exchange takes 10 %, in blocks for each rank."""
        rows = (9 * self.exchange(ranks) - self.fixed) / self.per_row
        return 128 * ranks * max(1, math.ceil(rows / 128))


# --- What is printed -------------------------------------------------------------------------------------------------


def show_fit(model):
    o = model.o
    print(f"{o.network} network 3x{o.width}: {model.bytes / 1e3:.0f} kB of gradient sums; one rank: "
          f"{model.fixed * 1e6:.1f} us a step and {model.per_row * 1e6:.3f} us a row")  # fmt: skip
    for path, (latency, per_byte) in model.fit.items():
        speed = f"{1e-9 / per_byte:.1f} GB/s" if per_byte else "no limit seen"
        print(f"exchange by {path:<9} on {model.measured.ranks} ranks: {latency * 1e6:.2f} us and {speed}")
    print(f"assumed: {o.node} ranks a node, memory {o.memory:g} GB/s; network {o.latency:g} us, {o.bandwidth:g} GB/s")


def show_check(model):
    """Predictions for the ranks that were measured. Returns the worst relative error."""
    ranks, worst = model.measured.ranks, 0.0
    print(f"\n{'batch':>8} {f'{ranks} ranks, predicted':>20} {'measured':>12}   error")
    for (batch, path), seconds in sorted(model.measured.together.items()):
        if path == "window":
            error = model.step(batch, ranks) / seconds - 1
            worst = max(worst, abs(error))
            print(f"{batch:>8} {model.step(batch, ranks) * 1e6:>17.1f} us {seconds * 1e6:>9.1f} us {100 * error:>6.1f} %")
    return worst


def show_run(model, folder):
    """A run of the program beside its prediction: the fastest line of timing.csv."""
    with open(os.path.join(folder, "timing.csv"), encoding="utf-8") as f:
        lines = [row for row in csv.DictReader(f) if row["network"] == model.o.network]
    if not lines:
        complain(f"{folder}/timing.csv has no line of the network {model.o.network}")
    best = max(lines, key=lambda row: float(row["rows_per_second"]))
    rate, share = float(best["rows_per_second"]), float(best["communication"])
    print(f"\n{folder}: {rate:.0f} rows/s at best, exchange {100 * share:.1f} %; "
          f"predicted for batch {model.o.batch} on {model.o.ranks} ranks: "
          f"{model.o.batch / model.step(model.o.batch, model.o.ranks):.0f} rows/s, "
          f"{100 * model.exchange(model.o.ranks) / model.step(model.o.batch, model.o.ranks):.1f} %")  # fmt: skip


def counts(most):
    return sorted({n for n in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, most] if n <= most})


def show_scaling(model):
    o, alone = model.o, model.step(model.o.rows, 1)
    print(f"\n{'':>8} | weak: {o.rows} rows a rank         | strong: batch {o.batch:<8}          | exchange takes 10 %")
    print(f"{'ranks':>8} | {'us/step':>10} {'exchange':>9} {'good':>6} | {'us/step':>10} {'exchange':>9} {'good':>6} | at batch")
    for ranks in counts(o.most):
        weak, strong = model.step(o.rows * ranks, ranks), model.step(o.batch, ranks)
        share = [100 * model.exchange(ranks) / t for t in (weak, strong)]
        good = 100 * alone / weak, 100 * model.step(o.batch, 1) / strong / ranks
        tenth = str(model.batch_of_tenth(ranks)) if ranks > 1 else ""
        print(f"{ranks:>8} | {weak * 1e6:>10.1f} {share[0]:>7.1f} % {good[0]:>4.0f} % | "
              f"{strong * 1e6:>10.1f} {share[1]:>7.1f} % {good[1]:>4.0f} % | {tenth:>8}")  # fmt: skip


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", default=os.path.join(TOP, "build", "bench.json"))
    parser.add_argument("--network", choices=["score", "ratio"], default="score")
    parser.add_argument("--width", type=int, default=128, help="of the three hidden layers")
    parser.add_argument("--dimension", type=int, default=2, help="of the data")
    parser.add_argument("--rows", type=int, default=512, help="of one rank, for weak scaling")
    parser.add_argument("--batch", type=int, default=65536, help="of all ranks, for strong scaling")
    parser.add_argument("--node", type=int, default=64, help="ranks of a node")
    parser.add_argument("--memory", type=float, default=200, help="GB/s of a node's memory")
    parser.add_argument("--latency", type=float, default=2, help="us between nodes")
    parser.add_argument("--bandwidth", type=float, default=12.5, help="GB/s between nodes, each way")
    parser.add_argument("--most", type=int, default=10000, help="ranks at the end of the table")
    parser.add_argument("--run", help="folder of a run with timing.csv, to compare: give its --batch and --ranks")
    parser.add_argument("--ranks", type=int, default=2, help="of that run")
    parser.add_argument("--within", type=float, help="fail where a prediction is off by more than this many per cent")
    return parser.parse_args()


def main():
    options = arguments()
    try:
        with open(options.file, encoding="utf-8") as f:
            rows = json.load(f)
    except OSError as error:
        complain(f"{options.file}: {error.strerror}; `make bench` makes it")
    except ValueError as error:
        complain(f"{options.file} is not JSON: {error}")
    model = Model(Measured(rows, options.network, options.width), options)
    show_fit(model)
    worst = show_check(model)
    if options.run:
        show_run(model, options.run)
    show_scaling(model)
    if options.within is not None and 100 * worst > options.within:
        complain(f"a prediction is off by {100 * worst:.0f} %")


if __name__ == "__main__":
    main()
