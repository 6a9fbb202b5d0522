#!/usr/bin/env python3
"""Measures the program against the limit of the machine and against its peers: `make bench`.

    tools/bench.py [--build=build] [--ranks=2] [--time=1] [--only=WORD,...] [--torch=PYTHON|none] [--out=FILE]

Runs the programs of tests/bench and, where some python can import torch, tools/bench_torch.py beside them, in turns, so
that a noisy machine is noisy for all. Writes build/bench.json and prints one table. Times of one rank, as of PyTorch,
are of its processor; those of several, of recording and of output are of the clock on the wall. The value of a row is
the best of its repeats and `error` is how far the median lies from it. Per cent of peak are of a loop of multiply-adds
on the same core in the same run; flops are those that a step needs (products alone, without gradients that nobody asks
for). The goal of a row is one for `ratio` if it has one, else for `percent_of_peak` if it has one, else for `value`.

PyTorch "default" is as a user gets it, on one thread; "tuned" has the kernels of OpenBLAS chosen by what the CPU can
do, thresholds of malloc raised, multi-tensor or fused Adam and samples in chunks. $TORCH_PYTHON: the python to ask
first. --time scales all durations; --only: groups among peak train pair sample noise io record program
kernel. POT, the peer of the scaling of kernels, is "tuned" by the thresholds of malloc."""
import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# part, width, batch, and goals: per cent of peak, ratio to PyTorch default, to tuned; the ratio network may do 0.3 less
TRAIN = [
    (128, 128, 65, 3.8, 3.0), (128, 512, 76, 2.8, 1.9), (128, 4096, 80, 2.8, 1.8),
    (256, 512, 80, None, None), (256, 4096, 80, None, None), (512, 512, 76, None, None), (512, 4096, 80, None, None),
]  # fmt: skip
# stage, width, draws, and goals as above, and that of the speed-up on two ranks
SAMPLE = [("stage2", 128, 0, 76, None, None, 1.85), ("stage2", 512, 0, 88, None, None, 1.85),
          ("stage1", 128, 16, 76, 6.0, None, 1.7)]  # fmt: skip
# width of dsb's networks, coordinates, and the goal in per cent of peak
CHAINS = [(128, 2, 75), (256, 50, 75), (512, 2, 75)]
# coordinates, precision, and the goal in per cent of peak, at 20 + 2 d flops a pair: three quarters of the best known code
KERNEL = [(2, "float", 85), (10, "float", 72), (40, "float", 69), (2, "double", 49), (10, "double", None)]
GROUPS = ["peak", "train", "pair", "sample", "chains", "noise", "io", "record", "program", "kernel"]
ROUNDS = 3


def mpirun(ranks, *command):
    crowded = ["--oversubscribe"] if ranks > (os.cpu_count() or 1) else []
    return ["mpirun", *crowded, "-n", str(ranks), *command]


def surroundings(**more):
    """The environment of all that is measured: one thread each, and no system calls between ranks of a node."""
    single = dict.fromkeys(["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"], "1")
    root = dict.fromkeys(["OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"], "1")
    return {"OMPI_MCA_btl_vader_single_copy_mechanism": "none", **os.environ, **single, **root, **more}


class Worker:
    """A program that answers orders, one line each."""

    def __init__(self, command, **environment):
        self.name = " ".join(command)
        self.process = subprocess.Popen(
            command, env=surroundings(**environment), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=1
        )

    def ask(self, order):
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        sys.exit(f"bench: {self.name} ended at the order: {order}")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Times:
    """What several answers say of one time: the best of all, the median of medians."""

    def __init__(self):
        self.all = []

    def add(self, answer):
        self.all.append(answer)

    best = property(lambda self: min(a["best"] for a in self.all))
    median = property(lambda self: statistics.median(a["median"] for a in self.all))
    repeats = property(lambda self: sum(a["repeats"] for a in self.all))


class Report:
    """Rows of bench.json."""

    def __init__(self):
        self.rows = []

    def add(self, name, value, unit, error=None, repeats=1, ranks=1, peak=None, peer=None, ratio=None, goal=None, better="less"):
        self.rows.append({"name": name, "value": value, "unit": unit, "error": error, "repeats": repeats, "ranks": ranks,
                          "percent_of_peak": peak, "peer": peer, "ratio": ratio, "goal": goal, "better": better})  # fmt: skip

    def time(self, name, times, unit="us", scale=1e6, **more):
        self.add(name, times.best * scale, unit, (times.median - times.best) * scale, times.repeats, **more)


