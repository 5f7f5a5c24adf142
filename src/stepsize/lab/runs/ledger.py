"""The ledger: what is written down of many runs side by side, until each has a record of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...problems import Floats
from ..records.record import Record, paused_at
from .looks import Look

ALWAYS = ("losses", "rates", "grad_norms", "clipped", "why", "extra_losses")  # of every run


class Ledger:
    """Columns of many runs, one line for each update: the columns of `Record`, where each number is a line of runs.

    `runs` are all runs that there ever were: a line tells at which `places` its numbers stand, and is filled with NaN.
    """

    def __init__(self, runs: int) -> None:
        self.runs = runs
        self.columns: dict[str, list[Any]] = {name: [] for name in ALWAYS}
        self.layers: dict[str, list[Floats]] = {}
        self.measured_at: list[int] = []
        self.looks: dict[str, list[Floats]] = {}
        self.metrics: dict[str, list[Floats]] = {}

    def note(self, places: Sequence[int], **lines: Any) -> None:
        """What is known of one update of these runs, under the names of `Record`; every update has the same."""
        for name, line in lines.items():
            self.columns.setdefault(name, []).append(self._wide(line, places))

    def note_layers(self, places: Sequence[int], norms: dict[str, Floats]) -> None:
        """The norms of one update's gradient by array."""
        for name, line in norms.items():
            self.layers.setdefault(name, []).append(self._wide(line, places))

    def measure(self, after: int, places: Sequence[int], look: Look) -> None:
        """What was measured on all data after so many updates."""
        self.measured_at.append(after)
        for name, line in look._asdict().items():
            if name != "metrics" and line is not None:
                self.looks.setdefault(name, []).append(self._wide(line, places))
        for name, line in (look.metrics or {}).items():
            self.metrics.setdefault(name, []).append(self._wide(line, places))

    def with_look(self, after: int, places: Sequence[int], look: Look) -> Ledger:
        """The same with one more look; this one is as it was."""
        other = Ledger(self.runs)
        other.columns, other.layers = self.columns, self.layers
        other.measured_at = list(self.measured_at)
        other.looks, other.metrics = ({name: list(one) for name, one in some.items()} for some in self._measured)
        other.measure(after, places, look)
        return other

    def record(self, i: int, made: int, finished: bool, **about: Any) -> Record:
        """The record of run `i`, which made so many updates; `about` is what is known of the whole run.

        A run that did not finish stopped being finite: its last measurement, after its last update, is NaN.
        """
        kept = len(self.measured_at) if finished else sum(one < made for one in self.measured_at)
        at = tuple(self.measured_at[:kept]) + (() if finished else (made,))
        looks, metrics = (_ones(some, i, kept, len(at)) for some in self._measured)
        if finished and made < about["planned_steps"]:
            looks["measured"] = paused_at(looks["measured"])
        return Record(
            steps=np.arange(made),
            **{name: self._column(name, i, made) for name in self.columns},
            layers=_ones(self.layers, i, made, made) or None,
            measured_at=at,
            **looks,
            metrics=metrics or None,
            diverged=not finished or _ended_above(looks["measured"]),
            **about,
        )

    def saved(self, i: int) -> dict[str, Any]:
        """What is written down of run `i`, from which `joined` goes on."""
        made = len(self.columns["losses"])
        measured = len(self.measured_at)
        return {
            "columns": {name: self._column(name, i, made) for name in self.columns},
            "layers": _ones(self.layers, i, made, made),
            "measured_at": tuple(self.measured_at),
            "looks": _ones(self.looks, i, measured, measured),
            "metrics": _ones(self.metrics, i, measured, measured),
        }

    @staticmethod
    def joined(saved: Sequence[dict[str, Any]], made: int) -> Ledger:
        """The ledger of runs that were saved after so many updates; an error of its like says that it is none."""
        ledger, first = Ledger(len(saved)), saved[0]
        if any(one["measured_at"] != first["measured_at"] for one in saved):
            raise ValueError("they were measured after other updates")
        if any(len(one) != made for some in saved for one in some["columns"].values()):
            raise ValueError("there is a line for each update")
        ledger.measured_at = list(first["measured_at"])
        names = ("columns", "layers", "looks", "metrics")
        found = [{name: _lines([one[part][name] for one in saved]) for name in first[part]} for part in names]
        ledger.columns, ledger.layers, ledger.looks, ledger.metrics = found
        return ledger

    @property
    def _measured(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return self.looks, self.metrics

    def _wide(self, line: Any, places: Sequence[int]) -> Any:
        """The line with a place for every run."""
        if len(places) == self.runs or (isinstance(line, list) and not line):
            return line
        if isinstance(line, list):
            said = [""] * self.runs
            for place, one in zip(places, line, strict=True):
                said[place] = one
            return said
        wide = np.full(self.runs, np.nan)
        wide[places] = line
        return wide

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


def _ones(named: dict[str, list[Floats]], i: int, made: int, count: int) -> dict[str, Any]:
    return {name: _one(lines, i, made, count) for name, lines in named.items()}


def _lines(columns: Sequence[Any]) -> list[Any]:
    """Columns of runs as lines of runs."""
    if isinstance(columns[0], tuple):
        return [list(line) for line in zip(*columns, strict=True)]
    return list(np.stack(columns, axis=1))


def _ended_above(measured: Floats) -> bool:
    first, last = float(measured[0]), float(measured[-1])
    return not np.isfinite(last) or last > first + 1e-12 * abs(first)
