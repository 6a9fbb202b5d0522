#!/usr/bin/env python3
"""What a run leaves, seen by others: h5py, XML and JSON readers, ParaView's where VTK is here; for one, two, three and
five dimensions. And used.yml repeats a run to the bit."""

import csv
import json
import os
import re
import sys
import xml.etree.ElementTree as xml

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))
import h5py
import numpy as np
from program import TINY, TOP, done, folder, ok, sbridge, skip, subprocess, together

TINY = TINY.read_text()
LAW = "law: mixture_b, n: 700"
N, TRACKED, KEPT = 333, 100, 200  # of tiny.yml: draws, recorded particles, training rows kept

numbers = np.random.default_rng(5)
TABLE = numbers.normal(size=(700, 5)) @ numbers.normal(size=(5, 5)) * [1, 10, 0.1, 1, 1] + [0, 50, 0, -3, 0]
CASES = {
    # name: dimensions, deck, legs
    "plane": (2, TINY, 2),
    "line": (1, TINY.replace(LAW, "law: gaussian, dimension: 1, variance: 4, n: 700"), 2),
    "space": (3, TINY.replace(LAW, "law: gaussian, dimension: 3, n: 700").replace("n: 333", "n: 333, start: gauss"), 1),
    "table": (5, TINY.replace(LAW, "file: ../table.h5"), 2),
    "whitened": (5, TINY.replace(LAW, "file: ../table.h5, standardise: whiten"), 2),
    "components": (5, TINY.replace(LAW, "file: ../table.h5, standardise: scale, project: pca, components: 4"), 2),
}


# --- CRC-64/XZ, in Python ---------------------------------------------------------------------------------------------
def crc_table():
    for i in range(256):
        for _ in range(8):
            i = i >> 1 ^ (0xC96C5795D7870F42 if i & 1 else 0)
        yield i


CRC = list(crc_table())


def crc64(data):
    crc = 2**64 - 1
    for byte in data:
        crc = CRC[(crc ^ byte) & 255] ^ crc >> 8
    return f"{crc ^ 2**64 - 1:016x}"


assert crc64(b"123456789") == "995dc9bbdf1939fa"  # the value that the catalogue of CRCs gives


# --- Any file of HDF5 -------------------------------------------------------------------------------------------------
def datasets(f):
    found = {}
    f.visititems(lambda name, x: found.update({name: x}) if isinstance(x, h5py.Dataset) else None)
    return found


def raw_bytes(x):
    value = x[()]
    return value if isinstance(value, bytes) else np.ascontiguousarray(value).tobytes()


def faults_of(x):
    """What is wrong with a dataset."""
    lacks = [a for a in ("unit", "meaning", "crc") if not isinstance(x.attrs.get(a), str) or not x.attrs[a].strip()]
    if lacks:
        return f"lacks {lacks}"
    if x.attrs["crc"] != crc64(raw_bytes(x)):
        return "has another checksum"
    if x.dtype.kind == "f" and not np.isfinite(x[()]).all():
        return "is not finite"
    return None


ABOUT = "version git compiler flags mpi hdf5 blas blas_core kernels hosts command date deck ranks nodes".split()


def check_hdf5(name, there):
    files = sorted(there.glob("*.h5"))
    wrong, lacking, of_others = [], [], []
    for path in files:
        with h5py.File(path) as f:
            wrong += [f"{path.name}{x.name} {why}" for x in datasets(f).values() if (why := faults_of(x))]
            lacking += [f"{path.name}: {a}" for a in ABOUT if a not in f["about"].attrs]
            of_others += [path.name] if f["about"].attrs["deck"] != (there / "used.yml").read_text() else []
    ok(len(files) >= 6 and not wrong, f"{name}: {len(files)} files; unit, meaning, checksum, finite numbers", wrong)
    ok(not lacking and not of_others, f"{name}: every file knows where it comes from", lacking, of_others)
    times = [
        f.name for f in files if "Modified" in subprocess.run(["h5ls", "-rv", f], capture_output=True, text=True).stdout
    ]
    ok(not times, f"{name}: no times of objects", times)


def check_parents(name, there):
    model = crc64((there / "checkpoint.h5").read_bytes())
    for path in sorted(there.glob("*.h5")):
        if path.name.startswith("checkpoint"):
            continue
        with h5py.File(path) as f:
            about = dict(f["about"].attrs)
        ok(
            about.get("parent", "").endswith("checkpoint.h5") and about["parent_crc"] == model,
            f"{name}: {path.name} names the checkpoint that it comes from",
            about.get("parent"),
        )


