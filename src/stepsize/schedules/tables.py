"""Schedules given by numbers or by a formula of your own: knots, values, an expression of t and u, noise."""

from __future__ import annotations

import math
from itertools import pairwise

from .._errors import StepsizeError, number, one_of, whole
from .._language import say
from ..lengths import check_length
from .base import Dialect, Factor
from .shapes import in_steps, optional_length

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ..lengths import Length
    from .boundaries import Clock, Mark


class Listed(Factor):
    """Shared by what is given by a list: the list is its length, and its last entry holds for ever."""

    __slots__ = ()

    @property
    def _endless(self) -> bool:
        return True

    @property
    def _sized(self) -> bool:
        return True


class piecewise(Listed):
    """Lines (or half cosines) between knots: a list of (when, factor).

    Formula: between neighbouring knots (tᵢ, fᵢ), f = fᵢ + (fᵢ₊₁ − fᵢ)·c with c the share of the way, or
    (1 − cos π·share)/2 for shape "cosine". Use it for hand-drawn plans; jumps are `stages`. Knots begin at (0, …) and
    rise; a time is 0 or a length, a factor ≥ 0. After the last knot its factor holds.

    >>> piecewise((0, 0.1), (10, 1), (20, 0))(15)
    0.5
    """

    __slots__ = ("knots", "shape")
    _lengths = ("knots",)
    knots: tuple[tuple[Length, float], ...]
    shape: str

    def __init__(self, *knots: tuple[Length, float], shape: str = "linear") -> None:
        one_of("piecewise", "shape", shape, ("linear", "cosine"))
        pairs = [one for one in knots if isinstance(one, (tuple, list)) and len(one) == 2]
        if len(pairs) != len(knots) or len(knots) < 2 or not _is_start(pairs[0][0]):
            raise StepsizeError(say("piecewise: write at least two knots from 0 on, piecewise((0, 1), (100, 0.1))"))
        times = [0, *(check_length("piecewise", "knots", when) for when, _ in pairs[1:])]
        checked = [(when, _factor(f)) for when, (_, f) in zip(times, pairs, strict=True)]
        _check_rising(checked)
        self._store(knots=tuple(checked), shape=shape)

    def _formula(self, t: str, write: Dialect) -> str:
        times = [0, *(in_steps(self, "knots", when) for when, _ in self.knots[1:])]
        _check_rising(list(zip(times, (f for _, f in self.knots), strict=True)))
        factors = [float(f) for _, f in self.knots]
        gaps = [float(b - a) for a, b in pairwise(times)]
        rises = [b - a for a, b in pairwise(factors)]
        i = f"reached({t}, {write.table(tuple(times[1:-1]) or (math.inf,))})"

        def line(i: str) -> str:
            begin, gap, base, rise = (
                f"pick({write.table(tuple(one))}, {i})" for one in (times[:-1], gaps, factors[:-1], rises)
            )
            share = f"least(({t} - {begin}) / {gap}, 1.0)"
            if self.shape == "cosine":
                share = f"(0.5 - 0.5 * cos({math.pi!r} * {share}))"
            return f"({base} + {rise} * {share})"

        return write.bound(i, line)

    def _marks(self, clock: Clock, low: int, high: int) -> Iterator[Mark]:
        def label(i: int) -> str:
            if i < len(self.knots) - 1:
                return say("piece {number} begins, towards {factor:.4g}", number=i + 1, factor=self.knots[i + 1][1])
            return say("the last knot, factor {factor:.4g}", factor=self.knots[-1][1])

        return clock.marks([float(when) for when, _ in self.knots[1:]], label, low, high)

    def _rest(self) -> int | None:
        return in_steps(self, "knots", self.knots[-1][0])

    def _steps(self) -> int | None:
        last = self.knots[-1][0]
        return last if isinstance(last, int) else None


def _is_start(when: object) -> bool:
    """Whether a time is step 0."""
    return not isinstance(when, str) and number("piecewise", "knots", when) == 0


def _factor(value: object) -> float:
    return number("piecewise", "knots", value, low=0)


