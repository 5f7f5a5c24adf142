"""A record as a notebook draws it: its losses and its rates."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..._sketch import Drawn, beside, sketch
from ...problems import Floats
from .decimated import decimated
from .record import Record

PARTS = 150  # of a run; a sketch is 400 pixels wide
MOST_MARKS = 20


def sketched(record: Record, about: str) -> str:
    """Two small charts of a record as HTML, with a sentence below them."""
    seen = sorted({one.step for one in record.decisions})
    marks = seen if len(seen) <= MOST_MARKS else ()
    charts = [sketch("loss", _losses(record), marks, log=True)]
    rates = list(_rates(record))
    return beside([*charts, sketch("rate", rates, marks)] if rates else charts, about)


def _losses(record: Record) -> Iterator[Drawn]:
    yield _drawn("training", record.steps, record.losses)
    at = np.array(record.measured_at or (), dtype=int)
    for name, column in (("all training data", record.measured), ("validation", record.validated)):
        if column is not None:
            there = np.isfinite(column)
            yield _drawn(name, at[there], column[there])


def _rates(record: Record) -> Iterator[Drawn]:
    columns: dict[str, Floats | None] = {**record.group_rates} if record.group_rates else {"rate": record.rates}
    for name, column in columns.items():
        if column is not None:
            yield _drawn(name, record.steps, column, stepped=True)


def _drawn(name: str, steps: NDArray[np.int_], column: Floats, stepped: bool = False) -> Drawn:
    kept, (values,) = decimated(steps, [column], PARTS)
    return Drawn(name, kept.tolist(), values.tolist(), stepped)
