"""Speed, as ratios measured side by side in one run and one thread: `make bench` prints the table.

Each line is the median over rounds of (process time of ours) / (process time of the other), with the lowest and the
highest round; both sides alternate within a round, so that a busy machine slows both. Cold start is wall time.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import contextlib
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from stepsize import ParseError, cosine, descend, descend_many, parse, problems, warmup

ROUNDS = 7


def seconds(job: Callable[[], object], clock: Callable[[], float]) -> float:
    start = clock()
    job()
    return clock() - start


def ratio(
    ours: Callable[[], object], other: Callable[[], object], clock: Callable[[], float] = time.process_time
) -> tuple[float, float, float]:
    ours(), other()
    rounds = [seconds(ours, clock) / seconds(other, clock) for _ in range(ROUNDS)]
    return statistics.median(rounds), min(rounds), max(rounds)


def line(name: str, found: tuple[float, float, float], bound: str) -> None:
    middle, low, high = found
    print(f"{name:<66} {middle:8.3g}  ({low:.3g} to {high:.3g})   {bound}")


def many_at_once() -> None:
    X, y = load_digits(return_X_y=True)
    problem = problems.softmax(np.hstack([X / 16, np.ones((len(X), 1))]), y)
    for text in ("sgd() | 0.5", "adam() | 0.01 * (warmup('5%') >> cosine())", "sgd() | 0.5 * infrared(0.9, 0.99)"):
        strategy = parse(text)
        bases = [float(one) for one in np.geomspace(1e-3, 1, 8)]

        def loop(strategy=strategy, bases=bases) -> None:
            for seed in range(8):
                for base in bases:
                    descend(problem, strategy.with_base(base), steps=100, batch_size=32, seed=seed)

        def at_once(strategy=strategy, bases=bases) -> None:
            descend_many(problem, strategy, steps=100, batch_size=32, rates=bases, seeds=range(8))

        line(f"loop of 64 single runs / 64 at once: {text}", ratio(loop, at_once), "expected ≥ 5")


def scalar() -> None:
    schedule = warmup(100) >> cosine(900)

    def plain(t: float) -> float:
        return (t + 1) / 100 if t < 100 else 0.5 * (1 + math.cos(math.pi * (t - 100) / 900)) if t < 1000 else 0.0

    steps = [i % 1200 for i in range(200_000)]

    def ours() -> None:
        for t in steps:
            schedule(t)

    def other() -> None:
        for t in steps:
            plain(t)

    line("one value, warmup >> cosine / the same as a plain function", ratio(ours, other), "limit 2")
    each = min(seconds(ours, time.process_time) for _ in range(ROUNDS)) / len(steps) * 1e6
    line("one value, warmup >> cosine, in µs", (each, each, each), "limit 2")


def vectorised() -> None:
    schedule = warmup(100) >> cosine(900_000)
    t = np.arange(1_000_000)

    def other() -> None:
        np.where(t < 100, (t + 1) / 100, 0.5 * (1 + np.cos(np.pi * np.minimum((t - 100) / 900_000, 1.0))))

    line("a million steps at once / hand-written NumPy", ratio(lambda: schedule(t), other), "limit 1.5")


def against_torch() -> None:
    import torch

    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    rising = torch.optim.lr_scheduler.LinearLR(optimizer, 0.01, 1.0, total_iters=100)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 900_000)
    scheduler = torch.optim.lr_scheduler.SequentialLR(optimizer, [rising, falling], milestones=[100])
    schedule, t = warmup(100) >> cosine(900_000), np.arange(1_000_000)
    optimizer.step()

    def step_ten_thousand() -> None:
        for _ in range(10_000):
            scheduler.step()

    middle, low, high = ratio(step_ten_thousand, lambda: schedule(t))
    line(
        "stepping torch's SequentialLR a million times / all at once",
        (middle * 100, low * 100, high * 100),
        "limit ≥ 50",
    )


def parsing() -> None:
    texts = ["clip_norm(1) | adam() | 3e-4 * (warmup('2%') >> cosine()) | clip(0.01)", "(" * 150 + "1" + ")" * 150]
    texts += ["cosine() * " * 1500 + "linear()", "constant(length=3) >> " * 400 + "cosine()"]
    slowest = 0.0
    for text in texts:
        start = time.process_time()
        with contextlib.suppress(ParseError):
            parse(text)
        slowest = max(slowest, time.process_time() - start)
    line("the slowest of four hard texts to parse, in ms", (slowest * 1e3,) * 3, "limit 10")


def cold_start() -> None:
    command = [str(Path(sys.executable).parent / "stepsize"), "show", "0.1 * (warmup(100) >> cosine())"]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}

    def started(words: list[str]) -> Callable[[], object]:
        return lambda: [
            subprocess.run(words, stdout=subprocess.DEVNULL, env=environment, check=True) for _ in range(10)
        ]

    found = ratio(started(command), started([sys.executable, "-c", "pass"]), time.perf_counter)
    line("cold start of `stepsize show` / bare interpreter", found, "limit 3")


if __name__ == "__main__":
    print(f"{'what':<66} {'median':>8}  (lowest to highest of {ROUNDS} rounds)")
    scalar()
    vectorised()
    against_torch()
    parsing()
    many_at_once()
    cold_start()
