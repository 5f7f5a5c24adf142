"""torch's fused kernels on pieces of parameters, under the contract of the kernels that torch takes by default.

Those begin a momentum whenever a gradient comes for the first time, and tell autograd that they wrote. The fused ones
do neither on a processor, so it is done here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.optim.sgd import sgd as torchs_sgd

Lists = tuple[list[Any], ...]
KEPT = {  # what torch keeps of every parameter that has moved, for all options
    "SGD": (),
    "Adagrad": ("step", "sum"),
    "RMSprop": ("step", "square_avg"),
    "Adam": ("step", "exp_avg", "exp_avg_sq"),
    "AdamW": ("step", "exp_avg", "exp_avg_sq"),
}


class Moved(NamedTuple):
    """What a step moves of one group, as torch lists it: states lie as their parameters do, steps are numbers."""

    group: dict[str, Any]
    params: list[Tensor]
    grads: list[Tensor]
    states: tuple[list[Tensor], ...]
    steps: list[Tensor]
    first: bool = False  # whether a momentum begins, its memory being there and empty


def listed(name: str, group: dict[str, Any], lists: Lists, states: dict[Any, Any]) -> list[Moved]:
    """What one of torch's optimizers lists, in parts of one type each of which moves alike."""
    params, grads, *rest = lists
    held, steps = (rest, []) if name == "SGD" else (rest[:-1], rest[-1])
    if name == "SGD" and rest[0]:
        begun = [i for i, one in enumerate(rest[0]) if one is None]
        for i in begun:
            rest[0][i] = states[params[i]]["momentum_buffer"] = torch.empty_like(params[i])
    else:
        begun = []
    whole = Moved(group, params, grads, tuple(_alike(one, params, states) for one in held if one), steps)
    kinds: dict[Any, list[int]] = {}
    for i, param in enumerate(params):
        kinds.setdefault((param.dtype, i in begun if begun else False), []).append(i)
    return [_at(whole, places, first) for (_, first), places in kinds.items()]


def _at(moved: Moved, places: list[int], first: bool) -> Moved:
    """Some of what moves, for good: torch uses its lists again."""
    pick = [[some[i] for i in places] for some in (moved.params, moved.grads, *moved.states)]
    steps = [moved.steps[i] for i in places] if moved.steps else []
    return Moved(moved.group, pick[0], pick[1], tuple(pick[2:]), steps, first)


def _alike(held: list[Tensor], params: list[Tensor], states: dict[Any, Any]) -> list[Tensor]:
    """Memory that lies as its parameters do, which a loaded one need not."""
    for i, (one, param) in enumerate(zip(held, params, strict=True)):
        if one.stride() != param.stride() and one.shape == param.shape:
            own = states[param]
            key = next(key for key, kept in own.items() if kept is one)
            held[i] = own[key] = torch.empty_like(param).copy_(one)
    return held


def begin_late(group: dict[str, Any], lists: Lists, states: dict[Any, Any]) -> None:
    """Move those whose momentum begins later than that of others, which torch's fused SGD cannot."""
    params, grads, momentum = lists
    late = [i for i, one in enumerate(momentum) if one is None]
    if not late or len(late) == len(momentum):
        return
    begun: list[Any] = [None for _ in late]
    ours = [params[i] for i in late]
    names = ("weight_decay", "momentum", "lr", "dampening", "nesterov", "maximize")
    torchs_sgd(
        ours,
        [grads[i] for i in late],
        begun,
        has_sparse_grad=False,
        fused=True,
        **{name: group[name] for name in names},
    )
    for param, one in zip(ours, begun, strict=True):
        states[param]["momentum_buffer"] = one
    kept = [i for i, one in enumerate(momentum) if one is not None]
    for some in lists:
        some[:] = [some[i] for i in kept]


def kernel(name: str) -> Callable[[Moved], None] | None:
    """torch's fused kernel of this name on a processor: it moves the parameters and the states that it is handed."""
    return {"SGD": _sgd, "Adagrad": _adagrad, "Adam": adam_of_torch, "AdamW": adam_of_torch}.get(name)


def lay_alike(params: list[Tensor], grads: list[Tensor]) -> None:
    """Copy a gradient that lies otherwise than its parameter: torch's fused kernels pair elements by their place."""
    for i, (param, grad) in enumerate(zip(params, grads, strict=True)):
        if param.stride() != grad.stride():
            grads[i] = torch.empty_like(param, dtype=grad.dtype).copy_(grad)


def tell_autograd(params: list[Tensor]) -> None:
    """A graph from before the step is out of date: its backward is an error, not a wrong gradient."""
    torch.autograd.graph.increment_version(params)


def _sgd(moved: Moved) -> None:
    group = moved.group
    torch._fused_sgd_(
        moved.params,
        moved.grads,
        moved.states[0] if moved.states else [],
        weight_decay=group["weight_decay"],
        momentum=group["momentum"],
        lr=group["lr"],
        dampening=group["dampening"],
        nesterov=group["nesterov"],
        maximize=group["maximize"],
        is_first_step=moved.first,
    )


def adam_of_torch(moved: Moved) -> None:
    """torch's fused Adam or AdamW."""
    group = moved.group
    beta1, beta2 = group["betas"]
    means, squares, *largest = moved.states
    (torch._fused_adamw_ if group["decoupled_weight_decay"] else torch._fused_adam_)(
        moved.params,
        moved.grads,
        means,
        squares,
        largest[0] if largest else [],
        moved.steps,
        lr=group["lr"],
        beta1=float(beta1),
        beta2=float(beta2),
        weight_decay=group["weight_decay"],
        eps=group["eps"],
        amsgrad=group["amsgrad"],
        maximize=group["maximize"],
    )


def _adagrad(moved: Moved) -> None:
    group = moved.group
    torch._fused_adagrad_(
        moved.params,
        moved.grads,
        moved.states[0],
        moved.steps,
        lr=group["lr"],
        lr_decay=group["lr_decay"],
        weight_decay=group["weight_decay"],
        eps=group["eps"],
        maximize=group["maximize"],
    )
