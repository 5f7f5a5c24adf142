# ruff: noqa: N802
"""The schedulers of `torch.optim.lr_scheduler` and `torch.optim.swa_utils`, as torch 2.13 runs them.

Factors of the optimizer's rate, except OneCycleLR and CyclicLR, which are rates of their own. torch gives `eta_min` and
`swa_lr` as rates: with them, say the optimizer's as `base_lr`. Not here: LambdaLR and MultiplicativeLR take a Python
function (write `formula(…)`), ReduceLROnPlateau sees the run.
"""

from __future__ import annotations

from .._errors import StepsizeError
from ..schedules.combine import product
from ..schedules.decays import polynomial
from ..schedules.rate import rate
from ..schedules.recipes import cyclic
from ..schedules.shapes import constant, exponential, linear, stages, staircase
from ..schedules.time import repeat
from ._arguments import COUNT, NATURAL, POSITIVE, SHARE, SOME, Bounds, preset
from ._shared import Expression, half_cosine, knots, multistep_at, sequence, share, wave

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..schedules.base import Factor

__all__ = [
    "SWALR",
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "PolynomialLR",
    "SequentialLR",
    "StepLR",
]


@preset(step_size=COUNT, gamma=NATURAL)
def StepLR(step_size: int, gamma: float = 0.1) -> Factor:
    """Step decay.

    Formula: gamma^⌊t/step_size⌋. Nothing differs from `staircase`. Source: torch.optim.lr_scheduler.StepLR.

    >>> StepLR(30)
    staircase(0.1, 30)
    """
    return staircase(gamma, step_size)


@preset(gamma=NATURAL)
def MultiStepLR(milestones: Sequence[int], gamma: float = 0.1) -> Factor:
    """Step decay at given steps.

    Formula: gamma^(milestones ≤ t). A milestone given twice counts twice, one at 0 lowers the first update; `multistep`
    refuses both. Source: torch.optim.lr_scheduler.MultiStepLR.

    >>> MultiStepLR([30, 80], gamma=0.5)
    stages(1.0, 0.5, 0.25, at=(30, 80))
    """
    return multistep_at(milestones, gamma)


@preset(factor=SHARE)
def ConstantLR(factor: float = 1 / 3, total_iters: int = 5) -> Factor:
    """A constant factor for a while, then 1.

    Formula: factor for t < total_iters, then 1; with total_iters = 0 it stays at the factor for ever.
    Source: torch.optim.lr_scheduler.ConstantLR.

    >>> ConstantLR(0.5, 10)
    stages(0.5, 1.0, at=(10,))
    """
    return stages(factor, 1.0, at=(total_iters,)) if total_iters else constant(factor)


@preset(start_factor=Bounds(above=0, high=1), end_factor=SHARE)
def LinearLR(start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5) -> Factor:
    """A line from one factor to another.

    Formula: start + (end − start)·min(t, N)/N; with total_iters = 0 it stays at the start for ever.
    Source: torch.optim.lr_scheduler.LinearLR.

    >>> LinearLR(0.1, total_iters=10)
    linear(0.1, 1.0, 10)
    """
    return linear(start_factor, end_factor, total_iters) if total_iters else constant(start_factor)


@preset(gamma=NATURAL)
def ExponentialLR(gamma: float) -> Factor:
    """A constant ratio from one step to the next.

    Formula: gamma^t. Nothing differs from `exponential(gamma, every=1)`.
    Source: torch.optim.lr_scheduler.ExponentialLR.

    >>> ExponentialLR(0.9)
    exponential(0.9, every=1)
    """
    return exponential(gamma, every=1)


@preset()
def PolynomialLR(total_iters: int = 5, power: float = 1.0) -> Factor:
    """A power of what is left.

    Formula: (1 − min(t, N)/N)^power. Nothing differs from `polynomial`; its minimum is always 0.
    Source: torch.optim.lr_scheduler.PolynomialLR.

    >>> PolynomialLR(100, 2.0)
    polynomial(2.0, 100)
    """
    return polynomial(power, total_iters)


@preset(T_max=COUNT, base_lr=POSITIVE)
def CosineAnnealingLR(T_max: int, eta_min: float = 0.0, *, base_lr: float = 1.0) -> Factor:
    """A cosine that swings back up after T_max, for ever.

    Formula: m + (1 − m)(1 + cos(πt/T_max))/2, m = eta_min/base_lr; `cosine` holds m instead.
    Source: torch.optim.lr_scheduler.CosineAnnealingLR.

    >>> CosineAnnealingLR(100)
    formula('0.5 * (1 + cos(pi * t / 100))')
    """
    return wave(T_max, share("CosineAnnealingLR", "eta_min", eta_min, base_lr))


@preset(T_0=COUNT, T_mult=COUNT, base_lr=POSITIVE)
def CosineAnnealingWarmRestarts(T_0: int, T_mult: int = 1, eta_min: float = 0.0, *, base_lr: float = 1.0) -> Factor:
    """A cosine that begins again, each cycle T_mult times as long.

    Formula: m + (1 − m)(1 + cos(πs/Tᵢ))/2, s the step in cycle i of T_0·T_multⁱ steps. This is `step()`;
    `step(epoch)` takes the cycle from a logarithm and misses some restarts.
    Source: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts.

    >>> CosineAnnealingWarmRestarts(10, 2)
    repeat(cosine(10), growth=2)
    """
    final = share("CosineAnnealingWarmRestarts", "eta_min", eta_min, base_lr)
    return repeat(half_cosine(1, final, T_0), growth=T_mult)


