"""The ledger: what is written down of many runs side by side, until each has a record of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...problems import Floats
from ..records.record import Record


class Ledger:
    """Columns of many runs, one line for each update: the columns of `Record`, where each number is a line of runs."""

    def __init__(self) -> None:
        self.columns: dict[str, list[Any]] = {}
        self.layers: dict[str, list[Floats]] = {}
        self.measured_at: list[int] = []
        self.measured: list[Floats] = []
        self.validated: list[Floats] = []

    def note(self, **lines: Any) -> None:
        """What is known of one update, under the names of `Record`; every update has the same."""
        for name, line in lines.items():
            self.columns.setdefault(name, []).append(line)

    def note_layers(self, norms: dict[str, Floats]) -> None:
        """The norms of one update's gradient by array."""
        for name, line in norms.items():
            self.layers.setdefault(name, []).append(line)

    def measure(self, after: int, losses: Floats, validated: Floats | None) -> None:
        """The losses on all data after so many updates."""
        self.measured_at.append(after)
        self.measured.append(losses)
        if validated is not None:
            self.validated.append(validated)

    def record(self, i: int, made: int, finished: bool, **about: Any) -> Record:
        """The record of run `i`, which made so many updates; `about` is what is known of the whole run.

        A run that did not finish stopped being finite: its last measurement, after its last update, is NaN.
        """
        kept = len(self.measured_at) if finished else sum(one < made for one in self.measured_at)
        at = tuple(self.measured_at[:kept]) + (() if finished else (made,))
        measured = _one(self.measured, i, kept, len(at))
        return Record(
            steps=np.arange(made),
            **{name: self._column(name, i, made) for name in self.columns},
            layers={name: _one(lines, i, made, made) for name, lines in self.layers.items()} or None,
            measured_at=at,
            measured=measured,
            validated=_one(self.validated, i, kept, len(at)) if self.validated else None,
            diverged=not finished or _ended_above(measured),
            **about,
        )

    def _column(self, name: str, i: int, made: int) -> Any:
        lines = self.columns[name][:made]
        if name == "why":
            return tuple(line[i] if line else "" for line in lines)
        return _one(lines, i, made, made)


def _one(lines: list[Floats], i: int, made: int, count: int) -> Floats:
    """The numbers of run `i` from its first `made` lines, NaN after them."""
    column = np.full(count, np.nan)
    column[:made] = [line[i] for line in lines[:made]]
    return column


def _ended_above(measured: Floats) -> bool:
    first, last = float(measured[0]), float(measured[-1])
    return not np.isfinite(last) or last > first + 1e-12 * abs(first)
