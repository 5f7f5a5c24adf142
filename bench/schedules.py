"""Speed of schedules, as ratios against what one would write by hand and against the words of torch and optax.

`python bench/schedules.py` prints a table; each line is the median over rounds, as in `speed.py`. Below 1 we are
faster. Where nobody else has the word, the line is in milliseconds.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import math
import statistics
import subprocess
import sys
import time
from bisect import bisect_right
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch
from speed import ROUNDS, line, ratio, seconds

from stepsize import parse, piecewise, table
from stepsize.schedules.extend import extend

MILLION = np.arange(1_000_000)
TEN = [("linear", i / 10, (i + 1) / 10, 100_000) for i in range(10)]
TEN_TEXT = " >> ".join(f"linear({a}, {b}, {n})" for _, a, b, n in TEN)
TIMES = [100 * i for i in range(10_000)]
HEIGHTS = [(i * 7919 % 1000) / 1000 for i in range(10_000)]
KNOTS = piecewise(*zip(TIMES, HEIGHTS, strict=True))
TABLE = table(*HEIGHTS, every=100)


def one_value() -> None:
    def warm(t: float) -> float:
        return (t + 1) / 100 if t < 100 else 0.5 * (1 + math.cos(math.pi * (t - 100) / 900)) if t < 1000 else 0.0

    def ten(t: float) -> float:
        i = min(t // 100_000, 9)
        u = min((t - i * 100_000) / 100_000, 1.0)
        return i / 10 * (1.0 - u) + (i + 1) / 10 * u

    def cycles(t: float) -> float:
        return 0.5 * (1 + math.cos(math.pi * (t % 100) / 100)) if t < 10_000 else 0.0

    def knots(t: float) -> float:
        i = min(bisect_right(TIMES, t), 9_999)
        share = min((t - TIMES[i - 1]) / (TIMES[i] - TIMES[i - 1]), 1.0)
        return HEIGHTS[i - 1] + (HEIGHTS[i] - HEIGHTS[i - 1]) * share

    steps = [i * 37 % 10_000 for i in range(50_000)]
    for name, text, plain in [
        ("warmup >> cosine", "warmup(100) >> cosine(900)", warm),
        ("ten lines in turn", TEN_TEXT, ten),
        ("repeat(cosine(100), 100)", "repeat(cosine(100), 100)", cycles),
        ("piecewise of 10,000 knots", KNOTS, knots),
    ]:
        f = parse(text) if isinstance(text, str) else text
        found = ratio(lambda f=f: [f(t) for t in steps], lambda plain=plain: [plain(t) for t in steps])
        line(f"one value / plain Python: {name}", found, "")


def many_values() -> None:
    bounds, times, values = np.arange(1, 10) * 100_000, np.array(TIMES, float), np.array(HEIGHTS)

    def ten(t: np.ndarray) -> np.ndarray:
        i = np.searchsorted(bounds, t, side="right")
        u = np.minimum((t - i * 100_000) / 100_000, 1.0)
        return i / 10 * (1.0 - u) + (i + 1) / 10 * u

    def warm(t: np.ndarray) -> np.ndarray:
        return np.where(t < 100, (t + 1) / 100, 0.5 * (1 + np.cos(np.pi * np.minimum((t - 100) / 999_900, 1.0))))

    def drawn(t: np.ndarray) -> np.ndarray:
        x = (t.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) ^ np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0x94D049BB133111EB)
        return 1 + 0.1 * ((x >> np.uint64(11)) * 2.0**-52 - 1)

    for name, text, by_hand in [
        ("warmup >> cosine", "warmup(100) >> cosine(999900)", warm),
        ("ten lines in turn", TEN_TEXT, ten),
        ("piecewise of 10,000 knots", KNOTS, lambda t: np.interp(t, times, values)),
        ("table of 10,000", TABLE, lambda t: values[np.minimum(t // 100, 9_999)]),
        ("noise / another hash", "noise(0.1)", drawn),
        ("repeat(cosine(100), 100)", "repeat(cosine(100), 100)", lambda t: 0.5 * (1 + np.cos(np.pi * (t % 100) / 100))),
    ]:
        f = parse(text) if isinstance(text, str) else text
        for size, t in (("a million values", MILLION), ("a block of 1024", np.arange(51_200, 52_224))):
            often = 1 if len(t) > 2000 else 100
            found = ratio(lambda f=f, t=t, o=often: repeat(f, t, o), lambda g=by_hand, t=t, o=often: repeat(g, t, o))
            line(f"{size} / hand-written NumPy: {name}", found, "")


def traced() -> None:
    """A schedule asked once a step inside a compiled loop."""
    xs, ys = jnp.asarray(TIMES, float), jnp.asarray(HEIGHTS)
    for name, text, other in [
        ("warmup >> cosine / optax", "warmup(100) >> cosine(900)", optax.warmup_cosine_decay_schedule(0, 1, 100, 1000)),
        ("piecewise of 10,000 knots / jnp.interp", KNOTS, lambda t: jnp.interp(t, xs, ys)),
    ]:

        def loop(f: Callable[[Any], Any]) -> Callable[[], object]:
            run = jax.jit(lambda t: jax.lax.scan(lambda total, now: (total + f(now), None), 0.0, t)[0])
            return lambda: run(jnp.arange(20_000)).block_until_ready()

        line(
            f"20,000 steps of a scan: {name}",
            ratio(loop(parse(text) if isinstance(text, str) else text), loop(other)),
            "",
        )


def eager_torch() -> None:
    xs, ys = torch.tensor(TIMES, dtype=torch.float64), torch.tensor(HEIGHTS, dtype=torch.float64)

    def by_hand(t: torch.Tensor) -> torch.Tensor:
        i = torch.searchsorted(xs[1:-1], t.double(), right=True)
        return ys[i] + (ys[i + 1] - ys[i]) * torch.clamp((t - xs[i]) / (xs[i + 1] - xs[i]), max=1.0)

    f, t = KNOTS, torch.tensor(51_234)
    line(
        "one tensor / hand-written torch: piecewise of 10,000 knots",
        ratio(lambda: repeat(f, t, 100), lambda: repeat(by_hand, t, 100)),
        "",
    )


def in_milliseconds() -> None:
    nested = "cosine(5)"
    for _ in range(8):
        nested = f"repeat({nested}, 2, growth=2)"

    def extended(times: int) -> Callable[[], object]:
        def job() -> None:
            f, was = parse("warmup(10) >> cosine()").over(100), 100
            for _ in range(times):
                f, was = extend(f, was + 10, was=was, rule="stretch_rest", at=was - 10), was + 10
            f(was)

        return job

    def shown(text: str, steps: int) -> Callable[[], object]:
        words = [sys.executable, "-m", "stepsize", "show", text, "--steps", str(steps)]
        return lambda: subprocess.run(words, stdout=subprocess.DEVNULL, check=True)

    long = ", ".join(repr(one / 3) for one in range(40_000))
    for name, job in [
        ("first value of eight repeats, one inside the other", lambda: parse(nested)(7)),
        ("show eight repeats, one inside the other, 1000 steps", shown(nested, 1000)),
        ("show a stair at each of 100,000 steps", shown("staircase(0.999, 1)", 100_000)),
        ("parse a table of 40,000 values", lambda: parse(f"table({long})")),
        ("extend five times and ask for a value", extended(5)),
        ("extend eight times and ask for a value", extended(8)),
    ]:
        job()
        rounds = [seconds(job, time.perf_counter) * 1e3 for _ in range(ROUNDS)]
        line(f"{name}, in ms", (statistics.median(rounds), min(rounds), max(rounds)), "")


def repeat(f: Callable[[Any], object], t: object, often: int) -> None:
    for _ in range(often):
        f(t)


if __name__ == "__main__":
    print(f"{'what':<66} {'median':>8}  (lowest to highest of {ROUNDS} rounds)")
    one_value()
    many_values()
    traced()
    eager_torch()
    in_milliseconds()
