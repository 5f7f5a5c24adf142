"""What a torch problem must know of a module before it trains: whether it can, and what one pass is like."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.parameter import is_lazy
from torch.utils.flop_counter import FlopCounterMode

from ...._errors import StepsizeError
from .rows import attempt, told


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Random numbers from a seed on the module's device; the caller's generators stay as they are."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


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
    module.train()
    for name, one in module.named_modules():
        if isinstance(one, _NormBase) and one.training and one.running_mean is not None:
            raise StepsizeError(
                f"problem: {name or 'the module'} ({type(one).__name__}) keeps running statistics, so that a loss "
                "depends on earlier batches: use torch.nn.GroupNorm, or normalise by each batch alone with "
                "torch.func.replace_all_batch_norm_modules_(module)"
            )


def probe(
    module: nn.Module,
    loss_fn: Callable[[Any, Any], Tensor],
    rows: tuple[Tensor, ...],
) -> tuple[dict[bool, bool], float]:
    """Run the first rows in both modes, and say now what would fail later.

    Returns whether a pass draws random numbers, by training mode, and the floating-point operations of one row's
    forward pass (at least one multiplication and one addition for each parameter, where torch counts none).
    """
    random, flops, device = {}, 0.0, rows[0].device
    for train in (True, False):
        module.train(train)
        before = {name: one.clone() for name, one in module.named_buffers()}
        with seeded(0, device):
            states = _generators(device)
            with FlopCounterMode(display=False) as counter:
                loss = _loss(module, loss_fn, rows)
            random[train] = any(not torch.equal(a, b) for a, b in zip(states, _generators(device), strict=True))
        flops = max(flops, float(counter.get_total_flops()))
        _check_loss(loss, rows)
        _check_buffers(before, module)
    with seeded(0, device), torch.no_grad():
        _check_mean(module, loss_fn, rows)
    numbers = sum(one.numel() for one in module.parameters())
    return random, max(flops / len(rows[0]), 2.0 * numbers)


def _loss(module: nn.Module, loss_fn: Callable[[Any, Any], Tensor], rows: tuple[Tensor, ...]) -> Any:
    inputs, targets = rows[:-1], rows[-1]
    output = attempt("the module", inputs, lambda: functional_call(module, {}, inputs))
    return attempt("loss_fn", (output, targets), lambda: loss_fn(output, targets))


def _generators(device: torch.device) -> list[Tensor]:
    states = [torch.default_generator.get_state()]
    return [*states, torch.cuda.get_rng_state(device)] if device.type == "cuda" else states


def _check_loss(loss: Any, rows: tuple[Tensor, ...]) -> None:
    if not isinstance(loss, Tensor) or loss.ndim or not loss.is_floating_point():
        raise StepsizeError(
            f"problem: loss_fn must return one real number, the mean over the rows, not {told((loss,))}: end it with "
            ".mean()"
        )
    if not loss.requires_grad:
        raise StepsizeError("problem: the loss must depend on the parameters of the module, not on the data alone")


def _check_buffers(before: dict[str, Tensor], module: nn.Module) -> None:
    now = dict(module.named_buffers())
    changed = [name for name, one in before.items() if not torch.equal(one.nan_to_num(), now[name].nan_to_num())]
    if changed:
        raise StepsizeError(
            f"problem: calling the module changes its buffer {changed[0]}, so that a loss depends on earlier calls: "
            "keep it fixed, or train in a loop of your own with stepsize.adapters.torch.optimizer"
        )


def _check_mean(module: nn.Module, loss_fn: Callable[[Any, Any], Tensor], rows: tuple[Tensor, ...]) -> None:
    """Refuse a sum: two rows would cost as much as both alone; what cannot be asked one by one is taken as given."""
    if len(rows[0]) < 2:
        return
    try:
        both, first, second = (
            float(_loss(module, loss_fn, tuple(one[part] for one in rows)))
            for part in (slice(0, 2), slice(0, 1), slice(1, 2))
        )
    except StepsizeError:
        return
    total = first + second
    if abs(both - total) <= 1e-3 * abs(total) and abs(both) > 1e-6:
        raise StepsizeError(
            'problem: loss_fn must be a mean over the rows, not a sum: write reduction="mean", or divide by the rows'
        )
