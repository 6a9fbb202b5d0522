"""Picture loss."""
import numpy as np

from .run import spaced
from .style import BLUE, ORANGE, Absent, canvas, open_box, plt


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
