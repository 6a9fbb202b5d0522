#!/usr/bin/env python3
"""Stage 2 from clean rows: with noise of a time in the middle, on lines between rows, and with unknown coordinates. The law is
N(m, s^2 I) with exact fields, so that Euler-Maruyama is a recursion for the mean and the variance of what comes of a row."""

import math
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e", "lib"))
import h5py
import numpy as np
from program import done, folder, ok, sbridge

M, S2, SIGMA2, BEGIN = np.array([1.0, -2.0, 0.5]), 0.5, 0.7, 0.6
N, STEPS, SURE = 40000, 9, 4.5

DECK = f"""
seed: 11
data: {{law: gaussian, dimension: 3, n: 100, means: {M.tolist()}, variance: {S2}}}
field: {{source: exact}}
reference: {{variance2: {SIGMA2}}}
sample: {{n: {N}, steps2: {STEPS}, begin: {BEGIN}}}
record: {{start_file: rows.h5, particles: 0}}
"""
generator = np.random.default_rng(5)


def walk(begin, gain, variance, denoise=False):
    """x at the end = gain * x(begin) + (1 - gain) m + noise: the gain, and the variance of the noise. h in units of t."""
    h = (1 - begin) / STEPS
    for k in range(STEPS + denoise):
        t = begin + min(k, STEPS - 1) * h
        factor = 1 - h * SIGMA2 / (S2 + SIGMA2 * (1 - t))
        gain, variance = gain * factor, variance * factor**2 + (h * SIGMA2 if k < STEPS else 0)
    return gain, variance


def draws(name, rows, *sets, ranks=2):
    there = folder(name)
    with h5py.File(there / "rows.h5", "w") as file:
        file["x"] = rows
    (there / "deck.yml").write_text(DECK)
    words = [word for key in sets for word in ("--set", key)]
    run = sbridge(there, "sample", "deck.yml", "--set", "output=out", *words, ranks=ranks)
    if not ok(run.status == 0, f"{name} runs on {ranks} ranks", run):
        return np.full((N, 3), np.nan)
    with h5py.File(there / "out" / "samples.h5") as file:
        return file["x"][()]


def agree(what, x, mean, variance):
    off = np.abs((x - mean).mean(0)).max() / math.sqrt(variance / len(x))
    wide = np.abs((x - mean).var(0) / variance - 1).max() / math.sqrt(2 / len(x))
    ok(off < SURE and wide < SURE, f"{what}: mean and variance of its time step", off, wide)


rows = generator.standard_normal((N, 3)) * 3
gain, noise = walk(BEGIN, 1, 0)
total = noise + gain**2 * SIGMA2 * (1 - BEGIN)
x = draws("noised", rows, "sample.start=noised")
agree("noised rows", x, gain * rows + (1 - gain) * M, total)
ok(np.array_equal(x, draws("noised3", rows, "sample.start=noised", ranks=3)), "noised rows: the same bits on 3 ranks")

# Lines: points share the noise of their start, not that of their way.
POINTS = 10
ends = generator.standard_normal((N // POINTS * 2, 3)) * 3
x = draws("lines", ends, "sample.start=noised", f"sample.blend={POINTS}")
part = np.linspace(0, 1, POINTS)[:, None]
line = (1 - part) * ends[0::2, None] + part * ends[1::2, None]
agree("lines", x[::POINTS], gain * line[:, 0] + (1 - gain) * M, total)
rest = x.reshape(line.shape) - gain * line - (1 - gain) * M
shared = (rest[:, 0] * rest[:, -1]).mean() / total
ok(abs(shared - gain**2 * SIGMA2 * (1 - BEGIN) / total) < SURE / math.sqrt(len(rest) * 3), "lines: one noise for all points", shared)
ok(np.array_equal(x, draws("lines3", ends, "sample.start=noised", f"sample.blend={POINTS}", ranks=3)),
   "lines: the same bits on 3 ranks")

# Unknown coordinates; of this law they do not depend on the known ones.
for denoise in (False, True):
    holes = np.where(generator.uniform(size=(N, 3)) < 0.4, np.nan, rows)
    x = draws(f"holes{denoise}", holes, "sample.start=inpaint", f"sample.final_denoise={str(denoise).lower()}")
    known = np.isfinite(holes)
    ok(np.array_equal(x[known], holes[known]), "inpainting: known coordinates stay")
    gain, noise = walk(0, 1, 0, denoise)
    drawn = (x - (1 - gain) * M)[~known]
    agree(f"inpainting{', denoised' * denoise}", drawn[:, None], 0, noise + gain**2 * SIGMA2)
ok(np.array_equal(x, draws("holes3", holes, "sample.start=inpaint", "sample.final_denoise=true", ranks=3)),
   "inpainting: the same bits on 3 ranks")

# Of a law whose coordinates depend on each other: N(0, [[2, -.9], [-.9, 2]]) tells the second coordinate from the first.
PAIR = "data: {law: mixture, dimension: 2, n: 100, weights: [1], covariances: [2, -1.8, -1.8, 2], means: [0, 0]}\nfield: {source: exact}\n" \
       f"reference: {{variance2: 9}}\nsample: {{n: {N}, steps2: 200}}\nrecord: {{start_file: rows.h5, particles: 0}}\n"
DECK = PAIR
half = np.column_stack([generator.standard_normal(N) * math.sqrt(2), np.full(N, np.nan)])
x = draws("pair", half, "sample.start=inpaint")
slope = (x[:, 0] * x[:, 1]).mean() / (x[:, 0] ** 2).mean()
rest = (x[:, 1] - slope * x[:, 0]).std() / math.sqrt((x[:, 0] ** 2).sum())
expected = 0.0  # of E x_1 for x_0 = 1: the mean of the noise is zero
for k in range(200):
    pull = -9 / 200 * np.linalg.inv(np.array([[2, -1.8], [-1.8, 2]]) + 9 * (1 - k / 200) * np.eye(2))
    expected += pull[1, 1] * expected + pull[1, 0]
ok(abs(slope - expected) < SURE * rest, f"inpainting: what is known moves what is not as its recursion says, {expected:.3f}", slope)
ok(-0.9 < expected < -0.5, "... which is not conditional sampling, where it were -.9")

there = folder("refused")
with h5py.File(there / "rows.h5", "w") as file:
    file["x"] = holes
(there / "deck.yml").write_text(PAIR.replace("law: mixture", "standardise: whiten, law: mixture"))
for name, deck, says in (
    ("noised", "sample.start=noised", "/x: row"),
    ("whitened", "sample.start=inpaint", "sample.start: inpaint needs"),
    ("one point", "sample.blend=1", "sample.blend: 0, or 2"),
    ("few rows", "sample.blend=2", "rows, sample.n"),
):
    with h5py.File(there / "rows.h5", "w") as file:
        file["x"] = half[: N - 1] if name == "few rows" else half
    start = () if deck.startswith("sample.start") else ("--set", "sample.start=inpaint")
    run = sbridge(there, "sample", "deck.yml", "--set", "output=out", "--set", deck, *start)
    lines = [line for line in run.err.splitlines() if line.startswith("sbridge: ")]
    ok(run.status == 1 and len(lines) == 1 and says in lines[0], f"refused: {name}", run)
done()