def peer_row(report, name, ours, peer, theirs, goal, unit="us", scale=1e6):
    """How much faster than a peer. The value is the peer's time."""
    report.time(name, theirs, unit, scale, peer=peer, ratio=theirs.best / ours.best, goal=goal, better="more")


# --- PyTorch ---------------------------------------------------------------------------------------------------------


def python_with(module, wish=None):
    """The first python that can import it, or None."""
    on_path = [os.path.join(d, "python3") for d in os.environ.get("PATH", "").split(os.pathsep)]
    for python in [wish, os.environ.get("TORCH_PYTHON"), *on_path, "/usr/bin/python3"]:
        if python and shutil.which(python):
            test = subprocess.run([python, "-c", f"import {module}"], capture_output=True, env=surroundings(), check=False)
            if test.returncode == 0:
                return python
    return None


def openblas_core():
    """The OpenBLAS kernels for what this CPU can do, whatever its name is; nothing where that is not known."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            flags = next((line for line in f if line.startswith("flags")), "").split()
    except OSError:
        return {}
    core = "SkylakeX" if {"avx512f", "avx512vl", "avx512dq"} <= set(flags) else "Haswell" if "avx2" in flags else None
    return {"OPENBLAS_CORETYPE": core} if core else {}


# What numpy and PyTorch free is kept for what they allocate next.
KEEP = {"MALLOC_MMAP_THRESHOLD_": "1073741824", "MALLOC_TRIM_THRESHOLD_": "4294967296", "MALLOC_TOP_PAD_": "268435456"}


def peers(python):
    """Workers of PyTorch by name: default and tuned."""
    if not python:
        return {}
    script = os.path.join(TOP, "tools", "bench_torch.py")
    default = Worker([python, script])
    tuned = Worker([python, script, "--tuned"], **KEEP, **openblas_core())
    version = default.ask("about")["torch"].split("+")[0]
    return {f"PyTorch {version} default": default, f"PyTorch {version} tuned": tuned}


# --- Groups ----------------------------------------------------------------------------------------------------------


class Bench:
    def __init__(self, options):
        self.options, self.report = options, Report()
        self.python = None if options.torch == "none" else python_with("torch", options.torch)
        self.scratch = tempfile.mkdtemp(dir=options.build)
        self.peers = peers(self.python) if {"train", "sample"} & set(options.only) else {}
        self.peak = 0.0

    def worker(self, name, ranks=1):
        return Worker(mpirun(ranks, os.path.join(self.options.build, "bench", name)))

    def seconds(self, x):
        return f"{x * self.options.time:.3g}"

    def duel(self, order, seconds, worker, key="alone"):
        """One order to the program and to its peers in turns. Returns times by name and the program's last answer."""
        times = {name: Times() for name in ["program", *self.peers]}
        for _ in range(ROUNDS):
            answer = worker.ask(f"{order} {self.seconds(seconds)}")
            times["program"].add(answer[key])
            self.peak = max(self.peak, answer["peak"])
            for name, peer in self.peers.items():
                times[name].add(peer.ask(f"{order} {self.seconds(seconds)}"))
        return times, answer

    def figure(self, name, times, answer, goals, unit, scale):
        ours = times["program"]
        share = 100 * answer["flops"] / ours.best / self.peak
        self.report.time(name, ours, unit, scale, peak=share, goal=goals[0])
        for peer, goal in zip(self.peers, goals[1:]):
            peer_row(self.report, name, ours, peer, times[peer], goal, unit, scale)

    def run_peak(self):
        worker = self.worker("b_train")
        for width in (128, 256, 512):
            answer = worker.ask(f"gemm {width} {self.seconds(0.4)}")
            for kind in ("forward", "gradient"):
                times = Times()
                times.add(answer[kind])
                self.report.time(f"product {kind} 64x{width}x{width}", times, "us", 1e6, goal=80,
                                 peak=100 * answer["flops"] / times.best / answer["peak"])  # fmt: skip
        self.report.add("peak of multiply-adds", answer["peak"] * 1e-9, "Gflop/s", better="more")
        worker.close()

    def run_train(self):
        worker = self.worker("b_train")
        for part, less in (("score", 0), ("ratio", 0.3)):
            for width, batch, *goals in TRAIN:
                seconds = 0.35 if width == 128 else 0.2
                times, answer = self.duel(f"{part} {width} {batch}", seconds, worker)
                goals = [goals[0], *(g and g - less for g in goals[1:])]
                self.figure(f"train {part} 3x{width} batch {batch}", times, answer, goals, "us/step", 1e6)
                if batch == 512:
                    self.report.add(f"allocations of a step, {part} 3x{width}", answer["alone_allocations"], "1", goal=0)
        for batch, goal in ((128, 10), (512, 5)):
            self.price(worker, batch, goal)
        worker.close()

    def price(self, worker, batch, goal):
        exact, plain = Times(), Times()
        for _ in range(ROUNDS):
            answer = worker.ask(f"price 128 {batch} {self.seconds(0.5)}")
            exact.add(answer["exact"])
            plain.add(answer["plain"])
        cost, middle = (100 * (a / b - 1) for a, b in ((exact.best, plain.best), (exact.median, plain.median)))
        self.report.add(f"price of exact sums, 3x128 batch {batch}", cost, "% of a step", abs(middle - cost), exact.repeats,
                        peer="sums of floats", goal=goal)  # fmt: skip

    def run_pair(self):
        """Several ranks against one, by both paths of the exchange."""
        n = self.options.ranks
        worker = self.worker("b_train", n)
        for part in ("score", "ratio"):
            for width, batch, *_ in TRAIN:
                answer = worker.ask(f"{part} {width} {batch} {self.seconds(2.5 if width == 128 else 2)}")
                self.pair(f"train {part} 3x{width} batch {batch}", answer, n, 1.75 if batch >= 512 else None,
                          (width, batch) == (128, 512))  # fmt: skip
        for point in worker.ask(f"sweep {self.seconds(5)}")["sweep"]:
            times = Times()
            times.add(point["time"])
            self.report.time(f"exchange by {point['path']}, {point['bytes']} bytes", times, ranks=n)
        worker.close()

    def pair(self, name, answer, n, goal, judged):
        for path, share in (("window", 5), ("allreduce", 15)):
            times, alone = Times(), answer["alone"]["best"]
            times.add(answer[path])
            self.report.time(f"{name}, {path}", times, "us/step", ranks=n, ratio=alone / times.best, peer="one rank",
                             goal=goal if n == 2 and path == "window" else None, better="more")  # fmt: skip
            self.report.add(f"share of exchange, {name}, {path}", 100 * answer[path + "_share"], "%", ranks=n,
                            repeats=times.repeats, goal=share if n == 2 and judged else None)  # fmt: skip

    def run_sample(self):
        worker = self.worker("b_sample")
        for stage, width, draws, *goals, _ in SAMPLE:
            times, answer = self.duel(f"{stage} {width} {draws}", 0.5, worker)
            name = self.sample_name(stage, width, draws)
            self.figure(name, times, answer, goals, "ms/step", 1e3)
            self.report.add(f"allocations of a step, {name}", answer["alone_allocations"], "1", goal=0)
        worker.close()
        worker = self.worker("b_sample", self.options.ranks)
        for stage, width, draws, *_, goal in SAMPLE:
            answer = worker.ask(f"{stage} {width} {draws} {self.seconds(3)}")
            times = Times()
            times.add(answer["all"])
            self.report.time(self.sample_name(stage, width, draws) + ", all ranks", times, "ms/step", 1e3, peer="one rank",
                             ranks=self.options.ranks, ratio=answer["alone"]["best"] / times.best,
                             goal=goal if self.options.ranks == 2 else None, better="more")  # fmt: skip
        worker.close()

    def run_chains(self):
        """Chains of method dsb that fill its cache: two networks' evaluations a step, noise and rows included."""
        worker = self.worker("b_dsb")
        for width, dimension, goal in CHAINS:
            times, answer = self.duel(f"chains {width} {dimension}", 0.5, worker)
            name = f"dsb chains 3x{width}, d = {dimension}"
            self.figure(name, times, answer, (goal, None, None), "ms/1000 paths", 1e3)
            self.report.add(f"allocations of a cache, {name}", answer["alone_allocations"], "1", goal=0)
        worker.close()

    @staticmethod
    def sample_name(stage, width, draws):
        return f"sample {stage} 3x{width}" + (f", {draws} draws" if draws else "")

    def run_noise(self):
        worker = self.worker("b_sample")
        answer = worker.ask(f"noise {self.seconds(1)}")
        for key, what in (("d2", "d = 2"), ("d4", "d = 4"), ("tile", "d = 2, tile by tile as the sampler asks")):
            times = Times()
            times.add(answer[key])
            self.report.time(f"noise, {what}", times, "ns/normal", 1e9, goal=1)
        worker.close()

    def run_io(self):
        n = self.options.ranks
        worker = self.worker("b_io", n)
        answer = worker.ask(f"write 256 {self.seconds(6)} {self.scratch}")
        ours, raw = answer["program"], answer["raw"]
        for what in ("best", "median"):
            self.report.add(f"output of 256 MB, {what}", answer["bytes"] / ours[what] * 1e-9, "GB/s", repeats=ours["repeats"],
                            ranks=n, peer="MPI_File_write_at_all, sync", ratio=raw[what] / ours[what], goal=0.9, better="more")  # fmt: skip
        crc = worker.ask(f"crc {self.seconds(0.2)}")
        self.report.add("checksum", crc["bytes"] / crc["crc"]["best"] * 1e-9, "GB/s", better="more")
        worker.close()

    def run_record(self):
        n = self.options.ranks
        worker = self.worker("b_sample", n)
        for frames, particles, goal in ((200, 1000, 5), (1000, 1000, 20), (200, 5000, None), (1000, 5000, None)):
            answer = worker.ask(f"record {frames} {particles} {self.seconds(5)} {self.scratch}")
            cost = 100 * (answer["with"]["best"] / answer["without"]["best"] - 1)
            middle = 100 * (answer["with"]["median"] / answer["without"]["median"] - 1)
            self.report.add(f"recording {particles} of 5000 particles {frames} times", cost, "% of sampling", abs(middle - cost),
                            answer["with"]["repeats"], n, peer="not recording", goal=goal)  # fmt: skip
        worker.close()

    def run_program(self):
        """The program itself: its training as timing.csv has it, and memory against what it said before."""
        n, out = self.options.ranks, os.path.join(self.scratch, "run")
        sets = ["train.score.steps=4000", "train.ratio.steps=1000", "sample.draws=4", "sample.steps1=20", "sample.steps2=20",
                "evaluate.draws=2000", "evaluate.size=500", "evaluate.w2_points=200", "evaluate.floors=2", "evaluate.blocks=2",
                "evaluate.errors=false", f"output={out}"]  # fmt: skip
        command = [os.path.join(self.options.build, "sbridge"), "run", os.path.join(TOP, "input", "ring.yml")]
        command += [word for key in sets for word in ("--set", key)]
        done = subprocess.run(mpirun(n, *command), env=surroundings(), capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"bench: sbridge run ended with status {done.returncode}: {done.stderr.strip()}", file=sys.stderr)
            return
        with open(os.path.join(out, "timing.csv"), encoding="utf-8") as f:
            lines = [line.split(",") for line in f if line.startswith("score,")]
        times = sorted(512 / float(cells[3]) for cells in lines)
        steps = Times()
        steps.add({"best": times[0], "median": times[len(times) // 2], "repeats": len(times)})
        self.report.time("sbridge run: train score 3x128 batch 512", steps, "us/step", ranks=n)
        with open(os.path.join(out, "report.json"), encoding="utf-8") as f:
            memory = json.load(f)["memory"]
        off = 100 * abs(memory["peak"] / memory["predicted"] - 1)
        self.report.add("memory of a run, off the prediction", off, "%", ranks=n, goal=10)

    def run_kernel(self):
        """Products with the kernel matrix, and an iteration of its scaling beside POT's."""
        worker, rows = self.worker("b_scaling"), 8000
        for dim, precision, goal in KERNEL:
            answer = worker.ask(f"product {rows} {dim} {precision} fly {self.seconds(1)}")
            times = Times()
            times.add(answer["seconds"])
            top = answer["peak"] / (1 if precision == "float" else 2)
            name = f"kernel product, {rows} points, d = {dim}, {precision}"
            self.report.time(name, times, "ms", 1e3, peak=100 * (20 + 2 * dim) * answer["pairs"] / times.best / top, goal=goal)
            self.report.add(name + ", rate", answer["pairs"] / times.best * 1e-9, "Gpairs/s", better="more")
        python = python_with("ot")
        for kind, settings, goal in (("default", {}, None), ("tuned", KEEP, 10)) if python else ():
            peer = Worker([python, os.path.join(TOP, "tools", "bench_pot.py")], **settings)
            version, ours, theirs = peer.ask("about")["pot"], Times(), Times()
            for _ in range(2):
                ours.add(worker.ask(f"iteration {rows} 2 {self.seconds(0.7)}")["seconds"])
                theirs.add(peer.ask(f"iteration {rows} 2 {self.seconds(0.1)}"))
            self.report.time(f"scaling iteration, {rows} points, double, beside POT {kind}", ours, "ms", 1e3)
            peer_row(self.report, f"POT {version} {kind}, sinkhorn_log iteration, {rows} points", ours, f"POT {version}", theirs,
                     goal, "ms", 1e3)  # fmt: skip
            peer.close()
        if not python:
            print("no python here can import ot: no figures of POT (make deps-long)")
        worker.close()

    def run(self):
        try:
            for group in self.options.only:
                getattr(self, "run_" + group)()
        finally:
            for peer in self.peers.values():
                peer.close()
            shutil.rmtree(self.scratch, ignore_errors=True)


# --- The table -------------------------------------------------------------------------------------------------------


def judged(row):
    """The number of a row that its goal is for."""
    return next(row[k] for k in ("ratio", "percent_of_peak", "value") if row[k] is not None)


def met(row):
    if row["goal"] is None:
        return None
    less = row["better"] == "less" and row["percent_of_peak"] is None
    return judged(row) <= row["goal"] if less else judged(row) >= row["goal"]


def number(x):
    if x is None:
        return ""
    return f"{x:.0f}" if abs(x) >= 1000 else f"{x:.4g}" if abs(x) >= 1e-3 else f"{x:.1g}"


def goal_of(row):
    return "" if row["goal"] is None else f"/{row['goal']:.3g}"


def cells_of(row):
    """Columns that a row fills."""
    if row["peer"] and "PyTorch" in row["peer"]:
        return {row["peer"].split()[-1]: f"{row['ratio']:.2f}x{goal_of(row)}"}
    if row["name"].startswith("share of exchange"):
        return {"share": f"{row['value']:.1f} %{goal_of(row)}"}
    own = {"value": number(row["value"]), "unit": row["unit"]}
    if row["ratio"] is not None:
        own["other"] = f"{row['ratio']:.2f}x{goal_of(row)}"
    elif row["percent_of_peak"] is not None:
        own["peak"] = f"{row['percent_of_peak']:.0f} %{goal_of(row)}"
    elif row["goal"] is not None:
        own["other"] = f"goal {row['goal']:.3g}"
    return own


def verdict(rows):
    verdicts = [met(row) for row in rows if row["goal"] is not None]
    return "" if not verdicts else "yes" if all(verdicts) else "NO"


LINE = "{name:<{width}} {value:>8} {unit:<13} {peak:>8} {default:>10} {tuned:>10} {other:>10} {share:>9} {met:>4}"
HEAD = {"name": "figure (number/goal)", "value": "best", "unit": "", "peak": "peak", "default": "torch", "tuned": "tuned",
        "other": "others", "share": "exchange", "met": "met"}  # fmt: skip


def figure_of(row):
    """The line of the table that a row belongs to."""
    for several in ("share of exchange, ", "allocations of a step, "):
        if row["name"].startswith(several) and (row["value"] or several.startswith("share")):
            return row["name"][len(several) :]
    return "allocations of a step, all others" if row["name"].startswith("allocations") else row["name"]


def table(rows):
    lines = {}
    for row in rows:
        lines.setdefault(figure_of(row), []).append(row)
    width = max(map(len, [*lines, HEAD["name"]]))
    print(LINE.format(width=width, **HEAD))
    for name, its in lines.items():
        cells = dict.fromkeys(HEAD, "")
        for row in its:
            cells.update(cells_of(row))
        cells.update(name=name, met=verdict(its))
        print(LINE.format(width=width, **cells))
    verdicts = [met(row) for row in rows if row["goal"] is not None]
    print(f"{sum(verdicts)} of {len(verdicts)} goals met")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(TOP, "build"))
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--time", type=float, default=1)
    parser.add_argument("--only", type=lambda text: text.split(","), default=GROUPS)
    parser.add_argument("--torch", default=None)
    parser.add_argument("--out", default=None)
    return parser.parse_args()


def main():
    options, start = arguments(), time.monotonic()
    bench = Bench(options)
    bench.run()
    rows = bench.report.rows
    for row in rows:
        row.update({k: None for k, v in row.items() if isinstance(v, float) and not math.isfinite(v)})
    with open(options.out or os.path.join(options.build, "bench.json"), "w", encoding="utf-8") as f:
        f.write("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
    if not bench.python:
        print("no python here can import torch: no figures of PyTorch (make deps-long)")
    table(rows)
    print(f"measured in {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
