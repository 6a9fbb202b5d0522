#!/usr/bin/env python3
"""Chains of the kernel bridge on quantile points of a Gaussian law have the stationary variance that theory gives each
sampler, its step included (ALGORITHMS 3.5: C the variance, A = (sqrt(C^2 + e^2) - e) / C the slope of the average, e the
step), and not that of another sampler. Points far outside the data give finite fields."""

import math
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e", "lib"))
import h5py
import numpy as np
from program import done, folder, ok, sbridge, together

M, CHAINS, EACH = 3000, 2500, 8
N = CHAINS * EACH
CUT = 0.006  # quantile points have no tails: what that takes from a variance, at most, beside the noise of the draws

at = folder("gauss")
quantile = np.sort(np.random.default_rng(1).normal(size=M))
u = (np.arange(M) + 0.5) / M
for _ in range(80):  # Newton
    cdf = np.array([0.5 * math.erfc(-z / math.sqrt(2)) for z in quantile])
    quantile -= np.clip((cdf - u) * math.sqrt(2 * math.pi) * np.exp(quantile**2 / 2), -0.5, 0.5)
with h5py.File(at / "x.h5", "w") as f:
    f["x"] = np.stack([quantile], 1)


def slope(c, e):
    return math.sqrt(1 + (e / c) ** 2) - e / c


def variances(e, f=1.0):
    a = slope(1, e)
    g, k = 1 - f * (1 - a), 1 / (1 + 2 * e)
    move = 1 - f * (1 - k)
    return {
        "langevin": 1 / a,
        "langevin fraction": 2 * f * e / (1 - g * g),
        "langevin density": 2 * f * 2 * e / (1 - move * move),
        "split": a,
        "split half": a + 2 * e,
        "aware": 1.0,
        "resample": float(np.mean(quantile**2)),
    }


def run(name, e, want, *words):
    sampler = name.split()[0]
    deck = f"""
method: kernel
output: {name.replace(" ", "-")}-{e}
seed: 5
data: {{file: x.h5, standardise: none, validation: 0}}
kernel: {{step: {e}}}
sample: {{n: {N}, sampler: {sampler}, per_chain: {EACH}, thin: {int(2 / e)}, burn_in: {int(3 / e)}}}
record: {{particles: 0}}
"""
    path = at / f"{name.replace(' ', '-')}-{e}.yml"
    path.write_text(deck)
    result = sbridge(at, "sample", path.name, *[f"--set={w}" for w in words], ranks=1)
    if result.status:
        return ok(False, f"{name}, step {e}", result)
    with h5py.File(at / f"{name.replace(' ', '-')}-{e}" / "samples.h5") as f:
        x = f["x"][:, 0]
    # draws of a chain are correlated: the error comes from the chains
    per_chain = (x.reshape(CHAINS, EACH) ** 2).mean(1)
    error = per_chain.std(ddof=1) / math.sqrt(CHAINS)
    ok(
        abs(x.mean()) < 0.06 and abs(x.var() - want) < 4.5 * error + CUT * want,
        f"{name}, step {e}: variance {x.var():.4f} +- {error:.4f}, closed form {want:.4f}",
        result,
    )
    return x


for e in (0.2, 0.05):
    for name, want in variances(e, 0.5).items():
        words = {"fraction": ["sample.fraction=0.5"], "half": ["sample.output=half"]}.get(name.split()[-1], [])
        if name == "langevin density":
            words = ["sample.fraction=0.5", "kernel.weights=density"]
        if e == 0.2 or name in ("langevin", "split", "aware"):
            x = run(name, e, want, *words)
            if name == "resample" and x is not None:
                ok(np.isin(x.astype(np.float32), quantile.astype(np.float32)).all(), "resampling never leaves the data")

(at / "far.yml").write_text("method: kernel\noutput: far\ndata: {file: x.h5, standardise: none, validation: 0}\nkernel: {step: 0.05}\n")
with h5py.File(at / "at.h5", "w") as f:
    f["x"] = np.array([[0.5], [1e6], [-1e6]])
    f["t"] = np.zeros(3)
for widths in ("fixed", "sum", "product"):
    result = sbridge(
        at, "velocity", "far.yml", "--at", "at.h5", f"--set=kernel.bandwidth={widths}", f"--set=output=far-{widths}"
    )
    field = h5py.File(at / f"far-{widths}" / "at.h5")["drift_chain"][:, 0] if result.status == 0 else [math.nan]
    ok(np.isfinite(field).all() and field[1] < 0 < field[2], f"fields far outside the data are finite ({widths})", result)
    if widths == "fixed":
        # 100 steps of epsilon in a unit of t
        ok(abs(field[0] / 100 - 0.5 * (slope(1, 0.05) - 1)) < 1e-4, f"and inside they are those of theory: {field[0] / 100:.6f}")
done()