@preset(
    max_lr=POSITIVE,
    total_steps=COUNT,
    epochs=COUNT,
    steps_per_epoch=COUNT,
    pct_start=SHARE,
    div_factor=POSITIVE,
    final_div_factor=POSITIVE,
)
def OneCycleLR(
    max_lr: float,
    total_steps: int | None = None,
    epochs: int | None = None,
    steps_per_epoch: int | None = None,
    pct_start: float = 0.3,
    anneal_strategy: str = "cos",
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    three_phase: bool = False,
) -> rate:
    """Up to max_lr and down again.

    Formula: half cosines (or lines) through (0, max/div), (pct·T − 1, max), (T − 1, max/div/final_div), three_phase
    with (2·pct·T − 2, max/div) between. The minimum is reached in the last update and held; torch bounces for one more
    step and raises after it. The momentum that torch moves along is `onecycle_momentum`.
    Source: torch.optim.lr_scheduler.OneCycleLR.

    >>> OneCycleLR(0.1, 100)
    0.1 * piecewise((0, 0.04), (29, 1.0), (99, 4e-06), shape='cosine')
    """
    if total_steps is None:
        if epochs is None or steps_per_epoch is None:
            raise StepsizeError("OneCycleLR: write total_steps=1000, or epochs=10 and steps_per_epoch=100")
        total_steps = epochs * steps_per_epoch
    if anneal_strategy not in ("cos", "linear"):
        raise StepsizeError(f"OneCycleLR: anneal_strategy must be cos or linear, not {anneal_strategy!r}")
    low = 1 / div_factor
    path = [(0.0, low), (pct_start * total_steps - 1, 1.0), (total_steps - 1.0, low / final_div_factor)]
    if three_phase:
        path.insert(2, (2 * pct_start * total_steps - 2, low))
    return rate(max_lr, knots(*path, shape="cosine" if anneal_strategy == "cos" else "linear"))


@preset()
def CyclicLR(
    base_lr: float,
    max_lr: float,
    step_size_up: int = 2000,
    step_size_down: int | None = None,
    mode: str = "triangular",
    gamma: float = 1.0,
) -> rate:
    """Triangles between two rates.

    Formula: base + (max − base)·s(t)·k, s a triangle, k = 1, 2^−cycle (triangular2) or gamma^t (exp_range). A scale_fn
    of your own is a product: `cyclic(…) * formula(…)`. Source: torch.optim.lr_scheduler.CyclicLR.

    >>> CyclicLR(0.01, 0.1, 100)
    0.1 * (constant(0.09999999999999999) + constant(0.9) * repeat(linear(0.0, 1.0, 100) >> linear(length=100)))
    """
    low = share("CyclicLR", "base_lr", base_lr, max_lr)
    return rate(max_lr, cyclic(step_size_up, step_size_down, low=low, mode=mode, gamma=gamma))


@preset()
def SWALR(swa_lr: float, anneal_epochs: int = 10, anneal_strategy: str = "cos", *, base_lr: float = 1.0) -> Factor:
    """From the optimizer's rate to the rate of weight averaging, then constant.

    Formula: 1 + (s − 1)·c, s = swa_lr/base_lr, c = (1 − cos πu)/2 or u, u = min(t/anneal_epochs, 1).
    Source: torch.optim.swa_utils.SWALR.

    >>> SWALR(0.05, base_lr=0.1)
    cosine(10, final=0.5)
    """
    end = share("SWALR", "swa_lr", swa_lr, base_lr)
    if not anneal_epochs:
        return constant(end)
    return half_cosine(1, end, anneal_epochs) if anneal_strategy == "cos" else linear(1.0, end, anneal_epochs)


@preset(schedulers=SOME)
def SequentialLR(schedulers: Sequence[Expression], milestones: Sequence[int]) -> Expression:
    """One schedule after the other, each from its milestone on.

    Formula: schedulers[i] at t − milestones[i−1]; a part longer than its share is cut, a shorter one holds.
    Source: torch.optim.lr_scheduler.SequentialLR.

    >>> SequentialLR([LinearLR(0.1, total_iters=10), ExponentialLR(0.9)], [10])
    linear(0.1, 1.0, 10) >> exponential(0.9, every=1)
    """
    return sequence("SequentialLR", schedulers, milestones)


@preset(schedulers=SOME)
def ChainedScheduler(schedulers: Sequence[Factor]) -> Factor:
    """All schedules at once, multiplied.

    Formula: f₁(t)·f₂(t)·…  torch multiplies whatever rate it finds, which is this product except for members that add
    (an eta_min, a bounce) or that write their own rate (restarts, OneCycleLR, CyclicLR).
    Source: torch.optim.lr_scheduler.ChainedScheduler.

    >>> ChainedScheduler([ConstantLR(0.5, 10), ExponentialLR(0.9)])
    stages(0.5, 1.0, at=(10,)) * exponential(0.9, every=1)
    """
    return product(*schedulers)
