"""Numbers by update: one of each for every update, whatever rows it has."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...._language import say
from ....problems import Floats
from .cells import Column
from .clock import NONE, Clock

OFTEN = 0.5  # of the updates: where so many have several rows in a row, each row is a part of an update


class Series(NamedTuple):
    """A quantity by update: the updates, which rise, and a number for each."""

    updates: NDArray[np.int64]
    values: Floats

    def at(self, wanted: NDArray[np.int64]) -> Floats:
        """The numbers at these updates, NaN where none was logged."""
        if not len(self.updates):
            return np.full(len(wanted), np.nan)
        places = np.minimum(np.searchsorted(self.updates, wanted), len(self.updates) - 1)
        return np.where(self.updates[places] == wanted, self.values[places], np.nan)

    def held(self, wanted: NDArray[np.int64]) -> Floats:
        """The numbers at these updates, each held until the next one is logged."""
        places = np.searchsorted(self.updates, wanted, side="right") - 1
        return self.values[np.maximum(places, 0)]


def series_of(one: Column, time: Clock) -> Series:
    """The last number of each update that is finite, or the last."""
    rows = np.flatnonzero(one.there & (time.updates != NONE))
    updates, values = time.updates[rows], one.values[rows]
    order = np.lexsort((rows, np.isfinite(values), updates))
    updates, values = updates[order], values[order]
    last = np.r_[updates[1:] != updates[:-1], True] if len(updates) else np.zeros(0, dtype=bool)
    return Series(updates[last], values[last])


def losses_of(
    loss: Column, has_loss: NDArray[np.bool_], time: Clock, said: list[str]
) -> tuple[NDArray[np.int64], Floats]:
    """The updates that have a loss, and the losses: the mean where most updates have several rows."""
    rows = np.flatnonzero(has_loss & (time.updates != NONE))
    updates = time.updates[rows]
    steps, counts = np.unique(updates, return_counts=True)
    adjacent = np.unique(updates[1:][np.diff(updates) == 0])
    if len(steps) > 3 and len(adjacent) >= OFTEN * len(steps):
        order = np.argsort(updates, kind="stable")
        sums = np.add.reduceat(loss.values[rows][order], np.r_[0, np.cumsum(counts)[:-1]])
        count = int(np.median(counts))
        said.append(say("most updates have {count} rows with a loss: their mean is taken", count=count))
        return steps, sums / counts
    return series_of(Column(loss.values, has_loss), time)
