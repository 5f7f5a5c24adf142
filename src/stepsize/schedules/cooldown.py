"""A cool-down laid over any expression, or several, each from where the one before it has come to."""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import pairwise

from .._errors import LengthError, StepsizeError, number
from .._language import said, say
from ..lengths import check_length
from .base import Dialect, Place, unresolved
from .boundaries import short
from .combine import Bent
from .decays import anneal_curve, anneal_formula, check_shape
from .functions import NEAR, scalar_functions
from .time import pure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, Self

    from ..lengths import Horizon, Length
    from .base import Factor
    from .boundaries import Clock, Mark

_FARTHEST = 2.0**53


class cooldown(Bent):
    """A cool-down laid over the end of any schedule.

    Formula: f(t) for t < at, then f(at)·c((t − at)/length) with the shapes c of `anneal`. Use it to end a run early
    and well: whatever the schedule was doing, the last `length` steps settle it. `length` is a length, `at` the step
    it begins (None: so that it ends with the run); `final` is a factor of f(at). After the end it holds that.

    A tuple of rising `at` is a cool-down each, which begins where the one before it has come to by then: f(at_1)·
    c((at_2 − at_1)/length_1)·c((t − at_2)/length_2) from at_2 on. Then `length`, `shape` and `final` are one for all
    of them, or a tuple with one for each. A number there may be a part of a step.

    >>> from stepsize import constant
    >>> [cooldown(constant(), 2, at=2)(t) for t in range(5)]
    [1.0, 1.0, 1.0, 0.5, 0.0]
    >>> [cooldown(constant(), 4, at=(0, 2))(t) for t in range(5)]
    [1.0, 0.75, 0.5, 0.375, 0.25]
    """

    __slots__ = ("at", "final", "length", "shape")
    _lengths = ("length", "at")
    length: Length | tuple[Length, ...]
    at: Length | tuple[Length | float, ...] | None
    shape: str | tuple[str, ...]
    final: float | tuple[float, ...]

    def __init__(
        self,
        factor: Factor,
        length: Length | tuple[Length, ...] = "20%",
        *,
        at: Length | tuple[Length | float, ...] | None = None,
        shape: str | tuple[str, ...] = "linear",
        final: float | tuple[float, ...] = 0.0,
    ) -> None:
        count = len(at) if isinstance(at, (tuple, list)) else 0
        self._store(
            factor=pure("cooldown", factor),
            length=_each("length", length, count, lambda one: check_length("cooldown", "length", one)),
            at=_start(at),
            shape=_each("shape", shape, count, lambda one: check_shape("cooldown", one)),
            final=_each("final", final, count, lambda one: number("cooldown", "final", one, low=0, high=1)),
        )

    def _resolve(self, horizon: Horizon, place: Place) -> Self:
        own = self.factor._resolve(horizon, place)
        if isinstance(self.at, tuple):
            return self._resolved_each(own, self.at, horizon, place)
        at = place.resolved(horizon, "cooldown", "at", self.at)
        begin = place.end if at is None else place.start + at
        there = Place(begin, place.end, pin=False, from_end=at is None)
        length = there.resolved(horizon, "cooldown", "length", self.length)
        if at is None:
            at = place.end - place.start - length
            if at < 0:
                raise LengthError(
                    say(
                        "{cooldown} cools down over {length} steps where {left} are left: shorten it",
                        cooldown=self,
                        length=length,
                        left=place.end - place.start,
                    )
                )
        return self.replace(factor=own, length=length, at=at)

    def _resolved_each(self, own: Factor, at: tuple[Any, ...], horizon: Horizon, place: Place) -> Self:
        if _in_steps(at) and _in_steps(self.length):
            return self._around(own)
        begins = place.resolved(horizon, "cooldown", "at", at)
        lengths = self.length if isinstance(self.length, tuple) else (self.length,) * len(begins)
        there = [Place(place.start + math.floor(one), place.end, pin=False) for one in begins]
        found = (a.resolved(horizon, "cooldown", "length", one) for a, one in zip(there, lengths, strict=True))
        return self.replace(factor=own, length=tuple(found), at=begins)

    def _then(self, length: int, at: float, shape: str, final: float) -> cooldown:
        """One more, in steps, from `at` on; those that would not have begun by then are left out.

        What was checked before is taken over, so that a late one costs as little as the first.
        """
        one = cooldown(self.factor, length, at=(at,), shape=shape, final=final)
        falls = self._falls()
        count = bisect_left(falls[0], at)
        if not count:
            return one
        whole = [before[:count] + new for before, new in zip(falls, one._falls(), strict=True)]
        more = self._around(self.factor)
        more._store(at=whole[0], length=_one(whole[1]), shape=_one(whole[2]), final=_one(whole[3]))
        return more

    @property
    def _endless(self) -> bool:
        return _in_steps(self.length) and self.at is not None and self.factor._endless

    @property
    def _sized(self) -> bool:
        return self.at is not None

    def _steps(self) -> int | None:
        return self._span()[1] if self.at is not None and _in_steps(self.at) and _in_steps(self.length) else None

    def _marks(self, clock: Clock, low: int, high: int) -> Iterator[Mark]:
        bounds, falls = self._bounds()
        for region, first, stop in clock.regions(bounds, low, high):
            if first > low:
                begins = say("{part} begins", part=short(self.factor))
                yield first, self._label(falls[region - 1]) if region else begins
            if region == 0:
                yield from self.factor._marks(clock, first, stop)

    @staticmethod
    def _label(fall: int | None) -> str:
        if fall is None:
            return said("the cool-down ends")
        return say("cool-down {number} begins", number=fall + 1) if fall else said("the cool-down begins")

    def _rest(self) -> int | None:
        return self._span()[1]

    @property
    def _spare(self) -> float:
        begins, lengths, _, _ = self._falls()
        return self._span()[1] - float(begins[-1] + lengths[-1])

    def _span(self) -> tuple[float, int]:
        """The steps where the first cool-down begins and where the last ends."""
        begins, lengths, _, _ = self._falls()
        return begins[0], math.ceil(begins[-1] + lengths[-1])

    def _falls(self) -> tuple[tuple[Any, ...], ...]:
        """For every cool-down where it begins, its length, its shape and its end value."""
        if self.at is None or not (_in_steps(self.at) and _in_steps(self.length)):
            raise unresolved(self, "at")
        begins = self.at if isinstance(self.at, tuple) else (self.at,)
        rest = (self.length, self.shape, self.final)
        return begins, *(one if isinstance(one, tuple) else (one,) * len(begins) for one in rest)

    def _bounds(self) -> tuple[list[float], list[int | None]]:
        """The steps where something changes, and for each which cool-down begins there; None where one just ends."""
        begins, lengths, _, _ = self._falls()
        found: list[tuple[float, int | None]] = []
        for i, (begin, length, then) in enumerate(zip(begins, lengths, (*begins[1:], math.inf), strict=True)):
            found.append((begin, i))
            if begin + length < then:
                found.append((begin + length, None))
        return [step for step, _ in found], [fall for _, fall in found]

    def _formula(self, t: str, write: Dialect) -> str:
        begins, lengths, _, _ = self._falls()
        if len(begins) > 1:
            fall = write.bound(f"reached({t}, {write.table(begins[1:])})", lambda i: self._fall(t, i, write))
        else:
            c = anneal_formula(write.progress(f"({t} - {begins[0]})", lengths[0]), self.shape, float(self.final))  # type: ignore[arg-type]
            fall = f"({float(self.factor(begins[0]))!r} * {c})"
        return write.where(f"{t} < {begins[0]}", self.factor._formula(t, write), fall)

    def _fall(self, t: str, i: str, write: Dialect) -> str:
        """The cool-down number `i` of several, from where those before it have come to."""
        begins, lengths, shapes, finals = self._falls()

        def one_of(values: tuple[float, ...], alike: bool) -> str:
            return repr(float(values[0])) if alike else f"pick({write.table(values)}, {i})"

        def from_its_begin(own: str) -> str:
            length = one_of(lengths, not isinstance(self.length, tuple))
            u = f"({own} / {length} if {own} < {length} else 1.0)" if write.scalar else f"share({own} / {length})"
            return write.bound(u, curve)

        def curve(u: str) -> str:
            kinds = list(dict.fromkeys(shapes))
            text = anneal_curve(u, kinds[-1])
            for j in range(len(kinds) - 2, -1, -1):
                kind = f"pick({write.table(tuple(float(kinds.index(one)) for one in shapes))}, {i})"
                text = write.where(f"{kind} < {j + 0.5}", anneal_curve(u, kinds[j]), text)
            final = one_of(finals, not isinstance(self.final, tuple))
            return f"({final} + (1.0 - {final}) * ({text}))"

        def begun(own: str) -> str:
            """What begins within a step begins there in spite of rounding, since some shapes are steep at first."""
            exact = write.where(f"{own} < {NEAR * begins[-1]!r}", "0.0", own)
            return write.bound(exact, from_its_begin)

        fall = from_its_begin if float not in set(map(type, begins)) else begun
        here = f"pick({write.table(self._heights())}, {i})"
        return f"({here} * {write.bound(f'({t} - pick({write.table(begins)}, {i}))', fall)})"

    def _heights(self) -> tuple[float, ...]:
        """The value from which each cool-down falls."""
        begins, lengths, shapes, finals = self._falls()
        found = [float(self.factor(begins[0]))]
        for i, (begin, end) in enumerate(pairwise(begins)):
            u = (end - begin) / lengths[i] if end - begin < lengths[i] else 1.0
            found.append(found[-1] * _curve(shapes[i])(u, finals[i]))
        return tuple(found)


