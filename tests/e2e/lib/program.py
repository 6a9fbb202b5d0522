"""What the tests of the whole program share: runs on some ranks, folders that must not change, TAP.

A test begins with

    import sys, os; sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))
    from program import ...

and is started by tests/run, which sets BUILD, SCRATCH, LIMIT and what Open MPI needs.
"""

import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[3]
if "SCRATCH" not in os.environ:
    os.execv(TOP / "tests" / "run", ["tests/run", os.path.abspath(sys.argv[0])])

SBRIDGE = (TOP / os.environ["BUILD"] / "sbridge").resolve()
SCRATCH = pathlib.Path(os.environ["SCRATCH"])
LIMIT = os.environ["LIMIT"]
TINY = TOP / "tests" / "equal" / "tiny.yml"
AT_ONCE = 6  # programs that start together: starting is mostly waiting

# Each rank's own status goes to a file, and mpirun sees 0: so it adds no words, and ends no rank before its time.
RANK = '"$@"; echo $? >"$OMPI_MCA_orte_tmpdir_base/${OMPI_COMM_WORLD_RANK:-$PMI_RANK}"'
ALONE = {"OMPI_MCA_ess_singleton_isolated": "1"}  # one rank without mpirun needs no daemon

count = failed = 0


def ok(good, what, *notes):
    global count, failed
    count += 1
    failed += not good
    print(f"{'' if good else 'not '}ok {count} - {what}")
    for note in notes if not good else ():
        print("# " + str(note).replace("\n", "\n# "))
    return bool(good)


def skip(why):
    global count
    count += 1
    print(f"ok {count} # skip {why}")


def done():
    print(f"1..{count}")
    sys.exit(failed > 0)


class Run:
    """What a run left: statuses of its ranks, what it printed, lines of an error."""

    def __init__(self, statuses, ended, out, err):
        self.statuses, self.out, self.err = statuses, out, err
        self.hung = ended in (124, 137)
        self.status = statuses[0] if len(set(statuses)) == 1 and not self.hung else None
        self.lines = [line for line in err.splitlines() if line.strip() and not line.startswith("sbridge: warning: ")]

    def __str__(self):
        how = "stopped by its time limit" if self.hung else f"statuses {self.statuses}"
        return f"{how}\n{self.out[-2000:]}\n{self.err[-2000:]}"


def sbridge(folder, *words, ranks=1, env=None, before=()):
    """Runs the program in a folder; `before` stands before all else. One rank runs without mpirun."""
    marks = SCRATCH / "marks" / str(next(serial))
    marks.mkdir(parents=True)
    start = ["mpirun", "-n", str(ranks), "sh", "-c", RANK, "rank"] if ranks > 1 else []
    run = subprocess.run(
        [*before, "timeout", "-k", "5", LIMIT, *start, SBRIDGE, *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env={**os.environ, **(ALONE if ranks == 1 else {}), "OMPI_MCA_orte_tmpdir_base": str(marks), **(env or {})},
    )
    found = [marks / str(i) for i in range(ranks)]
    statuses = (
        [int(f.read_text()) if f.exists() and f.read_text() else None for f in found] if start else [run.returncode]
    )
    return Run(statuses, run.returncode, run.stdout, run.stderr)


serial = iter(range(10**9))
pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE)


def together(calls):
    """Results of functions without arguments, a few running at a time, in order."""
    return list(pool.map(lambda call: call(), calls))


def folder(name, like=None):
    """A new folder of this test, a copy of `like`."""
    path = SCRATCH / name
    if like:
        shutil.copytree(like, path)
    else:
        path.mkdir(parents=True)
    return path


def contents(path):
    """Everything below a folder, as it is now."""
    return {str(p.relative_to(path)): p.read_bytes() if p.is_file() else None for p in sorted(path.rglob("*"))}


def changes(before, after):
    """Names that came, went or changed."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name, "") != after.get(name, ""))
