#!/usr/bin/env python3
"""Pictures of a run, from the files of its folder.

  tools/plot.py DIR [--out DIR] [--format png|pdf] [--axes I,J,...]

  density       the data, the draws after stage 1 and after stage 2, in one box    samples.h5
  corner        marginals of three or four coordinates, draws over data (d > 2)    samples.h5
  samples       draws, and draws beside their nearest training rows (of pictures)  samples.h5
  trajectories  paths of particles, coloured by stage and time                     trajectories.h5, .p0001.h5 ...
  velocity      exact and learned drift at the end of each stage, and the error    velocity.h5
  loss          training and validation loss of each network                       checkpoint.h5

A picture whose file is not there is left out, and a line says so. report.json, where it is there, adds distances.

Exit status: 0 done, 1 wrong data or files, 2 wrong command line.
"""
import argparse
import functools
import json
import pathlib
import sys

try:
    import h5py
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np
    from matplotlib.collections import LineCollection
    from matplotlib.colors import LinearSegmentedColormap, PowerNorm
except ImportError as missing:
    sys.exit(f"plot: {missing}; `make deps` installs it for {sys.executable} or names what is needed")


class Refused(Exception):
    """What is wrong with the input, for the user."""


class Absent(Exception):
    """Why a picture is left out."""


# --- Style: colours of Okabe and Ito, and maps whose lightness only falls, which all readers can tell apart --


def ramp(*colours):
    return LinearSegmentedColormap.from_list("ramp", colours)


BLUE, ORANGE, GREY, INK, DIM, FAINT = "#0072B2", "#D55E00", "#DCDCDC", "#222222", "#555555", "#B4B4B4"
DENSITY = ramp("#FFFFFF", "#D3E4F2", "#86B8DC", "#3C86BF", "#154F8F", "#08234B")
PALE = ramp("#FFFFFF", "#CFE3F3", "#9CC7E6")
ERROR = ramp("#FFFFFF", "#FBD9C3", "#F0945D", "#D55E00", "#6E2C00")
STAGES = [ramp("#F7CF9C", "#E68A2E", "#A04008"), ramp("#A4D0EB", "#3C8DC4", "#07305A")]

WIDTH = 7.2  # inches: two columns of a journal
STYLE = {
    "figure.dpi": 200, "savefig.dpi": 200, "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans", "font.size": 8, "mathtext.fontset": "dejavusans",
    "axes.titlesize": 9, "axes.titlepad": 5, "axes.labelsize": 8.5, "axes.linewidth": 0.6, "axes.edgecolor": INK,
    "axes.labelcolor": INK, "text.color": INK, "xtick.color": INK, "ytick.color": INK,
    "xtick.labelsize": 7, "ytick.labelsize": 7, "xtick.major.width": 0.6, "ytick.major.width": 0.6,
    "xtick.major.size": 2.5, "ytick.major.size": 2.5, "xtick.minor.width": 0.4, "ytick.minor.width": 0.4,
    "xtick.minor.size": 1.5, "ytick.minor.size": 1.5, "legend.frameon": False, "legend.fontsize": 7.5,
    "legend.handlelength": 1.6, "pdf.fonttype": 42,
}

# --- Reading --------------------------------------------------------------------------------------------------------

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

    def energy_distance(self, stages):
        """How far the draws after a stage are from the truth, and how far perfect ones would be; or nothing."""
        for m in self.report.get("metrics", []):
            if m.get("name") == "energy_distance" and m.get("stage") in stages and m.get("value") is not None:
                floor = "" if m.get("floor_q95") is None else f" (perfect < {m['floor_q95']:.1g})"
                return f"energy distance {m['value']:.2g}{floor}".replace("-", "\u2212")
        return ""


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


# --- Densities on grids ---------------------------------------------------------------------------------------------


def box_of(clouds, margin=0.08):
    """low [d], high [d] of a box around the bulk of all clouds [n, d]."""
    low = np.min([np.quantile(c, 0.002, axis=0) for c in clouds], axis=0)
    high = np.max([np.quantile(c, 0.998, axis=0) for c in clouds], axis=0)
    pad = margin * np.where(high > low, high - low, 1)
    return low - pad, high + pad


