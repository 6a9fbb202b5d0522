#!/usr/bin/env python3
"""Two-scale Lorenz-96: training pairs of a closure, closed models without learning, and statistics of any of them.

  tools/lorenz96.py pairs OUT.h5 [--rows N] [--seed S] ...    the full model: rows (X, psi)
  tools/lorenz96.py closed OUT.h5 --pairs IN.h5 --degree D [--start IN.h5] ...    psi a polynomial of X (or nothing: none)
  tools/lorenz96.py compare TRUE.h5 NAME=FILE ... [--json OUT]    statistics of X against the full model's: each half of its
                                            members, and the floor, one half against the other

The full model has K sites with J fast variables each, all on one ring:

  dX_k/dt = -X_{k-1} (X_{k-2} - X_{k+1}) - X_k + F + psi_k,    psi_k = -(h c / b) sum_j Y_{j,k}
  dY_j/dt = -c b Y_{j+1} (Y_{j+2} - Y_{j-1}) - c Y_j + (h c / b) X_{k(j)}

A row of /x is (X_0 .. X_{K-1}, psi_0 .. psi_{K-1}) at one time of one of several independent members, members within
times: row t * members + m. Times are --every apart after a spin-up. The integrator is the classical Runge-Kutta scheme of fourth order with step --dt.

Source: E. Lorenz 1996; F = 20, c = b = 10, h = 1, K = 8, J = 32 of D. Wilks 2005 (doi 10.1256/qj.04.03).
Exit status: 0 done, 1 wrong data or files, 2 wrong command line.
"""
import argparse
import json
import os
import sys

try:
    import h5py
    import numpy as np
except ImportError as missing:
    sys.exit(f"lorenz96: {missing}; `make deps` installs numpy and h5py for {sys.executable} or names what is needed")


class Refused(Exception):
    """What is wrong with the input, for the user."""


# --- Models: states are arrays [sites, members] ----------------------------------------------------------------------


class Full:
    """X [K, m] above Y [K J, m]."""

    def __init__(self, sites, fast, forcing=20.0, c=10.0, b=10.0, h=1.0, damping=1.0):
        self.sites, self.fast = sites, fast
        self.forcing, self.c, self.b, self.h, self.damping = forcing, c, b, h, damping

    def psi(self, state):
        y = state[self.sites :].reshape(self.sites, self.fast, -1)
        return -(self.h * self.c / self.b) * y.sum(axis=1)

    def tendency(self, state):
        x, y = state[: self.sites], state[self.sites :]
        out = np.empty_like(state)
        out[: self.sites] = resolved(x, self.forcing, self.damping) + self.psi(state)
        # y_{j-1} .. y_{j+2} as views of one padded array
        wide = np.concatenate([y[-1:], y, y[:2]])
        fast = out[self.sites :]
        np.subtract(wide[3:], wide[:-3], out=fast)
        fast *= wide[2:-1]
        fast *= -self.c * self.b
        fast -= self.damping * self.c * y
        fast += (self.h * self.c / self.b) * np.repeat(x, self.fast, axis=0)
        return out


def resolved(x, forcing, damping=1.0):
    wide = np.concatenate([x[-2:], x, x[:1]])
    return -wide[1:-2] * (wide[:-3] - wide[3:]) - damping * x + forcing


class Closed:
    """X [K, m] with psi a polynomial of X at the same site, held during a step; no coefficients: no closure."""

    def __init__(self, forcing, coefficients):
        self.forcing, self.coefficients = forcing, coefficients
        self.held = None

    def begin(self, x):
        self.held = np.polyval(self.coefficients, x) if len(self.coefficients) else np.zeros_like(x)

    def tendency(self, x):
        return resolved(x, self.forcing) + self.held


def rk4(tendency, x, dt):
    a = tendency(x)
    b = tendency(x + 0.5 * dt * a)
    c = tendency(x + 0.5 * dt * b)
    d = tendency(x + dt * c)
    return x + dt / 6 * (a + 2 * (b + c) + d)


