# ruff: noqa: N802
"""The schedulers of `composer.optim.scheduler` (0.32): factors of the optimizer's rate.

A time is a number of batches or composer's own string: "100ba", "3ep", "1e6sp", "2e9tok", "0.3dur"; epochs, samples,
tokens and shares are turned into updates by `.over(…)`, rounded where composer cuts off. A trainer's `scale_schedule_
ratio` is `stretch`; `scale_warmup` is not covered.
"""

from __future__ import annotations

from .._errors import StepsizeError
from ..schedules.base import Factor
from ..schedules.combine import then
from ..schedules.decays import polynomial
from ..schedules.recipes import multistep
from ..schedules.shapes import constant, cosine, exponential, linear, stages, staircase
from ..schedules.time import repeat
from ._shared import join, multistep_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

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
_UNITS = {"ba": "", "ep": "ep", "sp": "samples", "tok": "tok"}
_FARTHEST = 10**7


def StepScheduler(step_size: Length, gamma: float = 0.1) -> Factor:
    """Step decay.

    Formula: gamma^⌊t/step_size⌋. Source: composer StepScheduler.

    >>> StepScheduler("30ep")
    staircase(0.1, '30ep')
    """
    return staircase(gamma, _time(step_size))


def MultiStepScheduler(milestones: Sequence[Length], gamma: float = 0.1) -> Factor:
    """Step decay at given times.

    Formula: gamma^(milestones ≤ t). Source: composer MultiStepScheduler.

    >>> MultiStepScheduler(["30ep", "0.8dur"], 0.5)
    stages(1.0, 0.5, 0.25, at=('30ep', '80%'))
    """
    times = [_time(one) for one in milestones]
    steps = [one for one in times if isinstance(one, int)]
    return multistep_at(steps, gamma) if len(steps) == len(times) else multistep(*times, gamma=gamma)


def ConstantScheduler(alpha: float = 1.0, t_max: Length = "1dur") -> Factor:
    """A constant factor until t_max, then 1 whatever it was.

    Formula: alpha for t < t_max, then 1. Source: composer ConstantScheduler.

    >>> ConstantScheduler(0.5, "100ba")
    stages(0.5, 1.0, at=(100,))
    """
    return stages(alpha, 1.0, at=(_time(t_max),))


def LinearScheduler(alpha_i: float = 1.0, alpha_f: float = 0.0, t_max: Length = "1dur") -> Factor:
    """A line from one factor to another, held.

    Formula: i + (f − i)·min(t/t_max, 1). Source: composer LinearScheduler.

    >>> LinearScheduler(t_max="100ba")
    linear(length=100)
    """
    return linear(alpha_i, alpha_f, _time(t_max))


def ExponentialScheduler(gamma: float, decay_period: Length = "1ep") -> Factor:
    """A constant ratio every decay_period.

    Formula: gamma^(t/decay_period). Source: composer ExponentialScheduler.

    >>> ExponentialScheduler(0.9)
    exponential(0.9, every='1ep')
    """
    return exponential(gamma, every=_time(decay_period))


def CosineAnnealingScheduler(t_max: Length = "1dur", alpha_f: float = 0.0) -> Factor:
    """Half a cosine down to alpha_f, held.

    Formula: f + (1 − f)(1 + cos(π·min(t/t_max, 1)))/2. Source: composer CosineAnnealingScheduler.

    >>> CosineAnnealingScheduler("1dur", 0.1)
    cosine('100%', final=0.1)
    """
    return cosine(_time(t_max), final=alpha_f)


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


def PolynomialScheduler(power: float, t_max: Length = "1dur", alpha_f: float = 0.0) -> Factor:
    """A power of what is left, down to alpha_f, held.

    Formula: f + (1 − f)(1 − min(t/t_max, 1))^power. Source: composer PolynomialScheduler.

    >>> PolynomialScheduler(2.0, "100ba")
    polynomial(2.0, 100)
    """
    return polynomial(power, _time(t_max), final=alpha_f)


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


