# ruff: noqa: N802
"""The schedulers of `fvcore.common.param_scheduler`: rates, because fvcore takes absolute values.

fvcore's are functions of `where`, the share of the run that is done; here where = t/steps, so that each takes `steps`
as well. fvcore compares `where` with a boundary after adding 1e-6.
"""

from __future__ import annotations

from itertools import pairwise
from math import ceil

from .._errors import StepsizeError
from ..schedules.decays import polynomial
from ..schedules.rate import rate
from ..schedules.shapes import exponential, stages
from ._arguments import COUNT, LISTED, NATURAL, POSITIVE, SOME, preset, together
from ._shared import line_on, sequence, skipping, wave_between

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._shared import Expression

__all__ = [
    "CompositeParamScheduler",
    "ConstantParamScheduler",
    "CosineParamScheduler",
    "ExponentialParamScheduler",
    "LinearParamScheduler",
    "MultiStepParamScheduler",
    "PolynomialDecayParamScheduler",
    "StepParamScheduler",
    "StepWithFixedGammaParamScheduler",
]
_EPSILON = 1e-6


@preset()
def ConstantParamScheduler(value: float) -> rate:
    """The same value at every step.

    Formula: value. fvcore raises from the end of the run on; this holds. Source: fvcore ConstantParamScheduler.

    >>> ConstantParamScheduler(0.1)
    rate(0.1)
    """
    return rate(value)


@preset(start_value=NATURAL, end_value=NATURAL, steps=COUNT)
def CosineParamScheduler(start_value: float, end_value: float, *, steps: int) -> rate:
    """A cosine from one value to another that swings back past the end.

    Formula: end + (start − end)(1 + cos(πt/steps))/2. Source: fvcore CosineParamScheduler.

    >>> CosineParamScheduler(0.1, 0.0, steps=100)
    0.1 * formula('0.5 * (1 + cos(pi * t / 100))')
    """
    return wave_between(start_value, end_value, steps)


@preset(steps=COUNT)
def ExponentialParamScheduler(start_value: float, decay: float, *, steps: int) -> rate:
    """A constant ratio for each run, going on past the end.

    Formula: start·decay^(t/steps). Source: fvcore ExponentialParamScheduler.

    >>> ExponentialParamScheduler(0.1, 0.5, steps=100)
    0.1 * exponential(0.5, every=100)
    """
    return rate(start_value, exponential(decay, every=steps))


@preset(start_value=NATURAL, end_value=NATURAL, steps=COUNT)
def LinearParamScheduler(start_value: float, end_value: float, *, steps: int) -> rate:
    """A line from one value to another, going on past the end.

    Formula: end·w + start·(1 − w), w = t/steps. fvcore turns negative where the line falls below 0; this stays at 0.
    Source: fvcore LinearParamScheduler.

    >>> LinearParamScheduler(0.1, 0.0, steps=100)
    0.1 * linear(length=100)
    """
    base = start_value or end_value or 1.0
    return rate(base, line_on(start_value / base, end_value / base, steps))


@preset(steps=COUNT)
def PolynomialDecayParamScheduler(base_value: float, power: float, *, steps: int) -> rate:
    """A power of what is left, then 0.

    Formula: base·(1 − t/steps)^power. Past the end fvcore's is negative, complex, or rising again, as the power has
    it; this stays at 0. Source: fvcore PolynomialDecayParamScheduler.

    >>> PolynomialDecayParamScheduler(0.1, 0.9, steps=100)
    0.1 * polynomial(0.9, 100)
    """
    return rate(base_value, polynomial(power, steps))


@preset(num_updates=POSITIVE, values=SOME, steps=COUNT)
def StepParamScheduler(num_updates: float, values: Sequence[float], *, steps: int) -> rate:
    """A list of values over equal parts of the run.

    Formula: values[⌊(t/steps + 1e-6)·n⌋]; fvcore does not use num_updates. From the end of the run on it raises; this
    holds the last value. Source: fvcore StepParamScheduler.

    >>> StepParamScheduler(100, [1.0, 0.5, 0.1], steps=90)
    1.0 * stages(1.0, 0.5, 0.1, at=(30, 60))
    """
    n = len(values)
    return _staged(values, [_begin(n, i, steps) for i in range(1, n)])


