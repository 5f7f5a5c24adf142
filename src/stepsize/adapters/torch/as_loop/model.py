"""The module of a run and its loss: one batch in, one number out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ...._errors import StepsizeError
from ..as_problem.rows import told
from .attempts import attempt
from .parts import moved


class Model:
    """A module, its loss, and the precision in which both are computed."""

    def __init__(
        self, module: nn.Module, loss_fn: Callable[..., Any] | None, forward: Any, autocast: torch.dtype | None
    ) -> None:
        self.module, self.loss_fn, self.forward, self.autocast = module, loss_fn, forward, autocast
        if any(is_lazy(one) for one in (*module.parameters(), *module.buffers())):
            raise StepsizeError("training: the module has lazy parameters: call it once on a batch where you build it")
        self.trained = {name: one for name, one in module.named_parameters() if one.requires_grad}
        if not self.trained:
            raise StepsizeError("training: the module must have parameters to train, with requires_grad=True, not 0")
        strange = next((name for name, one in self.trained.items() if not one.is_floating_point()), None)
        if strange is not None:
            raise StepsizeError(f"training: parameters must be real numbers, not {strange}: keep two for a complex one")
        self.like: Tensor = next(iter(self.trained.values()))
        self.device = self.like.device
        module.train()

    def loss(self, batch: Any) -> Tensor:
        """The loss of a batch, ready for `backward`."""
        found = self.outcome(batch)[0]
        if not found.requires_grad:
            raise StepsizeError("training: the loss must depend on the parameters of the module, not on the data alone")
        return found

    def outcome(self, batch: Any) -> tuple[Tensor, Any, Any]:
        """The loss of a batch, with the output and the targets (None where the user's `forward` makes the loss)."""
        here = moved(batch, self.device)
        with torch.autocast(self.device.type, self.autocast) if self.autocast is not None else nullcontext():
            if self.forward is not None:
                return _checked(attempt("forward", lambda: self.forward(self.module, here)), "forward"), None, None
            if not isinstance(here, (tuple, list)) or len(here) < 2:
                raise StepsizeError(
                    f"training: a batch must be (inputs, …, targets), not {_shown(here)}: write forward=lambda module, "
                    "batch: … that returns the loss"
                )
            *inputs, targets = here
            output = attempt("the module", lambda: self.module(*inputs), tuple(inputs))
            assert self.loss_fn is not None
            loss_fn = self.loss_fn
            loss = attempt("loss_fn", lambda: loss_fn(output, targets), (output, targets))
        return _checked(loss, "loss_fn"), output, targets

    @contextmanager
    def looked_at(self) -> Iterator[None]:
        """While losses are only measured: evaluation mode, no gradients; afterwards every module is in its mode."""
        modes = {one: one.training for one in self.module.modules()}
        self.module.eval()
        try:
            with torch.no_grad():
                yield
        finally:
            for one, mode in modes.items():
                one.training = mode

    def tensors(self) -> dict[str, Tensor]:
        """Parameters and buffers, also those that `state_dict` leaves out, by name."""
        return {**dict(self.module.named_parameters()), **dict(self.module.named_buffers())}


def _checked(loss: Any, what: str) -> Tensor:
    if not isinstance(loss, Tensor) or loss.numel() != 1 or loss.ndim or not loss.is_floating_point():
        raise StepsizeError(
            f"training: {what} must return one real number, the mean over the rows, not {told((loss,))}: end it with "
            ".mean()"
        )
    return loss


def _shown(batch: Any) -> str:
    if isinstance(batch, (tuple, list)):
        return f"{len(batch)} part" + ("" if len(batch) == 1 else "s")
    return told((batch,))
