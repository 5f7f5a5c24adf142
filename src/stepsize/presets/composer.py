# ruff: noqa: N802
"""The schedulers of `composer.optim.scheduler` (0.32): factors of the optimizer's rate.

A time is a number of batches or composer's own string: "100ba", "3ep", "1e6sp", "2e9tok", "0.3dur"; epochs, samples,
tokens and shares are turned into updates by `.over(…)`, rounded where composer cuts off. A trainer's `scale_schedule_
ratio` is `stretch`; `scale_warmup` is not covered.
"""

from __future__ import annotations

import re

from .._errors import StepsizeError, shown
from ..schedules.base import Factor
from ..schedules.combine import then
from ..schedules.decays import polynomial
from ..schedules.recipes import multistep
from ..schedules.shapes import constant, cosine, exponential, linear, stages, staircase
from ..schedules.time import repeat
from ._arguments import NATURAL, POSITIVE, preset
from ._shared import join, multistep_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..lengths import Length

__all__ = [
    "ConstantScheduler",
    "ConstantWithWarmupScheduler",
    "CosineAnnealingScheduler",
    "CosineAnnealingWarmRestartsScheduler",
    "CosineAnnealingWithWarmupScheduler",
    "ExponentialScheduler",
    "LinearScheduler",
    "LinearWithWarmupScheduler",
    "MultiStepScheduler",
    "MultiStepWithWarmupScheduler",
    "PolynomialScheduler",
    "PolynomialWithWarmupScheduler",
    "StepScheduler",
]
_TIME = re.compile(r"\s*(?P<amount>\d{1,15}(\.\d{0,15})?([eE][+-]?\d{1,2})?)\s*(?P<unit>ba|ep|sp|tok|dur)\s*")
_UNITS = {"ep": "ep", "sp": "samples", "tok": "tok"}
_FARTHEST = 10**7


@preset(gamma=NATURAL)
def StepScheduler(step_size: Length, gamma: float = 0.1) -> Factor:
    """Step decay.

    Formula: gamma^⌊t/step_size⌋. Source: composer StepScheduler.

    >>> StepScheduler("30ep")
    staircase(0.1, '30ep')
    """
    return staircase(gamma, _time(step_size))


@preset(gamma=NATURAL)
def MultiStepScheduler(milestones: Sequence[Length], gamma: float = 0.1) -> Factor:
    """Step decay at given times.

    Formula: gamma^(milestones ≤ t). Source: composer MultiStepScheduler.

    >>> MultiStepScheduler(["30ep", "0.8dur"], 0.5)
    stages(1.0, 0.5, 0.25, at=('30ep', '80%'))
    """
    times = [_time(one) for one in milestones]
    steps = [one for one in times if isinstance(one, int)]
    return multistep_at(steps, gamma) if len(steps) == len(times) else multistep(*times, gamma=gamma)


@preset(alpha=NATURAL)
def ConstantScheduler(alpha: float = 1.0, t_max: Length = "1dur") -> Factor:
    """A constant factor until t_max, then 1 whatever it was.

    Formula: alpha for t < t_max, then 1. Source: composer ConstantScheduler.

    >>> ConstantScheduler(0.5, "100ba")
    stages(0.5, 1.0, at=(100,))
    """
    return stages(alpha, 1.0, at=(_time(t_max),))


@preset()
def LinearScheduler(alpha_i: float = 1.0, alpha_f: float = 0.0, t_max: Length = "1dur") -> Factor:
    """A line from one factor to another, held.

    Formula: i + (f − i)·min(t/t_max, 1). Source: composer LinearScheduler.

    >>> LinearScheduler(t_max="100ba")
    linear(length=100)
    """
    return linear(alpha_i, alpha_f, _time(t_max))


@preset(gamma=NATURAL)
def ExponentialScheduler(gamma: float, decay_period: Length = "1ep") -> Factor:
    """A constant ratio every decay_period.

    Formula: gamma^(t/decay_period). Source: composer ExponentialScheduler.

    >>> ExponentialScheduler(0.9)
    exponential(0.9, every='1ep')
    """
    return exponential(gamma, every=_time(decay_period))