_CURVES: dict[str, Callable[[float, float], float]] = {}


def _curve(shape: str) -> Callable[[float, float], float]:
    """A shape as a function of progress and end value, compiled once."""
    if shape not in _CURVES:
        text = f"lambda u, final: final + (1.0 - final) * ({anneal_curve('u', shape)})"
        _CURVES[shape] = eval(text, scalar_functions())
    return _CURVES[shape]


def _in_steps(lengths: object) -> bool:
    """Whether a length, or each of several, is a number of steps."""
    return str not in set(map(type, lengths if isinstance(lengths, tuple) else (lengths,)))


def _one(values: tuple[Any, ...]) -> Any:
    """One value for all, where they are the same."""
    return values[0] if len(set(values)) == 1 else values


def _each(field: str, given: Any, count: int, check: Callable[[Any], Any]) -> Any:
    """One value, or where `count` cool-downs are given, one for each."""
    if not count or not isinstance(given, (tuple, list)):
        return check(given)
    if len(given) != count:
        raise StepsizeError(
            say(
                "cooldown: {field} is one for all or {count}, as many as at has, not {given!r}",
                field=field,
                count=count,
                given=given,
            )
        )
    return _one(tuple(check(one) for one in given))


def _start(at: Any) -> Any:
    """Where a cool-down begins: a length, or 0; or several that rise, numbers of steps as they are."""
    if isinstance(at, (tuple, list)):
        return _starts(at)
    if at is None or (not isinstance(at, (str, bool)) and number("cooldown", "at", at, low=0) == 0):
        return None if at is None else 0
    return check_length("cooldown", "at", at)


def _starts(at: Sequence[Any]) -> Any:
    found = tuple(check_length("cooldown", "at", one) if isinstance(one, str) else _step(one) for one in at)
    numbers = [one for one in found if not isinstance(one, str)]
    if not found or any(a >= b for a, b in pairwise(numbers)):
        raise StepsizeError(say("cooldown: the steps in at must rise, at=(50, 80), not {given!r}", given=at))
    return found if len(found) > 1 or isinstance(found[0], float) else found[0]


def _step(at: Any) -> float:
    step = number("cooldown", "at", at, low=0, high=_FARTHEST)
    return int(step) if step == int(step) else step
