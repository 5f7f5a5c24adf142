"""The text of an update, made into one kernel by torch's compiler.

It is traced once, on empty arrays, so that nothing moves before the kernel is there; then the kernel itself is called,
past the checks of the tracer, with tensors of the form that it was made for.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ...._errors import StepsizeError
from ....clipping.decay import weight_decay
from ....descents import State, descent
from ....update import advance
from .decays import with_own_decay
from .trees import as_row, filled, is_array, kept, leaves, shown, write

_ALONE: dict[str, Any] = {  # every kernel is made for itself, whatever was compiled before it
    "recompile_limit": 10**6,
    "accumulated_recompile_limit": 10**6,
    "automatic_dynamic_shapes": False,
}


class Kernel:
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
            made: Any = _compiler().lookup_backend("inductor")(graph, examples)

            def found(*handed: Any) -> tuple[Any, ...]:
                """In place of the first call: where what it is handed comes from."""
                self._places, self._made = [_place(one, empty) for one in handed], made
                return ()

            return found

        try:
            with torch.no_grad(), _compiler().config.patch(**_ALONE), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # which torch's compiler gives of its own parts
                torch.compile(self._update, backend=backend, fullgraph=True)(empty)
        except Exception as error:
            inner = getattr(error, "inner_exception", error)  # of the compiler, inside that of the tracer
            told = next((line.strip() for line in str(inner).splitlines() if line.strip()), "no reason given")
            raise StepsizeError(
                f"optimizer: torch's compiler failed ({type(inner).__name__}: {told[:200]}): it needs a C++ compiler "
                "such as g++ and stages that it can follow; write compile=False"
            ) from error

    def _update(self, flat: list[Tensor]) -> None:
        """The text that is compiled."""
        names, count = self._names, len(self._names)
        columns = [dict(zip(names, flat[i * count : (i + 1) * count], strict=True)) for i in range(4 + len(self.keys))]
        params, grads, *rows_of_one = columns[:4]
        rates, decays = ({name: one[0] for name, one in some.items()} for some in rows_of_one)
        remembered = columns[4:]
        self._amounts.update(decays)
        rows = {name: {key: one[name] for key, one in zip(self.keys, remembered, strict=True)} for name in names}
        memory = iter(flat[len(columns) * count :])
        held = tuple([filled(one, memory, kept) for one in self._transforms])
        rules = {name: shown(one, self._state) for name, one in rows.items()}
        transforms = tuple([shown(*both) for both in zip(held, self._transforms, strict=True)])
        state = State(rules, (), 0, transforms, {})
        made = advance(self._parts, params, grads, state, (), {}, lambda *told: (rates, (), None))
        self._amounts.clear()  # or what was traced would be an answer of the kernel
        for name, one in params.items():
            one.copy_(made.params[name])
            after = made.state.rules[name]
            write(rows[name], {key: after[key] for key in self.keys if not self._rows or key != "count"})
        for old, new in zip(held, made.state.transforms, strict=True):
            write(old, new)


def _compiler() -> Any:
    """torch's tracer, which takes seconds to import: only where it is used."""
    import torch._dynamo

    return torch._dynamo


def _keep_numbers_apart(graph: Any) -> None:
    """Numbers that arrays are computed with are computed once, not again for every element.

    A view of a number is the same number; the compiler puts what is viewed into memory.
    """

    def dim(node: Any) -> int:
        value = node.meta.get("example_value")
        return value.dim() if isinstance(value, Tensor) else -1

    for node in list(graph.graph.nodes):
        if node.op not in ("call_function", "call_method") or node.target is operator.getitem or dim(node) != 0:
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
    numbers = [[torch.empty(1, dtype=params[0].dtype) for _ in params] for _ in range(2)]
    columns = [list(map(torch.empty_like, params)), list(map(torch.empty_like, params)), *numbers]
    for one in state.values():
        if is_array(one):
            columns.append(list(map(torch.empty_like, params)))
        else:
            columns.append([torch.empty((1,), dtype=torch.float32 if rows else torch.float64) for _ in params])
    made = [one for column in columns for one in column]
    if rows:
        for one in made:
            if one.numel() > 1:
                _compiler().mark_dynamic(one, 0)
    return made + [torch.empty_like(as_row(one)) for one in leaves(transforms)]


def _place(handed: Any, empty: list[Tensor]) -> tuple[int, bool]:
    if isinstance(handed, Tensor):
        return next(i for i, one in enumerate(empty) if one is handed), False
    return next(i for i, one in enumerate(empty) if one.dim() and one.numel() == int(handed)), True
