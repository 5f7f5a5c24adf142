# ruff: noqa: N802
"""The learning-rate schedulers of `mmengine.optim` (0.10): factors of the optimizer's rate.

Each acts in a window begin ≤ t < end: before it the factor is 1, after it the value of the window's last step stands.
A list of schedulers in a configuration is the product of their presets, as long as those with an eta_min come after
the others have returned to 1. `eta_min` is a rate: with it, say the optimizer's as `base_lr`. t counts what mmengine
steps, epochs or iterations. Not here: ReduceOnPlateauLR sees the run.
"""

from __future__ import annotations

from .._errors import StepsizeError, one_of
from ..schedules.decays import polynomial
from ..schedules.rate import rate
from ..schedules.shapes import constant, cosine, exponential, linear, stages, staircase
from . import torch
from ._arguments import COUNT, COUNTS, NATURAL, POSITIVE, SHARE, preset, together
from ._shared import first, half_cosine, holding, join, multistep_at, share, wave

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..schedules.base import Factor

__all__ = [
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineRestartLR",
    "ExponentialLR",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "PolyLR",
    "StepLR",
]
INF = int(1e9)  # mmengine's word for a window that never closes


@preset(step_size=COUNT, gamma=NATURAL)
def StepLR(step_size: int, gamma: float = 0.1, begin: int = 0, end: int = INF) -> Factor:
    """Step decay inside a window.

    Formula: gamma^⌊s/step_size⌋, s = t − begin. Source: mmengine.optim.StepLR.

    >>> StepLR(30)
    staircase(0.1, 30)
    """
    return _window(staircase(gamma, step_size), begin, end)


@preset(gamma=NATURAL)
def MultiStepLR(milestones: Sequence[int], gamma: float = 0.1, begin: int = 0, end: int = INF) -> Factor:
    """Step decay at given steps, counted from the beginning of the window.

    Formula: gamma^(milestones ≤ s), s = t − begin. Source: mmengine.optim.MultiStepLR.

    >>> MultiStepLR([30, 60], 0.5)
    stages(1.0, 0.5, 0.25, at=(30, 60))
    """
    return _window(multistep_at(milestones, gamma), begin, end)


@preset(factor=SHARE)
def ConstantLR(factor: float = 1 / 3, begin: int = 0, end: int = INF) -> Factor:
    """A constant factor until the last step of the window, which has 1 already.

    Formula: factor for s < end − begin − 1, then 1: torch's lasts one step longer. Source: mmengine.optim.ConstantLR.

    >>> ConstantLR(0.5, end=5)
    stages(0.5, 1.0, at=(4,))
    """
    steps = end - begin - 1
    return _window(stages(factor, 1.0, at=(steps,)) if 0 < steps < INF - 1 else constant(factor), begin, INF)


@preset(start_factor=SHARE, end_factor=SHARE)
def LinearLR(start_factor: float = 1 / 3, end_factor: float = 1.0, begin: int = 0, end: int = INF) -> Factor:
    """A line that arrives in the last step of the window.

    Formula: start + (end − start)·s/(N − 1) in a window of N steps; a start_factor of 0 divides by 0 in mmengine.
    Source: mmengine.optim.LinearLR.

    >>> LinearLR(0.001, end=10)
    linear(0.001, 1.0, 9)
    """
    steps = end - begin - 1
    return _window(linear(start_factor, end_factor, steps) if steps else constant(start_factor), begin, INF)


@preset(gamma=NATURAL)
def ExponentialLR(gamma: float, begin: int = 0, end: int = INF) -> Factor:
    """A constant ratio from one step to the next inside a window.

    Formula: gamma^s, s = t − begin. Source: mmengine.optim.ExponentialLR.

    >>> ExponentialLR(0.9)
    exponential(0.9, every=1)
    """
    return _window(exponential(gamma, every=1), begin, end)


@preset(base_lr=POSITIVE)
def PolyLR(eta_min: float = 0.0, power: float = 1.0, begin: int = 0, end: int = INF, *, base_lr: float = 1.0) -> Factor:
    """A power of what is left that arrives in the last step of the window.

    Formula: m + (1 − m)(1 − s/(N − 1))^power in a window of N steps. Source: mmengine.optim.PolyLR.

    >>> PolyLR(power=2.0, end=101)
    polynomial(2.0, 100)
    """
    final, steps = share("PolyLR", "eta_min", eta_min, base_lr), end - begin - 1
    return _window(polynomial(power, steps, final=final) if steps else constant(), begin, INF)


