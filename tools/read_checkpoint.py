#!/usr/bin/env python3
"""Takes a trained model elsewhere: a checkpoint of sbridge in numpy.

  tools/read_checkpoint.py CHECKPOINT                              what is in it
  tools/read_checkpoint.py CHECKPOINT --at POINTS.h5 --out OUT.h5  its fields at /x [n, d] and times /t [n] in [0, 1]

As a library:

  model = Checkpoint("output/ring/checkpoint.h5")
  model.score(x, t)        score of the data smoothed by the noise that is left at t of stage 2
  model.log_ratio(x)       log of the smoothed data's density over N(0, variance1 I)
  model.drift2(x, t)       drift of stage 2, raw coordinates
  model.drift1(x, t, 4096) drift of stage 1 from so many Monte-Carlo draws, raw coordinates
  model.networks["score"](y, t)

Points are rows in raw coordinates, those of the data's file. Scores and ratios are functions of network coordinates
y = stretch (axes ((x - shift) scale)), as in the file that `sbridge velocity CHECKPOINT --at POINTS.h5` writes. The
numbers agree with the program's to rounding (1e-6): networks are computed in double here, in float there.

Needs numpy and h5py. Exit status: 0 done, 1 wrong data or files, 2 wrong command line.
"""
import argparse
import math
import sys

try:
    import h5py
    import numpy as np
except ImportError as missing:
    sys.exit(f"read_checkpoint: {missing}; `make deps` installs them for {sys.executable} or names what is needed")

SCHEMA = 1  # newest that is understood
ROWS = 16384  # points at a time


class Refused(Exception):
    """What is wrong with the input, for the user."""


# --- Networks -------------------------------------------------------------------------------------------------------

VERSION = "2"  # of what a shape means, as SB_NET_VERSION of include/sb/net.h
ACTIVATIONS = {
    "silu": lambda z: z / (1 + np.exp(-np.clip(z, -700, 700))),
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "selu": lambda z: 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * np.expm1(np.minimum(z, 0))),
    "tanh": np.tanh,
}


def frequencies(count, ratio):
    """pi/2 ratio^r for `count` values of r from 0 to 1, as floats."""
    step = math.exp(math.log(ratio) / (count - 1)) if count > 1 else 1.0
    return (math.pi / 2 * step ** np.arange(count)).astype(np.float32)


def features(t, count):
    """Features [n, count] of times t [n]: sines, then cosines, of w t and of v s, where s grows as -log(1 - t).

    A quarter of the frequencies are those of s. Frequencies, s and products are rounded to float, as in the program.
    """
    t = np.asarray(t, np.float32)
    end = max(1, count // 8)
    left = np.maximum(1 - t.astype(float), 0)
    s = (-np.log(left + 1e-3) / math.log(1000)).astype(np.float32)
    whole, late = frequencies(count // 2 - end, 200 / math.pi), frequencies(end, 4)
    arguments = np.concatenate([t[:, None] * whole, s[:, None] * late], axis=1).astype(float)
    return np.concatenate([np.sin(arguments), np.cos(arguments)], axis=1)


class Network:
    """A multilayer perceptron: y = net([x, features(t)]).

    shape       version, in, out, depth, act, residual, time (number of features, 0: none)
    weights     [rows, cols] of each layer, y = x W + b; biases [cols]
    """

    def __init__(self, layout, parameters):
        """layout: the text of that attribute; parameters: the padded block of all tensors."""
        lines = layout.splitlines()
        self.shape = dict(word.split("=") for word in lines[0].split()[1:])
        if self.shape["version"] != VERSION:
            raise Refused(f"network of version {self.shape['version']}; this reader knows {VERSION}")
        self.activation = ACTIVATIONS[self.shape["act"]]
        self.residual, self.time = int(self.shape["residual"]), int(self.shape["time"])
        self.weights, self.biases = [], []
        for line in lines[1:]:
            name, rows, cols, ld, offset = (int(w) if w.isdigit() else w for w in line.split())
            tensor = parameters[offset:offset + rows * ld].reshape(rows, ld)[:, :cols].astype(float)
            if name.endswith("weight"):
                self.weights.append(tensor)
            else:
                self.biases.append(tensor[0])

    @property
    def parameters(self):
        """Number of parameters."""
        return sum(tensor.size for tensor in self.weights + self.biases)

    def __call__(self, x, t=0.0):
        """Output [n, out] at x [n, in], in network coordinates, and times t: [n] or one number."""
        a = np.asarray(x, np.float32).astype(float)
        if self.time:
            a = np.concatenate([a, features(np.broadcast_to(t, len(a)), self.time)], axis=1)
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases)):
            z = a @ weight + bias
            if layer < len(self.weights) - 1:
                z = self.activation(z)
                if self.residual and layer > 0 and z.shape == a.shape:
                    z = z + a
            a = z
        return a


