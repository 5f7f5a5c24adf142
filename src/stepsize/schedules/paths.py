"""Paths of time: straight lines through (0, 0) and knots (update, step), put one after the other without rounding."""

from __future__ import annotations

import math
from fractions import Fraction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    Knot: TypeAlias = tuple[Fraction | int, Fraction | int]
    Path: TypeAlias = Sequence[Knot]  # empty: every update is its own step

_SIMPLE = 10_000_000  # a float is taken for a fraction with at most this denominator, where it is its nearest float


def along(change: Path, before: Path) -> list[tuple[Fraction, Fraction]]:
    """The path that goes along `change` first and from there along `before`; knots on a straight line are left out."""
    updates = {Fraction(t) for t, _ in change}
    updates |= {t for t in (_when(change, Fraction(step)) for step, _ in before) if t is not None and t > 0}
    points = [(t, _at(before, _at(change, t))) for t in sorted(updates)]
    bent = _straightened(points)
    if len(bent) > 1 or not bent[0][1]:
        return bent
    pace = bent[0][0] / bent[0][1]  # one line alone, in the smallest whole numbers
    return [(Fraction(pace.numerator), Fraction(pace.denominator))]


def _at(path: Path, t: Fraction) -> Fraction:
    """The step at update `t`; after the last knot on along the last line."""
    (a, b), (c, d) = _line(path, [one for one, _ in path], t)
    return Fraction(b) + (t - a) * Fraction(d - b) / Fraction(c - a)


def _when(path: Path, step: Fraction) -> Fraction | None:
    """The update at which a step is reached; None where it never is."""
    (a, b), (c, d) = _line(path, [one for _, one in path], step)
    return None if d == b else Fraction(a) + (step - b) * Fraction(c - a) / Fraction(d - b)


def _line(path: Path, ends: Sequence[Fraction | int], place: Fraction) -> tuple[Knot, Knot]:
    """The two points of the line on which a place lies, by where the lines end."""
    points: list[Knot] = [(0, 0), *(path or [(1, 1)])]
    i = min(sum(end <= place for end in ends), len(points) - 2)
    return points[i], points[i + 1]


def _straightened(points: list[tuple[Fraction, Fraction]]) -> list[tuple[Fraction, Fraction]]:
    zero = Fraction(0)
    bends = [
        b
        for a, b, c in zip([(zero, zero), *points], points, points[1:], strict=False)
        if (b[1] - a[1]) * (c[0] - b[0]) != (c[1] - b[1]) * (b[0] - a[0])
    ]
    return [*bends, points[-1]]


def exact(value: float) -> Fraction:
    """The simple fraction that a number stands for, where it is the nearest float to one; else the number itself."""
    simple = Fraction(value).limit_denominator(_SIMPLE)
    return simple if float(simple) == value else Fraction(value)


def pace_of(by: float) -> Fraction:
    """How many updates a step takes, of a `stretch`: its `by` may stand one rounding below what is meant."""
    simple = Fraction(by).limit_denominator(_SIMPLE)
    return simple if float(simple) in (by, math.nextafter(by, math.inf)) else Fraction(by)


def written(value: Fraction) -> float:
    """As a number of a text: whole where it is."""
    return int(value) if value.denominator == 1 else float(value)
