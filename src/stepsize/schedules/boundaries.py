"""Where the parts of a schedule begin and where it comes to rest, read from its structure, not from its values."""

from __future__ import annotations

import math
from bisect import bisect_left

from .base import Factor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, TypeAlias

    Local: TypeAlias = Callable[[float], float]
    Mark: TypeAlias = tuple[int, str]
    Bounds: TypeAlias = tuple[list[float], list[str]]

_STEADY = ("constant", "noise")


class Clock:
    """How a part's own time runs with the updates: `local(t)`, rising, or falling inside a `reverse`."""

    __slots__ = ("local", "rising")

    def __init__(self, local: Local, rising: bool = True) -> None:
        self.local, self.rising = local, rising

    def then(self, local: Local, turned: bool = False) -> Clock:
        """The clock of a part whose time is `local` of this one's."""
        outer = self.local
        return Clock(lambda t: local(outer(t)), self.rising != turned)

    def top(self, low: int, high: int) -> float:
        """The latest local time among the updates low … high − 1."""
        return self.local(high - 1 if self.rising else low)

    def regions(self, bounds: list[float], low: int, high: int) -> list[tuple[int, int, int]]:
        """The updates low … high − 1 cut where local time reaches a bound: (region, first update, end), in order."""
        if self.rising:
            edges = [low, *(self._first(lambda t, b=b: self.local(t) >= b, low, high) for b in bounds), high]  # type: ignore[misc]
            order = range(len(bounds) + 1)
        else:
            falling = reversed(bounds)
            edges = [low, *(self._first(lambda t, b=b: self.local(t) < b, low, high) for b in falling), high]  # type: ignore[misc]
            order = range(len(bounds), -1, -1)
        return [(i, a, b) for i, a, b in zip(order, edges[:-1], edges[1:], strict=True) if a < b]

    @staticmethod
    def _first(holds: Callable[[int], bool], low: int, high: int) -> int:
        return low + bisect_left(range(low, high), True, key=holds)


def marks(f: Any, clock: Clock, low: int, high: int) -> Iterator[Mark]:
    """The updates after `low` and before `high` where a part of `f` begins or ends, with a label each; unsorted."""
    inner = _INNER.get(f.word())
    if inner is not None:
        yield from inner(f, clock, low, high)
        return
    bounds, names = _LEAVES.get(f.word(), _ended)(f, clock.top(low, high))
    for region, first, _ in clock.regions(bounds, low, high):
        if first > low:
            yield first, names[region]


def _parallel(f: Any, clock: Clock, low: int, high: int) -> Iterator[Mark]:
    for part in f.parts:
        yield from marks(part, clock, low, high)


def _within(f: Any, clock: Clock, low: int, high: int) -> Iterator[Mark]:
    yield from marks(f.factor, clock, low, high)


def _in_turn(f: Any, clock: Clock, low: int, high: int) -> Iterator[Mark]:
    starts = starts_of(f)
    for i, first, end in clock.regions([float(one) for one in starts[1:]], low, high):
        if first > low:
            yield first, f"{short(f.parts[i])} begins"
        yield from marks(f.parts[i], clock.then(lambda t, start=starts[i]: t - start), first, end)  # type: ignore[misc]


def _stretched(f: Any, clock: Clock, low: int, high: int) -> Iterator[Mark]:
    yield from marks(f.factor, clock.then(lambda t: t / f.by), low, high)


def _shifted(f: Any, clock: Clock, low: int, high: int) -> Iterator[Mark]:
    wait = float(-f.steps)
    if wait > 0:
        for waited, first, _ in clock.regions([wait], low, high):
            if waited and first > low:
                yield first, f"{short(f.factor)} begins"
    moved = clock.then((lambda t: max(t - wait, 0)) if wait > 0 else (lambda t: t + f.steps))
    yield from marks(f.factor, moved, low, high)


def _reversed(f: Any, clock: Clock, low: int, high: int) -> Iterator[Mark]:
    first = f._inner_steps() - 1
    yield from marks(f.factor, clock.then(lambda t: max(first - t, 0), turned=True), low, high)


def _cooled(f: Any, clock: Clock, low: int, high: int) -> Iterator[Mark]:
    names = [f"{short(f.factor)} begins", "the cool-down begins", "the cool-down ends"]
    for region, first, end in clock.regions([float(f.at), float(f.at + f.length)], low, high):
        if first > low:
            yield first, names[region]
        if region == 0:
            yield from marks(f.factor, clock, first, end)


def _cycles(f: Any, clock: Clock, low: int, high: int) -> Iterator[Mark]:
    begins, inner, one = cycle_begins(f, clock.top(low, high)), f._inner_steps(), f._first()
    for i, first, end in clock.regions(begins[1:], low, high):
        if first > low:
            yield first, f"cycle {i + 1} begins"
        if f.times is None and f.growth == 1:
            own: Local = lambda t: t % inner  # noqa: E731
        else:
            scale = one * float(f.growth) ** i
            own = lambda t, begin=begins[i], scale=scale: (t - begin) * inner / scale  # type: ignore[misc]  # noqa: E731
        yield from marks(f.factor, clock.then(own), first, end)


def starts_of(f: Any) -> list[int]:
    """The first local step of every part of a sequence in steps."""
    starts = [0]
    for part in f.parts[:-1]:
        starts.append(starts[-1] + (part._steps() or 0))
    return starts


