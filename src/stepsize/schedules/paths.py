"""Paths of time: straight lines through (0, 0) and knots (update, step), put one after the other without rounding."""

from __future__ import annotations

import math
from bisect import bisect_right
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
    bent = _bends(change, before)
    if len(bent) > 1 or not bent[0][1]:
        return bent
    pace = bent[0][0] / bent[0][1]  # one line alone, in the smallest whole numbers
    return [(Fraction(pace.numerator), Fraction(pace.denominator))]


def along_from(change: Path, before: Path, begin: Knot) -> list[tuple[Fraction, Fraction]]:
    """The same behind a knot of `before`, where `change` leaves every update up to there as it is.

    `before` are the knots behind `begin`. What lies before it is not looked at, so that a change late in a long path
    costs as little as one in a short path.
    """
    t0, step0 = begin
    change = [(t - t0, inner - t0) for t, inner in change]
    bent = _bends(change, [(t - t0, step - step0) for t, step in before])
    return [(t + t0, step + step0) for t, step in bent]


def _bends(change: Path, before: Path) -> list[tuple[Fraction, Fraction]]:
    outer, inner = _Lines(change), _Lines(before)
    updates = {Fraction(t) for t, _ in change}
    updates |= {t for t in (outer.when(Fraction(step)) for step, _ in before) if t is not None and t > 0}
    return _straightened([(t, inner.at(outer.at(t))) for t in sorted(updates)])


class _Lines:
    """The lines of a path, to be asked where they are at an update and when they reach a step."""

    __slots__ = ("points", "steps", "updates")

    def __init__(self, path: Path) -> None:
        self.points: list[Knot] = [(0, 0), *(path or [(1, 1)])]
        self.updates, self.steps = [one for one, _ in self.points], [one for _, one in self.points]

    def at(self, t: Fraction) -> Fraction:
        """The step at update `t`; after the last knot on along the last line."""
        (a, b), (c, d) = self._line(self.updates, t)
        return b + (t - a) * (d - b) / (c - a)

    def when(self, step: Fraction) -> Fraction | None:
        """The update at which a step is reached; None where it never is."""
        (a, b), (c, d) = self._line(self.steps, step)
        return None if d == b else a + (step - b) * (c - a) / (d - b)

    def _line(self, ends: Sequence[Fraction | int], place: Fraction) -> tuple[Knot, Knot]:
        """The two points of the line on which a place lies, by where the lines end."""
        i = min(bisect_right(ends, place, lo=1), len(ends) - 1)
        return self.points[i - 1], self.points[i]


def step_at(path: Path, t: int) -> Fraction:
    """The step that a path has reached at update `t`."""
    return _Lines(path).at(Fraction(t))


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
