"""Cells as loops write them, as numbers: `1,000`, `0.5k`, `tensor(0.5)`, `12 ms`, lists, and words for nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ....problems import Floats
from ...data.text_files import MISSING
from ...data.written import BLANKS, GAPS, GROUPED
from .rows import Row

EMPTY = frozenset(one.lower() for one in (*GAPS, *MISSING, "<NA>", "no log", "undefined", "null")) - {"nan"}
NUMBER = (
    r"[-+−]?(?:\d+(?:,\d{3})+(?:\.\d+)?(?![\d,])|\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf(?:inity)?)\b"
)
_NUMBER = rf"(?:{NUMBER})"
_WRAPPED = re.compile(rf"(?:[\w.]*\()?\s*[\[(]*\s*({_NUMBER})\s*(?:[\]),].*)?$", re.IGNORECASE | re.DOTALL)
_UNIT = re.compile(rf"({_NUMBER})\s*(k|m|b|g|ms|s|sec|%|μs|us)$", re.IGNORECASE)
_SCALE = {"k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "ms": 1e-3, "us": 1e-6, "μs": 1e-6}
_GROUPED = re.compile(GROUPED)
_BLANKS = re.compile(rf"(?<=\d){BLANKS}(?=\d{{3}}(?:\D|$))")
_MARKED = re.compile(r"[-+−]?\d[\d.]*,[\d,]*\d(?:[eE][-+]?\d+)?")


class Column(NamedTuple):
    """A column as numbers: NaN where `there` is False, which is where nothing was logged, and the first bad cell."""

    values: Floats
    there: NDArray[np.bool_]
    bad: tuple[int, Any] | None = None  # the index of its row, and what it holds

    @property
    def finite(self) -> NDArray[np.bool_]:
        """Where a finite number was logged."""
        return np.isfinite(self.values)


def column(rows: list[Row], names: Iterable[str], comma: bool) -> Column:
    """The cells under a name as numbers; under several names, their sum."""
    columns = [_one(rows, name, comma) for name in names]
    if len(columns) == 1:
        return columns[0]
    there = np.logical_and.reduce([one.there for one in columns])
    values = np.where(there, np.sum([one.values for one in columns], axis=0), np.nan)
    return Column(values, there, next((one.bad for one in columns if one.bad), None))


def _one(rows: list[Row], name: str, comma: bool) -> Column:
    values = np.full(len(rows), np.nan)
    there = np.zeros(len(rows), dtype=bool)
    bad = None
    for i, row in enumerate(rows):
        cell = row.get(name)
        if cell is None or cell == "":
            continue
        try:
            told = number(cell, comma)
        except (ValueError, TypeError, OverflowError):
            bad = bad or (i, cell)
            continue
        if told is not None:
            values[i], there[i] = told, True
    return Column(values, there, bad)


def number(cell: Any, comma: bool = False) -> float | None:
    """The number of a cell, None where it says that there is none; a ValueError for a word.

    >>> number("1,000"), number("0,5", comma=True), number("0.5k"), number("tensor(0.5, device='cuda:0')")
    (1000.0, 0.5, 500.0, 0.5)
    >>> number("[0.1, 0.01]"), number("12 ms"), number("n/a")
    (0.1, 0.012, None)
    """
    if isinstance(cell, str):
        plain = cell.strip()
        if not comma or not _GROUPED.match(plain):  # 1.000 is a thousand where commas are decimal marks
            try:
                return float(plain)
            except ValueError:
                pass
        return _written(plain, comma)
    if isinstance(cell, (list, tuple)):
        return number(cell[0], comma) if cell else None
    return None if cell is None else float(cell)


def _written(text: str, comma: bool) -> float | None:
    if text.lower() in EMPTY:
        return None
    if not comma and (found := _UNIT.match(text)):
        return _plain(found[1], comma) * _SCALE.get(found[2].lower(), 1.0)
    if not comma and (found := _WRAPPED.match(text)) and not text[0].isdigit():
        return _plain(found[1], comma)
    return _plain(text.rstrip(" %"), comma)


def _plain(text: str, comma: bool) -> float:
    """A number with marks of thousands, or with a comma for its decimal mark."""
    text = _BLANKS.sub("", text).replace("−", "-")
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    grouped = _GROUPED.match(digits) is not None
    if "," in text and "." in text:
        comma = text.rindex(",") > text.rindex(".")
    elif "," in text and not grouped:
        comma = True
    elif "," in text:
        comma = comma and digits.count(",") == 1
    elif grouped and comma:  # points between thousands
        return float(sign + digits.replace(".", ""))
    digits = digits.replace(".", "").replace(",", ".") if comma else digits.replace(",", "")
    return float(sign + digits)


def decimal_comma(cells: Iterable[Any], mark: str) -> bool:
    """Whether a comma is the decimal mark of a table, whose cells `mark` cuts.

    One cell that can be nothing else says so; where every one could have a mark of thousands, the mark decides, as in
    other tables.
    """
    seen = False
    for cell in cells:
        if isinstance(cell, str) and "," in cell and _MARKED.fullmatch(cell.strip()):
            digits = cell.strip().lstrip("-+−")
            if not _GROUPED.match(digits):
                return digits.rfind(",") > digits.rfind(".")
            seen = True
    return seen and mark == ";"
