"""Combinators that bend time: repeat, stretch, shift, reverse."""

from __future__ import annotations

import math
from bisect import bisect_right

from .._errors import FARTHEST, StepsizeError, number, whole
from .._language import say
from .base import Dialect, Factor, Place
from .boundaries import settled, short, whole_steps
from .combine import Bent, factors
from .shapes import optional_length

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Self

    from ..lengths import Horizon, Length
    from .boundaries import Clock, Local, Mark

_MOST_CYCLES = 10_000
_GROWN = 2.0**1000  # the sum of all cycles in the length of the first, at most


def pure(owner: str, factor: Factor) -> Factor:
    """The factor inside, checked: a schedule, no controller."""
    (factor,) = factors(owner, (factor,))
    if factor.controllers:
        raise StepsizeError(
            say(
                "{controller} sees the run as it goes: {owner} takes a schedule, multiply after",
                controller=factor.controllers[0],
                owner=owner,
            )
        )
    return factor


class repeat(Bent):
    """A schedule again and again, longer and lower each time if asked.

    Formula: cycle i begins at bᵢ = L·(1 + growth + … + growth^(i−1)) and gives height^i·f((t − bᵢ)·L/(cycle length)).
    With a cosine inside it is SGDR: `repeat(cosine(100), growth=2, height=0.5)`. Use restarts for snapshots and
    ensembles; a single decay usually ends lower. `growth` is from 1 to 2^53; `height` > 0; `times` cycles (None: until
    `length`, or for ever). With both `times` and `length` the cycles are fitted to fill it; a schedule inside without a
    length of its own is fitted to what is left. Cycle boundaries are exact, not taken from a logarithm. After the last
    of `times` cycles, or after `length`, its last value holds.
    Source: Loshchilov and Hutter, SGDR, 2017.

    >>> from stepsize import linear
    >>> [repeat(linear(1, 0, 2))(t) for t in range(5)]
    [1.0, 0.5, 1.0, 0.5, 1.0]
    """

    __slots__ = ("growth", "height", "length", "times")
    _lengths = ("length",)
    times: int | None
    growth: float
    height: float
    length: Length | None

    def __init__(
        self,
        factor: Factor,
        times: int | None = None,
        *,
        growth: float = 1,
        height: float = 1.0,
        length: Length | None = None,
    ) -> None:
        self._store(
            factor=pure("repeat", factor),
            times=None if times is None else whole("repeat", "times", times, low=1, high=_MOST_CYCLES),
            growth=number("repeat", "growth", growth, low=1, high=FARTHEST),
            height=number("repeat", "height", height, above=0),
            length=optional_length("repeat", length),
        )
        if self.times is not None and (self.times - 1) * math.log2(self.growth) > math.log2(_GROWN):
            raise StepsizeError(
                say(
                    "repeat: {times} cycles that grow by {growth!r} are longer than any run: write fewer times",
                    times=self.times,
                    growth=self.growth,
                )
            )

    def _resolve(self, horizon: Horizon, place: Place) -> Self:
        length = place.resolved(horizon, "repeat", "length", self.length)
        if self.factor._sized:
            own = self.factor._resolve(horizon, Place(place.start, place.end, pin=True))
            if length is None and self.times is None and place.pin:
                length = place.end - place.start
        elif self.times is None:
            raise StepsizeError(
                say("{repeat}: say how often with times=…, or how long with a length inside", repeat=self)
            )
        else:
            length = place.end - place.start if length is None else length
            first = max(1, int(length / _total(self.growth, self.times) + 0.5))
            own = self.factor._resolve(horizon, Place(place.start, place.start + first, pin=True))
        return self.replace(factor=own, length=length)

    @property
    def _endless(self) -> bool:
        return self.factor._steps() is not None

    @property
    def _sized(self) -> bool:
        return self.length is not None or (self.times is not None and self.factor._sized)

    def _steps(self) -> int | None:
        if isinstance(self.length, int):
            return self.length
        inner = self.factor._steps()
        if self.times is None or inner is None:
            return None
        return whole_steps(_total(self.growth, self.times) * inner + 0.5)

    def _formula(self, t: str, write: Dialect) -> str:
        if self.times is None and self.length is not None:
            return write.bound(f"least({t}, {self._length() - 1})", lambda held: self._cycles(held, write))
        return write.bound(t, lambda now: self._cycles(now, write))

    def _cycles(self, t: str, write: Dialect) -> str:
        """The cycle that step `t` is in and the step of the schedule inside, each computed once."""
        inner, first = self._inner_steps(), self._first()
        if self.times is None and self.growth == 1:
            return self._cycle(f"({t} // {inner})", f"({t} % {inner})", write)
        if write.scalar and self.growth == 1 and first == inner and self.times is not None:
            cycle = write.where(f"{t} < {inner * self.times}", f"{t} // {inner}", repr(self.times - 1.0))
            return write.bound(cycle, lambda i: self._cycle(i, f"(({t} - {i} * {inner}) * {inner} / {first!r})", write))
        begins = self._begins(first)

        def grown(i: str) -> str:
            scale = f"{first!r} * {float(self.growth)!r} ** {i}" if self.growth != 1 else repr(first)
            local = f"(({t} - pick({write.table(begins)}, {i})) * {inner} / ({scale}))"
            return self._cycle(i, local, write)

        return write.bound(f"reached({t}, {write.table(begins[1:])})", grown)

    def _cycle(self, i: str, local: str, write: Dialect) -> str:
        text = write.bound(local, lambda own: self.factor._formula(own, write))
        return text if self.height == 1 else f"(power({float(self.height)!r}, {i}) * {text})"

    def _marks(self, clock: Clock, low: int, high: int) -> Iterator[Mark]:
        begins = self._cycle_begins(clock.top(low, high))
        if self.times is None and isinstance(self.length, int):
            clock = clock.then(lambda t, last=self.length - 1: min(t, last))  # type: ignore[misc]
        for i, first, end in clock.regions(begins[1:], low, high):
            if first > low:
                yield first, say("cycle {number} begins", number=i + 1)
            yield from self.factor._marks(clock.then(self._inside(i, begins[i])), first, end)

    def _inside(self, i: int, begin: float) -> Local:
        """How the time of the schedule inside runs in cycle `i`."""
        inner = self._inner_steps()
        if self.times is None and self.growth == 1:
            return lambda t: t % inner
        scale = self._first() * float(self.growth) ** i
        return lambda t: (t - begin) * inner / scale

    def _cycle_begins(self, top: float) -> Sequence[float]:
        """The steps where cycles begin, the last of them not after `top`."""
        if self.times is None and isinstance(self.length, int):
            top = min(top, self.length - 1)
        if self.times is None and self.growth == 1:
            return range(0, int(max(top, 0)) + 1, self._inner_steps())
        begins = self._begins(self._first())
        return begins[: bisect_right(begins, max(top, 0))]

    def _rest(self) -> int | None:
        if self.times is None:
            return self.length - 1 if isinstance(self.length, int) else None
        rest, inner = settled(self.factor), self._inner_steps()
        if rest is None:
            return None
        first = self._first()
        last = self._begins(first)[-1] + rest * first * float(self.growth) ** (self.times - 1) / inner
        return whole_steps(math.ceil(last - 1e-9))

    def _first(self) -> float:
        """The length of the first cycle: fitted where both `times` and `length` are given."""
        if self.times is None or self.length is None:
            return float(self._inner_steps())
        return self._length() / _total(self.growth, self.times)

    def _begins(self, first: float) -> tuple[float, ...]:
        asked = first, self.growth, self.times or _MOST_CYCLES
        if asked not in _LAST_BEGINS:
            _LAST_BEGINS.clear()
            _LAST_BEGINS[asked] = _begins(*asked)
        return _LAST_BEGINS[asked]


