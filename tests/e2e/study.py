#!/usr/bin/env python3
"""The command study: cases equal single runs, on any teams; killed, stopped, sliced and merged to the same file."""

import csv
import json
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))
import h5py
import numpy as np
from program import ALONE, SBRIDGE, TINY, TOP, changes, contents, done, folder, ok, sbridge, together

DECK = TINY.read_text() + "\nstudy: {replicates: 2, grid: {data.n: [300, 600], sample: {draws: [2, 8, 5]}}}\n"
CASES = 12
NUMBERS = "value", "stderr", "floor", "floor_q95", "floor_train", "baseline"


def place(name, text=DECK):
    path = folder(name)
    (path / "s.yml").write_text(text)
    return path


def same(a, b):
    run = subprocess.run([TOP / "tools" / "same.sh", a, b], capture_output=True, text=True)
    return run.returncode == 0 or print("# " + (run.stdout + run.stderr).replace("\n", "\n# "))


def ours(run, status=0):
    return run.status == status and not run.lines


# --- Any ranks, any teams ---
whole = place("whole")
first = sbridge(whole, "study", "s.yml")
if not ok(ours(first), "a study on one rank", first):
    done()
teams = place("teams")
run = sbridge(teams, "study", "s.yml", "--set", "study.ranks_per_case=2", ranks=5)
ok(ours(run), "two teams, of two ranks and of three", run)
ok(same(whole / "out/study.h5", teams / "out/study.h5"), "the same file")
for name in "study.csv", "slopes.csv":
    ok((whole / "out" / name).read_bytes() == (teams / "out" / name).read_bytes(), f"the same {name}")
third = "case 3: data.n=300 sample.draws=8 replicate 1: done"
ok(first.out.count("case ") == CASES and third in first.out, "says each")

# --- A case is a run ---
with h5py.File(whole / "out/study.h5") as f:
    ok(set(f["state"][:]) == {1} and "meaning" in f["metric/value"].attrs, "every case is done")
    grid = [(n, draws, r) for n in (300, 600) for draws in (2, 8, 5) for r in (0, 1)]
    have = list(zip(f["grid/data.n"][:], f["grid/sample.draws"][:], f["replicate"][:]))
    ok(have == grid and list(f["seed"][:]) == [3 + r for _, _, r in grid], "cases in the order of the grid", have)
    case = grid.index((600, 8, 1))
    many = f["metrics"][case]
    mine = {
        (f["metric/name"][case, i].decode(), f["metric/stage"][case, i].decode(), f["metric/t"][case, i]): tuple(
            f["metric/" + key][case, i] for key in NUMBERS
        )
        for i in range(many)
    }
    values = {}  # by point, of one metric
    for c, (n, draws, _) in enumerate(grid):
        names = [name.decode() for name in f["metric/name"][c, : f["metrics"][c]]]
        values.setdefault((n, draws), []).append(f["metric/value"][c, names.index("error_score")])
single = place("single")
run = sbridge(single, "run", "s.yml", *"--set data.n=600 --set sample.draws=8 --set seed=4".split(), ranks=2)
ok(ours(run), "one case as a run of its own", run)
report = json.loads((single / "out/report.json").read_text())
good = True
for m in report["metrics"]:
    t = float("nan") if m["t"] is None else m["t"]
    this = m["name"], m["stage"], repr(t)
    found = [v for (name, stage, at), v in mine.items() if (name, stage, repr(at)) == this]
    want = tuple(np.nan if m[k] is None else m[k] for k in NUMBERS)
    good = good and len(found) == 1 and np.array_equal(found[0], want, equal_nan=True)
for cause, value in report["errors"].items():
    good = good and any(name == "error_" + cause and v[0] == value for (name, _, _), v in mine.items())
ok(good and many == len(report["metrics"]) + 4, "the same metrics to the last bit", mine, report["metrics"])

# --- Tables ---
rows = list(csv.DictReader(open(whole / "out/study.csv")))
for (n, draws), v in values.items():
    this = str(n)[:3], str(draws)[:1], "error_score"
    (row,) = [r for r in rows if (r["data.n"], r["sample.draws"], r["metric"]) == this]
    good = np.isclose(float(row["mean"]), np.mean(v)) and np.isclose(float(row["stderr"]), np.std(v, ddof=1) / 2**0.5)
    ok(good and row["replicates"] == "2" and row["failed"] == "0", f"means at n = {n:g}, {draws:g} draws", row, v)
slopes = list(csv.DictReader(open(whole / "out/slopes.csv")))
this = "error_score", "sample.draws", "data.n=600"
(slope,) = [s for s in slopes if (s["metric"], s["key"], s["at"]) == this]
x, y = np.log([2, 8, 5]), np.log([np.mean(values[600, draws]) for draws in (2, 8, 5)])
ok(np.isclose(float(slope["slope"]), np.polyfit(x, y, 1)[0], atol=1e-7), "a slope is that of least squares", slope)
ok(float(slope["low"]) <= float(slope["slope"]) <= float(slope["high"]), "inside its interval", slope)

