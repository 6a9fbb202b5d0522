"""Looks that all pictures share. Colours of Okabe and Ito, and maps whose lightness only falls, which all readers can tell
apart."""
import matplotlib.pyplot as plt
from matplotlib.colors import LinearSegmentedColormap

from .grids import alike


class Refused(Exception):
    """What is wrong with the input, for the user."""


class Absent(Exception):
    """Why a picture is left out."""


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


def save(figure, path):
    """Writes a picture; the same bytes whenever it is drawn."""
    figure.savefig(path, metadata={"CreationDate": None} if path.suffix == ".pdf" else {"Software": None})
    plt.close(figure)
