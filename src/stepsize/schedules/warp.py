"""Time that runs at another speed from given updates on."""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import pairwise

from .._errors import StepsizeError, number
from .._language import said, say
from .base import Dialect, Factor, Place
from .boundaries import settled
from .combine import Bent
from .functions import near
from .time import pure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Self

    from ..lengths import Horizon
    from .boundaries import Clock, Mark

_FARTHEST = 2.0**53


class warp(Bent):
    """A schedule whose time runs faster or slower from given updates on.

    Formula: f(w(t)) with w the straight lines through (0, 0) and the knots (update, step of the schedule inside), after
    the last knot on along the last line; a step within rounding of a whole one is that one. Use it where a run has
    changed its length on the way, which is what `extend` writes; one speed for the whole run is `stretch`, a number of
    steps left out is `shift`. The updates of the `knots` are > 0 and rise, their steps are ≥ 0 and do not fall, both
    numbers up to 2^53; between two knots with the same step time stands still. It lasts until the schedule inside has
    ended; after the end it holds the value that is reached.

    >>> from stepsize import linear
    >>> f = warp(linear(1, 0, 10), (5, 5), (15, 10))
    >>> f(5), f(7), f(15)
    (0.5, 0.4, 0.0)
    """

    __slots__ = ("_drawn", "knots")
    knots: tuple[tuple[float, float], ...]
    _drawn: tuple[list[float], list[float], list[float]]  # the lines, once they were asked for

    def __init__(self, factor: Factor, *knots: tuple[float, float]) -> None:
        pairs = [one for one in knots if isinstance(one, (tuple, list)) and len(one) == 2]
        if not knots or len(pairs) != len(knots):
            raise StepsizeError(
                say("warp: write at least one knot (update, step), warp(cosine(100), (50, 50), (150, 100))")
            )
        checked = [tuple(number("warp", "knots", one, low=0, high=_FARTHEST) for one in pair) for pair in pairs]
        if any(a[0] >= b[0] or a[1] > b[1] for a, b in pairwise([(0, 0), *checked])):
            raise StepsizeError(
                say(
                    "warp: the updates of the knots must rise from 0 on, their steps not fall, not {given}",
                    given=checked,
                )
            )
        self._store(factor=pure("warp", factor), knots=tuple(checked))
        if min(self._lines()[2]) < 1 / _FARTHEST:
            raise StepsizeError(
                say("warp: between two knots at most 2^53 steps go by in an update, not more: {given}", given=checked)
            )

    def _resolve(self, horizon: Horizon, place: Place) -> Self:
        if self.factor._sized:
            return self._around(self.factor._resolve(horizon, place))
        span = max(1, math.ceil(self._local(place.end - place.start)))
        inner = Place(place.start, place.start + span, place.pin)
        return self._around(self.factor._resolve(horizon, inner))

    def _around(self, factor: Factor) -> Self:
        same = super()._around(factor)
        same._store(_drawn=self._lines())
        return same

    def _bent_behind(self, count: int, knots: Sequence[tuple[float, float]]) -> warp:
        """The same up to its first `count` knots, then these: what was checked and drawn before is taken over."""
        behind = warp(self.factor, *self.knots[max(count - 1, 0) : count], *knots)
        if not count:
            return behind
        bent = self._around(self.factor)
        bent._store(knots=(*self.knots[:count], *knots))
        # the first line of `behind` leads to the last knot that is kept, from elsewhere
        kept = (old[:count] + new[1:] for old, new in zip(self._lines(), behind._lines(), strict=True))
        bent._store(_drawn=tuple(kept))
        return bent

    def _lines(self) -> tuple[list[float], list[float], list[float]]:
        """The update where each line begins, the step there, and how many updates a step takes along it."""
        if not hasattr(self, "_drawn"):
            self._store(_drawn=_lines(self.knots))
        return self._drawn

    def _local(self, t: float) -> float:
        """The step of the schedule inside at update `t`."""
        begins, steps, paces = self._lines()
        i = bisect_right(begins, t, lo=1) - 1
        return near((t - begins[i]) / paces[i] + steps[i])

    def _when(self, step: float) -> int | None:
        """The first update at which the schedule inside has reached a step; None where it never does."""
        begins, steps, paces = self._lines()
        i = max(bisect_right(steps, step) - 1, 0)
        if math.isinf(paces[i]):
            return None if step > steps[i] else math.ceil(begins[i])
        t = math.ceil((step - steps[i]) * paces[i] + begins[i] - 1e-9)
        slack = 0.0 if step == int(step) else 1e-12 * step  # only a whole step is met exactly
        return t if self._local(t) >= step - slack else t + 1

    def _steps(self) -> int | None:
        inner = self.factor._steps()
        last = None if inner is None else self._when(inner - self.factor._spare)
        if inner is not None and last is None:
            last = math.ceil(self._lines()[0][-1])  # where time stands still before the end, it has ended there
        return None if last is None else max(1, last)

    def _formula(self, t: str, write: Dialect) -> str:
        begins, steps, paces = self._lines()
        if len(begins) == 1:
            return write.bound(f"near({t} / {paces[0]!r})", lambda own: self.factor._formula(own, write))

        def line(i: str) -> str:
            begin, step, pace = (f"pick({write.table(tuple(one))}, {i})" for one in (begins, steps, paces))
            local = f"near(({t} - {begin}) / {pace} + {step})"
            return write.bound(local, lambda own: self.factor._formula(own, write))

        return write.bound(f"reached({t}, {write.table(tuple(begins[1:]))})", line)

    def _marks(self, clock: Clock, low: int, high: int) -> Iterator[Mark]:
        begins, _, paces = self._lines()
        yield from clock.marks(begins[1:], lambda i: say("time {pace}", pace=told_pace(paces[i])), low, high)
        yield from self.factor._marks(clock.then(self._local), low, high)

    def _rest(self) -> int | None:
        begins, _, paces = self._lines()
        still = math.ceil(begins[-1]) if math.isinf(paces[-1]) else None
        rest = settled(self.factor)
        reached = None if rest is None else self._when(rest - self.factor._spare)
        return still if reached is None else reached if still is None else min(still, reached)


def _lines(knots: Sequence[tuple[float, float]]) -> tuple[list[float], list[float], list[float]]:
    points = [(0.0, 0.0), *knots]
    paces = [(b[0] - a[0]) / (b[1] - a[1]) if b[1] > a[1] else math.inf for a, b in pairwise(points)]
    return [float(t) for t, _ in points[:-1]], [float(step) for _, step in points[:-1]], paces


def told_pace(pace: float) -> str:
    """How time runs, in words."""
    return said("stands still") if math.isinf(pace) else say("runs {pace:.4g} times as long", pace=pace)
