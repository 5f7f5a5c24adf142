"""Rows of numbers that come one after another, kept as columns: a row more costs the same, however many there are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...problems import Floats

ROOM = 1024  # rows that there is room for at first; then twice as many each time


class Columns:
    """The rows of a run by their updates, which mostly rise; a row of an update that is there takes its place.

    What `steps` and `column` give away never changes, whatever comes after.

    >>> rows = Columns()
    >>> rows.put(0, {"loss": 2.0})
    >>> rows.put(1, {"loss": 1.0, "lr": 0.1})
    >>> rows.steps.tolist(), rows.column("lr").tolist()
    ([0, 1], [nan, 0.1])
    """

    def __init__(self) -> None:
        self._steps = np.zeros(ROOM, dtype=int)
        self._columns: dict[str, Floats] = {}
        self._count = 0
        self._given = False  # whether somebody holds what stands here

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        """The names of the columns, in the order in which they came."""
        return iter(self._columns)

    @property
    def steps(self) -> NDArray[np.int_]:
        """The updates, which rise."""
        self._given = True
        return self._steps[: self._count]

    def column(self, name: str) -> Floats:
        """The numbers of this name, NaN where a row has none."""
        self._given = True
        return self._columns[name][: self._count]

    def put(self, step: int, numbers: Mapping[str, float]) -> None:
        """Add a row, or put it in place of the one of that update."""
        place = self._count
        if place and step <= self._steps[place - 1]:
            place = self._opened(step)
        else:
            self._grow()
            self._steps[place] = step
            self._count += 1
        for name, number in numbers.items():
            column = self._columns.get(name)
            if column is None:
                column = self._columns[name] = np.full(len(self._steps), math.nan)
            column[place] = number

    def cut(self, step: int) -> None:
        """Leave out the rows from update `step` on, and the columns that no other row has a number in."""
        self._copy(int(np.searchsorted(self._steps[: self._count], step)))
        self._columns = {name: one for name, one in self._columns.items() if not np.isnan(one).all()}

    def _opened(self, step: int) -> int:
        """An empty row between the others; those that were given away stay as they were."""
        if self._given:
            self._copy(self._count)
        place, count = int(np.searchsorted(self._steps[: self._count], step)), self._count
        if self._steps[place] != step:
            self._grow()
            for column in (self._steps, *self._columns.values()):
                column[place + 1 : count + 1] = column[place:count]
            self._count += 1
        self._steps[place] = step
        for column in self._columns.values():
            column[place] = math.nan
        return place

    def _copy(self, count: int) -> None:
        """Go on with the first rows, in room of their own."""
        room = max(ROOM, 2 * count)
        self._steps = _roomy(self._steps[:count], room)
        self._columns = {name: _roomy(one[:count], room) for name, one in self._columns.items()}
        self._count, self._given = count, False

    def _grow(self) -> None:
        if self._count < len(self._steps):
            return
        room = 2 * len(self._steps)
        self._steps = _roomy(self._steps, room)
        self._columns = {name: _roomy(one, room) for name, one in self._columns.items()}


def _roomy(column: NDArray[Any], room: int) -> NDArray[Any]:
    """The column with free places behind it."""
    roomy = np.full(room, math.nan if column.dtype.kind == "f" else 0, dtype=column.dtype)
    roomy[: len(column)] = column
    return roomy
