"""What a scheduler looks for in its first steps: updates that nobody makes, and steps that come once an epoch."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from math import gcd
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from .updates import Updates

_LOOKS = 3  # steps that are looked at
_SURE = 20  # a number of planned steps is a multiple of so large a prime part by chance once in so many runs


class Watch:
    """The updates between the first steps of a scheduler; each fault is told once, by a warning.

    A step belongs to one update, so the second step has seen two. No update at all, or the first one only after the
    first step, is told, unless a gradient that is not finite is there: then mixed precision has left it out. Many
    updates for each step are told only where it is sure that steps were planned as updates: a schedule planned in
    epochs and stepped by epochs is right.
    """

    def __init__(self, updates: Updates) -> None:
        self.updates = updates
        self.calls, self._seen = 0, updates.made
        self._before = 0  # the updates of the step before
        self._early = False  # whether the first step came before any update
        self.over = False

    def step(self, optimizer: Optimizer, units: Mapping[str, Any]) -> None:
        """A step is being counted."""
        if self.over:
            return
        self.calls += 1
        made = self.updates.made - self._seen
        self._seen += made
        self.over = self.updates.compiled or self.calls >= _LOOKS
        if self.updates.compiled:
            return
        if self.calls == 1:
            self._early = made == 0 and not _overflowed(optimizer)
        elif self.calls == 2 and self._early:
            self._tell(_without_updates() if made == 0 else _too_early(), made == 0 and _overflowed(optimizer))
        elif made == self._before and _planned_as_updates(made, units):
            self._tell(_once_an_epoch(made, units))
        self._before = made

    def evaluated(self, optimizer: Optimizer) -> None:
        """A metric came to a scheduler whose steps are the updates."""
        if self.over:
            return
        self.calls += 1
        made = self.updates.made - self._seen
        self.over = bool(made) or self.updates.compiled or self.calls >= _LOOKS
        if self.calls == 2 and not self.over:
            self._tell(_without_updates(), _overflowed(optimizer))

    def _tell(self, text: str, forgiven: bool = False) -> None:
        if not forgiven:
            self.over = True
            warnings.warn(f"Scheduler: {text}", stacklevel=5)


def _without_updates() -> str:
    return (
        "step() was called twice and this optimizer has made no update: call optimizer.step() before each step(), and "
        "schedule the optimizer that trains; where a GradScaler left updates out, write step(skipped=scaler)"
    )


def _too_early() -> str:
    return (
        "the first step() came before the first update, so the first value of the schedule was never used: call step() "
        "after optimizer.step(); where a GradScaler left that update out, write step(skipped=scaler)"
    )


def _once_an_epoch(made: int, units: Mapping[str, Any]) -> str:
    planned = "" if units["total_steps"] is None else f" of {units['total_steps']} planned"
    return (
        f"{made} updates were made since the last step(), which counts one{planned}: call step() after every update "
        'of the optimizer (in Lightning "interval": "step"), or plan in epochs: total_steps=epochs'
    )


def _planned_as_updates(made: int, units: Mapping[str, Any]) -> bool:
    """Whether it is sure that a step was meant to be one of so many updates.

    It is where the plan says how many steps an epoch has, or how many samples or tokens a step; and where the planned
    length is a whole number of such stretches, which a number of epochs is by chance only if it has the same large
    prime factors.
    """
    if made < 3:
        return False
    epoch, total = units["steps_per_epoch"], units["total_steps"]
    if epoch is not None:
        return bool(2 * made >= epoch > 1)
    if units["batch_size"] is not None or units["tokens_per_step"] is not None:
        return made >= 10
    return total is not None and total >= 2 * made and total % made == 0 and _rough(made) >= _SURE


def _rough(number: int) -> int:
    """What is left of a number without its factors 2, 3 and 5, which round numbers share."""
    while (common := gcd(number, 30)) > 1:
        number //= common
    return number


def _overflowed(optimizer: Optimizer) -> bool:
    """Whether a gradient is there that is not finite: mixed precision leaves such an update out."""
    grads = [one.grad for group in optimizer.param_groups for one in group["params"]]
    dense = [one.detach() for one in grads if isinstance(one, Tensor) and not one.is_sparse]
    return any(not bool(one.isfinite().all()) for one in dense)
