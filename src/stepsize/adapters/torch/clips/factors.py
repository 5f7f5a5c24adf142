"""The clips that shorten whole arrays, on the lengths of the arrays instead of the arrays: one factor for each."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ....clipping.adagc import adagc
from ....clipping.rms import clip_rms
from ....clipping.shorten import to_bound
from ....clipping.stable import _ROUNDING, stable
from ....clipping.trust import trust
from ....descents import RuleState, Transform
from .numbers import BY_LENGTH, factor_for

BY_ARRAY: tuple[type[Transform], ...] = (clip_rms, adagc, trust, stable)
SCALES: tuple[type[Transform], ...] = (*BY_LENGTH, *BY_ARRAY)


class Arrays(NamedTuple):
    """What a clip that scales has to know of the arrays that flow through it."""

    lengths: list[float]  # of what is measured: for `stable` the gradient in units of the rule's root
    sizes: list[int]
    names: list[str]
    params: list[float] | None = None  # the lengths of the parameters, for `trust`


class Scaling(NamedTuple):
    """What a clip does to these arrays: a factor for each, which of them it limits, and its next state."""

    factors: list[float]
    limits: list[bool]
    state: RuleState

    def share(self, sizes: list[int]) -> float:
        """The share of elements in arrays that are limited."""
        limited = sum(size for size, yes in zip(sizes, self.limits, strict=True) if yes)
        return limited / max(sum(sizes), 1)


def scaling(one: Any, arrays: Arrays, state: RuleState) -> Scaling:
    """What one of `SCALES` does to arrays of these lengths."""
    if isinstance(one, BY_LENGTH):
        factor, yes, after = factor_for(one, math.hypot(*arrays.lengths), state)
        return Scaling([factor] * len(arrays.names), [yes] * len(arrays.names), after)
    lengths, sizes = (torch.tensor(some, dtype=torch.float64) for some in (arrays.lengths, arrays.sizes))
    if isinstance(one, adagc):
        return _adagc(one, arrays, lengths, state)
    found: Any
    limits: Any
    if isinstance(one, trust):
        found = one._ratio(torch.tensor(arrays.params, dtype=torch.float64), lengths)
        limits = torch.zeros_like(found, dtype=torch.bool)
    else:
        means = lengths / sizes.clamp(min=1).sqrt()
        found, limits = to_bound(means, one.max if isinstance(one, clip_rms) else 1.0)
        if isinstance(one, stable):
            limits = limits & (means > 1 + _ROUNDING)
    return Scaling(found.tolist(), limits.tolist(), state)


def _adagc(one: adagc, arrays: Arrays, lengths: Tensor, state: RuleState) -> Scaling:
    """Its text on a row of lengths."""
    count, together = float(state["count"]), math.hypot(*arrays.lengths)
    usual = torch.tensor([float(state["norms"][name]) for name in arrays.names], dtype=torch.float64)
    early, finite = count < one.warm_up, math.isfinite(together)
    if early:
        factor, limits = to_bound(torch.full_like(lengths, together), float(one.max))
    else:
        factor, limits = to_bound(lengths, torch.where(usual > 0, one.ratio * usual, torch.full_like(usual, one.max)))
    norms = one._learn(usual, factor * lengths, torch.tensor(early)).tolist() if finite else usual.tolist()
    after = {"count": count + finite, "norms": dict(zip(arrays.names, norms, strict=True))}
    return Scaling(factor.tolist(), limits.tolist(), after)
