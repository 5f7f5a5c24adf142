"""What a loop of the user's gets: a strategy at one rate, and where it reports."""

from __future__ import annotations

from functools import cached_property

from ..._errors import StepsizeError, whole
from ...descents import Rate, descent
from ...text import as_descent


class OwnTrial:
    """One training of a loop of the user's: which strategy, which seed, for how long."""

    def __init__(self, text: str, *, seed: int, steps: int) -> None:
        self.text, self.seed, self.steps = text, seed, steps

    @cached_property
    def strategy(self) -> descent:
        """The strategy with its rate, every length in steps."""
        return as_descent(self.text).over(self.steps)

    def rate(self, t: int) -> float:
        """The rate of update t, from 0; after the end of the run the last one.

        A strategy with controllers decides while it trains, so it has no rate beforehand: put it on your optimizer.
        """
        at = whole("rate", "t", t, low=0)
        if self.strategy.rate.controllers:
            raise StepsizeError(
                f"{self.text} has controllers, which need the losses: write Scheduler(optimizer, trial.schedule)"
            )
        return float(self.strategy.rate(at))

    @property
    def schedule(self) -> Rate:
        """The rate alone, every length in steps: for a Scheduler on an optimizer of your own."""
        return self.strategy.rate

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.text!r}, seed={self.seed}, steps={self.steps})"
