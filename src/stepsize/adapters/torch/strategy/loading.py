"""What a saved state of a strategy has to be, checked before any of it is loaded."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from ...._errors import StepsizeError
from ..clips.memory import is_number

_CHOICES = ("foreach", "fused")  # of torch's implementations, which may be left open
_COUNTERS = ("step", "count")  # which are numbers; all else that a rule keeps has the parameter's shape


def check_state(saved: dict[str, Any], own: Optimizer, kept: Collection[str]) -> None:
    """Refuse the state of other parameters, and one that lacks or has changed what the next step would look at.

    `kept` is what the rule keeps of every parameter that has moved.
    """
    groups, states = saved.get("param_groups"), saved.get("state")
    if not isinstance(groups, list) or not isinstance(states, dict):
        raise damaged('it has no "state" and "param_groups"')
    if not all(isinstance(one, dict) and isinstance(one.get("params"), list) for one in groups):
        raise damaged("a group of it has no parameters")
    if not all(isinstance(place, (int, str)) for one in groups for place in one["params"]):
        raise damaged("a group of it names no parameters")
    found, ours = ([len(group["params"]) for group in some] for some in (groups, own.param_groups))
    if found != ours:
        raise StepsizeError(
            f"optimizer: the state is that of {_counted(found)}, not of {_counted(ours)}: load the state of an "
            "optimizer of the same parameters"
        )
    for group, one in zip(groups, own.param_groups, strict=True):
        for name, held in one.items():
            told = group.get(name)
            unlike = told is not None and not isinstance(told, bool) if name in _CHOICES else not _alike(told, held)
            if unlike and name != "params":
                raise damaged(f"a group of it has no {name}")
    params = [param for group in own.param_groups for param in group["params"]]
    places = [place for group in groups for place in group["params"]]
    for place, param in zip(places, params, strict=True):
        if place in states:
            _check_one(place, states[place], param, kept)


def damaged(why: str) -> StepsizeError:
    """The error of a state that cannot be loaded; nothing of it was."""
    told = " ".join(why.split())
    return StepsizeError(f"optimizer: the state is damaged, {told[:300]}: load one that state_dict() gave")


def _alike(found: Any, held: Any) -> bool:
    """Whether a hyper-parameter is a number where ours is one, or as many of them."""
    if isinstance(held, (tuple, list)):
        both = isinstance(found, (tuple, list)) and len(found) == len(held)
        return both and all(map(_alike, found, held))
    if isinstance(held, bool):
        return isinstance(found, bool)
    return is_number(found) if is_number(held) else True


def _check_one(place: Any, found: Any, param: Tensor, kept: Collection[str]) -> None:
    there = found if isinstance(found, dict) else {}
    if there is not found or not set(kept) <= set(there):
        raise damaged(f"of parameter {place} it lacks {', '.join(one for one in kept if one not in there) or 'all'}")
    for name, one in found.items():
        if isinstance(one, Tensor) and one.shape != param.shape and (one.numel() != 1):
            raise damaged(f"{name} of parameter {place} has shape {tuple(one.shape)}, not {tuple(param.shape)}")
        if not isinstance(one, Tensor) and one is not None and not is_number(one):
            raise damaged(f"{name} of parameter {place} is {type(one).__name__}")
        if name in kept and not (is_number(one) if name in _COUNTERS else isinstance(one, Tensor)):
            raise damaged(f"{name} of parameter {place} is {type(one).__name__}")


def _counted(sizes: list[int]) -> str:
    return " + ".join(map(str, sizes)) + (" parameters" if sizes != [1] else " parameter") if sizes else "no parameters"
