"""The data of a page of runs, as plain Python for JSON: lines with their looks, marks, findings and facts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from ..._language import heard
from ...course.log import finite
from ...lab.records.decimated import PARTS, decimated, window
from ...problems import Floats
from ..palette import colour, dark, dash
from .marks import marks_of
from .seen import Seen
from .series import PANELS, Line, lines_of

MOSTLY = 0.9  # of the numbers, above 0, for a log axis, which leaves out the others


def payload(runs: Sequence[Seen], low: float = -np.inf, high: float = np.inf, parts: int = PARTS) -> dict[str, Any]:
    """What the charts of a page draw of the updates from `low` to `high`, at most two points for each of `parts`."""
    tables: list[list[int]] = []
    lines: list[dict[str, Any]] = []
    drawn = [lines_of(run.record) for run in runs]
    places = _places(line for own in drawn for line in own)
    for number, own in enumerate(drawn):
        for group in _together(own):
            rows = window(group[0].steps, low, high)
            steps, columns = decimated(group[0].steps[rows], [line.values[rows] for line in group], parts)
            for line, values in zip(group, columns, strict=True):
                look = _line(line, values, number, places[line.panel, line.name], len(runs) > 1)
                lines.append(look | {"table": len(tables)})
            tables.append(steps.tolist())
    order = {panel.name: i for i, panel in enumerate(PANELS)}
    lines.sort(key=lambda line: (line["run"], order[line["panel"]], places[line["panel"], line["name"]]))
    counts = [len(run.diagnosis.findings) if run.diagnosis is not None else 0 for run in runs]
    firsts = [1, *(1 + before for before in accumulate(counts))]
    told = [_run(run, i, first) for i, (run, first) in enumerate(zip(runs, firsts, strict=False))]
    return {"runs": told, "tables": tables, "lines": lines}


def _places(lines: Iterable[Line]) -> dict[tuple[str, str], int]:
    """The place of each name in its panel, one for all runs."""
    places: dict[tuple[str, str], int] = {}
    for line in lines:
        if (line.panel, line.name) not in places:
            places[line.panel, line.name] = sum(panel == line.panel for panel, _ in places)
    return places


def _together(lines: Sequence[Line]) -> list[list[Line]]:
    """The lines by the updates that they are over."""
    found: dict[int, list[Line]] = {}
    for line in lines:
        found.setdefault(id(line.steps), []).append(line)
    return list(found.values())


def _line(line: Line, values: Floats, number: int, place: int, several: bool) -> dict[str, Any]:
    """A line as a chart needs it: of one run each has a colour; of several each run has one, and its lines dashes."""
    ink = number if several else place
    return {
        "run": number,
        "panel": line.panel,
        "name": line.name,
        **({} if heard(line.name) == line.name else {"label": heard(line.name)}),  # the name is that of the CSV, too
        "light": colour(ink),
        "dark": dark(ink),
        "dash": list(dash(place)) if several else [],
        "looks": line.looks,
        "values": _short(values),
    }


def _short(values: Floats) -> list[float | None]:
    """Six digits of each number, which a screen cannot tell from all of them; what is none is a gap."""
    return [finite(float(f"{one:.6g}")) for one in values.tolist()]


def _run(run: Seen, number: int, first: int) -> dict[str, Any]:
    """A run beside its lines; its findings are numbered from `first` on."""
    record = run.record
    found = run.told.findings if run.told is not None else ()
    return {
        "name": run.name,
        "light": colour(number),
        "dark": dark(number),
        "state": run.state,
        "rows": len(record),
        "planned": record.planned_steps,
        "span": [int(record.steps[0]), int(record.steps[-1])] if len(record) else None,
        "marks": [mark.as_dict() for mark in marks_of(record)],
        "findings": [
            {"place": i, "illness": one.illness, "step": one.step} for i, one in enumerate(found, start=first)
        ],
    }


def log_axes(runs: Sequence[Seen]) -> dict[str, bool]:
    """The panels that begin with a log axis: those that are meant to, where nearly all their numbers are above 0."""
    every = [line for run in runs for line in lines_of(run.record)]
    return {
        panel.name: panel.log and _above_zero([line.values for line in every if line.panel == panel.name])
        for panel in PANELS
    }


def _above_zero(columns: Sequence[Floats]) -> bool:
    there = sum(int(np.isfinite(one).sum()) for one in columns)
    above = sum(int((one > 0).sum()) for one in columns)
    return above >= MOSTLY * there
