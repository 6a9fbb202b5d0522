#!/usr/bin/env python3
"""Method dsb against the exact iterates of Gaussian chains: all kernels stay affine, marginals follow by recursion, and the
regressions of a half-step are those of Gaussian variables (De Bortoli et al. 2021, eq. 12, 13). The program's own loop, by
moments and by chains; draws; drifts at the fixed point against the closed form of the bridge; the flow and its density."""

import math
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e", "lib"))
import h5py
import numpy as np
from program import TOP, done, folder, ok, sbridge, together

sys.path.insert(0, str(TOP / "tools"))
import read_checkpoint

# Backward in the paper's words: from N(a, 1) to N(-a, 1), a = .1, total variance 1, Brownian reference: mean, variance,
# covariance of the ends after L iterations.
TABLE = {
    (20, "mean_match"): {1: (0, 0.76911, 0.5), 2: (-0.05669, 0.97827, 0.60057), 5: (-0.08924, 1.01179, 0.61598),
                         20: (-0.09082, 1.01185, 0.61625), 200: (-0.09082, 1.01184, 0.61632)},
    (20, "cond_mean"): {1: (0, 0.76911, 0.5), 2: (-0.06124, 0.97159, 0.59629), 5: (-0.09803, 1.00057, 0.60698),
                        20: (-0.1, 1.00015, 0.60077), 200: (-0.1, 1, 0.59874)},
    (20, "exact"): {1: (0, 0.75, 0.5), 2: (-0.06, 0.96, 0.6), 5: (-0.09775, 0.99987, 0.61798), 20: (-0.1, 1, 0.61803)},
    (100, "mean_match"): {1: (0, 0.75376, 0.5), 2: (-0.05934, 0.96366, 0.60012), 5: (-0.096, 1.00218, 0.61752),
                          20: (-0.09809, 1.0023, 0.61755), 200: (-0.09809, 1.0023, 0.61749)},
    (1000, "mean_match"): {1: (0, 0.75038, 0.5), 2: (-0.05993, 0.96037, 0.60001), 5: (-0.09758, 1.0001, 0.61793),
                           20: (-0.09981, 1.00023, 0.61798), 200: (-0.09981, 1.00023, 0.61792)},
}
PAIR = """
data: {law: gaussian, dimension: %d, means: [-0.1], n: %d, validation: 0}
source: {law: gaussian, dimension: %d, means: [0.1], n: %d, validation: 0}
"""
BROWN = "reference: {process: brownian, steps: %d, variance: 1}\n"
at = folder("here")


def run(name, deck, *commands):
    (at / f"{name}.yml").write_text(f"method: dsb\nseed: 4\noutput: {name}\n" + deck)
    for words in commands or (("train", f"{name}.yml"),):
        result = sbridge(at, *words)
        if result.status:
            return result
    return result


def lines(name):
    """Columns: half-step, direction, mean and variance of the start, of the end, of the set there, covariance, distance."""
    with h5py.File(at / name / "checkpoint.h5") as f:
        return f["/dsb/half_steps"][:]


# --- The table --------------------------------------------------------------------------------------------------------


def entry(steps, kind):
    rows = TABLE[steps, kind]
    name = f"table{steps}{kind}"
    how = "loss: cond_mean, noise: exact" if kind == "exact" else f"loss: {kind}"
    deck = PAIR % (1, 100, 1, 100) + BROWN % steps
    result = run(name, deck + f"dsb: {{iterations: {max(rows)}, regressor: gaussian, {how}}}\n")
    if result.status:
        return False, name, result
    seen = lines(name)[1::2][:, [4, 5, 8]]
    off = max(np.abs(seen[k - 1] - rows[k]).max() for k in rows)
    return off < 1e-5, f"iterates of {steps} steps, {kind}", off


# --- Any Gaussians, any schedule, either reference --------------------------------------------------------------------

