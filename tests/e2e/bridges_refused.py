#!/usr/bin/env python3
"""Decks of bridges between two data sets that cannot work end with one line and status 1; those that may be a mistake say
so in a warning and run."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))
import h5py
import numpy as np
from program import done, folder, ok, sbridge, together

at = folder("here")
draw = np.random.default_rng(1).normal(size=(200, 3))
for name, x in {"x": draw[:, :2], "y": draw[:150, :2] + 2, "wide": draw, "one": draw[:1, :2], "nan": np.full((9, 2), np.nan)}.items():
    with h5py.File(at / f"{name}.h5", "w") as f:
        f["x"] = x
BASE = """method: %s
output: %s
data: {file: x.h5}
%s
sample: {n: 100, steps: 5}
"""


def run(name, method, source, words, ranks):
    (at / f"{name}.yml").write_text(BASE % (method, name, f"source: {{{source}}}" if source else ""))
    return sbridge(at, "sample", f"{name}.yml", *[f"--set={w}" for w in words], ranks=ranks)


def trained(number, what, says, method, source, *words):
    (at / f"t{number}.yml").write_text(BASE % (method, f"t{number}", f"source: {{{source}}}"))
    words = [f"--set={w}" for w in (*words, "train.steps=200", "evaluate.floors=2", "velocity.points=3")]
    result = sbridge(at, "run", f"t{number}.yml", *words, ranks=1 + 2 * (number % 2))
    good = result.status == 0
    if good:
        with h5py.File(at / f"t{number}" / "samples.h5") as f:
            good = bool(np.isfinite(f["x"][:]).all())
    return good, f"it runs: {what}", result


def refused(number, what, says, method, source, *words):
    result = run(f"r{number}", method, source, words, 1 + 2 * (number % 2))
    good = result.status == 1 and len(result.lines) == 1 and all(s in result.err for s in says)
    return good, f"refused: {what}", result


def warned(number, what, says, method, source, *words):
    result = run(f"w{number}", method, source, words, 1 + 2 * (number % 2))
    good = result.status == 0 and all(s in result.err + result.out for s in says)
    if good:
        with h5py.File(at / f"w{number}" / "samples.h5") as f:
            good = bool(np.isfinite(f["x"][:]).all() and np.isfinite(f["start"][:]).all())
    return good, f"a warning: {what}", result


LAW = ("data.law=gaussian", "data.file=''", "data.n=100")
CASES = [
    (refused, "no second data set", ["source: where does the bridge begin", "source.law"], "sinkhorn", ""),
    (refused, "an empty second data set", ["source.law or source.file"], "sinkhorn", "n: 5"),
    (refused, "a second file that is not there", ["none.h5"], "sinkhorn", "file: none.h5"),
    (refused, "sets of different dimension", ["dimension 3", "dimension", "has 2"], "sinkhorn", "file: wide.h5"),
    (refused, "a law of another dimension", ["source: gaussian has dimension 5"], "sinkhorn", "law: gaussian, n: 9, dimension: 5"),
    (refused, "one row", ["at least two"], "sinkhorn", "file: one.h5"),
    (refused, "numbers that are none", ["nan.h5", "not a number"], "sinkhorn", "file: nan.h5"),
    (refused, "an unknown key of the source", ["source.standardise"], "sinkhorn", "file: y.h5, standardise: none"),
    (refused, "a variance of 0", ["reference.variance"], "sinkhorn", "file: y.h5", "reference.variance=0"),
    (refused, "exact fields of tables", ["needs a known bridge"], "sinkhorn", "file: y.h5", "field.source=exact"),
    (refused, "exact fields the way back", ["not known backward"], "sinkhorn", "law: gaussian, n: 50", "field.source=exact",
     "data.law=bridge", "data.file=''", "data.n=100", "sample.direction=backward"),
    (refused, "a start without a file", ["record.start_file"], "sinkhorn", "file: y.h5", "sample.start=file"),
    (refused, "a source for one who has no use for it", ["source.file", "one data set"], "kernel", "file: y.h5"),
    (refused, "the way back of a mixture", ["exchange data and source"], "mixture", "file: y.h5", "sample.direction=backward"),
    (refused, "more components than rows", ["mixture.components", "180 training rows"], "mixture", "file: y.h5", "mixture.components=181"),
    (refused, "a stream of tables", ["data.stream", "data.law"], "mixture", "file: y.h5", "data.stream=true"),
    (refused, "a stream for who works on rows", ["data.stream", "sinkhorn"], "sinkhorn", "law: gaussian, n: 50", "data.stream=true"),
    (refused, "the best without held-out rows", ["data.validation"], "mixture", "file: y.h5", "train.keep=best", "source.validation=0"),
    (refused, "a key of networks", ["unknown key 'train.dropout'"], "mixture", "file: y.h5", "train.dropout=0.1"),
    (trained, "one component", [], "mixture", "file: y.h5", "mixture.components=1"),
    (trained, "a tiny variance of a mixture", [], "mixture", "file: y.h5", "reference.variance=1e-4"),
    (trained, "a huge variance of a mixture", [], "mixture", "file: y.h5", "reference.variance=1e6"),
    (warned, "a tiny variance", ["is small for", "raise sinkhorn.iterations"], "sinkhorn", "file: y.h5", "reference.variance=1e-8",
     "sinkhorn.iterations=20"),
    (warned, "a huge variance", ["is large", "independent"], "sinkhorn", "file: y.h5", "reference.variance=1e8"),
    (warned, "no convergence", ["raise sinkhorn.iterations"], "sinkhorn", "file: y.h5", "sinkhorn.iterations=1"),
    (warned, "two rows and three ranks", [], "sinkhorn", "file: y.h5", "data.n=2", "source.n=2", "data.validation=0", "source.validation=0"),
]
for good, what, result in together([lambda c=c, i=i: c[0](i, *c[1:]) for i, c in enumerate(CASES)]):
    ok(good, what, result)
done()
