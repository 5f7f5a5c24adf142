"""A long series as a screen can show it: the lowest and the highest value of each of many equal parts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...problems import Floats

PARTS = 1000  # of a run on a page; a chart has fewer columns of pixels


def window(steps: NDArray[np.int_], low: float, high: float) -> slice:
    """The rows from update `low` to `high`, and one more on each side, so that lines go on to the edges.

    >>> window(np.array([0, 2, 4, 6, 8]), 3, 5)
    slice(1, 4, None)
    """
    first, last = np.searchsorted(steps, [low, high], side="left")
    return slice(max(0, int(first) - 1), int(last) + 1)


def decimated(
    steps: NDArray[np.int_], columns: list[Floats], parts: int = PARTS
) -> tuple[NDArray[np.int_], list[Floats]]:
    """Rows and columns with two points for each of at most `parts` ≥ 1 equal parts: its lowest and its highest value.

    Formula: of each part [a, b) of the rows, the points are (steps[a], first) and (steps[b − 1], second), where first
    and second are its minimum and its maximum, the maximum first where the part falls. So no spike is lost, and every
    value is one of the series. Few rows stay as they are. A number that is not finite is a gap, NaN.

    >>> steps, (values,) = decimated(np.arange(6), [np.array([1.0, 9.0, 1.0, 2.0, 0.0, 3.0])], parts=2)
    >>> steps.tolist(), values.tolist()
    ([0, 2, 3, 5], [1.0, 9.0, 0.0, 3.0])
    """
    count = len(steps)
    if count <= 2 * parts:
        return steps, [_finite(one) for one in columns]
    size = -(-count // parts)
    starts = np.arange(0, count, size)
    ends = np.minimum(starts + size, count) - 1
    alone = 1 if starts[-1] == ends[-1] else 0  # the last part may be a single row, which is one point
    points = 2 * len(starts) - alone
    return _in_turn(steps[starts], steps[ends])[:points], [_extremes(one, starts, ends)[:points] for one in columns]


def _extremes(column: Floats, starts: NDArray[np.int_], ends: NDArray[np.int_]) -> Floats:
    """The minimum and the maximum of each part: the maximum first where the part falls from its first to its last."""
    column = _finite(column)
    low, high = np.fmin.reduceat(column, starts), np.fmax.reduceat(column, starts)
    falls = column[starts] > column[ends]
    return _in_turn(np.where(falls, high, low), np.where(falls, low, high))


def _in_turn(first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
    return np.stack([first, second], axis=1).ravel()


def _finite(column: Floats) -> Floats:
    """The numbers, NaN where one is infinite."""
    return np.where(np.isinf(column), np.nan, column) if np.isinf(column).any() else column
