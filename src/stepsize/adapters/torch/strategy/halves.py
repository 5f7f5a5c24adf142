"""The gradient's variance, for controllers that look at it: one batch in two halves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from ...._errors import StepsizeError, number
from ....measures import difference, dot
from ..clips.norms import tensors_of


def backward_halves(
    first: Tensor, second: Tensor, params: Tensor | Iterable[Any], *, share: float = 0.5
) -> tuple[Tensor, Tensor]:
    """Backward of a batch in two halves: its loss, and the variance of its gradient.

    Formula: g = s·g_a + (1 − s)·g_b is put into `.grad`; the variance of g is estimated as s·(1 − s)·‖g_a − g_b‖², s
    being the `share` of rows that the first half has. Use it in place of `loss.backward()` where a controller looks
    at the variance (`gradient_noise`): it costs one more copy of the gradient. When not: under
    DistributedDataParallel, whose sums over processes it passes by, or where gradients are accumulated, as it replaces
    what `.grad` holds. `first` and `second` are the mean losses of the halves, tensors of one element; `params` are
    parameters as an optimizer takes them. Returns the loss of the batch and the variance, without graph.

    >>> weight = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    >>> loss, variance = backward_halves(weight[0] ** 2, weight[1] ** 2, [weight])
    >>> loss.item(), weight.grad.tolist(), variance.item()
    (2.5, [1.0, 2.0], 5.0)
    """
    share = number("backward_halves", "share", share, above=0, below=1)
    tensors = [one for one in tensors_of(params) if one.requires_grad]
    if not tensors:
        raise StepsizeError("backward_halves: params must name at least 1 tensor that requires a gradient, not 0")
    a, b = (_gradients(loss, tensors) for loss in (first, second))
    with torch.no_grad():
        apart = difference(a, b)
        for name, param in enumerate(tensors):
            param.grad = share * a[name] + (1 - share) * b[name]
        return share * first.detach() + (1 - share) * second.detach(), share * (1 - share) * dot(apart, apart, False)


def _gradients(loss: Tensor, tensors: list[Tensor]) -> dict[Any, Tensor]:
    if loss.numel() != 1 or not loss.requires_grad:
        raise StepsizeError(
            f"backward_halves: a half's loss must be a tensor of one element with a graph, not one of shape "
            f"{tuple(loss.shape)}: take the mean over the rows of the half"
        )
    found = torch.autograd.grad(loss, tensors, retain_graph=True, allow_unused=True, materialize_grads=True)
    return dict(enumerate(found))
