"""What NaN stands for: a number that was not finite, or a cell of a table that was filled, for nothing was logged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from . import names
from .cells import Column

if TYPE_CHECKING:
    from .assembled import Log

TRAINING = ("rate", "grad_norm", "clipped", "skipped", "slope", "update_norm", "weight_norm")


def fillers_of(log: Log, columns: dict[str, tuple[str, ...]], loss: Column) -> NDArray[np.bool_]:
    """Where NaN stands for a loss that was not logged, as pandas writes it, and not for one that is not finite.

    So it is in a row that holds something which no row with a loss holds, such as an accuracy that is measured apart,
    and nothing of training, such as a rate. A row with NaN for its loss and its usual neighbours is one of the run.
    """
    nan = loss.there & np.isnan(loss.values)
    none = np.zeros_like(nan)
    if not nan.any() or not loss.finite.any():
        return none
    fresh, busy = none.copy(), none.copy()
    training = {one for what in TRAINING for one in columns.get(what, ())}
    for name in log.rows.columns:
        if name in columns["loss"] or names.told(name).base in names.NAMES["step"]:
            continue
        finite = log.column(name).finite
        if name in training:
            busy |= finite
        elif not (finite & loss.finite).any():
            fresh |= finite
    return nan & fresh & ~busy


def looked(validated: Column, loss: Column, fillers: NDArray[np.bool_]) -> Column:
    """The looks that were taken: a NaN is one of the run where the loss is NaN too, or where it lasts to the end.

    It lasts where more NaN stand at the end than twice as many as ever between two looks; the others are cells that a
    table fills.
    """
    nan = validated.there & np.isnan(validated.values)
    if not nan.any():
        return validated
    rows = np.flatnonzero(validated.there)
    looks = np.flatnonzero(np.isfinite(validated.values[rows]))
    between = max(np.diff(np.r_[-1, looks]) - 1) if len(looks) else 0
    lasting = np.zeros_like(nan)
    if len(looks) and len(rows) - 1 - looks[-1] > 2 * between:
        lasting[rows[looks[-1] + 1 :]] = True
    real = nan & ((loss.there & ~loss.finite & ~fillers) | lasting)
    return Column(validated.values, validated.there & (~nan | real))
