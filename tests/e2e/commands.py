#!/usr/bin/env python3
"""Every command and option does what help says; commands one by one leave what run leaves."""

import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))
import h5py
import numpy as np
from program import SCRATCH, TINY, TOP, changes, contents, done, folder, ok, sbridge, subprocess, together

tiny = TINY.read_text()
whole = folder("whole")
(whole / "tiny.yml").write_text(tiny)
first = sbridge(whole, "run", "tiny.yml", ranks=2)
if not ok(first.status == 0 and not first.err, "run", first):
    done()
KEYS = [line for line in (whole / "out" / "used.yml").read_text().splitlines() if not line.startswith("#")]


def copy(name):
    return folder(name, like=whole)


def does(what, run, good=True, *notes):
    """A run that ends with 0 and has nothing to complain about."""
    return ok(run.status == 0 and not run.err and good, what, *notes, run)


def same(a, b):
    return subprocess.run([TOP / "tools" / "same.sh", a, b], capture_output=True, text=True)


def read(path, name="x"):
    with h5py.File(path) as f:
        return f[name][()]


def metrics(there):
    """What a report says of the numbers: without times, memory and checksums of files that hold times."""
    report = json.loads((there / "report.json").read_text())
    return [report[key] for key in ("schema", "method", "seed", "status", "metrics", "errors")]


# --- help and info ---
COMMANDS = "run train sample velocity evaluate study info help".split()
OPTIONS = (
    "--set --resume --overwrite --stop-after --dry-run --start --at --samples --slice --merge --verify --strict-bits --quiet --version".split()
)
jobs = [
    ("help",),
    (),
    ("--help",),
    ("help", "keys"),
    ("help", "keys", "train"),
    ("info", "tiny.yml"),
    ("info", "tiny.yml", "--set", "sample.n=8"),
    ("info", "out/checkpoint.h5"),
    ("info", "out/samples.h5"),
    ("info", "out/velocity.h5", "--verify"),
    ("info", "out/checkpoint.h5", "--verify"),
    ("--version",),
    ("info",),
]
page, none, flag, keys, train_keys, deck, deck8, checkpoint, table, verified, verified2, version, info = together(
    [lambda w=w: sbridge(whole, *w, ranks=1 + 2 * (w == ("help", "keys"))) for w in jobs]
)
does(
    "help names every command and option",
    page,
    all(f"\n  {word} " in page.out or f"\n  {word}[" in page.out for word in COMMANDS + OPTIONS),
)
does("no command, --help: the same page", none, none.out == page.out == flag.out)


def full_names():
    """Names of all keys, from the used deck."""
    stack = []
    for line in KEYS:
        depth, name = (len(line) - len(line.lstrip())) // 2, line.strip().split(":")[0]
        stack = [*stack[:depth], name]
        if line.split(":", 1)[1].strip():
            yield ".".join(stack)


def explained(name):
    parents = [name] + (
        [name.replace("train.score", "train").replace("train.ratio", "train")] if name.count(".") == 2 else []
    )
    return any(re.search(rf"^  {re.escape(n)} +\S", keys.out, re.M) for n in parents)


names = list(full_names())
unknown = [name for name in names if not explained(name)]
does(
    f"help keys explains all {len(names)} keys of a used deck, once",
    keys,
    len(names) > 60 and not unknown and keys.out.count("\n  sample.draws ") == 1,
    unknown,
)
does("its lines have at most 120 columns", keys, max(map(len, keys.out.splitlines())) <= 120)
does("help keys train", train_keys, "train.rate" in train_keys.out and "sample.n" not in train_keys.out)
does("info of a deck is the used deck", deck, deck.out == (whole / "out" / "used.yml").read_text())
does("with --set", deck8, deck8.out == deck.out.replace("n: 333", "n: 8"))
does(
    "info of a checkpoint", checkpoint, "checkpoint, method two_stage" in checkpoint.out and deck.out in checkpoint.out
)
does("info of other results", table, "out/samples.h5" in table.out)
does(
    "info --verify", verified, "every checksum is right" in verified.out and "every checksum is right" in verified2.out
)
VERSION = r"sbridge \d+\.\d+\.\d+ \(\S+\)\ncompiler +\S.*\nflags +\S.*\nmpi +\S.*\nhdf5 +\d+\.\d+\.\d+\nblas +\S.*\nkernels +(generic|avx2|avx512)\nschema +1\n"
does("--version", version, re.fullmatch(VERSION, version.out) and info.out == version.out)

