"""Questions a schedule answers at once: its highest value, its total, where parts begin, where two of them differ."""

from __future__ import annotations

import math
from itertools import chain, islice

from .._errors import StepsizeError, number, shown, whole
from .._language import said, say
from .._value import Value
from .base import Factor
from .boundaries import by_step, marks
from .boundaries import outline as outline_of
from .boundaries import settled as settled
from .rate import rate
from .shapes import constant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_PLAIN = 2_000  # up to so many steps plain numbers are quicker than importing NumPy
_CHUNK = 1 << 18
_MOST = 1 << 32  # steps that are asked one by one: a minute and more
_MOST_MARKS = 1_000_000


def highest(f: Factor | rate, steps: int) -> tuple[int, float]:
    """The first step with the highest value of a run, and that value.

    Formula: argmax and max of f(t), t = 0 … steps − 1. `f` is a factor or a rate without controllers (else an error),
    in steps or not; `steps` are the updates of the run, ≥ 1.

    >>> from stepsize import cosine, warmup
    >>> highest(0.1 * (warmup(100) >> cosine()), 1000)
    (99, 0.1)
    """
    f = _walked("highest", f, steps)
    where, best = 0, -math.inf
    for start, values in _chunks(f, steps):
        top = max(values)
        if top > best:
            where, best = start + values.index(top), top
    return where, float(f(where))


def last(f: Factor | rate, steps: int) -> float:
    """The value of the last update of a run, update steps − 1.

    `f` is a factor or a rate without controllers (else an error), `steps` the updates of the run, ≥ 1.

    >>> from stepsize import linear
    >>> last(linear(), 10)
    0.1
    """
    return float(_asked("last", f, steps)(steps - 1))


def length(f: Factor | rate) -> int | None:
    """Its own length in steps; None where it never ends, or takes what is left of a run that is not yet known.

    `f` is a factor or a rate, controllers inside do not count.

    >>> from stepsize import cosine, warmup
    >>> length(warmup(10) >> cosine(90)), length(cosine())
    (100, None)
    """
    return _factor("length", f)._steps()


def area(f: Factor | rate, steps: int) -> float:
    """The sum over all updates of a run: the budget of steps it spends.

    Formula: Σ f(t), t = 0 … steps − 1, rounded once. `f` is a factor or a rate without controllers (else an error),
    `steps` the updates of the run, ≥ 1. Of a rate it is the furthest that unit gradients could carry.

    >>> from stepsize import constant, linear
    >>> area(linear(), 10), area(0.1 * constant(), 10)
    (5.5, 1.0)
    """
    f = _walked("area", f, steps)
    try:
        total = math.fsum(chain.from_iterable(values for _, values in _chunks(f, steps)))
    except OverflowError:
        total = math.inf
    if total == math.inf:
        raise StepsizeError(f"area: the sum of {f} is too large for a number: choose a smaller base")
    return total


def boundaries(f: Factor | rate, steps: int) -> list[tuple[int, str]]:
    """The steps of a run, after its first, where a new part, stage, cycle or cool-down begins, each with a label.

    They are found in the structure, not in the values; where two parts begin at one step, the label names both. `f` is
    a factor or a rate without controllers (else an error), `steps` the updates of the run, ≥ 1.

    >>> from stepsize import cosine, stages, warmup
    >>> boundaries(0.1 * (warmup("5%") >> stages(1, 0.1)), 1000)
    [(50, 'stages(1, 0.1, length=950) begins'), (525, 'stage 2 of 2 begins, factor 0.1')]
    """
    found = by_step(islice(marks(_factor("boundaries", _asked("boundaries", f, steps)), 0, steps), _MOST_MARKS + 1))
    if len(found) > _MOST_MARKS:
        raise StepsizeError(f"boundaries: {f} has more than {_MOST_MARKS}: ask outline, which leaves some out")
    return found


