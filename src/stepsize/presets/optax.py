"""The schedules of `optax.schedules`, as optax 0.2.8 computes them: rates, because optax takes absolute values.

optax allows negative values; a rate is ≥ 0 and an error says so. `inject_hyperparams` is no schedule.
"""

from __future__ import annotations

from itertools import accumulate
from operator import mul

from .._errors import StepsizeError
from ..schedules.combine import clamp
from ..schedules.formulas import formula
from ..schedules.rate import rate
from ..schedules.shapes import constant, cosine, exponential, stages, staircase
from ._arguments import NATURAL, POSITIVE, SHARE, WHOLE, preset
from ._shared import Expression, holding, join, knots, plain, powered, rising, sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from ..schedules.base import Factor

__all__ = [
    "constant_schedule",
    "cosine_decay_schedule",
    "cosine_onecycle_schedule",
    "exponential_decay",
    "join_schedules",
    "linear_onecycle_schedule",
    "linear_schedule",
    "piecewise_constant_schedule",
    "piecewise_interpolate_schedule",
    "polynomial_schedule",
    "sgdr_schedule",
    "warmup_constant_schedule",
    "warmup_cosine_decay_schedule",
    "warmup_exponential_decay_schedule",
]


@preset()
def constant_schedule(value: float) -> rate:
    """The same rate at every step.

    Formula: value. Source: optax.constant_schedule.

    >>> constant_schedule(0.1)
    rate(0.1)
    """
    return rate(value)


@preset(transition_steps=WHOLE, transition_begin=WHOLE)
def polynomial_schedule(
    init_value: float, end_value: float, power: float, transition_steps: int, transition_begin: int = 0
) -> rate:
    """From one rate to another along a power of what is left.

    Formula: end + (init − end)·(1 − s/T)^power, s = t − begin from 0 to T; T ≤ 0 means init for ever.
    Source: optax.polynomial_schedule.

    >>> polynomial_schedule(1.0, 0.1, 2, 100)
    1.0 * polynomial(2, 100, final=0.1)
    """
    if transition_steps <= 0:
        return rate(init_value)
    whole = powered(init_value, end_value, power, transition_steps)
    return rate(whole.base, join(holding(whole.factor(0), max(transition_begin, 0)), whole.factor))


@preset(transition_steps=WHOLE, transition_begin=WHOLE)
def linear_schedule(init_value: float, end_value: float, transition_steps: int, transition_begin: int = 0) -> rate:
    """A line from one rate to another.

    Formula: init + (end − init)·s/T, s = t − begin from 0 to T; T ≤ 0 means init for ever.
    Source: optax.linear_schedule.

    >>> linear_schedule(0.0, 0.1, 10)
    0.1 * linear(0.0, 1.0, 10)
    """
    return polynomial_schedule(init_value, end_value, 1, transition_steps, transition_begin)


@preset(boundaries_and_scales=NATURAL)
def piecewise_constant_schedule(init_value: float, boundaries_and_scales: Mapping[int, float] | None = None) -> rate:
    """Steps at boundaries; the scales multiply up.

    Formula: init·(product of the scales whose boundary ≤ t); `stages` takes each factor as it is.
    Source: optax.piecewise_constant_schedule.

    >>> piecewise_constant_schedule(1.0, {30: 0.5, 60: 0.5})
    1.0 * stages(1.0, 0.5, 0.25, at=(30, 60))
    """
    at, factors = _multiplied(boundaries_and_scales)
    begun = sum(bound <= 0 for bound in at)
    return rate(init_value, stages(*factors[begun:], at=tuple(at[begun:])))


@preset(transition_steps=WHOLE, transition_begin=WHOLE)
def exponential_decay(
    init_value: float,
    transition_steps: int,
    decay_rate: float,
    transition_begin: int = 0,
    staircase: bool = False,
    end_value: float | None = None,
) -> rate:
    """A constant ratio every transition_steps.

    Formula: init·decay_rate^(s/S), s = t − begin ≥ 0, staircase with ⌊s/S⌋; end_value is a floor where
    decay_rate < 1, else a ceiling. S ≤ 0 or a decay_rate of 0 means init for ever. Source: optax.exponential_decay.

    >>> exponential_decay(1.0, 10, 0.5, end_value=0.1)
    1.0 * clamp(exponential(0.5, every=10), 0.1)
    """
    if transition_steps <= 0 or decay_rate == 0 or init_value == 0:
        kept = max(init_value, end_value or 0.0) if transition_steps > 0 and 0 < decay_rate < 1 else init_value
        return rate(kept)
    body = _exponential(transition_steps, decay_rate, transition_begin, staircase)
    return rate(init_value, _bounded(body, decay_rate, init_value, end_value))