# --- Checkpoints ----------------------------------------------------------------------------------------------------


def read_deck(text):
    """The used deck as a dictionary {"train.score.steps": "20000"}. Reads what the program prints, not all of YAML."""
    out, path = {}, []
    for line in text.splitlines():
        key, colon, value = line.strip().partition(":")
        if not colon or key.startswith("#") or " " in key:
            continue
        path = path[:(len(line) - len(line.lstrip())) // 2] + [key]
        if value:
            out[".".join(path)] = value.strip().strip('"')
    return out


def in_rows(function, x, t):
    """function(x, t) on pieces of x [n, d] and t [n]."""
    x, t = np.atleast_2d(np.asarray(x, float)), np.asarray(t, float)
    t = np.broadcast_to(t.reshape(-1) if t.ndim else t, len(x))
    return np.concatenate([function(x[i:i + ROWS], t[i:i + ROWS]) for i in range(0, max(len(x), 1), ROWS)])


class Checkpoint:
    """A trained model of the two-stage method.

    networks    {name: Network}, with the parameters that the program samples with; chosen: {name: which those are}
    deck        {key: text}; steps: {name: steps taken}
    """

    def __init__(self, path):
        self.path = path
        try:
            with h5py.File(path, "r") as file:
                self.read(file)
        except FileNotFoundError:
            raise Refused(f"{path}: no such file") from None
        except OSError as error:
            raise Refused(f"{path}: not a whole HDF5 file ({error})") from None
        except KeyError as missing:
            raise Refused(f"{path}: {missing.args[0]}") from None

    def read(self, file):
        """Everything that the fields need."""
        if "schema" not in file.attrs or "deck" not in file:
            raise Refused(f"{self.path}: is not a checkpoint of sbridge")
        if file.attrs["schema"] > SCHEMA:
            raise Refused(f"{self.path}: has schema {file.attrs['schema']}, newer than {SCHEMA}: use a newer reader")
        self.method = file.attrs["method"]
        self.deck = read_deck(file["deck"].asstr()[()])
        self.rows = int(file["data/n"][0])
        self.shift, self.scale, self.stretch = (file[f"data/{name}"][()] for name in ("shift", "scale", "stretch"))
        self.axes = file["data/axes"][()] if "data/axes" in file else None
        self.networks, self.chosen, self.steps = {}, {}, {}
        for name, group in file.get("net", {}).items():
            self.chosen[name] = self.choose(file, name)
            data = group[self.chosen[name]]
            self.networks[name] = Network(data.attrs["layout"], data[()])
            self.steps[name] = int(file[f"state/{name}/step"][0])
        if self.method == "two_stage":
            self.variance1, self.variance2, self.score_floor, self.clean = file["two_stage/constants"][()]

    def choose(self, file, name):
        """Which parameters the program samples with: best, average or those after the last step."""
        if f"net/{name}/best" in file and np.isfinite(file[f"state/{name}/best_loss"][0]):
            return "best"
        return "average" if float(self.key(f"train.{name}.average", "train.average")) > 0 else "parameters"

    def key(self, *names):
        """The first of these keys that the deck has."""
        for name in names:
            if name in self.deck:
                return self.deck[name]
        raise KeyError(f"the deck has no {names[-1]}")

    # Coordinates

    def to_network(self, x):
        """Raw points x [n, raw] in network coordinates [n, d]."""
        z = (np.asarray(x, float) - self.shift) * self.scale
        return self.stretch * (z if self.axes is None else z @ self.axes.T)

    def vector_to_raw(self, b):
        """Vectors b [n, d] in network coordinates (drifts) as raw ones [n, raw]."""
        z = b / self.stretch
        return (z if self.axes is None else z @ self.axes) / self.scale

    def to_raw(self, y):
        """Points y [n, d] in network coordinates as raw ones [n, raw]."""
        return self.shift + self.vector_to_raw(y)

    # Fields of the two-stage method; y: points in network coordinates

    def network(self, name):
        if self.method != "two_stage":
            raise Refused(f"{self.path}: fields are known of method two_stage, not of {self.method}")
        if name not in self.networks:
            raise Refused(f"{self.path}: has no {name} network (exact, or not needed, by its deck)")
        return self.networks[name]

    def score_at(self, y, t):
        """Infinite at t = 1 unless the score has a floor: there the network stands for noise that is gone."""
        left = self.variance2 * (1 - np.reshape(t, (-1, 1))) + self.score_floor
        given = self.network("score")(y, t)
        with np.errstate(divide="ignore", invalid="ignore"):
            return (given - y) / left if self.clean else -given / np.sqrt(left)

    def log_ratio_at(self, y):
        clip = float(self.deck.get("two_stage.logit_clip", 0)) or np.inf
        return np.clip(self.network("ratio")(y)[:, 0], -clip, clip)

    def score(self, x, t):
        """Score [n, d] in network coordinates at raw points x [n, raw] and times t ([n] or a number)."""
        return in_rows(lambda x, t: self.score_at(self.to_network(x), t), x, t)

    def log_ratio(self, x):
        """Log density ratio [n] at raw points x [n, raw]."""
        return in_rows(lambda x, t: self.log_ratio_at(self.to_network(x)), x, 0.0)

    def drift2(self, x, t):
        """Drift of stage 2 [n, raw] at raw points x [n, raw] and times t ([n] or a number): variance2 score."""
        return self.vector_to_raw(self.variance2 * self.score(x, t))

    def drift1(self, x, t, draws=1024, seed=0):
        """Drift of stage 1 [n, raw] at raw points x [n, raw] and one time t, from Monte-Carlo draws of numpy.

        With y_j = y + c z_j, c^2 = variance1 (1 - t), weights w_j ~ ratio(y_j) that sum to one:
        y + variance1 sum_j w_j (score(y_j, 0) + c z_j / variance1).
        """
        z = np.random.default_rng(seed).standard_normal((draws, len(self.stretch)))
        c = math.sqrt(self.variance1 * (1 - t))
        out = []
        for y in self.to_network(np.atleast_2d(x)):
            at = y + c * z
            logit = self.log_ratio_at(at)
            w = np.exp(logit - logit.max())
            out.append(y + w @ (self.variance1 * self.score_at(at, 0.0) + c * z) / w.sum())
        return self.vector_to_raw(np.array(out))


# --- Command line ---------------------------------------------------------------------------------------------------


def describe(model):
    """Prints what a checkpoint holds."""
    print(f"method      {model.method}")
    columns, d = len(model.shift), len(model.stretch)
    print(f"data        {model.rows} training rows of {columns} columns, {d} network coordinates")
    for name, net in model.networks.items():
        sizes = " ".join(str(n) for n in [len(net.weights[0]), *(w.shape[1] for w in net.weights)])
        what = f"{sizes}, {net.shape['act']}{', residual' if net.residual else ''}, {net.parameters} parameters"
        print(f"{name:<11} {what} ({model.chosen[name]}), step {model.steps[name]}")
    if model.method == "two_stage":
        floor = f", floor of the score {model.score_floor:g}"
        print(f"variances   stage 1 {model.variance1:g}, stage 2 {model.variance2:g}{floor}")


def read_points(path, columns):
    """/x [n, columns] and /t [n] of a file."""
    try:
        with h5py.File(path, "r") as file:
            missing = [name for name in ("x", "t") if name not in file]
            if missing:
                raise Refused(f"{path}: has no /{missing[0]}; /x [n, {columns}] and /t [n] are needed")
            x, t = file["x"][()], file["t"][()].reshape(-1)
    except OSError as error:
        raise Refused(f"{path}: {error}") from None
    if x.ndim != 2 or x.shape[1] != columns or len(t) != len(x):
        raise Refused(f"{path}: /x must be [n, {columns}] and /t [n], not {x.shape} and {t.shape}")
    if not (np.isfinite(x).all() and (t >= 0).all() and (t <= 1).all()):
        raise Refused(f"{path}: /x must be finite and /t within [0, 1]")
    return x, t


def evaluate(model, points, out):
    """Writes the fields at the points of a file, under the names that the program uses."""
    x, t = read_points(points, len(model.shift))
    columns = {"x": (x, "points"), "t": (t[:, None], "times")}
    if "score" in model.networks:
        columns["drift_stage2"] = model.drift2(x, t), "drift per unit time of stage 2, raw coordinates"
        columns["score"] = model.score(x, t), "score at time t of stage 2, network coordinates"
    if "ratio" in model.networks:
        columns["ratio"] = model.log_ratio(x)[:, None], "log density ratio, network coordinates"
    with h5py.File(out, "w") as file:
        for name, (data, meaning) in columns.items():
            file[name] = data
            file[name].attrs["meaning"] = meaning
    print(f"fields at {len(x)} points in {out}")


def main():
    parser = argparse.ArgumentParser(description="Reads a checkpoint of sbridge and evaluates its networks in numpy.")
    parser.add_argument("checkpoint")
    parser.add_argument("--info", action="store_true", help="say what is in it (the default)")
    parser.add_argument("--at", metavar="POINTS.h5", help="evaluate the fields at /x [n, d] and times /t [n]")
    parser.add_argument("--out", metavar="OUT.h5", help="where they go")
    options = parser.parse_args()
    if bool(options.at) != bool(options.out):
        parser.error("--at and --out go together")
    try:
        model = Checkpoint(options.checkpoint)
        if options.info or not options.at:
            describe(model)
        if options.at:
            evaluate(model, options.at, options.out)
    except (Refused, OSError) as problem:
        sys.exit(f"read_checkpoint: {problem}")


if __name__ == "__main__":
    main()
