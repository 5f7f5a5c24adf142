"""The target of a table: which column it is, whether it is classes or numbers, and its values as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np

from ..._errors import StepsizeError
from ..._language import say
from ...problems import Floats
from .encoding import Index
from .naming import named, on_one_line
from .tables import check_text

if TYPE_CHECKING:
    import polars as pl

FEW_VALUES = 20  # whole numbers with so few different values are classes
MOST_REAL_CLASSES = 50  # numbers with a fraction and more different values than this are no classes
MOST_CLASSES = 1000


def column_of(columns: Sequence[str], target: str | None) -> str:
    """The column that was named; an error names those that there are."""
    if target is None:
        raise StepsizeError(
            say("compare: a file needs a target: write --target COLUMN, one of {columns}", columns=named(columns, 8))
        )
    if target in columns:
        return target
    lower = {name.lower(): name for name in columns}
    near = get_close_matches(target.lower(), lower, n=1)
    known = named(columns, 8)
    if near:
        raise StepsizeError(
            say(
                "compare: target must be a column of the file, not {target!r}; did you mean {near!r}? its columns are "
                "{columns}",
                target=target,
                near=lower[near[0]],
                columns=known,
            )
        )
    raise StepsizeError(
        say(
            "compare: target must be a column of the file, not {target!r}; its columns are {columns}",
            target=target,
            columns=known,
        )
    )


def task_of(column: pl.Series, task: str | None) -> str:
    """The task the target asks for, or `task` where the target allows it."""
    import polars as pl

    values = column.drop_nulls()
    if values.is_empty():
        raise StepsizeError(
            say(
                "compare: target {column!r} must have values, not only missing ones: choose another", column=column.name
            )
        )
    distinct, words = values.n_unique(), column.dtype in (pl.String, pl.Enum)
    if task is None:
        check_text(column, say("correct it, leave it empty, or write --task classification"))
        few = column.dtype.is_integer() and distinct <= FEW_VALUES
        _check_words(values)
        return "classification" if words or few or column.dtype == pl.Boolean else "regression"
    if task == "regression" and words:
        raise _no_number(column)
    _check_words(values)
    if task == "classification" and column.dtype.is_float() and distinct > MOST_REAL_CLASSES:
        raise StepsizeError(
            say(
                "compare: target {column!r} must have at most {most_real_classes} different values to be "
                "classes, not {distinct} numbers with fractions: write --task regression",
                column=column.name,
                most_real_classes=MOST_REAL_CLASSES,
                distinct=distinct,
            )
        )
    return task


def _check_words(values: pl.Series) -> None:
    """Raise an error where nearly every row of a text target is a class of its own."""
    import polars as pl

    distinct = values.n_unique()
    if values.dtype == pl.String and max(FEW_VALUES, len(values) / 2) < distinct <= MOST_CLASSES:
        raise StepsizeError(
            say(
                "compare: target {column!r} must have classes of several rows each, not {distinct} different "
                "texts in {count} rows ({examples}): choose another target, or write plain numbers",
                column=values.name,
                distinct=distinct,
                count=len(values),
                examples=named(values.unique(maintain_order=True).to_list(), 2),
            )
        )


def _no_number(column: pl.Series) -> StepsizeError:
    import polars as pl

    bad = column.is_not_null() & column.cast(pl.String).cast(pl.Float64, strict=False).is_null()
    row = int(bad.arg_max() or 0)
    return StepsizeError(
        say(
            "compare: target {column!r} must hold numbers for --task regression, not {value} in data row "
            "{row}: correct it or write --task classification",
            column=column.name,
            value=on_one_line(column[row]),
            row=row + 1,
        )
    )


def classes_of(column: pl.Series) -> tuple[Floats, tuple[str, ...]]:
    """Class numbers in the order of the labels, and the labels as text."""
    labels = column.unique().sort().to_list()
    if not 2 <= len(labels) <= MOST_CLASSES:
        few, many = say("choose another target"), say("group the classes, or choose another target")
        raise StepsizeError(
            say(
                "compare: target {column!r} must have 2 to {most_classes} classes, not {count} ({examples}): {hint}",
                column=column.name,
                most_classes=MOST_CLASSES,
                count=len(labels),
                examples=named(labels, 3),
                hint=few if len(labels) < 2 else many,
            )
        )
    place = {label: i for i, label in enumerate(labels)}
    return np.array([place[one] for one in column.to_list()], dtype=float), tuple(_label(one) for one in labels)


def _label(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def numbers_of(column: pl.Series) -> Floats:
    """The values as numbers, at least two different ones."""
    import polars as pl

    values = column.cast(pl.Float64).to_numpy().astype(float)
    if np.ptp(values) == 0:
        raise StepsizeError(
            say(
                "compare: target {column!r} must have at least 2 different values, not only {value:g}: choose "
                "another target",
                column=column.name,
                value=values[0],
            )
        )
    return values


def standardised(y: Floats, train: Index) -> tuple[Floats, float]:
    """The target with mean 0 and deviation 1 over the training part, and what one unit of it is."""
    mean, spread = float(y[train].mean()), float(y[train].std())
    scale = spread if spread > 0 else 1.0
    return (y - mean) / scale, scale
