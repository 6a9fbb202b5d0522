#!/usr/bin/env python3
"""The peer of tools/bench.py: the two-stage bridge in PyTorch, as a good user of it would write it.

Reads orders, one on each line of standard input, and answers each with a line of JSON:

    score|ratio WIDTH BATCH SECONDS      a training step: batch, noise, loss, clipping, Adam, cosine rate, average
    stage1|stage2 WIDTH DRAWS SECONDS    an Euler-Maruyama step of 5000 particles
    about                                versions and settings

--tuned: multi-tensor or fused Adam, clipping and averages, and samples in chunks that stay in the caches. What the
environment can do (kernels of OpenBLAS, thresholds of malloc) is the caller's matter. --threads=N: 1 unless given."""
import json
import math
import sys
import time

import torch

TUNED = "--tuned" in sys.argv
THREADS = int(next((a[10:] for a in sys.argv if a.startswith("--threads=")), "1"))
ROWS, PARTICLES, LEVELS = 5000, 5000, 1000
TAU, SIGMA2 = 5.0, 1.0
CHUNK = 1024  # rows that the tuned sampler gives to a network at once
LEAST = 2.5e-3  # seconds of the steps that are timed together


class Features(torch.nn.Module):
    """Sinusoids of t and of log(1 - t + 1/1000): those of the program (sb/net.h)."""

    def __init__(self, time_features=32):
        super().__init__()
        pairs = time_features // 2
        end = max(1, pairs // 4)
        whole = pairs - end
        self.register_buffer("w", math.pi / 2 * (200 / math.pi) ** (torch.arange(whole) / max(1, whole - 1)))
        self.register_buffer("v", math.pi / 2 * 4 ** (torch.arange(end) / max(1, end - 1)))

    def forward(self, t):
        s = torch.log(1 - t + 1e-3) / -math.log(1e3)
        angle = torch.cat([t[:, None] * self.w, s[:, None] * self.v], dim=1)
        return torch.cat([angle.sin(), angle.cos()], dim=1)


def perceptron(inputs, width, outputs):
    sizes = [inputs, width, width, width]
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [torch.nn.Linear(a, b), torch.nn.SiLU()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(width, outputs))


class Score(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.features = Features()
        self.net = perceptron(2 + 32, width, 2)

    def forward(self, x, t):
        f = self.features(t)
        return self.net(torch.cat([x, f.expand(len(x), -1)], dim=1))


def ring(n):
    angle = torch.randint(6, (n,)) * (math.pi / 3)
    return torch.stack([5 * angle.cos(), 5 * angle.sin()], 1) + 0.1**0.5 * torch.randn(n, 2)


def score_loss(net, x):
    half = len(x) // 2
    level = torch.randint(LEVELS, (len(x) - half,))
    level = torch.cat([level, LEVELS - 1 - level[:half]])
    t = level / LEVELS
    scale = (SIGMA2 * (1 - t)).sqrt()[:, None]
    noise = torch.randn_like(x)
    return (net(x + scale * noise, t) - noise).square().sum(1).mean()


def ratio_loss(net, x):
    logit = net(torch.cat([x + SIGMA2**0.5 * torch.randn_like(x), TAU**0.5 * torch.randn_like(x)]))
    data, reference = logit.chunk(2)
    softplus = torch.nn.functional.softplus
    return softplus(-data).mean() + softplus(reference).mean()


def adam(parameters):
    if not TUNED:
        return torch.optim.Adam(parameters, lr=1e-4)
    try:
        return torch.optim.Adam(parameters, lr=1e-4, fused=True)  # on CPUs since 2.4
    except (TypeError, RuntimeError):
        return torch.optim.Adam(parameters, lr=1e-4, foreach=True)


@torch.no_grad()
def average(kept, now):
    if TUNED:
        torch._foreach_mul_(kept, 0.999)
        torch._foreach_add_(kept, now, alpha=0.001)
    else:
        for a, b in zip(kept, now):
            a.lerp_(b, 0.001)


class Training:
    """One network, its data and its optimiser; step() takes a step."""

    def __init__(self, part, width, batch):
        self.net = Score(width) if part == "score" else perceptron(2, width, 1)
        self.loss = score_loss if part == "score" else ratio_loss
        self.data, self.batch = ring(ROWS), batch
        self.parameters = list(self.net.parameters())
        self.kept = [p.detach().clone() for p in self.parameters]
        self.optimiser = adam(self.parameters)
        self.rate = None if TUNED else torch.optim.lr_scheduler.CosineAnnealingLR(self.optimiser, 100000)
        self.steps = 0
        self.order, self.at = torch.randperm(ROWS), 0

    def rows(self):
        """The next batch of a walk through permutations of the data."""
        if self.at + self.batch > len(self.order):
            rest = self.order[self.at :]
            while len(rest) < self.batch:
                rest = torch.cat([rest, torch.randperm(ROWS)])
            self.order, self.at = rest, 0
        index = self.order[self.at : self.at + self.batch]
        self.at += self.batch
        return self.data[index]

    def next_rate(self):
        self.steps += 1
        if self.rate:
            self.rate.step()
        else:
            self.optimiser.param_groups[0]["lr"] = 0.5e-4 * (1 + math.cos(math.pi * self.steps / 100000))

    def step(self):
        loss = self.loss(self.net, self.rows())
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimiser.step()
        self.next_rate()
        average(self.kept, self.parameters)


class Sampling:
    """Both networks and a cloud; step() takes one step of a stage."""

    def __init__(self, stage, width, draws):
        self.score, self.ratio = Score(width), perceptron(2, width, 1)
        self.draws, self.x = draws, torch.randn(PARTICLES, 2)
        self.drift = self.drift1 if stage == "stage1" else self.drift2
        self.variance = TAU if stage == "stage1" else SIGMA2
        rows = draws if stage == "stage1" else 1
        self.part = max(1, CHUNK // rows) if TUNED else PARTICLES
        self.k = 0

    def drift2(self, x, t):
        return -SIGMA2 * self.score(x, t) / (SIGMA2 * (1 - t)).sqrt()

    def drift1(self, x, t):
        c = (TAU * (1 - t)).sqrt()
        z = torch.randn(len(x), self.draws, 2)
        y = (x[:, None] + c * z).reshape(-1, 2)
        weight = self.ratio(y).reshape(len(x), self.draws).softmax(1)
        score = -self.score(y, torch.zeros(1)).reshape(z.shape) / SIGMA2**0.5
        return TAU * (weight[..., None] * (score + c / TAU * z)).sum(1) + x

    @torch.inference_mode()
    def step(self):
        h, t = 1 / 1000, torch.tensor([self.k % 1000 / 1000])
        for x in self.x.split(self.part):
            x += h * self.drift(x, t) + (self.variance * h) ** 0.5 * torch.randn_like(x)
        self.k += 1


def timed(step, seconds):
    """Seconds of each of several chunks of steps, per step: that the process computed, if it has one thread."""
    clock = time.process_time if THREADS == 1 else time.perf_counter
    for _ in range(2):
        step()
    begin, times, count = time.perf_counter(), [], 1
    while len(times) < 3 or time.perf_counter() - begin < seconds:
        start = clock()
        for _ in range(count):
            step()
        times.append((clock() - start) / count)
        count = max(1, math.ceil(LEAST / min(times)))
    return sorted(times)


def answer(words):
    if words[0] == "about":
        return {"torch": torch.__version__, "tuned": TUNED, "threads": THREADS, "config": torch.__config__.show()}
    what, width, n, seconds = words[0], int(words[1]), int(words[2]), float(words[3])
    work = Training(what, width, n) if what in ("score", "ratio") else Sampling(what, width, n)
    times = timed(work.step, seconds)
    return {"best": times[0], "median": times[len(times) // 2], "repeats": len(times)}


def main():
    torch.manual_seed(1)
    torch.set_num_threads(THREADS)
    for line in sys.stdin:
        if line.split():
            print(json.dumps({"order": line.strip(), **answer(line.split())}), flush=True)


if __name__ == "__main__":
    main()
