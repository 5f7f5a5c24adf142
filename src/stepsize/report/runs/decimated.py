"""A long series as a screen can show it: the lowest and the highest value of each of many equal parts."""

from __future__ import annotations

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
    and second are its minimum and its maximum in the order in which they come. So no spike is lost, and every value is
    one of the series. Few rows stay as they are. A number that is not finite is a gap, NaN.

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
    places = np.stack([starts, ends], axis=1).ravel()
    return steps[places[: len(places) - alone]], [_extremes(one, size)[: len(places) - alone] for one in columns]


def _extremes(column: Floats, size: int) -> Floats:
    """The minimum and the maximum of each part, in the order in which they come."""
    parts = -(-len(column) // size)
    padded = np.full(parts * size, np.nan)
    padded[: len(column)] = _finite(column)
    grid = padded.reshape(parts, size)
    missing = np.isnan(grid)
    ends = (np.where(missing, np.inf, grid).argmin(1), np.where(missing, -np.inf, grid).argmax(1))
    rows = np.arange(parts)
    return np.stack([grid[rows, np.minimum(*ends)], grid[rows, np.maximum(*ends)]], axis=1).ravel()


def _finite(column: Floats) -> Floats:
    return np.where(np.isfinite(column), column, np.nan)
