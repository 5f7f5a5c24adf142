"""Shapes: the curves a factor can follow; one file, because their point is the contrast."""

from __future__ import annotations

import math

from .._errors import StepsizeError, number, one_of, shown
from .._language import say
from .._value import field
from ..lengths import check_length
from .base import Dialect, Factor, unresolved
from .boundaries import short

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..lengths import Length
    from .boundaries import Clock, Mark


def optional_length(owner: str, length: Length | None) -> Length | None:
    """A checked length, or None where it takes what is left."""
    return None if length is None else check_length(owner, "length", length)


class Curve(Factor):
    """Shared by what follows a curve up to its `length`, where it has one, and then holds its last value."""

    __slots__ = ()

    def _marks(self, clock: Clock, low: int, high: int) -> Iterator[Mark]:
        length = self.fields().get("length")
        if not isinstance(length, int):
            return iter(())

        def label(ended: int) -> str:
            return say("{part} ends", part=short(self)) if ended else say("{part} begins", part=short(self))

        return clock.marks([length], label, low, high)

    def _rest(self) -> int | None:
        length = self.fields().get("length")
        return length if isinstance(length, int) else None


class constant(Factor):
    """The same factor at every step.

    Formula: f(t) = factor. Use it to hold between two other parts (`warmup(100) >> constant() >> linear("20%")`)
    or to scale a part of a sequence; a fixed rate needs no schedule at all, a bare number is enough. `factor` is
    ≥ 0; `length` only matters inside a sequence. After the end: the same.

    >>> constant(0.5)(1000)
    0.5
    """

    factor: float = field(default=1.0, low=0)
    length: Length | None = field(default=None, check=check_length)

    def _formula(self, t: str, write: Dialect) -> str:
        return repr(float(self.factor))

    def _rest(self) -> int | None:
        return 0

    @property
    def _endless(self) -> bool:
        return True


RISES = {
    "linear": "{u}",
    "cosine": f"(0.5 - 0.5 * cos({math.pi!r} * {{u}}))",
    "sqrt": "sqrt({u})",
    "square": "({u} * {u})",
    "exponential": "(power(2.0, {u}) - 1.0)",
    "log": f"(log(1.0 + {math.e - 1!r} * {{u}}))",
}


class warmup(Curve):
    """A rise to 1, its first update already worth taking.

    Formula: f(t) = c(u), u = (t + 1)/length, c(u) = u for shape "linear"; "cosine" (1 − cos πu)/2, "sqrt" √u,
    "square" u², "exponential" 2^u − 1, "log" ln(1 + (e − 1)u). Use it before any decay when the first gradients are
    large or an adaptive rule has no statistics yet; plain SGD on a convex problem needs none. `length` is in steps,
    "2%", "1ep", …. Update 0 has c(1/length) (many libraries give it 0 and waste it; that one is
    `linear(0, 1, length)`), update length − 1 has 1; after the end it holds 1. Source: Goyal et al., Accurate, Large
    Minibatch SGD, 2017.

    >>> [warmup(4)(t) for t in range(6)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    """

    __slots__ = ("length", "shape")
    length: Length
    shape: str

    def __init__(self, length: Length, *, shape: str = "linear") -> None:
        shape = one_of("warmup", "shape", shape, RISES)
        self._store(length=check_length("warmup", "length", length), shape=shape)

    def _formula(self, t: str, write: Dialect) -> str:
        return RISES[self.shape].format(u=write.progress(f"({t} + 1)", self._length()))


class linear(Curve):
    """A straight line from one factor to another.

    Formula: f(t) = start + (end − start)·t/length. Use it to decay to zero (the usual choice for fine-tuning) or
    as a cool-down; not where the run may go on after `length`. `start` and `end` are factors ≥ 0. The last update,
    length − 1, is one step short of `end`; after the end it holds `end`. Without a length it takes what is left.

    >>> linear(1.0, 0.0, 10)(5)
    0.5
    """

    __slots__ = ("end", "length", "start")
    start: float
    end: float
    length: Length | None

    def __init__(self, start: float = 1.0, end: float = 0.0, length: Length | None = None) -> None:
        if isinstance(start, str):
            raise StepsizeError(
                say("linear: start is a factor; for a length write linear(length={given})", given=shown(start))
            )
        self._store(
            start=number("linear", "start", start, low=0),
            end=number("linear", "end", end, low=0),
            length=optional_length("linear", length),
        )

    def _formula(self, t: str, write: Dialect) -> str:
        u = write.progress(t, self._length())
        start, end = float(self.start), float(self.end)
        return f"({start!r} * (1.0 - {u}) + {end!r} * {u})"