again = folder("again")
(again / "used.yml").write_bytes((whole / "out/used.yml").read_bytes())
run = sbridge(again, "study", "used.yml", ranks=2)
ok(ours(run) and same(whole / "out/study.h5", again / "out/study.h5"), "used.yml repeats the study", run)

# --- Held up ---
killed = place("killed")
process = subprocess.Popen(
    [SBRIDGE, "study", "s.yml"], cwd=killed, stdout=subprocess.PIPE, text=True, env={**os.environ, **ALONE}
)
for line in process.stdout:
    if line.startswith("case 4:"):
        break
process.send_signal(signal.SIGKILL)
process.wait()
with h5py.File(killed / "out/study.h5") as f:
    there = int((f["check"][:] != 0).sum())
ok(5 <= there < CASES, f"killed with {there} cases")
run = sbridge(killed, "info", "out/study.h5", "--verify")
ok(ours(run), "every row that is there is whole", run)
ok(not (killed / "out/study.csv").exists(), "no table of half a study")
run = sbridge(killed, "study", "s.yml")
ok(run.status == 1 and "--resume" in run.err, "started again without --resume", run)
run = sbridge(killed, "study", "s.yml", "--resume", ranks=3)
ok(ours(run) and run.out.count("case ") == CASES - there, "goes on with the cases that are left", run)
ok(same(whole / "out/study.h5", killed / "out/study.h5"), "to the same file")
run = sbridge(killed, "study", "s.yml", "--resume", ranks=3)
ok(ours(run) and "case " not in run.out, "nothing is left", run)
ok((whole / "out/slopes.csv").read_bytes() == (killed / "out/slopes.csv").read_bytes(), "the same slopes")

torn = folder("torn", like=killed)
with h5py.File(torn / "out/study.h5", "r+") as f:
    f["metric/value"][7, 3] += 1
run = sbridge(torn, "info", "out/study.h5", "--verify")
ok(run.status == 1 and "row 7 is damaged" in run.err, "a damaged row is found", run)
run = sbridge(torn, "study", "s.yml", "--resume")
ok(ours(run) and run.out.count("case ") == 1 and "case 7:" in run.out, "a damaged row is computed again", run)
ok(same(whole / "out/study.h5", torn / "out/study.h5"), "to the same file")

stopped = place("stopped")
limit = sbridge(stopped, "study", "s.yml", "--max-walltime", "0.3", ranks=2, env={"SB_FINISH": "0"})
ok(ours(limit, 75) is False and limit.status == 75 and len(limit.lines) == 1, "a time limit", limit)
ok("finished cases stay" in limit.err or "what is finished stays" in limit.err, "says what stays", limit)
run = sbridge(stopped, "study", "s.yml", "--resume", ranks=2)
ok(ours(run) and same(whole / "out/study.h5", stopped / "out/study.h5"), "then to the same file", run)

# --- Slices, as tasks of a job array ---
sliced = place("sliced")
words = ["study", "s.yml", "--slice"]
runs = together([lambda k=k: sbridge(sliced, *words, f"{k}/3") for k in (1, 2)])
ok(all(ours(r) for r in runs), "two slices of three at once", *runs)
run = sbridge(sliced, "study", "s.yml", "--merge")
ok(run.status == 1 and "slice3of3" in run.err and not (sliced / "out/study.h5").exists(), "one is missing", run)
run = sbridge(sliced, *words, "3/3", "--set", "study.ranks_per_case=2", ranks=2)
ok(ours(run) and run.out.count("case ") == 4, "the third on two ranks", run)
run = sbridge(sliced, "study", "s.yml", "--merge", ranks=2)
ok(ours(run), "merged", run)
ok(same(whole / "out/study.h5", sliced / "out/study.h5"), "the same file")
ok((whole / "out/study.csv").read_bytes() == (sliced / "out/study.csv").read_bytes(), "the same table")

# --- Cases that fail ---
FAILS = DECK.replace("sample: {draws: [2, 8, 5]}", "train.rate: [1e-3, 10]")
fails = place("fails", FAILS)
run = sbridge(fails, "study", "s.yml", ranks=2)
ok(run.status == 0 and "4 of 8 cases failed" in run.err, "four cases diverge, the others go on", run)
with h5py.File(fails / "out/study.h5") as f:
    state, reason = f["state"][:], f["about/reason"][:]
    ok(list(state) == [1, 1, 2, 2] * 2, "which", state)
    ok(all((len(text) > 20) == (s == 2) for s, text in zip(state, reason)), "and why", reason)
rows = list(csv.DictReader(open(fails / "out/study.csv")))
ok(rows and all(r["train.rate"] == "1e-3" for r in rows), "no means of what failed")
run = sbridge(fails, "study", "s.yml", "--resume")
ok(run.status == 0 and "case " not in run.out, "they are not tried again", run)

# --- Words, and a table of points ---
np.random.seed(1)
WORDS = "net.activation: [silu, relu], data.standardise: [scale]"
words = place("words", DECK.replace("sample: {draws: [2, 8, 5]}", WORDS))
with h5py.File(words / "x.h5", "w") as f:
    f["x"] = np.random.normal(size=(700, 3))
