"""The batch evaluated at other parameters, for controllers that try rates: all comes back as it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ....descents import Arrays, State, descent
from ....quantities import Memory
from ....update import trial
from ..clips.norms import Member
from ..ranks import as_number

if TYPE_CHECKING:
    from .staged import StrategyEngine


class Trials:
    """Evaluations of the batch elsewhere; parameters and gradients come back as they were."""

    def __init__(
        self,
        made: StrategyEngine,
        moving: Mapping[str, Member],
        loss_of: Callable[[], Any] | None,
        closure: Callable[[], Any] | None,
    ) -> None:
        self.made, self.moving, self.loss_of, self.closure = made, moving, loss_of, closure
        self.grads: dict[str, Tensor] = {}

    def begin(self) -> bool:
        """Whether there is anything to evaluate with; a closure may clear gradients in place, so they are copied."""
        if self.loss_of is None and self.closure is not None:
            self.grads = {name: copied(gradient_of(one)) for name, one in self.moving.items()}
            self._give_back()
        return self.loss_of is not None or self.closure is not None

    def at(self, carried: descent, at: Memory, after: State) -> Callable[[float], float]:
        """From a rate to the loss of the batch where it leads."""

        def loss_of(there: Arrays) -> float:
            try:
                self._put(there)
                return as_number("loss_of", self._evaluated())
            finally:
                self._put(at["params"])

        return trial(carried.parts, at, after, loss_of)

    def _put(self, there: Arrays) -> None:
        for name, one in self.moving.items():
            one.param.copy_(there[name])
        torch.clear_autocast_cache()  # an autocast around the loop would go on with the weights that it cast before

    def _evaluated(self) -> Any:
        if self.loss_of is not None:
            return self.loss_of()
        assert self.closure is not None
        for one in self.moving.values():
            one.param.grad = None  # a closure that clears gradients in place would clear those of the update
        try:
            with self.made._guard.paused(), torch.enable_grad():
                return self.closure()
        finally:
            self._give_back()

    def _give_back(self) -> None:
        for name, one in self.moving.items():
            one.param.grad = self.grads[name]


def copied(tensor: Tensor) -> Tensor:
    """A tensor's numbers in memory of their own."""
    return tensor.detach().clone()


def gradient_of(one: Member) -> Tensor:
    """The gradient of a parameter that moves."""
    assert one.param.grad is not None  # those that have none do not move
    return one.param.grad