@preset()
def CosineAnnealingScheduler(t_max: Length = "1dur", alpha_f: float = 0.0) -> Factor:
    """Half a cosine down to alpha_f, held.

    Formula: f + (1 − f)(1 + cos(π·min(t/t_max, 1)))/2. Source: composer CosineAnnealingScheduler.

    >>> CosineAnnealingScheduler("1dur", 0.1)
    cosine('100%', final=0.1)
    """
    return cosine(_time(t_max), final=alpha_f)


@preset(t_mult=POSITIVE)
def CosineAnnealingWarmRestartsScheduler(t_0: Length, t_mult: float = 1.0, alpha_f: float = 0.0) -> Factor:
    """A cosine that begins again, each cycle t_mult times as long, cut to whole batches.

    Formula: f + (1 − f)(1 + cos(πs/Tᵢ))/2 with Tᵢ₊₁ = ⌊t_mult·Tᵢ⌋. A t_mult that is no whole number is written
    out cycle by cycle over ten million batches, and then holds. Source: composer CosineAnnealingWarmRestartsScheduler.

    >>> CosineAnnealingWarmRestartsScheduler("10ba", 2.0)
    repeat(cosine(10), growth=2.0)
    """
    length = _time(t_0)
    if float(t_mult).is_integer():
        return repeat(cosine(length, final=alpha_f), growth=t_mult)
    if not isinstance(length, int):
        raise StepsizeError(f"CosineAnnealingWarmRestartsScheduler: with t_mult={t_mult!r} give t_0 in batches, '10ba'")
    lengths = [length]
    while sum(lengths) < _FARTHEST and len(lengths) < 200:
        lengths.append(int(t_mult * lengths[-1]))
    if lengths[-1] == lengths[-2]:
        return repeat(cosine(length, final=alpha_f))
    return then(*(cosine(one, final=alpha_f) for one in lengths))


@preset()
def PolynomialScheduler(power: float, t_max: Length = "1dur", alpha_f: float = 0.0) -> Factor:
    """A power of what is left, down to alpha_f, held.

    Formula: f + (1 − f)(1 − min(t/t_max, 1))^power. Source: composer PolynomialScheduler.

    >>> PolynomialScheduler(2.0, "100ba")
    polynomial(2.0, 100)
    """
    return polynomial(power, _time(t_max), final=alpha_f)


@preset(gamma=NATURAL)
def MultiStepWithWarmupScheduler(t_warmup: Length, milestones: Sequence[Length], gamma: float = 0.1) -> Factor:
    """A linear warm-up from 0, then step decay at times counted from the start of the run.

    Formula: t/W, then gamma^(milestones ≤ t). Give all in batches. Source: composer MultiStepWithWarmupScheduler.

    >>> MultiStepWithWarmupScheduler("10ba", ["30ba", "60ba"])
    linear(0.0, 1.0, 10) >> stages(1.0, 0.1, 0.010000000000000002, at=(20, 50))
    """
    steps, times = _time(t_warmup), [_time(one) for one in milestones]
    if not isinstance(steps, int) or not all(isinstance(one, int) for one in times):
        raise StepsizeError(f"MultiStepWithWarmupScheduler: give times in batches, '10ba', not {[steps, *times]}")
    left = [one - steps for one in times if isinstance(one, int)]
    return join(_warmup(steps, 1.0), multistep_at(left, gamma))


@preset()
def ConstantWithWarmupScheduler(t_warmup: Length, alpha: float = 1.0, t_max: Length = "1dur") -> Factor:
    """A linear warm-up from 0 to alpha, then constant.

    Formula: alpha·min(t/W, 1). Source: composer ConstantWithWarmupScheduler.

    >>> ConstantWithWarmupScheduler("10ba")
    linear(0.0, 1.0, 10) >> constant()
    """
    return join(_warmup(_time(t_warmup), alpha), constant(alpha))


