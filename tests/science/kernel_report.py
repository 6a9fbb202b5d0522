#!/usr/bin/env python3
"""The report of a Gaussian law has, beside what was sampled, what chains of this sampler, step, condition, likelihood and
neighbourhood keep in the limit of many training rows: every value of ALGORITHMS 3.5, 3.7 and 4.4."""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e", "lib"))
import h5py
import numpy as np
from program import done, folder, ok, sbridge, together

at = folder("report")
FEW = "record: {particles: 0, training: 0}\nvelocity: {points: 2}\n" + (
    "evaluate: {size: 8, blocks: 1, floors: 0, slices: 1, w2_points: 4, w2_floors: 0, draws: 64, errors: false}\n"
)


def report(name, covariance, more, method="kernel"):
    c = np.atleast_2d(covariance)
    law = f"law: mixture, dimension: {len(c)}, n: 300, validation: 0, means: [{[0] * len(c)}], covariances: [{c.ravel().tolist()}]"
    (at / f"{name}.yml").write_text(
        f"method: {method}\noutput: {name}\nseed: 3\ndata: {{{law}}}\n{FEW}sample: {{n: 64, burn_in: 3}}\n"
    )
    result = sbridge(at, "run", f"{name}.yml", *[f"--set={word}" for word in more])
    if result.status:
        ok(False, name, result)
        return {}
    return {m["name"]: m for m in json.loads((at / name / "report.json").read_text())["metrics"]}


CHAIN = np.linalg.inv(np.diag(np.full(20, 2.1)) - np.eye(20, k=1) - np.eye(20, k=-1))
JOINT = [[1, 0.6], [0.6, 0.8]]
GIVEN = ["condition.coordinates=[1]", "condition.values=[0.7]"]
SEEN = ["likelihood.form=gaussian", "likelihood.map=[1]", "likelihood.observed=[1.2]", "likelihood.variance=[0.5]"]
DENSITY = ["kernel.weights=density", "sample.sampler=langevin", "sample.fraction=0.5"]
move = 1 - 0.5 * (1 - 1 / 1.4)  # of half a step of a kernel density, variance 1, epsilon .2
CASES = [  # what, law, keys, {metric: its target}
    *[
        (f"{sampler}, variance {c}, step {e}", c, [f"kernel.step={e}", f"sample.sampler={sampler}"], {"stationary_variance_0": v})
        for c, e, values in ((1, 0.05, (1.05125, 0.95125, 1)), (1, 0.2, (1.21980, 0.81980, 1)), (0.5, 0.05, (0.55249, 0.45249, 0.5)))
        for sampler, v in zip(("langevin", "split", "aware"), values)
    ],
    ("half steps", 1, ["kernel.step=0.2", "sample.output=half"], {"stationary_variance_0": 0.81980 + 0.4}),
    ("density", 1, ["kernel.step=0.2", *DENSITY], {"stationary_variance_0": 0.4 / (1 - move**2)}),
    *[
        (f"conditional, step {e}", JOINT, [f"kernel.step={e}", *GIVEN],
         {"stationary_mean_0": m, "stationary_variance_0": v, "mean_0": 0.525, "variance_0": 0.55})
        for e, m, v in ((0.1, 0.48822, 0.49251), (0.01, 0.52167, 0.54297), (0.001, 0.52467, 0.54928))
    ],
    *[
        (f"posterior, step {e}", 1, [f"kernel.step={e}", *SEEN],
         {"stationary_mean_0": m, "stationary_variance_0": v, "mean_0": 0.8, "variance_0": 1 / 3})
        for e, m, v in ((0.1, 0.78692, 0.34424), (0.01, 0.79867, 0.33444), (0.001, 0.79987, 0.33344))
    ],
    *[
        (f"radius {r}, step {e}", CHAIN, [f"kernel.step={e}", f"local.radius={r}"], {"law_covariance": v})
        for e, values in (
            (0.01, (0.01735, 0.00407, 0.00407, 0.00407)),
            (0.05, (0.0809, 0.01957, 0.01952, 0.01953)),
            (0.2, (0.2491, 0.0709, 0.0670, 0.0672)),
        )
        for r, v in zip((1, 2, 3, 5), values)
    ],
]  # fmt: skip


def check(i):
    what, law, keys, targets = CASES[i]
    found = report(f"case{i}", law, keys, "local" if "radius" in what else "kernel")
    gaps = {name: (found.get(name, {}).get("target"), want) for name, want in targets.items()}
    good = all(has is not None and abs(has - want) < (6e-5 if "law" in name else 6e-6) for name, (has, want) in gaps.items())
    return good, f"{what}: " + ", ".join(f"{name} {want:.5f}" for name, want in targets.items()), gaps


for good, what, gaps in together([lambda i=i: check(i) for i in range(len(CASES))]):
    ok(good, what, gaps)

# The spectrum against numpy, by both solvers; its file for viewers.
rng = np.random.default_rng(4)
x = rng.normal(size=(250, 2)).astype(np.float32).astype(float) * [1, 0.5]
with h5py.File(at / "x.h5", "w") as f:
    f["x"] = x
t = np.exp(-((x[:, None] - x[None]) ** 2).sum(2) / 0.8)
v = np.ones(len(x))
for _ in range(200):
    v = np.sqrt(v / (t @ v))
value, vector = np.linalg.eigh(v[:, None] * t * v)
value, vector = value[::-1][1:6], vector[:, ::-1][:, 1:6] * np.sqrt(len(x))
vector *= np.sign(vector[np.abs(vector).argmax(0), range(5)])
(at / "spectrum.yml").write_text(
    "method: kernel\noutput: spectrum\ndata: {file: x.h5, standardise: none, validation: 0}\n"
    "kernel: {step: 0.2, eigenpairs: 5, tolerance: 1e-12}\n"
)
for solver, ranks in (("lanczos", 3), ("dense", 2)):
    result = sbridge(at, "train", "spectrum.yml", "--overwrite", f"--set=kernel.eigensolver={solver}", ranks=ranks)
    if not ok(result.status == 0 and "relaxation" in result.out, f"{solver} on {ranks} ranks", result):
        continue
    with h5py.File(at / "spectrum" / "diffusion.h5") as f:
        gap = np.abs(f["eigenvalue"][:] - value).max(), np.abs(f["diffusion"][:] - value * vector).max()
        ok(gap[0] < 1e-10 and gap[1] < 1e-6, f"{solver}: eigenvalues to {gap[0]:.1e} of numpy's, diffusion map to {gap[1]:.1e}")
        ok(np.allclose(f["relaxation"][:], -1 / np.log(value)) and np.allclose(f["x"][:], x), "times and rows beside them")
        ok(np.array_equal(f["diffusion_2"][:], f["diffusion"][:, 1]), "a coordinate by itself")
    text = (at / "spectrum" / "diffusion.xmf").read_text()
    ok(all(f'Name="diffusion_{k}"' in text for k in range(1, 6)) and "eigenvalue" not in text, "which viewers are shown")
result = sbridge(at, "train", "spectrum.yml", "--resume", "--set=kernel.eigensolver=dense")
ok(result.status == 0 and "from the checkpoint" in result.out, "taken up again, nothing is computed anew", result)
done()