text = (words / "s.yml").read_text().replace("law: mixture_b", "file: x.h5")
(words / "s.yml").write_text(text)
run = sbridge(words, "study", "s.yml", ranks=3)
if ok(ours(run), "words in the grid, and a file read by teams", run):
    with h5py.File(words / "out/study.h5") as f:
        ok(list(f["grid/net.activation"][:4]) == [b"silu"] * 2 + [b"relu"] * 2, "words stand in the file")

# --- Keys that go along with the first of the grid ---
along = place("along", DECK.replace(", sample: {draws: [2, 8, 5]}}", "}, along: {sample.draws: [2, 5]}"))
run = sbridge(along, "study", "s.yml", ranks=2)
if ok(ours(run) and run.out.count("case ") == 4, "keys that go along", run):
    with h5py.File(whole / "out/study.h5") as f, h5py.File(along / "out/study.h5") as g:
        cases = [grid.index((n, draws, r)) for n, draws in ((300, 2), (600, 5)) for r in (0, 1)]
        good = np.array_equal(f["metric/value"][:][cases], g["metric/value"][:], equal_nan=True)
        ok(good and list(g["grid"]) == ["data.n"], "each case is that of the whole grid")
(along / "used.yml").write_bytes((along / "out/used.yml").read_bytes())
run = sbridge(along, "study", "used.yml", "--resume")
ok(ours(run) and "4 cases are there already" in run.out, "used.yml has them", run)

# --- Mistakes ---
bad = place("bad")
(bad / "other.yml").write_text(DECK.replace("draws: 5", "draws: 6"))
sbridge(bad, "study", "s.yml")
GRID = "{data.n: [300, 600], sample: {draws: [2, 8, 5]}"
ONE = DECK.replace("2, grid: " + GRID, "1, grid: {data.n: [300]")
OTHER = DECK.replace("draws: 5}", "draws: 6}").replace("data.n: [300, 600]", "data.n: [300, 500]")
mistakes = {
    "an unknown key": (DECK.replace("data.n:", "data.m:"), [], "data.m"),
    "a value out of range": (DECK.replace("300, 600", "300, -6"), [], "data.n"),
    "no values": (DECK.replace("300, 600", ""), [], "no cases"),
    "a value twice": (DECK.replace("300, 600", "300, 300"), [], "twice"),
    "along without a grid": (TINY.read_text() + "\nstudy: {along: {data.n: [300]}}\n", [], "no study.grid"),
    "along of another length": (DECK.replace("}}}", "}}, along: {train.rate: [1, 2, 3]}}"), [], "data.n, which"),
    "along and in the grid": (DECK.replace("}}}", "}}, along: {sample.draws: [1, 2]}}"), [], "in study.grid, too"),
    "an unknown key along": (DECK.replace("}}}", "}}, along: {train.rat: [1, 2]}}"), [], "train.rat"),
    "a seed along": (DECK.replace("}}}", "}}, along: {seed: [1, 2]}}"), [], "study.along.seed"),
    "along without values": (DECK.replace("}}}", "}}, along: {train.rate: }}"), [], "stand below it"),
    "a key of the whole study": (DECK.replace("data.n: [", "seed: ["), [], "study.grid.seed"),
    "more teams than cases": (ONE, [], "3 teams for 1 cases"),
    "more ranks for a case than there are": (DECK, ["--set", "study.ranks_per_case=4"], "4 ranks for each case"),
    "a slice of none": (DECK, ["--slice", "0/3"], "--slice 0/3"),
    "a slice without cases": (DECK, ["--slice", "13/13"], "no cases are left"),
    "a slice and a merge": (DECK, ["--slice", "1/3", "--merge"], "--merge"),
    "no slices to merge": (DECK, ["--merge", "--overwrite"], "no slices"),
    "results of another study": (OTHER, ["--resume"], "another study"),
    "results of another deck": (DECK.replace("depth: 2", "depth: 1"), ["--resume"], "net.depth differs"),
    "a study of a checkpoint": (None, [], "needs a deck"),
}
calls = []
for i, (what, (text, options, _)) in enumerate(mistakes.items()):
    (bad / f"{i}.yml").write_text(text or DECK)
    calls.append((f"{i}.yml", options, "--resume" in options or "--overwrite" in options))
(bad / "small.yml").write_text(TINY.read_text().replace("output: out", "output: small"))
ok(ours(sbridge(bad, "train", "small.yml")), "a checkpoint to try")
before = contents(bad / "out")
for (what, (text, options, word)), (name, _, on) in zip(mistakes.items(), calls):
    deck = name if text else "small/checkpoint.h5"
    run = sbridge(bad, "study", deck, *options, *([] if on else ["--set", "output=new"]), ranks=3)
    ok(run.status == 1 and len(run.lines) == 1 and word in run.err, what, run)
after = contents(bad / "out")
ok(not (bad / "new").exists() and before == after, "nothing was written", changes(before, after))
done()
