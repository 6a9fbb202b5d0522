#!/usr/bin/env python3
"""Picture of closed Lorenz-96 models beside the full one: lorenz96.png.

  tools/plot_lorenz96.py TRUE.h5 NAME=FILE ... [--chains NAME=N] [--skip T] [--out FILE]    as `lorenz96.py compare`

Histogram and autocorrelation of X, histogram of the energy of a state, and the law of psi given X (mean, and the band that
holds 90 %). The grey band is what the halves of the full model span: the floor. Distances are printed, too.

Exit status: 0 done, 1 wrong data or files, 2 wrong command line.
"""
import argparse
import pathlib
import sys

sys.dont_write_bytecode = True
import numpy as np

import lorenz96
from plot.style import BLUE, GREY, INK, ORANGE, STYLE, canvas, open_box, plt, save

COLOURS = [BLUE, ORANGE, "#009E73", "#CC79A7", "#56B4E9"]


def density(values, edges):
    return np.histogram(values, edges, density=True)[0]


def curves(axes, x, of, found, names):
    """The band of the halves, and a line for each name."""
    a, b = of(found["half 1"]), of(found["half 2"])
    axes.fill_between(x, np.minimum(a, b), np.maximum(a, b), color=GREY, lw=3, edgecolor=GREY, label="full model")
    axes.plot(x, (a + b) / 2, color=INK, lw=0.8)
    for name, colour in zip(names, COLOURS):
        axes.plot(x, of(found[name]), color=colour, lw=1, label=name)
    open_box(axes)


def conditional(axes, sets, names, edges):
    """Mean and 90 % of psi by X."""
    middle = (edges[1:] + edges[:-1]) / 2
    for name, colour in zip(["full model", *names], [INK, *COLOURS]):
        x, psi = sets[name]
        bins = np.digitize(x, edges) - 1
        rows = [psi[bins == i] for i in range(len(middle))]
        enough = [i for i, r in enumerate(rows) if len(r) > 40]
        at = middle[enough]
        band = np.array([np.quantile(rows[i], [0.05, 0.95]) for i in enough]).T
        axes.plot(at, [rows[i].mean() for i in enough], color=colour, lw=1.2 if name == "full model" else 1)
        if name == "full model":
            axes.fill_between(at, *band, color=GREY, lw=0)
        elif np.ptp(band, axis=0).max() > 1e-3:
            axes.plot(at, band.T, color=colour, lw=0.8, ls=(0, (3, 1.5)))
    open_box(axes)


def pairs(o, sites):
    """X and psi of every file, flat."""
    out = {}
    for name, path in [("full model", o.true)] + [word.split("=", 1) for word in o.file]:
        y, _ = lorenz96.read(path)
        out[name] = y[..., :sites].ravel(), y[..., -sites:].ravel()
    return out


def draw(o):
    found, about = lorenz96.load(o)
    lorenz96.report(lorenz96.judge(found), o)
    names = [name for name in found if not name.startswith("half ")]
    sets = pairs(o, int(about["sites"]))
    figure, grid = canvas(2, 2, 5)
    (one, two), (three, four) = grid
    true = sets["full model"][0]
    edges = np.linspace(*np.quantile(true, [0.0002, 0.9998]) + np.array([-1, 1]), 61)
    curves(one, (edges[1:] + edges[:-1]) / 2, lambda s: density(s["x"], edges), found, names)
    one.set(xlabel="X", ylabel="density", title="values", ylim=(0, None))
    one.legend()
    lag = float(about["every"]) * np.arange(o.lags)
    curves(two, lag, lambda s: s["autocorrelation"], found, names)
    two.set(xlabel="lag (time)", title="autocorrelation of X", xlim=(0, lag[-1]))
    both = np.concatenate([found[f"half {i}"]["energy"] for i in (1, 2)])
    rungs = np.linspace(0, np.quantile(both, 0.9998), 41)
    curves(three, (rungs[1:] + rungs[:-1]) / 2, lambda s: density(s["energy"], rungs), found, names)
    three.set(xlabel="energy of a site, X² / 2, mean over sites", ylabel="density", title="energy", ylim=(0, None))
    conditional(four, sets, names, np.linspace(*np.quantile(true, [0.0005, 0.9995]), 26))
    four.set(xlabel="X", ylabel="ψ", title="what the fast variables do: mean, and 90 %")
    return figure


def main():
    about, _, rest = __doc__.partition("\n\n")
    p = argparse.ArgumentParser(description=about, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter)
    lorenz96.add_compare(p)
    p.add_argument("--out", type=pathlib.Path, default=pathlib.Path("lorenz96.png"), metavar="FILE", help=".png or .pdf")
    o = p.parse_args()
    o.chains = dict(o.chains)
    plt.rcParams.update(STYLE)
    try:
        save(draw(o), o.out)
        print(o.out)
    except (lorenz96.Refused, OSError) as problem:
        sys.exit(f"plot_lorenz96: {problem}")


if __name__ == "__main__":
    main()
