#!/usr/bin/env python3
"""Conditional and posterior chains of the kernel bridge have the mean and variance that theory gives for a Gaussian law with
the step included (ALGORITHMS 3.7); the report has the limit beside them; cases with known truth are calibrated; repeated
conditioning gives a path with the law's own correlation; a likelihood of a plug-in draws as the same one of the deck."""

import json
import math
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e", "lib"))
import h5py
import numpy as np
from program import done, folder, ok, sbridge, together

at = folder("given")
M = 3000


def normal(u):
    z = np.zeros_like(u)
    for _ in range(60):  # Newton
        cdf = np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in z])
        z -= np.clip((cdf - u) * math.sqrt(2 * math.pi) * np.exp(z**2 / 2), -0.5, 0.5)
    return z


# points that fill the plane evenly (R2 sequence), as Gaussian quantiles with the law's covariance
C = np.array([[1, 0.6], [0.6, 0.8]])
i = np.arange(1, M + 1)
z = np.stack([normal((0.5 + i * a) % 1) for a in (0.7548776662466927, 0.5698402909980532)], 1)
z = (z - z.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(z.T))).T
with h5py.File(at / "xy.h5", "w") as f:
    f["x"] = z @ np.linalg.cholesky(C).T
with h5py.File(at / "line.h5", "w") as f:
    f["x"] = normal((np.arange(M) + 0.5) / M)[:, None]


def values(e):
    w, q = np.linalg.eigh(C)
    a = q @ np.diag((np.sqrt(w * w + e * e) - e) / w) @ q.T
    f = math.sqrt(1 + e * e) - e
    g = f * (1 - e / 0.5)
    return {
        "conditional": (a[0, 1] * 0.7 / (1 - a[0, 0]), 2 * e * a[0, 0] ** 2 / (1 - a[0, 0] ** 2)),
        "posterior": (f * e * 1.2 / 0.5 / (1 - g), 2 * e * f * f / (1 - g * g)),
    }


ok(np.allclose(values(0.1)["conditional"], (0.48822, 0.49251), atol=1e-5), "the conditional values of the source")
ok(np.allclose(values(0.1)["posterior"], (0.78692, 0.34424), atol=1e-5), "the posterior values of the source")

COMMON = "method: kernel\nseed: 5\nrecord: {particles: 0}\n"
GIVEN = "condition: {coordinates: [1], values: [0.7]}\n"
SEEN = "likelihood: {form: gaussian, map: [1], observed: [1.2], variance: [0.5]}\n"
(at / "likelihood.c").write_text(
    """#include <stdint.h>
void sb_likelihood(int64_t rows, int d, const double *x, double *gradient);
void sb_likelihood(int64_t rows, int d, const double *x, double *gradient) {
  for (int64_t i = 0; i < rows * d; i++) gradient[i] = (x[i] - 1.2) / 0.5;
}
"""
)
built = subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", "likelihood.so", "likelihood.c"], cwd=at).returncode == 0
PLUGGED = "likelihood: {form: plugin, plugin: ./likelihood.so}\n"


def draw(name, table, e, more, n=8000):
    (at / f"{name}.yml").write_text(
        COMMON
        + f"output: {name}\ndata: {{file: {table}.h5, standardise: none, validation: 0}}\nkernel: {{step: {e}}}\n"
        + f"sample: {{n: {n}, per_chain: 4, burn_in: {int(5 / e)}, thin: {int(2 / e)}}}\n"
        + more
    )
    result = sbridge(at, "sample", f"{name}.yml")
    return (h5py.File(at / name / "samples.h5")["x"][:] if result.status == 0 else None), result


E = 0.1
for name, table, more in (
    ("conditional", "xy", GIVEN),
    ("posterior", "line", SEEN),
    *([("plugin", "line", PLUGGED)] if built else []),
):
    x, result = draw(name, table, E, more)
    if x is None:
        ok(False, name, result)
        continue
    mean, variance = values(E)["posterior" if name == "plugin" else name]
    n = len(x) / 2  # draws of a chain are two relaxation times apart
    ok(
        abs(x[:, 0].mean() - mean) < 4.5 * math.sqrt(variance / n) + 0.01
        and abs(x[:, 0].var() / variance - 1) < 4.5 * math.sqrt(2 / n) + 0.01,
        f"{name}, step {E}: mean {x[:, 0].mean():.4f} ({mean:.4f}), variance {x[:, 0].var():.4f} ({variance:.4f})",
    )
    if name == "conditional":
        ok((x[:, 1] == 0.7).all(), "what is given stays to the bit")