# --- What does not write, or not speak ---


def dry(command):
    there = folder(f"dry-{command}")
    (there / "tiny.yml").write_text(tiny)
    before = contents(there)
    run = sbridge(there, command, "tiny.yml", "--dry-run", ranks=2)
    return run, changes(before, contents(there))


def quiet(command):
    there = copy(f"quiet-{command}")
    return sbridge(there, command, "tiny.yml", "--overwrite", "--quiet", ranks=2)


WORK = COMMANDS[:5] # study has a test of its own
for command, (run, changed) in zip(WORK, together([lambda c=c: dry(c) for c in WORK])):
    does(
        f"{command} --dry-run writes nothing, and says what it takes",
        run,
        not changed
        and re.search(
            r"^ranks +2, .*\n(.*\n)*memory .*\n(.*\n)*disk +about .* MB of files in out, room for", run.out, re.M
        ),
        changed,
    )
for command, run in zip(WORK, together([lambda c=c: quiet(c) for c in WORK])):
    does(f"{command} --quiet", run, run.out == "")

# --- Commands one by one ---
there = folder("single")
(there / "tiny.yml").write_text(tiny)
for command, ranks in ("train", 3), ("sample", 1), ("velocity", 2), ("evaluate", 4):
    does(f"{command} alone", sbridge(there, command, "tiny.yml", ranks=ranks))
ok(
    same(whole / "out", there / "out").returncode == 0,
    "leave the files of run",
    same(whole / "out", there / "out").stdout,
)
ok(metrics(whole / "out") == metrics(there / "out"), "and its numbers")
ok(
    sorted(p.name for p in (whole / "out").iterdir()) == sorted(p.name for p in (there / "out").iterdir()),
    "no file more or less",
)

# --- From a checkpoint, elsewhere ---
there = folder("from")
model = str(whole / "out" / "checkpoint.h5")
alike, few, more, steps, seed, fields = together(
    [
        lambda: sbridge(there, "sample", model, ranks=2),
        lambda: sbridge(there, "sample", model, "--set", "sample.n=100", "--set", "output=few", ranks=3),
        lambda: sbridge(there, "sample", model, "--set=sample.n=500", "--set=output=more", "--set=record.particles=0"),
        lambda: sbridge(there, "sample", model, "--set=sample.steps2=20", "--set=output=steps"),
        lambda: sbridge(there, "train", str(whole / "tiny.yml"), "--set=seed=4", "--set=output=seed"),
        lambda: sbridge(there, "velocity", model, "--set=output=fields", ranks=3),
    ]
)
does("sample CHECKPOINT", alike)
ok(same(whole / "out" / "samples.h5", there / "out" / "samples.h5").returncode == 0, "makes the same draws")
does("with --set sample.n, output", few)
ok(
    np.array_equal(read(there / "few" / "samples.h5"), read(whole / "out" / "samples.h5")[:100]),
    "makes the first of them",
)
does("more of them", more)
ok(
    np.array_equal(read(there / "more" / "samples.h5")[:333], read(whole / "out" / "samples.h5")),
    "makes others after them",
)
ok(not (there / "more" / "trajectories.h5").exists(), "and with record.particles=0 no trajectories")
does("other steps", steps)
ok(
    np.array_equal(read(there / "steps" / "samples.h5", "stage1"), read(whole / "out" / "samples.h5", "stage1")),
    "leave stage 1 as it was",
)
does("another seed trains anew", seed)
ok(same(whole / "out" / "checkpoint.h5", there / "seed" / "checkpoint.h5").returncode == 1, "to other networks")
does("velocity CHECKPOINT", fields)
ok(same(whole / "out" / "velocity.h5", there / "fields" / "velocity.h5").returncode == 0, "makes the same fields")

