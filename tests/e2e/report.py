#!/usr/bin/env python3
"""The command report: one page for runs of all kinds and for studies, whole in itself, that says what report.json says; what is
missing is left out with a sentence, what is damaged is one line."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))
import h5py
import numpy as np
from page import Page, parts
from program import SCRATCH, TINY, TOP, changes, contents, done, folder, ok, sbridge, together

SHORT = ["evaluate.w2_points=30", "evaluate.w2_floors=2", "record.particles=30"]


def sets(words):
    return [w for word in words for w in ("--set", word)]


def run(name, *words, ranks=1, deck=TINY, command="run", more=()):
    here = folder(name)
    return here, sbridge(here, command, deck, *sets([*SHORT, *words]), *more, ranks=ranks)


def page_of(where, ranks=1):
    """The page of a folder, which is all that the command leaves."""
    before = contents(where)
    made = sbridge(SCRATCH, "report", where, ranks=ranks)
    path = where / "report.html"
    text = path.read_text() if path.exists() else ""
    left = changes(before, contents(where))
    return Page(text), text, made, left


# --- Runs of all kinds ----------------------------------------------------------------------------------------------------

h5 = folder("table") / "x.h5"
with h5py.File(h5, "w") as file:
    rows, columns = np.mgrid[:6, :7]
    centre = np.random.default_rng(1).uniform(1, 5, (400, 2, 1, 1))
    file["x"] = np.exp(-((rows - centre[:, 0]) ** 2) - (columns - centre[:, 1]) ** 2).reshape(400, 42)

ODD = folder("odd") / "deck.yml"
ODD.write_text(TINY.read_text() + "about: {problem: '<script>alert(1)</script> & \"quotes\" \u00e4'}\n")
LINEAR = ["data.law=gaussian", "evaluate.errors=false"]
KERNEL = TOP / "tests/equal/kernel.yml"
RUNS = {
    "two ranks": lambda: run("two ranks", ranks=2),
    "plain": lambda: run("plain"),
    "odd <b>&\"'": lambda: run("odd <b>&\"'", deck=ODD),
    "one coordinate": lambda: run("one coordinate", *LINEAR, "data.dimension=1"),
    "three coordinates": lambda: run("three coordinates", *LINEAR, "data.dimension=3"),
    "six coordinates": lambda: run("six coordinates", *LINEAR, "data.dimension=6"),
    "no known law": lambda: run("no known law", "data.law=moons_cfm"),
    "pictures": lambda: run("pictures", "data.law=none", f"data.file={h5}", "data.n=0", "record.image=[6,7]"),
    "kernel": lambda: run("kernel", deck=KERNEL),
}
made = dict(zip(RUNS, together(RUNS.values())))
pages = dict(zip(RUNS, together([lambda here=here: page_of(here / "out") for here, _ in made.values()])))
for name, (page, text, report, left) in pages.items():
    ran = made[name][1]
    if not ok(ran.status == 0 and report.status == 0, f"{name}: a run and its page", ran, report):
        continue
    ok(left == ["report.html"] and "report.html" in report.out, f"{name}: leaves the page alone", left, report)
    ok(not page.faults, f"{name}: the page is well formed and complete in itself", *page.faults[:9])
    ok(len(page.pictures) > 5 and all(page.pictures), f"{name}: pictures, all with words", len(page.pictures))
    result = json.loads((made[name][0] / "out/report.json").read_text())
    keys = ("value", "stderr", "floor", "floor_q95", "floor_train", "baseline")
    wanted = [m[key] for m in result["metrics"] for key in keys if m[key] is not None]
    wanted += [x for x in result["errors"].values() if x is not None]
    wanted += [p["mean"] for p in result["phases"] if p["max"] > 0] + list(result["memory"].values())
    absent = [x for x in wanted if x not in page.numbers]
    ok(len(wanted) > 30 and not absent, f"{name}: every number of report.json", absent)
    files = [f["path"] + f["crc"] for f in result["files"]]
    ok(all(f["path"] in page.text and f["crc"] in page.text for f in result["files"]), f"{name}: files", files)
    used = " ".join((made[name][0] / "out/used.yml").read_text().split())
    ok(used in page.text, f"{name}: the settings")
    sections = {"draws", "metrics", "time", "drift", "paths", "provenance", "files"}
    sections |= {"training"} if name != "kernel" else set()
    ok(sections <= set(page.sections), f"{name}: its sections", page.sections)

page, text = pages["plain"][:2]
result = json.loads((made["plain"][0] / "out/report.json").read_text())
by_name = {row[0]: row for table in page.tables for row in table if row}
row = by_name["energy distance"]
m = next(m for m in result["metrics"] if m["name"] == "energy_distance")
ok([f"{m[k]:.3g}".replace("-", "\u2212") for k in ("value", "stderr")] == row[1:3], "a row of the table", row, m)
ok("no better than no learning" in row[8], "says what the value means", row)
ok(by_name["score network"][1] == f"{result['errors']['score']:.3g}", "errors by cause", by_name["score network"])
ok("done" in page.text and "Exact law" in page.text and "Exact drift, stage 2" in page.text, "the exact beside the learned")
ok("--overwrite" not in page.text and "mixture_b" in page.text and "kernels" in page.text, "provenance")
step = (made["plain"][0] / "out/history.csv").read_text().splitlines()[-1].split(",")
ok(f"step {step[1]} of 12; loss {float(step[2]):.4g}" in page.text, "losses: the last step", step)

page, text = pages["odd <b>&\"'"][:2]
ok("<script>alert(1)</script> & \"quotes\" \u00e4" in page.text, "a deck's words are words", page.text[:300])
ok("<script" not in text and "<b>&" not in text, "and never markup")
ok("Exact" not in pages["no known law"][0].text and "needs a known law" in pages["no known law"][0].text, "no known law is said")
ok("principal axis 1 (" in pages["six coordinates"][0].text and "6 coordinates" in pages["six coordinates"][0].text, "principal axes")
drifts = [line.count("L") for line in parts(pages["one coordinate"][1])["drift"].split("<path ") if "line dash" in line or "line a" in line]
ok(drifts.count(8) == 4, "in one coordinate two drifts of two stages, at nine points each", drifts)
images = pages["pictures"][0].images
ok(len(images) == 2 and "images" in pages["pictures"][0].sections, "sheets of pictures", [i["alt"] for i in images])

one, two = (parts(pages[name][1]) for name in ("plain", "two ranks"))
same = [name for name in one if name not in ("time", "provenance", "files")]
ok(len(same) > 5 and all(one[name] == two.get(name) for name in same), "runs on one rank and on two: the same bits",
   [name for name in same if one[name] != two.get(name)])
where = made["plain"][0] / "out"
first = (where / "report.html").read_bytes()
again = page_of(where, ranks=3)
ok(again[2].status == 0 and (where / "report.html").read_bytes() == first, "a page made by three ranks is the same", again[2])

# --- What is missing ------------------------------------------------------------------------------------------------------

less = SCRATCH / "less"
folder("less", like=where)
for name in ("velocity.h5", "history.csv", "used.yml", *(p.name for p in less.glob("trajectories*.h5"))):
    (less / name).unlink()
(less / "paraview").mkdir()
picture = TOP / "input" / "ring.png"
(less / 'a<b>"&.png').write_bytes(picture.read_bytes())
(less / "paraview/b.png").write_bytes(picture.read_bytes())
(less / "none.png").write_bytes(b"no picture")
page, text, report, left = page_of(less)
ok(report.status == 0 and not page.faults, "without fields, paths, history and deck", report, *page.faults[:9])
for words in ("no velocity.h5", "no trajectories", "no used.yml", "there are no losses"):
    ok(words in page.text, f"says: {words}", page.text[-600:])
ok("no longer there" in page.text, "files that went since are named")
ok([i["alt"] for i in page.images] == ['a<b>"&.png', "paraview/b.png"] and "no picture: none.png" in page.text,
   "PNG files of the folder", [i["alt"] for i in page.images])
(less / "samples.h5").unlink()
page, _, report, _ = page_of(less)
ok(report.status == 0 and "no draws" in page.text and "metrics" in page.sections, "without draws", report)

here, ran = run("stopped", command="train", more=["--stop-after", "9"])
page, _, report, _ = page_of(here / "out")
ok(ran.status == 75 and report.status == 0 and not page.faults, "a stopped run", ran, report, *page.faults[:9])
ok("stopped" in page.text and "--resume" in page.text and "of 20; loss" in page.text, "says so, and where", page.text[:500])

# --- Studies --------------------------------------------------------------------------------------------------------------

GRID = ["study.replicates=2", "study.grid.data.n=[200,400,800]", "study.grid.data.law=[mixture_b,ring6]"]
here, ran = run("study", *GRID, command="study")
page, text, report, left = page_of(here / "out")
ok(ran.status == 0 and report.status == 0 and left == ["report.html"], "a study", ran, report, left)
ok(not page.faults, "its page is well formed and complete in itself", *page.faults[:9])
ok("12 of 12 cases are done" in page.text and {"results", "cases", "provenance"} <= set(page.sections), "its cases", page.text[:400])
slopes = [line.split(",") for line in (here / "out/slopes.csv").read_text().splitlines()[1:]]
ok(all(float(s[7]) in page.numbers for s in slopes if s[7]), "every slope", slopes[:3])
ok(len(page.pictures) > 10 and "data.law=ring6" in page.text, "convergence plots, one colour for each law", len(page.pictures))
here, ran = run("failures", "study.replicates=1", "study.grid.train.rate=[0.001,5]", "train.clip=0", "train.score.steps=60",
                command="study")
page, _, report, _ = page_of(here / "out")
ok("1 of 2 cases are done, 1 failed" in page.text and not page.faults, "a study of which a case fails", ran, report, *page.faults[:9])
ok("train.rate=5 0 training score: " in page.text and "lower train.rate" in page.text, "says why", page.text[:600])
(here / "out/study.csv").unlink()
page, _, report, _ = page_of(here / "out")
ok(report.status == 0 and "no study.csv" in page.text, "a study without its table", report)

# --- What is wrong --------------------------------------------------------------------------------------------------------


def broken(name, change):
    there = folder(name, like=where)
    (there / "report.html").unlink()
    change(there)
    return there


good = (where / "report.json").read_bytes()
cut = [broken(f"cut at {k}", lambda there, k=k: (there / "report.json").write_bytes(good[:k])) for k in (0, 1, 60, len(good) // 2, len(good) - 2)]
WRONG = [
    ("no folder", SCRATCH / "nowhere", 1, "no such folder"),
    ("a file", TINY, 1, "is not a folder"),
    ("an empty folder", folder("empty"), 1, "no report.json"),
    *((there.name, there, 1, "report.json") for there in cut),
    ("zeros", broken("zeros", lambda there: (there / "report.json").write_bytes(bytes(500))), 1, "report.json"),
    ("not ours", broken("not ours", lambda there: (there / "report.json").write_text('{"a": [1, 2]}')), 1, "not a report of sbridge"),
    ("a newer report", broken("newer", lambda there: (there / "report.json").write_text('{"schema": 2}')), 1, "schema 2"),
    ("half of samples.h5", broken("half", lambda there: (there / "samples.h5").write_bytes((where / "samples.h5").read_bytes()[:9000])), 1, "samples.h5"),
    ("no HDF5", broken("no hdf5", lambda there: (there / "velocity.h5").write_text("x")), 1, "velocity.h5"),
    ("half a table", broken("half table", lambda there: (there / "history.csv").write_text("network,step,loss\nscore,1\n")), 1, "history.csv"),
    ("damaged settings", broken("settings", lambda there: (there / "used.yml").write_text("a: [1\nb: }")), 1, "used.yml"),
    ("a page that cannot be written", broken("taken", lambda there: (there / "report.html").mkdir()), 3, "report.html"),
]
for (name, there, status, words), ran in zip(WRONG, together([lambda w=w: sbridge(SCRATCH, "report", w[1]) for w in WRONG])):
    ok(ran.status == status and len(ran.lines) == 1 and words in ran.lines[0], name, ran)
ran = sbridge(SCRATCH, "report")
ok(ran.status == 1 and "FOLDER" in ran.err, "no word", ran)
ran = sbridge(SCRATCH, "report", where, "--resume")
ok(ran.status == 1 and "--resume is not for the command report" in ran.err, "an option of other commands", ran)
FAILS = (3, 40, 90, 200)
for k, ran in zip(FAILS, together([lambda k=k: sbridge(SCRATCH, "report", where, env={"SB_FAIL": f"memory:0:{k}"}) for k in FAILS])):
    ok(ran.status == 3 and len(ran.lines) == 1 and "memory" in ran.lines[0], f"no memory for block {k}: one line", ran)
ok((where / "report.html").read_bytes() == first, "the page that was there stays")
done()
