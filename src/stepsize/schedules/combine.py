"""Combinations of factors: one times the other, one after the other, one within bounds."""

from __future__ import annotations

from .._errors import LengthError, StepsizeError, number, shown
from .._language import say
from .base import Dialect, Factor, Place, unresolved
from .boundaries import settled, short
from .rate import rate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, ClassVar, Self

    from ..lengths import Horizon
    from .boundaries import Clock, Mark


DEEPEST = 50  # combinations one inside the other


def multiply(left: object, right: object) -> Any:
    """`*` between numbers, factors and rates; a number makes a rate, a rate keeps its one base."""
    if isinstance(left, Factor) and isinstance(right, Factor):
        return product(left, right)
    if isinstance(left, Factor) and isinstance(right, (int, float)):
        left, right = right, left
    if isinstance(left, (int, float)) and not isinstance(left, bool) and isinstance(right, Factor):
        return rate(left, right)
    return NotImplemented


def follow(left: Factor, right: object) -> Any:
    """`>>` between factors; a rate on the right is an error that shows where the parentheses go."""
    if isinstance(right, Factor):
        return then(left, right)
    if isinstance(right, rate):
        raise StepsizeError(
            say(
                "a factor cannot be followed by a rate: give the whole sequence one base, {line}",
                line=f"{right.base!r} * ({left} >> {right.factor})",
            )
        )
    if isinstance(right, (int, float)):
        raise StepsizeError(
            say(
                "a factor is followed by a factor, not by {given}: write {left} >> constant({given})",
                left=left,
                given=shown(right),
            )
        )
    return NotImplemented


class Several(Factor):
    """Shared by what combines its parts step by step: they all begin and are resolved together."""

    __slots__ = ("parts",)
    _lengths = ()
    parts: tuple[Factor, ...]

    @property
    def controllers(self) -> tuple[Any, ...]:
        return tuple(leaf for part in self.parts for leaf in part.controllers)

    def _resolve(self, horizon: Horizon, place: Place) -> Self:
        return self.replace(parts=tuple(part._resolve(horizon, place) for part in self.parts))

    @property
    def _endless(self) -> bool:
        return all(part._endless for part in self.parts)

    @property
    def _sized(self) -> bool:
        return all(part._sized for part in self.parts if not part.controllers)

    def _steps(self) -> int | None:
        steps = [part._steps() for part in self.parts if not part.controllers]
        known = [one for one in steps if one is not None]
        return max(known) if known and len(known) == len(steps) else None

    def _marks(self, clock: Clock, low: int, high: int) -> Iterator[Mark]:
        for part in self.parts:
            yield from part._marks(clock, low, high)

    def _rest(self) -> int | None:
        found = [settled(part) for part in self.parts]
        known = [one for one in found if one is not None]
        return max(known) if len(known) == len(found) else None


class product(Several):
    """The product of factors, step by step: `warmup(100) * cosine()`.

    Formula: f₁(t)·f₂(t)·…  Use it to lay a warm-up, a controller or a damping over another schedule; to put one
    after the other use `>>`. It lasts as long as its longest part and then holds each part's last value.

    >>> from stepsize import constant, exponential
    >>> (constant(0.5) * exponential(0.1, every=10))(10)
    0.05
    """

    __slots__ = ()

    def __init__(self, *parts: Factor) -> None:
        flat: list[Factor] = []
        for part in factors("product", parts):
            flat += part.parts if isinstance(part, product) else (part,)
        self._store(parts=tuple(flat))

    def _formula(self, t: str, write: Dialect) -> str:
        return "(" + " * ".join(part._formula(t, write) for part in self.parts) + ")"

    def __str__(self) -> str:
        return " * ".join(part._grouped() for part in self.parts) if len(self.parts) > 1 else super().__str__()


