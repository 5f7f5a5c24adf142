# ruff: noqa: N802
"""The schedulers of OLMo-core that are made of stages, and how its counts of steps are read."""

from __future__ import annotations

from .._errors import StepsizeError
from ..schedules.shapes import constant, linear
from ._arguments import COUNTS, POSITIVE, SOME, preset
from ._shared import first, half_cosine, holding, join, rising, share, skipping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..schedules.base import Factor


@preset(period_lengths=COUNTS, initial_lr=POSITIVE)
def WSDS(
    period_lengths: Sequence[int],
    period_lr_multipliers: Sequence[float] | None = None,
    warmup: int | None = None,
    warmup_fraction: float | None = None,
    decay: int | None = None,
    decay_fraction: float | None = None,
    warmup_min_lr: float = 0.0,
    decay_min_lr: float = 0.0,
    *,
    initial_lr: float = 1.0,
) -> Factor:
    """A warm-up, then periods that hold and decay, each with its own peak.

    Formula: in each period p, then a line from p to decay_min_lr over its last D steps. The step at which a period
    begins still belongs to the one before, and has its minimum. Source: olmo_core.optim.WSDS.

    >>> WSDS([50, 40], warmup=10, decay=10)
    linear(0.0, 1.0, 10) >> constant(length=30) >> linear(length=10) >> constant(0.0, 1) >> constant(length=29) >> \
linear(length=10) >> constant(0.0)
    """
    steps = steps_of("WSDS", "warmup", warmup, warmup_fraction, period_lengths[0])
    low = share("WSDS", "decay_min_lr", decay_min_lr, initial_lr)
    peaks = [1.0] * len(period_lengths) if period_lr_multipliers is None else list(period_lr_multipliers)
    start = share("WSDS", "warmup_min_lr", warmup_min_lr, initial_lr)
    parts: list[Factor | None] = [rising(start, steps, peaks[0])]
    for i, (length, peak) in enumerate(zip(period_lengths, peaks, strict=True)):
        tail = steps_of("WSDS", "decay", decay, decay_fraction, length)
        hold = length - tail - (1 if i else steps)
        line = linear(peak, low, tail)
        parts += [holding(low, 1)] if i else []
        parts += [holding(peak, hold), line] if hold >= 0 else [skipping(line, -hold)]
    return join(*parts, constant(low))


@preset(stages=SOME)
def ComposableScheduler(
    stages: Sequence[Mapping[str, Any]], override_decay: Mapping[str, Any] | None = None, *, initial_lr: float = 1.0
) -> Factor:
    """Lines and half cosines one after the other, each from where the last one ended unless it says otherwise.

    Formula: a stage goes from start to end over `duration` steps; the last value holds. A stage is a mapping with
    duration, shape ("linear" or "cosine"), start_lr or start_lr_fraction, end_lr or end_lr_fraction; override_decay
    has a start instead, at which it replaces the rest. Source: olmo_core.optim.ComposableScheduler.

    >>> ComposableScheduler([{"duration": 10, "start_lr": 0.0, "end_lr_fraction": 1.0}])
    linear(0.0, 1.0, 10)
    """
    parts, last = [], 1.0
    for one in stages:
        start, end = _end(one, "start", initial_lr, last), _end(one, "end", initial_lr, 0.0)
        parts.append(_stage(one, start, end))
        last = end
    whole = join(*parts)
    if override_decay is None:
        return whole
    at = int(override_decay["start"])
    tail = _stage(override_decay, whole(at), _end(override_decay, "end", initial_lr, 0.0))
    return join(first(whole, at) if at else None, tail)


def _stage(stage: Mapping[str, Any], start: float, end: float) -> Factor:
    shape, steps = stage.get("shape", "linear"), int(stage["duration"])
    if shape not in ("linear", "cosine"):
        raise StepsizeError(f"ComposableScheduler: shape must be linear or cosine, not {shape!r}")
    return linear(start, end, steps) if shape == "linear" else half_cosine(start, end, steps)


def _end(stage: Mapping[str, Any], which: str, initial_lr: float, otherwise: float) -> float:
    """The start or the end of a stage as a factor."""
    if stage.get(f"{which}_lr") is not None:
        return share("ComposableScheduler", f"{which}_lr", stage[f"{which}_lr"], initial_lr)
    return float(stage.get(f"{which}_lr_fraction", otherwise))


def steps_of(owner: str, field: str, steps: int | None, fraction: float | None, whole: int | None) -> int:
    """A count of steps, or a fraction of the whole rounded to steps."""
    if (steps is None) == (fraction is None):
        raise StepsizeError(f"{owner}: write one of {field}=100 and {field}_fraction=0.1")
    return steps if steps is not None else round(horizon(owner, whole) * float(fraction or 0.0))


def horizon(owner: str, t_max: int | None) -> int:
    if t_max is None:
        raise StepsizeError(f"{owner}: write t_max=1000, the steps of the run")
    return t_max
