"""Clips on gradients in place: by numbers where a clip only scales, in tiles where it looks at every element."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ....clipping.adagc import adagc
from ....clipping.rms import clip_rms
from ....clipping.shorten import to_bound
from ....clipping.spam import spam
from ....clipping.unitwise import unitwise
from ....descents import RuleState
from .arithmetic import shorten
from .factors import Arrays, scaling
from .norms import HALVES, lengths, reads_free
from .numbers import BY_LENGTH, factor_for
from .tiles import cut, is_dense, joined, put, row, tiles

IN_PLACE = (*BY_LENGTH, clip_rms, adagc, unitwise, spam)


def reaches(one: Any, params: list[Tensor], grads: list[Tensor]) -> bool:
    """Whether a clip can be had in place: of whole tensors on a processor, one after the other in memory."""
    if type(one) not in IN_PLACE:
        return False
    whole = all(type(grad) is Tensor and grad.layout is torch.strided and grad.is_cpu for grad in grads)
    whole = whole and reads_free(grads[0].device)
    if not whole or type(one) in (*BY_LENGTH, clip_rms, adagc):
        return whole
    kinds = {one.dtype for one in (*params, *grads)}
    return len(kinds) == 1 and not kinds & set(HALVES) and all(map(is_dense, (*params, *grads)))


def needs_length(one: Any) -> bool:
    """Whether a clip looks at the length of all gradients together."""
    return isinstance(one, (*BY_LENGTH, spam))


def bounded(
    one: Any, names: list[str], params: list[Tensor], grads: list[Tensor], length: float, state: RuleState
) -> tuple[float, RuleState]:
    """Bound the gradients in place; the share that was limited, and the clip's next state.

    `length` is that of all gradients together.
    """
    sizes = [grad.numel() for grad in grads]
    if isinstance(one, BY_LENGTH):
        factor, limits, after = factor_for(one, length, state)
        shorten(grads, [factor] * len(grads))
        return float(limits), after
    if isinstance(one, (clip_rms, adagc)):
        found = scaling(one, Arrays(lengths(grads), sizes, names), state)
        shorten(grads, found.factors)
        return found.share(sizes), found.state
    if isinstance(one, unitwise):
        return _by_unit(one, params, grads) / max(sum(sizes), 1), state
    return _by_element(one, names, grads, math.isfinite(length), state)


def _by_unit(one: unitwise, params: list[Tensor], grads: list[Tensor]) -> float:
    """The elements limited."""
    alone = [i for i, grad in enumerate(grads) if grad.dim() <= 1]
    limited = 0.0
    if alone:
        own = [grads[i] for i in alone]
        factor, longer = _to_share(one, *(_row(lengths([some[i] for i in alone])) for some in (grads, params)))
        shorten(own, factor.tolist())
        limited = sum(grad.numel() for grad, yes in zip(own, longer.tolist(), strict=True) if yes)
    for param, grad in zip(params, grads, strict=True):
        if grad.dim() > 1:
            limited += _by_row(one, param, grad)
    return limited


def _by_row(one: unitwise, param: Tensor, grad: Tensor) -> float:
    if one.unit_axis == -1 or not grad.is_contiguous():
        bounded, beyond = one._bounded(grad, param, False)
        grad.copy_(bounded)
        return float(beyond.sum())
    rows = grad.view(len(grad), -1)
    factor, longer = _to_share(one, _rows(rows), _rows(param.detach().reshape(len(grad), -1)))
    if bool(longer.any()):
        rows.mul_(factor.to(rows.dtype)[:, None])
    return float(longer.sum()) * rows.shape[1]


def _to_share(one: unitwise, own: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
    return to_bound(own, one.max * params.clamp(min=one.floor))


def _row(numbers: list[float]) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def _rows(rows: Tensor) -> Any:
    """The length of every row, in float64."""
    short = rows.shape[1] <= 1024
    quick = torch.linalg.vector_norm(rows, dim=1, dtype=None if short else torch.float64).double()
    sure = (quick > 1e-10) & quick.isfinite() | quick.isnan()
    if bool(sure.all()):
        return quick
    peaks = rows.abs().amax(dim=1, keepdim=True).double()
    peaks = torch.where((peaks > 0) & peaks.isfinite(), peaks, torch.ones_like(peaks))
    return torch.linalg.vector_norm(rows / peaks, dim=1) * peaks[:, 0]


def _by_element(
    one: spam, names: list[str], grads: list[Tensor], finite: bool, state: RuleState
) -> tuple[float, RuleState]:
    sizes, beyond = [grad.numel() for grad in grads], 0.0
    memory = dict(state["roots"])
    for name, grad in zip(names, grads, strict=True):
        if memory[name].stride() != grad.stride():
            memory[name] = torch.empty_like(grad).copy_(memory[name])
    roots, rows = [row(memory[name]) for name in names], [row(grad) for grad in grads]
    whole, ready = torch.tensor(finite), float(state["count"]) >= one.warm_up
    into = tiles(sizes)
    for own, kept in zip(cut(rows, into), cut(roots, into), strict=True):
        array, root = joined(own), joined(kept)
        limited, over = one._limit(array, root, torch.tensor(ready))
        put(kept, one._learn(limited, root, whole))
        if ready:
            put(own, limited)
            beyond += float(over.sum())
    after = {"count": float(state["count"]) + finite, "roots": memory}
    return beyond / max(sum(sizes), 1), after
