"""How often a comparison is wrong, as markdown: `python bench/null_studies.py`.

Studies that are drawn, not trained: losses by strategy, rate and seed, whose truth is known. In a null study no
strategy is better than another, so every difference that is shown is false. `--studies N` for another number.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from stepsize.lab.judging.crossing import best, crossed, plain
from stepsize.lab.judging.holm import holm
from stepsize.lab.judging.readings import Reading, hull, larger_p
from stepsize.lab.judging.student import LEVEL

Floats = NDArray[np.float64]
Random = np.random.Generator
NOISES: dict[str, Callable[[Random, tuple[int, ...]], Floats]] = {  # mean 0, variance 1
    "normal": lambda random, size: random.standard_normal(size),
    "heavy tails": lambda random, size: random.standard_t(3, size) / 3**0.5,
    "a bad seed in ten": lambda random, size: (
        (random.standard_normal(size) + 5 * (random.random(size) < 0.1) - 0.5) / 3.25**0.5
    ),
    "skewed": lambda random, size: (np.exp(random.standard_normal(size)) - np.e**0.5) / ((np.e - 1) * np.e) ** 0.5,
}


@dataclass(frozen=True)
class Shape:
    """Studies of one kind. Losses are in units of the spread over seeds.

    Of the variance over seeds, the share `common` is of the seed whatever the strategy, `own` of the seed with one
    strategy whatever the rate, the rest of the single run; the share `luck` of each is in both losses of a run. The
    mean loss rises by `steep` × (rates from the best one)². `better` is what each strategy's loss has less in truth,
    `scale` its spread, `counts` its number of rates, `rounded` the unit that losses are rounded to.
    """

    strategies: int = 2
    seeds: int = 5
    rates: int = 13
    noise: str = "normal"
    common: float = 0.3
    own: float = 0.3
    luck: float = 0.5
    steep: tuple[float, ...] = (0.1,)
    better: float = 0.0
    scale: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    rounded: float = 0.0

    @property
    def pairs(self) -> tuple[list[int], list[int]]:
        """The places of the first and the second of all pairs."""
        first, second = zip(*combinations(range(self.strategies), 2), strict=True)
        return list(first), list(second)


@dataclass(frozen=True)
class Drawn:
    """Drawn studies: both losses (study, strategy, rate, seed), and the true means (study, strategy, rate)."""

    shape: Shape
    chooses: Floats
    judges: Floats
    truth: Floats


def draw(shape: Shape, studies: int = 1000, seed: int = 0) -> Drawn:
    """So many studies of a shape."""
    random = np.random.default_rng([seed, shape.strategies, shape.seeds, shape.rates])
    both, one, other = (_noise(shape, studies, random) for _ in range(3))
    places = np.arange(shape.rates) - (shape.rates - 1) / 2 + random.uniform(-0.5, 0.5, (studies, 1, 1))
    truth = np.resize(shape.steep, shape.strategies)[:, None] * places**2
    truth = truth - shape.better * (np.arange(shape.strategies) == 0)[:, None]
    scale = np.resize(shape.scale or 1.0, shape.strategies)[:, None, None]
    losses = [
        truth[..., None] + scale * (shape.luck**0.5 * both + (1 - shape.luck) ** 0.5 * part) for part in (one, other)
    ]
    for i, count in enumerate(shape.counts):
        losses[0][:, i, count:] = 1e30  # never chosen
    if shape.rounded:
        losses = [np.round(part / shape.rounded) * shape.rounded for part in losses]
    return Drawn(shape, *losses, truth)


def _noise(shape: Shape, studies: int, random: Random) -> Floats:
    drawn, n = NOISES[shape.noise], shape.seeds
    rest = max(0.0, 1 - shape.common - shape.own)
    seed = shape.common**0.5 * drawn(random, (studies, 1, 1, n))
    strategy = shape.own**0.5 * drawn(random, (studies, shape.strategies, 1, n))
    return seed + strategy + rest**0.5 * drawn(random, (studies, shape.strategies, shape.rates, n))


@dataclass(frozen=True)
class Found:
    """What several rules say of drawn studies: for each whether any difference is shown, and what intervals hold."""

    shown: dict[str, NDArray[np.bool_]]
    covered: float
    mean_covered: float = field(default=0.0)


def found(drawn: Drawn) -> Found:
    """Our rule, and others beside it."""
    first, second = drawn.shape.pairs
    all_seeds, others = plain(drawn.chooses, drawn.judges), crossed(drawn.chooses, drawn.judges)
    readings = [Reading.of(one[:, first] - one[:, second]) for one in (all_seeds, others)]
    ours = larger_p(*readings)
    shown = {
        "ours": _any(ours),
        "all seeds choose and judge": _any(readings[0].p),
        "other seeds choose": _any(readings[1].p),
        "half the seeds choose, half judge": _split(drawn),
        "ours, against a reference": _any(ours[:, : drawn.shape.strategies - 1]),
        "ours, the leader against the rest": _leading(drawn, ours),
        "larger of the spreads": _spreads(drawn),
    }
    low, high = hull(*readings)
    gap = np.where(np.array(first) == 0, -drawn.shape.better, 0.0)
    return Found(shown, float(((low <= gap) & (gap <= high)).mean()), _mean_covered(drawn, all_seeds, others))


def _any(p: Floats) -> NDArray[np.bool_]:
    return (holm(p) < LEVEL).any(-1)


def _split(drawn: Drawn) -> NDArray[np.bool_]:
    """The first half of the seeds chooses, and only the second judges."""
    half, (first, second) = drawn.shape.seeds // 2, drawn.shape.pairs
    place = best(drawn.chooses[..., :half])
    values = np.take_along_axis(drawn.judges[..., half:], place[..., None, None], -2)[..., 0, :]
    return _any(Reading.of(values[:, first] - values[:, second]).p)


def _leading(drawn: Drawn, p: Floats) -> NDArray[np.bool_]:
    """The strategy with the best loss that chooses, against the others, as if it had been named before."""
    means = drawn.chooses.mean(-1).min(-1).argmin(-1)
    with_it = (np.array(drawn.shape.pairs)[:, None, :] == means[None, :, None]).any(0)
    return _any(p[with_it].reshape(len(p), -1))


def _spreads(drawn: Drawn) -> NDArray[np.bool_]:
    """The loss that chose the rate also judges; two differ where their means are farther apart than either spread."""
    values = plain(drawn.chooses, drawn.chooses)
    mean, spread = values.mean(-1), values.std(-1, ddof=1)
    lead = mean.argmin(-1)[:, None]
    apart = mean - np.take_along_axis(mean, lead, -1)
    return (apart > np.maximum(spread, np.take_along_axis(spread, lead, -1))).any(-1)


def _mean_covered(drawn: Drawn, all_seeds: Floats, others: Floats) -> float:
    """How often a strategy's interval holds the true loss at its chosen rate."""
    true = np.take_along_axis(drawn.truth, best(drawn.chooses)[..., None], -1)[..., 0]
    low, high = hull(Reading.of(all_seeds), Reading.of(others))
    return float(((low <= true) & (true <= high)).mean())


