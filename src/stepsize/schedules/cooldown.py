"""A cool-down laid over any expression."""

from __future__ import annotations

from .._errors import LengthError, number
from ..lengths import check_length
from .base import Dialect, Place, unresolved
from .boundaries import short
from .combine import Bent
from .decays import anneal_formula, check_shape
from .time import pure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from ..lengths import Horizon, Length
    from .base import Factor
    from .boundaries import Clock, Mark


class cooldown(Bent):
    """A cool-down laid over the end of any schedule.

    Formula: f(t) for t < at, then f(at)·c((t − at)/length) with the shapes c of `anneal`. Use it to end a run early
    and well: whatever the schedule was doing, the last `length` steps settle it. `length` is a length, `at` the step
    it begins (None: so that it ends with the run); `final` is a factor of f(at). After the end it holds that.

    >>> from stepsize import constant
    >>> [cooldown(constant(), 2, at=2)(t) for t in range(5)]
    [1.0, 1.0, 1.0, 0.5, 0.0]
    """

    __slots__ = ("at", "final", "length", "shape")
    _lengths = ("length", "at")
    length: Length
    at: Length | None
    shape: str
    final: float

    def __init__(
        self,
        factor: Factor,
        length: Length = "20%",
        *,
        at: Length | None = None,
        shape: str = "linear",
        final: float = 0.0,
    ) -> None:
        self._store(
            factor=pure("cooldown", factor),
            length=check_length("cooldown", "length", length),
            at=_start(at),
            shape=check_shape("cooldown", shape),
            final=number("cooldown", "final", final, low=0, high=1),
        )

    def _resolve(self, horizon: Horizon, place: Place) -> Self:
        at = place.resolved(horizon, "cooldown", "at", self.at)
        begin = place.end if at is None else place.start + at
        there = Place(begin, place.end, pin=False, from_end=at is None)
        length = there.resolved(horizon, "cooldown", "length", self.length)
        if at is None:
            at = place.end - place.start - length
            if at < 0:
                raise LengthError(
                    f"{self} cools down over {length} steps where {place.end - place.start} are left: shorten it"
                )
        return self.replace(factor=self.factor._resolve(horizon, place), length=length, at=at)

    @property
    def _endless(self) -> bool:
        return isinstance(self.length, int) and self.at is not None and self.factor._endless

    @property
    def _sized(self) -> bool:
        return self.at is not None

    def _steps(self) -> int | None:
        return self.at + self.length if isinstance(self.at, int) and isinstance(self.length, int) else None

    def _marks(self, clock: Clock, low: int, high: int) -> Iterator[Mark]:
        at, end = self._span()
        names = [f"{short(self.factor)} begins", "the cool-down begins", "the cool-down ends"]
        for region, first, stop in clock.regions([at, end], low, high):
            if first > low:
                yield first, names[region]
            if region == 0:
                yield from self.factor._marks(clock, first, stop)

    def _rest(self) -> int | None:
        return self._span()[1]

    def _span(self) -> tuple[int, int]:
        """The steps where the cool-down begins and ends."""
        if not isinstance(self.at, int) or not isinstance(self.length, int):
            raise unresolved(self, "at")
        return self.at, self.at + self.length

    def _formula(self, t: str, write: Dialect) -> str:
        if not isinstance(self.at, int) or not isinstance(self.length, int):
            raise unresolved(self, "at")
        c = anneal_formula(write.progress(f"({t} - {self.at})", self.length), self.shape, float(self.final))
        here = repr(float(self.factor(self.at)))
        return write.where(f"{t} < {self.at}", self.factor._formula(t, write), f"({here} * {c})")


def _start(at: Length | None) -> Length | None:
    """Where a cool-down begins: a length, or 0."""
    if at is None or (not isinstance(at, (str, bool)) and number("cooldown", "at", at, low=0) == 0):
        return None if at is None else 0
    return check_length("cooldown", "at", at)
