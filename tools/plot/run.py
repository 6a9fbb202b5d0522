"""The files of a run."""
import functools
import json

import h5py
import numpy as np

from .grids import principal_axes
from .style import Absent, Refused



MOST = 20_000_000  # numbers of one dataset that are looked at


class Run:
    """The folder of a run; files are read when a picture asks for them."""

    def __init__(self, folder, axes=None):
        self.folder, self.axes = folder, axes

    def open(self, name):
        """An HDF5 file of the folder, for reading."""
        path = self.folder / name
        if not path.is_file():
            raise Absent(f"there is no {path}")
        try:
            return h5py.File(path, "r")
        except OSError:
            raise Refused(f"{path}: not a whole HDF5 file") from None

    @functools.cached_property
    def samples(self):
        """x, stage1, training, nearest, each [rows, d] where it is there; image: a shape or None."""
        where = self.folder / "samples.h5"
        out = {}
        with self.open("samples.h5") as file:
            for name in ("x", "stage1", "training", "nearest"):
                if name not in file:
                    continue
                data = file[name]
                if data.ndim != 2 or (out and data.shape[1] != out["x"].shape[1]):
                    raise Refused(f"{where}: /{name} of shape {data.shape} is not a table like /x")
                out[name] = data[:max(2, MOST // max(1, data.shape[1]))].astype(float)
            image = file.attrs.get("image")
        if len(out.get("x", ())) < 2:
            raise Refused(f"{where}: has no draws in /x")
        out["image"] = None if image is None else tuple(int(i) for i in image)
        return out

    @functools.cached_property
    def clouds(self):
        """(name, [rows, d]) of the data and of the draws after each stage."""
        last = "After stage 2" if "stage1" in self.samples else "Draws"
        names = [("training", "Data"), ("stage1", "After stage 1"), ("x", last)]
        return [(label, self.samples[name]) for name, label in names if len(self.samples.get(name, ())) > 1]

    @functools.cached_property
    def view(self):
        """A map from rows [n, d] to the one to four columns that are shown, and their labels.

        Those chosen; else all coordinates up to four; else the first principal axes of the data.
        """
        d = self.samples["x"].shape[1]
        if self.axes and max(self.axes) >= d:
            raise Refused(f"--axes {max(self.axes)}: the draws have coordinates 0 to {d - 1}")
        if self.axes or d <= 4:
            keep = self.axes or list(range(d))
            return (lambda rows: rows[:, keep]), [coordinate(i) for i in keep]
        mean, axes, part = principal_axes(self.clouds[0][1], 4)
        labels = [f"principal axis {i + 1} ({100 * p:.0f} %)" for i, p in enumerate(part)]
        return (lambda rows: (rows - mean) @ axes.T), labels

    @functools.cached_property
    def report(self):
        """report.json as a dictionary, empty where it is not there."""
        path = self.folder / "report.json"
        try:
            return json.loads(path.read_text()) if path.is_file() else {}
        except ValueError:
            raise Refused(f"{path}: not JSON") from None

    def metric(self, name, stages=("",)):
        """The metric of this name that report.json has of one of these stages, as a dictionary; None without a value."""
        for m in self.report.get("metrics", []):
            if m.get("name") == name and m.get("stage") in stages and m.get("value") is not None:
                return m
        return None

    def energy_distance(self, stages):
        """How far the draws after a stage are from the truth, and how far perfect ones would be; or nothing."""
        m = self.metric("energy_distance", stages)
        if not m:
            return ""
        floor = "" if m.get("floor_q95") is None else f" (perfect < {m['floor_q95']:.1g})"
        return f"energy distance {m['value']:.2g}{floor}".replace("-", "\u2212")


def steps(file):
    """Groups /step_000000 ... of a file in order of time."""
    groups = [group for name, group in file.items() if name.startswith("step_")]
    return sorted(groups, key=lambda group: (group.attrs["leg"], group.attrs["t"]))


def spaced(number):
    """12 345"""
    return f"{number:,.0f}".replace(",", "\u2009")


def coordinate(i):
    """Label of a coordinate, counted from 0."""
    return f"$x_{{{i + 1}}}$"
