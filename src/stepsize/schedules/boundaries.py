"""Where the parts of a schedule begin and where it comes to rest, told by the parts themselves, not by their values."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import islice

from .._errors import FARTHEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, TypeAlias

    from .base import Factor

    Local: TypeAlias = Callable[[float], float]
    Mark: TypeAlias = tuple[int, str]


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

    def regions(self, bounds: Sequence[float], low: int, high: int) -> Iterator[tuple[int, int, int]]:
        """The updates low … high − 1 cut where local time reaches a bound: (region, first update, end), in order.

        A region has the number of bounds that local time has reached. Each is found when it is asked for.
        """
        local, first = self.local, low
        while first < high:
            region = bisect_right(bounds, local(first))
            end = self._end(bounds, region, first, high)
            yield region, first, end
            first = end

    def _end(self, bounds: Sequence[float], region: int, first: int, high: int) -> int:
        """The first update after a region that holds at `first`."""
        local = self.local
        if region == (len(bounds) if self.rising else 0):
            return high
        bound = bounds[region if self.rising else region - 1]
        if self.rising:
            return _first_true(lambda t: local(t) >= bound, first + 1, high)
        return _first_true(lambda t: local(t) < bound, first + 1, high)

    def marks(self, bounds: Sequence[float], label: Callable[[int], str], low: int, high: int) -> Iterator[Mark]:
        """A mark where each region begins, but not at `low`, with the label of the region."""
        for region, first, _ in self.regions(bounds, low, high):
            if first > low:
                yield first, label(region)


def whole_steps(steps: float) -> int:
    """A number of steps as a whole one, 2^53 at most: no run is longer, and floats count no further in ones.

    >>> whole_steps(2.5), whole_steps(1e300) == 2**53
    (2, True)
    """
    return int(steps) if steps < FARTHEST else FARTHEST


def _first_true(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The first update from `low` on where it holds, once and for all; steps double, for most ends are near."""
    step, end = 1, low
    while end < high and not holds(end):
        low, step = end + 1, 2 * step
        end = low + step - 1
    return bisect_left(range(high), True, low, min(end, high), key=holds)


def plain() -> Clock:
    """The clock of the whole schedule: its time is the updates done."""
    return Clock(lambda t: t)


def marks(f: Factor, low: int, high: int) -> Iterator[Mark]:
    """The updates after `low` and before `high` where a part of `f` begins or ends, with a label each; unsorted."""
    return f._marks(plain(), low, high)


def by_step(found: Iterator[Mark]) -> list[Mark]:
    """Marks in order; where several stand at one step, the label names them all."""
    labels: dict[int, list[str]] = {}
    for t, label in found:
        if label not in labels.setdefault(t, []):
            labels[t].append(label)
    return [(t, "; ".join(labels[t])) for t in sorted(labels)]


def outline(f: Factor, steps: int, most: int, columns: int) -> list[Mark]:
    """All marks of a run in order, or where there are more than `most`, the first of them and then one a column."""
    found = _first(f, 0, steps, most)
    if len(found) <= most:
        return found
    end = found[-1][0]
    for x in range(end * columns // steps + 1, columns):
        low, high = -(-x * steps // columns), -(-(x + 1) * steps // columns)
        found += islice(marks(f, max(low, end + 1) - 1, high), 1)
    return found


def _first(f: Factor, low: int, high: int, most: int) -> list[Mark]:
    """The first marks after `low`, in order: more than `most` where there are more, from windows that hold few."""
    found: list[Mark] = []
    at, width = low, high - low
    while at < high - 1 and len(found) <= most:
        end = min(at + width, high - 1)
        some = list(islice(marks(f, at, end + 1), 4 * most))
        if len(some) == 4 * most and width > 1:
            width = max(1, width // 8)
            continue
        found += by_step(iter(some))
        at = end
    return found


def settled(f: Factor) -> int | None:
    """The step from which a factor in steps keeps its value for ever; None where it never does, or does not say.

    >>> from stepsize import cosine, exponential, warmup
    >>> settled(warmup(10) >> cosine(90)), settled(exponential(0.9, every=1))
    (100, None)
    """
    return None if f.controllers else f._rest()


def short(f: Any) -> str:
    """The text of a part where it is short, else its word."""
    text = str(f)
    return text if len(text) <= 60 else f"{f.word()}(…)"