def outline(f: Factor | rate, steps: int, most: int = 1000, columns: int = 68) -> list[tuple[int, str]]:
    """The boundaries of a run as a picture needs them: what is not shown is not made.

    All of them, as `boundaries` gives them, up to `most`; where there are more, at least the first `most`, and after
    those one for each of so many equal `columns` of the run that has any. So a mark at each of ten million updates
    costs what a few thousand cost. `f` is a factor or a rate without controllers (else an error), `steps` the updates
    of the run, ≥ 1, `most` and `columns` ≥ 1.

    >>> from stepsize import staircase
    >>> len(outline(staircase(0.5, 1), 1000)), len(outline(staircase(0.5, 1), 10_000_000)) < 3000
    (999, True)
    """
    return outline_of(_factor("outline", _asked("outline", f, steps)), steps, most, columns)


def first_below(f: Factor | rate, x: float, steps: int) -> int | None:
    """The first step of a run whose value is below `x`; None where there is none.

    Formula: min {t : f(t) < x}. `f` is a factor or a rate without controllers (else an error), `x` a finite number
    in its unit, `steps` the updates of the run, ≥ 1.

    >>> from stepsize import linear
    >>> first_below(linear(), 0.25, 100), first_below(linear(), 0, 100)
    (76, None)
    """
    f, x = _walked("first_below", f, steps), number("first_below", "x", x)
    for start, values in _chunks(f, steps):
        if min(values) < x:
            return start + next(i for i, value in enumerate(values) if value < x)
    return None


def equal(a: Factor | rate, b: Factor | rate, steps: int, tolerance: float = 1e-12) -> bool:
    """Whether two schedules are the same at every update of a run, however they are written.

    Formula: |a(t) − b(t)| ≤ tolerance·(the highest value of both), t = 0 … steps − 1. `a` and `b` are factors or
    rates without controllers (else an error), `steps` the updates of the run, ≥ 1, `tolerance` ≥ 0 a share.

    >>> from stepsize import cosine, linear, polynomial
    >>> equal(linear(), polynomial(), 100), equal(linear(), cosine(), 100)
    (True, False)
    """
    return not diff(a, b, steps, tolerance).ranges


class Difference(Value):
    """Where and by how much two schedules differ over a run; printed in plain words.

    `largest` is the largest difference, at step `at`, where they have the `values`; `ranges` are the first and last
    steps of the stretches where they differ by more than the tolerance; none where they are equal.

    >>> Difference("a", "b", 10, 0.5, 3, (1.0, 0.5), ((2, 4),)).ranges
    ((2, 4),)
    """

    __slots__ = ("a", "at", "b", "largest", "ranges", "steps", "values")
    a: str
    b: str
    steps: int
    largest: float
    at: int
    values: tuple[float, float]
    ranges: tuple[tuple[int, int], ...]

    def __init__(
        self,
        a: str,
        b: str,
        steps: int,
        largest: float,
        at: int,
        values: tuple[float, float],
        ranges: tuple[tuple[int, int], ...],
    ) -> None:
        self._store(a=a, b=b, steps=steps, largest=largest, at=at, values=values, ranges=ranges)

    def __repr__(self) -> str:
        return super().__str__()

    def __str__(self) -> str:
        if not self.ranges:
            return say("{a} and {b} are the same at all {steps} updates.", a=self.a, b=self.b, steps=self.steps)
        count = sum(stop - start + 1 for start, stop in self.ranges)
        shown = [
            say("{first} to {last}", first=start, last=stop) if stop > start else str(start)
            for start, stop in self.ranges[:3]
        ]
        more = say(" and {count} more ranges", count=len(self.ranges) - 3) if len(self.ranges) > 3 else ""
        one, other = self.values
        return say(
            "{a} and {b} differ at {count} of {steps} updates: {ranges}{more}. The largest difference is "
            "{largest:.4g}, at update {at}: {one:.4g} against {other:.4g}.",
            a=self.a,
            b=self.b,
            count=count,
            steps=self.steps,
            ranges=said(", ").join(shown),
            more=more,
            largest=self.largest,
            at=self.at,
            one=one,
            other=other,
        )


