"""Parameters as rows, some of them a call of a kernel; the calls are kept as long as all lies where it did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..clips.tiles import row
from .traced import Kernel

TOGETHER = 8  # rows a call: the more, the longer the compiler takes, and the less a call costs


class One(NamedTuple):
    """A parameter that moves.

    `state` is what the rule remembers of it by the rule's own names, written in place; `held` is where the optimizer
    keeps that, by its names. `group` counts the groups, each of which has one rate and one decay.
    """

    name: str
    param: Tensor
    grad: Tensor
    state: dict[str, Any]
    held: dict[str, Any]
    group: int


class Rows:
    """One list of parameters in calls of one kernel."""

    def __init__(self, kernel: Kernel, moving: Sequence[One], groups: int) -> None:
        self._kernel = kernel
        self._moving = [one._replace(grad=one.param) for one in moving]  # gradients are the script's, to be freed
        self.params = [one.param for one in moving]
        self._dtype = moving[0].param.dtype
        self._lies = [(one.param.data_ptr(), one.param.stride()) for one in moving]
        self._memory = [[(key, kept) for key, kept in one.held.items() if isinstance(kept, Tensor)] for one in moving]
        self._numbers = [torch.zeros((2, 1), dtype=self._dtype) for _ in range(groups)]  # rate and decay
        self._told: list[Any] = [None] * groups
        self._counts = counts_of(moving)
        self._first = [one.held.get("count") for one in moving]  # where the optimizer itself counts in plain numbers
        self._done = 0
        self._calls: list[list[Any]] = []
        self._gradients: list[tuple[list[Any], int]] = []  # the call and the place of each
        self._lay_out(len(kernel.names))

    def tell(self, numbers: Sequence[tuple[float, float]]) -> None:
        """The rate and the decay of each group."""
        for i, both in enumerate(numbers):
            if both != self._told[i]:
                self._told[i] = both
                self._numbers[i][0].fill_(both[0])
                self._numbers[i][1].fill_(both[1])

    def take(self, states: Any) -> bool:
        """Take the gradients of this step; False where something else moves, or lies elsewhere than it did."""
        for one, (at, stride), memory, first, (call, place) in zip(
            self._moving, self._lies, self._memory, self._first, self._gradients, strict=True
        ):
            param, held = one.param, one.held
            if first is not None and held.get("count") != first + self._done:
                return False
            grad = param.grad
            if type(grad) is not Tensor or grad.dtype is not self._dtype or grad.stride() != stride:
                return False
            if param.data_ptr() != at or states.get(param) is not held or grad.layout is not torch.strided:
                return False
            for key, kept in memory:
                if held.get(key) is not kept:
                    return False
            call[place] = grad if grad.dim() == 1 else row(grad)
        return True

    def put(self, grads: Sequence[Tensor]) -> None:
        """Take these gradients."""
        for one, grad, (call, place) in zip(self._moving, grads, self._gradients, strict=True):
            call[place] = row(grad, one.param)

    def run(self) -> None:
        """One update."""
        for call in self._calls:
            self._kernel.made(*call)
        for call, place in self._gradients:
            call[place] = None
        self._done += 1
        for count in self._counts.values():
            count.add_(1)

    def _count(self, one: One) -> Tensor:
        count = one.state["count"]
        return count.view(1) if isinstance(count, Tensor) else self._counts[count]

    def _lay_out(self, many: int) -> None:
        arrays = [key for key in self._kernel.keys if key != "count"]
        some = [[row(one.param), *(row(one.state[key]) for key in arrays)] for one in self._moving]
        nothing = [one.new_empty(0) for one in some[0]]
        counts = [self._count(one) for one in self._moving] if "count" in self._kernel.keys else []
        for start in range(0, len(some), many):
            mine = some[start : start + many]
            lacking = many - len(mine)
            params, *memory = (list(column) for column in zip(*mine, *[nothing] * lacking, strict=True))
            numbers = [self._numbers[one.group] for one in self._moving[start : start + many]]
            numbers += [self._numbers[0]] * lacking
            flat = [*params, *params, *(one[0] for one in numbers), *(one[1] for one in numbers)]
            flat += [one for column in memory for one in column]
            if counts:
                own = counts[start : start + many]
                flat += own[:1] if self._kernel.shared else own + own[:1] * lacking
            call, places = self._kernel.handed(flat)
            self._calls.append(call)
            self._gradients += [(call, places[many + i]) for i in range(many - lacking)]
            for i in range(many - lacking, many):
                call[places[many + i]] = nothing[0]


def counts_of(moving: Sequence[One]) -> dict[int, Tensor]:
    """Counts in plain numbers as rows of one element, which go on from step to step."""
    plain = {one.state["count"] for one in moving if isinstance(one.state.get("count"), int)}
    return {count: torch.tensor([float(count)]) for count in plain}


def count_alike(moving: Sequence[One]) -> bool:
    """Whether all have as many updates behind them."""
    counts: list[Any] = [one.state.get("count") for one in moving]
    if isinstance(counts[0], Tensor):
        return bool((torch.stack(counts) == counts[0]).all())
    return len(set(counts)) == 1