class cosine(Curve):
    """Half a cosine from 1 down to `final`: slow, fast, slow.

    Formula: f(t) = final + (1 − final)·(1 + cos(π·t/length))/2. Use it as the default decay when the length of the
    run is known; when it may change, hold and cool down late instead. `final` is a factor from 0 to 1. The last
    update, length − 1, is one small step above `final`; after the end it holds `final` (torch's bounces up).
    Source: Loshchilov and Hutter, SGDR, 2017.

    >>> cosine(100)(50)
    0.5
    """

    length: Length | None = field(default=None, check=check_length)
    final: float = field(default=0.0, low=0, high=1, kw_only=True)

    def _formula(self, t: str, write: Dialect) -> str:
        final = float(self.final)
        floor = f"{final!r} + " if final else ""
        half = (1.0 - final) / 2

        def shape(u: str) -> str:
            return f"({floor}{half!r} * (1.0 + cos({math.pi!r} * {u})))"

        return write.curve(t, self._length(), shape, final)


class exponential(Curve):
    """A constant ratio: `gamma` over the run, or `gamma` every k steps.

    Formula: f(t) = gamma^(t/length), or gamma^(t/every) when `every` is given. Use the first when you know by how
    much the rate should have fallen at the end, the second to follow a recipe given per step or per epoch; both
    spend many steps at small rates, so a cosine or a linear decay usually ends lower. `gamma` > 0; above 1 it
    grows. After the end the first holds `gamma`; the second goes on unless it has a `length`, and then holds.

    >>> exponential(0.1, 100)(50) == 0.1 ** 0.5
    True
    >>> exponential(0.99, every=1)(2)
    0.9801
    """

    _lengths = ("length", "every")
    gamma: float = field(above=0)
    length: Length | None = field(default=None, check=check_length)
    every: Length | None = field(default=None, check=check_length, kw_only=True)

    def _formula(self, t: str, write: Dialect) -> str:
        if self.every is None:
            return f"power({float(self.gamma)!r}, {write.progress(t, self._length())})"
        every = in_steps(self, "every", self.every)
        held = self._held(t)
        return f"power({float(self.gamma)!r}, {held} / {every})"

    @property
    def _endless(self) -> bool:
        return self.every is not None