class then(Several):
    """One factor after the other: `warmup(100) >> cosine()`.

    Formula: part i at t − (length of the parts before it). Use it for everything that happens in turn: warm-up, hold,
    decay. Each part begins at its own step 0; a part without a
    length takes what the others leave of the run (one part at most, or an error says so). Every part is a factor
    of the *same* base, so `exponential(0.1, 100) >> cosine()` jumps back to 1. After the end the last part holds.

    >>> from stepsize import warmup, cosine
    >>> (warmup(4) >> cosine(10))(0), (warmup(4) >> cosine(10))(4)
    (0.25, 1.0)
    """

    __slots__ = ()

    def __init__(self, *parts: Factor) -> None:
        flat: list[Factor] = []
        for part in factors("then", parts):
            flat += part.parts if isinstance(part, then) else (part,)
            if part.controllers:
                leaf = part.controllers[0]
                raise StepsizeError(
                    say(
                        "{leaf} sees the whole run and cannot be one part of a sequence: write (… >> …) * {leaf}",
                        leaf=leaf,
                    )
                )
        self._store(parts=tuple(flat))

    def _formula(self, t: str, write: Dialect) -> str:
        starts = self._starts()
        if write.stretches and len(starts) > 1:
            return self._turns(t, write, starts)
        return self._choose(t, write, starts, 0, len(self.parts))

    def _starts(self) -> list[int]:
        """The first step of every part."""
        starts = [0]
        for part in self.parts[:-1]:
            steps = part._steps()
            if steps is None:
                raise unresolved(part)
            starts.append(starts[-1] + steps)
        return starts

    def _marks(self, clock: Clock, low: int, high: int) -> Iterator[Mark]:
        starts = self._starts()
        for i, first, end in clock.regions(starts[1:], low, high):
            if first > low:
                yield first, say("{part} begins", part=short(self.parts[i]))
            own = clock.then(lambda t, start=starts[i]: t - start)  # type: ignore[misc]
            yield from self.parts[i]._marks(own, first, end)

    def _rest(self) -> int | None:
        rest = settled(self.parts[-1])
        return None if rest is None else self._starts()[-1] + rest

    def _turns(self, t: str, write: Dialect, starts: list[int]) -> str:
        """Every part as a function of the step, for arrays whose steps rise."""
        own = write.name()
        parts = [
            f"lambda {own}: {part._formula(f'({own} - {start})' if start else own, write)}"
            for part, start in zip(self.parts, starts, strict=True)
        ]
        return f"in_turn({t}, {write.table(tuple(starts[1:]))}, {', '.join(parts)})"

    def _choose(self, t: str, write: Dialect, starts: list[int], low: int, high: int) -> str:
        """A balanced choice between the parts low … high−1, so that a hundred parts nest seven deep."""
        if high - low == 1:
            local = f"({t} - {starts[low]})" if starts[low] else t
            return self.parts[low]._formula(local, write)
        middle = (low + high) // 2
        return write.where(
            f"{t} < {starts[middle]}",
            self._choose(t, write, starts, low, middle),
            self._choose(t, write, starts, middle, high),
        )

    def _resolve(self, horizon: Horizon, place: Place) -> Self:
        """Sized parts first: those before the open one from the front, those after it from the back."""
        open_parts = [i for i, part in enumerate(self.parts) if not part._sized]
        if len(open_parts) > 1:
            first, second = (self.parts[i] for i in open_parts[:2])
            raise LengthError(
                say(
                    "{first} and {second} both take what is left of the run: give one of them a length",
                    first=first,
                    second=second,
                )
            )
        if not open_parts and place.from_end:
            return self.replace(parts=tuple(self._from_back(self.parts, horizon, place)[0]))
        middle = open_parts[0] if open_parts else len(self.parts)
        front, start = self._from_front(self.parts[:middle], horizon, place)
        back, end = self._from_back(self.parts[middle + 1 :], horizon, place)
        if not open_parts:
            return self.replace(parts=tuple(front))
        own = self._open(self.parts[middle], horizon, place, start, end)
        return self.replace(parts=(*front, own, *back))

    @staticmethod
    def _from_front(parts: tuple[Factor, ...], horizon: Horizon, place: Place) -> tuple[list[Factor], int]:
        done, start = [], place.start
        for part in parts:
            done.append(part._resolve(horizon, Place(start, max(place.end, start + 1), pin=False)))
            start += done[-1]._steps() or 0
        return done, start

    @staticmethod
    def _from_back(parts: tuple[Factor, ...], horizon: Horizon, place: Place) -> tuple[list[Factor], int]:
        done: list[Factor] = []
        end = place.end
        for part in reversed(parts):
            done.insert(0, part._resolve(horizon, Place(place.start, end, pin=False, from_end=True)))
            end -= done[0]._steps() or 0
        return done, end

    def _open(self, part: Factor, horizon: Horizon, place: Place, start: int, end: int) -> Factor:
        """The one part that takes what is left, from `start` to `end`."""
        last = part is self.parts[-1]
        alone = self._alone(part, horizon, start, end) if last and not place.pin else None
        if alone == part:
            return part  # in steps already: it begins where it begins, whatever the run
        if end <= start and not (last and part._endless):
            taken, span = place.end - place.start - (end - start), place.end - place.start
            raise LengthError(
                say(
                    "{part} has no steps left: the other parts take {taken} of {span} steps; "
                    "shorten them or lengthen the run",
                    part=part,
                    taken=taken,
                    span=span,
                )
            )
        own = alone if end == start + 1 else None
        own = own or part._resolve(horizon, Place(start, max(end, start + 1), pin=place.pin or not last))
        if start < end < start + (own._steps() or 0):
            raise LengthError(
                say(
                    "{part} takes {steps} steps where {left} are left: shorten it",
                    part=own,
                    steps=own._steps(),
                    left=end - start,
                )
            )
        return own

    @staticmethod
    def _alone(part: Factor, horizon: Horizon, start: int, end: int) -> Factor | None:
        """The part where it has a single step; None where it needs more. What fails there is not tried twice."""
        try:
            return part._resolve(horizon, Place(start, start + 1, pin=False))
        except LengthError:
            if end == start + 1:
                raise
            return None

    @property
    def _endless(self) -> bool:
        return self.parts[-1]._endless and all(part._steps() is not None for part in self.parts[:-1])

    def _steps(self) -> int | None:
        steps = [part._steps() for part in self.parts]
        known = [one for one in steps if one is not None]
        return sum(known) if len(known) == len(steps) else None

    def __str__(self) -> str:
        return " >> ".join(str(part) for part in self.parts) if len(self.parts) > 1 else super().__str__()

    def _grouped(self) -> str:
        return f"({self})" if len(self.parts) > 1 else str(self)

    def _summand(self) -> str:
        return self._grouped()


