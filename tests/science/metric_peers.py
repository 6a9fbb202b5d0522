#!/usr/bin/env python3
"""Distances between samples against numpy, scipy and, where it is installed, POT: `t_metric values FILE` computes ours."""
import os
import subprocess
import sys
import tempfile

import numpy as np

try:
    from scipy.linalg import sqrtm
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial import cKDTree
    from scipy.spatial.distance import cdist
except ImportError:
    print("1..0 # skip no scipy here")
    sys.exit()
try:
    import ot
except ImportError:
    ot = None

PROGRAM = os.path.join(os.environ.get("BUILD", "build"), "tests", "t_metric")
H = 1.3
count = 0


def close(ours, theirs, tolerance, what):
    global count
    count += 1
    good = abs(ours - theirs) <= tolerance * max(1.0, abs(theirs))
    print(f"{'ok' if good else 'not ok'} {count} - {what}")
    if not good:
        print(f"# ours {ours!r}, theirs {theirs!r}")


def ours(x, y):
    with tempfile.NamedTemporaryFile("w", dir=os.environ.get("SCRATCH"), suffix=".txt") as f:
        f.write(f"{len(x)} {len(y)} {x.shape[1]} {H}\n")
        for row in np.concatenate([x, y]):
            f.write(" ".join(repr(float(v)) for v in row) + "\n")
        f.flush()
        out = subprocess.run([PROGRAM, "values", f.name], check=True, capture_output=True, text=True).stdout
    return {name: float(value) for name, value in (line.split() for line in out.splitlines())}


def mean_of_different(k):
    n = len(k)
    return (k.sum() - np.trace(k)) / (n * (n - 1))


def entropic(cost, variance):
    """Least mean cost + variance KL(plan, product), uniform weights."""
    n, m = cost.shape
    ends = np.full(n, 1 / n), np.full(m, 1 / m)
    plan = ot.sinkhorn(*ends, cost, variance, "sinkhorn_log", stopThr=1e-9, numItermax=1000, warn=False)
    some = plan > 0
    return (plan * cost).sum() + variance * (plan[some] * np.log(plan[some] * n * m)).sum()


def compare(what, x, y):
    mine, d = ours(x, y), cdist(x, y)
    xx, yy = cdist(x, x), cdist(y, y)
    close(mine["energy_distance"], d.mean() - mean_of_different(xx) / 2 - mean_of_different(yy) / 2, 1e-12,
          f"{what}: energy distance")
    rbf = lambda r: np.exp(-r**2 / (2 * H**2))
    close(mine["mmd"], mean_of_different(rbf(xx)) + mean_of_different(rbf(yy)) - 2 * rbf(d).mean(), 1e-12,
          f"{what}: maximum mean discrepancy")
    close(mine["nearest_sum"], cKDTree(y).query(x)[0].sum(), 1e-12, f"{what}: nearest points")
    if len(x) <= 500:
        pairs = np.sort(xx[np.triu_indices(len(x), 1)])
        close(mine["median_distance"], pairs[(len(pairs) - 1) // 2], 1e-15, f"{what}: median distance")
    if x.shape[1] == 1:
        n, m = len(x), len(y)
        gap = np.repeat(np.sort(x[:, 0]), m) - np.repeat(np.sort(y[:, 0]), n)
        close(mine["sliced_w2"], np.sqrt((gap**2).mean()), 1e-12, f"{what}: sliced distance on a line")
    close(mine["tested"], mine["energy_distance"], 1e-12, f"{what}: statistic of the energy test")
    low, high = np.quantile(y, [0.05, 0.95], axis=0, method="weibull")
    close(mine["coverage"], abs(((x >= low) & (x <= high)).mean(axis=0) - 0.9).max(), 1e-12, f"{what}: coverage")
    cov = [np.atleast_2d(np.cov(z.T)) for z in (x, y)]
    cross = np.trace(sqrtm(cov[0] @ cov[1]).real)
    gap = ((x.mean(axis=0) - y.mean(axis=0)) ** 2).sum()
    close(mine["gauss"], gap + np.trace(cov[0]) + np.trace(cov[1]) - 2 * cross, 1e-6, f"{what}: Gaussians, scipy")
    close(mine["frechet"], mine["gauss"], 1e-9, f"{what}: Frechet distance of the samples")
    if ot:
        ab, aa, bb = (entropic(z**2 / 2, x.shape[1] * H**2) for z in (d, xx, yy))
        value = ab - aa / 2 - bb / 2
        close(mine["sinkhorn"], value, 1e-6, f"{what}: Sinkhorn divergence, POT")
    if len(x) != len(y):
        return
    i, j = linear_sum_assignment(d**2)
    close(mine["w2"], np.sqrt((d[i, j] ** 2).mean()), 1e-12, f"{what}: exact assignment, scipy")
    if ot:
        close(mine["w2"], np.sqrt(ot.emd2([], [], d**2, numItermax=10**7)), 1e-9, f"{what}: exact assignment, POT")


random = np.random.default_rng(7)
normal = random.standard_normal
angle = 2 * np.pi * random.random(700)
ring = 4 * np.stack([np.cos(angle), np.sin(angle)], 1) + 0.2 * normal((700, 2))

compare("on a line", normal((400, 1)), 1 + 2 * normal((400, 1)))
compare("on a line, 90 and 130 points", normal((90, 1)), normal((130, 1)))
compare("a ring against a Gaussian", ring, normal((700, 2)))
compare("ties on a grid", np.floor(2 * normal((300, 2))), np.floor(2 * normal((300, 2))))
compare("far apart", normal((500, 3)), 20 + 0.1 * normal((500, 3)))
compare("in 20 dimensions", normal((300, 20)), 0.3 + normal((300, 20)))
compare("in 520 dimensions, by ScaLAPACK", normal((560, 520)), 0.1 + 1.1 * normal((560, 520)))
compare("two points", normal((2, 2)), normal((2, 2)))
if not ot:
    count += 1
    print(f"ok {count} # skip no POT here")
print(f"1..{count}")