M0, M1 = np.array([0.3, -0.5, 1.0]), np.array([-0.2, 0.4, 0.0])
S0 = np.array([[1.0, 0.4, 0.0], [0.4, 0.8, -0.2], [0.0, -0.2, 0.6]])
S1 = np.array([[0.7, -0.1, 0.2], [-0.1, 1.2, 0.3], [0.2, 0.3, 0.9]])
THREE = f"""
data: {{law: mixture, dimension: 3, means: {M1.tolist()}, covariances: {S1.tolist()}, n: 100, validation: 0}}
source: {{law: mixture, dimension: 3, means: {M0.tolist()}, covariances: {S0.tolist()}, n: 100, validation: 0}}
"""
RAMP = "reference: {steps: 8, gamma_min: 0.02, gamma_max: 0.1, mean: [0.1], stationary: 0.9}\n"


def ramp():
    half = np.linspace(0.02, 0.1, 4)
    return np.concatenate([half, half[::-1]])


def iterate(gamma, iterations, loss, alpha=1 / 0.9, centre=0.1):
    """Maps of both directions after the last iteration, and moments of the chains of each half-step: in t's order."""
    n, d = len(gamma), 3
    eye = np.eye(d)
    back = [((1 - alpha * g) * eye, alpha * g * centre * np.ones(d)) for g in gamma]
    fore, seen = [None] * n, []
    for half in range(2 * iterations + 1):
        to_data = half % 2
        m, s = (M0, S0) if to_data else (M1, S1)
        start = s
        for j in range(n) if to_data else range(n - 1, -1, -1):
            a, c = (fore if to_data else back)[j]
            new_m, new_s = a @ m + c, a @ s @ a.T + 2 * gamma[j] * eye
            g = s @ a.T @ np.linalg.inv(new_s)
            if loss == "mean_match":  # x' + F(E[x | x']) - F(x')
                other = eye + a @ (g - eye), a @ (m - g @ new_m)
            else:
                other = g, m - g @ new_m
            if half < 2 * iterations:
                (back if to_data else fore)[j] = other
            start = start @ a.T
            m, s = new_m, new_s
        seen.append((m.mean(), np.trace(s) / d, np.trace(start) / d))
    return fore, back, np.array(seen)


def any_gaussians(loss):
    result = run("any" + loss, THREE + RAMP + f"dsb: {{iterations: 4, regressor: gaussian, loss: {loss}}}\n")
    if result.status:
        return False, loss, result
    off = np.abs(lines("any" + loss)[:, [4, 5, 8]] - iterate(ramp(), 4, loss)[2]).max()
    return off < 1e-12, f"3-D, Ornstein-Uhlenbeck, rising and falling steps, {loss}", off


# --- Regression on chains ----------------------------------------------------------------------------------------------

PATHS = 40000


def by_chains():
    deck = THREE.replace("n: 100,", f"n: {PATHS},") + RAMP
    deck += f"dsb: {{iterations: 2, regressor: linear, cache_npar: {PATHS}}}\n"
    result = run("chains", deck)
    if result.status:
        return False, "chains", result
    sure = 4.5 * np.array([1.2, 1.7, 1.5]) / math.sqrt(3 * PATHS) * math.sqrt(4)  # errors of four half-steps add
    off = np.abs(lines("chains")[:, [4, 5, 8]] - iterate(ramp(), 2, "mean_match")[2])
    return (off < sure).all(), "least squares on chains: the iterates within their sampling error", off / sure


# --- Draws ------------------------------------------------------------------------------------------------------------

N = 60000