def nulls() -> dict[str, Shape]:
    """The null studies of the table."""
    grid = {
        f"{k} strategies, {n} seeds, {rates} rate{'s' * (rates > 1)}": Shape(k, n, rates)
        for k in (2, 3, 8)
        for n in (3, 5, 10)
        for rates in (1, 5, 13)
    }
    others: dict[str, Shape] = {}
    for k, n in ((2, 5), (8, 5), (2, 10), (8, 10)):
        base, about = Shape(k, n), f"{k} strategies, {n} seeds, 13 rates"
        others |= {f"{about}, {noise}": replace(base, noise=noise) for noise in NOISES if noise != "normal"}
        others |= {
            f"{about}, every run for itself": replace(base, common=0.0, own=0.0),
            f"{about}, nine tenths of the seed": replace(base, common=0.6, own=0.3, luck=0.9),
            f"{about}, flat": replace(base, steep=(0.0,), luck=0.9),
            f"{about}, steep": replace(base, steep=(1.0,), luck=0.9),
            f"{about}, luck in both losses, no test part": replace(base, luck=1.0),
            f"{about}, losses rounded": replace(base, rounded=1.0),
        }
    for n in (3, 5, 10):
        uneven = Shape(2, n, steep=(0.0,), luck=0.9)
        others |= {
            f"13 rates against 1, {n} seeds": replace(uneven, counts=(13, 1)),
            f"13 rates against 1, {n} seeds, no test part": replace(uneven, counts=(13, 1), luck=1.0),
            f"13 rates against 1, {n} seeds, no test part, every run for itself": replace(
                uneven, counts=(13, 1), luck=1.0, common=0.0, own=0.0
            ),
            f"one spread three times the other, {n} seeds": replace(uneven, scale=(1.0, 3.0), luck=0.5),
        }
    return grid | others


