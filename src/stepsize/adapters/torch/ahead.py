"""A schedule's values ahead of time: one array evaluation for a block of steps, then only look-ups."""

from __future__ import annotations

import numpy as np

from ...schedules.base import Factor

BLOCK = 1024  # at most a tenth of a millisecond of work, twenty nanoseconds a step


class Ahead:
    """The values of a schedule, a block at a time.

    Blocks begin at multiples of `BLOCK`, whatever step is asked for first: the numbers of a run that is stopped and
    continued are those of a run straight through, bit for bit.
    """

    __slots__ = ("factor", "start", "values")

    def __init__(self, factor: Factor) -> None:
        self.factor = factor
        self.start = -BLOCK  # nothing yet
        self.values: list[float] = []

    def at(self, t: int) -> float:
        """The value at step `t`."""
        i = t - self.start
        if 0 <= i < BLOCK:
            return self.values[i]
        start = t - t % BLOCK
        try:
            self.values = self.factor(np.arange(start, start + BLOCK)).tolist()
        except Exception:  # a Python function inside may not be defined so far ahead: then step by step
            return float(self.factor(t))
        self.start = start
        return self.values[t - start]
