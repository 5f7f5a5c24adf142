"""What a journal keeps of a run: every update of a short run, every so many of a long one, in nine digits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...problems import Floats
from .lines import PACKED
from .record import BY_NAME, SERIES, Record

MOST = 2000  # rows of a run
ROUNDED = ("losses", "grad_norms", "clipped")
DIGITS = 9  # so that a loss that hardly moves still moves


def thinned(record: Record, most: int = MOST) -> Record:
    """The record of a run as its line of the journal has it: losses, rates, norms and clipped shares by update.

    A run of at most `most` ≥ 1 updates keeps all of them. A longer one keeps evenly spaced ones, the last, and those
    where the loss on all data was measured. What lies between is not in the journal: a diagnosis may miss a spike of
    one update or an early rise of a few, and what that would have explained. Numbers keep nine digits, rates and
    measured losses, which reports show, all of theirs.
    """
    kept = record.at(_rows(record, most))
    columns: dict[str, Any] = {name: _rounded(getattr(kept, name)) for name in ROUNDED}
    others: dict[str, Any] = dict.fromkeys(field for field in (*SERIES.values(), *BY_NAME) if field not in PACKED)
    return replace(kept, **columns, **others, why=None, decisions=(), optimizer=None)


def _rounded(column: Floats | None) -> Floats | None:
    """The numbers in nine digits, which a line writes in half the room."""
    if column is None:
        return None
    return np.array([float(f"{one:.{DIGITS}g}") for one in column.tolist()], dtype=float)


def _rows(record: Record, most: int) -> np.ndarray:
    count = len(record)
    kept = np.zeros(count, dtype=bool)
    kept[:: max(1, -(-count // most))] = True
    kept[-1:] = True
    if count:  # the rate at each measurement is that of the next update
        kept[np.searchsorted(record.steps, np.minimum(record.measured_at or (), record.steps[-1]))] = True
    return kept
