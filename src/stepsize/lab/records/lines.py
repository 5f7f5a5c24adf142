"""A record as lines of JSON: a file of its own with a row for each update, or packed into one line of a journal."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...course.log import Lines, number_in
from ...problems import Floats
from .record import SERIES, Record

KIND = "stepsize run"
PACKED = ("losses", "rates", "grad_norms", "clipped")  # the columns of a packed record
MOST_ROWS = 10**7  # a damaged count makes no list beyond it
# what a line of the wrong types raises
BROKEN = (KeyError, TypeError, IndexError, ValueError, AttributeError, OverflowError)

_Row: TypeAlias = tuple[int, list[float], str | None, list[float]]  # step, numbers, why, norms by layer


def rows_of(record: Record) -> Iterator[dict[str, Any]]:
    """One object about the run, then one for each row."""
    there = [name for name, field in SERIES.items() if getattr(record, field) is not None]
    yield {
        "kind": KIND,
        "version": 1,
        **_of_the_run(record),
        "columns": there,
        "layers": None if record.layers is None else list(record.layers),
        "rows": len(record),
    }
    columns = {name: getattr(record, SERIES[name]).tolist() for name in there}
    layers = [one.tolist() for one in (record.layers or {}).values()]
    for i, step in enumerate(record.steps.tolist()):
        row: dict[str, Any] = {"step": step} | {name: one[i] for name, one in columns.items()}
        if record.why is not None:
            row["why"] = record.why[i]
        if record.layers is not None:
            row["layers"] = [one[i] for one in layers]
        yield row


def from_rows(lines: Lines, source: str) -> tuple[Record, list[int], int] | None:
    """The record of `rows_of`, the lines of rows that are damaged, and how many rows it once had; None for no record.

    A file that was cut off anywhere has the rows up to there.
    """
    head = lines.rows[0]
    try:
        about, names, layers = _about(head), head["columns"], head["layers"]
        found, damaged = _readable(lines, names, layers)
        steps, values, whys, norms = zip(*found, strict=True) if found else ((), (), (), ())
        columns: dict[str, Any] = dict(zip((SERIES[name] for name in names), _columns(values, len(names)), strict=True))
        record = Record(
            steps=np.array(steps, dtype=int),
            why=whys if whys and None not in whys else None,
            layers=None if layers is None else dict(zip(layers, _columns(norms, len(layers)), strict=True)),
            source=source,
            **about,
            **columns,
        )
        return record, damaged, _whole(head["rows"])
    except BROKEN:
        return None


def _readable(lines: Lines, names: list[str], layers: list[str] | None) -> tuple[list[_Row], list[int]]:
    """The rows that are whole and of the right types, and the lines of those that are not."""
    found: list[tuple[_Row, int]] = []
    damaged = list(lines.damaged)
    for row, place in zip(lines.rows[1:], lines.places[1:], strict=True):
        try:
            found.append((_row(row, names, layers), place))
        except BROKEN:
            damaged.append(place)
    kept = _rising([row[0] for row, _ in found])
    damaged += [place for i, (_, place) in enumerate(found) if i not in kept]
    return [row for i, (row, _) in enumerate(found) if i in kept], damaged


def _rising(steps: list[int]) -> set[int]:
    """The places of the most steps that rise: one that is out of place costs no other."""
    lowest: list[int] = []  # the lowest step that ends a rising row of each length
    ends: list[int] = []  # its place
    before: list[int] = []
    for i, step in enumerate(steps):
        length = bisect_left(lowest, step)
        before.append(ends[length - 1] if length else -1)
        lowest[length : length + 1], ends[length : length + 1] = [step], [i]
    kept, place = set(), ends[-1] if ends else -1
    while place >= 0:
        kept.add(place)
        place = before[place]
    return kept


def packed(record: Record) -> dict[str, Any]:
    """The record as one object: columns in place of rows, one number for a column that never changes."""
    steps = record.steps.tolist()
    columns = {name: getattr(record, name) for name in PACKED}
    return {
        **_of_the_run(record),
        "steps": len(steps) if steps == list(range(len(steps))) else steps,
        **{name: _short(one) for name, one in columns.items() if one is not None},
    }


def unpacked(line: dict[str, Any], source: str = "") -> Record:
    """The record of `packed`; a ValueError says that it is none."""
    try:
        steps = _steps(line["steps"])
        columns: dict[str, Any] = {name: _long(line[name], len(steps)) for name in PACKED if name in line}
        return Record(steps=steps, source=source, **_about(line), **columns)
    except BROKEN as error:
        raise ValueError("this is no record of a run") from error


def _steps(told: Any) -> NDArray[np.int_]:
    """The updates of a packed record: a list of them, or how many there are from 0 on."""
    if not isinstance(told, list):
        return np.arange(min(_whole(told), MOST_ROWS))
    steps = [_whole(one) for one in told]
    if any(a >= b for a, b in pairwise(steps)):
        raise ValueError("steps must rise")
    return np.array(steps, dtype=int)


def _about(told: dict[str, Any]) -> dict[str, Any]:
    """What is known of the whole run, each of its type."""
    measured_at = told["measured_at"]
    found = {
        "text": _of(str, told["text"]),
        "base": None if told["base"] is None else number_in(told["base"]),
        "seed": None if told.get("seed") is None else _whole(told["seed"]),
        "planned_steps": None if told["planned_steps"] is None else _whole(told["planned_steps"]),
        "diverged": _of(bool, told["diverged"]),
        "measured_at": None if measured_at is None else tuple(map(_whole, measured_at)),
        "measured": None if told["measured"] is None else _floats(told["measured"]),
        "validated": None if told["validated"] is None else _floats(told["validated"]),
        "tested": None if told.get("tested") is None else _floats(told["tested"]),
        "metrics": {str(name): _floats(one) for name, one in told.get("metrics", {}).items()} or None,
        "policy": tuple(str(one) for one in told.get("policy", ())),
    }
    for name in ("measured", "validated", "tested"):
        _check_measured(name, found[name], measured_at)
    for name, column in (found["metrics"] or {}).items():
        _check_measured(name, column, measured_at)
    return found


def _check_measured(name: str, column: Floats | None, measured_at: Sequence[int]) -> None:
    if column is not None and len(column) != len(measured_at):
        raise ValueError(f"{name} must have an entry for each of measured_at")


def _row(row: dict[str, Any], names: Sequence[str], layers: Sequence[str] | None) -> _Row:
    step = _whole(row["step"])
    norms = [] if layers is None else [number_in(one) for one in row["layers"]]
    if layers is not None and len(norms) != len(layers):
        raise ValueError("a norm for each layer")
    return step, [number_in(row[name]) for name in names], _of(str, row.get("why")), norms


def _columns(rows: Sequence[Sequence[float]], count: int) -> Floats:
    return np.array(rows, dtype=float).reshape(len(rows), count).T.copy()


def _of_the_run(record: Record) -> dict[str, Any]:
    """What is known of the whole run, in both shapes alike."""
    return {
        "text": record.text,
        "base": record.base,
        "seed": record.seed,
        "planned_steps": record.planned_steps,
        "diverged": record.diverged,
        "measured_at": record.measured_at,
        "measured": _listed(record.measured),
        "validated": _listed(record.validated),
        **({} if record.tested is None else {"tested": record.tested.tolist()}),
        **({"metrics": {name: one.tolist() for name, one in record.metrics.items()}} if record.metrics else {}),
        **({"policy": record.policy} if record.policy else {}),
    }


def _listed(column: Floats | None) -> list[float] | None:
    return None if column is None else column.tolist()


def _short(column: NDArray[Any]) -> list[float] | float:
    """A column that never changes is its one number."""
    values: list[float] = column.tolist()
    same = len(values) > 1 and (column == column[0]).all()
    return values[0] if same else values


def _long(told: Any, count: int) -> Floats:
    column = _floats(told) if isinstance(told, list) else np.full(count, number_in(told))
    if told is None or len(column) != count:
        raise ValueError("columns must be as long as steps")
    return column


def _floats(column: Iterable[Any]) -> Floats:
    return np.array([number_in(one) for one in column], dtype=float)


def _whole(value: Any) -> int:
    if type(value) is not int or abs(value) > 2**53:
        raise TypeError("this is no whole number")
    return value


def _of(kind: type, value: Any) -> Any:
    if value is not None and type(value) is not kind:
        raise TypeError(f"this is no {kind.__name__}")
    return value