# --- velocity --at: the fields of the grid at its points ---
with h5py.File(whole / "out" / "velocity.h5") as f:
    grid = dict(f["grid"].attrs)
    frames = [
        (dict(f[k].attrs), f[k]["velocity"][0, :, :, :2].reshape(-1, 2)) for k in sorted(f) if k.startswith("step_")
    ]
axes = [grid["origin"][k] + grid["spacing"][k] * np.arange(grid["shape"][k]) for k in (0, 1)]
points = np.stack(np.meshgrid(*axes), -1).reshape(-1, 2)
with h5py.File(there / "points.h5", "w") as f:
    f["x"] = np.concatenate([points, points])
    f["t"] = np.repeat([0.6, 0.25], len(points))
with h5py.File(there / "middle.h5", "w") as f:
    f["x"] = read(whole / "out" / "samples.h5", "stage1")
(there / "gauss.yml").write_text(
    tiny.replace("n: 333", "n: 333, start: gauss, start_variance: 9").replace("output: out", "output: gauss")
)
(there / "file.yml").write_text(
    tiny.replace("n: 333", "n: 333, start: file")
    .replace("frames: 4", "frames: 4, start_file: middle.h5")
    .replace("output: out", "output: file")
)
asked, started, gauss, from_file = together(
    [
        lambda: sbridge(there, "velocity", model, "--at", "points.h5", ranks=3),
        lambda: sbridge(there, "sample", model, "--start", "middle.h5", "--set=output=start", ranks=3),
        lambda: sbridge(there, "run", "gauss.yml", ranks=3),
        lambda: sbridge(there, "run", "file.yml", ranks=2),
    ]
)
does("velocity --at", asked)
with h5py.File(there / "out" / "at.h5") as f:
    at = {name: f[name][()] for name in f if isinstance(f[name], h5py.Dataset)}
ok(
    sorted(at) == ["drift_stage1", "drift_stage2", "ratio", "score", "t", "x"],
    "gives drifts, score and log ratio",
    sorted(at),
)
ok(all(len(v) == 2 * len(points) and np.isfinite(v).all() for v in at.values()), "finite, at every point")
for attributes, field in frames:
    if attributes["t"] == 0.6:
        got = at[f"drift_stage{attributes['leg'] + 1}"][: len(points)]
        # Draws of stage 1 belong to the row, not to the point: here the rows are the same.
        ok(np.array_equal(got, field), f"those of the grid, stage {attributes['leg'] + 1}", np.abs(got - field).max())
ok(np.allclose(at["drift_stage2"], 0.5 * at["score"], rtol=1e-12), "the drift of stage 2 is variance2 times the score")
does("at.h5 can be asked for again", sbridge(there, "velocity", model, "--at", "out/at.h5", "--set=output=again"))
ok(same(there / "out" / "at.h5", there / "again" / "at.h5").returncode == 0, "with the same answer")

# --- Stage 2 alone ---
does("sample --start", started)
ok(
    np.array_equal(read(there / "start" / "samples.h5"), read(whole / "out" / "samples.h5")),
    "from where stage 1 ended: the same draws",
)
with h5py.File(there / "start" / "trajectories.h5") as f:
    ok(
        "stage1" not in h5py.File(there / "start" / "samples.h5") and f["step_000000"].attrs["leg"] == 0,
        "which have one stage",
    )
    ok(np.array_equal(f["step_000000/x"][:], read(there / "middle.h5")[:100]), "that begins at the table's rows")
does("sample.start: gauss, from training to report", gauss)
with h5py.File(there / "gauss" / "checkpoint.h5") as f:
    ok(list(f["net"]) == ["score"], "learns no ratio")
