"""Passes: losses, gradients and what a pass changes, of one run by plain autograd or of many as one call."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from ...._language import say
from .masks import drawn_in_order, seeded
from .probing import Probed
from .recurrent import step_by_step
from .runs import Tensors

Batch = tuple[Tensor, ...]
Within = Callable[[], AbstractContextManager[Any]]


class Pass(NamedTuple):
    """The losses of some runs, their gradients (none in evaluation mode), and the buffers after the pass."""

    losses: Tensor
    grads: Tensors
    after: Tensors


class Manner(NamedTuple):
    """How passes are made: within what, and whether random numbers are drawn in order (`masks.drawn_in_order`)."""

    within: Within = nullcontext
    in_order: bool = False


class Passes:
    """The passes of one module: `alone` of one run, `together` of many, where torch can.

    Many runs go forwards under vmap, and backwards by plain autograd: the gradient of the sum of their losses is the
    gradient of each, and nothing but the forward pass pays for vmap. `why[train]` says why many runs cannot be one
    call, None where they can.
    """

    def __init__(self, module: nn.Module, loss_fn: Callable[[Any, Any], Tensor], found: Probed) -> None:
        self.whole, self.random = _Whole(module, loss_fn, found.changed), found.random
        self.like = next(one for one in module.parameters() if one.requires_grad)
        self.why: dict[bool, str | None] = {}
        self._manner = {True: Manner(), False: Manner()}

    def alone(self, own: Tensors, kept: Tensors, batch: Batch, train: bool, seeds: Sequence[int] = ()) -> Pass:
        """One run, by plain autograd, which asks nothing of the module; the first axes count 1."""
        leaves = {name: one[0].detach().requires_grad_(train) for name, one in own.items()}
        with torch.set_grad_enabled(train), self._drawing(seeds, train, apart=False):
            loss, after = self._run(leaves, {name: one[0] for name, one in kept.items()}, *batch)
        grads = _slopes(loss, leaves) if train else {}
        grads, after = ({name: one[None] for name, one in some.items()} for some in (grads, after))
        return Pass(loss.detach()[None], grads, after)

    def together(
        self, own: Tensors, kept: Tensors, batch: Batch, batched: bool, train: bool, seeds: Sequence[int] = ()
    ) -> Pass:
        """Many runs as one call, on the same rows or each on its own; `seeds`: one for all, or one for each."""
        leaves = {name: one.detach().requires_grad_(train) for name, one in own.items()}
        axes, apart = (0, 0, *(0 if batched else None for _ in batch)), len(seeds) > 1
        with torch.set_grad_enabled(train), self._manner[train].within(), self._drawing(seeds, train, apart):
            losses, after = vmap(self._run, in_dims=axes, randomness=_randomness(apart))(leaves, kept, *batch)
        return Pass(losses.detach(), _slopes(losses.sum(), leaves) if train else {}, after)

    def output(
        self, own: Tensors, kept: Tensors, inputs: Batch, batched: bool, alone: bool, seeds: Sequence[int]
    ) -> Any:
        """What the module answers in evaluation mode: tensors whose first axis counts the runs, then the rows."""
        given = {**own, **kept}
        with torch.no_grad(), self._drawing(seeds, False, apart=False):
            if alone:
                return _with_axis(self._answer({name: one[0] for name, one in given.items()}, *inputs))
            axes = (0, *(0 if batched else None for _ in inputs))
            with self._manner[False].within():
                return vmap(self._answer, in_dims=axes, randomness="same")(given, *inputs)

    def can(self, own: Tensors, kept: Tensors, batch: Batch, seeds: Sequence[int], train: bool) -> bool:
        """Whether many runs can be one call, by rules of torch's own: what it would do one by one is no gain.

        It is tried once, with two runs on a few rows, in one manner after the other, and held to what each run alone
        is. `seeds` are what they draw by: one for both, or one for each.
        """
        if train not in self.why:
            for manner in self._manners(train):
                self._manner[train] = manner
                self.why[train] = self._tried(own, kept, batch, seeds, train)
                if self.why[train] is None:
                    break
        return self.why[train] is None

    def _manners(self, train: bool) -> list[Manner]:
        """The module as it is, and with formulas for what has no batching rule; at last with draws in order."""
        recurrent = any(isinstance(one, nn.RNNBase) for one in self.whole.modules())
        within: list[Callable[[], AbstractContextManager[Any]]] = (
            [step_by_step] if recurrent else [nullcontext, _formulas]
        )
        return [Manner(one, in_order) for in_order in (False, True)[: 1 + self.random[train]] for one in within]

    def _tried(self, own: Tensors, kept: Tensors, batch: Batch, seeds: Sequence[int], train: bool) -> str | None:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                both = self.together(own, kept, batch, False, train, seeds)
            except Exception as error:  # whatever it is, a loop does without
                first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
                return f"{type(error).__name__}: {first}"[:200]
        slow = [str(one.message) for one in said if "performance drop" in str(one.message)]
        if slow:
            name = slow[0].partition("aten::")[2].partition(".")[0]
            return say("no batching rule for {name}", name=name)
        for i in range(2):
            one, its = ({name: array[i : i + 1] for name, array in some.items()} for some in (own, kept))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                alone = self.alone(one, its, batch, train, seeds[i : i + 1] or seeds)
            if not _same(alone, both, i):
                return say("its numbers are others there")
        return None

    @contextmanager
    def _drawing(self, seeds: Sequence[int], train: bool, apart: bool) -> Iterator[None]:
        """Random numbers from a seed, or from one for each run; where there is none, nothing is drawn."""
        if not seeds:
            yield
            return
        in_order: AbstractContextManager[Any] = nullcontext()
        if apart or self._manner[train].in_order:
            in_order = drawn_in_order(seeds, self.like.device, apart)
        with seeded(seeds[0], self.like.device), in_order:
            yield

    def _run(self, own: Tensors, kept: Tensors, *batch: Tensor) -> tuple[Tensor, Tensors]:
        """The loss of one run, and its buffers after it; what is given is not changed."""
        given = {f"module.{name}": one for name, one in own.items()}
        given |= {f"module.{name}": one.clone() for name, one in kept.items()}
        loss, after = functional_call(self.whole, given, batch)
        return loss, {name: one.detach() for name, one in after.items()}

    def _answer(self, own: Tensors, *inputs: Tensor) -> Any:
        return functional_call(self.whole.module, own, inputs)


def _with_axis(output: Any) -> Any:
    """An output of one run as that of many: tensors, or tuples, lists and dictionaries of them."""
    if isinstance(output, Tensor):
        return output[None]
    if isinstance(output, dict):
        return {name: _with_axis(one) for name, one in output.items()}
    return type(output)(_with_axis(one) for one in output)


class _Whole(nn.Module):
    """A module with its loss: rows in, the loss and the buffers that it changes out."""

    def __init__(self, module: nn.Module, loss_fn: Callable[[Any, Any], Tensor], changed: Sequence[str]) -> None:
        super().__init__()
        self.module, self.changed = module, list(changed)
        self.loss_of = loss_fn if not isinstance(loss_fn, nn.Module) else loss_fn.__call__

    def forward(self, *batch: Tensor) -> tuple[Tensor, Tensors]:
        loss = self.loss_of(self.module(*batch[:-1]), batch[-1])
        return loss, {name: self.module.get_buffer(name) for name in self.changed}


def _slopes(loss: Tensor, leaves: Tensors) -> Tensors:
    found = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(leaves, found, strict=True))


def _same(alone: Pass, both: Pass, i: int) -> bool:
    """Whether a run is in company what it is alone, to half the digits.

    Gradients are held to half the digits of the largest: one that is 0 in truth, as that of a bias before BatchNorm, is
    rounding of the others.
    """
    pairs = [(alone.losses[0], both.losses[i], 0.0)]
    largest = max((_size(one[0]) for one in alone.grads.values()), default=0.0)
    pairs += [(one[0], both.grads[name][i], largest) for name, one in alone.grads.items()]
    pairs += [(one[0], both.after[name][i], 0.0) for name, one in alone.after.items()]
    return all(_near(a, b, least) for a, b, least in pairs)


def _near(a: Tensor, b: Tensor, least: float) -> bool:
    if not a.is_floating_point():
        return torch.equal(a, b)
    near = torch.finfo(a.dtype).eps ** 0.5
    return torch.allclose(a, b, rtol=near, atol=near * max(_size(a), least, near), equal_nan=True)


def _size(a: Tensor) -> float:
    """The largest number, but for what is not finite."""
    return a.detach().abs().nan_to_num(posinf=0.0).max().item() if a.numel() else 0.0


def _randomness(apart: bool) -> str:
    return "different" if apart else "same"


@contextmanager
def _formulas() -> Iterator[None]:
    """Attention by its formula, and no kernels that are whole layers: those have no batching rules."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
