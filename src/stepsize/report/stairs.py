"""Rates at their true steps: a rate is in force from its update to the next one, so its curve is made of stairs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

Stairs: TypeAlias = tuple[tuple[int, float], ...]  # the first update of each stair, and its value
MOST_PLACES = 4000  # more than a picture has columns


def places(steps: int, marks: Iterable[int] = (), most: int = MOST_PLACES) -> list[int]:
    """The updates of a run whose values a picture needs: all of a short run, an even choice of a long one.

    Of a long run the last update before each of the `marks` and the mark itself are there too, so that a jump is
    drawn where it is, and what falls to 0 before a restart gets there.

    >>> places(4), places(100, [50], most=3)
    ([0, 1, 2, 3], [0, 49, 50, 99])
    """
    if steps <= most:
        return list(range(steps))
    even = {round(i * (steps - 1) / (most - 1)) for i in range(most)}
    return sorted(even | {t for mark in marks for t in (mark - 1, mark) if 0 <= t < steps})


def stairs(steps: Sequence[int], values: Sequence[float], most: int = 1000) -> Stairs:
    """The stairs of a series: the updates where its value changes, and its last one.

    Where there are more than `most` ≥ 4, each of so many equal parts of the run keeps its first, lowest, highest and
    last one, so that no peak and no fall to 0 is lost.

    >>> stairs([0, 1, 2, 3, 4], [0.1, 0.1, 0.01, 0.01, 0.01])
    ((0, 0.1), (2, 0.01), (4, 0.01))
    """
    last = len(steps) - 1
    kept = [i for i in range(len(steps)) if i in (0, last) or values[i] != values[i - 1]]
    if len(kept) > most:
        kept = _outlined(kept, steps, values, most // 4)
    return tuple((steps[i], values[i]) for i in kept)


def _outlined(kept: list[int], steps: Sequence[int], values: Sequence[float], parts: int) -> list[int]:
    """The first, lowest, highest and last of each part of the run."""
    start, span = steps[kept[0]], steps[kept[-1]] + 1 - steps[kept[0]]
    groups: dict[int, list[int]] = {}
    for i in kept:
        groups.setdefault((steps[i] - start) * parts // span, []).append(i)
    ends = (
        (one[0], min(one, key=values.__getitem__), max(one, key=values.__getitem__), one[-1]) for one in groups.values()
    )
    return sorted({i for four in ends for i in four})
