"""A record as lines of JSON: a file of its own with a row for each update, or packed into one line of a journal."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..._errors import StepsizeError
from ..._language import say
from ...course.log import Lines, number_in
from ...problems import Floats
from .record import BY_NAME, SERIES, Decision, Record

KIND = "stepsize run"
VERSION = 2  # 1 had no decisions and of the columns by name only the layers
PACKED = ("losses", "rates", "grad_norms", "clipped")  # the columns of a packed record
MOST_ROWS = 10**7  # a damaged count makes no list beyond it
# what a line of the wrong types raises
BROKEN = (KeyError, TypeError, IndexError, ValueError, AttributeError, OverflowError)

# step, numbers, why, columns by name, decisions
_Row: TypeAlias = tuple[int, list[float], str | None, list[float], list[Decision]]


def rows_of(record: Record) -> Iterator[dict[str, Any]]:
    """One object about the run, then one for each row."""
    there = [name for name, field in SERIES.items() if getattr(record, field) is not None]
    named = {field: columns for field in BY_NAME if (columns := getattr(record, field)) is not None}
    yield {
        "kind": KIND,
        "version": VERSION,
        **_of_the_run(record),
        "columns": there,
        "layers": None,
        **{field: list(columns) for field, columns in named.items()},
        **({} if record.optimizer is None else {"optimizer": record.optimizer}),
        **({} if len(record) or not record.decisions else {"decisions": _told(record.decisions)}),
        "rows": len(record),
    }
    columns = {name: getattr(record, SERIES[name]).tolist() for name in there}
    lists = {field: [one.tolist() for one in of_names.values()] for field, of_names in named.items()}
    decided = _by_row(record)
    for i, step in enumerate(record.steps.tolist()):
        row: dict[str, Any] = {"step": step} | {name: one[i] for name, one in columns.items()}
        if record.why is not None:
            row["why"] = record.why[i]
        for field, of_names in lists.items():
            row[field] = [one[i] for one in of_names]
        if i in decided:
            row["decisions"] = _told(decided[i])
        yield row


def _by_row(record: Record) -> dict[int, list[Decision]]:
    """The decisions with the row that they are written in: the first that is not before them, in their order."""
    if not record.decisions or not len(record):
        return {}
    places = np.searchsorted(record.steps, [one.step for one in record.decisions])
    found: dict[int, list[Decision]] = {}
    for one, place in zip(record.decisions, accumulate(places.tolist(), max), strict=True):
        found.setdefault(min(place, len(record) - 1), []).append(one)
    return found


def _told(decisions: Iterable[Decision]) -> list[dict[str, Any]]:
    return [vars(one) for one in decisions]


def decisions_in(told: Any, step: int | None = None) -> list[Decision]:
    """The decisions of a row or a head; `step` is that of the row, where a decision has none of its own."""
    return [
        Decision(
            _whole(one.get("step", step)),
            _word(one["kind"]),
            _word(one["why"]),
            _word(one.get("group", "")),
            None if one.get("factor") is None else number_in(one["factor"]),
        )
        for one in told
    ]


def optimizer_in(told: Any) -> dict[str, Any] | None:
    """The class and the settings of an optimizer; lists are the tuples that they were."""
    if told is None:
        return None
    return {str(name): tuple(one) if isinstance(one, list) else one for name, one in _of(dict, told).items()}


def check_version(told: Any, known: int, source: str) -> None:
    """Refuse a file that a later stepsize wrote."""
    if type(told) is int and told > known:
        raise StepsizeError(
            say(
                "{file} is a record of version {told}, and this stepsize reads up to version {known}: update stepsize",
                file=source,
                told=told,
                known=known,
            )
        )


def from_rows(lines: Lines, source: str) -> tuple[Record, list[int], int] | None:
    """The record of `rows_of`, the lines of rows that are damaged, and how many rows it once had; None for no record.

    A file that was cut off anywhere has the rows up to there.
    """
    head = lines.rows[0]
    check_version(head.get("version"), VERSION, source)
    try:
        about, names = _about(head), head["columns"]
        by_name = {field: list(map(_word, head[field])) for field in BY_NAME if head.get(field) is not None}
        found, damaged = _readable(lines, names, by_name)
        steps, values, whys, named, decided = zip(*found, strict=True) if found else ((), (), (), (), ())
        columns: dict[str, Any] = dict(zip((SERIES[name] for name in names), _columns(values, len(names)), strict=True))
        record = Record(
            steps=np.array(steps, dtype=int),
            why=whys if whys and None not in whys else None,
            source=source,
            decisions=tuple(decisions_in(head.get("decisions", ()))) + tuple(one for some in decided for one in some),
            optimizer=optimizer_in(head.get("optimizer")),
            **about,
            **columns,
            **_named(by_name, named),
        )
        return record, damaged, _whole(head["rows"])
    except BROKEN:
        return None


def _named(by_name: dict[str, list[str]], rows: Sequence[Sequence[float]]) -> dict[str, Any]:
    """The fields whose columns have names, each with its share of the numbers of every row."""
    columns = iter(_columns(rows, sum(map(len, by_name.values()))))
    return {field: {name: next(columns) for name in names} for field, names in by_name.items()}


def _readable(lines: Lines, names: list[str], by_name: dict[str, list[str]]) -> tuple[list[_Row], list[int]]:
    """The rows that are whole and of the right types, and the lines of those that are not."""
    found: list[tuple[_Row, int]] = []
    damaged = list(lines.damaged)
    for row, place in zip(lines.rows[1:], lines.places[1:], strict=True):
        try:
            found.append((_row(row, names, by_name), place))
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


def _row(row: dict[str, Any], names: Sequence[str], by_name: dict[str, list[str]]) -> _Row:
    step = _whole(row["step"])
    named: list[float] = []
    for field, columns in by_name.items():
        named += [number_in(one) for one in row[field]]
        if len(row[field]) != len(columns):
            raise ValueError("a number for each name")
    decided = decisions_in(row.get("decisions", ()), step)
    return step, [number_in(row[name]) for name in names], _of(str, row.get("why")), named, decided


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


def _word(value: Any) -> str:
    if type(value) is not str:
        raise TypeError("this is no word")
    return value


def _of(kind: type, value: Any) -> Any:
    if value is not None and type(value) is not kind:
        raise TypeError(f"this is no {kind.__name__}")
    return value
