"""Metrics of a torch model beside its loss: the accuracy of classes, r2 and rmse of real targets, or the user's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor, nn
from torch.func import functional_call

from ...._errors import StepsizeError
from .masks import seeded
from .rows import attempt, told

Measure: TypeAlias = "Callable[[Any, Any], Any]"


def measures(
    given: Mapping[str, Measure] | None,
    loss_fn: Any,
    module: nn.Module,
    rows: tuple[Tensor, ...],
    targets: Tensor,
) -> dict[str, Measure]:
    """The metrics by name: those given, or what the targets call for; `rows` are a few, `targets` those of all rows.

    Whole targets with scores of one more axis are classes: `accuracy`, the share of targets whose score is the
    highest. Real targets of the output's shape: `rmse`, in the unit of the targets, and `r2`, the share of their
    variance that is explained, a mean over outputs. Targets that are all 0 or 1 beside one output are left alone.
    """
    module.eval()
    buffers = {name: one.clone() for name, one in module.named_buffers()}
    with torch.no_grad(), seeded(0, rows[-1].device):
        output = functional_call(module, buffers, rows[:-1])
    if given is None:
        return _called_for(output, rows[-1], loss_fn, targets)
    for name, one in given.items():
        if not isinstance(name, str) or not callable(one):
            raise StepsizeError(
                f"problem: metrics must be functions of (output, targets) by name, not {name!r}: {one!r}"
            )
        found = attempt(f"the metric {name}", (output, rows[-1]), partial(one, output, rows[-1]))
        if torch.as_tensor(found).ndim:
            raise StepsizeError(f"problem: the metric {name} must be one number over all rows, not {told((found,))}")
    return dict(given)


def _called_for(output: Any, targets: Tensor, loss_fn: Any, everyone: Tensor) -> dict[str, Measure]:
    if not isinstance(output, Tensor) or not output.is_floating_point():
        return {}
    if not targets.is_floating_point() and output.ndim == targets.ndim + 1:
        axes = [axis for axis in (1, -1) if _without(output, axis) == targets.shape]
        torchs = loss_fn is F.cross_entropy or isinstance(loss_fn, (nn.CrossEntropyLoss, nn.NLLLoss))
        return {"accuracy": partial(_accuracy, axes[0 if torchs else -1])} if axes else {}
    if targets.is_floating_point() and output.shape == targets.shape and not _all_binary(everyone):
        return {"rmse": _rmse, "r2": _r2}
    return {}


def _without(output: Tensor, axis: int) -> torch.Size:
    sizes = list(output.shape)
    del sizes[axis]
    return torch.Size(sizes)


def _all_binary(targets: Tensor) -> bool:
    return bool(((targets == 0) | (targets == 1)).all())


def _accuracy(axis: int, output: Tensor, targets: Tensor) -> Tensor:
    counted = targets >= 0  # below 0: ignored, as the loss does with -100
    return (output.argmax(axis) == targets)[counted].to(output.dtype).mean()


def _rmse(output: Tensor, targets: Tensor) -> Tensor:
    return (output - targets).square().mean().sqrt()


def _r2(output: Tensor, targets: Tensor) -> Tensor:
    missed = (output - targets).square().sum(0)
    spread = (targets - targets.mean(0)).square().sum(0)
    return (1 - missed / spread).mean()
