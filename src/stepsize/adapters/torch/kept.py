"""Everything that a training moves, kept as it is, and put back bit for bit: tensors in place, objects as they were."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from .updates import Updates

OWN = __name__.partition(".")[0]


class Kept:
    """What objects hold now, which `back` gives them again.

    Tensors are copied, with their gradients and whether they need one; what a gradient is that is None stays None.
    Dictionaries, lists and sets, the attributes of modules, optimizers, schedulers and scalers, and of everything of
    stepsize's that hangs on them (clips, attached schedulers), get the same things in the same order. The identity of
    every object stays. Other objects are left alone, and so is what only they hold.
    """

    def __init__(self, *roots: Any) -> None:
        self._undo: list[Callable[[], None]] = []
        self._seen: dict[int, Any] = {}
        queue = list(roots)
        while queue:
            one = queue.pop()
            if id(one) not in self._seen:
                self._seen[id(one)] = one  # alive, so that nothing else has its id
                queue += self._keep(one)

    def back(self) -> None:
        """Put everything back."""
        with torch.no_grad():
            for undo in self._undo:
                undo()

    def each(self, kind: type) -> list[Any]:
        """The kept objects of a class."""
        return [one for one in self._seen.values() if isinstance(one, kind)]

    def _keep(self, one: Any) -> list[Any]:
        """Note how to undo what happens to it; what it holds."""
        if isinstance(one, Tensor):
            return self._tensor(one)
        if isinstance(one, dict):
            return self._dict(one)
        if isinstance(one, (list, set)):
            return self._collection(one)
        if isinstance(one, tuple):
            return list(one)
        if isinstance(one, MethodType):
            return [one.__self__]
        followers = [held for held in one.followers if held is not None] if isinstance(one, Updates) else []
        return [*followers, vars(one)] if _is_reached(one) else []

    def _tensor(self, one: Tensor) -> list[Any]:
        if is_lazy(one) or _overlaps(one):
            return []
        values, needs, grad = one.detach().clone(), one.requires_grad, one.grad if one.is_leaf else None

        def undo() -> None:
            if one.is_leaf:
                one.requires_grad_(needs)
                one.grad = grad
            one.detach().copy_(values)

        self._undo.append(undo)
        return [] if grad is None else [grad]

    def _dict(self, one: dict[Any, Any]) -> list[Any]:
        items = dict(one)

        def undo() -> None:
            if [*map(id, one)] != [*map(id, items)]:  # keys may be tensors, which have no plain ==
                one.clear()
            one.update(items)

        self._undo.append(undo)
        return list(items.values())

    def _collection(self, one: Any) -> list[Any]:
        items = list(one)

        def undo() -> None:
            one.clear()
            one.update(items) if isinstance(one, set) else one.extend(items)

        self._undo.append(undo)
        return items


def _is_reached(one: Any) -> bool:
    """Whether its attributes are kept: of modules, optimizers, schedulers, scalers, and objects of stepsize's."""
    if isinstance(one, type) or not hasattr(one, "__dict__"):
        return False
    known = isinstance(one, (nn.Module, Optimizer, LRScheduler, torch.amp.GradScaler))
    return known or type(one).__module__.partition(".")[0] == OWN


def _overlaps(one: Tensor) -> bool:
    """Whether elements share memory, as of an expanded tensor: nothing writes such a tensor in place."""
    return one.layout == torch.strided and any(
        step == 0 and size > 1 for step, size in zip(one.stride(), one.shape, strict=True)
    )
