"""One update as one compiled pass over memory: the text of `descend`, made into a kernel by torch's compiler.

Everything that changes from step to step is handed to the kernel as a tensor. Where every stage looks at one element at
a time, arrays are rows of any length, some of them a call, and one kernel serves for all parameters; a place that is
left over takes an empty row. Other stages look at whole arrays: their kernel is that of one list of parameters, made
where the ordinary way is out of place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ...._errors import StepsizeError
from ....clipping.decay import weight_decay
from ....clipping.value import clip
from ....descents import Rule, descent
from ....rules.adagrad import adagrad
from ....rules.adam import adam
from ....rules.rmsprop import rmsprop
from ....rules.sgd import sgd
from ....schedules.rate import rate
from ..clips.norms import reads_free
from ..clips.tiles import is_dense
from .rows import TOGETHER, One, Rows, count_alike
from .traced import Kernel
from .trees import as_before, as_row, filled, form, leaves

BEFORE = frozenset(("loss", "metric", "grad_norm", "grad_variance"))  # what controllers can be shown before the pass
_RULES: tuple[type[Rule], ...] = (sgd, adagrad, rmsprop, adam)  # that look at one element at a time
_FLOATS = (torch.float32, torch.float64)
_LISTS = 4  # of parameters for which a kernel is made


def refuse(strategy: descent, params: list[Tensor]) -> None:
    """Refuse a strategy, or parameters, of which no compiled pass can be made."""
    if not any(one.dtype in _FLOATS and reads_free(one.device) for one in params):
        raise StepsizeError(
            f"optimizer: compile=True is for parameters in float32 or float64 on a processor, not {params[0].dtype} on "
            f"{params[0].device.type}: write compile=False"
        )
    asked = sorted(strategy.needs - BEFORE)
    if asked:
        raise StepsizeError(
            f"optimizer: a controller looks at the {asked[0]}, which is measured in the middle of the update, and a "
            f"compiled update has no middle: write compile=False for {strategy}"
        )
    for one in strategy.stages:
        if not isinstance(one, rate) and not one.traceable:
            raise StepsizeError(f"optimizer: {one} says that it cannot be traced: write compile=False for {strategy}")


def one_pass(strategy: descent, tiled: bool) -> Compiled | None:
    """The compiled updates of a strategy; None where tiles, if it can be had in them, are quicker.

    What torch's compiler makes of stages that look at whole arrays puts every array between two of them into memory.
    """
    made = Compiled(strategy)
    return made if made.by_row or not tiled else None


def fits(moving: Sequence[One]) -> bool:
    """Whether these parameters and gradients are whole, on a processor, and of one type that is no half precision."""
    kind = moving[0].param.dtype
    for one in moving:
        param, grad = one.param, one.grad
        if type(grad) is not Tensor or grad.layout is not torch.strided or param.dtype not in _FLOATS:
            return False
        if not (param.dtype is kind is grad.dtype and reads_free(param.device) and is_dense(param)):
            return False
    return True


class Compiled:
    """The compiled updates of one optimizer."""

    def __init__(self, strategy: descent) -> None:
        transforms = [one for part in strategy.split() for one in part]
        pointwise = all(type(one) in (clip, weight_decay) for one in transforms)
        # whether parameters move as rows: names do not matter, and a rule's count is left to the caller
        self.by_row = pointwise and type(strategy.rule) in _RULES
        self.strategy = strategy
        self._kernels: dict[Any, Kernel] = {}
        self._lists: set[Any] = set()  # of parameters that have kernels
        self._last: tuple[Any, Rows | None] = (None, None)  # of which parameters, and how they moved
        self._still: list[Tensor] = []  # that did not

    def reaches(self, moving: Sequence[One]) -> bool:
        """Whether there is a kernel for these parameters, or one may be made."""
        if not moving or not fits(moving):
            return False
        if self.by_row:
            return True
        known = len(self._lists) < _LISTS or _list_of(moving) in self._lists
        return known and all(one.param.dim() for one in moving)

    def again(self, members: Any, states: Any) -> bool:
        """Whether the parameters of the last step, and no others, move once more from where they lie."""
        there, last = self._last
        if (
            last is None
            or there is not members
            or not last.take(states)
            or any(one.grad is not None for one in self._still)
        ):
            self._last = (None, None)
            return False
        return True

    def once_more(self, numbers: Sequence[tuple[float, float]]) -> None:
        """The update of those, with the rate and the decay of each group."""
        assert self._last[1] is not None
        self._last[1].tell(numbers)
        self._last[1].run()

    @property
    def params(self) -> list[Tensor]:
        """Those of the last step."""
        return [] if self._last[1] is None else self._last[1].params

    def forget(self) -> None:
        """Another update was made."""
        self._last = (None, None)

    def move(
        self, members: Any, moving: Sequence[One], numbers: Sequence[tuple[float, float]], transforms: tuple[Any, ...]
    ) -> tuple[Any, ...]:
        """One update; what the stages then remember. In rows a rule's count is left to the caller.

        `numbers` are the rate and the decay of each group.
        """
        if not self.by_row:
            return self._whole(moving, numbers, transforms)
        made = Rows(self._kernel_of_rows(moving), moving, len(numbers))
        made.put([one.grad for one in moving])
        moves = {one.param for one in moving}
        self._still = [one.param for one in members if one.param not in moves and one.param.numel()]
        self._last = members, made
        self.once_more(numbers)
        return transforms

    def _kernel_of_rows(self, moving: Sequence[One]) -> Kernel:
        many, like, shared = 1 if len(moving) < 3 else TOGETHER, moving[0], count_alike(moving)
        key = like.param.dtype, many, shared, tuple(like.state)
        if key not in self._kernels:
            empty = [like.param.new_empty(1009 + 2 * i) for i in range(many)]  # no two of one length
            names = list(map(str, range(many)))
            self._kernels[key] = Kernel(self.strategy, empty, names, like.state, (), rows=True, shared=shared)
        return self._kernels[key]

    def _whole(self, moving: Sequence[One], numbers: Sequence[tuple[float, float]], transforms: Any) -> tuple[Any, ...]:
        self._lists.add(_list_of(moving))
        key = _list_of(moving), form(transforms)  # which grows as parameters come in
        names = [one.name for one in moving]
        if key not in self._kernels:
            params = [one.param for one in moving]
            self._kernels[key] = Kernel(self.strategy, params, names, moving[0].state, transforms)
        kernel, kind = self._kernels[key], moving[0].param.dtype
        told = [[torch.tensor([one], dtype=kind) for one in both] for both in numbers]
        rules = [{name: as_row(one.state[name]) for name in kernel.keys} for one in moving]
        memory = [as_row(one) for one in leaves(transforms)]
        flat = [one.param.detach() for one in moving] + [_laid(one.grad, one.param) for one in moving]
        flat += [told[one.group][0] for one in moving] + [told[one.group][1] for one in moving]
        flat += [held[name] for name in kernel.keys for held in rules]
        kernel.made(*kernel.handed(flat + memory)[0])
        for one, held in zip(moving, rules, strict=True):
            for name, new in held.items():
                old = one.state[name]
                if isinstance(old, Tensor) and not old.dim():
                    old.copy_(new[0])
                else:
                    one.state[name] = as_before(old, new)
        after = iter(memory)
        return tuple(filled(one, after, as_before) for one in transforms)


def own(moving: Sequence[One]) -> None:
    """Memory that is written in place: laid out as the parameters, none shared."""
    for one in moving:
        seen: set[int] = set()
        for key, held in one.state.items():
            if isinstance(held, Tensor) and held.shape == one.param.shape:
                if held.data_ptr() in seen or held.stride() != one.param.stride():
                    one.state[key] = torch.empty_like(one.param).copy_(held)
                seen.add(one.state[key].data_ptr())


def _list_of(moving: Sequence[One]) -> Any:
    return tuple((one.name, one.param.shape, one.param.stride(), one.param.dtype) for one in moving)


def _laid(grad: Tensor, param: Tensor) -> Tensor:
    """A gradient laid out as its parameter."""
    return grad if grad.stride() == param.stride() else torch.empty_like(param).copy_(grad)
