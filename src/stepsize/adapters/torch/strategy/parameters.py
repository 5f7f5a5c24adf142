"""What an optimizer is handed: parameters, (name, parameter) pairs or groups; what is none of these, in one line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module
from torch.optim import Optimizer

from ...._errors import StepsizeError, shown
from ....clipping.decay import weight_decay
from ....descents import descent
from ..clips.hung import refuse_parts
from ..clips.norms import Member

_NOT_BY_GROUP = (
    "momentum", "dampening", "nesterov", "betas", "alpha", "eps", "centered", "amsgrad", "maximize", "lr_decay"
)  # fmt: skip


def listed(params: Any) -> list[Any]:
    """Parameters, pairs or groups, as a list; what is none of these is said in one line."""
    if isinstance(params, Tensor):
        raise StepsizeError("optimizer: params must be several parameters, not one tensor: write [tensor]")
    if isinstance(params, Module):
        raise StepsizeError("optimizer: params must be parameters, not a module: write model.parameters()")
    if isinstance(params, Optimizer):
        raise StepsizeError(
            "optimizer: params must be parameters, not an optimizer: write model.parameters(); on an optimizer that "
            'there is, Scheduler(optimizer, "cosine()", …) and clip_update'
        )
    if isinstance(params, dict):
        raise StepsizeError("optimizer: params must be a list, not one group: write [group]")
    _refuse_unordered("params", params)
    if isinstance(params, str) or not isinstance(params, Iterable):
        raise StepsizeError(f"optimizer: params must be parameters, not {shown(params)}: write model.parameters()")
    found = [group_of(one) if isinstance(one, dict) else one for one in params]
    if not found:
        raise StepsizeError("optimizer: there are no parameters: a generator is empty after its first use")
    kinds = {isinstance(one, dict) for one in found}
    if len(kinds) > 1:
        raise StepsizeError('optimizer: params must be all groups or none: write {"params": [parameter]}')
    if kinds == {False}:
        _check("params", found)
    return found


def group_of(group: dict[str, Any]) -> dict[str, Any]:
    """A group with its parameters in a list: a generator would be used up by the first look."""
    if "params" not in group:
        raise StepsizeError(
            f'optimizer: a group has no "params" ({", ".join(map(str, group)) or "it is empty"}): write '
            '{"params": parameters, "lr": 0.01}'
        )
    held = group["params"]
    _refuse_unordered("the params of a group", held)
    if isinstance(held, str) or not isinstance(held, Iterable):
        raise StepsizeError(f"optimizer: the params of a group must be parameters, not {held!r}: write a list of them")
    found = [held] if isinstance(held, Tensor) else list(held)
    _check("the params of a group", found)
    return {**group, "params": found}


def refuse_own_decay(group: Any, strategy: descent) -> None:
    """Refuse a decay of a group in place of none, or of which of several, in the strategy."""
    decays = sum(isinstance(one, weight_decay) for one in strategy.stages)
    if decays != 1 and isinstance(group, dict) and group.get("weight_decay"):
        raise StepsizeError(
            f"optimizer: a group has a weight_decay and {strategy} has {decays or 'none'}: write one weight_decay into "
            "the strategy, for the groups to change"
        )


def check_group(group: dict[str, Any], strategy: descent | None) -> None:
    """Refuse what the engine would not do for a group."""
    if strategy is None:
        return
    own = [name for name in _NOT_BY_GROUP if name in group]
    if own:
        raise StepsizeError(
            f"optimizer: a group has {own[0]!r} of its own, which this strategy has once for all groups "
            f"({strategy}): leave it out; a group may have lr and weight_decay"
        )
    refuse_own_decay(group, strategy)


def refuse_moving(moving: Mapping[str, Member]) -> None:
    """Gradients and parameters that the engine cannot compute with."""
    devices = {one.param.device for one in moving.values()}
    if len(devices) > 1:
        raise StepsizeError(
            f"optimizer: parameters lie on {' and '.join(sorted(map(str, devices)))}, of which torch's own optimizers "
            "can do a step but not this strategy: put them on one device"
        )
    for one in moving.values():
        if one.param.dtype == torch.float16:
            raise StepsizeError(
                f"optimizer: {one.name()} is in float16, whose squares overflow above 256: keep parameters in float32 "
                "and use autocast, or write a strategy that torch's optimizers compute"
            )
    tensors = [(one, tensor) for one in moving.values() for tensor in (one.param, one.param.grad) if tensor is not None]
    instead = "one that torch's optimizers compute, as clip_norm(1) | sgd() | 0.1, or dense gradients"
    refuse_parts("optimizer", "this strategy cannot compute with", tensors, instead)


def _refuse_unordered(what: str, held: Any) -> None:
    if isinstance(held, (set, frozenset)):
        raise StepsizeError(f"optimizer: {what} must be in order, which a set is not: write a list")


def _check(what: str, found: list[Any]) -> None:
    named = [isinstance(one, tuple) for one in found]
    for one, pair in zip(found, named, strict=True):
        tensor = one[1] if pair and len(one) == 2 and isinstance(one[0], str) else one
        if not isinstance(tensor, Tensor):
            raise StepsizeError(f"optimizer: {what} must be parameters, (name, parameter) pairs or groups, not {one!r}")
        if not tensor.is_leaf and not tensor.retains_grad:
            raise StepsizeError(
                f"optimizer: {what} must be parameters, and a tensor of shape {tuple(tensor.shape)} was computed: "
                "write torch.nn.Parameter(…) or tensor.detach().requires_grad_()"
            )
    if any(named) and not all(named):
        raise StepsizeError(f"optimizer: {what} must all have names or none: write module.named_parameters()")
