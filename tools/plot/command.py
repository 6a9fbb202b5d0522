"""The command tools/plot.py."""
import argparse
import pathlib
import sys

from .clouds import draw_corner, draw_density
from .fields import draw_velocity
from .losses import draw_loss
from .paths import draw_evolution, draw_trajectories
from .run import Run
from .sheets import draw_samples
from .style import STYLE, Absent, Refused, plt, save

PICTURES = {"density": draw_density, "corner": draw_corner, "samples": draw_samples, "trajectories": draw_trajectories,
            "evolution": draw_evolution, "velocity": draw_velocity, "loss": draw_loss}


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
