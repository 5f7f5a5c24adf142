"""One update as one compiled pass over memory: the text of `descend`, made into a kernel by torch's compiler.

Everything that changes from step to step is handed to the kernel as a tensor. Where every stage looks at one element at
a time, arrays are rows of any length, some of them a call, and one kernel serves for all parameters; a place that is
left over takes an empty row. Other stages look at whole arrays: their kernel is that of one list of parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

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
from ..clips.tiles import is_dense, row
from .traced import Kernel
from .trees import as_before, as_row, filled, form, is_array, leaves

BEFORE = frozenset(("loss", "metric", "grad_norm", "grad_variance"))  # what controllers can be shown before the pass
_RULES: tuple[type[Rule], ...] = (sgd, adagrad, rmsprop, adam)  # that look at one element at a time
_FLOATS = (torch.float32, torch.float64)
_TOGETHER = 8  # rows a call: the more, the longer the compiler takes, and the less a call costs
_LISTS = 4  # of parameters for which a kernel is made


class One(NamedTuple):
    """A parameter that moves, with the rule's state of it by the rule's own names, written in place."""

    name: str
    param: Tensor
    grad: Tensor
    state: dict[str, Any]
    rate: float
    decay: float


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

    def reaches(self, moving: Sequence[One]) -> bool:
        """Whether there is a kernel for these parameters, or one may be made."""
        if not moving or not fits(moving):
            return False
        return self.by_row or len(self._lists) < _LISTS or _list_of(moving) in self._lists

    def move(self, moving: Sequence[One], transforms: tuple[Any, ...]) -> tuple[Any, ...]:
        """One update; what the stages then remember. In rows a rule's count is left to the caller."""
        if self.by_row:
            self._by_rows(moving)
            return transforms
        return self._whole(moving, transforms)

    def _by_rows(self, moving: Sequence[One]) -> None:
        many = 1 if len(moving) < 3 else _TOGETHER
        kernel = self._kernel((moving[0].param.dtype, many), moving[0], many)
        counts = {one: torch.tensor([float(one)]) for one in {_count(one) for one in moving} if isinstance(one, int)}
        numbers = _Numbers(moving[0].param.dtype)
        rows = [_row_of(one, kernel.keys, counts, numbers) for one in moving]
        arrays = [True, True, False, False, *(is_array(moving[0].state[key]) for key in kernel.keys)]
        nothing = [one.new_empty(0) if array else one for one, array in zip(rows[0], arrays, strict=True)]
        for start in range(0, len(rows), many):
            some = rows[start : start + many]
            some += [nothing] * (many - len(some))
            kernel.call([one for column in zip(*some, strict=True) for one in column])

    def _kernel(self, key: Any, like: One, many: int) -> Kernel:
        if key not in self._kernels:
            lengths = [1009 + 2 * i for i in range(many)]  # of which no two are alike
            empty = [like.param.new_empty(length) for length in lengths]
            state = {key: like.param.new_empty(2) if is_array(one) else 0 for key, one in like.state.items()}
            self._kernels[key] = Kernel(self.strategy, empty, list(map(str, range(many))), state, (), rows=True)
        return self._kernels[key]

    def _whole(self, moving: Sequence[One], transforms: tuple[Any, ...]) -> tuple[Any, ...]:
        self._lists.add(_list_of(moving))
        key = _list_of(moving), form(transforms)  # which grows as parameters come in
        names = [one.name for one in moving]
        if key not in self._kernels:
            params = [one.param for one in moving]
            self._kernels[key] = Kernel(self.strategy, params, names, moving[0].state, transforms, rows=False)
        kernel, numbers = self._kernels[key], _Numbers(moving[0].param.dtype)
        rules = [{name: as_row(one.state[name]) for name in kernel.keys} for one in moving]
        memory = [as_row(one) for one in leaves(transforms)]
        flat = [one.param.detach() for one in moving] + [_laid(one.grad, one.param) for one in moving]
        flat += [numbers(one.rate) for one in moving] + [numbers(one.decay) for one in moving]
        flat += [held[name] for name in kernel.keys for held in rules]
        kernel.call(flat + memory)
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
            if isinstance(held, Tensor) and held.shape == one.param.shape and held.dim():
                if held.data_ptr() in seen or held.stride() != one.param.stride():
                    one.state[key] = torch.empty_like(one.param).copy_(held)
                seen.add(one.state[key].data_ptr())


class _Numbers:
    """Numbers as rows of one element, each made once a step."""

    def __init__(self, dtype: torch.dtype) -> None:
        self._dtype, self._made = dtype, dict[float, Tensor]()

    def __call__(self, one: float) -> Tensor:
        if one not in self._made:
            self._made[one] = torch.tensor([one], dtype=self._dtype)
        return self._made[one]


def _row_of(one: One, keys: list[str], counts: dict[int, Tensor], numbers: _Numbers) -> list[Tensor]:
    found = [row(one.param), row(one.grad, one.param), numbers(one.rate), numbers(one.decay)]
    for key in keys:
        held = one.state[key]
        found.append(counts[held] if isinstance(held, int) else row(held) if held.dim() else held.float().view(1))
    return found


def _count(one: One) -> Any:
    return one.state.get("count")


def _list_of(moving: Sequence[One]) -> Any:
    return tuple((one.name, one.param.shape, one.param.stride(), one.param.dtype) for one in moving)


def _laid(grad: Tensor, param: Tensor) -> Tensor:
    """A gradient laid out as its parameter."""
    return grad if grad.stride() == param.stride() else torch.empty_like(param).copy_(grad)