def cycle_begins(f: Any, top: float) -> list[float]:
    """The local times where the cycles of a `repeat` begin, the last of them not after `top`."""
    inner = f._inner_steps()
    if f.times is None and f.growth == 1:
        return [float(one) for one in range(0, int(top) + 1, inner)]
    if f.times is None and isinstance(f.length, int):
        top = min(top, f.length - 1)
    return [one for one in f._begins(f._first()) if one <= max(top, 0)]


def short(f: Factor) -> str:
    """The text of a part where it is short, else its word."""
    text = str(f)
    return text if len(text) <= 60 else f"{f.word()}(…)"


def _ended(f: Any, top: float) -> Bounds:
    """A curve with a length ends there."""
    length = f.fields().get("length")
    if f.word() in _STEADY or not isinstance(length, int):
        return [], [""]
    return [float(length)], [f"{short(f)} begins", f"{short(f)} ends"]


def _staged(f: Any, top: float) -> Bounds:
    count = len(f.factors)
    names = [f"stage {i + 1} of {count} begins, factor {one:.4g}" for i, one in enumerate(f.factors)]
    if f.at is not None:
        return [float(one) for one in f.at], names
    return ([i * f._length() / count for i in range(1, count)] if count > 1 else []), names


def _stairs(f: Any, top: float) -> Bounds:
    if not getattr(f, "staircase", True):
        return _ended(f, top)
    until = top if f.length is None else min(top, f._length() - (f.word() == "staircase"))
    bounds = [float(one) for one in range(f.every, int(until) + 1, f.every)]
    return bounds, [f"stage {i + 1} begins" for i in range(len(bounds) + 1)]


def _listed(f: Any, top: float) -> Bounds:
    count = len(f.values)
    names = [f"value {i + 1} of {count}, factor {one:.4g}" for i, one in enumerate(f.values)]
    return [float(i * f.every) for i in range(1, count)], names


def _knotted(f: Any, top: float) -> Bounds:
    factors = [one for _, one in f.knots]
    names = [f"piece {i + 1} begins, towards {one:.4g}" for i, one in enumerate(factors[1:])]
    return [float(when) for when, _ in f.knots[1:]], [*names, f"the last knot, factor {factors[-1]:.4g}"]


_INNER: dict[str, Callable[[Any, Clock, int, int], Iterator[Mark]]] = {
    "product": _parallel,
    "plus": _parallel,
    "minimum": _parallel,
    "maximum": _parallel,
    "clamp": _within,
    "then": _in_turn,
    "stretch": _stretched,
    "shift": _shifted,
    "reverse": _reversed,
    "cooldown": _cooled,
    "repeat": _cycles,
}
_LEAVES: dict[str, Callable[[Any, float], Bounds]] = {
    "stages": _staged,
    "staircase": _stairs,
    "inverse_time": _stairs,
    "table": _listed,
    "piecewise": _knotted,
}


def settled(f: Any) -> int | None:
    """The step from which a factor in steps keeps its value for ever; None where it never does.

    >>> from stepsize import cosine, exponential, warmup
    >>> settled(warmup(10) >> cosine(90)), settled(exponential(0.9, every=1))
    (100, None)
    """
    if f.controllers:
        return None
    return _SETTLED.get(f.word(), _at_its_end)(f)


def _at_its_end(f: Any) -> int | None:
    length: object = f.fields().get("length")
    return length if isinstance(length, int) else None


def _all_settled(f: Any) -> int | None:
    found = [settled(part) for part in f.parts]
    known = [one for one in found if one is not None]
    return max(known) if len(known) == len(found) else None


def _last_settled(f: Any) -> int | None:
    rest = settled(f.parts[-1])
    return None if rest is None else starts_of(f)[-1] + rest


def _stretch_settled(f: Any) -> int | None:
    rest, by = settled(f.factor), float(f.by)
    if rest is None:
        return None
    step = math.ceil(rest * by)
    return step if step / by >= rest else step + 1


def _repeat_settled(f: Any) -> int | None:
    rest, inner = settled(f.factor), f._inner_steps()
    if f.times is None or rest is None:
        return None
    first: float = f._first()
    last: float = f._begins(first)[-1] + rest * first * float(f.growth) ** (f.times - 1) / inner
    return math.ceil(last - 1e-9)


def _shift_settled(f: Any) -> int | None:
    rest = settled(f.factor)
    return None if rest is None else max(0, rest - int(f.steps))


def _stages_settled(f: Any) -> int | None:
    return math.ceil(([0.0] + _staged(f, 0)[0])[-1])


def _stairs_settled(f: Any) -> int | None:
    return None if f.length is None else (int(f.length) - 1) // int(f.every) * int(f.every)


def _formula_settled(f: Any) -> int | None:
    from .formulas import _translate

    if "<t>" in _translate(f.text, "<t>", "<u>", "<T>"):
        return None
    return 0 if f._endless else int(f._length())


_SETTLED: dict[str, Callable[[Any], int | None]] = {
    "constant": lambda f: 0,
    "noise": lambda f: None,
    "formula": _formula_settled,
    "stages": _stages_settled,
    "staircase": _stairs_settled,
    "table": lambda f: (len(f.values) - 1) * f.every,
    "piecewise": lambda f: f.knots[-1][0],
    "product": _all_settled,
    "plus": _all_settled,
    "minimum": _all_settled,
    "maximum": _all_settled,
    "then": _last_settled,
    "clamp": lambda f: settled(f.factor),
    "stretch": _stretch_settled,
    "shift": _shift_settled,
    "reverse": lambda f: f._inner_steps() - 1,
    "cooldown": lambda f: f.at + f.length,
    "repeat": _repeat_settled,
}
