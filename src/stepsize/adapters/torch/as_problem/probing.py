"""What a torch problem must know of a module before it trains: whether it can, and what one pass is like."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.parameter import is_lazy
from torch.utils.flop_counter import FlopCounterMode

from ...._errors import StepsizeError
from .masks import generators, seeded
from .rows import attempt, told


def check_module(module: nn.Module, loss_fn: object) -> None:
    """Refuse modules that cannot be a function of their parameters and of rows of data."""
    if not callable(loss_fn):
        raise StepsizeError(f"problem: loss_fn must be a function of (output, targets), not {loss_fn!r}")
    if isinstance(loss_fn, nn.Module) and any(one.requires_grad for one in loss_fn.parameters()):
        raise StepsizeError(
            "problem: loss_fn has parameters of its own, which nothing would train: move them into module"
        )
    if any(is_lazy(one) for one in (*module.parameters(), *module.buffers())):
        raise StepsizeError("problem: the module has lazy parameters: call it once on some rows before you pass it")
    trained = {name: one for name, one in module.named_parameters() if one.requires_grad}
    if not trained:
        raise StepsizeError("problem: the module must have parameters to train, with requires_grad=True, not 0")
    for name, one in trained.items():
        if not one.is_floating_point():
            kind = str(one.dtype).removeprefix("torch.")
            raise StepsizeError(f"problem: parameters must be real numbers, not {kind} as {name}: keep two real ones")


class Probed(NamedTuple):
    """What one pass over a few rows showed.

    `random` says whether a pass draws random numbers, by training mode; `changed` are the buffers that it changes in
    training mode; `flops` counts the floating-point operations of one row's forward pass (at least one multiplication
    and one addition for each parameter, where torch counts none); `by_rows` says whether the loss of two rows is the
    mean of theirs alone in evaluation mode, so that they may be evaluated in pieces of any size.
    """

    random: dict[bool, bool]
    changed: tuple[str, ...]
    flops: float
    by_rows: bool


def probe(module: nn.Module, loss_fn: Callable[[Any, Any], Tensor], rows: tuple[Tensor, ...]) -> Probed:
    """Run the first rows in both modes, and say now what would fail later; the module stays as it is."""
    random: dict[bool, bool] = {}
    flops, changed, device = 0.0, tuple[str, ...](), rows[0].device
    for train in (True, False):
        tried = copy.deepcopy(module).train(train)
        watched = _Watched(tried)
        with seeded(0, device):
            states = generators(device)
            with FlopCounterMode(display=False) as counter:
                loss = _loss(tried, loss_fn, rows)
            random[train] = any(not torch.equal(a, b) for a, b in zip(states, generators(device), strict=True))
        changed = watched.changed() if train else changed
        flops = max(flops, float(counter.get_total_flops()))
        _check_loss(loss, rows)
    with seeded(0, device), torch.no_grad():
        by_rows = _is_mean(tried, loss_fn, rows)
    numbers = sum(one.numel() for one in module.parameters())
    return Probed(random, changed, max(flops / len(rows[0]), 2.0 * numbers), by_rows)


class _Watched:
    """The buffers of a module as they are now; `changed` names those that were since written into or replaced."""

    def __init__(self, module: nn.Module) -> None:
        self.module, self.own = module, dict(module.named_buffers())
        self.versions = {name: one._version for name, one in self.own.items()}
        self.values = {name: one.clone() for name, one in self.own.items()}  # not all kernels count what they write

    def changed(self) -> tuple[str, ...]:
        now = dict(self.module.named_buffers())
        return tuple(name for name in self.own if self._differs(name, now[name]))

    def _differs(self, name: str, now: Tensor) -> bool:
        if now is not self.own[name] or now._version != self.versions[name]:
            return True
        return not torch.equal(now.nan_to_num(), self.values[name].nan_to_num())


def _loss(module: nn.Module, loss_fn: Callable[[Any, Any], Tensor], rows: tuple[Tensor, ...]) -> Any:
    inputs, targets = rows[:-1], rows[-1]
    output = attempt("the module", inputs, lambda: functional_call(module, {}, inputs))
    return attempt("loss_fn", (output, targets), lambda: loss_fn(output, targets))


def _check_loss(loss: Any, rows: tuple[Tensor, ...]) -> None:
    if not isinstance(loss, Tensor) or loss.ndim or not loss.is_floating_point():
        raise StepsizeError(
            f"problem: loss_fn must return one real number, the mean over the rows, not {told((loss,))}: end it with "
            ".mean()"
        )
    if not loss.requires_grad:
        raise StepsizeError("problem: the loss must depend on the parameters of the module, not on the data alone")


def _is_mean(module: nn.Module, loss_fn: Callable[[Any, Any], Tensor], rows: tuple[Tensor, ...]) -> bool:
    """Refuse a sum: two rows would cost as much as both alone; what cannot be asked one by one is taken as given."""
    if len(rows[0]) < 2:
        return False
    try:
        both, first, second = (
            float(_loss(module, loss_fn, tuple(one[part] for one in rows)))
            for part in (slice(0, 2), slice(0, 1), slice(1, 2))
        )
    except StepsizeError:
        return False
    total = first + second
    if abs(both - total) <= 1e-3 * abs(total) and abs(both) > 1e-6:
        raise StepsizeError(
            'problem: loss_fn must be a mean over the rows, not a sum: write reduction="mean", or divide by the rows'
        )
    return abs(2 * both - total) <= 1e-3 * abs(total)
