"""What clips and the engine cannot bound or compute with, said in one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from ..._errors import StepsizeError
from ...clipping.decay import weight_decay
from ...descents import descent
from .clips.norms import Member, as_sharded


@contextmanager
def spoken_of(call: str) -> Iterator[None]:
    """Errors of a Scheduler or of clips inside another call speak of that call, which is what was written."""
    try:
        yield
    except StepsizeError as error:
        told = str(error).replace(", or begin at an update with Scheduler(…, done=…)", "")
        for other in "Scheduler", "clip_gradients", "clip_update":
            for mark in ":", "(…":
                told = told.replace(f"{other}{mark}", f"{call}{mark}")
        raise StepsizeError(told) from None


def refuse_parts(call: str, what: str, found: Iterable[tuple[Member, Tensor]], instead: str) -> None:
    """Refuse tensors of which only a part is there, which `what` cannot treat as the whole."""
    for member, tensor in found:
        kind = "sparse" if tensor.is_sparse else "sharded (a DTensor)" if as_sharded(tensor) is not None else ""
        if kind:
            raise StepsizeError(f"{call}: {member.name()} is {kind}, which {what}: write {instead}")


def refuse_own_scaler(call: str, kwargs: Any) -> None:
    """Refuse a step that unscales gradients inside, behind the clips."""
    if kwargs.get("grad_scaler") is not None:
        raise StepsizeError(
            f"{call}: step was given grad_scaler={type(kwargs['grad_scaler']).__name__} to unscale gradients inside, "
            "where clips cannot follow: call scaler.unscale_(optimizer) and optimizer.step() yourself"
        )


def refuse_own_decay(group: Any, strategy: descent) -> None:
    """Refuse a decay of a group in place of none, or of which of several, in the strategy."""
    decays = sum(isinstance(one, weight_decay) for one in strategy.stages)
    if decays != 1 and isinstance(group, dict) and group.get("weight_decay"):
        raise StepsizeError(
            f"optimizer: a group has a weight_decay and {strategy} has {decays or 'none'}: write one weight_decay into "
            "the strategy, for the groups to change"
        )


def refuse_complex(call: str, members: list[Member]) -> None:
    """Refuse complex parameters: clips bound real numbers."""
    for one in members:
        if one.param.is_complex():
            raise StepsizeError(
                f"{call}: {one.name()} is complex, clips bound real numbers: give the optimizer "
                "torch.view_as_real(parameter)"
            )
