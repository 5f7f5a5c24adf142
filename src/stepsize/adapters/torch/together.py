"""Several values written together: what a step of plain schedules comes down to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ...course.ahead import NOWHERE
from ...course.control import Part
from ...course.rows import Row
from .knobs import put


class _Column(NamedTuple):
    """One hyper-parameter that one part turns: in `groups` by base, at `place` where it is in a tuple."""

    values: list[float]  # of the block
    part: int
    name: str
    place: int | None
    groups: tuple[tuple[float, list[int]], ...]


class Together:
    """The writing of a whole step, by hyper-parameter and not by row: the same numbers as `rows.write`.

    Where every value is in a table already there is nothing else to a step. `start` is the first update of the block
    of values that all parts hold, or nowhere: where a controller decides, where a part has no table, and before `look`
    has found them. `cells` are what there is to write where there is just one group: name, base, values of the block.
    `rates` are those values, for `base`, where it is the rate alone, which is most of all training. Both are written
    by `Scheduler.step` itself, `write` does the rest.
    """

    __slots__ = ("_columns", "_plain", "base", "cells", "rates", "start")

    def __init__(self, parts: Sequence[Part], rows: Sequence[Row]) -> None:
        self.start = NOWHERE
        self.rates: list[float] = []
        self.base = 1.0
        self.cells: list[tuple[str, float, list[float]]] = []
        self._plain = not any(part.factors for part in parts)
        found: dict[tuple[int, str], dict[float, list[int]]] = {}
        for row in rows:
            found.setdefault((row.part, row.field), {}).setdefault(row.base, []).append(row.group)
        self._columns = [_column(part, field, by_base) for (part, field), by_base in found.items()]

    def look(self, parts: Sequence[Part]) -> None:
        """Take the blocks that the parts have made, if they are of the same updates."""
        if not self._plain or not self._columns:
            return
        starts = {part.ahead.start for part in parts}
        start = starts.pop() if len(starts) == 1 else NOWHERE
        if start != self.start:
            self.start = start
            self._columns = [one._replace(values=parts[one.part].ahead.values) for one in self._columns]
            self.cells = _of_one_group(self._columns)
            alone = [name for name, _, _ in self.cells] == ["lr"]
            self.base, self.rates = self.cells[0][1:] if alone else (1.0, [])

    def write(self, i: int, live: list[dict[str, Any]], factors: Sequence[float] | None = None) -> None:
        """Write the values at place `i` of the block into these groups; where they are given, the parts' `factors`."""
        for values, part, name, place, by_base in self._columns:
            factor = factors[part] if factors is not None else values[i]
            for base, groups in by_base:
                value = base * factor
                here = live if len(groups) == len(live) else [live[one] for one in groups]
                if place is None:
                    for group in here:
                        if type(group[name]) is float:
                            group[name] = value
                        else:
                            put(group, name, None, value)
                else:
                    for group in here:
                        put(group, name, place, value)


def _of_one_group(columns: list[_Column]) -> list[tuple[str, float, list[float]]]:
    if any(one.place is not None or [places for _, places in one.groups] != [[0]] for one in columns):
        return []
    return [(one.name, one.groups[0][0], one.values) for one in columns]


def _column(part: int, field: str, by_base: dict[float, list[int]]) -> _Column:
    name, _, place = field.partition(".")
    return _Column([], part, name, int(place) if place else None, tuple(by_base.items()))
