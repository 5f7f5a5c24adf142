"""What the presets share: curves that go on past their end, parts cut at a boundary, knots between the steps."""

from __future__ import annotations

from itertools import pairwise

from .._errors import StepsizeError, number
from ..schedules.base import Factor
from ..schedules.combine import then
from ..schedules.cooldown import cooldown
from ..schedules.decays import polynomial
from ..schedules.formulas import formula
from ..schedules.rate import rate
from ..schedules.shapes import constant, cosine, linear, stages
from ..schedules.tables import piecewise
from ..schedules.time import repeat, shift

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

Expression: TypeAlias = "Factor | rate"


def plain(value: float) -> str:
    """A number as it is written in a formula: exactly, and whole numbers without a point."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))


def share(owner: str, field: str, value: float, base_lr: float) -> float:
    """An absolute rate as a factor of the base rate.

    >>> share("CosineAnnealingLR", "eta_min", 0.01, 0.1)
    0.1
    """
    return number(owner, field, value, low=0) / number(owner, "base_lr", base_lr, above=0)


def wave(length: float, final: float = 0.0, *, waves: float = 1.0, ahead: int = 0) -> formula:
    """A cosine from 1 to `final` in `length` steps that swings back afterwards, for ever.

    >>> wave(100)
    formula('0.5 * (1 + cos(pi * t / 100))')
    """
    t = f"(t + {ahead})" if ahead else "t"
    speed = "pi" if waves == 1 else f"{plain(waves)} * pi"
    swing = f"{plain((1 - final) / 2)} * (1 + cos({speed} * {t} / {plain(length)}))"
    return formula(f"{plain(final)} + {swing}" if final else swing)


def wave_between(start: float, end: float, length: int) -> rate:
    """A cosine from one rate to another that swings back afterwards, for ever."""
    if start > 0:
        return rate(start, wave(length, end / start))
    return rate(end, formula(f"0.5 * (1 - cos(pi * t / {length}))"))


def half_cosine(start: float, end: float, length: int) -> Factor:
    """Half a cosine between any two factors, held at its end.

    >>> half_cosine(1, 0.1, 100), half_cosine(0.1, 1, 100)
    (cosine(100, final=0.1), piecewise((0, 0.1), (100, 1), shape='cosine'))
    """
    if start == 1 and end <= 1:
        return cosine(length, final=end)
    return piecewise((0, start), (length, end), shape="cosine")


def line_on(start: float, end: float, length: int) -> Factor:
    """A line that goes on past its end, down to 0 where it falls.

    >>> line_on(1, 0.5, 10)
    formula('max(1 - 0.5 * t / 10, 0)')
    """
    if end == 0:
        return linear(start, 0.0, length)
    if end < start:
        return formula(f"max({plain(start)} - {plain(start - end)} * t / {length}, 0)")
    lead = f"{plain(start)} + " if start else ""
    slope = "" if end - start == 1 else f"{plain(end - start)} * "
    return formula(f"{lead}{slope}t / {length}")


def powered(start: float, end: float, power: float, length: int) -> rate:
    """From one rate to another along (1 − t/length)^power, held at its end."""
    if start == end:
        return rate(start)
    if power == 1:
        base = start or end
        return rate(base, linear(start / base, end / base, length))
    if end < start:
        return rate(start, polynomial(power, length, final=end / start))
    return rate(end, formula(f"1 - {plain(1 - start / end)} * (1 - u) ** {plain(power)}", length))


def again(part: Factor, times: int | None = None, *, growth: float = 1, height: float = 1.0) -> Factor:
    """A part repeated, or as it is where it comes once."""
    return part if times == 1 else repeat(part, times, growth=growth, height=height)


def above(floor: float, part: Factor) -> Factor:
    """floor + (1 − floor)·part.

    >>> above(0.25, cosine(10))
    constant(0.25) + constant(0.75) * cosine(10)
    """
    return constant(floor) + constant(1 - floor) * part if floor else part


def rising(start: float, steps: int, top: float = 1.0) -> Factor | None:
    """A linear warm-up, or nothing where it has no steps."""
    return linear(start, top, steps) if steps else None


def holding(value: float, steps: int) -> Factor | None:
    """A constant for so many steps, or nothing where there are none."""
    return constant(value, steps) if steps else None


def skipping(part: Factor, steps: int) -> Factor:
    """A part without its first steps."""
    return shift(part, steps) if steps else part


def join(*parts: Factor | None) -> Factor:
    """One part after the other; what is None is left out."""
    there = [part for part in parts if part is not None]
    return then(*there) if len(there) > 1 else there[0]


def first(part: Factor, steps: int) -> Factor:
    """The same part with a length of `steps`, so that another can follow."""
    own = part._steps()
    if own == steps:
        return part
    if own is None and isinstance(part, then):
        taken = sum(one._steps() or 0 for one in part.parts[:-1])
        if taken < steps:
            return join(*part.parts[:-1], first(part.parts[-1], steps - taken))
    if own is not None and own < steps:
        return part * constant(1.0, steps)  # type: ignore[no-any-return]
    if own is None and part._endless and part.fields().get("length", 0) is None:
        return part.replace(length=steps)
    return cooldown(part, 1, at=steps - 1)


def sequence(owner: str, schedules: Sequence[Expression], boundaries: Sequence[int]) -> Expression:
    """Each schedule from its boundary on, counted from there: all factors, or all rates."""
    if len(boundaries) != len(schedules) - 1 or list(boundaries) != sorted(boundaries):
        raise StepsizeError(f"{owner}: {len(schedules)} schedules need {len(schedules) - 1} rising boundaries")
    rates = [one for one in schedules if isinstance(one, rate)]
    if rates and len(rates) < len(schedules):
        raise StepsizeError(f"{owner}: give each factor a base rate (0.1 * …), {rates[0]} has one")
    base = max((one.base for one in rates), default=1.0) or 1.0
    starts = [0, *boundaries]
    parts: list[Factor] = []
    for i, one in enumerate(schedules):
        steps = starts[i + 1] - starts[i] if i + 1 < len(starts) else None
        if steps != 0:
            parts.append(_scaled(one, base, steps))
    return rate(base, join(*parts)) if rates else join(*parts)


def _scaled(one: Expression, base: float, steps: int | None) -> Factor:
    scale = 1.0 if isinstance(one, Factor) else one.base / base
    part = one if isinstance(one, Factor) else one.factor
    part = part if steps is None else first(part, steps)
    return part if scale == 1 else constant(scale, steps) * part


def knots(*pairs: tuple[float, float], shape: str = "linear") -> Factor:
    """Lines or half cosines between (when, factor), where `when` may lie between two steps or before the first.

    >>> knots((0, 0.04), (29, 1), (99, 0))
    piecewise((0, 0.04), (29, 1), (99, 0))
    """
    begun = [pair for pair in pairs if pair[0] <= 0][-1:]
    path = [*begun, *(pair for pair in pairs if pair[0] > 0)]
    if len(path) == 1:
        return constant(path[0][1])
    if path[0][0] == 0 and all(float(when).is_integer() for when, _ in path):
        return piecewise(*((int(when), value) for when, value in path), shape=shape)
    text = plain(path[0][1])
    for (begin, low), (end, high) in pairwise(path):
        passed = f"(t {'-' if begin > 0 else '+'} {plain(abs(begin))})" if begin else "t"
        way = f"max(min({passed} / {plain(end - begin)}, 1), 0)"
        way = way if shape == "linear" else f"(0.5 - 0.5 * cos(pi * {way}))"
        text += f" {'-' if high < low else '+'} {plain(abs(high - low))} * {way}"
    return formula(f"max({text}, 0)")


def multistep_at(milestones: Sequence[int], gamma: float) -> Factor:
    """gamma^(milestones reached), where milestones may come twice or lie at the start.

    >>> multistep_at([5, 5, 9], 0.1)
    stages(1.0, 0.010000000000000002, 0.0010000000000000002, at=(5, 9))
    """
    at = sorted({one for one in milestones if one > 0})
    counts = [sum(one <= bound for one in milestones) for bound in (0, *at)]
    return stages(*(float(gamma) ** count for count in counts), at=tuple(at))
