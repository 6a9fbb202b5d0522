"""Picture samples: sheets of draws that are pictures."""
import numpy as np

from .style import WIDTH, Absent, Refused, canvas

SHEET = 8, 16  # pictures on a sheet: rows, and columns in all


def draw_samples(run):
    draws, image = run.samples["x"], run.samples["image"]
    if image is None:
        raise Absent("the draws are not pictures")
    if len(image) not in (2, 3) or np.prod(image) != draws.shape[1]:
        raise Refused(f"{run.folder / 'samples.h5'}: pictures of shape {image} do not have {draws.shape[1]} numbers")
    known = run.samples.get("training", draws)
    near = run.samples.get("nearest", draws[:0])
    rows, columns = SHEET
    pairs = min(len(near), rows * 4)
    wide = -(-pairs // rows)
    alone = draws[pairs:] if len(draws) >= 2 * pairs else draws

    def show(x):
        return pictures(np.clip((x - known.min()) / (known.max() - known.min()), 0, 1), image)

    parts = [("Draws", sheet(show(alone[:rows * (columns - 2 * wide)]), rows, 2))]
    if pairs:
        both = np.concatenate([show(draws[:pairs]), show(near[:pairs])], axis=2)
        parts.append(("Draws | nearest training rows", sheet(both, rows, 2)))
    widths = [part.shape[1] for _, part in parts]
    height = WIDTH * parts[0][1].shape[0] / (1.03 * sum(widths)) + 0.3
    figure, (row,) = canvas(1, len(parts), height, gridspec_kw={"width_ratios": widths})
    figure.set_constrained_layout_pads(wspace=0.05)
    for axes, (title, part) in zip(row, parts):
        axes.imshow(part, interpolation="nearest")
        axes.set_title(title)
        axes.axis("off")
    return figure


def pictures(x, image):
    """Rows x [n, pixels] as colours [n, height, width, 3]; image: (rows, columns), with channels last or first."""
    x = x.reshape(len(x), *image)
    if len(image) == 3 and image[0] in (1, 3) and image[2] not in (1, 3):
        x = np.moveaxis(x, 1, 3)
    x = x.reshape(*x.shape[:3], -1)
    return x[..., :3] if x.shape[3] >= 3 else np.repeat(x[..., :1], 3, axis=3)


def sheet(x, rows, gap):
    """Pictures x [n, height, width, 3] in columns of `rows`, with white between."""
    _, high, wide, _ = x.shape
    out = np.ones((min(rows, len(x)) * (high + gap) - gap, -(-len(x) // rows) * (wide + gap) - gap, 3))
    for i, one in enumerate(x):
        top, left = i % rows * (high + gap), i // rows * (wide + gap)
        out[top:top + high, left:left + wide] = one
    return out
