#!/usr/bin/env python3
"""Draws that are paths, beside the training paths: paths.png in the folder of the run.

  tools/plot_paths.py DIR [--ar1 CORRELATION[,VARIANCE]] [--every T] [--out FILE]

Reads /x and /training of samples.h5: rows are paths, columns times. Some paths; mean and standard deviation by time;
the density of all values; correlation by lag; how often a path changes its side (from below -1/2 to above 1/2 of a standard
deviation, or back). --ar1 adds what an autoregression of that correlation has. Numbers are printed with their standard
errors over paths.

Exit status: 0 done, 1 wrong data or files, 2 wrong command line.
"""
import argparse
import pathlib
import sys

sys.dont_write_bytecode = True
import numpy as np

from plot.run import Run
from plot.style import BLUE, FAINT, GREY, INK, ORANGE, STYLE, Absent, Refused, canvas, open_box, plt, save

SHOWN = 12  # paths


def correlation(x, lags):
    """By lag, over all times, about the common mean."""
    z = x - x.mean()
    return np.array([(z[:, : x.shape[1] - k] * z[:, k:]).mean() for k in range(lags)]) / (z * z).mean()


def crossings(x, scale):
    """Changes of side of each path."""
    side = np.where(x > scale / 2, 1, np.where(x < -scale / 2, -1, 0))
    for t in range(1, x.shape[1]):
        side[:, t] = np.where(side[:, t] == 0, side[:, t - 1], side[:, t])
    return ((side[:, 1:] * side[:, :-1]) < 0).sum(axis=1)


def numbers(x, scale):
    changes = crossings(x, scale)
    return {
        "mean": (x.mean(), x.mean(axis=1).std() / len(x) ** 0.5),
        "deviation": (x.std(), (x * x).mean(axis=1).std() / len(x) ** 0.5 / (2 * x.std())),
        "correlation of neighbours": (correlation(x, 2)[1], np.nan),
        "changes of side in a path": (changes.mean(), changes.std() / len(x) ** 0.5),
        "paths that never change": ((changes == 0).mean(), ((changes == 0).std()) / len(x) ** 0.5),
    }


def some_paths(axes, x, t, title, colour):
    axes.plot(t, x[:SHOWN].T, color=FAINT, lw=0.6)
    axes.plot(t, x[:2].T, color=colour, lw=1)
    axes.set(title=title, xlabel="time", xlim=(t[0], t[-1]))
    open_box(axes)


def draw(sets, o):
    data, draws = sets["data"], sets["draws"]
    d = data.shape[1]
    t = o.every * np.arange(d)
    scale = data.std()
    colours = {"data": INK, "draws": BLUE}
    figure, ((one, two, three), (four, five, six)) = canvas(2, 3, 4.2)
    some_paths(one, data, t, "training paths", ORANGE)
    some_paths(two, draws, t, "draws", BLUE)
    low, high = np.quantile(data, [0.0005, 0.9995])
    for axes in (one, two):
        axes.set_ylim(low - 0.2 * scale, high + 0.2 * scale)
    for name, x in sets.items():
        three.plot(t, x.mean(axis=0), color=colours[name], lw=1, label=name)
        three.plot(t, x.std(axis=0), color=colours[name], lw=1, ls="--")
        edges = np.linspace(low - 0.3 * scale, high + 0.3 * scale, 50)
        four.stairs(np.histogram(x, edges, density=True)[0], edges, color=colours[name], lw=1)
        lags = min(d, 40)
        five.plot(o.every * np.arange(lags), correlation(x, lags), color=colours[name], lw=1)
        changes, count = np.unique(crossings(x, scale), return_counts=True)
        six.plot(changes, count / len(x), "o-", color=colours[name], ms=3, lw=0.8)
    if o.ar1:
        r, v = o.ar1
        five.plot(o.every * np.arange(lags), r ** np.arange(lags), color=GREY, lw=4, zorder=0, label="closed form")
        at = (edges[1:] + edges[:-1]) / 2
        four.plot(at, np.exp(-at * at / (2 * v)) / (2 * np.pi * v) ** 0.5, color=GREY, lw=4, zorder=0)
        three.axhline(v**0.5, color=GREY, lw=4, zorder=0)
        three.axhline(0, color=GREY, lw=4, zorder=0, label="closed form")
    three.set(title="mean, and deviation (dashed)", xlabel="time")
    four.set(title="values at all times", xlabel="x", ylabel="density")
    five.set(title="correlation", xlabel="lag (time)")
    six.set(title="changes of side", xlabel="in a path", ylabel="fraction of paths", xlim=(-0.5, None), ylim=(0, None))
    for axes in (three, four, five, six):
        open_box(axes)
    three.legend()
    return figure


def pair(text):
    r, *v = (float(part) for part in text.split(","))
    if not -1 < r < 1 or len(v) > 1:
        raise ValueError
    return r, v[0] if v else 1.0


def main():
    about, _, rest = __doc__.partition("\n\n")
    p = argparse.ArgumentParser(description=about, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folder", type=pathlib.Path, metavar="DIR", help="folder of the run")
    p.add_argument("--ar1", type=pair, metavar="CORRELATION[,VARIANCE]", help="closed form of this autoregression, too")
    p.add_argument("--every", type=float, default=1, metavar="T", help="time between columns")
    p.add_argument("--out", type=pathlib.Path, metavar="FILE", help=".png or .pdf")
    o = p.parse_args()
    plt.rcParams.update(STYLE)
    try:
        samples = Run(o.folder).samples
        if "training" not in samples or samples["x"].shape[1] < 3:
            raise Refused(f"{o.folder}/samples.h5: paths of three times or more, and /training, are needed (record.training)")
        sets = {"data": samples["training"], "draws": samples["x"]}
        rows = {name: numbers(x, sets["data"].std()) for name, x in sets.items()}
        for key in rows["data"]:
            print(f"{key:28}" + "".join(f"{name:>10} {row[key][0]:9.4f} +- {row[key][1]:.4f}" for name, row in rows.items()))
        path = o.out or o.folder / "paths.png"
        save(draw(sets, o), path)
        print(path)
    except (Refused, Absent, OSError) as problem:
        sys.exit(f"plot_paths: {problem}")


if __name__ == "__main__":
    main()
