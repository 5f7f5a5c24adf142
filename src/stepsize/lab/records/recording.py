"""What a `Recorder` wrote while a run went on, read as a record: a head, a row for each update, looks between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...course.log import Lines, number_in
from ...course.recorded import GRADIENT, KIND, KNOB, METRIC, PLAIN_KNOBS, RATE, UPDATE, VALIDATED, VERSION
from ...problems import Floats
from ...text import as_descent
from .columns import Columns
from .lines import BROKEN, check_version, decisions_in, optimizer_in
from .policy import policy_of
from .record import SERIES, Decision, Record

LONGEST_RUN = 2**53
PREFIXES = {"layers": GRADIENT, "layer_updates": UPDATE, "group_rates": RATE, "knobs": KNOB}
_SAME = {"lr": "rate"}  # a row's word where it is not that of `Record.save`
_OWN = ("step", "decisions", "why", "planned_steps", "strategy")  # no numbers of an update


def is_recording(lines: Lines) -> bool:
    """Whether a Recorder with a head wrote it, be it behind the rows of an older one."""
    return any(row.get("kind") == KIND for row in lines.rows)


def from_recording(lines: Lines, source: str) -> tuple[Record, tuple[int, ...]]:
    """The record of a recording, and the lines that are damaged; whatever is not whole costs its line only.

    Where a run goes on in its file, what stands there of the updates that it makes again is left out: the later row
    of an update counts. A plan that the run has outlived is none: it was counted in something else, such as epochs. A
    recording of a version that is not known is an error.
    """
    found = Recording(source)
    rows = zip(lines.rows, lines.places, strict=True)
    damaged = [*lines.damaged, *(place for row, place in rows if not found.add(row))]
    return found.record(), tuple(damaged)


@dataclass
class Recording:
    """A recording as far as it was read: the rows and the looks by their updates, and what the heads said."""

    source: str = ""
    rows: Columns = field(default_factory=Columns)
    looks: dict[int, dict[str, float]] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    planned: int | None = None
    strategy: str | None = None
    optimizer: dict[str, Any] | None = None

    def add(self, row: dict[str, Any]) -> bool:
        """Take the next row; False where it is damaged. A head of a version that is not known is an error."""
        is_head = row.get("kind") == KIND
        if is_head:
            check_version(row.get("version"), VERSION, self.source)
        try:
            (self._head if is_head else self._row)(row)
        except BROKEN:
            return False
        return True

    def _head(self, row: dict[str, Any]) -> None:
        """A run begins, or goes on after `done` updates."""
        done = _step(row.get("done", 0))
        self._of_the_run(row)
        self.optimizer = optimizer_in(row.get("optimizer")) or self.optimizer
        self.rows.cut(done)
        self.looks = {step: one for step, one in self.looks.items() if step <= done}
        self.decisions = [one for one in self.decisions if one.step < done]

    def _row(self, row: dict[str, Any]) -> None:
        """An update, a look at the validation data, or a decision alone."""
        step = _step(row["step"])
        decisions = decisions_in(row.get("decisions", ()), step)
        numbers = {name: one if type(one) is float else number_in(one) for name, one in row.items() if name not in _OWN}
        self._of_the_run(row)
        self.decisions += decisions
        looked = {name: one for name, one in numbers.items() if name == VALIDATED or name.startswith(METRIC)}
        if looked:
            self.looks.setdefault(step, {}).update(looked)
        if "loss" in numbers:
            self.rows.put(step, {name: one for name, one in numbers.items() if name not in looked})

    def _of_the_run(self, row: dict[str, Any]) -> None:
        planned, strategy = row.get("planned_steps"), row.get("strategy")
        if type(planned) is int and 0 < planned <= LONGEST_RUN:
            self.planned = planned
        if isinstance(strategy, str):
            self.strategy = _canonical(strategy)

    def record(self) -> Record:
        """All of it as one value."""
        columns = {name: self.rows.column(name) for name in self.rows}
        series = {SERIES[_SAME.get(name, name)]: one for name, one in columns.items() if _is_series(name)}
        if "skipped" in series:
            series["skipped"] = np.where(series["skipped"] == 1, 1.0, 0.0)
        series.setdefault("losses", np.full(len(self.rows), np.nan))  # none of them was finite, before the run went on
        at = sorted(self.looks)
        looks = [self.looks[step] for step in at]
        measures = list(dict.fromkeys(name for look in looks for name in look))
        metrics = {name[len(METRIC) :]: _column(looks, name) for name in measures if name != VALIDATED}
        named: Any = {of: _by_name(columns, _reader(of)) for of in PREFIXES}
        others: Any = series
        steps, planned = self.rows.steps, self.planned
        return Record(
            steps=steps,
            text=self.strategy,
            planned_steps=None if planned is not None and len(steps) and planned <= steps[-1] else planned,
            measured_at=tuple(at) or None,
            validated=_column(looks, VALIDATED) if VALIDATED in measures else None,
            metrics=metrics or None,
            decisions=tuple(sorted(self.decisions, key=lambda one: one.step)),
            optimizer=self.optimizer,
            source=self.source,
            policy=policy_of([*columns, *metrics]),
            **others,
            **named,
        )


def _by_name(columns: Mapping[str, Floats], read: Callable[[str], str | None]) -> dict[str, Floats] | None:
    """The columns of one field, by what is left of their names; None where there are none."""
    return {own: one for name, one in columns.items() if (own := read(name)) is not None} or None


def _reader(of: str) -> Callable[[str], str | None]:
    """What tells the name of a column of this field, or None where it belongs to no such field."""
    prefix = PREFIXES[of]

    def own(name: str) -> str | None:
        if of == "knobs" and name.partition("/")[0] in PLAIN_KNOBS:
            return name
        return name[len(prefix) :] if name.startswith(prefix) else None

    return own


def _is_series(name: str) -> bool:
    return _SAME.get(name, name) in SERIES and name not in _SAME.values()


def _column(rows: list[dict[str, float]], name: str) -> Floats:
    return np.array([row.get(name, np.nan) for row in rows], dtype=float)


def _step(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= LONGEST_RUN:
        raise TypeError("this counts no updates")
    return value


def _canonical(text: str) -> str:
    """A whole strategy as it is written everywhere; the schedule of another optimizer as it stands."""
    try:
        return str(as_descent(text))
    except ValueError:  # of which an error of ours is one
        return text
