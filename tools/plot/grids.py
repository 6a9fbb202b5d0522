"""Densities on grids, and principal axes."""
import numpy as np


def box_of(clouds, margin=0.08):
    """low [d], high [d] of a box around the bulk of all clouds [n, d]."""
    low = np.min([np.quantile(c, 0.002, axis=0) for c in clouds], axis=0)
    high = np.max([np.quantile(c, 0.998, axis=0) for c in clouds], axis=0)
    pad = margin * np.where(high > low, high - low, 1)
    return low - pad, high + pad


def alike(low, high):
    """Are the sides of a box of comparable length?"""
    return max(np.subtract(high, low)) <= 4 * min(np.subtract(high, low))


def square(low, high):
    """A box of two like sides made square around its middle; one of unlike sides as it is."""
    half = max(high - low) / 2
    return ((low + high) / 2 - half, (low + high) / 2 + half) if alike(low, high) else (low, high)


def damping(shape, h):
    """Factor on the spectrum of a grid that smooths by a Gaussian of standard deviation h cells."""
    frequencies = [np.fft.fftfreq(n) for n in shape[:-1]] + [np.fft.rfftfreq(shape[-1])]
    return np.exp(-2 * (np.pi * h) ** 2 * sum(k ** 2 for k in np.meshgrid(*frequencies, indexing="ij")))


def bandwidth(counts):
    """Standard deviation, in cells, of the Gaussian kernel for a histogram: least-squares cross-validation.

    Minimises the integral of f^2 less twice the mean of f at the points, f there without the point itself. Both follow
    from the power spectrum. Tries fractions of what would be best for a normal law, and takes the largest of those that
    are about as good as the best.
    """
    n, d = counts.sum(), counts.ndim
    power = np.abs(np.fft.rfftn(counts)) ** 2 / (counts.size * n ** 2)
    power[..., 1:(counts.shape[-1] + 1) // 2] *= 2  # the half of the spectrum that rfftn leaves out

    def score(h):
        k = damping(counts.shape, h)
        own = (2 * np.pi * h ** 2) ** (-d / 2) / n
        return (power * k * k).sum() - 2 * ((power * k).sum() - own)

    variance = 0
    for i in range(d):
        p = counts.sum(axis=tuple(j for j in range(d) if j != i)) / n
        at = np.arange(len(p))
        variance += (p * (at - (p * at).sum()) ** 2).sum() / d
    normal = np.sqrt(variance) * n ** (-1 / (d + 4))
    tried = np.maximum(1, normal * np.geomspace(0.15, 1.1, 20))
    scores = np.array([score(h) for h in tried])
    return tried[scores <= scores.min() + 0.005 * abs(scores.min())].max()


def kernel_density(points, low, high, cells):
    """Density of points [n, d], d = 1 or 2, at cell centres of a box: their coordinates, and f [cells] * d, y first."""
    pad = 0.15 * (high - low)  # the smoothing is periodic; what it wraps around lies outside of the picture
    low, high = low - pad, high + pad
    counts = np.histogramdd(points, cells, list(zip(low, high)))[0].T
    at = [a + (np.arange(cells) + 0.5) * (b - a) / cells for a, b in zip(low, high)]
    if counts.sum() < 2:
        return at, counts
    f = np.fft.irfftn(np.fft.rfftn(counts) * damping(counts.shape, bandwidth(counts)), s=counts.shape)
    return at, np.maximum(f, 0) / (len(points) * np.prod((high - low) / cells))


def levels(f, masses):
    """Densities above which these fractions of the mass lie: ascending, different."""
    f = np.sort(f.ravel())[::-1]
    mass = np.cumsum(f) / max(f.sum(), 1e-300)
    return sorted({float(f[min(np.searchsorted(mass, m), len(f) - 1)]) for m in masses})


def principal_axes(rows, most):
    """Mean [d], axes [most, d] and fractions of variance [most] of the first rows [n, d]."""
    mean = rows.mean(axis=0)
    x = rows[:1000] - mean
    wide = x.shape[1] > len(x)
    variance, vectors = np.linalg.eigh(x @ x.T if wide else x.T @ x)
    axes = ((x.T @ vectors) if wide else vectors).T[:-most - 1:-1]
    axes *= np.sign(axes[np.arange(most), np.abs(axes).argmax(axis=1)])[:, None]
    return mean, axes / np.linalg.norm(axes, axis=1, keepdims=True), variance[:-most - 1:-1] / variance.sum()


def finer(x, y, f, times):
    """A positive density f [ny, nx] at equal steps on a grid that is so many times finer: points, f. By cubics through the
    logarithm, of which those of normal laws are quadratic."""

    def along(values):
        n = len(values)
        at = np.arange((n - 1) * times + 1) / times
        i = np.minimum(at.astype(int), max(n - 2, 0))
        u = (at - i)[:, None]
        ends = [2 * values[0] - values[min(1, n - 1)]], [2 * values[-1] - values[max(n - 2, 0)]]
        if n > 2:  # the third difference is zero at the ends
            ends = [3 * values[0] - 3 * values[1] + values[2]], [3 * values[-1] - 3 * values[-2] + values[-3]]
        v = np.concatenate([ends[0], values, ends[1]])
        a, b, c, d = (v[i + k] for k in range(4))
        return b + u * ((c - a) / 2 + u * (a - 2.5 * b + 2 * c - d / 2 + u * (1.5 * (b - c) + (d - a) / 2)))

    def between(points):
        return np.linspace(points[0], points[-1], (len(points) - 1) * times + 1)

    log = np.log(np.maximum(f, 1e-300))
    log = along(log) if len(y) > 1 else log
    log = along(log.T).T if len(x) > 1 else log
    return between(x) if len(x) > 1 else x, between(y) if len(y) > 1 else y, np.exp(log)