def alike(low, high):
    """Are the sides of a box of comparable length?"""
    return max(np.subtract(high, low)) <= 4 * min(np.subtract(high, low))


def square(low, high):
    """A box of two like sides made square around its middle; one of unlike sides as it is."""
    half = max(high - low) / 2
    return ((low + high) / 2 - half, (low + high) / 2 + half) if alike(low, high) else (low, high)


def damping(shape, h):
    """Factor on the spectrum of a grid that smooths by a Gaussian of standard deviation h cells."""
    frequencies = [np.fft.fftfreq(n) for n in shape[:-1]] + [np.fft.rfftfreq(shape[-1])]
    return np.exp(-2 * (np.pi * h) ** 2 * sum(k ** 2 for k in np.meshgrid(*frequencies, indexing="ij")))


def bandwidth(counts):
    """Standard deviation, in cells, of the Gaussian kernel for a histogram: least-squares cross-validation.

    Minimises the integral of f^2 less twice the mean of f at the points, f there without the point itself. Both follow
    from the power spectrum. Tries fractions of what would be best for a normal law, and takes the largest of those that
    are about as good as the best.
    """
    n, d = counts.sum(), counts.ndim
    power = np.abs(np.fft.rfftn(counts)) ** 2 / (counts.size * n ** 2)
    power[..., 1:(counts.shape[-1] + 1) // 2] *= 2  # the half of the spectrum that rfftn leaves out

    def score(h):
        k = damping(counts.shape, h)
        own = (2 * np.pi * h ** 2) ** (-d / 2) / n
        return (power * k * k).sum() - 2 * ((power * k).sum() - own)

    variance = 0
    for i in range(d):
        p = counts.sum(axis=tuple(j for j in range(d) if j != i)) / n
        at = np.arange(len(p))
        variance += (p * (at - (p * at).sum()) ** 2).sum() / d
    normal = np.sqrt(variance) * n ** (-1 / (d + 4))
    tried = np.maximum(1, normal * np.geomspace(0.15, 1.1, 20))
    scores = np.array([score(h) for h in tried])
    return tried[scores <= scores.min() + 0.005 * abs(scores.min())].max()


def kernel_density(points, low, high, cells):
    """Density of points [n, d], d = 1 or 2, at cell centres of a box: their coordinates, and f [cells] * d, y first."""
    pad = 0.15 * (high - low)  # the smoothing is periodic; what it wraps around lies outside of the picture
    low, high = low - pad, high + pad
    counts = np.histogramdd(points, cells, list(zip(low, high)))[0].T
    at = [a + (np.arange(cells) + 0.5) * (b - a) / cells for a, b in zip(low, high)]
    if counts.sum() < 2:
        return at, counts
    f = np.fft.irfftn(np.fft.rfftn(counts) * damping(counts.shape, bandwidth(counts)), s=counts.shape)
    return at, np.maximum(f, 0) / (len(points) * np.prod((high - low) / cells))


def levels(f, masses):
    """Densities above which these fractions of the mass lie: ascending, different."""
    f = np.sort(f.ravel())[::-1]
    mass = np.cumsum(f) / max(f.sum(), 1e-300)
    return sorted({float(f[min(np.searchsorted(mass, m), len(f) - 1)]) for m in masses})


def principal_axes(rows, most):
    """Mean [d], axes [most, d] and fractions of variance [most] of the first rows [n, d]."""
    mean = rows.mean(axis=0)
    x = rows[:1000] - mean
    wide = x.shape[1] > len(x)
    variance, vectors = np.linalg.eigh(x @ x.T if wide else x.T @ x)
    axes = ((x.T @ vectors) if wide else vectors).T[:-most - 1:-1]
    axes *= np.sign(axes[np.arange(most), np.abs(axes).argmax(axis=1)])[:, None]
    return mean, axes / np.linalg.norm(axes, axis=1, keepdims=True), variance[:-most - 1:-1] / variance.sum()


# --- Parts of pictures ----------------------------------------------------------------------------------------------


def canvas(rows, columns, height, **options):
    """A figure of the common width, and its axes [rows, columns]."""
    return plt.subplots(rows, columns, figsize=(WIDTH, height), squeeze=False, **options)


def bar(figure, mappable, axes, label, **options):
    """A colour bar as high as the axes that it stands beside."""
    out = figure.colorbar(mappable, cax=axes.inset_axes([1.04, 0, 0.045, 1]), label=label, **options)
    out.locator = plt.MaxNLocator(6)
    out.formatter.set_powerlimits((-2, 3))
    out.update_ticks()
    out.outline.set_visible(False)
    out.ax.tick_params(length=2)


def open_box(axes):
    """Takes away the two sides that carry no scale."""
    axes.spines["top"].set_visible(False)
    axes.spines["right"].set_visible(False)


def frame(axes, low, high):
    """Limits low [2] .. high [2], one unit as long on both axes where they are alike."""
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal" if alike(low, high) else "auto")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(plt.MaxNLocator(9, steps=[1, 2, 5, 10]))


def remark(axes, text):
    """A small line between the axes and their title."""
    axes.annotate(text, (0.5, 1), (0, 2.5), "axes fraction", "offset points", ha="center", fontsize=6, color=DIM)


def field_image(axes, x, y, f, cmap, **options):
    """f [ny, nx] at points x [nx], y [ny] as a smooth picture."""
    half = (x[1] - x[0]) / 2, (y[1] - y[0]) / 2
    extent = x[0] - half[0], x[-1] + half[0], y[0] - half[1], y[-1] + half[1]
    return axes.imshow(f, origin="lower", extent=extent, cmap=cmap, interpolation="bilinear", aspect="auto", **options)


# --- density and corner ---------------------------------------------------------------------------------------------


def draw_density(run):
    look, labels = run.view
    clouds = [(name, look(rows)[:, :2]) for name, rows in run.clouds]
    if len(labels) == 1:
        return density_curves(clouds, labels[0])
    low, high = square(*box_of([rows for _, rows in clouds]))
    found = [kernel_density(rows, low, high, 256) for _, rows in clouds]
    top = max(levels(found[0][1], [0.01]))
    figure, (row,) = canvas(1, len(clouds), 2.62 if len(clouds) > 2 else 3.5, sharex=True, sharey=True)
    for axes, (name, rows), ((x, y), f) in zip(row, clouds, found):
        image = field_image(axes, x, y, f, DENSITY, norm=PowerNorm(0.45, 0, top))
        axes.contour(x, y, f, levels=levels(f, [0.5, 0.95]), colors=INK, linewidths=[0.35, 0.6], alpha=0.75)
        frame(axes, low, high)
        axes.set_xlabel(labels[0])
        axes.set_title(name, pad=11)
        stages = {"Data": [], "After stage 1": ["1"]}.get(name, ["", "2"])
        remark(axes, run.energy_distance(stages) or f"{spaced(len(rows))} points")
    row[0].set_ylabel(labels[1])
    bar(figure, image, row[-1], "density (1/x²)", extend="max")
    return figure


def density_curves(clouds, label):
    """The densities of clouds [n, 1] as curves."""
    low, high = box_of([rows for _, rows in clouds])
    figure, ((axes,),) = canvas(1, 1, 2.8)
    for name, rows in clouds:
        (x,), f = kernel_density(rows, low, high, 1024)
        if name == "Data":
            axes.fill_between(x, f, color=GREY, lw=0, label=name)
        else:
            first = name == "After stage 1"
            axes.plot(x, f, color=ORANGE if first else BLUE, lw=1.4, ls=(0, (4, 1.5)) if first else "-", label=name)
    axes.set(xlim=(low[0], high[0]), ylim=(0, None), xlabel=label, ylabel="density (1/x)")
    axes.legend()
    open_box(axes)
    return figure


def draw_corner(run):
    look, labels = run.view
    count = min(len(labels), 4)
    if count < 3:
        raise Absent("there are fewer than three coordinates")
    clouds = [look(run.samples[name])[:, :4] for name in ("training", "x") if name in run.samples]
    low, high = box_of(clouds, 0.05)
    figure, grid = canvas(count, count, WIDTH)
    for i, j in np.ndindex(count, count):
        axes, these = grid[i, j], [i] if i == j else [j, i]
        if j > i:
            axes.axis("off")
            continue
        marginal(axes, [rows[:, these] for rows in clouds], low[these], high[these])
        axes.tick_params(labelbottom=i == count - 1, labelleft=j == 0 and i > 0)
        axes.set(xlabel=labels[j] if i == count - 1 else None, ylabel=labels[i] if j == 0 and i > 0 else None)
    keys = [plt.Rectangle((0, 0), 1, 1, fc="#C4C4C4", lw=0), plt.Line2D([], [], color=BLUE, lw=1.3)]
    grid[0, -1].legend(keys[-len(clouds):], ["data", "draws"][-len(clouds):], loc="upper right", fontsize=9)
    return figure


def marginal(axes, clouds, low, high):
    """One or two coordinates of the data (first of two clouds [n, 1 or 2], in grey) and the draws (last, in blue)."""
    found = [kernel_density(rows, low, high, 512 if len(low) == 1 else 128) for rows in clouds]
    (at, data), (_, draws) = found[0], found[-1]
    if len(low) == 1:
        if len(clouds) > 1:
            axes.fill_between(at[0], data, color=GREY, lw=0)
        axes.plot(at[0], draws, color=BLUE, lw=1.2)
        axes.set(xlim=(low[0], high[0]), ylim=(0, None), yticks=[])
        axes.spines["left"].set_visible(False)
        open_box(axes)
        return
    if len(clouds) > 1:
        edges = levels(data, [0.1, 0.5, 0.95])
        greys = ["#E4E4E4", "#CFCFCF", "#B4B4B4"][-len(edges):]
        axes.contourf(*at, data, levels=[*edges, 2 * data.max()], colors=greys)
    axes.contour(*at, draws, levels=levels(draws, [0.1, 0.5, 0.95]), colors=BLUE, linewidths=0.8)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))


