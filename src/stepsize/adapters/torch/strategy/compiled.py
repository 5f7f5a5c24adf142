"""One update as one compiled pass over memory: the text of `descend`, made into a kernel by torch's compiler.

The text is traced once, on empty arrays, so that nothing moves before the kernel is there; then the kernel itself is
called. Everything that changes from step to step is handed to it as a tensor. Where every stage looks at one element
at a time, arrays are rows of any length, some of them a call, and one kernel serves for all parameters; a place that
is left over takes an empty row. Other stages look at whole arrays: their kernel is that of one list of parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...._errors import StepsizeError
from ....clipping.decay import weight_decay
from ....clipping.value import clip
from ....descents import Rule, State, descent
from ....rules.adagrad import adagrad
from ....rules.adam import adam
from ....rules.rmsprop import rmsprop
from ....rules.sgd import sgd
from ....schedules.rate import rate
from ....update import advance
from ..clips.norms import reads_free
from ..clips.tiles import is_dense, row
from .decays import with_own_decay

BEFORE = frozenset(("loss", "metric", "grad_norm", "grad_variance"))  # what controllers can be shown before the pass
_RULES: tuple[type[Rule], ...] = (sgd, adagrad, rmsprop, adam)  # that look at one element at a time
_FLOATS = (torch.float32, torch.float64)
_TOGETHER = 8  # rows a call: the more, the longer the compiler takes, and the less a call costs
_ALONE = {  # every kernel is made for itself, whatever was compiled before it
    "recompile_limit": 10**6,
    "accumulated_recompile_limit": 10**6,
    "automatic_dynamic_shapes": False,
}
_LISTS = 4  # of parameters for which a kernel is made


class One(NamedTuple):
    """A parameter that moves, with the rule's state of it by the rule's own names, written in place."""

    name: str
    param: Tensor
    grad: Tensor
    state: dict[str, Any]
    rate: float
    decay: float


def refuse(strategy: descent) -> None:
    """Refuse a strategy of which no compiled pass can be made."""
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
    """Whether these parameters and gradients are whole, of one type, on a processor, and in single precision or more."""
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
        self._kernels: dict[Any, _Kernel] = {}

    def reaches(self, moving: Sequence[One]) -> bool:
        """Whether there is a kernel for these parameters, or one may be made."""
        if not moving or not fits(moving):
            return False
        return self.by_row or _list_of(moving) in self._kernels or len(self._kernels) < _LISTS

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
        arrays = [True, True, False, False, *(_is_array(moving[0].state[key]) for key in kernel.keys)]
        nothing = [one.new_empty(0) if array else one for one, array in zip(rows[0], arrays, strict=True)]
        for start in range(0, len(rows), many):
            some = rows[start : start + many]
            some += [nothing] * (many - len(some))
            kernel.call([one for column in zip(*some, strict=True) for one in column])

    def _kernel(self, key: Any, like: One, many: int) -> _Kernel:
        if key not in self._kernels:
            lengths = [1009 + 2 * i for i in range(many)]  # of which no two are alike
            empty = [like.param.new_empty(length) for length in lengths]
            state = {key: like.param.new_empty(2) if _is_array(one) else 0 for key, one in like.state.items()}
            self._kernels[key] = _Kernel(self.strategy, empty, list(map(str, range(many))), state, (), rows=True)
        return self._kernels[key]

    def _whole(self, moving: Sequence[One], transforms: tuple[Any, ...]) -> tuple[Any, ...]:
        key = _list_of(moving)
        names = [one.name for one in moving]
        if key not in self._kernels:
            params = [one.param for one in moving]
            self._kernels[key] = _Kernel(self.strategy, params, names, moving[0].state, transforms, rows=False)
        kernel, numbers = self._kernels[key], _Numbers(moving[0].param.dtype)
        rules = [{name: _as_row(one.state[name]) for name in kernel.keys} for one in moving]
        memory = [_as_row(one) for one in leaves(transforms)]
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
                    one.state[name] = _as_before(old, new)
        after = iter(memory)
        return tuple(_filled(one, after, _as_before) for one in transforms)


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
    """Numbers as tensors, each made once a step."""

    def __init__(self, dtype: torch.dtype) -> None:
        self._dtype, self._made = dtype, dict[float, Tensor]()

    def __call__(self, one: float) -> Tensor:
        if one not in self._made:
            self._made[one] = torch.tensor(one, dtype=self._dtype)
        return self._made[one]


class _Kernel:
    """One compiled update of as many arrays as there are names, called with tensors in a row.

    They are the parameters, the gradients, the rates, the decays, what the rule keeps by its names, and what the
    stages remember.
    """

    def __init__(
        self, strategy: descent, params: list[Tensor], names: list[str], state: Any, transforms: Any, rows: bool
    ) -> None:
        self.keys, self._names, self._rows, self._state = list(state), names, rows, state
        self._amounts: dict[str, Any] = {}
        decays = sum(isinstance(one, weight_decay) for one in strategy.stages)
        self._parts = (with_own_decay(strategy, self._amounts) if decays == 1 else strategy).parts
        self._transforms = transforms if transforms else tuple({} for part in strategy.split() for _ in part)
        self._places: list[tuple[int, bool]] = []  # which tensor, and whether it or its length is handed over
        self._made: Callable[..., Any] = self._nothing
        self._build(_empty(params, state, self._transforms, rows))

    def call(self, flat: list[Tensor]) -> None:
        """One update of these."""
        self._made(*[flat[i].numel() if length else flat[i] for i, length in self._places])

    def _nothing(self) -> None:
        """An update of which nothing depends on what it is handed."""

    def _build(self, empty: list[Tensor]) -> None:
        def backend(graph: Any, examples: list[Any]) -> Callable[..., Any]:
            _keep_numbers_apart(graph)
            made: Any = torch._dynamo.lookup_backend("inductor")(graph, examples)  # type: ignore[attr-defined]

            def found(*handed: Any) -> tuple[Any, ...]:
                """In place of the first call: where what it is handed comes from."""
                self._places, self._made = [_place(one, empty) for one in handed], made
                return ()

            return found

        try:
            with torch.no_grad(), torch._dynamo.config.patch(**_ALONE):  # type: ignore[attr-defined]
                torch.compile(self._update, backend=backend, fullgraph=True)(empty)
        except Exception as error:
            told = next((line for line in str(error).splitlines() if line.strip()), "no reason given")
            raise StepsizeError(
                f"optimizer: torch's compiler failed ({type(error).__name__}: {told.strip()[:200]}): it needs a C++ "
                "compiler such as g++ and stages that it can follow; write compile=False"
            ) from error
        finally:
            self._amounts.clear()

    def _update(self, flat: list[Tensor]) -> None:
        """The text that is compiled."""
        names, count = self._names, len(self._names)
        columns = [dict(zip(names, flat[i * count : (i + 1) * count], strict=True)) for i in range(4 + len(self.keys))]
        params, grads, rates, decays, *kept = columns
        self._amounts.update(decays)
        rows = {name: {key: one[name] for key, one in zip(self.keys, kept, strict=True)} for name in names}
        memory = iter(flat[len(columns) * count :])
        held = tuple([_filled(one, memory, _kept) for one in self._transforms])
        rules = {name: _shown(one, self._state) for name, one in rows.items()}
        transforms = tuple([_shown(*both) for both in zip(held, self._transforms, strict=True)])
        state = State(rules, (), 0, transforms, {})
        made = advance(self._parts, params, grads, state, (), {}, lambda *told: (rates, (), None))
        for name, one in params.items():
            one.copy_(made.params[name])
            after = made.state.rules[name]
            _write(rows[name], {key: after[key] for key in self.keys if not self._rows or key != "count"})
        for old, new in zip(held, made.state.transforms, strict=True):
            _write(old, new)


def _keep_numbers_apart(graph: Any) -> None:
    """Numbers that arrays are computed with are computed once, not again for every element.

    A view of a number is the same number; the compiler puts what is viewed into memory.
    """

    def dim(node: Any) -> int:
        value = node.meta.get("example_value")
        return value.dim() if isinstance(value, Tensor) else -1

    for node in list(graph.graph.nodes):
        if node.op not in ("call_function", "call_method") or dim(node) != 0:
            continue
        users = [one for one in node.users if dim(one) > 0]
        if users:
            with graph.graph.inserting_after(node):
                apart = graph.graph.call_function(torch.as_strided, (node, (), ()))
            apart.meta = dict(node.meta)
            for one in users:
                one.replace_input_with(node, apart)
    graph.recompile()


def _empty(params: list[Tensor], state: Any, transforms: Any, rows: bool) -> list[Tensor]:
    """Arrays to trace with, whose memory nobody touches; no two are the same."""
    numbers = [[torch.empty((), dtype=params[0].dtype) for _ in params] for _ in range(2)]
    columns = [list(map(torch.empty_like, params)), list(map(torch.empty_like, params)), *numbers]
    for one in state.values():
        if _is_array(one):
            columns.append(list(map(torch.empty_like, params)))
        else:
            columns.append([torch.empty((1,), dtype=torch.float32 if rows else torch.float64) for _ in params])
    made = [one for column in columns for one in column]
    if rows:
        for one in made:
            if one.numel() > 1:
                torch._dynamo.mark_dynamic(one, 0)  # type: ignore[attr-defined]
    return made + [torch.empty_like(_as_row(one)) for one in leaves(transforms)]


def _place(handed: Any, empty: list[Tensor]) -> tuple[int, bool]:
    if isinstance(handed, Tensor):
        return next(i for i, one in enumerate(empty) if one is handed), False
    return next(i for i, one in enumerate(empty) if one.dim() and one.numel() == int(handed)), True


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


def leaves(tree: Any) -> Iterator[Any]:
    """The numbers and arrays of a memory, in order."""
    if isinstance(tree, dict):
        for one in tree.values():
            yield from leaves(one)
    elif isinstance(tree, (tuple, list)):
        for one in tree:
            yield from leaves(one)
    else:
        yield tree


def _filled(tree: Any, new: Iterator[Tensor], how: Callable[[Any, Tensor], Any]) -> Any:
    """A memory of the same form, of what `how` makes of its leaves and of these."""
    if isinstance(tree, dict):
        return {key: _filled(one, new, how) for key, one in tree.items()}
    if isinstance(tree, (tuple, list)):
        return tuple([_filled(one, new, how) for one in tree])
    return how(tree, next(new))


def _is_array(one: Any) -> bool:
    return isinstance(one, Tensor) and one.dim() > 0


def _kept(old: Any, new: Tensor) -> Tensor:
    return new


def _shown(held: Any, like: Any) -> Any:
    """A memory as the stages see it: rows of one element are the numbers that they stand for."""
    if isinstance(held, dict):
        return {key: _shown(one, like[key]) for key, one in held.items()}
    if isinstance(held, tuple):
        return tuple([_shown(*both) for both in zip(held, like, strict=True)])
    return held if _is_array(like) else held[0]


def _write(old: Any, new: Any) -> None:
    """Put what is new where the old is; what is not told anew stays."""
    if isinstance(new, dict):
        for key, one in new.items():
            _write(old[key], one)
    elif isinstance(new, (tuple, list)):
        for both in zip(old, new, strict=True):
            _write(*both)
    else:
        old.copy_(new)


def _as_row(one: Any) -> Tensor:
    """A number as a row of one element, which torch's compiler writes into where it leaves a lone number; arrays stay."""
    if isinstance(one, Tensor):
        return one if one.dim() else one.double().reshape(1).clone()
    return torch.tensor([float(one)], dtype=torch.float64)


def _as_before(old: Any, new: Tensor) -> Any:
    """A row of one element as the number that it was made of; an array as it is."""
    if isinstance(old, Tensor):
        return new if old.dim() else new[0].to(old.dtype)
    return int(new.item()) if isinstance(old, int) and not isinstance(old, bool) else new.item()