# --- Points -----------------------------------------------------------------------------------------------------------
def check_picture(name, what, group, x, projection):
    """x3 is what viewers show of x."""
    if x.shape[1] == 3:
        return ok("x3" not in group, f"{name}: {what}: three coordinates are shown as they are")
    seen = np.zeros((len(x), 3))
    if x.shape[1] < 3:
        seen[:, : x.shape[1]] = x
    else:
        seen = (x - projection["mean"]) @ projection["axes"].T
        single = all(np.array_equal(group[f"x_{k}"][:], x[:, k]) for k in range(x.shape[1]))
        ok(single, f"{name}: {what}: every coordinate by itself")
    return ok(np.allclose(group["x3"][:], seen, rtol=1e-12, atol=1e-12), f"{name}: {what}: x3 shows x")


def read_projection(f):
    return {key: f["projection"][key][()] for key in f["projection"]} if "projection" in f else None


def check_projection(name, p, data):
    """Axes against those of all rows of the table: the run left some out, to hold them against what it learned."""
    values, vectors = np.linalg.eigh(np.cov(data.T))
    off = np.abs(p["axes"] @ vectors[:, ::-1][:, :3]) - np.eye(3)
    ok(np.allclose(p["axes"] @ p["axes"].T, np.eye(3), atol=1e-10), f"{name}: principal axes are orthonormal")
    if name == "components":
        return
    ok(np.abs(off).max() < 0.1, f"{name}: those of the raw coordinates", off)
    ok(np.allclose(p["mean"], data.mean(0), atol=4 * data.std(0).max() / len(data) ** 0.5), f"{name}: around the mean")
    ok(np.allclose(p["explained_variance"], values[::-1][:3] / values.sum(), atol=0.02), f"{name}: of this variance")


def check_samples(name, there, d, legs):
    with h5py.File(there / "samples.h5") as f:
        x, projection = f["x"][:], read_projection(f)
        shapes = {key: x.shape for key, x in datasets(f).items()}
        want = {"x": (N, d), "id": (N,), "connectivity": (N,), "training": (KEPT, d)} | (
            {"stage1": (N, d)} if legs == 2 else {}
        )
        ok(
            want.items() <= shapes.items() and ("stage1" in shapes) == (legs == 2),
            f"{name}: shapes of samples.h5",
            shapes,
        )
        ok(
            np.array_equal(f["id"][:], np.arange(N)) and np.array_equal(f["connectivity"][:], np.arange(N)),
            f"{name}: ids",
        )
        check_picture(name, "samples", f, x, projection)
        if d == 5:
            check_projection(name, projection, TABLE)
        return x, f["stage1"][:] if legs == 2 else None


# --- Trajectories -----------------------------------------------------------------------------------------------------
def read_frames(there):
    """Frames of all parts in order, and whether parts and groups are numbered through."""
    parts = [there / "trajectories.h5", *sorted(there.glob("trajectories.p*.h5"))]
    frames, good = [], True
    for number, path in enumerate(parts):
        with h5py.File(path) as f:
            groups = sorted(key for key in f if key.startswith("step_"))
            good &= f.attrs["part"] == number and np.array_equal(f["id"][:], np.arange(TRACKED))
            good &= path.name == (f"trajectories.p{number:04d}.h5" if number else "trajectories.h5")
            good &= groups == [f"step_{len(frames) + i:06d}" for i in range(len(groups))]
            for key in groups:
                g = f[key]
                frames.append(
                    {**{a: g.attrs[a].item() for a in ("time", "leg", "t", "step")}, "x": g["x"][:], "v": g["v"][:]}
                )
            check_picture(
                there.parent.name, f"{path.name} {groups[-1]}", f[groups[-1]], f[groups[-1]]["x"][:], read_projection(f)
            )
    return parts, frames, good


