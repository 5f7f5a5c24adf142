# ruff: noqa: N802
"""The warm-ups of `pytorch_warmup` (0.2): factors to multiply with any schedule, as that library does.

`pytorch_warmup.LinearWarmup(10) * torch.CosineAnnealingLR(100)`: the decay runs under the warm-up, not after it.
"""

from __future__ import annotations

from ..schedules.saturation import rectification, saturation
from ..schedules.shapes import warmup
from ._arguments import COUNT, MEMORY, preset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..schedules.base import Factor

__all__ = ["ExponentialWarmup", "LinearWarmup", "RAdamWarmup", "UntunedExponentialWarmup", "UntunedLinearWarmup"]


@preset(warmup_period=COUNT)
def LinearWarmup(warmup_period: int) -> Factor:
    """A line that wastes no update.

    Formula: min(1, (t + 1)/warmup_period). Source: pytorch_warmup.LinearWarmup.

    >>> LinearWarmup(10)
    warmup(10)
    """
    return warmup(warmup_period)


@preset(warmup_period=COUNT)
def ExponentialWarmup(warmup_period: int) -> Factor:
    """A rise that closes in on 1.

    Formula: 1 − exp(−(t + 1)/warmup_period). Source: pytorch_warmup.ExponentialWarmup.

    >>> ExponentialWarmup(10)
    saturation(10)
    """
    return saturation(warmup_period)


@preset(beta2=MEMORY)
def UntunedLinearWarmup(beta2: float = 0.999) -> Factor:
    """A linear warm-up as long as Adam's memory, cut to a whole number of steps.

    Formula: LinearWarmup(⌊2/(1 − beta2)⌋), 1999 for 0.999 in floating point; `untuned_linear` rounds, to 2000.
    Source: pytorch_warmup.UntunedLinearWarmup.

    >>> UntunedLinearWarmup()
    warmup(1999)
    """
    return warmup(int(2.0 / (1.0 - beta2)))


@preset(beta2=MEMORY)
def UntunedExponentialWarmup(beta2: float = 0.999) -> Factor:
    """An exponential warm-up as slow as Adam's memory, cut to a whole number of steps.

    Formula: ExponentialWarmup(⌊1/(1 − beta2)⌋), 999 for 0.999; `untuned_exponential` rounds, to 1000.
    Source: pytorch_warmup.UntunedExponentialWarmup.

    >>> UntunedExponentialWarmup()
    saturation(999)
    """
    return saturation(int(1.0 / (1.0 - beta2)))


@preset(beta2=MEMORY)
def RAdamWarmup(beta2: float = 0.999) -> Factor:
    """RAdam's rectification term as a warm-up.

    Formula: √((ρ − 4)(ρ − 2)ρ∞/((ρ∞ − 4)(ρ∞ − 2)ρ)) with ρ of step t + the first with ρ > 4. Nothing differs from
    `rectification`. Source: pytorch_warmup.RAdamWarmup.

    >>> RAdamWarmup()
    rectification()
    """
    return rectification(beta2)
