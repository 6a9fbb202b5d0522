#!/usr/bin/env python3
"""A study of several methods in one picture: methods.png in its folder.

  tools/plot_methods.py DIR --over KEY [--columns KEY] [--by KEY] [--metrics NAME,...] [--out FILE]

A row of panels for each metric, a column for each value of one key of the grid, a line for each value of another (by
default `method`) over a third. Points are means over replicates, bars their standard errors. Grey below: the 95 % quantile
of the floor, what a perfect sampler would get. Dotted: the baseline, a Gaussian with the moments of the training rows.
Other keys of the grid must have one value.

Exit status: 0 done, 1 wrong data or files, 2 wrong command line.
"""
import argparse
import math
import pathlib
import sys

sys.dont_write_bytecode = True
from plot.style import BLUE, DIM, GREY, INK, ORANGE, STYLE, Refused, canvas, open_box, plt, save
from plot_study import Study, column, number

COLOURS = [BLUE, ORANGE, "#009E73", "#CC79A7", "#56B4E9", INK]

def usual(values):
    """Numbers by size, then words as they come."""
    return sorted(dict.fromkeys(values), key=lambda v: (math.isnan(number(v)), number(v) if not math.isnan(number(v)) else 0))


def check(study, o):
    for key in (o.over, o.by, *([o.columns] if o.columns else [])):
        if key not in study.keys:
            raise Refused(f"{o.folder}/study.csv: no key {key}; its grid has {', '.join(study.keys)}")
    for key in study.keys:
        if key not in (o.over, o.by, o.columns) and len({row[key] for row in study.rows}) > 1:
            raise Refused(f"{o.folder}/study.csv: {key} has several values; --columns {key} shows them side by side")
    there = {row["metric"] for row in study.rows}
    for metric in o.metrics:
        if metric not in there:
            raise Refused(f"{o.folder}/study.csv: no metric {metric}; there are {', '.join(sorted(there))}")


def lines(study, o, metric, value):
    """Rows in order of o.over, by value of o.by, of one panel."""
    rows = [r for r in study.rows if r["metric"] == metric and not r["stage"] and (not o.columns or r[o.columns] == value)]
    return {
        by: sorted((r for r in rows if r[o.by] == by), key=lambda r: number(r[o.over]))
        for by in usual(r[o.by] for r in rows)
    }


def panel(axes, study, o, metric, value):
    found = lines(study, o, metric, value)
    for colour, (by, rows) in zip(COLOURS, found.items()):
        bars = [0 if math.isnan(e) else e for e in column(rows, "stderr")]
        axes.errorbar(column(rows, o.over), column(rows, "mean"), yerr=bars, color=colour, marker="o", ms=3, lw=1.1,
                      elinewidth=0.8, capsize=2, label=by)
    rows = next(iter(found.values()))
    x, floor, base = (column(rows, name) for name in (o.over, "floor_q95", "baseline"))
    if metric == "memorisation_ratio":
        axes.axhline(1, color=DIM, lw=0.8, ls=":")
    else:
        if not all(map(math.isnan, floor)):
            axes.fill_between(x, floor, color=GREY, edgecolor=DIM, lw=0.4, label="floor, 95 %")
        if not all(map(math.isnan, base)):
            axes.plot(x, base, color=DIM, lw=0.8, ls=":", label="baseline")
    axes.set_xscale("log")
    ticks = usual(r[o.over] for rows in found.values() for r in rows)
    axes.set_xticks([number(t) for t in ticks], ticks)
    axes.set_xticks([], minor=True)
    open_box(axes)


def draw(study, o):
    values = usual(row[o.columns] for row in study.rows) if o.columns else [None]
    figure, grid = canvas(len(o.metrics), len(values), 1.7 * len(o.metrics) + 0.5, sharey="row", sharex=True)
    for line, metric in zip(grid, o.metrics):
        for axes, value in zip(line, values):
            panel(axes, study, o, metric, value)
        line[0].set_ylabel(metric.replace("_", " "))
        line[0].set_ylim(min(0, line[0].get_ylim()[0]), None)
    for axes, value in zip(grid[0], values):
        if value is not None:
            axes.set_title(f"{o.columns} = {value}")
    for axes in grid[-1]:
        axes.set_xlabel(o.over)
    grid[0][0].legend(fontsize=6.5)
    return figure


def main():
    about, _, rest = __doc__.partition("\n\n")
    p = argparse.ArgumentParser(description=about, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folder", type=pathlib.Path, metavar="DIR", help="folder of the study")
    p.add_argument("--over", required=True, metavar="KEY", help="key along the axes, with positive numbers")
    p.add_argument("--columns", metavar="KEY", help="key whose values stand side by side")
    p.add_argument("--by", default="method", metavar="KEY", help="key that lines differ in")
    p.add_argument("--metrics", type=lambda text: text.split(","), default=["covariance_error", "energy_distance", "memorisation_ratio"],
                   metavar="NAME,...", help="a row of panels each")
    p.add_argument("--out", type=pathlib.Path, metavar="FILE", help=".png or .pdf")
    o = p.parse_args()
    plt.rcParams.update(STYLE)
    try:
        study = Study(o.folder)
        check(study, o)
        path = o.out or o.folder / "methods.png"
        save(draw(study, o), path)
        print(path)
    except (Refused, OSError) as problem:
        sys.exit(f"plot_methods: {problem}")


if __name__ == "__main__":
    main()