if not built:
    print("# no compiler for a plug-in")

# the report of a law that is known: moments beside their closed forms
(at / "known.yml").write_text(
    COMMON
    + "output: known\ndata: {law: mixture, n: 2000, validation: 0, means: [[0, 0]], covariances: [[1, 0.6, 0.6, 0.8]]}\n"
    + "kernel: {step: 0.05}\nsample: {n: 4000, burn_in: 100}\nvelocity: {points: 4}\n"
    + GIVEN
)
result = sbridge(at, "run", "known.yml")
if ok(result.status == 0, "a conditional run of a known law", result):
    metrics = {m["name"]: m for m in json.loads((at / "known" / "report.json").read_text())["metrics"]}
    ok(
        set(metrics) == {f"{kind}{what}_0" for kind in ("", "stationary_") for what in ("mean", "variance")}
        and abs(metrics["mean_0"]["target"] - 0.525) < 1e-9
        and abs(metrics["variance_0"]["target"] - 0.55) < 1e-9,
        f"the report has closed forms .525 and .55 beside {metrics['mean_0']['value']:.3f}, {metrics['variance_0']['value']:.3f}",
    )
    want = values(0.05)["conditional"]
    ok(
        np.allclose([metrics["stationary_mean_0"]["target"], metrics["stationary_variance_0"]["target"]], want, rtol=1e-10),
        f"and those of the chain, its step included: {want[0]:.5f}, {want[1]:.5f}",
    )

# calibration: 300 cases of the law, 40 draws of each
rng = np.random.default_rng(3)
with h5py.File(at / "cases.h5", "w") as f:
    f["x"] = rng.normal(size=(300, 2)) @ np.linalg.cholesky(C).T
(at / "cases.yml").write_text(
    COMMON
    + "output: cases\ndata: {file: xy.h5, standardise: none, validation: 0}\nkernel: {step: 0.02}\n"
    + "sample: {n: 12000, per_chain: 10, burn_in: 100, thin: 30}\nvelocity: {points: 4}\n"
    + "condition: {coordinates: [1], file: cases.h5}\n"
)
result = sbridge(at, "run", "cases.yml", ranks=2)
ok(result.status == 0, "a run of many cases", result)
if result.status == 0:
    metrics = {m["name"]: m["value"] for m in json.loads((at / "cases" / "report.json").read_text())["metrics"]}
    ok(abs(metrics["coverage_50"] - 0.5) < 4.5 * math.sqrt(0.25 / 300), f"50 % intervals hold {metrics['coverage_50']:.3f}")
    ok(abs(metrics["coverage_90"] - 0.9) < 4.5 * math.sqrt(0.09 / 300) + 0.01, f"90 %: {metrics['coverage_90']:.3f}")
    ok(metrics["rank_chi2"] < 4, f"ranks are even: chi2 {metrics['rank_chi2']:.2f} per degree of freedom")

# a path of y' = .8 y + noise of variance .36: pairs of states, five chains of 2000 states
pair = np.linalg.cholesky(np.array([[1, 0.8], [0.8, 1]]))
with h5py.File(at / "pairs.h5", "w") as f:
    f["x"] = z @ pair.T
(at / "path.yml").write_text(
    COMMON
    + "output: path\ndata: {file: pairs.h5, standardise: none, validation: 0}\nkernel: {step: 0.02}\n"
    + "sample: {n: 12800, per_chain: 200, burn_in: 40, thin: 40}\n"
    + "condition: {coordinates: [0], values: [0], advance: 40}\n"
)
result = sbridge(at, "sample", "path.yml", ranks=2)
ok(result.status == 0, "a trajectory by repeated conditioning", result)
if result.status == 0:
    x = h5py.File(at / "path" / "samples.h5")["x"][:].reshape(64, 200, 2)
    ok(np.array_equal(x[:, 1:, 0], x[:, :-1, 1]), "each state begins where the one before ended")
    y = x[:, 20:, 1]
    lag = (y[:, 1:] * y[:, :-1]).mean() / (y * y).mean()
    ok(abs(lag - 0.8) < 0.05, f"correlation of neighbours in time {lag:.3f}, the law's is .8")
done()
