"""The runs of a table as trials: their losses look by look, what that costs, and which of them ended."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from .peer import Recorded

LOST = 1e30  # what a loss that is not finite is reported as


class SpentError(Exception):
    """The budget is used."""


class End(NamedTuple):
    """A trial that ended or paused: what was used by then, in whole runs, its last loss, and the place of its rate."""

    at: float
    loss: float | None  # None: it was stopped, or paused
    place: int


class Trials:
    """The runs of one seed as a search may see them; a look that the budget `most` has not raises `SpentError`."""

    def __init__(self, table: Recorded, seed: int, most: float) -> None:
        self.table, self.held = table, table.held[:, seed]
        self.count = len(self.held)  # looks of a run
        self.most, self.used = int(most * self.count + 1e-9), 0
        self.ends: list[End] = []

    def losses(self, rate: float) -> Iterator[float]:
        """The loss at each look of a run with this rate; it ends with the run, or where that is lost."""
        for found in self.held[:, self.table.place(rate)]:
            if self.used >= self.most:
                raise SpentError
            self.used += 1
            sound = math.isfinite(found)
            yield float(found) if sound else LOST
            if not sound:
                return

    def ended(self, rate: float, loss: float | None) -> None:
        """A trial ended: with its last loss, or stopped, or paused."""
        self.ends.append(End(self.used / self.count, loss, self.table.place(rate)))

    def run(self, rate: float) -> None:
        """A whole run, with nobody who would stop it."""
        *_, last = self.losses(rate)
        self.ended(rate, last)
