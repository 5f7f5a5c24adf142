"""Hyper-parameters where a torch optimizer keeps them: read as numbers, written in place where they are tensors."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from ..._errors import StepsizeError

Group = dict[str, Any]


def fields(group: Group) -> list[str]:
    """The hyper-parameters of a group that are numbers: `lr`, `weight_decay`, and `betas.0` for entries of a tuple."""
    found: list[str] = []
    for name, held in group.items():
        if name == "params" or name.startswith("initial_"):
            continue
        if isinstance(held, (tuple, list)):
            found += [f"{name}.{i}" for i, one in enumerate(held) if _is_number(one)]
        elif _is_number(held):
            found.append(name)
    return found


def get(group: Group, field: str) -> float:
    """The value as a plain number; a tensor is read back once."""
    name, _, place = field.partition(".")
    held = group[name][int(place)] if place else group[name]
    return float(held)


def put(group: Group, field: str, value: float) -> None:
    """Write a value: a tensor is filled, so that whoever holds it (a compiled step) sees the new number."""
    name, _, place = field.partition(".")
    held = group[name]
    if not place:
        if isinstance(held, Tensor):
            held.fill_(value)
        else:
            group[name] = value
        return
    i = int(place)
    if isinstance(held[i], Tensor):
        held[i].fill_(value)
    else:
        group[name] = type(held)((*held[:i], value, *held[i + 1 :]))


def initial(group: Group, field: str) -> float:
    """The group's own value, from before any schedule."""
    key = f"initial_{field}"
    return float(group[key]) if key in group else get(group, field)


def keep_initial(group: Group, field: str) -> float:
    """The group's own value, kept beside it from now on, as torch keeps `initial_lr`."""
    return float(group.setdefault(f"initial_{field}", initial(group, field)))


def part_tensors(optimizer: Optimizer, field: str) -> None:
    """Give every group a tensor of its own where groups, or the optimizer's defaults, share one."""
    name, _, place = field.partition(".")
    shared = {id(one) for one in _tensors(optimizer.defaults.get(name))}
    for group in optimizer.param_groups:
        if any(id(one) in shared for one in _tensors(group.get(name))):
            held = group[name]
            group[name] = type(held)(_own(one) for one in held) if place else _own(held)
        shared |= {id(one) for one in _tensors(group.get(name))}


def called(optimizer: Optimizer, index: int) -> str:
    """How a message names a group."""
    name = optimizer.param_groups[index].get("name")
    return f"{index}" if name is None else f"{index} ({name!r})"


def check_fields(optimizer: Optimizer, index: int, field: str) -> None:
    """Refuse a hyper-parameter that the group does not have, or that is no number."""
    there = fields(optimizer.param_groups[index])
    if field not in there:
        raise StepsizeError(
            f"Scheduler: {type(optimizer).__name__} has no number {field!r} in group {called(optimizer, index)} to "
            f"schedule: write one of {', '.join(there)}"
        )


def _is_number(held: object) -> bool:
    if isinstance(held, Tensor):
        return held.numel() == 1 and held.is_floating_point()
    return isinstance(held, (int, float)) and not isinstance(held, bool)


def _tensors(held: object) -> list[Tensor]:
    several = held if isinstance(held, (tuple, list)) else (held,)
    return [one for one in several if isinstance(one, Tensor)]


def _own(held: Any) -> Any:
    return held.detach().clone() if isinstance(held, Tensor) else held