class Bent(Factor):
    """Shared by the combinators of one factor: what they ask of the factor inside."""

    __slots__ = ("factor",)
    _lengths: ClassVar[tuple[str, ...]] = ()
    factor: Factor

    @property
    def controllers(self) -> tuple[Any, ...]:
        return self.factor.controllers

    @property
    def _endless(self) -> bool:
        return self.factor._endless

    @property
    def _sized(self) -> bool:
        return self.factor._sized

    def _resolve(self, horizon: Horizon, place: Place) -> Self:
        return self.replace(factor=self.factor._resolve(horizon, place))

    def _around(self, factor: Factor) -> Self:
        """The same around another factor; what it has besides was checked when it was made."""
        new = object.__new__(type(self))
        new._store(**{**self.fields(), "factor": factor})
        return new

    def _inner_steps(self) -> int:
        steps = self.factor._steps()
        if steps is None:
            raise unresolved(self.factor)
        return steps

    def _steps(self) -> int | None:
        return self.factor._steps()


class clamp(Bent):
    """A factor kept within bounds: `clamp(cosine(), 0.1)`.

    Formula: min(high, max(low, f(t))). Use it for a floor or a ceiling that any shape must respect; where a shape
    has its own end value (`cosine(final=0.1)`) that is smoother. `low` and `high` are factors ≥ 0, either may be
    None. It lasts as long as the factor inside and holds the clamped last value.

    >>> from stepsize import clamp, exponential
    >>> clamp(exponential(0.1, every=1), 0.01)(5)
    0.01
    """

    __slots__ = ("high", "low")
    low: float | None
    high: float | None

    def __init__(self, factor: Factor, low: float | None = None, high: float | None = None) -> None:
        (factor,) = factors("clamp", (factor,))
        low = None if low is None else number("clamp", "low", low, low=0)
        high = None if high is None else number("clamp", "high", high, low=low or 0)
        self._store(factor=factor, low=low, high=high)

    def _formula(self, t: str, write: Dialect) -> str:
        text = self.factor._formula(t, write)
        if self.low is not None:
            text = f"most({text}, {float(self.low)!r})"
        if self.high is not None:
            text = f"least({text}, {float(self.high)!r})"
        return text

    def _marks(self, clock: Clock, low: int, high: int) -> Iterator[Mark]:
        return self.factor._marks(clock, low, high)

    def _rest(self) -> int | None:
        return settled(self.factor)


def levels(part: Any) -> int:
    """How many combinations a factor has one inside the other, itself counted."""
    inside = (part.factor,) if isinstance(part, Bent) else part.parts if isinstance(part, Several) else ()
    return 1 + max(map(levels, inside), default=0)


def factors(owner: str, parts: tuple[object, ...]) -> tuple[Factor, ...]:
    """The parts, checked: factors, at least one, and no deeper a nest than a text may have."""
    if not parts:
        raise StepsizeError(say("{owner} needs at least one factor: write {owner}(cosine())", owner=owner))
    for part in parts:
        if not isinstance(part, Factor):
            raise StepsizeError(_no_factor(owner, part))
        if levels(part) >= DEEPEST:
            raise StepsizeError(
                say(
                    "{owner}: the expression is nested too deeply: keep it under {most} levels",
                    owner=owner,
                    most=DEEPEST,
                )
            )
    return tuple(part for part in parts if isinstance(part, Factor))


def _no_factor(owner: str, given: object) -> str:
    if isinstance(given, (int, float)):
        return say("{owner} takes factors, not {given}: write constant({given})", owner=owner, given=shown(given))
    return say("{owner} takes factors, not {given}: write a schedule such as cosine()", owner=owner, given=shown(given))