@preset(decay_steps=POSITIVE)
def cosine_decay_schedule(init_value: float, decay_steps: int, alpha: float = 0.0, exponent: float = 1.0) -> rate:
    """Half a cosine down to alpha times the start, optionally raised to a power.

    Formula: init·(alpha + (1 − alpha)·((1 + cos(π·min(t, T)/T))/2)^exponent).
    Source: optax.cosine_decay_schedule.

    >>> cosine_decay_schedule(0.1, 100, alpha=0.1)
    0.1 * cosine(100, final=0.1)
    """
    return rate(init_value, _cosine(decay_steps, alpha, exponent))


@preset(boundaries_and_scales=NATURAL)
def piecewise_interpolate_schedule(
    interpolate_type: str, init_value: float, boundaries_and_scales: Mapping[int, float] | None = None
) -> rate:
    """Lines or half cosines between knots; the scales multiply up.

    Formula: knots (0, init), (boundary, init·product of the scales up to it); held after the last.
    Source: optax.piecewise_interpolate_schedule.

    >>> piecewise_interpolate_schedule("linear", 1.0, {4: 0.5, 8: 0.5})
    1.0 * piecewise((0, 1.0), (4, 0.5), (8, 0.25))
    """
    if interpolate_type not in ("linear", "cosine"):
        raise StepsizeError(f"piecewise_interpolate_schedule: linear or cosine, not {interpolate_type!r}")
    at, factors = _multiplied(boundaries_and_scales)
    return rate(init_value, knots(*zip((0, *at), factors, strict=True), shape=interpolate_type))


