#!/usr/bin/env python3
"""Convergence plots of a study, from study.csv and slopes.csv of its folder.

  tools/plot_study.py DIR [--out DIR] [--format png|pdf] [--metrics NAME[/STAGE/T],...]

One picture for each key of the grid that takes several positive numbers, convergence_KEY: a panel for each metric (by
default those of whole runs), on logarithmic axes. Points are means over replicates, bars their standard errors; the
dashed line is the fit, with its slope and the 95 % interval. Where a metric has them, the 95 % quantile of its floor is
grey below, and the baseline dotted. One colour for each setting of the other keys, the first six of them.

Exit status: 0 done, 1 wrong data or files, 2 wrong command line.
"""
import argparse
import csv
import math
import pathlib
import sys

sys.dont_write_bytecode = True
from plot.style import BLUE, DIM, GREY, INK, ORANGE, STYLE, Refused, canvas, open_box, plt, save

COLOURS = [BLUE, ORANGE, "#009E73", "#CC79A7", "#56B4E9", INK]
COLUMNS = 3
MOST = 12  # panels


def table(path):
    try:
        with open(path, newline="") as file:
            reader = csv.DictReader(file)
            return reader.fieldnames or [], list(reader)
    except FileNotFoundError:
        raise Refused(f"{path}: no such file; a study leaves it when all its cases are finished") from None


def number(text):
    try:
        return float(text)
    except ValueError:
        return math.nan


class Study:
    def __init__(self, folder):
        names, self.rows = table(folder / "study.csv")
        _, self.slopes = table(folder / "slopes.csv")
        if "metric" not in names:
            raise Refused(f"{folder}/study.csv: has no column metric")
        self.keys = names[: names.index("metric")]
        if not self.rows:
            raise Refused(f"{folder}/study.csv: no case of this study was finished")

    def axes(self):
        """Keys that take several numbers, all positive."""
        for key in self.keys:
            values = {number(row[key]) for row in self.rows}
            if len(values) > 1 and min(values) > 0:  # a NaN is never greater
                yield key

    def others(self, row, key):
        return " ".join(f"{k}={row[k]}" for k in self.keys if k != key)

    def series(self, key, metric):
        """By setting of the other keys: rows in order of the key."""
        name, stage, t = metric
        found = {}
        for row in self.rows:
            if (row["metric"], row["stage"]) == (name, stage) and t in (None, row["t"]):
                found.setdefault(self.others(row, key), []).append(row)
        return {at: sorted(rows, key=lambda row: number(row[key])) for at, rows in found.items()}

    def slope(self, key, metric, at):
        name, stage, t = metric
        for s in self.slopes:
            if (s["metric"], s["stage"], s["key"], s["at"]) == (name, stage, key, at) and t in (None, s["t"]):
                return s
        return None

    def whole(self):
        """Metrics of whole runs, in the order of the table."""
        names = [(row["metric"], "", None) for row in self.rows if not row["stage"]]
        return list(dict.fromkeys(names))


def column(rows, name):
    return [number(row[name]) for row in rows]


