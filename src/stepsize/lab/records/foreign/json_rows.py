"""JSON as loops write it: lines, lists, histories of columns, the state of a Trainer, objects within objects."""

from __future__ import annotations

import json
from typing import Any

from ...._language import say
from ....course.log import Lines
from .rows import Row, Rows, Source

DEEPEST = 6  # objects within objects
WIDEST = 64  # numbers of a list in one cell that become columns
LONGEST_RUN = 2**53


def of_json(source: Source, lines: Lines) -> Rows | None:
    """The rows of a file of JSON; None where it is none."""
    start = source.text.lstrip()[:1]
    whole = _parsed(source.text) if start and start in "{[" else None
    if isinstance(whole, dict) and not (len(lines.rows) == 1 and _is_row(whole)):
        return _of_object(whole)
    if isinstance(whole, list):
        return _numbered(_rows_in(whole))
    # JSON lines are mostly that; a text that has some is not
    if len(lines.rows) <= len(lines.damaged):
        return None
    rows = [flat(one) for one in lines.rows]
    return Rows(rows, list(lines.places), damaged=lines.damaged, tried=say("read as lines of JSON"))


def flat(row: dict[str, Any], before: str = "", depth: int = 0) -> Row:
    """An object without objects in it; a list of numbers keeps its first, and has a column for each.

    >>> flat({"step": 1, "train": {"loss": 2.0}, "lr": [0.1, 0.2]})
    {'step': 1, 'train/loss': 2.0, 'lr': 0.1, 'lr/0': 0.1, 'lr/1': 0.2}
    """
    made: Row = {}
    for key, cell in row.items():
        name = f"{before}{key}"
        if isinstance(cell, dict) and depth < DEEPEST:
            made |= flat(cell, f"{name}/", depth + 1)
        elif isinstance(cell, list) and key != "planned_steps":  # a list of them is none
            made |= _listed(name, cell)
        elif not isinstance(cell, dict):
            made[name] = cell
    return made


def _listed(name: str, cell: list[Any]) -> Row:
    if not cell or isinstance(cell[0], (dict, list, str)):
        return {}
    if len(cell) == 1 or len(cell) > WIDEST:
        return {name: cell[0]}
    return {name: cell[0]} | {f"{name}/{i}": one for i, one in enumerate(cell)}


def _is_row(whole: dict[str, Any]) -> bool:
    """Whether an object is one row, and no file with rows in it."""
    return not any(isinstance(one, (dict, list)) for one in whole.values())


def _of_object(whole: dict[str, Any]) -> Rows | None:
    """The rows within one object: the longest list of objects, columns of numbers, or the object itself."""
    planned = whole.get("max_steps")
    planned = planned if type(planned) is int and 0 < planned <= LONGEST_RUN else None
    if isinstance(whole.get("log_history"), list):
        return _numbered(_rows_in(whole["log_history"]), planned)
    if isinstance(whole.get("columns"), list) and isinstance(whole.get("data"), list):  # pandas, orient="split"
        names = [str(one) for one in whole["columns"]]
        data = [one for one in whole["data"] if isinstance(one, list)]
        return _numbered([dict(zip(names, one, strict=False)) for one in data], planned)
    lists = [rows for rows in _lists_in(whole, 0) if rows]
    if lists:
        return _numbered(max(lists, key=len), planned)
    columns = _columns_in(whole, "", 0)
    if columns:
        length = max(map(len, columns.values()))
        return _numbered(
            [{name: one[i] for name, one in columns.items() if i < len(one)} for i in range(length)], planned
        )
    return _numbered([flat(whole)], planned)


def _lists_in(whole: dict[str, Any], depth: int) -> list[list[Row]]:
    found = []
    for one in whole.values():
        if isinstance(one, list) and one and isinstance(one[0], dict):
            found.append(_rows_in(one))
        elif isinstance(one, dict) and depth < 2:
            found += _lists_in(one, depth + 1)
    return found


def _columns_in(whole: dict[str, Any], before: str, depth: int) -> dict[str, list[Any]]:
    """Columns as lists of numbers, or as objects whose keys count, as pandas writes them."""
    found: dict[str, list[Any]] = {}
    for key, one in whole.items():
        if isinstance(one, dict) and one and all(str(name).isdecimal() for name in one):
            one = list(one.values())
        if isinstance(one, list) and any(isinstance(cell, (int, float)) for cell in one):
            found[f"{before}{key}"] = one
        elif isinstance(one, dict) and depth < DEEPEST:
            found |= _columns_in(one, f"{before}{key}/", depth + 1)
    return found


def _rows_in(whole: list[Any]) -> list[Row]:
    """The objects of a list; lists of a time, a step and a value are what TensorBoard downloads."""
    if whole and all(isinstance(one, list) and len(one) == 3 for one in whole):
        return [dict(zip(("Wall time", "Step", "Value"), one, strict=True)) for one in whole]
    return [flat(one) for one in whole if isinstance(one, dict)]


def _numbered(rows: list[Row], planned: int | None = None) -> Rows | None:
    tried = say("read as JSON")
    return Rows(rows, [0] * len(rows), planned=planned, tried=tried) if rows else None


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
