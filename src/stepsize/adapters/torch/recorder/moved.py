"""What an update did to the weights: its length whole and by layer, from one copy that is kept for that update only."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.optim import Optimizer

from ....course.recorded import UPDATE
from ..clips.norms import members_of
from .layers import REST, by_layer, whole_of


class Moved:
    """The weights before an update, while it is made."""

    def __init__(self, layers: Mapping[str, list[Tensor]]) -> None:
        self._layers = layers
        self._old: dict[Tensor, Tensor] = {}

    def keep(self, optimizer: Optimizer) -> None:
        """Copy every weight that may move."""
        members = [one.param for one in members_of(optimizer)]
        moving = [one for one in members if one.requires_grad or one.grad is not None]
        with torch.no_grad():
            self._old = {one: one.detach().clone() for one in moving}

    def forget(self) -> None:
        """The update is left out."""
        self._old = {}

    def found(self) -> dict[str, Tensor | float]:
        """The length of the update and of all weights before it, and for every layer the one over the other."""
        old, self._old = self._old, {}
        if not old:
            return {}
        with torch.no_grad():
            weights = by_layer(self._layers, old)
            torch._foreach_sub_(list(old.values()), [one.detach() for one in old])
            steps = by_layer(self._layers, old)
        row = {"update_norm": whole_of(steps), "weight_norm": whole_of(weights)}
        return row | {UPDATE + name: _ratio(steps[name], weights[name]) for name in steps if name != REST}


def _ratio(step: Tensor | float, weight: Tensor | float) -> Tensor | float:
    """The one over the other; NaN where there are no weights yet."""
    if isinstance(step, Tensor) or isinstance(weight, Tensor):
        return torch.as_tensor(step / weight)
    return step / weight if weight else torch.nan