def draws(direction, noisy):
    name = f"draws{direction}{noisy}"
    deck = THREE + RAMP + "dsb: {iterations: 3, regressor: gaussian}\n"
    deck += f"sample: {{n: {N}, direction: {direction}, noise_last_step: {noisy}}}\nrecord: {{particles: 0}}\n"
    result = run(name, deck, ("train", f"{name}.yml"), ("sample", f"{name}/checkpoint.h5"))
    if result.status:
        return False, name, result
    fore, back, _ = iterate(ramp(), 3, "mean_match")
    m, s = (M0, S0) if direction == "forward" else (M1, S1)
    for k in range(8):
        j = k if direction == "forward" else 7 - k
        a, c = (fore if direction == "forward" else back)[j]
        m, s = a @ m + c, a @ s @ a.T + (2 * ramp()[j] * np.eye(3) if k < 7 or noisy == "true" else 0)
    with h5py.File(at / name / "samples.h5") as f:
        x = f["x"][:]
    off = np.abs(x.mean(0) - m) / np.sqrt(np.diag(s) / N)
    wide = np.abs(np.cov(x.T) - s) / np.sqrt((np.outer(np.diag(s), np.diag(s)) + s**2) / N)
    good = max(off.max(), wide.max()) < 4.5
    return good, f"draws {direction}, noise in the last step {noisy}: moments of the maps", f"{off} {wide}"


# --- The fixed point ---------------------------------------------------------------------------------------------------


def bridge(t):
    """Closed form for a Brownian reference of variance 1: mean and covariance at t, slope of the forward drift."""
    root = lambda a: (lambda w, v: (v * np.sqrt(w)) @ v.T)(*np.linalg.eigh(a))
    r = root(S0)
    c = 0.5 * (r @ root(4 * r @ S1 @ r + np.eye(3)) @ np.linalg.inv(r) - np.eye(3))
    s = (1 - t) ** 2 * S0 + t**2 * S1 + t * (1 - t) * (c + c.T + np.eye(3))
    return (1 - t) * M0 + t * M1, s, ((1 - t) * (c.T - S0) + t * (S1 - c - np.eye(3))) @ np.linalg.inv(s)


def gauss_log(x, m, s):
    return -0.5 * (np.einsum("ij,jk,ik->i", x - m, np.linalg.inv(s), x - m) + np.linalg.slogdet(2 * np.pi * s)[1])


def fixed_point():
    deck = THREE + BROWN % 1000 + "dsb: {iterations: 40, regressor: gaussian, loss: cond_mean, noise: exact}\n"
    rng = np.random.default_rng(1)
    t = np.repeat([0.0, 0.25, 0.5, 0.75, 0.9], 40)
    x = np.stack([rng.multivariate_normal(*bridge(s)[:2]) for s in t])
    with h5py.File(at / "points.h5", "w") as f:
        f["x"], f["t"] = x, t
    result = run("fixed", deck, ("train", "fixed.yml"), ("velocity", "fixed/checkpoint.h5", "--at", "points.h5"))
    if result.status:
        return [(False, "fixed", result)]
    with h5py.File(at / "fixed" / "at.h5") as f:
        forward, backward, log = f["forward"][:], f["backward"][:], f["log_density"][:].ravel()
    exact, score, density = np.empty_like(x), np.empty_like(x), np.empty(len(x))
    for i, s in enumerate(t):
        m, cov, k = bridge(s)
        exact[i] = M1 - M0 + k @ (x[i] - m)
        score[i] = -np.linalg.inv(cov) @ (x[i] - m)
        density[i] = gauss_log(x[i : i + 1], m, cov)[0]
    inside = t > 0  # backward chains have no step at t = 0
    off = np.abs(forward - exact).max(), np.abs(forward + backward - score)[inside].max(), np.abs(log - density).max()
    return [
        (off[0] < 5e-3, "1000 steps: the forward drift is that of the bridge", off),
        (off[1] < 5e-3, "1000 steps: forward + backward drift = g^2 score", off),
        (off[2] < 5e-3, "1000 steps: the flow's log density is that of the bridge", off),
    ]


def flow():
    deck = THREE + BROWN % 400 + f"dsb: {{iterations: 30, regressor: gaussian}}\nsample: {{n: {N}, ode: true}}\n"
    deck += "record: {particles: 0}\n"
    result = run("flow", deck, ("train", "flow.yml"), ("sample", "flow/checkpoint.h5"))
    if result.status:
        return False, "flow", result
    with h5py.File(at / "flow" / "samples.h5") as f:
        x = f["x"][:]
    off = np.abs(np.cov(x.T) - S1).max(), np.abs(x.mean(0) - M1).max()
    return max(off) < 0.02, "draws of the flow, without noise, have the law of the data", off