def whole(ratio, what):
    steps = round(ratio)
    if steps < 1 or abs(steps - ratio) > 1e-6 * ratio:
        raise Refused(f"{what} must be a whole number of steps --dt")
    return steps


def finite(x, dt, step):
    if not np.isfinite(x).all():
        raise Refused(f"the model diverged at time {step * dt:.4g}: take a smaller --dt than {dt:g}")


# --- The full model ----------------------------------------------------------------------------------------------------


def run_full(o):
    """Rows of /x, [times, members, columns]."""
    model = Full(o.sites, o.fast, o.forcing, o.c, o.b, o.h)
    every, spin = whole(o.every / o.dt, "--every"), round(o.spin_up / o.dt)
    draw = np.random.default_rng(o.seed)
    state = np.concatenate(
        [o.forcing / 4 * draw.normal(size=(o.sites, o.members)), 0.1 * draw.normal(size=(o.sites * o.fast, o.members))]
    )
    times = -(-o.rows // o.members)
    out = np.empty((times, o.members, 2 * o.sites))
    for step in range(spin + (times - 1) * every + 1):
        if step >= spin and (step - spin) % every == 0:
            finite(state, o.dt, step)
            out[(step - spin) // every] = np.concatenate([state[: o.sites], model.psi(state)]).T
        state = rk4(model.tendency, state, o.dt)
    return out


# --- Closed models -----------------------------------------------------------------------------------------------------


def run_closed(o):
    x, about = read(o.pairs)
    sites = int(about["sites"])
    psi = x[..., -sites:]
    coefficients = [] if o.degree == "none" else np.polyfit(x[..., :sites].ravel(), psi.ravel(), int(o.degree))
    start = read(o.start)[0] if o.start else x
    members = o.members or start.shape[1]
    state = start.reshape(-1, start.shape[2])[:members, :sites].T.copy()
    model = Closed(float(about["forcing"]), coefficients)
    every, spin = whole(o.every / o.dt, "--every"), round(o.spin_up / o.dt)
    times = -(-o.rows // state.shape[1])
    out = np.empty((times, state.shape[1], 2 * sites))
    for step in range(spin + (times - 1) * every + 1):
        model.begin(state)
        if step >= spin and (step - spin) % every == 0:
            finite(state, o.dt, step)
            out[(step - spin) // every] = np.concatenate([state, model.held]).T
        state = rk4(model.tendency, state, o.dt)
    return out, about


# --- Files -------------------------------------------------------------------------------------------------------------


def write(path, x, about, meaning, overwrite):
    if os.path.exists(path) and not overwrite:
        raise Refused(f"{path} exists; --overwrite replaces it")
    part = path + ".part"
    try:
        with h5py.File(part, "w") as f:
            f["x"] = x.reshape(-1, x.shape[2])
            f["x"].attrs["unit"], f["x"].attrs["meaning"] = "1", meaning
            f["x"].attrs["members"] = x.shape[1]
            for key, value in about.items():
                f["x"].attrs[key] = value
        os.replace(part, path)
    except OSError as error:
        raise Refused(f"{path}: cannot be written ({error.strerror or error})")
    print(f"{path}: /x [{x.shape[0] * x.shape[1]}, {x.shape[2]}], {x.shape[0]} times of {x.shape[1]} members")


def read(path, members=None, by_member=False):
    """[times, members, columns] and what is known of the model. by_member: rows of a member follow each other."""
    try:
        with h5py.File(path, "r") as f:
            x, about = f["x"][:].astype(float), dict(f["x"].attrs)
    except (OSError, KeyError):
        raise Refused(f"{path}: not an HDF5 file with a table /x") from None
    members = int(members or about.get("members", 1))
    if len(x) % members:
        raise Refused(f"{path}: {len(x)} rows are not those of {members} members")
    if by_member:
        return x.reshape(members, -1, x.shape[1]).transpose(1, 0, 2), about
    return x.reshape(-1, members, x.shape[1]), about


# --- Statistics --------------------------------------------------------------------------------------------------------


def autocorrelation(x, lags):
    """Of X at lags 0 .. lags - 1; x [times, members, sites]."""
    z = x - x.mean()
    return np.array([(z[: len(z) - k] * z[k:]).mean() for k in range(lags)]) / (z * z).mean()


def wasserstein(a, b):
    """W1 of two samples of numbers, by quantiles."""
    at = (np.arange(2000) + 0.5) / 2000
    return np.abs(np.quantile(a, at) - np.quantile(b, at)).mean()


def statistics(x, lags):
    energy = 0.5 * (x * x).mean(axis=2)
    waves = (np.abs(np.fft.rfft(x - x.mean(), axis=2)) ** 2).mean(axis=(0, 1)) / x.shape[2]
    return {"x": x.ravel(), "autocorrelation": autocorrelation(x, lags), "energy": energy.ravel(), "waves": waves}


DISTANCES = {
    "histogram": "W1 of the values of X, over their standard deviation",
    "autocorrelation": "largest difference of the autocorrelation of X",
    "energy": "mean energy X^2 / 2 of a site, relative error",
    "energy_spread": "standard deviation of the energy, relative error",
    "waves": "power by wavenumber, largest error relative to the largest power",
}


def distance(a, b):
    """How far statistics a are from the true ones b, in the order of DISTANCES."""
    return {
        "histogram": wasserstein(a["x"], b["x"]) / b["x"].std(),
        "autocorrelation": np.abs(a["autocorrelation"] - b["autocorrelation"]).max(),
        "energy": abs(a["energy"].mean() / b["energy"].mean() - 1),
        "energy_spread": abs(a["energy"].std() / b["energy"].std() - 1),
        "waves": np.abs(a["waves"] - b["waves"]).max() / b["waves"].max(),
    }


def halves(x):
    middle = x.shape[1] // 2
    return x[:, :middle], x[:, middle:]


def load(o):
    """Statistics of the halves of the full model and of each other file, by name."""
    x, about = read(o.true)
    sites = int(about["sites"])
    if x.shape[1] < 2:
        raise Refused(f"{o.true}: a floor needs two members or more")
    sets = {f"half {i + 1}": half[..., :sites] for i, half in enumerate(halves(x))}
    for word in o.file:
        name, _, path = word.partition("=")
        y, _ = read(path, o.chains.get(name), name in o.chains)
        sets[name] = y[o.skip :, :, :sites]
    for name, y in sets.items():
        if len(y) <= o.lags:
            raise Refused(f"{name}: {len(y)} times of a member, {o.lags} lags")
    return {name: statistics(y, o.lags) for name, y in sets.items()}, about


def judge(found):
    """Distances of each set from the halves of the full model: mean over both, and half their difference; and the floor."""
    true = [found["half 1"], found["half 2"]]
    rows = {"floor": {key: (value, 0.0) for key, value in distance(*true).items()}}
    for name, s in found.items():
        if not name.startswith("half "):
            a, b = (distance(s, half) for half in true)
            rows[name] = {key: ((a[key] + b[key]) / 2, abs(a[key] - b[key]) / 2) for key in DISTANCES}
    return rows


def report(rows, o):
    """Prints distances, and writes them where --json says."""
    print(f"{'':16}" + "".join(f"{name:>20}" for name in DISTANCES))
    for name, row in rows.items():
        print(f"{name:16}" + "".join(f"{value:12.4f} {f'+- {error:.3f}' if error else '':>7}" for value, error in row.values()))
    if o.json:
        plain = {name: {key: value for key, (value, _) in row.items()} for name, row in rows.items()}
        with open(o.json, "w", encoding="utf-8") as f:
            json.dump({"meaning": DISTANCES, **plain}, f, indent=1)


# --- Command line ------------------------------------------------------------------------------------------------------


def chain_counts(text):
    name, _, count = text.partition("=")
    return name, int(count)


def add_compare(p):
    p.add_argument("true", help="the full model, of `pairs`")
    p.add_argument("file", nargs="+", metavar="NAME=FILE", help="others: of `closed`, or samples.h5 of sbridge")
    p.add_argument("--chains", type=chain_counts, action="append", default=[], metavar="NAME=N",
                   help="this file is of sbridge: N chains, the draws of each one after the other")
    p.add_argument("--skip", type=int, default=0, metavar="T", help="times left out at the beginning of the others")
    p.add_argument("--lags", type=int, default=80, help="of the autocorrelation, --every apart")
    p.add_argument("--json", metavar="OUT", help="the same numbers as a file")


def parse(arguments):
    about, _, rest = __doc__.partition("\n\n")
    p = argparse.ArgumentParser(prog="lorenz96", description=about, epilog=rest,
                                formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    commands = p.add_subparsers(dest="command", required=True)
    pairs = commands.add_parser("pairs", help="rows of the full model")
    closed = commands.add_parser("closed", help="rows of a model closed by a polynomial, or not at all")
    for q, dt, members in ((pairs, 0.001, 64), (closed, 0.005, 0)):
        q.add_argument("output", help="HDF5 file to make")
        q.add_argument("--rows", type=int, default=20000, help="rows in all, at least")
        q.add_argument("--members", type=int, default=members, help="independent runs side by side")
        q.add_argument("--dt", type=float, default=dt, help="step of the integrator")
        q.add_argument("--every", type=float, default=0.05, help="time between rows of a member")
        q.add_argument("--spin-up", type=float, default=10, help="time before the first row")
        q.add_argument("--overwrite", action="store_true", help="replace an existing output")
    pairs.add_argument("--seed", type=int, default=1)
    pairs.add_argument("--sites", type=int, default=8, help="K")
    pairs.add_argument("--fast", type=int, default=32, help="J, fast variables of a site")
    pairs.add_argument("--forcing", type=float, default=20, help="F")
    pairs.add_argument("--c", type=float, default=10, help="ratio of time scales")
    pairs.add_argument("--b", type=float, default=10, help="ratio of amplitudes")
    pairs.add_argument("--h", type=float, default=1, help="coupling")
    closed.add_argument("--pairs", required=True, help="rows of the full model that the polynomial is fitted to")
    closed.add_argument("--start", help="rows whose X the members begin at (default: --pairs)")
    closed.add_argument("--degree", default="4", choices=["none", "0", "1", "2", "3", "4", "5", "6"], help="of the polynomial")
    add_compare(commands.add_parser("compare", help="statistics against the full model's"))
    o = p.parse_args(arguments)
    positive = [name for name in ("rows", "dt", "every", "sites", "fast", "b") if getattr(o, name, 1) <= 0]
    if positive:
        p.error(f"--{positive[0]} must be positive")
    if o.command == "pairs" and (o.sites < 4 or o.sites * o.fast < 4 or o.members < 1):
        p.error("at least 4 sites, 4 fast variables and a member are needed")
    if o.command == "compare":
        o.chains = dict(o.chains)
    return o


def main(arguments):
    o = parse(arguments)
    np.seterr(all="ignore")  # what diverges is found by its numbers
    try:
        if o.command == "pairs":
            about = {key: getattr(o, key) for key in ("sites", "fast", "forcing", "c", "b", "h", "dt", "every", "seed")}
            write(o.output, run_full(o), about, "two-scale Lorenz-96, by site: X, psi", o.overwrite)
        elif o.command == "closed":
            x, about = run_closed(o)
            about.update(degree=o.degree, dt=o.dt, every=o.every)
            del about["members"], about["meaning"], about["unit"]
            write(o.output, x, about, f"Lorenz-96 closed by a polynomial of degree {o.degree}, by site: X, psi", o.overwrite)
        else:
            report(judge(load(o)[0]), o)
    except Refused as what:
        print(f"lorenz96: {what}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
