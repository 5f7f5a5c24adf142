"""What is believed of a strategy's best rate before anything ran."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...descents import Rule, descent
from ...problems import Floats

OF_SCALE_FREE = -6.5  # powers of two: the middle of the best rates that were measured for AdamW
OF_MOMENTUM = -4.5  # and for SGD with a momentum of 0.9
WIDTH = 2.0  # octaves
HABITS = (1e-4, 1e-3, 1e-2, 0.1, 1.0)  # rates that are written because everybody writes them
HABIT, GUESS = 0.1, 0.4  # how much of the belief is around the written rate, where it is one of these, and where not
WIDE = 3.0  # octaves, for a rule that nobody measured
DEGREES = 3  # of Student's distribution, which the belief is
FAMILIES = {"rmsprop": "adam"}  # rules that have one prior


@dataclass(frozen=True)
class Prior:
    """Where the best rate may be: around `centre`, a power of two, and around the rate that the user wrote.

    Both have the heavy tails of Student's distribution with 3 degrees. A written rate says little where it is a power
    of ten that everybody writes, and more where somebody chose it. A rule that was not measured has no centre of
    its own: the belief is around the written rate alone, and wider. `steep` says whether rates above the best soon
    diverge, as those of a rule do whose step grows with the gradient.
    """

    centre: float
    written: float
    width: float
    steep: bool
    guess: float | None = None  # the width around the written rate; `width` where it is None

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest power of two that may be tried."""
        return min(self.centre, self.written) - 9, max(self.centre, self.written) + 9

    def log_density(self, x: Floats) -> Floats:
        """The log of the belief, up to a constant."""
        around = (self.centre, self.width), (self.written, self.guess or self.width)
        own, guess = (-2 * np.log1p(((x - one) / width) ** 2 / DEGREES) for one, width in around)
        share = HABIT if any(math.isclose(2.0**self.written, one) for one in HABITS) else GUESS
        mixed: Floats = np.logaddexp(own + math.log(1 - share), guess + math.log(share))
        return mixed


@dataclass(frozen=True)
class Earlier:
    """Where earlier tunes of one family of rules found their best rates: a power of two for each tune.

    Rates of another momentum are brought to that of the family, so `places` of several journals compare.
    """

    family: str
    places: tuple[float, ...]


def prior_of(strategy: descent, earlier: Sequence[Earlier] = ()) -> Prior:
    """The prior of a strategy, from its rule and its written rate, and from what earlier tunes found.

    AdamW's is used for `adam` and `rmsprop`, whose first updates have the length of the rate. That of SGD with momentum
    m is 10·(1 − m) times that of m = 0.9, for the steps of a run add up to η/(1 − m). Anything else is centred on the
    written rate.

    What earlier tunes of the same family found moves the middle and the width, as for a normal distribution of unknown
    mean and variance, of which the built-in prior is worth one tune for the mean and three for the variance. So few
    tunes leave it wide, and tunes that agree make it narrow; the belief around the written rate stays as it was.
    """
    written = math.log2(strategy.rate.base)
    centre = _centre(strategy.rule)
    middle, width = (written, WIDE) if centre is None else (centre, WIDTH)
    shift = shift_of(strategy.rule)
    family = family_of(strategy.rule)
    places = [one + shift for known in earlier if known.family == family for one in known.places]
    moved, narrowed = _learned(middle, width, places)
    return Prior(moved, written, narrowed, steep=not strategy.rule.scale_free, guess=width if places else None)


def family_of(rule: Rule) -> str:
    """The family of a rule: rules of one family have their best rates at one place."""
    name = type(rule).__name__
    return FAMILIES.get(name, name)


def shift_of(rule: Rule) -> float:
    """How far the best rates of a rule lie from those of its family, in octaves: what its momentum changes."""
    centre = _centre(rule)
    if centre is None:
        return 0.0
    return centre - (OF_SCALE_FREE if family_of(rule) == "adam" else OF_MOMENTUM)


def _learned(middle: float, width: float, places: Sequence[float]) -> tuple[float, float]:
    """The middle and the width of the next place after these, by a normal-inverse-gamma with one and three tunes."""
    if not places:
        return middle, width
    count, mean = len(places), sum(places) / len(places)
    scatter = sum((one - mean) ** 2 for one in places) + count / (1 + count) * (mean - middle) ** 2
    variance = (DEGREES * width**2 / 2 + scatter) / (DEGREES + count)  # halved, for the mean is not known either
    return (middle + count * mean) / (1 + count), math.sqrt(variance * (1 + 1 / (1 + count)))


def _centre(rule: Rule) -> float | None:
    momentum = getattr(rule, "momentum", 0.0)
    slowed = math.log2((1 - momentum) / 0.1)
    name = type(rule).__name__
    if name == "adam":
        return OF_SCALE_FREE
    if name == "rmsprop":
        return OF_SCALE_FREE + math.log2(1 - momentum)
    if name == "sgd":
        return OF_MOMENTUM + slowed - math.log2(1 - rule.dampening)  # type: ignore[attr-defined]
    return None
