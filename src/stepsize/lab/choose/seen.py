"""What a policy sees of the trials: how far each is, and its losses at marks that are the same for all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ...problems import Floats
from ..trials.outcome import Outcome
from ..trials.trial import Trial

MARKS = 20  # in a whole run
SKY = 20.0  # the level of a loss that is not finite


def marks(steps: int, measure_every: int) -> tuple[int, ...]:
    """After which updates trials are compared and may pause: 20 of a run, or fewer, at looks."""
    often = (measure_every * max(1, round(i * steps / MARKS / measure_every)) for i in range(1, MARKS + 1))
    return tuple(sorted({one for one in often if one < steps} | {steps}))


@dataclass(frozen=True)
class Told:
    """What is known of one trial of a strategy: the updates made, whether it is over, the loss that chooses by update.

    >>> Told(0, Trial("a", "sgd() | 0.1", "p", 0.1, 0, 9), 6, False, ((0, 3.0), (3, 2.0), (6, 1.0))).at(4).curve
    ((0, 3.0), (3, 2.0))
    """

    arm: int
    trial: Trial
    made: int
    over: bool
    curve: tuple[tuple[int, float | None], ...]

    @staticmethod
    def of(arm: int, one: Outcome) -> Told:
        """What an outcome tells: the validation loss, or that of training where there is none."""
        held = one.record.validated is not None
        losses = one.validation if held else one.train
        return Told(arm, one.trial, one.made, one.over, tuple(zip(one.measured_at, losses, strict=True)))

    def at(self, step: int) -> Told:
        """What was known when it had made so many updates, or fewer."""
        if self.made <= step:
            return self
        return replace(self, made=step, over=False, curve=tuple(row for row in self.curve if row[0] <= step))

    def reached(self, step: int) -> bool:
        """Whether nothing is left to train up to a step."""
        return self.over or self.made >= step


@dataclass(frozen=True, eq=False)
class Seen:
    """One trial: the marks that it passed, its levels there, and whether its numbers stopped being finite.

    A level is the log of the loss, so that differences are ratios; where a loss was not above 0 (a score, a
    likelihood), it is the loss in units of the largest descent seen. `start` is the level before the first update.
    `score` says that losses were not above 0. A trial between two pauses of the policy counts as at the lower one,
    whatever it `made`: it may have been killed on its way to the higher.
    """

    arm: int
    trial: Trial
    made: int
    passed: int
    shares: Floats
    levels: Floats
    losses: tuple[float | None, ...]
    start: float
    broke: bool
    score: bool = False

    @property
    def x(self) -> float:
        """The rate, as a power of two."""
        return math.log2(self.trial.rate)

    @property
    def share(self) -> float:
        """The share of its updates that counts."""
        return float(self.shares[-1]) if self.passed else 0.0

    @property
    def done(self) -> bool:
        """Whether it made all its updates, all finite."""
        return not self.broke and self.share >= 1

    @cached_property
    def lost(self) -> bool:
        """Whether it is given up: not finite, far above its start, or fallen back to it and stayed there.

        One bad look is not enough, for noisy runs at a high rate recover as the schedule falls.
        """
        if self.broke:
            return True
        if not self.passed or self.done or self.score:  # how much a score may fall, nobody knows
            return False
        won = self.start - self.levels
        risen = won[-1] < -3 or bool((won[-2:] < -0.5).all())
        fallen = len(won) > 2 and won.max() > 0.15 and bool((won[-3:] < 0.1 * won.max()).all())
        return risen or fallen

    def level(self, share: float) -> float:
        """The level at the last mark up to a share of the run; of one that broke, the last."""
        place = int(np.searchsorted(self.shares, share + 1e-9)) - 1
        return float(self.levels[min(max(place, 0), len(self.levels) - 1)]) if len(self.levels) else self.start

    @property
    def loss(self) -> float | None:
        """The loss at the last mark that it passed."""
        return self.losses[-1] if self.losses else None


def seen(told: Sequence[Told], steps: int, measure_every: int, pauses: Sequence[int]) -> list[Seen]:
    """What is seen of trials; sorted, so that their order does not count."""
    told = sorted(told, key=lambda one: (one.arm, one.trial.seed, one.trial.rate))
    at = marks(steps, measure_every)
    finite = [loss for one in told for _, loss in one.curve if loss is not None]
    starts = {one.trial.seed: one.curve[0][1] for one in told if one.curve and one.curve[0][0] == 0}
    base = next((loss for loss in starts.values() if loss is not None), max(finite, default=1.0))
    scale = None if all(loss > 0 for loss in finite) else max(base - min(finite, default=base), 1e-12)

    def level(loss: float | None) -> float:
        if loss is None:
            return SKY
        return min(math.log(loss) if scale is None else (loss - base) / scale, SKY)

    def one_of(one: Told) -> Seen:
        curve, first = one.curve, starts.get(one.trial.seed)
        broke = one.over and (one.made < steps or not curve or curve[-1][1] is None)
        counted = counts(one, pauses)
        passed = [until for until in at if until <= (one.made if broke else counted)]
        early = curve[0][1] if curve else None  # stands for what came before the first look
        losses = [next((loss for step, loss in reversed(curve) if step <= until), early) for until in passed]
        shares = [until / steps for until in passed]
        if broke and (not passed or losses[-1] is not None):
            losses, shares = [*losses, None], [*shares, one.made / steps]
        levels = np.array([level(loss) for loss in losses])
        start = level(base if first is None else first)
        levels_of = (len(losses), np.array(shares), levels, tuple(losses))
        return Seen(one.arm, one.trial, one.made, *levels_of, start, broke, scale is not None)

    return [one_of(one) for one in told]


def counts(one: Told, pauses: Sequence[int]) -> int:
    """The pause that a trial counts as at."""
    return max((until for until in pauses if until <= one.made), default=0)
