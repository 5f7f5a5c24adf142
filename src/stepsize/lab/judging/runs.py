"""The runs of one strategy as the judging sees them: one number by rate and seed, for each of two parts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..._errors import StepsizeError
from ...problems import Floats

LARGEST = 1e150  # of a loss; what is larger has diverged, and its square would be no number
Table = Mapping[tuple[float, int], float | None]


@dataclass(frozen=True)
class Runs:
    """The last losses of one strategy by (rate, seed): on the part that `chooses` and on the one that `judges`.

    A number that is None, not finite or beyond ±1e150 says that the run diverged; a pair that is absent was not run.
    `judges` is None where no part is kept for judging. Both tables have the same pairs, or a StepsizeError says so.

    >>> Runs("Adam", {(0.1, 0): 2.0, (0.1, 1): None}).diverged
    ((0.1, 1),)
    """

    name: str
    chooses: Table
    judges: Table | None = None

    def __post_init__(self) -> None:
        if self.judges is not None and set(self.chooses) != set(self.judges):
            raise StepsizeError(f"{self.name}: both parts need the same runs; measure each run on both, or on one")

    @property
    def rates(self) -> tuple[float, ...]:
        """The rates, ascending."""
        return tuple(sorted({rate for rate, _ in self.chooses}))

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, ascending."""
        return tuple(sorted({seed for _, seed in self.chooses}))

    @property
    def diverged(self) -> tuple[tuple[float, int], ...]:
        """The (rate, seed) of runs that diverged on either part."""
        tables = [self.chooses, *([] if self.judges is None else [self.judges])]
        return tuple(sorted(pair for pair in self.chooses if any(_lost(table[pair]) for table in tables)))

    @property
    def kept(self) -> tuple[float, ...]:
        """The rates at which no seed diverged."""
        lost = {rate for rate, _ in self.diverged}
        return tuple(rate for rate in self.rates if rate not in lost)

    def swapped(self) -> Runs:
        """The same runs, with the parts in each other's place."""
        if self.judges is None:
            raise StepsizeError(f"{self.name}: there is one part only, so no two can change places")
        return Runs(self.name, self.judges, self.chooses)

    def arrays(self) -> tuple[Floats, Floats]:
        """Both tables at the rates kept, rates × seeds, NaN where there was no run."""
        judges = self.chooses if self.judges is None else self.judges
        return self._array(self.chooses), self._array(judges)

    def _array(self, table: Table) -> NDArray[np.float64]:
        nan = math.nan
        return np.array([[table.get((rate, seed), nan) for seed in self.seeds] for rate in self.kept], dtype=float)


def _lost(value: float | None) -> bool:
    return value is None or not abs(value) <= LARGEST
