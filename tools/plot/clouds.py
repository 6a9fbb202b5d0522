"""Pictures density and corner: draws and data."""
import numpy as np
from matplotlib.colors import PowerNorm

from .fields import exact_densities
from .grids import box_of, kernel_density, levels, square
from .run import spaced
from .style import (BLUE, DENSITY, DIM, GREY, INK, ORANGE, WIDTH, Absent, bar, canvas, field_image, frame, open_box, plt,
                    remark)


def draw_density(run):
    look, labels = run.view
    clouds = [(name, look(rows)[:, :2]) for name, rows in run.clouds]
    exact = {} if run.axes or len(run.samples["x"][0]) > 2 else exact_densities(run)
    if len(labels) == 1:
        return density_curves(clouds, labels[0], exact)
    low, high = square(*box_of([rows for _, rows in clouds]))
    found = {name: kernel_density(rows, low, high, 256) for name, rows in clouds}
    top = max(levels(exact[max(exact)][3] if exact else found[clouds[0][0]][1], [0.01]))
    row = panels(clouds, exact)
    figure, grid = canvas(len(row), len(row[0]), (2.62 if len(row[0]) > 2 else 3.5) + 2.42 * (len(row) - 1), sharex=True,
                          sharey=True)
    for axes, what in zip(grid.flat, [name for names in row for name in names]):
        if what is None:
            words(axes, run)
        elif isinstance(what, int):
            closed_form(axes, exact[what], what < max(exact), top)
        else:
            image = one_density(axes, *found[what], top)
            axes.set_title(what, pad=11)
            stages = {"Data": [], "After stage 1": ["1"]}.get(what, ["", "2"])
            remark(axes, run.energy_distance(stages) or f"{spaced(len(dict(clouds)[what]))} points")
        frame(axes, low, high)
    for axes in grid[-1]:
        axes.set_xlabel(labels[0])
    for axes in grid[:, 0]:
        axes.set_ylabel(labels[1])
    if None in row[-1]:
        for axes, side in (grid[0, 0], "bottom"), (grid[1, 1], "left"):
            axes.tick_params(**{f"label{side}": True})
        grid[0, 0].set_xlabel(labels[0])
        grid[1, 1].set_ylabel(labels[1])
    for axes in grid[:, -1]:
        bar(figure, image, axes, "density (1/x²)", extend="max")
    return figure


def panels(clouds, exact):
    """Names of clouds and legs of exact densities in rows: the exact ones above the draws of the same stage."""
    names = [name for name, _ in clouds]
    if len(exact) == 2 and len(names) == 3:
        return [[names[0], 0, 1], [None, names[1], names[2]]]
    return [[*names[:1], *(list(exact)[-1:]), *names[1:]]] if len(names) < 3 else [names]


def words(axes, run):
    """What the numbers of the report say, in place of a picture."""
    axes.axis("off")
    rows = []
    for name in ("energy_distance", "sliced_w2", "w2", "mode_weight_error"):
        m = run.metric(name)
        if m:
            ends = [f"{m[key]:.2g}" if m.get(key) is not None else "\u2013" for key in ("value", "floor_q95", "baseline")]
            rows.append([name.replace("_", " ").replace("w2", "W2"), *(end.replace("-", "\u2212") for end in ends)])
    if rows:
        table = axes.table(rows, colLabels=["", "draws", "perfect\nbelow ", "no\nlearning"], edges="open", bbox=[-0.15, 0.35, 1.15, 0.5],
                           colWidths=[0.36, 0.2, 0.22, 0.22])
        table.auto_set_font_size(False)
        table.set_fontsize(6.5)
        for (i, j), cell in table.get_celld().items():
            cell.set_text_props(ha="left" if j == 0 else "right", color=DIM if i == 0 else INK)
            cell.PAD = 0.02
    axes.text(-0.15, 0.2, "Lines enclose 50 and 95 % of the mass.", transform=axes.transAxes, fontsize=6.5, color=DIM)


def one_density(axes, at, f, top):
    """A density on a grid in shades, with the lines that enclose 50 and 95 % of its mass."""
    image = field_image(axes, *at, f, DENSITY, norm=PowerNorm(0.45, 0, top))
    axes.contour(*at, f, levels=levels(f, [0.5, 0.95]), colors=INK, linewidths=[0.35, 0.6], alpha=0.75)
    return image


def closed_form(axes, exact, first, top):
    """An exact density, grey beyond the grid that it is known on."""
    t, x, y, f = exact
    axes.set_facecolor("#F2F2F2")
    one_density(axes, (x, y), f, top)
    axes.set_title("Exact, after stage 1" if first else "Exact", pad=11)
    remark(axes, f"closed form, t = {t:.3g}")


def density_curves(clouds, label, exact):
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
    for leg, (t, x, _, f) in exact.items():
        axes.plot(x, f[0], color=INK, lw=0.9, ls=":", label=None if leg < max(exact) else "Exact")
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
