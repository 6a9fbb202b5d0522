#!/usr/bin/env python3
"""What goes wrong while a run is under way: too little memory or disk, numbers that fail, a rank that fails alone. On 1
and 3 ranks one line, the same status on every rank, no hang; files are whole, old or new, and none is left half made.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))
import h5py
import numpy as np
from program import SCRATCH, TINY, changes, contents, done, folder, ok, sbridge, skip, subprocess, together

tiny = TINY.read_text()
whole = folder("whole")
(whole / "tiny.yml").write_text(tiny)
if not ok(sbridge(whole, "run", "tiny.yml", ranks=2).status == 0, "a run that works"):
    done()
old = contents(whole)
COMMANDS = "train", "sample", "velocity", "evaluate"
cases = []


def fails(what, status, says, *words, ranks=(1, 3), env=None, make=None, before=(), may_change=(), inside=None):
    """The program ends with this status and one line that has every text of `says`. Of the files of a whole run only
    those that begin with a name of `may_change` are other ones now, and these can be read."""
    says = [says] if isinstance(says, str) else says
    for n in ranks:
        cases.append((f"{what} [{n}]", status, says, words, n, env, make, before, may_change, inside))


def readable(path):
    try:
        with h5py.File(path) as f:
            return len(f) > 0
    except OSError:
        return False


def damage(there, changed, may_change, status):
    """Files that a failure should have left alone, or left half made. The text for viewers is removed first and written
    last; a run that diverged leaves shorter trajectories."""

    def good(name):
        path, gone = there / name, name.endswith(".xmf") or status == 2 and ".p0" in name
        if not name.startswith(tuple(may_change)) and not (gone and not path.exists()):
            return False
        return (
            path.exists()
            and not name.endswith(".part")
            and (path.suffix != ".h5" or readable(path))
            or gone
            and not path.exists()
        )

    return [name for name in changed if not good(name)]


def run_case(case, at):
    what, status, says, words, ranks, env, make, before, may_change, inside = case
    there = folder(f"case{at}", like=whole)
    if make:
        make(there)
    was = contents(there)
    run = sbridge(there, *words, ranks=ranks, env=env, before=before)
    changed = changes(was, contents(there))
    wrong = damage(there, changed, may_change, status)
    good = run.status == status and len(run.lines) == 1 and run.lines[0].startswith("sbridge: ")
    return good and not wrong, [text for text in says if text not in run.err], wrong, run


def all_cases():
    for case, (good, unsaid, wrong, run) in zip(
        cases, together([lambda c=c, i=i: run_case(c, i) for i, c in enumerate(cases)])
    ):
        ok(good and not unsaid, case[0], f"unsaid {unsaid}, changed {wrong}", run)


# --- Memory: said before it is taken ---
little = {"SB_MEMORY_LIMIT": "30000000"}
needed = ["bytes needed per rank", "more than the 30000000 bytes"]
fails(
    "train: too little memory for the networks",
    3,
    needed,
    "train",
    "tiny.yml",
    "--overwrite",
    "--set",
    "net.width=4096",
    env=little,
)
fails(
    "sample: too little memory for the particles",
    3,
    needed,
    "sample",
    "tiny.yml",
    "--overwrite",
    "--set",
    "sample.n=9000000",
    env=little,
)
fails(
    "velocity: too little memory for the grid",
    3,
    needed,
    "velocity",
    "tiny.yml",
    "--overwrite",
    "--set",
    "velocity.points=4096",
    env=little,
)
fails(
    "evaluate: too little memory for the draws",
    3,
    needed,
    "evaluate",
    "tiny.yml",
    "--overwrite",
    "--set",
    "evaluate.draws=9000000",
    env=little,
)
fails(
    "too little memory for the data",
    1,
    ["700000000000 rows", "for each of its"],
    "run",
    "tiny.yml",
    "--overwrite",
    "--set",
    "data.n=700000000000",
)

# --- Places that cannot be written ---


def in_the_way(at):
    (at / "new").write_text("mine")


for command, name in ("train", "new"), ("run", "new/deep"):
    fails(
        f"{command}: a file where the directory should be",
        3,
        ["new", "directory"],
        command,
        "tiny.yml",
        "--set",
        f"output={name}",
        make=in_the_way,
    )


def allowed(*command):
    return subprocess.run(command, capture_output=True).returncode == 0


# A small or read-only file system on out/, with the files that were there, seen by one program alone.
MOUNT = """
mkdir -p "$ROOM" && cp -a out/. "$ROOM" && mount -t tmpfs -o size="$1" tmpfs out && cp -a "$ROOM"/. out &&
if [ "$2" = ro ]; then mount -o remount,ro out; else dd if=/dev/zero of=out/filler bs=4k 2>/dev/null; truncate -s -"$2" out/filler; fi &&
shift 2 && "$@"; status=$?; rm -f out/filler; rm -rf "$ROOM"/*; cp -a out/. "$ROOM"; exit $status
"""
PRIVATE = ["unshare", "-m", "sh", "-c", MOUNT, "sh"]
if allowed(*PRIVATE[:2], "mount", "-t", "tmpfs", "tmpfs", SCRATCH):
    mounted = []

    def on_small_disk(what, status, says, size, left, *words, may_change=()):
        """Like fails; the folder out/ is a file system of this size, with so many bytes left, or read-only."""
        for n in 1, 3:
            mounted.append((f"{what} [{n}]", status, says, size, left, words, n, may_change))

    def run_mounted(case, at):
        what, status, says, size, left, words, ranks, may_change = case
        there, room = folder(f"disk{at}", like=whole), folder(f"room{at}/out")
        run = sbridge(there, *words, ranks=ranks, env={"ROOM": str(room)}, before=[*PRIVATE, size, left])
        now = {f"out/{name}": text for name, text in contents(room).items()}
        changed = changes({name: text for name, text in old.items() if name.startswith("out/")}, now)
        wrong = damage(room.parent, changed, may_change, status)
        good = run.status == status and len(run.lines) == 1 and run.lines[0].startswith("sbridge: ")
        return good and not wrong and any(text in run.err for text in says), wrong, run

    FULL = ["No space left", "has room for", "no room for"]
    for command, changed in ("train", ()), ("sample", ()), ("velocity", ()), ("evaluate", ()), ("run", ()):
        on_small_disk(f"{command} on a full disk", 3, FULL, "3m", "0", command, "tiny.yml", "--overwrite")
        on_small_disk(f"{command} on a read-only disk", 3, ["ead-only"], "3m", "ro", command, "tiny.yml", "--overwrite")
    on_small_disk(
        "a disk that fills up while sampling",
        3,
        FULL,
        "3m",
        "20000",
        "sample",
        "tiny.yml",
        "--overwrite",
        "--set",
        "record.particles=0",
        may_change=["out/"],
    )
    on_small_disk(
        "a disk that fills up while training",
        3,
        FULL,
        "3m",
        "250000",
        "train",
        "tiny.yml",
        "--overwrite",
        "--set=checkpoint.keep=5",
        may_change=["out/used.yml", "out/checkpoint", "out/history.csv", "out/timing.csv"],
    )
    on_small_disk(
        "a disk that fills up while recording",
        3,
        FULL,
        "3m",
        "160000",
        "sample",
        "tiny.yml",
        "--overwrite",
        "--set=record.particles=333",
        may_change=["out/trajectories"],
    )
    for case, (good, wrong, run) in zip(
        mounted, together([lambda c=c, i=i: run_mounted(c, i) for i, c in enumerate(mounted)])
    ):
        ok(good, case[0], f"changed {wrong}", run)
else:
    skip("full and read-only disks: no private mounts here")

# --- Numbers ---


# One draw, numerator and denominator apart, and a ratio that varies: the paper's setting diverges.
diverging = """
seed: 1
output: new
preset: paper
data: {law: gmm8, n: 200}
field: {ratio: exact}
net: {depth: 1, width: 8}
train: {batch: 64, score: {steps: 1}}
reference: {variance1: 4, variance2: 0.25}
sample: {n: 300, steps1: 10, steps2: 5, drift_form: endpoint}
"""
fails(
    "the paper's drift in few steps",
    2,
    ["stage1", "particle", "step", "of 10", "number of steps", "draws"],
    "run",
    "deck.yml",
    make=lambda at: (at / "deck.yml").write_text(diverging),
    may_change=["new"],
)
fails(
    "a learning rate beyond reason",
    2,
    ["training score", "at step", "train.rate"],
    "train",
    "tiny.yml",
    "--set=output=new",
    "--set=train.rate=10",
    "--set=train.clip=0",
    "--set=train.score.steps=500",
    "--set=train.schedule=constant",
    may_change=["new"],
)
for rank in 0, 2:
    fails(
        f"a particle of rank {rank} that is lost",
        2,
        ["stage1", f"on rank {rank}", "after step 5 of 7"],
        "sample",
        "tiny.yml",
        "--overwrite",
        ranks=[3],
        env={"SB_POISON": f"particle:{rank}:5"},
        may_change=["out/trajectories"],
    )
    fails(
        f"a particle of rank {rank} that is lost in the last step, unseen",
        2,
        ["stage2", f"on rank {rank}", "after step 9 of 9"],
        "sample",
        "tiny.yml",
        "--overwrite",
        "--set=record.particles=0",
        ranks=[3],
        env={"SB_POISON": f"particle:{rank}:9"},
    )
    fails(
        f"a loss of rank {rank} that is lost",
        2,
        ["training score", "the loss", "at step 11"],
        "train",
        "tiny.yml",
        "--overwrite",
        ranks=[3],
        env={"SB_POISON": f"loss:{rank}:11"},
        may_change=["out/checkpoint", "out/history", "out/timing"],
    )
    fails(
        f"a gradient of rank {rank} that is lost",
        2,
        ["training score", "at step 3"],
        "train",
        "tiny.yml",
        "--overwrite",
        ranks=[3],
        env={"SB_POISON": f"gradient:{rank}:3"},
    )

# --- One rank fails, the others do not: SB_FAIL=STEP:RANK:K, see sb/file.h and main.c ---
new = ["out/checkpoint", "out/history.csv", "out/timing.csv", "out/trajectories", "out/samples", "out/velocity"]
for command, steps in {
    "train": "create:1 create:3 write:1 write:40 close:2 commit:1 commit:3 text:1 text:3 memory:3 memory:30 memory:60",
    "sample": "create:1 create:3 write:1 write:20 close:2 commit:1 commit:3 text:1 text:6 read:1 read:9 memory:3 memory:50 memory:100",
    "velocity": "create:1 write:1 write:9 close:1 commit:1 text:1 text:2 read:5 memory:90",
    "evaluate": "text:1 read:2 read:22 memory:70 memory:120 memory:300",
}.items():
    for step in steps.split():
        for rank in 0, 2:
            kind, k = step.split(":")
            fails(
                f"{command}: {step} on rank {rank}",
                3,
                "no memory" if kind == "memory" else f"injected failure of step {kind} on rank {rank}",
                command,
                "tiny.yml",
                "--overwrite",
                ranks=[3],
                env={"SB_FAIL": f"{kind}:{rank}:{k}"},
                may_change=new,
            )

all_cases()

# --- What a killed run left over ---
there = folder("killed", like=whole)
for name in "checkpoint.h5", "samples.h5", "velocity.h5", "report.json", "used.yml":
    (there / "out" / f"{name}.part").write_text("half")
run = sbridge(there, "run", "tiny.yml", "--overwrite", ranks=2)
ok(run.status == 0 and not list(there.rglob("*.part")), "a run after one that was killed leaves no .part", run)
done()
