"""A schedule's values ahead of time: one array evaluation for a block of steps, then only look-ups."""

from __future__ import annotations

import numpy as np

from ..schedules.base import Factor

BLOCK = 2048  # at most a tenth of a millisecond of work, twenty nanoseconds a step
NOWHERE = 1 << 62


class Ahead:
    """The values of a schedule, a block at a time.

    Blocks begin at multiples of `BLOCK`, whatever step is asked for first: the numbers of a run that is stopped and
    continued are those of a run straight through, bit for bit.
    """

    __slots__ = ("factor", "start", "values", "without")

    def __init__(self, factor: Factor) -> None:
        self.factor = factor
        self.start = self.without = NOWHERE
        self.values: list[float] = []

    def at(self, t: int) -> float:
        """The value at step `t`."""
        i = t - self.start
        if 0 <= i < BLOCK:
            return self.values[i]
        start = t - t % BLOCK
        if start != self.without:
            values = self._block(start)
            if values:
                self.start, self.values = start, values
                return values[t - start]
            self.without = start
        return float(self.factor(t))

    def _block(self, start: int) -> list[float]:
        """The values of a block; empty where one is not defined, which must not stop the run before its step."""
        try:
            values = np.asarray(self.factor(np.arange(start, start + BLOCK)))
        except Exception:  # a Python function inside may raise anything
            return []
        return values.tolist() if np.isfinite(values).all() else []
