#!/usr/bin/env python3
"""Decks of method dsb that cannot work end with one line and the right status; those that may be a mistake say so in a
warning and run."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))
from program import done, folder, ok, sbridge, together

at = folder("here")
BASE = """
method: dsb
data: {law: gaussian, n: 200}
source: {law: gaussian, n: 200, means: [1]}
dsb: {iterations: 1, cache_npar: 64}
train: {steps: 2}
net: {depth: 1, width: 4}
sample: {n: 10}
"""


def run(name, words, ranks, env=None, deck=BASE):
    (at / f"{name}.yml").write_text(f"output: {name}" + deck)
    return sbridge(at, "train", f"{name}.yml", *[f"--set={w}" for w in words], ranks=ranks, env=env)


def refused(number, what, says, *words, status=1, env=None, deck=BASE):
    result = run(f"r{number}", words, 1 + 2 * (number % 5 == 0), env, deck)
    good = result.status == status and len(result.lines) == 1 and all(s in result.err for s in says)
    return good and not (at / f"r{number}" / "checkpoint.h5").exists(), f"refused: {what}", result


def warned(number, what, says, *words):
    result = run(f"w{number}", words, 1 + 2 * (number % 2))
    return result.status == 0 and all(s in result.err for s in says), f"a warning: {what}", result


CASES = [
    (refused, "sets of different dimension", ["source", "dimension 3", "has 2"], "source.dimension=3"),
    (refused, "no second set", ["source", "Give source.law"], "source.law=none"),
    (refused, "an odd number of steps that rise and fall", ["21 is odd", "20 or 22"], "reference.steps=21",
     "reference.gamma_max=0.1"),
    (refused, "a gamma that is 0", ["reference.gammas", "number 2"], "reference.gammas=[0.1, 0]"),
    (refused, "steps that jump beyond the mean", ["reference", "jump"], "reference.gamma_min=2", "reference.gamma_max=2"),
    (refused, "a mean of another dimension", ["reference.mean", "2 expected"], "reference.mean=[1, 2, 3]"),
    (refused, "noise that floats cannot see", ["single precision"], "reference.variance=1e-10"),
    (refused, "a source out of reach", ["standard deviations from the source", "reference.variance"], "source.means=[100]",
     "reference.process=brownian"),
    (refused, "a variance that drowns the sets", ["drowns"], "reference.process=brownian", "reference.variance=1e8"),
    (refused, "a cache of more than the machine has", ["cache", "dsb.cache_npar"], "dsb.cache_npar=1e12"),
    (refused, "a cache_memory of no block of paths", ["dsb.cache_memory"], "dsb.cache_memory=1000"),
    (refused, "the best of no validation", ["train.keep"], "train.keep=best"),
    (refused, "no steps", ["train.steps"], "train.steps=0"),
    (refused, "a flow with corrector", ["sample.corrector"], "sample.ode=true", "sample.corrector=1"),
    (refused, "exact noise of networks", ["dsb.noise"], "dsb.noise=exact"),
    (refused, "affine maps of many dimensions", ["256"], "dsb.regressor=linear", "data.dimension=300",
     "source.dimension=300"),
    (warned, "a source far away", ["standard deviations from the source"], "source.means=[10]",
     "reference.process=brownian"),
    (warned, "an iteration that has not converged", ["not converged"], "source.means=[3]"),
]
STATUS = {"a cache of more than the machine has": 3}
calls = [lambda i=i, c=c: c[0](i, *c[1:], **({"status": STATUS[c[1]]} if c[1] in STATUS else {}))
         for i, c in enumerate(CASES)]
for result in together(calls):
    ok(*result)

# Networks that diverge: the half-step, chain and step are named, on every rank, and what was learned before stays.
result = run("big", ["train.rate=10", "train.steps=300", "dsb.iterations=3", "train.clip=0", "net.activation=relu"], 3)
ok(result.status in (0, 2), "a learning rate of 10: an end or the numbers' status", result)
result = run("poison", ["train.steps=20"], 3, env={"SB_POISON": "gradient:0:7"})
ok(result.status == 2 and "step 7" in result.err and len(result.lines) == 1, "a bad gradient is named", result)
ok(sbridge(at, "train", "poison.yml", "--set=train.steps=20", "--set=dsb.cache_memory=20480", "--overwrite").status == 0,
   "a cache that is held to its bytes")
done()