@preset()
def LinearWithWarmupScheduler(
    t_warmup: Length, alpha_i: float = 1.0, alpha_f: float = 0.0, t_max: Length = "1dur"
) -> Factor:
    """A linear warm-up from 0, then a line that ends at t_max, held.

    Formula: i·t/W, then i + (f − i)·min((t − W)/(t_max − W), 1); t_max includes the warm-up.
    Source: composer LinearWithWarmupScheduler.

    >>> LinearWithWarmupScheduler("10ba", t_max="100ba")
    linear(0.0, 1.0, 10) >> linear(length=90)
    """
    return _warmed(t_warmup, t_max, alpha_i, lambda rest: linear(alpha_i, alpha_f, rest))


@preset()
def CosineAnnealingWithWarmupScheduler(t_warmup: Length, t_max: Length = "1dur", alpha_f: float = 0.0) -> Factor:
    """A linear warm-up from 0, then half a cosine that ends at t_max, held.

    Formula: t/W, then f + (1 − f)(1 + cos(π·min((t − W)/(t_max − W), 1)))/2; t_max includes the warm-up.
    Source: composer CosineAnnealingWithWarmupScheduler.

    >>> CosineAnnealingWithWarmupScheduler("0.1dur")
    linear(0.0, 1.0, '10%') >> cosine()
    """
    return _warmed(t_warmup, t_max, 1.0, lambda rest: cosine(rest, final=alpha_f))


@preset()
def PolynomialWithWarmupScheduler(
    t_warmup: Length, power: float = 2.0, t_max: Length = "1dur", alpha_f: float = 0.0
) -> Factor:
    """A linear warm-up from 0, then a power of what is left that ends at t_max, held.

    Formula: t/W, then f + (1 − f)(1 − min((t − W)/(t_max − W), 1))^power; t_max includes the warm-up.
    Source: composer PolynomialWithWarmupScheduler.

    >>> PolynomialWithWarmupScheduler("10ba", t_max="100ba")
    linear(0.0, 1.0, 10) >> polynomial(2.0, 90)
    """
    return _warmed(t_warmup, t_max, 1.0, lambda rest: polynomial(power, rest, final=alpha_f))


def _time(time: Length) -> Length:
    """A time of composer as a length: batches as a number, the other units as ours are written."""
    if isinstance(time, int) and not isinstance(time, bool):
        return time
    found = _TIME.fullmatch(time) if isinstance(time, str) else None
    if found is None:
        raise StepsizeError(f"{shown(time)} is no time of composer: write '100ba', '3ep', '1e6sp' or '0.3dur'")
    amount, unit = float(found["amount"]), found["unit"]
    if unit == "dur":
        return f"{100 * amount:g}%"
    return int(amount) if unit == "ba" else f"{amount:g}{_UNITS[unit]}"


def _rest(warmup: Length, end: Length) -> Length | None:
    """What is left of `end` after the warm-up; None, which takes what is left of the run, for the whole run."""
    steps, last = _time(warmup), _time(end)
    if last == "100%":
        return None
    if isinstance(steps, int) and isinstance(last, int):
        return last - steps
    raise StepsizeError(f"give t_warmup and t_max in batches ('100ba'), or t_max as '1dur', not {warmup!r} and {end!r}")


def _warmed(t_warmup: Length, t_max: Length, top: float, body: Callable[[Length | None], Factor]) -> Factor:
    """The warm-up and the body; after a warm-up that takes the whole run its top is held, as composer does."""
    rest = _rest(t_warmup, t_max)
    whole = rest is None and _time(t_warmup) == "100%"
    held = whole or (isinstance(rest, int) and rest <= 0)
    return join(_warmup(_time(t_warmup), top), constant(top) if held else body(rest))


def _warmup(length: Length, top: float) -> Factor | None:
    return None if length in (0, "0%", "0ep") else linear(0.0, top, length)
