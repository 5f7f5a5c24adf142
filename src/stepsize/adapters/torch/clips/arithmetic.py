"""The arithmetic of bounds on tensors in place: limiting, shortening, unscaling, and counting what was limited."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim import Optimizer

from .norms import Space, by_space, reads_free, wide


def limit(grads: list[Tensor], bound: float) -> None:
    """Every element within ±bound, in place; a bound that the type cannot hold bounds nothing."""
    if bound > torch.finfo(grads[0].dtype).max:
        return
    if reads_free(grads[0].device):
        for grad in grads:
            grad.clamp_(-bound, bound)
    else:
        torch._foreach_clamp_max_(grads, bound)
        torch._foreach_clamp_min_(grads, -bound)


def scale_to(total: Tensor, bound: float) -> float | Tensor | None:
    """What shortens to the bound: a number, or None for nothing to do, where reading is free; else a tensor."""
    if reads_free(total.device):
        found = float(total)
        return bound / found if bound < found < math.inf else None
    too_long = (total > bound) & total.isfinite()
    return torch.where(too_long, bound / total, torch.ones_like(total))


def multiply(tensors: list[Tensor], scale: float | Tensor | None) -> None:
    """In place; half precision is multiplied in float32. A tensor, since many products with a number are slow."""
    if scale is None:
        return
    if isinstance(scale, float):
        scale = torch.tensor(scale, dtype=torch.float64)
    if wide(tensors[0]) is tensors[0]:
        torch._foreach_mul_(tensors, scale.to(tensors[0], non_blocking=True))
    else:
        for tensor in tensors:
            tensor.copy_(tensor.float() * scale.to(tensor.device, torch.float32, non_blocking=True))


def shorten(tensors: list[Tensor], factors: list[float]) -> None:
    """Each times its factor, in place; those whose factor is 1 are not touched."""
    changed = [i for i, factor in enumerate(factors) if factor != 1]
    if changed and len({factors[i] for i in changed}) == 1:
        for some in by_space(tensors[i] for i in changed).values():
            multiply(some, factors[changed[0]])
    elif changed:
        torch._foreach_mul_([tensors[i] for i in changed], [factors[i] for i in changed])


def towards(old: Tensor, new: Tensor, scale: float | Tensor | None) -> Tensor:
    """The point at `scale` of the way from old to new; `new` itself, bit for bit, where the scale is 1."""
    if isinstance(scale, float):
        return torch.lerp(wide(old), wide(new), scale)
    if scale is None:
        return new
    share = scale.to(wide(new), non_blocking=True)
    return torch.where(share == 1, new, torch.lerp(wide(old), wide(new), share).to(new.dtype))


def unscale(optimizer: Optimizer, spaces: dict[Space, list[Tensor]]) -> None:
    """Divide by the scale that a GradScaler leaves to a fused optimizer, which then finds none to divide by."""
    scale = getattr(optimizer, "grad_scale", None)
    if scale is not None:
        for grads in spaces.values():
            multiply(grads, scale.double().reciprocal())
        optimizer.grad_scale = None  # type: ignore[attr-defined]


def share_beyond(tensors: Iterable[Tensor], bound: float) -> float:
    """The share of elements beyond ±bound."""
    counts = [(int((one.abs() > bound).sum()), one.numel()) for one in tensors]
    return sum(beyond for beyond, _ in counts) / max(sum(of for _, of in counts), 1)


def shortens(scale: float | Tensor | None) -> float:
    """1 where a scale shortens, as the share of elements that a clip of the norm limits; else 0."""
    return float(scale is not None and float(scale) < 1)