_LAST_BEGINS: dict[tuple[float, float, int], tuple[float, ...]] = {}  # the ones asked for last: they are asked again


def _begins(first: float, growth: float, times: int) -> tuple[float, ...]:
    """The steps where cycles begin."""
    begins, size = [0.0], first
    while len(begins) < times and begins[-1] < FARTHEST:
        begins.append(begins[-1] + size)
        size *= growth
    return tuple(begins)


def _total(growth: float, times: int) -> float:
    return float(sum(growth**i for i in range(times)))


class stretch(Bent):
    """A schedule slowed down: `stretch(f, 2)` takes twice the steps.

    Formula: f(t/by). Use it to keep the shape when a run gets longer. `by` is > 0, from 2^−53 to 2^53; below 1 it
    hurries. It lasts `by` times as long as the schedule inside, or `length`, which it gets when it takes what is left;
    then it holds the last value of the schedule inside.

    >>> from stepsize import linear
    >>> stretch(linear(1, 0, 10), 2)(10)
    0.5
    """

    __slots__ = ("by", "length")
    _lengths = ("length",)
    by: float
    length: Length | None

    def __init__(self, factor: Factor, by: float, length: Length | None = None) -> None:
        self._store(
            factor=pure("stretch", factor),
            by=number("stretch", "by", by, low=1 / FARTHEST, high=FARTHEST),
            length=optional_length("stretch", length),
        )

    def _resolve(self, horizon: Horizon, place: Place) -> Self:
        length = place.resolved(horizon, "stretch", "length", self.length)
        if self.factor._sized:
            return self.replace(factor=self.factor._resolve(horizon, place), length=length)
        span = place.end - place.start if length is None else length
        inner = Place(place.start, place.start + whole_steps(max(1, math.ceil(span / self.by))), place.pin)
        own = self.factor._resolve(horizon, inner)
        return self.replace(factor=own, length=span if own._steps() is not None else length)

    @property
    def _sized(self) -> bool:
        return self.length is not None or self.factor._sized

    def _steps(self) -> int | None:
        inner = self.factor._steps()
        if isinstance(self.length, int):
            return self.length
        return None if inner is None else max(1, whole_steps(inner * self.by + 0.5))

    def _formula(self, t: str, write: Dialect) -> str:
        return write.bound(f"({t} / {float(self.by)!r})", lambda own: self.factor._formula(own, write))

    def _marks(self, clock: Clock, low: int, high: int) -> Iterator[Mark]:
        return self.factor._marks(clock.then(lambda t: t / self.by), low, high)

    def _rest(self) -> int | None:
        rest, by = settled(self.factor), float(self.by)
        if rest is None:
            return None
        step = whole_steps(math.ceil(rest * by))
        return step if step / by >= rest else step + 1