@preset(base_lr=POSITIVE)
def CosineAnnealingLR(
    T_max: int | None = None,
    eta_min: float | None = None,
    begin: int = 0,
    end: int = INF,
    eta_min_ratio: float | None = None,
    *,
    base_lr: float = 1.0,
) -> Factor:
    """A cosine that freezes at the last step of its window, one short of the minimum where T_max is the window.

    Formula: m + (1 − m)(1 + cos(πs/T_max))/2, T_max = end − begin unless given; in a longer window it swings back.
    Source: mmengine.optim.CosineAnnealingLR.

    >>> CosineAnnealingLR(begin=10, end=14)
    constant(length=10) >> cosine(4) >> constant(0.14644660940672627)
    """
    length = T_max or end - begin
    final = _minimum("CosineAnnealingLR", eta_min, eta_min_ratio, base_lr)
    body: Factor = cosine(length, final=final) if length >= end - begin and final <= 1 else wave(length, final)
    return _window(body, begin, end)


@preset(periods=COUNTS, restart_weights=NATURAL, base_lr=POSITIVE)
def CosineRestartLR(
    periods: Sequence[int],
    restart_weights: Sequence[float] = (1,),
    eta_min: float | None = None,
    eta_min_ratio: float | None = None,
    begin: int = 0,
    end: int = INF,
    *,
    base_lr: float = 1.0,
) -> Factor:
    """Half cosines of given lengths and heights, down to one minimum; after the last its last step stands.

    Formula: m + (wᵢ − m)(1 + cos(πs/Tᵢ))/2, s the step in period i. Source: mmengine's CosineRestartLR.

    >>> CosineRestartLR([10, 20], [1, 0.5], eta_min=0)
    cosine(10) >> piecewise((0, 0.5), (20, 0.0), shape='cosine') >> constant(0.0030779148512155574)
    """
    owner = "CosineRestartLR"
    together(
        owner,
        len(periods) == len(restart_weights),
        f"periods and restart_weights must have the same length, not {len(periods)} and {len(restart_weights)}",
    )
    together(owner, eta_min is not None or eta_min_ratio is not None, "write eta_min=0 or eta_min_ratio=0.1")
    final = _minimum(owner, eta_min, eta_min_ratio, base_lr)
    parts = [half_cosine(weight, final, one) for one, weight in zip(periods, restart_weights, strict=True)]
    return _window(join(*parts, constant(parts[-1](periods[-1] - 1))), begin, end)


@preset(total_steps=COUNT, pct_start=SHARE, div_factor=POSITIVE, final_div_factor=POSITIVE)
def OneCycleLR(
    eta_max: float,
    total_steps: int | None = None,
    pct_start: float = 0.3,
    anneal_strategy: str = "cos",
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    three_phase: bool = False,
    begin: int = 0,
    end: int = INF,
) -> rate:
    """Up to eta_max and down again; a rate of its own.

    Formula: torch's OneCycleLR over total_steps, or end. Past total_steps mmengine raises; this holds. It must begin
    at 0, because before a later window the rate would be the optimizer's. Source: mmengine.optim.OneCycleLR.

    >>> OneCycleLR(0.1, 100)
    0.1 * piecewise((0, 0.04), (29, 1.0), (99, 4e-06), shape='cosine')
    """
    together("OneCycleLR", begin == 0, f"begin must be 0, not {begin!r}")
    one_of("OneCycleLR", "anneal_strategy", anneal_strategy, ("cos", "linear"))
    steps = end if total_steps is None else total_steps
    shape = (pct_start, anneal_strategy, div_factor, final_div_factor, three_phase)
    whole = torch.OneCycleLR(eta_max, steps, None, None, *shape)
    return whole if steps <= end else rate(eta_max, _window(whole.factor, 0, end))


def _minimum(owner: str, eta_min: float | None, ratio: float | None, base_lr: float) -> float:
    if eta_min is not None and ratio is not None:
        raise StepsizeError(f"{owner}: write one of eta_min and eta_min_ratio")
    return share(owner, "eta_min", eta_min or 0.0, base_lr) if ratio is None else float(ratio)


def _window(body: Factor, begin: int, end: int) -> Factor:
    """1 before the window, the body inside it, its last value after it."""
    if end <= begin:
        raise StepsizeError(f"end must be larger than begin, not {end!r} for begin={begin!r}")
    if end == INF:
        return join(holding(1.0, begin), body)
    return join(holding(1.0, begin), first(body, end - begin), constant(body(end - begin - 1)))
