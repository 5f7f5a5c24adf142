"""What is believed of a strategy's best rate before anything ran."""

from __future__ import annotations

import math
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

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest power of two that may be tried."""
        return min(self.centre, self.written) - 9, max(self.centre, self.written) + 9

    def log_density(self, x: Floats) -> Floats:
        """The log of the belief, up to a constant."""
        own, guess = (-2 * np.log1p(((x - one) / self.width) ** 2 / 3) for one in (self.centre, self.written))
        share = HABIT if any(math.isclose(2.0**self.written, one) for one in HABITS) else GUESS
        mixed: Floats = np.logaddexp(own + math.log(1 - share), guess + math.log(share))
        return mixed


def prior_of(strategy: descent) -> Prior:
    """The prior of a strategy, from its rule and its written rate.

    AdamW's is used for `adam` and `rmsprop`, whose first updates have the length of the rate. That of SGD with momentum
    m is 10·(1 − m) times that of m = 0.9, for the steps of a run add up to η/(1 − m). Anything else is centred on the
    written rate.
    """
    written = math.log2(strategy.rate.base)
    centre = _centre(strategy.rule)
    if centre is None:
        return Prior(written, written, WIDE, steep=not strategy.rule.scale_free)
    return Prior(centre, written, WIDTH, steep=not strategy.rule.scale_free)


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
