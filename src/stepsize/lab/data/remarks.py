"""Remarks on a user's table: what its owner should know of a column before she trusts the numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..._language import Note
from .naming import named

if TYPE_CHECKING:
    import polars as pl

ID_NAME = re.compile(
    r"(^|[_\W])(id|ids|uid|uuid|index|idx|no|nr|key|row)($|[_\W])|(?-i:[a-z]I[dD]$)|编号|序号", re.IGNORECASE
)
FAR = 1000  # spreads from the median: farther values decide a mean squared error alone


def without_empty(frame: pl.DataFrame, target: str) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The table without columns that have no value at all, and a note that names them."""
    empty = [one.name for one in frame.get_columns() if one.null_count() == frame.height and one.name != target]
    note = Note("Columns without any value were dropped: {columns}.", columns=named(empty))
    return frame.drop(empty), (note,) if empty else ()


def of_columns(raw: pl.DataFrame, frame: pl.DataFrame, target: str) -> Iterator[str]:
    """Notes on dates and row numbers: `raw` is the table as it was read, `frame` the same one as numbers and text."""
    dates = [one.name for one in raw.get_columns() if one.dtype.is_temporal() and one.name in frame.columns]
    if dates:
        yield Note("Dates became numbers, which grow with time: {columns}.", columns=named(dates))
    ids = [one.name for one in frame.get_columns() if one.name not in ("", target) and _is_id(one)]
    if ids:
        yield Note(
            "Whole numbers that differ in every row were taken for numbers: {columns}. Are they ids? Drop them.",
            columns=named(ids),
        )


def _is_id(column: pl.Series) -> bool:
    """Row numbers from 0 or 1 on, or different whole numbers under the name of an id."""
    if not column.dtype.is_integer() or column.null_count() or column.n_unique() != len(column):
        return False
    counted = column[0] in (0, 1) and bool((column.diff().drop_nulls() == 1).all())
    return counted or ID_NAME.search(column.name) is not None


def of_target(column: pl.Series, task: str) -> Iterator[str]:
    """Notes on a target whose task was found: counts taken for classes, or a value that decides the loss alone."""
    values = column.drop_nulls()
    if task == "classification" and column.dtype.is_integer() and values.n_unique() > 2:
        yield Note(
            "The target {column!r} has {count} different whole numbers and was taken for classes; for counts or "
            "ratings write --task regression.",
            column=column.name,
            count=values.n_unique(),
        )
    if task == "regression" and column.dtype.is_numeric():
        far, row = _farthest(column)
        if far > FAR:
            yield Note(
                "The target {column!r} is {value:g} in data row {row}, {far:.0f} spreads from the median: it decides "
                "the loss nearly alone. Is it right?",
                column=column.name,
                value=column[row],
                row=row + 1,
                far=far,
            )


def _farthest(column: pl.Series) -> tuple[float, int]:
    """The largest distance from the median, in distances between the quartiles, and its row."""
    import polars as pl

    values = column.cast(pl.Float64)
    low, middle, high = (float(values.quantile(q) or 0.0) for q in (0.25, 0.5, 0.75))
    away = (values - middle).abs()
    row = int(away.arg_max() or 0)
    return (float(away[row]) / (high - low) if high > low else 0.0), row
