# ruff: noqa: N802
"""The scheduler of `torchtitan.components.optimizer.lr_scheduler` (0.3): a factor of the optimizer's rate."""

from __future__ import annotations

from .._errors import StepsizeError
from ..schedules.formulas import formula
from ..schedules.shapes import warmup
from ._arguments import COUNT, preset
from ._shared import holding, join, line_on, plain, wave

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..schedules.base import Factor

__all__ = ["LRSchedulersContainer"]


@preset(total_steps=COUNT)
def LRSchedulersContainer(
    warmup_steps: int = 200,
    total_steps: int | None = None,
    decay_ratio: float | None = None,
    decay_type: str = "linear",
    min_lr_factor: float = 0.0,
    *,
    training_steps: int | None = None,
) -> Factor:
    """A warm-up that wastes no update, a hold, and a decay over the last decay_ratio of the run.

    Formula: (t + 1)/W, 1, m + (1 − m)·d(r), r = (t − T + D)/D: 1 − r, 1 − √r or (1 + cos πr)/2. Without a decay_ratio
    the decay begins after the warm-up. Trained past T, the cosine swings back and the others fall below 0, where this
    stays at 0. Source: torchtitan LRSchedulersContainer.Config.build.

    >>> LRSchedulersContainer(10, 100, decay_type="cosine")
    warmup(10) >> formula('0.5 * (1 + cos(pi * t / 90))')
    """
    total = training_steps if total_steps is None else total_steps
    if total is None:
        raise StepsizeError("LRSchedulersContainer: write total_steps=1000 or training_steps=1000")
    warm = min(warmup_steps, total)
    decay = total - warm if decay_ratio is None else min(round(total * decay_ratio), total - warm)
    parts = [warmup(warm) if warm else None, holding(1.0, total - warm - decay)]
    return join(*parts, _decay(decay_type, decay, min_lr_factor) if decay else holding(1.0, 1))


def _decay(shape: str, steps: int, final: float) -> Factor:
    if shape == "linear":
        return line_on(1.0, final, steps)
    if shape == "sqrt":
        return formula(f"max(1 - {plain(1 - final)} * sqrt(t / {steps}), 0)")
    if shape == "cosine":
        return wave(steps, final)
    raise StepsizeError(f"LRSchedulersContainer: decay_type is linear, sqrt or cosine, not {shape!r}")