class shift(Bent):
    """A schedule begun early or late by some steps.

    Formula: f(max(t + steps, 0)): `shift(f, 10)` skips ten steps, `shift(f, -10)` waits ten. Use it to match a
    convention that is off by one, or to delay. `steps` is a whole number; while it waits it holds the first value. It
    lasts as long as what is left of the schedule inside.

    >>> from stepsize import linear
    >>> shift(linear(1, 0, 10), 5)(0), shift(linear(1, 0, 10), -5)(4)
    (0.5, 1.0)
    """

    __slots__ = ("steps",)
    steps: int

    def __init__(self, factor: Factor, steps: int) -> None:
        self._store(factor=pure("shift", factor), steps=whole("shift", "steps", steps))

    def _resolve(self, horizon: Horizon, place: Place) -> Self:
        if self.factor._sized:
            return self.replace(factor=self.factor._resolve(horizon, place))
        inner = Place(place.start, max(place.end + self.steps, place.start + 1), place.pin)
        return self.replace(factor=self.factor._resolve(horizon, inner))

    def _steps(self) -> int | None:
        inner = self.factor._steps()
        return None if inner is None else whole_steps(max(1, inner - self.steps))

    def _formula(self, t: str, write: Dialect) -> str:
        # a float, so that a whole number near 2^53 is rounded as an array is
        moved = f"({t} + {float(self.steps)!r})" if self.steps >= 0 else f"most({t} - {-self.steps}, 0)"
        return write.bound(moved, lambda own: self.factor._formula(own, write))

    def _marks(self, clock: Clock, low: int, high: int) -> Iterator[Mark]:
        wait = -self.steps
        if wait > 0:
            for waited, first, _ in clock.regions([wait], low, high):
                if waited and first > low:
                    yield first, say("{part} begins", part=short(self.factor))
        moved: Local = (lambda t: max(t - wait, 0)) if wait > 0 else (lambda t: t + self.steps)
        yield from self.factor._marks(clock.then(moved), low, high)

    def _rest(self) -> int | None:
        rest = settled(self.factor)
        return None if rest is None else whole_steps(max(0, rest - self.steps))


class reverse(Bent):
    """A schedule backwards: its last update first.

    Formula: f(L − 1 − t) for a schedule of L steps. Use it to turn a decay into a warm-up of the same shape. It lasts
    as long as the schedule inside; after the end it holds f(0).

    >>> from stepsize import linear
    >>> [reverse(linear(1, 0, 4))(t) for t in range(5)]
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """

    __slots__ = ()

    def __init__(self, factor: Factor) -> None:
        self._store(factor=pure("reverse", factor))

    def _resolve(self, horizon: Horizon, place: Place) -> Self:
        return self.replace(factor=self.factor._resolve(horizon, Place(place.start, place.end, pin=True)))

    @property
    def _endless(self) -> bool:
        return False

    def _formula(self, t: str, write: Dialect) -> str:
        last = self._inner_steps() - 1
        return write.bound(f"most({last} - {t}, 0)", lambda own: self.factor._formula(own, write))

    def _marks(self, clock: Clock, low: int, high: int) -> Iterator[Mark]:
        last = self._inner_steps() - 1
        return self.factor._marks(clock.then(lambda t: max(last - t, 0), turned=True), low, high)

    def _rest(self) -> int | None:
        return self._inner_steps() - 1