class staircase(Factor):
    """Times `gamma` once `every` so many steps: step decay.

    Formula: f(t) = gamma^⌊t/every⌋. Use it to follow recipes of the form "divide by ten every 30 epochs"; where the
    stages are known as a list of factors, `stages` says them outright. `gamma` > 0, `every` a length. The new value
    holds from the boundary on (as in torch). It never ends, unless it has a `length`, after which its
    last stage holds.

    >>> [staircase(0.5, every=2)(t) for t in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    _lengths = ("length", "every")
    gamma: float = field(above=0)
    every: Length = field(check=check_length)
    length: Length | None = field(default=None, check=check_length)

    def _formula(self, t: str, write: Dialect) -> str:
        every = in_steps(self, "every", self.every)
        held = t if self.length is None else f"least({t}, {self._length() - 1})"
        return f"power({float(self.gamma)!r}, {held} // {every})"

    def _marks(self, clock: Clock, low: int, high: int) -> Iterator[Mark]:
        until = clock.top(low, high)
        return stairs(in_steps(self, "every", self.every), self._last(until), clock, low, high)

    def _rest(self) -> int | None:
        every = in_steps(self, "every", self.every)
        return None if self.length is None else (self._length() - 1) // every * every

    def _last(self, until: float) -> float:
        """The step from which it no longer steps down, or `until` where that is earlier."""
        return until if self.length is None else min(until, self._length() - 1)

    @property
    def _endless(self) -> bool:
        return True


class stages(Factor):
    """A list of factors, over equal stages or given boundaries.

    Formula: f(t) = factorᵢ with i = ⌊n·t/length⌋, or i = the number of boundaries in `at` that t has reached. Use
    it for hand-made plans; each change is abrupt, so a smooth decay of the same area is often as good. `factors`
    are ≥ 0; `at` are n − 1 rising lengths ("30%", "60%"), and then no `length` is needed. A new value holds from
    its boundary on (t = boundary, as in torch). After the end the last factor holds.

    >>> [stages(1, 0.1, 0.01, length=6)(t) for t in (0, 2, 5)]
    [1.0, 0.1, 0.01]
    >>> stages(1, 0.1, at=(30,))(30)
    0.1
    """

    __slots__ = ("at", "factors", "length")
    _lengths = ("length", "at")
    factors: tuple[float, ...]
    length: Length | None
    at: tuple[Length, ...] | None

    def __init__(
        self, *factors: float, length: Length | None = None, at: tuple[Length, ...] | list[Length] | None = None
    ) -> None:
        if not factors:
            raise StepsizeError(say("stages needs at least one factor: write stages(1, 0.1, 0.01)"))
        if at is not None:
            if not isinstance(at, (tuple, list)) or len(at) != len(factors) - 1:
                raise StepsizeError(
                    say(
                        "stages: at must list {bounds} boundaries between {factors} factors, not {given}",
                        bounds=len(factors) - 1,
                        factors=len(factors),
                        given=shown(at),
                    )
                )
            at = tuple(check_length("stages", "at", one) for one in at)
            check_rising("stages", at)
        self._store(
            factors=tuple(number("stages", "factors", one, low=0) for one in factors),
            length=optional_length("stages", length),
            at=at,
        )

    def _formula(self, t: str, write: Dialect) -> str:
        if len(self.factors) == 1:
            return repr(float(self.factors[0]))
        return f"pick({write.table(self.factors)}, reached({t}, {write.table(tuple(self._bounds()))}))"

    def _bounds(self) -> list[float]:
        """The steps, some of them between two updates, where a new stage begins."""
        n = len(self.factors)
        if self.at is None:
            return [i * self._length() / n for i in range(1, n)] if n > 1 else []
        steps = tuple(in_steps(self, "at", one) for one in self.at)
        check_rising("stages", steps)
        return [float(one) for one in steps]

    def _marks(self, clock: Clock, low: int, high: int) -> Iterator[Mark]:
        def label(i: int) -> str:
            count, factor = len(self.factors), self.factors[i]
            return say(
                "stage {number} of {count} begins, factor {factor:.4g}", number=i + 1, count=count, factor=factor
            )

        return clock.marks(self._bounds(), label, low, high)

    def _rest(self) -> int | None:
        return math.ceil([0.0, *self._bounds()][-1])

    @property
    def _endless(self) -> bool:
        return self.at is not None or len(self.factors) == 1


def stairs(every: int, last: float, clock: Clock, low: int, high: int) -> Iterator[Mark]:
    """The marks of a new stage `every` so many steps, the last of them not after `last`."""
    return clock.marks(
        range(every, int(last) + 1, every), lambda i: say("stage {number} begins", number=i + 1), low, high
    )


def check_rising(owner: str, bounds: tuple[Length, ...]) -> None:
    """Boundaries in steps must rise; those in other units are checked again once they are steps."""
    known = [one for one in bounds if isinstance(one, int)]
    if known != sorted(set(known)):
        given = shown(tuple(bounds))
        if owner == "stages":
            raise StepsizeError(say("stages: the boundaries in at must rise, not {given}", given=given))
        raise StepsizeError(say("{owner}: the boundaries must rise, not {given}", owner=owner, given=given))


def in_steps(part: Factor, field: str, length: Length) -> int:
    """A length that must be known in steps by now."""
    if isinstance(length, int):
        return length
    raise unresolved(part, field)