def corrected():
    deck = THREE + BROWN % 40 + "dsb: {iterations: 20, regressor: gaussian}\n"
    deck += f"sample: {{n: {N}, corrector: 3, corrector_step: 0.5, noise_last_step: true}}\nrecord: {{particles: 0}}\n"
    result = run("corrected", deck, ("train", "corrected.yml"), ("sample", "corrected/checkpoint.h5"))
    if result.status:
        return False, "corrected", result
    with h5py.File(at / "corrected" / "samples.h5") as f:
        x = f["x"][:]
    off = np.abs(np.cov(x.T) - S1).max(), np.abs(x.mean(0) - M1).max()
    return max(off) < 0.05, "Langevin steps between keep the law", off


def numpy_density(name, x, t):
    """log p_t(x) along the flow of the checkpoint's networks, in double, divergences by differences."""
    model = read_checkpoint.Checkpoint(str(at / name / "checkpoint.h5"))
    forward, backward = model.networks["forward"], model.networks["backward"]
    with h5py.File(at / name / "checkpoint.h5") as f:
        time = f["/dsb/time"][:]
    d, total = x.shape[1], np.zeros(len(x))
    flow = lambda j, x: 0.5 * (forward(x, np.full(len(x), time[j])) - backward(x, np.full(len(x), 1 - time[j + 1])))
    for j in range(len(time) - 2, -1, -1):
        if time[j] >= t:
            continue
        h = min(t, time[j + 1]) - time[j]
        middle = x - 0.5 * h * flow(j, x)
        for k in range(d):
            e = 1e-4 * np.eye(d)[k]
            total -= h * (flow(j, middle + e)[:, k] - flow(j, middle - e)[:, k]) / 2e-4
        x = x - h * flow(j, middle)
    return gauss_log(x, np.zeros(d), np.eye(d)) + total


def learned(d):
    """Exact traces up to 16 dimensions, estimates by random signs beyond."""
    name = f"learned{d}"
    deck = f"data: {{law: gaussian, dimension: {d}, variance: 0.5, n: 500}}\nsource: {{law: gaussian, dimension: {d}, n: 500}}\n"
    deck += "reference: {steps: 6, variance: 2}\nnet: {depth: 2, width: 32}\ntrain: {steps: 150, batch: 128, rate: 5e-3}\n"
    deck += "dsb: {iterations: 1, cache_npar: 256}\n"
    with h5py.File(at / f"{name}.h5", "w") as f:
        f["x"] = np.random.default_rng(d).normal(size=(200, d)) * 0.7
        f["t"] = np.repeat([1.0, 0.6], 100)
    result = run(name, deck, ("train", f"{name}.yml"), ("velocity", f"{name}/checkpoint.h5", "--at", f"{name}.h5"))
    if result.status:
        return False, name, result
    with h5py.File(at / name / "at.h5") as f:
        x, log = f["x"][:], f["log_density"][:].ravel()
    off = log - np.concatenate([numpy_density(name, x[:100], 1.0), numpy_density(name, x[100:], 0.6)])
    if d <= 16:
        return np.abs(off).max() < 2e-3, f"{d}-D networks: log density by exact traces", np.abs(off).max()
    good = abs(off.mean()) < 4.5 * off.std() / math.sqrt(len(off)) and 1e-3 < off.std() < 0.8
    return good, f"{d}-D networks: log density by estimated traces, without bias", (off.mean(), off.std())


calls = [lambda key=key: entry(*key) for key in TABLE]
calls += [lambda loss=loss: any_gaussians(loss) for loss in ("mean_match", "cond_mean")]
calls += [lambda d=d, n=n: draws(d, n) for d in ("forward", "backward") for n in ("true", "false")]
calls += [by_chains, flow, corrected, lambda: learned(3), lambda: learned(20)]
for result in [*together(calls), *fixed_point()]:
    ok(*result)
done()
