#!/usr/bin/env python3
"""Makes a table of paths for data.file: a particle between two wells, seen at equally spaced times.

  tools/make_paths.py data/wells.h5 [--rows N] [--times 50] [--every 0.4] [--noise 0.5] [--seed S]

  dX = (X - X^3) dt + noise dW, density at any time proportional to exp(-2 V(x) / noise^2), V = x^4 / 4 - x^2 / 2

A row of /x is a path (X at time 0, every, 2 every, ...). It begins at a draw of the stationary density (by its quantiles),
so that every column has that density; steps in between are those of Euler and Maruyama, --dt long. Paths of a known law,
an autoregression, need no table: data.law: ar1.

Exit status: 0 done, 1 wrong data or files, 2 wrong command line.
"""
import argparse
import os
import sys

try:
    import h5py
    import numpy as np
except ImportError as missing:
    sys.exit(f"make_paths: {missing}; `make deps` installs numpy and h5py for {sys.executable} or names what is needed")


def stationary(noise):
    """Points and their distribution function."""
    x = np.linspace(-1, 1, 40001) * (1.5 + 2 * noise)
    p = np.exp(-2 * (x**4 / 4 - x**2 / 2 + 0.25) / noise**2)
    cumulative = np.concatenate([[0], np.cumsum((p[1:] + p[:-1]) / 2)])
    return x, cumulative / cumulative[-1]


def paths(o):
    draw = np.random.default_rng(o.seed)
    x, cumulative = stationary(o.noise)
    here = np.interp(draw.uniform(size=o.rows), cumulative, x)
    steps = max(1, round(o.every / o.dt))
    dt = o.every / steps
    out = np.empty((o.rows, o.times))
    out[:, 0] = here
    for t in range(1, o.times):
        for _ in range(steps):
            here = here + dt * (here - here**3) + o.noise * dt**0.5 * draw.normal(size=o.rows)
        out[:, t] = here
    return out


def main(arguments):
    about, _, rest = __doc__.partition("\n\n")
    p = argparse.ArgumentParser(prog="make_paths", description=about, epilog=rest,
                                formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    p.add_argument("output", help="HDF5 file to make")
    p.add_argument("--rows", type=int, default=4000, help="paths")
    p.add_argument("--times", type=int, default=50)
    p.add_argument("--every", type=float, default=0.4, help="time between columns")
    p.add_argument("--noise", type=float, default=0.5)
    p.add_argument("--dt", type=float, default=0.01, help="step, at most 0.1")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--overwrite", action="store_true", help="replace an existing output")
    o = p.parse_args(arguments)
    if o.rows < 1 or o.times < 1 or not o.every > 0 or not 0.05 <= o.noise <= 5 or not 0 < o.dt <= 0.1:
        p.error("rows, times, every must be positive, noise from 0.05 to 5, dt at most 0.1")
    if os.path.exists(o.output) and not o.overwrite:
        sys.exit(f"make_paths: {o.output} exists; --overwrite replaces it")
    part = o.output + ".part"
    try:
        with h5py.File(part, "w") as f:
            f["x"] = paths(o)
            f["x"].attrs["unit"], f["x"].attrs["meaning"] = "1", "place in a double well, by time"
            f["x"].attrs["every"], f["x"].attrs["noise"] = o.every, o.noise
        os.replace(part, o.output)
    except OSError as error:
        sys.exit(f"make_paths: {o.output}: cannot be written ({error.strerror or error})")
    print(f"{o.output}: /x [{o.rows}, {o.times}]")


if __name__ == "__main__":
    main(sys.argv[1:])