def _check_rising(knots: list[tuple[Any, float]]) -> None:
    known = [when for when, _ in knots if isinstance(when, int)]
    if known != sorted(set(known)):
        raise StepsizeError(say("piecewise: the times of the knots must rise, not {given}", given=known))


class table(Listed):
    """A list of factors, one for each step (or for `every` so many).

    Formula: f(t) = values[⌊t/every⌋]. Use it to replay a recorded or computed schedule exactly. `values` are ≥ 0,
    `every` a length. It lasts as long as its list; after the end the last value holds.

    >>> table(1, 0.5, 0.25, every=10)(10)
    0.5
    """

    __slots__ = ("every", "values")
    _lengths = ("every",)
    values: tuple[float, ...]
    every: Length

    def __init__(self, *values: float, every: Length = 1) -> None:
        if len(values) == 1 and isinstance(values[0], (tuple, list)):
            raise StepsizeError(say("table takes its values one by one: write table(1, 0.5, 0.25)"))
        if not values:
            raise StepsizeError(say("table needs at least one value: write table(1, 0.5, 0.25)"))
        self._store(
            values=tuple(number("table", "values", one, low=0) for one in values),
            every=check_length("table", "every", every),
        )

    def _formula(self, t: str, write: Dialect) -> str:
        every = in_steps(self, "every", self.every)
        return f"pick({write.table(self.values)}, least({t}, {(len(self.values) - 1) * every}) // {every})"

    def _marks(self, clock: Clock, low: int, high: int) -> Iterator[Mark]:
        every, count = in_steps(self, "every", self.every), len(self.values)

        def label(i: int) -> str:
            value = self.values[i]
            return say("value {number} of {count}, factor {factor:.4g}", number=i + 1, count=count, factor=value)

        return clock.marks(range(every, count * every, every), label, low, high)

    def _rest(self) -> int | None:
        return (len(self.values) - 1) * in_steps(self, "every", self.every)

    def _steps(self) -> int | None:
        return len(self.values) * self.every if isinstance(self.every, int) else None


class noise(Factor):
    """Random factors around 1, drawn from the step alone.

    Formula: f(t) = 1 + amplitude·x(t), x uniform in (−1, 1), or with kind "bell" the mean of four such numbers times
    √4 bounded to (−1, 1) (standard deviation 0.58); x comes from integer hashing of t and `seed`. Use it to test how
    much a run depends on its rate; few tasks gain from it. `amplitude` is in (0, 1), `every` a length that keeps a
    draw, `seed` a whole number ≥ 0. It never ends. Source: the idea is timm's learning-rate noise, 2020.

    >>> noise(0.1)(7) == noise(0.1)(7)
    True
    """

    __slots__ = ("amplitude", "every", "kind", "length", "seed")
    _lengths = ("length", "every")
    amplitude: float
    seed: int
    every: Length
    kind: str
    length: Length | None

    def __init__(
        self, amplitude: float, seed: int = 0, *, every: Length = 1, kind: str = "uniform", length: Length | None = None
    ) -> None:
        self._store(
            amplitude=number("noise", "amplitude", amplitude, above=0, below=1),
            seed=whole("noise", "seed", seed, low=0, below=2**24),
            every=check_length("noise", "every", every),
            kind=one_of("noise", "kind", kind, ("uniform", "bell")),
            length=optional_length("noise", length),
        )

    def _formula(self, t: str, write: Dialect) -> str:
        every = in_steps(self, "every", self.every)
        place = f"({t} // {every})" if write.scalar or every > 1 else f"floor({t})"  # the same, and sooner for arrays
        salts = [self.seed * 4 + i for i in range(1 if self.kind == "uniform" else 4)]
        draws = [f"scramble({place}, {salt})" for salt in salts]
        x = draws[0] if len(draws) == 1 else f"most(least(({' + '.join(draws)}) / 2.0, 1.0), -1.0)"
        return f"(1.0 + {float(self.amplitude)!r} * {x})"

    def _rest(self) -> int | None:
        return None

    @property
    def _endless(self) -> bool:
        return True
