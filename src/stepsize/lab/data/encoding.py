"""Encoding: a table of numbers and text as two arrays of numbers, fitted on the training part only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..._errors import StepsizeError
from ..._language import Note, say
from ...problems import Floats
from .naming import named

if TYPE_CHECKING:
    import polars as pl

Index = NDArray[np.intp]
MOST_WORDS = 20  # columns one text column may become; its rarer values share the last


def encoded(frame: pl.DataFrame, train: Index, *held: Index) -> tuple[list[Floats], list[str]]:
    """Every part as numbers, with a last column of ones; all is fitted on the training part, the first."""
    import polars as pl

    fitting = frame[train]
    words, notes = _useful_words(fitting)
    numbers = [one.name for one in frame.get_columns() if one.name and one.dtype not in (pl.String, pl.Enum)]
    if "" in frame.columns:
        notes.insert(0, Note("A column without a name, as row numbers have, was dropped."))
    if not words and not numbers:
        raise _no_features(frame.columns)
    table = frame.select(pl.col(numbers).cast(pl.Float64), pl.col(words).cast(pl.String))
    encoder = _encoder(numbers, words)
    X_train = np.asarray(encoder.fit_transform(table[train]), dtype=float)
    parts = [X_train, *(np.asarray(encoder.transform(table[one]), dtype=float) for one in held)]
    constant = np.ptp(X_train, axis=0) == 0
    if constant.all():
        raise _no_features(frame.columns)
    for one in parts:
        one[:, constant] = 0.0
    notes += [*_number_notes(table[train], frame, numbers), *_word_notes(encoder, words)]
    return [_with_ones(one) for one in parts], notes


def _encoder(numbers: list[str], words: list[str]) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    fill = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    levels = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=MOST_WORDS, sparse_output=False)
    return ColumnTransformer([("numbers", make_pipeline(fill, StandardScaler()), numbers), ("words", levels, words)])


def _useful_words(fitting: pl.DataFrame) -> tuple[list[str], list[str]]:
    """The text columns worth a column per value, and notes on the others."""
    import polars as pl

    distinct = {one.name: one.n_unique() for one in fitting.get_columns() if one.dtype in (pl.String, pl.Enum)}
    same = [name for name, count in distinct.items() if count == 1]
    own = [name for name, count in distinct.items() if count > max(MOST_WORDS, fitting.height / 2)]
    notes: list[str] = []
    if same:
        notes.append(Note("Text with one value in the training part was dropped: {columns}.", columns=named(same)))
    if own:
        notes.append(
            Note("Text that differs from row to row, as names do, was dropped: {columns}.", columns=named(own))
        )
    return [name for name in distinct if name and name not in (*same, *own)], notes


def _number_notes(fitting: pl.DataFrame, frame: pl.DataFrame, numbers: list[str]) -> list[str]:
    gaps = [f"{name} ({frame[name].null_count()})" for name in numbers if frame[name].null_count()]
    same = [name for name in numbers if fitting[name].drop_nulls().n_unique() <= 1]
    notes: list[str] = []
    if gaps:
        filled = named(gaps)
        notes.append(
            Note("Missing numbers were filled with the training median and marked: {columns}.", columns=filled)
        )
    if same:
        notes.append(Note("Numbers with one value in the training part became zeros: {columns}.", columns=named(same)))
    return notes


def _word_notes(encoder: Any, words: list[str]) -> list[str]:
    if not words:
        return []
    levels = encoder.named_transformers_["words"]
    notes: list[str] = [
        Note("Text became columns of 0 and 1, one per value, missing included: {columns}.", columns=named(words))
    ]
    rare = zip(words, levels.infrequent_categories_, strict=True)
    grouped = [f"{name} ({len(values)})" for name, values in rare if values is not None]
    return notes + ([Note("Rare values share one column: {columns}.", columns=named(grouped))] if grouped else [])


def _no_features(columns: Sequence[str]) -> StepsizeError:
    return StepsizeError(
        say(
            "compare: the data must have at least 1 column that varies besides the target, not {columns}: add columns",
            columns=named(columns) or say("none"),
        )
    )


def _with_ones(X: Floats) -> Floats:
    return np.column_stack([X, np.ones(len(X))])
