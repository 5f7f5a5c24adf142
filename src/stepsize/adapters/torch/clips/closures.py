"""What clips are asked to do: which ones, on which optimizer, around which closure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.optim import Optimizer

from ...._errors import StepsizeError
from ....clipping.stable import stable
from ....descents import Clip, descent
from ....text import parse


def with_closure(args: Any, kwargs: Any, wrap: Callable[[Callable[[], Any]], Callable[[], Any]]) -> Any:
    """The arguments of step with the closure wrapped; None where there is no closure."""
    if callable(kwargs.get("closure")):
        return args, {**kwargs, "closure": wrap(kwargs["closure"])}
    if len(args) > 1 and callable(args[1]):
        return (args[0], wrap(args[1]), *args[2:]), kwargs
    return None


def hookable(call: str, optimizer: Any) -> Optimizer:
    """The optimizer that makes the step: inside the wrappers that host frameworks put around it."""
    for _ in range(8):
        if isinstance(optimizer, Optimizer) and hasattr(optimizer, "_optimizer_step_pre_hooks"):
            return optimizer
        optimizer = getattr(optimizer, "optimizer", optimizer)
    raise StepsizeError(f"{call} works on a torch.optim.Optimizer, not {type(optimizer).__name__}: pass the optimizer")


def read_clips(call: str, clips: Any) -> tuple[Clip, ...]:
    """The clips in order, from a text, a value, or several."""
    several = clips if isinstance(clips, (tuple, list)) else (clips,)
    found: list[Any] = []
    for one in several:
        value = parse(one) if isinstance(one, str) else one
        found += value.stages if isinstance(value, descent) else [value]
    for one in found:
        if not isinstance(one, Clip):
            raise StepsizeError(f'{call} takes clips, not {one!r}: write "clip(0.01)" or "clip_norm(1) | clip(0.01)"')
        if isinstance(one, stable):
            raise StepsizeError(
                f"{call}: {one} looks into the rule, which this optimizer keeps to itself: write "
                f'stepsize.adapters.torch.optimizer(params, "adam() | {one} | 0.001")'
            )
    return tuple(found)
