#!/usr/bin/env python3
"""The localized kernel bridge on a chain Gaussian: draws have the covariance V = A (V + 2 e I) A^T that theory gives the
localized map A, step and radius included (ALGORITHMS 4.4); with full neighbourhoods it is the kernel bridge to the bit;
lists and radii that say the same give the same bits; lists that cannot be are refused."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e", "lib"))
import h5py
import numpy as np
from program import done, folder, ok, sbridge, together

at = folder("chain")


def chain(d):
    return np.linalg.inv(np.diag(np.full(d, 2.1)) - np.eye(d, k=1) - np.eye(d, k=-1))


def slope(c, e):
    w, q = np.linalg.eigh(c)
    return q @ np.diag((np.sqrt(w * w + e * e) - e) / w) @ q.T


def limit(c, e, r):
    d = len(c)
    a = np.zeros((d, d))
    for i in range(d):
        near = [k for k in range(d) if abs(k - i) <= r]
        a[i, near] = slope(c[np.ix_(near, near)], e)[near.index(i)]
    v = c.copy()
    for _ in range(4000):
        v = a @ (v + 2 * e * np.eye(d)) @ a.T
    return a, v


def far(v, c):
    return np.linalg.norm(v - c) / np.linalg.norm(c)


# the tables of the source, d = 20: errors against the law (the report has them: kernel_report.py), and against the global chain
c = chain(20)
for r, want in ((1, 0.0740), (2, 2.6e-4), (3, 4.0e-5), (5, 3.8e-8)):
    a, v = limit(c, 0.05, r)
    error = far(v, slope(c, 0.05) @ c) * np.linalg.norm(slope(c, 0.05) @ c) / np.linalg.norm(c)
    ok(abs(error / want - 1) < 0.03 and max(abs(np.linalg.eigvals(a))) < 1, f"radius {r}: {error:.2g} from the global chain, {want} of the source")

D, M, E = 10, 4000, 0.2
c = chain(D)
x = np.random.default_rng(2).normal(size=(M, D))
x = (x - x.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T))).T @ np.linalg.cholesky(c).T  # moments to the digit
with h5py.File(at / "chain.h5", "w") as f:
    f["x"] = x
queries = np.random.default_rng(5).normal(size=(64, D)) @ np.linalg.cholesky(c).T * 0.7
with h5py.File(at / "at.h5", "w") as f:
    f["x"], f["t"] = queries, np.zeros(64)


def run(name, words, method="local", command=("sample",), ranks=1):
    (at / f"{name}.yml").write_text(
        f"method: {method}\nseed: 5\noutput: {name}\ndata: {{file: chain.h5, standardise: none, validation: 0}}\n"
        f"kernel: {{step: {E}}}\nsample: {{n: 600, burn_in: 120, per_chain: 2, thin: 40}}\nrecord: {{particles: 0}}\n"
    )
    result = sbridge(at, command[0], f"{name}.yml", *command[1:], *[f"--set={w}" for w in words], ranks=ranks)
    path = at / name / ("at.h5" if command[1:] else "samples.h5")
    data = h5py.File(path)["drift_chain" if command[1:] else "x"][:] if result.status == 0 else None
    return data, result


for r in (1, 2):
    a, v = limit(c, E, r)
    field, result = run(f"field{r}", [f"local.radius={r}"], command=("velocity", "--at", "at.h5"), ranks=2)
    if field is None:
        ok(False, "the field", result)
        continue
    steps = 120 + 40
    error = np.sqrt(((field / steps + queries - queries @ a.T) ** 2).mean() / ((queries @ (a - np.eye(D)).T) ** 2).mean())
    ok(error < 0.12, f"radius {r}: averages at 64 points to {error:.3f} of the move that theory gives")
a, v = limit(c, E, 1)
draws, result = run("draws", ["local.radius=1"], ranks=2)
if draws is None:
    ok(False, "draws", result)
else:
    s = np.cov(draws.T)
    # the error of a covariance of independent draws, twice as large for two of a chain
    noise = np.sqrt((np.trace(v) ** 2 + (v * v).sum()) / 450) / np.linalg.norm(v)
    ok(far(s, v) < 2.2 * noise, f"covariance of the draws: {far(s, v):.3f} from theory, noise {noise:.3f}; {far(s, c):.3f} from the law's")
    # twelve steps of the diagonal alone: theory tells step and radius from the law
    ratio, want = np.trace(s) / np.trace(c), np.trace(v) / np.trace(c)
    ok(abs(ratio - want) < 4.5 * np.sqrt(2 * (v * v).sum() / 450) / np.trace(c), f"trace {ratio:.3f} of the law's, theory {want:.3f}")

short = ["sample.n=100", "sample.burn_in=6", "sample.per_chain=1"]
one, _ = run("global", short, method="kernel")
full, result = run("full", [*short, "local.radius=10"], ranks=3)
ok(one is not None and full is not None and np.array_equal(one, full), "full neighbourhoods: the kernel bridge to the bit", result)
block, result = run("block", [*short, "local.radius=10", "local.block=4"])
ok(block is not None and np.array_equal(one, block), "in blocks, too", result)
ring, result = run("ring", [*short, "local.radius=1", "local.periodic=true"])
members = [sorted({(i - 1) % D, i, (i + 1) % D}) for i in range(D)]
lists = [f"local.starts={[3 * i for i in range(D + 1)]}", f"local.members={sum(members, [])}"]
listed, result = run("listed", [*short, *lists])
ok(ring is not None and listed is not None and np.array_equal(ring, listed), "a ring by radius and by lists: the same bits", result)
line, result = run("line", [*short, "local.radius=1"])
ok(line is not None and not np.array_equal(ring, line), "which is no line", result)
held, result = run("held", [*short, "condition.coordinates=[3]", "condition.values=[0.5]"])
ok(held is not None and (held[:, 3] == 0.5).all() and held[:, 2].mean() > 0, "a given coordinate stays and is seen by its neighbours", result)

equal, _ = run("equal", [*short, "local.radius=1", "local.block=4"])
sized, result = run("sized", [*short, "local.radius=1", "local.blocks=[4, 4, 2]"])
ok(equal is not None and sized is not None and np.array_equal(equal, sized), "blocks by their sizes: the same bits", result)
other, result = run("other", [*short, "local.radius=1", "local.blocks=[1, 6, 3]"])
ok(other is not None and not np.array_equal(equal, other), "of other sizes: others", result)
for sizes in ("[4, 4]", "[4, 4, 2.5]", "[10, 0]"):
    result = run("sizes", [*short, f"local.blocks={sizes}"])[1]
    ok(result.status == 1 and len(result.lines) == 1 and "local.blocks" in result.err, f"refused: blocks of {sizes}", result)

good = sum(members, [])
for what, says, starts, values in (
    ("a coordinate that is not there", "no coordinate", range(0, 31, 3), [*good[:-1], 10]),
    ("a block without its own coordinate", "lacks", range(0, 31, 3), [1, 2, 3, *good[3:]]),
    ("a coordinate twice", "stands twice", range(0, 31, 3), [0, 1, 1, *good[3:]]),
    ("too few starts", "11", range(0, 28, 3), good),
    ("starts that go back", "a place in members", [0, 6, 3, *range(9, 31, 3)], good),
    ("members that none has", "number of members", range(0, 31, 3), [*good, 0]),
):
    result = run(f"bad{len(what)}", [*short, f"local.starts={list(starts)}", f"local.members={values}"])[1]
    ok(result.status == 1 and len(result.lines) == 1 and says in result.err, f"refused: {what}", result)
done()
