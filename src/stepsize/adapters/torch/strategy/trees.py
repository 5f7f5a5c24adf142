"""What rules and stages remember, as the tensors that a kernel is handed: numbers become rows of one element."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor


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


def form(tree: Any) -> Any:
    """What two memories share that one kernel serves."""
    if isinstance(tree, dict):
        return tuple([(key, form(one)) for key, one in tree.items()])
    if isinstance(tree, (tuple, list)):
        return tuple([form(one) for one in tree])
    return (tree.shape, tree.stride(), tree.dtype) if is_array(tree) else None


def filled(tree: Any, new: Iterator[Tensor], how: Callable[[Any, Tensor], Any]) -> Any:
    """A memory of the same form, of what `how` makes of its leaves and of these."""
    if isinstance(tree, dict):
        return {key: filled(one, new, how) for key, one in tree.items()}
    if isinstance(tree, (tuple, list)):
        return tuple([filled(one, new, how) for one in tree])
    return how(tree, next(new))


def is_array(one: Any) -> bool:
    """Whether it is an array and no number."""
    return isinstance(one, Tensor) and one.dim() > 0


def kept(old: Any, new: Tensor) -> Tensor:
    """The row itself."""
    return new


def shown(held: Any, like: Any) -> Any:
    """A memory as the stages see it: rows of one element are the numbers that they stand for."""
    if isinstance(held, dict):
        return {key: shown(one, like[key]) for key, one in held.items()}
    if isinstance(held, tuple):
        return tuple([shown(*both) for both in zip(held, like, strict=True)])
    return held if is_array(like) else held[0]


def write(old: Any, new: Any) -> None:
    """Put what is new where the old is; what is not told anew stays."""
    if isinstance(new, dict):
        for key, one in new.items():
            write(old[key], one)
    elif isinstance(new, (tuple, list)):
        for both in zip(old, new, strict=True):
            write(*both)
    else:
        old.copy_(new)


def as_row(one: Any) -> Tensor:
    """A number as a row of one element, into which torch's compiler writes where it passes by a lone one."""
    if isinstance(one, Tensor):
        return one if one.dim() else one.double().reshape(1).clone()
    return torch.tensor([float(one)], dtype=torch.float64)


def as_before(old: Any, new: Tensor) -> Any:
    """A row of one element as the number that it was made of; an array as it is."""
    if isinstance(old, Tensor):
        return new if old.dim() else new[0].to(old.dtype)
    return int(new.item()) if isinstance(old, int) and not isinstance(old, bool) else new.item()
