"""What a policy sees of the trials: how far each is, and its losses at marks that are the same for all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

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

    @property
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


def seen(outcomes: Sequence[tuple[int, Outcome]], steps: int, measure_every: int, pauses: Sequence[int]) -> list[Seen]:
    """What is seen of outcomes, each with the number of its strategy; sorted, so that their order does not count."""
    at = marks(steps, measure_every)
    told = [(arm, one, _curve(one)) for arm, one in outcomes]
    finite = [loss for _, _, curve in told for _, loss in curve if loss is not None]
    starts = {one.trial.seed: curve[0][1] for _, one, curve in told if curve and curve[0][0] == 0}
    base = next((loss for loss in starts.values() if loss is not None), max(finite, default=1.0))
    scale = None if all(loss > 0 for loss in finite) else max(base - min(finite, default=base), 1e-12)

    def level(loss: float | None) -> float:
        if loss is None:
            return SKY
        return min(math.log(loss) if scale is None else (loss - base) / scale, SKY)

    def one_of(arm: int, one: Outcome, curve: list[tuple[int, float | None]]) -> Seen:
        first = starts.get(one.trial.seed)
        broke = one.over and (one.made < steps or not curve or curve[-1][1] is None)
        counted = max((until for until in pauses if until <= one.made), default=0)
        passed = [until for until in at if until <= (one.made if broke else counted)]
        early = curve[0][1] if curve else None  # stands for what came before the first look
        losses = [next((loss for step, loss in reversed(curve) if step <= until), early) for until in passed]
        shares = [until / steps for until in passed]
        if broke and (not passed or losses[-1] is not None):
            losses, shares = [*losses, None], [*shares, one.made / steps]
        levels = np.array([level(loss) for loss in losses])
        start = level(base if first is None else first)
        levels_of = (len(losses), np.array(shares), levels, tuple(losses))
        return Seen(arm, one.trial, one.made, *levels_of, start, broke, scale is not None)

    found = [one_of(*row) for row in told]
    return sorted(found, key=lambda one: (one.arm, one.trial.seed, one.trial.rate))


def _curve(one: Outcome) -> list[tuple[int, float | None]]:
    """The loss that chooses, by update: validation, or training where there is none."""
    held = one.record.validated is not None
    return list(zip(one.measured_at, one.validation if held else one.train, strict=True))