# --- samples --------------------------------------------------------------------------------------------------------

SHEET = 8, 16  # pictures on a sheet: rows, and columns in all


def draw_samples(run):
    draws, image = run.samples["x"], run.samples["image"]
    if image is None:
        raise Absent("the draws are not pictures")
    if len(image) not in (2, 3) or np.prod(image) != draws.shape[1]:
        raise Refused(f"{run.folder / 'samples.h5'}: pictures of shape {image} do not have {draws.shape[1]} numbers")
    known = run.samples.get("training", draws)
    near = run.samples.get("nearest", draws[:0])
    rows, columns = SHEET
    pairs = min(len(near), rows * 4)
    wide = -(-pairs // rows)
    alone = draws[pairs:] if len(draws) >= 2 * pairs else draws

    def show(x):
        return pictures(np.clip((x - known.min()) / (known.max() - known.min()), 0, 1), image)

    parts = [("Draws", sheet(show(alone[:rows * (columns - 2 * wide)]), rows, 2))]
    if pairs:
        both = np.concatenate([show(draws[:pairs]), show(near[:pairs])], axis=2)
        parts.append(("Draws | nearest training rows", sheet(both, rows, 2)))
    widths = [part.shape[1] for _, part in parts]
    height = WIDTH * parts[0][1].shape[0] / (1.03 * sum(widths)) + 0.3
    figure, (row,) = canvas(1, len(parts), height, gridspec_kw={"width_ratios": widths})
    figure.set_constrained_layout_pads(wspace=0.05)
    for axes, (title, part) in zip(row, parts):
        axes.imshow(part, interpolation="nearest")
        axes.set_title(title)
        axes.axis("off")
    return figure


def pictures(x, image):
    """Rows x [n, pixels] as colours [n, height, width, 3]; image: (rows, columns), with channels last or first."""
    x = x.reshape(len(x), *image)
    if len(image) == 3 and image[0] in (1, 3) and image[2] not in (1, 3):
        x = np.moveaxis(x, 1, 3)
    x = x.reshape(*x.shape[:3], -1)
    return x[..., :3] if x.shape[3] >= 3 else np.repeat(x[..., :1], 3, axis=3)


def sheet(x, rows, gap):
    """Pictures x [n, height, width, 3] in columns of `rows`, with white between."""
    _, high, wide, _ = x.shape
    out = np.ones((min(rows, len(x)) * (high + gap) - gap, -(-len(x) // rows) * (wide + gap) - gap, 3))
    for i, one in enumerate(x):
        top, left = i % rows * (high + gap), i // rows * (wide + gap)
        out[top:top + high, left:left + wide] = one
    return out


# --- trajectories ---------------------------------------------------------------------------------------------------


def read_frames(run):
    """Of all parts: leg [f], t [f], x [f, particles, 1 to 3], and whether x are projections."""
    names = ["trajectories.h5", *sorted(p.name for p in run.folder.glob("trajectories.p[0-9]*.h5"))]
    frames, projected = [], False
    for name in names:
        with run.open(name) as file:
            for g in steps(file):
                projected = g["x"].shape[1] > 3
                frames.append((int(g.attrs["leg"]), float(g.attrs["t"]), g["x3" if projected else "x"][:200]))
    if len(frames) < 2:
        raise Absent("the trajectories have fewer than two times")
    frames.sort(key=lambda frame: frame[:2])
    leg, t, x = (np.array(column) for column in zip(*frames))
    return leg, t, x, projected


def draw_trajectories(run):
    leg, t, x, projected = read_frames(run)
    d, legs = x.shape[2], leg.max() + 1
    labels = [f"axis {i + 1}" if projected else coordinate(i) for i in range(d)]
    figure = plt.figure(figsize=(WIDTH, 2.5 + 0.45 * d))
    grid = figure.add_gridspec(d, min(d, 2), width_ratios=[1, 1.1][:min(d, 2)])
    if d > 1:
        plane(figure.add_subplot(grid[:, 0]), leg, t, x[:, :50, :2], labels)
    for i in range(d):
        axes = figure.add_subplot(grid[i, -1])
        paths(axes, leg, t, np.stack(np.broadcast_arrays((leg + t)[:, None], x[:, :100, i]), axis=2), 0.5)
        axes.set(xlim=((leg + t).min(), (leg + t).max()), ylabel=labels[i])
        axes.tick_params(labelbottom=i == d - 1)
        axes.xaxis.set_major_locator(plt.MultipleLocator(0.5))
        for k in range(1, legs):
            axes.axvline(k, color=INK, lw=0.7, ls=(0, (4, 2)))
        for k in range(legs if i == 0 and legs > 1 else 0):
            axes.text(k + 0.5, 1.03, f"stage {k + 1}", transform=axes.get_xaxis_transform(), ha="center", va="bottom")
        open_box(axes)
    axes.set_xlabel("time")
    return figure


def paths(axes, leg, t, at, width):
    """Lines through at [f, particles, 2], each piece coloured by its stage and time."""
    unit = plt.Normalize(0, 1)
    for k in range(leg.max() + 1):
        of = np.flatnonzero(leg == k)
        to = np.minimum(of + 1, len(leg) - 1)
        pieces = np.stack([at[of], at[to]], axis=2).reshape(-1, 2, 2)
        lines = LineCollection(pieces, array=np.repeat(t[of], at.shape[1]), cmap=STAGES[k % 2], norm=unit,
                               linewidths=width, alpha=0.85, capstyle="round", rasterized=True)
        axes.add_collection(lines)
    axes.autoscale()


def plane(axes, leg, t, x, labels):
    """Paths x [f, particles, 2] in the plane, and where they start, change stage and end."""
    paths(axes, leg, t, x, 0.4)
    start = x[0, :1] if np.ptp(x[0], axis=0).max() == 0 else x[0]
    axes.scatter(*start.T, s=12, c=INK, marker="s", lw=0, zorder=4, label="start")
    if leg.max() > 0:
        change = x[np.flatnonzero(leg == 1)[0]]
        axes.scatter(*change.T, s=10, c="w", edgecolors=STAGES[0](0.9), lw=0.7, zorder=3, label="end of stage 1")
    axes.scatter(*x[-1].T, s=11, c=[STAGES[leg.max() % 2](0.95)], lw=0, zorder=3, label="end")
    low, high = x.min(axis=(0, 1)), x.max(axis=(0, 1))
    frame(axes, *square(low - 0.04 * (high - low), high + 0.04 * (high - low)))
    axes.set(xlabel=labels[0], ylabel=labels[1])
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 0.99), ncol=3, handletextpad=0, columnspacing=1, borderpad=0.3)


# --- velocity -------------------------------------------------------------------------------------------------------

INSIDE = 0.98  # the law's mass in the region that matters


def read_field(run, file, leg):
    """The last time of a leg: leg, t; points x [nx], y [ny], labels; velocity, exact (of known laws) [ny, nx, 2];
    density [ny, nx], of the law where it is known, else of the draws; inside [ny, nx], where it has mass.

    Of a grid with three axes: the middle plane.
    """
    group = [g for g in steps(file) if g.attrs["leg"] == leg][-1]
    nz, ny, nx = group["velocity"].shape[:3]
    grid = file["grid"].attrs
    x, y = (grid["origin"][i] + grid["spacing"][i] * np.arange(n) for i, n in enumerate((nx, ny)))
    out = {"leg": int(leg), "t": float(group.attrs["t"]), "x": x, "y": y}
    out["labels"] = [f"principal axis {i + 1}" if "projection" in file else coordinate(i) for i in range(2)]
    for name in ("velocity", "exact"):
        if name in group:
            out[name] = group[name][nz // 2, ..., :2]
    out["density"] = group["density"][nz // 2] if "density" in group else density_of_draws(run, file, leg, x, y)
    out["inside"] = out["density"] >= levels(out["density"], [INSIDE])[0]
    return out


def density_of_draws(run, file, leg, x, y):
    """Kernel density [ny, nx] of the draws after a leg in the plane of the grid; 1 where there are none."""
    try:
        rows = run.samples["stage1" if leg == 0 and "stage1" in run.samples else "x"]
    except Absent:
        return np.ones((len(y), len(x)))
    if "projection" in file:
        rows = (rows - file["projection/mean"][()]) @ file["projection/axes"][()].T
    ends = [(a[0], a[-1]) for a in (x, y) if len(a) > 1]
    at, f = kernel_density(rows[:, :len(ends)], *np.transpose(ends), 256)
    cells = [np.searchsorted(a, b).clip(0, len(a) - 1) for a, b in zip(at, (x, y))]
    return f[np.ix_(*cells[::-1])].reshape(len(y), len(x))


def draw_velocity(run):
    with run.open("velocity.h5") as file:
        fields = [read_field(run, file, leg) for leg in sorted({g.attrs["leg"] for g in steps(file)})]
    if not fields:
        raise Absent("velocity.h5 holds no times")
    if len(fields[0]["y"]) == 1:
        return velocity_curves(fields)
    known = all("exact" in f for f in fields)
    shape = (len(fields), 3) if known else (1, len(fields))
    x, y = fields[0]["x"], fields[0]["y"]
    ratio = np.ptp(y) / np.ptp(x) if alike((x[0], y[0]), (x[-1], y[-1])) else 1
    height = len(fields) * (1.93 * ratio + 0.3) + 0.4 if known else 3.1 * ratio + 0.8
    figure, grid = canvas(*shape, height, sharex=True, sharey=True)
    for k, f in enumerate(fields):
        row = grid[k] if known else grid[0, k:k + 1]
        longest = usual(np.linalg.norm(f.get("exact", f["velocity"]), axis=2), f["density"])
        for axes, name in zip(row, ["exact", "velocity"] if known else ["velocity"]):
            arrows(axes, f, f[name], longest)
            remark(axes, f"longest arrow: {longest:.2g} x/t")
        if known:
            row[0].set_ylabel(f"{moment(f, fields)}\n{f['labels'][1]}")
            error_map(figure, row[2], f)
        else:
            row[0].set_title(f"Learned drift, {moment(f, fields)}", pad=11)
    for axes, title in zip(grid[0] if known else [], ["Exact drift", "Learned drift", "Error"]):
        axes.set_title(title, pad=11)
    for axes in grid[-1]:
        axes.set_xlabel(f["labels"][0])
    if not known:
        grid[0, 0].set_ylabel(f["labels"][1])
    return figure


def usual(values, p):
    """What all but 2 % of the values [ny, nx] under the density p stay below."""
    order = np.argsort(values, axis=None)
    mass = np.cumsum(p.ravel()[order])
    return values.ravel()[order][np.searchsorted(mass, INSIDE * mass[-1])]


def moment(f, fields):
    """Which stage and time a field is of."""
    return f"stage {f['leg'] + 1}, t = {f['t']:.3g}" if len(fields) > 1 else f"t = {f['t']:.3g}"


def arrows(axes, f, v, longest):
    """A field v [ny, nx, 2] as arrows over the density of the law; grey where it has next to no mass."""
    x, y = f["x"], f["y"]
    field_image(axes, x, y, f["density"], PALE, norm=PowerNorm(0.6, 0))
    frame(axes, (x[0], y[0]), (x[-1], y[-1]))
    every = [max(1, round(n / 19)) for n in v.shape[:2]]
    some = np.ix_(*(np.arange((n - 1) % s // 2, n, s) for n, s in zip(v.shape[:2], every)))
    at_x, at_y = (a[some] for a in np.meshgrid(x, y))
    v = v[some] * np.minimum(1, longest / np.maximum(np.linalg.norm(v[some], axis=2, keepdims=True), 1e-300))
    step = every[1] * (x[1] - x[0])
    if axes.get_aspect() == "auto":  # directions as they are seen
        v = v * [1, np.ptp(x) / np.ptp(y)]
    shape = dict(width=0.0045, headwidth=3.2, headlength=3.6, headaxislength=3.3, minlength=0.5)
    for there, colour in ((~f["inside"][some], FAINT), (f["inside"][some], INK)):
        axes.quiver(at_x[there], at_y[there], *v[there].T, color=colour, pivot="mid", angles="uv", units="width",
                    scale_units="x", scale=longest / (1.25 * step), **shape)


def error_map(figure, axes, f):
    """The length of the difference of learned and exact drift where the law has mass, and its mean under the law."""
    x, y, p = f["x"], f["y"], f["density"]
    error = np.linalg.norm(f["velocity"] - f["exact"], axis=2)
    image = field_image(axes, x, y, error, ERROR, vmin=0, vmax=usual(error, p))
    edge = levels(p, [INSIDE])[0]
    axes.contourf(x, y, p, levels=[-1, edge], colors=["#F4F4F4"])
    axes.contour(x, y, p, levels=levels(p, [0.5, INSIDE]), colors=INK, linewidths=[0.7, 0.4])
    rms, of = (np.sqrt((p * e ** 2).sum() / p.sum()) for e in (error, np.linalg.norm(f["exact"], axis=2)))
    frame(axes, (x[0], y[0]), (x[-1], y[-1]))
    remark(axes, f"rms under the law: {rms:.2g} x/t, {100 * rms / of:.2g} %")
    bar(figure, image, axes, "|learned − exact| (x/t)", extend="max")


def velocity_curves(fields):
    """Fields on a line."""
    figure, (row,) = canvas(1, len(fields), 2.6)
    for axes, f in zip(row, fields):
        inside = f["inside"][0]
        x, p = f["x"], f["density"][0]
        across = axes.get_xaxis_transform()
        axes.fill_between(x, 0.97 * p / p.max(), color=GREY, lw=0, transform=across, label="density")
        if "exact" in f:
            axes.plot(x, f["exact"][0, :, 0], color=INK, lw=1.6, ls=(0, (4, 1.5)), label="exact")
        axes.plot(x, f["velocity"][0, :, 0], color=BLUE, lw=1.2, label="learned")
        span = np.concatenate([f[name][0, inside, 0] for name in ("velocity", "exact") if name in f])
        pad = 0.15 * np.ptp(span) + 1e-12
        axes.set(title=moment(f, fields), xlabel=coordinate(0),
                 xlim=(x[0], x[-1]), ylim=(span.min() - pad, span.max() + pad))
        open_box(axes)
    row[0].set_ylabel("drift (x/t)")
    row[-1].legend()
    return figure


# --- loss -----------------------------------------------------------------------------------------------------------


def draw_loss(run):
    with run.open("checkpoint.h5") as file:
        history = [data for data in file.get("history", {}).values() if len(data)]
        history.sort(key=lambda data: data.id.get_offset())  # in the order of training
        networks = [(data.name.split("/")[-1], data[()]) for data in history]
    if not networks:
        raise Absent("checkpoint.h5 has no history")
    figure, (row,) = canvas(1, len(networks), 2.4)
    for axes, (name, lines) in zip(row, networks):
        step, loss, validation = lines.T[:3]
        axes.plot(step, loss, color=BLUE, lw=0.9, label="training")
        if np.isfinite(validation).any():
            axes.plot(step, validation, color=ORANGE, lw=0.9, label="validation")
        late = lines[step > 0.02 * step[-1], 1:3]
        low, high = np.nanmin(late), np.nanmax(late)  # the fall of the first steps would hide the rest
        pad = 0.05 * (high - low) + 1e-12
        axes.set(title=f"{name} network", xlabel="step", xlim=(0, step[-1]), ylim=(low - pad, high + pad))
        axes.xaxis.set_major_locator(plt.MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter(plt.FuncFormatter(lambda number, _: spaced(number)))
        open_box(axes)
    row[0].set_ylabel("loss")
    row[-1].legend()
    return figure


# --- Command line ---------------------------------------------------------------------------------------------------

PICTURES = {"density": draw_density, "corner": draw_corner, "samples": draw_samples, "trajectories": draw_trajectories,
            "velocity": draw_velocity, "loss": draw_loss}


def save(figure, path):
    """Writes a picture; the same bytes whenever it is drawn."""
    figure.savefig(path, metadata={"CreationDate": None} if path.suffix == ".pdf" else {"Software": None})
    plt.close(figure)


def draw_all(run, out, suffix):
    """Draws all pictures that there are files for, and says which."""
    if not run.folder.is_dir():
        raise Refused(f"{run.folder}: no such folder")
    if not any(run.folder.glob("*.h5")):
        raise Refused(f"{run.folder}: holds no HDF5 file of a run")
    out.mkdir(parents=True, exist_ok=True)
    for name, draw in PICTURES.items():
        path = out / f"{name}.{suffix}"
        try:
            save(draw(run), path)
            print(path)
        except Absent as why:
            print(f"no {name}: {why}")
        except KeyError as missing:
            raise Refused(f"{run.folder}: {name}: {missing.args[0]}") from None


def numbers(text):
    """0,2,4 as a list."""
    out = [int(i) for i in text.split(",")]
    if min(out) < 0:
        raise ValueError
    return out


def main():
    parser = argparse.ArgumentParser(description="Draws the pictures of a run.")
    parser.add_argument("folder", type=pathlib.Path, metavar="DIR", help="folder of the run, output/NAME")
    parser.add_argument("--out", type=pathlib.Path, metavar="DIR", help="where pictures go (default: the same folder)")
    parser.add_argument("--format", choices=["png", "pdf"], default="png")
    parser.add_argument("--axes", type=numbers, metavar="I,J,...",
                        help="coordinates shown, counted from 0 (default: the first; principal axes when d > 4)")
    options = parser.parse_args()
    plt.rcParams.update(STYLE)
    try:
        draw_all(Run(options.folder, options.axes), options.out or options.folder, options.format)
    except (Refused, OSError) as problem:
        sys.exit(f"plot: {problem}")


if __name__ == "__main__":
    main()
