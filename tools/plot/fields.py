"""Picture velocity: the drift, learned and exact."""
import numpy as np
from matplotlib.colors import PowerNorm

from .grids import alike, finer, kernel_density, levels
from .run import coordinate, steps
from .style import BLUE, ERROR, FAINT, GREY, INK, PALE, Absent, bar, canvas, field_image, frame, open_box, remark

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


def exact_densities(run):
    """By leg, of the last time: t, and the density of the known law in closed form on a fine grid: x, y, f [ny, nx].

    Empty where the law is not known, where velocity.h5 is not there, and for more than two coordinates.
    """
    found = {}
    try:
        with run.open("velocity.h5") as file:
            for leg in sorted({g.attrs["leg"] for g in steps(file)}) if "projection" not in file else ():
                group = [g for g in steps(file) if g.attrs["leg"] == leg][-1]
                if "density" in group and group["density"].shape[0] == 1:
                    f = read_field(run, file, leg)
                    found[int(leg)] = f["t"], *finer(f["x"], f["y"], f["density"], 6)
    except Absent:
        pass
    return found


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