@preset(base_value=POSITIVE, num_decays=LISTED, gamma=POSITIVE, num_updates=COUNT, steps=COUNT)
def StepWithFixedGammaParamScheduler(
    base_value: float, num_decays: int, gamma: float, num_updates: int, *, steps: int
) -> rate:
    """Step decay over equal parts of the run.

    Formula: base·gamma^⌊(t/steps + 1e-6)·(num_decays + 1)⌋. From the end of the run on fvcore raises; this holds.
    Source: fvcore StepWithFixedGammaParamScheduler.

    >>> StepWithFixedGammaParamScheduler(1.0, 2, 0.5, 90, steps=90)
    1.0 * stages(1.0, 0.5, 0.25, at=(30, 60))
    """
    values = [base_value]
    for _ in range(num_decays):
        values.append(values[-1] * gamma)
    return StepParamScheduler(num_updates, values, steps=steps)


@preset(values=SOME, num_updates=COUNT, milestones=COUNT, steps=COUNT)
def MultiStepParamScheduler(
    values: Sequence[float], num_updates: int | None = None, milestones: Sequence[int] | None = None, *, steps: int
) -> rate:
    """A list of values with milestones counted in num_updates, which may be epochs.

    Formula: values[milestones ≤ ⌊(t/steps + 1e-6)·num_updates⌋]; without milestones equal parts of
    ⌈num_updates/n⌉, without num_updates the last milestone is its end. Past the end fvcore raises; this holds.
    Source: fvcore MultiStepParamScheduler.

    >>> MultiStepParamScheduler([1.0, 0.5, 0.1], 9, [3, 6], steps=900)
    1.0 * stages(1.0, 0.5, 0.1, at=(300, 600))
    """
    owner = "MultiStepParamScheduler"
    if milestones is not None:
        wanted = len(values) - (num_updates is not None)
        together(owner, len(milestones) == wanted, f"milestones must have {wanted} values, not {len(milestones)}")
    if milestones is None:
        if num_updates is None:
            raise StepsizeError("MultiStepParamScheduler: write num_updates=100 or milestones=[30, 60, 100]")
        width = ceil(num_updates / float(len(values)))
        milestones = [width * i for i in range(1, len(values))]
    elif num_updates is None:
        num_updates, milestones = milestones[-1], milestones[:-1]
    together(owner, num_updates >= len(values), f"num_updates must be ≥ {len(values)}, not {num_updates}")
    rising = all(low < high for low, high in pairwise([0, *milestones, num_updates]))
    together(owner, rising, f"milestones must rise and lie below num_updates={num_updates}, not {list(milestones)}")
    return _staged(values, [_begin(num_updates, one, steps) for one in milestones])


@preset(schedulers=SOME, lengths=SOME, steps=COUNT)
def CompositeParamScheduler(
    schedulers: Sequence[rate], lengths: Sequence[float], interval_scaling: Sequence[str], *, steps: int
) -> Expression:
    """One schedule after the other, each over its share of the run.

    Formula: schedulers[i] from where = lengths[0] + … + lengths[i−1] on. Make a "rescaled" one with the steps of its
    own share, a "fixed" one with those of the run, of which it shows its part. Source: fvcore CompositeParamScheduler.

    >>> up, down = LinearParamScheduler(0.0, 0.1, steps=10), CosineParamScheduler(0.1, 0.0, steps=90)
    >>> CompositeParamScheduler([up, down], [0.1, 0.9], ["rescaled", "rescaled"], steps=100).base
    0.1
    """
    owner, count = "CompositeParamScheduler", len(schedulers)
    same = count == len(lengths) == len(interval_scaling)
    together(owner, same, f"lengths and interval_scaling must have a value for each of the {count} schedulers")
    together(owner, abs(sum(lengths) - 1) < 1e-3, f"the sum of lengths must be 1, not {sum(lengths):g}")
    starts, running = [0], 0.0
    for length in lengths[:-1]:
        running += length
        starts.append(_begin(1, running, steps, strict=True))
    parts = []
    for one, start, scaling in zip(schedulers, starts, interval_scaling, strict=True):
        if scaling not in ("rescaled", "fixed"):
            raise StepsizeError(f"CompositeParamScheduler: rescaled or fixed, not {scaling!r}")
        parts.append(one if scaling == "rescaled" else rate(one.base, skipping(one.factor, start)))
    return sequence("CompositeParamScheduler", parts, starts[1:])


def _begin(parts: int, bound: float, steps: int, strict: bool = False) -> int:
    """The first step at which the share of the run, in so many parts, has reached (or passed) a boundary."""
    t = max(ceil(bound / parts * steps) - 2 - ceil(_EPSILON * steps), 0)
    while (t / steps + _EPSILON) * parts < bound or (strict and t / steps + _EPSILON == bound):
        t += 1
    return t


def _staged(values: Sequence[float], at: Sequence[int]) -> rate:
    """Each value from its step on; of several at one step the last."""
    kept = {0: values[0], **dict(zip(at, values[1:], strict=True))}
    return rate(1.0, stages(*kept.values(), at=tuple(step for step in kept if step)))