with h5py.File(there / "gauss" / "trajectories.h5") as f:
    x = f["step_000000/x"][:]
    ok(2.4 < x.std() < 3.6 and abs(x.mean()) < 1, "begins with the variance asked for", x.mean(), x.std())
does("sample.start: file, from training to report", from_file)
ok(
    np.array_equal(read(there / "file" / "trajectories.h5", "step_000000/x"), read(there / "middle.h5")[:100]),
    "begins there, too",
)

# --- Oracles ---


def oracle(name, *words):
    at = folder(name)
    (at / "tiny.yml").write_text(tiny)
    return at / "out", sbridge(at, "run", "tiny.yml", *words, ranks=2)


def drift_rows(out):
    return {
        m["name"]
        for m in json.loads((out / "report.json").read_text())["metrics"]
        if m["name"].startswith("drift_rmse")
    }


every = {"drift_rmse", "drift_rmse_score", "drift_rmse_ratio", "drift_rmse_monte_carlo"}
(out, run), (out_score, run_score), (out_ratio, run_ratio), (out_cli, run_cli) = together(
    [
        lambda: oracle("exact", "--set=field.source=exact"),
        lambda: oracle("score", "--set=field.score=exact"),
        lambda: oracle("ratio", "--set=field.ratio=exact"),
        lambda: oracle("both", "--set=field.score=exact", "--set=field.ratio=exact"),
    ]
)
ok(drift_rows(whole / "out") == every, "the learned drift is split into its errors", drift_rows(whole / "out"))
does("exact fields from deck to report", run, "nothing to train" in run.out and not (out / "checkpoint.h5").exists())
ok(same(out / "samples.h5", out_cli / "samples.h5").returncode == 0, "however they are asked for", run_cli)
ok(drift_rows(out) == {"drift_rmse_monte_carlo"}, "nothing is learned, nothing is wrong", drift_rows(out))
errors = json.loads((out / "report.json").read_text())["errors"]
ok(errors["score"] is None and errors["ratio"] is None and errors["time_step"] > 0, "the report knows", errors)
with h5py.File(out / "velocity.h5") as f:
    worst = max(np.abs(f[k]["velocity"][:] - f[k]["exact"][:]).max() for k in f if k.startswith("step_"))
    ok(worst < 1e-9, "its velocity is the exact one", worst)
for part, other, at, run in ("score", "ratio", out_score, run_score), ("ratio", "score", out_ratio, run_ratio):
    with h5py.File(at / "checkpoint.h5") as f:
        nets = list(f["net"])
    does(
        f"an exact {part}: only the {other} is learned",
        run,
        nets == [other] and drift_rows(at) == every - {f"drift_rmse_{part}"},
        nets,
        drift_rows(at),
    )

# --- stop and go on ---
there = folder("stopped")
(there / "tiny.yml").write_text(tiny)
run = sbridge(there, "run", "tiny.yml", "--stop-after", "25", ranks=2)
ok(run.status == 75 and len(run.lines) == 1 and "ratio" in run.lines[0], "run --stop-after: 75, and says where", run)
ok(
    not (there / "out" / "samples.h5").exists() and (there / "out" / "checkpoint.h5").exists(),
    "with a checkpoint and no draws",
)
does("run --resume", sbridge(there, "run", "tiny.yml", "--resume", ranks=3))
ok(
    same(whole / "out", there / "out").returncode == 0 and metrics(whole / "out") == metrics(there / "out"),
    "ends as a run that was not stopped",
)
there = folder("half")
(there / "tiny.yml").write_text(tiny)
sbridge(there, "train", "tiny.yml", "--stop-after", "25", ranks=1)
run = sbridge(there, "sample", "tiny.yml", ranks=2)
ok(
    run.status == 0 and run.err.startswith("sbridge: warning: network ratio") and "5 of 12 steps" in run.err,
    "draws of networks that are half trained: a warning",
    run,
)
done()
