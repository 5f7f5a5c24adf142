"""A torch optimizer's groups as knobs: hyper-parameters read as numbers, written in place where they are tensors."""

from __future__ import annotations

from numbers import Real
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

Group = dict[str, Any]


class Groups:
    """The parameter groups of an optimizer, as a course turns them; groups may come and go."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer

    @property
    def owner(self) -> str:
        """The optimizer's class, as messages name it."""
        return type(self.optimizer).__name__

    def count(self) -> int:
        """How many groups there are now."""
        return len(self.optimizer.param_groups)

    def name(self, group: int) -> str | None:
        """The name that the user gave to a group, if any."""
        return self.optimizer.param_groups[group].get("name")

    def fields(self, group: int) -> list[str]:
        """The hyper-parameters of a group that are numbers: `lr`, `weight_decay`, and `betas.0` in a tuple."""
        found: list[str] = []
        for name, held in self.optimizer.param_groups[group].items():
            if name == "params" or name.startswith("initial_"):
                continue
            if isinstance(held, (tuple, list)):
                found += [f"{name}.{i}" for i, one in enumerate(held) if _is_number(one)]
            elif _is_number(held):
                found.append(name)
        return found

    def holds(self, group: int, name: str) -> bool:
        """Whether a group has anything of that name, a number or not."""
        return name in self.optimizer.param_groups[group]

    def get(self, group: int, field: str) -> float:
        """The value as a plain number; a tensor is read back once."""
        name, _, place = field.partition(".")
        held = self.optimizer.param_groups[group][name]
        return float(held[int(place)] if place else held)

    def put(self, group: int, field: str, value: float) -> None:
        """Write a value: a tensor is filled, so that whoever holds it (a compiled step) sees the new number."""
        name, _, place = field.partition(".")
        put(self.optimizer.param_groups[group], name, int(place) if place else None, value)

    def initial(self, group: int, field: str) -> float:
        """The group's own value, from before any schedule."""
        own, key = self.optimizer.param_groups[group], f"initial_{field}"
        return float(own[key]) if key in own else self.get(group, field)

    def claim(self, group: int, field: str) -> float:
        """The same, kept beside it from now on, as torch keeps `initial_lr`."""
        own = self.optimizer.param_groups[group]
        return float(own.setdefault(f"initial_{field}", self.initial(group, field)))

    def separate(self, field: str) -> None:
        """Give every group a tensor of its own where groups, or the optimizer's defaults, share one."""
        name, _, place = field.partition(".")
        shared = {id(one) for one in _tensors(self.optimizer.defaults.get(name))}
        for group in self.optimizer.param_groups:
            if any(id(one) in shared for one in _tensors(group.get(name))):
                held = group[name]
                group[name] = type(held)(_own(one) for one in held) if place else _own(held)
            shared |= {id(one) for one in _tensors(group.get(name))}


def put(group: Group, name: str, place: int | None, value: float) -> None:
    """Write a value into a group, or into one place of a tuple in it."""
    held = group[name]
    if place is None:
        if isinstance(held, Tensor):
            held.fill_(value)
        else:
            group[name] = value
    elif isinstance(held[place], Tensor):
        held[place].fill_(value)
    else:
        group[name] = type(held)((*held[:place], value, *held[place + 1 :]))


def _is_number(held: object) -> bool:
    if isinstance(held, Tensor):
        return held.numel() == 1 and held.is_floating_point()
    return isinstance(held, Real) and not isinstance(held, bool)  # also NumPy's


def _tensors(held: object) -> list[Tensor]:
    several = held if isinstance(held, (tuple, list)) else (held,)
    return [one for one in several if isinstance(one, Tensor)]


def _own(held: Any) -> Any:
    return held.detach().clone() if isinstance(held, Tensor) else held
