#!/usr/bin/env python3
"""Sampling with exact fields of a Gaussian law: Euler-Maruyama of a linear drift is a recursion for mean and variance, so
draws are held against what their own time step should give, not against its limit. And the noise of recorded paths is white.

The law is N(m, s^2 I), q = N(m, (s^2 + sigma^2) I) its smoothed form, tau = variance1, sigma^2 = variance2 (Wang et al. 2021):
stage 1 from 0 is a mixture of Brownian bridges, b1 = (E[Y | x] - x) / (1 - t); stage 2 follows the score of N(m, s^2 +
sigma^2 (1 - t))."""

import math
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e", "lib"))
import h5py
import numpy as np
from program import done, folder, ok, sbridge, together

M, S2, TAU, SIGMA2 = np.array([1.0, -2.0, 0.5]), 0.5, 3.0, 0.7
N, STEPS1, STEPS2, TRACKED, D = 60000, 12, 9, 3000, 3
SURE = 4.5  # standard errors

DECK = f"""
seed: 11
data: {{law: gaussian, dimension: {D}, n: 100, means: {M.tolist()}, variance: {S2}}}
field: {{source: exact}}
reference: {{variance1: {TAU}, variance2: {SIGMA2}}}
sample: {{n: {N}, steps1: {STEPS1}, steps2: {STEPS2}}}
record: {{particles: {TRACKED}, frames: 100}}
"""


def drift1(t):
    """b1 = a x + c, the same for every coordinate but for m."""
    v = S2 + SIGMA2
    precision = 1 / v + t / (TAU * (1 - t))
    return (1 / (TAU * (1 - t)) / precision - 1) / (1 - t), M / v / precision / (1 - t)


def drift2(t):
    rate = SIGMA2 / (S2 + SIGMA2 * (1 - t))
    return -rate, rate * M


def walk(drift, steps, variance, mean, spread, denoise=False):
    """Mean and variance of a coordinate after all steps; the last drift once more without noise."""
    h = 1 / steps
    for k in range(steps + denoise):
        a, c = drift(min(k, steps - 1) * h)
        mean = mean + h * (a * mean + c)
        spread = spread * (1 + h * a) ** 2 + (h * variance if k < steps else 0)
    return mean, spread


def agree(what, x, mean, spread):
    off = np.abs(x.mean(0) - mean) / math.sqrt(spread / N)
    wide = np.abs(x.var(0, ddof=1) / spread - 1) / math.sqrt(2 / (N - 1))
    cross = np.abs(np.corrcoef(x.T)[np.triu_indices(D, 1)]) * math.sqrt(N)
    ok(off.max() < SURE, f"{what}: the mean of its time step", off)
    ok(wide.max() < SURE, f"{what}: the variance of its time step", wide)
    ok(cross.max() < SURE, f"{what}: coordinates do not know each other", cross)


def white(what, z):
    """z [steps, particles, d]: standard normal, independent between steps, coordinates and particles."""
    n = z.size
    moments = [
        z.mean() * math.sqrt(n),
        (z.var() - 1) * math.sqrt(n / 2),
        (z**3).mean() * math.sqrt(n / 15),
        ((z**4).mean() - 3) * math.sqrt(n / 96),
    ]
    ok(max(map(abs, moments)) < SURE, f"{what}: noise is standard normal", moments)
    ordered, grid = np.sort(z.ravel()), (np.arange(n) + 0.5) / n
    far = np.abs(
        np.array([0.5 * math.erfc(-x / math.sqrt(2)) for x in ordered[:: n // 2000]]) - grid[:: n // 2000]
    ).max() * math.sqrt(n)
    ok(far < 1.95, f"{what}: and of its shape (Kolmogorov-Smirnov)", far)
    pairs = {
        "steps": (z[1:], z[:-1]),
        "coordinates": (z[..., 1:], z[..., :-1]),
        "particles": (z[:, 1:], z[:, :-1]),
        "tiles": (z[:, 64:], z[:, :-64]),
        "coordinates and steps": (z[1:, :, 1:], z[:-1, :, :-1]),
    }
    for name, (a, b) in pairs.items():
        ok(abs((a * b).mean()) * math.sqrt(a.size) < SURE, f"{what}: {name} apart", (a * b).mean() * math.sqrt(a.size))


def increments(there):
    """Noise of recorded paths by stage: (x_{k+1} - x_k - h v_k) / (variance h)^(1/2)."""
    with h5py.File(there / "trajectories.h5") as f:
        frames = [f[key] for key in sorted(f) if key.startswith("step_")]
        leg, x, v = [g.attrs["leg"] for g in frames], [g["x"][:] for g in frames], [g["v"][:] for g in frames]
    for stage, steps, variance in (0, STEPS1, TAU), (1, STEPS2, SIGMA2):
        at = [i for i in range(len(frames) - 1) if leg[i] == stage][:steps]
        ok(len(at) == steps, f"stage {stage + 1}: every step is recorded")
        yield np.array([(x[i + 1] - x[i] - v[i] / steps) / math.sqrt(variance / steps) for i in at])


def sampled(name, *words):
    there = folder(name)
    (there / "deck.yml").write_text(DECK)
    return there / "out", sbridge(there, "sample", "deck.yml", "--set=output=out", *words, ranks=2)


(there, run), (denoised, run_denoised), (gauss, run_gauss) = together(
    [
        lambda: sampled("plain"),
        lambda: sampled("denoised", "--set=sample.final_denoise=true"),
        lambda: sampled("gauss", "--set=sample.start=gauss", "--set=sample.start_variance=2"),
    ]
)
if not ok(run.status == run_denoised.status == run_gauss.status == 0, "three runs", run, run_denoised, run_gauss):
    done()

with h5py.File(there / "samples.h5") as f:
    middle, x = f["stage1"][:], f["x"][:]
mean, spread = walk(drift1, STEPS1, TAU, 0 * M, 0.0)
agree("stage 1", middle, mean, spread)
agree("stage 2", x, *walk(drift2, STEPS2, SIGMA2, mean, spread))
agree("denoised", h5py.File(denoised / "samples.h5")["x"][:], *walk(drift2, STEPS2, SIGMA2, mean, spread, denoise=True))
agree("from a Gaussian", h5py.File(gauss / "samples.h5")["x"][:], *walk(drift2, STEPS2, SIGMA2, 0 * M, 2.0))
coarse = abs(walk(drift2, STEPS2, SIGMA2, mean, spread)[1] / S2 - 1)
ok(coarse > 10 * math.sqrt(2 / N), "at these steps the time step's error would be seen", coarse)
first, second = increments(there)
white("stage 1", first)
white("stage 2", second)
both = (first[:STEPS2] * second).mean() * math.sqrt(second.size)
ok(abs(both) < SURE, "the stages have noise of their own", both)
done()