def diff(a: Factor | rate, b: Factor | rate, steps: int, tolerance: float = 1e-12, **units: Any) -> Difference:
    """Where and by how much two schedules differ over a run.

    Formula: max |a(t) − b(t)|, and all t where it exceeds tolerance·(the highest value of both). `a` and `b` are
    factors or rates without controllers (else an error), `steps` the updates of the run, ≥ 1, `tolerance` ≥ 0, `units`
    those of `over` (steps_per_epoch, batch_size, tokens_per_step).

    >>> from stepsize import constant, linear, warmup
    >>> print(diff(warmup(3) >> constant(), constant(), 10))
    warmup(3) >> constant() and constant() differ at 2 of 10 updates: 0 to 1. The largest difference is 0.6667, \
at update 0: 0.3333 against 1.
    """
    texts = str(a), str(b)
    a, b = _walked("diff", a, steps, **units), _walked("diff", b, steps, **units)
    allowed = number("diff", "tolerance", tolerance, low=0) * max(highest(a, steps)[1], highest(b, steps)[1])
    at, largest, ranges = 0, 0.0, list[tuple[int, int]]()
    for (start, ours), (_, theirs) in zip(_chunks(a, steps), _chunks(b, steps), strict=True):
        gaps = [abs(one - other) for one, other in zip(ours, theirs, strict=True)]
        top = max(gaps)
        if top > largest:
            at, largest = start + gaps.index(top), top
        if top > allowed:
            _extend(ranges, (start + i for i, gap in enumerate(gaps) if gap > allowed))
    values = float(a(at)), float(b(at))
    return Difference(*texts, steps, abs(values[0] - values[1]), at, values, tuple(ranges))


def _extend(ranges: list[tuple[int, int]], found: Iterator[int]) -> None:
    """Add rising steps to ranges of neighbours."""
    for t in found:
        if ranges and ranges[-1][1] == t - 1:
            ranges[-1] = (ranges[-1][0], t)
        else:
            ranges.append((t, t))


def quiet(f: Any) -> Any:
    """The same with 1 in the place of every controller.

    >>> from stepsize import cosine, plateau
    >>> quiet(cosine(10) * plateau())
    cosine(10) * constant()
    """
    if not f.controllers:
        return f
    if f.controllers[0] is f:
        return constant()
    return f.replace(
        **{name: tuple(map(quiet, one)) if isinstance(one, tuple) else quiet(one) for name, one in inside(f)}
    )


def inside(f: Any) -> list[tuple[str, Any]]:
    """The fields of a combination that are factors, or several of them.

    >>> from stepsize import clamp, cosine
    >>> inside(clamp(cosine(), 0.1))
    [('factor', cosine())]
    """
    fields = f.fields().items()
    several = [(name, one) for name, one in fields if isinstance(one, tuple)]
    return [(name, one) for name, one in fields if isinstance(one, Factor)] + [
        (name, one) for name, one in several if one and all(isinstance(part, Factor) for part in one)
    ]


def _factor(owner: str, f: object) -> Factor:
    if isinstance(f, rate):
        return f.factor
    if isinstance(f, Factor):
        return f
    if hasattr(f, "with_rate"):
        raise StepsizeError(
            say("{owner} takes a factor or a rate, not {given}: write strategy.rate", owner=owner, given=shown(f))
        )
    raise StepsizeError(
        say(
            "{owner} takes a factor or a rate, not {given}: write cosine() or 0.1 * cosine()",
            owner=owner,
            given=shown(f),
        )
    )


def _asked(owner: str, f: Any, steps: int, **units: Any) -> Any:
    """The schedule in steps, or an error where no number of steps answers."""
    factor = _factor(owner, f)
    whole(owner, "steps", steps, low=1)
    if factor.controllers:
        raise factor._depends()
    return f.over(steps, **units)


def _walked(owner: str, f: Any, steps: int, **units: Any) -> Any:
    """The schedule in steps, where every one of them is to be asked."""
    if whole(owner, "steps", steps, low=1) > _MOST:
        raise StepsizeError(
            say("{owner} asks every step, {most} at most, not {given}", owner=owner, most=_MOST, given=shown(steps))
        )
    return _asked(owner, f, steps, **units)


def _chunks(f: Any, steps: int) -> Iterator[tuple[int, list[float]]]:
    """All values in order, in lists with their first step; in long runs NumPy computes them."""
    if steps <= _PLAIN:
        yield 0, [f(t) for t in range(steps)]
        return
    import numpy as np

    for start in range(0, steps, _CHUNK):
        values = f(np.arange(start, min(start + _CHUNK, steps)))
        wrong = ~((values >= 0) & (values < math.inf))
        if wrong.any():
            f(start + int(wrong.argmax()))  # alone, a value that is none is an error
        yield start, values.tolist()
