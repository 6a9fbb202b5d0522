#!/usr/bin/env python3
"""Wrong commands, decks, data and checkpoints: on 1 and 3 ranks one line that says what is wrong, status 1 on every
rank, and nothing written, not even with --overwrite."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))
import h5py
import numpy as np
from program import SCRATCH, TINY, changes, contents, done, folder, ok, sbridge, together

whole = folder("whole")
if not ok(sbridge(whole, "run", TINY, ranks=2).status == 0, "a run that works"):
    done()
(whole / "tiny.yml").write_bytes(TINY.read_bytes())
cases = []


def refused(what, says, *words, make=None, status=1):
    """The program, in a copy of the folder of a whole run to which `make` does something, ends with one line that has
    every text of `says` in it."""
    says = [says] if isinstance(says, str) else says
    for ranks in (1, 3) if make else ((1, 3)[len(cases) % 2],):
        cases.append((f"{what} [{ranks}]", says, words, make, status, ranks))


def run_case(case, at):
    what, says, words, make, status, ranks = case
    there = folder(f"case{at}", like=whole)
    if make:
        make(there)
    before = contents(there)
    run = sbridge(there, *words, ranks=ranks)
    good = run.status == status and len(run.lines) == 1 and run.lines[0].startswith("sbridge: ")
    return good, [text for text in says if text not in run.err], changes(before, contents(there)), run


def all_cases():
    for case, (good, unsaid, changed, run) in zip(
        cases, together([lambda c=c, i=i: run_case(c, i) for i, c in enumerate(cases)])
    ):
        ok(good and not unsaid and not changed, case[0], f"unsaid {unsaid}, changed {changed}", run)


# --- Command line ---
refused("an unknown command", ["unknown command 'trian'", "did you mean 'train'"], "trian", "tiny.yml")
refused("a command that is like no other", ["unknown command 'xyzzy'", "sbridge help"], "xyzzy")
refused("an unknown option", ["unknown option '--overwite'", "'--overwrite'"], "train", "tiny.yml", "--overwite")
refused("no deck", "train needs a DECK", "train")
refused("two decks", "other.yml", "train", "tiny.yml", "other.yml", "--overwrite")
refused("three words", "one word too many", "train", "tiny.yml", "a", "b")
refused("--stop-after x", "--stop-after x", "train", "tiny.yml", "--overwrite", "--stop-after", "x")
refused("--stop-after -1", "--stop-after -1", "train", "tiny.yml", "--overwrite", "--stop-after=-1")
refused("--stop-after nothing", "--stop-after needs a value", "train", "tiny.yml", "--overwrite", "--stop-after")
refused("a flag with a value", "--overwrite takes no value", "train", "tiny.yml", "--overwrite=yes")
refused("--at without velocity", "--at", "sample", "tiny.yml", "--overwrite", "--at", "points.h5")
refused("--start without sample", "--start", "velocity", "tiny.yml", "--overwrite", "--start", "points.h5")
refused("--verify of a deck", "--verify", "info", "tiny.yml", "--verify")
refused("help about nothing", ["help knows", "'me'"], "help", "me")
refused("help about no section", "smaple", "help", "keys", "smaple")
refused("info of nothing", "No such file", "info", "nothing.h5")
for what, garbage, says in (
    ("nothing", "", "not of the form"),
    ("no value", "sample.n", "'sample.n' is not of the form section.key=value"),
    ("no key", "=3", "does not begin with the name of a key"),
    ("a wrong value", "sample.n=many", ["'sample.n' = 'many'", "whole number"]),
    ("an empty value", "sample.n=", "'sample.n' has no value"),
    ("a section", "sample=3", "'sample' is a section"),
    ("an open list", "velocity.times=[0, 1", "not YAML"),
    ("a second key", "sample.n=3, draws: 4", "'3, draws' is not a name"),
    ("an unknown key", "sample.m=3", ["unknown key 'sample.m'", "'sample.n'"]),
    ("an unknown method", "method=two-stage", ["unknown method 'two-stage'", "'two_stage'"]),
    ("an unknown preset", "preset=papr", ["unknown preset 'papr'", "did you mean 'paper'"]),
    ("a preset that is like no other", "preset=fast", ["unknown preset 'fast'", "sbridge help"]),
):
    refused(f"--set {what}", says, "run", "tiny.yml", "--overwrite", "--set", garbage)
refused("too many --set", "more than 64", "run", "tiny.yml", "--overwrite", *["--set=seed=4"] * 65)


# --- Decks ---
def deck(what, says, content):
    content = content if isinstance(content, bytes) else content.encode()
    refused(what, says, "run", "deck.yml", "--overwrite", make=lambda at: (at / "deck.yml").write_bytes(content))


tiny = TINY.read_text()
line = tiny.count("\n") + 1
deck("an unknown key", [f"deck.yml:{line}", "unknown key 'rekord'", "'record'"], tiny + "rekord: 3\n")
deck(
    "an unknown key of a section", ["unknown key 'sample.stepz1'", "'sample.steps1'"], tiny.replace("steps1", "stepz1")
)
deck("an unknown section", ["unknown section 'smaple'", "'sample'"], tiny.replace("sample:", "smaple:"))
deck("a wrong type", ["'sample.n' = '3.5'", "whole number"], tiny.replace("n: 333", "n: 3.5"))
deck(
    "a text for a number",
    ["'reference.variance1' = 'three'", "a number"],
    tiny.replace("variance1: 3", "variance1: three"),
)
deck("a list for a number", ["'sample.n' is a list"], tiny.replace("n: 333", "n: [3]"))
deck("no number", ["'reference.variance1' = 'nan'"], tiny.replace("variance1: 3", "variance1: nan"))
deck("a value out of range", ["'data.validation' = '1'", "0 .. 0.9"], tiny.replace("validation: 0.2", "validation: 1"))
deck("a negative value", ["'sample.n' = '-5'"], tiny.replace("n: 333", "n: -5"))
deck("a wrong word", ["'data.law' = 'mixture_a'", "'mixture_b'"], tiny.replace("mixture_b", "mixture_a"))
deck("an element out of range", ["element 2 of 'velocity.times' = '1.5'"], tiny.replace("0.6", "1.5"))
deck(
    "a section that is a number",
    "'sample' is a section",
    tiny.replace(tiny[tiny.index("sample:") : tiny.index("record:")], "sample: 3\n"),
)
deck("a key given twice", ["key 'seed' is given twice", "first in line"], tiny + "seed: 4\n")
deck("a second data set of a method that needs one", ["source.law", "one data set"], tiny + "source: {law: moons_cfm}\n")
deck("a tab", "a tab", "data:\n\tlaw: ring6\n")
deck("no directory for results", "output: names no directory", tiny.replace("output: out", 'output: ""'))
deck("an empty deck", "no key in this deck", "")
deck("comments only", "no key in this deck", "# nothing\n\n")
deck("a list", "this is a list", "- seed\n- 3\n")
deck("a text", "this is a text", "hello\n")
deck("two documents", "a second document", tiny + "---\nseed: 3\n")
deck("no deck but a program", "deck.yml", open("/bin/sh", "rb").read(20000))
deck("bytes of no kind", "deck.yml", bytes(np.random.default_rng(1).integers(0, 256, 5000, dtype=np.uint8)))
deck("text that is not UTF-8", "deck.yml:1", b"seed: 3 # \xff\xfe\n")
refused("a deck that is not there", "nothing.yml: No such file", "run", "nothing.yml", "--overwrite")
refused("a deck that is a folder", "out: is not a file", "run", "out", "--overwrite")
deck("nothing to learn", "data.law or data.file", "seed: 1\noutput: out\n")
deck("two things to learn", "both given", tiny.replace("n: 700", "n: 700, file: x.h5"))
deck("no number of draws", "data.n", tiny.replace("n: 700, ", ""))
deck("one draw", "at least two are needed", tiny.replace("n: 700", "n: 1"))
deck("best of nothing", "data.validation", tiny.replace("validation: 0.2", "validation: 0"))
deck("an impossible number of time features", "time_features", tiny.replace("time_features: 8", "time_features: 7"))
deck("layers of half a unit", "net.widths", tiny.replace("depth: 2, width: 24", "widths: [24.5]"))
deck("too many layers", "net.widths", tiny.replace("depth: 2, width: 24", "widths: [" + "8, " * 200 + "8]"))
deck("components without pca", "data.project", tiny.replace("n: 700", "n: 700, components: 1"))
deck(
    "components of more than there is",
    "data.components is 3",
    tiny.replace("n: 700", "n: 700, project: pca, components: 3"),
)
deck("half a corner of a grid", "velocity.low", tiny.replace("points: 9", "points: 9, low: [0]"))
deck(
    "corners of a grid the wrong way round",
    "velocity.high",
    tiny.replace("points: 9", "points: 9, low: [0, 1], high: [1, 1]"),
)
deck("a picture of another size", "record.image", tiny.replace("frames: 4", "frames: 4, image: [3, 2]"))
deck("no times", "velocity.times", tiny.replace("[0, 0.6, 1]", "[]"))
deck("one draw to judge", "sample.n", tiny.replace("n: 333", "n: 1"))
deck(
    "a start that is not there",
    "nothing.h5: No such file",
    tiny.replace("n: 333", "n: 333, start: file").replace("frames: 4", "frames: 4, start_file: nothing.h5"),
)
deck("a start without a file", "record.start_file", tiny.replace("n: 333", "n: 333, start: file"))
deck("a path without end", "this path is too long", tiny.replace("output: out", "output: " + "o" * 1100))

# --- Tables ---
rng = np.random.default_rng(7)
good = rng.normal(size=(300, 3))


def table(what, says, x=None, change="", name="x", make=None, **columns):
    """A run that learns from a table."""

    def write(at):
        if make:
            return make(at / "table.h5")
        with h5py.File(at / "table.h5", "w") as f:
            if x is not None:
                f[name] = x
            for key, value in columns.items():
                f[key] = value

    text = tiny.replace("law: mixture_b, n: 700, validation: 0.2", "file: table.h5" + (change or ", validation: 0.2"))
    refused(
        what, says, "run", "table.yml", "--overwrite", make=lambda at: ((at / "table.yml").write_text(text), write(at))
    )


def bad_at(row, column, value):
    x = good.copy()
    x[row, column] = value
    return x


def truncated(path):
    with h5py.File(path, "w") as f:
        f["x"] = good
    path.write_bytes(path.read_bytes()[:-1000])


table("a table that is not there", "table.h5: No such file", make=lambda path: None)
table("a table in CSV", "table.h5: is not an HDF5 file", make=lambda path: path.write_text("1,2\n3,4\n"))
table("a table of zero bytes", "table.h5: is not an HDF5 file (0 bytes)", make=lambda path: path.write_text(""))
table("a truncated table", ["table.h5: is damaged", "truncated"], make=truncated)
table("a table that is a folder", "table.h5: is not a file", make=lambda path: path.mkdir())
table(
    "another name of the dataset",
    ["has no dataset /x; it has /points /weights"],
    good,
    name="points",
    weights=np.ones(300),
)
table("no dataset at all", "no dataset /x, and no other")
table("a group for a dataset", "has no dataset /x", good, name="x/y")
table("a dataset that is a number", "/x", 3.0)
table("a dataset of five dimensions", "5 dimensions", good.reshape(300, 3, 1, 1, 1))
table("a dataset that is a text", "/x is a text", "hello")
table("a dataset of texts", "/x does not hold numbers", np.array([b"a", b"b"]))
table("a compound dataset", "/x does not hold numbers", np.zeros(5, [("a", "f8"), ("b", "f8")]))
table("no columns", "no columns", np.zeros((300, 0)))
table("no rows", "no rows", np.zeros((0, 3)))
table("one row", "one row; at least two are needed", good[:1])
table("more rows than there are", "has 300 rows, data.n asks for 301", good, ", n: 301")
table("NaN", ["table.h5: /x: row 170, column 1", "NaN"], bad_at(170, 1, np.nan))
table("Inf", ["row 299, column 2", "infinite"], bad_at(299, 2, -np.inf))
table("two NaN: the first is named", "row 100, column 0", bad_at(100, 0, np.nan) + bad_at(280, 1, np.nan))
table("a number beyond all", ["row 3, column 0", "1e100"], bad_at(3, 0, 1e200))
table("numbers too large for single precision", "single precision", good * 1e60, ", standardise: none")
table("a constant column", ["column 1", "0.5", "cannot be scaled"], good * [1, 0, 1] + [0, 0.5, 0])
table("equal rows", "equal", np.ones((300, 3)), ", project: pca")
table(
    "too few directions to whiten",
    ["2 of 3 directions", "whitened"],
    good @ np.array([[1, 0, 1], [0, 1, 1], [0, 0, 0.0]]),
    ", standardise: whiten",
)
table(
    "too few directions to project on",
    ["components asks for 3", "2 directions"],
    good @ np.array([[1, 0, 1], [0, 1, 1], [0, 0, 0.0]]),
    ", project: pca, components: 3",
)
table("more components than columns", ["components is 4", "3 columns"], good, ", project: pca, components: 4")
table(
    "exact fields of a table",
    "known density",
    good,
    ", validation: 0.3}\nfield: {score: exact, ratio: exact}\nabout: {x: y",
)

# --- Points ---


def points(what, says, command, option, **columns):
    def write(at):
        with h5py.File(at / "points.h5", "w") as f:
            for key, value in columns.items():
                f[key] = value

    refused(what, says, command, "tiny.yml", "--overwrite", option, "points.h5", make=write)


two, t = good[:, :2], np.full(300, 0.5)
points("fields at points of no name", "has no dataset /x; it has /points", "velocity", "--at", points=two)
points("fields at points without times", "/t", "velocity", "--at", x=two)
points("fields at points of another dimension", "2 columns", "velocity", "--at", x=good, t=t)
points("fields at a row of numbers", "2 columns", "velocity", "--at", x=t, t=t)
points("fields at three-dimensional arrays", "2 columns", "velocity", "--at", x=two.reshape(300, 2, 1), t=t)
points("fields at points with too few times", "/t", "velocity", "--at", x=two, t=t[:299])
points("fields at points with too many times", "/t", "velocity", "--at", x=two, t=np.full(301, 0.5))
points(
    "fields at a time beyond the end",
    ["/t", "row 200"],
    "velocity",
    "--at",
    x=two,
    t=np.where(np.arange(300) == 200, 1.5, 0.5),
)
points(
    "fields at points that are none",
    ["/x", "row 250"],
    "velocity",
    "--at",
    x=np.where(np.arange(600).reshape(300, 2) == 500, np.nan, two),
    t=t,
)
points("fields at no points", "no rows", "velocity", "--at", x=np.zeros((0, 2)), t=np.zeros(0))
points("a start of no name", "has no dataset /x; it has /y", "sample", "--start", y=two)
points("a start of another dimension", "2 columns", "sample", "--start", x=np.repeat(good, 2, 0))
points("a start of too few rows", "sample.n = 333", "sample", "--start", x=two)
points(
    "a start that is no number",
    ["/x", "row 250"],
    "sample",
    "--start",
    x=np.where(np.arange(800).reshape(400, 2) == 501, np.inf, 0),
)
points("a start of texts", "does not hold numbers", "sample", "--start", x=np.array([b"a", b"b"]))

# --- Checkpoints ---


def checkpoint(what, says, change, *words, commands=("sample", "velocity", "evaluate", "train")):
    for command in commands:
        more = ["--resume=out/checkpoint.h5"] if command == "train" else ["--overwrite"]
        refused(f"{command} with {what}", says, command, "tiny.yml", *more, *words, make=change)


def edit(work):
    def change(at):
        with h5py.File(at / "out" / "checkpoint.h5", "r+") as f:
            work(f)

    return change


def schema(f):
    f.attrs["schema"] = 2


def another(f):
    f.attrs["method"] = "kernel"


def flip(f):
    f["net/score/parameters"][5] *= -1


def flip_deck(f):
    text = f["deck"][()]
    crc = dict(f["deck"].attrs)
    del f["deck"]
    f["deck"] = np.bytes_(text.replace(b"draws: 5\n", b"draws: 6\n"))
    f["deck"].attrs.update(crc)


def lose(f):
    del f["net/ratio/best"]


def reshape(f):
    keep = f["net/score/average"][:-1]
    del f["net/score/average"]
    f["net/score/average"] = keep


def cut(at):
    path = at / "out" / "checkpoint.h5"
    path.write_bytes(path.read_bytes()[:-5000])


def other_table(at):
    """The run learned from another table of this name, of another dimension."""
    with h5py.File(at / "table.h5", "w") as f:
        f["x"] = rng.normal(size=(300, 4))
    (at / "tiny.yml").write_text(tabled)


for command in "sample", "velocity", "evaluate":
    refused(
        f"{command} before train",
        "checkpoint.h5: No such file",
        command,
        "tiny.yml",
        "--overwrite",
        "--set",
        "output=new",
    )
refused("going on from nothing", "nothing.h5: no such checkpoint", "train", "tiny.yml", "--resume=nothing.h5")
refused("a checkpoint that is not there", "nothing.h5: No such file", "sample", "nothing.h5", "--overwrite")
refused("a checkpoint that is none", "samples.h5: is not a checkpoint", "sample", "out/samples.h5", "--overwrite")
refused("going on from what is none", "samples.h5: is not a checkpoint", "train", "tiny.yml", "--resume=out/samples.h5")
checkpoint("a truncated checkpoint", ["checkpoint.h5: is damaged", "truncated"], cut)
checkpoint("a checkpoint of a newer schema", ["checkpoint.h5: has schema 2", "newer"], edit(schema))
checkpoint("a checkpoint of another method", ["is of method kernel", "two_stage"], edit(another))
checkpoint("a flipped sign", ["/net/score/parameters is damaged", "crc"], edit(flip))
checkpoint("a missing network", "has no dataset /net/ratio/best", edit(lose), commands=["sample", "train"])
checkpoint("a network of another size", "/net/score/average", edit(reshape), commands=["sample", "train"])
checkpoint("another seed", "seed differs", None, "--set", "seed=4")
checkpoint("other data", "data.n differs", None, "--set", "data.n=600")
checkpoint(
    "another dimension",
    "data.law differs",
    None,
    "--set",
    "data.law=gaussian",
    "--set",
    "data.dimension=3",
    commands=["sample"],
)
checkpoint("another width", "net.width differs", None, "--set", "net.width=32", commands=["sample", "train"])
checkpoint("another learning rate", "train.rate differs", None, "--set", "train.rate=0.1", commands=["train"])
checkpoint(
    "kernels of another kind",
    ["generic", "--strict-bits"],
    edit(lambda f: f["numerics"].attrs.__setitem__("kernels", "generic9")),
    "--strict-bits",
    commands=["sample", "train"],
)
refused(
    "a changed deck in the checkpoint",
    ["/deck is damaged"],
    "sample",
    "out/checkpoint.h5",
    "--overwrite",
    make=edit(flip_deck),
)
refused(
    "a checksum that is wrong",
    ["/net/score/parameters is damaged"],
    "info",
    "out/checkpoint.h5",
    "--verify",
    make=edit(flip),
)

# --- Samples ---
refused(
    "evaluate before sample",
    "samples.h5: No such file",
    "evaluate",
    "tiny.yml",
    "--overwrite",
    make=lambda at: (at / "out" / "samples.h5").unlink(),
)


def samples(what, says, x):
    def write(at):
        with h5py.File(at / "out" / "samples.h5", "w") as f:
            f["x"] = x

    refused(what, says, "evaluate", "tiny.yml", "--overwrite", make=write)


samples("samples of another dimension", "2 columns", good)
samples("samples in a row", "2 columns", t)
samples("one sample", "at least 2", two[:1])
samples("samples that are none", ["row 250, column 1"], np.where(np.arange(600).reshape(300, 2) == 501, np.nan, two))

# --- Files that are no files, or promise more than they hold ---


def promise(where, shape, **more):
    def make(at):
        with h5py.File(at / where, "a") as f:
            f.pop("x", None)
            x = f.create_dataset("x", shape, "f8", **more)
            x.attrs["crc"] = "0" * 16

    return make


refused("a pipe for a deck", "deck.yml: is not a file", "train", "deck.yml", make=lambda at: os.mkfifo(at / "deck.yml"))
refused("a pipe for a file", "x.h5: is not a file", "info", "x.h5", make=lambda at: os.mkfifo(at / "x.h5"))
for shape, says in ((2**40, 2**20), "more elements"), ((2**32, 2), "most of it is not in the file"):
    refused(f"{shape} numbers", says, "info", "x.h5", "--verify", make=promise("x.h5", shape, chunks=(1, 1)))
    refused(
        f"a table of {shape}",
        "x.h5: ",
        "train",
        "tiny.yml",
        "--set=data.law=none",
        "--set=data.file=x.h5",
        "--set=output=new",
        make=promise("x.h5", shape, chunks=(1, 1)),
    )

# --- Results that exist ---
for command, result in (
    ("run", "samples.h5"),
    ("train", "checkpoint.h5"),
    ("sample", "samples.h5"),
    ("velocity", "velocity.h5"),
    ("evaluate", "report.json"),
):
    refused(f"{command} without --overwrite", [f"out/{result} exists", "--overwrite"], command, "tiny.yml")
refused(
    "run that would begin anew",
    ["checkpoint.h5 exists"],
    "run",
    "tiny.yml",
    make=lambda at: [
        (at / "out" / n).unlink() for n in ("samples.h5", "trajectories.h5", "velocity.h5", "report.json")
    ],
)
refused(
    "sample over a trajectory",
    ["trajectories.h5 exists"],
    "sample",
    "tiny.yml",
    make=lambda at: (at / "out" / "samples.h5").unlink(),
)
refused(
    "fields at points over others",
    ["at.h5 exists"],
    "velocity",
    "tiny.yml",
    "--at",
    "out/samples.h5",
    make=lambda at: (at / "out" / "at.h5").write_text("mine"),
)

all_cases()
done()
