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
        self,
        strategy: descent,
        params: list[Tensor],
        names: list[str],
        state: Any,
        transforms: Any,
        rows: bool = False,  # of any length; a count is read only
        shared: bool = False,  # one count for all
    ) -> None:
        self.keys = sorted(state, key=lambda key: key == "count")  # last
        self.names, self.shared = names, shared
        self._rows, self._state = rows, state
        self._amounts: dict[str, Any] = {}
        decays = sum(isinstance(one, weight_decay) for one in strategy.stages)
        self._parts = (with_own_decay(strategy, self._amounts) if decays == 1 else strategy).parts
        self._transforms = transforms if transforms else tuple({} for part in strategy.split() for _ in part)
        self._places: list[tuple[int, bool]] = []  # which tensor, and whether it or its length is handed over
        self.made: Callable[..., Any] = self._nothing
        self._build(self._empty(params))

    def handed(self, flat: list[Tensor]) -> tuple[list[Any], dict[int, int]]:
        """What the kernel is called with for these, and the place there of each."""
        call = [flat[i].numel() if length else flat[i] for i, length in self._places]
        return call, {i: place for place, (i, length) in enumerate(self._places) if not length}

    def _nothing(self, *handed: Any) -> None:
        """An update of which nothing depends on what it is handed."""

    def _build(self, empty: list[Tensor]) -> None:
        def backend(graph: Any, examples: list[Any]) -> Callable[..., Any]:
            _keep_numbers_apart(graph, self._rows)
            made: Any = _compiler().lookup_backend("inductor")(graph, examples)

            def found(*handed: Any) -> tuple[Any, ...]:
                """In place of the first call: where what it is handed comes from."""
                self._places, self.made = [_place(one, empty) for one in handed], made
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
        names, more = self.names, iter(flat)
        params, grads = ({name: next(more) for name in names} for _ in range(2))
        rates, decays = ({name: next(more)[0] for name in names} for _ in range(2))
        self._amounts.update(decays)
        rows: dict[str, dict[str, Tensor]] = {name: {} for name in names}
        for key in self.keys:
            shared = next(more) if self.shared and key == "count" else None
            for name in names:
                rows[name][key] = next(more) if shared is None else shared
        held = tuple([filled(one, more, kept) for one in self._transforms])
        rules = {name: self._shown(one) for name, one in rows.items()}
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

    def _shown(self, rule: dict[str, Tensor]) -> Any:
        """What the rule remembers, as it sees it."""
        if not self._rows:
            return shown(rule, self._state)
        return {key: one[0] if key == "count" else one for key, one in rule.items()}

    def _empty(self, params: list[Tensor]) -> list[Tensor]:
        """Arrays to trace with, whose memory nobody touches; no two are the same."""
        found = [torch.empty_like(one) for _ in range(2) for one in params]
        found += [torch.empty(1, dtype=params[0].dtype) for _ in range(2) for _ in params]
        for key in self.keys:
            if self._rows and key == "count":
                found += [torch.empty(1) for _ in (params[:1] if self.shared else params)]
            elif self._rows or is_array(self._state[key]):
                found += map(torch.empty_like, params)
            else:
                found += [torch.empty(1, dtype=torch.float64) for _ in params]
        for one in found:
            if self._rows and one.numel() > 1:
                _compiler().mark_dynamic(one, 0)
        return found + [torch.empty_like(as_row(one)) for one in leaves(self._transforms)]


def _compiler() -> Any:
    """torch's tracer, which takes seconds to import: only where it is used."""
    import torch._dynamo

    return torch._dynamo


def _keep_numbers_apart(graph: Any, rows: bool) -> None:
    """Numbers that arrays are computed with are computed once, not again for every array and every element.

    A view of a number is the same number; the compiler puts what is viewed into memory.
    """
    for node in list(graph.graph.nodes) if rows else ():  # there they are corrections near 1, elsewhere of any size
        if node.target is operator.truediv and _dim(node) > 0 and _dim(node.args[1]) == 0:
            _multiply_instead(graph.graph, node)
    known: dict[Any, Any] = {}
    for node in list(graph.graph.nodes):
        if node.op not in ("call_function", "call_method") or _dim(node) != 0:
            continue
        what = node.op, node.target, repr(node.args), repr(node.kwargs)
        if what in known:
            node.replace_all_uses_with(known[what])
            graph.graph.erase_node(node)
        else:
            known[what] = node
    for node in known.values():
        users = [one for one in node.users if _dim(one) > 0]
        if users and node.target is not operator.getitem:
            with graph.graph.inserting_after(node):
                apart = graph.graph.call_function(torch.as_strided, (node, (), ()))
            apart.meta = dict(node.meta)
            for one in users:
                one.replace_input_with(node, apart)
    graph.recompile()


def _multiply_instead(graph: Any, node: Any) -> None:
    """An array over a number as the array times its reciprocal: a processor divides many times slower."""
    array, number = node.args
    with graph.inserting_before(node):
        inverse = graph.call_function(torch.reciprocal, (number,))
        inverse.meta = dict(number.meta)
        product = graph.call_function(operator.mul, (array, inverse))
        product.meta = dict(node.meta)
    node.replace_all_uses_with(product)
    graph.erase_node(node)


def _dim(node: Any) -> int:
    value = node.meta.get("example_value") if hasattr(node, "meta") else None
    return value.dim() if isinstance(value, Tensor) else -1


def _place(handed: Any, empty: list[Tensor]) -> tuple[int, bool]:
    if isinstance(handed, Tensor):
        return next(i for i, one in enumerate(empty) if one is handed), False
    return next(i for i, one in enumerate(empty) if one.dim() and one.numel() == int(handed)), True
