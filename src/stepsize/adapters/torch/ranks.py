"""What several processes saw, made one: averaged once, so that every rank decides the same."""

from __future__ import annotations

from typing import Any

import torch
from torch import distributed

from ..._errors import StepsizeError


def averaged(values: dict[str, Any], process_group: Any = None, owner: str = "Scheduler") -> dict[str, float]:
    """The values as numbers, averaged over the ranks when `torch.distributed` is running.

    Every rank must pass the same names. A NaN on one rank is a NaN on all.
    """
    plain = {name: one if type(one) is float else as_number(name, one, owner) for name, one in values.items()}
    if not (distributed.is_available() and distributed.is_initialized()) or not plain:
        return plain
    device = "cuda" if distributed.get_backend(process_group) == "nccl" else "cpu"
    packed = torch.tensor(list(plain.values()), dtype=torch.float64, device=device)
    distributed.all_reduce(packed, group=process_group)
    mean = (packed / distributed.get_world_size(process_group)).tolist()
    return dict(zip(plain, mean, strict=True))


def as_number(name: str, one: Any, owner: str = "Scheduler") -> float:
    """A plain number of what a script hands over: a number, or a tensor of one element."""
    if hasattr(one, "full_tensor"):
        one = one.full_tensor()
    if isinstance(one, torch.Tensor) and one.numel() == 1:
        return float(one.detach())
    try:
        return float(one)
    except (TypeError, ValueError, RuntimeError):
        said = f"a tensor of shape {tuple(one.shape)}" if isinstance(one, torch.Tensor) else repr(one)
        raise StepsizeError(f"{owner}: {name} must be a number or a tensor of one element, not {said}") from None
