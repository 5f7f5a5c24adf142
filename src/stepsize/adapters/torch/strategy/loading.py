"""What a saved state of a strategy has to be, checked before any of it is loaded."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from ...._errors import StepsizeError
from ..clips.memory import is_number


def check_state(saved: dict[str, Any], own: Optimizer, kept: Collection[str]) -> None:
    """Refuse the state of other parameters, and one that lacks or has changed what the next step would look at.

    `kept` is what the rule keeps of every parameter that has moved.
    """
    groups, states = saved.get("param_groups"), saved.get("state")
    if not isinstance(groups, list) or not isinstance(states, dict):
        raise damaged('it has no "state" and "param_groups"')
    if not all(isinstance(one, dict) and isinstance(one.get("params"), list) for one in groups):
        raise damaged("a group of it has no parameters")
    if not all(is_number(one.get("lr")) for one in groups):
        raise damaged("a group of it has no lr")
    found, ours = ([len(group["params"]) for group in some] for some in (groups, own.param_groups))
    if found != ours:
        raise StepsizeError(
            f"optimizer: the state is that of {_counted(found)}, not of {_counted(ours)}: load the state of an "
            "optimizer of the same parameters"
        )
    params = [param for group in own.param_groups for param in group["params"]]
    places = [place for group in groups for place in group["params"]]
    for place, param in zip(places, params, strict=True):
        if place in states:
            _check_one(place, states[place], param, kept)


def damaged(why: str) -> StepsizeError:
    """The error of a state that cannot be loaded; nothing of it was."""
    told = " ".join(why.split())
    return StepsizeError(f"optimizer: the state is damaged, {told[:300]}: load one that state_dict() gave")


def _check_one(place: Any, found: Any, param: Tensor, kept: Collection[str]) -> None:
    if not isinstance(found, dict) or not set(kept) <= set(found):
        raise damaged(f"of parameter {place} it lacks {', '.join(one for one in kept if one not in (found or ()))}")
    for name, one in found.items():
        if isinstance(one, Tensor) and one.numel() != 1 and one.shape != param.shape:
            raise damaged(f"{name} of parameter {place} has shape {tuple(one.shape)}, not {tuple(param.shape)}")
        if not isinstance(one, Tensor) and one is not None and not is_number(one):
            raise damaged(f"{name} of parameter {place} is {type(one).__name__}")
        if name in kept and one is None:
            raise damaged(f"{name} of parameter {place} is None")


def _counted(sizes: list[int]) -> str:
    return " + ".join(map(str, sizes)) + (" parameters" if sizes != [1] else " parameter") if sizes else "no parameters"
