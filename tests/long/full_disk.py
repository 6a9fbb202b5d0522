#!/usr/bin/env python3
"""A disk that becomes full at every write in turn, while the program believes in room: status 3, one line, no hang; what is there is
whole, and with room again the run (each fourth is tried) goes on to the bits of one that was never held up. On 1 and 3 ranks, a run and a study.
"""

import os
import sys

os.environ["LIMIT"] = str(max(300, int(os.environ.get("LIMIT", 60))))  # six at a time, on two cores
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e", "lib"))
import h5py
from program import SCRATCH, TINY, TOP, done, folder, ok, sbridge, skip, subprocess, together

PAGE = 4096
GRID = "\nstudy: {replicates: 2, grid: {data.n: [300, 600], train.rate: [1e-3, 10]}}\n"
DECKS = {"run": TINY.read_text(), "study": TINY.read_text() + GRID}
ENOUGH = {"SB_DISK_LIMIT": str(10**12)}  # what the program is told of the disk

# A file system of so many pages on out/; what is left of it goes to $ROOM.
MOUNT = f"""
mount -t tmpfs -o size=$(({PAGE} * $1)) tmpfs out && shift && "$@"
status=$?; cp -a out/. "$ROOM"; exit $status
"""
PRIVATE = ["unshare", "-m", "sh", "-c", MOUNT, "sh"]
if subprocess.run([*PRIVATE[:2], "mount", "-t", "tmpfs", "tmpfs", SCRATCH], capture_output=True).returncode:
    skip("no private mounts here")
    done()


def readable(path):
    try:
        with h5py.File(path) as f:
            return len(f) > 0
    except OSError:
        return False


def harm(room):
    """What is not whole: half-made files, and files that cannot be read or fail their checksums."""
    bad = [str(p) for p in room.rglob("*.part")]
    for path in room.rglob("*.h5"):
        if not readable(path):
            bad.append(str(path))
    for path in (p for p in (room / "checkpoint.h5", room / "study.h5") if p.exists()):
        run = sbridge(room, "info", path, "--verify")
        if run.status:
            bad.append(f"{path}: {run.err}")
    return bad


def at_page(command, pages, ranks):
    there, room = folder(f"{command}{pages}.{ranks}"), folder(f"room-{command}{pages}.{ranks}/out")
    (there / "out").mkdir()
    (there / "tiny.yml").write_text(DECKS[command])
    env = {**ENOUGH, "ROOM": str(room)}
    run = sbridge(there, command, "tiny.yml", ranks=ranks, env=env, before=[*PRIVATE, str(pages)])
    if run.status == 0:
        return "whole", run
    good = run.status == 3 and len(run.lines) == 1 and run.lines[0].startswith("sbridge: ")
    bad = harm(room) if good else []
    if not good or bad:
        return f"not clean: {bad}", run
    if pages % 4 < 3:
        return "held up", run
    (room.parent / "tiny.yml").write_text(DECKS[command])
    run = sbridge(room.parent, command, "tiny.yml", "--resume", ranks=4 - ranks)
    if run.status:
        return "does not go on", run
    same = subprocess.run([TOP / "tools" / "same.sh", whole[command] / "out", room], capture_output=True, text=True)
    return ("held up" if same.returncode == 0 else f"other bits: {same.stdout}{same.stderr}"), run


whole = {}
for command, deck in DECKS.items():
    whole[command] = folder(f"whole-{command}")
    (whole[command] / "tiny.yml").write_text(deck)
    if not ok(sbridge(whole[command], command, "tiny.yml").status == 0, f"{command}: with room"):
        continue
    needed = sum(-(-p.stat().st_size // PAGE) for p in whole[command].rglob("out/*"))
    # One checkpoint more than are kept, and a file system's own pages.
    sizes = [(p, 3 if p % 5 == 0 else 1) for p in range(1, needed + 60)]
    found = together([lambda p=p, r=r: at_page(command, p, r) for p, r in sizes])
    for ranks in 1, 3:
        mine = [(p, *f) for (p, r), f in zip(sizes, found) if r == ranks]
        wrong = [(p, how, str(run)) for p, how, run in mine if how not in ("whole", "held up")]
        held = sum(how == "held up" for _, how, _ in mine)
        ok(not wrong, f"{command} on {ranks} ranks: full at {held} places of {len(mine)}", len(wrong), *wrong[:3])
        ok(held > 2 and mine[-1][1] == "whole", f"{command} on {ranks} ranks: then there is room", mine[-1][1:])
done()