def ConstantWithWarmupScheduler(t_warmup: Length, alpha: float = 1.0, t_max: Length = "1dur") -> Factor:
    """A linear warm-up from 0 to alpha, then constant.

    Formula: alpha·min(t/W, 1). Source: composer ConstantWithWarmupScheduler.

    >>> ConstantWithWarmupScheduler("10ba")
    linear(0.0, 1.0, 10) >> constant()
    """
    return join(_warmup(_time(t_warmup), alpha), constant(alpha))


def LinearWithWarmupScheduler(
    t_warmup: Length, alpha_i: float = 1.0, alpha_f: float = 0.0, t_max: Length = "1dur"
) -> Factor:
    """A linear warm-up from 0, then a line that ends at t_max, held.

    Formula: i·t/W, then i + (f − i)·min((t − W)/(t_max − W), 1); t_max includes the warm-up.
    Source: composer LinearWithWarmupScheduler.

    >>> LinearWithWarmupScheduler("10ba", t_max="100ba")
    linear(0.0, 1.0, 10) >> linear(length=90)
    """
    return join(_warmup(_time(t_warmup), alpha_i), linear(alpha_i, alpha_f, _rest(t_warmup, t_max)))


def CosineAnnealingWithWarmupScheduler(t_warmup: Length, t_max: Length = "1dur", alpha_f: float = 0.0) -> Factor:
    """A linear warm-up from 0, then half a cosine that ends at t_max, held.

    Formula: t/W, then f + (1 − f)(1 + cos(π·min((t − W)/(t_max − W), 1)))/2; t_max includes the warm-up.
    Source: composer CosineAnnealingWithWarmupScheduler.

    >>> CosineAnnealingWithWarmupScheduler("0.1dur")
    linear(0.0, 1.0, '10%') >> cosine()
    """
    return join(_warmup(_time(t_warmup), 1.0), cosine(_rest(t_warmup, t_max), final=alpha_f))


def PolynomialWithWarmupScheduler(
    t_warmup: Length, power: float = 2.0, t_max: Length = "1dur", alpha_f: float = 0.0
) -> Factor:
    """A linear warm-up from 0, then a power of what is left that ends at t_max, held.

    Formula: t/W, then f + (1 − f)(1 − min((t − W)/(t_max − W), 1))^power; t_max includes the warm-up.
    Source: composer PolynomialWithWarmupScheduler.

    >>> PolynomialWithWarmupScheduler("10ba", t_max="100ba")
    linear(0.0, 1.0, 10) >> polynomial(2.0, 90)
    """
    return join(_warmup(_time(t_warmup), 1.0), polynomial(power, _rest(t_warmup, t_max), final=alpha_f))


def _time(time: Length) -> Length:
    """A time of composer as a length: batches as a number, the other units as ours are written."""
    if isinstance(time, int):
        return time
    text = time.strip()
    if text.endswith("dur"):
        return f"{100 * float(text.removesuffix('dur')):g}%"
    for unit, ours in _UNITS.items():
        if text.endswith(unit):
            amount = float(text.removesuffix(unit))
            return f"{amount:g}{ours}" if ours else int(amount)
    raise StepsizeError(f"{time!r} is no time of composer: write '100ba', '3ep', '1e6sp', '2e9tok' or '0.3dur'")


def _rest(warmup: Length, end: Length) -> Length | None:
    """What is left of `end` after the warm-up; None, which takes what is left of the run, for the whole run."""
    steps, last = _time(warmup), _time(end)
    if last == "100%":
        return None
    if isinstance(steps, int) and isinstance(last, int):
        return last - steps
    raise StepsizeError(f"give t_warmup and t_max in batches ('100ba'), or t_max as '1dur', not {warmup!r} and {end!r}")


def _warmup(length: Length, top: float) -> Factor | None:
    return None if length in (0, "0%", "0ep") else linear(0.0, top, length)