def check_trajectories(name, there, d, legs, x, middle):
    parts, frames, good = read_frames(there)
    times = [f["time"] for f in frames]
    steps = {(f["leg"], f["step"]): f for f in frames}
    ok(
        good and len(parts) == -(-len(frames) // 3),
        f"{name}: {len(frames)} frames in {len(parts)} parts, numbered through",
    )
    ok(
        all(a < b for a, b in zip(times, times[1:])) and times[0] == 0 and times[-1] == legs,
        f"{name}: time goes on",
        times,
    )
    ok(all(abs(f["leg"] + f["t"] - f["time"]) < 1e-15 for f in frames), f"{name}: time is leg + t")
    ok(all(f["x"].shape == f["v"].shape == (TRACKED, d) for f in frames), f"{name}: their shapes")
    ok(len(frames) == 4 * legs + 1, f"{name}: four frames for each stage, and the end", len(frames))
    ok(np.array_equal(frames[-1]["x"], x[:TRACKED]), f"{name}: the last frame has the draws")
    if legs == 2:
        ok(np.array_equal(steps[1, 0]["x"], middle[:TRACKED]), f"{name}: stage 2 begins where stage 1 ended")
        ok(np.ptp(frames[0]["x"], 0).max() == 0, f"{name}: stage 1 begins in one point")
    ok(all(np.abs(f["v"]).max() > 0 for f in frames[1:]), f"{name}: velocities are there")


# --- Fields -----------------------------------------------------------------------------------------------------------
def check_velocity(name, there, d, legs):
    with h5py.File(there / "velocity.h5") as f:
        grid = {key: np.atleast_1d(value) for key, value in f["grid"].attrs.items()}
        nx, ny, nz = (int(n) for n in grid["shape"])
        groups = sorted(key for key in f if key.startswith("step_"))
        times = [f[key].attrs["time"] for key in groups]
        arrays = {"velocity": (nz, ny, nx, 3)} | (
            {"exact": (nz, ny, nx, 3), "density": (nz, ny, nx)} if name in ("plane", "line", "space") else {}
        )
        shapes = [{key: x.shape for key, x in f[group].items()} for group in groups]
        ok((nx, ny, nz) == {1: (9, 1, 1), 3: (9, 9, 9)}.get(d, (9, 9, 1)), f"{name}: shape of the grid", grid)
        ok(all(s == arrays for s in shapes), f"{name}: shapes of fields", shapes[0])
        ok(
            len(groups) == 3 * legs and all(a < b for a, b in zip(times, times[1:])),
            f"{name}: three times for each stage",
            times,
        )
        ok([f[key].attrs["t"] for key in groups][:2] == [0, 0.6], f"{name}: those asked for")
        if d <= 3:
            with h5py.File(there / "samples.h5") as s:
                training = s["training"][:]
            low = grid["origin"][:d]
            ok(
                (low < training.min(0)).all() and (low + 8 * grid["spacing"][:d] > training.max(0)).all(),
                f"{name}: around the data",
            )


# --- XDMF -------------------------------------------------------------------------------------------------------------
KINDS = {("Float", "4"): "f4", ("Float", "8"): "f8", ("Int", "4"): "i4", ("Int", "8"): "i8", ("UChar", "1"): "u1"}


def faults_of_item(item, there):
    """What is wrong with a reference to a dataset."""
    if item.get("Format") != "HDF":
        return None if item.get("Format") == "XML" else "is of no known format"
    file, path = item.text.strip().split(":")
    if "/" in file or not (there / file).exists():
        return f"{item.text}: no such file beside it"
    with h5py.File(there / file) as f:
        if path not in f:
            return f"{item.text}: no such dataset"
        if f[path].shape != tuple(map(int, item.get("Dimensions").split())):
            return f"{item.text}: {item.get('Dimensions')}, not {f[path].shape}"
        if f[path].dtype != KINDS.get((item.get("NumberType"), item.get("Precision", "4"))):
            return f"{item.text}: not {f[path].dtype}"
    return None


def time_of(grid, there):
    """The attribute time of the group that a grid shows; 0 for samples."""
    items = [i.text.strip() for i in grid.iter("DataItem") if i.get("Format") == "HDF" and "/step_" in i.text]
    if not items:
        return 0.0
    file, path = items[0].split(":")
    with h5py.File(there / file) as f:
        return float(f[path].parent.attrs["time"])


def check_xdmf(name, there, which, frames, clouds):
    text = (there / f"{which}.xmf").read_bytes()
    root = xml.fromstring(text)
    grids = [g for g in root.iter("Grid") if g.get("GridType") == "Uniform"]
    faults = [why for item in root.iter("DataItem") if (why := faults_of_item(item, there))]
    ok(text == (there / f"{which}.xdmf2").read_bytes(), f"{name}: {which}.xmf is {which}.xdmf2")
    ok(not faults, f"{name}: {which}.xmf refers to what is there, of its shape and type", faults)
    ok(len(grids) == frames, f"{name}: {which}.xmf has all {frames} times", len(grids))
    stated = [float(g.find("Time").get("Value")) for g in grids]
    ok(stated == [time_of(g, there) for g in grids] == sorted(stated), f"{name}: {which}.xmf has their times", stated)
    vectors = all(
        a.find("DataItem").get("Dimensions").endswith(" 3")
        for a in root.iter("Attribute")
        if a.get("AttributeType") == "Vector"
    )
    ids = all(any(a.get("Name") == "id" for a in g.iter("Attribute")) for g in grids)
    kinds = {t.get("TopologyType") for t in root.iter("Topology")}
    ok(
        vectors and ids == clouds and kinds == {"Polyvertex" if clouds else "3DCoRectMesh"},
        f"{name}: {which}.xmf in the dialect that viewers take",
        vectors,
        ids,
        kinds,
    )


# --- Report and tables ------------------------------------------------------------------------------------------------
REAL, TEXT, WHOLE = (int, float, type(None)), str, int
METRIC = dict(
    name=TEXT,
    stage=TEXT,
    t=REAL,
    value=(int, float),
    stderr=REAL,
    floor=REAL,
    floor_q95=REAL,
    floor_train=REAL,
    baseline=REAL,
    n=WHOLE,
    m=WHOLE,
    better=TEXT,
    target=REAL,
)
REPORT = dict(
    schema=WHOLE,
    method=TEXT,
    seed=WHOLE,
    status=TEXT,
    deck=TEXT,
    metrics=[METRIC],
    tables={},
    errors=dict(time_step=REAL, score=REAL, ratio=REAL, monte_carlo=REAL),
    phases=[dict(name=TEXT, mean=(int, float), min=(int, float), max=(int, float), rank_max=WHOLE)],
    memory=dict(predicted=WHOLE, peak=WHOLE),
    files=[dict(path=TEXT, bytes=WHOLE, crc=TEXT)],
)


def misfits(value, schema, where="report"):
    """Places where a value is not as its schema says."""
    if isinstance(schema, dict):
        if not isinstance(value, dict) or list(value) != list(schema):
            return [f"{where}: {list(value)}"]
        return [m for key in schema for m in misfits(value[key], schema[key], f"{where}.{key}")]
    if isinstance(schema, list):
        return (
            [m for i, v in enumerate(value) for m in misfits(v, schema[0], f"{where}[{i}]")]
            if value
            else [f"{where} is empty"]
        )
    return [] if isinstance(value, schema) and not isinstance(value, bool) else [f"{where}: {value!r}"]


def check_report(name, there, known):
    report = json.loads((there / "report.json").read_text())
    faults = misfits(report, REPORT)
    if not ok(not faults, f"{name}: report.json has schema 1", faults):
        return
    names = [m["name"] for m in report["metrics"]]
    ok(report["deck"] == crc64((there / "used.yml").read_bytes()), f"{name}: it is of used.yml")
    ok(
        (report["schema"], report["method"], report["seed"], report["status"]) == (1, "two_stage", 3, "done"),
        f"{name}: its head",
    )
    ok(
        all(
            m["better"] in ("less", "more", "target") and (m["target"] is None) == (m["better"] != "target")
            for m in report["metrics"]
        ),
        f"{name}: its metrics say what is better",
    )
    ok(
        {"energy_distance", "mmd", "sliced_w2", "w2"} <= set(names) and ("drift_rmse" in names) == known,
        f"{name}: its metrics",
        names,
    )
    ok(
        all(
            (value is None) != known or name == "space" and key in ("ratio", "monte_carlo")
            for key, value in report["errors"].items()
        ),
        f"{name}: its errors",
        report["errors"],
    )
    total = {p["name"]: p for p in report["phases"]}
    ok(
        report["phases"][-1]["name"] == "total"
        and all(
            p["min"] <= p["mean"] * 1.0001
            and p["mean"] <= p["max"] * 1.0001 <= total["total"]["max"] * 1.001
            and 0 <= p["rank_max"] < 3
            for p in report["phases"]
        ),
        f"{name}: its times",
        report["phases"],
    )
    ok(0 < report["memory"]["peak"] <= report["memory"]["predicted"], f"{name}: memory was foreseen", report["memory"])
    listed = {f["path"]: (f["bytes"], f["crc"]) for f in report["files"]}
    found = {p.name: (p.stat().st_size, crc64(p.read_bytes())) for p in there.iterdir() if p.name in listed}
    expected = {p.name for p in there.glob("*.h5") if not re.match(r"checkpoint\.\d", p.name)} | {
        "history.csv",
        "timing.csv",
        "used.yml",
    }
    ok(
        listed == found and set(listed) == expected,
        f"{name}: its files, their sizes and checksums",
        set(listed) ^ expected,
    )


def check_history(name, there):
    with h5py.File(there / "checkpoint.h5") as f:
        for table, group, head in (
            ("history", "history", "network,step,loss,validation,gradient_norm,rate"),
            ("timing", "timing", "network,step,seconds,rows_per_second,communication"),
        ):
            with open(there / f"{table}.csv", newline="") as text:
                lines = list(csv.reader(text))
            rows = [[net, *row] for net in sorted(f[group], reverse=True) for row in f[group][net][()]]
            good = len(lines) == len(rows) + 1 and all(
                a[0] == b[0] and np.allclose([float(v or "nan") for v in a[1:]], b[1:], rtol=1e-8, equal_nan=True)
                for a, b in zip(lines[1:], rows)
            )
            ok(
                ",".join(lines[0]) == head and good,
                f"{name}: {table}.csv is /{group} of the checkpoint",
                lines[:3],
                rows[:3],
            )


def check_repeated(name, there, run, again):
    same = subprocess.run([TOP / "tools" / "same.sh", there, again], capture_output=True, text=True)
    ok(
        run.status == 0
        and same.returncode == 0
        and (there / "history.csv").read_bytes() == (again / "history.csv").read_bytes(),
        f"{name}: used.yml repeats the run to the bit",
        run,
        same.stdout,
    )
    ok((there / "used.yml").read_bytes() == (again / "used.yml").read_bytes(), f"{name}: and is its own used.yml")


# --- ParaView's reader ------------------------------------------------------------------------------------------------
LOOK = """
import sys, vtk
reader = vtk.vtkXdmfReader()
reader.SetFileName(sys.argv[1])
reader.UpdateInformation()
times = reader.GetOutputInformation(0).Get(vtk.vtkStreamingDemandDrivenPipeline.TIME_STEPS()) or [0]
reader.UpdateTimeStep(times[-1])
block = reader.GetOutputDataObject(0)
data = block if block.IsA("vtkDataSet") else block.NewIterator().GetCurrentDataObject()
print(len(times), data.GetNumberOfPoints(), data.GetNumberOfCells())
"""


def check_viewer(name, there, frames, d):
    if subprocess.run([sys.executable, "-c", "import vtk"], capture_output=True).returncode:
        return skip(f"{name}: no VTK here")
    for which, want in (
        ("samples", (1, N, N)),
        ("trajectories", (frames, TRACKED, TRACKED)),
        ("velocity", (None, 9 ** {1: 1, 3: 3}.get(d, 2), None)),
    ):
        run = subprocess.run(
            ["timeout", "-s", "KILL", "60", sys.executable, "-c", LOOK, there / f"{which}.xmf"],
            capture_output=True,
            text=True,
        )
        got = tuple(map(int, run.stdout.split())) if run.returncode == 0 else None
        ok(
            got and all(w is None or w == g for w, g in zip(want, got)),
            f"{name}: VTK reads {which}.xmf",
            got,
            want,
            run.stderr,
        )


# --- All cases --------------------------------------------------------------------------------------------------------
top = folder("files")
with h5py.File(top / "table.h5", "w") as f:
    f["x"] = TABLE


def both(name):
    there, again = folder(f"files/{name}"), folder(f"files/{name}-again")
    (there / "deck.yml").write_text(CASES[name][1])
    run = sbridge(there, "run", "deck.yml", ranks=3)
    if run.status == 0:
        (again / "deck.yml").write_bytes((there / "out" / "used.yml").read_bytes())
    return there / "out", run, again / "out", sbridge(again, "run", "deck.yml", ranks=2)


for name, (there, run, again, repeated) in zip(CASES, together([lambda n=n: both(n) for n in CASES])):
    d, _, legs = CASES[name]
    known = name in ("plane", "line", "space")
    if not ok(run.status == 0 and not run.err, f"{name}: a run", run):
        continue
    check_hdf5(name, there)
    check_parents(name, there)
    x, middle = check_samples(name, there, d, legs)
    check_trajectories(name, there, d, legs, x, middle)
    check_velocity(name, there, d, legs)
    for which, frames, clouds in (
        ("samples", 1, True),
        ("trajectories", 4 * legs + 1, True),
        ("velocity", 3 * legs, False),
    ):
        check_xdmf(name, there, which, frames, clouds)
    check_report(name, there, known)
    check_history(name, there)
    check_repeated(name, there, repeated, again)
    check_viewer(name, there, 4 * legs + 1, d)
done()
