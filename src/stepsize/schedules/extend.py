"""A run becomes longer or shorter than planned: how its schedule meets the new horizon, said outright."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from fractions import Fraction

from .._errors import StepsizeError, number, one_of
from .base import Factor
from .boundaries import marks, settled
from .combine import Bent, Several, clamp, product, then
from .cooldown import cooldown
from .decays import anneal
from .paths import along, along_from, exact, pace_of, step_at, written
from .plan import plan
from .rate import rate
from .shapes import constant
from .time import stretch
from .warp import warp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .paths import Path

_RULES = ("keep_share", "keep_step", "stretch_rest", "cooldown_now")


def extend(
    f: Any,
    total_steps: int,
    *,
    was: int,
    rule: str = "keep_share",
    at: int | None = None,
    shape: str = "linear",
    final: float = 0.0,
    **units: Any,
) -> Any:
    """The same schedule for a run of another length, in steps, by one of four rules.

    Formula, f for `was` steps: "keep_share" f(t·was/total_steps), every part keeps its share of the run; "keep_step"
    f(t) up to the old end and then its last value, a shorter run just stops; "stretch_rest" f(t) for t < at, then
    f(at + (t − at)·(was − at)/(total_steps − at)), the rest of the curve over the rest of the run (past the old end
    nothing is left: it holds); "cooldown_now" f(t) for t < at, then f(at)·c((t − at)/(total_steps − at)) with the
    shapes c of `anneal`, so that it ends with the run.
    Use the first for a fresh run, the second and third for a run that must not change its past, the fourth to end a
    run early and well. `f` is a factor, a rate, a plan or a whole descent; `total_steps` and `was` are updates ≥ 1,
    `at` the update where the change begins, 0 ≤ at < total_steps, `final` a factor of f(at); further units as in
    `.over`. After the end "keep_step" and "cooldown_now" hold; the others go on as `f` does after its own end.
    Controllers stay as they are, what multiplies them is extended. What was extended before is written once, as a
    `warp` with a knot or two for each change. An unknown rule, or `at` missing, is an error.

    >>> from stepsize import cosine, warmup
    >>> extend(0.1 * (warmup(10) >> cosine()), 200, was=100)
    0.1 * stretch(warmup(10) >> cosine(90), 2.0)
    >>> extend(warmup(10) >> cosine(), 80, was=100, rule="cooldown_now", at=50)
    cooldown(warmup(10) >> cosine(90), 30, at=50)
    """
    one_of("extend", "rule", rule, _RULES)
    total, before = (_whole(field, one) for field, one in (("total_steps", total_steps), ("was", was)))
    if rule == "cooldown_now":
        start = _begin(rule, at, total)
        change: Any = lambda g: _cooled(g, total - start, start, shape, final)  # noqa: E731
    elif rule == "stretch_rest":
        start = _begin(rule, at, total)
        change = lambda g: _each(g, lambda one: _rest(one, total, before, start))  # noqa: E731
    elif at is not None:
        raise StepsizeError(f"extend: {rule} changes the whole run and has no at: leave it out")
    else:
        bend = _stretched if rule == "keep_share" else _kept
        change = lambda g: _each(g, lambda one: bend(one, total, before))  # noqa: E731
    return _inside(f, change, before, units)


def _inside(f: Any, change: Callable[[Factor], Factor], was: int, units: dict[str, Any]) -> Any:
    """A change of the factor inside a factor, a rate or a descent."""
    if isinstance(f, Factor):
        return change(f.over(was, **units))
    if isinstance(f, rate):
        return rate(f.base, _inside(f.factor, change, was, units))
    if hasattr(f, "with_rate"):
        return f.with_rate(_inside(f.rate, change, was, units))
    if isinstance(f, plan):
        return plan(**{name: _inside(one, change, was, units) if callable(one) else one for name, one in f.parts})
    raise StepsizeError(f"extend takes a factor, a rate or a descent, not {f!r}: write 0.1 * cosine()")


def _whole(field: str, value: object) -> int:
    steps = number("extend", field, value, low=1)
    if steps != int(steps):
        raise StepsizeError(f"extend: {field} must be a whole number of updates, not {value!r}")
    return int(steps)


def _begin(rule: str, at: int | None, total: int) -> int:
    if at is None:
        raise StepsizeError(f'extend: rule="{rule}" needs the update where it begins: write at=…')
    start = number("extend", "at", at, low=0)
    if start != int(start):
        raise StepsizeError(f"extend: at must be a whole number of updates, not {at!r}")
    if start >= total:
        raise StepsizeError(f"extend: at must be before the end, < {total}, not {at}: lengthen total_steps")
    return int(start)


def _each(f: Any, change: Callable[[Factor], Factor]) -> Factor:
    """A change of everything in `f` that is a function of t alone; controllers stay."""
    if not f.controllers:
        return change(f)
    if isinstance(f, product):
        pure, watching = _split(f)
        return product(*([change(pure)] if pure else []), *(_each(part, change) for part in watching))
    if isinstance(f, Several):
        return f.replace(parts=tuple(_each(part, change) for part in f.parts))
    if isinstance(f, clamp):
        return f.replace(factor=_each(f.factor, change))
    if isinstance(f, Factor) and f.controllers == (f,):
        return f
    raise StepsizeError(f"extend cannot tell whose time is whose in {f}: write the controller beside it, as a factor")


def _split(f: product) -> tuple[Factor | None, list[Factor]]:
    """The parts of a product that are functions of t, as one factor, and those that watch the run."""
    pure = [part for part in f.parts if not part.controllers]
    return (product(*pure) if len(pure) > 1 else pure[0] if pure else None), [one for one in f.parts if one.controllers]


def _cooled(f: Any, length: int, at: int, shape: str, final: float) -> Factor:
    """Once: around what is a function of t; where nothing is, as a factor beside it."""
    if not f.controllers:
        return _ended(f, length, at, shape, final)
    pure, watching = _split(f) if isinstance(f, product) else (None, [f])
    if pure is not None:
        return product(_ended(pure, length, at, shape, final), *watching)
    fall = anneal(length, shape=shape, final=final)
    return product(then(constant(1.0, at), fall) if at else fall, *watching)


def _ended(f: Factor, length: int, at: int, shape: str, final: float) -> Factor:
    """A function of t cooled down; a cool-down after others is one more of the same, also where time was bent since.

    So a run that is ended again and again is written once, with a few numbers for each time.
    """
    inside, path = _unbent(f) if isinstance(f, (warp, stretch)) else (f, [])
    if not isinstance(inside, cooldown):
        return cooldown(f, length, at=at, shape=shape, final=final)
    if not path:
        return inside._then(length, at, shape, final)
    begin = step_at(path, at)
    if begin <= inside._span()[0]:  # no cool-down has begun: none is left
        if isinstance(f, Bent) and not isinstance(inside.factor, warp):
            return _ended(f._around(inside.factor), length, at, shape, final)
        return _ended(_bent(inside.factor, path), length, at, shape, final)
    return _from_now_on(f, inside._then(length, written(begin), shape, final), at, begin, length)


def _from_now_on(f: Factor, inside: Factor, at: int, begin: Fraction, length: int) -> Factor:
    """The bent time of `f` up to `at`, and from there on step by step; around another schedule."""
    behind = [(at, begin), (at + length, begin + length)]
    if not isinstance(f, warp):
        return warp(inside, *_written(behind))
    count = bisect_left(f.knots, float(at), key=lambda one: one[0])
    last = _exact(f.knots[count - 1 : count])[0] if count else (0, 0)
    if begin - last[1] == at - last[0]:  # it ran step by step before
        behind = behind[1:]
    if not count and len(behind) == 1:
        return inside
    return f._bent_behind(count, _written(behind))._around(inside)


def _stretched(f: Factor, total: int, was: int) -> Factor:
    """Slowed down by total/was; one rounding lower where its upper neighbour would delay a boundary by a step.

    What was slowed down before is slowed down by more; a time that was bent before is bent as a whole.
    """
    if total == was:
        return f
    twice = isinstance(f, stretch) and isinstance(f.factor, stretch)  # once, the quotients stay those of before
    if isinstance(f, stretch) and twice and f.length is None:
        inside = was / pace_of(f.by)
        if inside.denominator == 1:
            return _stretched_once(f.factor, total, int(inside))
    if isinstance(f, warp) or twice or _held(f):
        return _bent(f, [(total, was)])
    return _stretched_once(f, total, was)


def _stretched_once(f: Factor, total: int, was: int) -> Factor:
    if total == was:
        return f
    by = total / was
    slow = stretch(f, by)
    if _starts(slow, total) == [-(-t * total // was) for t in _starts(f, was)]:
        return slow
    above, below = by.as_integer_ratio()
    return stretch(f, math.nextafter(by, 0)) if above * was > total * below else slow


def _starts(f: Factor, steps: int) -> list[int]:
    return sorted({t for t, _ in marks(f, 0, steps)})


def _rest(f: Factor, total: int, was: int, at: int) -> Factor:
    """What is left after `at` slowed down or hurried, so that it ends with the run; what has ended holds."""
    if at == 0 or total == was:
        return _stretched(f, total, was)
    rest = settled(f)
    if at >= was or (rest is not None and rest <= at):
        return _kept(f, total, max(was, at))
    return _bent(f, [(at, at), (total, was)])


def _kept(f: Factor, total: int, was: int) -> Factor:
    """As it is where it rests by the old end or the run is shorter, else held at the value of the last update."""
    rest = settled(f)
    if total <= was or (rest is not None and rest <= was):
        return f
    if isinstance(f, warp) or _held(f):
        return _bent(f, [(was - 1, was - 1), (was, was - 1)] if was > 1 else [(1, 0)])
    return _ended(f, 1, was - 1, "linear", 1.0)


def _held(f: Factor) -> bool:
    """Whether it is a schedule that holds from an update on, as `_kept` writes it."""
    return isinstance(f, cooldown) and (f.length, f.final, f.shape) == (1, 1, "linear") and isinstance(f.at, int)


def _bent(f: Factor, change: Path) -> Factor:
    """A factor whose time goes along `change` first: where its time was bent before, both ways as one.

    So a schedule that is extended again and again is written once, with a knot or two for each change.
    """
    if isinstance(f, warp) and change[0][0] == change[0][1]:
        return _bent_late(f, change)
    inside, before = _unbent(f)
    return warp(inside, *_written(along(change, before)))


def _bent_late(f: warp, change: Path) -> Factor:
    """The same where `change` begins at an update: only the last knots before it, and those behind, are looked at."""
    count = max(bisect_right(f.knots, change[0][0], key=lambda one: one[0]) - 1, 0)
    if not count:
        return warp(f.factor, *_written(along(change, _exact(f.knots))))
    ((t, step),) = _exact(f.knots[count - 1 : count])
    return f._bent_behind(count, _written(along_from(change, _exact(f.knots[count:]), (t, step))))


def _unbent(f: Factor) -> tuple[Factor, Path]:
    """The schedule inside and the path of its time: of a warp, a stretch, a hold; else the factor itself."""
    if isinstance(f, warp):
        return f.factor, _exact(f.knots)
    if isinstance(f, stretch) and f.length is None:
        pace = pace_of(f.by)
        return f.factor, [(Fraction(pace.numerator), Fraction(pace.denominator))]
    if isinstance(f, cooldown) and _held(f):
        at = int(f._span()[0])
        return f.factor, [(at, at), (at + 1, at)] if at else [(1, 0)]
    return f, []


def _exact(knots: Sequence[tuple[float, float]]) -> Path:
    return [(exact(t), exact(step)) for t, step in knots]


def _written(path: Path) -> list[tuple[float, float]]:
    return [(written(Fraction(t)), written(Fraction(step))) for t, step in path]
