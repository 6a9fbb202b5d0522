"""Picture trajectories: where particles go."""
import numpy as np
from matplotlib.collections import LineCollection

from .grids import box_of, square
from .run import coordinate, steps
from .style import INK, STAGES, WIDTH, Absent, canvas, frame, open_box, plt


def read_frames(run, most=200):
    """Of all parts: leg [f], t [f], x [f, particles, 1 to 3] of the first particles, and whether x are projections."""
    names = ["trajectories.h5", *sorted(p.name for p in run.folder.glob("trajectories.p[0-9]*.h5"))]
    frames, projected = [], False
    for name in names:
        with run.open(name) as file:
            for g in steps(file):
                projected = g["x"].shape[1] > 3
                frames.append((int(g.attrs["leg"]), float(g.attrs["t"]), g["x3" if projected else "x"][:most]))
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


SHOWN = 5  # times of a stage


def draw_evolution(run):
    leg, t, x, projected = read_frames(run, 2000)
    if x.shape[2] < 2:
        raise Absent("there are fewer than two coordinates")
    low, high = square(*box_of([x[-1, :, :2], x[np.flatnonzero(leg == 0)[-1], :, :2]], 0.1))
    labels = ["axis 1", "axis 2"] if projected else [coordinate(0), coordinate(1)]
    legs = leg.max() + 1
    figure, grid = canvas(legs, SHOWN, 1.62 * legs + 0.35, sharex=True, sharey=True)
    for k in range(legs):
        of = np.flatnonzero(leg == k)
        for axes, i in zip(grid[k], of[np.linspace(0, len(of) - 1, SHOWN).round().astype(int)]):
            shade = STAGES[k % 2](0.25 + 0.7 * t[i])
            axes.scatter(*x[i, :, :2].T, s=2.2 if len(x[i]) > 300 else 5, color=[shade], alpha=0.7, lw=0, rasterized=True)
            frame(axes, low, high)
            axes.xaxis.set_major_locator(plt.MaxNLocator(5))
            axes.yaxis.set_major_locator(plt.MaxNLocator(5))
            axes.set_title(f"t = {t[i]:.2g}", fontsize=8)
        grid[k, 0].set_ylabel((f"stage {k + 1}\n" if legs > 1 else "") + labels[1])
    for axes in grid[-1]:
        axes.set_xlabel(labels[0])
    return figure
