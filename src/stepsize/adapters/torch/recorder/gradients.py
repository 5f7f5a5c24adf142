"""The lengths of the gradients of an update, as they come to the step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from ....course.recorded import GRADIENT
from ..clips.measured import measured
from ..clips.norms import members_of, settled
from .layers import REST, by_layer, whole_of


def gradients_of(optimizer: Optimizer, layers: Mapping[str, list[Tensor]]) -> dict[str, Any]:
    """The columns of the gradient's length, whole and by these layers; empty where there is no gradient.

    What is measured here clips and controllers of the same step need not measure again.
    """
    grads = {one.param: settled(one.param.grad) for one in members_of(optimizer) if one.param.grad is not None}
    if not grads:
        return {}
    every, known = list(grads.values()), measured(optimizer)
    with torch.no_grad():
        parts = by_layer(layers, grads) if layers else {}
        if parts:
            found = whole_of(parts)
            known.put(every, found if isinstance(found, Tensor) else torch.tensor(found, dtype=torch.float64))
        row: dict[str, Any] = {"grad_norm": known.length(every)}
        row |= {GRADIENT + name: one for name, one in parts.items() if name != REST}
        scale = getattr(optimizer, "grad_scale", None)  # which a GradScaler leaves to a fused optimizer
        return row if scale is None else {name: one / _as(one, scale) for name, one in row.items()}


def as_numbers(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as plain numbers; what lies on an accelerator is read back together."""
    far = {name: one.detach().reshape(()) for name, one in row.items() if isinstance(one, Tensor) and not _near(one)}
    if far:
        wide = torch.float32 if any(one.device.type == "mps" for one in far.values()) else torch.float64
        here = next(iter(far.values())).device
        values = torch.stack([one.to(here, wide) for one in far.values()]).tolist()
        row = {**row, **dict(zip(far, values, strict=True))}
    return {name: one if type(one) in (int, float) else float(one) for name, one in row.items()}


def _near(one: Tensor) -> bool:
    return one.device.type == "cpu"


def _as(one: Tensor | float, scale: Tensor) -> Any:
    return scale.to(one) if isinstance(one, Tensor) else float(scale)