@preset(transition_steps=POSITIVE, pct_start=SHARE, pct_final=SHARE, div_factor=POSITIVE, final_div_factor=POSITIVE)
def linear_onecycle_schedule(
    transition_steps: int,
    peak_value: float,
    pct_start: float = 0.3,
    pct_final: float = 0.85,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> rate:
    """Lines up to the peak, back to the start and on to the end.

    Formula: knots (0, peak/div), (⌊start·T⌋, peak), (⌊final·T⌋, peak/div), (T, peak/div/final_div).
    Its end is final_div_factor below the *start*, as the code has it. Source: optax.linear_onecycle_schedule.

    >>> linear_onecycle_schedule(100, 1.0, div_factor=4.0, final_div_factor=5.0)
    1.0 * piecewise((0, 0.25), (30, 1.0), (85, 0.25), (100, 0.05))
    """
    low = 1 / div_factor
    path = {0: low, int(pct_start * transition_steps): 1.0, int(pct_final * transition_steps): low}
    return rate(peak_value, knots(*path.items(), (transition_steps, low / final_div_factor)))


@preset(transition_steps=POSITIVE, pct_start=SHARE, div_factor=POSITIVE, final_div_factor=POSITIVE)
def cosine_onecycle_schedule(
    transition_steps: int,
    peak_value: float,
    pct_start: float = 0.3,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> rate:
    """Half a cosine up to the peak and half a cosine down to the end.

    Formula: knots (0, peak/div), (⌊start·T⌋, peak), (T, peak/(div·final_div)); torch's knots are one step earlier.
    Source: optax.cosine_onecycle_schedule.

    >>> cosine_onecycle_schedule(100, 1.0, div_factor=4.0, final_div_factor=5.0)
    1.0 * piecewise((0, 0.25), (30, 1.0), (100, 0.05), shape='cosine')
    """
    low = 1 / div_factor
    path = [(0, low), (int(pct_start * transition_steps), 1.0), (transition_steps, low / final_div_factor)]
    return rate(peak_value, knots(*path, shape="cosine"))


@preset()
def warmup_constant_schedule(init_value: float, peak_value: float, warmup_steps: int) -> rate:
    """A linear warm-up, then constant.

    Formula: init + (peak − init)·min(t, W)/W; W = 0 means init for ever. Source: optax.warmup_constant_schedule.

    >>> warmup_constant_schedule(0.0, 0.1, 10)
    0.1 * linear(0.0, 1.0, 10)
    """
    return linear_schedule(init_value, peak_value, warmup_steps)


@preset()
def warmup_cosine_decay_schedule(
    init_value: float,
    peak_value: float,
    warmup_steps: int,
    decay_steps: int,
    end_value: float = 0.0,
    exponent: float = 1.0,
) -> rate:
    """A linear warm-up, then half a cosine; decay_steps contains the warm-up.

    Formula: init + (peak − init)·t/W, then cosine_decay over decay_steps − W with alpha = end/peak, then end.
    Source: optax.warmup_cosine_decay_schedule.

    >>> warmup_cosine_decay_schedule(0.0, 0.1, 10, 100)
    0.1 * (linear(0.0, 1.0, 10) >> cosine(90))
    """
    if peak_value == 0:
        return linear_schedule(init_value, 0.0, warmup_steps) if warmup_steps else rate(0.0)
    body = _cosine(decay_steps - warmup_steps, end_value / peak_value, exponent)
    return rate(peak_value, join(rising(init_value / peak_value, warmup_steps), body))


@preset()
def warmup_exponential_decay_schedule(
    init_value: float,
    peak_value: float,
    warmup_steps: int,
    transition_steps: int,
    decay_rate: float,
    transition_begin: int = 0,
    staircase: bool = False,
    end_value: float | None = None,
) -> rate:
    """A linear warm-up, then a constant ratio every transition_steps, counted from the end of the warm-up.

    Formula: init + (peak − init)·t/W, then exponential_decay at t − W.
    Source: optax.warmup_exponential_decay_schedule.

    >>> warmup_exponential_decay_schedule(0.0, 0.1, 10, 20, 0.5)
    0.1 * (linear(0.0, 1.0, 10) >> exponential(0.5, every=20))
    """
    body = exponential_decay(peak_value, transition_steps, decay_rate, transition_begin, staircase, end_value)
    if peak_value == 0:
        base = max(init_value, body.base) or 1.0
        return rate(base, join(rising(init_value / base, warmup_steps, 0.0), constant(body.base / base)))
    return rate(peak_value, join(rising(init_value / peak_value, warmup_steps), body.factor))


@preset()
def sgdr_schedule(cosine_kwargs: Iterable[Mapping[str, Any]]) -> Expression:
    """Warm restarts: one warm-up and cosine after the other.

    Formula: warmup_cosine_decay_schedule(**kwargs) for each, each for its decay_steps.
    Source: optax.sgdr_schedule.

    >>> sgdr_schedule([dict(init_value=0.0, peak_value=p, warmup_steps=2, decay_steps=10) for p in (1.0, 0.5)])
    1.0 * (linear(0.0, 1.0, 2) >> cosine(8) >> constant(0.5) * (linear(0.0, 1.0, 2) >> cosine(8)))
    """
    kwargs = list(cosine_kwargs)
    ends = list(accumulate(one["decay_steps"] for one in kwargs))
    return join_schedules([warmup_cosine_decay_schedule(**one) for one in kwargs], ends[:-1])


@preset()
def join_schedules(schedules: Sequence[Expression], boundaries: Sequence[int]) -> Expression:
    """One schedule after the other, each counted from its boundary.

    Formula: schedules[i] at t − boundaries[i−1]; a part longer than its share is cut, a shorter one holds.
    Source: optax.join_schedules.

    >>> join_schedules([linear_schedule(0.0, 0.1, 10), constant_schedule(0.1)], [10])
    0.1 * (linear(0.0, 1.0, 10) >> constant())
    """
    return sequence("join_schedules", schedules, boundaries)


def _multiplied(boundaries_and_scales: Mapping[int, float] | None) -> tuple[list[int], list[float]]:
    """The boundaries, and the factors from the start on."""
    pairs = sorted((boundaries_and_scales or {}).items())
    return [at for at, _ in pairs], list(accumulate((scale for _, scale in pairs), mul, initial=1.0))


def _cosine(decay_steps: int, alpha: float, exponent: float) -> Factor:
    if exponent == 1 and 0 <= alpha <= 1:
        return cosine(decay_steps, final=alpha)
    power = "" if exponent == 1 else f" ** {plain(exponent)}"
    return formula(f"{plain(alpha)} + {plain(1 - alpha)} * (0.5 * (1 + cos(pi * u))){power}", decay_steps)


def _exponential(every: int, decay_rate: float, begin: int, stairs: bool) -> Factor:
    body = staircase(decay_rate, every) if stairs else exponential(decay_rate, every=every)
    return join(holding(1.0, max(begin, 0)), body)


def _bounded(body: Factor, decay_rate: float, init_value: float, end_value: float | None) -> Factor:
    if end_value is None:
        return body
    bound = end_value / init_value
    if decay_rate < 1:
        return clamp(body, low=bound)
    return clamp(body, high=bound) if bound >= 0 else constant(0.0)
