#!/usr/bin/env python3
"""The kernel bridge of many points, d = 2, on two ranks: 10^5 of them to 1e-8, all that a run needs; 10^6, one iteration.
Times against what --dry-run foretold, memory against what it predicted, which grows like (M d) / P + M."""

import os
import re
import sys

os.environ["LIMIT"] = "1500"  # seconds of one run, where others use the cores, too
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e", "lib"))
from program import done, folder, ok, sbridge

at = folder("large")
RANKS = 2


def deck(points, more=""):
    (at / f"m{points}.yml").write_text(
        f"method: kernel\noutput: m{points}\nseed: 1\ndata: {{law: mixture_b, n: {points}, validation: 0}}\n"
        f"kernel: {{tolerance: 1e-8}}\nsample: {{n: 64, burn_in: 1}}\nvelocity: {{points: 2}}\nrecord: {{particles: 0}}\n"
        "evaluate: {size: 64, blocks: 1, floors: 0, slices: 1, w2_points: 8, w2_floors: 0, draws: 64, errors: false}\n"
    )
    return f"m{points}.yml"


def timed(*words):
    """A run and the seconds of the processor that each rank of it took: others may use the cores, too."""
    before = os.times()
    result = sbridge(at, *words, ranks=RANKS)
    after = os.times()
    return result, (after.children_user + after.children_system - before.children_user - before.children_system) / RANKS


def number(pattern, text):
    found = re.search(pattern, text)
    return float(found.group(1)) if found else float("nan")


def foretold(points):
    result = sbridge(at, "train", deck(points), "--dry-run", "--overwrite", ranks=RANKS)
    ok(result.status == 0, f"{points} points: a dry run", result)
    products = re.search(r"about (\S+) products in float of (\S+) s and (\S+) in double of (\S+) s", result.out)
    memory = number(r"memory +(\S+) MB each", result.out)
    return ([float(x) for x in products.groups()] if products else [float("nan")] * 4), memory


(floats, one, doubles, two), predicted = foretold(10**5)
result, took = timed("run", deck(10**5), "--overwrite")
seconds, products = number(r"products, (\S+) s", result.out), number(r"after (\d+) products", result.out)
want = floats * one + doubles * two
ok(result.status == 0 and "converged, residual" in result.out, f"10^5 points to 1e-8: {products:.0f} products, {seconds:.0f} s", result)
ok(took < 120, f"in minutes: {took:.0f} s of each processor")
ok(0.5 < took / want < 2, f"foretold: {want:.0f} s, {floats + doubles:.0f} products")
has = number(r"memory of a rank: predicted \S+ MiB, peak (\S+) MiB", result.out) * 1.048576
ok(0.35 < has / predicted < 1.05, f"memory of a rank: {has:.1f} MB, predicted {predicted:.1f}")
by_points = [foretold(points)[1] for points in (10**5, 2 * 10**5, 4 * 10**5)]
ok(by_points[2] / by_points[0] < 4.2, f"memory grows no faster than the points: {by_points} MB")

(floats, one, doubles, two), predicted = foretold(10**6)
once = ["--set=kernel.iterations=1", "--set=kernel.precision=float", "--set=kernel.tolerance=1e-6"]
result, took = timed("train", deck(10**6), "--overwrite", *once)
seconds = number(r"products, (\S+) s", result.out)
ok(result.status == 0, f"10^6 points: two products in float and one in double take {seconds:.0f} s, foretold {2 * one + two:.0f}", result)
ok(0.5 < took / (2 * one + two) < 2, f"{took:.0f} s of each processor; so the whole would take {(floats * one + doubles * two) / 60:.0f} minutes")
done()