def hard() -> dict[str, Shape]:
    """Null studies in which the means are equal, and one strategy alone has a rare and very bad seed."""
    base = Shape(2, rates=1, noise="skewed", common=0.0, own=0.0, scale=(0.01, 1.0))
    return {f"one strategy alone skewed, {n} seeds, 1 rate": replace(base, seeds=n) for n in (3, 5, 10, 20)} | {
        f"skewed, one spread three times the other, {n} seeds, 13 rates": replace(
            base, seeds=n, rates=13, steep=(0.0,), luck=0.9, scale=(1.0, 3.0)
        )
        for n in (3, 5, 10, 20)
    }


def powers() -> dict[str, Shape]:
    """The studies in which the first strategy is better, by so many spreads over seeds."""
    return {
        f"{k} strategies, {n} seeds, {rates} rate{'s' * (rates > 1)}, better by {better:g}": Shape(
            k, n, rates, better=better
        )
        for better in (1.0, 2.0)
        for k, rates in ((2, 1), (2, 13), (8, 13))
        for n in (3, 5, 10, 20)
    }


def _resampled(values: Floats, random: Random, count: int = 1000) -> tuple[Floats, Floats]:
    """Means and standard errors of resamples, (count, studies)."""
    n = values.shape[-1]
    means, errors = [], []
    for _ in range(count):
        one = np.take_along_axis(values, random.integers(0, n, values.shape), -1)
        means.append(one.mean(-1))
        errors.append(one.std(-1, ddof=1) / n**0.5)
    return np.array(means), np.array(errors)


def coverages(noise: str, n: int, studies: int, paired: bool) -> tuple[float, float, float]:
    """How often the 95 % interval of a mean holds the truth: Student's, the bootstrap's percentiles, and its t."""
    random = np.random.default_rng([n, studies])
    values = NOISES[noise](random, (studies, n))
    if paired:
        values = values - NOISES[noise](random, (studies, n))
    student = Reading.of(values)
    means, errors = _resampled(values, random)
    low, high = np.percentile(means, [2.5, 97.5], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):  # a resample of one seed only has no spread
        ts = np.sort(np.where(errors > 0, (means - student.mean) / errors, np.inf * np.sign(means - student.mean)), 0)
    ends = [ts[round(share * (len(ts) - 1))] for share in (0.975, 0.025)]
    with np.errstate(invalid="ignore"):
        from_t = [student.mean - end * student.error for end in ends]
    held = [np.abs(student.mean) <= student.high - student.mean, (low <= 0) & (high >= 0)]
    held.append((from_t[0] <= 0) & (from_t[1] >= 0))
    return tuple(float(one.mean()) for one in held)  # type: ignore[return-value]


def percent(share: float) -> str:
    return f"{100 * share:.1f}"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--studies", type=int, default=1000)
    studies = arguments.parse_args().studies
    print(f"### Null studies: {studies:,} each; false differences in %, then how often the intervals hold the truth\n")
    rules = list(found(draw(Shape(), 2)).shown)
    print(f"| studies | {' | '.join(rules)} | interval of a difference | of a mean |")
    print("|---" * (len(rules) + 3) + "|")
    for name, shape in (nulls() | hard()).items():
        seen = found(draw(shape, studies))
        shares = [percent(one.mean()) for one in seen.shown.values()]
        print(f"| {name} | {' | '.join(shares)} | {percent(seen.covered)} | {percent(seen.mean_covered)} |")
    print("\n### Power: any difference shown where the first strategy is better, in %\n")
    print(f"| studies | {' | '.join(rules)} |")
    print("|---" * (len(rules) + 1) + "|")
    for name, shape in powers().items():
        print(f"| {name} | {' | '.join(percent(one.mean()) for one in found(draw(shape, studies)).shown.values())} |")
    print("\n### Coverage of the 95 % interval of a mean, in %\n")
    print("| numbers | n | Student's t | bootstrap, percentiles | bootstrap, t |\n|---|---|---|---|---|")
    for noise in NOISES:
        for paired in (True, False):
            for n in (3, 5, 10, 20):
                name = f"{noise}, {'difference of two' if paired else 'one'}"
                print(f"| {name} | {n} | {' | '.join(percent(one) for one in coverages(noise, n, studies, paired))} |")


if __name__ == "__main__":
    main()
