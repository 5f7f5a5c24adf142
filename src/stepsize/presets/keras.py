# ruff: noqa: N802
"""The schedules of `keras.optimizers.schedules` (3.15): rates, because keras takes absolute values.

keras computes in float32 (in float64 only on TensorFlow); these compute in float64.
"""

from __future__ import annotations

from math import floor

from ..schedules.decays import inverse_time
from ..schedules.formulas import formula
from ..schedules.rate import rate
from ..schedules.shapes import constant, cosine, exponential, stages, staircase
from ._arguments import NATURAL, POSITIVE, SOME, preset
from ._shared import above, again, half_cosine, join, plain, powered, rising

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..schedules.base import Factor

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
]


@preset(decay_steps=POSITIVE)
def ExponentialDecay(
    initial_learning_rate: float, decay_steps: int, decay_rate: float, staircase: bool = False
) -> rate:
    """A constant ratio every decay_steps.

    Formula: initial·decay_rate^(t/S), staircase with ⌊t/S⌋. It never ends.
    Source: keras.optimizers.schedules.ExponentialDecay.

    >>> ExponentialDecay(0.1, 1000, 0.96, staircase=True)
    0.1 * staircase(0.96, 1000)
    """
    return rate(initial_learning_rate, _exponential(decay_rate, decay_steps, staircase))


@preset(values=SOME)
def PiecewiseConstantDecay(boundaries: Sequence[float], values: Sequence[float]) -> rate:
    """A list of rates; each holds up to *and including* its boundary.

    Formula: values[number of boundaries < t]: a boundary of 100 changes the rate at t = 101, where torch and
    `stages` change it at 100. Source: keras.optimizers.schedules.PiecewiseConstantDecay.

    >>> PiecewiseConstantDecay([100, 200], [1.0, 0.5, 0.1])
    1.0 * stages(1.0, 0.5, 0.1, at=(101, 201))
    """
    return rate(1.0, stages(*values, at=tuple(floor(one) + 1 for one in boundaries)))


@preset(initial_learning_rate=NATURAL, decay_steps=POSITIVE, end_learning_rate=NATURAL, power=NATURAL)
def PolynomialDecay(
    initial_learning_rate: float,
    decay_steps: int,
    end_learning_rate: float = 1e-4,
    power: float = 1.0,
    cycle: bool = False,
) -> rate:
    """From one rate to another along a power of what is left; with cycle it begins again from the middle.

    Formula: end + (initial − end)·(1 − min(t, D)/D)^power; with cycle D grows to the next multiple ≥ t, so that each
    start is lower. Source: keras.optimizers.schedules.PolynomialDecay.

    >>> PolynomialDecay(0.1, 100, 0.0, power=2.0)
    0.1 * polynomial(2.0, 100)
    """
    if not cycle:
        return powered(initial_learning_rate, end_learning_rate, power, decay_steps)
    base = max(initial_learning_rate, end_learning_rate) or 1.0
    end, fall = end_learning_rate / base, (initial_learning_rate - end_learning_rate) / base
    stretched = f"({decay_steps} * max(1, -floor(-t / {decay_steps})))"
    falling = f"{plain(abs(fall))} * (1 - t / {stretched}) ** {plain(power)}"
    return rate(base, formula(f"{plain(end)} {'-' if fall < 0 else '+'} {falling}"))


@preset(decay_steps=POSITIVE)
def InverseTimeDecay(
    initial_learning_rate: float, decay_steps: int, decay_rate: float, staircase: bool = False
) -> rate:
    """One over a straight line.

    Formula: initial/(1 + decay_rate·t/S), staircase with ⌊t/S⌋. It never ends.
    Source: keras.optimizers.schedules.InverseTimeDecay.

    >>> InverseTimeDecay(0.1, 10, 0.5)
    0.1 * inverse_time(0.5, 10)
    """
    if decay_rate == 0:
        return rate(initial_learning_rate)
    return rate(initial_learning_rate, inverse_time(decay_rate, decay_steps, staircase=staircase))


@preset(decay_steps=POSITIVE)
def CosineDecay(
    initial_learning_rate: float,
    decay_steps: int,
    alpha: float = 0.0,
    warmup_target: float | None = None,
    warmup_steps: int = 0,
) -> rate:
    """Half a cosine down to alpha times its start, after an optional linear warm-up to warmup_target.

    Formula: initial + (target − initial)·t/W, then target·(alpha + (1 − alpha)(1 + cos(π(t − W)/D))/2), held.
    decay_steps *excludes* the warm-up (optax includes it); without a warmup_target, warmup_steps does nothing.
    Source: keras.optimizers.schedules.CosineDecay.

    >>> CosineDecay(0.0, 90, warmup_target=0.1, warmup_steps=10)
    0.1 * (linear(0.0, 1.0, 10) >> cosine(90))
    """
    body = half_cosine(1, alpha, decay_steps)
    if warmup_target is None:
        return rate(initial_learning_rate, body)
    if warmup_target == 0:
        return rate(initial_learning_rate, join(rising(1.0, warmup_steps, 0.0), constant(0.0)))
    return rate(warmup_target, join(rising(initial_learning_rate / warmup_target, warmup_steps), body))


@preset(first_decay_steps=POSITIVE)
def CosineDecayRestarts(
    initial_learning_rate: float,
    first_decay_steps: int,
    t_mul: float = 2.0,
    m_mul: float = 1.0,
    alpha: float = 0.0,
) -> rate:
    """A cosine that begins again, each cycle t_mul times as long and m_mul times as high above alpha.

    Formula: initial·(alpha + (1 − alpha)·m_mulⁱ·(1 + cos(πs/Tᵢ))/2), s the step in cycle i. keras takes i from a
    logarithm and gives alpha instead of the restart where that rounds down; this counts.
    Source: keras.optimizers.schedules.CosineDecayRestarts.

    >>> CosineDecayRestarts(0.1, 100, m_mul=0.5)
    0.1 * repeat(cosine(100), growth=2.0, height=0.5)
    """
    if m_mul == 1:
        return rate(initial_learning_rate, again(half_cosine(1, alpha, first_decay_steps), growth=t_mul))
    waves = again(cosine(first_decay_steps), growth=t_mul, height=m_mul)
    return rate(initial_learning_rate, above(alpha, waves))


def _exponential(decay_rate: float, decay_steps: int, stairs: bool) -> Factor:
    return staircase(decay_rate, decay_steps) if stairs else exponential(decay_rate, every=decay_steps)