def panel(axes, study, key, metric):
    """False where there is nothing positive to show."""
    shown = 0
    for colour, (at, rows) in zip(COLOURS, study.series(key, metric).items()):
        rows = [row for row in rows if number(row["mean"]) > 0]
        if not rows:
            continue
        x, y, e = column(rows, key), column(rows, "mean"), column(rows, "stderr")
        bars = [0 if math.isnan(error) else error for error in e]
        lower = [min(bar, 0.9 * mean) for bar, mean in zip(bars, y)]  # on a logarithmic axis they have to end
        s = study.slope(key, metric, at)
        label = at or None
        if s and len(x) > 1:
            slope, low, high = (number(s[name]) for name in ("slope", "low", "high"))
            sure = "" if math.isnan(low) else f" [{low:.2f}, {high:.2f}]"
            label = (f"{at}: " if at else "") + f"slope {slope:.2f}{sure}".replace("-", "\u2212")
            middle = [sum(map(math.log, values)) / len(values) for values in (x, y)]
            ends = [x[0], x[-1]]
            axes.plot(ends, [math.exp(middle[1] + slope * (math.log(v) - middle[0])) for v in ends],
                      color=colour, lw=0.8, ls="--")
        axes.errorbar(x, y, yerr=[lower, bars], color=colour, marker="o", ms=3, lw=0, elinewidth=0.8, capsize=2,
                      label=label)
        floor, base = column(rows, "floor_q95"), column(rows, "baseline")
        if not shown and max(floor) > 0:
            axes.fill_between(x, floor, [min(min(y), *(f for f in floor if f > 0)) / 10] * len(x), color=GREY, lw=0)
        if not shown and min(base) > 0:
            axes.plot(x, base, color=DIM, lw=0.8, ls=":")
        shapes = [f for f in floor + base if f > 0] if not shown else []
        low = min([m - bar for m, bar in zip(y, lower)] + shapes)
        high = max([m + bar for m, bar in zip(y, bars)] + shapes)
        axes.set_ylim(*((low / 1.6, high * 1.6) if not shown else
                        (min(axes.get_ylim()[0], low / 1.6), max(axes.get_ylim()[1], high * 1.6))))
        shown += 1
    if not shown:
        return False
    name, stage, t = metric
    title = name.replace("_", " ") + (f", stage {stage}" if stage else "") + (f", t = {t}" if t else "")
    axes.set(title=title, xscale="log", yscale="log", xlabel=key)
    ticks = sorted({number(row[key]) for row in study.rows})
    ticks = ticks[:: -(-len(ticks) // 6)]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(plt.LogLocator(subs=(1, 2, 5) if high < 300 * low else (1,)))
    axes.yaxis.set_minor_locator(plt.NullLocator())
    axes.yaxis.set_major_formatter("{x:g}")
    axes.legend(fontsize=6)
    open_box(axes)
    return True


def draw(study, key, metrics):
    """The picture of one key, or None."""
    trial, ((axes,),) = canvas(1, 1, 2)
    usable = []
    for metric in metrics:
        axes.clear()
        if panel(axes, study, key, metric):
            usable.append(metric)
    plt.close(trial)
    usable = usable[:MOST]
    if not usable:
        return None
    lines = -(-len(usable) // COLUMNS)
    columns = min(COLUMNS, len(usable))
    figure, grid = canvas(lines, columns, 2.3 * lines)
    flat = [axes for line in grid for axes in line]
    for axes, metric in zip(flat, usable):
        panel(axes, study, key, metric)
    for axes in flat[len(usable):]:
        axes.set_visible(False)
    return figure


def named(text):
    """error_score,drift_rmse_score/2/0.9 as triples."""
    out = []
    for word in text.split(","):
        parts = word.split("/")
        if len(parts) > 3 or not parts[0]:
            raise ValueError
        out.append((parts[0], parts[1] if len(parts) > 1 else "", parts[2] if len(parts) > 2 else None))
    return out


def main():
    parser = argparse.ArgumentParser(description="Draws the convergence plots of a study.")
    parser.add_argument("folder", type=pathlib.Path, metavar="DIR", help="folder of the study")
    parser.add_argument("--out", type=pathlib.Path, metavar="DIR", help="where pictures go (default: the same folder)")
    parser.add_argument("--format", choices=["png", "pdf"], default="png")
    parser.add_argument("--metrics", type=named, metavar="NAME[/STAGE/T],...", help="what is shown")
    options = parser.parse_args()
    plt.rcParams.update(STYLE)
    out = options.out or options.folder
    try:
        study = Study(options.folder)
        keys = list(study.axes())
        if not keys:
            raise Refused(f"{options.folder}/study.csv: no key of the grid takes several positive numbers")
        out.mkdir(parents=True, exist_ok=True)
        for key in keys:
            figure = draw(study, key, options.metrics or study.whole())
            if not figure:
                raise Refused(f"{options.folder}/study.csv: none of these metrics has positive values over {key}")
            path = out / f"convergence_{key}.{options.format}"
            save(figure, path)
            print(path)
    except (Refused, OSError) as problem:
        sys.exit(f"plot_study: {problem}")


if __name__ == "__main__":
    main()
