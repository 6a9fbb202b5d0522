#!/usr/bin/env python3
"""Decks of the kernel methods that cannot work end with one line and status 1; those that may be a mistake say so in a
warning and run."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))
import h5py
import numpy as np
from program import done, folder, ok, sbridge, together

at = folder("here")
draw = np.random.default_rng(1).normal(size=(200, 2))
tables = {"x": draw, "one": draw[:1], "twins": draw[[0, 0, 0]], "flat": draw * [1, 0], "double": draw[[*range(100)] * 2]}
tables["wide"] = draw[:, [0, 1, 0]]
for name, x in tables.items():
    with h5py.File(at / f"{name}.h5", "w") as f:
        f["x"] = x
BASE = "data: {file: %s.h5, standardise: none}\nsample: {n: 100, burn_in: 5}\n"


def run(name, table, words, ranks, method="kernel"):
    (at / f"{name}.yml").write_text(f"method: {method}\noutput: {name}\n" + BASE % table)
    return sbridge(at, "sample", f"{name}.yml", *[f"--set={w}" for w in words], ranks=ranks)


def refused(number, what, says, table, *words, method="kernel"):
    result = run(f"r{number}", table, words, 1 + 2 * (number % 2), method)
    good = result.status == 1 and len(result.lines) == 1 and all(s in result.err for s in says)
    return good, f"refused: {what}", result


def warned(number, what, says, table, *words, method="kernel"):
    result = run(f"w{number}", table, words, 1 + 2 * (number % 2), method)
    good = result.status == 0 and all(s in result.err + result.out for s in says)
    if good:
        with h5py.File(at / f"w{number}" / "samples.h5") as f:
            good = bool(np.isfinite(f["x"][:]).all())
    return good, f"a warning: {what}", result


CASES = [
    (refused, "a negative step", ["kernel.step", "-1"], "x", "kernel.step=-1"),
    (refused, "steps of another number", ["kernel.steps", "2 coordinates"], "x", "kernel.steps=[1, 2, 3]"),
    (refused, "a step that is 0", ["kernel.steps", "positive"], "x", "kernel.steps=[1, 0]"),
    (refused, "one row", ["at least two"], "one"),
    (refused, "all rows at one place", ["kernel.step", "different places"], "twins"),
    (refused, "float below its floor", ["stalls"], "x", "kernel.precision=float", "kernel.tolerance=1e-8"),
    (refused, "no transition", ["bridge"], "x", "kernel.weights=density", "sample.sampler=aware"),
    (refused, "half of no half step", ["half"], "x", "sample.output=half", "sample.sampler=aware"),
    (refused, "a fraction of split", ["sample.fraction"], "x", "sample.fraction=0.5"),
    (refused, "chains that do not divide the draws", ["cannot be shared"], "x", "sample.per_chain=7"),
    (refused, "a coordinate that is not there", ["0 .. 1"], "x", "condition.coordinates=[2]", "condition.values=[0]"),
    (refused, "half a coordinate", ["condition.coordinates"], "x", "condition.coordinates=[0.5]", "condition.values=[0]"),
    (refused, "all coordinates given", ["nothing is left"], "x", "condition.coordinates=[0, 1]", "condition.values=[0, 0]"),
    (refused, "a condition of another length", ["2 numbers for 1"], "x", "condition.coordinates=[0]", "condition.values=[0, 1]"),
    (refused, "values of no coordinates", ["which coordinates"], "x", "condition.values=[0]"),
    (refused, "given axes of a rotation", ["coordinates of the data's own"], "x", "data.standardise=whiten",
     "condition.coordinates=[0]", "condition.values=[0]"),
    (refused, "cases of another width", ["2 columns"], "x", "condition.coordinates=[0]", "condition.file=wide.h5"),
    (refused, "a map of another size", ["need 2"], "x", "likelihood.form=gaussian", "likelihood.map=[1]",
     "likelihood.observed=[0]"),
    (refused, "a likelihood of training rows", ["resample"], "x", "likelihood.form=plugin", "sample.sampler=resample"),
    (refused, "a plug-in that is not there", ["likelihood.plugin"], "x", "likelihood.form=plugin",
     "likelihood.plugin=./nothing.so"),
    (refused, "half a state", ["pairs of states"], "wide", "condition.coordinates=[0]", "condition.values=[0]",
     "condition.advance=5"),
    (refused, "as many eigenpairs as rows", ["180 training rows", "179"], "x", "kernel.eigenpairs=200"),
    (refused, "eigenpairs of no matrix", ["density"], "x", "kernel.eigenpairs=2", "kernel.weights=density"),
    (refused, "more eigenpairs than vectors", ["kernel.eigen_products"], "x", "kernel.eigenpairs=50",
     "kernel.eigen_products=2"),
    (warned, "a spectrum that has not converged", ["raise kernel.eigen_products"], "x", "kernel.eigenpairs=9",
     "kernel.eigen_products=2", "kernel.step=0.05"),
    (warned, "a chain that never forgets", ["never forgets"], "x", "kernel.eigenpairs=2", "kernel.step=1e-9"),
    (warned, "too short a start", ["the spectrum advises"], "x", "kernel.eigenpairs=2", "kernel.step=0.01"),
    (warned, "float tiles at their floor", ["stalls at"], "x", "kernel.precision=float", "kernel.tolerance=1e-7",
     "kernel.step=1e-4"),
    (warned, "products that are not to the bit", ["not to the bit"], "x", "kernel.storage=cyclic"),
    (refused, "a plug-in that advances nothing", ["condition.advance"], "x", "condition.coordinates=[0]",
     "condition.values=[0]", "condition.plugin=./nothing.so"),
    (refused, "one that is not there", ["condition.plugin", "nothing.so"], "x", "condition.coordinates=[0]",
     "condition.values=[0]", "condition.plugin=./nothing.so", "condition.advance=2"),
    (refused, "one of nothing that is given", ["which coordinates"], "x", "condition.plugin=./nothing.so"),
    (warned, "a given value far outside, no NaN", [], "x", "condition.coordinates=[0]", "condition.values=[1e6]"),
    (warned, "a frozen chain", ["chains freeze"], "x", "kernel.step=1e-9"),
    (warned, "a chain that collapses", ["collapse"], "x", "kernel.step=50"),
    (warned, "duplicates", ["at the same place"], "double"),
    (warned, "a coordinate without spread", ["no spread"], "flat"),
    (warned, "all rows at one place, a step given", ["no spread"], "twins", "kernel.step=0.1"),
    (warned, "no convergence", ["raise kernel.iterations"], "x", "kernel.iterations=2"),
]


def refused_local():
    result = run("local", "wide", ["kernel.eigenpairs=2"], 2, "local")
    return result.status == 1 and "neighbourhoods" in result.err and len(result.lines) == 1, "refused: eigenpairs of local", result


def too_large():
    """A dense matrix that does not fit: how much memory it takes, and what to do."""
    (at / "large.yml").write_text(
        "method: kernel\noutput: large\ndata: {law: mixture_b, n: 60000, validation: 0}\n"
        "kernel: {eigenpairs: 3, eigensolver: dense, step: 0.1}\n"
    )
    result = sbridge(at, "train", "large.yml", "--dry-run", ranks=2, env={"SB_MEMORY_LIMIT": str(4 * 10**9)})
    says = ["kernel.eigensolver", "60000 training rows", "GB", "lanczos"]
    return result.status == 3 and len(result.lines) == 1 and all(s in result.err for s in says), "refused: too large a matrix", result


def foretold():
    """--dry-run says what a scaling takes."""
    (at / "rough.yml").write_text("method: kernel\noutput: rough\ndata: {law: mixture_b, n: 20000, validation: 0}\n")
    result = sbridge(at, "train", "rough.yml", "--dry-run", ranks=2)
    return result.status == 0 and "products in float of" in result.out and "s to train" in result.out, "a dry run", result


for call in (refused_local, too_large, foretold):
    ok(*call())
for good, what, result in together([lambda c=c, i=i: c[0](i, *c[1:]) for i, c in enumerate(CASES)]):
    ok(good, what, result)
done()
